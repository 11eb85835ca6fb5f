"""While the public token is in use, web pages cannot use the API of the stand-in (REL-31)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tapedeck_standin.app.runtime import Options
from tapedeck_standin.gateway.host_guard import HostGuard
from tapedeck_standin.http.messages import ServerRequest
from tests.client import Answer
from tests.standin.conftest import serving
from tests.standin.http_client import StandIn, raw_connection

TWILIO_PATH = "/2010-04-01/Accounts/AC720796a08ee9435083bd2d07a3121f1e/Calls.json"
SIGNALWIRE_PATH = "/api/laml/2010-04-01/Accounts/720796a0-8ee9-4350-83bd-2d07a3121f1e/Calls"
ENGINE_PATH = "/engine/v2/events"
UNKNOWN_HOST = "The Host header is not a known name: allow it with --allow-host"
FOREIGN_ORIGIN = "Requests from web pages of other origins are rejected"


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in that knows one more host."""
    with serving(api_hosts=frozenset({"tapedeck.example"})) as running:
        yield running


def send(standin: StandIn, path: str, *headers: str, method: str = "POST") -> Answer:
    """Send a request with exactly these headers."""
    with raw_connection(standin.port) as connection:
        connection.send("\r\n".join((f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", "")).encode())
        return connection.read_answer()


def refusal(path: str, message: str) -> dict[str, Any]:
    """Return the body of the refusal of a path."""
    if path == ENGINE_PATH:
        return {"refused": "not_allowed", "detail": message}
    if path == TWILIO_PATH:
        more_info = "https://www.twilio.com/docs/errors/20403"
    else:
        more_info = "https://signalwire.com/docs/compatibility-api/reference/errors"
    return {"code": 20403, "message": message, "more_info": more_info, "status": 403}


@pytest.mark.parametrize("path", [TWILIO_PATH, SIGNALWIRE_PATH, ENGINE_PATH])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_refuses_unknown_hosts(standin: StandIn, path: str, method: str) -> None:
    """A name that leads to this machine by DNS rebinding is 403 in the form of the path."""
    answer = send(standin, path, f"Host: evil.example:{standin.port}", method=method)
    assert (answer.status, answer.body) == (403, refusal(path, UNKNOWN_HOST))


@pytest.mark.parametrize("path", [TWILIO_PATH, SIGNALWIRE_PATH, ENGINE_PATH])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_refuses_foreign_origins(standin: StandIn, path: str, origin: str) -> None:
    """A form of a web page on the same machine is 403, although it has a known host."""
    answer = send(standin, path, f"Host: localhost:{standin.port}", f"Origin: {origin}")
    assert (answer.status, answer.body) == (403, refusal(path, FOREIGN_ORIGIN))


def test_admits_own_origin_and_clients_without_one(standin: StandIn) -> None:
    """A known host without an origin, or with its own, reaches the API, which checks the credentials."""
    host = f"localhost:{standin.port}"
    for more in ((), (f"Origin: http://{host}",)):
        assert send(standin, TWILIO_PATH, f"Host: {host}", *more, method="GET").status == 401


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("localhost", True),
        ("localhost:3000", True),
        ("LOCALHOST:1", True),
        ("127.0.0.1:3000", True),
        ("127.8.8.8", True),
        ("[::1]:3000", True),
        ("192.0.2.7:3000", True),  # the address at which the request arrived
        ("192.0.2.8:3000", False),
        ("api.twilio.com", True),
        ("api.dublin.ie1.twilio.com", True),
        ("example.signalwire.com", True),
        ("signalwire.com", False),
        ("api.twilio.com.evil.example", False),
        ("evil.twilio.com", False),
        ("evil-signalwire.com", False),
        ("tapedeck.example:8443", True),
        ("host.docker.internal:3000", False),
        ("user@localhost", False),
        ("localhost, localhost", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("allows_all", [False, True])
def test_knows_hosts(host: str, *, is_known: bool, allows_all: bool) -> None:
    """Known are loopback names and addresses, the vendors' API names, own addresses, and the allowed names."""
    names = ("Tapedeck.example", *(("*",) if allows_all else ()))
    request = ServerRequest("GET", TWILIO_PATH, (("Host", host),), host="192.0.2.7", peer="192.0.2.9")
    answer = HostGuard(names, lambda: 0).refuse(request)
    assert (answer is None) is (is_known or allows_all)
    if answer is not None:
        assert (answer.status, json.loads(answer.body)) == (403, refusal(TWILIO_PATH, UNKNOWN_HOST))


@pytest.mark.parametrize("host", ["192.0.2.7:3000", "[::ffff:192.0.2.7]:3000"])
def test_knows_its_ipv4_address_on_an_ipv6_socket(host: str) -> None:
    """With `--host ::`, a client may use the IPv4 address of this machine, which the socket has in IPv6's form."""
    request = ServerRequest("GET", TWILIO_PATH, (("Host", host),), host="::ffff:192.0.2.7", peer="::ffff:192.0.2.9")
    assert HostGuard((), lambda: 0).refuse(request) is None


def test_protects_only_the_public_token() -> None:
    """With a token of its own, the stand-in answers any host: no page knows the token."""
    assert Options(token="0123456789abcdef0123456789abcdef").api_hosts is None
    assert Options().api_hosts == frozenset({"127.0.0.1"})
    own = Options(host="0.0.0.0", external_url="https://tapedeck.example:8443", allow_hosts=("standin",))  # noqa: S104
    assert own.api_hosts == frozenset({"tapedeck.example", "standin"})
