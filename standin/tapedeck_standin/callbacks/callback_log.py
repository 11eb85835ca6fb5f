"""What was told to whom: every callback with its attempts, its signature and what was signed.

It looks over the shoulder of whoever sends: the ledger and the sender of HTTP are reached through it.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.admin.endpoint import both_spellings
from tapedeck.background.webhook_delivery import DeliveryStore
from tapedeck.dialects.callbacks import signature_base_url
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.ports.messaging import WebhookClient, WebhookRequest, WebhookResult
from tapedeck_standin.control.requests import format_time

MAX_KEPT: Final = 10_000
"""Callbacks, of all accounts: the oldest are forgotten first."""

_SIGNATURES: Final = ("X-Twilio-Signature", "X-SignalWire-Signature")
_NAMES: Final = {
    "RecordingSid": ResourceType.RECORDING,
    "ConferenceSid": ResourceType.CONFERENCE,
    "CallSid": ResourceType.CALL,
}
_EVENTS: Final = ("StatusCallbackEvent", "RecordingStatus")


@dataclass(frozen=True, slots=True)
class CallbackLogEntry:
    """A callback as it stands, and what of its request was signed; nothing of that until it was sent."""

    delivery: CallbackDelivery
    signature: str | None = None
    signed: str | None = None

    @property
    def id(self) -> str:
        """By which it is replayed."""
        return f"{self.delivery.resource_id}.{self.delivery.id}"

    @property
    def fields(self) -> dict[str, str]:
        """What it tells."""
        return dict(parse_qsl(self.delivery.body, keep_blank_values=True))

    @property
    def kind(self) -> ResourceType:
        """What it tells of."""
        return ResourceType.RECORDING if "RecordingSid" in self.fields else ResourceType.CONFERENCE

    def event(self, identifier: str | None, event: str | None) -> bool:
        """Whether it tells of what has this id, and this event, by the word that asks for it or the one that tells it.

        Whatever is None does not matter.
        """
        fields = self.fields
        ids = {parse_any_sid(kind, fields[name]) for name, kind in _NAMES.items() if name in fields}
        events = {self.delivery.event, *(fields[name] for name in _EVENTS if name in fields)}
        return (identifier is None or identifier in ids) and (event is None or event in events)

    def body(self) -> dict[str, Any]:
        """As the control API tells it."""
        delivery = self.delivery
        return {
            "id": self.id,
            "sid": both_spellings(self.kind, delivery.resource_id),
            "event": delivery.event,
            "method": delivery.method,
            "url": delivery.url,
            "fields": self.fields,
            "signature": self.signature,
            "signed": self.signed,
            "attempts": [_attempt_body(attempt) for attempt in delivery.attempts],
        }


class AttemptInterceptor(Protocol):
    """What becomes of an attempt, instead of or besides its being made."""

    def send(
        self, delivery: CallbackDelivery, request: WebhookRequest, sender: WebhookClient
    ) -> Sequence["RecordedAttempt"]:
        """Make it in whichever way; one at least, of which the last counts."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """An attempt: what came of it; `error` is another word for its failure; `at` milliseconds since the epoch."""

    at: int
    outcome: WebhookResult
    error: str | None = None


class CallbackLog:
    """Keeps what is told. Several threads may use it; one of them sends one callback at a time.

    Args:
        tamper: what becomes of attempts.
    """

    def __init__(self, tamper: AttemptInterceptor) -> None:
        self._tamper = tamper
        self._entries: dict[tuple[str, str], CallbackLogEntry] = {}
        self._parked: dict[tuple[str, str], CallbackDelivery] = {}
        """Those that are tried again some time, likewise by account and id."""
        self._changed = threading.Condition()
        self._sending = threading.local()

    def observe_store(self, store: Any) -> Any:  # noqa: ANN401 - whatever senders of callbacks use
        """The ledger, looked after; anything else as it is."""
        return _Ledger(store, self) if isinstance(store, DeliveryTable) else store

    def sender(self, sender: WebhookClient) -> WebhookClient:
        """This one, looked after."""
        return _Sender(sender, self)

    def find(self, account: str, identifier: str | None = None, event: str | None = None) -> list[CallbackLogEntry]:
        """What this account was told of what has this id, and of this event, oldest first; what was tried at least."""
        with self._changed:
            entries = list(self._entries.values())
        return [
            entry
            for entry in entries
            if entry.delivery.account == account and entry.delivery.attempts and entry.event(identifier, event)
        ]

    def wait(self, account: str, identifier: str | None, event: str | None, seconds: float) -> list[CallbackLogEntry]:
        """The same, as soon as there is any, or after so many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (found := self.find(account, identifier, event)) and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return found

    def get(self, account: str, identifier: str) -> CallbackLogEntry | None:
        """A callback of this account, tried or not."""
        with self._changed:
            return self._entries.get((account, identifier))

    @property
    def scheduled_retries(self) -> list[CallbackDelivery]:
        """What is tried again at some time, of all accounts."""
        with self._changed:
            return list(self._parked.values())

    def wait_until_tried(self, deliveries: Sequence[CallbackDelivery], seconds: float) -> None:
        """Wait until each of these, which were parked, has been tried again, at most so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: all(map(self._is_tried, deliveries)), seconds)

    def kind_of(self, resource_id: str) -> ResourceType:
        """What has this id."""
        with self._changed:
            found = [entry for entry in self._entries.values() if entry.delivery.resource_id == resource_id]
        return found[0].kind if found else ResourceType.RECORDING

    def forget(self, account: str) -> None:
        """Nothing was ever told to this account."""
        with self._changed:
            self._entries = {key: entry for key, entry in self._entries.items() if key[0] != account}
            self._parked = {key: delivery for key, delivery in self._parked.items() if key[0] != account}

    def keep(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Take note of how a claim stands."""
        with self._changed:
            key = (delivery.account, f"{delivery.resource_id}.{delivery.id}")
            known = self._entries.get(key)
            self._entries[key] = replace(known, delivery=delivery) if known is not None else CallbackLogEntry(delivery)
            self._parked.pop(key, None)
            if delivery.state is DeliveryState.RETRY_SCHEDULED:
                self._parked[key] = delivery
            while len(self._entries) > MAX_KEPT:
                del self._entries[next(iter(self._entries))]
            self._changed.notify_all()
        return delivery

    def _is_tried(self, delivery: CallbackDelivery) -> bool:
        known = self._entries.get((delivery.account, f"{delivery.resource_id}.{delivery.id}"))
        return known is None or (
            known.delivery.attempt_count > delivery.attempt_count and known.delivery.state is not DeliveryState.QUEUED
        )

    def begin_delivery(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """What this thread sends from now on is this claim."""
        self._sending.claim, self._sending.sent = delivery, ()
        return self.keep(delivery)

    def send(self, request: WebhookRequest, sender: WebhookClient) -> WebhookResult:
        """Make an attempt, and keep what was signed."""
        delivery: CallbackDelivery = self._sending.claim
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        text = signature_base_url(request.url) + "".join(name + form[name] for name in sorted(form))
        signature = next((request.headers[name] for name in _SIGNATURES if name in request.headers), None)
        with self._changed:
            key = (delivery.account, f"{delivery.resource_id}.{delivery.id}")
            known = self._entries.get(key, CallbackLogEntry(delivery))
            self._entries[key] = replace(known, signature=signature, signed=text)
        sent = self._tamper.send(delivery, request, sender)
        self._sending.sent = sent
        return sent[-1].outcome

    def record_attempt(
        self,
        store: DeliveryStore,
        delivery: CallbackDelivery,
        attempt: DeliveryAttempt,
        state: DeliveryState,
        due: int | None,
    ) -> CallbackDelivery:
        """Note an attempt as it really was, and what was sent besides."""
        sent: Sequence[RecordedAttempt] = getattr(self._sending, "sent", ())
        self._sending.sent = ()
        for other in sent[:-1]:
            delivery = store.record_attempt(
                delivery, _attempt_of(other), DeliveryState.QUEUED, delivery.next_attempt_at
            )
        if sent and sent[-1].error is not None:
            attempt = replace(attempt, failure=sent[-1].error)
        return self.keep(store.record_attempt(delivery, attempt, state, due))


class _Sender:
    """`ports.messaging.WebhookClient` that a journal looks after."""

    def __init__(self, sender: WebhookClient, journal: CallbackLog) -> None:
        self._sender = sender
        self._journal = journal

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt."""
        return self._journal.send(request, self._sender)


class _Ledger:
    """`background.webhook_delivery.DeliveryStore` that a journal looks after."""

    def __init__(self, store: DeliveryStore, journal: CallbackLog) -> None:
        self._store = store
        self._journal = journal

    def put(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Keep it in both."""
        return self._journal.keep(self._store.put(delivery))

    def get(self, account: str, resource_id: str, delivery: str) -> CallbackDelivery | None:
        """From the ledger."""
        return self._store.get(account, resource_id, delivery)

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """From the ledger."""
        return self._store.of(account, resource_id)

    def lease(self, delivery: CallbackDelivery, now: int, until: int) -> CallbackDelivery | None:
        """What this thread sends from now on."""
        leased = self._store.lease(delivery, now, until)
        return self._journal.begin_delivery(leased) if leased is not None else None

    def record_attempt(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, state: DeliveryState, due: int | None
    ) -> CallbackDelivery:
        """Keep it in both."""
        return self._journal.record_attempt(self._store, delivery, attempt, state, due)

    def reset_to_queued(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """Keep it in both."""
        reopened = self._store.reset_to_queued(delivery, due)
        return self._journal.keep(reopened) if reopened is not None else None

    def mark_url_gone(self, delivery: CallbackDelivery, now: int) -> None:
        """In the ledger."""
        self._store.mark_url_gone(delivery, now)

    def is_url_gone(self, delivery: CallbackDelivery) -> bool:
        """From the ledger."""
        return self._store.is_url_gone(delivery)

    def find_due(self, shard: str, now: int, limit: int) -> Sequence[CallbackDelivery]:
        """From the ledger."""
        return self._store.find_due(shard, now, limit)


def _attempt_of(sent: RecordedAttempt) -> DeliveryAttempt:
    outcome = sent.outcome
    answer = outcome.answer.decode("utf-8", "replace")
    return DeliveryAttempt(sent.at, outcome.milliseconds, outcome.status, sent.error or outcome.failure, answer)


def _attempt_body(attempt: DeliveryAttempt) -> Mapping[str, Any]:
    return {
        "at": format_time(attempt.at),
        "status": attempt.status,
        "error": attempt.failure,
        "milliseconds": attempt.milliseconds,
        "answer": attempt.answer,
    }
