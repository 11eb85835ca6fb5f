"""The contract of `ports.media.MediaStore`: S3 in moto, and the double. Then what the adapter of S3 does alone.

An upload to the double's URL is a call: the stand-in checks the rest of the rules before (`UploadWire`).
"""

import os
from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5, sha256
from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ConnectionClosedError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.s3 import Bucket
from tapedeck.domain.errors import StoreThrottled, StoreUnavailable
from tapedeck.ports.media import MediaStore, PresignedUpload, StoredObject
from tapedeck_standin.aws.media import MediaFolder

LINK_SECONDS: Final = 60


@pytest.fixture
def client(aws: None) -> Any:
    """An S3 client with the adapters' settings."""
    del aws  # the emulator must be running
    return make_client("s3")


@pytest.fixture
def bucket(client: Any) -> Bucket:
    """The adapter over the template's bucket."""
    return Bucket(client, os.environ["MEDIA_BUCKET"])


@pytest.fixture(params=["s3", "double"])
def store(request: pytest.FixtureRequest, bucket: Bucket) -> Iterator[MediaStore]:
    """The store under test."""
    if request.param == "s3":
        yield bucket
        return
    with MediaFolder.temporary() as folder:
        yield folder


@pytest.fixture
def key() -> str:
    """A unique object key."""
    return f"{token_hex(16)}/{token_hex(16)}/original.wav"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of ten bytes."""
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path


def etag(content: bytes) -> str:
    """ETag of an object that was uploaded in one part."""
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


def test_stores_objects(store: MediaStore, key: str, source: Path, tmp_path: Path) -> None:
    """An object can be inspected, read in part, downloaded and overwritten."""
    for content in (b"0123456789", b"abc", bytes(3_000_000)):
        source.write_bytes(content)
        store.write(key, source)
        assert store.stat(key) == StoredObject(len(content), etag(content))
        assert store.read(key, 0, len(content) - 1) == content
        assert store.read(key, 1, 2) == content[1:3]
        target = tmp_path / "target"
        assert store.fetch(key, target)
        assert target.read_bytes() == content


def test_missing_object(store: MediaStore, key: str, tmp_path: Path) -> None:
    """For a missing object `stat` and `read` return None, and `fetch` returns False without a file."""
    target = tmp_path / "target"
    assert store.stat(key) is None
    assert store.read(key, 0, 1) is None
    assert not store.fetch(key, target)
    assert not target.exists()


def test_delete_is_idempotent(store: MediaStore, key: str, source: Path) -> None:
    """Several keys, existing or not, can be deleted repeatedly; other objects stay."""
    kept = f"{key}.kept"
    for each in (key, kept):
        store.write(each, source)
    for _ in range(2):
        store.delete([key, f"{key}.never"])
        assert (store.stat(key), store.read(key, 0, 1)) == (None, None)
    assert store.stat(kept) is not None


@pytest.mark.parametrize("content_type", ["audio/x-wav", "audio/mpeg"])
def test_presigned_link(bucket: Bucket, key: str, source: Path, content_type: str) -> None:
    """A presigned link is valid for a minute without credentials, supports ranges and forbids caching."""
    bucket.write(key, source)
    link = bucket.presign(key, content_type)
    assert f"X-Amz-Expires={LINK_SECONDS}&" in link
    assert LINK_SECONDS == 60
    answer = requests.get(link, timeout=120)
    headers = (answer.headers["content-type"], answer.headers["cache-control"])
    assert (answer.status_code, answer.content, headers) == (200, b"0123456789", (content_type, "no-store"))
    part = requests.get(link, headers={"Range": "bytes=2-4"}, timeout=120)
    assert (part.status_code, part.content) == (206, b"234")


def upload(store: MediaStore, link: PresignedUpload, content: bytes) -> int:
    """Upload to a presigned URL; return the status.

    The emulator keeps a checksum only if the algorithm has a header of its own, which S3 does not need.
    """
    if isinstance(store, MediaFolder):
        with NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            return store.upload(link.url, link.headers, Path(file.name))
    headers = {**link.headers, "x-amz-sdk-checksum-algorithm": "SHA256"}
    return requests.put(link.url, data=content, headers=headers, timeout=120).status_code


def test_presigned_upload_is_signed(bucket: Bucket, key: str) -> None:
    """Four headers of a presigned upload are signed (C-212)."""
    link = bucket.presign_upload(key, 10, sha256(b"0123456789").hexdigest(), 900)
    query = parse_qs(urlsplit(link.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;host;if-none-match;x-amz-checksum-sha256"]
    assert query["X-Amz-Expires"] == ["900"]


def test_presigned_upload(store: MediaStore, key: str) -> None:
    """A presigned upload stores an object with its SHA-256 once, under its key, and replaces none."""
    digest = sha256(b"0123456789").hexdigest()
    link = store.presign_upload(key, 10, digest, 900)
    assert urlsplit(link.url).path.endswith(key)
    checksum = b64encode(bytes.fromhex(digest)).decode()
    assert link.headers == {"If-None-Match": "*", "x-amz-checksum-sha256": checksum}
    assert [upload(store, link, b"0123456789") for _ in range(2)] == [200, 412]
    assert store.stat(key) == StoredObject(10, etag(b"0123456789"), digest)
    assert store.read(key, 0, 99) == b"0123456789"


def test_a_cleared_object_refuses_its_upload(store: MediaStore, key: str) -> None:
    """A cleared object is empty, its upload cannot be repeated, and an upload that never took place cannot begin."""
    digest = sha256(b"0123456789").hexdigest()
    link = store.presign_upload(key, 10, digest, 900)
    never_used = store.presign_upload(f"{key}.other", 10, digest, 900)
    assert upload(store, link, b"0123456789") == 200
    for each in (key, f"{key}.other", key):
        store.clear(each)
    assert [upload(store, each, b"0123456789") for each in (link, never_used)] == [412, 412]
    for each in (key, f"{key}.other"):
        assert store.stat(each) == StoredObject(0, etag(b""), None)


def test_link_is_signed_for_its_region(monkeypatch: pytest.MonkeyPatch, aws: None) -> None:
    """A link uses Signature Version 4 with the region in its scope, and the regional host."""
    del aws  # the emulator must be running
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    link = Bucket(make_client("s3"), "media").presign("a/b/original.wav", "audio/x-wav")
    assert link.startswith("https://media.s3.eu-central-1.amazonaws.com/a/b/original.wav?")
    assert "%2Feu-central-1%2Fs3%2Faws4_request" in link


class _Status:
    """The parts of an HTTP response that botocore reads."""

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
def test_errors_are_not_missing_objects(
    client: Any, bucket: Bucket, key: str, source: Path, status: int, code: str, error: type[Exception]
) -> None:
    """Throttling raises StoreThrottled; failing, denied, missing or unreachable buckets raise StoreUnavailable."""

    def fail(**_: object) -> tuple[_Status, dict[str, Any]]:
        if not status:
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")
        return _Status(status), {"Error": {"Code": code, "Message": ""}}

    client.meta.events.register("before-call.s3", fail)
    target = source.with_name("target")
    for operation in (
        lambda: bucket.stat(key),
        lambda: bucket.read(key, 0, 1),
        lambda: bucket.fetch(key, target),
        lambda: bucket.write(key, source),
        lambda: bucket.delete([key]),
        lambda: bucket.clear(key),
    ):
        with pytest.raises(error):
            operation()


def test_partly_failed_deletion_raises(client: Any, bucket: Bucket, key: str) -> None:
    """A deletion that S3 reports as failed for one key raises StoreUnavailable."""
    refusal = {"Errors": [{"Key": key, "Code": "AccessDenied", "Message": ""}]}
    client.meta.events.register("before-call.s3", lambda **_: (_Status(200), refusal))
    with pytest.raises(StoreUnavailable):
        bucket.delete([key])


def test_truncated_body_raises(client: Any, bucket: Bucket, key: str, source: Path, tmp_path: Path) -> None:
    """A response body that ends too early raises StoreUnavailable."""

    class Broken:
        """A body whose connection closes early."""

        def read(self) -> bytes:
            """Raise a connection error."""
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")

        def iter_chunks(self, _size: int) -> list[bytes]:
            """Raise a connection error."""
            raise ConnectionClosedError(endpoint_url="https://s3.amazonaws.com")

    bucket.write(key, source)
    client.meta.events.register("before-call.s3.GetObject", lambda **_: (_Status(200), {"Body": Broken()}))
    with pytest.raises(StoreUnavailable):
        bucket.read(key, 0, 1)
    with pytest.raises(StoreUnavailable):
        bucket.fetch(key, tmp_path / "target")
