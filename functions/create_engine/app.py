"""Register a media engine and create its queue. Its token is returned only here.

No route: `{"name", "accounts"}`. `name` is a lower-case letter, then up to 31 lower-case letters, digits or hyphens.
`accounts` is a list of sids in either format; without it, the engine works for all accounts.
"""

from typing import Annotated, Any

from pydantic import Field

from tapedeck.admin.endpoint import sid_of
from tapedeck.admin.engines import EngineAdminServices, EngineRequest, describe_accounts
from tapedeck.bootstrap.engine_administration import engine_admin_function
from tapedeck.dialects.dialect import ResourceType


class CreateEngine(EngineRequest):
    """The name of the engine, and the accounts that it works for (default: all)."""

    accounts: (
        Annotated[tuple[Annotated[str, sid_of(ResourceType.ACCOUNT)], ...], Field(min_length=1, max_length=100)] | None
    ) = None


@engine_admin_function("create_engine", CreateEngine)
def handler(services: EngineAdminServices, event: CreateEngine) -> dict[str, Any]:
    """Return the engine with its token."""
    accounts = frozenset(event.accounts) if event.accounts is not None else None
    made = services.engines.create(event.engine_name, accounts)
    return {"name": made.engine.name, "accounts": describe_accounts(made.engine.accounts), "token": made.token}
