"""Request bodies of the control API: unknown fields are rejected, sids may have either dialect's format."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid
from tapedeck.domain.account import MAX_FRIENDLY_NAME
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import PARTICIPANTS_TO_BEGIN, ConferenceStatus
from tapedeck.domain.engine import ALL_ACCOUNTS, is_engine_name
from tapedeck.domain.subscription import CallbackSubscription, normalize_callback_url
from tapedeck.settings import STANDIN_ENGINE
from tapedeck_standin.clock import MAX_ADVANCE_SECONDS
from tapedeck_standin.faults import CALLBACK, FaultAction, supported_effects
from tapedeck_standin.telephony.simulator import DEFAULT_FROM, DEFAULT_TO, SimulatedCall, SimulatedConference

MAX_PARTICIPANTS: Final = 250
MAX_FAULT_TIMES: Final = 1_000_000
MAX_ACCOUNTS: Final = 100
"""Accounts of an engine that works for some accounts only."""

MAX_NAME_LENGTH: Final = 128
"""Characters of a conference's friendly name: Twilio's limit."""

_EVENTS: Final = {
    TWILIO.name: ("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"),
    SIGNALWIRE.name: ("start", "end", "join", "leave", "mute", "hold", "speaker"),
}
_DEFAULT_EVENTS: Final = ("start", "end")


def _is_account(sid: str) -> str:
    if parse_any_sid(ResourceType.ACCOUNT, sid) is None:
        raise PydanticCustomError("sid", "not the sid of an account in either format")
    return sid


def is_call_sid(sid: str) -> str:
    """Return the sid of a call unchanged; raises PydanticCustomError if it is none."""
    if parse_any_sid(ResourceType.CALL, sid) is None:
        raise PydanticCustomError("sid", "not the sid of a call in either format")
    return sid


def _is_api_key(sid: str) -> str:
    if parse_any_sid(ResourceType.API_KEY, sid) is None:
        raise PydanticCustomError("sid", "not the sid of an API key in either format")
    return sid


def _is_engine(name: str) -> str:
    if not is_engine_name(name):
        raise PydanticCustomError("engine", "a lower-case letter, then up to 31 lower-case letters, digits or hyphens")
    return name


def _are_accounts(accounts: object) -> object:
    if accounts != ALL_ACCOUNTS and not (isinstance(accounts, list | tuple) and 1 <= len(accounts) <= MAX_ACCOUNTS):
        raise PydanticCustomError(
            "accounts", "must be a list of 1 to {limit} account sids, or * for all accounts", {"limit": MAX_ACCOUNTS}
        )
    return accounts


def normalize_url(url: str) -> str:
    """Return the form of a URL that is stored; raises PydanticCustomError if it is no usable URL."""
    normal = normalize_callback_url(url)
    if normal is None:
        raise PydanticCustomError("url", "not an absolute http or https URL")
    return normal


def _is_name(name: str) -> str:
    if TWILIO.parse_sid(ResourceType.CONFERENCE, name) is not None:
        raise PydanticCustomError("name", "must not have the format of a conference sid")
    return name


def _split_words(events: object) -> object:
    return events.split() if isinstance(events, str) else events


AccountSid = Annotated[str, AfterValidator(_is_account)]
CallAddress = Annotated[str, Field(min_length=1, max_length=256)]


class ControlRequest(BaseModel):
    """Base of the request bodies; `account` defaults to the stand-in's account."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    account: AccountSid | None = None

    @property
    def account_id(self) -> str | None:
        """The account's id, 32 hex digits; None for the default account."""
        return parse_any_sid(ResourceType.ACCOUNT, self.account) if self.account is not None else None


class CreateCallRequest(ControlRequest):
    """Create a call. The default numbers are fictitious (555-01xx)."""

    to: CallAddress = DEFAULT_TO
    from_: CallAddress = Field(DEFAULT_FROM, alias="from")
    direction: Literal["inbound", "outbound-api", "outbound-dial"] = "inbound"
    status: CallStatus = CallStatus.IN_PROGRESS
    engine: Annotated[str, AfterValidator(_is_engine)] = STANDIN_ENGINE

    @model_validator(mode="before")
    @classmethod
    def _has_no_second_name(cls, content: object) -> object:
        # Pydantic ignores a field's own name, if it has an alias, even with extra="forbid".
        if isinstance(content, dict) and "from_" in content:
            raise PydanticCustomError("from_", "Extra inputs are not permitted")
        return content

    @property
    def call(self) -> SimulatedCall:
        """The call to simulate."""
        return SimulatedCall(self.to, self.from_, self.direction, self.status, self.engine)


class CreateEngineRequest(BaseModel):
    """Register a further media engine, by default for all accounts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, AfterValidator(_is_engine)]
    accounts: Annotated[
        Annotated[tuple[AccountSid, ...], Field(strict=False, min_length=1, max_length=MAX_ACCOUNTS)] | Literal["*"],
        BeforeValidator(_are_accounts),
    ] = "*"

    @property
    def accounts_by_sid(self) -> Mapping[str, str] | None:
        """The id of each account by the sid that names it; None for all accounts."""
        if self.accounts == ALL_ACCOUNTS:
            return None
        found = ((sid, parse_any_sid(ResourceType.ACCOUNT, sid)) for sid in self.accounts)
        return {sid: identifier for sid, identifier in found if identifier is not None}


class CreateConferenceRequest(ControlRequest):
    """Create a conference with its calls."""

    friendly_name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH), AfterValidator(_is_name)] | None = (
        None
    )
    participants: Annotated[int, Field(ge=0, le=MAX_PARTICIPANTS)] = PARTICIPANTS_TO_BEGIN
    status: ConferenceStatus | None = None
    record: bool = False
    status_callback: Annotated[str, AfterValidator(normalize_url)] | None = None
    status_callback_method: Literal["GET", "POST"] = "POST"
    status_callback_event: Annotated[tuple[str, ...], BeforeValidator(_split_words)] | None = Field(None, strict=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.status is ConferenceStatus.IN_PROGRESS and self.participants < PARTICIPANTS_TO_BEGIN:
            raise PydanticCustomError("status", "a conference in progress has at least two participants")
        if not set(self.status_callback_event or ()) <= set(_EVENTS[self.dialect]):
            allowed = " ".join(_EVENTS[self.dialect])
            raise PydanticCustomError(
                "status_callback_event", "only these events are supported: {allowed}", {"allowed": allowed}
            )
        return self

    @property
    def dialect(self) -> str:
        """Dialect of the conference's callbacks: that of the account sid's format."""
        is_signalwire = (
            self.account is not None and SIGNALWIRE.parse_sid(ResourceType.ACCOUNT, self.account) is not None
        )
        return SIGNALWIRE.name if is_signalwire else TWILIO.name

    @property
    def requested_status(self) -> ConferenceStatus:
        """The requested status; by default it follows from the number of participants."""
        if self.status is not None:
            return self.status
        begins = self.participants >= PARTICIPANTS_TO_BEGIN
        return ConferenceStatus.IN_PROGRESS if begins else ConferenceStatus.INIT

    @property
    def callback(self) -> CallbackSubscription | None:
        """The callback subscription of the conference; None without `status_callback`."""
        if self.status_callback is None:
            return None
        events = self.status_callback_event if self.status_callback_event is not None else _DEFAULT_EVENTS
        return CallbackSubscription(self.status_callback, self.status_callback_method, events, self.dialect)

    @property
    def conference(self) -> SimulatedConference:
        """The conference to simulate."""
        return SimulatedConference(
            self.friendly_name, self.participants, self.requested_status, self.callback, record=self.record
        )


class CreateTranscriptionRequest(ControlRequest):
    """Add a transcription, finished, failed or in progress, to a recording."""

    text: Annotated[str, Field(max_length=100_000)] = "Hello, this is a test."
    status: Literal["in-progress", "completed", "failed"] = "completed"


class CreateFaultRequest(ControlRequest):
    """Inject a fault the next `times` times that `on` happens: an operation, `*`, `callback` or `media`."""

    on: str
    times: Annotated[int, Field(ge=1, le=MAX_FAULT_TIMES)] = 1
    then: FaultAction

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        possible = supported_effects(self.on)
        if self.then.kind not in possible:
            raise PydanticCustomError(
                "then", "{kind} is not supported for {on}; use one of {possible}",
                {"kind": self.then.kind, "on": self.on, "possible": ", ".join(sorted(possible))},
            )  # fmt: skip
        if self.on == CALLBACK and self.then.code is not None:
            raise PydanticCustomError("then", "code is not supported for callback, only a status")
        return self


class AdvanceClockRequest(ControlRequest):
    """Advance the clock of one account by `advance` seconds; `*`: of all accounts, also of later ones (C-315).

    With `until`, advance it to the moment at which a call is there, at most by `at_most` seconds (C-393).
    """

    account: AccountSid | Literal["*"] | None = None
    advance: Annotated[float, Field(ge=0, le=MAX_ADVANCE_SECONDS, allow_inf_nan=False)] = 0
    until: Annotated[str, Field(pattern=r"^(waits|ended|[A-Z][A-Za-z]{1,19})$")] | None = None
    call: Annotated[str, AfterValidator(is_call_sid)] | None = None
    at_most: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 3_600

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.until is None) != (self.call is None):
            raise PydanticCustomError("call", "until and call belong together")
        if self.until is not None and "advance" in self.model_fields_set:
            raise PydanticCustomError("until", "either advance or until")
        return self

    @property
    def call_id(self) -> str | None:
        """The id of the call; None without one."""
        return parse_any_sid(ResourceType.CALL, self.call) if self.call is not None else None


class WaitUntilIdleRequest(ControlRequest):
    """Wait until all work that is due by the clock is done, for at most `timeout` seconds of real time.

    Without `account`, the work of all accounts counts.
    """

    timeout: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 10


class SettleRequest(WaitUntilIdleRequest):
    """Wait until nothing is under way, for at most `timeout` seconds of real time.

    Without `account`, the work of all accounts counts. With `advance`, the clock goes on to the next due time.
    """

    advance: bool = False


class CreateApiKeyRequest(ControlRequest):
    """Create an API key, by default with a generated sid and secret."""

    sid: Annotated[str, AfterValidator(_is_api_key)] | None = None
    secret: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(None, repr=False)
    friendly_name: Annotated[str, Field(max_length=MAX_FRIENDLY_NAME)] = ""

    @property
    def key_id(self) -> str | None:
        """The requested id, 32 hex digits; None to generate one."""
        return parse_any_sid(ResourceType.API_KEY, self.sid) if self.sid is not None else None


class CreateAccountRequest(BaseModel):
    """Create a further account, by default with a generated id and token."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sid: AccountSid | None = None
    token: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(None, repr=False)

    @property
    def account_id(self) -> str | None:
        """The requested id, 32 hex digits; None to generate one."""
        return parse_any_sid(ResourceType.ACCOUNT, self.sid) if self.sid is not None else None
