"""Functions without a route, invoked by an operator with IAM credentials (`sam remote invoke`): JSON in, JSON out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid
from tapedeck.domain.errors import InvalidState, NotFound, TapedeckError
from tapedeck.observability import CanonicalLog, begin_invocation
from tapedeck.operations.accounts import Accounts

ModelT = TypeVar("ModelT", bound="AdminRequest")
ServicesT = TypeVar("ServicesT", bound="SupportsLogging")


class SupportsLogging(Protocol):
    """The minimum that the services of an admin function have: a log."""

    @property
    def log(self) -> CanonicalLog:
        """The log of this function."""
        ...


@dataclass(frozen=True, slots=True)
class AdminServices:
    """The dependencies of admin functions that work on accounts."""

    accounts: Accounts
    log: CanonicalLog


class AdminRequest(BaseModel):
    """The event of an admin function; unknown fields are rejected, to notice typing errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def sid_of(kind: ResourceType) -> AfterValidator:
    """Return a validator that parses a SID of this type, in either dialect, into an id."""

    def read(sid: str) -> str:
        identifier = parse_any_sid(kind, sid)
        if identifier is None:
            raise sid_error(kind)
        return identifier

    return AfterValidator(read)


def sid_error(*kinds: ResourceType) -> PydanticCustomError:
    """Build the validation error for a text that is a SID of none of these types."""
    *others, last = (_TYPE_NAMES[kind] for kind in kinds)
    names = f"{', '.join(others)} or {last}" if others else last
    article = "an" if names[0] in "aA" else "a"
    return PydanticCustomError("sid", f"Not {article} {names} SID in Twilio's or SignalWire's format")


_TYPE_NAMES: Final = {
    ResourceType.ACCOUNT: "account",
    ResourceType.API_KEY: "API key",
    ResourceType.CALL: "call",
    ResourceType.CONFERENCE: "conference",
    ResourceType.RECORDING: "recording",
}


def format_sid_in_both_dialects(kind: ResourceType, identifier: str) -> dict[str, str]:
    """Format an id as a SID, by dialect."""
    return {dialect.name: dialect.format_sid(kind, identifier) for dialect in (TWILIO, SIGNALWIRE)}


def format_api_key_sid(identifier: str) -> str:
    """Format an API key's id as Twilio's `SK…`; SignalWire has no id for a key, only its secret."""
    return TWILIO.format_sid(ResourceType.API_KEY, identifier)


class AdminEndpoint(Generic[ServicesT]):
    """Makes Lambda handlers of admin functions.

    Args:
        get_services: returns the dependencies; called at each invocation.
        messages: replaces the default message of an error.
    """

    def __init__(
        self, get_services: Callable[[], ServicesT], messages: Mapping[type[TapedeckError], str] | None = None
    ) -> None:
        self._get_services = get_services
        self._messages = {**_MESSAGES, **(messages or {})}

    def __call__(
        self, operation: str, model: type[ModelT]
    ) -> Callable[
        [Callable[[ServicesT, ModelT], dict[str, Any]]], Callable[[Mapping[str, Any], object], dict[str, Any]]
    ]:
        """Decorate an admin function; its result is the response.

        Invalid events, NotFound and InvalidState are answered with `{"error": {"message", "field"}}`. Other errors are
        logged and raised, so that the caller sees them and the alarm fires.
        """

        def decorate(
            handler: Callable[[ServicesT, ModelT], dict[str, Any]],
        ) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
            def handle(event: Mapping[str, Any], context: object) -> dict[str, Any]:
                begin_invocation(event, context)
                services = self._get_services()
                task: ModelT | None = None
                try:
                    task = model.model_validate(event)
                    response = handler(services, task)
                except ValidationError as invalid:
                    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
                    response = _error(first["msg"], ".".join(str(part) for part in first["loc"]))
                except (NotFound, InvalidState) as refused:
                    response = _error(self._message_of(refused), None)
                except Exception as error:
                    services.log.task(error, operation=operation, outcome="fault", **_subjects_of(task, {}))
                    raise
                outcome = "refused" if "error" in response else "done"
                services.log.task(operation=operation, outcome=outcome, **_subjects_of(task, response))
                return response

            return handle

        return decorate

    def _message_of(self, refused: TapedeckError) -> str:
        """Return the message of the error's class, or of the nearest one that it is derived from."""
        return next(self._messages[kind] for kind in type(refused).__mro__ if kind in self._messages)


def _subjects_of(task: AdminRequest | None, response: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what the log line names: the account and the API key, by id, and the media engine."""
    return {
        "account": _account_of(task, response),
        "sid": _key_of(task, response),
        "engine": getattr(task, "engine_name", None),
    }


def _account_of(task: AdminRequest | None, response: Mapping[str, Any]) -> str | None:
    """Return the account's id: the one in the response, else the one that the event names."""
    in_response = response.get("account_sid", {}).get(TWILIO.name)
    in_event: str | None = getattr(task, "account_sid", None)
    return TWILIO.parse_sid(ResourceType.ACCOUNT, in_response) if in_response is not None else in_event


def _key_of(task: AdminRequest | None, response: Mapping[str, Any]) -> str | None:
    """Return the API key's id: the one in the response, else the one that the event names."""
    in_response = response.get("api_key_sid")
    in_event: str | None = getattr(task, "api_key_sid", None)
    return TWILIO.parse_sid(ResourceType.API_KEY, in_response) if in_response is not None else in_event


_MESSAGES: Final[Mapping[type[TapedeckError], str]] = {
    NotFound: "There is no such account or key, or the account has the maximum number of keys",
    InvalidState: "The account does not exist, already exists, or does not have the required number of tokens",
}


def _error(message: str, field: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "field": field}}
