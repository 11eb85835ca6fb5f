"""Short instructions: rejections, ends, mistakes, streams and endless redirects."""

import pytest
from twilio.twiml.voice_response import VoiceResponse

from tests.acceptance.scene import Scene
from tests.acceptance.test_keys_and_speech import VOICE, VOICE_AGAIN, ended


@pytest.mark.parametrize(("reason", "status"), [("rejected", "no-answer"), ("busy", "busy")])
def test_a_rejected_call_is_never_in_progress(scene: Scene, reason: str, status: str) -> None:
    """`<Reject>` ends a call that rings; it has no duration, and was not answered."""
    response = VoiceResponse()
    response.reject(reason=reason)
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.until(call, "ended")
    method, path, fields = ended(scene, "0", "0")
    assert scene.requests(call) == [VOICE, (method, path, {**fields, "CallStatus": status})]
    shown = scene.api.get("Calls", call).body
    assert (shown["status"], shown["duration"]) == (status, None if scene.dialect == "twilio" else 0)


@pytest.mark.parametrize("markup", ["<Response><Hangup/></Response>", "<Response/>"])
def test_nothing_to_do_ends_the_call(scene: Scene, markup: str) -> None:
    """`<Hangup>` and an empty document answer the call and end it at once."""
    scene.answer("/voice", markup)
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, ended(scene, "0", "0")]
    assert (scene.ending(call), scene.warnings(call)) == (("completed", "0"), [])


def test_mistakes_are_skipped_with_a_warning(scene: Scene) -> None:
    """An unknown element and an unknown attribute are warnings with line and column; the rest is executed."""
    scene.answer("/voice", '<Response>\n<say>x</say><Say vioce="a">y</Say></Response>')
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.spoken_texts(call) == ["y"]
    assert scene.warnings(call) == [("warning", 12200, 2, 1), ("warning", 12200, 2, 13)]


def test_unsupported_verbs_are_skipped(scene: Scene) -> None:
    """A verb that is known and not supported is skipped with a warning."""
    response = VoiceResponse()
    response.enqueue("q")
    response.say("z")
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.until(call, "ended")
    assert (scene.spoken_texts(call), [code for _, code, _, _ in scene.warnings(call)]) == (["z"], [13750])


def test_a_connected_stream_waits(scene: Scene) -> None:
    """`<Connect>` waits until the stream is closed, at most for four hours; then its action is requested."""
    scene.answer("/voice", '<Response><Connect action="/end"><Stream url="wss://x/y" name="s"/></Connect></Response>')
    scene.answer("/end", VoiceResponse())
    call = scene.call_in()
    position = scene.until(call, "Connect")
    assert (position["waits_for"], position["until"]) == (["stream"], "2025-06-01T16:00:00.000+00:00")
    scene.advance(60)
    stream = {"kind": "Stream", "name": "s", "url": "wss://x/y", "track": "inbound_track", "parameters": {}}
    assert scene.control.get(f"/calls/{call}").body["streams"] == [{**stream, "open": True}]
    scene.act(call, "stream/close", name="s")
    scene.rest()
    assert scene.requests(call) == [VOICE, ("POST", "/end", {"CallStatus": "in-progress"}), ended(scene, "60", "1")]
    assert scene.control.get(f"/calls/{call}").body["streams"] == [{**stream, "open": False}]


def test_endless_redirects_end_the_call(scene: Scene) -> None:
    """After 100 documents without a second in between, an error ends the call."""
    response = VoiceResponse()
    response.redirect("/voice")
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, *[VOICE_AGAIN] * 99, ended(scene, "0", "0")]
    assert [(level, code) for level, code, _, _ in scene.warnings(call)] == [("error", 12400)]
    assert scene.ending(call)[0] == "completed"


def test_a_pause_keeps_it_ringing(twilio: Scene) -> None:
    """A `<Pause>` as the first verb lets the call ring for its length; then the call is answered."""
    response = VoiceResponse()
    response.pause(length=7)
    response.say("Welcome")
    twilio.answer("/voice", response)
    call = twilio.call_in()
    twilio.advance(6)
    assert twilio.api.get("Calls", call).body["status"] == "ringing"
    twilio.until(call, "ended")
    assert twilio.requests(call) == [VOICE, ended(twilio, "1", "1")]
