"""Reading a phone number: `get_incoming_phone_number` in both dialects."""

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.stage import START, Stage, Wire, assert_refused

AUTH = ("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")


def test_shows_the_number_in_twilios_dialect(api: Api, example: Stage) -> None:
    """Every field of Twilio's phone number is there, in its order."""
    example.phone_number(
        id="016612f5f27a7b3d8c4f1e2a6d5b9081",
        number="+12125550100",
        friendly_name="Hotline",
        voice_url="https://app.example.com/voice",
        voice_caller_id_lookup=True,
        updated=START + 60,
    )
    path = "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/IncomingPhoneNumbers"
    answer = api.request("GET", f"{path}/PN016612f5f27a7b3d8c4f1e2a6d5b9081.json", auth=AUTH)
    assert answer.status == 200
    assert list(answer.body.items()) == [
        ("account_sid", "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"),
        ("address_sid", None),
        ("address_requirements", "none"),
        ("api_version", "2010-04-01"),
        ("beta", False),
        ("capabilities", {"mms": True, "sms": True, "voice": True, "fax": False}),
        ("date_created", "Tue, 25 Sep 2018 23:00:00 +0000"),
        ("date_updated", "Tue, 25 Sep 2018 23:01:00 +0000"),
        ("friendly_name", "Hotline"),
        ("identity_sid", None),
        ("phone_number", "+12125550100"),
        ("origin", "twilio"),
        ("sid", "PN016612f5f27a7b3d8c4f1e2a6d5b9081"),
        ("sms_application_sid", None),
        ("sms_fallback_method", "POST"),
        ("sms_fallback_url", None),
        ("sms_method", "POST"),
        ("sms_url", None),
        ("status_callback", None),
        ("status_callback_method", "POST"),
        ("trunk_sid", None),
        ("uri", f"{path}/PN016612f5f27a7b3d8c4f1e2a6d5b9081.json"),
        ("voice_receive_mode", "voice"),
        ("voice_application_sid", None),
        ("voice_caller_id_lookup", True),
        ("voice_fallback_method", "POST"),
        ("voice_fallback_url", None),
        ("voice_method", "POST"),
        ("voice_url", "https://app.example.com/voice"),
        ("emergency_status", "Inactive"),
        ("emergency_address_sid", None),
        ("emergency_address_status", "unregistered"),
        ("bundle_sid", None),
        ("status", "in-use"),
        ("type", "local"),
    ]


def test_reads_one_item(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A number takes one read; an unknown one is 404."""
    number = stage.phone_number()
    assert client.get("IncomingPhoneNumbers", client.sid(ResourceType.PHONE_NUMBER, number.id)).status == 200
    assert wire.recordings == ["GetItem"]
    unknown = client.sid(ResourceType.PHONE_NUMBER, "0" * 32)
    answer = client.get("IncomingPhoneNumbers", unknown)
    assert_refused(client, answer, "not found", uri=client.path("IncomingPhoneNumbers", unknown))


def test_a_call_finds_who_holds_a_number_with_one_read(stage: Stage, wire: Wire) -> None:
    """The number alone gives the account and the voice URL, with one strongly consistent read."""
    number = stage.phone_number(number="+12125550111", voice_url="https://app.example.com/voice")
    store = stage.services.phone_numbers._store
    wire.all.clear()
    assert store.find_phone_number("+12125550111") == number
    assert [(request.operation, request.body["ConsistentRead"]) for _, request in wire.all] == [("GetItem", True)]
    assert store.find_phone_number("+12125550112") is None


def test_kinds_of_numbers_are_not_found(api: Api, example: Stage) -> None:
    """Twilio's lists of local, toll-free and mobile numbers are 404."""
    del example  # the account must exist
    path = "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/IncomingPhoneNumbers"
    for kind in ("Local", "TollFree", "Mobile"):
        for method in ("GET", "POST"):
            answer = api.request(method, f"{path}/{kind}.json", auth=AUTH)
            assert (answer.status, answer.body["code"]) == (404, 20404)
