"""Requests for instructions over HTTP: documents, redirects, cookies, repetitions and failures."""

import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.webhooks.cookies import CallCookies
from tapedeck.adapters.webhooks.instructions import ApplicationClient
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy
from tapedeck.ports.instructions import ComposedRequest, FetchFailure, InstructionAnswer, InstructionRequest
from tests.webhook.conftest import Authority
from tests.webhook.servers import PUBLIC, Internet, Received, Server, answering, redirect, reply, serving

POLICY = RetryPolicy(60_000, 60_000, 120_000, 2, frozenset({FailureKind.CONNECT}), 10)
XML = {"Content-Type": "text/xml; charset=utf-8"}


def compose(method: str, url: str) -> ComposedRequest:
    """Build a request with one field, and a header that names what was signed."""
    if method == "GET":
        queried = f"{url}{'&' if '?' in url else '?'}CallSid=CA1"
        return ComposedRequest(queried, {"X-Signed": queried})
    return ComposedRequest(url, {"Content-Type": "form", "X-Signed": f"{url}+CallSid=CA1"}, b"CallSid=CA1")


def request(url: str = "http://app.example.com/voice", method: str = "POST", **changed: Any) -> InstructionRequest:
    """Return a request for instructions."""
    return InstructionRequest(method, url, compose, **{"policy": POLICY, "user_agent": "TwilioProxy/1.1", **changed})


def fetch(
    server: Server | None,
    wanted: InstructionRequest,
    *,
    tls: ssl.SSLContext | None = None,
    waited: Callable[[float], object] = lambda _: None,
) -> InstructionAnswer:
    """Return the answer without its duration; the server is found as `app.example.com` and `other.example.com`."""
    hosts = {name: [[PUBLIC]] for name in ("app.example.com", "other.example.com")}
    internet = Internet(server, {**hosts, "private.example.com": [["10.0.0.1"]]})
    client = ApplicationClient(waited, resolve=internet.resolve, connect=internet.connect, tls=tls)
    answer = client.fetch(wanted)
    assert answer.milliseconds >= 0
    return replace(answer, milliseconds=0)


def answered(path: str, body: bytes, **changed: Any) -> InstructionAnswer:
    """Return the answer of the application at a path of `app.example.com`, after one attempt."""
    url = f"http://app.example.com{path}"
    found = InstructionAnswer(None, 0, 1, url, 200, "text/xml; charset=utf-8", body)
    return replace(found, **changed)


def test_a_document_is_returned_whole() -> None:
    """The answer has the status, the content type and the body; the request has the vendor's user agent."""
    body = b"<Response/>" + b" " * 60_000
    with answering(lambda _: reply(200, body, headers=XML)) as server:
        assert fetch(server, request()) == answered("/voice", body)
    (received,) = server.requests
    assert received == Received(
        "POST",
        "/voice",
        {
            "Host": "app.example.com", "User-Agent": "TwilioProxy/1.1", "Accept": "*/*", "Connection": "close",
            "Content-Length": "11", "Content-Type": "form",
            "X-Signed": "http://app.example.com/voice+CallSid=CA1",
        },
        b"CallSid=CA1",
    )  # fmt: skip


def test_of_a_large_document_one_byte_too_many_is_returned() -> None:
    """65,537 bytes show that the document is too large."""
    with answering(lambda _: reply(200, b"x" * 70_000, headers=XML)) as server:
        assert len(fetch(server, request()).body) == 65_537


@pytest.mark.parametrize("status", [204, 404, 500])
def test_any_status_is_an_answer(status: int) -> None:
    """The flow decides what a status means."""
    with answering(lambda _: reply(status, headers=XML)) as server:
        assert fetch(server, request()) == answered("/voice", b"", status=status)


@pytest.mark.parametrize(
    ("status", "method", "target", "body"),
    [
        *((status, "GET", "/b?x=1&CallSid=CA1", b"") for status in (301, 302, 303)),
        (307, "POST", "/b?x=1", b"CallSid=CA1"),
    ],
)
def test_a_redirect_is_followed_and_signed_anew(status: int, method: str, target: str, body: bytes) -> None:
    """301, 302 and 303 become a GET with the parameters in its query, 307 repeats; also at another host."""

    def answer(received: Received) -> bytes:
        if received.target == "/voice":
            return redirect("http://other.example.com/b?x=1#fragment", status)
        return reply(200, b"<Response/>", headers=XML)

    with answering(answer) as server:
        url = "http://other.example.com/b?x=1"
        assert fetch(server, request()) == answered("", b"<Response/>", url=url)
    received = server.requests[1]
    signed = f"http://other.example.com{target}" + ("+CallSid=CA1" if method == "POST" else "")
    assert (received.method, received.target, received.body, received.headers["X-Signed"]) == (
        method, target, body, signed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (redirect("/voice"), FetchFailure.TOO_MANY_REDIRECTS),
        (redirect("/b", 308), FetchFailure.INVALID_REDIRECT),
        (reply(300), FetchFailure.INVALID_REDIRECT),
        (reply(302), FetchFailure.INVALID_REDIRECT),
        (redirect("ftp://app.example.com/"), FetchFailure.FORBIDDEN),
        (redirect("http://private.example.com/"), FetchFailure.FORBIDDEN),
        (b"no HTTP\r\n\r\n", FetchFailure.RETRIEVAL),
    ],
    ids=["endless", "308", "300", "no location", "scheme", "private", "no HTTP"],
)
def test_an_answer_that_cannot_be_used(answer: bytes, failure: FetchFailure) -> None:
    """Redirects that cannot be followed, and what is no HTTP, are failures; after ten redirects there is none more."""
    with answering(lambda _: answer) as server:
        assert fetch(server, request()) == InstructionAnswer(failure, 0, 1)
    assert len(server.requests) == (11 if failure is FetchFailure.TOO_MANY_REDIRECTS else 1)


@pytest.mark.parametrize(
    ("url", "failure", "attempts"),
    [
        ("http://nowhere.example.com/", FetchFailure.UNKNOWN_HOST, 2),
        ("http://private.example.com/", FetchFailure.FORBIDDEN, 1),
        ("http://app.example.com/", FetchFailure.RETRIEVAL, 2),
        ("ftp://app.example.com/", FetchFailure.INVALID_URL, 1),
    ],
)
def test_without_a_connection_the_request_is_repeated_once(url: str, failure: FetchFailure, attempts: int) -> None:
    """A host that does not resolve or accept a connection gets a second attempt after a second."""
    waited: list[float] = []
    assert fetch(None, request(url), waited=waited.append) == InstructionAnswer(failure, 0, attempts)
    assert waited == [1.0] * (attempts - 1)


def test_a_policy_of_one_attempt_repeats_nothing() -> None:
    """In SignalWire's dialect, the first failure is the result."""
    wanted = request(policy=replace(POLICY, attempts=1))
    assert fetch(None, wanted) == InstructionAnswer(FetchFailure.RETRIEVAL, 0, 1)


def test_an_error_is_repeated_where_the_policy_says_so() -> None:
    """A URL may request repetitions of server errors in its fragment; the last answer counts."""
    policy = replace(POLICY, attempts=3, retried=frozenset({FailureKind.SERVER_ERROR}))
    statuses = [500, 503, 200]
    with answering(lambda _: reply(statuses.pop(0), headers=XML)) as server:
        assert fetch(server, request(policy=policy)) == answered("/voice", b"", attempts=3)
    assert len(server.requests) == 3


def test_a_lost_connection_is_not_repeated() -> None:
    """The application may have acted on the request."""
    with serving(lambda _server, _connection: None) as server:
        assert fetch(server, request()) == InstructionAnswer(FetchFailure.RETRIEVAL, 0, 1)
    assert server.connections == 1


def test_failures_of_tls_have_their_own_kinds(authority: Authority) -> None:
    """A certificate that is not trusted, and a server without TLS, are failures of their own."""
    wanted = request("https://app.example.com/voice")
    with answering(lambda _: reply(200), authority.issue("app.example.com")) as server:
        untrusted = fetch(server, wanted, tls=ssl.create_default_context())
        trusted = fetch(server, wanted, tls=authority.trusted)
    with serving(lambda _server, connection: connection.sendall(reply(400))) as plain:
        no_tls = fetch(plain, wanted, tls=authority.trusted)
    assert (untrusted.failure, trusted.failure, no_tls.failure) == (FetchFailure.CERTIFICATE, None, FetchFailure.TLS)


def test_cookies_are_kept_and_returned_for_a_call() -> None:
    """A cookie comes back to its host and path, also after a redirect, and with the next request of the call."""

    def answer(received: Received) -> bytes:
        if received.target == "/voice":
            return reply(302, headers={"Location": "/menu/next", "Set-Cookie": "a=1; Path=/menu"})
        return reply(200, b"<Response/>", headers={**XML, "Set-Cookie": "b=2"})

    with answering(answer) as server:
        first = fetch(server, request(cookies=""))
        fetch(server, request("http://app.example.com/menu/again", cookies=first.cookies))
        fetch(server, request("http://other.example.com/menu/again", cookies=first.cookies))
    sent = [received.headers.get("Cookie") for received in server.requests]
    assert sent == [None, "a=1", "a=1; b=2", None]


def test_without_cookies_none_are_kept() -> None:
    """In SignalWire's dialect, an application's cookies are ignored."""
    with answering(lambda _: reply(200, headers={**XML, "Set-Cookie": "a=1"})) as server:
        assert fetch(server, request()).cookies is None


@pytest.mark.parametrize("stored", ["", "x", "[1]", '[{"name": "a"}]', "{}"])
def test_stored_cookies_that_cannot_be_read_are_ignored(stored: str) -> None:
    """What is no list of cookies is as good as none."""
    assert CallCookies(stored).header_for("http://app.example.com/") is None


def test_the_kept_cookies_are_bounded() -> None:
    """At most 50 cookies in 8,000 characters are kept."""
    cookies = CallCookies("")
    for number in range(200):
        cookies.take("http://app.example.com/", [f"name{number}={'x' * 40}"])
    kept = cookies.as_text()
    assert len(kept) <= 8_000
    assert 10 <= len(json.loads(kept)) <= 50


def test_user_info_answers_a_challenge() -> None:
    """Credentials are sent only after the server requires them."""

    def answer(received: Received) -> bytes:
        if "Authorization" not in received.headers:
            return reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return reply(200, b"<Response/>", headers=XML)

    with answering(answer) as server:
        assert fetch(server, request("http://user:pass@app.example.com/voice")) == answered("/voice", b"<Response/>")
    assert [received.headers.get("Authorization") for received in server.requests] == [None, "Basic dXNlcjpwYXNz"]
