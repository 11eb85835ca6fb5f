"""What is still under way: callbacks, media, conversions, events and commands (C-320)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.background.reconciler import SHARDS
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.pending_work import MEDIA_TIMEOUT_SECONDS
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.ports.changes import PendingWorkStore
from tapedeck.ports.deliveries import DeliveryStore
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues, MemoryStandardQueue
from tapedeck_standin.callbacks.callback_log import CallbackLog, CallbackLogEntry
from tapedeck_standin.callbacks.fault_injection import ReorderingDeliverer
from tapedeck_standin.clock import MAX_TIME_MS, VirtualClock
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

_MAX_DELIVERIES_PER_SHARD: Final = 100


class WorkKind(StrEnum):
    """What is under way."""

    CALLBACK = "callback"
    MEDIA = "media"
    CONVERSION = "conversion"
    EVENT = "event"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class WorkLeft:
    """One thing that is under way for a resource.

    `due` is when it goes on, in milliseconds by the stand-in's clock; None if it waits for an external engine.
    """

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
    finishing: MemoryStandardQueue
    callbacks: MemoryQueue
    deliverer: ReorderingDeliverer
    callback_log: CallbackLog
    clock: VirtualClock
    deliveries: DeliveryStore
    pending_work: PendingWorkStore

    def in_memory(self, account: str | None) -> list[WorkLeft]:
        """Return what this process has under way for an account (None: for all); due now if it is in work."""
        return [
            *self._media(account), *self._conversions(account), *self._events(account), *self._callbacks(account),
        ]  # fmt: skip

    def for_engines(self, account: str | None) -> list[WorkLeft]:
        """Return the commands that an engine has not deleted from its queue."""
        found = []
        for queue in self.engine_queues.values():
            for command in map(json.loads, queue.bodies):
                subject = next((name for name in _RESOURCE_FIELDS if name in command), None)
                if subject is not None and account in {None, command.get("account")}:
                    found.append(WorkLeft(_RESOURCE_FIELDS[subject], command[subject], WorkKind.COMMAND, None))
        return found

    def in_store(self, account: str | None, earliest: int) -> list[WorkLeft]:
        """Return the callbacks in the outbox and the stopped recordings without media; 2 requests for each shard.

        Args:
            account: the account; None for all.
            earliest: the first time at which a callback can be queued again (milliseconds).
        """
        return [work for shard in SHARDS for work in self._in_shard(shard, account, earliest)]

    def _in_shard(self, shard: str, account: str | None, earliest: int) -> Iterator[WorkLeft]:
        until = MAX_TIME_MS // 1000
        for delivery in self.deliveries.find_due(shard, until, _MAX_DELIVERIES_PER_SHARD):
            if account in {None, delivery.account} and delivery.next_attempt_at is not None:
                kind = CallbackLogEntry(delivery).kind
                due = max(earliest, delivery.next_attempt_at * 1000)
                yield WorkLeft(kind, delivery.resource_id, WorkKind.CALLBACK, due)
        for pending in self.pending_work.find_pending(shard, until):
            resource = pending.resource
            if not isinstance(resource, Recording) or resource.status is not RecordingStatus.STOPPED:
                continue
            if account in {None, pending.account}:
                timeout = max(earliest, (resource.updated + MEDIA_TIMEOUT_SECONDS) * 1000)
                # The simulated engine of an earlier process uploads nothing more; an external one may at any time.
                media_due = timeout if self.engine is not None else None
                yield WorkLeft(ResourceType.RECORDING, resource.id, WorkKind.MEDIA, media_due)

    def _media(self, account: str | None) -> Iterator[WorkLeft]:
        for capture in self.engine.uploads(account) if self.engine is not None else ():
            yield WorkLeft(ResourceType.RECORDING, capture.recording, WorkKind.MEDIA, capture.due_at)

    def _conversions(self, account: str | None) -> Iterator[WorkLeft]:
        for body, visible in self.finishing.visible_times:
            message = json.loads(body)
            if account in {None, message["account"]}:
                yield WorkLeft(ResourceType.RECORDING, message["recording"], WorkKind.CONVERSION, visible)

    def _events(self, account: str | None) -> Iterator[WorkLeft]:
        for event, due in self.engine.outbox.waiting(account) if self.engine is not None else ():
            subject = next((name for name in _RESOURCE_FIELDS if name in event), None)
            if subject is not None:
                yield WorkLeft(_RESOURCE_FIELDS[subject], event[subject], WorkKind.EVENT, due)

    def _callbacks(self, account: str | None) -> Iterator[WorkLeft]:
        now = self.clock()
        bodies = [json.loads(body) for _, body in self.callbacks.messages]
        in_work = self.deliverer.delayed + [(body["resource"], body["account"]) for body in bodies]
        for resource_id, owner in in_work:
            if account in {None, owner}:
                yield WorkLeft(self.callback_log.kind_of(resource_id), resource_id, WorkKind.CALLBACK, now)
        for delivery in self.callback_log.scheduled_retries:
            if account in {None, delivery.account} and delivery.next_attempt_at is not None:
                kind = self.callback_log.kind_of(delivery.resource_id)
                yield WorkLeft(kind, delivery.resource_id, WorkKind.CALLBACK, delivery.next_attempt_at * 1000)


_RESOURCE_FIELDS: Final = {
    "recording": ResourceType.RECORDING,
    "conference": ResourceType.CONFERENCE,
    "call": ResourceType.CALL,
}
"""Fields of an engine event or command that name its resource, the most specific first."""
