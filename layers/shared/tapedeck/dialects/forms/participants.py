"""The parameters of participants; a separate module because few functions need it."""

from collections.abc import Mapping, Sequence
from typing import Final, Self

from pydantic import Field, PrivateAttr

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.base import Boolean, Form, Method, Url, coerce_invalid_muted
from tapedeck.domain.errors import InvalidParameter

_TWILIO_ONLY: Final = frozenset({"BeepOnExit", "EndConferenceOnExit"})


class Coaching(Form):
    """Coaching parameters, shared by the creation and the update of a participant."""

    coaching: Boolean | None = Field(None, alias="Coaching")
    call_sid_to_coach: str | None = Field(None, alias="CallSidToCoach")

    _coached: str | None = PrivateAttr(default=None)

    @property
    def coached(self) -> str | None:
        """The id of the call to coach, if any."""
        return self._coached

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields, including the SID of the call to coach.

        Raises:
            InvalidParameter: for the first invalid field, or if `Coaching=true` comes without a call's SID.
        """
        form = super().read(coerce_invalid_muted(fields, dialect), dialect)
        if form.call_sid_to_coach is not None:
            form._coached = dialect.parse_sid(ResourceType.CALL, form.call_sid_to_coach)  # noqa: SLF001 - an instance of this class
        is_missing = form.coaching and form.coached is None
        if is_missing or (form.call_sid_to_coach is not None and form.coached is None):
            raise InvalidParameter("CallSidToCoach", "coaching", "not the sid of a call")
        return form

    def coaches(self, dialect: Dialect) -> bool | None:
        """Return whether coaching is requested; None if the request does not specify it."""
        if self.coaching is None and self.coached is not None and dialect.coach_sid_implies_coaching:
            return True
        return self.coaching


class UpdateParticipantForm(Coaching):
    """Parameters of `update_participant`; `beep_on_exit` and `end_conference_on_exit` are only Twilio's."""

    muted: Boolean | None = Field(None, alias="Muted")
    hold: Boolean | None = Field(None, alias="Hold")
    hold_url: Url | None = Field(None, alias="HoldUrl")
    hold_method: Method = Field("GET", alias="HoldMethod")
    announce_url: Url | None = Field(None, alias="AnnounceUrl")
    announce_method: Method = Field("POST", alias="AnnounceMethod")
    wait_url: Url | None = Field(None, alias="WaitUrl")
    wait_method: Method = Field("POST", alias="WaitMethod")
    beep_on_exit: Boolean | None = Field(None, alias="BeepOnExit")
    end_conference_on_exit: Boolean | None = Field(None, alias="EndConferenceOnExit")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have."""
        known = {
            name: values
            for name, values in fields.items()
            if dialect.supports_participant_labels or name not in _TWILIO_ONLY
        }
        return super().read(known, dialect)

    @property
    def command_payload(self) -> Mapping[str, Mapping[str, str]]:
        """The audio for the engine to fetch, by purpose, each `{url, method}`.

        `HoldUrl` is ignored without `Hold=true`.
        """
        purposes = {
            "announcement": (self.announce_url, self.announce_method),
            "hold_music": (self.hold_url if self.hold else None, self.hold_method),
            "wait_music": (self.wait_url, self.wait_method),
        }
        return {name: {"url": url, "method": method} for name, (url, method) in purposes.items() if url is not None}
