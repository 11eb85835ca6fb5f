"""The contracts of both ports that send to the queues of engines: the adapters over moto's SQS, and the doubles.

The ports are `ports.engines.EngineQueues` and `background.urgent_commands.UrgentQueues`.
"""

import json
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, Final, NamedTuple

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core.models import botocore_stubber

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.engine_queues import SqsEngineQueues
from tapedeck.adapters.urgent_queue import UrgentEngineQueues
from tapedeck.background.urgent_commands import UrgentQueues
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.engines import EngineQueues
from tapedeck_standin.app.confirming import MemoryUrgentQueues
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.samples.moto_aws import make_full_client

ACCOUNT_URL: Final = "https://sqs.us-east-1.amazonaws.com/123456789012/"


class Harness(NamedTuple):
    """The queues of the engines `ast1` and `ast2`, by both ports, and what receives from them."""

    queues: EngineQueues
    urgent: UrgentQueues
    receive: Callable[[str], list[str]]
    """Receives and deletes all messages of an engine; returns their bodies, sorted."""

    def send_one(self, port: str, engine: str, message: Mapping[str, Any]) -> None:
        """Send a message by one of the ports to a queue that exists."""
        if port == "urgent":
            self.urgent.send(engine, message)
        else:
            assert self.queues.send(engine, [message])


class MotoSession:
    """Sends requests to moto, which intercepts only those of botocore's clients."""

    def send(self, request: AWSPreparedRequest) -> Any:
        """Return moto's response."""
        return botocore_stubber("before-send", request)


@pytest.fixture(params=["memory", "sqs"])
def harness(request: pytest.FixtureRequest) -> Harness:
    """Run each test against both."""
    if request.param == "memory":
        memory = MemoryEngineQueues(lambda: 0, ["ast1", "ast2"])

        def take(engine: str) -> list[str]:
            received = []
            while messages := memory[engine].receive():
                received += messages
            return sorted(each.body for each in received)

        return Harness(memory, MemoryUrgentQueues(memory), take)
    request.getfixturevalue("aws")
    sqs, prefix = make_full_client("sqs"), f"{token_hex(8)}_engine_"
    for engine in ("ast1", "ast2"):
        sqs.create_queue(QueueName=f"{prefix}{engine}")

    def drain(engine: str) -> list[str]:
        received: list[str] = []
        url = f"{ACCOUNT_URL}{prefix}{engine}"
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            received += [each["Body"] for each in messages]
        return sorted(received)

    queues = SqsEngineQueues(make_client("sqs"), f"{ACCOUNT_URL}{prefix}", never)
    return Harness(queues, UrgentEngineQueues(f"{ACCOUNT_URL}{prefix}", MotoSession), drain)


def never(seconds: float) -> None:
    """Fail: without failures nothing waits."""
    raise AssertionError(seconds)


def test_every_message_arrives_at_its_engine(harness: Harness) -> None:
    """More than one batch arrives, as compact ASCII JSON with sorted names, at this engine only."""
    messages = [{"version": number, "id": f"é{number:02}"} for number in range(23)]
    assert harness.queues.send("ast1", messages)
    assert harness.receive("ast1") == sorted(
        f'{{"id":"\\u00e9{number:02}","version":{number}}}' for number in range(23)
    )
    assert harness.receive("ast2") == []


def test_an_urgent_message_arrives_at_its_engine(harness: Harness) -> None:
    """It arrives as JSON, at this engine only."""
    message = {"version": 7, "id": "é", "wanted": {"status": "paused", "consent": None}}
    harness.urgent.send("ast1", message)
    (body,) = harness.receive("ast1")
    assert json.loads(body) == message
    assert harness.receive("ast2") == []


@pytest.mark.parametrize(("first", "second"), [("queues", "queues"), ("urgent", "urgent"), ("urgent", "queues")])
def test_equal_messages_are_all_sent(harness: Harness, first: str, second: str) -> None:
    """A repetition by the same port or the other one is a further message: these queues drop no duplicates."""
    for port in (first, second):
        harness.send_one(port, "ast2", {"id": "a"})
    assert harness.receive("ast2") == ['{"id":"a"}', '{"id":"a"}']


def test_an_engine_without_a_queue(harness: Harness) -> None:
    """For an engine that was deleted, nothing is sent, and the sender is informed of it."""
    assert not harness.queues.send("ast9", [{"id": "a"}])
    with pytest.raises(StoreUnavailable):
        harness.urgent.send("ast9", {"id": "a"})


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
    assert not SqsEngineQueues(client, "https://sqs/1/stack_engine_", never).send("ast1", [{"id": "a"}])
    (request,) = client.requests
    assert request == {
        "QueueUrl": "https://sqs/1/stack_engine_ast1",
        "Entries": [{"Id": "0", "MessageBody": json.dumps({"id": "a"}, separators=(",", ":"))}],
    }
