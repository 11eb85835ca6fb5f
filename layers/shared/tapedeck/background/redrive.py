"""Publish the changes of failed stream batches again.

Lambda saves a batch to the failed-batches bucket when all its retries have failed (REL-5).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tapedeck.background.publisher import ChangePublisher
from tapedeck.ports.changes import Change
from tapedeck.ports.messaging import FailedBatchStore


class FailedBatchRedrive:
    """Publishes failed batches again and deletes them.

    Every method raises StoreBusy or StoreUnavailable if the table, a queue, the bus or the bucket fails.

    Args:
        failures: the failed-batches bucket.
        read_change: parses a stream record.
        sort_by_conference_sequence: sorts stream records into publishing order.
        publisher: publishes their changes.
    """

    def __init__(
        self,
        failures: FailedBatchStore,
        read_change: Callable[[Mapping[str, Any]], Change | None],
        sort_by_conference_sequence: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]],
        publisher: ChangePublisher,
    ) -> None:
        self._failures = failures
        self._read_change = read_change
        self._sort_by_conference_sequence = sort_by_conference_sequence
        self._publisher = publisher

    def run(self, max_batches: int) -> tuple[int, bool]:
        """Publish batches again, the oldest of each shard first; delete each one that succeeds completely.

        Args:
            max_batches: the maximum number of batches. Failing ones do not count: they must not hide those behind them.

        Returns:
            the number of published changes, and whether more batches may be left.

        Raises:
            Exception: the first error, after all other batches are done. A batch with an error stays in the bucket; the
                next run publishes all its changes again, which is idempotent.
        """
        published, done = 0, 0
        failures: list[Exception] = []
        last: str | None = None
        while done < max_batches and (keys := self._failures.list(max_batches - done, last)):
            last = keys[-1]
            for key in keys:
                try:
                    published += self._republish(key)
                    done += 1
                except Exception as error:  # noqa: BLE001 - raised after the other batches
                    failures.append(error)
        if failures:
            raise failures[0]
        return published, done == max_batches

    def _republish(self, key: str) -> int:
        """Publish all changes of one batch, and delete it if none failed; return their number.

        The order within a partition is not kept after a failure: later changes are published nevertheless.
        """
        published = 0
        failures: list[Exception] = []
        for record in self._sort_by_conference_sequence(_records(self._failures.read(key))):
            try:
                change = self._read_change(record)
                if change is not None:
                    self._publisher.publish(change)
                    published += 1
            except Exception as error:  # noqa: BLE001 - raised after the other records
                failures.append(error)
        if failures:
            raise failures[0]
        self._failures.delete(key)
        return published


def _records(content: bytes) -> list[Mapping[str, Any]]:
    """Return the stream records of a saved batch; its `payload` is the Lambda event, as text or as an object."""
    payload = json.loads(content).get("payload") or {}
    event = json.loads(payload) if isinstance(payload, str) else payload
    records: list[Mapping[str, Any]] = event.get("Records", [])
    return records
