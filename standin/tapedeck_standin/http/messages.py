"""HTTP requests and responses of the server, the gateway and the control API."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from tapedeck.bootstrap.environment import current_environment
from tapedeck.dialects.selection import select_dialect
from tapedeck.domain.errors import TapedeckError
from tapedeck.domain.identity import new_id
from tapedeck.http.request import to_lambda_response
from tapedeck.http.routes import split
from tapedeck_standin.http.addresses import LOOPBACK

MEDIA_PATH: Final = "/_standin/media"
"""The path of uploads of captures."""

MAX_UPLOAD_BYTES: Final = 256 * 1024 * 1024
"""The largest upload of a capture."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A received request, without transfer coding.

    `target`: the request target, decoded as Latin-1, like the values of `headers`.
    `body`: at most one byte more than the limit of the functions, so that they can detect a larger body.
    `file`: of an upload, the body in place of `body`: a file of at most one byte more than `MAX_UPLOAD_BYTES`.
    `scheme`, `host`, `port`: of the server socket, `host` being an IP address.
    `peer`: the client's IP address.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    scheme: str = "http"
    port: int = 80
    host: str = LOOPBACK
    peer: str = LOOPBACK
    file: Path | None = None

    @property
    def raw_path(self) -> str:
        """The path as sent, without the query; for an absolute URL, without scheme and host."""
        return _raw_path_of(self.target)

    @property
    def query(self) -> str:
        """The query string as sent, without the question mark."""
        return self.target.partition("?")[2]

    @property
    def path(self) -> str:
        """The percent-decoded path; bytes that are not UTF-8 become U+FFFD."""
        return _path_of(self.target)

    def header(self, name: str) -> str | None:
        """Return the values of a header, joined by commas; None if it is missing."""
        values = [value for given, value in self.headers if given.lower() == name.lower()]
        return ",".join(values) if values else None


# Both are cached, because the parts of the stand-in read the path of a request many times.
@lru_cache(maxsize=128)
def _raw_path_of(target: str) -> str:
    path = target.partition("?")[0]
    scheme, separator, rest = path.partition("://")
    if separator and _SCHEME.fullmatch(scheme):
        path = rest[rest.find("/") :] if "/" in rest else "/"
    return path if path.startswith("/") else f"/{path}"


@lru_cache(maxsize=128)
def _path_of(target: str) -> str:
    return unquote(_raw_path_of(target).encode("latin-1"), errors="replace")


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """A response without framing headers; `is_dropped`: close the connection without a response."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_dropped: bool = False

    @classmethod
    def dropped(cls) -> "ServerResponse":
        """Create a response that only closes the connection."""
        return cls(0, is_dropped=True)

    @classmethod
    def of_json(cls, status: int, body: Mapping[str, Any] | None) -> "ServerResponse":
        """Create a response with a JSON object as its body, or without a body for None."""
        if body is None:
            return cls(status)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return cls(status, (("Content-Type", "application/json; charset=utf-8"),), text.encode())


def routing_error(error: TapedeckError, path: str) -> ServerResponse:
    """Build the dialect's response to a request that reaches no function.

    Args:
        error: the error, such as MalformedBody for malformed HTTP.
        path: the decoded path, which selects the dialect; `/` if it is unknown.
    """
    parts = split(path)
    reply = select_dialect(parts[0] if parts else "", path).error(error, path, "")
    written = to_lambda_response(reply, new_id(current_environment().clock()))
    return ServerResponse(written["statusCode"], tuple(written["headers"].items()), written["body"].encode())
