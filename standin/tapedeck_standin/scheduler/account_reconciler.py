"""Reconcile one account: what the `reconcile` function does for all accounts, shard by shard."""

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING

from tapedeck.background.handlers import METRICS_OF_RUN, BackgroundServices
from tapedeck.observability import Subject
from tapedeck_standin.clock import working_for

if TYPE_CHECKING:
    from tapedeck.background.engine_monitor import EngineMonitor


class AccountReconciler:
    """Reconciles an account by its clock, in a thread that works for it (C-315).

    Args:
        get_services: returns the services of background functions, whose stores have one shard for each account.
    """

    def __init__(self, get_services: Callable[[], BackgroundServices]) -> None:
        self._get_services = get_services
        self._monitors: dict[str, EngineMonitor] = {}
        """A monitor for each account, because a monitor remembers when it has looked for old calls."""

    def __call__(self, account: str) -> None:
        """Reconcile an account; a failing item is logged, and reconciled again by the next run."""
        services = self._get_services()
        services.make_overdue_log().begin()
        with working_for(None):
            counted = services.engine_monitor.run()  # whether engines are silent or lost depends on no account
        counted += self._monitors.setdefault(account, copy(services.engine_monitor)).run()
        counted += services.reconciler.run(account)
        services.log.background(
            operation="reconcile",
            subject=Subject(account=account),
            outcome="failed" if counted["failed"] else "done",
            counted={METRICS_OF_RUN[name]: counted[name] for name in METRICS_OF_RUN},
        )
