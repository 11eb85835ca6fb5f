"""Tests that every response, every rendered callback and every request to DynamoDB of the tests is checked."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tests.client import DIALECTS, FunctionClient
from tests.wire.callbacks import checked_callbacks
from tests.wire.gateway import checked_gateways, checked_standin
from tests.wire.storage_requests import checked_storage_requests

ACCOUNT, CALL = "5f0c3b1e8d274a69b7c2d41e9a60f835", "0b7d9c52e1f64a3885c06d2f7e914ba3"
HEADERS = {"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "7f0c"}


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_client_checks_what_a_function_returns(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that returns an empty object in place of a call fails the test that invokes it."""

    def load_handler(_root: object, _operation: str) -> Any:
        return lambda _event, _context: {"statusCode": 200, "headers": HEADERS, "body": "{}", "isBase64Encoded": False}

    monkeypatch.setattr("tests.client.load_handler", load_handler)
    client = FunctionClient(DIALECTS[dialect], ACCOUNT, "")
    with pytest.raises(AssertionError, match=rf"^{dialect} get_call: GET .* answered 200\n  at /sid: expected this"):
        client.get("Calls", client.sid_of_call(CALL))


def test_a_stand_in_checks_what_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response without the wire format is reported, and sent all the same; a right one is not reported."""
    right = ServerResponse(204, (("X-Request-Id", "7f0c"),), b"")
    wrong = ServerResponse(200, tuple(HEADERS.items()), b"{}")
    answers = [right, wrong]
    monkeypatch.setattr(Gateway, "answer", lambda _self, _request: answers.pop(0))
    path = f"/2010-04-01/Accounts/AC{ACCOUNT}/Recordings/RE{CALL}.json"
    reports: list[str] = []
    gateway = object.__new__(Gateway)
    with checked_gateways(reports.append):
        for method, answer in (("DELETE", right), ("GET", wrong)):
            assert gateway.answer(ServerRequest(method, path, (), b"", "http")) is answer
    assert [report.splitlines()[0] for report in reports] == [f"twilio get_recording: GET {path} answered 200"]


@pytest.mark.parametrize("noun", ["recording", "conference"])
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_every_rendered_callback_is_checked(dialect: str, noun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback without the wire format is reported, and returned all the same."""
    callbacks, wrong = callbacks_in(dialect), {"AccountSid": "none"}
    monkeypatch.setattr(type(callbacks), noun, lambda *_: wrong)
    reports: list[str] = []
    with checked_callbacks(reports.append):
        assert getattr(callbacks, noun)(None, None, "") is wrong
    assert [report.splitlines()[0] for report in reports] == [f"{dialect} callback about a {noun}"]


PUT = {"Put": {"TableName": "t", "Item": {"PK": {"S": "a"}}}}
WEAK_READS: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {"TableName": "t", "Key": {}}),
    ("get_item", {"TableName": "t", "Key": {}, "ConsistentRead": False}),
    ("query", {"TableName": "t", "ConsistentRead": False}),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [], "ConsistentRead": True}, "u": {"Keys": []}}}),
]
STRONG_READS: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {"TableName": "t", "Key": {}, "ConsistentRead": True}),
    ("query", {"TableName": "t", "ConsistentRead": True}),
    ("query", {"TableName": "t", "IndexName": "status", "ConsistentRead": False}),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [], "ConsistentRead": True}}}),
]


class _SilentClient:
    """A database without a connection, whose answers are empty."""

    def __getattr__(self, _name: str) -> Any:
        return lambda **_request: {}


def _botocore_client() -> Any:
    """A client of botocore whose requests are answered in this process."""
    client = make_client("dynamodb")

    def answer(request: Any, **_context: object) -> AWSResponse:
        raw: Any = type("Raw", (), {"stream": lambda _self, *_, **__: iter([b"{}"])})()
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 200, headers, raw)

    client.meta.events.register("before-send.dynamodb", answer)
    return client


@pytest.mark.parametrize("open_client", [_SilentClient, _botocore_client])
@pytest.mark.parametrize(("operation", "request_"), WEAK_READS)
def test_a_weak_read_is_reported(open_client: Any, operation: str, request_: dict[str, Any]) -> None:
    """A read of a table that is not strongly consistent is reported, with each kind of client (REL-29)."""
    reports: list[str] = []
    with checked_storage_requests(reports.append):
        table = DynamoDBTable(open_client(), "t", lambda _seconds: None)
        for sent, body in [*STRONG_READS, (operation, request_)]:
            getattr(table._client, sent)(**body)
    assert len(reports) == 1
    assert "without ConsistentRead" in reports[0]


@pytest.mark.parametrize("open_client", [_SilentClient, _botocore_client])
@pytest.mark.parametrize(
    ("token", "report"),
    # Without a token, botocore makes one for each attempt, in another form.
    [("a" * 32, "two transactions with the token"), ("", "with the token"), ("a" * 31, "with the token 'aaa")],
)
def test_a_transaction_without_a_token_of_its_own_is_reported(open_client: Any, token: str, report: str) -> None:
    """A transaction without a token, or with that of another transaction, is reported; its repetition is not."""
    first = {"TransactItems": [PUT], "ClientRequestToken": "a" * 32}
    other = {"TransactItems": [PUT, PUT], **({"ClientRequestToken": token} if token else {})}
    reports: list[str] = []
    with checked_storage_requests(reports.append):
        table = DynamoDBTable(open_client(), "t", lambda _seconds: None)
        for request in (first, first, {**other, "ClientRequestToken": "b" * 32}, other):
            table._client.transact_write_items(**request)
    assert len(reports) == 1
    assert report in reports[0]


@pytest.mark.ci
def test_a_stand_in_in_another_process_reports_faults(tmp_path: Path) -> None:
    """The command of a checked stand-in starts the stand-in, and a fault that it reports fails the test."""
    faults = tmp_path / "faults"
    with checked_standin(faults) as command:
        done = subprocess.run(
            [*command, "--help"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
        )
        assert "serve" in done.stdout
    with pytest.raises(AssertionError), checked_standin(faults):
        faults.write_text("a fault")
