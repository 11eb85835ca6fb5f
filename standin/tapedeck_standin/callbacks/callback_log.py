"""The callback log: every callback with its attempts, its signature and the text that was signed.

It observes deliveries by wrapping the delivery store and the webhook client.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.webhooks.public_addresses import is_unambiguous_host
from tapedeck.admin.callbacks import resource_type_of
from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.callbacks import signature_base_url
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.domain.host_health import HostHealth
from tapedeck.ports.deliveries import DeliveryStore, Receiver
from tapedeck.ports.messaging import FailureReason, WebhookClient, WebhookRequest, WebhookResult
from tapedeck_standin import journals
from tapedeck_standin.clock import format_time

_SIGNATURES: Final = ("X-Twilio-Signature", "X-SignalWire-Signature")
_SID_FIELDS: Final = {
    "RecordingSid": ResourceType.RECORDING,
    "ConferenceSid": ResourceType.CONFERENCE,
    "CallSid": ResourceType.CALL,
}
_POLL_SECONDS: Final = 0.05
"""Interval of real time at which `wait_until_attempted` looks whether an attempt sleeps."""

_EVENT_FIELDS: Final = ("StatusCallbackEvent", "RecordingStatus", "CallStatus")


@dataclass(frozen=True, slots=True)
class CallbackLogEntry:
    """A callback with its signature and the signed text, both None until it is sent."""

    delivery: CallbackDelivery
    signature: str | None = None
    signed: str | None = None

    @property
    def id(self) -> str:
        """The id that replays it."""
        return f"{self.delivery.resource_id}.{self.delivery.id}"

    @property
    def fields(self) -> dict[str, str]:
        """The form fields of the callback."""
        return dict(parse_qsl(self.delivery.body, keep_blank_values=True))

    @property
    def kind(self) -> ResourceType:
        """The type of resource that the callback is about."""
        return resource_type_of(self.delivery)

    def matches(self, identifier: str | None, event: str | None) -> bool:
        """Return whether the callback is about this resource and this event.

        Args:
            identifier: the id of a recording, conference or call; None matches all.
            event: the event's name in a subscription or in the callback itself; None matches all.
        """
        fields = self.fields
        ids = {parse_any_sid(kind, fields[name]) for name, kind in _SID_FIELDS.items() if name in fields}
        events = {self.delivery.event, *(fields[name] for name in _EVENT_FIELDS if name in fields)}
        return (identifier is None or identifier in ids) and (event is None or event in events)

    def body(self) -> dict[str, Any]:
        """Return the representation in the control API."""
        delivery = self.delivery
        return {
            "id": self.id,
            "sid": format_sid_in_both_dialects(self.kind, delivery.resource_id),
            "event": delivery.event,
            "method": delivery.method,
            "url": delivery.url,
            "fields": self.fields,
            "signature": self.signature,
            "signed": self.signed,
            "attempts": [_attempt_body(attempt) for attempt in delivery.attempts],
        }


class AttemptInterceptor(Protocol):
    """Makes delivery attempts; may replace them by faults or add to them."""

    def send(
        self, delivery: CallbackDelivery, request: WebhookRequest, client: WebhookClient
    ) -> Sequence["RecordedAttempt"]:
        """Return at least one attempt; the last one is the result."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """An attempt; `at` in milliseconds since the epoch; `error` overrides the failure of the outcome."""

    at: int
    outcome: WebhookResult
    error: str | None = None


class CallbackLog:
    """Records callbacks. Thread-safe; each thread delivers one callback at a time.

    Args:
        interceptor: makes the attempts.
        report: receives a line for each attempt that was not made because the host is not allowed.
    """

    def __init__(self, interceptor: AttemptInterceptor, report: Callable[[str], object]) -> None:
        self._interceptor = interceptor
        self._report = report
        self._entries: dict[tuple[str, str], CallbackLogEntry] = {}
        self._keys: dict[str, dict[tuple[str, str], None]] = {}
        """The keys of the entries by account: looking for those of one account costs nothing for the others."""
        self._scheduled: dict[str, dict[str, CallbackDelivery]] = {}
        """Callbacks with a scheduled retry, by account and by id."""
        self._senders: dict[tuple[str, str], int] = {}
        """The threads that send callbacks, by the keys of the entries."""
        self._changed = threading.Condition()
        self._current = threading.local()

    def observe_store(self, store: Any) -> Any:  # noqa: ANN401 - any store that deliveries use
        """Wrap a delivery table so that it is observed; return any other store unchanged."""
        return _ObservedDeliveryStore(store, self) if isinstance(store, DeliveryTable) else store

    def observe_client(self, client: WebhookClient) -> WebhookClient:
        """Wrap a webhook client so that it is observed."""
        return _ObservedClient(client, self)

    def find(self, account: str, identifier: str | None = None, event: str | None = None) -> list[CallbackLogEntry]:
        """Return the attempted callbacks about a resource and an event (None: any), oldest first."""
        with self._changed:
            entries = self._of(account)
        return [entry for entry in entries if entry.delivery.attempts and entry.matches(identifier, event)]

    def wait(self, account: str, identifier: str | None, event: str | None, seconds: float) -> list[CallbackLogEntry]:
        """Wait until `find` has a result, at most for this many seconds; return it."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (found := self.find(account, identifier, event)) and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return found

    def get(self, account: str, identifier: str) -> CallbackLogEntry | None:
        """Return a callback, attempted or not; None if it is unknown."""
        with self._changed:
            return self._entries.get((account, identifier))

    def scheduled_retries(self, account: str | None) -> list[CallbackDelivery]:
        """Return the callbacks of an account (None: of all) that have a scheduled retry."""
        with self._changed:
            if account is not None:
                return list(self._scheduled.get(account, {}).values())
            return [delivery for scheduled in self._scheduled.values() for delivery in scheduled.values()]

    def wait_until_attempted(
        self,
        deliveries: Sequence[CallbackDelivery],
        threads_asleep: Callable[[], Collection[int | None]],
        seconds: float,
    ) -> None:
        """Wait until none of these retries is queued, unless its attempt sleeps.

        Call it when the reconciliation has queued those that are due: one that it has left or postponed is no reason to
        wait.

        Args:
            deliveries: the retries.
            threads_asleep: returns the ids of the threads that sleep by the clock of their account.
            seconds: the limit of the wait, in real time.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while (left := deadline - time.monotonic()) > 0:
                asleep = threads_asleep()
                if not any(self._is_queued(delivery, asleep) for delivery in deliveries):
                    return
                self._changed.wait(min(left, _POLL_SECONDS))  # no sleep is reported

    def kind_of(self, account: str, resource_id: str) -> ResourceType:
        """Return the type of a resource that callbacks are about; a recording if unknown."""
        with self._changed:
            found = [entry for entry in self._of(account) if entry.delivery.resource_id == resource_id]
        return found[0].kind if found else ResourceType.RECORDING

    def _of(self, account: str) -> list[CallbackLogEntry]:
        return [self._entries[key] for key in self._keys.get(account, ())]

    def _put(self, key: tuple[str, str], entry: CallbackLogEntry) -> None:
        self._entries[key] = entry
        self._keys.setdefault(key[0], {})[key] = None

    def _drop(self, key: tuple[str, str]) -> None:
        del self._entries[key]
        self._senders.pop(key, None)
        del self._keys[key[0]][key]
        if not self._keys[key[0]]:
            del self._keys[key[0]]

    def forget(self, account: str) -> None:
        """Drop all callbacks of an account."""
        with self._changed:
            for key in list(self._keys.get(account, ())):
                self._drop(key)
            self._scheduled.pop(account, None)

    def record(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Record the state of a delivery; return it unchanged."""
        with self._changed:
            key = (delivery.account, f"{delivery.resource_id}.{delivery.id}")
            known = self._entries.get(key)
            self._put(key, replace(known, delivery=delivery) if known is not None else CallbackLogEntry(delivery))
            scheduled = self._scheduled.get(delivery.account, {})
            scheduled.pop(key[1], None)
            if delivery.state is not DeliveryState.QUEUED:
                self._senders.pop(key, None)
            if delivery.state is DeliveryState.RETRY_SCHEDULED:
                self._scheduled.setdefault(delivery.account, scheduled)[key[1]] = delivery
            elif not scheduled:
                self._scheduled.pop(delivery.account, None)
            while len(self._entries) > journals.MAX_ENTRIES:
                self._drop(next(iter(self._keys[journals.busiest(self._keys)])))
            self._changed.notify_all()
        return delivery

    def _is_queued(self, delivery: CallbackDelivery, asleep: Collection[int | None]) -> bool:
        key = (delivery.account, f"{delivery.resource_id}.{delivery.id}")
        known = self._entries.get(key)
        is_queued = known is not None and known.delivery.state is DeliveryState.QUEUED
        return is_queued and self._senders.get(key) not in asleep

    def begin_delivery(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Set the delivery that this thread sends from now on, and record it."""
        self._current.delivery, self._current.sent = delivery, ()
        with self._changed:
            self._senders[delivery.account, f"{delivery.resource_id}.{delivery.id}"] = threading.get_ident()
        return self.record(delivery)

    def send(self, request: WebhookRequest, client: WebhookClient) -> WebhookResult:
        """Make an attempt, and record its signature and the signed text."""
        delivery: CallbackDelivery = self._current.delivery
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        text = signature_base_url(request.url) + "".join(name + form[name] for name in sorted(form))
        signature = next((request.headers[name] for name in _SIGNATURES if name in request.headers), None)
        with self._changed:
            key = (delivery.account, f"{delivery.resource_id}.{delivery.id}")
            known = self._entries.get(key, CallbackLogEntry(delivery))
            self._put(key, replace(known, signature=signature, signed=text))
        sent = self._interceptor.send(delivery, request, client)
        self._current.sent = sent
        for attempt in sent:
            if attempt.outcome.failure is FailureReason.FORBIDDEN and attempt.error is None:
                self._report(_format_forbidden(delivery, known))
        return sent[-1].outcome

    def record_attempt(
        self,
        store: DeliveryStore,
        delivery: CallbackDelivery,
        attempt: DeliveryAttempt,
        state: DeliveryState,
        due: int | None,
    ) -> CallbackDelivery:
        """Store an attempt with its injected error, after any additional attempts that were made."""
        sent: Sequence[RecordedAttempt] = getattr(self._current, "sent", ())
        self._current.sent = ()
        for other in sent[:-1]:
            delivery = store.record_attempt(
                delivery, _attempt_of(other), DeliveryState.QUEUED, delivery.next_attempt_at
            )
        if sent and sent[-1].error is not None:
            attempt = replace(attempt, failure=sent[-1].error)
        return self.record(store.record_attempt(delivery, attempt, state, due))


class _ObservedClient:
    """A `ports.messaging.WebhookClient` that the log observes."""

    def __init__(self, client: WebhookClient, log: CallbackLog) -> None:
        self._client = client
        self._log = log

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt."""
        return self._log.send(request, self._client)


class _ObservedDeliveryStore:
    """A `ports.deliveries.DeliveryStore` that the log observes."""

    def __init__(self, store: DeliveryStore, log: CallbackLog) -> None:
        self._store = store
        self._log = log

    def put(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Store and record a delivery."""
        return self._log.record(self._store.put(delivery))

    def get(self, account: str, resource_id: str, delivery: str) -> CallbackDelivery | None:
        """Read one delivery from the store."""
        return self._store.get(account, resource_id, delivery)

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """Read the deliveries of a resource from the store."""
        return self._store.of(account, resource_id)

    def lease(self, delivery: CallbackDelivery, now: int, until: int) -> CallbackDelivery | None:
        """Lease a delivery; this thread sends it from now on."""
        leased = self._store.lease(delivery, now, until)
        return self._log.begin_delivery(leased) if leased is not None else None

    def record_attempt(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, state: DeliveryState, due: int | None
    ) -> CallbackDelivery:
        """Store and record an attempt."""
        return self._log.record_attempt(self._store, delivery, attempt, state, due)

    def reset_to_queued(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """Queue a delivery again, and record it."""
        queued = self._store.reset_to_queued(delivery, due)
        return self._log.record(queued) if queued is not None else None

    def mark_url_gone(self, delivery: CallbackDelivery, now: int) -> None:
        """Mark the URL as gone in the store."""
        self._store.mark_url_gone(delivery, now)

    def read_receiver(self, delivery: CallbackDelivery) -> Receiver:
        """Read from the store what is known about the receiver."""
        return self._store.read_receiver(delivery)

    def read_health(self, deliveries: Sequence[CallbackDelivery]) -> Sequence[HostHealth]:
        """Read the health of hosts from the store."""
        return self._store.read_health(deliveries)

    def change_health(self, delivery: CallbackDelivery, before: HostHealth, after: HostHealth, now: int) -> bool:
        """Change the health of a host in the store."""
        return self._store.change_health(delivery, before, after, now)

    def postpone(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """Postpone a delivery, and record it."""
        postponed = self._store.postpone(delivery, due)
        return self._log.record(postponed) if postponed is not None else None

    def find_due(self, shard: str, now: int, limit: int) -> Sequence[CallbackDelivery]:
        """Read the due deliveries of a shard from the store."""
        return self._store.find_due(shard, now, limit)


def _format_forbidden(delivery: CallbackDelivery, entry: CallbackLogEntry) -> str:
    """Format the line about a callback that was not sent; of its URL it contains only the host."""
    sid = entry.fields[next(name for name, kind in _SID_FIELDS.items() if kind is entry.kind)]
    host = urlsplit(delivery.url).hostname or ""
    refused = f"callback {delivery.event} of {sid} not delivered: "
    if not is_unambiguous_host(host):
        return f"{refused}{host} is not a name, nor an address in canonical form"
    return (
        f"{refused}the address of {host}, or of a host that it redirects to, is not public; "
        "allow the host with --callback-allowed-hosts or TAPEDECK_CALLBACK_ALLOWED_HOSTS"
    )


def _attempt_of(sent: RecordedAttempt) -> DeliveryAttempt:
    outcome = sent.outcome
    excerpt = outcome.response_excerpt.decode("utf-8", "replace")
    return DeliveryAttempt(sent.at, outcome.milliseconds, outcome.status, sent.error or outcome.failure, excerpt)


def _attempt_body(attempt: DeliveryAttempt) -> Mapping[str, Any]:
    return {
        "at": format_time(attempt.at),
        "status": attempt.status,
        "error": attempt.failure,
        "milliseconds": attempt.milliseconds,
        "answer": attempt.response_excerpt,
    }
