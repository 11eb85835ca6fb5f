"""The template's queues, in this process."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from tapedeck.ports.clock import Clock
from tapedeck_standin.aws.account_queues import AccountQueues
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tapedeck_standin.aws.standard_queue_source import send_bodies
from tapedeck_standin.aws.template import Template
from tapedeck_standin.clock import VirtualClock

MAX_ATTEMPTS: Final = 5
"""Attempts, after which a message goes to the dead-letter queue and a stream change is reported."""

RETENTION_SECONDS: Final = 14 * 86_400
"""Time for which a message is kept, also in the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class Queues:
    """In-process versions of the template's queues, by account."""

    callbacks: AccountQueues[MemoryQueue]
    finishing: AccountQueues[MemoryStandardQueue]

    @classmethod
    def create(cls, clock: VirtualClock, template: Template) -> "Queues":
        """Create the queues, each with a dead-letter queue; the template defines the visibility timeouts."""
        visibility_seconds = template.visibility("FinishingQueue")

        def make_callbacks(own_clock: Clock, account: str) -> MemoryQueue:
            # No visibility timeout: advancing the clock during a delivery must not cause a second one.
            make = partial(MemoryQueue, own_clock, visibility_seconds=None, max_receives=MAX_ATTEMPTS)
            dead = make(name=f"callbacks-{account}-dead.fifo", dead_letters=None)
            return make(name=f"callbacks-{account}.fifo", dead_letters=dead)

        def make_finishing(own_clock: Clock, account: str) -> MemoryStandardQueue:
            make = partial(MemoryStandardQueue, own_clock, retention_seconds=RETENTION_SECONDS)
            return make(
                name=f"finishing-{account}", visibility_seconds=visibility_seconds, max_receives=MAX_ATTEMPTS,
                dead_letters=make(name=f"finishing-{account}-dead"),
            )  # fmt: skip

        return cls(
            AccountQueues(make_callbacks, MemoryQueue.send, clock), AccountQueues(make_finishing, send_bodies, clock)
        )
