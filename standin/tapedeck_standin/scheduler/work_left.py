"""What is still under way: callbacks, media, conversions, events, commands and requests for instructions (C-320)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.pending_work import MEDIA_TIMEOUT_SECONDS
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.ports.changes import PendingWorkStore
from tapedeck.ports.deliveries import DeliveryStore
from tapedeck_standin.aws.account_queues import AccountQueues, AccountQueueSource
from tapedeck_standin.aws.open_work import OpenWork
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.callbacks.callback_log import CallbackLog, CallbackLogEntry
from tapedeck_standin.callbacks.fault_injection import ReorderingDeliverer
from tapedeck_standin.clock import MAX_TIME_MS, VirtualClock, time_of
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

_MAX_DELIVERIES: Final = 1_600
"""Callbacks of one account that are read from the store."""


class WorkKind(StrEnum):
    """What is under way."""

    CALLBACK = "callback"
    MEDIA = "media"
    CONVERSION = "conversion"
    EVENT = "event"
    COMMAND = "command"
    INSTRUCTIONS = "instructions"


@dataclass(frozen=True, slots=True)
class WorkLeft:
    """One thing that is under way for a resource.

    `due` is when it goes on, in milliseconds by the clock of its account; None if it waits for an external engine.
    """

    account: str
    kind: ResourceType
    id: str
    what: WorkKind
    due: int | None

    def is_due(self, now: int) -> bool:
        """Return whether it waits neither for the clock nor for an external engine."""
        return self.due is not None and self.due <= now


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """Finds what is under way: in the memory of this process, and in the store.

    The store has what this process does not know: media that an external engine has not uploaded, and callbacks of an
    earlier process on the same database.
    """

    engine: SimulatedEngine | None
    engine_queues: MemoryEngineQueues
    finishing: AccountQueueSource
    callbacks: AccountQueues[MemoryQueue]
    deliverer: ReorderingDeliverer
    callback_log: CallbackLog
    clock: VirtualClock
    deliveries: DeliveryStore
    pending_work: PendingWorkStore
    open_work: OpenWork

    @property
    def accounts(self) -> set[str]:
        """The accounts that may have something under way in the memory of this process."""
        return {work.account for work in self.in_memory(None)}

    def in_memory(self, account: str | None) -> list[WorkLeft]:
        """Return what this process has under way for an account (None: for all); due now if it is in work."""
        return [
            *self._media(account), *self._conversions(account), *self._events(account), *self._callbacks(account),
            *self._instructions(account),
        ]  # fmt: skip

    def for_engines(self, account: str | None) -> list[WorkLeft]:
        """Return the commands that an engine has not deleted from its queue."""
        found = []
        for queue in self.engine_queues.values():
            for command in map(json.loads, queue.bodies):
                subject = next((name for name in _RESOURCE_FIELDS if name in command), None)
                if subject is not None and account in {None, command.get("account")}:
                    kind = _RESOURCE_FIELDS[subject]
                    found.append(WorkLeft(command["account"], kind, command[subject], WorkKind.COMMAND, None))
        return found

    def in_store(self, account: str | None, earliest: Callable[[str], int]) -> list[WorkLeft]:
        """Return the callbacks in the outbox and the stopped recordings without media.

        Args:
            account: the account; None for all.
            earliest: returns the first time at which a callback of an account can be queued again (milliseconds).
        """
        accounts = self.open_work.accounts if account is None else [account]
        return [work for each in accounts for work in self._in_store(each, earliest(each))]

    def _in_store(self, account: str, earliest: int) -> Iterator[WorkLeft]:
        until = MAX_TIME_MS // 1000
        for delivery in self.deliveries.find_due(account, until, _MAX_DELIVERIES):
            if delivery.next_attempt_at is not None:
                kind = CallbackLogEntry(delivery).kind
                due = max(earliest, delivery.next_attempt_at * 1000)
                yield WorkLeft(account, kind, delivery.resource_id, WorkKind.CALLBACK, due)
        for pending in self.pending_work.find_pending(account, until):
            resource = pending.resource
            if isinstance(resource, Recording) and resource.status is RecordingStatus.STOPPED:
                timeout = max(earliest, (resource.updated + MEDIA_TIMEOUT_SECONDS) * 1000)
                # The simulated engine of an earlier process uploads nothing more; an external one may at any time.
                media_due = timeout if self.engine is not None else None
                yield WorkLeft(account, ResourceType.RECORDING, resource.id, WorkKind.MEDIA, media_due)

    def _media(self, account: str | None) -> Iterator[WorkLeft]:
        for capture in self.engine.uploads(account) if self.engine is not None else ():
            yield WorkLeft(capture.account, ResourceType.RECORDING, capture.recording, WorkKind.MEDIA, capture.due_at)

    def _conversions(self, account: str | None) -> Iterator[WorkLeft]:
        for owner, body, due in self.finishing.messages(account):
            yield WorkLeft(owner, ResourceType.RECORDING, json.loads(body)["recording"], WorkKind.CONVERSION, due)

    def _events(self, account: str | None) -> Iterator[WorkLeft]:
        for event, due in self.engine.outbox.waiting(account) if self.engine is not None else ():
            subject = next((name for name in _RESOURCE_FIELDS if name in event), None)
            if subject is not None:
                yield WorkLeft(event["account"], _RESOURCE_FIELDS[subject], event[subject], WorkKind.EVENT, due)

    def _instructions(self, account: str | None) -> Iterator[WorkLeft]:
        for owner, call in self.engine.requests.calls(account) if self.engine is not None else ():
            yield WorkLeft(owner, ResourceType.CALL, call, WorkKind.INSTRUCTIONS, time_of(self.clock, owner))

    def _callbacks(self, account: str | None) -> Iterator[WorkLeft]:
        in_work = [(resource_id, owner) for resource_id, owner in self.deliverer.delayed if account in {None, owner}]
        for owner, queue in self.callbacks.used(account):
            in_work += [(json.loads(body)["resource"], owner) for _, body in queue.messages]
        for resource_id, owner in in_work:
            kind = self.callback_log.kind_of(owner, resource_id)
            yield WorkLeft(owner, kind, resource_id, WorkKind.CALLBACK, time_of(self.clock, owner))
        for delivery in self.callback_log.scheduled_retries(account):
            if delivery.next_attempt_at is not None:
                kind, due = self.callback_log.kind_of(delivery.account, delivery.resource_id), delivery.next_attempt_at
                yield WorkLeft(delivery.account, kind, delivery.resource_id, WorkKind.CALLBACK, due * 1000)


_RESOURCE_FIELDS: Final = {
    "recording": ResourceType.RECORDING,
    "conference": ResourceType.CONFERENCE,
    "call": ResourceType.CALL,
}
"""Fields of an engine event or command that name its resource, the most specific first."""
