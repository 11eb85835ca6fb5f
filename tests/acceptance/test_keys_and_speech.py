"""`<Gather>`: keys and speech, what the application learns of them, and what follows without any."""

import pytest
from twilio.twiml.voice_response import Gather, VoiceResponse

from tests.acceptance.scene import Scene


def menu(**attributes: object) -> VoiceResponse:
    """Return instructions that expect keys, and then begin again."""
    response = VoiceResponse()
    gather = Gather(action="/menu", **attributes)
    gather.say("Press one")
    response.append(gather)
    response.redirect("/voice")
    return response


def hang_up() -> VoiceResponse:
    """Return instructions that hang up."""
    response = VoiceResponse()
    response.hangup()
    return response


def gathered(scene: Scene, **fields: str) -> tuple[str, str, dict[str, str]]:
    """Return the request after a `<Gather>` with this input."""
    message = {"msg": "Gather End"} if scene.dialect == "twilio" else {}
    return "POST", "/menu", {"CallStatus": "in-progress", **message, **fields}


def ended(scene: Scene, seconds: str, minutes: str) -> tuple[str, str, dict[str, str]]:
    """Return the callback about the end of a call."""
    duration = {"Duration": minutes} if scene.dialect == "twilio" else {}
    return "POST", "/status", {"CallStatus": "completed", "CallDuration": seconds, "SequenceNumber": "0", **duration}


VOICE = ("POST", "/voice", {"CallStatus": "ringing"})
VOICE_AGAIN = ("POST", "/voice", {"CallStatus": "in-progress"})


def test_the_last_expected_key_requests_the_action(scene: Scene) -> None:
    """With `numDigits`, so many keys are the input; no key has ended it, and what follows the `<Gather>` is skipped."""
    scene.answer("/voice", menu(num_digits=1))
    scene.answer("/menu", hang_up())
    call = scene.call_in()
    position = scene.until(call, "Gather")
    assert (position["verb"], position["index"], position["waits_for"]) == ("Gather", 0, ["digits"])
    scene.advance(3)
    assert scene.act(call, "press", digits="1") == {"used": True}
    scene.rest()
    assert scene.requests(call) == [VOICE, gathered(scene, Digits="1"), ended(scene, "3", "1")]
    assert scene.ending(call) == ("completed", "3")


def test_silence_goes_on_with_the_next_verb(scene: Scene) -> None:
    """Without a key until five seconds after the prompt, the next verb is executed; no request has keys."""
    scene.answer("/voice", menu(num_digits=1))
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.advance(5.999)
    assert scene.requests(call) == [VOICE]
    scene.advance(0.001)
    assert scene.requests(call) == [VOICE, VOICE_AGAIN]
    times = [each["at"] for each in scene.control.get("/webhooks", call=call).body["webhooks"]]
    assert times == ["2025-06-01T12:00:00.000+00:00", "2025-06-01T12:00:06.000+00:00"]


def test_the_key_that_ends_the_input_is_named(scene: Scene) -> None:
    """`#` ends the input, is no part of it, and Twilio's request names it."""
    scene.answer("/voice", menu())
    scene.answer("/menu", hang_up())
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.act(call, "press", digits="42#")
    scene.rest()
    key = {"FinishedOnKey": "#"} if scene.dialect == "twilio" else {}
    assert scene.requests(call) == [VOICE, gathered(scene, Digits="42", **key), ended(scene, "0", "0")]


def test_silence_after_a_key_ends_the_input(scene: Scene) -> None:
    """Five seconds after the last key, the keys until then are the input."""
    scene.answer("/voice", menu())
    scene.answer("/menu", hang_up())
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.act(call, "press", digits="4")
    scene.advance(4.999)
    assert scene.requests(call) == [VOICE]
    scene.advance(0.001)
    assert scene.requests(call) == [VOICE, gathered(scene, Digits="4"), ended(scene, "5", "1")]


def test_the_ending_key_alone_is_no_input(scene: Scene) -> None:
    """`#` without a key before it ends nothing: the time goes on, and the next verb is executed."""
    scene.answer("/voice", menu())
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.advance(2)
    scene.act(call, "press", digits="#")
    scene.advance(9.999)
    assert [(method, path) for method, path, _ in scene.requests(call)] == [("POST", "/voice")] * 2


@pytest.mark.parametrize("digits", ["1", "1w2"])
def test_keys_before_the_verb_are_lost(scene: Scene, digits: str) -> None:
    """Keys while something is said before the `<Gather>` are not used."""
    response = VoiceResponse()
    response.say("Welcome")
    response.gather(action="/menu", num_digits=1)
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.until(call, "Say")
    assert scene.act(call, "press", digits=digits) == {"used": False}
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, ended(scene, "6", "1")]


def test_speech_is_recognized(scene: Scene) -> None:
    """Two seconds of speech are the input a second after their end, with the words and the confidence."""
    response = VoiceResponse()
    response.gather(input="speech dtmf", speech_timeout="auto", action="/menu")
    scene.answer("/voice", response)
    scene.answer("/menu", hang_up())
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.act(call, "speak", seconds=2, text="billing")
    scene.advance(2.999)
    assert scene.requests(call) == [VOICE]
    scene.advance(0.001)
    assert scene.requests(call) == [
        VOICE, gathered(scene, SpeechResult="billing", Confidence="0.9"), ended(scene, "3", "1"),
    ]  # fmt: skip


def test_silence_can_be_the_input(scene: Scene) -> None:
    """With `actionOnEmptyResult`, the action is requested after five seconds without keys, and names none."""
    response = VoiceResponse()
    response.gather(action_on_empty_result=True, action="/menu")
    scene.answer("/voice", response)
    scene.answer("/menu", hang_up())
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, gathered(scene), ended(scene, "5", "1")]


def test_a_hang_up_is_no_input(scene: Scene) -> None:
    """A caller who hangs up in a `<Gather>`, after a key too, ends the call without its action."""
    scene.answer("/voice", menu())
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.act(call, "press", digits="1")
    scene.act(call, "hangup")
    scene.rest()
    assert scene.requests(call) == [VOICE, ended(scene, "0", "0")]
