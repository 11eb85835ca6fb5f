"""What both vendors accept for a participant who is in a conference: a module of its own, as it is seldom needed."""

from collections.abc import Mapping, Sequence
from typing import Final, Self

from pydantic import Field, PrivateAttr

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.base import Boolean, Form, Method, Url, coerce_invalid_muted
from tapedeck.domain.errors import InvalidParameter

_TWILIOS: Final = frozenset({"BeepOnExit", "EndConferenceOnExit"})


class Coaching(Form):
    """Who is to hear whom besides: what a participant may be asked when it is added and later."""

    coaching: Boolean | None = Field(None, alias="Coaching")
    call_sid_to_coach: str | None = Field(None, alias="CallSidToCoach")

    _coached: str | None = PrivateAttr(default=None)

    @property
    def coached(self) -> str | None:
        """The id of the call to coach."""
        return self._coached

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """The same, with the call's sid in the dialect's spelling.

        Raises:
            InvalidParameter: also where `Coaching=true` comes without the sid of a call.
        """
        form = super().read(coerce_invalid_muted(fields, dialect), dialect)
        if form.call_sid_to_coach is not None:
            form._coached = dialect.parse_sid(ResourceType.CALL, form.call_sid_to_coach)  # noqa: SLF001 - its own, made just now
        lacks_one = form.coaching and form.coached is None
        if lacks_one or (form.call_sid_to_coach is not None and form.coached is None):
            raise InvalidParameter("CallSidToCoach", "coaching")
        return form

    def coaches(self, dialect: Dialect) -> bool | None:
        """Whether it is asked to coach; None where that is not said."""
        if self.coaching is None and self.coached is not None and dialect.coach_sid_implies_coaching:
            return True
        return self.coaching


class UpdateParticipantForm(Coaching):
    """P4 (operations.md, section 3); `beep_on_exit` and `end_conference_on_exit` are Twilio's alone."""

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
        """The same; what the dialect does not know is ignored."""
        known = {
            name: values
            for name, values in fields.items()
            if dialect.supports_participant_labels or name not in _TWILIOS
        }
        return super().read(known, dialect)

    @property
    def commands(self) -> Mapping[str, Mapping[str, str]]:
        """What the media engine is to fetch, by what it is for, each `{url, method}`.

        `HoldUrl` means something with `Hold=true` only (behaviour.md, section 6).
        """
        asked = {
            "announcement": (self.announce_url, self.announce_method),
            "hold_music": (self.hold_url if self.hold else None, self.hold_method),
            "wait_music": (self.wait_url, self.wait_method),
        }
        return {name: {"url": url, "method": method} for name, (url, method) in asked.items() if url is not None}
