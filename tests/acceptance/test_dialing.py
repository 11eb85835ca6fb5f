"""`<Dial>` to parties: who is called, who is connected, and what the application learns of it."""

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from tests.acceptance.scene import Request, Scene
from tests.acceptance.test_keys_and_speech import VOICE, ended
from tests.standin.receiver import Reply

Q = "+12025550144"
R = "+12025550145"
BUSY = "+12025550190"
UNANSWERED = "+12025550191"
UNREACHABLE = "+12025550192"
EVERY_EVENT = "initiated ringing answered completed"


def dialing(*numbers: str, say: str = "", number: dict[str, str] | None = None, **attributes: object) -> VoiceResponse:
    """Return instructions that dial these numbers, each with the same settings, and then say something."""
    response = VoiceResponse()
    dial = Dial(**attributes)
    for each in numbers:
        dial.number(each, **(number or {}))
    response.append(dial)
    if say:
        response.say(say)
    return response


def say(text: str) -> VoiceResponse:
    """Return instructions that say something."""
    response = VoiceResponse()
    response.say(text)
    return response


def after(scene: Scene, status: str, child: str = "", *, call_status: str = "in-progress", **fields: str) -> Request:
    """Return the request after a `<Dial>`; a bridged one has lasted `DialCallDuration` seconds."""
    bridged = "true" if status == "completed" and fields.get("DialCallDuration") != "0" else "false"
    return "POST", "/after", {
        "CallStatus": call_status, "DialCallStatus": status, **({"DialCallSid": child} if child else {}),
        **({"DialBridged": bridged} if scene.dialect == "twilio" else {}), **fields,
    }  # fmt: skip


def leg(status: str, number: int, **fields: str) -> Request:
    """Return the callback about an event of a dialed call."""
    return "POST", "/leg", {"CallStatus": status, "SequenceNumber": str(number), **fields}


def leg_ended(
    scene: Scene, status: str, number: int, seconds: str = "0", minutes: str = "0", *, sip: str = "200"
) -> Request:
    """Return the callback about the end of a dialed call."""
    twilio = {"Duration": minutes, "SipResponseCode": sip} if scene.dialect == "twilio" else {"SipResultCode": sip}
    return leg(status, number, CallDuration=seconds, **twilio)


def add_party(scene: Scene, number: str, **rule: object) -> None:
    """Let the party that is dialed at this address behave so."""
    assert scene.control.post("/parties", {"number": number, **rule}).status == 201


def test_a_dialed_party_answers(scene: Scene) -> None:
    """The events of the dialed call are reported; when its party hangs up, the action is requested, and goes on."""
    add_party(scene, Q, ring=3)
    number = {"status_callback": "/leg", "status_callback_event": EVERY_EVENT}
    scene.answer("/voice", dialing(Q, action="/after", number=number, say="unreached"))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(13)
    child = scene.child(call, Q)
    scene.act(child, "hangup")
    scene.rest()
    answered = [leg("in-progress", 2)]
    if scene.dialect == "signalwire":
        answered = [leg("answered", 2), leg("in-progress", 2)]
    assert scene.requests(child) == [
        leg("initiated", 0), leg("ringing", 1), *answered, leg_ended(scene, "completed", 3, "10", "1"),
    ]  # fmt: skip
    scene.until(call, "ended")
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", child, DialCallDuration="10"), ended(scene, "14", "1"),
    ]  # fmt: skip
    assert (scene.ending(call), scene.ending(child)) == (("completed", "14"), ("completed", "10"))
    assert (len(scene.dialed(call)), scene.spoken_texts(call)) == (1, ["Bye"])


def test_no_party_answers(scene: Scene) -> None:
    """After the timeout of the `<Dial>` no party has answered; the caller goes on with the action."""
    scene.answer("/voice", dialing(UNANSWERED, action="/after", timeout=20))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(19)
    assert scene.requests(call) == [VOICE]
    scene.advance(1)
    child = scene.child(call, UNANSWERED)
    assert scene.requests(call) == [VOICE, after(scene, "no-answer", child)]
    scene.until(call, "ended")
    none = "None" if scene.dialect == "twilio" else "0"
    assert (scene.ending(call), scene.ending(child)) == (("completed", "21"), ("no-answer", none))


def test_a_party_that_is_busy_or_unreachable(scene: Scene) -> None:
    """The action learns why no party was connected; text that is no number has no call, and a warning."""
    for number, status in ((BUSY, "busy"), (UNREACHABLE, "failed")):
        scene.answer("/voice", dialing(number, action="/after"))
        scene.answer("/after", say("Bye"))
        call = scene.call_in()
        scene.until(call, "ended")
        assert scene.requests(call) == [
            VOICE, after(scene, status, scene.child(call, number)), ended(scene, "1", "1"),
        ]  # fmt: skip
    scene.answer("/voice", '<Response><Dial action="/after">abc</Dial></Response>')
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, after(scene, "failed"), ended(scene, "1", "1")]
    assert (scene.dialed(call), scene.warnings(call)) == ([], [("warning", 13223, 1, 11)])


def test_a_dial_without_action(scene: Scene) -> None:
    """Without an action the caller goes on with the next verb."""
    scene.answer("/voice", dialing(UNANSWERED, timeout=20, say="Goodbye"))
    call = scene.call_in()
    scene.until(call, "ended")
    assert (scene.requests(call), scene.spoken_texts(call)) == ([VOICE, ended(scene, "21", "1")], ["Goodbye"])


def test_the_first_of_several_parties_is_connected(scene: Scene) -> None:
    """The first that answers is connected, the other is canceled; the default event is the end of a call."""
    add_party(scene, Q, ring=4)
    add_party(scene, R, ring=2)
    scene.answer("/voice", dialing(Q, R, action="/after", number={"status_callback": "/leg"}))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(7)
    first, second = scene.child(call, Q), scene.child(call, R)
    scene.act(second, "hangup")
    scene.until(call, "ended")
    assert scene.requests(first) == [leg_ended(scene, "canceled", 0, sip="487")]
    assert scene.requests(second) == [leg_ended(scene, "completed", 0, "5", "1")]
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", second, DialCallDuration="5"), ended(scene, "8", "1"),
    ]  # fmt: skip


def test_ten_parties_are_called(scene: Scene) -> None:
    """The eleventh number of a `<Dial>` is not called, which has a warning."""
    numbers = [f"+120255502{each:02}" for each in range(11)]
    scene.answer("/voice", dialing(*numbers, timeout=5))
    for number in numbers:
        add_party(scene, number, outcome="no-answer")
    call = scene.call_in()
    scene.until(call, "ended")
    assert sorted(each["to"] for each in scene.dialed(call)) == numbers[:10]
    assert [code for _, code, _, _ in scene.warnings(call)] == [13215]


def screening() -> VoiceResponse:
    """Return instructions for a dialed party that wait for a key, and else hang up."""
    response = VoiceResponse()
    gather = Gather(num_digits=1, action="/ok")
    gather.say("Press any key")
    response.append(gather)
    response.hangup()
    return response


def screened(scene: Scene) -> str:
    """Call in with a party dialed that is screened; return the sid of the call."""
    scene.answer("/voice", dialing(Q, action="/after", number={"url": "/screen"}))
    scene.answer("/screen", screening())
    scene.answer("/ok", say("Connecting"))
    scene.answer("/after", say("Bye"))
    return scene.call_in()


SCREEN = ("POST", "/screen", {"CallStatus": "in-progress"})


def test_a_party_is_screened(scene: Scene) -> None:
    """The dialed call executes instructions of its own; when they are done, it is connected."""
    call = screened(scene)
    scene.advance(1)
    child = scene.child(call, Q)
    assert scene.until(child, "Gather")["verb"] == "Gather"
    assert scene.act(child, "press", digits="1") == {"used": True}
    scene.advance(8)
    scene.act(child, "hangup")
    scene.until(call, "ended")
    message = {"msg": "Gather End"} if scene.dialect == "twilio" else {}
    assert scene.requests(child) == [
        SCREEN, ("POST", "/ok", {"CallStatus": "in-progress", "Digits": "1", **message}),
    ]  # fmt: skip
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", child, DialCallDuration="7"), ended(scene, "10", "1"),
    ]  # fmt: skip
    assert scene.spoken_texts(child) == ["Press any key", "Connecting"]


def test_a_screened_party_that_is_silent(scene: Scene) -> None:
    """A party whose own instructions hang up has answered, and is not connected."""
    call = screened(scene)
    scene.until(call, "ended")
    child = scene.child(call, Q)
    assert (scene.ending(child), scene.requests(child)) == (("completed", "6"), [SCREEN])
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", child, DialCallDuration="0"), ended(scene, "7", "1"),
    ]  # fmt: skip


def test_a_screen_that_fails(twilio: Scene) -> None:
    """The instructions of a dialed party have no fallback: without them it is not connected."""
    twilio.answer("/fb", say("Sorry"))
    call = screened(twilio)
    twilio.answer("/screen", Reply("no", "text/plain", 500))
    twilio.until(call, "ended")
    child = twilio.child(call, Q)
    assert (twilio.ending(child)[0], twilio.requests(child)) == ("completed", [SCREEN])
    assert twilio.requests(call)[1] == after(twilio, "completed", child, DialCallDuration="0")
    assert [(level, code) for level, code, _, _ in twilio.warnings(child)] == [("error", 11200)]


def test_a_caller_hangs_up_while_a_party_rings(scene: Scene) -> None:
    """The party is canceled, and the action is requested; its answer is not executed."""
    add_party(scene, Q, ring=20)
    scene.answer("/voice", dialing(Q, action="/after"))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(5)
    child = scene.child(call, Q)
    scene.act(call, "hangup")
    scene.rest()
    expected = [VOICE, after(scene, "canceled", child, call_status="completed"), ended(scene, "5", "1")]
    assert sorted(scene.requests(call), key=str) == sorted(expected, key=str)
    assert (scene.ending(child)[0], scene.spoken_texts(call)) == ("canceled", [])


def test_a_caller_hangs_up_while_talking(scene: Scene) -> None:
    """The party's call ends, too, and the action learns how long they were connected."""
    scene.answer("/voice", dialing(Q, action="/after"))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(10)
    child = scene.child(call, Q)
    scene.act(call, "hangup")
    scene.rest()
    action = after(scene, "completed", child, call_status="completed", DialCallDuration="10")
    assert sorted(scene.requests(call), key=str) == sorted([VOICE, action, ended(scene, "10", "1")], key=str)
    assert (scene.ending(child), scene.spoken_texts(call)) == (("completed", "10"), [])


def test_parties_are_called_one_after_the_other(twilio: Scene) -> None:
    """With `sequential`, the second party is called once the first is busy, and each may ring for the whole time."""
    add_party(twilio, R, ring=15)
    twilio.answer("/voice", dialing(UNANSWERED, BUSY, R, Q, action="/after", timeout=20, sequential=True))
    twilio.answer("/after", say("Bye"))
    call = twilio.call_in()
    twilio.advance(19)
    assert [each["to"] for each in twilio.dialed(call)] == [UNANSWERED]
    twilio.advance(21)
    assert sorted(each["to"] for each in twilio.dialed(call)) == sorted([UNANSWERED, BUSY, R])
    child = twilio.child(call, R)
    twilio.act(child, "hangup")
    twilio.until(call, "ended")
    assert twilio.requests(call) == [
        VOICE, after(twilio, "completed", child, DialCallDuration="5"), ended(twilio, "41", "1"),
    ]  # fmt: skip


def test_the_star_ends_a_dial(scene: Scene) -> None:
    """With `hangupOnStar` the caller's `*` ends the `<Dial>`, not the call; other keys do nothing."""
    scene.answer("/voice", dialing(Q, action="/after", hangup_on_star=True))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(10)
    child = scene.child(call, Q)
    assert scene.act(call, "press", digits="1") == {"used": False}
    assert scene.act(call, "press", digits="*") == {"used": True}
    scene.until(call, "ended")
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", child, DialCallDuration="10"), ended(scene, "11", "1"),
    ]  # fmt: skip
    assert scene.ending(child) == ("completed", "10")


def test_a_call_is_answered_when_it_is_connected(scene: Scene) -> None:
    """With `answerOnBridge` the caller's call rings until a party answers."""
    add_party(scene, Q, ring=5)
    scene.answer("/voice", dialing(Q, action="/after", answer_on_bridge=True))
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(4)
    assert scene.ending(call)[0] == "ringing"
    scene.advance(6)
    assert scene.ending(call)[0] == "in-progress"
    child = scene.child(call, Q)
    scene.act(child, "hangup")
    scene.until(call, "ended")
    assert scene.requests(call) == [
        VOICE, after(scene, "completed", child, DialCallDuration="5"), ended(scene, "6", "1"),
    ]  # fmt: skip


def test_clients_and_sip_addresses_are_dialed(scene: Scene) -> None:
    """A client is called by its identity and a SIP address by its URI, whose action has the code of its answer."""
    response = VoiceResponse()
    dial = Dial(action="/after")
    dial.client("agent1")
    response.append(dial)
    scene.answer("/voice", response)
    scene.answer("/after", say("Bye"))
    call = scene.call_in()
    scene.advance(3)
    child = scene.child(call, "client:agent1")
    scene.act(child, "hangup")
    scene.until(call, "ended")
    assert scene.requests(call)[1] == after(scene, "completed", child, DialCallDuration="3")
    response = VoiceResponse()
    dial = Dial(action="/after")
    dial.sip("sip:agent@example.com")
    response.append(dial)
    scene.answer("/voice", response)
    call = scene.call_in()
    scene.advance(3)
    child = scene.child(call, "sip:agent@example.com")
    scene.act(child, "hangup")
    scene.until(call, "ended")
    assert scene.requests(call)[1] == after(
        scene, "completed", child, DialCallDuration="3", DialSipResponseCode="200"
    )  # fmt: skip
