"""A simulated network of callback receivers, which accept, refuse, hang or are down, and record what they received.

Each attempt takes time on the simulated clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tapedeck.ports.messaging import FailureReason, WebhookRequest, WebhookResult
from tests.simulation.ports import RandomSource, SimulatedClock

TOKEN: Final = "I-Twilio-Idempotency-Token"
SIGNATURE: Final = "X-Twilio-Signature"

Reaction = Callable[[WebhookRequest], WebhookResult]


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that reached a receiver, and whether it was accepted; `at` is in milliseconds."""

    at: int
    method: str
    url: str
    body: bytes
    signature: str
    token: str | None
    is_accepted: bool

    @property
    def content(self) -> tuple[str, str, bytes, str]:
        """The parts that must be identical in every retry."""
        return self.method, self.url, self.body, self.signature


@dataclass
class Receiver:
    """A customer's server: reactions with their weights, and an outage from when until when, in milliseconds.

    A reaction is a status, `429 after 90` with the seconds of `Retry-After`, `200 in 4` with the seconds that the
    answer takes, or `hangs`, `refuses` or `forbidden`.
    """

    reactions: Mapping[str, float] = field(default_factory=lambda: {"200": 1.0})
    down: tuple[int, int] | None = None

    @property
    def accepts_all(self) -> bool:
        """Whether it accepts every request, apart from an outage."""
        return set(self.reactions) == {"200"}


class ReceiverNetwork:
    """A `ports.messaging.WebhookClient` that calls the simulated receivers.

    Args:
        clock: the simulated clock.
        random_source: chooses among the reactions of a receiver.
    """

    def __init__(self, clock: SimulatedClock, random_source: RandomSource) -> None:
        self.receivers: dict[str, Receiver] = {}
        self.received: list[ReceivedRequest] = []
        self._clock = clock
        self._random_source = random_source

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt: choose a reaction, record the request, advance the clock."""
        receiver = self.receivers[urlsplit(request.url).hostname or ""]
        down = receiver.down
        if down is not None and down[0] <= self._clock() < down[1]:
            return self._after(5, None, FailureReason.CONNECT)
        names = list(receiver.reactions)
        (reaction,) = self._random_source.choices(names, [receiver.reactions[name] for name in names])
        if reaction == "refuses":
            return self._after(5, None, FailureReason.CONNECT)
        if reaction == "forbidden":
            return self._after(0, None, FailureReason.FORBIDDEN)
        is_accepted = reaction.startswith("2")
        self.received.append(
            ReceivedRequest(
                self._clock(), request.method, request.url, request.body, request.headers[SIGNATURE],
                request.headers.get(TOKEN), is_accepted,
            )
        )  # fmt: skip
        limit = min(request.timeouts.read, request.timeouts.total)
        answer, _, seconds = reaction.partition(" in ")
        taken = limit if reaction == "hangs" else 1_000 * int(seconds) if seconds else 20
        if taken >= limit:
            return self._after(limit, None, FailureReason.READ)
        status, _, retry_after = answer.partition(" after ")
        return self._after(taken, int(status), None, int(retry_after) if retry_after else None)

    def _after(
        self, milliseconds: int, status: int | None, failure: FailureReason | None, retry_after: int | None = None
    ) -> WebhookResult:
        self._clock.sleep(milliseconds / 1000)
        return WebhookResult(status, failure, milliseconds, b"", retry_after)
