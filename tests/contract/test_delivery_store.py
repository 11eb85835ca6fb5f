"""The contract of the delivery store: deliveries are stored once, leased to one sender, and never lose attempts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.failures import HAD_UNACKNOWLEDGED_ATTEMPT
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.host_health import HostHealth
from tapedeck.ports.deliveries import Receiver

DELIVERY_RETENTION_DAYS: Final = 30
MAX_STORED_ATTEMPTS: Final = 100
REQUEUE_AFTER_SECONDS: Final = 600

NOW: Final = 1_537_916_400
State = DeliveryState

OK: Final = DeliveryAttempt(NOW * 1000, 20, status=200, response_excerpt="ok")
FAILED: Final = DeliveryAttempt(NOW * 1000 + 5, 3, failure="connect")


@pytest.fixture
def recordings_table(database: str) -> DynamoDBTable:
    """The recordings table of this run."""
    del database  # selects the database
    found: DynamoDBTable = api_bootstrap.get_api_services().calls._store._database  # type: ignore[attr-defined]
    return found


@pytest.fixture
def deliveries(recordings_table: DynamoDBTable) -> DeliveryTable:
    """The delivery store under test."""
    return DeliveryTable(recordings_table)


def new_delivery(number: int = 3, event: str = "completed", **more: Any) -> CallbackDelivery:
    """A delivery of a new account and recording."""
    delivery = CallbackDelivery(
        account=token_hex(16), resource_id=token_hex(16), sequence=number, event=event, dialect="twilio",
        url="https://app.example.com/hooks?a=1#rc=2", method="POST", body="RecordingStatus=completed&ErrorCode=0",
        idempotency_token=f"token-{token_hex(4)}", created=NOW, next_attempt_at=NOW + REQUEUE_AFTER_SECONDS,
    )  # fmt: skip
    return replace(delivery, **more)


def read(deliveries: DeliveryTable, delivery: CallbackDelivery) -> CallbackDelivery | None:
    """Read a delivery from the store."""
    return deliveries.get(delivery.account, delivery.resource_id, delivery.id)


def test_put_is_idempotent(deliveries: DeliveryTable) -> None:
    """The first `put` stores the delivery; later ones return its current state and change nothing."""
    first = new_delivery()
    assert deliveries.put(first) == first == read(deliveries, first)
    done = deliveries.record_attempt(first, OK, State.DELIVERED, None)
    for other in (first, replace(first, body="another", created=NOW + 9, next_attempt_at=NOW + 999)):
        assert deliveries.put(other) == done == read(deliveries, first)


def test_is_found_by_account_resource_and_id(deliveries: DeliveryTable) -> None:
    """A delivery is found by account, resource and id together, not under another account."""
    delivery = deliveries.put(new_delivery())
    assert deliveries.get(token_hex(16), delivery.resource_id, delivery.id) is None
    assert deliveries.get(delivery.account, token_hex(16), delivery.id) is None
    assert deliveries.get(delivery.account, delivery.resource_id, "00000003.absent") is None
    assert deliveries.of(token_hex(16), delivery.resource_id) == []


def test_lists_in_order_of_sequence_numbers(deliveries: DeliveryTable) -> None:
    """Deliveries are sorted by sequence number, then event, independent of write order and number of digits."""
    first = new_delivery(1, "in-progress")
    others = [
        replace(first, sequence=number, event=event) for number, event in ((11, "leave"), (2, "mute"), (1, "join"))
    ]
    for delivery in (*others, first):
        deliveries.put(delivery)
    assert [delivery.id for delivery in deliveries.of(first.account, first.resource_id)] == [
        "00000001.in-progress", "00000001.join", "00000002.mute", "00000011.leave",
    ]  # fmt: skip


def test_lease_is_exclusive(deliveries: DeliveryTable) -> None:
    """A lease excludes others until it expires; the first lease sets `first_attempt_at` for good."""
    delivery, now = deliveries.put(new_delivery()), NOW * 1000
    leased = deliveries.lease(delivery, now, now + 60_000)
    assert leased == replace(delivery, lease_expires_at=now + 60_000, first_attempt_at=NOW)
    # Also in the same millisecond.
    for later in (now, now + 1, now + 59_999):
        assert deliveries.lease(delivery, later, later + 60_000) is None
    again = deliveries.lease(delivery, now + 60_000, now + 120_000)
    assert again == replace(leased, lease_expires_at=now + 120_000) == read(deliveries, delivery)


@pytest.mark.parametrize("state", [State.RETRY_SCHEDULED, State.DELIVERED, State.EXHAUSTED])
def test_only_queued_deliveries_are_leased(deliveries: DeliveryTable, state: DeliveryState) -> None:
    """A delivery that is scheduled, delivered, exhausted or unknown cannot be leased."""
    delivery = deliveries.put(new_delivery())
    deliveries.record_attempt(delivery, OK, state, NOW + 30 if state is State.RETRY_SCHEDULED else None)
    assert deliveries.lease(delivery, NOW * 1000, NOW * 1000 + 1) is None
    assert deliveries.lease(new_delivery(), NOW * 1000, NOW * 1000 + 1) is None


@pytest.mark.parametrize(
    ("state", "due", "lease"),
    [
        (State.QUEUED, NOW + 600, NOW * 1000 + 7),
        (State.RETRY_SCHEDULED, NOW + 30, 0),
        (State.DELIVERED, None, 0),
        (State.EXHAUSTED, None, 0),
    ],
)
def test_records_an_attempt(deliveries: DeliveryTable, state: DeliveryState, due: int | None, lease: int) -> None:
    """An attempt is stored with the new state; only a queued delivery keeps its lease."""
    leased = deliveries.lease(deliveries.put(new_delivery()), NOW * 1000, NOW * 1000 + 7)
    assert leased is not None
    after = deliveries.record_attempt(leased, FAILED, state, due)
    assert after == replace(
        leased, state=state, next_attempt_at=due, lease_expires_at=lease, attempt_count=1, attempts=(FAILED,)
    )
    assert after == read(deliveries, leased)


def test_concurrent_attempts_are_both_recorded(deliveries: DeliveryTable) -> None:
    """Two concurrent senders both record their attempts; `delivered` is final."""
    delivery = deliveries.put(new_delivery())
    deliveries.record_attempt(delivery, FAILED, State.RETRY_SCHEDULED, NOW + 30)
    both = deliveries.record_attempt(delivery, OK, State.DELIVERED, None)
    assert (
        both
        == replace(delivery, state=State.DELIVERED, next_attempt_at=None, attempt_count=2, attempts=(FAILED, OK))
        == read(deliveries, delivery)
    )
    late = replace(FAILED, at=NOW * 1000 + 900)
    for state, due in ((State.RETRY_SCHEDULED, NOW + 30), (State.EXHAUSTED, None), (State.QUEUED, NOW + 600)):
        found = deliveries.record_attempt(delivery, late, state, due)
        assert (found.state, found.next_attempt_at, found.lease_expires_at, found.attempts[-1]) == (
            State.DELIVERED,
            None,
            0,
            late,
        )
    assert not [
        each
        for each in deliveries.find_due(delivery.resource_id[-1], NOW + 10_000, 10)
        if each.resource_id == delivery.resource_id
    ]


def test_marks_a_url_gone(deliveries: DeliveryTable) -> None:
    """A URL is marked gone per recording or conference; the mark is not listed as a delivery."""
    first = deliveries.put(new_delivery())
    second = deliveries.put(replace(first, sequence=4, url="https://other.example.com/"))
    assert deliveries.read_receiver(first) == Receiver()
    for _ in range(2):
        deliveries.mark_url_gone(first, NOW)
    assert [deliveries.read_receiver(each).is_url_gone for each in (first, second)] == [True, False]
    deliveries.mark_url_gone(second, NOW)
    assert deliveries.read_receiver(replace(first, sequence=9)).is_url_gone
    assert deliveries.read_receiver(second).is_url_gone
    assert not deliveries.read_receiver(replace(first, resource_id=token_hex(16))).is_url_gone
    assert deliveries.of(first.account, first.resource_id) == [first, second]


def test_the_health_of_a_host_belongs_to_one_account(deliveries: DeliveryTable) -> None:
    """Health is stored by account, name and port of the host, for every resource and path."""
    first = new_delivery(url="https://app.example.com/a")
    same = replace(first, resource_id=token_hex(16), url="https://user:secret@APP.example.com:443/b#rc=2")
    others = [
        replace(first, url="https://app.example.com:8443/a"),
        replace(first, url="https://example.com/a"),
        replace(first, account=token_hex(16)),
    ]
    health = HostHealth(5, NOW * 1000, NOW * 1000 + 30_000)
    assert deliveries.change_health(first, HostHealth(), health, NOW)
    assert deliveries.read_receiver(same) == Receiver(health=health)
    assert deliveries.read_health([*others, same, first]) == [HostHealth()] * 3 + [health] * 2
    assert deliveries.read_health([]) == []


def test_health_changes_only_from_what_was_read(deliveries: DeliveryTable) -> None:
    """Of two workers that read the same health, one changes it; also a host that is healthy again."""
    delivery = new_delivery()
    healthy, suspended, closed = HostHealth(), HostHealth(5, NOW, NOW + 30_000), HostHealth(0, 0, 0)
    assert [deliveries.change_health(delivery, healthy, suspended, NOW) for _ in range(2)] == [True, False]
    probed = replace(suspended, suspended_until=NOW + 90_000)
    assert [deliveries.change_health(delivery, suspended, probed, NOW) for _ in range(2)] == [True, False]
    assert deliveries.change_health(delivery, probed, closed, NOW)
    assert deliveries.read_receiver(delivery) == Receiver()
    assert deliveries.change_health(delivery, healthy, HostHealth(1), NOW)
    assert not deliveries.change_health(delivery, healthy, HostHealth(1), NOW)


def test_health_is_forgotten_a_day_later(deliveries: DeliveryTable, recordings_table: DynamoDBTable) -> None:
    """The item of a host expires one day after its last change."""
    delivery = new_delivery(url="https://app.example.com/a")
    deliveries.change_health(delivery, HostHealth(), HostHealth(5, 7, 8), NOW)
    item = recordings_table.get({"PK": f"{delivery.account}#HOST#app.example.com:443", "SK": "HOST"})
    assert item == {
        "PK": f"{delivery.account}#HOST#app.example.com:443", "SK": "HOST",
        "timeouts": 5, "suspended_at": 7, "suspended_until": 8, "expires_at": NOW + 86_400,
    }  # fmt: skip


@pytest.mark.parametrize("state", [State.QUEUED, State.RETRY_SCHEDULED])
def test_postpones_a_delivery(deliveries: DeliveryTable, state: DeliveryState) -> None:
    """A delivery is scheduled for later without an attempt, unless it has changed since it was read."""
    before = deliveries.record_attempt(deliveries.put(new_delivery()), FAILED, state, NOW + 30)
    after = deliveries.postpone(before, NOW + 700)
    assert after == replace(before, state=State.RETRY_SCHEDULED, next_attempt_at=NOW + 700) == read(deliveries, before)
    deliveries.record_attempt(before, OK, State.DELIVERED, None)
    assert deliveries.postpone(before, NOW + 900) is None


def test_accounts_take_turns_among_the_due(deliveries: DeliveryTable) -> None:
    """Thirty older deliveries of one account hide neither the three of another nor the one of a third."""
    shard = "c"
    accounts = [token_hex(16) for _ in range(3)]
    for account, number, due in zip(accounts, (30, 3, 1), (NOW - 30_000, NOW - 29_995, NOW - 29_991), strict=True):
        for _ in range(number):
            resource = f"{token_hex(16)[:-1]}{shard}"
            deliveries.put(new_delivery(account=account, resource_id=resource, next_attempt_at=due))
    due_accounts = [each.account for each in deliveries.find_due(shard, NOW - 29_990, 8) if each.account in accounts]
    assert sorted(Counter(due_accounts).values()) == [1, 3, 4]


@pytest.mark.ci
def test_stores_the_newest_attempts(deliveries: DeliveryTable) -> None:
    """Only the newest 100 attempts are stored; the total is counted."""
    delivery = deliveries.put(new_delivery())
    attempts = [replace(FAILED, at=NOW * 1000 + number) for number in range(MAX_STORED_ATTEMPTS + 3)]
    for attempt in attempts:
        delivery = deliveries.record_attempt(delivery, attempt, State.RETRY_SCHEDULED, NOW + 30)
    assert delivery.attempt_count == len(attempts)
    assert delivery.attempts == tuple(attempts[3:])
    assert read(deliveries, delivery) == delivery


def test_stores_equal_answers_once(deliveries: DeliveryTable, recordings_table: DynamoDBTable) -> None:
    """A response body equal to the previous one is not stored again, to save write units."""
    delivery, excerpts = deliveries.put(new_delivery()), ["no" * 500, "no" * 500, "", "", "yes", "no" * 500]
    for number, excerpt in enumerate(excerpts):
        delivery = deliveries.record_attempt(
            delivery, DeliveryAttempt(number, 1, status=500, response_excerpt=excerpt), State.RETRY_SCHEDULED, NOW + 30
        )
    assert [attempt.response_excerpt for attempt in delivery.attempts] == excerpts
    assert read(deliveries, delivery) == delivery
    item = recordings_table.get({"PK": f"{delivery.account}#CB#{delivery.resource_id}", "SK": delivery.id})
    assert item is not None
    assert [attempt.get("answer") for attempt in item["attempts"]] == [excerpts[0], None, "", None, "yes", excerpts[0]]
    assert item["expires_at"] == NOW + DELIVERY_RETENTION_DAYS * 86_400


@pytest.mark.parametrize("state", list(State))
def test_reset_to_queued(deliveries: DeliveryTable, state: DeliveryState) -> None:
    """A delivery in any state can be queued again; it keeps its attempts and loses its lease."""
    leased = deliveries.lease(deliveries.put(new_delivery()), NOW * 1000, NOW * 1000 + 60_000)
    assert leased is not None
    before = deliveries.record_attempt(
        leased, OK, state, NOW + 30 if state in {State.QUEUED, State.RETRY_SCHEDULED} else None
    )
    after = deliveries.reset_to_queued(before, NOW + 900)
    assert (
        after
        == replace(before, state=State.QUEUED, next_attempt_at=NOW + 900, lease_expires_at=0)
        == read(deliveries, before)
    )
    # Idempotent.
    assert after is not None
    assert deliveries.reset_to_queued(after, NOW + 900) == after


def test_reset_of_a_stale_delivery_changes_nothing(deliveries: DeliveryTable) -> None:
    """A reset based on a read before another attempt returns None."""
    delivery = deliveries.put(new_delivery())
    done = deliveries.record_attempt(delivery, OK, State.DELIVERED, None)
    assert deliveries.reset_to_queued(delivery, NOW + 900) is None
    assert read(deliveries, delivery) == done


def test_a_reset_does_not_end_a_lease_that_is_new(deliveries: DeliveryTable) -> None:
    """A reset based on a read before another worker's lease returns None, and that worker keeps its lease."""
    crashed = deliveries.lease(deliveries.put(new_delivery()), NOW * 1000, NOW * 1000 + 60_000)
    assert crashed is not None
    leased = deliveries.lease(crashed, NOW * 1000 + 60_000, NOW * 1000 + 120_000)
    assert leased is not None
    assert deliveries.reset_to_queued(crashed, NOW + 900) is None
    assert read(deliveries, leased) == leased


def test_finds_due_deliveries(deliveries: DeliveryTable) -> None:
    """Due deliveries of a shard are found, most overdue first; final ones are never due."""
    resource_id = token_hex(16)
    first = new_delivery(resource_id=resource_id, next_attempt_at=NOW + 10)
    second = replace(first, sequence=4, next_attempt_at=NOW + 20)
    other = replace(
        first, resource_id=f"{resource_id[:-1]}{'0' if resource_id[-1] != '0' else '1'}", next_attempt_at=NOW + 5
    )
    done = replace(first, sequence=5, next_attempt_at=NOW + 1)
    for delivery in (second, other, done, first):
        deliveries.put(delivery)
    deliveries.record_attempt(done, OK, State.DELIVERED, None)

    def due(now: int, limit: int = 1000) -> list[CallbackDelivery]:
        mine = {first.resource_id, other.resource_id}
        return [
            delivery for delivery in deliveries.find_due(resource_id[-1], now, limit) if delivery.resource_id in mine
        ]

    assert due(NOW + 9) == []
    assert due(NOW + 10) == [first]
    assert due(NOW + 99) == [first, second]
    scheduled = deliveries.record_attempt(first, FAILED, State.RETRY_SCHEDULED, NOW + 50)
    assert due(NOW + 49) == [second]
    assert due(NOW + 50) == [second, scheduled]
    deliveries.record_attempt(second, OK, State.EXHAUSTED, None)
    assert due(NOW + 99) == [scheduled]
    deliveries.record_attempt(scheduled, OK, State.DELIVERED, None)


def test_limits_due_deliveries(deliveries: DeliveryTable) -> None:
    """The limit returns the most overdue first; the rest is found later."""
    first = new_delivery(next_attempt_at=NOW - 10_000)
    second = replace(first, sequence=4, next_attempt_at=NOW - 9_999)
    for delivery in (first, second):
        deliveries.put(delivery)
    assert list(deliveries.find_due(first.resource_id[-1], NOW - 9_000, 1)) == [first]
    deliveries.record_attempt(first, OK, State.DELIVERED, None)
    assert list(deliveries.find_due(first.resource_id[-1], NOW - 9_000, 1)) == [second]
    deliveries.record_attempt(second, OK, State.DELIVERED, None)


# Lost responses.


class RepeatingClient:
    """A client that sends each write twice, as if the first response was lost, with `meanwhile` in between."""

    def __init__(self, client: Any, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._client = client
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        """Pass on reads unchanged."""
        return getattr(self._client, name)

    def update_item(self, **request: Any) -> Any:
        """Write twice; mark an error of the second attempt as repeated."""
        self._client.update_item(**request)
        self._meanwhile()
        try:
            return self._client.update_item(**request)
        except ClientError as error:
            metadata: Any = error.response["ResponseMetadata"]
            metadata[HAD_UNACKNOWLEDGED_ATTEMPT] = True
            raise


@pytest.fixture
def repeating_store(recordings_table: DynamoDBTable) -> Callable[..., DeliveryTable]:
    """Return a function that creates stores whose first responses are lost."""
    return lambda *more: DeliveryTable(
        DynamoDBTable(RepeatingClient(recordings_table._client, *more), recordings_table._table, lambda _seconds: None)
    )


def test_lost_response_changes_nothing(
    deliveries: DeliveryTable, repeating_store: Callable[..., DeliveryTable]
) -> None:
    """With lost responses each write takes effect once and returns the same result."""
    store, delivery, now = repeating_store(), new_delivery(), NOW * 1000
    assert store.put(delivery) == delivery
    leased = store.lease(delivery, now, now + 60_000)
    assert leased == replace(delivery, lease_expires_at=now + 60_000, first_attempt_at=NOW)
    assert leased is not None
    scheduled = store.record_attempt(leased, FAILED, State.RETRY_SCHEDULED, NOW + 30)
    assert scheduled == replace(
        leased,
        state=State.RETRY_SCHEDULED,
        next_attempt_at=NOW + 30,
        lease_expires_at=0,
        attempt_count=1,
        attempts=(FAILED,),
    )
    queued = store.reset_to_queued(scheduled, NOW + 900)
    assert queued == replace(scheduled, state=State.QUEUED, next_attempt_at=NOW + 900) == read(deliveries, delivery)


def test_lost_response_is_not_confused_with_another_write(
    deliveries: DeliveryTable, repeating_store: Callable[..., DeliveryTable]
) -> None:
    """If another sender takes the lease in between, that sender keeps it, and its attempt is stored."""
    delivery, now = deliveries.put(new_delivery()), NOW * 1000
    other = repeating_store(lambda: deliveries.lease(delivery, now + 5, now + 65_000))
    assert other.lease(delivery, now, now + 4) is None
    found = read(deliveries, delivery)
    assert found is not None
    late = repeating_store(
        lambda: deliveries.record_attempt(
            replace(found, attempt_count=1, attempts=(FAILED,)), OK, State.DELIVERED, None
        )
    )
    assert late.record_attempt(found, FAILED, State.QUEUED, found.next_attempt_at).attempts == (FAILED, OK)
    assert read(deliveries, delivery) == replace(
        found, state=State.DELIVERED, next_attempt_at=None, lease_expires_at=0, attempt_count=2, attempts=(FAILED, OK)
    )


def test_endless_conflicts_raise_store_busy(recordings_table: DynamoDBTable, deliveries: DeliveryTable) -> None:
    """A write that always loses against others raises StoreBusy and writes nothing."""
    delivery = deliveries.put(new_delivery())
    number = iter(range(1, 99))

    class Busy(RepeatingClient):
        def update_item(self, **request: Any) -> Any:
            """Let another write happen first."""
            found = read(deliveries, delivery)
            assert found is not None
            deliveries.record_attempt(found, replace(FAILED, at=next(number)), State.QUEUED, found.next_attempt_at)
            return recordings_table._client.update_item(**request)

    store = DeliveryTable(DynamoDBTable(Busy(recordings_table._client), recordings_table._table, lambda _seconds: None))
    with pytest.raises(StoreBusy):
        store.record_attempt(delivery, OK, State.DELIVERED, None)
    found = read(deliveries, delivery)
    assert found is not None
    assert (found.state, OK in found.attempts) == (State.QUEUED, False)
