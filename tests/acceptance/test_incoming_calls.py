"""Calls that come in: from the ringing to the callback about the end."""

from twilio.twiml.voice_response import VoiceResponse

from tests.acceptance.scene import CALLER, Scene


def test_an_incoming_call_executes_what_its_number_answers(scene: Scene) -> None:
    """It rings during the request; what the application answers is said; the end is reported."""
    statuses: list[str] = []

    def welcome(_request: object) -> str:
        statuses.extend(call["status"] for call in scene.api.get("Calls").body["calls"])
        response = VoiceResponse()
        response.say("Welcome")
        return str(response)

    scene.answer("/voice", welcome)
    call = scene.call_in()
    assert scene.until(call, "ended") is None
    duration = {"Duration": "1"} if scene.dialect == "twilio" else {}
    assert scene.requests(call) == [
        ("POST", "/voice", {"CallStatus": "ringing"}),
        ("POST", "/status", {"CallStatus": "completed", "CallDuration": "1", "SequenceNumber": "0", **duration}),
    ]
    assert (statuses, scene.spoken_texts(call), scene.ending(call)) == (["ringing"], ["Welcome"], ("completed", "1"))
    shown = scene.api.get("Calls", call).body
    assert (shown["from"], shown["to"], shown["direction"]) == (CALLER, scene.number, "inbound")


def test_requests_have_the_vendors_headers(scene: Scene) -> None:
    """A request for instructions is a form with the vendor's names in its headers; Twilio's has a token."""
    scene.answer("/voice", VoiceResponse())
    scene.until(scene.call_in(), "ended")
    headers = scene.app.requests[0].headers
    is_twilio = scene.dialect == "twilio"
    assert (headers["content-type"], headers["user-agent"], headers["accept"]) == (
        "application/x-www-form-urlencoded; charset=UTF-8", "TwilioProxy/1.1" if is_twilio else "SignalWire", "*/*",
    )  # fmt: skip
    assert ("i-twilio-idempotency-token" in headers) is is_twilio
    assert ("x-signalwire-signature" in headers) is not is_twilio


def test_the_caller_hangs_up(scene: Scene) -> None:
    """A caller who hangs up while something is said ends the call: no request follows."""
    response = VoiceResponse()
    response.say("Please wait")
    response.pause(length=60)
    response.redirect("/more")
    scene.answer("/voice", response)
    call = scene.call_in(party={"hangup_after": 20})
    scene.advance(30)
    assert scene.ending(call) == ("completed", "20")
    assert [(method, path) for method, path, _ in scene.requests(call)] == [("POST", "/voice"), ("POST", "/status")]
