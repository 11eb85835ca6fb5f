"""An advance attempts each callback at its due time by the account's clock, not at its end."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.scheduler import callback_workers
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
