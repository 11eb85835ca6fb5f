"""Reading an application: `get_application` in both dialects."""

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.stage import START, Stage, Wire, assert_refused

AUTH = ("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")


def test_shows_the_application_in_twilios_dialect(api: Api, example: Stage) -> None:
    """Every field of Twilio's application is there, in its order."""
    example.application(
        id="016612f5f27a7b3d8c4f1e2a6d5b9082",
        voice_url="https://app.example.com/voice",
        voice_caller_id_lookup=True,
        public_application_connect_enabled=True,
        updated=START + 60,
    )
    path = "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Applications"
    answer = api.request("GET", f"{path}/AP016612f5f27a7b3d8c4f1e2a6d5b9082.json", auth=AUTH)
    assert answer.status == 200
    assert list(answer.body.items()) == [
        ("account_sid", "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"),
        ("api_version", "2010-04-01"),
        ("date_created", "Tue, 25 Sep 2018 23:00:00 +0000"),
        ("date_updated", "Tue, 25 Sep 2018 23:01:00 +0000"),
        ("friendly_name", "Reception"),
        ("message_status_callback", None),
        ("sid", "AP016612f5f27a7b3d8c4f1e2a6d5b9082"),
        ("sms_fallback_method", "POST"),
        ("sms_fallback_url", None),
        ("sms_method", "POST"),
        ("sms_status_callback", None),
        ("sms_url", None),
        ("status_callback", None),
        ("status_callback_method", "POST"),
        ("uri", f"{path}/AP016612f5f27a7b3d8c4f1e2a6d5b9082.json"),
        ("voice_caller_id_lookup", True),
        ("voice_fallback_method", "POST"),
        ("voice_fallback_url", None),
        ("voice_method", "POST"),
        ("voice_url", "https://app.example.com/voice"),
        ("public_application_connect_enabled", True),
    ]


def test_reads_one_item(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """An application takes one read; an unknown one is 404."""
    made = stage.application()
    assert client.get("Applications", client.sid(ResourceType.APPLICATION, made.id)).status == 200
    assert wire.recordings == ["GetItem"]
    unknown = client.sid(ResourceType.APPLICATION, "0" * 32)
    answer = client.get("Applications", unknown)
    assert_refused(client, answer, "not found", uri=client.path("Applications", unknown))
