"""Changes that could not be told of, as Lambda leaves them in a bucket: told again, once what was wrong is mended."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tapedeck.background.publisher import ChangePublisher
from tapedeck.ports.changes import Change
from tapedeck.ports.messaging import FailedBatchStore


class FailedBatchRedrive:
    """Every method raises StoreBusy or StoreUnavailable when the table, a queue, the bus or the bucket fails.

    Args:
        failures: where they lie.
        read_change: reads a record of the table's stream.
        sort_by_sequence: puts records of it into the order in which they are told.
        publisher: tells of it.
    """

    def __init__(
        self,
        failures: FailedBatchStore,
        read_change: Callable[[Mapping[str, Any]], Change | None],
        in_order: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]],
        publisher: ChangePublisher,
    ) -> None:
        self._failures = failures
        self._read_change = read_change
        self._in_order = in_order
        self._publisher = publisher

    def run(self, most: int) -> tuple[int, bool]:
        """Tell of all that lies in the oldest of these objects, and take away each that is done.

        Args:
            most: objects at a time; those that fail do not count, or they would hide all behind them.

        Returns:
            how many changes were told of, and whether more may lie there.

        Raises:
            Exception: what was wrong with the first that failed, once all others are done; its object stays where it
                is, and what else lies in it is told of again by the next run.
        """
        told, done = 0, 0
        failures: list[Exception] = []
        last: str | None = None
        while done < most and (keys := self._failures.list(most - done, last)):
            last = keys[-1]
            for key in keys:
                try:
                    told += self._republish(key)
                    done += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when the others are done
                    failures.append(error)
        if failures:
            raise failures[0]
        return told, done == most

    def _republish(self, key: str) -> int:
        """Tell of what lies in one object, and take it away if all of it went well; of how many changes that was."""
        told = 0
        failures: list[Exception] = []
        for record in self._in_order(_records(self._failures.read(key))):
            try:
                change = self._read_change(record)
                if change is not None:
                    self._publisher.publish(change)
                    told += 1
            except Exception as error:  # noqa: BLE001 - the same
                failures.append(error)
        if failures:
            raise failures[0]
        self._failures.delete(key)
        return told


def _records(content: bytes) -> list[Mapping[str, Any]]:
    """The stream's records in what Lambda wrote of a failed batch: the whole event, as text, is its `payload`."""
    payload = json.loads(content).get("payload") or {}
    event = json.loads(payload) if isinstance(payload, str) else payload
    records: list[Mapping[str, Any]] = event.get("Records", [])
    return records
