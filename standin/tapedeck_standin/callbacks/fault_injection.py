"""Inject the faults of the control API into callback deliveries."""

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
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.faults import CALLBACK, FaultAction, Faults

HELD_SECONDS: Final = 1.0
"""Real seconds for which a reordered callback waits for the next one; then it is delivered anyway."""

DROPPED: Final = "dropped"
"""The failure of a callback that was dropped without a request."""


class AttemptFaultInjector:
    """An `AttemptInterceptor` that injects faults into single attempts.

    Args:
        faults: the pending faults.
        clock: dates the attempts.
    """

    def __init__(self, faults: Faults, clock: VirtualClock) -> None:
        self._faults = faults
        self._clock = clock

    def send(
        self, delivery: CallbackDelivery, request: WebhookRequest, sender: WebhookClient
    ) -> Sequence[RecordedAttempt]:
        """Make an attempt, or simulate the next fault of the account."""
        then = self._faults.take(delivery.account, CALLBACK, if_it=lambda then: then.kind != "reorder")
        at = self._clock()
        match then:
            case FaultAction(status=int() as status):
                return [RecordedAttempt(at, WebhookResult(status, None, 0))]
            case FaultAction(close=True):
                return [RecordedAttempt(at, WebhookResult(None, FailureReason.READ, 0))]
            case FaultAction(drop=True):
                # FORBIDDEN is never retried.
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
    """The `deliver_callback` handler, with the `reorder` fault: the next callback overtakes the held one.

    Args:
        deliver: the handler.
        queue: the queue of the callbacks; the handler gets batches of one message.
        journal: the callback log, which has the state of each delivery.
        faults: the pending faults.
        steady: monotonic seconds, not advanced by the control API.
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
        self._callback_log = journal
        self._faults = faults
        self._steady = steady
        self._lock = threading.Lock()
        self._held: dict[str, _DelayedDelivery] = {}

    def __call__(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        """Deliver a callback, or hold it until the next one of its recording or conference is delivered."""
        (record,) = event["Records"]
        body = json.loads(record["body"])
        resource_id = body["resource"]
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
        """Queue held callbacks again whose time is up."""
        now = self._steady()
        self._release(lambda held: held.until <= now)

    @property
    def held(self) -> list[tuple[str, str]]:
        """Resource id and account of each held callback."""
        with self._lock:
            return [(resource_id, held.message.body["account"]) for resource_id, held in self._held.items()]

    def _is_overtaken(self, body: Mapping[str, str]) -> bool:
        with self._lock:
            if body["resource"] in self._held:
                return False
        entry = self._callback_log.get(body["account"], f"{body['resource']}.{body['delivery']}")
        if entry is None or entry.delivery.state is not DeliveryState.QUEUED:
            return False
        return self._faults.take(body["account"], CALLBACK, if_it=lambda then: then.kind == "reorder") is not None

    def _release(self, is_due: Callable[[_DelayedDelivery], bool]) -> None:
        with self._lock:
            due = [resource_id for resource_id, held in self._held.items() if is_due(held)]
            # Queued before it is removed here, so that it always counts as pending.
            self._queue.send([self._held[resource_id].message for resource_id in due])
            for resource_id in due:
                del self._held[resource_id]
