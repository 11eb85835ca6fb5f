"""HTTP clients of a stand-in: for its control API, for the API in a dialect, and raw sockets."""

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlencode

import pytest

from tapedeck_standin.http.addresses import is_loopback
from tests.client import Answer, Form, FunctionClient, _encode
from tests.wire.validator import check_response

TIMEOUT: Final = 120
NEW: Final = re.compile(r"[0-9a-f]{12}7[0-9a-f]{19}\Z")


@dataclass(frozen=True)
class StandIn:
    """Ports and default account of a running stand-in, and its request lines."""

    port: int
    https_port: int
    ca_file: Path
    account: str
    token: str
    lines: list[str]

    def connect(self, *, tls: bool = False) -> http.client.HTTPConnection:
        """Open a connection; TLS trusts only the stand-in's certificate authority."""
        if not tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return http.client.HTTPSConnection("localhost", self.https_port, timeout=TIMEOUT, context=context)


def non_loopback_address() -> str:
    """Return an IP address of this machine that is not a loopback address; skip the test if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # UDP: sends nothing
        except OSError:
            pytest.skip("this machine has only loopback addresses")
        address: str = probe.getsockname()[0]
    if is_loopback(address):
        pytest.skip("this machine has only loopback addresses")
    return address


def send_request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request on a connection that stays open."""
    connection.request(method, path, body=body, headers=dict(headers or {}))
    response = connection.getresponse()
    content = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


@dataclass
class ControlClient:
    """A client of the control API; adds `account`, if given, to every body or query."""

    standin: StandIn
    account: str | None = None

    def post(self, path: str, content: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """POST to a path below `/_standin`."""
        if self.account is not None and (content is None or isinstance(content, dict)):
            content = {"account": self.account, **(content or {})}
        body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        return self.request("POST", f"/_standin{path}", body, headers)

    def get(self, path: str, **query: str) -> Answer:
        """GET a path below `/_standin`."""
        return self.request("GET", f"/_standin{path}?{self._query(query)}")

    def delete(self, path: str) -> Answer:
        """DELETE a path below `/_standin`."""
        return self.request("DELETE", f"/_standin{path}?{self._query({})}")

    def _query(self, query: Mapping[str, str]) -> str:
        default = {} if self.account is None else {"account": self.account}
        return urlencode({**default, **query})

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send any request on a new connection."""
        connection = self.standin.connect()
        try:
            return send_request(connection, method, path, body, headers)
        finally:
            connection.close()


@dataclass
class HttpFunctionClient(FunctionClient):
    """An API client in one dialect through the gateway; checks every response against the wire format."""

    standin: StandIn | None = None
    tls: bool = False

    def request(
        self,
        method: str,
        path: str,
        *,
        form: Form = None,
        content_type: str = "application/x-www-form-urlencoded",
        headers: Mapping[str, str] | None = None,
        authorization: str | None = "",
    ) -> Answer:
        """Send any request; `authorization`: None for no header, empty for the client's own credentials."""
        assert self.standin is not None
        body = _encode(form)
        sent = {**({"Content-Type": content_type} if body else {}), **(headers or {})}
        if authorization is not None:
            sent["Authorization"] = authorization or self._basic()
        connection = self.standin.connect(tls=self.tls)
        try:
            answer = send_request(connection, method, path, body or None, sent)
        finally:
            connection.close()
        check_response(
            method,
            unquote(path),
            answer.status,
            answer.headers,
            answer.content,
            injected=True,
            authorization=sent.get("Authorization"),
        )
        return answer


class RawConnection:
    """A socket that sends exactly the given bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._file = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def read_answer(self, *, to_head: bool = False) -> Answer:
        """Read the next response; `to_head`: it has no body."""
        status_line = self._file.readline().decode("latin-1")
        assert status_line.startswith("HTTP/1.1 "), status_line
        headers: dict[str, str] = {}
        while (line := self._file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        length = 0 if to_head else int(headers.get("content-length", "0"))
        return Answer(int(status_line.split()[1]), headers, self._file.read(length))

    def read_some(self) -> bytes:
        """Read what has arrived, at least one byte; nothing if the server has closed the connection."""
        return self._file.read1(65_536)

    @property
    def has_ended(self) -> bool:
        """Whether the server has closed the connection without sending more."""
        return self._file.read(1) == b""

    def close(self) -> None:
        """Close the socket."""
        self._file.close()
        self.socket.close()


@contextmanager
def raw_connection(port: int) -> Iterator[RawConnection]:
    """Open a raw connection to a local port."""
    connection = RawConnection(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT))
    try:
        yield connection
    finally:
        connection.close()


def ids_in(body: Any) -> Iterator[str]:
    """Yield all ids in a control response; check that each sid has both dialects' forms."""
    if isinstance(body, list):
        for element in body:
            yield from ids_in(element)
    elif isinstance(body, dict):
        for name, value in body.items():
            if name == "sid":
                identifier = value["signalwire"].replace("-", "")
                assert NEW.match(identifier), value
                assert value["twilio"][2:] == identifier
                assert list(value) == ["twilio", "signalwire"]
                yield identifier
            else:
                yield from ids_in(value)


def without_ids(body: Any) -> Any:
    """Return a control response with each sid replaced by its prefix."""
    if isinstance(body, list):
        return [without_ids(element) for element in body]
    if isinstance(body, dict):
        return {name: value["twilio"][:2] if name == "sid" else without_ids(value) for name, value in body.items()}
    return body
