"""Request bodies and queries of the control API about calls, their parties and their instructions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck_standin.calls.parties import AnsweredBy, KeyPresses, PartyOutcome, PartyRule, Speech
from tapedeck_standin.control.inspection import ControlQuery
from tapedeck_standin.control.schemas import CallAddress, ControlRequest, CreateCallRequest, is_call_sid, normalize_url

if TYPE_CHECKING:
    from tapedeck_callflow.events import Source, UrlSource

MAX_SECONDS: Final = 86_400
MAX_ENTRIES: Final = 100
MAX_MARKUP: Final = 65_536

Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
SpeechSeconds = Annotated[float, Field(ge=0.001, le=MAX_SECONDS, allow_inf_nan=False)]
"""How long a party speaks: a millisecond or more."""
Keys = Annotated[str, Field(pattern=r"^[0-9*#wW]{1,64}$")]
CallUrl = Annotated[str, AfterValidator(normalize_url)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SpeechPart(_Part):
    """What a party says, `after` seconds after the answer."""

    after: Seconds = 0
    seconds: SpeechSeconds
    text: Annotated[str, Field(max_length=10_000)] = ""


class KeysPart(_Part):
    """Keys that a party presses: `after` seconds after the answer, or once at the next verb `in`."""

    digits: Keys
    after: Seconds | None = None
    in_: Literal["Gather"] | None = Field(None, alias="in")

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if (self.after is None) == (self.in_ is None):
            raise PydanticCustomError("presses", "either after or in is needed")
        return self


class PartyFields(_Part):
    """How a party behaves."""

    outcome: Literal["answer", "busy", "decline", "no-answer", "failed", "manual"] = "answer"
    ring: Seconds = 0
    answered_by: Literal["human", "machine", "fax", "unknown"] = "human"
    greeting: Seconds = 8
    speaks: Annotated[tuple[SpeechPart, ...], Field(strict=False, max_length=MAX_ENTRIES)] = ()
    presses: Annotated[tuple[KeysPart, ...], Field(strict=False, max_length=MAX_ENTRIES)] = ()
    hangup_after: Seconds | None = None
    sip_code: Annotated[int, Field(ge=400, le=699)] | None = None

    def rule_for(self, number: str, times: int | None = None) -> PartyRule:
        """Return the rule for a number; `times`: how often it counts, None: always."""
        return PartyRule(
            number,
            PartyOutcome(self.outcome),
            _ms(self.ring),
            AnsweredBy(self.answered_by),
            _ms(self.greeting),
            tuple(Speech(_ms(each.after), _ms(each.seconds), each.text) for each in self.speaks),
            tuple(
                KeyPresses(each.digits, _ms(each.after) if each.after is not None else None, each.in_ or "")
                for each in self.presses
            ),
            _ms(self.hangup_after) if self.hangup_after is not None else None,
            self.sip_code,
            times,
        )


class CreatePartyRequest(ControlRequest, PartyFields):
    """Say how the party of a number behaves in the calls to it; the newest rule that fits counts."""

    number: CallAddress
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @property
    def rule(self) -> PartyRule:
        """The rule."""
        return self.rule_for(self.number, self.times)


class MakeCallRequest(CreateCallRequest):
    """Create a call; with instructions, it comes in and rings.

    Its instructions are `twiml`, else what `url` answers, else those of the phone number `to`. Without any, the call
    only exists.
    """

    url: CallUrl | None = None
    method: Literal["GET", "POST"] = "POST"
    twiml: Annotated[str, Field(max_length=MAX_MARKUP)] | None = None
    fallback_url: CallUrl | None = None
    fallback_method: Literal["GET", "POST"] = "POST"
    status_callback: CallUrl | None = None
    status_callback_method: Literal["GET", "POST"] = "POST"
    forwarded_from: CallAddress | None = None
    caller_name: CallAddress | None = None
    parameters: Annotated[dict[str, str], Field(max_length=20)] = Field(default_factory=dict)
    party: PartyFields | None = None
    instructions: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.url is not None and self.twiml is not None:
            raise PydanticCustomError("twiml", "either url or twiml")
        has_instructions = self.has_own_instructions
        if has_instructions and not self.instructions:
            raise PydanticCustomError("instructions", "a call with url or twiml has instructions")
        if has_instructions and not self.may_ring:
            raise PydanticCustomError("status", "a call with instructions is inbound, and rings")
        return self

    @property
    def has_own_instructions(self) -> bool:
        """Whether it says itself where its instructions are."""
        return self.url is not None or self.twiml is not None

    @property
    def may_ring(self) -> bool:
        """Whether it can be a call that comes in and has instructions."""
        return self.direction == "inbound" and not self.model_fields_set & {"status", "engine"}

    @property
    def dialect(self) -> str:
        """The dialect of its requests: that of the account sid's format."""
        is_signalwire = (
            self.account is not None and SIGNALWIRE.parse_sid(ResourceType.ACCOUNT, self.account) is not None
        )
        return SIGNALWIRE.name if is_signalwire else TWILIO.name

    @property
    def source(self) -> "Source | None":
        """Its own instructions; None without any."""
        from tapedeck_callflow.events import MarkupSource, UrlSource  # noqa: PLC0415 - at the first such call

        if self.twiml is not None:
            return MarkupSource(self.twiml)
        return UrlSource(self.url, self.method) if self.url is not None else None

    @property
    def fallback(self) -> "UrlSource | None":
        """Where instructions are requested when a request for them fails."""
        from tapedeck_callflow.events import UrlSource  # noqa: PLC0415 - at the first such call

        return UrlSource(self.fallback_url, self.fallback_method) if self.fallback_url is not None else None

    @property
    def callback(self) -> CallbackSubscription | None:
        """The subscription to its end; None without `status_callback`."""
        if self.status_callback is None:
            return None
        return CallbackSubscription(self.status_callback, self.status_callback_method, (), self.dialect)

    @property
    def request_parameters(self) -> Mapping[str, str]:
        """What each request for instructions says besides the call's own parameters."""
        given = {"ForwardedFrom": self.forwarded_from, "CallerName": self.caller_name}
        return {**self.parameters, **{name: value for name, value in given.items() if value is not None}}


class PressRequest(ControlRequest):
    """Press keys, `w` for half a second."""

    digits: Keys


class SpeakRequest(ControlRequest):
    """Speak from now on, for so many seconds."""

    seconds: SpeechSeconds
    text: Annotated[str, Field(max_length=10_000)] = ""
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None


class AnswerRequest(ControlRequest):
    """Answer a call that rings."""

    answered_by: Literal["human", "machine", "fax", "unknown"] | None = None


class CloseStreamRequest(ControlRequest):
    """Close the stream that a call is connected to."""

    name: str | None = None


class WebhooksQuery(ControlQuery):
    """Filter for requests for instructions; `wait`: seconds of real time until there is one that was answered."""

    call: Annotated[str, AfterValidator(is_call_sid)] | None = None
    kind: Literal["voice", "action", "fallback", "whisper", "wait", "play", "partial"] | None = None
    wait: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0

    @property
    def call_id(self) -> str | None:
        """The id of the call; None without a filter."""
        return parse_any_sid(ResourceType.CALL, self.call) if self.call is not None else None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
