"""A request and an answer of HTTP, as the server, the gateway and the control API hand them to one another."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.selection import select_dialect
from tapedeck.domain.errors import TapedeckError
from tapedeck.domain.identity import new_id
from tapedeck.http.request import to_lambda_response
from tapedeck.http.routes import split
from tapedeck_standin.http.addresses import LOOPBACK


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A request whose framing is undone.

    `target` is the request line's, byte for byte, each as a character of Latin-1; so are the values of `headers`.
    `body` holds at most one byte more than a function reads, so that what is too large is told by it.
    `scheme`, `port` and `host` are those of the server that it came to, by address; `peer` is the client's address.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    scheme: str = "http"
    port: int = 80
    host: str = LOOPBACK
    peer: str = LOOPBACK

    @property
    def raw_path(self) -> str:
        """The path as sent: what precedes the query, of an absolute URL what follows the host."""
        path = self.target.partition("?")[0]
        scheme, separator, rest = path.partition("://")
        if separator and scheme.isalpha():
            path = rest[rest.find("/") :] if "/" in rest else "/"
        return path if path.startswith("/") else f"/{path}"

    @property
    def query(self) -> str:
        """What follows the first question mark, as sent."""
        return self.target.partition("?")[2]

    @property
    def path(self) -> str:
        """The path, its escapes undone; bytes that are no UTF-8 become U+FFFD."""
        return unquote(self.raw_path.encode("latin-1"), errors="replace")

    def header(self, name: str) -> str | None:
        """The values of a header, joined by commas; None without it."""
        values = [value for given, value in self.headers if given.lower() == name.lower()]
        return ",".join(values) if values else None


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """An answer without the headers that frame it; one that is dropped is never given, and ends the connection."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_dropped: bool = False

    @classmethod
    def dropped(cls) -> "ServerResponse":
        """None at all."""
        return cls(0, is_dropped=True)

    @classmethod
    def of_json(cls, status: int, body: Mapping[str, Any] | None) -> "ServerResponse":
        """A JSON object; with None, nothing."""
        if body is None:
            return cls(status)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return cls(status, (("Content-Type", "application/json; charset=utf-8"),), text.encode())


def routing_error(error: TapedeckError, path: str) -> ServerResponse:
    """What a dialect answers to a request that no function is asked about.

    Args:
        error: such as MalformedBody, for what is not HTTP.
        path: decoded, as far as it is known.
    """
    parts = split(path)
    reply = select_dialect(parts[0] if parts else "", path).error(error, path, "")
    written = to_lambda_response(reply, new_id(api_bootstrap.clock()))
    return ServerResponse(written["statusCode"], tuple(written["headers"].items()), written["body"].encode())
