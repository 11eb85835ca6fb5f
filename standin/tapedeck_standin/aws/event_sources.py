"""Lambda's event source mappings for queues and streams, run step by step in this process.

A source has no thread and no clock: the scheduler calls `run_once`, one source from one thread. A simulated crash,
a BaseException, is not caught. As after a real crash, messages stay in flight, and records are delivered again.
"""

import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from typing import Any, Final

from tapedeck_standin.aws.queues import MemoryQueue, Received
from tapedeck_standin.clock import working_for

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"

Record = Mapping[str, Any]
Handler = Callable[[dict[str, Any], None], Mapping[str, Any] | None]
"""A Lambda handler; the context is None."""


class QueueSource:
    """The event source mapping of a FIFO queue, with `ReportBatchItemFailures`.

    Args:
        queue: the queue to read.
        handler: the function that gets the batches.
        batch: the maximum number of messages in a batch; Lambda allows ten for a FIFO queue.
        return_failed: whether failed messages become visible at once, which soon uses up their receives. Otherwise
            they become visible after the queue's visibility timeout, as with Lambda.
        report: is called with each exception of the handler.
    """

    def __init__(
        self,
        queue: MemoryQueue,
        handler: Handler,
        batch: int = 10,
        *,
        return_failed: bool = True,
        report: Callable[[Exception], object] = traceback.print_exception,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._batch = batch
        self._return_failed = return_failed
        self._report = report

    @property
    def next_due(self) -> int | None:
        """When a message becomes visible, as in `MemoryQueue.next_due`."""
        return self._queue.next_due()

    @property
    def blocked(self) -> list[str]:
        """Bodies of the messages behind one in flight, as in `MemoryQueue.blocked`."""
        return self._queue.blocked

    # --8<-- [start:queue]
    def run_once(self) -> bool:
        """Deliver one batch; return whether there was one."""
        received = self._queue.receive(self._batch)
        if not received:
            return False
        event = {"Records": [self._record(message) for message in received]}
        failed = failures_of(self._handler, event, {message.message_id for message in received}, self._report)
        kept = [message.receipt for message in received if failed is None or message.message_id in failed]
        for message in received:
            if message.receipt not in kept:
                self._queue.delete(message.receipt)
        if self._return_failed:
            self._queue.return_messages(kept)
        return True

    # --8<-- [end:queue]

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
    """The event source mapping of a stream, with batch item failures and `BisectBatchOnFunctionError` (REL-5).

    Args:
        take: returns the new records of the stream in order, in the form of Lambda's events.
        handler: the function that gets the batches.
        batch: the maximum number of records in a batch.
        max_attempts: attempts for one record: those where it is the first reported failure, or alone in its batch.
            Bisecting a batch does not count.
        on_failure: is called with a record whose attempts are exhausted; the stream then goes on with the next one.
        report: is called with each exception of the handler.
        account_of: returns the account of a record, None without one. A batch has the records of one account, so that
            the function runs by the clock of this account (C-315).
    """

    def __init__(
        self,
        take: Callable[[], Sequence[Record]],
        handler: Handler,
        batch: int = 100,
        *,
        max_attempts: int,
        on_failure: Callable[[Record], object],
        report: Callable[[Exception], object] = traceback.print_exception,
        account_of: Callable[[Record], str | None] = lambda _: None,
    ) -> None:
        self._take = take
        self._handler = handler
        self._batch = batch
        self._max_attempts = max_attempts
        self._on_failure = on_failure
        self._report = report
        self._account_of = account_of
        self._batches: deque[list[Record]] = deque()
        self._attempts = 0
        """Attempts for the next record."""

    def run_once(self) -> bool:
        """Deliver one batch, or what is left of a failed one; return whether there was any."""
        if not self._batches:
            by_account: dict[str | None, list[Record]] = {}
            for record in self._take():
                by_account.setdefault(self._account_of(record), []).append(record)
            for records in by_account.values():
                self._batches += (records[start : start + self._batch] for start in range(0, len(records), self._batch))
        if not self._batches:
            return False
        batch = self._batches[0]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        with working_for(self._account_of(batch[0])):
            failed = failures_of(self._handler, {"Records": list(batch)}, set(numbers), self._report)
        if failed is None and len(batch) > 1:
            half = (len(batch) + 1) // 2
            self._put_back(batch[:half], batch[half:])
            return True
        first = 0 if failed is None else next((at for at, number in enumerate(numbers) if number in failed), len(batch))
        rest = batch[first:]
        self._attempts = (self._attempts if first == 0 else 0) + 1 if rest else 0
        if rest and self._attempts >= self._max_attempts:
            self._on_failure(rest.pop(0))
            self._attempts = 0
        self._put_back(rest)
        return True

    def _put_back(self, *batches: list[Record]) -> None:
        """Replace the first batch by these."""
        self._batches.popleft()
        self._batches.extendleft(batch for batch in reversed(batches) if batch)


def failures_of(
    handler: Handler, event: dict[str, Any], known: set[str], report: Callable[[Exception], object]
) -> set[Any] | None:
    """Call the handler; return the failed ids. None: all failed (an exception, or a malformed response)."""
    try:
        answer = handler(event, None)
    except Exception as error:  # noqa: BLE001 - any exception fails this batch
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
    return None  # malformed: Lambda counts the whole batch as failed
