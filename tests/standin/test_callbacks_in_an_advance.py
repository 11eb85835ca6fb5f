"""An advance attempts each callback at its due time by the account's clock, not at its end."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.domain.errors import StoreUnavailable
from tapedeck_standin.app import container
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.recordings import audio
from tapedeck_standin.scheduler import callback_workers
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.telephony import capture_uploads
from tests.conftest import TestAccount
from tests.standin.conftest import serving
from tests.standin.http_client import StandIn
from tests.standin.receiver import Receiver
from tests.standin.test_account_clocks import START, Tenant


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in in which no time passes by itself."""
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as running:
        yield running


def retry_durably(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat failed callbacks after 30 seconds, two minutes, and so on."""
    dispatcher = background_bootstrap.get_background_services().callbacks
    monkeypatch.setattr(dispatcher, "_retry_hours", 72)
    monkeypatch.setattr(dispatcher, "_random_float", lambda: 0.0)


@pytest.fixture
def tenant(standin: StandIn, make_account: Callable[[], TestAccount], monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A new account, whose failed callbacks are repeated."""
    retry_durably(monkeypatch)
    return Tenant(standin, make_account())


def hang_up_after(tenant: Tenant, receiver: Receiver, seconds: float) -> None:
    """End the call of a recording whose `completed` callback goes to the receiver."""
    call, _ = tenant.record(RecordingStatusCallback=receiver.url())
    tenant.advance(seconds)
    tenant.control.post(f"/calls/{call}/hangup")


def attempts_of(tenant: Tenant) -> list[list[tuple[str, Any]]]:
    """Return time and status of each attempt of each callback."""
    callbacks = tenant.control.get("/callbacks").body["callbacks"]
    return [
        [(attempt["at"].removeprefix("2025-06-01T").removesuffix(".000+00:00"), attempt["status"]) for attempt in found]
        for found in (each["attempts"] for each in callbacks)
    ]


def test_a_callback_and_its_retry_have_their_own_times(tenant: Tenant, receiver: Receiver) -> None:
    """One advance by two hours: media after a second, the callback then, its retry 30 seconds later."""
    receiver.answers.append(500)
    hang_up_after(tenant, receiver, 60)
    tenant.advance(7_200)
    assert attempts_of(tenant) == [[("12:01:01", 500), ("12:01:31", 200)]]


def test_what_was_queued_is_attempted_before_the_clock_moves(tenant: Tenant, receiver: Receiver) -> None:
    """The start of a recording is reported at its time, although the clock is advanced at once."""
    receiver.answers.append(500)
    tenant.record(RecordingStatusCallback=receiver.url(), RecordingStatusCallbackEvent="in-progress")
    tenant.advance(7_200)
    assert attempts_of(tenant) == [[("12:00:00", 500), ("12:00:30", 200)]]


def test_a_delayed_callback_is_sent_on_the_way(tenant: Tenant, receiver: Receiver) -> None:
    """A callback that a fault delays by 30 seconds is sent then: its retry follows a minute after that."""
    receiver.answers.append(500)
    assert tenant.control.post("/faults", {"on": "callback", "then": {"delay": 30}}).status == 201
    hang_up_after(tenant, receiver, 60)
    tenant.advance(7_200)
    assert attempts_of(tenant) == [[("12:01:01", 500), ("12:02:31", 200)]]


def test_a_delayed_retry_is_sent_on_the_way(tenant: Tenant, receiver: Receiver) -> None:
    """A retry that a fault delays by 30 seconds of the clock is sent then, and the next one follows a minute later."""
    receiver.answers.extend([500, 500])
    hang_up_after(tenant, receiver, 60)
    tenant.advance(1)
    tenant.idle()
    assert tenant.control.post("/faults", {"on": "callback", "then": {"delay": 30}}).status == 201
    tenant.advance(7_200)
    assert attempts_of(tenant) == [[("12:01:01", 500), ("12:01:31", 500), ("12:03:01", 200)]]


def test_all_accounts_are_advanced_from_callback_to_callback(
    receiver: Receiver, make_account: Callable[[], TestAccount], monkeypatch: pytest.MonkeyPatch, aws: None
) -> None:
    """An advance of all accounts attempts the callbacks of each at their due times."""
    del aws  # only has to be there
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        retry_durably(monkeypatch)
        one, two = Tenant(standin, make_account()), Tenant(standin, make_account())
        receiver.answers.extend([500, 500])
        hang_up_after(one, receiver, 60)
        hang_up_after(two, receiver, 10)
        assert one.control.post("/clock", {"account": "*", "advance": 7_200}).status == 200
        assert attempts_of(one) == [[("12:01:01", 500), ("12:01:31", 200)]]
        assert attempts_of(two) == [[("12:00:11", 500), ("12:00:41", 200)]]


def test_a_slow_receiver_holds_no_advance(tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that takes too long goes on while the clock moves (C-307)."""
    monkeypatch.setattr(callback_workers, "MAX_ATTEMPT_WAIT_SECONDS", 0)
    receiver.responding.clear()
    hang_up_after(tenant, receiver, 60)
    assert tenant.advance(3_600) == "2025-06-01T13:01:00.000+00:00"
    receiver.responding.set()
    tenant.idle()
    assert [len(attempts) for attempts in attempts_of(tenant)] == [1]


def test_an_advance_waits_for_no_attempt_of_another_account(
    tenant: Tenant, receiver: Receiver, make_account: Callable[[], TestAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a callback of one account is being delivered, another account is advanced."""
    entered, opened = threading.Event(), threading.Event()
    deliver, other = CallbackDispatcher.deliver, Tenant(tenant.standin, make_account())

    def deliver_later(dispatcher: CallbackDispatcher, account: str, *names: Any, **options: Any) -> Any:
        if account == tenant.account.id:
            entered.set()
            opened.wait()
        return deliver(dispatcher, account, *names, **options)

    monkeypatch.setattr(callback_workers, "MAX_ATTEMPT_WAIT_SECONDS", float("inf"))
    monkeypatch.setattr(CallbackDispatcher, "deliver", deliver_later)
    hang_up_after(tenant, receiver, 5)
    tenant.advance(1)
    entered.wait()
    hang_up_after(other, receiver, 5)
    assert other.advance(3_600) == "2025-06-01T13:00:05.000+00:00"
    assert attempts_of(other) == [[("12:00:06", 200)]]
    opened.set()
    tenant.idle()


class Watch:
    """Measures real time, and time that has only been skipped."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        """Return seconds."""
        return time.monotonic() + self.skipped

    def skip_an_hour_before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that seems to take an hour of real time."""

        def take_an_hour(*arguments: Any, **options: Any) -> Any:
            self.skipped += 3_600
            return function(*arguments, **options)

        return take_an_hour


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The watch by which the next stand-in limits its waits."""
    made = Watch()
    monkeypatch.setattr(container, "Scheduler", partial(Scheduler, monotonic_clock=made))
    return made


@pytest.fixture
def watched(
    watch: Watch, make_account: Callable[[], TestAccount], monkeypatch: pytest.MonkeyPatch, aws: None
) -> Iterator[Tenant]:
    """An account of a stand-in that limits its waits by the watch; its failed callbacks are repeated."""
    del aws, watch  # only have to be there
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        retry_durably(monkeypatch)
        yield Tenant(standin, make_account())


def test_media_take_no_time_from_callbacks(
    watched: Tenant, receiver: Receiver, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the media of a recording are encoded, its callback and the retries have their own times."""
    monkeypatch.setattr(capture_uploads, "write_wav", watch.skip_an_hour_before(audio.write_wav))
    receiver.answers.extend([503, 503])
    hang_up_after(watched, receiver, 60)
    assert watched.advance(86_400) == "2025-06-02T12:01:00.000+00:00"
    assert attempts_of(watched) == [[("12:01:01", 503), ("12:01:31", 503), ("12:02:31", 200)]]


def test_what_is_due_after_slow_callbacks_has_its_own_time(
    watched: Tenant, receiver: Receiver, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an advance waits for callbacks no more, it still stops at each due time: media are finished then."""
    receiver.answers.append(500)
    hang_up_after(watched, receiver, 60)
    watched.advance(1)
    watched.idle()
    monkeypatch.setattr(CallbackDispatcher, "deliver", watch.skip_an_hour_before(CallbackDispatcher.deliver))
    call, recording = watched.record()
    watched.advance(29.5)
    watched.control.post(f"/calls/{call}/hangup")
    assert attempts_of(watched) == [[("12:01:01", 500)]]
    assert watched.advance(7_200) == "2025-06-01T14:01:30.500+00:00"
    assert attempts_of(watched) == [[("12:01:01", 500), ("12:01:31", 200)]]
    finished = watched.api.get("Recordings", recording).body
    assert (finished["status"], finished["date_updated"]) == ("completed", "Sun, 01 Jun 2025 12:01:31 +0000")


def test_a_retry_that_is_not_queued_holds_no_advance(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the reconciler cannot queue a retry, the clock goes on: it tries again after one, two and four minutes."""
    receiver.answers.append(500)
    hang_up_after(tenant, receiver, 60)
    tenant.advance(1)
    tenant.idle()
    requeue, failures = CallbackDispatcher.requeue_due, [StoreUnavailable() for _ in range(3)]

    def requeue_later(dispatcher: CallbackDispatcher, shard: str, limit: int) -> int:
        if shard == tenant.account.id and failures:
            raise failures.pop()
        return requeue(dispatcher, shard, limit)

    monkeypatch.setattr(CallbackDispatcher, "requeue_due", requeue_later)
    assert tenant.advance(7_200) == "2025-06-01T14:01:01.000+00:00"
    assert attempts_of(tenant) == [[("12:01:01", 500), ("12:05:31", 200)]]
