"""No account waits for the media of another one, and no request longer than it says."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tapedeck.background.conversions import Conversions
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE
from tapedeck_standin.clock import VirtualClock, current_account
from tapedeck_standin.recordings import audio
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.telephony import capture_uploads
from tests.conftest import TestAccount
from tests.standin.conftest import serving
from tests.standin.http_client import ControlClient, StandIn
from tests.standin.test_account_clocks import START, Tenant
from tests.standin.test_settle import in_both

NOON: Final = "2025-06-01T12:00:"


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in in which no time passes by itself."""
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as running:
        yield running


@dataclass
class Gate:
    """Holds the threads that work for an account, from `entered` on until `opened`."""

    account: str = ""
    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that waits for the gate first."""

        def wait(*arguments: Any) -> Any:
            if current_account() == self.account:
                self.entered.set()
                self.opened.wait()
            return function(*arguments)

        return wait


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is open at the end of the test."""
    made = Gate()
    yield made
    made.opened.set()


@pytest.fixture
def encoder(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate before the encoding of captures."""
    monkeypatch.setattr(capture_uploads, "write_wav", gate.before(audio.write_wav))
    return gate


@pytest.fixture
def converter(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate before the conversion of captures."""
    convert = Conversions.convert

    def convert_later(conversions: Conversions, content: str) -> bool:
        converted: bool = gate.before(convert)(conversions, content)
        return converted

    monkeypatch.setattr(Conversions, "convert", convert_later)
    return gate


def end_a_recording(tenant: Tenant) -> str:
    """Record five seconds of a call that then ends; return the recording, whose media are due a second later."""
    call, recording = tenant.record()
    tenant.advance(5)
    tenant.control.post(f"/calls/{call}/hangup")
    return recording


def status_of(tenant: Tenant, recording: str) -> str:
    """Return the status of a recording."""
    status: str = tenant.api.get("Recordings", recording).body["status"]
    return status


@pytest.fixture
def tenants(standin: StandIn, make_account: Callable[[], TestAccount]) -> tuple[Tenant, Tenant]:
    """Two new accounts of one stand-in."""
    return Tenant(standin, make_account()), Tenant(standin, make_account())


def test_other_accounts_do_not_wait_for_an_encoder(tenants: tuple[Tenant, Tenant], encoder: Gate) -> None:
    """While the media of one account are encoded, another one advances, settles, waits and is reset."""
    busy, other = tenants
    held = end_a_recording(busy)
    encoder.account = busy.account.id
    thread = threading.Thread(target=busy.advance, args=(1,), daemon=True)
    thread.start()
    encoder.entered.wait()
    recording = end_a_recording(other)
    assert other.advance(1) == NOON + "06.000+00:00"
    other.idle()
    assert other.control.post("/settle", {"timeout": 60}).body == {"left": []}
    assert (status_of(other, recording), status_of(busy, held)) == ("completed", "processing")
    assert other.control.post("/reset").status == 204
    encoder.opened.set()
    thread.join()
    assert status_of(busy, held) == "completed"


def test_other_accounts_do_not_wait_for_a_reset(
    tenants: tuple[Tenant, Tenant], encoder: Gate, anonymous: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a reset waits for media of its account, others create, end and reset what they have; its own requests wait.

    The account that is meant may be named in either format.
    """
    busy, other = tenants
    end_a_recording(busy)
    encoder.account = busy.account.id
    threading.Thread(target=busy.advance, args=(1,), daemon=True).start()
    encoder.entered.wait()
    run, began, done = Scheduler.run, threading.Event(), list[str]()

    def run_later(scheduler: Scheduler, account: str | None = None, deadline: float | None = None) -> bool:
        began.set()
        return run(scheduler, account, deadline)

    def send(client: ControlClient, method: str, path: str, **fields: Any) -> threading.Thread:
        def act() -> None:
            answer = client.get(path, **fields) if method == "GET" else client.post(path, fields)
            done.append(f"{answer.status} {method} {path}")

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        return thread

    monkeypatch.setattr(Scheduler, "run", run_later)
    own = [send(busy.control, "POST", "/reset")]
    began.wait()
    signalwire = {"account": SIGNALWIRE.format_sid(ResourceType.ACCOUNT, busy.account.id)}
    own += [send(busy.control, "GET", "/faults"), send(ControlClient(busy.standin), "POST", "/calls", **signalwire)]
    call = other.call()
    assert other.control.post(f"/calls/{call}/hangup").status == 200
    assert other.control.get("/unsettled").body["unsettled"] == []
    assert (anonymous.post("/accounts").status, anonymous.get("/faults").status) == (201, 200)
    assert (other.control.post("/reset").status, done) == (204, [])
    encoder.opened.set()
    for thread in own:
        thread.join()
    assert sorted(done) == ["200 GET /faults", "201 POST /calls", "204 POST /reset"]


@pytest.mark.parametrize("route", ["/settle", "/wait-until-idle"])
def test_media_in_work_are_left_after_the_timeout(tenants: tuple[Tenant, Tenant], encoder: Gate, route: str) -> None:
    """A request with a timeout answers then, although the media of its own account are still encoded."""
    busy, _ = tenants
    recording = end_a_recording(busy)
    encoder.account = busy.account.id
    thread = threading.Thread(target=busy.advance, args=(1,), daemon=True)
    thread.start()
    encoder.entered.wait()
    answer = busy.control.post(route, {"timeout": 0.1})
    sid = in_both(ResourceType.RECORDING, recording)
    left = [{"sid": sid, "what": "media", "due": NOON + "06.000+00:00"}]
    assert (answer.status, answer.body) == (408, {"left": left})
    encoder.opened.set()
    thread.join()
    busy.idle()


@pytest.mark.parametrize("route", ["/settle", "/wait-until-idle"])
def test_a_conversion_in_work_is_due_now(tenants: tuple[Tenant, Tenant], converter: Gate, route: str) -> None:
    """A capture that is converted while a request waits is left, due now: not when its message is delivered again."""
    busy, _ = tenants
    recording = end_a_recording(busy)
    converter.account = busy.account.id
    thread = threading.Thread(target=busy.advance, args=(1,), daemon=True)
    thread.start()
    converter.entered.wait()
    answer = busy.control.post(route, {"timeout": 0.1})
    sid = in_both(ResourceType.RECORDING, recording)
    left = [{"sid": sid, "what": "conversion", "due": NOON + "06.000+00:00"}]
    assert (answer.status, answer.body) == (408, {"left": left})
    converter.opened.set()
    thread.join()
    busy.idle()
    assert status_of(busy, recording) == "completed"


def test_settle_does_not_advance_beyond_media_in_work(tenants: tuple[Tenant, Tenant], encoder: Gate) -> None:
    """With `advance`, the clock stays at the time of media that are not finished when the timeout comes."""
    busy, _ = tenants
    recording = end_a_recording(busy)
    encoder.account = busy.account.id
    answer = busy.control.post("/settle", {"timeout": 0.1, "advance": True})
    assert (answer.status, [each["what"] for each in answer.body["left"]]) == (408, ["media"])
    assert busy.control.post("/settle", {"timeout": 0.1, "advance": True}).status == 408
    encoder.opened.set()
    assert busy.control.post("/settle", {"timeout": 60, "advance": True}).body == {"left": []}
    assert (status_of(busy, recording), busy.advance(0)) == ("completed", NOON + "06.000+00:00")


def test_a_failing_encoder_ends_the_request(tenants: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file of a capture cannot be written, an advance that waits for it is 500; it is written again later."""
    tenant, _ = tenants
    recording = end_a_recording(tenant)

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(capture_uploads, "write_wav", fail)
        assert tenant.control.post("/clock", {"advance": 1}).status == 500
    while tenant.control.post("/wait-until-idle", {"timeout": 60}).status == 500:
        pass  # the thread had begun before
    assert status_of(tenant, recording) == "completed"
