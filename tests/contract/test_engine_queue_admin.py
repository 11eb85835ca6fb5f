"""The contract of `ports.engine_administration.EngineQueueAdmin`: the adapter over moto's SQS, and the in-memory one.

Then what is special of SQS: attributes, and the meaning of its errors.
"""

import json
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.engine_queue_admin import SqsEngineQueueAdmin
from tapedeck.domain.errors import (
    EngineNameTooLong,
    QueueDeletedRecently,
    StoreBusy,
    StoreUnavailable,
    TapedeckError,
)
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.samples.moto_aws import make_full_client

DEAD_LETTERS = "arn:aws:sqs:us-east-1:123456789012:{}-commands-dead"


class Sqs:
    """Moto's SQS, with a stack of its own."""

    def __init__(self) -> None:
        self.client: Any = make_full_client("sqs")
        self.stack = f"s{token_hex(4)}"
        self.client.create_queue(QueueName=f"{self.stack}-commands-dead")
        self.dead_letters = DEAD_LETTERS.format(self.stack)
        self.admin = SqsEngineQueueAdmin(lambda: make_client("sqs"), self.stack, self.dead_letters)

    def names(self) -> list[str]:
        """Return the names of the engines that have a queue."""
        urls = self.client.list_queues(QueueNamePrefix=f"{self.stack}_engine_").get("QueueUrls", [])
        return [url.rpartition("_engine_")[2] for url in urls]

    def url(self, engine: str) -> str:
        """Return the URL of an engine's queue."""
        url: str = self.client.get_queue_url(QueueName=f"{self.stack}_engine_{engine}")["QueueUrl"]
        return url

    def send(self, engine: str) -> None:
        """Send a message to an engine."""
        self.client.send_message(QueueUrl=self.url(engine), MessageBody="{}")

    def count(self, engine: str) -> int:
        """Return how many messages an engine receives."""
        return len(self.client.receive_message(QueueUrl=self.url(engine), WaitTimeSeconds=0).get("Messages", []))

    def attributes(self, engine: str) -> dict[str, Any]:
        """Return the attributes of a queue that its creation sets, with their JSON parsed."""
        names = [
            "MessageRetentionPeriod", "VisibilityTimeout", "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled",
            "Policy", "RedrivePolicy",
        ]  # fmt: skip
        found = self.client.get_queue_attributes(QueueUrl=self.url(engine), AttributeNames=names)["Attributes"]
        return {name: json.loads(value) for name, value in found.items()}

    def expected(self) -> dict[str, Any]:
        """Return the attributes that every queue has."""
        return {
            "MessageRetentionPeriod": 3600,
            "VisibilityTimeout": 30,
            "ReceiveMessageWaitTimeSeconds": 20,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {"deadLetterTargetArn": self.dead_letters, "maxReceiveCount": 10},
            "Policy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OnlyTls",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sqs:*",
                        "Resource": "*",
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        }


class Memory:
    """The in-memory queues of engines."""

    def __init__(self) -> None:
        self.admin = MemoryEngineQueues(lambda: 0)

    def names(self) -> list[str]:
        """Return the names of the engines that have a queue."""
        return list(self.admin)

    def send(self, engine: str) -> None:
        """Send a message to an engine."""
        self.admin[engine].send("{}")

    def count(self, engine: str) -> int:
        """Return how many messages an engine receives."""
        return len(self.admin[engine].receive())


@pytest.fixture
def sqs(aws: None) -> Sqs:
    """An SQS without queues of engines."""
    del aws  # only has to be there
    return Sqs()


@pytest.fixture(params=["sqs", "memory"])
def queues(request: pytest.FixtureRequest, aws: None) -> Sqs | Memory:
    """Queues of engines: none yet."""
    del aws  # only has to be there
    return Sqs() if request.param == "sqs" else Memory()


def test_a_queue_exists_until_it_is_deleted(queues: Sqs | Memory) -> None:
    """Each engine has a queue of its own; the deletion of one changes no other, and can be repeated."""
    assert queues.names() == []
    queues.admin.create("ast1")
    queues.admin.create("ast10")
    assert sorted(queues.names()) == ["ast1", "ast10"]
    for _ in range(2):
        queues.admin.delete("ast1")
        assert queues.names() == ["ast10"]


def test_a_repeated_creation_keeps_the_messages(queues: Sqs | Memory) -> None:
    """Creating a queue is idempotent: a queue that exists keeps its messages."""
    queues.admin.create("ast1")
    queues.send("ast1")
    queues.admin.create("ast1")
    assert queues.names() == ["ast1"]
    assert queues.count("ast1") == 1


def test_a_deleted_queue_loses_its_messages(queues: Sqs | Memory) -> None:
    """A queue that is deleted and created again is empty."""
    queues.admin.create("ast1")
    queues.send("ast1")
    queues.admin.delete("ast1")
    queues.admin.create("ast1")
    assert queues.count("ast1") == 0


def test_creates_a_queue(sqs: Sqs) -> None:
    """A queue is named after stack and engine, encrypted, requires TLS, and has the shared dead-letter queue."""
    sqs.admin.create("ast1")
    assert sqs.names() == ["ast1"]
    assert sqs.attributes("ast1") == sqs.expected()
    assert sqs.client.list_queue_tags(QueueUrl=sqs.url("ast1"))["Tags"] == {
        "tapedeck:stack": sqs.stack,
        "tapedeck:engine": "ast1",
    }


def test_a_repeated_creation_restores_the_attributes(sqs: Sqs) -> None:
    """A queue that exists gets the attributes back that were changed."""
    sqs.admin.create("ast1")
    sqs.client.set_queue_attributes(QueueUrl=sqs.url("ast1"), Attributes={"VisibilityTimeout": "7"})
    sqs.admin.create("ast1")
    assert sqs.attributes("ast1") == sqs.expected()


def test_refuses_a_name_that_is_too_long(aws: None) -> None:
    """Stack and engine may have 72 characters together: SQS's names have at most 80."""
    del aws  # only has to be there
    admin = SqsEngineQueueAdmin(lambda: make_client("sqs"), "s" * 41, DEAD_LETTERS.format("s"))
    with pytest.raises(EngineNameTooLong):
        admin.create("a" * 32)
    with pytest.raises(StoreUnavailable):  # accepted here; moto knows no such dead-letter queue
        admin.create("a" * 31)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AWS.SimpleQueueService.QueueDeletedRecently", QueueDeletedRecently),
        ("QueueDeletedRecently", QueueDeletedRecently),
        ("RequestThrottled", StoreBusy),
        ("AccessDenied", StoreUnavailable),
    ],
)
@pytest.mark.parametrize("change", [SqsEngineQueueAdmin.create, SqsEngineQueueAdmin.delete])
def test_reports_errors(
    code: str, error: type[TapedeckError], change: Callable[[SqsEngineQueueAdmin, str], None]
) -> None:
    """A name that is not free yet and throttling have errors of their own; every other error is unexpected."""
    admin = SqsEngineQueueAdmin(lambda: Refusing(ClientError({"Error": {"Code": code}}, "x")), "s", "arn")
    with pytest.raises(error):
        change(admin, "ast1")


@pytest.mark.parametrize("change", [SqsEngineQueueAdmin.create, SqsEngineQueueAdmin.delete])
def test_reports_a_lost_response(change: Callable[[SqsEngineQueueAdmin, str], None]) -> None:
    """Without a response it is unknown whether the request was done."""
    admin = SqsEngineQueueAdmin(lambda: Refusing(EndpointConnectionError(endpoint_url="https://sqs")), "s", "arn")
    with pytest.raises(StoreUnavailable):
        change(admin, "ast1")


class Refusing:
    """An SQS client of which every request fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def create_queue(self, **_: Any) -> dict[str, Any]:
        """Fail."""
        raise self._error

    delete_queue = get_queue_url = set_queue_attributes = create_queue
