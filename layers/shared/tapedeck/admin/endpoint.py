"""Functions without a route: called by an operator with IAM's leave (`sam remote invoke`), JSON in and out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid
from tapedeck.domain.errors import InvalidState, NotFound, TapedeckError
from tapedeck.observability import CanonicalLog
from tapedeck.operations.accounts import Accounts

ModelT = TypeVar("ModelT", bound="AdminRequest")
ServicesT = TypeVar("ServicesT", bound="SupportsLogging")


class SupportsLogging(Protocol):
    """What every task is done with, whatever else: it is logged."""

    @property
    def log(self) -> CanonicalLog:
        """Where."""
        ...


@dataclass(frozen=True, slots=True)
class AdminServices:
    """What tasks are done with."""

    accounts: Accounts
    log: CanonicalLog


class AdminRequest(BaseModel):
    """The event of such a function; unknown fields are refused: an operator's typing error must not pass."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def sid_of(kind: ResourceType) -> AfterValidator:
    """Reads a sid in either spelling into an id."""

    def read(sid: str) -> str:
        identifier = parse_any_sid(kind, sid)
        if identifier is None:
            raise PydanticCustomError("sid", "Not the sid of such a thing, in either spelling")
        return identifier

    return AfterValidator(read)


def both_spellings(kind: ResourceType, identifier: str) -> dict[str, str]:
    """An id as both dialects show it."""
    return {dialect.name: dialect.format_sid(kind, identifier) for dialect in (TWILIO, SIGNALWIRE)}


def spell_api_key(identifier: str) -> str:
    """`SK…`: SignalWire has no name for a key, only its secret."""
    return TWILIO.format_sid(ResourceType.API_KEY, identifier)


class AdminEndpoint(Generic[ServicesT]):
    """Makes Lambda handlers of tasks.

    Args:
        services: gives what tasks are done with; asked at each event.
        reasons: what is said of what was refused, where that is something else than usual.
    """

    def __init__(
        self, services: Callable[[], ServicesT], reasons: Mapping[type[TapedeckError], str] | None = None
    ) -> None:
        self._get_services = services
        self._reasons = {**_REASONS, **(reasons or {})}

    def __call__(
        self, operation: str, model: type[ModelT]
    ) -> Callable[
        [Callable[[ServicesT, ModelT], dict[str, Any]]], Callable[[Mapping[str, Any], object], dict[str, Any]]
    ]:
        """Decorate the handler of a task; its result is the answer, `{"error": {"message", "field"}}` a refusal.

        A fault of a dependency raises, so that the caller and the alarm hear of it.
        """

        def decorate(
            handler: Callable[[ServicesT, ModelT], dict[str, Any]],
        ) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
            def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
                services = self._get_services()
                task: ModelT | None = None
                try:
                    task = model.model_validate(event)
                    answer = handler(services, task)
                except ValidationError as invalid:
                    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
                    answer = _error(first["msg"], ".".join(str(part) for part in first["loc"]))
                except (NotFound, InvalidState) as refused:
                    answer = _error(self._reasons[type(refused)], None)
                except Exception:
                    # Whatever it is, the caller and the alarm hear of it.
                    services.log.task(operation=operation, account=_account_of(task, {}), outcome="fault")
                    raise
                outcome = "refused" if "error" in answer else "done"
                services.log.task(operation=operation, account=_account_of(task, answer), outcome=outcome)
                return answer

            return handle

        return decorate


def _account_of(task: AdminRequest | None, answer: Mapping[str, Any]) -> str | None:
    """Whose account a run was about, by id: as the event names it, or as it was made."""
    told = answer.get("account_sid", {}).get(TWILIO.name)
    asked: str | None = getattr(task, "account_sid", None)
    return TWILIO.parse_sid(ResourceType.ACCOUNT, told) if told is not None else asked


_REASONS: Final[Mapping[type[TapedeckError], str]] = {
    NotFound: "There is no such account or key, or the account has all the keys it may have",
    InvalidState: "The account does not exist, exists already, or has not the number of tokens that this needs",
}


def _error(message: str, field: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "field": field}}
