"""Each account of a stand-in has a time of its own: what happens in one account happens in no other."""

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_standin.clock import VirtualClock, time_of, working_for
from tapedeck_standin.scheduler import callback_workers
from tests.client import DIALECTS
from tests.conftest import TestAccount
from tests.standin.conftest import serving
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver
from tests.standin.test_engines import EngineClient
from tests.thoroughness import scaled

START: Final = 1_748_779_200_000
NEAR_THE_END: Final = 253_370_757_600_000
"""Two hours before the start of the year 9999, in milliseconds since the epoch."""
HOUR: Final = 3_600
DAY: Final = 24 * HOUR


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in in which no time passes by itself."""
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as running:
        yield running


@dataclass
class Tenant:
    """An account with its clients."""

    standin: StandIn
    account: TestAccount
    dialect: str = "twilio"
    control: ControlClient = field(init=False)
    api: HttpFunctionClient = field(init=False)

    def __post_init__(self) -> None:
        dialect = DIALECTS[self.dialect]
        self.control = ControlClient(self.standin, TWILIO.format_sid(ResourceType.ACCOUNT, self.account.id))
        self.api = HttpFunctionClient(dialect, self.account.id, self.account.token, standin=self.standin)

    def advance(self, seconds: float) -> str:
        """Advance the account's time; return it."""
        now: str = self.control.post("/clock", {"advance": seconds}).body["now"]
        return now

    def idle(self) -> None:
        """Wait until everything that is due in this account is done."""
        assert self.control.post("/wait-until-idle", {"timeout": 60}).body == {"left": []}

    def call(self) -> str:
        """Create a call in progress."""
        sid: str = self.control.post("/calls").body["sid"][self.dialect]
        return sid

    def record(self, **form: str) -> tuple[str, str]:
        """Start the recording of a new call; return both sids."""
        call = self.call()
        return call, self.api.post("Calls", call, "Recordings", form=form).body["sid"]


def open_session(standin: StandIn) -> EngineClient:
    """Connect an external engine."""
    engine = EngineClient(standin, "standin", STANDIN_ENGINE_TOKEN)
    session = {"software": "test", "capabilities": {}, "capacity": {}, "live": [], "more": False}
    assert engine.post("sessions", session)["engine"] == "standin"
    return engine


@pytest.fixture
def pair(standin: StandIn, make_account: Callable[[], TestAccount], dialect: str) -> tuple[Tenant, Tenant]:
    """Two new accounts of one stand-in."""
    return Tenant(standin, make_account(), dialect), Tenant(standin, make_account(), dialect)


def test_an_account_is_advanced_alone(pair: tuple[Tenant, Tenant]) -> None:
    """Only the named account's time moves; without a name, the default account's."""
    one, two = pair
    anonymous = ControlClient(one.standin)
    before = anonymous.post("/clock").body["now"]
    assert one.advance(HOUR) == "2025-06-01T13:00:00.000+00:00"
    assert (two.advance(0), anonymous.post("/clock").body["now"]) == ("2025-06-01T12:00:00.000+00:00", before)
    assert anonymous.post("/clock", {"advance": 60}).body["now"] > before
    assert (one.advance(0), two.advance(0)) == ("2025-06-01T13:00:00.000+00:00", "2025-06-01T12:00:00.000+00:00")


def test_all_accounts_are_advanced_together(make_account: Callable[[], TestAccount], aws: None) -> None:
    """With `*` every account's time moves by as much, also that of an account that is created later."""
    del aws  # only has to be there
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        one, two = Tenant(standin, make_account()), Tenant(standin, make_account())
        one.advance(60)
        moved = ControlClient(standin).post("/clock", {"account": "*", "advance": HOUR})
        assert (moved.status, moved.body) == (200, {"now": "2025-06-01T13:00:00.000+00:00"})
        assert one.advance(0) == "2025-06-01T13:01:00.000+00:00"
        assert two.advance(0) == "2025-06-01T13:00:00.000+00:00"
        assert Tenant(standin, make_account()).advance(0) == "2025-06-01T13:00:00.000+00:00"
        refused = ControlClient(standin).post("/clock", {"account": "all", "advance": 1})
        assert (refused.status, refused.body["error"]["field"]) == (400, "account")


def test_an_account_that_cannot_be_advanced_is_named(make_account: Callable[[], TestAccount], aws: None) -> None:
    """An advance beyond the latest date names the account that is furthest ahead, and moves no clock."""
    del aws  # only has to be there
    with serving(clock=VirtualClock(lambda: NEAR_THE_END, is_frozen=True)) as standin:
        one, control = Tenant(standin, make_account()), ControlClient(standin)

        def refusal(account: str, seconds: int) -> str:
            """Return the message to an advance that is refused."""
            answer = control.post("/clock", {"account": account, "advance": seconds})
            assert (answer.status, answer.body["error"]["field"]) == (400, "advance")
            message: str = answer.body["error"]["message"]
            return message

        text = "would exceed the latest date that can be represented"
        assert refusal("*", 2 * HOUR + 1) == f"advance: the clock {text}"
        assert one.advance(HOUR) == "9998-12-31T23:00:00.000+00:00"
        sid = TWILIO.format_sid(ResourceType.ACCOUNT, one.account.id)
        for account, seconds in (("*", HOUR + 1), ("*", 3 * HOUR), (sid, HOUR + 1)):
            assert refusal(account, seconds) == f"advance: the clock of {sid} {text}"
        assert one.advance(0) == "9998-12-31T23:00:00.000+00:00"
        moved = control.post("/clock", {"account": "*", "advance": HOUR})
        assert (moved.status, moved.body) == (200, {"now": "9998-12-31T23:00:00.000+00:00"})


def test_a_reset_keeps_the_time(pair: tuple[Tenant, Tenant]) -> None:
    """After a reset, the account's clock is where it was, and what is created next is newer (C-338)."""
    one, _ = pair
    one.advance(DAY)
    one.record()
    assert one.control.post("/reset").status == 204
    assert one.advance(0) == "2025-06-02T12:00:00.000+00:00"
    _, recording = one.record()
    assert "02 Jun 2025 12:00:00" in one.api.get("Recordings", recording).body["date_created"]


def test_durations_and_media_follow_their_account(pair: tuple[Tenant, Tenant]) -> None:
    """A recording lasts as long as its own account was advanced; another account's recording goes on."""
    one, two = pair
    one.advance(DAY)
    (call, recording), (_, other) = one.record(), two.record()
    one.advance(30)
    one.control.post(f"/calls/{call}/hangup")
    one.advance(1)
    one.idle()
    finished = one.api.get("Recordings", recording).body
    assert (finished["status"], int(finished["duration"])) == ("completed", 30)
    assert two.api.get("Recordings", other).body["status"] in {"processing", "in-progress"}
    assert two.control.post("/settle", {"advance": True}).body == {"left": []}
    assert two.advance(0) == "2025-06-01T12:00:00.000+00:00"


def test_callbacks_are_retried_by_their_account(pair: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry becomes due when its own account is advanced; an advance of another account does not wait for it."""
    dispatcher = background_bootstrap.get_background_services().callbacks
    monkeypatch.setattr(dispatcher, "_retry_hours", 72)
    monkeypatch.setattr(dispatcher, "_random_float", lambda: 0.0)
    for tenant in pair:
        fault = {"on": "callback", "times": 100, "then": {"status": 500}}
        assert tenant.control.post("/faults", fault).status == 201
        call, _ = tenant.record(RecordingStatusCallback="http://127.0.0.1:9/hook")
        tenant.advance(5)
        tenant.control.post(f"/calls/{call}/hangup")
        tenant.advance(1)
        tenant.idle()
    one, two = pair
    one.advance(DAY)
    one.idle()
    attempts = [len(tenant.control.get("/callbacks").body["callbacks"][0]["attempts"]) for tenant in pair]
    assert attempts[0] > 5
    assert attempts[1] == 1
    (left,) = two.control.post("/settle", {"timeout": 60}).body["left"]
    assert (left["what"], left["due"]) == ("callback", "2025-06-01T12:00:36.000+00:00")


def test_unconfirmed_recordings_time_out_by_their_account(make_account: Callable[[], TestAccount], aws: None) -> None:
    """If the engine never confirms a start, the reconciler gives it up, in the account that was advanced."""
    del aws  # only has to be there
    with serving("external", clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        open_session(standin)
        one, two = Tenant(standin, make_account()), Tenant(standin, make_account())
        made = [tenant.record()[1] for tenant in (one, two)]
        one.advance(2 * HOUR)
        one.idle()
        found = [each.api.get("Recordings", sid).body["status"] for each, sid in zip((one, two), made, strict=True)]
        assert found == ["absent", "processing"]


def test_all_that_is_unsettled_is_listed_by_the_time_of_its_account(
    make_account: Callable[[], TestAccount], aws: None
) -> None:
    """Without an account, a start is overdue if it is so by the time of its own account (C-309)."""
    del aws  # only has to be there
    with serving("external", clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        open_session(standin)
        tenants = [Tenant(standin, make_account()) for _ in range(3)]
        made = [tenant.record()[1] for tenant in tenants]
        tenants[0].advance(40)
        tenants[1].advance(20)
        listed = ControlClient(standin).get("/unsettled").body
        found = {each["recording_sid"]["twilio"]: (each["what"], each["overdue"]) for each in listed["unsettled"]}
        what = "start_not_confirmed"
        assert found == dict(zip(made, [(what, True), (what, False), (what, False)], strict=True))
        assert listed["at"] == START // 1000
        for overdue in ("false", "true"):
            lists = [each.control.get("/unsettled", overdue=overdue).body["unsettled"] for each in tenants]
            together = ControlClient(standin).get("/unsettled", overdue=overdue).body["unsettled"]
            assert sorted(together, key=str) == sorted((entry for alone in lists for entry in alone), key=str)


def test_what_is_overdue_is_listed_at_once(make_account: Callable[[], TestAccount], aws: None) -> None:
    """A start that is not confirmed is in the list of what is overdue from the second at which it is due."""
    del aws  # only has to be there
    with serving("external", clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        open_session(standin)
        tenant = Tenant(standin, make_account())
        _, recording = tenant.record()
        for seconds, expected in ((29, []), (1, [recording])):
            tenant.advance(seconds)
            for client in (tenant.control, ControlClient(standin)):
                found = client.get("/unsettled", overdue="true").body["unsettled"]
                assert [each["recording_sid"]["twilio"] for each in found] == expected


def test_old_calls_end_by_their_account(pair: tuple[Tenant, Tenant]) -> None:
    """A call ends after a day of its own account, although another account has looked for old calls already."""
    for tenant in pair:
        call = tenant.call()
        tenant.advance(25 * HOUR)
        tenant.idle()
        assert tenant.api.get("Calls", call).body["status"] == "completed"
        call = tenant.call()
        assert tenant.api.get("Calls", call).body["status"] == "in-progress"


def test_what_was_deleted_is_listed_by_the_time_of_its_account(
    standin: StandIn, make_account: Callable[[], TestAccount]
) -> None:
    """A deleted recording is listed for 40 days of its own account; only Twilio's lists show it."""
    pair = Tenant(standin, make_account()), Tenant(standin, make_account())
    for tenant in pair:
        call, recording = tenant.record()
        tenant.advance(5)
        tenant.control.post(f"/calls/{call}/hangup")
        tenant.advance(1)
        tenant.idle()
        assert tenant.api.delete("Recordings", recording).status == 204
    pair[0].advance(41 * DAY)
    pair[0].idle()
    listed = [each.api.get("Recordings", IncludeSoftDeleted="true").body["recordings"] for each in pair]
    assert list(map(len, listed)) == [0, 1]


def test_an_event_of_an_external_engine_has_the_time_of_its_account(
    make_account: Callable[[], TestAccount], aws: None
) -> None:
    """In one request with events of two accounts, each happens now by the clock of its account (C-319)."""
    del aws  # only has to be there
    with serving("external", clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        engine = open_session(standin)
        tenants = [Tenant(standin, make_account()) for _ in range(2)]
        tenants[0].advance(DAY)
        events, calls = list[dict[str, Any]](), list[str]()
        for seq, tenant in enumerate(tenants, 1):
            calls.append(new_id(START))
            events.append(
                {
                    "id": new_id(START), "seq": seq, "at": START, "type": "call.answered", "account": tenant.account.id,
                    "call": calls[-1], "to": "+12025550123", "from": "+12025550199", "direction": "inbound",
                }
            )  # fmt: skip
        answer = engine.post("events", {"events": events})
        assert [result["outcome"] for result in answer["results"]] == ["taken", "taken"]
        sids = [TWILIO.format_sid(ResourceType.CALL, call) for call in calls]
        started = [each.api.get("Calls", sid).body["start_time"] for each, sid in zip(tenants, sids, strict=True)]
        assert started == ["Mon, 02 Jun 2025 12:00:00 +0000", "Sun, 01 Jun 2025 12:00:00 +0000"]


def test_a_sleep_ends_when_its_own_account_is_advanced() -> None:
    """A thread that sleeps for an account goes on when this account's time has come, not when another's has."""
    clock, ended = VirtualClock(lambda: START, is_frozen=True), threading.Event()

    def sleep() -> None:
        with working_for("a"):
            clock.sleep(600)
        ended.set()

    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    clock.advance(HOUR, "b")
    assert not ended.wait(0.1)
    while not ended.wait(0.01):
        clock.advance(HOUR, "a")
    thread.join()
    assert (time_of(clock, "b"), time_of(clock, "c"), clock()) == (START + HOUR * 1000, START, START)


Operation = tuple[str, float]
"""The name of an operation, and a number between 0 and 1 that decides its details."""


@dataclass
class Plan:
    """The operations of an account that are left, what was created, and what the account has seen."""

    tenant: Tenant
    operations: list[Operation]
    hook: str
    calls: list[str] = field(default_factory=list)
    recordings: list[tuple[str, str]] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)

    def perform_next(self) -> None:
        """Perform the next operation, and keep what it answers."""
        name, number = self.operations.pop(0)
        act = getattr(self, f"_{name}")
        self.seen.append(act(number))

    def _call(self, _number: float) -> Any:
        made = self.tenant.control.post("/calls").body
        self.calls.append(made["sid"][self.tenant.dialect])
        return made

    def _conference(self, number: float) -> Any:
        callback = {"status_callback": self.hook, "status_callback_event": "start end join leave"}
        return self.tenant.control.post("/conferences", {"record": number < 0.5, **callback}).body

    def _fault(self, number: float) -> Any:
        self.tenant.idle()  # a fault meets only callbacks that come later
        then: Any = [{"status": 500}, {"drop": True}, {"close": True}, {"double": True}][int(number * 4)]
        return self.tenant.control.post("/faults", {"on": "callback", "times": 2, "then": then}).status

    def _media(self, _number: float) -> Any:
        return self.tenant.control.post("/faults", {"on": "media", "then": {"absent": 12_345}}).status

    def _advance(self, number: float) -> Any:
        return self.tenant.advance(round(number**3 * 5_000, 3))

    def _hangup(self, number: float) -> Any:
        if not self.calls:
            return None
        return self.tenant.control.post(f"/calls/{self._chosen(self.calls, number)}/hangup").body

    def _record(self, number: float) -> Any:
        if not self.calls:
            return None
        call, form = self._chosen(self.calls, number), {"RecordingStatusCallback": self.hook}
        answer = self.tenant.api.post("Calls", call, "Recordings", form=form)
        if "sid" in answer.body:
            self.recordings.append((call, answer.body["sid"]))
        return answer.body

    def _update(self, number: float) -> Any:
        if not self.recordings:
            return None
        status = ["paused", "in-progress", "stopped"][int(number * 300) % 3]
        call, recording = self._chosen(self.recordings, number)
        return self.tenant.api.post("Calls", call, "Recordings", recording, form={"Status": status}).body

    @staticmethod
    def _chosen(found: list[Any], number: float) -> Any:
        return found[int(number * len(found))]


OPERATIONS: Final = (
    "call", "record", "record", "update", "update", "hangup", "advance", "advance", "fault", "media", "conference",
)  # fmt: skip


def _journals(tenant: Tenant) -> Any:
    """Return everything that the account shows at the end, after a last day."""
    tenant.idle()
    assert tenant.control.post("/settle", {"timeout": 60, "advance": True}).body == {"left": []}
    return [
        tenant.advance(DAY),
        tenant.control.post("/wait-until-idle", {"timeout": 60}).body,
        *(tenant.api.get(kind).body for kind in ("Calls", "Conferences", "Recordings")),
        *(tenant.control.get(f"/{journal}").body for journal in ("callbacks", "requests", "warnings", "faults")),
        tenant.control.get("/unsettled").body,
    ]


_ID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|conference-[0-9a-f]{12}")
_LEFT_OUT: Final = frozenset({"milliseconds", "signature", "signed", "answer", "id"})
"""What depends on real time, on the account's token, or on ids: deliveries are named by ids and sort by them."""


def _normalized(content: Any) -> Any:
    """Replace each id by the number of its first appearance."""
    numbers: dict[str, str] = {}

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(each) for name, each in value.items() if name not in _LEFT_OUT}
        return [without(each) for each in value] if isinstance(value, list) else value

    def number(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0].replace("-", ""), f"<{len(numbers)}>")

    return json.loads(_ID.sub(number, json.dumps(without(content))))


def _run(plans: list[Plan], order: random.Random) -> list[Any]:
    """Perform the operations of all accounts in turn; return what each of them has seen."""
    while waiting := [plan for plan in plans if plan.operations]:
        order.choice(waiting).perform_next()
    return [_normalized([plan.seen, _journals(plan.tenant)]) for plan in plans]


@pytest.mark.sized
def test_two_accounts_are_as_each_alone(
    standin: StandIn,
    make_account: Callable[[], TestAccount],
    dialect: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two accounts that act in turn show what each of them shows if the other one does not exist."""
    dispatcher = background_bootstrap.get_background_services().callbacks
    monkeypatch.setattr(dispatcher, "_retry_hours", 72)
    monkeypatch.setattr(dispatcher, "_random_float", lambda: 0.5)
    monkeypatch.setattr(callback_workers, "MAX_CONCURRENT", 1)  # faults meet the callbacks in a fixed order
    for seed in range(scaled(deep=40, ci=1, fast=1)):
        order = random.Random(f"{dialect}/{seed}")  # noqa: S311 - not for secrets
        operations = [[(order.choice(OPERATIONS), order.random()) for _ in range(16)] for _ in range(2)]
        plans = [Plan(Tenant(standin, make_account(), dialect), list(each), receiver.url()) for each in operations * 2]
        together = _run(plans[:2], order)
        alone = [_run([plan], order)[0] for plan in plans[2:]]
        assert together == alone, seed
