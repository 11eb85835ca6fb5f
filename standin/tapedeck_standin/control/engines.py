"""The control API's routes for media engines."""

from collections.abc import Mapping
from typing import Any

from tapedeck.admin.engines import describe_accounts
from tapedeck.domain.engine import ALL_ACCOUNTS
from tapedeck.domain.errors import EngineHasLiveResources, EngineNameTaken, TooManyEngines
from tapedeck.operations.engine_registration import EngineRegistration, EngineSummary
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tapedeck_standin.control.requests import (
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_body,
)
from tapedeck_standin.control.schemas import CreateEngineRequest
from tapedeck_standin.http.messages import ServerRequest


class EngineRoutes:
    """Routes that register further media engines and list all of them.

    Args:
        engines: the registered engines.
        queues: the queue of commands of each engine, by name.
        registry: the known accounts.
    """

    def __init__(
        self, engines: EngineRegistration, queues: Mapping[str, MemoryStandardQueue], registry: AccountRegistry
    ) -> None:
        self._engines = engines
        self._queues = queues
        self._registry = registry

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {("engines",): {"GET": ControlRoute(self._list), "POST": ControlRoute(self._create)}}

    def _create(self, request: ServerRequest, _param: str) -> Result:
        body = read_body(CreateEngineRequest, request)
        accounts = body.accounts_by_sid
        for sid, account in (accounts or {}).items():
            if not self._registry.account_data.exists(account):
                raise ControlError(404, f"accounts: the account {sid} does not exist", "accounts")
        try:
            made = self._engines.create(body.name, frozenset(accounts.values()) if accounts is not None else None)
        except (EngineNameTaken, EngineHasLiveResources) as error:
            raise ControlError(
                409, "an engine of this name exists, or something of it is still live", "name"
            ) from error
        except TooManyEngines as error:
            raise ControlError(409, "there are 100 engines already") from error
        described = describe_accounts(made.engine.accounts)
        return 201, {"name": made.engine.name, "accounts": described, "token": made.token}

    def _list(self, _request: ServerRequest, _param: str) -> Result:
        return 200, {"engines": [self._describe(summary) for summary in self._engines.list()]}

    def _describe(self, summary: EngineSummary) -> dict[str, Any]:
        engine = summary.registered.engine
        queue = self._queues.get(engine.name)
        return {
            "name": engine.name,
            "accounts": ALL_ACCOUNTS if engine.accounts is None else describe_accounts(engine.accounts),
            "presence": str(summary.state),
            "seen_at": summary.seen_at,
            "commands_waiting": queue.waiting if queue is not None else 0,
        }
