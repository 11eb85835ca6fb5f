"""Changing an application: `update_application` in both dialects."""

from dataclasses import replace

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.application import Application
from tests.client import FunctionClient
from tests.functions import expected, url_settings
from tests.functions.literal import Api
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_error, assert_refused

VOICE = "https://app.example.com/voice"
NAME = {"FriendlyName": "Reception"}
AUTH = ("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")


def sid(client: FunctionClient, application: Application) -> str:
    """Return the sid of an application."""
    return client.sid(ResourceType.APPLICATION, application.id)


def test_changes_the_settings(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """New settings are shown at once; the others stay. It takes one read and one write."""
    made = stage.application(voice_url=VOICE, sms_url="https://app.example.com/sms")
    clock.step(61)
    form = {"VoiceUrl": "https://new.example.com", "VoiceMethod": "GET", "FriendlyName": "Hotline"}
    answer = client.post("Applications", sid(client, made), form=form)
    changed = replace(
        made,
        voice_url="https://new.example.com/",
        voice_method="GET",
        friendly_name="Hotline",
        updated=clock.seconds,
    )
    assert_answer(answer, 200, expected.application(client.dialect.name, changed))
    assert wire.recordings == ["GetItem", "TransactWriteItems"]
    assert_answer(client.get("Applications", sid(client, made)), 200, answer.body)


def test_the_same_settings_change_nothing(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """With the settings that it has, an application and its date stay as they are, and nothing is written."""
    made = stage.application(voice_url=VOICE)
    clock.step(61)
    answer = client.post("Applications", sid(client, made), form={**NAME, "VoiceUrl": VOICE})
    assert_answer(answer, 200, expected.application(client.dialect.name, made))
    assert wire.recordings == ["GetItem"]


def test_an_empty_value_clears_a_setting(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """Empty URLs are null, and an empty method is POST."""
    made = stage.application(**url_settings.FIELDS, sms_status_callback=VOICE)
    names = (*url_settings.FORM, "SmsStatusCallback")
    answer = client.post("Applications", sid(client, made), form={**NAME, **dict.fromkeys(names, "")})
    cleared = Application(made.account, made.id, "Reception", 2, clock.seconds)
    assert_answer(answer, 200, expected.application(client.dialect.name, cleared))


def test_an_application_keeps_its_name(api: Api, example: Stage) -> None:
    """In Twilio's dialect a name that is left out or empty stays; without a setting nothing changes."""
    made = example.application()
    path = f"/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Applications/AP{made.id}.json"
    for form in ({}, {"FriendlyName": ""}, {"VoiceUrl": VOICE, "FriendlyName": ""}):
        answer = api.request("POST", path, auth=AUTH, form=form)
        assert (answer.status, answer.body["friendly_name"]) == (200, "Reception")
    assert answer.body["voice_url"] == VOICE


def test_needs_a_name_in_signalwires_dialect(api: Api, example: Stage) -> None:
    """SignalWire's dialect refuses a change without a name."""
    made = example.application()
    own = f"{made.id[:8]}-{made.id[8:12]}-{made.id[12:16]}-{made.id[16:20]}-{made.id[20:]}"
    path = f"/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Applications/{own}"
    auth = ("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", AUTH[1])
    answer = api.request("POST", path, auth=auth, form={"VoiceUrl": VOICE})
    assert (answer.status, answer.body["code"]) == (422, 10000)
    assert api.request("GET", path, auth=auth).body["voice_url"] is None


def test_refuses_invalid_settings(client: FunctionClient, stage: Stage) -> None:
    """An invalid setting changes nothing; of an unknown application it is 404."""
    made = stage.application()
    unknown = client.sid(ResourceType.APPLICATION, "0" * 32)
    for form, twilio, signalwire in (({"VoiceUrl": "no"}, 21402, 21402), ({"SmsMethod": "no"}, 21403, 21209)):
        code = twilio if client.dialect.name == "twilio" else signalwire
        assert_error(client, client.post("Applications", sid(client, made), form={**NAME, **form}), code)
        answer = client.post("Applications", unknown, form={**NAME, **form})
        assert_refused(client, answer, "not found", uri=client.path("Applications", unknown))
    answer = client.get("Applications", sid(client, made))
    assert_answer(answer, 200, expected.application(client.dialect.name, made))


def test_two_changes_at_once_are_both_kept(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A change that another one overtook is applied to what that one has stored."""
    made = stage.application()
    others = ["https://app.example.com/sms"]

    def overtake(moment: str, request: object) -> None:
        if moment == "answered" and getattr(request, "operation", "") == "GetItem" and others:
            stage.services.applications.update(stage.account, made.id, {"sms_url": others.pop()})

    with wire.watched_by(overtake):
        answer = client.post("Applications", sid(client, made), form={**NAME, "VoiceUrl": VOICE})
    assert (answer.body["voice_url"], answer.body["sms_url"]) == (VOICE, "https://app.example.com/sms")
    assert client.get("Applications", sid(client, made)).body == answer.body
