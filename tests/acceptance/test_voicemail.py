"""`<Record>`: a voicemail, silence, keys and hang-ups."""

import pytest
import requests
from twilio.twiml.voice_response import VoiceResponse

from tests.acceptance.scene import Request, Scene
from tests.acceptance.test_keys_and_speech import VOICE, ended, hang_up
from tests.media import samples_of

RATE = 8_000


def voicemail(**attributes: object) -> VoiceResponse:
    """Return instructions that record a message, and say so if there is none."""
    response = VoiceResponse()
    response.say("Leave a note")
    response.record(action="/done", max_length=20, recording_status_callback="/rec", **attributes)
    response.say("Nothing")
    return response


def done(scene: Scene, call: str, status: str = "in-progress", **fields: str) -> Request:
    """Return the request after a `<Record>`."""
    (recording,) = scene.api.get("Calls", call, "Recordings").body["recordings"]
    base = scene.api.dialect.account_uri(scene.api.account)
    url = f"http://127.0.0.1:{scene.control.standin.port}{base}/Recordings/{recording['sid']}"
    return "POST", "/done", {"CallStatus": status, "RecordingSid": recording["sid"], "RecordingUrl": url, **fields}


def finished(scene: Scene, seconds: str) -> Request:
    """Return the callback about a recording of a `<Record>`."""
    shared = {
        "RecordingStatus": "completed", "RecordingSource": "RecordVerb", "RecordingChannels": "1",
        "RecordingDuration": seconds,
    }  # fmt: skip
    return "POST", "/rec", {**shared, **({"ErrorCode": "0"} if scene.dialect == "twilio" else {})}


def test_a_message_is_recorded(scene: Scene) -> None:
    """Five seconds of silence end the message; the callback follows a second later, and silence is cut off."""
    scene.answer("/voice", voicemail())
    scene.answer("/done", hang_up())
    call = scene.call_in()
    scene.until(call, "Record")
    scene.act(call, "speak", seconds=4, text="call me")
    scene.advance(9)
    first = [VOICE, done(scene, call, RecordingDuration="9"), ended(scene, "10", "1")]
    assert scene.requests(call) == first
    scene.advance(2)
    assert scene.requests(call) == [*first, finished(scene, "4")]
    url = first[1][2]["RecordingUrl"]
    (recording,) = scene.api.get("Calls", call, "Recordings").body["recordings"]
    shown = scene.api.get("Recordings", recording["sid"]).body
    assert (shown["status"], str(shown["duration"]), shown["source"], str(shown["channels"])) == (
        "completed", "4", "RecordVerb", "1",
    )  # fmt: skip
    (samples,) = samples_of(
        requests.get(f"{url}.wav", auth=(scene.control.account or "", scene.api.secret), timeout=60).content
    )
    assert 4 * RATE - len(samples) in {0, 1}  # the last sample of the tone is silent
    assert scene.spoken_texts(call) == ["Leave a note"]


@pytest.mark.parametrize(
    ("seconds", "text", "expected"),
    [(4, "call me", ("completed", "call me")), (4, "", ("failed", None)), (0.5, "call me", ("completed", "call me"))],
)
def test_a_message_is_transcribed(scene: Scene, seconds: float, text: str, expected: tuple[str, str | None]) -> None:
    """The words of the party are the text of a transcription; it fails without any, which SignalWire does not show."""
    scene.answer("/voice", voicemail(transcribe=True))
    scene.answer("/done", hang_up())
    call = scene.call_in()
    scene.until(call, "Record")
    scene.act(call, "speak", seconds=seconds, text=text)
    scene.advance(seconds + 5)
    (recording,) = scene.api.get("Calls", call, "Recordings").body["recordings"]
    assert scene.api.get("Recordings", recording["sid"], "Transcriptions").body["transcriptions"] == []
    scene.advance(2)
    (made,) = scene.api.get("Recordings", recording["sid"], "Transcriptions").body["transcriptions"]
    status, words = expected
    shown = status if scene.dialect == "twilio" else "completed"
    assert (made["status"], made["transcription_text"] or None) == (shown, words)
    assert scene.api.get("Transcriptions").body["transcriptions"] == [made]


def test_silence_is_no_message(twilio: Scene) -> None:
    """After five seconds of silence the next verb is executed, without a request; the recording is absent."""
    twilio.answer("/voice", voicemail())
    call = twilio.call_in()
    twilio.until(call, "ended")
    twilio.advance(2)
    assert twilio.requests(call) == [VOICE, ended(twilio, "7", "1")]
    assert twilio.spoken_texts(call) == ["Leave a note", "Nothing"]
    (recording,) = twilio.api.get("Calls", call, "Recordings").body["recordings"]
    assert (recording["status"], recording["error_code"]) == ("absent", 16102)


def test_signalwire_reports_silence(signalwire: Scene) -> None:
    """In SignalWire's dialect the action is requested for an empty recording, too, with no seconds."""
    signalwire.answer("/voice", voicemail())
    signalwire.answer("/done", hang_up())
    call = signalwire.call_in()
    signalwire.until(call, "ended")
    signalwire.advance(2)
    assert signalwire.requests(call) == [
        VOICE, done(signalwire, call, RecordingDuration="0"), ended(signalwire, "6", "1"),
    ]  # fmt: skip
    assert signalwire.spoken_texts(call) == ["Leave a note"]


def test_a_key_ends_the_message(scene: Scene) -> None:
    """A key of `finishOnKey` ends the message at once, and the request names it."""
    scene.answer("/voice", voicemail())
    scene.answer("/done", hang_up())
    call = scene.call_in()
    scene.until(call, "Record")
    scene.act(call, "speak", seconds=60)
    scene.advance(3)
    assert scene.act(call, "press", digits="#") == {"used": True}
    scene.rest()
    assert scene.requests(call) == [
        VOICE, done(scene, call, RecordingDuration="3", Digits="#"), ended(scene, "4", "1"),
    ]  # fmt: skip
    scene.advance(2)
    assert scene.requests(call)[3:] == [finished(scene, "3")]


def test_the_maximum_length_ends_a_message(scene: Scene) -> None:
    """`maxLength` ends a message that goes on."""
    scene.answer("/voice", voicemail())
    scene.answer("/done", hang_up())
    call = scene.call_in(party={"speaks": [{"seconds": 60}]})
    scene.until(call, "ended")
    scene.advance(2)
    assert scene.requests(call) == [
        VOICE, done(scene, call, RecordingDuration="20"), ended(scene, "21", "1"), finished(scene, "20"),
    ]  # fmt: skip


def test_a_hang_up_ends_the_message(scene: Scene) -> None:
    """The action is requested after a hang-up, too; what it answers is not executed, and an empty body is no error."""
    for reply in ("<Response><Say>late</Say></Response>", ""):
        scene.app.arrived.clear()
        scene.answer("/voice", voicemail())
        scene.answer("/done", reply)
        call = scene.call_in()
        scene.until(call, "Record")
        scene.act(call, "speak", seconds=60)
        scene.advance(3)
        scene.act(call, "hangup")
        scene.rest()
        scene.advance(2)
        request = done(scene, call, "completed", RecordingDuration="3", Digits="hangup")
        assert sorted(scene.requests(call), key=str) == sorted(
            [VOICE, request, ended(scene, "4", "1"), finished(scene, "3")], key=str
        )
        assert (scene.spoken_texts(call), scene.warnings(call), scene.ending(call)) == (
            ["Leave a note"], [], ("completed", "4"),
        )  # fmt: skip


def test_instructions_can_start_a_recording(twilio: Scene) -> None:
    """`<Start><Recording>` records both sides while the call goes on; the recording ends with the call."""
    markup = '<Response><Start><Recording recordingStatusCallback="/rec"/></Start><Pause length="10"/></Response>'
    twilio.answer("/voice", markup)
    call = twilio.call_in()
    twilio.until(call, "ended")
    twilio.advance(2)
    fields = {
        "RecordingStatus": "completed", "RecordingSource": "StartCallRecordingTwiML", "RecordingChannels": "2",
        "RecordingDuration": "10", "RecordingTrack": "both", "ErrorCode": "0",
    }  # fmt: skip
    assert twilio.requests(call) == [VOICE, ended(twilio, "10", "1"), ("POST", "/rec", fields)]


def test_a_recording_without_anything_to_record(twilio: Scene) -> None:
    """`<Start><Recording>` alone: the call ends at once, and the recording is absent because it is too short."""
    twilio.answer("/voice", '<Response><Start><Recording recordingStatusCallback="/rec"/></Start></Response>')
    call = twilio.call_in()
    twilio.until(call, "ended")
    twilio.advance(2)
    assert twilio.requests(call) == [VOICE, ended(twilio, "0", "0")]
    (recording,) = twilio.api.get("Calls", call, "Recordings").body["recordings"]
    assert (recording["status"], recording["error_code"]) == ("absent", 16101)
