"""Uploads of captures follow the rules of S3's presigned URLs: exactly what was signed, and once."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from tapedeck_standin.http import request_body, server
from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tapedeck_standin.telephony.upload_wire import UploadWire

START = 1_800_000_000_000
AUDIO = b"RIFF and so on"
KEY = f"{'a' * 32}/{'e' * 32}/capture.wav"
SIGNED = {"If-None-Match": "*", "x-amz-checksum-sha256": b64encode(sha256(AUDIO).digest()).decode()}
S3_URL = f"https://media.s3.amazonaws.com/{KEY}?X-Amz-Signature=1a2b"


class World:
    """An upload that was opened for `AUDIO`, over a double of the bucket."""

    def __init__(self, status: int = 200) -> None:
        self.now = START
        self.status = status
        self.stored: list[tuple[str, Mapping[str, str], bytes]] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.wire = UploadWire(self, lambda: self.now)
        request = {"account": "a" * 32, "bytes": len(AUDIO), "sha256": sha256(AUDIO).hexdigest()}
        opened = {"url": S3_URL, "headers": SIGNED, "expires_at": START + 900_000, "ticket": "t"}
        answer = self.wire.redirect(
            ServerRequest("POST", "/engine/v2/uploads", (("Host", "localhost:3000"),), json.dumps(request).encode()),
            ServerResponse.of_json(200, opened),
        )
        self.opened: dict[str, Any] = json.loads(answer.body)

    def upload(self, url: str, headers: Mapping[str, str], file: Path) -> int:
        """Keep what is stored."""
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self.stored.append((url, headers, file.read_bytes()))
        return self.status

    def send(
        self, body: bytes = AUDIO, headers: Mapping[str, str] = SIGNED, method: str = "PUT", more: str = ""
    ) -> tuple[int, str]:
        """Send a request to the URL of the upload; return the status and S3's error code."""
        target = self.opened["url"].removeprefix("http://localhost:3000") + more
        assert self.wire.serves(target)
        with NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            answer = self.wire.answer(ServerRequest(method, target, tuple(headers.items()), file=Path(file.name)))
        text = answer.body.decode()
        return answer.status, text.partition("<Code>")[2].partition("</Code>")[0]


def test_url_leads_to_the_standin() -> None:
    """The answer to an engine has the stand-in's URL, and everything else unchanged."""
    world = World()
    assert world.opened == {
        "url": f"http://localhost:3000/_standin/media/{KEY}?X-Amz-Signature=1a2b", "headers": SIGNED,
        "expires_at": START + 900_000, "ticket": "t",
    }  # fmt: skip


def test_stores_what_was_signed() -> None:
    """A PUT of the signed length, hash and headers is stored under the original URL."""
    world = World()
    assert world.send() == (200, "")
    assert world.stored == [(S3_URL, SIGNED, AUDIO)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"body": AUDIO + b"."}, (403, "SignatureDoesNotMatch")),
        ({"body": AUDIO.swapcase()}, (400, "BadDigest")),
        ({"headers": {"If-None-Match": "*"}}, (403, "SignatureDoesNotMatch")),
        ({"headers": {**SIGNED, "If-None-Match": "x"}}, (403, "SignatureDoesNotMatch")),
        ({"method": "POST"}, (403, "SignatureDoesNotMatch")),
        ({"more": "0"}, (403, "SignatureDoesNotMatch")),
    ],
)
def test_rejects_anything_else(change: dict[str, Any], expected: tuple[int, str]) -> None:
    """Another length, body, header, method or signature is rejected, and nothing is stored."""
    world = World()
    assert world.send(**change) == expected
    assert world.stored == []


def test_url_expires() -> None:
    """After its end a URL stores nothing."""
    world = World()
    world.now = START + 900_000
    assert world.send() == (403, "AccessDenied")
    assert world.stored == []


def test_nothing_is_overwritten() -> None:
    """A capture that is there already answers 412, as S3 does."""
    assert World(412).send() == (412, "PreconditionFailed")


def test_of_two_uploads_at_once_one_is_stored() -> None:
    """An upload that begins while another one is stored answers 409, as S3 does; a later one may be stored again."""
    world, seen = World(), list[tuple[int, str]]()
    world.meanwhile = lambda: seen.append(world.send())
    assert world.send() == (200, "")
    assert seen == [(409, "ConditionalRequestConflict")]
    assert len(world.stored) == 1
    world.status = 412
    assert world.send() == (412, "PreconditionFailed")


def test_refused_upload_is_passed_on() -> None:
    """The answer to a refused request is not changed."""
    world = World()
    refused = ServerResponse.of_json(409, {"refused": "deleted"})
    assert world.wire.redirect(ServerRequest("POST", "/engine/v2/uploads"), refused) is refused


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_is_received_as_a_file(monkeypatch: pytest.MonkeyPatch, *, is_chunked: bool) -> None:
    """The server writes an upload to a file, with at most one byte beyond the limit, and deletes it afterwards."""
    monkeypatch.setattr(request_body, "MAX_UPLOAD_BYTES", 200_000)
    found: list[tuple[bytes, Path, bytes]] = []

    def answer(request: ServerRequest) -> ServerResponse:
        assert request.file is not None
        found.append((request.body, request.file, request.file.read_bytes()))
        return ServerResponse(200)

    running = server.Server("127.0.0.1", 0)
    running.start(answer)
    try:
        for content in (b"0123456789" * 20_000, b"9876543210" * 21_000):
            client = HTTPConnection("127.0.0.1", running.port, timeout=60)
            client.request("PUT", "/_standin/media/a", iter([content]) if is_chunked else content)
            assert client.getresponse().status == 200
            client.close()
            assert found[-1][::2] == (b"", content[:200_001])
    finally:
        running.stop()
    assert not any(path.exists() for _, path, _ in found)
