"""The ledger of callbacks: what is owed is written once, sent by one at a time, and never forgotten for another."""

from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.clients import HAD_UNACKNOWLEDGED_ATTEMPT
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.delivery import (
    DELIVERY_RETENTION_DAYS,
    MAX_STORED_ATTEMPTS,
    REQUEUE_AFTER_SECONDS,
    CallbackDelivery,
    DeliveryAttempt,
    DeliveryState,
)
from tapedeck.domain.errors import StoreBusy

NOW: Final = 1_537_916_400
S = DeliveryState

OK: Final = DeliveryAttempt(NOW * 1000, 20, status=200, answer="ok")
REFUSED: Final = DeliveryAttempt(NOW * 1000 + 5, 3, failure="connect")


@pytest.fixture
def held(database: str) -> DynamoDBTable:
    """The recordings table of this run."""
    del database  # only has to be there
    found: DynamoDBTable = api_bootstrap.get_api_services().calls._store._database  # type: ignore[attr-defined]
    return found


@pytest.fixture
def deliveries(held: DynamoDBTable) -> DeliveryTable:
    """The ledger."""
    return DeliveryTable(held)


def owed(number: int = 3, event: str = "completed", **more: Any) -> CallbackDelivery:
    """A claim of an account and a recording that nobody else has."""
    made = CallbackDelivery(
        account=token_hex(16), resource_id=token_hex(16), sequence=number, event=event, dialect="twilio",
        url="https://app.example.com/hooks?a=1#rc=2", method="POST", body="RecordingStatus=completed&ErrorCode=0",
        idempotency_token=f"token-{token_hex(4)}", created=NOW, next_attempt_at=NOW + REQUEUE_AFTER_SECONDS,
    )  # fmt: skip
    return replace(made, **more)


def read(deliveries: DeliveryTable, delivery: CallbackDelivery) -> CallbackDelivery | None:
    """The claim as it stands."""
    return deliveries.get(delivery.account, delivery.resource_id, delivery.id)


def test_is_written_once(deliveries: DeliveryTable) -> None:
    """The first to write it decides what it is; whoever comes later finds it as it stands, and changes nothing."""
    first = owed()
    assert deliveries.put(first) == first == read(deliveries, first)
    done = deliveries.record_attempt(first, OK, S.DELIVERED, None)
    for other in (first, replace(first, body="another", created=NOW + 9, next_attempt_at=NOW + 999)):
        assert deliveries.put(other) == done == read(deliveries, first)


def test_is_found_by_whose_it_is(deliveries: DeliveryTable) -> None:
    """By account, subject and id together; what belongs to another account is not there."""
    delivery = deliveries.put(owed())
    assert deliveries.get(token_hex(16), delivery.resource_id, delivery.id) is None
    assert deliveries.get(delivery.account, token_hex(16), delivery.id) is None
    assert deliveries.get(delivery.account, delivery.resource_id, "00000003.absent") is None
    assert deliveries.of(token_hex(16), delivery.resource_id) == []


def test_tells_what_happened_first_first(deliveries: DeliveryTable) -> None:
    """By number, whatever they are called and whenever they were written, however many digits a number has."""
    first = owed(1, "in-progress")
    others = [
        replace(first, sequence=number, event=event) for number, event in ((11, "leave"), (2, "mute"), (1, "join"))
    ]
    for delivery in (*others, first):
        deliveries.put(delivery)
    assert [delivery.id for delivery in deliveries.of(first.account, first.resource_id)] == [
        "00000001.in-progress", "00000001.join", "00000002.mute", "00000011.leave",
    ]  # fmt: skip


def test_is_sent_by_one_at_a_time(deliveries: DeliveryTable) -> None:
    """Who has the lease keeps it until it ends; the first one's second is that of the first attempt for good."""
    delivery, now = deliveries.put(owed()), NOW * 1000
    leased = deliveries.lease(delivery, now, now + 60_000)
    assert leased == replace(delivery, lease_expires_at=now + 60_000, first_attempt_at=NOW)
    # Even to the same millisecond.
    for later in (now, now + 1, now + 59_999):
        assert deliveries.lease(delivery, later, later + 60_000) is None
    again = deliveries.lease(delivery, now + 60_000, now + 120_000)
    assert again == replace(leased, lease_expires_at=now + 120_000) == read(deliveries, delivery)


@pytest.mark.parametrize("state", [S.RETRY_SCHEDULED, S.DELIVERED, S.EXHAUSTED])
def test_only_what_waits_in_the_queue_is_sent(deliveries: DeliveryTable, state: DeliveryState) -> None:
    """What is parked, done or given up cannot be leased, and what is not there cannot either."""
    delivery = deliveries.put(owed())
    deliveries.record_attempt(delivery, OK, state, NOW + 30 if state is S.RETRY_SCHEDULED else None)
    assert deliveries.lease(delivery, NOW * 1000, NOW * 1000 + 1) is None
    assert deliveries.lease(owed(), NOW * 1000, NOW * 1000 + 1) is None


@pytest.mark.parametrize(
    ("state", "due", "lease"),
    [
        (S.QUEUED, NOW + 600, NOW * 1000 + 7),
        (S.RETRY_SCHEDULED, NOW + 30, 0),
        (S.DELIVERED, None, 0),
        (S.EXHAUSTED, None, 0),
    ],
)
def test_keeps_every_attempt(deliveries: DeliveryTable, state: DeliveryState, due: int | None, lease: int) -> None:
    """An attempt is noted with what has become of the claim; only one that is still being sent stays leased."""
    leased = deliveries.lease(deliveries.put(owed()), NOW * 1000, NOW * 1000 + 7)
    assert leased is not None
    after = deliveries.record_attempt(leased, REFUSED, state, due)
    assert after == replace(
        leased, state=state, next_attempt_at=due, lease_expires_at=lease, attempt_count=1, attempts=(REFUSED,)
    )
    assert after == read(deliveries, leased)


def test_forgets_no_attempt_for_another(deliveries: DeliveryTable) -> None:
    """Two who send it at the same time both note theirs; what one has delivered the other no longer puts off."""
    delivery = deliveries.put(owed())
    deliveries.record_attempt(delivery, REFUSED, S.RETRY_SCHEDULED, NOW + 30)
    both = deliveries.record_attempt(delivery, OK, S.DELIVERED, None)
    assert (
        both
        == replace(delivery, state=S.DELIVERED, next_attempt_at=None, attempt_count=2, attempts=(REFUSED, OK))
        == read(deliveries, delivery)
    )
    late = replace(REFUSED, at=NOW * 1000 + 900)
    for state, due in ((S.RETRY_SCHEDULED, NOW + 30), (S.EXHAUSTED, None), (S.QUEUED, NOW + 600)):
        found = deliveries.record_attempt(delivery, late, state, due)
        assert (found.state, found.next_attempt_at, found.lease_expires_at, found.attempts[-1]) == (
            S.DELIVERED,
            None,
            0,
            late,
        )
    assert not [
        each
        for each in deliveries.find_due(delivery.resource_id[-1], NOW + 10_000, 10)
        if each.resource_id == delivery.resource_id
    ]


def test_closes_a_url(deliveries: DeliveryTable) -> None:
    """For one recording or conference and each URL of its own; what is closed there is no claim."""
    first = deliveries.put(owed())
    second = deliveries.put(replace(first, sequence=4, url="https://other.example.com/"))
    assert not deliveries.is_url_gone(first)
    for _ in range(2):
        deliveries.mark_url_gone(first, NOW)
    assert (deliveries.is_url_gone(first), deliveries.is_url_gone(second)) == (True, False)
    deliveries.mark_url_gone(second, NOW)
    assert deliveries.is_url_gone(replace(first, sequence=9))
    assert deliveries.is_url_gone(second)
    assert not deliveries.is_url_gone(replace(first, resource_id=token_hex(16)))
    assert deliveries.of(first.account, first.resource_id) == [first, second]


def test_keeps_the_newest_attempts(deliveries: DeliveryTable) -> None:
    """A hundred of them; how many there were in all is counted."""
    delivery = deliveries.put(owed())
    attempts = [replace(REFUSED, at=NOW * 1000 + number) for number in range(MAX_STORED_ATTEMPTS + 3)]
    for attempt in attempts:
        delivery = deliveries.record_attempt(delivery, attempt, S.RETRY_SCHEDULED, NOW + 30)
    assert delivery.attempt_count == len(attempts)
    assert delivery.attempts == tuple(attempts[3:])
    assert read(deliveries, delivery) == delivery


def test_keeps_equal_answers_once(deliveries: DeliveryTable, held: DynamoDBTable) -> None:
    """Each write of a claim costs what all its attempts take: an error page that comes again takes nothing more."""
    delivery, answers = deliveries.put(owed()), ["no" * 500, "no" * 500, "", "", "yes", "no" * 500]
    for number, answer in enumerate(answers):
        delivery = deliveries.record_attempt(
            delivery, DeliveryAttempt(number, 1, status=500, answer=answer), S.RETRY_SCHEDULED, NOW + 30
        )
    assert [attempt.answer for attempt in delivery.attempts] == answers
    assert read(deliveries, delivery) == delivery
    item = held.get({"PK": f"{delivery.account}#CB#{delivery.resource_id}", "SK": delivery.id})
    assert item is not None
    assert [attempt.get("answer") for attempt in item["attempts"]] == [answers[0], None, "", None, "yes", answers[0]]
    assert item["expires_at"] == NOW + DELIVERY_RETENTION_DAYS * 86_400


@pytest.mark.parametrize("state", list(S))
def test_is_queued_anew(deliveries: DeliveryTable, state: DeliveryState) -> None:
    """Whatever has become of it, with all that is known of it; nobody has leased it then."""
    leased = deliveries.lease(deliveries.put(owed()), NOW * 1000, NOW * 1000 + 60_000)
    assert leased is not None
    before = deliveries.record_attempt(leased, OK, state, NOW + 30 if state in {S.QUEUED, S.RETRY_SCHEDULED} else None)
    after = deliveries.reset_to_queued(before, NOW + 900)
    assert (
        after
        == replace(before, state=S.QUEUED, next_attempt_at=NOW + 900, lease_expires_at=0)
        == read(deliveries, before)
    )
    # What is as it is to be can be made so once more.
    assert after is not None
    assert deliveries.reset_to_queued(after, NOW + 900) == after


def test_is_not_queued_anew_where_it_has_changed(deliveries: DeliveryTable) -> None:
    """Whoever has read it before it was tried again leaves it alone."""
    delivery = deliveries.put(owed())
    done = deliveries.record_attempt(delivery, OK, S.DELIVERED, None)
    assert deliveries.reset_to_queued(delivery, NOW + 900) is None
    assert read(deliveries, delivery) == done


def test_finds_what_is_due(deliveries: DeliveryTable) -> None:
    """Of a shard, up to a second, the longest overdue first, no more than wanted; what is final is never due."""
    resource_id = token_hex(16)
    first = owed(resource_id=resource_id, next_attempt_at=NOW + 10)
    second = replace(first, sequence=4, next_attempt_at=NOW + 20)
    other = replace(
        first, resource_id=f"{resource_id[:-1]}{'0' if resource_id[-1] != '0' else '1'}", next_attempt_at=NOW + 5
    )
    done = replace(first, sequence=5, next_attempt_at=NOW + 1)
    for delivery in (second, other, done, first):
        deliveries.put(delivery)
    deliveries.record_attempt(done, OK, S.DELIVERED, None)

    def due(now: int, limit: int = 1000) -> list[CallbackDelivery]:
        mine = {first.resource_id, other.resource_id}
        return [
            delivery for delivery in deliveries.find_due(resource_id[-1], now, limit) if delivery.resource_id in mine
        ]

    assert due(NOW + 9) == []
    assert due(NOW + 10) == [first]
    assert due(NOW + 99) == [first, second]
    parked = deliveries.record_attempt(first, REFUSED, S.RETRY_SCHEDULED, NOW + 50)
    assert due(NOW + 49) == [second]
    assert due(NOW + 50) == [second, parked]
    deliveries.record_attempt(second, OK, S.EXHAUSTED, None)
    assert due(NOW + 99) == [parked]
    deliveries.record_attempt(parked, OK, S.DELIVERED, None)


def test_finds_no_more_than_wanted(deliveries: DeliveryTable) -> None:
    """What is left is found when the others are no longer due."""
    first = owed(next_attempt_at=NOW - 10_000)
    second = replace(first, sequence=4, next_attempt_at=NOW - 9_999)
    for delivery in (first, second):
        deliveries.put(delivery)
    assert list(deliveries.find_due(first.resource_id[-1], NOW - 9_000, 1)) == [first]
    deliveries.record_attempt(first, OK, S.DELIVERED, None)
    assert list(deliveries.find_due(first.resource_id[-1], NOW - 9_000, 1)) == [second]
    deliveries.record_attempt(second, OK, S.DELIVERED, None)


# Answers that are lost.


class Repeating:
    """A client each of whose writes goes out twice, for the first answer is lost; `meanwhile` happens in between."""

    def __init__(self, client: Any, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._client = client
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        """What is read is read once."""
        return getattr(self._client, name)

    def update_item(self, **request: Any) -> Any:
        """The second answer, which tells that it is the second."""
        self._client.update_item(**request)
        self._meanwhile()
        try:
            return self._client.update_item(**request)
        except ClientError as error:
            metadata: Any = error.response["ResponseMetadata"]
            metadata[HAD_UNACKNOWLEDGED_ATTEMPT] = True
            raise


@pytest.fixture
def repeating(held: DynamoDBTable) -> Callable[..., DeliveryTable]:
    """Makes ledgers whose first answers are all lost."""
    return lambda *more: DeliveryTable(
        DynamoDBTable(Repeating(held._client, *more), held._table, lambda _seconds: None)
    )


def test_a_lost_answer_changes_nothing(deliveries: DeliveryTable, repeating: Callable[..., DeliveryTable]) -> None:
    """Each write is done once, and answered as if nothing had been lost."""
    ledger, delivery, now = repeating(), owed(), NOW * 1000
    assert ledger.put(delivery) == delivery
    leased = ledger.lease(delivery, now, now + 60_000)
    assert leased == replace(delivery, lease_expires_at=now + 60_000, first_attempt_at=NOW)
    assert leased is not None
    parked = ledger.record_attempt(leased, REFUSED, S.RETRY_SCHEDULED, NOW + 30)
    assert parked == replace(
        leased,
        state=S.RETRY_SCHEDULED,
        next_attempt_at=NOW + 30,
        lease_expires_at=0,
        attempt_count=1,
        attempts=(REFUSED,),
    )
    queued = ledger.reset_to_queued(parked, NOW + 900)
    assert queued == replace(parked, state=S.QUEUED, next_attempt_at=NOW + 900) == read(deliveries, delivery)


def test_a_lost_answer_is_not_taken_for_another_ones(
    deliveries: DeliveryTable, repeating: Callable[..., DeliveryTable]
) -> None:
    """Where somebody else has come in between, the lease is theirs, and their attempt is kept."""
    delivery, now = deliveries.put(owed()), NOW * 1000
    other = repeating(lambda: deliveries.lease(delivery, now + 5, now + 65_000))
    assert other.lease(delivery, now, now + 4) is None
    found = read(deliveries, delivery)
    assert found is not None
    late = repeating(
        lambda: deliveries.record_attempt(replace(found, attempt_count=1, attempts=(REFUSED,)), OK, S.DELIVERED, None)
    )
    assert late.record_attempt(found, REFUSED, S.QUEUED, found.next_attempt_at).attempts == (REFUSED, OK)
    assert read(deliveries, delivery) == replace(
        found, state=S.DELIVERED, next_attempt_at=None, lease_expires_at=0, attempt_count=2, attempts=(REFUSED, OK)
    )


def test_gives_up_against_endless_others(held: DynamoDBTable, deliveries: DeliveryTable) -> None:
    """Whoever always comes second is told to come again, and nothing is written by halves."""
    delivery = deliveries.put(owed())
    number = iter(range(1, 99))

    class Busy(Repeating):
        def update_item(self, **request: Any) -> Any:
            """Somebody else is always first."""
            found = read(deliveries, delivery)
            assert found is not None
            deliveries.record_attempt(found, replace(REFUSED, at=next(number)), S.QUEUED, found.next_attempt_at)
            return held._client.update_item(**request)

    ledger = DeliveryTable(DynamoDBTable(Busy(held._client), held._table, lambda _seconds: None))
    with pytest.raises(StoreBusy):
        ledger.record_attempt(delivery, OK, S.DELIVERED, None)
    found = read(deliveries, delivery)
    assert found is not None
    assert (found.state, OK in found.attempts) == (S.QUEUED, False)
