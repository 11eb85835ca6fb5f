"""What becomes of callbacks on their way, where something is to go wrong with them; else nothing."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.ports.messaging import FailureReason, QueueMessage, WebhookClient, WebhookRequest, WebhookResult
from tapedeck_standin.aws.event_sources import Handler
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.callbacks.callback_log import CallbackLog, RecordedAttempt
from tapedeck_standin.control.faults import CALLBACK, FaultAction, Faults
from tapedeck_standin.scheduler.clock import VirtualClock

HELD_SECONDS: Final = 1.0
"""Of real time that a callback waits for the next one, if it is to be overtaken: after that it is told all the same."""

DROPPED: Final = "dropped"
"""In place of a failure: the callback was lost on its way, and nobody was asked."""


class AttemptFaultInjector:
    """`callback_journal.Tamper`: the faults that befall single attempts.

    Args:
        faults: what is to go wrong.
        clock: how late it is.
    """

    def __init__(self, faults: Faults, clock: VirtualClock) -> None:
        self._faults = faults
        self._clock = clock

    def send(
        self, delivery: CallbackDelivery, request: WebhookRequest, sender: WebhookClient
    ) -> Sequence[RecordedAttempt]:
        """Make an attempt, or have it fail as somebody has asked."""
        then = self._faults.take(delivery.account, CALLBACK, if_it=lambda then: then.kind != "reorder")
        at = self._clock()
        match then:
            case FaultAction(status=int() as status):
                return [RecordedAttempt(at, WebhookResult(status, None, 0))]
            case FaultAction(close=True):
                return [RecordedAttempt(at, WebhookResult(None, FailureReason.READ, 0))]
            case FaultAction(drop=True):
                # What nobody would try again.
                return [RecordedAttempt(at, WebhookResult(None, FailureReason.FORBIDDEN, 0), DROPPED)]
            case FaultAction(double=True):
                return [RecordedAttempt(at, sender.send(request)), RecordedAttempt(self._clock(), sender.send(request))]
            case FaultAction(delay=float() as delay):
                self._clock.sleep(delay)
        return [RecordedAttempt(at, sender.send(request))]


@dataclass(frozen=True, slots=True)
class _DelayedDelivery:
    message: QueueMessage
    until: float


class ReorderingDeliverer:
    """`deliver_callback`, behind whose back callbacks overtake one another where somebody has asked for that.

    Args:
        deliver: the function.
        queue: where callbacks come from, one at a time.
        journal: knows which of them are still to be told.
        faults: what is to go wrong.
        steady: seconds, by a clock that nobody sets.
    """

    def __init__(
        self,
        deliver: Handler,
        queue: MemoryQueue,
        journal: CallbackLog,
        faults: Faults,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._queue = queue
        self._journal = journal
        self._faults = faults
        self._steady = steady
        self._lock = threading.Lock()
        self._held: dict[str, _DelayedDelivery] = {}

    def __call__(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        """Deliver a callback, or keep it until the next one of the same recording or conference has been told."""
        (record,) = event["Records"]
        body = json.loads(record["body"])
        resource_id = body["subject"]
        if self._is_overtaken(body):
            identifier = f"{record['attributes']['MessageDeduplicationId']}-overtaken"
            with self._lock:
                self._held[resource_id] = _DelayedDelivery(
                    QueueMessage(body, resource_id, identifier), self._steady() + HELD_SECONDS
                )
            return None
        answer = self._deliver(event, context)
        if not (answer or {}).get("batchItemFailures"):
            self._release(lambda held: held.message.group == resource_id)
        return answer

    def release_overdue(self) -> None:
        """Let go of what nothing has overtaken in time."""
        now = self._steady()
        self._release(lambda held: held.until <= now)

    @property
    def held(self) -> list[tuple[str, str]]:
        """The subject and the account of each callback that waits here."""
        with self._lock:
            return [(resource_id, held.message.body["account"]) for resource_id, held in self._held.items()]

    def _is_overtaken(self, body: Mapping[str, str]) -> bool:
        with self._lock:
            if body["subject"] in self._held:
                return False
        entry = self._journal.get(body["account"], f"{body['subject']}.{body['claim']}")
        if entry is None or entry.delivery.state is not DeliveryState.QUEUED:
            return False
        return self._faults.take(body["account"], CALLBACK, if_it=lambda then: then.kind == "reorder") is not None

    def _release(self, is_due: Callable[[_DelayedDelivery], bool]) -> None:
        with self._lock:
            due = [resource_id for resource_id, held in self._held.items() if is_due(held)]
            # Into the queue before it is out of here: whoever asks what is under way must find it.
            self._queue.send([self._held[resource_id].message for resource_id in due])
            for resource_id in due:
                del self._held[resource_id]
