"""The sender and the event source mapping of a standard queue that a function of this process reads."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from typing import Any

from tapedeck.adapters.batching import write_json
from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.event_sources import ACCOUNT, REGION, Handler, failures_of
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue, StandardMessage


def send_bodies(queue: MemoryStandardQueue, messages: Sequence[QueueMessage]) -> None:
    """Send the bodies of messages to a standard queue, which has no groups and drops no duplicates."""
    queue.send(*(write_json(message.body) for message in messages))


class StandardQueueSource:
    """The event source mapping of a standard queue, with `ReportBatchItemFailures` and batches of one.

    A failed message becomes visible after the queue's visibility timeout, as with Lambda.

    Args:
        queue: the queue to read.
        handler: the function that gets the messages.
        report: is called with each exception of the handler.
    """

    def __init__(
        self,
        queue: MemoryStandardQueue,
        handler: Handler,
        report: Callable[[Exception], object] = traceback.print_exception,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._report = report

    @property
    def next_due(self) -> int | None:
        """When a message becomes visible, in milliseconds; None if there is none."""
        return self._queue.next_due()

    def run_once(self) -> bool:
        """Deliver one message; return whether there was one."""
        received = self._queue.receive(1)
        for message in received:
            event = {"Records": [self._record(message)]}
            if failures_of(self._handler, event, {message.message_id}, self._report) == set():
                self._queue.delete(message.receipt)
        return bool(received)

    def _record(self, message: StandardMessage) -> Mapping[str, Any]:
        return {
            "messageId": message.message_id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receive_count),
                "SentTimestamp": str(message.sent),
                "SenderId": ACCOUNT,
                "ApproximateFirstReceiveTimestamp": str(message.first_received),
            },
            "messageAttributes": {},
            "md5OfBody": md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._queue.name}",
            "awsRegion": REGION,
        }
