"""Uploads of captures under `/_standin/media`, by the rules of a presigned URL of S3.

An engine gets a URL from `POST /engine/v2/uploads`. In the stand-in it leads here. The `PUT` must have exactly the
length and the headers that were signed, and a body with the signed SHA-256; nothing is overwritten (C-220). Of two
uploads at once, one is stored.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import file_digest
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from tapedeck.ports.clock import Clock
from tapedeck_standin.clock import time_of
from tapedeck_standin.http.messages import MEDIA_PATH, ServerRequest, ServerResponse


class Captures(Protocol):
    """Where captures are stored, each once."""

    def upload(self, url: str, headers: Mapping[str, str], file: Path) -> int:
        """Do what a `PUT` to a presigned URL does; return the HTTP status."""


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that was opened: the original URL, what the `PUT` must contain, and when it expires (milliseconds).

    It expires by the clock of its account.
    """

    account: str
    url: str
    headers: Mapping[str, str]
    size: int
    sha256: str
    expires_at: int


class UploadWire:
    """Answers uploads.

    Args:
        captures: stores the captures.
        clock: milliseconds since the epoch.
    """

    def __init__(self, captures: Captures, clock: Clock) -> None:
        self._captures = captures
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, OpenUpload] = {}
        """Open uploads by request target."""
        self._being_stored: set[str] = set()
        """Paths of the captures that are being stored."""

    def serves(self, path: str) -> bool:
        """Return whether a path belongs to uploads."""
        return path.startswith(f"{MEDIA_PATH}/")

    def account_of(self, request: ServerRequest) -> str | None:
        """Return the account of an upload; None if it was not opened."""
        with self._lock:
            upload = self._open.get(request.target)
        return upload.account if upload is not None else None

    def redirect(self, request: ServerRequest, answer: ServerResponse) -> ServerResponse:
        """Make the URL in the answer to `POST /engine/v2/uploads` lead to this stand-in."""
        if answer.status != HTTPStatus.OK:
            return answer
        wanted, opened = json.loads(request.body), json.loads(answer.body)
        parts = urlsplit(opened["url"])
        target = f"{MEDIA_PATH}{parts.path}?{parts.query}"
        with self._lock:
            self._open = {
                name: each for name, each in self._open.items() if each.expires_at > time_of(self._clock, each.account)
            }
            self._open[target] = OpenUpload(
                wanted["account"], opened["url"], opened["headers"], wanted["bytes"], wanted["sha256"],
                opened["expires_at"],
            )  # fmt: skip
        url = f"{request.scheme}://{request.header('Host')}{target}"
        return replace(answer, body=json.dumps({**opened, "url": url}).encode())

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request to an upload's URL, with S3's errors."""
        with self._lock:
            upload = self._open.get(request.target)
        if request.method != "PUT" or upload is None:
            return _error(403, "SignatureDoesNotMatch", "The request is not the PUT that was signed.")
        if self._clock() >= upload.expires_at:
            return _error(403, "AccessDenied", "Request has expired")
        size = request.file.stat().st_size if request.file is not None else 0
        if size != upload.size or any(request.header(n) != v for n, v in upload.headers.items()):
            return _error(403, "SignatureDoesNotMatch", "Content-Length or a header is not the one that was signed.")
        if request.file is None or _sha256(request.file) != upload.sha256:
            return _error(400, "BadDigest", "The SHA-256 is not that of the body.")
        return self._store(upload, request.file)

    def _store(self, upload: OpenUpload, file: Path) -> ServerResponse:
        """Store a capture, unless it is being stored by another request at this moment."""
        path = urlsplit(upload.url).path
        with self._lock:
            if path in self._being_stored:
                return _error(409, "ConditionalRequestConflict", "A conflicting operation occurred.")
            self._being_stored.add(path)
        try:
            status = self._captures.upload(upload.url, upload.headers, file)
        finally:
            with self._lock:
                self._being_stored.discard(path)
        if status == HTTPStatus.PRECONDITION_FAILED:
            return _error(status, "PreconditionFailed", "At least one of the preconditions did not hold.")
        return ServerResponse(status)


def account_of_upload(body: bytes) -> str | None:
    """Return the account in a request to open an upload; None if it cannot be read."""
    try:
        account = json.loads(body)["account"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return account if isinstance(account, str) else None


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def _error(status: int, code: str, message: str) -> ServerResponse:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return ServerResponse(status, (("Content-Type", "application/xml"),), body.encode())
