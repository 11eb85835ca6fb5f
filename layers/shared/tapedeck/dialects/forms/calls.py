"""The parameters of calls; a separate module because only one function needs it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import Field

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms.base import (
    MAX_SECONDS,
    CallbackUrl,
    Form,
    InstructionsMethod,
    InstructionsUrl,
    Method,
    Whole,
    choice_validator,
    range_validator,
)
from tapedeck.domain.call import CallStatus
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.subscription import CallbackSubscription

_TWILIO_ONLY: Final = frozenset({"Twiml", "TimeLimit"})


class UpdateCallForm(Form):
    """Parameters of `update_call`; `markup` and `time_limit` (seconds) exist only in Twilio's dialect.

    The default of each method is POST in both dialects (C-28).
    """

    status: Annotated[str, choice_validator("choice", "canceled", "completed")] | None = Field(None, alias="Status")
    url: InstructionsUrl | None = Field(None, alias="Url")
    method: InstructionsMethod = Field("POST", alias="Method")
    fallback_url: InstructionsUrl | None = Field(None, alias="FallbackUrl")
    fallback_method: InstructionsMethod = Field("POST", alias="FallbackMethod")
    callback_url: CallbackUrl | None = Field(None, alias="StatusCallback")
    callback_method: Method = Field("POST", alias="StatusCallbackMethod")
    markup: str | None = Field(None, alias="Twiml")
    time_limit: Annotated[Whole, range_validator("choice", 1, MAX_SECONDS)] | None = Field(None, alias="TimeLimit")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have.

        Raises:
            InvalidParameter: for the first invalid field, or if both `Twiml` and `Url` are given (C-26).
        """
        known = {
            name: values
            for name, values in fields.items()
            if dialect.supports_friendly_name_lookup or name not in _TWILIO_ONLY
        }
        form = super().read(known, dialect)
        if form.markup is not None and form.url is not None:
            raise InvalidParameter("Twiml", "choice", "not together with Url")
        return form

    @property
    def target(self) -> CallStatus | None:
        """The requested status, if any."""
        return CallStatus(self.status) if self.status is not None else None

    @property
    def redirect(self) -> Mapping[str, str] | None:
        """The call's next instructions: `{url, method}`, `{markup}` or None."""
        if self.url is not None:
            return {"url": self.url, "method": self.method}
        return {"markup": self.markup} if self.markup is not None else None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings for the engine (C-27): `fallback` {url, method}, `time_limit`."""
        given: dict[str, Any] = {}
        if self.fallback_url is not None:
            given["fallback"] = {"url": self.fallback_url, "method": self.fallback_method}
        if self.time_limit is not None:
            given["time_limit"] = self.time_limit
        return given

    def callback(self, dialect: str) -> CallbackSubscription | None:
        """Return the subscription to the call's end, in the dialect of the request; None if no URL is given."""
        if self.callback_url is None:
            return None
        return CallbackSubscription(self.callback_url, self.callback_method, (), dialect)
