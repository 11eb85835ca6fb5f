"""Deliver callbacks: queue them, send them, retry them for hours, give them up, replay them.

The life of a delivery, by its `DeliveryState`:

1. QUEUED: `enqueue` stores it in the outbox and puts a message into the FIFO queue, in the group of its recording or
   conference, so that callbacks of one resource are sent in order. `next_attempt_at` is ten minutes ahead: a delivery
   that is still queued then counts as lost by the queue, and `requeue_due` queues it again. If it was only delayed, the
   second message finds it processed and is skipped.
2. Still QUEUED: `deliver` takes a lease of `LEASE_MS` (60 s), so that no second worker sends it at the same time. It
   then makes the vendor's own attempts, all within seconds: the dialect's `RetryPolicy` has their number, their
   timeouts and the failures that are retried. The result of the last attempt releases the lease.
3. DELIVERED: an attempt got a 2xx. This is final.
4. RETRY_SCHEDULED: the vendor's attempts failed, or no signing key was available: a callback is never sent unsigned.
   The delivery leaves the queue, so that it does not block the later callbacks of its resource, which may overtake it
   (REL-7). It waits in the table until `next_attempt_at`: by `RETRY_DELAYS_SECONDS`, or later if the response has a
   Retry-After. Then `Reconciler.run`, which calls `requeue_due` once a minute, makes it QUEUED again.
5. EXHAUSTED: the next retry would be later than `retry_hours` after the first attempt, or the URL is forbidden, or it
   answered 410 Gone. This is final. With `retry_hours` of 0, state 5 follows directly on 2, except for a delivery that
   could not be signed: that one is retried for at least `MAX_UNSIGNED_SECONDS`.

`replay` makes any delivery QUEUED again, final ones included. A failed replay is retried only within the original
window, which began with the first attempt. It then becomes DELIVERED again if one of the stored attempts succeeded,
else EXHAUSTED.

Every attempt has the same idempotency token, body and signature (REL-6). Delivery is at least once: if a worker stops
after sending and before storing the result, the callback is sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Final, Protocol

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
from tapedeck.ports.clock import Clock
from tapedeck.ports.deliveries import DeliveryStore, SigningKeyStore
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

RETRY_DELAYS_SECONDS: Final = (30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400)
"""The delay before each scheduled retry, plus up to 20 percent jitter; the last one repeats until exhaustion (C-82)."""

MAX_RETRY_DELAY_SECONDS: Final = 14_400
"""A longer Retry-After is shortened to this."""

LEASE_MS: Final = 60_000
"""How long no other worker sends a leased delivery.

Longer than the vendor's own attempts (15 s) and the function's timeout (30 s), shorter than the queue's visibility
timeout (180 s).
"""

MAX_UNSIGNED_SECONDS: Final = 86_400
"""How long, at least, a delivery that cannot be signed is retried, even with a shorter retry window."""

_HTTP_GONE: Final = 410
_URL_GONE: Final = "url-gone"


class CallbackRenderer(Protocol):
    """Renders and signs the callbacks of one dialect."""

    def policy(self, url: str) -> RetryPolicy:
        """Return the retry policy of a URL."""
        ...

    def request(self, delivery: CallbackDelivery, key: str, timeouts: Timeouts, max_redirects: int) -> WebhookRequest:
        """Build the request, signed with this key."""
        ...


class CallbackDispatcher:
    """Queues, delivers, retries and replays callbacks.

    Every method raises StoreBusy or StoreUnavailable if the outbox or the queue fails.

    Args:
        deliveries: the outbox.
        keys: the encrypted signing keys.
        decryptor: decrypts them.
        webhook_client: sends the requests.
        queue: the FIFO queue of callbacks.
        clock: milliseconds.
        sleep: waits, in seconds.
        random_float: returns a number from 0 to 1, for jitter.
        retry_hours: how long retries are scheduled after the first attempt; 0 for the vendor's own attempts only.
        monotonic_clock: milliseconds, measures the vendor's attempts; None uses `clock`, which must not be moved then.
    """

    def __init__(
        self,
        deliveries: DeliveryStore,
        keys: SigningKeyStore,
        decryptor: Decryptor,
        webhook_client: WebhookClient,
        queue: Queue,
        clock: Clock,
        sleep: Callable[[float], None],
        random_float: Callable[[], float],
        retry_hours: int,
        monotonic_clock: Clock | None = None,
    ) -> None:
        self._store = deliveries
        self._keys = keys
        self._decryptor = decryptor
        self._webhook_client = webhook_client
        self._queue = queue
        self._clock = clock
        self._sleep = sleep
        self._random_float = random_float
        self._retry_hours = retry_hours
        self._monotonic_clock = monotonic_clock or clock

    # --8<-- [start:enqueue]
    def enqueue(self, delivery: CallbackDelivery) -> None:
        """Store a delivery and queue it. Storing is idempotent; a duplicate may be queued again."""
        found = self._store.put(delivery)
        if found.state is DeliveryState.QUEUED:
            self._queue.send([to_message(found)])

    # --8<-- [end:enqueue]

    def deliver(
        self,
        account: str,
        resource_id: str,
        delivery_id: str,
        renderers: Mapping[str, CallbackRenderer],
        *,
        is_replay: bool = False,
    ) -> CallbackDelivery | None:
        """Deliver a queued callback with the vendor's own attempts; on failure schedule a retry or mark it exhausted.

        Args:
            account: the account's id.
            resource_id: the recording, conference or call.
            delivery_id: the id of the delivery there.
            renderers: a renderer by dialect.
            is_replay: send it in any state, because an operator requested it.

        Returns:
            the delivery after the attempts; None if nothing was sent: it does not exist or is not queued any more.

        Raises:
            StoreBusy: another worker holds the lease; the queue delivers the message again.
        """
        found = self._store.get(account, resource_id, delivery_id)
        if is_replay and found is not None and found.state is not DeliveryState.QUEUED:
            # Another message has delivered or exhausted it since the replay was queued.
            found = self._reset_to_queued(found)
        if found is None or found.state is not DeliveryState.QUEUED:
            return None
        now = self._clock()
        leased = self._store.lease(found, now, now + LEASE_MS)
        if leased is None:
            raise StoreBusy
        # A delivery without attempts is not sent to a URL that has answered 410 to this resource. One with attempts is
        # sent: the 410 exhausted all pending deliveries of its URL, so an operator replays this one.
        if self._retry_hours and not leased.attempt_count and self._store.is_url_gone(leased):
            return self._store.record_attempt(
                leased, DeliveryAttempt(now, 0, failure=_URL_GONE), DeliveryState.EXHAUSTED, None
            )
        return self._send(leased, renderers[leased.dialect])

    def _send(self, delivery: CallbackDelivery, renderer: CallbackRenderer) -> CallbackDelivery:
        key = self._signing_key(delivery)
        if key is None:
            # Never send it unsigned; retry until the key is available.
            return self._fail(delivery, DeliveryAttempt(self._clock(), 0, failure=UNSIGNED), None)
        policy = renderer.policy(delivery.url)
        started = self._monotonic_clock()
        for number in count(1):
            at = self._clock()
            remaining = max(1, policy.total - (self._monotonic_clock() - started))
            timeouts = Timeouts(min(policy.connect, remaining), min(policy.read, remaining), remaining)
            result = self._webhook_client.send(renderer.request(delivery, key, timeouts, policy.max_redirects))
            attempt = DeliveryAttempt(
                at, result.milliseconds, result.status, result.failure, _excerpt(result.response_excerpt)
            )
            if is_delivered(result):
                return self._store.record_attempt(delivery, attempt, DeliveryState.DELIVERED, None)
            delay_ms = policy.delay_before(number + 1)
            if not policy.should_retry(result, number) or self._monotonic_clock() + delay_ms >= started + policy.total:
                break
            delivery = self._store.record_attempt(delivery, attempt, DeliveryState.QUEUED, delivery.next_attempt_at)
            if delivery.state is not DeliveryState.QUEUED:
                return delivery  # delivered by another worker after the lease had expired
            self._sleep(delay_ms / 1000)
        return self._fail(delivery, attempt, result)

    def _fail(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, result: WebhookResult | None
    ) -> CallbackDelivery:
        """Schedule a retry, or give up: after a permanent failure, or if the retry window ends before the retry.

        `result` is None if the callback could not be signed.
        """
        now = self._clock() // 1000
        first = delivery.first_attempt_at if delivery.first_attempt_at is not None else now
        is_permanent = result is not None and (result.failure is FailureReason.FORBIDDEN or result.status == _HTTP_GONE)
        due = now + self._retry_delay(delivery, result)
        retry_window = self._retry_hours * 3600
        if result is None:
            retry_window = max(retry_window, MAX_UNSIGNED_SECONDS)
        if is_permanent or due > first + retry_window:
            # Before the final state is stored: if this fails, the queue retries the message and repeats it.
            if self._retry_hours and result is not None and result.status == _HTTP_GONE:
                self._mark_url_gone(delivery)
            return self._store.record_attempt(delivery, attempt, _final_state(delivery), None)
        return self._store.record_attempt(delivery, attempt, DeliveryState.RETRY_SCHEDULED, due)

    def _mark_url_gone(self, delivery: CallbackDelivery) -> None:
        """Mark the URL as gone and give up all its pending deliveries of this recording, conference or call.

        Only with scheduled retries: the vendors themselves continue to call a URL that answered 410.
        """
        now = self._clock()
        self._store.mark_url_gone(delivery, now // 1000)
        for other in self._store.of(delivery.account, delivery.resource_id):
            if other.id != delivery.id and other.url == delivery.url and other.state not in FINAL:
                self._store.record_attempt(other, DeliveryAttempt(now, 0, failure=_URL_GONE), _final_state(other), None)

    def _retry_delay(self, delivery: CallbackDelivery, result: WebhookResult | None) -> int:
        """Return the seconds until the next retry, with jitter.

        The position in `RETRY_DELAYS_SECONDS` follows from the time since the first attempt; no retry count is stored.
        """
        now = self._clock() // 1000
        elapsed = now - (delivery.first_attempt_at if delivery.first_attempt_at is not None else now)
        waited = 0
        for delay in RETRY_DELAYS_SECONDS:
            waited += delay
            if waited > elapsed:
                break
        retry_after = (result.retry_after or 0) if result is not None else 0
        delay = max(delay, min(retry_after, MAX_RETRY_DELAY_SECONDS))
        return delay + round(delay * self._random_float() / 5)

    def _signing_key(self, delivery: CallbackDelivery) -> str | None:
        """Decrypt the key that signed the first attempt (C-83); None if it is unavailable now."""
        try:
            keys = self._keys.get_signing_keys(delivery.account, delivery.dialect)
            encrypted = keys.at(delivery.first_attempt_at or delivery.created) if keys is not None else None
            return self._decryptor.decrypt(delivery.account, encrypted) if encrypted is not None else None
        except StoreFailure:
            return None

    def requeue_due(self, shard: str, limit: int) -> int:
        """Queue up to `limit` due deliveries of a shard; return how many.

        Leased deliveries are skipped: they are being sent. If queueing fails, they are due again ten minutes later.
        """
        now = self._clock()
        due = [
            delivery for delivery in self._store.find_due(shard, now // 1000, limit) if delivery.lease_expires_at <= now
        ]
        reset = [self._store.reset_to_queued(delivery, now // 1000 + REQUEUE_AFTER_SECONDS) for delivery in due]
        queued = [to_message(delivery) for delivery in reset if delivery is not None]
        if queued:
            self._queue.send(queued)
        return len(queued)

    def replay(self, account: str, resource_id: str, delivery_id: str) -> CallbackDelivery:
        """Queue a delivery again, in any state; each call sends it once more, with the same token, body and signature.

        Raises:
            NotFound: there is no such delivery.
            StoreBusy: it was changed concurrently.
        """
        found = self._store.get(account, resource_id, delivery_id)
        if found is None:
            raise NotFound
        queued = self._reset_to_queued(found)
        message = to_message(queued)
        # A new deduplication id for each replay: the queue must not drop it.
        replayed = replace(
            message, body={**message.body, "replay": True}, id=f"{queued.idempotency_token}-{new_id(self._clock())}"
        )
        self._queue.send([replayed])
        return queued

    def _reset_to_queued(self, delivery: CallbackDelivery) -> CallbackDelivery:
        queued = self._store.reset_to_queued(delivery, self._clock() // 1000 + REQUEUE_AFTER_SECONDS)
        if queued is None:
            raise StoreBusy
        return queued

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """Return all deliveries of a recording, conference or call, in the order of what they report."""
        return self._store.of(account, resource_id)


# --8<-- [start:message]
def to_message(delivery: CallbackDelivery) -> QueueMessage:
    """Return the queue message of a delivery, in the FIFO group of its recording, conference or call (C-85)."""
    body = {"account": delivery.account, "resource": delivery.resource_id, "delivery": delivery.id}
    # Each round of attempts has its own deduplication id.
    return QueueMessage(
        body, delivery.resource_id, f"{delivery.idempotency_token}-{delivery.attempt_count}-{delivery.next_attempt_at}"
    )


def _final_state(delivery: CallbackDelivery) -> DeliveryState:
    """Return the final state after a failure: DELIVERED if any attempt succeeded (a failed replay), else EXHAUSTED."""
    return DeliveryState.DELIVERED if any(map(is_delivered, delivery.attempts)) else DeliveryState.EXHAUSTED


def _excerpt(answer: bytes) -> str:
    return answer[:MAX_RESPONSE_EXCERPT].decode("utf-8", "replace")
    # --8<-- [end:message]
