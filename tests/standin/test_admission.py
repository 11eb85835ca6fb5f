"""Rule R19: who may drive the control API."""

import http.client

import pytest

from tapedeck_standin.app.runtime import Options
from tapedeck_standin.control.router import ControlRouter
from tapedeck_standin.http.messages import ServerRequest
from tests.client import Answer
from tests.standin.http_client import ControlClient, Place, address_that_others_know, raw

NAMES = ("localhost", "127.0.0.1", "[::1]", "api.twilio.com", "LOCALHOST")


def ask(place: Place, *headers: str, method: str = "POST", path: str = "/_standin/calls") -> Answer:
    """A request with these headers and no other."""
    with raw(place.port) as connection:
        connection.send("\r\n".join((f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", "")).encode())
        return connection.read_answer()


@pytest.mark.parametrize("name", NAMES)
def test_admits_this_machine(place: Place, name: str) -> None:
    """By its own names, with its port; from a page of its own, too."""
    host = f"{name}:{place.port}"
    assert ask(place, f"Host: {host}").status == 201
    assert ask(place, f"Host: {host}", f"Origin: http://{host.lower()}").status == 201


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
        "[::1]",
        "",
        "0.0.0.0:{port}",
        "localhost:{port}, localhost:{port}",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/_standin/calls"), ("GET", "/_standin/health")])
def test_refuses_other_hosts(place: Place, host: str, method: str, path: str) -> None:
    """A name that somebody made lead here is refused with 403, whatever the call."""
    answer = ask(place, f"Host: {host.format(port=place.port)}", method=method, path=path)
    message = "the header Host names another machine"
    assert (answer.status, answer.body) == (403, {"error": {"message": message, "field": "Host"}})


def test_refuses_no_host(place: Place) -> None:
    """A request without Host is refused, and so is one with two."""
    assert ask(place).status == 403
    host = f"Host: localhost:{place.port}"
    assert ask(place, host, host).status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://localhost", "https://localhost:{port}", "http://localhost:1"]
)
def test_refuses_other_origins(place: Place, origin: str) -> None:
    """A web page of another site, on this machine's or any other port, is refused with 403."""
    spelled = origin.format(port=place.port)
    answer = ask(place, f"Host: localhost:{place.port}", f"Origin: {spelled}")
    message = "the header Origin names another site"
    assert (answer.status, answer.body) == (403, {"error": {"message": message, "field": "Origin"}})


def test_admits_over_tls(place: Place) -> None:
    """Over HTTPS it is the other port that is known."""
    connection = place.connect(tls=True)
    try:
        connection.request("POST", "/_standin/calls")
        response = connection.getresponse()
        response.read()
        assert response.status == 201
        connection.request("POST", "/_standin/calls", headers={"Host": f"localhost:{place.port}"})
        assert connection.getresponse().status == 403
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/%5Fstandin/calls", "/_standin/%63alls", "/_standin", "/_standin/../calls"])
def test_guards_every_spelling(place: Place, path: str) -> None:
    """However the path is written, the guard comes first."""
    assert ask(place, "Host: evil.example", path=path).status == 403


def test_leaves_the_vendors_api_open(place: Place, anonymous: ControlClient) -> None:
    """What the vendors' clients call is guarded by credentials, not by names."""
    assert ask(place, "Host: evil.example", "Origin: null", path="/2010-04-01/Accounts/x/Calls/y/z").status == 404
    assert anonymous.request("GET", "/_standinx").status == 404


ELSEWHERE = ("192.0.2.7", "10.0.0.1", "172.17.0.1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.7", "128.0.0.1")
HERE = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")


def asked_by(
    peer: str, *, host: str = "127.0.0.1", from_anywhere: bool = False, name: str = "localhost", origin: str = ""
) -> tuple[int, bytes]:
    """What a control API tells a client at this address that has come to that one."""
    control = ControlRouter([], from_anywhere=from_anywhere)
    headers = (("Host", name), *((("Origin", origin),) if origin else ()))
    answer = control.answer(ServerRequest("GET", "/_standin/health", headers, host=host, peer=peer))
    return answer.status, answer.body


@pytest.mark.parametrize("peer", ELSEWHERE)
def test_refuses_other_machines(peer: str) -> None:
    """Whoever speaks from another machine is refused with 403, whatever name it calls this one by."""
    message = b"only this machine may ask, unless it was started with --control-from-anywhere"
    assert asked_by(peer) == (403, b'{"error":{"message":"' + message + b'","field":null}}')


@pytest.mark.parametrize("peer", HERE)
def test_admits_every_loopback_address(peer: str) -> None:
    """This machine has many addresses that nobody else has."""
    assert asked_by(peer) == (200, b'{"status":"ok"}')


def test_admits_this_machine_by_anaddress_that_others_know() -> None:
    """Whoever speaks from the very address that was spoken to is this machine; another of that network is not."""
    assert asked_by("192.0.2.7", host="192.0.2.7")[0] == 200
    assert asked_by("192.0.2.8", host="192.0.2.7")[0] == 403


@pytest.mark.parametrize("peer", ELSEWHERE + HERE)
def test_admits_other_machines_where_they_are_wanted(peer: str) -> None:
    """A control API that is open to all is open to all."""
    assert asked_by(peer, from_anywhere=True) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("host", "asked", "is_open"),
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
def test_opens_only_where_both_are_asked_for(host: str, *, asked: bool, is_open: bool) -> None:
    """Neither an address that others reach nor the flag alone lets other machines in."""
    assert Options(host=host, control_from_anywhere=asked).is_control_open is is_open


def test_sees_who_asks(place: Place) -> None:
    """The address of a connection's other end counts, not what the request says."""
    own = address_that_others_know()
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=20, source_address=(own, 0))
    try:
        connection.request("POST", "/_standin/calls", headers={"X-Forwarded-For": "127.0.0.1"})
        assert connection.getresponse().status == 403
    finally:
        connection.close()


def test_answers_to_any_name_where_it_is_open_but_never_to_a_page() -> None:
    """A container is called by the name that others gave it; another site's page is still turned away."""
    assert asked_by("172.17.0.1", from_anywhere=True, name="tapedeck:49153")[0] == 200
    assert asked_by("172.17.0.1", from_anywhere=True, name="tapedeck:49153", origin="http://evil.example")[0] == 403
    assert asked_by("127.0.0.1", name="tapedeck:49153")[0] == 403
