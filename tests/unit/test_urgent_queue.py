"""Commands that are sent to the SQS queue of an engine with one attempt."""

import json
import socket
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from tapedeck.adapters.urgent_queue import UrgentEngineQueues
from tapedeck.domain.errors import StoreUnavailable
from tests.sqs_endpoint import running_sqs

PREFIX = "https://sqs.eu-central-1.amazonaws.com/123456789012/stack_engine_"


@dataclass
class Session:
    """Records each request and answers with this status, or fails."""

    status: int = 200
    content: bytes = b""
    error: Exception | None = None
    requests: list[Any] = field(default_factory=list)

    def send(self, request: Any) -> Any:
        """Answer a request."""
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return SimpleNamespace(status_code=self.status, content=self.content)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of a Lambda function."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "example-session")


def test_sends_one_signed_request_of_sqs() -> None:
    """The message is sent by SQS's JSON protocol, signed for the region of the queue with the session's credentials."""
    session = Session()
    UrgentEngineQueues(PREFIX, lambda: session).send("ast1", {"type": "recording.pause", "note": "é"})
    (request,) = session.requests
    assert (request.method, request.url) == ("POST", "https://sqs.eu-central-1.amazonaws.com/")
    assert json.loads(request.body) == {
        "QueueUrl": "https://sqs.eu-central-1.amazonaws.com/123456789012/stack_engine_ast1",
        "MessageBody": '{"type":"recording.pause","note":"é"}',
    }
    assert request.headers["X-Amz-Target"] == "AmazonSQS.SendMessage"
    assert request.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert request.headers["X-Amz-Security-Token"] == "example-session"
    signature = request.headers["Authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;" in signature
    again = AWSRequest("POST", request.url, data=request.body, headers={})
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "example-secret", "example-session"), "sqs", "eu-central-1")
    signer.add_auth(again)
    assert again.headers["Authorization"].split("Credential=")[1].split(",")[0] in signature


def test_the_session_is_created_once() -> None:
    """Further messages use the same session, and thus the same connection."""
    made: list[Session] = []

    def make() -> Session:
        made.append(Session())
        return made[-1]

    queues = UrgentEngineQueues(PREFIX, make)
    queues.send("ast1", {})
    queues.send("ast2", {})
    assert [len(session.requests) for session in made] == [2]


def test_the_body_does_not_wait_for_an_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection has TCP_NODELAY, so that a body that is sent after its headers is not held back for 40 ms."""
    made: list[socket.socket] = []

    class Socket(socket.socket):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    with running_sqs(lambda _action, _body: None) as sqs:
        monkeypatch.setattr(socket, "socket", Socket)
        queues = UrgentEngineQueues(sqs.prefix)
        queues.send("ast1", {"type": "recording.pause"})
        (connection,) = [each for each in made if each.getpeername()[1] == urlsplit(sqs.prefix).port]
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_any_other_status_is_a_failure(status: int) -> None:
    """SQS's refusal is not repeated."""
    session = Session(status)
    with pytest.raises(StoreUnavailable):
        UrgentEngineQueues(PREFIX, lambda: session).send("ast1", {})
    assert len(session.requests) == 1


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no queue"}', "QueueDoesNotExist"),
        (403, b'{"message": "may not", "__type": "AccessDeniedException"}', "AccessDeniedException"),
        (400, b'{"__type":"AWS.SimpleQueueService.NonExistentQueue"}', "AWS.SimpleQueueService.NonExistentQueue"),
        (400, b'{"__type":"no code: +15551234567"}', "HTTP 400"),
        (503, b"<html>busy</html>", "HTTP 503"),
        (500, b"", "HTTP 500"),
    ],
)
def test_a_refusal_is_named_by_its_error_code(status: int, content: bytes, code: str) -> None:
    """The failure has SQS's error code, which says what is missing; without one, the status (REL-28)."""
    with pytest.raises(StoreUnavailable) as raised:
        UrgentEngineQueues(PREFIX, lambda: Session(status, content)).send("ast1", {})
    assert raised.value.args == ("sqs:SendMessage", code)


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url=PREFIX),
        ReadTimeoutError(endpoint_url=PREFIX),
        EndpointConnectionError(endpoint_url=PREFIX),
    ],
)
def test_no_answer_is_a_failure(error: Exception) -> None:
    """A timeout and a refused connection are not repeated."""
    session = Session(error=error)
    with pytest.raises(StoreUnavailable):
        UrgentEngineQueues(PREFIX, lambda: session).send("ast1", {})
    assert len(session.requests) == 1


def test_needs_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials in the environment nothing is sent."""
    session = Session()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StoreUnavailable):
        UrgentEngineQueues(PREFIX, lambda: session).send("ast1", {})
    assert session.requests == []
