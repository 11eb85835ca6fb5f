"""Changing a phone number: `update_incoming_phone_number` in both dialects."""

from dataclasses import replace

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.phone_number import PhoneNumber
from tests.client import FunctionClient
from tests.functions import expected, url_settings
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_error, assert_refused

NUMBERS = "IncomingPhoneNumbers"
VOICE = "https://app.example.com/voice"


def sid(client: FunctionClient, number: PhoneNumber) -> str:
    """Return the sid of a phone number."""
    return client.sid(ResourceType.PHONE_NUMBER, number.id)


def test_changes_the_settings(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """New settings are shown at once; the others stay. It takes one read and one transaction of two items."""
    number = stage.phone_number(voice_url=VOICE, sms_url="https://app.example.com/sms")
    clock.step(61)
    form = {"VoiceUrl": "https://new.example.com", "VoiceMethod": "GET", "FriendlyName": "Hotline"}
    answer = client.post(NUMBERS, sid(client, number), form=form)
    changed = replace(
        number,
        voice_url="https://new.example.com/",
        voice_method="GET",
        friendly_name="Hotline",
        updated=clock.seconds,
    )
    assert_answer(answer, 200, expected.phone_number(client.dialect.name, changed))
    assert wire.recordings == ["GetItem", "TransactWriteItems"]
    assert_answer(client.get(NUMBERS, sid(client, number)), 200, answer.body)


@pytest.mark.parametrize("form", [None, {}, {"Unknown": "x"}, {"TrunkSid": "TK" + "0" * 32}])
def test_changes_nothing_without_a_setting(
    client: FunctionClient, stage: Stage, clock: Clock, wire: Wire, form: dict[str, str] | None
) -> None:
    """Without a setting the number and its date stay as they are, and nothing is written."""
    number = stage.phone_number(voice_url=VOICE)
    clock.step(61)
    answer = client.post(NUMBERS, sid(client, number), form=form)
    assert_answer(answer, 200, expected.phone_number(client.dialect.name, number))
    assert wire.recordings == ["GetItem"]


def test_an_empty_value_clears_a_setting(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """Empty URLs are null, an empty method is POST, and an empty name is the formatted number."""
    number = stage.phone_number(friendly_name="Hotline", **url_settings.FIELDS)
    names = ("FriendlyName", *url_settings.FORM, "VoiceApplicationSid", "SmsApplicationSid")
    answer = client.post(NUMBERS, sid(client, number), form=dict.fromkeys(names, ""))
    last = number.number[8:]
    cleared = PhoneNumber(number.account, number.id, number.number, f"(202) 555-{last}", 2, clock.seconds)
    assert_answer(answer, 200, expected.phone_number(client.dialect.name, cleared))


def test_refers_to_an_application(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """A number gets an application with one read more, and loses it with an empty value."""
    number, application = stage.phone_number(voice_url=VOICE), stage.application()
    wire.all.clear()
    form = {"VoiceApplicationSid": client.sid(ResourceType.APPLICATION, application.id)}
    answer = client.post(NUMBERS, sid(client, number), form=form)
    changed = replace(number, voice_application=application.id, updated=clock.seconds)
    assert_answer(answer, 200, expected.phone_number(client.dialect.name, changed))
    assert wire.recordings == ["GetItem", "GetItem", "TransactWriteItems"]
    answer = client.post(NUMBERS, sid(client, number), form={"VoiceApplicationSid": ""})
    assert_answer(answer, 200, expected.phone_number(client.dialect.name, replace(changed, voice_application=None)))


def test_keeps_the_sid_of_a_deleted_application(client: FunctionClient, stage: Stage) -> None:
    """A number whose application is deleted shows its sid, and cannot get it again."""
    application = stage.application()
    number = stage.phone_number(voice_application=application.id)
    shown = client.sid(ResourceType.APPLICATION, application.id)
    assert client.delete("Applications", shown).status == 204
    answer = client.get(NUMBERS, sid(client, number))
    assert_answer(answer, 200, expected.phone_number(client.dialect.name, number))
    assert answer.body["voice_application_sid"] == shown
    assert_error(client, client.post(NUMBERS, sid(client, number), form={"VoiceApplicationSid": shown}), 21218)


def test_a_fallback_needs_a_voice_url(client: FunctionClient, stage: Stage) -> None:
    """A fallback is accepted with a voice URL, or where there is one; the voice URL may be cleared later."""
    number = stage.phone_number()
    path, fallback = (NUMBERS, sid(client, number)), {"VoiceFallbackUrl": VOICE}
    code = 21405 if client.dialect.name == "twilio" else 10000
    assert_error(client, client.post(*path, form=fallback), code)
    assert client.post(*path, form={"VoiceUrl": VOICE, **fallback}).status == 200
    assert client.post(*path, form=fallback).status == 200
    assert client.post(*path, form={"VoiceUrl": ""}).body["voice_fallback_url"] == VOICE
    assert_error(client, client.post(*path, form={"VoiceUrl": "", **fallback}), code)


def test_refuses_invalid_settings(client: FunctionClient, stage: Stage) -> None:
    """An invalid setting changes nothing; of an unknown number it is 404."""
    number = stage.phone_number()
    unknown = client.sid(ResourceType.PHONE_NUMBER, "0" * 32)
    for form, twilio, signalwire in (
        ({"VoiceUrl": "no"}, 21402, 21402),
        ({"SmsMethod": "no"}, 21403, 21209),
        ({"VoiceApplicationSid": "AP" + "0" * 32}, 21218, 21218),
    ):
        code = twilio if client.dialect.name == "twilio" else signalwire
        assert_error(client, client.post(NUMBERS, sid(client, number), form=form), code)
        answer = client.post(NUMBERS, unknown, form=form)
        assert_refused(client, answer, "not found", uri=client.path(NUMBERS, unknown))
    assert_answer(client.get(NUMBERS, sid(client, number)), 200, expected.phone_number(client.dialect.name, number))


def test_a_number_stays_with_its_account(client: FunctionClient, stage: Stage) -> None:
    """Twilio's `AccountSid` may only name the account itself; SignalWire's dialect ignores it."""
    number = stage.phone_number()
    own = client.sid(ResourceType.ACCOUNT, client.account)
    assert client.post(NUMBERS, sid(client, number), form={"AccountSid": own}).status == 200
    for other in (client.sid(ResourceType.ACCOUNT, "0" * 32), "x"):
        answer = client.post(NUMBERS, sid(client, number), form={"AccountSid": other})
        if client.dialect.name == "twilio":
            assert_error(client, answer, 20001)
        else:
            assert answer.status == 200
    assert client.get(NUMBERS, sid(client, number)).body["account_sid"] == own


def test_sets_the_lookup_of_callers(client: FunctionClient, stage: Stage) -> None:
    """Twilio's `VoiceCallerIdLookup` is stored and shown; SignalWire's dialect shows null."""
    path = (NUMBERS, sid(client, stage.phone_number()))
    answer = client.post(*path, form={"VoiceCallerIdLookup": "true"})
    assert answer.body["voice_caller_id_lookup"] is (True if client.dialect.name == "twilio" else None)
    answer = client.post(*path, form={"VoiceCallerIdLookup": ""})
    assert answer.body["voice_caller_id_lookup"] is (False if client.dialect.name == "twilio" else None)


def test_two_changes_at_once_are_both_kept(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A change that another one overtook is applied to what that one has stored."""
    number = stage.phone_number()
    path, others = (NUMBERS, sid(client, number)), [{"SmsUrl": VOICE}]

    def overtake(moment: str, request: object) -> None:
        if moment == "answered" and getattr(request, "operation", "") == "GetItem" and others:
            settings = others.pop()
            stage.services.phone_numbers.update(stage.account, number.id, {"sms_url": settings["SmsUrl"]})

    with wire.watched_by(overtake):
        answer = client.post(*path, form={"VoiceUrl": VOICE})
    assert (answer.body["voice_url"], answer.body["sms_url"]) == (VOICE, VOICE)
    assert client.get(*path).body == answer.body
