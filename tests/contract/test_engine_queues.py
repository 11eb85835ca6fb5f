"""The contract of `ports.engines.EngineQueues`: the adapter over moto's SQS, and the in-memory double."""

import json
from collections.abc import Callable, Iterator, Mapping
from secrets import token_hex
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.engine_queues import SqsEngineQueues
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.engines import EngineQueues
from tapedeck_standin.aws.backend import make_full_client
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues

ACCOUNT_URL: Final = "https://sqs.us-east-1.amazonaws.com/123456789012/"

Receive = Callable[[str], list[str]]
"""Receives and deletes all messages of an engine; returns their bodies, sorted."""


@pytest.fixture(params=["memory", "sqs"])
def queues(request: pytest.FixtureRequest) -> Iterator[tuple[EngineQueues, Receive]]:
    """Queues of the engines `ast1` and `ast2`, and what receives from them."""
    if request.param == "memory":
        memory = MemoryEngineQueues(lambda: 0, ["ast1", "ast2"])

        def take(engine: str) -> list[str]:
            received = []
            while messages := memory[engine].receive():
                received += messages
            return sorted(each.body for each in received)

        yield memory, take
        return
    request.getfixturevalue("aws")
    sqs, prefix = make_full_client("sqs"), f"{token_hex(8)}-engine-"
    for engine in ("ast1", "ast2"):
        sqs.create_queue(QueueName=f"{prefix}{engine}")

    def drain(engine: str) -> list[str]:
        received: list[str] = []
        url = f"{ACCOUNT_URL}{prefix}{engine}"
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            received += [each["Body"] for each in messages]
        return sorted(received)

    yield SqsEngineQueues(make_client("sqs"), f"{ACCOUNT_URL}{prefix}", never), drain


def never(seconds: float) -> None:
    """Fail: without failures nothing waits."""
    raise AssertionError(seconds)


def test_every_message_arrives_at_its_engine(queues: tuple[EngineQueues, Receive]) -> None:
    """More than one batch arrives, as compact ASCII JSON with sorted names, at this engine only."""
    engines, receive = queues
    messages = [{"version": number, "id": f"é{number:02}"} for number in range(23)]
    assert engines.send("ast1", messages)
    assert receive("ast1") == sorted(f'{{"id":"\\u00e9{number:02}","version":{number}}}' for number in range(23))
    assert receive("ast2") == []


def test_equal_messages_are_all_sent(queues: tuple[EngineQueues, Receive]) -> None:
    """A repetition is a further message: these queues drop no duplicates."""
    engines, receive = queues
    assert engines.send("ast2", [{"id": "a"}])
    assert engines.send("ast2", [{"id": "a"}])
    assert receive("ast2") == ['{"id":"a"}', '{"id":"a"}']


def test_an_engine_without_a_queue(queues: tuple[EngineQueues, Receive]) -> None:
    """For an engine that was deleted, nothing is sent, and the sender is informed of it."""
    engines, _ = queues
    assert not engines.send("ast9", [{"id": "a"}])


class BrokenSqs:
    """An SQS client that raises an error, or rejects entries."""

    def __init__(self, error: Exception | None = None, code: str = "") -> None:
        self.error = error
        self.code = code
        self.requests: list[Mapping[str, Any]] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Record the request, and fail."""
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return {"Failed": [{"Id": entry["Id"], "Code": self.code, "SenderFault": True} for entry in request["Entries"]]}


def client_error(code: str) -> ClientError:
    """Return an error as botocore raises it."""
    return ClientError({"Error": {"Code": code}}, "SendMessageBatch")


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (BrokenSqs(client_error("ThrottlingException")), StoreBusy),
        (BrokenSqs(client_error("AccessDenied")), StoreUnavailable),
        (BrokenSqs(EndpointConnectionError(endpoint_url="https://sqs")), StoreUnavailable),
        (BrokenSqs(code="InvalidMessageContents"), StoreUnavailable),
    ],
)
def test_failures_are_errors_of_the_store(client: BrokenSqs, expected: type[Exception]) -> None:
    """Throttling is `StoreBusy`; everything else but a missing queue is `StoreUnavailable`."""
    with pytest.raises(expected):
        SqsEngineQueues(client, ACCOUNT_URL, lambda _: None).send("ast1", [{"id": "a"}])


@pytest.mark.parametrize("code", ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"])
def test_both_spellings_of_a_missing_queue(code: str) -> None:
    """SQS reports a missing queue in one of two spellings."""
    client = BrokenSqs(client_error(code))
    assert not SqsEngineQueues(client, "https://sqs/1/stack-engine-", never).send("ast1", [{"id": "a"}])
    (request,) = client.requests
    assert request == {
        "QueueUrl": "https://sqs/1/stack-engine-ast1",
        "Entries": [{"Id": "0", "MessageBody": json.dumps({"id": "a"}, separators=(",", ":"))}],
    }
