"""Rule R19: who may drive the control API."""

import pytest

from tests.client import Answer
from tests.standin.http_client import ControlClient, Place, raw

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
