"""Redirects and authentication challenges, and the headers that are sent along (REL-13)."""

import socket
from base64 import b64encode
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
    Received,
    Server,
    answering,
    get,
    post,
    read_request,
    redirect,
    reply,
    sender,
    serving,
    timeless,
)

SIGNATURE: Final = frozenset({"x-twilio-signature"})
CHALLENGE: Final = reply(401, headers={"WWW-Authenticate": 'Basic realm="hooks"'})


def basic(text: str) -> str:
    """Return the `Authorization` header of these credentials."""
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("method", "status", "followed_by"),
    [
        *(("POST", status, "GET") for status in (301, 302, 303)),
        *(("POST", status, "POST") for status in (307, 308)),
        *(("GET", status, "GET") for status in (301, 302, 303, 307, 308)),
        *(("PUT", status, "PUT") for status in (301, 302, 307, 308)),
        ("PUT", 303, "GET"),
        *(("HEAD", status, "HEAD") for status in (301, 302, 303, 307, 308)),
    ],
)
def test_a_redirect_is_followed(method: str, status: int, followed_by: str) -> None:
    """307 and 308 repeat the request; 303, and 301 or 302 after a POST, continue with a GET without a body."""
    answers = {"/a": redirect("/b?c=d#e", status), "/b?c=d": reply(200, headers={"Content-Length": "0"})}
    body = b"x=1" if method in {"POST", "PUT"} else b""
    with answering(lambda request: answers[request.target]) as server:
        webhook, internet = sender(server)
        request = get("http://app.example.com/a", headers=FORM, origin_bound_headers=SIGNATURE, body=body)
        outcome = timeless(webhook.send(replace(request, method=method)))
    host = {"Host": "app.example.com", **OURS}
    length = {"Content-Length": "3"} if body else {}
    kept = FORM if method == followed_by else {"X-Twilio-Signature": FORM["X-Twilio-Signature"]}
    second = (length, body) if method == followed_by else ({}, b"")
    assert server.requests == [
        Received(method, "/a", {**host, **length, **FORM}, body),
        Received(followed_by, "/b?c=d", {**host, **second[0], **kept}, second[1]),
    ]
    assert (outcome, internet.connections) == (WebhookResult(200, None, 0), [(PUBLIC, 80)] * 2)
    assert internet.lookups == [("app.example.com", 80)] * 2


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"there", "/a/there"),
        (b"./there/../x", "/a/x"),
        (b"?x=1", "/a/b?x=1"),
        (b"//app.example.com/x", "/x"),
        (b"HTTP://APP.example.com:80/x", "/x"),
        (b"http://app.example.com", "/"),
        (b"http://app.example.com/x?", "/x"),
        (b"http://app.example.com/x#", "/x"),
        (b"/\xc3\xa9?q=\xc3\xa0", "/%C3%A9?q=%C3%A0"),
        (b"/\xe9", "/%E9"),
        (b"/with a space", "/with%20a%20space"),
        (b"/%20%zz%C3%A9", "/%20%zz%C3%A9"),
        (b"http://other:user@app.example.com/x", "/x"),
        (b"  /padded\t", "/padded"),
    ],
)
def test_resolves_a_location_like_a_browser(location: bytes, target: str) -> None:
    """Relative references, other cases, spaces and non-ASCII bytes resolve as in a browser."""
    moved = b"HTTP/1.1 308 Moved\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    with answering(lambda request: moved if request.target == "/a/b" else reply(204)) as server:
        webhook, internet = sender(server)
        outcome = timeless(webhook.send(post("http://app.example.com/a/b")))
    assert outcome == WebhookResult(204, None, 0)
    assert [request.target for request in server.requests] == ["/a/b", target]
    assert server.requests[1].headers["Host"].lower() == "app.example.com"
    assert "Authorization" not in server.requests[1].headers
    assert internet.connections == [(PUBLIC, 80)] * 2


@pytest.mark.parametrize(("limit", "status"), [(0, None), (2, None), (3, 200), (4, 200)])
def test_redirects_are_limited(limit: int, status: int | None) -> None:
    """At most `max_redirects` redirects are followed."""

    def respond(request: Received) -> bytes:
        hop = int(request.target.removeprefix("/"))
        return redirect(f"/{hop + 1}") if hop < 3 else reply(200)

    with answering(respond) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(post("http://app.example.com/0", max_redirects=limit)))
    assert outcome == WebhookResult(status, None if status else FailureReason.REDIRECT, 0)
    assert [request.target for request in server.requests] == [f"/{hop}" for hop in range(min(limit, 3) + 1)]


def test_the_body_of_a_redirect_is_not_read() -> None:
    """The body of a redirect is not read, even if it never ends."""

    def behave(server: Server, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is not None and request.target == "/a":
            connection.sendall(b"HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 1\r\n\r\n")
            server.stop.wait(30)
        else:
            connection.sendall(reply(204))

    with serving(behave) as server:
        webhook, _ = sender(server)
        assert timeless(webhook.send(post("http://app.example.com/a"))) == WebhookResult(204, None, 0)


@pytest.mark.parametrize(
    "other",
    [
        "http://other.example.com/b",
        "http://app.example.com:81/b",
        "http://app.example.com./b",
        "http://sub.app.example.com/b",
        "http://93.184.216.34/b",
    ],
)
def test_another_origin_gets_no_secrets(other: str) -> None:
    """After a redirect to another origin, signature, token and credentials are no longer sent."""
    home = "http://user:secret@app.example.com/a"
    answers = {"/a": redirect(other), "/b": redirect("http://app.example.com/c"), "/c": CHALLENGE}
    given = {**FORM, "I-Twilio-Idempotency-Token": "token", "AUTHORIZATION": "Bearer secret", "X-Other": "y"}
    own = frozenset({"X-Twilio-Signature", "i-twilio-idempotency-token"})
    with answering(lambda request: answers[request.target]) as server:
        webhook, internet = sender(
            server, "app.example.com", "other.example.com", "app.example.com.", "sub.app.example.com"
        )
        outcome = timeless(webhook.send(post(home, body=b"x=1", headers=given, origin_bound_headers=own)))
    kept = {"Content-Type": FORM["Content-Type"], "X-Other": "y"}
    shared = {**OURS, "Content-Length": "3"}
    assert server.requests == [
        Received("POST", "/a", {"Host": "app.example.com", **shared, **given}, b"x=1"),
        Received("POST", "/b", {"Host": other.split("/")[2], **shared, **kept}, b"x=1"),
        Received("POST", "/c", {"Host": "app.example.com", **shared, **kept}, b"x=1"),
    ]
    assert (outcome, len(internet.connections)) == (WebhookResult(401, None, 0), 3)


def test_https_is_another_origin(authority: Authority) -> None:
    """A redirect from http to https is followed without the signature; one from https to http is rejected."""
    answers = {"/up": redirect("https://app.example.com/secure"), "/secure": redirect("http://app.example.com/down")}
    context = authority.issue("app.example.com")
    with (
        answering(lambda request: answers[request.target]) as plain,
        answering(lambda request: answers[request.target], tls=context) as secure,
    ):

        def connect(_address: str, port: int, seconds: float) -> socket.socket:
            return socket.create_connection(("127.0.0.1", plain.port if port == 80 else secure.port), seconds)

        webhook = SafeWebhookClient(resolve=lambda *_: [PUBLIC], connect=connect, tls=authority.trusted)
        outcome = timeless(
            webhook.send(post("http://app.example.com/up", headers=FORM, origin_bound_headers=SIGNATURE))
        )
    assert outcome == WebhookResult(None, FailureReason.REDIRECT, 0)
    assert [(request.target, "X-Twilio-Signature" in request.headers) for request in plain.requests] == [("/up", True)]
    assert [request.target for request in secure.requests] == ["/secure"]
    assert "X-Twilio-Signature" not in secure.requests[0].headers


@pytest.mark.parametrize(
    ("info", "credentials"),
    [
        ("user:password", "user:password"),
        ("user", "user:"),
        ("user:", "user:"),
        (":password", ":password"),
        ("user:pass:word", "user:pass:word"),
        ("us%40er:p%3Ass%20w%C3%B6rd", "us@er:p:ss w\u00f6rd"),
        ("user@host:password", "user@host:password"),
    ],
)
def test_user_info_answers_a_challenge(info: str, credentials: str) -> None:
    """User info is sent only after a challenge, and the request is repeated once."""
    with answering(lambda _: CHALLENGE) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(post(f"http://{info}@app.example.com/a?b", body=b"x=1", headers=FORM)))
    headers = {"Host": "app.example.com", **OURS, "Content-Length": "3", **FORM}
    assert server.requests == [
        Received("POST", "/a?b", headers, b"x=1"),
        Received("POST", "/a?b", {**headers, "Authorization": basic(credentials)}, b"x=1"),
    ]
    assert outcome == WebhookResult(401, None, 0)


@pytest.mark.parametrize(
    ("challenges", "requests"),
    [
        (["Basic"], 2),
        (["basic realm=x"], 2),
        (['BASIC realm="x", charset="UTF-8"'], 2),
        (['Digest realm="x", nonce="y", Basic realm="z"'], 2),
        (["Digest realm=x", "Basic realm=z"], 2),
        (["Digest realm=x"], 1),
        (["Bearer"], 1),
        (["Basically"], 1),
        (["Negotiate Basic"], 1),
        ([""], 1),
        ([], 1),
    ],
)
def test_only_a_basic_challenge_is_answered(challenges: list[str], requests: int) -> None:
    """Only Basic challenges are answered; another 401 is the final result (C-86)."""
    lines = "".join(f"WWW-Authenticate: {challenge}\r\n" for challenge in challenges)
    answer = f"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n{lines}\r\nno".encode()
    with answering(lambda _: answer) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(post("http://user:password@app.example.com/")))
    assert (outcome, len(server.requests)) == (WebhookResult(401, None, 0, b"no"), requests)


def test_a_challenge_without_user_info_is_final() -> None:
    """Without user info in the URL, a challenge is the final result; a lone `@` is no user info."""
    with answering(lambda _: CHALLENGE) as server:
        webhook, _ = sender(server)
        sent = [timeless(webhook.send(post(f"http://{info}app.example.com/"))) for info in ("", "@")]
    assert (sent, len(server.requests)) == ([WebhookResult(401, None, 0)] * 2, 2)


@pytest.mark.parametrize("status", [200, 403, 500])
def test_user_info_is_not_sent_without_a_401(status: int) -> None:
    """A `WWW-Authenticate` header with another status is ignored."""
    with answering(lambda _: reply(status, headers={"WWW-Authenticate": "Basic"})) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(post("http://user:password@app.example.com/")))
    assert (outcome, len(server.requests)) == (WebhookResult(status, None, 0), 1)
    assert "Authorization" not in server.requests[0].headers


def test_credentials_stay_with_their_origin() -> None:
    """After a challenge, credentials are sent to the same origin only, also after redirects."""

    def answer(request: Received) -> bytes:
        authorized = "Authorization" in request.headers
        if request.target in {"/open", "/in"}:
            return redirect("/locked" if request.target == "/open" else "http://other.example.com/")
        return redirect("/in") if authorized else CHALLENGE

    with answering(answer) as server:
        webhook, _ = sender(server, "app.example.com", "other.example.com")
        outcome = timeless(webhook.send(post("http://user:password@app.example.com/open", max_redirects=3)))
    sent = [
        (request.headers["Host"], request.target, request.headers.get("Authorization")) for request in server.requests
    ]
    home = "app.example.com"
    assert sent == [
        (home, "/open", None),
        (home, "/locked", None),
        (home, "/locked", basic("user:password")),
        (home, "/in", basic("user:password")),
        ("other.example.com", "/", None),
    ]
    assert outcome == WebhookResult(401, None, 0)


def test_rejected_credentials_are_not_retried() -> None:
    """A second challenge by the same origin is the final result, even after a redirect."""

    def answer(request: Received) -> bytes:
        if request.target == "/a" and "Authorization" in request.headers:
            return redirect("/b")
        return CHALLENGE

    with answering(answer) as server:
        webhook, _ = sender(server)
        outcome = timeless(webhook.send(get("http://user:password@app.example.com/a")))
    sent = [(request.target, request.headers.get("Authorization")) for request in server.requests]
    assert sent == [("/a", None), ("/a", basic("user:password")), ("/b", basic("user:password"))]
    assert outcome == WebhookResult(401, None, 0)


def test_user_info_replaces_other_credentials() -> None:
    """After a challenge, the user info replaces a given `Authorization` header."""
    with answering(lambda _: CHALLENGE) as server:
        webhook, _ = sender(server)
        webhook.send(get("http://user:password@app.example.com/", headers={"authorization": "Bearer x"}))
    headers = {"Host": "app.example.com", **OURS}
    assert [request.headers for request in server.requests] == [
        {**headers, "authorization": "Bearer x"},
        {**headers, "Authorization": basic("user:password")},
    ]
