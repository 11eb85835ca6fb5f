"""What Lambda's event source mappings do between a queue or a stream and a function, step by step in this process.

A source has no thread and no clock of its own: whoever drives it calls `run_once`, one source from one thread. What is
raised beneath Exception, such as a simulated end of the process, passes through and leaves everything as it would be
left: messages in flight, records to be told again.
"""

import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from typing import Any, Final

from tapedeck_standin.aws.queues import MemoryQueue, Received

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"

Record = Mapping[str, Any]
Handler = Callable[[dict[str, Any], None], Mapping[str, Any] | None]
"""A function of Lambda; it gets no context."""


class QueueSource:
    """The mapping of a FIFO queue, with `ReportBatchItemFailures`.

    Args:
        queue: from where.
        handler: whereto.
        batch: the most messages at a time; of FIFO queues Lambda takes ten at most.
        gives_back: whether what has failed may be received again at once, which soon uses up its receives; else it
            comes again after the queue's visibility timeout, as Lambda leaves it.
        wants: as for `MemoryQueue.receive`.
        report: gets what a handler raises.
    """

    def __init__(
        self,
        queue: MemoryQueue,
        handler: Handler,
        batch: int = 10,
        *,
        gives_back: bool = True,
        wants: Callable[[str], bool] = lambda _: True,
        report: Callable[[Exception], object] = traceback.print_exception,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._batch = batch
        self._gives_back = gives_back
        self._wants = wants
        self._report = report
        self._failed: list[str] = []
        """The receipts of what waits for its visibility timeout."""

    def retry(self) -> None:
        """What has failed may be received again at once, for it may fit now; it has failed once less then."""
        self._queue.return_messages(self._failed, counts=False)
        self._failed = []

    @property
    def next_due(self) -> int | None:
        """As for `MemoryQueue.next_due`."""
        return self._queue.next_due()

    @property
    def blocked(self) -> list[str]:
        """As for `MemoryQueue.blocked`."""
        return self._queue.blocked

    def run_once(self) -> bool:
        """Hand over one batch; whether there was any."""
        received = self._queue.receive(self._batch, self._wants)
        if not received:
            return False
        event = {"Records": [self._record(message) for message in received]}
        failed = _failures(self._handler, event, {message.message_id for message in received}, self._report)
        left = [message.receipt for message in received if failed is None or message.message_id in failed]
        for message in received:
            if message.receipt not in left:
                self._queue.delete(message.receipt)
        if self._gives_back:
            self._queue.return_messages(left)
        else:
            self._failed += left
        return True

    def _record(self, message: Received) -> Record:
        return {
            "messageId": message.message_id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receive_count),
                "SentTimestamp": str(message.sent),
                "SequenceNumber": message.sequence,
                "MessageGroupId": message.group,
                "SenderId": ACCOUNT,
                "MessageDeduplicationId": message.id,
                "ApproximateFirstReceiveTimestamp": str(message.first_received),
            },
            "messageAttributes": {},
            "md5OfBody": md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._queue.name}",
            "awsRegion": REGION,
        }


class StreamSource:
    """The mapping of a table's stream, with `ReportBatchItemFailures` and `BisectBatchOnFunctionError` (rule R5).

    Args:
        take: records of the stream that it has not given before, in order and as Lambda tells them.
        handler: whereto.
        batch: the most records at a time.
        most_tries: how often a record may fail by itself: reported as the first that failed, or alone in its batch.
            Halving a batch uses up none.
        on_failure: gets the record then; the next one's turn has come.
        report: gets what a handler raises.
    """

    def __init__(
        self,
        take: Callable[[], Sequence[Record]],
        handler: Handler,
        batch: int = 100,
        *,
        most_tries: int,
        on_failure: Callable[[Record], object],
        report: Callable[[Exception], object] = traceback.print_exception,
    ) -> None:
        self._take = take
        self._handler = handler
        self._batch = batch
        self._most_tries = most_tries
        self._on_failure = on_failure
        self._report = report
        self._batches: deque[list[Record]] = deque()
        self._tries = 0
        """Of the record that is next."""

    def run_once(self) -> bool:
        """Hand over one batch, or what has failed of the last one; whether there was any."""
        if not self._batches:
            records = list(self._take())
            self._batches += (records[start : start + self._batch] for start in range(0, len(records), self._batch))
        if not self._batches:
            return False
        batch = self._batches[0]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        failed = _failures(self._handler, {"Records": list(batch)}, set(numbers), self._report)
        if failed is None and len(batch) > 1:
            half = (len(batch) + 1) // 2
            self._put_back(batch[:half], batch[half:])
            return True
        first = 0 if failed is None else next((at for at, number in enumerate(numbers) if number in failed), len(batch))
        rest = batch[first:]
        self._tries = (self._tries if first == 0 else 0) + 1 if rest else 0
        if rest and self._tries >= self._most_tries:
            self._on_failure(rest.pop(0))
            self._tries = 0
        self._put_back(rest)
        return True

    def _put_back(self, *batches: list[Record]) -> None:
        """In place of the first, these."""
        self._batches.popleft()
        self._batches.extendleft(batch for batch in reversed(batches) if batch)


def _failures(
    handler: Handler, event: dict[str, Any], known: set[str], report: Callable[[Exception], object]
) -> set[Any] | None:
    """What the handler says has failed; None for everything: it raised, or said what Lambda does not understand."""
    try:
        answer = handler(event, None)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this batch's failure
        report(error)
        return None
    match answer:
        case None | {"batchItemFailures": None}:
            return set()
        case {"batchItemFailures": [*failures]}:
            failed = {failure.get("itemIdentifier") if isinstance(failure, Mapping) else None for failure in failures}
            return failed if failed <= known else None
        case Mapping() if "batchItemFailures" not in answer:
            return set()
    return None  # what Lambda cannot read
