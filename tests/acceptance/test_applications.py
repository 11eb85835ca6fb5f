"""Calls whose instructions come from an application: of their number, of a request, or dialed by a browser."""

from typing import Any
from urllib.parse import urlsplit

from twilio.twiml.voice_response import VoiceResponse

from tests.acceptance.scene import Scene


def add_application(scene: Scene, **form: str) -> str:
    """Create an application over the API; return its sid."""
    answer = scene.api.post("Applications", form={"FriendlyName": "Reception", **form})
    assert answer.status == 201
    return str(answer.body["sid"])


def refer(scene: Scene, application: str) -> None:
    """Let the number of the account refer to an application."""
    (number,) = scene.api.get("IncomingPhoneNumbers").body["incoming_phone_numbers"]
    answer = scene.api.post("IncomingPhoneNumbers", number["sid"], form={"VoiceApplicationSid": application})
    assert answer.body["voice_application_sid"] == application


def test_a_call_uses_the_application_of_its_number(scene: Scene) -> None:
    """The voice URL and the status callback are the application's; Twilio's requests name it."""
    scene.answer("/app", VoiceResponse())
    made = add_application(scene, VoiceUrl=scene.app.url("/app"), StatusCallback=scene.app.url("/app-status"))
    refer(scene, made)
    call = scene.call_in()
    scene.until(call, "ended")
    named, duration = ({"ApplicationSid": made}, {"Duration": "0"}) if scene.dialect == "twilio" else ({}, {})
    assert scene.requests(call) == [
        ("POST", "/app", {"CallStatus": "ringing", **named}),
        ("POST", "/app-status", {"CallStatus": "completed", "CallDuration": "0", "SequenceNumber": "0", **duration}),
    ]
    assert scene.ending(call) == ("completed", "0")


def test_a_deleted_application_has_no_url(scene: Scene) -> None:
    """The number does not use its own voice URL instead: a call to it fails with 11100."""
    made = add_application(scene, VoiceUrl=scene.app.url("/app"))
    refer(scene, made)
    assert scene.api.delete("Applications", made).status == 204
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == []
    assert [code for _, code, _, _ in scene.warnings(call)] == [11100]


def test_a_browser_calls_an_application(twilio: Scene) -> None:
    """The request to the voice URL has no called party, but the parameters of the browser."""
    twilio.answer("/app", VoiceResponse())
    made = twilio.control.post("/applications", {"voice_url": twilio.app.url("/app")}).body["sid"]
    for sid in (made["twilio"], made["signalwire"]):
        browser: dict[str, Any] = {"from": "client:alice", "to": f"app:{sid}", "parameters": {"Room": "7"}}
        call = twilio.call_in(**browser)
        twilio.until(call, "ended")
        (request,) = [each.fields for each in twilio.app.arrived if each.fields["CallSid"] == call]
        assert request == {
            "AccountSid": twilio.control.account, "ApiVersion": "2010-04-01", "ApplicationSid": made["twilio"],
            "CallSid": call, "CallStatus": "ringing", "Caller": "client:alice", "Direction": "inbound",
            "From": "client:alice", "Room": "7",
        }  # fmt: skip
    answer = twilio.control.post("/calls", {"to": f"app:AP{'0' * 32}"})
    assert (answer.status, answer.body["error"]["field"]) == (404, "to")


def test_a_created_call_uses_its_application(twilio: Scene) -> None:
    """A call with an `ApplicationSid` requests instructions from the application when it is answered, and names it."""
    twilio.answer("/app", VoiceResponse())
    made = add_application(twilio, VoiceUrl=twilio.app.url("/app"), StatusCallback=twilio.app.url("/app-status"))
    form = {"To": "+12025550143", "From": twilio.number, "ApplicationSid": made, "Url": twilio.app.url("/voice")}
    call = twilio.api.post("Calls", form=form).body["sid"]
    twilio.until(call, "ended")
    arrived = [each for each in twilio.app.arrived if each.fields["CallSid"] == call]
    assert [
        (urlsplit(each.url).path, each.fields["CallStatus"], each.fields.get("ApplicationSid")) for each in arrived
    ] == [
        ("/app", "in-progress", made),
        ("/app-status", "completed", None),
    ]
