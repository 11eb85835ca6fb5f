"""Media events told by hand change what an engine of somebody's own would change; accounts do not meet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tests.standin.http_client import NEW, ControlClient, HttpFunctionClient, Place
from tests.standin.receiver import Receiver, receiving

ZERO = "0" * 32
PARENT = {"type": "call", "id": ZERO}


def tell(control: ControlClient, event: dict[str, Any]) -> None:
    """Tell an event, and wait for what comes of it."""
    answer = control.post("/events", event)
    assert (answer.status, list(answer.body)) == (202, ["id"])
    assert NEW.match(answer.body["id"])
    assert control.post("/settle", {"timeout": 30}).status == 200


def fresh_id(control: ControlClient) -> str:
    """An id made now, by the virtual clock: others are not believed."""
    now = datetime.fromisoformat(control.post("/clock").body["now"])
    return new_id(round(now.timestamp() * 1000))


def test_a_call_appears_and_ends(control: ControlClient, api: HttpFunctionClient) -> None:
    """A call that nobody has heard of appears, and ends with the status that was told; sids come in either spelling."""
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
        tell(control, {**event, "call": spelled})
    shown = api.get("Calls", api.sid_of_call(call)).body
    assert (shown["status"], shown["to"], shown["from"]) == ("completed", "+12025550123", "+12025550199")


def test_a_recording_is_absent(control: ControlClient, api: HttpFunctionClient, receiver: Receiver) -> None:
    """What an engine could not record is absent, with its code, and that is told."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    form = {"RecordingStatusCallback": receiver.url(), "RecordingStatusCallbackEvent": "absent"}
    recording = api.post("Calls", call, "Recordings", form=form).body["sid"]
    parent = {"type": "call", "id": call}
    tell(control, {"type": "recording.stopped", "parent": parent, "recording": recording})
    tell(control, {"type": "recording.absent", "parent": parent, "recording": recording, "error": 16102})
    (told,) = receiver.wait_for(1)
    assert (told.fields["RecordingStatus"], told.fields["RecordingSid"]) == ("absent", recording)
    shown = api.get("Calls", call, "Recordings", recording).body
    assert (shown["status"], int(shown["error_code"])) == ("absent", 16102)


def test_an_event_is_told_once(control: ControlClient, api: HttpFunctionClient) -> None:
    """An event with an id of its own is kept as it is, and its repetition changes nothing."""
    call = fresh_id(control)
    identifier = fresh_id(control)
    event = {"id": identifier, "type": "call.ringing", "call": call, "to": "+12025550123", "from": "+12025550199"}
    for _ in range(2):
        assert control.post("/events", event).body == {"id": identifier}
    control.post("/settle", {"timeout": 30})
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
        ({"type": "recording.absent", "recording": ZERO, "parent": {"type": "call", "id": ZERO}, "error": 1}, "error"),
        ({"type": "call.ended", "call": ZERO, "status": "completed", "colour": "blue"}, "colour"),
        (
            {"type": "recording.absent", "recording": ZERO, "parent": {**PARENT, "colour": "blue"}, "error": 16101},
            "parent",
        ),
    ],
)
def test_refuses_what_is_no_event(control: ControlClient, event: dict[str, Any], field: str) -> None:
    """What is no event of the media contract is refused with 400, and the field is named."""
    answer = control.post("/events", event)
    assert (answer.status, answer.body["error"]["field"]) == (400, field), answer.body
    assert answer.body["error"]["message"].startswith(f"{field}: ")


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 10_000])
def test_refuses_what_is_no_object(anonymous: ControlClient, body: bytes) -> None:
    """A body that is no JSON object is refused as such."""
    answer = anonymous.post("/events", body)
    assert answer.body == {"error": {"message": "the body is no JSON object", "field": None}}
    assert answer.status == 400


def test_an_event_of_nobody(anonymous: ControlClient) -> None:
    """An account that there is not is told of nothing."""
    event = {"type": "call.ended", "call": ZERO, "account": TWILIO.format_sid(ResourceType.ACCOUNT, ZERO)}
    answer = anonymous.post("/events", event)
    assert (answer.status, answer.body["error"]["field"]) == (404, "account")


def test_accounts_do_not_meet(place: Place) -> None:
    """Four accounts, each driven at the same time as the others, see only what is their own."""

    def drive(number: int) -> dict[str, Any]:
        made = ControlClient(place).post("/accounts").body
        dialect = (TWILIO, SIGNALWIRE)[number % 2]
        account = dialect.parse_sid(ResourceType.ACCOUNT, made["sid"][dialect.name])
        assert account is not None
        control = ControlClient(place, made["sid"][dialect.name])
        api = HttpFunctionClient(dialect, account, made["token"], place=place)
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
            assert control.get("/callbacks", event="completed", wait="30").body["callbacks"] != []
            return {
                "told": [each.fields["RecordingSid"] == recording for each in receiver.wait_for(2)],
                "journal": [each["event"] for each in control.get("/callbacks").body["callbacks"]],
                "faults": len(control.get("/faults").body["faults"]),
                "failures": [api.get("Calls").status for _ in range(5)],
                "recordings": len(api.get("Recordings").body["recordings"]),
                "requests": len(control.get("/requests").body["requests"]),
            }

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(drive, range(4)))
    assert seen == [
        {
            "told": [True, True],
            "journal": ["in-progress", "completed"],
            "faults": number,
            "failures": [500] * number + [200] * (5 - number),
            "recordings": 2,
            "requests": 7,
        }
        for number in range(4)
    ]


def answered(call: str) -> dict[str, Any]:
    """A call that may be unknown was answered when its id was made."""
    at = int(call[:12], 16)
    return {"type": "call.answered", "call": call, "at": at, "to": "+12025550123", "from": "+12025550199"}


def join_unknown(control: ControlClient, api: HttpFunctionClient) -> tuple[str, str]:
    """A call that nobody has heard of enters a conference: that, in the dialect's spelling, and the call's id."""
    room: str = control.post("/conferences", {"participants": 0}).body["sid"][api.dialect.name]
    call = fresh_id(control)
    tell(control, {"type": "participant.joined", "conference": room, "call": call})
    return room, call


def present(api: HttpFunctionClient, room: str) -> int:
    """How many are in a conference."""
    return len(api.get("Conferences", room, "Participants").body["participants"])


def test_an_event_waits_for_what_it_is_about(control: ControlClient, api: HttpFunctionClient) -> None:
    """What is told of something that is not known yet is taken note of as soon as that is known."""
    room, call = join_unknown(control, api)
    for _ in range(6):
        tell(control, answered(fresh_id(control)))
    assert present(api, room) == 0
    tell(control, answered(call))
    assert present(api, room) == 1


@pytest.mark.parametrize(("advances", "found"), [((4 * 360,), 1), ((6 * 360,), 0), ((3 * 360,) * 2, 0)])
def test_an_event_is_tried_for_half_an_hour(
    control: ControlClient, api: HttpFunctionClient, advances: tuple[int, ...], found: int
) -> None:
    """Five times, six minutes apart by the virtual clock, in however few advances; then it is lost."""
    room, call = join_unknown(control, api)
    for seconds in advances:
        assert control.post("/clock", {"advance": seconds}).status == 200
    tell(control, answered(call))
    assert present(api, room) == found


def test_tells_what_came_to_nothing(place: Place, control: ControlClient) -> None:
    """What is dropped, and what has been tried for too long, is told of in one line, without what the event says."""
    call = control.post("/calls").body["sid"]["twilio"]
    assert control.post(f"/calls/{call}/hangup").status == 200
    late, unknown, told = fresh_id(control), fresh_id(control), len(place.lines)
    parent, recording = {"type": "call", "id": call}, fresh_id(control)
    started = {"type": "recording.started", "parent": parent, "recording": recording, "source": "OutboundAPI"}
    tell(control, {**started, "id": late})
    tell(control, {"type": "participant.left", "conference": ZERO, "call": call, "id": unknown})
    assert control.post("/clock", {"advance": 3_600}).status == 200
    assert control.post("/settle", {"timeout": 30}).status == 200
    assert [line for line in place.lines[told:] if line.startswith("event ")] == [
        f"event recording.started {late} came to nothing: dropped (NotEligibleForRecording)",
        f"event participant.left {unknown} came to nothing: failed (NotFound)",
    ]


def test_what_waits_behind_an_event_is_not_settled(control: ControlClient, api: HttpFunctionClient) -> None:
    """One that does not fit holds up what comes behind it of its call; nothing is told to be done by then."""
    call = control.post("/calls").body["sid"]
    started = api.post("Calls", call[api.dialect.name], "Recordings")
    control.post("/clock", {"advance": 20})
    unknown = {"parent": {"type": "call", "id": call["twilio"]}, "recording": fresh_id(control)}
    tell(control, {"type": "recording.paused", **unknown})
    control.post(f"/calls/{call['twilio']}/hangup")
    control.post("/clock", {"advance": 2})
    answer = control.post("/settle", {"timeout": 1})
    assert (answer.status, [each[api.dialect.name] for each in answer.body["left"]]) == (408, [started.body["sid"]])
    control.post("/clock", {"advance": 2_000})
    assert control.post("/settle", {"timeout": 30}).status == 200
    shown = api.get("Recordings", started.body["sid"]).body
    assert (shown["status"], shown["duration"] in {20, "20"}) == ("completed", True)


def test_what_others_do_does_not_prolong_that(control: ControlClient, api: HttpFunctionClient) -> None:
    """An event that fits nothing is lost after half an hour, though something changes every few minutes."""
    room, call = join_unknown(control, api)
    for _ in range(7):
        control.post("/calls")
        control.post("/clock", {"advance": 300})
    tell(control, answered(call))
    assert present(api, room) == 0
