"""Calls that get other instructions while something runs."""

from twilio.twiml.voice_response import Gather, VoiceResponse

from tests.acceptance.scene import Scene
from tests.acceptance.test_conferences import LEFT, conferences, joining, participants
from tests.acceptance.test_dialing import Q, after, dialing, say
from tests.acceptance.test_keys_and_speech import VOICE, ended

NEW = ("POST", "/new", {"CallStatus": "in-progress"})


def redirect(scene: Scene, call: str) -> None:
    """Give a call the instructions at `/new`."""
    changed = scene.api.post("Calls", call, form={"Url": scene.app.url("/new")})
    assert (changed.status, changed.body["status"]) == (200, "in-progress")


def test_a_redirect_gives_up_a_gather(scene: Scene) -> None:
    """A `<Gather>` that is given up has no action; the new instructions are requested and executed."""
    response = VoiceResponse()
    response.append(Gather(action="/menu", timeout=60))
    scene.answer("/voice", response)
    scene.answer("/menu", say("Menu"))
    scene.answer("/new", say("New"))
    call = scene.call_in()
    scene.until(call, "Gather")
    scene.advance(5)
    redirect(scene, call)
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, NEW, ended(scene, "6", "1")]
    assert scene.spoken_texts(call) == ["New"]


def test_a_redirect_ends_a_dial(scene: Scene) -> None:
    """The action of a `<Dial>` is requested first, and its answer not executed; the dialed call ends."""
    scene.answer("/voice", dialing(Q, action="/after"))
    scene.answer("/after", say("Bye"))
    scene.answer("/new", say("New"))
    call = scene.call_in()
    scene.advance(10)
    child = scene.child(call, Q)
    redirect(scene, call)
    scene.until(call, "ended")
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", child, DialCallDuration="10"), NEW, ended(scene, "11", "1"),
    ]  # fmt: skip
    assert (scene.spoken_texts(call), scene.ending(child)) == (["New"], ("completed", "10"))


def test_a_redirected_participant_leaves(scene: Scene) -> None:
    """A redirected call leaves its conference, which goes on, and is no longer listed in it."""
    scene.answer("/voice", joining("Room"))
    scene.answer("/new", say("Moved"))
    other, call = scene.call_in(), scene.call_in()
    scene.advance(5)
    (conference,) = scene.api.get("Conferences").body["conferences"]
    sid = conference["sid"]
    assert participants(scene, sid) == sorted([other, call])
    redirect(scene, call)
    scene.until(call, "ended")
    assert participants(scene, sid) == [other]
    assert scene.api.get("Conferences", sid, "Participants", call).status == 404
    assert (scene.spoken_texts(call), scene.ending(call)) == (["Moved"], ("completed", "6"))
    assert (conferences(scene), scene.ending(other)[0]) == ([("Room", "in-progress")], "in-progress")


def test_a_redirected_party_goes_on_by_itself(scene: Scene) -> None:
    """A dialed call with new instructions leaves the caller, who goes on with the action."""
    scene.answer("/voice", dialing(Q, action="/after"))
    scene.answer("/after", say("Bye"))
    scene.answer("/new", say("New"))
    call = scene.call_in()
    scene.advance(10)
    child = scene.child(call, Q)
    redirect(scene, child)
    scene.until(child, "ended")
    scene.until(call, "ended")
    assert scene.requests(child) == [NEW]
    assert scene.requests(call)[1:] == [
        after(scene, "completed", child, DialCallDuration="10"), ended(scene, "11", "1"),
    ]  # fmt: skip
    assert (scene.spoken_texts(child), scene.ending(child)) == (["New"], ("completed", "11"))


def test_a_participant_that_is_redirected_has_an_action(scene: Scene) -> None:
    """The action of a `<Dial>` into a conference is requested before the new instructions."""
    scene.answer("/voice", joining(dial={"action": "/left"}))
    scene.answer("/left", say("Bye"))
    scene.answer("/new", say("New"))
    call = scene.call_in()
    scene.advance(5)
    redirect(scene, call)
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, LEFT, NEW, ended(scene, "6", "1")]
    assert (scene.spoken_texts(call), conferences(scene)) == (["New"], [("Room", "completed")])
