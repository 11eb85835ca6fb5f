"""Deliver callbacks: queue them, send them, retry them for hours, give them up, replay them.

The life of a delivery, by its `DeliveryState`:

1. QUEUED: `enqueue` stores it in the outbox and puts a message into the FIFO queue of first attempts. Callbacks of one
   resource are in one FIFO group, so that they are sent in order (`callback_lanes`). `next_attempt_at` is ten minutes
   ahead: a delivery that is still queued then counts as lost by the queue, and `requeue_due` queues it again, ever less
   often. If it was only delayed, the second message finds it processed and is skipped.
2. Still QUEUED: `deliver` takes a lease of `LEASE_MS` (60 s), so that no second worker sends it at the same time. It
   then makes the vendor's own attempts, all within seconds: the dialect's `RetryPolicy` has their number, their
   timeouts and the failures that are retried. The result of the last attempt releases the lease.
3. DELIVERED: an attempt got a 2xx. This is final.
4. RETRY_SCHEDULED: the vendor's attempts failed, or no signing key was available: a callback is never sent unsigned.
   The delivery leaves the queue, so that it does not block the later callbacks of its resource, which may overtake it
   (REL-7). It waits in the table until `next_attempt_at`: by `RETRY_DELAYS_SECONDS`, or later if the response has a
   Retry-After. Then `Reconciler.run`, which calls `requeue_due` once a minute, makes it QUEUED again, in the queue of
   retries.
   While a host is suspended, because it has timed out again and again (`host_breaker`), its deliveries wait like this
   without an attempt. With `retry_hours` of 0 no host is suspended.
5. EXHAUSTED: the next retry would be later than `retry_hours` after the first attempt, or the URL is forbidden, or it
   answered 410 Gone. This is final. With `retry_hours` of 0, state 5 follows directly on 2, except for a delivery that
   could not be signed: that one is retried for at least `MAX_UNSIGNED_SECONDS`.

`replay` makes any delivery QUEUED again, final ones included. A failed replay is retried only within the original
window, which began with the first attempt. It then becomes DELIVERED again if one of the stored attempts succeeded,
else EXHAUSTED.

Every attempt has the same idempotency token, body and signature (REL-6). Delivery is at least once: if a worker stops
after sending and before storing the result, the callback is sent again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, repeat
from typing import Final

from tapedeck.background.callback_lanes import CallbackLane
from tapedeck.background.callback_renderer import CallbackRenderer
from tapedeck.background.host_breaker import HostBreaker
from tapedeck.domain.delivery import (
    FINAL,
    HOST_SUSPENDED,
    REQUEUE_AFTER_SECONDS,
    UNSIGNED,
    CallbackDelivery,
    DeliveryAttempt,
    DeliveryState,
    excerpt_of,
)
from tapedeck.domain.errors import NotFound, StoreBusy, StoreFailure, StoreUnavailable
from tapedeck.domain.host_health import HostHealth
from tapedeck.domain.identity import new_id
from tapedeck.domain.retry_policy import is_delivered
from tapedeck.ports.clock import Clock
from tapedeck.ports.deliveries import DeliveryStore, Receiver, SigningKeyStore
from tapedeck.ports.messaging import Decryptor, FailureReason, Timeouts, WebhookClient, WebhookResult

RETRY_DELAYS_SECONDS: Final = (30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400)
"""The delay before each scheduled retry, plus up to 20 percent jitter; the last one repeats until exhaustion (C-82)."""

MAX_RETRY_DELAY_SECONDS: Final = 14_400
"""A longer Retry-After is shortened to this."""

LEASE_MS: Final = 60_000
"""How long no other worker sends a leased delivery.

Longer than the vendor's own attempts (15 s) and the function's timeout (30 s), shorter than the queue's visibility
timeout (90 s): the message of a crashed worker returns when its lease is over.
"""

MAX_UNSIGNED_SECONDS: Final = 86_400
"""How long, at least, a delivery that cannot be signed is retried, even with a shorter retry window."""

_HTTP_GONE: Final = 410
_URL_GONE: Final = "url-gone"


class CallbackDispatcher:
    """Queues, delivers, retries and replays callbacks.

    Every method raises StoreBusy or StoreUnavailable if the outbox or the queue fails.

    Args:
        deliveries: the outbox.
        keys: the encrypted signing keys.
        decryptor: decrypts them.
        webhook_client: sends the requests.
        first_attempts: the queue of first attempts and of replays.
        retries: the queue of retries.
        clock: milliseconds.
        sleep: waits, in seconds.
        random_float: returns a number from 0 to 1, for jitter.
        retry_hours: how long retries are scheduled after the first attempt; 0 for the vendor's own attempts only.
        monotonic_clock: milliseconds, measures the vendor's attempts; None uses `clock`, which must not be moved then.
        report_suspension: is called with a delivery whose time-out has suspended its host.
        report_unsigned: is called with each callback whose signing key is unavailable because of an error.
    """

    def __init__(
        self,
        deliveries: DeliveryStore,
        keys: SigningKeyStore,
        decryptor: Decryptor,
        webhook_client: WebhookClient,
        first_attempts: CallbackLane,
        retries: CallbackLane,
        clock: Clock,
        sleep: Callable[[float], None],
        random_float: Callable[[], float],
        retry_hours: int,
        monotonic_clock: Clock | None = None,
        report_suspension: Callable[[CallbackDelivery], object] = lambda _: None,
        report_unsigned: Callable[[CallbackDelivery, StoreFailure], object] = lambda _delivery, _failure: None,
    ) -> None:
        self._store = deliveries
        self._keys = keys
        self._decryptor = decryptor
        self._webhook_client = webhook_client
        self._first_attempts = first_attempts
        self._retries = retries
        self._clock = clock
        self._sleep = sleep
        self._random_float = random_float
        self._retry_hours = retry_hours
        self._monotonic_clock = monotonic_clock or clock
        self._breaker = HostBreaker(deliveries, clock, report_suspension)
        self._report_unsigned = report_unsigned

    # --8<-- [start:enqueue]
    def enqueue(self, delivery: CallbackDelivery) -> None:
        """Store a delivery and queue it. Storing is idempotent; a duplicate may be queued again."""
        self.queue(self.store([delivery]))

    def store(self, deliveries: Iterable[CallbackDelivery]) -> list[CallbackDelivery]:
        """Store deliveries that are not stored yet; return those that are to be queued."""
        found = [self._store.put(delivery) for delivery in deliveries]
        return [delivery for delivery in found if delivery.state is DeliveryState.QUEUED]

    def queue(self, deliveries: Sequence[CallbackDelivery]) -> None:
        """Queue stored deliveries in order."""
        self._first_attempts.send(deliveries)

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
            is_replay: send it in any state, and to a suspended host, because an operator requested it (C-295).

        Returns:
            the delivery after the attempts; None if nothing was sent: it does not exist, is not queued any more, or
            another worker is sending it (C-292).

        Raises:
            StoreBusy: another worker is sending it, and this is a replay; the queue delivers the message again.
        """
        found = self._store.get(account, resource_id, delivery_id)
        if is_replay and found is not None and found.state is not DeliveryState.QUEUED:
            # Another message has delivered or exhausted it since the replay was queued.
            found = self._reset_to_queued(found)
        if found is None or found.state is not DeliveryState.QUEUED:
            return None
        now = self._clock()
        receiver = self._store.read_receiver(found) if self._retry_hours else Receiver()
        if not is_replay and (until := self._blocked_until(found, receiver.health, now)) is not None:
            return self._park(found, until)
        leased = self._store.lease(found, now, now + LEASE_MS)
        if leased is None:
            # Its holder completes it, or, after a crash, that worker's message, which returns after the lease, or
            # `requeue_due`. Only a replay has no other message that sends it once more.
            if is_replay:
                raise StoreBusy
            return None
        # A delivery without attempts is not sent to a URL that has answered 410 to this resource. One with attempts is
        # sent: the 410 exhausted all pending deliveries of its URL, so an operator replays this one.
        if not leased.attempt_count and receiver.is_url_gone:
            return self._store.record_attempt(
                leased, DeliveryAttempt(now, 0, failure=_URL_GONE), DeliveryState.EXHAUSTED, None
            )
        return self._send(leased, renderers[leased.dialect], receiver.health)

    def _blocked_until(self, delivery: CallbackDelivery, health: HostHealth, now: int) -> int | None:
        """Return until when a delivery waits for its host, in milliseconds; None if it is to be sent.

        One that another worker is sending does not wait. One that was never sent is sent when its retry window is over,
        counted from its creation: the suspension alone must not exhaust it (C-294).
        """
        if delivery.lease_expires_at > now or delivery.is_overdue(now // 1000, self._retry_hours):
            return None
        return self._breaker.blocked_until(delivery, health)

    def _park(self, delivery: CallbackDelivery, until: int) -> CallbackDelivery:
        """Schedule a retry without an attempt, after the host's suspension, which ends at `until` (milliseconds).

        The first of such retries is stored as an attempt, so that it can be seen.
        """
        now, first = self._clock(), delivery.first_attempt_at if delivery.was_sent else None
        due = max(now // 1000 + self._retry_delay(delivery, None), self._with_jitter(now // 1000, -(-until // 1000)))
        attempt = DeliveryAttempt(now, 0, failure=HOST_SUSPENDED)
        if first is not None and due > first + self._retry_hours * 3600:
            return self._store.record_attempt(delivery, attempt, _final_state(delivery), None)
        if delivery.attempts and delivery.attempts[-1].failure == HOST_SUSPENDED:
            return self._store.postpone(delivery, due) or delivery
        return self._store.record_attempt(delivery, attempt, DeliveryState.RETRY_SCHEDULED, due)

    def _with_jitter(self, now: int, due: int) -> int:
        return due + round((due - now) * self._random_float() / 5)

    def _send(self, delivery: CallbackDelivery, renderer: CallbackRenderer, health: HostHealth) -> CallbackDelivery:
        began = self._clock()
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
                at, result.milliseconds, result.status, result.failure, excerpt_of(result.response_excerpt)
            )
            if is_delivered(result):
                delivered = self._store.record_attempt(delivery, attempt, DeliveryState.DELIVERED, None)
                self._note(delivery, health, began, result, timeouts)
                return delivered
            delay_ms = policy.delay_before(number + 1)
            if not policy.should_retry(result, number) or self._monotonic_clock() + delay_ms >= started + policy.total:
                break
            delivery = self._store.record_attempt(delivery, attempt, DeliveryState.QUEUED, delivery.next_attempt_at)
            if delivery.state is not DeliveryState.QUEUED:
                return delivery  # delivered by another worker after the lease had expired
            self._sleep(delay_ms / 1000)
        failed = self._fail(delivery, attempt, result)
        self._note(delivery, health, began, result, timeouts)
        return failed

    def _note(
        self, delivery: CallbackDelivery, health: HostHealth, began: int, result: WebhookResult, timeouts: Timeouts
    ) -> None:
        if self._retry_hours:
            self._breaker.note(delivery, health, began, result, timeouts)

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
        elapsed = now - (delivery.first_attempt_at if delivery.first_attempt_at is not None else delivery.created)
        waited = 0
        for delay in RETRY_DELAYS_SECONDS:
            waited += delay
            if waited > elapsed:
                break
        retry_after = (result.retry_after or 0) if result is not None else 0
        delay = max(delay, min(retry_after, MAX_RETRY_DELAY_SECONDS))
        return self._with_jitter(0, delay)

    def _signing_key(self, delivery: CallbackDelivery) -> str | None:
        """Decrypt the key that signed the first attempt (C-83); None if it is unavailable now."""
        try:
            keys = self._keys.get_signing_keys(delivery.account, delivery.dialect)
            encrypted = keys.at(delivery.first_attempt_at or delivery.created) if keys is not None else None
            if encrypted is None:
                raise StoreUnavailable(None, "NoSigningKey")
            return self._decryptor.decrypt(delivery.account, encrypted)
        except StoreFailure as failure:
            self._report_unsigned(delivery, failure)
            return None

    def requeue_due(self, shard: str, limit: int) -> int:
        """Queue up to `limit` due deliveries of a shard; return how many.

        Leased deliveries are skipped: they are being sent. If queueing fails, they are due again later.
        Those of a suspended host are postponed without being queued, so that they fill no queue; after the suspension
        one of them is queued, as the probe. An error of one delivery is raised after all others are done.
        """
        now = self._clock()
        due = self._store.find_due(shard, now // 1000, limit)
        found = [delivery for delivery in due if delivery.lease_expires_at <= now]
        waits = self._suspensions(found, now) if self._retry_hours else repeat(None)
        queued: list[CallbackDelivery] = []
        failures: list[Exception] = []
        for delivery, until in zip(found, waits, strict=False):
            try:
                if until is not None:
                    self._park(delivery, until)
                elif reset := self._store.reset_to_queued(delivery, delivery.counts_as_lost_at(now // 1000)):
                    queued.append(reset)
            except Exception as error:  # noqa: BLE001 - raised after the other deliveries
                failures.append(error)
        # A delivery without attempts was lost by the queue: it must not wait behind retries.
        self._first_attempts.send([delivery for delivery in queued if not delivery.attempt_count])
        self._retries.send([delivery for delivery in queued if delivery.attempt_count])
        if failures:
            raise failures[0]
        return len(queued)

    def _suspensions(self, deliveries: Sequence[CallbackDelivery], now: int) -> Iterator[int | None]:
        """Yield until when each delivery waits for its host; None for the others, and for one probe of each host."""
        probed: set[tuple[str, str]] = set()
        for delivery, health in zip(deliveries, self._store.read_health(deliveries), strict=True):
            host = delivery.account, delivery.host
            if delivery.is_overdue(now // 1000, self._retry_hours):
                yield None
            elif health.is_suspended(now):
                yield health.suspended_until
            elif host in probed:
                yield now + LEASE_MS
            else:
                if health.needs_probe(now):
                    probed.add(host)
                yield None

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
        message = self._first_attempts.message(queued)
        # A new deduplication id for each replay: the queue must not drop it.
        replayed = replace(
            message, body={**message.body, "replay": True}, id=f"{queued.idempotency_token}-{new_id(self._clock())}"
        )
        self._first_attempts.queue.send([replayed])
        return queued

    def _reset_to_queued(self, delivery: CallbackDelivery) -> CallbackDelivery:
        queued = self._store.reset_to_queued(delivery, self._clock() // 1000 + REQUEUE_AFTER_SECONDS)
        if queued is None:
            raise StoreBusy
        return queued

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """Return all deliveries of a recording, conference or call, in the order of what they report."""
        return self._store.of(account, resource_id)


def _final_state(delivery: CallbackDelivery) -> DeliveryState:
    """Return the final state after a failure: DELIVERED if any attempt succeeded (a failed replay), else EXHAUSTED."""
    return DeliveryState.DELIVERED if any(map(is_delivered, delivery.attempts)) else DeliveryState.EXHAUSTED
