"""Tests of the decorator of engine functions: authentication, limits, error forms and log lines."""

import base64
import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from tapedeck.bootstrap.engines import EngineServices, engine_endpoint
from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import StoreBusy, StoreThrottled, StoreUnavailable
from tapedeck.http.engine_refusal import EngineRequestRefused
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import ROOT, make_event
from tests.functions.engines import register_engine

TOKEN = f"tdk_ast1_{'a' * 43}"
ACCOUNT = "720796a08ee9435083bd2d07a3121f1e"


class Sample(BaseModel):
    """A body: a number, text of any length, and what it is about."""

    number: Annotated[int, Field(strict=True)]
    text: str = ""
    account: str | None = None
    recording: str | None = None


LogLines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def send(log_lines: LogLines) -> Callable[..., dict[str, Any]]:
    """Send a request to a function that returns its engine and its number, or raises an error."""
    del log_lines  # its environment must be installed first
    register_engine(current_environment(), "ast1", TOKEN, frozenset({ACCOUNT}))

    def send(
        body: bytes = b'{"number": 7}',
        *,
        authorization: str | None = f"Bearer {TOKEN}",
        error: Exception | None = None,
        is_base64: bool = False,
    ) -> dict[str, Any]:
        @engine_endpoint("sample", Sample)
        def handler(services: EngineServices, engine: MediaEngine, request: Sample) -> dict[str, Any]:
            """Answer what was read."""
            if error is not None:
                raise error
            return {"engine": engine.name, "number": request.number, "now": services.clock()}

        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        event = make_event("POST", "/engine/v2/sample", headers=headers, body=b"", gateway="api-gateway")
        event |= {
            "body": base64.b64encode(body).decode() if is_base64 else body.decode(),
            "isBase64Encoded": is_base64,
        }
        return handler(event, None)

    return send


def test_answers_with_what_the_handler_returns(send: Callable[..., dict[str, Any]], log_lines: LogLines) -> None:
    """An authenticated request gets status 200, the handler's object and a request id, which the log line names."""
    answer = send()
    request_id = answer["headers"]["X-Request-Id"]
    assert answer == {
        "statusCode": 200,
        "headers": {"X-Request-Id": request_id, "Content-Type": "application/json; charset=utf-8"},
        "body": '{"engine":"ast1","number":7,"now":1537916400250}',
        "isBase64Encoded": False,
    }
    (line,) = log_lines()
    assert {name: line[name] for name in line.keys() - {"timestamp", "service", "milliseconds"}} == {
        "level": "INFO",
        "message": "engine_request",
        "operation": "sample",
        "engine": "ast1",
        "status": 200,
        "request_id": request_id,
    }
    assert line["milliseconds"] >= 0


def test_a_request_for_what_is_not_the_engines_is_counted(
    send: Callable[..., dict[str, Any]], log_lines: LogLines
) -> None:
    """The log line of a refusal `not_yours` names account and recording, and emits the metric of the alarm."""
    recording = "0197f3a0a6f87c3e9c1d2e4f5a6b7c8d"
    body = json.dumps({"number": 7, "account": ACCOUNT, "recording": recording}).encode()
    assert send(body, error=EngineRequestRefused(403, "not_yours"))["statusCode"] == 403
    (line,) = log_lines()
    named = {name: line[name] for name in ("engine", "account", "recording", "code", "EngineTrespass")}
    assert named == {
        "engine": "ast1", "account": ACCOUNT, "recording": recording, "code": "not_yours", "EngineTrespass": 1
    }  # fmt: skip


def test_reads_a_body_in_base64(send: Callable[..., dict[str, Any]]) -> None:
    """The gateway may encode the body in base64."""
    assert send(is_base64=True)["statusCode"] == 200


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_accepts_the_scheme_in_any_case(send: Callable[..., dict[str, Any]], scheme: str) -> None:
    """The name of the scheme is not case-sensitive, and more than one space may follow it."""
    assert send(authorization=f"{scheme}{TOKEN}")["statusCode"] == 200


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x",
     f"Bearer tdk_ast2_{'a' * 43}", f"Bearer tdk_ast1_{'b' * 43}", "Bearer \udce9", f"Bearer {'x' * 100_000}"],
)  # fmt: skip
def test_refuses_other_credentials(
    send: Callable[..., dict[str, Any]], log_lines: LogLines, authorization: str | None
) -> None:
    """Without the token of a registered engine, the answer is 401 before the body is read; no token is logged."""
    answer = send(b"not JSON", authorization=authorization)
    assert (answer["statusCode"], answer["body"]) == (401, '{"refused":"unauthorized"}')
    (line,) = log_lines()
    assert (line["status"], line["code"], "engine" in line) == (401, "unauthorized", False)
    assert TOKEN not in json.dumps(line)


@pytest.mark.parametrize(
    ("body", "status", "refusal"),
    [
        (b"", 422, {"refused": "unreadable", "detail": "the body is not JSON"}),
        (b"\x00", 422, {"refused": "unreadable", "detail": "the body is not JSON"}),
        (b"{", 422, {"refused": "unreadable", "detail": "the body is not JSON"}),
        (b"[" * 100_000, 422, {"refused": "unreadable", "detail": "the body is not JSON"}),
        (
            b"[7]", 422,
            {
                "refused": "unreadable",
                "detail": "Input should be a valid dictionary or instance of Sample", "field": "",
            },
        ),
        (b"{}", 422, {"refused": "unreadable", "detail": "Field required", "field": "number"}),
        (
            b'{"number": "7"}', 422,
            {"refused": "unreadable", "detail": "Input should be a valid integer", "field": "number"},
        ),
    ],
)  # fmt: skip
def test_refuses_in_the_form_of_the_engine_protocol(
    send: Callable[..., dict[str, Any]], body: bytes, status: int, refusal: dict[str, str]
) -> None:
    """A body that cannot be read is refused with what is wrong and the field, never with its value."""
    answer = send(body)
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, refusal)


@pytest.mark.parametrize("is_base64", [False, True])
def test_limits_the_size_of_a_body(send: Callable[..., dict[str, Any]], *, is_base64: bool) -> None:
    """A body of 1,000,000 bytes is read; one of a byte more is refused before it is parsed."""
    content = b'{"number": 7, "text": "%s"}'
    largest = content % (b"x" * (1_000_000 - len(content) + 2))
    assert len(largest) == 1_000_000
    assert send(largest, is_base64=is_base64)["statusCode"] == 200
    for larger in (largest + b" ", b"[" * 1_000_001, b"x" * 3_000_000):
        answer = send(larger, is_base64=is_base64)
        assert (answer["statusCode"], json.loads(answer["body"])) == (
            413,
            {"refused": "too_large", "detail": "the body has more than 1,000,000 bytes"},
        )


def test_malformed_base64_is_unreadable(send: Callable[..., dict[str, Any]]) -> None:
    """A body whose base64 is malformed is refused."""
    event = make_event(
        "POST", "/engine/v2/sample", headers={"Authorization": f"Bearer {TOKEN}"}, body=b"", gateway="sam"
    )

    @engine_endpoint("sample", Sample)
    def handler(_services: EngineServices, _engine: MediaEngine, _request: Sample) -> dict[str, Any]:
        raise AssertionError

    assert send()["statusCode"] == 200
    answer = handler({**event, "body": "%%%%", "isBase64Encoded": True}, None)
    assert json.loads(answer["body"]) == {"refused": "unreadable", "detail": "the base64 of the body is malformed"}


@pytest.mark.parametrize(
    ("error", "status", "refusal", "metric"),
    [
        (EngineRequestRefused(403, "not_yours"), 403, {"refused": "not_yours"}, None),
        (EngineRequestRefused(404, "unknown", "no such recording"), 404,
         {"refused": "unknown", "detail": "no such recording"}, None),
        (EngineRequestRefused(409, "deleted"), 409, {"refused": "deleted"}, None),
        (StoreBusy(), 503, {"refused": "busy"}, "Busy"),
        (StoreThrottled(), 503, {"refused": "busy"}, "Busy"),
        (StoreUnavailable(), 503, {"refused": "busy"}, "Faults"),
        (ZeroDivisionError("of +12025550123"), 500, {"refused": "error"}, "Faults"),
    ],
)  # fmt: skip
def test_answers_errors_of_the_handler(
    send: Callable[..., dict[str, Any]],
    log_lines: LogLines,
    error: Exception,
    status: int,
    refusal: dict[str, str],
    metric: str | None,
) -> None:
    """A refusal has its own status, a failing store 503, and every other error 500; the last two are counted."""
    answer = send(error=error)
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, refusal)
    assert answer["headers"].get("Retry-After") == ("1" if status == 503 else None)
    *faults, line = log_lines()
    assert (line["status"], line["code"]) == (status, refusal["refused"])
    assert {name for name in ("Busy", "Faults") if name in line} == ({metric} if metric is not None else set())
    assert [(fault["error"], fault["where"][-1].rpartition(" ")[2]) for fault in faults] == (
        [("ZeroDivisionError", "handler")] if status == 500 else []
    )
    assert "+12025550123" not in json.dumps(faults)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/engine", "/engine/", "/engine/v1/events", "/engine/v2/nothing", "/engine//v2/x"])
def test_unknown_paths_are_refused_in_the_same_form(log_lines: LogLines, method: str, path: str) -> None:
    """A path below `/engine` that is unknown gets 404, not in a vendor's dialect."""
    event = make_event(method, path, headers={}, body=b"", gateway="api-gateway")
    answer = load_handler(ROOT, "default")(event, None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (404, {"refused": "unknown"})
    (line,) = log_lines()
    assert (line["dialect"], line["status"]) == ("engine", 404)
