"""The stream of a table: a record of each change in order, until it is drained."""

import base64
from typing import Any, Final, NamedTuple

from dynamodb_memory.values import Item, size_of_item

REGION: Final = "us-east-1"

_SEQUENCE_NUMBER_DIGITS: Final = 21
"""Digits of a sequence number, zero-padded so that strings sort as numbers do."""


class StreamRecord(NamedTuple):
    """One change of one item: the images before and after it; None if the item does not exist then.

    `number` increases with each write, `at` is in milliseconds since the epoch, `size` is the size of both images in
    bytes. The images must not be changed.
    """

    number: int
    at: int
    before: Item | None
    after: Item | None
    size: int


class Stream:
    """The stream records of a table that were not drained yet.

    Args:
        arn: the ARN of the stream.
        key: the names of the table's key attributes.
    """

    def __init__(self, arn: str, key: tuple[str, ...]) -> None:
        self.arn = arn
        self._key = key
        self._records: list[StreamRecord] = []
        self._number = 0

    def append(self, at: int, before: Item | None, after: Item | None, size: int) -> None:
        """Append a record; a write that changed nothing gives none."""
        if before != after:
            self._number += 1
            self._records.append(StreamRecord(self._number, at, before, after, size))

    def drain(self) -> list[StreamRecord]:
        """Remove and return all records in order."""
        records, self._records = self._records, []
        return records

    def event(self, record: StreamRecord) -> dict[str, Any]:
        """Return a record in the form of Lambda's events."""
        number, at, before, after, size = record
        image = after if after is not None else before or {}
        keys = {name: image[name] for name in self._key}
        images = {
            "Keys": keys,
            **({"OldImage": before} if before is not None else {}),
            **({"NewImage": after} if after is not None else {}),
        }
        return {
            "eventID": f"{number:032x}",
            "eventName": "INSERT" if before is None else "REMOVE" if after is None else "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": at // 1000,
                **{name: _as_json(item) for name, item in images.items()},
                "SequenceNumber": f"{number:0{_SEQUENCE_NUMBER_DIGITS}}",
                "SizeBytes": size_of_item(keys) + size,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": self.arn,
        }


def _as_json(item: Item) -> Item:
    """Return a copy of an item with bytes in base64."""
    # Most attributes are scalars: one quick step copies them.
    return {
        name: value.copy() if "S" in value or "N" in value else _value_as_json(value) for name, value in item.items()
    }


def _value_as_json(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64encode(content).decode()}
        case "BS":
            return {kind: [base64.b64encode(member).decode() for member in content]}
        case "M":
            return {kind: _as_json(content)}
        case "L":
            return {kind: [_value_as_json(element) for element in content]}
        case "SS" | "NS":
            return {kind: list(content)}
        case _:
            return {kind: content}
