"""What has changed in the recordings table since somebody last asked: its stream, in the records that Lambda gets."""

import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

Record = Mapping[str, Any]

_KEY: Final = {"PK", "SK"}


class Changes(Protocol):
    """A stream that is read once."""

    def drain(self) -> list[Record]:
        """What has happened since the last time, in order for each item."""
        ...


class MotoChanges:
    """The stream of a table in moto, emptied as it is read: moto would keep it for good.

    Args:
        table: its name.
    """

    def __init__(self, table: str) -> None:
        from moto.dynamodb.models import dynamodb_backends  # noqa: PLC0415 - only once moto answers

        (backends,) = dynamodb_backends.values()
        (held,) = (backend.tables[table] for backend in backends.values() if table in backend.tables)
        self._shard: Any = held.stream_shard
        self.drain()

    def drain(self) -> list[Record]:
        """What has happened since the last time."""
        records: list[Record] = [record.record for record in self._shard.items]
        self._shard.items.clear()
        # An update that brings an item about is told twice, the first time without anything but its key.
        return [record for record in records if record["dynamodb"].get("NewImage", {}).keys() != _KEY]


class StreamChanges:
    """The stream of a table in another database, read as anybody would.

    Args:
        streams: a client of DynamoDB Streams.
        stream: the ARN.
    """

    def __init__(self, streams: Any, stream: str) -> None:  # noqa: ANN401 - botocore makes its classes at run time
        self._streams = streams
        self._stream = stream
        self._iterators: dict[str, str | None] = {}
        # Others may write there: what was before is not this stand-in's affair.
        self._look_for_shards("LATEST")
        self._lock = threading.Lock()

    def drain(self) -> list[Record]:
        """What has happened since the last time."""
        found: list[Record] = []
        with self._lock:
            self._look_for_shards("TRIM_HORIZON")
            for shard, iterator in list(self._iterators.items()):
                if iterator is None:
                    continue
                try:
                    answer = self._streams.get_records(ShardIterator=iterator)
                except ClientError:
                    # Expired, as iterators do: the shard is begun again from what is newest.
                    self._iterators[shard] = self._begin(shard, "LATEST")
                    continue
                self._iterators[shard] = answer.get("NextShardIterator")
                found += answer["Records"]
        return found

    def _look_for_shards(self, kind: str) -> None:
        described = self._streams.describe_stream(StreamArn=self._stream)["StreamDescription"]
        for shard in described["Shards"]:
            identifier = shard["ShardId"]
            if identifier not in self._iterators:
                self._iterators[identifier] = self._begin(identifier, kind)

    def _begin(self, shard: str, kind: str) -> str:
        answer = self._streams.get_shard_iterator(StreamArn=self._stream, ShardId=shard, ShardIteratorType=kind)
        iterator: str = answer["ShardIterator"]
        return iterator
