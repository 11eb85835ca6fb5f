"""Callbacks end to end: from an SDK's request to a signed POST at the application's server."""

from datetime import datetime

import pytest
import requests
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.settings import STANDIN_SIGNING_KEY
from tests.conftest import TestAccount
from tests.media import samples_of
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver, is_signed_by_signalwire

CALLBACK_WARNINGS = "callback_warnings"

RATE = 8_000
HALF = 0.5
"""Seconds: durations are rounded to whole seconds."""


class Stopwatch:
    """Measures the virtual clock, which also moves at each read: durations are longer by these milliseconds."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self._began = self._now()

    def _now(self) -> float:
        answer = self._control.post("/clock", {"advance": 0})
        assert answer.status == 200
        return datetime.fromisoformat(answer.body["now"]).timestamp()

    def matches(self, seconds: float, virtual: float, advanced: float) -> bool:
        """Whether a duration is the virtual time plus at most what the clock moved beyond `advanced` seconds."""
        return virtual <= seconds + 0.01 and seconds <= virtual + self._now() - self._began - advanced


def advance(control: ControlClient, seconds: float) -> None:
    """Advance the virtual clock."""
    assert control.post("/clock", {"advance": seconds}).status == 200


def settle(control: ControlClient) -> None:
    """Wait until no work is pending."""
    answer = control.post("/settle", {"timeout": 60})
    assert (answer.status, answer.body) == (200, {"left": []})


def fetched(standin: StandIn, url: str, user: str, token: str) -> list[list[int]]:
    """Download the WAV at a callback's `RecordingUrl`; return its samples by channel."""
    assert url.startswith(f"http://127.0.0.1:{standin.port}/")
    answer = requests.get(f"{url}.wav", auth=(user, token), timeout=120)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/x-wav")
    return samples_of(answer.content)


def test_twilio_sdk_recording_delivers_callbacks(
    standin: StandIn, account: TestAccount, control: ControlClient, receiver: Receiver
) -> None:
    """A recording that Twilio's SDK starts, pauses and resumes delivers signed `in-progress` and `completed`."""
    sid = TWILIO.format_sid(ResourceType.ACCOUNT, account.id)
    client = Client(sid, account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    url = receiver.url("/hook?tenant=42")
    watch = Stopwatch(control)
    try:
        call = client.calls(control.post("/calls").body["sid"]["twilio"])
        recording = call.recordings.create(
            recording_status_callback=url, recording_status_callback_event=["in-progress", "completed"]
        )
        (begun,) = receiver.wait_for(1)
        advance(control, 4)
        call.recordings(recording.sid).update(status="paused", pause_behavior="skip")
        advance(control, 6)
        call.recordings(recording.sid).update(status="in-progress")
        advance(control, 5)
        control.post(f"/calls/{recording.call_sid}/hangup")
        advance(control, 2)
        settle(control)
        shown = client.recordings(recording.sid).fetch()
    finally:
        client.http_client.session.close()
    begun, ended = receiver.wait_for(2)
    validator = RequestValidator(account.token)
    for callback in (begun, ended):
        signature = callback.headers["x-twilio-signature"]
        assert (callback.method, callback.url) == ("POST", url)
        assert validator.validate(url, callback.fields, signature)
        assert not validator.validate(url, {**callback.fields, "RecordingSid": "RE"}, signature)
    both = {
        "AccountSid": sid,
        "CallSid": recording.call_sid,
        "RecordingSid": recording.sid,
        "RecordingUrl": f"http://127.0.0.1:{standin.port}{TWILIO.account_uri(account.id)}/Recordings/{recording.sid}",
        "RecordingChannels": "1",
        "RecordingStartTime": begun.fields["RecordingStartTime"],
        "RecordingSource": "StartCallRecordingAPI",
        "RecordingTrack": "both",
        "ErrorCode": "0",
    }
    assert begun.fields == {**both, "RecordingStatus": "in-progress"}
    assert ended.fields == {**both, "RecordingStatus": "completed", "RecordingDuration": shown.duration}
    assert shown.status == "completed"
    (samples,) = fetched(standin, ended.fields["RecordingUrl"], sid, account.token)
    assert watch.matches(len(samples) / RATE, 9, 17)
    assert abs(int(shown.duration) - len(samples) / RATE) <= HALF


def test_signalwire_recording_delivers_callbacks(standin: StandIn, receiver: Receiver) -> None:
    """SignalWire's callbacks have its own fields and both signature headers, signed with the project's key."""
    sid = SIGNALWIRE.format_sid(ResourceType.ACCOUNT, standin.account)
    api = HttpFunctionClient(SIGNALWIRE, standin.account, standin.token, standin=standin)
    control = ControlClient(standin, sid)
    call = control.post("/calls").body["sid"]["signalwire"]
    form = {
        "RecordingStatusCallback": receiver.url(),
        "RecordingStatusCallbackEvent": "in-progress completed",
        "RecordingChannels": "dual",
    }
    watch = Stopwatch(control)
    recording = api.post("Calls", call, "Recordings", form=form).body["sid"]
    path = ("Calls", call, "Recordings", recording)
    receiver.wait_for(1)
    advance(control, 4)
    assert api.post(*path, form={"Status": "paused", "PauseBehavior": "silence"}).status == 200
    advance(control, 6)
    assert api.post(*path, form={"Status": "in-progress"}).status == 200
    advance(control, 5)
    control.post(f"/calls/{call}/hangup")
    advance(control, 2)
    settle(control)
    begun, ended = receiver.wait_for(2)
    assert all(is_signed_by_signalwire(callback, STANDIN_SIGNING_KEY) for callback in (begun, ended))
    both = {
        "AccountSid": sid,
        "CallSid": call,
        "RecordingSid": recording,
        "RecordingUrl": f"http://127.0.0.1:{standin.port}{SIGNALWIRE.account_uri(standin.account)}/Recordings/{recording}",
        "RecordingChannels": "2",
        "RecordingSource": "StartCallRecordingApi",
    }
    assert begun.fields == {**both, "RecordingStatus": "in-progress", "RecordingDuration": "0"}
    first, second = fetched(standin, ended.fields["RecordingUrl"], sid, standin.token)
    assert watch.matches(len(first) / RATE, 15, 17)
    assert len(first) == len(second)
    duration = ended.fields["RecordingDuration"]
    assert abs(int(duration) - len(first) / RATE) <= HALF
    assert ended.fields == {**both, "RecordingStatus": "completed", "RecordingDuration": duration}


def test_dialed_conference_delivers_callbacks(
    standin: StandIn, account: TestAccount, control: ControlClient, receiver: Receiver
) -> None:
    """Dialing two participants into a conference delivers signed join, start, leave and end callbacks."""
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    options = {
        "conference_status_callback": receiver.url(),
        "conference_status_callback_event": ["start", "end", "join", "leave"],
    }
    try:
        dial = client.conferences("Sales").participants
        first = dial.create(from_="+12025550199", to="+12025550123", label="agent", **options)
        second = dial.create(from_="+12025550199", to="+12025550124", end_conference_on_exit=True)
        receiver.wait_for(3)
        client.conferences(first.conference_sid).participants(second.call_sid).delete()
        settle(control)
    finally:
        client.http_client.session.close()
    received = receiver.wait_for(6)
    validator = RequestValidator(account.token)
    assert all(validator.validate(receiver.url(), each.fields, each.headers["x-twilio-signature"]) for each in received)
    # Conference callbacks may arrive out of order.
    happened = sorted(received, key=lambda each: int(each.fields["SequenceNumber"]))
    names = ("SequenceNumber", "StatusCallbackEvent", "CallSid", "ParticipantLabel", "CallSidEndingConference")
    assert [tuple(each.fields.get(name) for name in names) for each in happened] == [
        ("1", "participant-join", first.call_sid, "agent", None),
        ("2", "participant-join", second.call_sid, None, None),
        ("3", "conference-start", None, None, None),
        ("4", "participant-leave", second.call_sid, None, None),
        ("5", "participant-leave", first.call_sid, "agent", None),
        ("6", "conference-end", None, None, second.call_sid),
    ]
    shared = {(each.fields["ConferenceSid"], each.fields["FriendlyName"]) for each in received}
    assert shared == {(first.conference_sid, "Sales")}


class NotFollowedError(Exception):
    """The vendor's rule is not followed yet."""


def test_a_status_callback_of_a_call_is_delivered(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver
) -> None:
    """A call with a status callback delivers its end once."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    answer = api.post("Calls", call, form={"StatusCallback": receiver.url(), "Url": receiver.url("/markup")})
    assert answer.status == 200
    control.post(f"/calls/{call}/hangup")
    settle(control)
    received = [(callback.fields["CallSid"], callback.fields["CallStatus"]) for callback in receiver.received]
    assert received == [(call, "completed")]


@pytest.mark.xfail(raises=NotFollowedError, strict=True, reason=f"{CALLBACK_WARNINGS}: there is no list of warnings")
def test_warnings_can_be_listed(control: ControlClient) -> None:
    """The stand-in lists the warnings of an account."""
    if control.get("/warnings").status != 200:
        raise NotFollowedError
