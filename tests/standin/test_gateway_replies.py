"""The reply of a function becomes a response as an HTTP API of API Gateway makes it."""

from typing import Any

import pytest

from tapedeck_standin.aws.template import Route
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

JSON, TEXT = ("Content-Type", "application/json"), ("Content-Type", "text/plain; charset=utf-8")
FAILED = ServerResponse(500, (JSON,), b'{"message":"Internal Server Error"}')


def answer(reply: Any, method: str = "GET") -> ServerResponse:
    """Return the response to a request whose function returns this."""
    routes = [Route("ANY", None, "F", "f")]
    return Gateway(routes, lambda _operation, _event: reply, lambda: 0).answer(ServerRequest(method, "/"))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        # AWS's documented example of an inferred response.
        ("Hello from Lambda!", ServerResponse(200, (JSON,), b'"Hello from Lambda!"')),
        ({"message": "Hello"}, ServerResponse(200, (JSON,), b'{"message": "Hello"}')),
        ([1, None], ServerResponse(200, (JSON,), b"[1, null]")),
        (None, ServerResponse(200, (JSON,), b"null")),
    ],
)
def test_any_json_is_a_body(reply: Any, expected: ServerResponse) -> None:
    """A reply without `statusCode` is the body of a 200, as JSON."""
    assert answer(reply) == expected


def test_documented_form() -> None:
    """Each cookie becomes a `Set-Cookie` header, and a base64 body is decoded."""
    reply = {
        "cookies": ["cookie1", "cookie2"],
        "isBase64Encoded": True,
        "statusCode": 201,
        "headers": {"headername": "headervalue", "content-type": "audio/wav", "X-Count": 2, "X-Is": True},
        "body": "SGVsbG8A",
    }
    headers = (
        ("headername", "headervalue"), ("content-type", "audio/wav"), ("X-Count", "2"), ("X-Is", "true"),
        ("Set-Cookie", "cookie1"), ("Set-Cookie", "cookie2"),
    )  # fmt: skip
    assert answer(reply) == ServerResponse(201, headers, b"Hello\0")


def test_a_text_is_plain_by_default() -> None:
    """A body without a content type is plain text; without a body, there is no type."""
    assert answer({"statusCode": "200", "body": "\u00fc"}) == ServerResponse(200, (TEXT,), b"\xc3\xbc")
    assert answer({"statusCode": 204, "body": "", "headers": None}) == ServerResponse(204)
    assert answer({"statusCode": 304, "body": None}) == ServerResponse(304)


@pytest.mark.parametrize(("method", "kept"), [("GET", ()), ("HEAD", (("Content-Length", "7"),))])
def test_the_connection_is_the_gateways(method: str, kept: tuple[tuple[str, str], ...]) -> None:
    """Headers of the connection are dropped; of a response to HEAD, the function gives the length."""
    names = ("Connection", "Transfer-Encoding", "Date", "Server")
    reply = {"statusCode": 200, "headers": {**dict.fromkeys(names, "x"), "Content-Length": "7"}}
    assert answer(reply, method) == ServerResponse(200, kept)


@pytest.mark.parametrize(
    "reply",
    [
        {"statusCode": "none"},
        {"statusCode": None},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 200, "body": {}},
        {"statusCode": 200, "body": "*", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"X": []}},
        {"statusCode": 200, "headers": ["X"]},
        {"statusCode": 200, "cookies": "x"},
        b"no JSON",
    ],
)
def test_a_malformed_reply_is_500(reply: Any) -> None:
    """A reply that has not the format is API Gateway's own 500 (C-298)."""
    assert answer(reply) == FAILED


def test_a_failing_function_is_500(capfd: pytest.CaptureFixture[str]) -> None:
    """A function that raises is API Gateway's own 500; the traceback goes to the terminal (C-298)."""

    def fail(_operation: str, _event: object) -> Any:
        raise ZeroDivisionError("hush")

    gateway = Gateway([Route("ANY", None, "F", "f")], fail, lambda: 0)
    assert gateway.answer(ServerRequest("GET", "/")) == FAILED
    assert "ZeroDivisionError: hush" in capfd.readouterr().err


def test_without_a_route_it_is_404() -> None:
    """An API without `$default` answers a request that no route has with API Gateway's own 404."""
    gateway = Gateway([Route("GET", "/a", "F", "f")], lambda _operation, _event: None, lambda: 0)
    expected = ServerResponse(404, (JSON,), b'{"message":"Not Found"}')
    assert gateway.answer(ServerRequest("GET", "/b")) == expected
    assert gateway.operation_of(ServerRequest("GET", "/b")) is None
    assert gateway.operation_of(ServerRequest("GET", "//a?b")) == "f"
