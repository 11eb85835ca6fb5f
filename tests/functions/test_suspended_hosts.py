"""A host that times out again and again gets fewer callbacks, visibly; no other host and no other account does."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.ports.messaging import FailureReason, WebhookResult
from tests.client import DIALECTS
from tests.functions.background_world import World
from tests.functions.stage import START

HANGS: Final = WebhookResult(None, FailureReason.READ, 15_000)
REFUSES: Final = WebhookResult(None, FailureReason.CONNECT, 5)
FAILS: Final = WebhookResult(500, None, 10)
URL: Final = "https://app.example.com/hooks"
State = DeliveryState


def enqueue(world: World, number: int, url: str = URL, **more: Any) -> CallbackDelivery:
    """Store a delivery of a recording of its own, and queue it."""
    delivery = CallbackDelivery(
        account=more.pop("account", world.account.account), resource_id=f"{number:031x}5", sequence=1,
        event="completed", dialect="twilio", url=url, method="POST", body="RecordingStatus=completed",
        idempotency_token=f"token-{number}", created=world.clock.seconds, next_attempt_at=world.clock.seconds + 600,
        **more,
    )  # fmt: skip
    world.background.callbacks.enqueue(delivery)
    return delivery


def read(world: World, delivery: CallbackDelivery) -> CallbackDelivery:
    """Read a delivery."""
    table = DeliveryTable(DynamoDBTable(world.memory, world.table, world.sleep))
    found = table.get(delivery.account, delivery.resource_id, delivery.id)
    assert found is not None
    return found


def send(world: World, number: int, answer: WebhookResult, url: str = URL) -> CallbackDelivery:
    """Queue and deliver one callback with this answer; return it as stored."""
    delivery = enqueue(world, number, url)
    world.receiver.answers[:] = [answer] * 9
    assert world.deliver() == []
    world.receiver.answers.clear()
    return read(world, delivery)


def suspend(world: World) -> None:
    """Suspend the host: five callbacks time out, which takes 75 seconds. They are not retried."""
    for number in range(5):
        send(world, 100 + number, HANGS)
    world.receiver.requests.clear()
    world.log.drain()


def test_five_timeouts_suspend_a_host(world: World) -> None:
    """The sixth callback is not sent but waits for the end of the suspension after 30 seconds, in whole seconds."""
    assert [send(world, number, HANGS).attempts[-1].failure for number in range(5)] == ["read"] * 5
    assert world.log.drain()[-2:] == [
        {"operation": "deliver_callback", "outcome": "suspended", "counted": {"CallbackHostsSuspended": 1}},
        {"operation": "deliver_callback", "outcome": "retry-scheduled"},
    ]  # fmt: skip
    parked = send(world, 6, HANGS)
    assert len(world.receiver.requests) == 5
    assert (parked.state, parked.next_attempt_at, parked.first_attempt_at, parked.attempt_count) == (
        State.RETRY_SCHEDULED, START + 75 + 31, None, 1,
    )  # fmt: skip
    assert [(attempt.failure, attempt.milliseconds) for attempt in parked.attempts] == [("host-suspended", 0)]
    assert world.log.drain() == [{"operation": "deliver_callback", "outcome": "retry-scheduled"}]
    twilio = DIALECTS["twilio"]
    answer = world.call(
        "list_callbacks",
        {
            "account_sid": twilio.format_sid(ResourceType.ACCOUNT, parked.account),
            "sid": twilio.format_sid(ResourceType.RECORDING, parked.resource_id),
        },
    )
    assert [attempt["failure"] for attempt in answer["callbacks"][0]["attempts"]] == ["host-suspended"]


def test_a_suspension_doubles_up_to_ten_minutes(world: World) -> None:
    """It lasts 30, 60, 120, 240, 480 and 600 seconds, then always 600; the next callback waits a fraction longer."""
    suspend(world)
    found = []
    for number in range(8):
        parked = send(world, number, HANGS)
        assert parked.next_attempt_at is not None
        found.append(parked.next_attempt_at - world.clock.seconds)
        world.clock.step(found[-1])
        send(world, 50 + number, HANGS)
        assert len(world.receiver.requests) == number + 1
    assert found == [31, 61, 121, 241, 481, 601, 601, 601]


@pytest.mark.parametrize(
    ("answer", "url"),
    [
        (REFUSES, URL),
        (FAILS, URL),
        (WebhookResult(None, FailureReason.READ, 200), URL),
        (WebhookResult(None, FailureReason.CONNECT, 100), f"{URL}#ct=100"),
        (WebhookResult(None, FailureReason.PROTOCOL, 14_000), URL),
        (WebhookResult(200, None, 14_900), URL),
    ],
    ids=["refused", "500", "reset", "short time limit", "not HTTP", "slow"],
)
def test_only_timeouts_count(world: World, answer: WebhookResult, url: str) -> None:
    """Other failures, and slow answers, suspend no host; and each of them forgets the time-outs before it."""
    for number in range(20):
        send(world, number, answer, url)
    for number in range(4):
        send(world, 30 + number, HANGS)
    send(world, 40, answer, url)
    for number in range(4):
        send(world, 50 + number, HANGS)
    assert send(world, 60, HANGS).attempts[-1].failure == "read"


def test_a_connection_that_times_out_counts(world: World) -> None:
    """Twilio's dialect tries to connect twice, for five seconds each: five such callbacks suspend the host."""
    for number in range(5):
        send(world, number, WebhookResult(None, FailureReason.CONNECT, 5_000))
    assert len(world.receiver.requests) == 10
    assert send(world, 6, HANGS).attempts[-1].failure == "host-suspended"


@pytest.mark.parametrize("answer", [WebhookResult(200, None, 5), FAILS, REFUSES], ids=["200", "500", "refused"])
def test_exactly_one_callback_probes_a_host(world: World, answer: WebhookResult) -> None:
    """While the probe is under way, the others wait for another minute; its answer, any at all, ends the suspension."""
    suspend(world)
    world.clock.step(30)
    other = enqueue(world, 2)
    (message,) = world.callbacks.drain()
    world.receiver.on_request = lambda: world.deliver([message])
    send(world, 1, answer)
    waiting = read(world, other)
    assert {request.headers["I-Twilio-Idempotency-Token"] for request in world.receiver.requests} == {"token-1"}
    assert (waiting.state, waiting.next_attempt_at) == (State.RETRY_SCHEDULED, START + 75 + 30 + 61)
    assert send(world, 3, WebhookResult(200, None, 5)).state is State.DELIVERED


def test_attempts_before_the_suspension_do_not_extend_it(world: World) -> None:
    """Of seven attempts that began together, the fifth time-out suspends for 30 seconds; two more change nothing."""
    for number in range(7):
        enqueue(world, number)
    messages = world.callbacks.drain()
    ends = []

    def start_next() -> None:
        if messages:
            world.receiver.on_request = start_next
            world.receiver.answers.append(HANGS)
            world.deliver([messages.pop()])
            ends.append(world.clock.seconds)
            world.clock.milliseconds -= 15_000

    start_next()
    world.clock.step(15)
    parked = send(world, 9, HANGS)
    assert (len(ends), len(world.receiver.requests)) == (7, 7)
    assert parked.next_attempt_at is not None
    assert parked.next_attempt_at - max(ends) <= 31


def test_other_hosts_and_accounts_are_not_suspended(world: World) -> None:
    """Another port, another name, and the same host of another account get their callbacks."""
    other = world.accounts.create()
    suspend(world)
    for number, url in enumerate(("https://app.example.com:8443/", "https://example.com/hooks")):
        assert send(world, number, WebhookResult(200, None, 5), url).state is State.DELIVERED
    foreign = enqueue(world, 7, account=other.account)
    world.deliver()
    assert read(world, foreign).state is State.DELIVERED


@pytest.mark.parametrize("url", [f"https://{'a' * 3_000}.example.com/", "https://EXAMPLE.com.:443/"])
def test_any_name_of_a_host_is_known(world: World, url: str) -> None:
    """A name that is too long for DNS (C-326), capitals, a final dot and the default port hinder nothing."""
    assert send(world, 1, REFUSES, url).attempts[-1].failure == "connect"
    for number in range(2, 7):
        assert send(world, number, HANGS, url).attempts[-1].failure == "read"
    assert send(world, 7, HANGS, url).attempts[-1].failure == "host-suspended"
    world.retries.drain()
    world.clock.step(600)
    assert world.reconcile() == {"requeued": 1}


def test_without_retries_no_host_is_suspended(make_world: Callable[[int], World]) -> None:
    """With `CallbackRetryHours` of 0 exactly the vendor's attempts are made, and nothing is read or stored for it."""
    world = make_world(0)
    for number in range(12):
        delivery = send(world, number, HANGS)
        assert [attempt.failure for attempt in delivery.attempts] == ["read"]
    assert [item for item in world.memory.scan(TableName=world.table)["Items"] if item["SK"]["S"] == "HOST"] == []


def test_a_replay_is_sent_to_a_suspended_host(world: World) -> None:
    """An operator's replay is sent at once; if it is answered, the suspension ends."""
    suspend(world)
    parked = send(world, 1, HANGS)
    world.background.callbacks.replay(parked.account, parked.resource_id, parked.id)
    world.deliver()
    assert read(world, parked).state is State.DELIVERED
    assert send(world, 2, WebhookResult(200, None, 5)).state is State.DELIVERED


def test_suspension_alone_exhausts_no_callback(world: World) -> None:
    """A callback that was never sent is sent when 72 hours have passed, although its host is suspended."""
    suspend(world)
    parked = send(world, 1, HANGS)
    for _ in range(1_000):
        if read(world, parked).state is not State.RETRY_SCHEDULED:
            break
        world.clock.step(600)
        send(world, 2, HANGS)  # the host hangs for days
        world.receiver.requests.clear()
        world.receiver.answers[:] = [HANGS] * 9
        world.reconcile()
        world.deliver()
    after = read(world, parked)
    sent = [attempt.at // 1000 - START for attempt in after.attempts if attempt.failure == "read"]
    assert sent
    assert after.state is State.RETRY_SCHEDULED or sent[-1] >= 72 * 3600 - 14_400


def test_an_overdue_callback_of_a_suspended_host_is_queued(world: World) -> None:
    """A callback that was never sent in 72 hours is queued and sent although its host is suspended (C-294)."""
    suspend(world)
    parked = send(world, 1, HANGS)
    world.clock.step(72 * 3600 - 60)
    send(world, 2, HANGS)  # a probe: the host is suspended again
    world.retries.drain()
    world.receiver.requests.clear()
    assert world.reconcile() == {}
    world.clock.step(14_400 * 6 // 5)  # the longest pause of a retry
    send(world, 3, HANGS)
    world.receiver.requests.clear()
    assert world.reconcile() == {"requeued": 1}
    world.receiver.answers[:] = [HANGS] * 9
    assert world.deliver() == []
    after = read(world, parked)
    assert [attempt.failure for attempt in after.attempts] == ["host-suspended", "read"]
    assert (len(world.receiver.requests), after.first_attempt_at is not None) == (1, True)


def test_a_suspension_exhausts_no_callback_without_a_key(make_world: Callable[[int], World]) -> None:
    """One that could not be signed was never sent: after its retry hour it is sent although its host is suspended."""
    world = make_world(1)
    unsigned = enqueue(world, 1)
    world.kms.is_unavailable = True
    assert world.deliver() == []
    world.kms.is_unavailable = False
    world.clock.step(3_000)
    suspend(world)
    world.clock.step(29)
    assert world.reconcile() == {}
    postponed = read(world, unsigned)
    assert postponed.state is State.RETRY_SCHEDULED
    assert [attempt.failure for attempt in postponed.attempts] == ["unsigned", "host-suspended"]
    world.clock.step(3_600)
    send(world, 2, HANGS)  # a probe: the host is suspended again
    world.reconcile()
    messages = [message for message in world.retries.drain() if message.body["resource"] == unsigned.resource_id]
    assert world.deliver(messages) == []
    assert read(world, unsigned).state is State.DELIVERED


def test_due_callbacks_of_a_suspended_host_are_not_queued(world: World) -> None:
    """The reconciler postpones them with one write each and no further attempt; afterwards it queues one as a probe."""
    suspend(world)
    parked = [send(world, number, HANGS) for number in range(6)]
    other = send(world, 8, FAILS, "https://example.com/hooks")
    world.clock.step(30)
    send(world, 9, HANGS)  # the probe fails: suspended for 60 seconds more
    world.retries.drain()
    world.receiver.requests.clear()
    world.clock.step(15)
    assert world.reconcile() == {"requeued": 1}
    assert [message.body["resource"] for message in world.retries.drain()] == [other.resource_id]
    for delivery in parked:
        after = read(world, delivery)
        assert (after.state, after.attempt_count, after.attempts) == (State.RETRY_SCHEDULED, 1, delivery.attempts)
        assert after.next_attempt_at is not None
        assert after.next_attempt_at >= world.clock.seconds + 45
    world.clock.step(400)
    assert world.reconcile()["requeued"] >= 1
    hosts = [message.body["resource"] for message in world.retries.drain()]
    assert len(hosts) == 1
