"""Inject the faults of the control API into callback deliveries."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.ports.messaging import FailureReason, Queue, QueueMessage, WebhookClient, WebhookRequest, WebhookResult
from tapedeck_standin.aws.event_sources import Handler
from tapedeck_standin.callbacks.callback_log import CallbackLog, RecordedAttempt
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.faults import CALLBACK, FaultAction, Faults

MAX_REORDER_WAIT_SECONDS: Final = 1.0
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
        self, delivery: CallbackDelivery, request: WebhookRequest, client: WebhookClient
    ) -> Sequence[RecordedAttempt]:
        """Make an attempt, or simulate the next fault of the account."""
        effect = self._faults.apply_next(
            delivery.account, CALLBACK, is_applicable=lambda effect: effect.kind != "reorder"
        )
        at = self._clock()
        match effect:
            case FaultAction(status=int() as status):
                return [RecordedAttempt(at, WebhookResult(status, None, 0))]
            case FaultAction(close=True):
                return [RecordedAttempt(at, WebhookResult(None, FailureReason.READ, 0))]
            case FaultAction(drop=True):
                # FORBIDDEN is never retried.
                return [RecordedAttempt(at, WebhookResult(None, FailureReason.FORBIDDEN, 0), DROPPED)]
            case FaultAction(double=True):
                return [RecordedAttempt(at, client.send(request)), RecordedAttempt(self._clock(), client.send(request))]
            case FaultAction(delay=float() as delay):
                self._clock.sleep(delay)
        return [RecordedAttempt(at, client.send(request))]


@dataclass(frozen=True, slots=True)
class _DelayedDelivery:
    message: QueueMessage
    deadline: float


class ReorderingDeliverer:
    """The `deliver_callback` handler, with the `reorder` fault: the next callback overtakes the delayed one.

    Args:
        deliver: the handler.
        queue: gets the delayed callbacks again; the handler gets batches of one message.
        callback_log: the callback log, which has the state of each delivery.
        faults: the pending faults.
        monotonic_clock: monotonic seconds, not advanced by the control API.
    """

    def __init__(
        self,
        deliver: Handler,
        queue: Queue,
        callback_log: CallbackLog,
        faults: Faults,
        monotonic_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._queue = queue
        self._callback_log = callback_log
        self._faults = faults
        self._monotonic_clock = monotonic_clock
        self._lock = threading.Lock()
        self._delayed: dict[str, _DelayedDelivery] = {}

    def __call__(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        """Deliver a callback, or hold it until the next one of its recording, conference or call is delivered."""
        (record,) = event["Records"]
        body = json.loads(record["body"])
        resource_id = body["resource"]
        if self._must_be_overtaken(body):
            identifier = f"{record['attributes']['MessageDeduplicationId']}-overtaken"
            with self._lock:
                self._delayed[resource_id] = _DelayedDelivery(
                    QueueMessage(body, record["attributes"]["MessageGroupId"], identifier),
                    self._monotonic_clock() + MAX_REORDER_WAIT_SECONDS,
                )
            return None
        answer = self._deliver(event, context)
        if not (answer or {}).get("batchItemFailures"):
            self._release(lambda delayed: delayed.message.body["resource"] == resource_id)
        return answer

    def release_overdue(self) -> None:
        """Queue delayed callbacks again whose time is up."""
        now = self._monotonic_clock()
        self._release(lambda delayed: delayed.deadline <= now)

    @property
    def delayed(self) -> list[tuple[str, str]]:
        """Resource id and account of each delayed callback."""
        with self._lock:
            return [(resource_id, delayed.message.body["account"]) for resource_id, delayed in self._delayed.items()]

    def _must_be_overtaken(self, body: Mapping[str, str]) -> bool:
        with self._lock:
            if body["resource"] in self._delayed:
                return False
        entry = self._callback_log.get(body["account"], f"{body['resource']}.{body['delivery']}")
        if entry is None or entry.delivery.state is not DeliveryState.QUEUED:
            return False
        return (
            self._faults.apply_next(body["account"], CALLBACK, is_applicable=lambda effect: effect.kind == "reorder")
            is not None
        )

    def _release(self, is_due: Callable[[_DelayedDelivery], bool]) -> None:
        with self._lock:
            due = [resource_id for resource_id, delayed in self._delayed.items() if is_due(delayed)]
            # Queued before it is removed here, so that it always counts as pending.
            self._queue.send([self._delayed[resource_id].message for resource_id in due])
            for resource_id in due:
                del self._delayed[resource_id]
