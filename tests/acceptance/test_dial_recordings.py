"""`<Dial record>` and `<Start><Recording>`: what is recorded, and what the application learns of it."""

from typing import Any

from twilio.twiml.voice_response import VoiceResponse

from tests.acceptance.scene import Request, Scene, with_sid
from tests.acceptance.test_dialing import Q, after, dialing, say
from tests.acceptance.test_keys_and_speech import VOICE, ended

RECORD: dict[str, Any] = {
    "action": "/after", "record": "record-from-answer-dual", "recording_status_callback": "/rec",
    "recording_status_callback_event": "in-progress completed",
}  # fmt: skip


def recorded(scene: Scene, status: str, source: str = "DialVerb", **fields: str) -> Request:
    """Return the callback about a recording of two channels."""
    shared = {"RecordingStatus": status, "RecordingSource": source, "RecordingChannels": "2", **fields}
    if scene.dialect == "twilio":
        return "POST", "/rec", {"RecordingTrack": "both", "ErrorCode": "0", **shared}
    return "POST", "/rec", {"RecordingDuration": "0", **shared}


def test_a_dial_is_recorded(scene: Scene) -> None:
    """The recording belongs to the caller's call; the action names it, and its callback follows a second later."""
    scene.answer("/voice", dialing(Q, **RECORD))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(30)
    child = scene.child(call, Q)
    assert scene.requests(call) == [VOICE, recorded(scene, "in-progress")]
    scene.act(child, "hangup")
    scene.rest()
    action = scene.requests(call)[2]
    names = ("RecordingUrl", "RecordingSid", "RecordingDuration") if scene.dialect == "twilio" else ("RecordingUrl",)
    assert with_sid(action, *names) == after(scene, "completed", child, DialCallDuration="30")
    assert action[2].get("RecordingDuration", "30") == "30"
    scene.advance(2)
    assert scene.requests(call)[3:] == [
        ended(scene, "31", "1"), recorded(scene, "completed", RecordingDuration="30"),
    ]  # fmt: skip
    (made,) = scene.api.get("Calls", call, "Recordings").body["recordings"]
    assert (made["source"], str(made["channels"]), made["status"]) == ("DialVerb", "2", "completed")


def test_the_current_recording_is_paused(twilio: Scene) -> None:
    """`Twilio.CURRENT` is the recording of the `<Dial>`; what is skipped is not part of its duration."""
    twilio.answer("/voice", dialing(Q, **RECORD))
    twilio.answer("/after", say("Bye"))
    call = twilio.call_in()
    twilio.advance(10)
    for status in ("paused", "in-progress"):
        form = {"Status": status, **({"PauseBehavior": "skip"} if status == "paused" else {})}
        changed = twilio.api.post("Calls", call, "Recordings", "Twilio.CURRENT", form=form)
        assert (changed.status, changed.body["status"]) == (200, status)
        twilio.advance(10)
    twilio.act(twilio.child(call, Q), "hangup")
    twilio.advance(3)
    (made,) = twilio.api.get("Calls", call, "Recordings").body["recordings"]
    assert (made["status"], made["duration"]) == ("completed", "20")


def test_a_call_is_recorded_from_its_start(scene: Scene) -> None:
    """`<Start><Recording>` records two channels while the next verbs are executed."""
    response = VoiceResponse()
    start = response.start()
    start.recording(recording_status_callback="/rec")
    response.pause(length=10)
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.until(call, "ended")
    scene.advance(2)
    assert scene.requests(call) == [
        VOICE, ended(scene, "10", "1"),
        recorded(scene, "completed", "StartCallRecordingTwiML", RecordingDuration="10"),
    ]  # fmt: skip


def test_a_recording_without_time_is_absent(scene: Scene) -> None:
    """A call that ends as soon as its recording has begun leaves none."""
    response = VoiceResponse()
    response.start().recording()
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.until(call, "ended")
    scene.advance(2)
    (made,) = scene.api.get("Calls", call, "Recordings").body["recordings"]
    assert (made["status"], made["error_code"]) == (
        "absent", 16101 if scene.dialect == "twilio" else "16101",
    )  # fmt: skip
