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
from tests.standin.receiver import LONG_PAUSE, ReceivedCallback, Receiver, is_signed_by_signalwire

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
    answer = control.post("/wait-until-idle", {"timeout": 60})
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


PLACE = {"City": "SAN FRANCISCO", "Country": "US", "State": "CA", "Zip": "94105"}
"""Twilio's fields about the place of a North American number."""


def places(*parties: str) -> dict[str, str]:
    """Return the fields about the place of each of these parties of a call."""
    return {f"{party}{name}": value for party in parties for name, value in PLACE.items()}


def assert_signed(callback: ReceivedCallback, token: str) -> None:
    """Assert that Twilio's validator accepts the signature, and only with these fields and this URL."""
    validator, signature = RequestValidator(token), callback.headers["x-twilio-signature"]
    fields = callback.fields if callback.method == "POST" else {}
    assert validator.validate(callback.url, fields, signature)
    assert not validator.validate(f"{callback.url}x", fields, signature)


def test_a_dialed_call_delivers_its_status(
    standin: StandIn, account: TestAccount, control: ControlClient, receiver: Receiver
) -> None:
    """A dialed call delivers four signed callbacks in order: initiated, ringing, answered and completed."""
    sid = TWILIO.format_sid(ResourceType.ACCOUNT, account.id)
    client = Client(sid, account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    try:
        dialed = client.conferences("Support").participants.create(
            from_="+12025550199",
            to="+12025550123",
            status_callback=receiver.url("/leg?tenant=42"),
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        )
        receiver.wait_for(3)
        advance(control, 61)
        client.calls(dialed.call_sid).update(status="completed")
        settle(control)
        call = client.calls(dialed.call_sid).fetch()
    finally:
        client.http_client.session.close()
    received = receiver.wait_for(4)
    for callback in received:
        assert (callback.method, callback.url) == ("POST", receiver.url("/leg?tenant=42"))
        assert_signed(callback, account.token)
    common = {
        "AccountSid": sid,
        "ApiVersion": "2010-04-01",
        "CallSid": dialed.call_sid,
        "CallbackSource": "call-progress-events",
        "Called": "+12025550123",
        "Caller": "+12025550199",
        "Direction": "outbound-api",
        "From": "+12025550199",
        "To": "+12025550123",
        **places("Called", "Caller", "From", "To"),
    }
    minutes = (int(call.duration) + 59) // 60
    ends = {"CallDuration": call.duration, "Duration": str(minutes), "SipResponseCode": "200"}
    states = [("initiated", {}), ("ringing", {}), ("in-progress", {}), ("completed", ends)]
    assert [callback.fields for callback in received] == [
        {
            **common, **more, "CallStatus": status, "SequenceNumber": str(number),
            "Timestamp": callback.fields["Timestamp"],
        }
        for number, (callback, (status, more)) in enumerate(zip(received, states, strict=True))
    ]  # fmt: skip
    assert int(call.duration) >= 61
    names = [list(callback.fields) for callback in received]
    assert names == [sorted(each) for each in names]
    assert len({callback.headers["i-twilio-idempotency-token"] for callback in received}) == 4
    logged = control.get("/callbacks", sid=dialed.call_sid).body["callbacks"]
    assert [(each["event"], each["sid"]["twilio"], each["fields"]) for each in logged] == [
        (event, dialed.call_sid, callback.fields)
        for event, callback in zip(("initiated", "ringing", "answered", "completed"), received, strict=True)
    ]


def test_a_redirect_sets_the_status_callback(
    standin: StandIn, account: TestAccount, control: ControlClient, receiver: Receiver
) -> None:
    """A redirect with a status callback delivers the end by GET, with a signature over the whole URL."""
    receiver.documents["/markup"] = LONG_PAUSE
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    call = control.post("/calls", {"direction": "outbound-api"}).body["sid"]["twilio"]
    try:
        client.calls(call).update(
            url=receiver.url("/markup"), status_callback=receiver.url("/end?id=7"), status_callback_method="GET"
        )
        client.calls(call).update(status="completed")
    finally:
        client.http_client.session.close()
    settle(control)
    (callback,) = receiver.received
    assert (callback.method, callback.url.partition("&")[0]) == ("GET", receiver.url("/end?id=7"))
    assert_signed(callback, account.token)
    names = ("id", "CallSid", "CallStatus", "SequenceNumber", "SipResponseCode", "Direction")
    assert [callback.fields[name] for name in names] == ["7", call, "completed", "0", "200", "outbound-api"]


def test_signalwire_signs_the_status_callback_of_a_call(standin: StandIn, receiver: Receiver) -> None:
    """SignalWire's callback about an inbound call has its own fields, both signature headers and no token."""
    receiver.documents["/markup"] = LONG_PAUSE
    sid = SIGNALWIRE.format_sid(ResourceType.ACCOUNT, standin.account)
    api = HttpFunctionClient(SIGNALWIRE, standin.account, standin.token, standin=standin)
    control = ControlClient(standin, sid)
    call = control.post("/calls").body["sid"]["signalwire"]
    form = {"StatusCallback": receiver.url("/end"), "Url": receiver.url("/markup")}
    assert api.post("Calls", call, form=form).status == 200
    advance(control, 10)
    assert api.post("Calls", call, form={"Status": "completed"}).status == 200
    settle(control)
    (callback,) = receiver.received
    assert is_signed_by_signalwire(callback, STANDIN_SIGNING_KEY)
    assert "i-twilio-idempotency-token" not in callback.headers
    shown = api.get("Calls", call).body
    assert callback.fields == {
        "AccountSid": sid,
        "ApiVersion": "2010-04-01",
        "CallDuration": str(shown["duration"]),
        "CallSid": call,
        "CallStatus": "completed",
        "CallbackSource": "call-progress-events",
        "Direction": "inbound",
        "From": "+12025550199",
        "SequenceNumber": "0",
        "Timestamp": shown["end_time"],
        "To": "+12025550123",
    }
    assert shown["duration"] >= 10


@pytest.mark.parametrize(("status", "code"), [("busy", "486"), ("no-answer", "487"), ("failed", "404")])
def test_a_call_that_is_not_answered_delivers_its_status(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver, account: TestAccount, status: str, code: str
) -> None:
    """A call that nothing answers delivers its final status, its SIP code and no duration, in both dialects."""
    twilio = api.dialect.name == "twilio"
    call = control.post("/calls", {"status": "ringing", "direction": "outbound-api"}).body["sid"][api.dialect.name]
    assert api.post("Calls", call, form={"StatusCallback": receiver.url()}).status == 200
    control.post("/events", {"type": "call.ended", "call": call, "status": status})
    settle(control)
    (callback,) = receiver.received
    shared = {
        "AccountSid": api.dialect.format_sid(ResourceType.ACCOUNT, account.id),
        "ApiVersion": "2010-04-01",
        "CallDuration": "0",
        "CallSid": call,
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "Direction": "outbound-api",
        "From": "+12025550199",
        "SequenceNumber": "0",
        "Timestamp": callback.fields["Timestamp"],
        "To": "+12025550123",
    }
    own = {
        "Called": "+12025550123",
        "Caller": "+12025550199",
        "Duration": "0",
        "SipResponseCode": code,
        **places("Called", "Caller", "From", "To"),
    }
    assert callback.fields == ({**shared, **own} if twilio else {**shared, "SipResultCode": code})
    assert ("i-twilio-idempotency-token" in callback.headers) is twilio
    if twilio:
        assert_signed(callback, account.token)


def test_the_end_of_a_call_can_be_replayed(control: ControlClient, api: HttpFunctionClient, receiver: Receiver) -> None:
    """The control API finds the callback of a call by its event and its `CallStatus`, and replays it unchanged."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    api.post("Calls", call, form={"StatusCallback": receiver.url()})
    control.post(f"/calls/{call}/hangup")
    settle(control)
    (found,) = control.get("/callbacks", sid=call, event="completed").body["callbacks"]
    assert (found["event"], found["sid"][api.dialect.name], found["fields"]["CallStatus"]) == (
        "completed", call, "completed",
    )  # fmt: skip
    assert control.get("/callbacks", sid=call, event="ringing").body["callbacks"] == []
    assert control.post(f"/callbacks/{found['id']}/replay").status == 202
    first, second = receiver.wait_for(2)
    assert (first.fields, first.headers["x-twilio-signature"]) == (second.fields, second.headers["x-twilio-signature"])


def test_a_status_callback_of_a_call_is_delivered(
    control: ControlClient, api: HttpFunctionClient, receiver: Receiver
) -> None:
    """A call with a status callback delivers its end once."""
    receiver.documents["/markup"] = LONG_PAUSE
    call = control.post("/calls").body["sid"][api.dialect.name]
    answer = api.post("Calls", call, form={"StatusCallback": receiver.url(), "Url": receiver.url("/markup")})
    assert answer.status == 200
    control.post(f"/calls/{call}/hangup")
    settle(control)
    received = [(callback.fields["CallSid"], callback.fields["CallStatus"]) for callback in receiver.received]
    assert received == [(call, "completed")]
