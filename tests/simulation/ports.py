"""What stands around the real code in a simulation: a clock, perils at every call of a port, uncertain queues, a log.

Nothing here waits, and nothing is left to any chance but a simulation's own.
"""

import random
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, Literal

from botocore.exceptions import ConnectionClosedError

from tapedeck.domain.errors import StoreUnavailable
from tapedeck.observability import CanonicalLog
from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.telephony.engine import PROCESSING_SECONDS, CaptureMode, Engine

BEGINNING: Final = 1_800_000_000_000
"""Milliseconds: when every simulation begins."""


class Crash(BaseException):
    """The process has ended: nothing of it catches this."""


class SimulatedClock:
    """Milliseconds since the epoch, which pass only where somebody says so."""

    def __init__(self) -> None:
        self._now = BEGINNING

    def __call__(self) -> int:
        """The time now."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self._now += round(seconds * 1000)


class RandomSource(random.Random):
    """All chance of a simulation, also where the code asks `secrets` or `random` for it."""

    def randbits(self, bits: int) -> int:
        """As `secrets.randbits`."""
        return self.getrandbits(bits)

    def token_hex(self, count: int) -> str:
        """As `secrets.token_hex`."""
        return self.randbytes(count).hex()


class Perils:
    """Counts the moments before and after each call of a port, and lets something happen at one of them."""

    def __init__(self) -> None:
        self.passed = 0
        self.struck = 0
        """How often something has happened."""
        self._fatal: int | None = None
        self._crashes = True

    def arm(self, moments: int, *, crashes: bool) -> None:
        """At the moment after so many others the process ends; or, if not `crashes`, the port does not answer."""
        self._fatal, self._crashes = self.passed + moments, crashes

    def disarm(self) -> None:
        """Nothing is to happen any more."""
        self._fatal = None

    def meet(self, *, of_database: bool = False) -> None:
        """Another moment has come."""
        self.passed += 1
        if self.passed != self._fatal:
            return
        self._fatal = None
        self.struck += 1
        if self._crashes:
            raise Crash
        if of_database:
            raise ConnectionClosedError(endpoint_url="https://dynamodb.amazonaws.com")
        raise StoreUnavailable

    def meet_database(self, _when: Literal["before", "after"], _operation: str, _request: object) -> None:
        """The seam of the database in memory."""
        self.meet(of_database=True)

    def around(self, port: Any) -> Any:
        """The same port, with perils before and after each call."""
        return _Perilous(port, self)


class _Perilous:
    def __init__(self, port: Any, perils: Perils) -> None:
        self._port = port
        self._perils = perils

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        @wraps(method)
        def call(*given: object, **named: object) -> Any:
            self._perils.meet()
            result = method(*given, **named)
            self._perils.meet()
            return result

        setattr(self, name, call)
        return call


class UncertainQueue:
    """The way of media events: one in a hundred each is lost, comes twice, or is overtaken.

    Args:
        queue: whereto.
        random_source: decides.
        mishaps: how probable each of these is.
    """

    def __init__(self, queue: MemoryQueue, random_source: RandomSource, mishaps: float) -> None:
        self._queue = queue
        self._chance = random_source
        self._mishaps = mishaps
        self._late: list[QueueMessage] = []
        self.lost: list[QueueMessage] = []

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Take these, or some of them."""
        for message in messages:
            drawn = self._chance.random()
            if drawn < self._mishaps:
                self.lost.append(message)
                continue
            if drawn < 2 * self._mishaps:
                self._late.append(message)
                continue
            again = (
                [QueueMessage(message.body, message.group, f"{message.id}-again")] if drawn < 3 * self._mishaps else []
            )
            self._queue.send([message, *again])
            if self._late and self._chance.random() < 0.5:
                self.catch_up()

    def catch_up(self) -> bool:
        """Let come what has been overtaken; whether there was anything."""
        late, self._late = self._late, []
        self._queue.send(late)
        return bool(late)


class JournalQueue(MemoryQueue):
    """A queue of commands that remembers all that it was told: resources with versions of them, and kinds."""

    journal: set[tuple[str, int]]
    kinds: set[str]

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Take these."""
        for message in messages:
            body = message.body
            self.kinds.add(body["type"])
            self.journal.add((body.get("recording") or body.get("call") or body["conference"], body["version"]))
        super().send(messages)


class OpenQueue(MemoryQueue):
    """A queue into which anybody may put anything."""

    def append_text(self, text: str, group: str) -> None:
        """Take a message that may be no JSON."""
        self._store.append(text, group, f"{group}-{self._store.last}", self._clock())


class WatchedEngine(Engine):
    """A media engine that says what it captures."""

    def capturing(self) -> list[str]:
        """The recordings that it has not ended."""
        return [name for name, take in self._takes.items() if take.due_at is None]

    def act(self, recording: str, kind: str) -> bool:
        """Whether it does by itself what an event of this kind tells; not where it is capturing nothing."""
        take = self._takes.get(recording)
        if take is None or (take.due_at is not None and kind != "recording.absent"):
            return False
        if kind == "recording.absent":
            self._end(take)
            return True
        capture = {"recording.resumed": CaptureMode.SOUND, "recording.paused": CaptureMode.SILENCE}
        take.switch_mode(capture.get(kind, CaptureMode.NOTHING), self._clock())
        if kind == "recording.stopped":
            take.due_at = self._clock() + PROCESSING_SECONDS * 1000
        return True


class Outcomes(CanonicalLog):
    """Keeps what each record came to, in place of a line."""

    def __init__(self) -> None:
        super().__init__("simulation")
        self.observed: list[tuple[str, str, str | None]] = []
        """Operation, outcome and the error's name."""

    def background(
        self,
        *,
        operation: str,
        outcome: str,
        account: str | None = None,
        error: str | None = None,
        counted: object = None,
    ) -> None:
        """Keep it."""
        del account, counted
        self.observed.append((operation, outcome, error))
