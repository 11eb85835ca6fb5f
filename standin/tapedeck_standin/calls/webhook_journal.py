"""The journal of requests to applications for instructions: what was sent, and what came back."""

import itertools
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.ports.clock import Clock
from tapedeck.ports.instructions import ComposedRequest, InstructionAnswer, InstructionClient, InstructionRequest
from tapedeck_standin.calls.instruction_requests import WantedRequest
from tapedeck_standin.clock import format_time
from tapedeck_standin.journals import AccountJournal

SIGNATURES: Final = ("X-Twilio-Signature", "X-SignalWire-Signature")
"""The headers that sign a request."""


@dataclass(slots=True)
class LoggedWebhook:
    """A request for instructions, and its answer once there is one.

    Attributes:
        at: when it began, in milliseconds of the account.
        sent: what was sent last: after a redirect, the request to its target.
        answer: that of the route `documents`.
        verbs: the verbs of the document that came back.
    """

    number: int
    at: int
    kind: str
    call: str
    verb: str | None
    sent: ComposedRequest | None = None
    method: str = "POST"
    url: str = ""
    answer: Mapping[str, Any] | None = None
    verbs: tuple[str, ...] | None = None
    error: tuple[int, str] | None = None
    redirects: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its id in the control API."""
        return f"webhook-{self.number}"

    def body(self) -> dict[str, Any]:
        """Return the JSON representation."""
        sent, answer = self.sent, self.answer
        headers = dict(sent.headers) if sent is not None else {}
        query = sent.url.partition("?")[2] if sent is not None else ""
        form = sent.body.decode() if sent is not None and sent.body else query
        return {
            "id": self.name,
            "at": format_time(self.at),
            "kind": self.kind,
            "call": format_sid_in_both_dialects(ResourceType.CALL, self.call),
            "verb": self.verb,
            "method": self.method,
            "url": self.url,
            "parameters": dict(parse_qsl(form, keep_blank_values=True)),
            "headers": {name: value for name, value in headers.items() if name not in SIGNATURES},
            "signature": next((headers[name] for name in SIGNATURES if name in headers), None),
            "signed": any(name in headers for name in SIGNATURES),
            "attempts": answer["attempts"] if answer is not None else 0,
            "answer": _answer_body(answer),
            "error": None if self.error is None else {"code": self.error[0], "text": self.error[1]},
            "document": None if self.verbs is None else {"verbs": list(self.verbs)},
        }


_current: ContextVar[LoggedWebhook | None] = ContextVar("webhook", default=None)


class WebhookJournal:
    """The latest requests of all accounts. Thread-safe.

    Args:
        clock: milliseconds since the epoch, of the account that a thread works for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._webhooks = AccountJournal[LoggedWebhook]()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    def record(
        self, wanted: WantedRequest, send: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Send a request, and keep it with its answer."""
        body = wanted.make_body()
        entry = LoggedWebhook(
            next(self._numbers), self._clock(), wanted.kind, wanted.call, wanted.verb, method=body["method"],
            url=body["url"],
        )  # fmt: skip
        with self._changed:
            self._webhooks.append(wanted.account, entry)
        with _writing_to(entry):
            entry.answer = answer = send(body)
        if answer.get("code") is not None:
            entry.error = (answer["code"], "the request failed")
        with self._changed:
            self._changed.notify_all()
        return answer

    def observe_client(self, client: InstructionClient) -> InstructionClient:
        """Return a client that also keeps each request as it is sent."""
        return _JournalingClient(client)

    def find(self, account: str, call: str | None = None, kind: str | None = None) -> list[LoggedWebhook]:
        """Return an account's requests of a call and of a kind (None: any), oldest first."""
        entries = self._webhooks.of(account)
        return [each for each in entries if call in {None, each.call} and kind in {None, each.kind}]

    def wait(self, account: str, call: str | None, kind: str | None, seconds: float) -> list[LoggedWebhook]:
        """Return the requests as `find`, once there is one that was answered; at most so many real seconds later."""
        with self._changed:
            self._changed.wait_for(
                lambda: any(each.answer is not None for each in self.find(account, call, kind)), seconds
            )
        return self.find(account, call, kind)

    def latest(self, account: str, call: str) -> LoggedWebhook | None:
        """Return the latest request of a call that was answered."""
        answered = [each for each in self.find(account, call) if each.answer is not None]
        return answered[-1] if answered else None

    def forget(self, account: str) -> None:
        """Delete the requests of this account."""
        self._webhooks.forget(account)


class _JournalingClient:
    def __init__(self, client: InstructionClient) -> None:
        self._client = client

    def fetch(self, request: InstructionRequest) -> InstructionAnswer:
        """Make a request with its repetitions and redirects."""
        entry = _current.get()
        if entry is None:
            return self._client.fetch(request)

        def compose(method: str, url: str) -> ComposedRequest:
            composed = request.compose(method, url)
            entry.sent = composed
            if url != entry.url:
                entry.redirects.append(url)
            return composed

        return self._client.fetch(replace(request, compose=compose))


@contextmanager
def _writing_to(entry: LoggedWebhook) -> Iterator[None]:
    token = _current.set(entry)
    try:
        yield
    finally:
        _current.reset(token)


def _answer_body(answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if answer is None or answer.get("code") is not None:
        return None
    return {
        "status": answer["status"], "content_type": answer["content_type"],
        "body": b64decode(answer["body"]).decode(errors="replace"), "ms": answer["milliseconds"],
    }  # fmt: skip
