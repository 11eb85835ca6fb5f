"""Every function names the AWS request that failed, its error code, and its own request ids in its line (REL-28)."""

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tapedeck.adapters.batching import BatchEntry, EntryError, send_all
from tapedeck.adapters.dynamodb.client import DynamoDBTable, Write
from tapedeck.adapters.kms import KmsDecryptor
from tapedeck.adapters.s3 import Bucket
from tapedeck.bootstrap.environment import Environment
from tapedeck.domain.errors import StoreBusy, StoreThrottled, StoreUnavailable
from tapedeck.observability import CanonicalLog
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import ROOT
from tests.functions.conftest import settings_without_waits

WITHOUT_REQUEST: Final = {"default"}
"""The functions that send no request to AWS with their event files."""

SECRET: Final = "canary-4711"

FAULTS: Final = {
    "ResourceNotFoundException": ClientError(
        {"Error": {"Code": "ResourceNotFoundException", "Message": f"no table {SECRET}"}}, "Any"
    ),
    "AccessDeniedException": ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": f"{SECRET} may not"}}, "Any"
    ),
    "ReadTimeoutError": ReadTimeoutError(endpoint_url=f"https://{SECRET}"),
}

ROUTED: Final = {"gateway_request_id": "gateway-id", "lambda_request_id": "lambda-id"}


class BrokenClient:
    """A client of an AWS service whose every request fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fail(**_request: Any) -> Any:
            raise self._error

        return fail


@pytest.fixture
def stream(install_environment: Callable[[Environment], object], code: str) -> io.StringIO:
    """What the functions log while every request to AWS fails with this error code."""
    name, written = f"test-{token_hex(4)}", io.StringIO()
    log = CanonicalLog(name)
    for handler in logging.getLogger(name).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)
    client = BrokenClient(FAULTS[code])
    install_environment(
        Environment(settings_without_waits, make_client=lambda _service: client, make_log=lambda _settings: log)
    )
    return written


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize(
    "function",
    [path.parent.name for path in sorted((ROOT / "functions").glob("*/app.py"))],
)
def test_a_line_names_the_request_that_failed(stream: io.StringIO, function: str, code: str) -> None:
    """Each failed line has the AWS operation, the error code and both request ids, and nothing of the message."""
    failed = 0
    for path in sorted((ROOT / "events").glob(f"{function}.*.json")):
        if path.name.endswith(".unreadable.json"):
            continue
        failed += len(_failed_lines(stream, function, path, code))
    assert (failed > 0) is (function not in WITHOUT_REQUEST)


def _failed_lines(stream: io.StringIO, function: str, path: Path, code: str) -> list[dict[str, Any]]:
    """Run a function with an event, check its failed lines, and return them."""
    event = json.loads(path.read_text(encoding="utf-8"))
    is_routed = "routeKey" in event
    if is_routed:
        event["requestContext"]["requestId"] = ROUTED["gateway_request_id"]
    try:
        load_handler(ROOT, function)(event, SimpleNamespace(aws_request_id="lambda-id"))
    except StoreUnavailable:
        assert not is_routed
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    lines = [json.loads(line) for line in text.splitlines()]
    ids = {name: ROUTED[name] for name in ROUTED if is_routed or name == "lambda_request_id"}
    for line in lines:
        assert {name: line.get(name) for name in ROUTED if name in line} == ids
    failed = [line for line in lines if line.get("status", 0) >= 500 or line.get("outcome") in {"failed", "fault"}]
    for line in failed:
        service, _, operation = line["aws_operation"].partition(":")
        assert (service in {"dynamodb", "s3", "sqs", "kms", "sts", "events"}, operation.isalnum()) == (True, True)
        assert line["aws_error"] == code
    assert SECRET not in text
    return failed


def _canceled(*reasons: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": SECRET},
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        },
        "TransactWriteItems",
    )


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (_canceled("None", "TransactionConflict"), StoreBusy, "TransactionCanceledException TransactionConflict"),
        (_canceled("ThrottlingError", "None"), StoreThrottled, "TransactionCanceledException ThrottlingError"),
        (_canceled("ValidationError"), StoreUnavailable, "TransactionCanceledException ValidationError"),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "x"), StoreThrottled, "ThrottlingException"),
    ],
)
def test_a_canceled_transaction_names_its_reasons(error: ClientError, kind: type[Exception], code: str) -> None:
    """The code of a transaction includes why it was canceled, without the reasons `None`."""
    table = DynamoDBTable(BrokenClient(error), "table", lambda _seconds: None)
    with pytest.raises(kind) as raised:
        table.transact([Write({"PK": "a"}, delete=True)])
    assert raised.value.args == ("dynamodb:TransactWriteItems", code)


def test_unprocessed_keys_are_named() -> None:
    """Keys that DynamoDB leaves unread five times are named like an error code."""

    class Client(BrokenClient):
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    table = DynamoDBTable(Client(FAULTS["ReadTimeoutError"]), "table", lambda _seconds: None)
    with pytest.raises(StoreThrottled) as raised:
        table.get_several([{"PK": "a", "SK": "b"}])
    assert raised.value.args == ("dynamodb:BatchGetItem", "UnprocessedKeys")


def test_a_rejected_entry_of_a_batch_is_named() -> None:
    """An entry that SQS rejects alone is named by its own code."""
    with pytest.raises(StoreUnavailable) as raised:
        send_all(
            [BatchEntry({}, 1)], "sqs:SendMessageBatch", lambda _entries: [EntryError("InvalidMessage", True)], print
        )
    assert raised.value.args == ("sqs:SendMessageBatch", "InvalidMessage")


@pytest.mark.parametrize("code", FAULTS)
def test_s3_and_kms_are_named(code: str) -> None:
    """S3 and KMS name the operation, such as a deletion that S3 refuses for one of the objects."""
    client = BrokenClient(FAULTS[code])
    raised = []
    for request in (
        lambda: Bucket(client, "b").stat("k"),
        lambda: Bucket(client, "b").delete(["k"]),
        lambda: KmsDecryptor(client, "k").decrypt("a", b""),
    ):
        with pytest.raises(StoreUnavailable) as error:
            request()
        raised.append(error.value.args)
    assert raised == [("s3:HeadObject", code), ("s3:DeleteObjects", code), ("kms:Decrypt", code)]
