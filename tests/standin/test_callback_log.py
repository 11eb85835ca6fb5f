"""The callback log: reading, waiting, replaying, and injected callback faults."""

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
from tapedeck_standin.scheduler.callback_workers import MAX_CONCURRENT
from tests.client import Answer
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import WAIT_SECONDS, Receiver, is_signed_by_signalwire, receiving

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
UNKNOWN = "01" * 16
NOT_PUBLIC = (
    "or of a host that it redirects to, is not public; "
    "allow the host with --callback-allowed-hosts or TAPEDECK_CALLBACK_ALLOWED_HOSTS"
)


@dataclass
class CallbackLogClient:
    """Records calls with callbacks to a receiver, and reads the stand-in's callback log."""

    api: HttpFunctionClient
    control: ControlClient
    receiver: Receiver

    def call(self) -> str:
        """Create a call in progress."""
        sid: str = self.control.post("/calls").body["sid"][self.api.dialect.name]
        return sid

    def record(self, call: str, events: str = "in-progress completed", **more: str) -> str:
        """Start a recording with callbacks to the receiver."""
        form = {"RecordingStatusCallback": self.receiver.url(), "RecordingStatusCallbackEvent": events, **more}
        sid: str = self.api.post("Calls", call, "Recordings", form=form).body["sid"]
        return sid

    def finish(self, call: str, seconds: float = 5) -> None:
        """Advance the clock, end the call and finish its recording."""
        self.advance(seconds)
        assert self.control.post(f"/calls/{call}/hangup").status == 200
        self.advance(2)

    def advance(self, seconds: float) -> None:
        """Advance the virtual clock."""
        assert self.control.post("/clock", {"advance": seconds}).status == 200

    def settle(self) -> None:
        """Wait until no work is pending."""
        answer = self.control.post("/wait-until-idle", {"timeout": WAIT_SECONDS})
        assert (answer.status, answer.body) == (200, {"left": []})

    def callbacks(self, **query: str) -> list[dict[str, Any]]:
        """Read the callback log."""
        answer = self.control.get("/callbacks", **query)
        assert (answer.status, list(answer.body)) == (200, ["callbacks"])
        callbacks: list[dict[str, Any]] = answer.body["callbacks"]
        return callbacks

    def fail(self, on: str, then: dict[str, Any], times: int = 1) -> None:
        """Inject a fault, so many times."""
        assert self.control.post("/faults", {"on": on, "times": times, "then": then}).status == 201

    def errors(self) -> list[list[Any]]:
        """Status or error of each attempt of each callback."""
        return [[each["status"] or each["error"] for each in entry["attempts"]] for entry in self.callbacks()]


@pytest.fixture
def client(api: HttpFunctionClient, control: ControlClient, receiver: Receiver) -> CallbackLogClient:
    """A client in the test's dialect."""
    return CallbackLogClient(api, control, receiver)


@pytest.fixture
def twilio(standin: StandIn, account: TestAccount, control: ControlClient, receiver: Receiver) -> CallbackLogClient:
    """A client in Twilio's dialect, for tests that do not depend on the dialect."""
    return CallbackLogClient(HttpFunctionClient(TWILIO, account.id, account.token, standin=standin), control, receiver)


def test_shows_a_delivered_callback(client: CallbackLogClient) -> None:
    """An entry has the fields, the signature, the signed text and every attempt of the callback."""
    call = client.call()
    recording = client.record(call)
    (shown,) = client.callbacks(wait="60")
    (callback,) = client.receiver.wait_for(1)
    (attempt,) = shown.pop("attempts")
    assert INSTANT.fullmatch(attempt.pop("at"))
    assert isinstance(attempt.pop("milliseconds"), int)
    assert attempt == {"status": 200, "error": None, "answer": "done"}
    identifier = client.api.dialect.parse_sid(ResourceType.RECORDING, recording)
    assert identifier is not None
    assert re.fullmatch(rf"{identifier}\.\d{{8}}\.in-progress", shown.pop("id"))
    assert shown == {
        "sid": {each.name: each.format_sid(ResourceType.RECORDING, identifier) for each in (TWILIO, SIGNALWIRE)},
        "event": "in-progress",
        "method": "POST",
        "url": client.receiver.url(),
        "fields": callback.fields,
        "signature": callback.headers["x-twilio-signature"],
        "signed": client.receiver.url() + "".join(name + callback.fields[name] for name in sorted(callback.fields)),
    }
    client.finish(call)
    client.settle()
    assert [entry["event"] for entry in client.callbacks()] == ["in-progress", "completed"]


def test_shows_a_callback_delivered_with_get(twilio: CallbackLogClient) -> None:
    """For GET the signed text is the URL with its query, and `url` is the subscribed URL."""
    twilio.record(twilio.call(), RecordingStatusCallbackMethod="GET")
    (shown,) = twilio.callbacks(wait="60")
    (callback,) = twilio.receiver.wait_for(1)
    assert (shown["method"], shown["url"], shown["signed"]) == ("GET", twilio.receiver.url(), callback.url)
    assert (callback.method, callback.fields) == ("GET", shown["fields"])
    assert shown["signature"] == callback.headers["x-twilio-signature"]


def test_filters_callbacks(client: CallbackLogClient) -> None:
    """Callbacks are found by the sid of their resource or its call, in either dialect's form, and by event."""
    first, second = client.call(), client.call()
    recordings = [client.record(first), client.record(second)]
    client.finish(first)
    client.settle()
    found = [(entry["sid"][client.api.dialect.name], entry["event"]) for entry in client.callbacks()]
    assert sorted(found) == sorted(
        [(recordings[0], "in-progress"), (recordings[0], "completed"), (recordings[1], "in-progress")]
    )
    identifier = client.api.dialect.parse_sid(ResourceType.RECORDING, recordings[0])
    assert identifier is not None
    for sid in (
        TWILIO.format_sid(ResourceType.RECORDING, identifier),
        SIGNALWIRE.format_sid(ResourceType.RECORDING, identifier),
        first,
    ):
        assert [entry["event"] for entry in client.callbacks(sid=sid)] == ["in-progress", "completed"]
    assert [entry["sid"][client.api.dialect.name] for entry in client.callbacks(event="completed")] == [recordings[0]]
    assert client.callbacks(sid=recordings[1], event="completed") == []
    assert client.callbacks(sid=TWILIO.format_sid(ResourceType.RECORDING, UNKNOWN)) == []


def test_conference_callbacks_are_found_by_either_event_name(twilio: CallbackLogClient) -> None:
    """`join` and `participant-join` find the same callbacks, which have the conference's sid."""
    order = {"status_callback": twilio.receiver.url(), "status_callback_event": ["join", "end"]}
    conference = twilio.control.post("/conferences", order).body["sid"]
    twilio.receiver.wait_for(2)
    twilio.settle()
    assert twilio.callbacks(event="join") == twilio.callbacks(event="participant-join")
    assert [(entry["sid"], entry["event"]) for entry in twilio.callbacks()] == [(conference, "join")] * 2


def test_waits_for_a_callback(twilio: CallbackLogClient) -> None:
    """A waiting query returns once the callback was delivered; without one it returns after the timeout."""
    call = twilio.call()
    recording = twilio.record(call)
    found: list[str] = []
    waiter = threading.Thread(
        target=lambda: found.extend(
            entry["event"] for entry in twilio.callbacks(sid=recording, event="completed", wait="60")
        )
    )
    waiter.start()
    twilio.finish(call)
    waiter.join(WAIT_SECONDS)
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
def test_rejects_an_invalid_query(anonymous: ControlClient, query: dict[str, str], field: str) -> None:
    """Invalid input is 400 and names the field."""
    assert_error(anonymous.get("/callbacks", **query), 400, field)


def assert_error(answer: Answer, status: int, field: str) -> None:
    """Assert an error that names the field."""
    assert (answer.status, answer.body["error"]["field"]) == (status, field), answer.body
    if status == 400:
        assert answer.body["error"]["message"].startswith(f"{field}: ")


def test_accounts_do_not_wait_for_one_another(
    standin: StandIn, make_account: Callable[[], TestAccount], receiver: Receiver
) -> None:
    """A slow receiver delays only the callbacks of its own account."""
    with receiving() as slow:
        slow.responding.clear()
        for listening, count in ((slow, 6), (receiver, 1)):
            account = make_account()
            control = ControlClient(standin, TWILIO.format_sid(ResourceType.ACCOUNT, account.id))
            client = CallbackLogClient(
                HttpFunctionClient(TWILIO, account.id, account.token, standin=standin), control, listening
            )
            for _ in range(count):
                client.record(client.call())
            listening.wait_for(min(count, MAX_CONCURRENT))
        assert len(slow.received) == MAX_CONCURRENT
        slow.responding.set()
        assert len(slow.wait_for(6)) == 6


@pytest.mark.ci
@pytest.mark.parametrize("seconds", [100, 1_000])
def test_delivery_in_progress_is_not_repeated(client: CallbackLogClient, seconds: float) -> None:
    """Advancing the clock during a slow delivery does not start a second attempt."""
    client.receiver.responding.clear()
    client.record(client.call())
    client.receiver.wait_for(1)
    for _ in range(2):
        client.advance(seconds)
        # Long enough for an erroneous second attempt.
        assert client.control.post("/wait-until-idle", {"timeout": 0.3}).status == 408
    client.receiver.responding.set()
    client.settle()
    assert (client.errors(), len(client.receiver.received)) == ([[200]], 1)


def test_advancing_the_clock_starts_a_due_retry(client: CallbackLogClient) -> None:
    """Advancing the clock after a failed attempt starts the retry, which then runs in real time."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    client.record(client.call(), RecordingStatusCallback=f"http://127.0.0.1:{port}/hook")
    (first,) = client.callbacks(wait="60")
    assert [attempt["error"] for attempt in first["attempts"]] == ["connect"]
    with receiving(port) as listening:
        listening.responding.clear()
        client.advance(20)
        listening.wait_for(1)
        time.sleep(0.2)
        listening.responding.set()
        client.settle()
    assert client.errors() == [["connect", 200]]


def test_advancing_the_clock_waits_for_a_due_retry(twilio: CallbackLogClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With durable retries, advancing the clock past a retry's time returns after its attempt."""
    monkeypatch.setattr(background_bootstrap.get_background_services().callbacks, "_retry_hours", 72)
    twilio.receiver.answers.append(500)
    twilio.record(twilio.call())
    twilio.settle()
    assert twilio.errors() == [[500]]
    twilio.advance(40)
    assert twilio.errors() == [[500, 200]]


def test_waiting_ends_only_after_a_due_retry(twilio: CallbackLogClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With durable retries, `wait-until-idle` does not return while a retry is due."""
    monkeypatch.setattr(background_bootstrap.get_background_services().callbacks, "_retry_hours", 72)
    monkeypatch.setattr(scheduler, "MAX_ADVANCE_WAIT_SECONDS", 0)
    twilio.receiver.answers.append(500)
    recording = twilio.record(twilio.call())
    twilio.settle()
    twilio.receiver.responding.clear()
    twilio.advance(40)
    answer = twilio.control.post("/wait-until-idle", {"timeout": 0.3})
    assert (answer.status, [work["sid"]["twilio"] for work in answer.body["left"]]) == (408, [recording])
    twilio.receiver.responding.set()
    twilio.settle()
    assert twilio.errors() == [[500, 200]]


def test_replay_repeats_a_callback(client: CallbackLogClient) -> None:
    """A replay has the same fields, token and signature, and counts as an attempt of the same callback."""
    client.record(client.call())
    (shown,) = client.callbacks(wait="60")
    answer = client.control.post(f"/callbacks/{shown['id']}/replay")
    assert (answer.status, answer.body) == (202, {"id": shown["id"]})
    first, second = client.receiver.wait_for(2)
    assert first == second
    client.settle()
    (again,) = client.callbacks()
    assert [attempt["status"] for attempt in again.pop("attempts")] == [200, 200]
    shown.pop("attempts")
    assert again == shown


def test_every_replay_is_delivered_once(twilio: CallbackLogClient) -> None:
    """Each replay is delivered once, also if requested concurrently or during another delivery."""
    twilio.record(twilio.call())
    (shown,) = twilio.callbacks(wait="60")
    twilio.receiver.responding.clear()
    for _ in range(3):
        assert twilio.control.post(f"/callbacks/{shown['id']}/replay").status == 202
    twilio.receiver.wait_for(2)
    assert twilio.control.post(f"/callbacks/{shown['id']}/replay").status == 202
    twilio.receiver.responding.set()
    twilio.settle()
    assert twilio.errors() == [[200] * 5]
    assert twilio.receiver.received == [twilio.receiver.received[0]] * 5


def test_replay_of_an_unknown_callback_is_404(twilio: CallbackLogClient, anonymous: ControlClient) -> None:
    """An unknown callback, or one of another account, cannot be replayed."""
    twilio.record(twilio.call())
    (shown,) = twilio.callbacks(wait="60")
    assert_error(anonymous.post(f"/callbacks/{shown['id']}/replay"), 404, "id")
    assert_error(twilio.control.post(f"/callbacks/{UNKNOWN}.00000001.completed/replay"), 404, "id")
    assert_error(twilio.control.post(f"/callbacks/{shown['id']}/replay", {"force": True}), 400, "force")
    assert anonymous.get("/callbacks", sid=shown["sid"]["twilio"]).body == {"callbacks": []}


def test_reset_clears_the_callback_log(twilio: CallbackLogClient) -> None:
    """A reset deletes the callback log and the faults of the account."""
    twilio.record(twilio.call())
    assert len(twilio.callbacks(wait="60")) == 1
    twilio.fail("callback", {"drop": True})
    assert twilio.control.post("/reset").status == 204
    assert (twilio.callbacks(), twilio.control.get("/faults").body) == ([], {"faults": []})


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.2", f"the address of 127.0.0.2, {NOT_PUBLIC}"),
        ("127.1", "127.1 is not a name, nor an address in canonical form"),
    ],
)
@pytest.mark.parametrize("is_conference", [False, True])
def test_a_forbidden_host_is_printed(
    standin: StandIn, client: CallbackLogClient, host: str, reason: str, *, is_conference: bool
) -> None:
    """A callback to a host that is not allowed prints one line, with the resource and only the host of the URL."""
    url = f"http://user:secret@{host}:9/path?token=1"
    before = len(standin.lines)
    if is_conference:
        conference = client.control.post("/conferences", {"status_callback": url, "status_callback_event": ["start"]})
        sid, event = conference.body["sid"]["twilio"], "start"
    else:
        sid, event = client.record(client.call(), "in-progress", RecordingStatusCallback=url), "in-progress"
    client.settle()
    (callback,) = client.control.get("/callbacks", sid=sid, wait="60").body["callbacks"]
    assert [(attempt["status"], attempt["error"]) for attempt in callback["attempts"]] == [(None, "forbidden")]
    assert [line for line in standin.lines[before:] if line.startswith("callback ")] == [
        f"callback {event} of {sid} not delivered: {reason}"
    ]


def test_error_response_is_not_retried(client: CallbackLogClient) -> None:
    """Neither vendor retries after a 500; a replay makes another attempt."""
    client.receiver.answers.extend([500, 503])
    client.record(client.call())
    (shown,) = client.callbacks(wait="60")
    client.settle()
    client.control.post(f"/callbacks/{shown['id']}/replay")
    client.receiver.wait_for(2)
    client.settle()
    client.control.post(f"/callbacks/{shown['id']}/replay")
    client.receiver.wait_for(3)
    client.settle()
    assert client.errors() == [[500, 503, 200]]


@pytest.mark.parametrize(
    ("then", "attempts", "arrivals"),
    [
        ({"status": 503}, {"twilio": [503], "signalwire": [503]}, 0),
        # Twilio retries after a failed connection, SignalWire also after a missing response.
        ({"close": True}, {"twilio": ["read"], "signalwire": ["read", 200]}, {"twilio": 0, "signalwire": 1}),
        ({"drop": True}, {"twilio": ["dropped"], "signalwire": ["dropped"]}, 0),
        ({"double": True}, {"twilio": [200, 200], "signalwire": [200, 200]}, 2),
        ({"delay": 0.05}, {"twilio": [200], "signalwire": [200]}, 1),
    ],
)
def test_callback_fault(
    client: CallbackLogClient, then: dict[str, Any], attempts: dict[str, Any], arrivals: Any
) -> None:
    """A fault affects the next callback and no other; the log shows the attempts and the fault its hits."""
    client.fail("callback", then)
    call = client.call()
    client.record(call)
    client.settle()
    name = client.api.dialect.name
    count = arrivals[name] if isinstance(arrivals, dict) else arrivals
    assert (client.errors(), len(client.receiver.received)) == ([attempts[name]], count)
    (fault,) = client.control.get("/faults").body["faults"]
    assert (fault["then"], fault["hits"]) == (then, 1)
    client.finish(call)
    client.settle()
    assert client.errors() == [attempts[name], [200]]


def test_dropped_callback_arrives_when_replayed(twilio: CallbackLogClient) -> None:
    """A dropped callback does not arrive and is not retried; its replay arrives."""
    twilio.fail("callback", {"drop": True})
    twilio.record(twilio.call())
    (shown,) = twilio.callbacks(wait="60")
    twilio.control.post(f"/callbacks/{shown['id']}/replay")
    (callback,) = twilio.receiver.wait_for(1)
    assert callback.fields == shown["fields"]
    twilio.settle()
    assert twilio.errors() == [["dropped", 200]]


def test_reorder_fault_delays_a_callback(client: CallbackLogClient) -> None:
    """A reordered callback arrives after the next one of the same recording."""
    call = client.call()
    client.fail("callback", {"reorder": True})
    client.record(call)
    client.finish(call)
    client.settle()
    assert client.receiver.field_values("RecordingStatus", 2) == ["completed", "in-progress"]
    assert [entry["event"] for entry in client.callbacks()] == ["in-progress", "completed"]


def test_reordered_callback_arrives_without_a_successor(twilio: CallbackLogClient) -> None:
    """If no other callback follows, a reordered one still arrives after a short delay."""
    twilio.fail("callback", {"reorder": True})
    twilio.record(twilio.call())
    answer = twilio.control.post("/wait-until-idle", {"timeout": 0})
    assert (answer.status, [work["sid"]["twilio"][:2] for work in answer.body["left"]]) == (408, ["RE"])
    twilio.settle()
    assert twilio.receiver.field_values("RecordingStatus", 1) == ["in-progress"]


def test_replay_is_signed_with_signalwires_key(standin: StandIn, receiver: Receiver) -> None:
    """A replay is signed with the project's key, like the first delivery."""
    client = CallbackLogClient(
        HttpFunctionClient(SIGNALWIRE, standin.account, standin.token, standin=standin),
        ControlClient(standin, SIGNALWIRE.format_sid(ResourceType.ACCOUNT, standin.account)),
        receiver,
    )
    recording = client.record(client.call())
    (shown,) = client.callbacks(sid=recording, wait="60")
    client.control.post(f"/callbacks/{shown['id']}/replay")
    assert [is_signed_by_signalwire(each, STANDIN_SIGNING_KEY) for each in receiver.wait_for(2)] == [True, True]
