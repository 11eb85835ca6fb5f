"""Clients of AWS services that count what AWS charges for; DynamoDB is the in-memory database."""

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from benchmarks.cost.prices import ACCESS_LOG_BYTES, CPU_MS, LATENCY_MS, PLATFORM_LOG_BYTES
from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import Item, from_attributes
from tests.units import Change, read_units, size, write_units

_WRITES = {"put_item": "PutItem", "update_item": "UpdateItem", "delete_item": "DeleteItem"}


class Meter:
    """Adds up what AWS charges for, and the milliseconds of the running invocations."""

    def __init__(self) -> None:
        self.units: Counter[str] = Counter()
        self.by_function: Counter[str] = Counter()
        self._milliseconds: list[float] = []

    def add(self, unit: str, number: float = 1) -> None:
        """Count units."""
        self.units[unit] += number  # type: ignore[assignment] # read units may be halves

    def spend(self, service: str, number: int = 1) -> None:
        """Let the running invocation wait for requests to a service."""
        self.wait(LATENCY_MS[service] * number)

    def wait(self, milliseconds: float) -> None:
        """Let the running invocation last longer."""
        if self._milliseconds:
            self._milliseconds[-1] += milliseconds

    @contextmanager
    def invocation(self, operation: str, memory: int, *, is_routed: bool) -> Iterator[None]:
        """Count one invocation of a function while the context is open."""
        self._milliseconds.append(CPU_MS.get(operation, CPU_MS["default"]))
        try:
            yield
        finally:
            seconds = self._milliseconds.pop() / 1000
            self.by_function[operation] += 1
            self.add("lambda requests")
            self.add("lambda gigabyte-seconds", seconds * memory / 1024)
            self.add("log bytes", PLATFORM_LOG_BYTES)
            if is_routed:
                self.add("api requests")
                self.add("log bytes", ACCESS_LOG_BYTES)


class CountingDynamoDB:
    """The in-memory database, whose read and write units are counted from the sizes of the items."""

    def __init__(self, memory: MemoryDynamoDB, meter: Meter) -> None:
        self._memory = memory
        self._meter = meter

    def __getattr__(self, name: str) -> Callable[..., Any]:
        send = getattr(self._memory, name)

        def call(**request: Any) -> Any:  # noqa: ANN401 - AWS's parameters
            self._meter.spend("dynamodb")
            if name in _WRITES:
                return self._count_writes(_WRITES[name], [request], lambda: send(**request))
            if name == "transact_write_items":
                parts = [part for each in request["TransactItems"] for part in each.values()]
                return self._count_writes("TransactWriteItems", parts, lambda: send(**request))
            answer = send(**request)
            self._meter.add("read units", _units_read(name, request, answer))
            return answer

        return call

    def _count_writes(self, operation: str, parts: list[dict[str, Any]], send: Callable[[], Any]) -> Any:  # noqa: ANN401 - AWS's answer
        before = [self._image(part) for part in parts]
        try:
            return send()
        finally:
            changes = [Change(old, self._image(part)) for old, part in zip(before, parts, strict=True)]
            self._meter.add("write units", write_units(operation, changes))

    def _image(self, part: Mapping[str, Any]) -> Item:
        source = part.get("Key") or part["Item"]
        key = {name: source[name] for name in ("PK", "SK") if name in source}
        return from_attributes(self._memory.get_item(TableName=part["TableName"], Key=key).get("Item", {}))


def _units_read(name: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    if name == "get_item":
        return read_units("GetItem", [_size(answer.get("Item", {}))], strong=bool(request.get("ConsistentRead")))
    if name == "query":
        sizes = [_size(item) for item in answer["Items"]]
        return read_units("Query", sizes, strong=bool(request.get("ConsistentRead")))
    if name == "batch_get_item":
        total = 0.0
        for table, wanted in request["RequestItems"].items():
            sizes = [_size(item) for item in answer["Responses"].get(table, ())]
            sizes += [0] * (len(wanted["Keys"]) - len(sizes))
            total += read_units("BatchGetItem", sizes, strong=bool(wanted.get("ConsistentRead")))
        return total
    raise NotImplementedError(name)


def _size(item: Mapping[str, Any]) -> int:
    return size(from_attributes(item))


class CountingQueues:
    """SQS: one request per call; the bodies of the messages of each queue, by its URL."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._waiting: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)

    def count(self, url: str, number: int = 1) -> None:
        """Count requests to a queue."""
        self._meter.add(f"{'fifo' if url.endswith('.fifo') else 'standard'} queue requests", number)

    def send_message_batch(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Take messages."""
        self._meter.spend("sqs")
        self.count(request["QueueUrl"])
        for entry in request["Entries"]:
            self.put(request["QueueUrl"], entry["MessageBody"], entry.get("MessageGroupId", ""))
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}

    def put(self, url: str, body: str, group: str = "") -> None:
        """Take one message, without counting it."""
        self._waiting[url].append((body, group))

    def receive(self, url: str, limit: int) -> Iterator[list[tuple[str, str]]]:
        """Receive and delete all messages, up to `limit` at once: 2 requests each time."""
        while waiting := self._waiting[url]:
            taken, self._waiting[url] = waiting[:limit], waiting[limit:]
            self.count(url, 2)
            yield taken


class CountingBuckets:
    """S3 with its objects in memory."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._objects: dict[str, tuple[bytes, str | None]] = {}

    def upload(self, key: str, content: bytes, checksum: str) -> None:
        """Store what a connector uploads: 1 PUT."""
        self._meter.add("s3 puts")
        self._objects[key] = (content, checksum)

    def head_object(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Return the metadata of an object that exists."""
        self._count("s3 gets")
        content, checksum = self._objects[request["Key"]]
        return {"ContentLength": len(content), "ETag": '"0"', "ChecksumSHA256": checksum}

    def get_object(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Return an object that exists."""
        self._count("s3 gets")
        body = io.BytesIO(self._objects[request["Key"]][0])
        return {"Body": SimpleNamespace(read=body.read, iter_chunks=lambda _size: iter([body.read()]))}

    def put_object(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Store an object."""
        self._count("s3 puts")
        body = request["Body"]
        self._objects[request["Key"]] = (body if isinstance(body, bytes) else body.read(), None)
        return {}

    def delete_objects(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Delete objects, which is free."""
        self._meter.spend("s3")
        for each in request["Delete"]["Objects"]:
            self._objects.pop(each["Key"], None)
        return {}

    def generate_presigned_url(self, *_: object, **__: object) -> str:
        """Sign locally."""
        return "https://bucket.example.com/"

    def _count(self, unit: str) -> None:
        self._meter.spend("s3")
        self._meter.add(unit)


class CountingKms:
    """KMS; it encrypts nothing."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def encrypt(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Encrypt, which happens once per account."""
        return {"CiphertextBlob": request["Plaintext"]}

    def decrypt(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Decrypt."""
        self._meter.spend("kms")
        self._meter.add("decryptions")
        return {"Plaintext": request["CiphertextBlob"]}


class CountingBus:
    """EventBridge: each event counts, in a batch or not."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def put_events(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's parameters
        """Take events."""
        self._meter.spend("events")
        self._meter.add("domain events", len(request["Entries"]))
        return {"Entries": [{} for _ in request["Entries"]]}
