"""What was told to whom: every callback with its attempts, its signature and what was signed.

It looks over the shoulder of whoever sends: the ledger and the sender of HTTP are reached through it.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from tapedeck.adapters.claims import ClaimTable
from tapedeck.dialects.callbacks import signed_url
from tapedeck.dialects.choice import read_in_either
from tapedeck.dialects.dialect import Kind
from tapedeck.domain.claim import Attempt, Claim, ClaimState
from tapedeck.edge.task import both_spellings
from tapedeck.operations.deliveries import ClaimStore
from tapedeck.operations.messaging import Outcome, Outgoing, Sender
from tapedeck_standin.control_requests import spell_time

MOST_KEPT: Final = 10_000
"""Callbacks, of all accounts: the oldest are forgotten first."""

_SIGNATURES: Final = ("X-Twilio-Signature", "X-SignalWire-Signature")
_NAMES: Final = {"RecordingSid": Kind.RECORDING, "ConferenceSid": Kind.CONFERENCE, "CallSid": Kind.CALL}
_EVENTS: Final = ("StatusCallbackEvent", "RecordingStatus")


@dataclass(frozen=True, slots=True)
class Entry:
    """A callback as it stands, and what of its request was signed; nothing of that until it was sent."""

    claim: Claim
    signature: str | None = None
    signed: str | None = None

    @property
    def id(self) -> str:
        """By which it is replayed."""
        return f"{self.claim.subject}.{self.claim.id}"

    @property
    def fields(self) -> dict[str, str]:
        """What it tells."""
        return dict(parse_qsl(self.claim.body, keep_blank_values=True))

    @property
    def kind(self) -> Kind:
        """What it tells of."""
        return Kind.RECORDING if "RecordingSid" in self.fields else Kind.CONFERENCE

    def tells(self, identifier: str | None, event: str | None) -> bool:
        """Whether it tells of what has this id, and this event, by the word that asks for it or the one that tells it.

        Whatever is None does not matter.
        """
        fields = self.fields
        ids = {read_in_either(kind, fields[name]) for name, kind in _NAMES.items() if name in fields}
        events = {self.claim.event, *(fields[name] for name in _EVENTS if name in fields)}
        return (identifier is None or identifier in ids) and (event is None or event in events)

    def body(self) -> dict[str, Any]:
        """As the control API tells it."""
        claim = self.claim
        return {
            "id": self.id,
            "sid": both_spellings(self.kind, claim.subject),
            "event": claim.event,
            "method": claim.method,
            "url": claim.url,
            "fields": self.fields,
            "signature": self.signature,
            "signed": self.signed,
            "attempts": [_attempt_body(attempt) for attempt in claim.attempts],
        }


class Tamper(Protocol):
    """What becomes of an attempt, instead of or besides its being made."""

    def send(self, claim: Claim, request: Outgoing, sender: Sender) -> Sequence["Sent"]:
        """Make it in whichever way; one at least, of which the last counts."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt: what came of it; `error` is another word for its failure; `at` milliseconds since the epoch."""

    at: int
    outcome: Outcome
    error: str | None = None


class CallbackJournal:
    """Keeps what is told. Several threads may use it; one of them sends one callback at a time.

    Args:
        tamper: what becomes of attempts.
    """

    def __init__(self, tamper: Tamper) -> None:
        self._tamper = tamper
        self._entries: dict[tuple[str, str], Entry] = {}
        self._parked: dict[tuple[str, str], Claim] = {}
        """Those that are tried again some time, likewise by account and id."""
        self._changed = threading.Condition()
        self._sending = threading.local()

    def guard(self, store: Any) -> Any:  # noqa: ANN401 - whatever senders of callbacks use
        """The ledger, looked after; anything else as it is."""
        return _Ledger(store, self) if isinstance(store, ClaimTable) else store

    def sender(self, sender: Sender) -> Sender:
        """This one, looked after."""
        return _Sender(sender, self)

    def find(self, account: str, identifier: str | None = None, event: str | None = None) -> list[Entry]:
        """What this account was told of what has this id, and of this event, oldest first; what was tried at least."""
        with self._changed:
            entries = list(self._entries.values())
        return [
            entry
            for entry in entries
            if entry.claim.account == account and entry.claim.attempts and entry.tells(identifier, event)
        ]

    def wait(self, account: str, identifier: str | None, event: str | None, seconds: float) -> list[Entry]:
        """The same, as soon as there is any, or after so many seconds."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (found := self.find(account, identifier, event)) and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return found

    def get(self, account: str, identifier: str) -> Entry | None:
        """A callback of this account, tried or not."""
        with self._changed:
            return self._entries.get((account, identifier))

    @property
    def parked(self) -> list[Claim]:
        """What is tried again at some time, of all accounts."""
        with self._changed:
            return list(self._parked.values())

    def wait_until_tried(self, claims: Sequence[Claim], seconds: float) -> None:
        """Wait until each of these, which were parked, has been tried again, at most so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: all(map(self._is_tried, claims)), seconds)

    def kind_of(self, subject: str) -> Kind:
        """What has this id."""
        with self._changed:
            found = [entry for entry in self._entries.values() if entry.claim.subject == subject]
        return found[0].kind if found else Kind.RECORDING

    def forget(self, account: str) -> None:
        """Nothing was ever told to this account."""
        with self._changed:
            self._entries = {key: entry for key, entry in self._entries.items() if key[0] != account}
            self._parked = {key: claim for key, claim in self._parked.items() if key[0] != account}

    def keep(self, claim: Claim) -> Claim:
        """Take note of how a claim stands."""
        with self._changed:
            key = (claim.account, f"{claim.subject}.{claim.id}")
            known = self._entries.get(key)
            self._entries[key] = replace(known, claim=claim) if known is not None else Entry(claim)
            self._parked.pop(key, None)
            if claim.state is ClaimState.PARKED:
                self._parked[key] = claim
            while len(self._entries) > MOST_KEPT:
                del self._entries[next(iter(self._entries))]
            self._changed.notify_all()
        return claim

    def _is_tried(self, claim: Claim) -> bool:
        known = self._entries.get((claim.account, f"{claim.subject}.{claim.id}"))
        return known is None or (known.claim.tried > claim.tried and known.claim.state is not ClaimState.QUEUED)

    def begin(self, claim: Claim) -> Claim:
        """What this thread sends from now on is this claim."""
        self._sending.claim, self._sending.sent = claim, ()
        return self.keep(claim)

    def send(self, request: Outgoing, sender: Sender) -> Outcome:
        """Make an attempt, and keep what was signed."""
        claim: Claim = self._sending.claim
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        text = signed_url(request.url) + "".join(name + form[name] for name in sorted(form))
        signature = next((request.headers[name] for name in _SIGNATURES if name in request.headers), None)
        with self._changed:
            key = (claim.account, f"{claim.subject}.{claim.id}")
            known = self._entries.get(key, Entry(claim))
            self._entries[key] = replace(known, signature=signature, signed=text)
        sent = self._tamper.send(claim, request, sender)
        self._sending.sent = sent
        return sent[-1].outcome

    def note(self, store: ClaimStore, claim: Claim, attempt: Attempt, state: ClaimState, due: int | None) -> Claim:
        """Note an attempt as it really was, and what was sent besides."""
        sent: Sequence[Sent] = getattr(self._sending, "sent", ())
        self._sending.sent = ()
        for other in sent[:-1]:
            claim = store.note(claim, _attempt_of(other), ClaimState.QUEUED, claim.due)
        if sent and sent[-1].error is not None:
            attempt = replace(attempt, failure=sent[-1].error)
        return self.keep(store.note(claim, attempt, state, due))


class _Sender:
    """`operations.messaging.Sender` that a journal looks after."""

    def __init__(self, sender: Sender, journal: CallbackJournal) -> None:
        self._sender = sender
        self._journal = journal

    def send(self, request: Outgoing) -> Outcome:
        """Make one attempt."""
        return self._journal.send(request, self._sender)


class _Ledger:
    """`operations.deliveries.ClaimStore` that a journal looks after."""

    def __init__(self, store: ClaimStore, journal: CallbackJournal) -> None:
        self._store = store
        self._journal = journal

    def put(self, claim: Claim) -> Claim:
        """Keep it in both."""
        return self._journal.keep(self._store.put(claim))

    def get(self, account: str, subject: str, claim: str) -> Claim | None:
        """From the ledger."""
        return self._store.get(account, subject, claim)

    def of(self, account: str, subject: str) -> Sequence[Claim]:
        """From the ledger."""
        return self._store.of(account, subject)

    def lease(self, claim: Claim, now: int, until: int) -> Claim | None:
        """What this thread sends from now on."""
        leased = self._store.lease(claim, now, until)
        return self._journal.begin(leased) if leased is not None else None

    def note(self, claim: Claim, attempt: Attempt, state: ClaimState, due: int | None) -> Claim:
        """Keep it in both."""
        return self._journal.note(self._store, claim, attempt, state, due)

    def reopen(self, claim: Claim, due: int) -> Claim | None:
        """Keep it in both."""
        reopened = self._store.reopen(claim, due)
        return self._journal.keep(reopened) if reopened is not None else None

    def close(self, claim: Claim, now: int) -> None:
        """In the ledger."""
        self._store.close(claim, now)

    def is_closed(self, claim: Claim) -> bool:
        """From the ledger."""
        return self._store.is_closed(claim)

    def due(self, shard: str, now: int, limit: int) -> Sequence[Claim]:
        """From the ledger."""
        return self._store.due(shard, now, limit)


def _attempt_of(sent: Sent) -> Attempt:
    outcome = sent.outcome
    answer = outcome.answer.decode("utf-8", "replace")
    return Attempt(sent.at, outcome.milliseconds, outcome.status, sent.error or outcome.failure, answer)


def _attempt_body(attempt: Attempt) -> Mapping[str, Any]:
    return {
        "at": spell_time(attempt.at),
        "status": attempt.status,
        "error": attempt.failure,
        "milliseconds": attempt.milliseconds,
        "answer": attempt.answer,
    }
