"""One webhook exchange: the bytes of the request, and the result of the response (REL-13)."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.ports.messaging import FailureReason, WebhookResult
from tests.webhook.conftest import Authority
from tests.webhook.servers import (
    FORM,
    OURS,
    PUBLIC,
    Internet,
    Received,
    Server,
    answering,
    get,
    post,
    reply,
    sender,
    serving,
    timeless,
)


@pytest.mark.parametrize("body", [b"", b"x=1", bytes(range(256)), b"\r\n\r\n0\r\n\r\n", b"x" * 65_536])
def test_a_post_sends_its_exact_body(body: bytes) -> None:
    """A POST sends the exact body, its length, the given headers and the default headers."""
    with answering(lambda _: reply(200)) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(post("http://app.example.com/hooks?tenant=42", body=body, headers=FORM)))
    headers = {"Host": "app.example.com", **OURS, "Content-Length": str(len(body)), **FORM}
    assert server.requests == [Received("POST", "/hooks?tenant=42", headers, body)]
    assert next(iter(server.requests[0].headers)) == "Host"
    assert outcome == WebhookResult(200, None, 0)


def test_a_long_body_is_sent_completely() -> None:
    """A body larger than the socket buffer is written in parts."""
    body = bytes(range(256)) * 4096
    with answering(lambda _: reply(200)) as server:

        def connect(_address: str, _port: int, _seconds: float) -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            return connection

        webhook = SafeWebhookClient(resolve=lambda *_: [PUBLIC], connect=connect)
        outcome = timeless(webhook.send(post("http://app.example.com/", body=body)))
    assert ([request.body == body for request in server.requests], outcome) == ([True], WebhookResult(200, None, 0))


def test_a_get_has_no_body() -> None:
    """A GET has no body and no `Content-Length`."""
    with answering(lambda _: reply(200)) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(get("http://app.example.com/hooks?CallSid=CA1&x=%20+y", headers=FORM)))
    headers = {"Host": "app.example.com", **OURS, **FORM}
    assert server.requests == [Received("GET", "/hooks?CallSid=CA1&x=%20+y", headers, b"")]
    assert outcome == WebhookResult(200, None, 0)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://app.example.com", "app.example.com", 80, "/"),
        ("http://app.example.com:80/x", "app.example.com", 80, "/x"),
        ("http://app.example.com:0080/x", "app.example.com", 80, "/x"),
        ("http://app.example.com:/x", "app.example.com", 80, "/x"),
        ("http://app.example.com:443/", "app.example.com:443", 443, "/"),
        ("http://App.Example.com:8080/X", "App.Example.com:8080", 8080, "/X"),
        ("http://app.example.com./", "app.example.com.", 80, "/"),
        ("http://app.example.com?x=1", "app.example.com", 80, "/?x=1"),
        ("http://app.example.com//a//b;c=d/?e=/?f", "app.example.com", 80, "//a//b;c=d/?e=/?f"),
        ("http://app.example.com/#rc=2&ct=100", "app.example.com", 80, "/"),
        ("http://app.example.com/%7Ea/%2e%2E/../b", "app.example.com", 80, "/%7Ea/%2e%2E/../b"),
        ('http://app.example.com/"<>[]{}|^`~%zz', "app.example.com", 80, '/"<>[]{}|^`~%zz'),
        ("http://app.example.com/\u00e9?q=\u00fc\u20ac", "app.example.com", 80, "/%C3%A9?q=%C3%BC%E2%82%AC"),
        ("http://user:pass@app.example.com:81/", "app.example.com:81", 81, "/"),
        ("http://93.184.216.34/", "93.184.216.34", 80, "/"),
        ("http://[2606:4700:4700::1111]/", "[2606:4700:4700::1111]", 80, "/"),
        ("http://[2606:4700:4700::1111]:8080/", "[2606:4700:4700::1111]:8080", 8080, "/"),
    ],
)
def test_a_url_yields_host_port_and_target(url: str, host: str, port: int, target: str) -> None:
    """`Host` keeps the spelling of the URL and omits a default port; the fragment is not sent."""
    with answering(lambda _: reply(204)) as server:
        webhook, internet = sender(server, "app.example.com", "app.example.com.")
        outcome = timeless(webhook.send(get(url)))
    assert server.requests == [Received("GET", target, {"Host": host, **OURS}, b"")]
    address = "2606:4700:4700::1111" if host.startswith("[") else PUBLIC
    assert (outcome, internet.connections) == (WebhookResult(204, None, 0), [(address, port)])


def test_connection_headers_cannot_be_overridden() -> None:
    """Given headers cannot replace `Host`, `Content-Length`, `User-Agent` or other connection headers."""
    given = {
        "host": "other.example.com", "Content-length": "1000", "Transfer-Encoding": "chunked",
        "connection": "keep-alive", "USER-AGENT": "x", "accept": "x", "X-Other": "y",
    }  # fmt: skip
    with answering(lambda _: reply(204)) as server:
        webhook, _ = sender(server)
        webhook.send(post("http://app.example.com/", body=b"x=1", headers=given))
    headers = {"Host": "app.example.com", **OURS, "Content-Length": "3", "X-Other": "y"}
    assert server.requests == [Received("POST", "/", headers, b"x=1")]


@pytest.mark.parametrize("status", [200, 201, 204, 299, 300, 304, 305, 400, 401, 404, 410, 429, 500, 503, 599, 999])
def test_any_status_is_a_result(status: int) -> None:
    """Every final status is returned as a result, without interpretation."""
    with answering(lambda _: reply(status)) as server:
        webhook, _ = sender(server)
        assert timeless(webhook.send(post("http://app.example.com/"))) == WebhookResult(status, None, 0)


RESPONSES: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "empty": (b"Content-Length: 0\r\n\r\n", b""),
    "short": (b"Content-Length: 2\r\n\r\nok", b"ok"),
    "one kilobyte": (b"Content-Length: 1024\r\n\r\n" + b"x" * 1024, b"x" * 1024),
    "over one kilobyte": (b"Content-Length: 1025\r\n\r\n" + b"x" * 1024 + b"y", b"x" * 1024),
    "the most that is read": (b"Content-Length: 65536\r\n\r\n" + b"x" * 65_536, b"x" * 1024),
    "more than is read": (b"Content-Length: 65537\r\n\r\n" + b"x" * 65_537, b"x" * 1024),
    "in chunks": (b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n", b"ok!"),
    "in zero chunks": (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    "until the connection closes": (b"\r\nuntil it closes", b"until it closes"),
    "empty until the connection closes": (b"\r\n", b""),
    "compressed": (b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x00"),
    "with extra bytes": (b"Content-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n", b"ok"),
    "with bare line feeds": (b"Content-Length: 2\n\nok", b"ok"),
}


@pytest.mark.parametrize(("answer", "excerpt"), RESPONSES.values(), ids=RESPONSES.keys())
def test_a_result_has_the_first_kilobyte_of_the_body(answer: bytes, excerpt: bytes) -> None:
    """The first kilobyte of the body is kept unchanged, for every kind of body framing."""
    with answering(lambda _: b"HTTP/1.1 200 OK\r\n" + answer) as server:
        webhook, _ = sender(server)
        assert timeless(webhook.send(post("http://app.example.com/"))) == WebhookResult(200, None, 0, excerpt)


def test_a_response_to_head_has_no_body() -> None:
    """`Content-Length` in a response to HEAD announces no body."""
    with answering(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(replace(get("http://app.example.com/"), method="HEAD")))
    assert outcome == WebhookResult(200, None, 0)


def test_interim_responses_are_skipped() -> None:
    """Responses with a 1xx status before the final response are skipped."""
    interim = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    )
    with answering(lambda _: interim * 3 + reply(201, b"made")) as server:
        webhook, _ = sender(server)
        assert timeless(webhook.send(post("http://app.example.com/"))) == WebhookResult(201, None, 0, b"made")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999", 999_999_999),
        ("Tue, 25 Sep 2018 23:01:40 GMT", 100),
        ("Tue, 25 Sep 2018 22:59:00 GMT", 0),
        ("Wed, 25 Sep 2019 23:00:00 GMT", 31_536_000),
        ("9999999999", None),
        ("9" * 9000, None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\u00b2", None),
        ("Tue, 25 Sep 2018 23:01:40", None),
        ("Tue, 31 Feb 2018 23:01:40 GMT", None),
        ("2018-09-25T23:01:40Z", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [200, 429, 503])
def test_reads_retry_after(text: str, seconds: int | None, status: int) -> None:
    """`Retry-After` is a number of seconds or a date relative to now; other values are ignored."""
    answer = f"HTTP/1.1 {status} Later\r\nContent-Length: 0\r\nRetry-After: {text}\r\n\r\n".encode("latin-1")
    with answering(lambda _: answer) as server:
        webhook, _ = sender(server)
        assert timeless(webhook.send(post("http://app.example.com/"))) == WebhookResult(status, None, 0, b"", seconds)


@pytest.mark.parametrize("url", ["https://App.example.com/x", "https://app.example.com./x", "https://93.184.216.34/x"])
def test_tls_is_verified_by_the_host(url: str, authority: Authority) -> None:
    """SNI and the certificate check use the host of the URL, not the address of the connection."""
    host = url.split("/")[2]
    sni_names: list[str | None] = []
    context = authority.issue("app.example.com", PUBLIC)
    context.sni_callback = lambda _, name, __: sni_names.append(name)
    with answering(lambda _: reply(200, b"ok"), tls=context) as server:
        webhook, internet = sender(server, host.lower(), tls=authority.trusted)
        outcome = timeless(webhook.send(post(url, body=b"x=1")))
    headers = {"Host": host, **OURS, "Content-Length": "3"}
    assert server.requests == [Received("POST", "/x", headers, b"x=1")]
    assert (outcome, internet.connections) == (WebhookResult(200, None, 0, b"ok"), [(PUBLIC, 443)])
    assert sni_names == ([None] if host == PUBLIC else ["app.example.com"])


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:{port}"])
def test_an_address_may_be_allowed(entry: str) -> None:
    """A non-public address can be allowed, with or without a port, also for names that resolve to it."""
    with answering(lambda _: reply(204)) as server:
        allowed = frozenset({entry.format(port=server.port)})
        webhook = SafeWebhookClient(resolve=lambda *_: ["127.0.0.1"], allowed_hosts=allowed)
        sent = [timeless(webhook.send(get(f"http://{host}:{server.port}/"))) for host in ("127.0.0.1", "a.example")]
    assert sent == [WebhookResult(204, None, 0)] * 2
    assert [request.headers["Host"] for request in server.requests] == [
        f"127.0.0.1:{server.port}",
        f"a.example:{server.port}",
    ]


@pytest.mark.parametrize("entry", ["localhost", "LocalHost", "localhost:{port}", "LOCALHOST:{port}"])
def test_a_name_may_be_allowed(entry: str) -> None:
    """A name can be allowed, with or without a port, in any case; its addresses are not checked."""
    with answering(lambda _: reply(204)) as server:
        webhook = SafeWebhookClient(allowed_hosts=frozenset({entry.format(port=server.port)}))
        sent = [timeless(webhook.send(get(f"http://{host}:{server.port}/"))) for host in ("localhost", "LOCALHOST")]
    assert sent == [WebhookResult(204, None, 0)] * 2


def test_an_allowed_port_is_the_only_one() -> None:
    """A host allowed with a port is rejected on other ports; a default port must be named too."""
    internet = Internet(hosts={"a.example": [["10.0.0.1"]]})
    webhook = SafeWebhookClient(
        resolve=internet.resolve,
        connect=internet.connect,
        allowed_hosts=frozenset({"a.example:80", "[::1]:443", "fd00::1", "[FD00::3]"}),
    )
    urls = {
        "http://a.example/": FailureReason.CONNECT,
        "http://a.example:80/": FailureReason.CONNECT,
        "https://[::1]/": FailureReason.CONNECT,
        "https://[fd00::1]:8443/": FailureReason.CONNECT,
        "http://[fd00::3]/": FailureReason.CONNECT,
        "https://a.example/": FailureReason.FORBIDDEN,
        "http://a.example:81/": FailureReason.FORBIDDEN,
        "http://[::1]/": FailureReason.FORBIDDEN,
        "http://[fd00::2]/": FailureReason.FORBIDDEN,
    }
    assert {url: webhook.send(get(url)).failure for url in urls} == urls
    connections = [("10.0.0.1", 80), ("10.0.0.1", 80), ("::1", 443), ("fd00::1", 8443), ("fd00::3", 80)]
    assert internet.connections == connections


def test_a_host_may_be_mapped(authority: Authority) -> None:
    """For a mapped host the target is resolved and trusted; `Host` and certificate check keep the URL's name."""
    with answering(lambda _: reply(204), tls=authority.issue("localhost")) as server:
        internet = Internet(server, {"host.docker.internal": [["192.168.65.254"]]})
        webhook = SafeWebhookClient(
            resolve=internet.resolve,
            connect=internet.connect,
            tls=authority.trusted,
            host_map={"LocalHost": "host.docker.internal"},
        )
        urls = ("https://localhost:3443/x", "https://LOCALHOST:3443/x", "https://host.docker.internal:3443/x")
        sent = [timeless(webhook.send(post(url))) for url in urls]
    assert sent == [
        WebhookResult(204, None, 0),
        WebhookResult(204, None, 0),
        WebhookResult(None, FailureReason.FORBIDDEN, 0),
    ]
    assert [request.headers["Host"] for request in server.requests] == ["localhost:3443", "LOCALHOST:3443"]
    assert internet.connections == [("192.168.65.254", 3443)] * 2


def test_a_mapped_host_may_be_an_address() -> None:
    """A host can be mapped to an address, also with the system's resolver and sockets."""
    with answering(lambda _: reply(204)) as server:
        webhook = SafeWebhookClient(host_map={"app.example.com": "127.0.0.1"})
        assert timeless(webhook.send(post(f"http://app.example.com:{server.port}/"))) == WebhookResult(204, None, 0)
    assert server.requests[0].headers["Host"] == f"app.example.com:{server.port}"


def test_a_result_has_the_duration() -> None:
    """The duration in milliseconds lasts from the start of the attempt to the end of the response."""

    def behave(server: Server, connection: socket.socket) -> None:
        connection.recv(65_536)
        server.stop.wait(0.1)
        connection.sendall(reply(200))

    with serving(behave) as server:
        webhook, _ = sender(server)
        outcome = webhook.send(post("http://app.example.com/"))
    assert (outcome.status, 100 <= outcome.milliseconds < 20_000) == (200, True)
