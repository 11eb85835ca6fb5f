"""Tell callbacks: the vendor's own attempts first, then, where that is wanted, for days (behaviour.md, section 7.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Final, Protocol

from tapedeck.domain.account import SigningKeys
from tapedeck.domain.delivery import (
    FINAL,
    MAX_RESPONSE_EXCERPT,
    REQUEUE_AFTER_SECONDS,
    UNSIGNED,
    CallbackDelivery,
    DeliveryAttempt,
    DeliveryState,
)
from tapedeck.domain.errors import NotFound, StoreBusy, StoreFailure
from tapedeck.domain.identity import new_id
from tapedeck.domain.retry_policy import RetryPolicy, is_delivered
from tapedeck.ports.messaging import (
    Decryptor,
    FailureReason,
    Queue,
    QueueMessage,
    Timeouts,
    WebhookClient,
    WebhookRequest,
    WebhookResult,
)
from tapedeck.ports.stores import Clock

RETRY_DELAYS_SECONDS: Final = (30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400)
"""Seconds before each durable retry, the last one again and again, each with up to a fifth more (our choice)."""

MAX_RETRY_DELAY_SECONDS: Final = 14_400
"""Seconds: a receiver that asks for more with `Retry-After` is asked sooner all the same (our choice)."""

LEASE_MS: Final = 60_000
"""Milliseconds: more than the vendors' own attempts take, which end after 15 seconds."""

MAX_UNSIGNED_SECONDS: Final = 86_400
"""Seconds for which one that cannot be signed waits at least, however long it is tried (our choice)."""

_GONE: Final = 410
_CLOSED: Final = "closed"


class DeliveryStore(Protocol):
    """The ledger of callbacks.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.Store`.
    """

    def put(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """A claim that was not there before; where it was, that one as it stands."""
        ...

    def get(self, account: str, resource_id: str, delivery: str) -> CallbackDelivery | None:
        """One claim of a recording or conference."""
        ...

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """All claims of a recording or conference, what happened first first."""
        ...

    def lease(self, delivery: CallbackDelivery, now: int, until: int) -> CallbackDelivery | None:
        """Keep others from sending it, from one millisecond to another; None where it is not for sending now."""
        ...

    def record_attempt(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, state: DeliveryState, due: int | None
    ) -> CallbackDelivery:
        """Keep one attempt, and what has become of the claim with it; only one still queued stays leased."""
        ...

    def reset_to_queued(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """Queue it again, whatever its state, with this `next_attempt_at`; None if it has changed since."""
        ...

    def mark_url_gone(self, delivery: CallbackDelivery, now: int) -> None:
        """Remember, at this second, that the URL of this claim is gone for its recording or conference."""
        ...

    def is_url_gone(self, delivery: CallbackDelivery) -> bool:
        """Whether the URL of this claim is."""
        ...

    def find_due(self, shard: str, now: int, limit: int) -> Sequence[CallbackDelivery]:
        """Those of a shard, a hex digit, that somebody has to look after at this second, the oldest first."""
        ...


class SigningKeyStore(Protocol):
    """Where sealed keys are kept."""

    def get_signing_keys(self, account: str, dialect: str) -> SigningKeys | None:
        """Those of an account, for one dialect's signatures."""
        ...


class CallbackRenderer(Protocol):
    """How a dialect tells."""

    def policy(self, url: str) -> RetryPolicy:
        """How often and how patiently a URL is tried."""
        ...

    def request(self, delivery: CallbackDelivery, key: str, limits: Timeouts, max_redirects: int) -> WebhookRequest:
        """What is sent, signed with this key."""
        ...


class CallbackDispatcher:
    """Sends what is owed; every method raises StoreBusy or StoreUnavailable when the ledger fails.

    Args:
        deliveries: the ledger.
        keys: the sealed keys.
        decryptor: opens them.
        sender: sends requests.
        queue: where what is tried again goes through.
        clock: milliseconds.
        sleep: how to wait, in seconds.
        random_float: a number from 0 to 1, for jitter.
        hours: how long it is tried, after the vendor's own attempts; 0 for no longer than these.
        monotonic_clock: milliseconds, by which the limits of the vendor's own attempts are measured; None for by
            `clock`, which may not be put forward then.
    """

    def __init__(
        self,
        deliveries: DeliveryStore,
        keys: SigningKeyStore,
        decryptor: Decryptor,
        sender: WebhookClient,
        queue: Queue,
        clock: Clock,
        sleep: Callable[[float], None],
        random_float: Callable[[], float],
        hours: int,
        monotonic_clock: Clock | None = None,
    ) -> None:
        self._store = deliveries
        self._keys = keys
        self._decryptor = decryptor
        self._webhook_client = sender
        self._queue = queue
        self._clock = clock
        self._sleep = sleep
        self._random_float = random_float
        self._retry_hours = hours
        self._monotonic_clock = monotonic_clock or clock

    def enqueue(self, delivery: CallbackDelivery) -> None:
        """Put a claim into the ledger and on its way; a repetition changes nothing, but may be on its way once more."""
        found = self._store.put(delivery)
        if found.state is DeliveryState.QUEUED:
            self._queue.send([to_message(found)])

    def deliver(
        self,
        account: str,
        resource_id: str,
        delivery: str,
        renderers: Mapping[str, CallbackRenderer],
        *,
        again: bool = False,
    ) -> CallbackDelivery | None:
        """Send a claim that has come through the queue, with the vendor's own attempts.

        Args:
            account: whose.
            resource_id: the recording or conference.
            delivery: its id there.
            renderers: how each dialect tells.
            again: whether somebody has asked for it once more, whatever has become of it since.

        Returns:
            the claim as it stands then; None where there was nothing to send.

        Raises:
            StoreBusy: somebody else is sending it just now.
        """
        found = self._store.get(account, resource_id, delivery)
        if again and found is not None and found.state is not DeliveryState.QUEUED:
            # It was told, or given up, between the request and now.
            found = self._reopen(found)
        if found is None or found.state is not DeliveryState.QUEUED:
            return None
        now = self._clock()
        leased = self._store.lease(found, now, now + LEASE_MS)
        if leased is None:
            raise StoreBusy
        # Whatever has been tried before is here again because somebody wants it to be.
        if self._retry_hours and not leased.attempt_count and self._store.is_url_gone(leased):
            return self._store.record_attempt(
                leased, DeliveryAttempt(now, 0, failure=_CLOSED), DeliveryState.EXHAUSTED, None
            )
        return self._send(leased, renderers[leased.dialect])

    def _send(self, delivery: CallbackDelivery, renderer: CallbackRenderer) -> CallbackDelivery:
        key = self._key_of(delivery)
        if key is None:
            # Never unsigned: it is tried again when the key can be opened.
            return self._put_off(delivery, DeliveryAttempt(self._clock(), 0, failure=UNSIGNED), None)
        policy = renderer.policy(delivery.url)
        began = self._monotonic_clock()
        for number in count(1):
            at = self._clock()
            left = max(1, policy.total - (self._monotonic_clock() - began))
            limits = Timeouts(min(policy.connect, left), min(policy.read, left), left)
            outcome = self._webhook_client.send(renderer.request(delivery, key, limits, policy.max_redirects))
            attempt = DeliveryAttempt(
                at, outcome.milliseconds, outcome.status, outcome.failure, _readable(outcome.answer)
            )
            if is_delivered(outcome):
                return self._store.record_attempt(delivery, attempt, DeliveryState.DELIVERED, None)
            pause = policy.delay_before(number + 1)
            if not policy.should_retry(outcome, number) or self._monotonic_clock() + pause >= began + policy.total:
                break
            delivery = self._store.record_attempt(delivery, attempt, DeliveryState.QUEUED, delivery.next_attempt_at)
            if delivery.state is not DeliveryState.QUEUED:
                return delivery  # somebody else has sent it meanwhile
            self._sleep(pause / 1000)
        return self._put_off(delivery, attempt, outcome)

    def _put_off(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, outcome: WebhookResult | None
    ) -> CallbackDelivery:
        """Park it until it is tried again, or give it up: what cannot change, and what nobody took for too long."""
        now = self._clock() // 1000
        first = delivery.first_attempt_at if delivery.first_attempt_at is not None else now
        hopeless = outcome is not None and (outcome.failure is FailureReason.FORBIDDEN or outcome.status == _GONE)
        due = now + self._pause_of(delivery, outcome)
        longest = self._retry_hours * 3600
        if outcome is None:
            longest = max(longest, MAX_UNSIGNED_SECONDS)
        if hopeless or due > first + longest:
            # First, for this can be done again as long as the claim has not been given up.
            if self._retry_hours and outcome is not None and outcome.status == _GONE:
                self._close(delivery)
            return self._store.record_attempt(delivery, attempt, _ended(delivery), None)
        return self._store.record_attempt(delivery, attempt, DeliveryState.RETRY_SCHEDULED, due)

    def _close(self, delivery: CallbackDelivery) -> None:
        """Give up whatever else is to be told there of the same recording or conference; a vendor would go on."""
        now = self._clock()
        self._store.mark_url_gone(delivery, now // 1000)
        for other in self._store.of(delivery.account, delivery.resource_id):
            if other.id != delivery.id and other.url == delivery.url and other.state not in FINAL:
                self._store.record_attempt(other, DeliveryAttempt(now, 0, failure=_CLOSED), _ended(other), None)

    def _pause_of(self, delivery: CallbackDelivery, outcome: WebhookResult | None) -> int:
        """Seconds; how often it has been put off is told by how long ago it was tried first."""
        now = self._clock() // 1000
        passed = now - (delivery.first_attempt_at if delivery.first_attempt_at is not None else now)
        waited = 0
        for pause in RETRY_DELAYS_SECONDS:
            waited += pause
            if waited > passed:
                break
        wanted = (outcome.retry_after or 0) if outcome is not None else 0
        pause = max(pause, min(wanted, MAX_RETRY_DELAY_SECONDS))
        return pause + round(pause * self._random_float() / 5)

    def _key_of(self, delivery: CallbackDelivery) -> str | None:
        """The key that signed the first attempt; None where it cannot be had now."""
        try:
            keys = self._keys.get_signing_keys(delivery.account, delivery.dialect)
            sealed = keys.at(delivery.first_attempt_at or delivery.created) if keys is not None else None
            return self._decryptor.decrypt(delivery.account, sealed) if sealed is not None else None
        except StoreFailure:
            return None

    def requeue_due(self, shard: str, limit: int) -> int:
        """Put what is due in a shard into the queue; how much that was.

        What cannot be put there is due again a little later; what is being sent just now is left alone.
        """
        now = self._clock()
        due = [
            delivery for delivery in self._store.find_due(shard, now // 1000, limit) if delivery.lease_expires_at <= now
        ]
        reopened = [self._store.reset_to_queued(delivery, now // 1000 + REQUEUE_AFTER_SECONDS) for delivery in due]
        queued = [to_message(delivery) for delivery in reopened if delivery is not None]
        if queued:
            self._queue.send(queued)
        return len(queued)

    def replay(self, account: str, resource_id: str, delivery: str) -> CallbackDelivery:
        """Send a claim once more at each call, whatever became of it: with the same token, body and signature.

        Raises:
            NotFound: there is no such claim.
            StoreBusy: it has changed just now.
        """
        found = self._store.get(account, resource_id, delivery)
        if found is None:
            raise NotFound
        queued = self._reopen(found)
        message = to_message(queued)
        # No two are the same to the queue.
        again = replace(
            message, body={**message.body, "again": True}, id=f"{queued.idempotency_token}-{new_id(self._clock())}"
        )
        self._queue.send([again])
        return queued

    def _reopen(self, delivery: CallbackDelivery) -> CallbackDelivery:
        queued = self._store.reset_to_queued(delivery, self._clock() // 1000 + REQUEUE_AFTER_SECONDS)
        if queued is None:
            raise StoreBusy
        return queued

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """What is owed, or was, of a recording or conference, what happened first first."""
        return self._store.of(account, resource_id)


def to_message(delivery: CallbackDelivery) -> QueueMessage:
    """A claim's way through the queue: it keeps behind what happened before to the same recording or conference."""
    body = {"account": delivery.account, "subject": delivery.resource_id, "claim": delivery.id}
    # Another round of the same claim is no repetition.
    return QueueMessage(
        body, delivery.resource_id, f"{delivery.idempotency_token}-{delivery.attempt_count}-{delivery.next_attempt_at}"
    )


def _ended(delivery: CallbackDelivery) -> DeliveryState:
    """What becomes of one that is tried no more: what has arrived once stays told, though a replay of it does not."""
    return DeliveryState.DELIVERED if any(map(is_delivered, delivery.attempts)) else DeliveryState.EXHAUSTED


def _readable(answer: bytes) -> str:
    return answer[:MAX_RESPONSE_EXCERPT].decode("utf-8", "replace")
