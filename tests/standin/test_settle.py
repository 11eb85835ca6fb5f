"""`POST /_standin/settle`: it answers only when nothing is under way, or says what is left."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tapedeck.adapters.clock import system_clock
from tapedeck.background import webhook_delivery
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.scheduler.scheduler import Scheduler
from tests.standin.conftest import serving
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver
from tests.standin.test_engines import EngineClient

CLOCK = VirtualClock(lambda: 1_748_779_200_000, is_frozen=True)
"""The clock of the module's stand-in: an account's time moves only when it is advanced."""


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in whose clock stands still."""
    with serving(clock=CLOCK) as running:
        yield running


def in_both(kind: ResourceType, sid: str) -> dict[str, str]:
    """Return a sid in both dialects."""
    identifier = parse_any_sid(kind, sid)
    assert identifier is not None
    return {"twilio": TWILIO.format_sid(kind, identifier), "signalwire": SIGNALWIRE.format_sid(kind, identifier)}


def now_of(control: ControlClient) -> datetime:
    """Return the time of the client's account."""
    return datetime.fromisoformat(control.post("/clock").body["now"])


def in_seconds(control: ControlClient, seconds: float) -> str:
    """Return the time so many seconds after now, by the account's clock, as the control API writes it."""
    return (now_of(control) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def record(control: ControlClient, api: HttpFunctionClient, receiver: Receiver) -> tuple[str, str]:
    """Start a recording whose `completed` callback goes to the receiver; return the call and the recording."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    form = {"RecordingStatusCallback": receiver.url()}
    return call, api.post("Calls", call, "Recordings", form=form).body["sid"]


def left_of(control: ControlClient, **options: Any) -> list[dict[str, Any]]:
    """Return what `settle` says is left."""
    answer = control.post("/settle", options)
    left: list[dict[str, Any]] = answer.body["left"]
    assert answer.status == (408 if left else 200)
    return left


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause in which `settle` waits."""
    seconds: list[float] = []
    pause = Scheduler._pause

    def record_pause(scheduler: Scheduler, length: float) -> None:
        seconds.append(length)
        pause(scheduler, length)

    monkeypatch.setattr(Scheduler, "_pause", record_pause)
    return seconds


def test_nothing_is_left_when_nothing_was_done(control: ControlClient) -> None:
    """A live call without a recording is no work."""
    control.post("/calls")
    assert left_of(control) == []


def test_a_running_recording_is_no_work(control: ControlClient, api: HttpFunctionClient, receiver: Receiver) -> None:
    """A recording in progress has no end that could be waited for: nothing is left, and the clock stays."""
    record(control, api, receiver)
    before = now_of(control)
    assert (left_of(control), left_of(control, advance=True), now_of(control)) == ([], [], before)


def test_media_are_left_while_the_clock_is_frozen(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver, pauses: list[float]
) -> None:
    """The answer names the recording and when its media are due; nothing was sent, and the timeout is not waited for.

    With `advance` the same request goes on until the recording is finished and its callback is delivered.
    """
    call, recording = record(control, api, receiver)
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    expected = {"sid": in_both(ResourceType.RECORDING, recording), "what": "media", "due": in_seconds(control, 1)}
    assert left_of(control, timeout=20) == [expected]
    assert sum(pauses) < 10
    assert receiver.received == []
    assert left_of(control, timeout=60, advance=True) == []
    assert [each.fields["RecordingStatus"] for each in receiver.received] == ["completed"]
    assert api.get("Recordings", recording).body["status"] == "completed"


def test_a_callback_that_is_retried_later_is_left(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry that is due in half a minute is left; with `advance` it is sent, again and again until one succeeds."""
    dispatcher = background_bootstrap.get_background_services().callbacks
    monkeypatch.setattr(dispatcher, "_retry_hours", 72)
    monkeypatch.setattr(dispatcher, "_random_float", lambda: 0.0)
    receiver.answers.extend([500, 500, 500])
    call, recording = record(control, api, receiver)
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    control.post("/clock", {"advance": 1})
    expected = {"sid": in_both(ResourceType.RECORDING, recording), "what": "callback", "due": in_seconds(control, 30)}
    assert left_of(control, timeout=60) == [expected]
    assert len(receiver.received) == 1
    assert left_of(control, timeout=60, advance=True) == []
    assert len(receiver.received) == 4


def retry_daily(monkeypatch: pytest.MonkeyPatch, retry_hours: int) -> None:
    """Retry failed callbacks every day, for so many hours."""
    dispatcher = background_bootstrap.get_background_services().callbacks
    monkeypatch.setattr(dispatcher, "_retry_hours", retry_hours)
    monkeypatch.setattr(dispatcher, "_random_float", lambda: 0.0)
    monkeypatch.setattr(webhook_delivery, "RETRY_DELAYS_SECONDS", (86_400,))


def test_a_receiver_that_is_down_for_ever_ends(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `advance` the retries of three days run until the callback is given up."""
    retry_daily(monkeypatch, 72)
    receiver.answers.extend([500] * 100)
    call, _ = record(control, api, receiver)
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    before = now_of(control)
    assert left_of(control, timeout=60, advance=True) == []
    assert (now_of(control) - before, len(receiver.received)) == (timedelta(days=3, seconds=1), 4)


def test_a_week_is_the_limit(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `advance` the clock is advanced by seven days at most; what is due later is left (C-321)."""
    retry_daily(monkeypatch, 1_000)
    receiver.answers.extend([500] * 100)
    call, recording = record(control, api, receiver)
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    before = now_of(control)
    expected = {
        "sid": in_both(ResourceType.RECORDING, recording),
        "what": "callback",
        "due": in_seconds(control, 1 + 604_800),
    }
    assert left_of(control, timeout=60, advance=True) == [expected]
    assert (now_of(control) - before, len(receiver.received)) == (timedelta(days=6, seconds=1), 7)
    control.post("/reset")
    assert left_of(control) == []


def test_a_callback_in_work_is_waited_for(control: ControlClient, api: HttpFunctionClient, receiver: Receiver) -> None:
    """While the receiver does not answer, `settle` waits for as long as it may; then the callback is left, due now."""
    call, recording = record(control, api, receiver)
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    receiver.responding.clear()
    control.post("/clock", {"advance": 1})
    expected = {"sid": in_both(ResourceType.RECORDING, recording), "what": "callback", "due": in_seconds(control, 0)}
    assert left_of(control, timeout=0.3) == [expected]
    receiver.responding.set()
    assert left_of(control, timeout=60) == []
    assert [each.fields["RecordingStatus"] for each in receiver.received] == ["completed"]


def test_other_accounts_do_not_count(
    control: ControlClient, standin: StandIn, api: HttpFunctionClient, receiver: Receiver
) -> None:
    """Only the work of the request's account is left; without an account, that of all."""
    left_of(ControlClient(standin), timeout=60, advance=True)  # of other tests
    call, recording = record(control, api, receiver)
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    default = ControlClient(standin, TWILIO.format_sid(ResourceType.ACCOUNT, standin.account))
    assert left_of(default) == []
    assert [each["sid"] for each in left_of(ControlClient(standin))] == [in_both(ResourceType.RECORDING, recording)]
    assert left_of(ControlClient(standin), timeout=60, advance=True) == []


def test_a_running_clock_is_waited_for(aws: None, receiver: Receiver) -> None:
    """Where the clock runs, `settle` waits for media that are due in a second, and for their callback."""
    del aws  # only has to be there
    with serving(clock=VirtualClock(system_clock)) as standin:
        control = ControlClient(standin)
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        call, recording = record(control, api, receiver)
        control.post("/clock", {"advance": 5})
        control.post(f"/calls/{call}/hangup")
        assert left_of(control, timeout=60) == []
        assert [each.fields["RecordingStatus"] for each in receiver.received] == ["completed"]
        assert api.get("Recordings", recording).body["status"] == "completed"


def test_what_a_running_clock_does_not_reach_is_left_at_once(
    aws: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """A retry that is due after the timeout is not waited for."""
    del aws  # only has to be there
    with serving(clock=VirtualClock(system_clock)) as standin:
        monkeypatch.setattr(background_bootstrap.get_background_services().callbacks, "_retry_hours", 72)
        control = ControlClient(standin)
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        receiver.answers.append(500)
        call, recording = record(control, api, receiver)
        control.post("/clock", {"advance": 5})
        control.post(f"/calls/{call}/hangup")
        control.post("/clock", {"advance": 1})
        (left,) = left_of(control, timeout=20)
        assert (left["sid"], left["what"]) == (in_both(ResourceType.RECORDING, recording), "callback")
        assert sum(pauses) < 10
        assert len(receiver.received) == 1


def test_an_external_engine_is_waited_for(aws: None) -> None:
    """A command that is not deleted from its queue, and media that are not uploaded, are left without a time.

    The clock is not advanced for them: the engine may act at any time.
    """
    del aws  # only has to be there
    with serving("external") as standin:
        engine = EngineClient(standin, "standin", STANDIN_ENGINE_TOKEN)
        session = {"software": "test", "capabilities": {}, "capacity": {}, "live": [], "more": False}
        assert engine.post("sessions", session)["engine"] == "standin"
        control = ControlClient(standin)
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        call = control.post("/calls").body["sid"]["twilio"]
        recording = api.post("Calls", call, "Recordings").body["sid"]
        sid = in_both(ResourceType.RECORDING, recording)
        before = control.post("/clock").body["now"]
        for advance in (False, True):
            assert left_of(control, timeout=0.2, advance=advance) == [{"sid": sid, "what": "command", "due": None}]
        (command,) = engine.receive()
        about = {name: command[name] for name in ("account", "parent", "recording", "version")}
        assert engine.report(type="recording.started", status="in-progress", **about) == {"outcome": "taken"}
        assert left_of(control) == []
        assert api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"}).status == 200
        (command,) = engine.receive()
        about["version"] = command["version"]
        assert engine.report(type="recording.stopped", **about) == {"outcome": "taken"}
        for advance in (False, True):
            assert left_of(control, timeout=0.2, advance=advance) == [{"sid": sid, "what": "media", "due": None}]
        after = control.post("/clock").body["now"]
        assert datetime.fromisoformat(after) - datetime.fromisoformat(before) < timedelta(seconds=60)


def test_an_advance_finishes_media_when_they_are_due(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver
) -> None:
    """One advance by two hours after a hang-up: the recording is finished, and was never absent."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    events = {"RecordingStatusCallback": receiver.url(), "RecordingStatusCallbackEvent": "completed absent"}
    recording = api.post("Calls", call, "Recordings", form=events).body["sid"]
    control.post("/clock", {"advance": 60})
    control.post(f"/calls/{call}/hangup")
    control.post("/clock", {"advance": 7_200})
    assert left_of(control, timeout=60) == []
    finished = api.get("Recordings", recording).body
    assert (finished["status"], int(finished["duration"])) == ("completed", 60)
    assert [each["event"] for each in control.get("/callbacks").body["callbacks"]] == ["completed"]
