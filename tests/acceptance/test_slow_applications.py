"""Applications that take their time, and applications that use the API while they answer."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.scene import CALLER, Scene
from tests.acceptance.test_keys_and_speech import VOICE, ended
from tests.standin.receiver import ReceivedCallback, Reply

SAID = "<Response><Say>Hello</Say></Response>"
SECONDS = 60
"""Real seconds that an answer waits at most, far more than it takes."""


@pytest.fixture
def answering() -> Iterator[threading.Event]:
    """While it is cleared, the slow application does not answer."""
    event = threading.Event()
    yield event
    event.set()


def test_an_application_without_an_answer_delays_no_other_call(
    make_scene: Callable[[str], Scene], answering: threading.Event
) -> None:
    """While one request is open, other calls of the account and of other accounts come in, go on and end."""
    slow, other = make_scene("twilio"), make_scene("signalwire")

    def wait(_request: ReceivedCallback) -> str:
        answering.wait(SECONDS)
        return SAID

    slow.answer("/slow", wait)
    slow.answer("/voice", SAID)
    waiting = slow.call_in(url=slow.app.url("/slow"), status_callback=slow.app.url("/status"))
    own, foreign = slow.call_in(), other.call_in()
    other.until(foreign, "ended")
    assert (other.spoken_texts(foreign), other.ending(foreign)) == (["Hello"], ("completed", "1"))
    webhooks = slow.control.get("/webhooks", call=own, wait="60").body["webhooks"]
    assert [(each["kind"], each["answer"]["status"]) for each in webhooks] == [("voice", 200)]
    assert slow.spoken_texts(own) == ["Hello"]
    assert slow.api.get("Calls", waiting).body["status"] == "ringing"
    (open_request,) = slow.control.get("/webhooks", call=waiting).body["webhooks"]
    assert (open_request["answer"], open_request["error"]) == (None, None)
    answering.set()
    slow.until(waiting, "ended")
    assert slow.requests(waiting) == [("POST", "/slow", VOICE[2]), ended(slow, "1", "1")]


def test_each_request_has_its_own_time(scene: Scene) -> None:
    """One advance over several requests makes each at its own time, and goes on after its answer."""
    scene.answer("/voice", "<Response><Say>Hello</Say><Pause length='10'/><Redirect>/next</Redirect></Response>")
    scene.answer("/next", SAID)
    call = scene.call_in()
    scene.advance(60)
    times = [each["at"][14:19] for each in scene.control.get("/webhooks", call=call).body["webhooks"]]
    assert (times, scene.ending(call)) == (["00:00", "00:11"], ("completed", "12"))


def test_a_hang_up_during_a_request(scene: Scene, answering: threading.Event) -> None:
    """The caller hangs up while the application thinks: the call ends, and its answer is not executed."""
    arrived = threading.Event()

    def wait(_request: ReceivedCallback) -> str:
        arrived.set()
        answering.wait(SECONDS)
        return SAID

    scene.answer("/voice", wait)
    call = scene.call_in()
    assert arrived.wait(SECONDS)
    scene.act(call, "hangup")
    assert scene.api.get("Calls", call).body["status"] == "no-answer"
    answering.set()
    scene.rest()
    method, path, fields = ended(scene, "0", "0")
    assert scene.requests(call) == [VOICE, (method, path, {**fields, "CallStatus": "no-answer"})]
    assert (scene.spoken_texts(call), scene.warnings(call)) == ([], [])


def test_an_application_uses_the_api_while_it_answers(scene: Scene) -> None:
    """In its handler it reads the call, starts a recording of another call, and gets answers to both."""
    other = scene.control.post("/calls", {"from": CALLER}).body["sid"][scene.dialect]
    answers: list[tuple[int, str]] = []

    def handle(request: ReceivedCallback) -> str:
        read = scene.api.get("Calls", request.fields["CallSid"])
        recorded = scene.api.post("Calls", other, "Recordings")
        answers.extend((each.status, each.body["status"]) for each in (read, recorded))
        return SAID

    scene.answer("/voice", handle)
    call = scene.call_in()
    scene.until(call, "ended")
    created = 201 if scene.dialect == "twilio" else 200
    assert answers == [(200, "ringing"), (created, "in-progress")]
    assert scene.requests(call) == [VOICE, ended(scene, "1", "1")]


def test_an_application_redirects_the_call_for_which_it_answers(scene: Scene) -> None:
    """A redirect during a request wins: the answer of the request is not executed."""

    def handle(request: ReceivedCallback) -> Reply:
        answer = scene.api.post("Calls", request.fields["CallSid"], form={"Url": scene.app.url("/new")})
        assert answer.status == 200
        return Reply("<Response><Say>Old</Say></Response>")

    scene.answer("/voice", "<Response><Say>Hello</Say><Redirect>/handler</Redirect></Response>")
    scene.answer("/handler", handle)
    scene.answer("/new", "<Response><Say>New</Say></Response>")
    call = scene.call_in()
    scene.until(call, "ended")
    goes_on = {"CallStatus": "in-progress"}
    assert scene.requests(call) == [
        VOICE, ("POST", "/handler", goes_on), ("POST", "/new", goes_on), ended(scene, "2", "1"),
    ]  # fmt: skip
    assert scene.spoken_texts(call) == ["Hello", "New"]


def test_an_application_ends_the_call_for_which_it_answers(scene: Scene) -> None:
    """A call that is ended during a request is over: the answer is not executed, and no warning follows."""

    def handle(request: ReceivedCallback) -> Reply:
        answer = scene.api.post("Calls", request.fields["CallSid"], form={"Status": "completed"})
        assert (answer.status, answer.body["status"]) == (200, "completed")
        return Reply("")

    scene.answer("/voice", "<Response><Say>Hello</Say><Redirect>/handler</Redirect></Response>")
    scene.answer("/handler", handle)
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, ("POST", "/handler", {"CallStatus": "in-progress"}), ended(scene, "1", "1")]
    assert (scene.spoken_texts(call), scene.warnings(call)) == (["Hello"], [])
