"""The stream of a table in memory: what each write has changed, in order, until somebody takes it."""

import base64
from typing import Any, Final, NamedTuple

from dynamodb_memory.values import Item, copy_item, size_of_item

REGION: Final = "us-east-1"

_DIGITS: Final = 21
"""Of a sequence number: AWS's have at least as many, so that they sort alike as numbers and as strings."""


class StreamRecord(NamedTuple):
    """One change of one item, which nobody may change; None where there was none, or is none any more.

    `number` rises from write to write, `at` is in milliseconds since the epoch.
    """

    number: int
    at: int
    before: Item | None
    after: Item | None


class Stream:
    """What has happened to the items of a table since somebody last asked.

    Args:
        arn: the stream's.
        key: names of the attributes of the table's key.
    """

    def __init__(self, arn: str, key: tuple[str, ...]) -> None:
        self.arn = arn
        self._key = key
        self._records: list[StreamRecord] = []
        self._number = 0

    def append(self, at: int, before: Item | None, after: Item | None) -> None:
        """Keep what a write did; one that changed nothing is not told."""
        if before != after:
            self._number += 1
            self._records.append(StreamRecord(self._number, at, before, after))

    def drain(self) -> list[StreamRecord]:
        """All of it, in order, once."""
        records, self._records = self._records, []
        return records

    def event(self, record: StreamRecord) -> dict[str, Any]:
        """A record as it lies in the event with which Lambda calls a function."""
        number, at, before, after = record
        image = after if after is not None else before or {}
        images = {
            "Keys": {name: image[name] for name in self._key},
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
                "SequenceNumber": f"{number:0{_DIGITS}}",
                "SizeBytes": sum(map(size_of_item, images.values())),
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": self.arn,
        }


def _as_json(item: Item) -> Item:
    """A copy, with bytes in base64."""
    return {name: _spell(value) for name, value in copy_item(item).items()}


def _spell(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64encode(content).decode()}
        case "BS":
            return {kind: [base64.b64encode(member).decode() for member in content]}
        case "M":
            return {kind: {name: _spell(element) for name, element in content.items()}}
        case "L":
            return {kind: [_spell(element) for element in content]}
        case _:
            return value
