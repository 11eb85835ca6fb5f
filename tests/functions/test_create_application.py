"""Creating an application: `create_application` in both dialects."""

from dataclasses import replace

import pytest

from tapedeck.domain.application import Application
from tests.client import FunctionClient
from tests.functions import expected, url_settings
from tests.functions.literal import Api
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_error, assert_refused

AUTH = ("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")
PATH = "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Applications"


def test_answers_the_application_with_its_settings(client: FunctionClient, clock: Clock, wire: Wire) -> None:
    """An application with every setting answers 201 and is stored with one request."""
    settings = {
        "FriendlyName": "Reception",
        **url_settings.FORM,
        "SmsStatusCallback": "https://app.example.com/sms-status",
        "SmsStatusCallbackMethod": "GET",
        "MessageStatusCallback": "https://app.example.com/messages",
        "VoiceCallerIdLookup": "true",
        "PublicApplicationConnectEnabled": "true",
        "ApiVersion": "2008-08-01",
    }
    answer = client.post("Applications", form=settings)
    own: dict[str, dict[str, object]] = {
        "twilio": {
            "message_status_callback": "https://app.example.com/messages",
            "voice_caller_id_lookup": True,
            "public_application_connect_enabled": True,
        },
        "signalwire": {"sms_status_callback_method": "GET"},
    }
    made = Application(
        client.account,
        answer.body["sid"].replace("-", "").removeprefix("AP"),
        "Reception",
        1,
        clock.seconds,
        sms_status_callback="https://app.example.com/sms-status",
    )
    made = replace(made, **url_settings.FIELDS)
    assert_answer(answer, 201, {**expected.application(client.dialect.name, made), **own[client.dialect.name]})
    assert wire.recordings == ["TransactWriteItems"]
    assert client.get("Applications", answer.body["sid"]).body == answer.body


def test_an_unnamed_application_is_numbered(api: Api, example: Stage) -> None:
    """Twilio's `FriendlyName` may be left out or empty: the name counts the applications of the account."""
    del example  # the account must exist
    forms: tuple[dict[str, str], ...] = ({}, {"FriendlyName": "Reception"}, {"FriendlyName": ""})
    made = [api.request("POST", f"{PATH}.json", auth=AUTH, form=form) for form in forms]
    assert [answer.status for answer in made] == [201, 201, 201]
    assert [answer.body["friendly_name"] for answer in made] == [
        "Untitled Application 1",
        "Reception",
        "Untitled Application 3",
    ]


def test_needs_a_name_in_signalwires_dialect(api: Api, example: Stage) -> None:
    """SignalWire's dialect refuses an application without a name, and creates nothing."""
    del example  # the account must exist
    path = "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Applications"
    auth = ("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", AUTH[1])
    for form in ({}, {"FriendlyName": ""}, {"VoiceUrl": "https://app.example.com/voice"}):
        answer = api.request("POST", path, auth=auth, form=form)
        assert (answer.status, answer.body["code"]) == (422, 10000)
    assert api.request("GET", path, auth=auth).body["applications"] == []


@pytest.mark.parametrize(
    ("form", "twilio", "signalwire"),
    [
        ({"VoiceUrl": "no"}, 21402, 21402),
        ({"VoiceFallbackUrl": "no"}, 21402, 21402),
        ({"StatusCallback": "ftp://a.example/"}, 21402, 21402),
        ({"SmsStatusCallback": "/relative"}, 21402, 21402),
        ({"VoiceMethod": "PUT"}, 21403, 21209),
        ({"SmsFallbackMethod": "x"}, 21403, 21209),
        ({"FriendlyName": "x" * 65}, 20001, 10000),
    ],
)
def test_refuses_a_setting(client: FunctionClient, form: dict[str, str], twilio: int, signalwire: int) -> None:
    """An invalid setting is an error and creates nothing."""
    code = twilio if client.dialect.name == "twilio" else signalwire
    assert_error(client, client.post("Applications", form={"FriendlyName": "Reception", **form}), code)
    assert client.get("Applications").body["applications"] == []


def test_a_fallback_needs_no_voice_url(client: FunctionClient) -> None:
    """Unlike a phone number, an application may have a fallback alone."""
    form = {"FriendlyName": "Reception", "VoiceFallbackUrl": "https://app.example.com/fallback"}
    answer = client.post("Applications", form=form)
    assert (answer.status, answer.body["voice_url"]) == (201, None)
    assert answer.body["voice_fallback_url"] == "https://app.example.com/fallback"


def test_other_methods_are_refused(client: FunctionClient) -> None:
    """The list of applications cannot be deleted."""
    assert_refused(client, client.delete("Applications"), "method")
