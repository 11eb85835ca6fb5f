"""Access to the control API: only from this machine unless configured otherwise (REL-19)."""

import http.client

import pytest

from tapedeck_standin.app.runtime import Options
from tapedeck_standin.control.router import ControlRouter
from tapedeck_standin.http.messages import ServerRequest
from tests.client import Answer
from tests.standin.http_client import ControlClient, StandIn, non_loopback_address, raw_connection

NAMES = ("localhost", "127.0.0.1", "[::1]", "api.twilio.com", "LOCALHOST", "localhost.", "API.Twilio.com.")


def send(standin: StandIn, *headers: str, method: str = "POST", path: str = "/_standin/calls") -> Answer:
    """Send a request with exactly these headers."""
    with raw_connection(standin.port) as connection:
        connection.send("\r\n".join((f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", "")).encode())
        return connection.read_answer()


@pytest.mark.parametrize("name", NAMES)
def test_accepts_the_names_of_this_machine(standin: StandIn, name: str) -> None:
    """Requests are accepted with any local name and the right port, also from a page of that origin (C-336)."""
    host = f"{name}:{standin.port}"
    assert send(standin, f"Host: {host}").status == 201
    assert send(standin, f"Host: {host}", f"Origin: http://{host.lower()}").status == 201


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost",
        "localhost:1",
        "localhost:{port}.evil.example",
        "localhost.evil.example:{port}",
        "user@localhost:{port}",
        "localhost..:{port}",
        "localhost:{port}.",
        "localhost.",
        "[::1]",
        "",
        "0.0.0.0:{port}",
        "localhost:{port}, localhost:{port}",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/_standin/calls"), ("GET", "/_standin/health")])
def test_rejects_other_hosts(standin: StandIn, host: str, method: str, path: str) -> None:
    """A Host that is not local is 403 on every route (DNS rebinding)."""
    answer = send(standin, f"Host: {host.format(port=standin.port)}", method=method, path=path)
    message = "the Host header is not an accepted name of this machine"
    assert (answer.status, answer.body) == (403, {"error": {"message": message, "field": "Host"}})


def test_rejects_missing_and_repeated_host(standin: StandIn) -> None:
    """A request without a Host header, or with two, is 400; with an empty one, it is 403."""
    assert send(standin).status == 400
    host = f"Host: localhost:{standin.port}"
    assert send(standin, host, host).status == 400
    assert send(standin, "Host:").status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://localhost", "https://localhost:{port}", "http://localhost:1"]
)
def test_rejects_other_origins(standin: StandIn, origin: str) -> None:
    """A request from a web page of another origin is 403."""
    formatted = origin.format(port=standin.port)
    answer = send(standin, f"Host: localhost:{standin.port}", f"Origin: {formatted}")
    message = "requests from web pages of other origins are rejected"
    assert (answer.status, answer.body) == (403, {"error": {"message": message, "field": "Origin"}})


def test_checks_the_https_port_over_tls(standin: StandIn) -> None:
    """Over HTTPS, Host must have the HTTPS port."""
    connection = standin.connect(tls=True)
    try:
        connection.request("POST", "/_standin/calls")
        response = connection.getresponse()
        response.read()
        assert response.status == 201
        connection.request("POST", "/_standin/calls", headers={"Host": f"localhost:{standin.port}"})
        assert connection.getresponse().status == 403
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/%5Fstandin/calls", "/_standin/%63alls", "/_standin", "/_standin/../calls"])
def test_checks_every_form_of_the_path(standin: StandIn, path: str) -> None:
    """The access check comes first for every form of a control path."""
    assert send(standin, "Host: evil.example", path=path).status == 403


def test_does_not_check_hosts_of_the_vendor_apis(standin: StandIn, anonymous: ControlClient) -> None:
    """With a token that is a secret, the vendors' APIs are protected by credentials, not by host names."""
    assert send(standin, "Host: evil.example", "Origin: null", path="/2010-04-01/Accounts/x/Calls/y/z").status == 401
    assert anonymous.request("GET", "/_standinx").status == 404


ELSEWHERE = ("192.0.2.7", "10.0.0.1", "172.17.0.1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.7", "128.0.0.1")
HERE = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")


def response_to(
    peer: str, *, host: str = "127.0.0.1", from_anywhere: bool = False, name: str = "localhost", origin: str = ""
) -> tuple[int, bytes]:
    """Status and body of a health request from `peer` to `host`."""
    control = ControlRouter([], from_anywhere=from_anywhere)
    headers = (("Host", name), *((("Origin", origin),) if origin else ()))
    answer = control.answer(ServerRequest("GET", "/_standin/health", headers, host=host, peer=peer))
    return answer.status, answer.body


@pytest.mark.parametrize("peer", ELSEWHERE)
def test_rejects_other_machines(peer: str) -> None:
    """A client on another machine is 403, with any Host."""
    message = b"requests from other machines need --control-from-anywhere"
    assert response_to(peer) == (403, b'{"error":{"message":"' + message + b'","field":null}}')


@pytest.mark.parametrize("peer", HERE)
def test_accepts_every_loopback_address(peer: str) -> None:
    """A client at any loopback address is accepted."""
    assert response_to(peer) == (200, b'{"status":"ok"}')


def test_accepts_this_machine_by_its_network_address() -> None:
    """A client with the same address as the server is local; another address of that network is not."""
    assert response_to("192.0.2.7", host="192.0.2.7")[0] == 200
    assert response_to("192.0.2.8", host="192.0.2.7")[0] == 403


@pytest.mark.parametrize("peer", ELSEWHERE + HERE)
def test_accepts_other_machines_if_configured(peer: str) -> None:
    """With `from_anywhere` every address is accepted."""
    assert response_to(peer, from_anywhere=True) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("host", "from_anywhere", "is_open"),
    [
        ("127.0.0.1", True, False),
        ("localhost", True, False),
        ("::1", True, False),
        ("::", False, False),
        ("::", True, True),
        ("192.0.2.7", True, True),
        ("tapedeck.example", True, True),
    ],
)
def test_opens_only_with_both_options(host: str, *, from_anywhere: bool, is_open: bool) -> None:
    """Other machines are accepted only with a public listen address and the flag."""
    assert Options(host=host, control_from_anywhere=from_anywhere).is_control_open is is_open


def test_checks_the_peer_address(standin: StandIn) -> None:
    """The peer address of the connection counts, not the header X-Forwarded-For."""
    own = non_loopback_address()
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=120, source_address=(own, 0))
    try:
        connection.request("POST", "/_standin/calls", headers={"X-Forwarded-For": "127.0.0.1"})
        assert connection.getresponse().status == 403
    finally:
        connection.close()


def test_open_api_accepts_any_host_but_no_foreign_origin() -> None:
    """An open control API accepts any Host, such as a container's name, but no page of another origin."""
    assert response_to("172.17.0.1", from_anywhere=True, name="tapedeck:49153")[0] == 200
    assert response_to("172.17.0.1", from_anywhere=True, name="tapedeck:49153", origin="http://evil.example")[0] == 403
    assert response_to("127.0.0.1", name="tapedeck:49153")[0] == 403
