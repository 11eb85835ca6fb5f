"""The bucket of media, held against moto: what `ports.stores.MediaStore` promises (behaviour.md, section 11)."""

import os
from hashlib import md5
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import requests
from botocore.exceptions import ConnectionClosedError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.s3 import LINK_SECONDS, Bucket
from tapedeck.domain.errors import StoreThrottled, StoreUnavailable
from tapedeck.ports.stores import StoredObject


@pytest.fixture
def client(aws: None) -> Any:
    """The adapters' own."""
    del aws  # only has to be there
    return make_client("s3")


@pytest.fixture
def store(client: Any) -> Bucket:
    """The template's bucket."""
    return Bucket(client, os.environ["MEDIA_BUCKET"])


@pytest.fixture
def key() -> str:
    """A key that nobody else has."""
    return f"{token_hex(16)}/{token_hex(16)}/original.wav"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of ten bytes."""
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path


def etag(content: bytes) -> str:
    """The tag of what was written in one piece."""
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


def test_keeps_what_is_written(store: Bucket, key: str, source: Path, tmp_path: Path) -> None:
    """It can be looked at, read in part and fetched whole, and another writing takes its place."""
    for content in (b"0123456789", b"abc", bytes(3_000_000)):
        source.write_bytes(content)
        store.write(key, source)
        assert store.stat(key) == StoredObject(len(content), etag(content))
        assert store.read(key, 0, len(content) - 1) == content
        assert store.read(key, 1, 2) == content[1:3]
        target = tmp_path / "target"
        assert store.fetch(key, target)
        assert target.read_bytes() == content


def test_tells_what_is_not_there(store: Bucket, key: str, tmp_path: Path) -> None:
    """A look finds nothing, a reading has nothing, a fetch leaves no file."""
    target = tmp_path / "target"
    assert store.stat(key) is None
    assert store.read(key, 0, 1) is None
    assert not store.fetch(key, target)
    assert not target.exists()


def test_deletes_what_is_there_and_what_is_not(store: Bucket, key: str, source: Path) -> None:
    """Several at once, and as often as one likes; what has another name stays."""
    kept = f"{key}.kept"
    for each in (key, kept):
        store.write(each, source)
    for _ in range(2):
        store.delete([key, f"{key}.never"])
        assert (store.stat(key), store.read(key, 0, 1)) == (None, None)
    assert store.stat(kept) is not None


@pytest.mark.parametrize("content_type", ["audio/x-wav", "audio/mpeg"])
def test_links_for_a_minute(store: Bucket, key: str, source: Path, content_type: str) -> None:
    """Anybody may fetch it from there, in part as well, as what it is and as nothing to be kept."""
    store.write(key, source)
    link = store.presign(key, content_type)
    assert f"X-Amz-Expires={LINK_SECONDS}&" in link
    assert LINK_SECONDS == 60
    answer = requests.get(link, timeout=10)
    told = (answer.headers["content-type"], answer.headers["cache-control"])
    assert (answer.status_code, answer.content, told) == (200, b"0123456789", (content_type, "no-store"))
    part = requests.get(link, headers={"Range": "bytes=2-4"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"234")


def test_a_link_to_a_younger_region_is_signed_as_that_wants(monkeypatch: pytest.MonkeyPatch, aws: None) -> None:
    """With version 4 of AWS's signature, whose scope names the region, and at the region's own host."""
    del aws  # only has to be there
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    link = Bucket(make_client("s3"), "media").presign("a/b/original.wav", "audio/x-wav")
    assert link.startswith("https://media.s3.eu-central-1.amazonaws.com/a/b/original.wav?")
    assert "%2Feu-central-1%2Fs3%2Faws4_request" in link


class _Status:
    """As much of an HTTP answer as botocore looks at."""

    def __init__(self, status: int) -> None:
        self.status_code = status


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "SlowDown", StoreThrottled),
        (503, "503", StoreThrottled),
        (500, "InternalError", StoreUnavailable),
        (403, "AccessDenied", StoreUnavailable),
        (404, "NoSuchBucket", StoreUnavailable),
        (0, "", StoreUnavailable),
    ],
)
def test_tells_a_fault_from_nothing_there(
    client: Any, store: Bucket, key: str, source: Path, status: int, code: str, error: type[Exception]
) -> None:
    """A bucket that is throttled says so; one that fails, refuses, is gone or does not answer is unavailable."""

    def fail(**_: object) -> tuple[_Status, dict[str, Any]]:
        if not status:
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")
        return _Status(status), {"Error": {"Code": code, "Message": ""}}

    client.meta.events.register("before-call.s3", fail)
    target = source.with_name("target")
    for ask in (
        lambda: store.stat(key),
        lambda: store.read(key, 0, 1),
        lambda: store.fetch(key, target),
        lambda: store.write(key, source),
        lambda: store.delete([key]),
    ):
        with pytest.raises(error):
            ask()


def test_a_deletion_of_which_a_part_fails_has_failed(client: Any, store: Bucket, key: str) -> None:
    """Whoever is told that all is gone must be able to believe it."""
    refusal = {"Errors": [{"Key": key, "Code": "AccessDenied", "Message": ""}]}
    client.meta.events.register("before-call.s3", lambda **_: (_Status(200), refusal))
    with pytest.raises(StoreUnavailable):
        store.delete([key])


def test_an_answer_that_breaks_off_is_a_fault(
    client: Any, store: Bucket, key: str, source: Path, tmp_path: Path
) -> None:
    """Half an object is none."""

    class Broken:
        """A body that ends too early."""

        def read(self) -> bytes:
            """Nothing."""
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")

        def iter_chunks(self, _size: int) -> list[bytes]:
            """Nothing."""
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")

    store.write(key, source)
    client.meta.events.register("before-call.s3.GetObject", lambda **_: (_Status(200), {"Body": Broken()}))
    with pytest.raises(StoreUnavailable):
        store.read(key, 0, 1)
    with pytest.raises(StoreUnavailable):
        store.fetch(key, tmp_path / "target")
