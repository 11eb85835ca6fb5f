"""SQS's JSON protocol for the queues of engines, under `/_standin/sqs`.

Unchanged clients of SQS can drain a queue: the endpoint is `http://localhost:3000/_standin/sqs`, and the queue of the
engine `ast1` is `<endpoint>/000000000000/engine-ast1`. Signatures are not checked. Only this machine is admitted, as
for the control API.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from tapedeck_standin.aws.standard_queue import (
    MemoryStandardQueue,
    NotInFlight,
    ReceiptInvalid,
    StandardMessage,
)
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

SQS_PATH: Final = "/_standin/sqs"
SQS_ACCOUNT: Final = "000000000000"

MAX_BATCH: Final = 10
MAX_WAIT_SECONDS: Final = 20
MAX_VISIBILITY_SECONDS: Final = 43_200
MAX_MESSAGE_BYTES: Final = 1_048_576

_Action = Callable[[MemoryStandardQueue, Mapping[str, Any]], dict[str, Any]]

_TARGET: Final = "AmazonSQS."
_QUEUE_PREFIX: Final = "engine-"


class SqsError(Exception):
    """An error response.

    `shape` is the name of SQS's exception. `query_code` is its older code, which botocore reports as the error's code.
    """

    def __init__(self, shape: str, message: str, query_code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.shape = shape
        self.message = message
        self.query_code = query_code or shape
        self.status = status


class SqsWire:
    """Answers requests in SQS's JSON protocol.

    Args:
        queues: the queue of each engine, by the engine's name.
        refusal_of: returns why a request is not admitted, such as one from another machine; None if it is.
    """

    def __init__(
        self,
        queues: Mapping[str, MemoryStandardQueue],
        refusal_of: Callable[[ServerRequest], str | None],
    ) -> None:
        self._queues = queues
        self._refusal_of = refusal_of
        self._request_numbers = count(1)
        self._actions: Mapping[str, _Action] = {
            "SendMessage": _send,
            "SendMessageBatch": _in_batch(_send),
            "ReceiveMessage": _receive,
            "DeleteMessage": _delete,
            "DeleteMessageBatch": _in_batch(_delete),
            "ChangeMessageVisibility": _change_visibility,
            "ChangeMessageVisibilityBatch": _in_batch(_change_visibility),
        }

    def serves(self, path: str) -> bool:
        """Return whether a path belongs to this protocol."""
        return path == SQS_PATH or path.startswith(f"{SQS_PATH}/")

    def stop(self) -> None:
        """End the requests that wait for a message; later ones do not wait."""
        for queue in self._queues.values():
            queue.close()

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request; `ReceiveMessage` may wait for up to 20 seconds."""
        headers = (
            ("Content-Type", "application/x-amz-json-1.0"),
            ("x-amzn-RequestId", f"{next(self._request_numbers):032x}"),
        )
        try:
            body = self._answer(request)
        except SqsError as error:
            kind = {"__type": f"com.amazonaws.sqs#{error.shape}", "message": error.message}
            fault = "Sender" if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else "Receiver"
            more = ("x-amzn-query-error", f"{error.query_code};{fault}")
            return ServerResponse(error.status, (*headers, more), json.dumps(kind).encode())
        return ServerResponse(200, headers, json.dumps(body).encode())

    def _answer(self, request: ServerRequest) -> Mapping[str, Any]:
        refusal = self._refusal_of(request)
        if refusal is not None:
            raise SqsError("AccessDeniedException", refusal, "AccessDenied", HTTPStatus.FORBIDDEN)
        target = request.header("X-Amz-Target") or ""
        operation = target.removeprefix(_TARGET)
        if request.method != "POST" or not target.startswith(_TARGET):
            raise SqsError("InvalidAction", "The request is not a POST with the header X-Amz-Target: AmazonSQS.<name>.")
        try:
            parameters = json.loads(request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise SqsError("SerializationException", "The body is not JSON.") from error
        if not isinstance(parameters, dict):
            raise SqsError("SerializationException", "The body is not a JSON object.")
        if operation == "GetQueueUrl":
            return self._get_url(request, parameters)
        action = self._actions.get(operation)
        if action is None:
            raise SqsError(
                "UnsupportedOperation",
                f"The stand-in has no {operation}; it supports GetQueueUrl, {', '.join(self._actions)}.",
                "AWS.SimpleQueueService.UnsupportedOperation",
            )
        return action(self._find(_text(parameters, "QueueUrl")), parameters)

    def _get_url(self, request: ServerRequest, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        name = _text(parameters, "QueueName")
        self._find(f"/{SQS_ACCOUNT}/{name}")
        return {"QueueUrl": f"{request.scheme}://{request.header('Host')}{SQS_PATH}/{SQS_ACCOUNT}/{name}"}

    def _find(self, url: str) -> MemoryStandardQueue:
        """Return the queue of a URL; only the last two parts of its path count."""
        account, _, name = "/".join(url.rsplit("/", 2)[-2:]).partition("/")
        queue = self._queues.get(name.removeprefix(_QUEUE_PREFIX)) if name.startswith(_QUEUE_PREFIX) else None
        if account != SQS_ACCOUNT or queue is None:
            raise SqsError(
                "QueueDoesNotExist",
                "The specified queue does not exist.",
                "AWS.SimpleQueueService.NonExistentQueue",
            )
        return queue


def _send(queue: MemoryStandardQueue, parameters: Mapping[str, Any]) -> dict[str, Any]:
    body = _text(parameters, "MessageBody")
    if parameters.get("MessageAttributes") or parameters.get("DelaySeconds"):
        raise SqsError(
            "UnsupportedOperation",
            "The stand-in supports neither MessageAttributes nor DelaySeconds.",
            "AWS.SimpleQueueService.UnsupportedOperation",
        )
    if len(body.encode()) > MAX_MESSAGE_BYTES:
        raise _invalid(f"One or more parameters are invalid. Reason: Message must be shorter than {MAX_MESSAGE_BYTES}")
    (message_id,) = queue.send(body)
    return {"MD5OfMessageBody": _md5(body), "MessageId": message_id}


def _receive(queue: MemoryStandardQueue, parameters: Mapping[str, Any]) -> dict[str, Any]:
    limit = _integer(parameters, "MaxNumberOfMessages", 1, MAX_BATCH, 1)
    visibility = _integer(parameters, "VisibilityTimeout", 0, MAX_VISIBILITY_SECONDS, None)
    wait = _integer(parameters, "WaitTimeSeconds", 0, MAX_WAIT_SECONDS, 0)
    wanted = {*parameters.get("AttributeNames", ()), *parameters.get("MessageSystemAttributeNames", ())}
    received = queue.receive(limit or 1, visibility, wait or 0)
    # SQS leaves the list out when it is empty.
    return {"Messages": [_message(message, wanted) for message in received]} if received else {}


def _message(message: StandardMessage, wanted: set[str]) -> dict[str, Any]:
    attributes = {
        "SenderId": SQS_ACCOUNT,
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.first_received),
    }
    selected = {name: value for name, value in attributes.items() if name in wanted or "All" in wanted}
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
        **({"Attributes": selected} if selected else {}),
    }


def _delete(queue: MemoryStandardQueue, parameters: Mapping[str, Any]) -> dict[str, Any]:
    try:
        queue.delete(_text(parameters, "ReceiptHandle"))
    except ReceiptInvalid as error:
        raise _receipt_invalid() from error
    return {}


def _change_visibility(queue: MemoryStandardQueue, parameters: Mapping[str, Any]) -> dict[str, Any]:
    receipt = _text(parameters, "ReceiptHandle")
    seconds = _integer(parameters, "VisibilityTimeout", 0, MAX_VISIBILITY_SECONDS, None)
    if seconds is None:
        raise _missing("VisibilityTimeout")
    try:
        queue.change_visibility(receipt, seconds)
    except ReceiptInvalid as error:
        raise _receipt_invalid() from error
    except NotInFlight as error:
        raise _invalid(
            f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
            "available for visibility timeout change."
        ) from error
    return {}


def _in_batch(one: _Action) -> _Action:
    """Return the batch operation of an operation: each entry succeeds or fails on its own."""

    def run(queue: MemoryStandardQueue, parameters: Mapping[str, Any]) -> dict[str, Any]:
        successful: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in _entries(parameters):
            try:
                successful.append({"Id": entry["Id"], **one(queue, entry)})
            except SqsError as error:
                failed.append(
                    {"Id": entry["Id"], "SenderFault": True, "Code": error.query_code, "Message": error.message}
                )
        return {"Successful": successful, "Failed": failed}

    return run


def _entries(parameters: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the entries of a batch.

    Raises:
        SqsError: it has none, more than ten, or two with one id.
    """
    entries = parameters.get("Entries")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise SqsError(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
            "AWS.SimpleQueueService.EmptyBatchRequest",
        )
    if len(entries) > MAX_BATCH:
        raise SqsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MAX_BATCH}. You have sent {len(entries)}.",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        )
    ids = [_text(entry, "Id") for entry in entries]
    for position, name in enumerate(ids):
        if name in ids[:position]:
            raise SqsError(
                "BatchEntryIdsNotDistinct",
                f"Id {name} repeated.",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            )
    return entries


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise _missing(name)
    return value


def _integer(parameters: Mapping[str, Any], name: str, least: int, most: int, default: int | None) -> int | None:
    value = parameters.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _invalid(
            f"Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
        )
    return value


def _missing(name: str) -> SqsError:
    return SqsError("MissingParameter", f"The request must contain the parameter {name}.")


def _invalid(message: str) -> SqsError:
    return SqsError("InvalidParameterValue", message)


def _receipt_invalid() -> SqsError:
    return SqsError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")


def _md5(body: str) -> str:
    return md5(body.encode(), usedforsecurity=False).hexdigest()
