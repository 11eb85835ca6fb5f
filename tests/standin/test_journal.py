"""What was told can be read, waited for and told again; what is to go wrong with it goes wrong."""

import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.settings import STANDIN_SIGNING_KEY
from tapedeck_standin.scheduler import scheduler
from tapedeck_standin.scheduler.callback_workers import MAX_AT_ONCE
from tests.client import Answer
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, Place
from tests.standin.receiver import PATIENCE, Receiver, is_signed_by_signalwire, receiving

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
UNKNOWN = "01" * 16


@dataclass
class JournalClient:
    """Records, is told of it, and looks at what the stand-in says it has told."""

    api: HttpFunctionClient
    control: ControlClient
    receiver: Receiver

    def call(self) -> str:
        """A call in progress."""
        sid: str = self.control.post("/calls").body["sid"][self.api.dialect.name]
        return sid

    def record(self, call: str, events: str = "in-progress completed", **more: str) -> str:
        """Its recording, told of at the receiver."""
        form = {"RecordingStatusCallback": self.receiver.url(), "RecordingStatusCallbackEvent": events, **more}
        sid: str = self.api.post("Calls", call, "Recordings", form=form).body["sid"]
        return sid

    def finish(self, call: str, seconds: float = 5) -> None:
        """So many seconds later the call ends, and its recording is finished."""
        self.advance(seconds)
        assert self.control.post(f"/calls/{call}/hangup").status == 200
        self.advance(2)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        assert self.control.post("/clock", {"advance": seconds}).status == 200

    def settle(self) -> None:
        """Wait until nothing is under way."""
        answer = self.control.post("/settle", {"timeout": PATIENCE})
        assert (answer.status, answer.body) == (200, {"left": []})

    def callbacks(self, **query: str) -> list[dict[str, Any]]:
        """The journal."""
        answer = self.control.get("/callbacks", **query)
        assert (answer.status, list(answer.body)) == (200, ["callbacks"])
        callbacks: list[dict[str, Any]] = answer.body["callbacks"]
        return callbacks

    def fail(self, on: str, then: dict[str, Any], times: int = 1) -> None:
        """The next so many go wrong."""
        assert self.control.post("/faults", {"on": on, "times": times, "then": then}).status == 201

    def errors(self) -> list[list[Any]]:
        """What came of each attempt of each callback: its status, or why it has none."""
        return [[each["status"] or each["error"] for each in entry["attempts"]] for entry in self.callbacks()]


@pytest.fixture
def desk(api: HttpFunctionClient, control: ControlClient, receiver: Receiver) -> JournalClient:
    """A desk of the test's own, in either dialect."""
    return JournalClient(api, control, receiver)


@pytest.fixture
def twilio(place: Place, account: TestAccount, control: ControlClient, receiver: Receiver) -> JournalClient:
    """The same in Twilio's dialect alone, where the dialect does not matter."""
    return JournalClient(HttpFunctionClient(TWILIO, account.id, account.token, place=place), control, receiver)


def test_shows_what_was_told(desk: JournalClient) -> None:
    """A callback is shown as it was sent, with its signature, what was signed, and what came of each attempt."""
    call = desk.call()
    recording = desk.record(call)
    (shown,) = desk.callbacks(wait="30")
    (told,) = desk.receiver.wait_for(1)
    (attempt,) = shown.pop("attempts")
    assert INSTANT.fullmatch(attempt.pop("at"))
    assert isinstance(attempt.pop("milliseconds"), int)
    assert attempt == {"status": 200, "error": None, "answer": "done"}
    identifier = desk.api.dialect.parse_sid(ResourceType.RECORDING, recording)
    assert identifier is not None
    assert re.fullmatch(rf"{identifier}\.\d{{8}}\.in-progress", shown.pop("id"))
    assert shown == {
        "sid": {each.name: each.format_sid(ResourceType.RECORDING, identifier) for each in (TWILIO, SIGNALWIRE)},
        "event": "in-progress",
        "method": "POST",
        "url": desk.receiver.url(),
        "fields": told.fields,
        "signature": told.headers["x-twilio-signature"],
        "signed": desk.receiver.url() + "".join(name + told.fields[name] for name in sorted(told.fields)),
    }
    desk.finish(call)
    desk.settle()
    assert [entry["event"] for entry in desk.callbacks()] == ["in-progress", "completed"]


def test_shows_what_was_told_with_get(twilio: JournalClient) -> None:
    """Of a GET the URL with its fields was signed, and the URL that was given is shown."""
    twilio.record(twilio.call(), RecordingStatusCallbackMethod="GET")
    (shown,) = twilio.callbacks(wait="30")
    (told,) = twilio.receiver.wait_for(1)
    assert (shown["method"], shown["url"], shown["signed"]) == ("GET", twilio.receiver.url(), told.url)
    assert (told.method, told.fields) == ("GET", shown["fields"])
    assert shown["signature"] == told.headers["x-twilio-signature"]


def test_finds_what_is_meant(desk: JournalClient) -> None:
    """Callbacks are found by the sid of what they tell of, or of its call, in either spelling, and by their event."""
    first, second = desk.call(), desk.call()
    recordings = [desk.record(first), desk.record(second)]
    desk.finish(first)
    desk.settle()
    everything = [(entry["sid"][desk.api.dialect.name], entry["event"]) for entry in desk.callbacks()]
    assert sorted(everything) == sorted(
        [(recordings[0], "in-progress"), (recordings[0], "completed"), (recordings[1], "in-progress")]
    )
    identifier = desk.api.dialect.parse_sid(ResourceType.RECORDING, recordings[0])
    assert identifier is not None
    for sid in (
        TWILIO.format_sid(ResourceType.RECORDING, identifier),
        SIGNALWIRE.format_sid(ResourceType.RECORDING, identifier),
        first,
    ):
        assert [entry["event"] for entry in desk.callbacks(sid=sid)] == ["in-progress", "completed"]
    assert [entry["sid"][desk.api.dialect.name] for entry in desk.callbacks(event="completed")] == [recordings[0]]
    assert desk.callbacks(sid=recordings[1], event="completed") == []
    assert desk.callbacks(sid=TWILIO.format_sid(ResourceType.RECORDING, UNKNOWN)) == []


def test_a_conference_is_found_by_the_event_as_it_was_asked_for_and_as_it_is_told(twilio: JournalClient) -> None:
    """`join` and `participant-join` mean the same; the sid is a conference's."""
    order = {"status_callback": twilio.receiver.url(), "status_callback_event": ["join", "end"]}
    conference = twilio.control.post("/conferences", order).body["sid"]
    twilio.receiver.wait_for(2)
    twilio.settle()
    assert twilio.callbacks(event="join") == twilio.callbacks(event="participant-join")
    assert [(entry["sid"], entry["event"]) for entry in twilio.callbacks()] == [(conference, "join")] * 2


def test_waits_for_what_is_meant(twilio: JournalClient) -> None:
    """Who waits is answered as soon as it has been told, although much else could be done meanwhile."""
    call = twilio.call()
    recording = twilio.record(call)
    found: list[str] = []
    waiter = threading.Thread(
        target=lambda: found.extend(
            entry["event"] for entry in twilio.callbacks(sid=recording, event="completed", wait="30")
        )
    )
    waiter.start()
    twilio.finish(call)
    waiter.join(PATIENCE)
    assert found == ["completed"]
    assert twilio.callbacks(event="absent", wait="0.05") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sid": "RE1"}, "sid"),
        ({"sid": "AC" + UNKNOWN}, "sid"),
        ({"event": ""}, "event"),
        ({"wait": "-1"}, "wait"),
        ({"wait": "61"}, "wait"),
        ({"wait": "nan"}, "wait"),
        ({"wait": "soon"}, "wait"),
        ({"colour": "blue"}, "colour"),
        ({"account": "AC1"}, "account"),
    ],
)
def test_refuses_a_bad_question(anonymous: ControlClient, query: dict[str, str], field: str) -> None:
    """Whatever cannot be used is refused with 400, and named."""
    refused(anonymous.get("/callbacks", **query), 400, field)


def refused(answer: Answer, status: int, field: str) -> None:
    """A refusal that names the field."""
    assert (answer.status, answer.body["error"]["field"]) == (status, field), answer.body
    if status == 400:
        assert answer.body["error"]["message"].startswith(f"{field}: ")


def test_accounts_do_not_wait_for_one_another(
    place: Place, make_account: Callable[[], TestAccount], receiver: Receiver
) -> None:
    """Receivers that take their time hold up the callbacks of their own account alone."""
    with receiving() as slow:
        slow.opens.clear()
        for listening, count in ((slow, 6), (receiver, 1)):
            account = make_account()
            control = ControlClient(place, TWILIO.format_sid(ResourceType.ACCOUNT, account.id))
            desk = JournalClient(HttpFunctionClient(TWILIO, account.id, account.token, place=place), control, listening)
            for _ in range(count):
                desk.record(desk.call())
            listening.wait_for(min(count, MAX_AT_ONCE))
        assert len(slow.received) == MAX_AT_ONCE
        slow.opens.set()
        assert len(slow.wait_for(6)) == 6


@pytest.mark.parametrize("seconds", [100, 1_000])
def test_what_is_being_told_is_not_told_again(desk: JournalClient, seconds: float) -> None:
    """Time that is put forward while a receiver takes its own is no reason to ask it twice."""
    desk.receiver.opens.clear()
    desk.record(desk.call())
    desk.receiver.wait_for(1)
    for _ in range(2):
        desk.advance(seconds)
        # Whoever would tell it again has had the time to.
        assert desk.control.post("/settle", {"timeout": 0.3}).status == 408
    desk.receiver.opens.set()
    desk.settle()
    assert (desk.errors(), len(desk.receiver.received)) == ([[200]], 1)


def test_a_pause_between_attempts_may_be_put_forward(desk: JournalClient) -> None:
    """Time that is put forward after an attempt has failed brings the next one, which takes what it takes."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    desk.record(desk.call(), RecordingStatusCallback=f"http://127.0.0.1:{port}/hook")
    (first,) = desk.callbacks(wait="30")
    assert [attempt["error"] for attempt in first["attempts"]] == ["connect"]
    with receiving(port) as listening:
        listening.opens.clear()
        desk.advance(20)
        listening.wait_for(1)
        time.sleep(0.2)
        listening.opens.set()
        desk.settle()
    assert desk.errors() == [["connect", 200]]


def test_what_is_due_again_is_not_settled(twilio: JournalClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where callbacks are tried for days, one that is due is waited for, however little time has passed since."""
    monkeypatch.setattr(background_bootstrap.get_background_services().callbacks, "_retry_hours", 72)
    monkeypatch.setattr(scheduler, "PATIENCE", 0)
    twilio.receiver.answers.append(500)
    recording = twilio.record(twilio.call())
    twilio.settle()
    twilio.receiver.opens.clear()
    twilio.advance(40)
    answer = twilio.control.post("/settle", {"timeout": 0.3})
    assert (answer.status, [sid["twilio"] for sid in answer.body["left"]]) == (408, [recording])
    twilio.receiver.opens.set()
    twilio.settle()
    assert twilio.errors() == [[500, 200]]


def test_tells_again(desk: JournalClient) -> None:
    """A replay arrives: the same fields, token and signature; it is another attempt of the same callback."""
    desk.record(desk.call())
    (shown,) = desk.callbacks(wait="30")
    answer = desk.control.post(f"/callbacks/{shown['id']}/replay")
    assert (answer.status, answer.body) == (202, {"id": shown["id"]})
    first, second = desk.receiver.wait_for(2)
    assert first == second
    desk.settle()
    (again,) = desk.callbacks()
    assert [attempt["status"] for attempt in again.pop("attempts")] == [200, 200]
    shown.pop("attempts")
    assert again == shown


def test_tells_again_as_often_as_asked(twilio: JournalClient) -> None:
    """Each replay is told once, whether it is asked for while another is being told or at the same time."""
    twilio.record(twilio.call())
    (shown,) = twilio.callbacks(wait="30")
    twilio.receiver.opens.clear()
    for _ in range(3):
        assert twilio.control.post(f"/callbacks/{shown['id']}/replay").status == 202
    twilio.receiver.wait_for(2)
    assert twilio.control.post(f"/callbacks/{shown['id']}/replay").status == 202
    twilio.receiver.opens.set()
    twilio.settle()
    assert twilio.errors() == [[200] * 5]
    assert twilio.receiver.received == [twilio.receiver.received[0]] * 5


def test_tells_again_what_is_there(twilio: JournalClient, anonymous: ControlClient) -> None:
    """What there is not, or is another account's, cannot be told again."""
    twilio.record(twilio.call())
    (shown,) = twilio.callbacks(wait="30")
    refused(anonymous.post(f"/callbacks/{shown['id']}/replay"), 404, "id")
    refused(twilio.control.post(f"/callbacks/{UNKNOWN}.00000001.completed/replay"), 404, "id")
    refused(twilio.control.post(f"/callbacks/{shown['id']}/replay", {"force": True}), 400, "force")
    assert anonymous.get("/callbacks", sid=shown["sid"]["twilio"]).body == {"callbacks": []}


def test_a_reset_forgets_what_was_told(twilio: JournalClient) -> None:
    """Nothing was ever told, and nothing is to go wrong any more."""
    twilio.record(twilio.call())
    assert len(twilio.callbacks(wait="30")) == 1
    twilio.fail("callback", {"drop": True})
    assert twilio.control.post("/reset").status == 204
    assert (twilio.callbacks(), twilio.control.get("/faults").body) == ([], {"faults": []})


def test_a_vendor_does_not_try_again_what_was_answered(desk: JournalClient) -> None:
    """A receiver that answers 500 is asked once, as both vendors do, and a replay asks it again."""
    desk.receiver.answers.extend([500, 503])
    desk.record(desk.call())
    (shown,) = desk.callbacks(wait="30")
    desk.settle()
    desk.control.post(f"/callbacks/{shown['id']}/replay")
    desk.receiver.wait_for(2)
    desk.settle()
    desk.control.post(f"/callbacks/{shown['id']}/replay")
    desk.receiver.wait_for(3)
    desk.settle()
    assert desk.errors() == [[500, 503, 200]]


@pytest.mark.parametrize(
    ("then", "came", "heard"),
    [
        ({"status": 503}, {"twilio": [503], "signalwire": [503]}, 0),
        # Twilio tries again where there was no connection, SignalWire also where there was no answer.
        ({"close": True}, {"twilio": ["read"], "signalwire": ["read", 200]}, {"twilio": 0, "signalwire": 1}),
        ({"drop": True}, {"twilio": ["dropped"], "signalwire": ["dropped"]}, 0),
        ({"double": True}, {"twilio": [200, 200], "signalwire": [200, 200]}, 2),
        ({"delay": 0.05}, {"twilio": [200], "signalwire": [200]}, 1),
    ],
)
def test_a_callback_goes_wrong(desk: JournalClient, then: dict[str, Any], came: dict[str, Any], heard: Any) -> None:
    """What somebody has asked for befalls the next callback, and no other; both can be seen."""
    desk.fail("callback", then)
    call = desk.call()
    desk.record(call)
    desk.settle()
    name = desk.api.dialect.name
    count = heard[name] if isinstance(heard, dict) else heard
    assert (desk.errors(), len(desk.receiver.received)) == ([came[name]], count)
    (fault,) = desk.control.get("/faults").body["faults"]
    assert (fault["then"], fault["hits"]) == (then, 1)
    desk.finish(call)
    desk.settle()
    assert desk.errors() == [came[name], [200]]


def test_what_was_dropped_arrives_when_it_is_told_again(twilio: JournalClient) -> None:
    """A dropped callback is given up, as if it had been told; a replay of it arrives."""
    twilio.fail("callback", {"drop": True})
    twilio.record(twilio.call())
    (shown,) = twilio.callbacks(wait="30")
    twilio.control.post(f"/callbacks/{shown['id']}/replay")
    (told,) = twilio.receiver.wait_for(1)
    assert told.fields == shown["fields"]
    twilio.settle()
    assert twilio.errors() == [["dropped", 200]]


def test_a_callback_is_overtaken(desk: JournalClient) -> None:
    """A callback that is to be overtaken comes after the next one of the same recording."""
    call = desk.call()
    desk.fail("callback", {"reorder": True})
    desk.record(call)
    desk.finish(call)
    desk.settle()
    assert desk.receiver.words("RecordingStatus", 2) == ["completed", "in-progress"]
    assert [entry["event"] for entry in desk.callbacks()] == ["in-progress", "completed"]


def test_what_nothing_overtakes_is_told_all_the_same(twilio: JournalClient) -> None:
    """Where no other callback comes, the one that was to be overtaken comes a little later."""
    twilio.fail("callback", {"reorder": True})
    twilio.record(twilio.call())
    answer = twilio.control.post("/settle", {"timeout": 0})
    assert (answer.status, [sid["twilio"][:2] for sid in answer.body["left"]]) == (408, ["RE"])
    twilio.settle()
    assert twilio.receiver.words("RecordingStatus", 1) == ["in-progress"]


def test_signalwires_key_signs_what_is_told_again(place: Place, receiver: Receiver) -> None:
    """A replay is signed with the project's key, as the first telling was."""
    desk = JournalClient(
        HttpFunctionClient(SIGNALWIRE, place.account, place.token, place=place),
        ControlClient(place, SIGNALWIRE.format_sid(ResourceType.ACCOUNT, place.account)),
        receiver,
    )
    recording = desk.record(desk.call())
    (shown,) = desk.callbacks(sid=recording, wait="30")
    desk.control.post(f"/callbacks/{shown['id']}/replay")
    assert [is_signed_by_signalwire(told, STANDIN_SIGNING_KEY) for told in receiver.wait_for(2)] == [True, True]
