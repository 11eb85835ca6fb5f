"""Answers that are no instructions: errors, what is said to the caller, and the fallback."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from twilio.twiml.voice_response import VoiceResponse

from tests.acceptance.scene import Scene
from tests.acceptance.test_keys_and_speech import VOICE, ended
from tests.standin.receiver import ReceivedCallback, Reply

MESSAGE = "an application error has occurred"

FAILURES = [
    pytest.param(Reply(status=500), 11200, id="a status of a failure"),
    pytest.param(Reply("not found", status=404), 11200, id="an unknown path"),
    pytest.param(Reply("<Response/>", None), 11200, id="no content type"),
    pytest.param("<Response><Say>x</Response>", 12100, id="markup that is not well-formed"),
    pytest.param("\n<?xml version='1.0'?><Response/>", 12100, id="a line before the declaration"),
    pytest.param("<Foo/>", 12102, id="another root"),
    pytest.param(Reply("{}", "application/json"), 12300, id="JSON"),
    pytest.param(f"<Response><Say>{'x' * 70_000}</Say></Response>", 11750, id="70,000 bytes"),
    pytest.param(Reply(status=302), 11216, id="a redirect to nowhere"),
    pytest.param(Reply(status=304), 11216, id="another redirect"),
]


def sorry() -> VoiceResponse:
    """Return instructions that apologize."""
    response = VoiceResponse()
    response.say("Sorry")
    return response


def number_with_fallback(scene: Scene) -> dict[str, Any]:
    """Return the fields of a call with a fallback URL."""
    return {"fallback_url": scene.app.url("/fb")}


@pytest.mark.parametrize(("reply", "code"), FAILURES)
def test_without_a_fallback_the_call_ends_with_a_message(twilio: Scene, reply: str | Reply, code: int) -> None:
    """An error is noted; a message says so for four seconds, and the call ends."""
    twilio.answer("/voice", reply)
    call = twilio.call_in()
    twilio.until(call, "ended")
    assert twilio.requests(call) == [VOICE, ended(twilio, "4", "1")]
    assert (twilio.spoken_texts(call), twilio.ending(call)) == ([MESSAGE], ("completed", "4"))
    assert [(level, number) for level, number, _, _ in twilio.warnings(call)] == [("error", code)]
    (webhook,) = twilio.control.get("/webhooks", call=call).body["webhooks"]
    assert webhook["error"]["code"] == code


@pytest.mark.parametrize(("reply", "code"), FAILURES)
def test_a_fallback_continues_the_call(twilio: Scene, reply: str | Reply, code: int) -> None:
    """The fallback gets the parameters of the failed request, the error and its URL; its answer is executed."""
    twilio.answer("/voice", reply)
    twilio.answer("/fb", sorry())
    call = twilio.call_in(**number_with_fallback(twilio))
    twilio.until(call, "ended")
    failed = {"CallStatus": "ringing", "ErrorCode": str(code), "ErrorUrl": twilio.app.url("/voice")}
    assert twilio.requests(call) == [VOICE, ("POST", "/fb", failed), ended(twilio, "1", "1")]
    assert (twilio.spoken_texts(call), twilio.kinds(call)) == (["Sorry"], ["voice", "fallback"])


def test_signalwire_has_a_fallback_too(signalwire: Scene) -> None:
    """In SignalWire's dialect another root is not well-formed instructions; the fallback is requested as well."""
    signalwire.answer("/voice", "<Foo/>")
    signalwire.answer("/fb", sorry())
    call = signalwire.call_in(**number_with_fallback(signalwire))
    signalwire.until(call, "ended")
    failed = {"CallStatus": "ringing", "ErrorCode": "12100", "ErrorUrl": signalwire.app.url("/voice")}
    assert signalwire.requests(call) == [VOICE, ("POST", "/fb", failed), ended(signalwire, "1", "1")]


def test_a_fallback_that_fails_too(scene: Scene) -> None:
    """A fallback has no fallback: a message says so, and the call ends."""
    for path in ("/voice", "/fb"):
        scene.answer(path, Reply(status=500))
    call = scene.call_in(**number_with_fallback(scene))
    scene.until(call, "ended")
    failed = {"CallStatus": "ringing", "ErrorCode": "11200", "ErrorUrl": scene.app.url("/voice")}
    assert scene.requests(call) == [VOICE, ("POST", "/fb", failed), ended(scene, "4", "1")]
    assert scene.spoken_texts(call) == [MESSAGE]


@pytest.mark.parametrize(("dialect", "attempts"), [("twilio", 2), ("signalwire", 1)])
def test_an_application_that_does_not_run(make_scene: Callable[[str], Scene], dialect: str, attempts: int) -> None:
    """Twilio tries a refused connection twice, SignalWire once; then the fallback is requested."""
    scene = make_scene(dialect)
    scene.answer("/fb", sorry())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/voice"
    call = scene.call_in(url=url, status_callback=scene.app.url("/status"), **number_with_fallback(scene))
    scene.until(call, "ended")
    failed = {"CallStatus": "ringing", "ErrorCode": "11200", "ErrorUrl": url}
    assert scene.requests(call) == [("POST", "/fb", failed), ended(scene, "1", "1")]
    webhook, _ = scene.control.get("/webhooks", call=call).body["webhooks"]
    assert (webhook["attempts"], webhook["answer"]) == (attempts, None)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_becomes_a_get(scene: Scene, status: int) -> None:
    """A redirected request has its parameters in the query, and a signature over its own URL."""
    scene.answer("/voice", Reply(status=status, headers={"Location": "/voice2"}))
    scene.answer("/voice2", sorry())
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, ("GET", "/voice2", VOICE[2]), ended(scene, "1", "1")]


def test_a_redirect_can_keep_the_method(scene: Scene) -> None:
    """A redirect with 307 repeats the form; relative URLs in its document refer to the new place."""
    scene.answer("/voice", Reply(status=307, headers={"Location": "/other/voice2"}))
    scene.answer("/other/voice2", "<Response><Redirect>next</Redirect></Response>")
    scene.answer("/other/next", sorry())
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [
        VOICE, ("POST", "/other/voice2", VOICE[2]), ("POST", "/other/next", {"CallStatus": "in-progress"}),
        ended(scene, "1", "1"),
    ]  # fmt: skip


def test_text_is_spoken(scene: Scene) -> None:
    """An answer that is plain text is spoken, and the call ends."""
    scene.answer("/voice", Reply("hello", "text/plain"))
    call = scene.call_in()
    scene.until(call, "ended")
    assert (scene.spoken_texts(call), scene.requests(call)) == (["hello"], [VOICE, ended(scene, "1", "1")])


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/xml", "application/voice+xml"])
def test_markup_may_have_other_types(scene: Scene, content_type: str) -> None:
    """HTML and other types of XML count as instructions."""
    scene.answer("/voice", Reply(str(sorry()), content_type))
    call = scene.call_in()
    scene.until(call, "ended")
    assert (scene.spoken_texts(call), scene.warnings(call)) == (["Sorry"], [])


@pytest.mark.parametrize("reply", [Reply(""), Reply(status=204)])
def test_an_empty_answer_ends_the_call(scene: Scene, reply: Reply) -> None:
    """An empty body is an empty document, with a warning."""
    scene.answer("/voice", reply)
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, ended(scene, "0", "0")]
    assert [(level, code) for level, code, _, _ in scene.warnings(call)] == [("warning", 11770)]


def test_a_number_without_instructions(twilio: Scene) -> None:
    """A call to a number without a voice URL is an error: a message says so."""
    bare = "+12026669001"
    assert twilio.control.post("/numbers", {"phone_number": bare}).status == 201
    call = twilio.call_in(to=bare)
    twilio.until(call, "ended")
    assert [(level, code) for level, code, _, _ in twilio.warnings(call)] == [("error", 11100)]
    assert (twilio.spoken_texts(call), twilio.ending(call)) == ([MESSAGE], ("completed", "4"))


def test_cookies_last_for_a_call(twilio: Scene) -> None:
    """What the application sets comes back with the next request of the same call, and of no other."""

    def first(_request: ReceivedCallback) -> Reply:
        markup = "<Response><Redirect>/next</Redirect></Response>"
        return Reply(markup, headers={"Set-Cookie": "step=1; Path=/"})

    twilio.answer("/voice", first)
    twilio.answer("/next", sorry())
    for _ in range(2):
        twilio.until(twilio.call_in(), "ended")
    cookies = [(request.url.rpartition("/")[2], request.headers.get("cookie")) for request in twilio.app.requests]
    assert cookies == [("voice", None), ("next", "step=1")] * 2
