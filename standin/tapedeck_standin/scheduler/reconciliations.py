"""When each account is reconciled, and how: every minute of its own clock, and when a callback's retry becomes due."""

import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck_standin.aws.open_work import OpenWork
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.clock import VirtualClock, time_of, working_for

RECONCILE_INTERVAL_SECONDS: Final = 60


class Reconciliations:
    """Reconciles one account at a time (C-315). Thread-safe, but `run` is called by one thread at a time.

    Args:
        reconcile: reconciles an account, by its clock.
        open_work: knows which accounts have anything open.
        callback_log: knows the scheduled retries.
        clock: the stand-in's clock.
    """

    def __init__(
        self,
        reconcile: Callable[[str], object],
        open_work: OpenWork,
        callback_log: CallbackLog,
        clock: VirtualClock,
    ) -> None:
        self._reconcile = reconcile
        self._open_work = open_work
        self._callback_log = callback_log
        self._clock = clock
        self._lock = threading.Lock()
        self._done_at: dict[str, int] = {}
        """When each account was reconciled last, or first seen (milliseconds of its clock)."""
        self._moved: set[str] = set()
        """The accounts whose time has moved since the last run."""
        self.begin(open_work.accounts)

    def begin(self, accounts: Iterable[str]) -> None:
        """Begin the minute of accounts that are new; it begins with their first change."""
        for account in accounts:
            if account not in self._done_at:
                self._done_at[account] = time_of(self._clock, account)

    def look_at(self, accounts: Iterable[str] | None) -> None:
        """Let the next run look at accounts whose time has moved; None: at all that have anything to do."""
        if accounts is None:
            retried = (delivery.account for delivery in self._callback_log.scheduled_retries(None))
            accounts = {*self._open_work.accounts, *retried}
        with self._lock:
            self._moved.update(accounts)

    def run(self) -> bool:
        """Reconcile the accounts whose time has come; return whether there was one."""
        was_busy = False
        while (account := self._next_moved()) is not None:
            if not self._is_due(account):
                continue
            with working_for(account):
                self._done_at[account] = self._clock()
                try:
                    self._reconcile(account)
                except Exception:  # noqa: BLE001 - the next minute tries again, and no other account waits
                    traceback.print_exc()
            was_busy = True
        return was_busy

    def next_run(self, account: str) -> int:
        """Return when a minute of an account has passed since it was reconciled (milliseconds)."""
        done_at = self._done_at.get(account, time_of(self._clock, account))
        return done_at + RECONCILE_INTERVAL_SECONDS * 1000

    def due_retries(self, account: str | None) -> Sequence[CallbackDelivery]:
        """Return the callbacks of an account (None: of all) whose retry is due."""
        return [
            delivery
            for delivery in self._callback_log.scheduled_retries(account)
            if delivery.next_attempt_at is not None
            and delivery.next_attempt_at <= time_of(self._clock, delivery.account) // 1000
        ]

    def times_of_retries(self, account: str) -> Iterator[int]:
        """Yield when the scheduled retries of an account are queued (milliseconds).

        That is when they are due. One that was left by a reconciliation, which had failed or found too many, is queued
        by a later one: after a minute, and then whenever the time since it was due has doubled.
        """
        done_at = self._done_at.get(account, 0)
        for delivery in self._callback_log.scheduled_retries(account):
            if delivery.next_attempt_at is not None:
                due = delivery.next_attempt_at * 1000
                is_left = due // 1000 <= done_at // 1000
                yield max(self.next_run(account), done_at + (done_at - due)) if is_left else due

    def _next_moved(self) -> str | None:
        with self._lock:
            return self._moved.pop() if self._moved else None

    def _is_due(self, account: str) -> bool:
        """Return whether a minute has passed, or a retry became due after the last reconciliation."""
        self.begin([account])
        if time_of(self._clock, account) >= self.next_run(account):
            return True
        done_at = self._done_at[account] // 1000
        return any((delivery.next_attempt_at or 0) > done_at for delivery in self.due_retries(account))
