"""What becomes of callbacks on their way, where something is to go wrong with them; else nothing."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tapedeck.domain.claim import Claim, ClaimState
from tapedeck.operations.messaging import Failure, Message, Outcome, Outgoing, Sender
from tapedeck_standin.callback_journal import CallbackJournal, Sent
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.event_sources import Handler
from tapedeck_standin.faults import CALLBACK, Faults, Then
from tapedeck_standin.queues import MemoryQueue

HELD_SECONDS: Final = 1.0
"""Of real time that a callback waits for the next one, if it is to be overtaken: after that it is told all the same."""

DROPPED: Final = "dropped"
"""In place of a failure: the callback was lost on its way, and nobody was asked."""


class Tampering:
    """`callback_journal.Tamper`: the faults that befall single attempts.

    Args:
        faults: what is to go wrong.
        clock: how late it is.
    """

    def __init__(self, faults: Faults, clock: VirtualClock) -> None:
        self._faults = faults
        self._clock = clock

    def send(self, claim: Claim, request: Outgoing, sender: Sender) -> Sequence[Sent]:
        """Make an attempt, or have it fail as somebody has asked."""
        then = self._faults.take(claim.account, CALLBACK, if_it=lambda then: then.kind != "reorder")
        at = self._clock()
        match then:
            case Then(status=int() as status):
                return [Sent(at, Outcome(status, None, 0))]
            case Then(close=True):
                return [Sent(at, Outcome(None, Failure.READ, 0))]
            case Then(drop=True):
                # What nobody would try again.
                return [Sent(at, Outcome(None, Failure.FORBIDDEN, 0), DROPPED)]
            case Then(double=True):
                return [Sent(at, sender.send(request)), Sent(self._clock(), sender.send(request))]
            case Then(delay=float() as delay):
                self._clock.sleep(delay)
        return [Sent(at, sender.send(request))]


@dataclass(frozen=True, slots=True)
class _Held:
    message: Message
    until: float


class Courier:
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
        journal: CallbackJournal,
        faults: Faults,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._queue = queue
        self._journal = journal
        self._faults = faults
        self._steady = steady
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def __call__(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        """Deliver a callback, or keep it until the next one of the same recording or conference has been told."""
        (record,) = event["Records"]
        body = json.loads(record["body"])
        subject = body["subject"]
        if self._is_overtaken(body):
            identifier = f"{record['attributes']['MessageDeduplicationId']}-overtaken"
            with self._lock:
                self._held[subject] = _Held(Message(body, subject, identifier), self._steady() + HELD_SECONDS)
            return None
        answer = self._deliver(event, context)
        if not (answer or {}).get("batchItemFailures"):
            self._release(lambda held: held.message.group == subject)
        return answer

    def look(self) -> None:
        """Let go of what nothing has overtaken in time."""
        now = self._steady()
        self._release(lambda held: held.until <= now)

    @property
    def held(self) -> list[tuple[str, str]]:
        """The subject and the account of each callback that waits here."""
        with self._lock:
            return [(subject, held.message.body["account"]) for subject, held in self._held.items()]

    def _is_overtaken(self, body: Mapping[str, str]) -> bool:
        with self._lock:
            if body["subject"] in self._held:
                return False
        entry = self._journal.get(body["account"], f"{body['subject']}.{body['claim']}")
        if entry is None or entry.claim.state is not ClaimState.QUEUED:
            return False
        return self._faults.take(body["account"], CALLBACK, if_it=lambda then: then.kind == "reorder") is not None

    def _release(self, is_due: Callable[[_Held], bool]) -> None:
        with self._lock:
            due = [subject for subject, held in self._held.items() if is_due(held)]
            # Into the queue before it is out of here: whoever asks what is under way must find it.
            self._queue.send([self._held[subject].message for subject in due])
            for subject in due:
                del self._held[subject]
