"""SQS's protocol of the stand-in: unchanged clients of SQS drain an engine's queue over HTTP."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tests.client import Answer
from tests.standin.http_client import ControlClient, StandIn, raw_connection

QUEUE = "engine-drained"
BODY = '{"wanted":{"label":"é \\" \n"}}'


@pytest.fixture
def sqs(standin: StandIn) -> Iterator[Any]:
    """An unchanged client of botocore, whose endpoint is the stand-in."""
    session: Any = botocore.session.get_session()
    client = session.create_client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=f"http://localhost:{standin.port}/_standin/sqs",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture
def url(sqs: Any, standin: StandIn) -> str:
    """The URL of an engine's queue, which is empty; the simulated engine has another one."""
    assert ControlClient(standin).post("/engines", {"name": "drained"}).status in {201, 409}
    found: str = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    assert found == f"http://localhost:{standin.port}/_standin/sqs/000000000000/engine-drained"
    drain(sqs, found)
    return found


def drain(sqs: Any, url: str) -> list[str]:
    """Receive and delete until the queue is empty; return the bodies."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [each["Body"] for each in messages]
        entries = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(messages)]
        assert len(sqs.delete_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == len(messages)
    return bodies


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    """Return the status and the code of an error."""
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_a_message_travels_unchanged(sqs: Any, url: str) -> None:
    """The body, its MD5, the id and the attributes of a message are those that SQS would send."""
    digest = md5(BODY.encode(), usedforsecurity=False).hexdigest()
    sent = sqs.send_message(QueueUrl=url, MessageBody=BODY)
    assert sent["MD5OfMessageBody"] == digest
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    attributes = message.pop("Attributes")
    receipt = message.pop("ReceiptHandle")
    assert message == {"MessageId": sent["MessageId"], "Body": BODY, "MD5OfBody": digest}
    assert attributes["ApproximateReceiveCount"] == "1"
    assert int(attributes["SentTimestamp"]) <= int(attributes["ApproximateFirstReceiveTimestamp"])
    assert sorted(attributes) == [
        "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp",
    ]  # fmt: skip
    sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)


def test_attributes_are_sent_on_request_only(sqs: Any, url: str) -> None:
    """Without a request there are no attributes; by the older parameter only those that it names."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert "Attributes" not in message
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert message["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_a_queue_can_be_drained_in_batches(sqs: Any, url: str) -> None:
    """23 messages sent in batches are received, each once, ten at a time."""
    bodies = [f"message {number:02}" for number in range(23)]
    for start in range(0, 23, 10):
        entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies[start : start + 10])]
        assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == len(entries)
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]) == 10
    assert sorted(drain(sqs, url)) == bodies
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_visibility_can_be_changed(sqs: Any, url: str) -> None:
    """A message in flight is not received again until its visibility becomes 0, alone or in a batch."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    entries = [{"Id": "a", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}]
    assert sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)["Successful"] == [{"Id": "a"}]
    assert drain(sqs, url) == ["one"]


def test_a_batch_fails_entry_by_entry(sqs: Any, url: str) -> None:
    """An entry with an invalid receipt fails, and its neighbour is deleted."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    entries = [{"Id": "bad", "ReceiptHandle": "no"}, {"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert answer["Successful"] == [{"Id": "good"}]
    assert answer["Failed"] == [
        {
            "Id": "bad", "SenderFault": True, "Code": "ReceiptHandleIsInvalid",
            "Message": "The input receipt handle is invalid.",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("get_queue_url", {"QueueName": "engine-unknown"}, "AWS.SimpleQueueService.NonExistentQueue"),
        ("get_queue_url", {"QueueName": "standin"}, "AWS.SimpleQueueService.NonExistentQueue"),
        ("receive_message", {"QueueUrl": "http://x/1/engine-standin"}, "AWS.SimpleQueueService.NonExistentQueue"),
        ("receive_message", {"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ("receive_message", {"MaxNumberOfMessages": 0}, "InvalidParameterValue"),
        ("receive_message", {"WaitTimeSeconds": 21}, "InvalidParameterValue"),
        ("receive_message", {"VisibilityTimeout": 43_201}, "InvalidParameterValue"),
        ("delete_message", {"ReceiptHandle": "no"}, "ReceiptHandleIsInvalid"),
        ("delete_message", {"ReceiptHandle": "9" * 36 + ":999999:1"}, "ReceiptHandleIsInvalid"),
        ("change_message_visibility", {"ReceiptHandle": "no", "VisibilityTimeout": 1}, "ReceiptHandleIsInvalid"),
        ("send_message_batch", {"Entries": []}, "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            "send_message_batch",
            {"Entries": [{"Id": "1", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}]},
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (
            "send_message_batch",
            {"Entries": [{"Id": str(at), "MessageBody": "a"} for at in range(11)]},
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        ("send_message", {"MessageBody": "a", "DelaySeconds": 1}, "AWS.SimpleQueueService.UnsupportedOperation"),
        ("purge_queue", {}, "AWS.SimpleQueueService.UnsupportedOperation"),
    ],
)
def test_errors_have_the_codes_of_sqs(
    sqs: Any, url: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    """Unknown queues, receipts and values out of range are errors, by which clients recognize them."""
    named = parameters if operation == "get_queue_url" else {"QueueUrl": url, **parameters}
    with pytest.raises(ClientError) as error:
        getattr(sqs, operation)(**named)
    assert refusal(error) == (400, code)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_the_exception_classes_of_botocore_match(sqs: Any, url: str) -> None:
    """A client can catch the modelled exceptions."""
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=f"{url}-unknown")
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="no")
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(ClientError) as error:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert refusal(error) == (400, "InvalidParameterValue")


def test_a_long_poll_receives_a_message_that_is_sent_meanwhile(sqs: Any, url: str, standin: StandIn) -> None:
    """While a long poll waits, other requests are answered, and a message that they send ends it."""
    received: list[Any] = []
    poll = threading.Thread(target=lambda: received.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    poll.start()
    with raw_connection(standin.port) as connection:
        connection.send(
            f"GET /_standin/health HTTP/1.1\r\nHost: localhost:{standin.port}\r\nConnection: close\r\n\r\n".encode()
        )
        assert connection.read_answer().status == 200
    assert received == []
    sqs.send_message(QueueUrl=url, MessageBody="late")
    poll.join(15)
    assert [each["Body"] for each in received[0]["Messages"]] == ["late"]


def test_a_closed_queue_ends_its_long_polls() -> None:
    """Stopping the stand-in does not wait for long polls."""
    queue = MemoryStandardQueue(lambda: 0, name="closing")
    received: list[Any] = []
    poll = threading.Thread(target=lambda: received.append(queue.receive(wait_seconds=600)))
    poll.start()
    queue.close()
    poll.join(60)
    assert received == [[]]


def test_a_long_poll_sees_that_the_clock_was_advanced() -> None:
    """A message whose visibility timeout ends during a long poll is received."""
    now = [0]
    queue = MemoryStandardQueue(lambda: now[0], name="advancing")
    queue.send("one")
    assert len(queue.receive()) == 1
    threading.Timer(0.05, now.__setitem__, (0, 30_000)).start()
    assert [each.receive_count for each in queue.receive(wait_seconds=600)] == [2]


def post(standin: StandIn, *headers: str, body: str = "{}", method: str = "POST") -> Answer:
    """Send a request to the endpoint with exactly these headers."""
    with raw_connection(standin.port) as connection:
        lines = (f"{method} /_standin/sqs/ HTTP/1.1", *headers, f"Content-Length: {len(body)}", "Connection: close")
        connection.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        return connection.read_answer()


@pytest.mark.parametrize(
    "headers",
    [("Host: evil.example",), ("Host: localhost:{port}", "Origin: https://evil.example"), ("Host:",)],
    ids=["foreign host", "foreign origin", "no host"],
)
def test_only_this_machine_is_admitted(standin: StandIn, headers: tuple[str, ...]) -> None:
    """A foreign Host or Origin is 403, as for the control API (REL-19)."""
    target = "X-Amz-Target: AmazonSQS.ReceiveMessage"
    answer = post(standin, *(each.format(port=standin.port) for each in headers), target)
    assert (answer.status, answer.body["__type"]) == (403, "com.amazonaws.sqs#AccessDeniedException")


@pytest.mark.parametrize(
    ("method", "target", "body", "code"),
    [
        ("GET", "AmazonSQS.ReceiveMessage", "", "InvalidAction"),
        ("POST", "AmazonSNS.Publish", "{}", "InvalidAction"),
        ("POST", "AmazonSQS.ReceiveMessage", "{", "SerializationException"),
        ("POST", "AmazonSQS.ReceiveMessage", "[]", "SerializationException"),
        pytest.param("POST", "AmazonSQS.ReceiveMessage", "[" * 100_000, "SerializationException", id="deep"),
        ("POST", "AmazonSQS.ReceiveMessage", "{}", "MissingParameter"),
        ("POST", "AmazonSQS.ReceiveMessage", '{"QueueUrl": 1}', "MissingParameter"),
        ("POST", "AmazonSQS.SendMessageBatch", '{"QueueUrl": "/000000000000/engine-standin", "Entries": [{}]}',
         "MissingParameter"),
    ],
)  # fmt: skip
def test_malformed_requests(standin: StandIn, method: str, target: str, body: str, code: str) -> None:
    """What no client of SQS sends is 400 with a type, never 500."""
    answer = post(standin, f"Host: localhost:{standin.port}", f"X-Amz-Target: {target}", body=body, method=method)
    assert (answer.status, answer.body["__type"]) == (400, f"com.amazonaws.sqs#{code}")


def test_the_aws_cli_drains_a_queue(sqs: Any, url: str, standin: StandIn, tmp_path: Path) -> None:
    """The AWS CLI receives and deletes a command."""
    aws = shutil.which("aws")
    if aws is None or subprocess.run([aws, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("the AWS CLI is not installed")
    sqs.send_message(QueueUrl=url, MessageBody=BODY)

    def run(*words: str) -> Any:
        endpoint = f"http://localhost:{standin.port}/_standin/sqs"
        done = subprocess.run(
            [aws, "--endpoint-url", endpoint, "--output", "json", "sqs", *words, "--queue-url", url],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1",
                "HOME": str(tmp_path),
            },
        )  # fmt: skip
        return json.loads(done.stdout) if done.stdout else None

    (message,) = run("receive-message", "--wait-time-seconds", "5")["Messages"]
    assert message["Body"] == BODY
    assert run("delete-message", "--receipt-handle", message["ReceiptHandle"]) is None
    assert run("receive-message") is None
