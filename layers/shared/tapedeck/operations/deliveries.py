"""Tell callbacks: the vendor's own attempts first, then, where that is wanted, for days (behaviour.md, section 7.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Final, Protocol

from tapedeck.domain.account import SigningKeys
from tapedeck.domain.claim import FINAL, MOST_ANSWER, SECONDS_IN_QUEUE, UNSIGNED, Attempt, Claim, ClaimState
from tapedeck.domain.delivery import Policy, is_success
from tapedeck.domain.errors import NotFound, StoreBusy, StoreFailure
from tapedeck.domain.identity import new_id
from tapedeck.operations.messaging import Failure, Limits, Message, Opener, Outcome, Outgoing, Queue, Sender
from tapedeck.operations.ports import Clock

PAUSES: Final = (30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400)
"""Seconds before each durable retry, the last one again and again, each with up to a fifth more (our choice)."""

LONGEST_PAUSE: Final = 14_400
"""Seconds: a receiver that asks for more with `Retry-After` is asked sooner all the same (our choice)."""

LEASE: Final = 60_000
"""Milliseconds: more than the vendors' own attempts take, which end after 15 seconds."""

SIGNED_WITHIN: Final = 86_400
"""Seconds for which one that cannot be signed waits at least, however long it is tried (our choice)."""

_GONE: Final = 410
_CLOSED: Final = "closed"


class ClaimStore(Protocol):
    """The ledger of callbacks.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.Store`.
    """

    def put(self, claim: Claim) -> Claim:
        """A claim that was not there before; where it was, that one as it stands."""
        ...

    def get(self, account: str, subject: str, claim: str) -> Claim | None:
        """One claim of a recording or conference."""
        ...

    def of(self, account: str, subject: str) -> Sequence[Claim]:
        """All claims of a recording or conference, what happened first first."""
        ...

    def lease(self, claim: Claim, now: int, until: int) -> Claim | None:
        """Keep others from sending it, from one millisecond to another; None where it is not for sending now."""
        ...

    def note(self, claim: Claim, attempt: Attempt, state: ClaimState, due: int | None) -> Claim:
        """Keep one attempt, and what has become of the claim with it; only one still queued stays leased."""
        ...

    def reopen(self, claim: Claim, due: int) -> Claim | None:
        """Queue it anew, whatever became of it, to be looked after at `due`; None where it has changed since."""
        ...

    def close(self, claim: Claim, now: int) -> None:
        """Remember, at this second, that the URL of this claim is gone for its recording or conference."""
        ...

    def is_closed(self, claim: Claim) -> bool:
        """Whether the URL of this claim is."""
        ...

    def due(self, shard: str, now: int, limit: int) -> Sequence[Claim]:
        """Those of a shard, a hex digit, that somebody has to look after at this second, the oldest first."""
        ...


class SigningStore(Protocol):
    """Where sealed keys are kept."""

    def get_signing_keys(self, account: str, dialect: str) -> SigningKeys | None:
        """Those of an account, for one dialect's signatures."""
        ...


class Wire(Protocol):
    """How a dialect tells."""

    def policy(self, url: str) -> Policy:
        """How often and how patiently a URL is tried."""
        ...

    def request(self, claim: Claim, key: str, limits: Limits, most_redirects: int) -> Outgoing:
        """What is sent, signed with this key."""
        ...


class Deliveries:
    """Sends what is owed; every method raises StoreBusy or StoreUnavailable when the ledger fails.

    Args:
        claims: the ledger.
        keys: the sealed keys.
        opener: opens them.
        sender: sends requests.
        queue: where what is tried again goes through.
        clock: milliseconds.
        sleep: how to wait, in seconds.
        chance: a number from 0 to 1, for jitter.
        hours: how long it is tried, after the vendor's own attempts; 0 for no longer than these.
        steady: milliseconds, by which the limits of the vendor's own attempts are measured; None for by `clock`, which
            may not be put forward then.
    """

    def __init__(
        self,
        claims: ClaimStore,
        keys: SigningStore,
        opener: Opener,
        sender: Sender,
        queue: Queue,
        clock: Clock,
        sleep: Callable[[float], None],
        chance: Callable[[], float],
        hours: int,
        steady: Clock | None = None,
    ) -> None:
        self._claims = claims
        self._keys = keys
        self._opener = opener
        self._sender = sender
        self._queue = queue
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._hours = hours
        self._steady = steady or clock

    def owe(self, claim: Claim) -> None:
        """Put a claim into the ledger and on its way; a repetition changes nothing, but may be on its way once more."""
        found = self._claims.put(claim)
        if found.state is ClaimState.QUEUED:
            self._queue.send([message_of(found)])

    def deliver(
        self, account: str, subject: str, claim: str, wires: Mapping[str, Wire], *, again: bool = False
    ) -> Claim | None:
        """Send a claim that has come through the queue, with the vendor's own attempts.

        Args:
            account: whose.
            subject: the recording or conference.
            claim: its id there.
            wires: how each dialect tells.
            again: whether somebody has asked for it once more, whatever has become of it since.

        Returns:
            the claim as it stands then; None where there was nothing to send.

        Raises:
            StoreBusy: somebody else is sending it just now.
        """
        found = self._claims.get(account, subject, claim)
        if again and found is not None and found.state is not ClaimState.QUEUED:
            # It was told, or given up, between the request and now.
            found = self._reopen(found)
        if found is None or found.state is not ClaimState.QUEUED:
            return None
        now = self._clock()
        leased = self._claims.lease(found, now, now + LEASE)
        if leased is None:
            raise StoreBusy
        # Whatever has been tried before is here again because somebody wants it to be.
        if self._hours and not leased.tried and self._claims.is_closed(leased):
            return self._claims.note(leased, Attempt(now, 0, failure=_CLOSED), ClaimState.GIVEN_UP, None)
        return self._send(leased, wires[leased.dialect])

    def _send(self, claim: Claim, wire: Wire) -> Claim:
        key = self._key_of(claim)
        if key is None:
            # Never unsigned: it is tried again when the key can be opened.
            return self._put_off(claim, Attempt(self._clock(), 0, failure=UNSIGNED), None)
        policy = wire.policy(claim.url)
        began = self._steady()
        for number in count(1):
            at = self._clock()
            left = max(1, policy.total - (self._steady() - began))
            limits = Limits(min(policy.connect, left), min(policy.read, left), left)
            outcome = self._sender.send(wire.request(claim, key, limits, policy.most_redirects))
            attempt = Attempt(at, outcome.milliseconds, outcome.status, outcome.failure, _readable(outcome.answer))
            if is_success(outcome):
                return self._claims.note(claim, attempt, ClaimState.DONE, None)
            pause = policy.pause_before(number + 1)
            if not policy.is_retried(outcome, number) or self._steady() + pause >= began + policy.total:
                break
            claim = self._claims.note(claim, attempt, ClaimState.QUEUED, claim.due)
            if claim.state is not ClaimState.QUEUED:
                return claim  # somebody else has sent it meanwhile
            self._sleep(pause / 1000)
        return self._put_off(claim, attempt, outcome)

    def _put_off(self, claim: Claim, attempt: Attempt, outcome: Outcome | None) -> Claim:
        """Park it until it is tried again, or give it up: what cannot change, and what nobody took for too long."""
        now = self._clock() // 1000
        first = claim.first_at if claim.first_at is not None else now
        hopeless = outcome is not None and (outcome.failure is Failure.FORBIDDEN or outcome.status == _GONE)
        due = now + self._pause_of(claim, outcome)
        longest = self._hours * 3600
        if outcome is None:
            longest = max(longest, SIGNED_WITHIN)
        if hopeless or due > first + longest:
            # First, for this can be done again as long as the claim has not been given up.
            if self._hours and outcome is not None and outcome.status == _GONE:
                self._close(claim)
            return self._claims.note(claim, attempt, _ended(claim), None)
        return self._claims.note(claim, attempt, ClaimState.PARKED, due)

    def _close(self, claim: Claim) -> None:
        """Give up whatever else is to be told there of the same recording or conference; a vendor would go on."""
        now = self._clock()
        self._claims.close(claim, now // 1000)
        for other in self._claims.of(claim.account, claim.subject):
            if other.id != claim.id and other.url == claim.url and other.state not in FINAL:
                self._claims.note(other, Attempt(now, 0, failure=_CLOSED), _ended(other), None)

    def _pause_of(self, claim: Claim, outcome: Outcome | None) -> int:
        """Seconds; how often it has been put off is told by how long ago it was tried first."""
        now = self._clock() // 1000
        passed = now - (claim.first_at if claim.first_at is not None else now)
        waited = 0
        for pause in PAUSES:
            waited += pause
            if waited > passed:
                break
        wanted = (outcome.retry_after or 0) if outcome is not None else 0
        pause = max(pause, min(wanted, LONGEST_PAUSE))
        return pause + round(pause * self._chance() / 5)

    def _key_of(self, claim: Claim) -> str | None:
        """The key that signed the first attempt; None where it cannot be had now."""
        try:
            keys = self._keys.get_signing_keys(claim.account, claim.dialect)
            sealed = keys.at(claim.first_at or claim.created) if keys is not None else None
            return self._opener.open(claim.account, sealed) if sealed is not None else None
        except StoreFailure:
            return None

    def requeue(self, shard: str, limit: int) -> int:
        """Put what is due in a shard into the queue; how much that was.

        What cannot be put there is due again a little later; what is being sent just now is left alone.
        """
        now = self._clock()
        due = [claim for claim in self._claims.due(shard, now // 1000, limit) if claim.lease <= now]
        reopened = [self._claims.reopen(claim, now // 1000 + SECONDS_IN_QUEUE) for claim in due]
        queued = [message_of(claim) for claim in reopened if claim is not None]
        if queued:
            self._queue.send(queued)
        return len(queued)

    def replay(self, account: str, subject: str, claim: str) -> Claim:
        """Send a claim once more at each call, whatever became of it: with the same token, body and signature.

        Raises:
            NotFound: there is no such claim.
            StoreBusy: it has changed just now.
        """
        found = self._claims.get(account, subject, claim)
        if found is None:
            raise NotFound
        queued = self._reopen(found)
        message = message_of(queued)
        # No two are the same to the queue.
        again = replace(message, body={**message.body, "again": True}, id=f"{queued.token}-{new_id(self._clock())}")
        self._queue.send([again])
        return queued

    def _reopen(self, claim: Claim) -> Claim:
        queued = self._claims.reopen(claim, self._clock() // 1000 + SECONDS_IN_QUEUE)
        if queued is None:
            raise StoreBusy
        return queued

    def of(self, account: str, subject: str) -> Sequence[Claim]:
        """What is owed, or was, of a recording or conference, what happened first first."""
        return self._claims.of(account, subject)


def message_of(claim: Claim) -> Message:
    """A claim's way through the queue: it keeps behind what happened before to the same recording or conference."""
    body = {"account": claim.account, "subject": claim.subject, "claim": claim.id}
    # Another round of the same claim is no repetition.
    return Message(body, claim.subject, f"{claim.token}-{claim.tried}-{claim.due}")


def _ended(claim: Claim) -> ClaimState:
    """What becomes of one that is tried no more: what has arrived once stays told, though a replay of it does not."""
    return ClaimState.DONE if any(map(is_success, claim.attempts)) else ClaimState.GIVEN_UP


def _readable(answer: bytes) -> str:
    return answer[:MOST_ANSWER].decode("utf-8", "replace")
