"""Media engines as an operator sees them: name, accounts, tokens and presence; never a token."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

from tapedeck.admin.endpoint import AdminRequest, format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.engine import ALL_ACCOUNTS, is_engine_name
from tapedeck.domain.errors import (
    EngineAlive,
    EngineHasLiveResources,
    EngineNameTaken,
    EngineNameTooLong,
    InvalidState,
    NotFound,
    QueueDeletedRecently,
    TapedeckError,
    TooManyEngines,
)
from tapedeck.observability import CanonicalLog
from tapedeck.operations.engine_registration import EngineRegistration, EngineSummary

ENGINE_MESSAGES: Final[dict[type[TapedeckError], str]] = {
    NotFound: "There is no such engine",
    InvalidState: "The engine does not have the required number of tokens: two at most, and the only one stays",
    EngineNameTaken: (
        "An engine of this name is registered. If its token was not received: invoke rotate_engine_token, then "
        "revoke_engine_token"
    ),
    EngineNameTooLong: "The stack's name and the engine's name together have more than 72 characters",
    TooManyEngines: "The deployment has the maximum number of engines: 100",
    EngineAlive: "The engine is alive: stop its connector and invoke this again after 45 seconds, or pass force",
    EngineHasLiveResources: (
        "Calls, conferences or recordings of an engine of this name are not final: wait until they are. To delete the "
        "engine nevertheless, pass force"
    ),
    QueueDeletedRecently: (
        "The queue of an engine of this name was deleted within the last 60 seconds: invoke this again in a minute"
    ),
}
"""The messages of errors of functions for engines."""


@dataclass(frozen=True, slots=True)
class EngineAdminServices:
    """The dependencies of admin functions that work on media engines."""

    engines: EngineRegistration
    log: CanonicalLog


def _parse_name(name: str) -> str:
    if not is_engine_name(name):
        raise PydanticCustomError(
            "engine", "Not an engine's name: a lower-case letter, then up to 31 lower-case letters, digits or hyphens"
        )
    return name


class EngineRequest(AdminRequest):
    """The event of an admin function for one media engine; `name` is its name."""

    engine_name: Annotated[StrictStr, AfterValidator(_parse_name), Field(alias="name")]


def describe_accounts(accounts: frozenset[str] | None) -> Any:  # noqa: ANN401 - JSON
    """Describe the accounts of an engine as JSON: `*`, or the sids of each account by dialect."""
    if accounts is None:
        return ALL_ACCOUNTS
    return [format_sid_in_both_dialects(ResourceType.ACCOUNT, account) for account in sorted(accounts)]


def describe_engine(summary: EngineSummary) -> dict[str, Any]:
    """Describe an engine as JSON; times are in seconds, and `tokens` is their number."""
    registered = summary.registered
    return {
        "name": registered.engine.name,
        "accounts": describe_accounts(registered.engine.accounts),
        "created": registered.created,
        "tokens": len(registered.token_hashes),
        "disabled": registered.is_disabled,
        "presence": str(summary.state),
        "seen_at": summary.seen_at,
    }
