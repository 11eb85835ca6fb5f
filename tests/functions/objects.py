"""The media bucket as the tests see it: its requests, its objects and injected faults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import botocore.session
from botocore.exceptions import ConnectionClosedError

from tapedeck.domain.recording import Recording

RENDITIONS = ("mono.mp3", "mono.wav", "original.mp3", "original.wav")
"""The names of all objects of a recording."""

FAULTS = {"busy": (503, "SlowDown"), "broken": (500, "InternalError"), "denied": (403, "AccessDenied")}
"""The error responses of S3 that can be injected.

Three more faults are possible: `partly` is a success that reports an error for one object, `refused` is a failed
connection, and with `lost` the request takes effect but its response is lost.
"""


class _Status(NamedTuple):
    """The part of an HTTP response that botocore reads."""

    status_code: int


@dataclass
class Objects:
    """The functions' S3 client: records requests, injects faults and runs hooks.

    `faults` maps an operation such as `PutObject` to a fault. `meanwhile` maps an operation to a hook that runs once,
    before the next such operation. `watchers` are called with each operation.
    """

    client: Any
    name: str
    requests: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    watchers: list[Callable[[str], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.meta.events.register("before-call.s3", self._before)
        self.client.meta.events.register("after-call.s3", self._after)
        self._direct_client: Any = botocore.session.get_session().create_client("s3")

    def forget(self) -> None:
        """Clear recorded requests, faults and hooks."""
        for collection in (self.requests, self.faults, self.meanwhile, self.watchers):
            collection.clear()

    def names(self, recording: Recording) -> set[str]:
        """Return the names of a recording's objects that have content, such as `original.wav`."""
        return {name for name, size in self._sizes(recording).items() if size > 0}

    def empty_names(self, recording: Recording) -> set[str]:
        """Return the names of a recording's empty objects."""
        return {name for name, size in self._sizes(recording).items() if size == 0}

    def put(self, recording: Recording, name: str, content: bytes) -> None:
        """Store an object of a recording, without the functions' client."""
        self.put_at(recording.parent.account, recording.id, name, content)

    def put_at(self, account: str, recording: str, name: str, content: bytes) -> None:
        """Store an object of a recording that may not exist."""
        self._direct_client.put_object(
            Bucket=self.name, Key=f"{account}/{recording}/{name}", Body=content, ChecksumAlgorithm="SHA256"
        )

    def get(self, recording: Recording, name: str) -> bytes:
        """Return the content of a recording's object."""
        key = f"{recording.parent.account}/{recording.id}/{name}"
        content: bytes = self._direct_client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def remove(self, recording: Recording, *names: str) -> None:
        """Delete objects of a recording, as a lifecycle rule may."""
        for name in names:
            self._direct_client.delete_object(Bucket=self.name, Key=f"{recording.parent.account}/{recording.id}/{name}")

    def _sizes(self, recording: Recording) -> dict[str, int]:
        prefix = f"{recording.parent.account}/{recording.id}/"
        listed = self._direct_client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return {each["Key"].removeprefix(prefix): each["Size"] for each in listed.get("Contents", ())}

    def _before(self, model: Any, **_: Any) -> tuple[_Status, dict[str, Any]] | None:
        self.requests.append(model.name)
        for watch in self.watchers:
            watch(model.name)
        self.meanwhile.pop(model.name, _nothing)()
        fault = self.faults.get(model.name)
        if fault == "refused":
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")
        if fault == "partly":
            return _Status(200), {"Errors": [{"Key": "", "Code": "InternalError", "Message": ""}]}
        if fault not in FAULTS:
            return None
        status, code = FAULTS[fault]
        # The response to HEAD has no body, so the error code is the status.
        error_code = str(status) if model.name == "HeadObject" else code
        return _Status(status), {"Error": {"Code": error_code, "Message": ""}}

    def _after(self, model: Any, **_: Any) -> None:
        if self.faults.get(model.name) == "lost":
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")


def _nothing() -> None:
    """Do nothing."""
