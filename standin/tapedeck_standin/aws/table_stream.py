"""Readers of a DynamoDB stream; they return records in the form of Lambda's events."""

import threading
from collections.abc import Mapping
from typing import Any, Protocol

Record = Mapping[str, Any]


class Changes(Protocol):
    """A stream whose records are each read once."""

    def drain(self) -> list[Record]:
        """Return the records since the last call, in order for each item."""
        ...


class StreamChanges:
    """The stream of a table in another database, read through the API of DynamoDB Streams.

    Args:
        streams: a client of DynamoDB Streams.
        stream: the ARN of the stream.
    """

    def __init__(self, streams: Any, stream: str) -> None:  # noqa: ANN401 - botocore makes its classes at run time
        self._streams = streams
        self._stream = stream
        self._iterators: dict[str, str | None] = {}
        # The database may be shared: records from before the start are skipped.
        self._discover_shards("LATEST")
        self._lock = threading.Lock()

    def drain(self) -> list[Record]:
        """Return the records since the last call."""
        found: list[Record] = []
        with self._lock:
            self._discover_shards("TRIM_HORIZON")
            for shard, iterator in list(self._iterators.items()):
                if iterator is None:
                    continue
                try:
                    answer = self._streams.get_records(ShardIterator=iterator)
                except self._streams.exceptions.ClientError:
                    # The iterator has expired: go on from the newest record.
                    self._iterators[shard] = self._open_iterator(shard, "LATEST")
                    continue
                self._iterators[shard] = answer.get("NextShardIterator")
                found += answer["Records"]
        return found

    def _discover_shards(self, kind: str) -> None:
        described = self._streams.describe_stream(StreamArn=self._stream)["StreamDescription"]
        for shard in described["Shards"]:
            identifier = shard["ShardId"]
            if identifier not in self._iterators:
                self._iterators[identifier] = self._open_iterator(identifier, kind)

    def _open_iterator(self, shard: str, kind: str) -> str:
        answer = self._streams.get_shard_iterator(StreamArn=self._stream, ShardId=shard, ShardIteratorType=kind)
        iterator: str = answer["ShardIterator"]
        return iterator
