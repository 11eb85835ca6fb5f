"""How a callback is told: signed, as patiently as its vendor does, then for days; at least once, always the same."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.admin.callbacks import describe_delivery
from tapedeck.background.webhook_delivery import LEASE_MS, MAX_UNSIGNED_SECONDS, RETRY_DELAYS_SECONDS
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.delivery import (
    MAX_STORED_ATTEMPTS,
    REQUEUE_AFTER_SECONDS,
    CallbackDelivery,
    DeliveryAttempt,
    DeliveryState,
)
from tapedeck.ports.messaging import FailureReason, QueueMessage, Timeouts, WebhookRequest, WebhookResult
from tests.client import DIALECTS
from tests.functions.background_world import Crash, World
from tests.functions.stage import START

URL: Final = "https://user:secret@app.example.com:8443/hooks?tenant=42#rc=0"
SIGNED: Final = "https://app.example.com:8443/hooks?tenant=42"
FIELDS: Final = {"RecordingStatus": "completed", "AccountSid": "AC1", "Reason": "é & ü"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
S = DeliveryState

REFUSED: Final = WebhookResult(None, FailureReason.CONNECT, 5)
SILENT: Final = WebhookResult(None, FailureReason.READ, 5_000)
BROKEN: Final = WebhookResult(500, None, 10, b"oops")
WELL: Final = WebhookResult(204, None, 20)

Owe = Callable[..., CallbackDelivery]


def owed(world: World, dialect: str, number: int = 3, **more: Any) -> CallbackDelivery:
    """A claim that is in the ledger, and on its way."""
    made = CallbackDelivery(
        account=world.account.account,
        resource_id="5" * 32,
        sequence=number,
        event="completed",
        dialect=dialect,
        url=URL,
        method="POST",
        body=urlencode(FIELDS),
        idempotency_token=f"token-{number}",
        created=world.clock.seconds,
        next_attempt_at=world.clock.seconds + REQUEUE_AFTER_SECONDS,
    )
    made = replace(made, **more)
    world.background.callbacks.enqueue(made)
    return made


def found(world: World, delivery: CallbackDelivery) -> CallbackDelivery:
    """A claim as it stands."""
    return next(each for each in world.deliveries(delivery.resource_id) if each.id == delivery.id)


def signature(key: str, url: str, fields: Mapping[str, str]) -> str:
    """What the vendors' verifiers compute (behaviour.md, section 7.4)."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return b64encode(hmac.digest(key.encode(), text.encode(), "sha1")).decode()


def headers(
    world: World, dialect: str, url: str, fields: Mapping[str, str], token: str, key: str = ""
) -> dict[str, str]:
    """Those that only the receiver itself gets."""
    if dialect == "twilio":
        signed = signature(key or world.account.auth_token, url, fields)
        return {"X-Twilio-Signature": signed, "I-Twilio-Idempotency-Token": token}
    signed = signature(key or world.account.signing_key, url, fields)
    return {"X-SignalWire-Signature": signed, "X-Twilio-Signature": signed}


LIMITS: Final = {"twilio": Timeouts(5_000, 15_000, 15_000), "signalwire": Timeouts(2_000, 5_000, 15_000)}


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_tells_somebody(world: World, dialect: str, method: str) -> None:
    """In the dialect's words and limits, signed over the URL as it was given, without user info and fragment."""
    delivery = owed(world, dialect, method=method)
    (message,) = world.callbacks.drain()
    assert message == QueueMessage(
        {"account": delivery.account, "subject": delivery.resource_id, "claim": delivery.id}, delivery.resource_id,
        f"{delivery.idempotency_token}-0-{delivery.next_attempt_at}",
    )  # fmt: skip
    assert world.deliver([message]) == []
    (request,) = world.receiver.requests
    sent = URL.partition("#")[0]
    if method == "GET":
        query = "&RecordingStatus=completed&AccountSid=AC1&Reason=%C3%A9%20%26%20%C3%BC"
        own = headers(world, dialect, SIGNED + query, {}, delivery.idempotency_token)
        assert request == WebhookRequest("GET", sent + query, LIMITS[dialect], own, frozenset(own), b"", 3)
    else:
        own = headers(world, dialect, SIGNED, FIELDS, delivery.idempotency_token)
        assert request == WebhookRequest(
            "POST", sent, LIMITS[dialect], {**FORM, **own}, frozenset(own), delivery.body.encode(), 3
        )
        assert dict(parse_qsl(request.body.decode())) == FIELDS
    done = replace(
        delivery, state=S.DELIVERED, next_attempt_at=None, first_attempt_at=START, attempt_count=1,
        attempts=(DeliveryAttempt(START * 1000 + 250, 20, status=200, answer="ok"),),
    )  # fmt: skip
    assert found(world, delivery) == done
    assert world.log.drain() == [{"operation": "deliver_callback", "outcome": "done"}]
    # A message that comes again finds it told.
    assert world.deliver([message]) == []
    assert (len(world.receiver.requests), found(world, delivery)) == (1, done)


@pytest.mark.parametrize(
    ("dialect", "fragment", "outcomes", "requests", "slept"),
    [
        ("twilio", "", [REFUSED, REFUSED, WELL], 2, [1]),
        ("twilio", "", [REFUSED, WELL], 2, [1]),
        ("twilio", "", [SILENT, WELL], 1, []),
        ("twilio", "", [BROKEN, WELL], 1, []),
        ("twilio", "rc=0", [REFUSED, WELL], 1, []),
        ("twilio", "rc=3&rp=5xx", [BROKEN] * 9, 4, [1, 2, 2]),
        ("twilio", "rc=2&rp=all", [BROKEN, SILENT, WebhookResult(404, None, 5), WELL], 3, [1, 2]),
        ("twilio", "rc=5&rp=rt", [SILENT] * 9, 3, [1, 2]),
        ("signalwire", "", [REFUSED, SILENT, REFUSED, WELL], 3, [1, 2]),
        ("signalwire", "", [BROKEN, WELL], 1, []),
        ("signalwire", "", [SILENT] * 9, 3, [1, 2]),
        ("signalwire", "rc=5", [REFUSED] * 9, 3, [1, 2]),
    ],
)
def test_tries_as_its_vendor_does(
    world: World, dialect: str, fragment: str, outcomes: list[WebhookResult], requests: int, slept: list[float]
) -> None:
    """How often, after what and with which pauses; all of it within the limit (behaviour.md, section 7.3)."""
    delivery = owed(world, dialect, url=f"https://app.example.com/hooks#{fragment}")
    world.receiver.answers += outcomes
    began = world.clock()
    world.deliver()
    sent = world.receiver.requests
    assert (len(sent), world.slept) == (requests, slept)
    assert world.clock() - began <= 15_000
    assert [request.timeouts.total for request in sent] == sorted((each.timeouts.total for each in sent), reverse=True)
    after = found(world, delivery)
    assert [(attempt.status, attempt.failure) for attempt in after.attempts] == [
        (outcome.status, outcome.failure) for outcome in outcomes[:requests]
    ]
    assert after.state is (S.DELIVERED if outcomes[requests - 1] == WELL else S.RETRY_SCHEDULED)
    # Whatever is sent again is the same.
    assert {replace(request, timeouts=LIMITS[dialect]) for request in map(_hashable, sent)} == {
        replace(_hashable(sent[0]), timeouts=LIMITS[dialect])
    }


def _hashable(request: WebhookRequest) -> WebhookRequest:
    return replace(request, headers=tuple(sorted(request.headers.items())))  # type: ignore[arg-type]


def rounds(world: World, delivery: CallbackDelivery) -> list[int]:
    """Try again whenever it is due, until it is given up or told; the pauses in between, in seconds."""
    pauses: list[int] = []
    while True:
        assert world.deliver() == []
        parked = found(world, delivery)
        if parked.state is not S.RETRY_SCHEDULED:
            return pauses
        assert parked.next_attempt_at is not None
        pauses.append(parked.next_attempt_at - world.clock.seconds)
        world.clock.step(parked.next_attempt_at - world.clock.seconds - 1)
        world.reconcile()
        assert world.callbacks.sent == []
        world.clock.step(1)
        assert world.reconcile() == {"requeued": 1}


def test_tries_for_days_with_growing_pauses(world: World, dialect: str) -> None:
    """Each pause is longer than the one before, up to four hours; after three days nobody is asked again."""
    delivery = owed(world, dialect)
    world.receiver.answers += [BROKEN] * 99
    pauses = rounds(world, delivery)
    assert pauses[: len(RETRY_DELAYS_SECONDS)] == list(RETRY_DELAYS_SECONDS)
    assert set(pauses[len(RETRY_DELAYS_SECONDS) :]) == {RETRY_DELAYS_SECONDS[-1]}
    assert 72 * 3600 - RETRY_DELAYS_SECONDS[-1] < sum(pauses) <= 72 * 3600
    after = found(world, delivery)
    assert (after.state, after.next_attempt_at, after.attempt_count) == (S.EXHAUSTED, None, len(pauses) + 1)
    assert {attempt.answer for attempt in after.attempts} == {"oops"}
    assert world.reconcile() == {}
    assert world.callbacks.sent == []


def test_keeps_the_newest_attempts_of_a_patient_url(world: World) -> None:
    """Where a fragment asks for more attempts than can be kept, it is told how many there were."""
    delivery = owed(world, "twilio", url="https://app.example.com/hooks#rc=5&rp=all")
    world.receiver.answers += [BROKEN] * 999
    rounds(world, delivery)
    shown = describe_delivery(found(world, delivery))
    assert shown["tried"] == len(world.receiver.requests) > MAX_STORED_ATTEMPTS
    assert len(shown["attempts"]) == MAX_STORED_ATTEMPTS
    at = [attempt["at"] for attempt in shown["attempts"]]
    assert at == sorted(at)
    assert at[0] > START * 1000 + 250


def test_says_so_when_it_gives_up(world: World) -> None:
    """That nobody has taken a callback is counted."""
    owed(world, "twilio")
    world.receiver.answers.append(WebhookResult(410, None, 5))
    world.deliver()
    assert world.log.drain() == [
        {"operation": "deliver_callback", "outcome": "given-up", "counted": {"CallbacksExhausted": 1}}
    ]


@pytest.mark.parametrize("luck", [0.5, 1.0])
def test_not_all_come_back_at_once(world: World, luck: float) -> None:
    """Each pause is longer by chance, by up to a fifth."""
    world.random_values.append(luck)
    delivery = owed(world, "twilio")
    world.receiver.answers += [BROKEN, WELL]
    assert rounds(world, delivery) == [30 + round(6 * luck)]


@pytest.mark.parametrize(
    ("wanted", "pause"), [(None, 30), (0, 30), (29, 30), (31, 31), (14_400, 14_400), (14_401, 14_400), (10**9, 14_400)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_waits_as_long_as_it_is_asked_to(world: World, status: int, wanted: int | None, pause: int) -> None:
    """`Retry-After` makes the pause longer, but not longer than four hours."""
    delivery = owed(world, "twilio")
    world.receiver.answers += [WebhookResult(status, None, 5, retry_after=wanted), WELL]
    assert rounds(world, delivery) == [pause]
    assert found(world, delivery).state is S.DELIVERED


@pytest.mark.parametrize(
    "outcome", [WebhookResult(410, None, 5, b"gone"), WebhookResult(None, FailureReason.FORBIDDEN, 0)]
)
def test_gives_up_what_cannot_change(world: World, outcome: WebhookResult) -> None:
    """A URL that is gone, or that nothing is ever sent to, is tried once."""
    delivery = owed(world, "signalwire")
    world.receiver.answers.append(outcome)
    assert rounds(world, delivery) == []
    after = found(world, delivery)
    assert (after.state, after.attempt_count, len(world.receiver.requests)) == (S.EXHAUSTED, 1, 1)


def test_a_url_that_is_gone_is_closed(world: World, dialect: str) -> None:
    """Nothing else of the same recording is sent there, what waits and what comes later; other URLs are told."""
    parked, waiting = owed(world, dialect, number=1), owed(world, dialect, number=2)
    elsewhere = owed(world, dialect, number=3, url="https://other.example.com/")
    messages = world.callbacks.drain()
    world.receiver.answers += [BROKEN, WebhookResult(410, None, 5)]
    gone = owed(world, dialect, number=4)
    world.deliver([messages[0], *world.callbacks.drain()])
    world.log.drain()
    at = world.clock()
    for each in (parked, waiting):
        after = found(world, each)
        assert (after.state, after.next_attempt_at, after.lease_expires_at) == (S.EXHAUSTED, None, 0)
        assert after.attempts[-1] == DeliveryAttempt(at, 0, failure="closed")
    assert [attempt.status for attempt in found(world, gone).attempts] == [410]
    later = owed(world, dialect, number=5)
    another = owed(world, dialect, number=5, resource_id="6" * 32)
    sent = len(world.receiver.requests)
    world.deliver([*messages[1:], *world.callbacks.drain()])
    assert len(world.receiver.requests) == sent + 2
    assert [found(world, each).state for each in (elsewhere, another, later)] == [S.DELIVERED, S.DELIVERED, S.EXHAUSTED]
    assert [attempt.failure for attempt in found(world, later).attempts] == ["closed"]
    given_up = [line for line in world.log.drain() if line["outcome"] == "given-up"]
    assert [line["counted"] for line in given_up] == [{"CallbacksExhausted": 1}]
    assert world.reconcile() == {}
    # Whoever knows better tells it all the same.
    world.background.callbacks.replay(later.account, later.resource_id, later.id)
    world.deliver()
    assert found(world, later).state is S.DELIVERED


def test_a_vendor_closes_nothing(make_world: Callable[[int], World], dialect: str) -> None:
    """Where all is to be as the vendor has it, the next callback goes there as ever."""
    world = make_world(0)
    first, second = owed(world, dialect, number=1), owed(world, dialect, number=2)
    world.receiver.answers.append(WebhookResult(410, None, 5))
    world.deliver()
    assert [found(world, each).state for each in (first, second)] == [S.EXHAUSTED, S.DELIVERED]


@pytest.mark.parametrize(
    "outcome",
    [
        WebhookResult(302, None, 5),
        WebhookResult(404, None, 5),
        WebhookResult(None, FailureReason.REDIRECT, 5),
        WebhookResult(None, FailureReason.PROTOCOL, 5),
    ],
)
def test_puts_off_what_may_change(world: World, dialect: str, outcome: WebhookResult) -> None:
    """Whatever else goes wrong may be mended in time."""
    delivery = owed(world, dialect)
    world.receiver.answers += [outcome, WELL]
    assert rounds(world, delivery) == [30]


def test_is_exactly_as_patient_as_its_vendor(make_world: Callable[[int], World], dialect: str) -> None:
    """Where it is to be tried for no hours, what the vendor's own attempts do not tell is given up."""
    world = make_world(0)
    delivery = owed(world, dialect, url="https://app.example.com/hooks")
    world.receiver.answers += [REFUSED] * 9
    assert rounds(world, delivery) == []
    assert found(world, delivery).state is S.EXHAUSTED
    assert len(world.receiver.requests) == (2 if dialect == "twilio" else 3)


# Keys.


def test_is_signed_by_the_key_of_its_first_attempt(world: World, dialect: str) -> None:
    """A token that is rotated in between changes nothing of what was tried before; what is first sent then it signs."""
    old = owed(world, dialect)
    world.receiver.answers += [BROKEN]
    world.deliver()
    world.clock.step(5)
    new_token = world.accounts.rotate_auth_token(world.account.account)
    world.accounts.revoke_old_auth_token(world.account.account)
    world.clock.step(60)
    world.reconcile()
    world.deliver()
    first, second = world.receiver.requests
    assert second == first
    assert found(world, old).state is S.DELIVERED
    new = owed(world, dialect, number=4)
    world.deliver()
    key = new_token if dialect == "twilio" else world.account.signing_key
    own = headers(world, dialect, SIGNED, FIELDS, new.idempotency_token, key)
    assert world.receiver.requests[2] == WebhookRequest(
        "POST", URL.partition("#")[0], LIMITS[dialect], {**FORM, **own}, frozenset(own), new.body.encode(), 3
    )


def test_is_signed_by_the_old_key_as_long_as_both_are_valid(world: World) -> None:
    """A second token signs from when the first one is revoked: until then receivers may know the first alone."""
    world.accounts.rotate_auth_token(world.account.account)
    world.clock.step(60)
    delivery = owed(world, "twilio")
    world.deliver()
    (request,) = world.receiver.requests
    assert request.headers["X-Twilio-Signature"] == signature(world.account.auth_token, SIGNED, FIELDS)
    assert found(world, delivery).state is S.DELIVERED


@pytest.mark.parametrize("hours", [0, 72])
def test_is_never_sent_unsigned(make_world: Callable[[int], World], dialect: str, hours: int) -> None:
    """While its key cannot be opened it is parked, however patient it is to be otherwise, and then sent as ever."""
    world = make_world(hours)
    delivery = owed(world, dialect)
    world.kms.is_unavailable = True
    world.deliver()
    parked = found(world, delivery)
    assert world.receiver.requests == []
    assert parked == replace(
        delivery, state=S.RETRY_SCHEDULED, next_attempt_at=START + 30, first_attempt_at=START, attempt_count=1,
        attempts=(DeliveryAttempt(START * 1000 + 250, 0, failure="unsigned"),),
    )  # fmt: skip
    world.kms.is_unavailable = False
    world.clock.step(30)
    world.reconcile()
    world.deliver()
    (request,) = world.receiver.requests
    own = headers(world, dialect, SIGNED, FIELDS, delivery.idempotency_token)
    assert {name: request.headers[name] for name in own} == own
    assert found(world, delivery).state is S.DELIVERED


def test_says_so_when_it_cannot_sign(world: World) -> None:
    """Each time that a callback waits for its key is counted, so that somebody hears of it before it is given up."""
    delivery = owed(world, "twilio")
    world.kms.is_unavailable = True
    rounds(world, delivery)
    lines = [line for line in world.log.drain() if line["operation"] == "deliver_callback"]
    assert {line["outcome"] for line in lines[:-1]} == {"parked"}
    assert all(line["counted"] == {"CallbacksUnsigned": 1} for line in lines[:-1])
    assert lines[-1]["outcome"] == "given-up"
    assert lines[-1]["counted"] == {"CallbacksUnsigned": 1, "CallbacksExhausted": 1}


@pytest.mark.parametrize("hours", [0, 72])
def test_waits_for_its_key_for_a_day_at_least(make_world: Callable[[int], World], hours: int) -> None:
    """Then it is given up, visibly, without ever having been sent."""
    world = make_world(hours)
    delivery = owed(world, "twilio")
    world.kms.is_unavailable = True
    pauses = rounds(world, delivery)
    longest = max(MAX_UNSIGNED_SECONDS, hours * 3600)
    assert longest - RETRY_DELAYS_SECONDS[-1] < sum(pauses) <= longest
    assert (found(world, delivery).state, world.receiver.requests) == (S.EXHAUSTED, [])


def test_nothing_is_sent_for_an_account_without_keys(world: World) -> None:
    """Neither unsigned, nor signed with another account's."""
    delivery = owed(world, "twilio", account="9" * 32)
    world.deliver()
    assert world.receiver.requests == []
    found_there = DeliveryTable(DynamoDBTable(world.memory, world.table, world.sleep)).get(
        "9" * 32, delivery.resource_id, delivery.id
    )
    assert found_there is not None
    assert (found_there.state, found_there.attempts[0].failure) == (S.RETRY_SCHEDULED, "unsigned")


# At least once, and always the same.


def test_one_at_a_time_sends_it(world: World) -> None:
    """While somebody is sending it, the message comes again, and nothing is sent."""
    delivery = owed(world, "twilio")
    (message,) = world.callbacks.drain()
    nested: list[Any] = []
    world.receiver.on_request = lambda: nested.append(world.deliver([message]))
    assert world.deliver([message]) == []
    assert [record["messageId"] for record in nested[0]] == ["message-0"]
    assert len(world.receiver.requests) == 1
    assert found(world, delivery).attempt_count == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_sender_that_dies_after_sending_is_repeated(world: World, dialect: str, method: str) -> None:
    """Once its lease has ended: with the same token, body and signature."""
    delivery = owed(world, dialect, method=method)
    (message,) = world.callbacks.drain()
    world.receiver.answers.append(Crash())
    with pytest.raises(Crash):
        world.deliver([message])
    assert found(world, delivery).state is S.QUEUED
    # Too early, nobody knows whether the first one still sends.
    assert len(world.deliver([message])) == 1
    world.clock.milliseconds += LEASE_MS - 1
    assert len(world.deliver([message])) == 1
    world.clock.milliseconds += 1
    assert world.deliver([message]) == []
    first, second = world.receiver.requests
    assert first == second
    after = found(world, delivery)
    assert (after.state, after.attempt_count, after.first_attempt_at) == (S.DELIVERED, 1, START)


def test_a_slow_failure_does_not_undo_a_quick_success(world: World) -> None:
    """Somebody whose lease has ended fails late: what another one has told stays told, and is not tried again."""
    delivery = owed(world, "twilio", url="https://app.example.com/hooks#rc=5")
    (message,) = world.callbacks.drain()

    def overtaken() -> None:
        world.clock.milliseconds += LEASE_MS
        world.receiver.answers[:0] = [WELL]
        assert world.deliver([message]) == []

    world.receiver.on_request = overtaken
    world.receiver.answers += [REFUSED] * 5
    assert world.deliver([message]) == []
    after = found(world, delivery)
    assert (after.state, after.next_attempt_at, after.attempt_count) == (S.DELIVERED, None, 2)
    assert [attempt.failure for attempt in after.attempts] == [None, "connect"]
    assert len(world.receiver.requests) == 2


def test_what_another_has_told_is_not_tried_again(world: World) -> None:
    """Whose attempt fails while somebody else succeeds makes no second one."""
    delivery = owed(world, "twilio", url="https://app.example.com/hooks")
    (message,) = world.callbacks.drain()

    def replay() -> None:
        world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
        world.receiver.answers[:0] = [WELL]
        assert world.deliver() == []

    world.receiver.on_request = replay
    world.receiver.answers.append(REFUSED)
    assert world.deliver([message]) == []
    after = found(world, delivery)
    assert (after.state, after.attempt_count, len(world.receiver.requests), world.slept) == (S.DELIVERED, 2, 2, [])


@pytest.mark.parametrize("state", ["queued", "parked", "done", "given up"])
def test_is_sent_again_by_hand(world: World, dialect: str, state: str) -> None:
    """Whatever became of it: with the same token, body and signature, and on its way at once."""
    delivery = owed(world, dialect)
    outcome = {"parked": BROKEN, "done": WELL, "given up": WebhookResult(410, None, 5)}.get(state)
    if outcome is not None:
        world.receiver.answers.append(outcome)
        world.deliver()
    world.callbacks.drain()
    world.clock.step(7)
    told = DIALECTS[dialect]
    answer = world.call(
        "replay_callback",
        {
            "account_sid": told.format_sid(ResourceType.ACCOUNT, delivery.account),
            "sid": told.format_sid(ResourceType.RECORDING, delivery.resource_id),
            "callback": delivery.id,
        },
    )
    queued = found(world, delivery)
    assert (answer["callback"]["state"], queued.state, queued.next_attempt_at) == (
        "queued",
        S.QUEUED,
        world.clock.seconds + 600,
    )
    before = list(world.receiver.requests)
    assert world.deliver() == []
    assert found(world, delivery).state is S.DELIVERED
    assert world.receiver.requests[len(before) :] == [before[0] if before else world.receiver.requests[0]]


@pytest.mark.parametrize("after", [0, 72 * 3600])
@pytest.mark.parametrize("failure", [BROKEN, WebhookResult(410, None, 5)])
def test_what_has_arrived_stays_told(world: World, failure: WebhookResult, after: int) -> None:
    """A replay that nobody takes is tried like any other, and then it is as it was: nothing is given up."""
    delivery = owed(world, "twilio")
    world.deliver()
    world.clock.step(after)
    world.log.drain()
    world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
    world.receiver.answers += [failure] * 99
    pauses = rounds(world, delivery)
    assert bool(pauses) == (failure is BROKEN and after == 0)
    told = found(world, delivery)
    assert (told.state, told.next_attempt_at, told.attempts[0].status) == (S.DELIVERED, None, 200)
    assert len(told.attempts) == len(world.receiver.requests) == len(pauses) + 2
    outcomes = [line["outcome"] for line in world.log.drain() if line["operation"] == "deliver_callback"]
    assert outcomes == ["parked"] * len(pauses) + ["done"]


def test_replaying_while_it_is_sent_is_allowed(world: World) -> None:
    """Both are sent, and equal; it is told then."""
    delivery = owed(world, "twilio")
    (message,) = world.callbacks.drain()

    def replay() -> None:
        world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
        world.clock.step(1)
        assert world.deliver() == []

    world.receiver.on_request = replay
    assert world.deliver([message]) == []
    first, second = world.receiver.requests
    assert first == second
    after = found(world, delivery)
    assert (after.state, after.attempt_count) == (S.DELIVERED, 2)


@pytest.mark.parametrize("kind", ["refused", "lost", "killed before", "killed after"])
@pytest.mark.parametrize("outcomes", [[WELL], [REFUSED, WELL], [BROKEN]], ids=["told", "at the second try", "parked"])
def test_a_ledger_that_fails_loses_nothing(world: World, kind: str, outcomes: list[WebhookResult]) -> None:
    """Wherever it fails, or the process ends, it is told at least once in the end, each time the same."""
    for place in range(5):
        delivery = owed(world, "twilio", number=place + 1, url="https://app.example.com/hooks")
        messages = world.callbacks.drain()
        world.receiver.requests.clear()
        world.receiver.answers[:] = outcomes
        seen: list[str] = []

        def fail(when: str, operation: str, _request: object, place: int = place, seen: list[str] = seen) -> None:
            if when == ("before" if kind in {"refused", "killed before"} else "after"):
                seen.append(operation)
                if len(seen) == place + 1:
                    if kind.startswith("killed"):
                        raise Crash
                    raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

        for _ in range(20):
            world.faults.append(fail)
            try:
                failed = world.deliver(messages)
            except Crash:
                failed = [{}]
            world.faults.remove(fail)
            world.clock.milliseconds += LEASE_MS
            if not failed and found(world, delivery).state is S.DELIVERED:
                break
            if not failed:
                world.reconcile()
                messages = world.callbacks.drain() or messages
        assert found(world, delivery).state is S.DELIVERED
        assert {_hashable(replace(request, timeouts=LIMITS["twilio"])) for request in world.receiver.requests} == {
            _hashable(replace(world.receiver.requests[0], timeouts=LIMITS["twilio"]))
        }


# Messages.


def test_what_is_not_owed_is_not_sent(world: World) -> None:
    """A message of a claim that is not there, or of another account's, sends nothing and is done with."""
    delivery = owed(world, "twilio")
    (message,) = world.callbacks.drain()
    for change in ({"claim": "00000009.absent"}, {"subject": "6" * 32}, {"account": "9" * 32}):
        assert world.deliver([replace(message, body={**message.body, **change})]) == []
    assert (world.receiver.requests, found(world, delivery)) == ([], delivery)


@pytest.mark.parametrize("body", ["", "{", "{}", "[]", '{"account": 1}'])
def test_what_cannot_be_read_comes_again(world: World, body: str) -> None:
    """Until the dead-letter queue takes it."""
    record = {"messageId": "m", "body": body, "attributes": {"MessageGroupId": "g"}, "eventSource": "aws:sqs",
              "receiptHandle": "r", "messageAttributes": {}, "md5OfBody": "", "awsRegion": "us-east-1",
              "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:callbacks.fifo"}  # fmt: skip
    answer = world.call("deliver_callback", {"Records": [record]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert world.receiver.requests == []


@pytest.mark.parametrize(
    ("answer", "kept"),
    [(b"x" * 1024, "x" * 1024), (b"\xff\xfe", "\ufffd\ufffd"), ("é".encode() * 600, "é" * 512), (b"", "")],
)
def test_keeps_the_first_kilobyte_of_an_answer(world: World, answer: bytes, kept: str) -> None:
    """As text, whatever it is."""
    delivery = owed(world, "twilio")
    world.receiver.answers.append(WebhookResult(200, None, 5, answer))
    world.deliver()
    assert found(world, delivery).attempts[0].answer == kept


def test_what_waits_too_long_is_put_on_its_way_again(world: World) -> None:
    """A message that is lost is found missing after ten minutes; one that is being sent then is left alone."""
    delivery = owed(world, "twilio")
    (lost,) = world.callbacks.drain()
    world.clock.step(REQUEUE_AFTER_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"requeued": 1}
    (again,) = world.callbacks.drain()
    assert (again.body, again.group) == (lost.body, lost.group)
    assert again.id != lost.id
    world.clock.step(REQUEUE_AFTER_SECONDS)
    reconciled: list[Any] = []
    world.receiver.on_request = lambda: reconciled.append(world.reconcile())
    assert world.deliver([again]) == []
    assert (reconciled, world.callbacks.sent) == ([{}], [])
    assert found(world, delivery).state is S.DELIVERED
