"""The two queues of callbacks, and the FIFO groups that divide the senders of a queue among accounts and hosts.

First attempts and replays have a queue of their own, so that they never wait behind retries. Only one message of a FIFO
group is in work at once; so an account that has at most `n` groups holds at most `n` senders (C-291). This needs no
counter and no lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.ports.messaging import Queue, QueueMessage


@dataclass(frozen=True, slots=True)
class CallbackLane:
    """A queue of callbacks, and how many of its messages are in work at once."""

    queue: Queue
    concurrency: int

    def send(self, deliveries: Sequence[CallbackDelivery]) -> None:
        """Queue deliveries in order.

        Raises:
            StoreBusy, StoreUnavailable: some may not have been queued; queueing all of them again is safe.
        """
        if deliveries:
            self.queue.send([self.message(delivery) for delivery in deliveries])

    # --8<-- [start:message]
    def message(self, delivery: CallbackDelivery) -> QueueMessage:
        """Return the queue message of a delivery; those of one resource and host are in one FIFO group (C-85)."""
        body = {"account": delivery.account, "resource": delivery.resource_id, "delivery": delivery.id}
        # Each round of attempts has its own deduplication id.
        identifier = f"{delivery.idempotency_token}-{delivery.attempt_count}-{delivery.next_attempt_at}"
        return QueueMessage(body, group_of(delivery, self.concurrency), identifier)

    # --8<-- [end:message]


# --8<-- [start:group]
def group_of(delivery: CallbackDelivery, concurrency: int) -> str:
    """Return the FIFO group of a delivery (C-291).

    An account has at most half as many groups as there are senders, rounded up, and one of its hosts at most a quarter.
    """
    of_account, of_host = -(-concurrency // 2), -(-concurrency // 4)
    slot = (_number(delivery.host) + _number(delivery.resource_id) % of_host) % of_account
    return f"{delivery.account}-{slot}"


# --8<-- [end:group]


def _number(text: str) -> int:
    """Return a number that is spread evenly, and equal in every process."""
    return int.from_bytes(sha256(text.encode()).digest()[:8])
