"""The stand-in as the proxy of clients that cannot be changed: it leads only to itself (C-303)."""

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPSConnection
from typing import TypeVar

import pytest

from tests.client import DIALECTS, Answer
from tests.conftest import TestAccount
from tests.standin.conftest import serving
from tests.standin.http_client import HttpFunctionClient, StandIn, raw_connection

T = TypeVar("T")
REFUSAL = (
    "This proxy leads only to api.twilio.com, its regions, and the spaces of SignalWire, and with a tunnel only to "
    "port 443. Add a name with --proxy-host, or exclude a host from the proxy with the variable NO_PROXY.\n"
)
PATH = "/2010-04-01/Accounts/AC720796a08ee9435083bd2d07a3121f1e/Calls.json"
ADMITTED = [
    "api.twilio.com", "API.Twilio.com", "api.ie1.twilio.com", "api.dublin.ie1.twilio.com", "api.sydney.au1.twilio.com",
    "example.signalwire.com", "telephony.example",
]  # fmt: skip


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in whose proxy leads one more name to it."""
    with serving(api_hosts=frozenset({"telephony.example"}), proxy_hosts=("telephony.example",)) as running:
        yield running


def send(standin: StandIn, request_line: str, host: str = "api.twilio.com", port: int | None = None) -> Answer:
    """Send a request without a body; return the answer."""
    with raw_connection(port or standin.port) as connection:
        connection.send(f"{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return connection.read_answer()


@pytest.mark.parametrize("name", ADMITTED)
def test_a_tunnel_leads_to_the_stand_in(standin: StandIn, account: TestAccount, name: str) -> None:
    """Within a tunnel to a vendor's name, a client that trusts the CA file reaches the API under that name (C-304)."""
    context = ssl.create_default_context(cafile=str(standin.ca_file))
    client = HTTPSConnection("127.0.0.1", standin.port, timeout=60, context=context)
    client.set_tunnel(name, 443)
    api = HttpFunctionClient(DIALECTS["twilio"], account.id, account.token, standin=standin)
    standin.lines.clear()
    for _ in range(2):
        client.request("GET", api.path("Recordings"), headers={"Authorization": api._basic()})
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["recordings"]) == (200, [])
    client.close()
    assert [line.rpartition(" 200 ")[0] for line in standin.lines] == [
        f"CONNECT /{name}:443", f"GET {api.path('Recordings')}", f"GET {api.path('Recordings')}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443", "localhost:443", "127.0.0.1:8080", "twilio.com:443", "api.twilio.com.evil.example:443",
        "signalwire.com:443", "a@example.com:443", "[::1]:443", "*", "api.twilio.com:80", "api.twilio.com:3443",
        "example.signalwire.com:22", "telephony.example:25", "api.twilio.com:0", "api.twilio.com..:443",
    ],
)  # fmt: skip
def test_refuses_other_tunnels(standin: StandIn, target: str) -> None:
    """A tunnel to another name or port is 403, and the answer names the option that adds a name (C-303)."""
    answer = send(standin, f"CONNECT {target}")
    assert (answer.status, answer.text) == (403, REFUSAL)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_there_is_no_tunnel_to_the_port_of_http(standin: StandIn) -> None:
    """A tunnel to the stand-in's own port, at which there is no TLS, is 403."""
    assert send(standin, f"CONNECT localhost:{standin.port}").status == 403


def test_tls_may_begin_before_the_answer(standin: StandIn) -> None:
    """A client may send the first bytes of TLS together with `CONNECT`, without waiting for 200."""
    context = ssl.create_default_context(cafile=str(standin.ca_file))
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(received, sent, server_hostname="api.twilio.com")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with raw_connection(standin.port) as connection:
        connection.send(b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n" + sent.read())
        assert connection.read_answer().status == 200

        def read(function: Callable[[], T]) -> T:
            """Call a function of TLS again, with more data, until it needs no more."""
            while True:
                try:
                    return function()
                except ssl.SSLWantReadError:
                    connection.send(sent.read())
                    received.write(connection.read_some())

        read(tls.do_handshake)
        tls.write(f"GET {PATH} HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n".encode())
        assert read(lambda: tls.read(12)) == b"HTTP/1.1 401"


@pytest.mark.parametrize("name", ["api.twilio.com.", "Example.SignalWire.com.", "telephony.example."])
def test_a_name_may_end_with_a_dot(standin: StandIn, name: str) -> None:
    """A name with a dot at its end is the name without it (C-336)."""
    with raw_connection(standin.port) as connection:
        connection.send(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
        assert connection.read_answer().status == 200
    assert send(standin, f"GET https://{name}{PATH}", name).status == 401


def test_a_host_is_logged_without_its_password(standin: StandIn) -> None:
    """The log line of a refused target has the host, but not the name and password before it."""
    standin.lines.clear()
    for line in (
        "CONNECT name:secret@api.twilio.com:443", "CONNECT name:sec?ret@example.com:443", "GET name:secret@localhost",
        "GET ftp://name:secret@localhost/a", "GET h2c://name:secret@localhost/b", "GET http://name:secret@localhost/c",
    ):  # fmt: skip
        send(standin, line)
    assert [re.sub(" [0-9]+ ms$", "", line) for line in standin.lines] == [
        "CONNECT /api.twilio.com:443 403", "CONNECT /example.com:443 403", "GET /localhost 400", "GET /a 400",
        "GET /b 400", "GET /c 403",
    ]  # fmt: skip


def test_there_are_no_tunnels_within_tls(standin: StandIn) -> None:
    """The HTTPS port is no proxy: a tunnel through it is 403."""
    context = ssl.create_default_context(cafile=str(standin.ca_file))
    with (
        socket.create_connection(("127.0.0.1", standin.https_port), timeout=60) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n")
        assert wrapped.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
@pytest.mark.parametrize("authority", ["api.twilio.com", "example.signalwire.com:8080", "telephony.example"])
def test_a_target_may_have_a_vendors_name(standin: StandIn, scheme: str, authority: str) -> None:
    """A request whose target has scheme and host reaches the API, without a tunnel."""
    assert send(standin, f"GET {scheme}://{authority}{PATH}", authority).status == 401


@pytest.mark.parametrize("target", ["http://example.com/", "http://localhost:1/", "https://localhost/", "http:///a"])
def test_refuses_targets_of_other_servers(standin: StandIn, target: str) -> None:
    """A target on another server, or on another port of this machine, is 403."""
    answer = send(standin, f"GET {target}", "localhost")
    assert (answer.status, answer.text) == (403, REFUSAL)


@pytest.mark.parametrize(
    "request_line",
    ["GET http://a:secret@api.twilio.com/", "GET https://a@telephony.example/", "CONNECT a@api.twilio.com:443"],
)
def test_refuses_a_user_in_a_target(standin: StandIn, request_line: str) -> None:
    """A user name before an admitted name is 403, and the answer says where credentials belong (C-303)."""
    answer = send(standin, request_line)
    assert (answer.status, answer.text) == (
        403,
        "The target must not have a user name or a password before its host: send them in the header Authorization.\n",
    )


@pytest.mark.parametrize("target", ["http://a@example.com/", "http://a@localhost:1/", "http://@api.twilio.com/"])
def test_refuses_other_servers_also_with_a_user(standin: StandIn, target: str) -> None:
    """A target on another server is refused as such, also with a user name (C-303)."""
    answer = send(standin, f"GET {target}")
    assert (answer.status, answer.text) == (403, REFUSAL)


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "Content-Length: 3"])
@pytest.mark.parametrize("name", ["api.twilio.com", "example.com"])
def test_a_tunnel_with_a_body_is_refused_at_once(standin: StandIn, name: str, header: str) -> None:
    """A request for a tunnel that announces a body is 400, before any of the body has come (C-344)."""
    with raw_connection(standin.port) as connection:
        connection.send(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n{header}\r\n\r\n".encode())
        answer = connection.read_answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.body == {
        "code": 20001, "message": "Bad request", "more_info": "https://www.twilio.com/docs/errors/20001", "status": 400,
    }  # fmt: skip


def test_a_tunnel_may_have_an_empty_body(standin: StandIn) -> None:
    """A request for a tunnel with a length of 0 begins one (C-344)."""
    with raw_connection(standin.port) as connection:
        connection.send(b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com\r\nContent-Length: 0\r\n\r\n")
        assert connection.read_answer().status == 200


@pytest.mark.parametrize(
    "target", ["ftp://localhost/", "ws://localhost/", "httpx://api.twilio.com/", "localhost/a", "mailto:a"]
)
def test_refuses_targets_that_are_not_http(standin: StandIn, target: str) -> None:
    """A target with another scheme, or without one and without a slash, is 400 also with a known host (C-336)."""
    answer = send(standin, f"GET {target}", f"localhost:{standin.port}")
    assert answer.status == 400
    assert answer.body == {
        "code": 20001, "message": "Bad request", "more_info": "https://www.twilio.com/docs/errors/20001", "status": 400,
    }  # fmt: skip


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_target_may_be_the_stand_in_itself(standin: StandIn, host: str) -> None:
    """A client that reaches the control API through the proxy gets its answer, although no proxy was needed."""
    authority = f"{host}:{standin.port}"
    assert send(standin, f"GET http://{authority}/_standin/health", authority).status == 200


def test_web_pages_do_not_reach_the_control_api_by_a_vendors_name(standin: StandIn) -> None:
    """The control API is refused under a vendor's name, in a tunnel as elsewhere (REL-19)."""
    context = ssl.create_default_context(cafile=str(standin.ca_file))
    client = HTTPSConnection("127.0.0.1", standin.port, timeout=60, context=context)
    client.set_tunnel("api.twilio.com", 443)
    client.request("POST", "/_standin/calls", b"{}")
    assert client.getresponse().status == 403
    client.close()


def test_a_tunnel_without_tls_delays_no_other_client(standin: StandIn) -> None:
    """A tunnel in which nothing or no TLS is sent is closed, and the server goes on."""
    with raw_connection(standin.port) as silent, raw_connection(standin.port) as wrong:
        for connection in (silent, wrong):
            connection.send(b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n")
            assert connection.read_answer().status == 200
        wrong.send(b"GET / HTTP/1.1\r\n\r\n")
        assert send(standin, f"GET {PATH}").status == 401
