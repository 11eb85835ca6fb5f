"""Engine events posted to the control API have the effects and outcomes of a real engine's; accounts are isolated."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tests.standin.http_client import NEW, ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver, receiving

ZERO = "0" * 32
PARENT = {"type": "call", "id": ZERO}


def report_event(control: ControlClient, event: dict[str, Any], outcome: str = "taken") -> dict[str, Any]:
    """Post an engine event, and expect an outcome; return the answer."""
    answer = control.post("/events", event)
    assert (answer.status, answer.body.get("outcome")) == (200, outcome), answer.body
    assert NEW.match(answer.body["id"])
    return dict(answer.body)


def fresh_id(control: ControlClient) -> str:
    """Return an id of the virtual clock's current time; ids of other times are rejected."""
    now = datetime.fromisoformat(control.post("/clock").body["now"])
    return new_id(round(now.timestamp() * 1000))


def test_call_is_created_and_ended(control: ControlClient, api: HttpFunctionClient) -> None:
    """Events create a call and end it with their status; sids can have either dialect's form."""
    call = fresh_id(control)
    for spelled, event in zip(
        (call, TWILIO.format_sid(ResourceType.CALL, call), SIGNALWIRE.format_sid(ResourceType.CALL, call)),
        (
            {"type": "call.ringing", "to": "+12025550123", "from": "+12025550199"},
            {"type": "call.answered"},
            {"type": "call.ended", "status": "completed"},
        ),
        strict=True,
    ):
        report_event(control, {**event, "call": spelled})
    shown = api.get("Calls", api.sid_of_call(call)).body
    assert (shown["status"], shown["to"], shown["from"]) == ("completed", "+12025550123", "+12025550199")


def test_recording_becomes_absent(control: ControlClient, api: HttpFunctionClient, receiver: Receiver) -> None:
    """`recording.absent` makes a recording absent with its error code, and delivers a callback."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    form = {"RecordingStatusCallback": receiver.url(), "RecordingStatusCallbackEvent": "absent"}
    recording = api.post("Calls", call, "Recordings", form=form).body["sid"]
    parent = {"type": "call", "id": call}
    report_event(control, {"type": "recording.stopped", "parent": parent, "recording": recording})
    report_event(
        control, {"type": "recording.absent", "parent": parent, "recording": recording, "reason": "only_silence"}
    )
    (callback,) = receiver.wait_for(1)
    assert (callback.fields["RecordingStatus"], callback.fields["RecordingSid"]) == ("absent", recording)
    shown = api.get("Calls", call, "Recordings", recording).body
    assert (shown["status"], int(shown["error_code"])) == ("absent", 16102)


def test_repeated_event_changes_nothing(control: ControlClient, api: HttpFunctionClient) -> None:
    """A given event id is kept, and a second event with it has no effect."""
    call, identifier = fresh_id(control), fresh_id(control)
    event = {"id": identifier, "type": "call.ringing", "call": call, "to": "+12025550123", "from": "+12025550199"}
    outcomes = [control.post("/events", event).body for _ in range(2)]
    assert outcomes == [{"id": identifier, "outcome": outcome} for outcome in ("taken", "repeated")]
    assert [each["sid"] for each in api.get("Calls").body["calls"]] == [api.sid_of_call(call)]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "type"),
        ({"type": "call.exploded"}, "type"),
        ({"type": 1}, "type"),
        ({"type": "call.ringing"}, "call"),
        ({"type": "call.ringing", "call": "CA1"}, "call"),
        ({"type": "call.ringing", "call": TWILIO.format_sid(ResourceType.RECORDING, ZERO)}, "call"),
        ({"type": "call.ended", "call": ZERO, "status": "over"}, "status"),
        ({"type": "call.ended", "call": ZERO, "at": -1}, "at"),
        ({"type": "call.ended", "call": ZERO, "id": "x"}, "id"),
        ({"type": "call.ended", "call": ZERO, "account": 1}, "account"),
        ({"type": "call.ended", "call": ZERO, "account": "AC1"}, "account"),
        ({"type": "recording.absent", "recording": ZERO, "parent": 1}, "parent"),
        ({"type": "recording.absent", "recording": ZERO, "parent": {"type": "fax", "id": ZERO}}, "parent"),
        ({"type": "recording.absent", "recording": ZERO, "parent": {"type": "call"}}, "parent"),
        ({"type": "recording.absent", "recording": ZERO, "parent": PARENT, "reason": "deaf"}, "reason"),
        ({"type": "call.ended", "call": ZERO, "seq": 1.5}, "seq"),
        ({"type": "engine.alive"}, "type"),
        ({"type": "call.ended", "call": ZERO, "status": "completed", "colour": "blue"}, "colour"),
        (
            {"type": "recording.absent", "recording": ZERO, "parent": {**PARENT, "colour": "blue"}, "reason": "lost"},
            "parent",
        ),
    ],
)
def test_rejects_invalid_events(control: ControlClient, event: dict[str, Any], field: str) -> None:
    """An event outside the engine protocol is 400 and names the field."""
    answer = control.post("/events", event)
    assert (answer.status, answer.body["error"]["field"]) == (400, field), answer.body
    assert answer.body["error"]["message"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "type: Field required"),
        ({"type": "call.ringing", "call": "CA1"}, "call: not the sid of a call in either format"),
        (
            {"type": "recording.absent", "recording": ZERO, "parent": {"type": "call", "id": "CA1"}, "reason": "lost"},
            "parent: not the sid of a call in either format",
        ),
    ],
)
def test_says_what_is_wrong_with_a_sid(control: ControlClient, event: dict[str, Any], message: str) -> None:
    """The reason is in the words of the control API, which accepts sids, not in those of the engine protocol."""
    answer = control.post("/events", event)
    assert (answer.status, answer.body["error"]["message"]) == (400, message)


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 10_000])
def test_rejects_a_body_that_is_not_an_object(anonymous: ControlClient, body: bytes) -> None:
    """A body that is not a JSON object is 400."""
    answer = anonymous.post("/events", body)
    message = """the body is not a JSON object: send JSON, such as curl -d '{"account": "AC…"}'"""
    assert answer.body == {"error": {"message": message, "field": None}}
    assert answer.status == 400


def test_event_of_an_unknown_account_is_404(anonymous: ControlClient) -> None:
    """An event of an unknown account is 404."""
    event = {"type": "call.ended", "call": ZERO, "account": TWILIO.format_sid(ResourceType.ACCOUNT, ZERO)}
    answer = anonymous.post("/events", event)
    assert (answer.status, answer.body["error"]["field"]) == (404, "account")


def test_accounts_are_isolated(standin: StandIn) -> None:
    """Four accounts used concurrently see only their own resources, callbacks, faults and requests."""

    def drive(number: int) -> dict[str, Any]:
        created = ControlClient(standin).post("/accounts").body
        dialect = (TWILIO, SIGNALWIRE)[number % 2]
        account = dialect.parse_sid(ResourceType.ACCOUNT, created["sid"][dialect.name])
        assert account is not None
        control = ControlClient(standin, created["sid"][dialect.name])
        api = HttpFunctionClient(dialect, account, created["token"], standin=standin)
        with receiving() as receiver:
            for _ in range(number):
                control.post("/faults", {"on": "list_calls", "then": {"status": 500}})
            call = control.post("/calls").body["sid"][dialect.name]
            control.post("/conferences", {"friendly_name": "Sales", "record": True})
            form = {"RecordingStatusCallback": receiver.url(), "RecordingStatusCallbackEvent": "in-progress completed"}
            recording = api.post("Calls", call, "Recordings", form=form).body["sid"]
            control.post("/clock", {"advance": 2})
            control.post(f"/calls/{call}/hangup")
            control.post("/clock", {"advance": 2})
            assert control.get("/callbacks", event="completed", wait="60").body["callbacks"] != []
            return {
                "callbacks": [each.fields["RecordingSid"] == recording for each in receiver.wait_for(2)],
                "logged": [each["event"] for each in control.get("/callbacks").body["callbacks"]],
                "faults": len(control.get("/faults").body["faults"]),
                "failures": [api.get("Calls").status for _ in range(5)],
                "recordings": len(api.get("Recordings").body["recordings"]),
                "requests": len(control.get("/requests").body["requests"]),
            }

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(drive, range(4)))
    assert seen == [
        {
            "callbacks": [True, True],
            "logged": ["in-progress", "completed"],
            "faults": number,
            "failures": [500] * number + [200] * (5 - number),
            "recordings": 2,
            "requests": 7,
        }
        for number in range(4)
    ]


def answered(call: str) -> dict[str, Any]:
    """An event that a call, known or not, was answered at the time of its id."""
    at = int(call[:12], 16)
    return {"type": "call.answered", "call": call, "at": at, "to": "+12025550123", "from": "+12025550199"}


def test_early_event_is_to_be_reported_later(control: ControlClient, api: HttpFunctionClient) -> None:
    """An event of an unknown call is not applied and says when to report it again; then it is applied."""
    conference: str = control.post("/conferences", {"participants": 0}).body["sid"][api.dialect.name]
    call = fresh_id(control)
    joined = {"type": "participant.joined", "conference": conference, "call": call}
    answer = report_event(control, joined, "later")
    assert answer["after_ms"] > 0
    report_event(control, answered(call))
    report_event(control, joined)
    listed = api.get("Conferences", conference, "Participants").body["participants"]
    assert [each["call_sid"] for each in listed] == [api.sid_of_call(call)]


def test_refused_event_affects_no_other(control: ControlClient, api: HttpFunctionClient) -> None:
    """An event that can never be applied is refused with its code; the next event of its call is taken."""
    call = control.post("/calls").body["sid"]
    unknown = {"parent": {"type": "call", "id": call["twilio"]}, "recording": ZERO}
    started = {"type": "recording.started", **unknown, "recording": fresh_id(control), "source": "OutboundAPI"}
    assert control.post(f"/calls/{call['twilio']}/hangup").status == 200
    assert report_event(control, started, "refused")["code"] == "wrong_state"
    other = control.post("/calls").body["sid"][api.dialect.name]
    report_event(control, {"type": "call.ended", "call": other})
    assert api.get("Calls", other).body["status"] == "completed"


def test_lower_number_is_stale(control: ControlClient, api: HttpFunctionClient) -> None:
    """Numbers, not times, decide which event is newer: an hour in the future changes nothing."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    recording = api.post("Calls", call, "Recordings").body["sid"]
    subject = {"parent": {"type": "call", "id": call}, "recording": recording}
    ahead = int(fresh_id(control)[:12], 16) + 3_600_000
    seq = 1 << 40
    report_event(control, {"type": "recording.paused", **subject, "seq": seq, "at": ahead})
    report_event(control, {"type": "recording.resumed", **subject, "seq": seq + 1})
    report_event(control, {"type": "recording.paused", **subject, "seq": seq - 1, "at": ahead}, "stale")
    status = api.get("Calls", call, "Recordings", recording).body["status"]
    assert status == ("processing" if api.dialect.name == "twilio" else "in-progress")
