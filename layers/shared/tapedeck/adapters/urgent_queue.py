"""Send one message to an SQS queue at once, without botocore's SQS client, whose creation slows a cold start."""

import json
import re
import socket
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.credentials import Credentials, EnvProvider
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.httpsession import URLLib3Session

from tapedeck.adapters.failures import failure
from tapedeck.domain.errors import StoreUnavailable

TIMEOUT_SECONDS: Final = 0.3
"""For the connection, and again for the response: the stream sends the command in any case."""

_OK: Final = 200
_SEND: Final = "sqs:SendMessage"
_ERROR_TYPE: Final = re.compile(rb'"__type"\s*:\s*"(?:[\w.]{1,100}#)?([A-Za-z.]{1,100})"', re.ASCII)


class HttpSession(Protocol):
    """The method of botocore's HTTP session that this project uses."""

    def send(self, request: AWSPreparedRequest) -> Any:  # noqa: ANN401 - botocore's response
        """Send a request and return its response."""
        ...


def make_http_session() -> HttpSession:
    """Create botocore's HTTP session with a short timeout and no retries."""
    # As botocore's clients: else the body waits until the other side has acknowledged the headers, up to 40 ms.
    no_delay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    session: HttpSession = URLLib3Session(timeout=TIMEOUT_SECONDS, socket_options=no_delay)  # type: ignore[arg-type]
    return session


class UrgentEngineQueues:
    """Sends commands to the SQS queues of media engines with one attempt: 1 request of SQS's JSON protocol each.

    It signs with what botocore's DynamoDB client has loaded already, and with the credentials in the environment, where
    Lambda provides them.

    Args:
        prefix: the URL of every queue up to the engine's name.
        make_session: creates the HTTP session at the first use.
    """

    def __init__(self, prefix: str, make_session: Callable[[], HttpSession] = make_http_session) -> None:
        self._prefix = prefix
        self._session = cache(make_session)

    def send(self, engine: str, message: Mapping[str, Any]) -> None:
        """Send a command to an engine; it is a JSON object.

        Raises:
            StoreUnavailable: it was not accepted in time; it may have been sent nevertheless.
        """
        credentials: Credentials | None = EnvProvider().load()
        if credentials is None:
            raise StoreUnavailable(_SEND, "NoCredentials")
        try:
            response = self._session().send(_sign(f"{self._prefix}{engine}", message, credentials))
        except (BotoCoreError, HTTPClientError) as error:
            raise failure(_SEND, error) from error
        if response.status_code != _OK:
            raise StoreUnavailable(_SEND, _code_of(response.content) or f"HTTP {response.status_code}")


def _code_of(content: bytes) -> str | None:
    """Return the error code in a response of the JSON protocol, such as `QueueDoesNotExist`; None without one."""
    found = _ERROR_TYPE.search(content)
    return found[1].decode() if found is not None else None


def _sign(queue: str, message: Mapping[str, Any], credentials: Credentials) -> AWSPreparedRequest:
    """Build the signed request; in AWS, a queue's URL is `https://sqs.<region>.<suffix>/<account>/<name>`."""
    url = urlsplit(queue)
    body = {"QueueUrl": queue, "MessageBody": json.dumps(message, ensure_ascii=False, separators=(",", ":"))}
    request = AWSRequest(
        "POST",
        f"{url.scheme}://{url.netloc}/",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
    )
    SigV4Auth(credentials, "sqs", url.netloc.split(".")[1]).add_auth(request)
    return request.prepare()
