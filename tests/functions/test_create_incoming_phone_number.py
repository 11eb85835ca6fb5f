"""Creating phone numbers: `create_incoming_phone_number` in both dialects."""

import secrets
from collections.abc import Callable

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.conftest import TestAccount
from tests.functions import url_settings
from tests.functions.literal import Api
from tests.functions.stage import Stage, Wire, assert_error

NUMBERS = "IncomingPhoneNumbers"
AUTH = ("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")


def new_number() -> str:
    """Return a number that no account holds."""
    return f"+1404{secrets.randbelow(10**7):07}"


def area_code() -> str:
    """Return an area code that is probably unused: no test creates more than a few of its numbers."""
    return str(600 + secrets.randbelow(300))


def test_answers_the_number_with_its_settings(client: FunctionClient, wire: Wire) -> None:
    """A number with every setting answers 201 and is stored with one transaction of two items."""
    number = new_number()
    form = {"PhoneNumber": number, "FriendlyName": "Hotline", **url_settings.FORM}
    answer = client.post(NUMBERS, form=form)
    assert answer.status == 201
    shown = {"phone_number": number, "friendly_name": "Hotline", **url_settings.FIELDS}
    assert {name: answer.body[name] for name in shown} == shown
    assert wire.recordings == ["TransactWriteItems"]
    assert len(wire.all[-1][1].writes) == 2
    assert client.get(NUMBERS, answer.body["sid"]).body == answer.body


def test_no_key_of_the_table_has_the_number(client: FunctionClient, wire: Wire) -> None:
    """The keys of both items have ids and a hash, never the number."""
    number = new_number()
    assert client.post(NUMBERS, form={"PhoneNumber": number}).status == 201
    (by_account, alone) = wire.all[-1][1].keys
    assert by_account["PK"] == f"{client.account}#NUMBERS"
    assert alone["SK"] == "NUMBER"
    assert alone["PK"].startswith("NUMBER#")
    assert number[1:] not in str((by_account, alone))


def test_a_number_is_held_by_one_account(
    client: FunctionClient, make_stage: Callable[[str], Stage], make_account: Callable[[], object]
) -> None:
    """A number that this or another account holds is refused, and free again after it was released."""
    other = make_stage(make_account().id)  # type: ignore[attr-defined]
    foreign = other.phone_number(number=new_number())
    assert_error(client, client.post(NUMBERS, form={"PhoneNumber": foreign.number}), 21422)
    own = new_number()
    made = client.post(NUMBERS, form={"PhoneNumber": own})
    assert_error(client, client.post(NUMBERS, form={"PhoneNumber": own}), 21422)
    assert client.delete(NUMBERS, made.body["sid"]).status == 204
    again = client.post(NUMBERS, form={"PhoneNumber": own})
    assert again.status == 201
    assert again.body["sid"] != made.body["sid"]


def test_two_requests_do_not_get_one_number(client: FunctionClient, stage: Stage) -> None:
    """A number that is taken between the check and the write of an area code is passed over."""
    area = area_code()
    numbers = stage.services.phone_numbers
    first = numbers.create_in_area(stage.account, area, {}).number
    store = numbers._store
    taken: list[str] = []

    def find_nothing(wanted: object) -> frozenset[str]:
        taken.append(str(wanted))
        return frozenset()

    original = type(store).find_taken
    try:
        type(store).find_taken = lambda _self, wanted: find_nothing(wanted)  # type: ignore[assignment, method-assign]
        second = numbers.create_in_area(client.account, area, {}).number
    finally:
        type(store).find_taken = original  # type: ignore[method-assign]
    assert len(taken) == 1
    assert int(second) == int(first) + 1


@pytest.mark.parametrize(("number", "code"), [("+15005550000", 21422), ("+15005550001", 21421)])
def test_some_numbers_mean_an_error(client: FunctionClient, number: str, code: int) -> None:
    """Two numbers always answer an error, as at Twilio with test credentials."""
    assert_error(client, client.post(NUMBERS, form={"PhoneNumber": number}), code)


@pytest.mark.parametrize("number", ["12025550100", "+0202555", "+120255x", "+12345678901234567890", "+120255\u0660"])
def test_refuses_a_malformed_number(client: FunctionClient, number: str) -> None:
    """A number that is not in E.164 form is an error; SignalWire's form allows a leading zero and 17 digits."""
    if client.dialect.name == "signalwire" and number == "+0202555":
        assert client.post(NUMBERS, form={"PhoneNumber": f"+0{secrets.randbelow(10**9)}11"}).status == 201
    else:
        assert_error(client, client.post(NUMBERS, form={"PhoneNumber": number}), 21421)


def test_needs_a_number(client: FunctionClient) -> None:
    """Without a number the answer is an error; an area code is enough in Twilio's dialect only."""
    for form in ({}, {"PhoneNumber": ""}):
        answer = client.post(NUMBERS, form=form)
        assert_error(client, answer, 20001 if client.dialect.name == "twilio" else 10000)
    if client.dialect.name == "signalwire":
        assert_error(client, client.post(NUMBERS, form={"AreaCode": "202"}), 10000)


def test_gives_out_the_numbers_of_an_area_code_in_order(api: Api, example: Stage) -> None:
    """Twilio's `AreaCode` creates the first free fictitious number: 555-0100, then 555-0101."""
    path, area = f"/2010-04-01/Accounts/{AUTH[0]}/{NUMBERS}.json", area_code()
    taken = example.services.phone_numbers.create(example.account, f"+1{area}5550101", {})
    made = [api.request("POST", path, auth=AUTH, form={"AreaCode": area}) for _ in range(2)]
    assert [answer.status for answer in made] == [201, 201]
    assert [answer.body["phone_number"] for answer in made] == [f"+1{area}5550100", f"+1{area}5550102"]
    assert taken.number == f"+1{area}5550101"


@pytest.mark.parametrize(("area", "code"), [("533", 21452), ("199", 21451), ("20", 21451), ("2022", 21451)])
def test_refuses_an_area_code(api: Api, example: Stage, area: str, code: int) -> None:
    """An area code that has no free number, or that is none, is an error of Twilio's dialect."""
    del example  # the account must exist
    answer = api.request("POST", f"/2010-04-01/Accounts/{AUTH[0]}/{NUMBERS}", auth=AUTH, form={"AreaCode": area})
    assert (answer.status, answer.body["code"]) == (400, code)


def test_an_area_code_has_a_hundred_numbers(api: Api, example: Stage) -> None:
    """After the hundredth number of an area code there is none."""
    area = area_code()
    for last in range(100):
        example.phone_number(number=f"+1{area}55501{last:02}", id=f"{last:032x}")
    answer = api.request("POST", f"/2010-04-01/Accounts/{AUTH[0]}/{NUMBERS}", auth=AUTH, form={"AreaCode": area})
    assert (answer.status, answer.body["code"]) == (400, 21452)


@pytest.mark.parametrize(
    ("form", "twilio", "signalwire"),
    [
        ({"VoiceUrl": "no"}, 21402, 21402),
        ({"StatusCallback": "ftp://a.example/"}, 21402, 21402),
        ({"SmsUrl": "/relative"}, 21402, 21402),
        ({"VoiceMethod": "PUT"}, 21403, 21209),
        ({"VoiceFallbackUrl": "https://a.example/"}, 21405, 10000),
        ({"VoiceApplicationSid": "AP" + "0" * 32}, 21218, 21218),
        ({"SmsApplicationSid": "x"}, 21218, 21218),
        ({"FriendlyName": "x" * 256}, 20001, 10000),
    ],
)
def test_refuses_a_setting(client: FunctionClient, form: dict[str, str], twilio: int, signalwire: int) -> None:
    """An invalid setting is an error and creates nothing."""
    number = new_number()
    code = twilio if client.dialect.name == "twilio" else signalwire
    assert_error(client, client.post(NUMBERS, form={"PhoneNumber": number, **form}), code)
    assert client.get(NUMBERS, PhoneNumber=number).body["incoming_phone_numbers"] == []


def test_refers_to_applications(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A number may refer to applications of its account; each takes one read, and is shown."""
    voice = client.sid(ResourceType.APPLICATION, stage.application().id)
    sms = client.sid(ResourceType.APPLICATION, stage.application().id)
    wire.all.clear()
    form = {"PhoneNumber": new_number(), "VoiceApplicationSid": voice, "SmsApplicationSid": sms}
    answer = client.post(NUMBERS, form=form)
    assert (answer.status, answer.body["voice_application_sid"], answer.body["sms_application_sid"]) == (
        201,
        voice,
        sms,
    )
    assert wire.recordings == ["GetItem", "GetItem", "TransactWriteItems"]
    assert client.get(NUMBERS, answer.body["sid"]).body == answer.body


def test_refuses_the_application_of_another_account(
    client: FunctionClient, make_stage: Callable[[str], Stage], make_account: Callable[[], TestAccount]
) -> None:
    """An application of another account is unknown, and creates nothing."""
    other = make_stage(make_account().id)
    number, foreign = new_number(), client.sid(ResourceType.APPLICATION, other.application().id)
    assert_error(client, client.post(NUMBERS, form={"PhoneNumber": number, "VoiceApplicationSid": foreign}), 21218)
    assert client.get(NUMBERS, PhoneNumber=number).body["incoming_phone_numbers"] == []


def test_names_have_the_vendors_lengths(client: FunctionClient) -> None:
    """Twilio's names have at most 64 characters, SignalWire's 255."""
    most = 64 if client.dialect.name == "twilio" else 255
    made = client.post(NUMBERS, form={"PhoneNumber": new_number(), "FriendlyName": "x" * most})
    assert (made.status, made.body["friendly_name"]) == (201, "x" * most)
    answer = client.post(NUMBERS, form={"PhoneNumber": new_number(), "FriendlyName": "x" * (most + 1)})
    assert_error(client, answer, 20001 if client.dialect.name == "twilio" else 10000)


def test_empty_settings_are_the_defaults(client: FunctionClient) -> None:
    """A new number with empty settings is the same as one without them."""
    number = new_number()
    empty = dict.fromkeys(("FriendlyName", "VoiceUrl", "VoiceMethod", "VoiceApplicationSid"), "")
    made = client.post(NUMBERS, form={"PhoneNumber": number, **empty})
    assert made.status == 201
    assert made.body["friendly_name"] == f"(404) {number[5:8]}-{number[8:]}"
    assert (made.body["voice_url"], made.body["voice_method"]) == (None, "POST")
