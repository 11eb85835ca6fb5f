"""The proxy between a connector and the stand-in: records every request, and answers some of them itself."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from tapedeck_standin.conformance.journal import Journal
from tapedeck_standin.http.messages import MEDIA_PATH, ServerRequest, ServerResponse
from tapedeck_standin.telephony.sqs_wire import SQS_PATH

ENGINE_PATH: Final = "/engine/v2/"
ALIVE_EVERY_SECONDS: Final = 2
"""The interval of `engine.alive` in the sessions that the suite answers: a check need not wait for long."""

MAX_POLL_SECONDS: Final = 0.5
"""The longest time for which a long poll waits: shorter than in SQS, so that a connector with one thread goes on."""

_LOOK_SECONDS: Final = 0.05
_TIMEOUT_SECONDS: Final = 60
_NOT_FORWARDED: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect"})

Forward = Callable[[ServerRequest], ServerResponse]
Interceptor = Callable[[ServerRequest, Forward], ServerResponse]
"""Answers a request itself, or passes it on, changed or not."""


class Proxy:
    """Passes the requests of a connector on to the stand-in.

    Args:
        standin: URL of the stand-in.
        journal: gets what was sent and received.
    """

    def __init__(self, standin: str, journal: Journal) -> None:
        self._standin = standin
        self._netloc = urlsplit(standin).netloc
        self._journal = journal
        self._interceptors: list[tuple[str, Interceptor]] = []
        self._queue = threading.RLock()
        self._is_holding = False
        self._is_stopped = False
        self._withdrawn: set[str] = set()
        """Ids of messages that the connector gets no more."""
        self._generation = 0
        """Is raised to end the long polls that have begun."""

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request of the connector."""
        route = _route_of(request.path)
        if request.file is not None:  # an upload; those of the checks are small
            request = replace(request, body=request.file.read_bytes(), file=None)
        answer = self._intercept(route, len(self._interceptors), request)
        if route == "queue":
            self._note_queue(request, answer)
        elif route:
            body = request.body if route == "put" else _json(request.body)
            self._journal.note_request(route, body, answer.status, _json(answer.body))
        return answer

    def stop(self) -> None:
        """End the long polls."""
        self._is_stopped = True

    def end_polls(self) -> None:
        """Let the long polls that have begun find nothing: they are those of a connector that has ended."""
        with self._queue:
            self._generation += 1

    @contextmanager
    def intercepting(self, route: str, interceptor: Interceptor) -> Iterator[None]:
        """Let a function answer the requests to a route; the latest one is called first.

        Routes are `sessions`, `events` and `uploads`, `put` for the upload of a file, and `queue`.
        """
        entry = (route, interceptor)
        self._interceptors.append(entry)
        try:
            yield
        finally:
            self._interceptors.remove(entry)

    @contextmanager
    def holding_commands(self) -> Iterator[None]:
        """Give the connector no messages; its polls find the queue empty."""
        with self._queue:
            self._is_holding = True
        try:
            yield
        finally:
            self._is_holding = False

    def withdraw(self, messages: Iterable[str]) -> None:
        """Give messages to the connector no more; they are deleted when they are received next."""
        self._withdrawn.update(messages)

    def forward(self, request: ServerRequest) -> ServerResponse:
        """Send a request to the stand-in; URLs in its answer lead to this proxy."""
        connection = http.client.HTTPConnection(self._netloc, timeout=_TIMEOUT_SECONDS)
        try:
            headers = {name: value for name, value in request.headers if name.lower() not in _NOT_FORWARDED}
            connection.request(request.method, request.target, request.body, headers)
            response = connection.getresponse()
            body = response.read()
            kept = tuple((name, value) for name, value in response.getheaders() if _is_kept(name))
        finally:
            connection.close()
        own = f"{request.scheme}://{request.header('Host')}"
        return ServerResponse(response.status, kept, body.replace(self._standin.encode(), own.encode()))

    def _intercept(self, route: str, count: int, request: ServerRequest) -> ServerResponse:
        """Let the last of the first `count` interceptors of this route answer; it may pass the request on."""
        for position in reversed(range(min(count, len(self._interceptors)))):
            name, interceptor = self._interceptors[position]
            if name == route:
                return interceptor(request, partial(self._intercept, route, position))
        if not route:
            return ServerResponse.of_json(404, {"error": "a connector needs no such path"})
        if route == "queue" and _operation(request) == "ReceiveMessage":
            return self._receive(request)
        answer = self.forward(request)
        return _with_short_interval(answer) if route == "sessions" else answer

    def _receive(self, request: ServerRequest) -> ServerResponse:
        wanted = _json(request.body)
        wait = wanted.get("WaitTimeSeconds") if isinstance(wanted, dict) else None
        deadline = time.monotonic() + min(wait if isinstance(wait, int) else 0, MAX_POLL_SECONDS)
        generation = self._generation
        if isinstance(wanted, dict):
            request = with_body(request, {**wanted, "WaitTimeSeconds": 0})
        while True:
            with self._queue:
                is_over = self._is_stopped or generation != self._generation or time.monotonic() >= deadline
                is_closed = self._is_holding or generation != self._generation
                answer = ServerResponse.of_json(200, {}) if is_closed else self._poll(request)
            if is_over or answer.status != HTTPStatus.OK or _messages(answer):
                return answer
            time.sleep(_LOOK_SECONDS)

    def _poll(self, request: ServerRequest) -> ServerResponse:
        """Receive messages; delete those that are withdrawn."""
        answer = self.forward(request)
        messages = _messages(answer) if answer.status == HTTPStatus.OK else ()
        withdrawn = [each for each in messages if each["MessageId"] in self._withdrawn]
        if not withdrawn:
            return answer
        url = _json(request.body)["QueueUrl"]
        for each in withdrawn:
            headers = tuple(
                (n, "AmazonSQS.DeleteMessage" if n.lower() == "x-amz-target" else v) for n, v in request.headers
            )
            deletion = replace(request, headers=headers)
            self.forward(with_body(deletion, {"QueueUrl": url, "ReceiptHandle": each["ReceiptHandle"]}))
        return ServerResponse.of_json(200, {"Messages": [each for each in messages if each not in withdrawn]})

    def _note_queue(self, request: ServerRequest, answer: ServerResponse) -> None:
        if answer.status != HTTPStatus.OK:
            return
        body, operation = _json(request.body), _operation(request)
        for message in _messages(answer) if operation == "ReceiveMessage" else ():
            self._journal.note_command(message)
        if operation == "DeleteMessage":
            self._journal.note_deletion(body["ReceiptHandle"])
        elif operation == "DeleteMessageBatch":
            for entry in body["Entries"]:
                self._journal.note_deletion(entry["ReceiptHandle"])


def with_body(request: ServerRequest, body: Mapping[str, Any]) -> ServerRequest:
    """Return a request with another body."""
    return replace(request, body=json.dumps(body).encode())


def changing_answer(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Interceptor:
    """Return an interceptor that changes the JSON of each answer with status 200."""

    def intercept(request: ServerRequest, forward: Forward) -> ServerResponse:
        answer = forward(request)
        content = _json(answer.body)
        if answer.status != HTTPStatus.OK or not isinstance(content, dict):
            return answer
        return ServerResponse.of_json(200, change(content))

    return intercept


def answering_events(
    result_of: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
) -> Interceptor:
    """Return an interceptor that gives some events an outcome of its own, and passes the others on.

    Args:
        result_of: returns the outcome of an event, without its id; None to pass the event on.
    """

    def intercept(request: ServerRequest, forward: Forward) -> ServerResponse:
        batch = _json(request.body)
        events = batch.get("events") if isinstance(batch, dict) else None
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            return forward(request)
        own = [result_of(event) for event in events]
        passed = [event for event, result in zip(events, own, strict=True) if result is None]
        if len(passed) == len(events):
            return forward(request)
        content: dict[str, Any] = {"now": time.time_ns() // 1_000_000, "resync": False, "superseded": False}
        results: Sequence[Any] = ()
        if passed:
            answer = forward(with_body(request, {**batch, "events": passed}))
            if answer.status != HTTPStatus.OK:
                return answer
            content = _json(answer.body)
            results = content["results"]
        rest = iter(results)
        merged = [
            {"id": event.get("id"), **result} if result is not None else next(rest)
            for event, result in zip(events, own, strict=True)
        ]
        return ServerResponse.of_json(200, {**content, "results": merged})

    return intercept


def events_in(request: ServerRequest) -> Sequence[Mapping[str, Any]]:
    """Return the events of a request."""
    batch = _json(request.body)
    events = batch.get("events") if isinstance(batch, dict) else None
    return [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []


def queue_operation(request: ServerRequest) -> str:
    """Return the operation of a request to the queue, such as `ReceiveMessage`."""
    return _operation(request)


def _route_of(path: str) -> str:
    if path.startswith(ENGINE_PATH):
        return path.removeprefix(ENGINE_PATH)
    if path.startswith(f"{MEDIA_PATH}/"):
        return "put"
    return "queue" if path.startswith(f"{SQS_PATH}/") or path == SQS_PATH else ""


def _operation(request: ServerRequest) -> str:
    return (request.header("X-Amz-Target") or "").rpartition(".")[2]


def _with_short_interval(answer: ServerResponse) -> ServerResponse:
    content = _json(answer.body)
    if answer.status != HTTPStatus.OK or not isinstance(content, dict):
        return answer
    return ServerResponse.of_json(200, {**content, "alive_every": ALIVE_EVERY_SECONDS})


def _messages(answer: ServerResponse) -> Sequence[Mapping[str, Any]]:
    content = _json(answer.body)
    return content.get("Messages") or () if isinstance(content, dict) else ()


def _json(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a body; None if it is not JSON, such as a file."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _is_kept(name: str) -> bool:
    return name.lower() not in {"date", "connection", "content-length", "transfer-encoding", "keep-alive"}
