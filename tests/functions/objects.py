"""The bucket of media, as tests see it: what the functions ask of it, what lies in it, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import botocore.session
from botocore.exceptions import ConnectionClosedError

from tapedeck.domain.recording import Recording

RENDITIONS = ("mono.mp3", "mono.wav", "original.mp3", "original.wav")
"""All that may lie there of a recording."""

FAULTS = {"busy": (503, "SlowDown"), "broken": (500, "InternalError"), "denied": (403, "AccessDenied")}
"""What S3 may answer in place of what was asked for; `partly` is a success but for one of several objects.

`refused` reaches nobody, `lost` takes effect all the same.
"""


class _Status(NamedTuple):
    """As much of an HTTP answer as botocore looks at."""

    status_code: int


@dataclass
class Objects:
    """The functions' client of the bucket: tells what it is asked, fails when told to, lets things happen meanwhile.

    `faults` are by operation, such as `PutObject`; `meanwhile` happens once, before the operation is done.
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
        self._past: Any = botocore.session.get_session().create_client("s3")

    def forget(self) -> None:
        """Nothing has been asked, nothing fails, nothing is to happen."""
        for held in (self.requests, self.faults, self.meanwhile, self.watchers):
            held.clear()

    def names(self, recording: Recording) -> set[str]:
        """What lies there of a recording, such as `original.wav`."""
        prefix = f"{recording.parent.account}/{recording.id}/"
        listed = self._past.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return {each["Key"].removeprefix(prefix) for each in listed.get("Contents", ())}

    def put(self, recording: Recording, name: str, content: bytes) -> None:
        """Lay something of a recording there, past the functions."""
        self.put_at(recording.parent.account, recording.id, name, content)

    def put_at(self, account: str, recording: str, name: str, content: bytes) -> None:
        """The same, of one that nobody may have heard of."""
        self._past.put_object(Bucket=self.name, Key=f"{account}/{recording}/{name}", Body=content)

    def get(self, recording: Recording, name: str) -> bytes:
        """What lies there of a recording under this name."""
        key = f"{recording.parent.account}/{recording.id}/{name}"
        content: bytes = self._past.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def remove(self, recording: Recording, *names: str) -> None:
        """Take it away, as a rule of the bucket may."""
        for name in names:
            self._past.delete_object(Bucket=self.name, Key=f"{recording.parent.account}/{recording.id}/{name}")

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
        # An answer to HEAD has no body that could tell more than its status.
        told = str(status) if model.name == "HeadObject" else code
        return _Status(status), {"Error": {"Code": told, "Message": ""}}

    def _after(self, model: Any, **_: Any) -> None:
        if self.faults.get(model.name) == "lost":
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")


def _nothing() -> None:
    """Nothing happens meanwhile."""
