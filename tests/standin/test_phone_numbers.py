"""Phone numbers on the stand-in: made by the control API, by fixtures or over the API, and that of its start."""

import secrets
from pathlib import Path

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO, parse_any_sid
from tapedeck_standin.control.fixtures import Fixtures, InvalidFixtures
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.test_control import assert_error
from tests.standin.test_options import running_standin


@pytest.fixture
def own(standin: StandIn, account: TestAccount) -> HttpFunctionClient:
    """A client of Twilio's dialect with the auth token."""
    return HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)


def new_number() -> str:
    """Return a number that no account has."""
    return f"+1404{secrets.randbelow(10**7):07}"


def listed(client: HttpFunctionClient) -> list[str]:
    """Return the numbers of the client's account."""
    return [each["phone_number"] for each in client.get("IncomingPhoneNumbers").body["incoming_phone_numbers"]]


def test_makes_a_number(control: ControlClient, own: HttpFunctionClient) -> None:
    """A number is made with its settings, and is that of the API."""
    number = new_number()
    body = {"phone_number": number, "voice_url": "https://app.example", "voice_method": "GET", "friendly_name": "Line"}
    answer = control.post("/numbers", body)
    assert answer.status == 201
    sid = answer.body["sid"]["twilio"]
    assert answer.body == {
        "sid": {"twilio": sid, "signalwire": answer.body["sid"]["signalwire"]},
        "phone_number": number,
        "friendly_name": "Line",
    }
    assert parse_any_sid(ResourceType.PHONE_NUMBER, answer.body["sid"]["signalwire"]) == sid[2:]
    shown = own.get("IncomingPhoneNumbers", sid).body
    assert (shown["phone_number"], shown["friendly_name"], shown["voice_url"], shown["voice_method"]) == (
        number,
        "Line",
        "https://app.example/",
        "GET",
    )


def test_a_number_is_taken_once(control: ControlClient, own: HttpFunctionClient) -> None:
    """A number that an account has is 409, and free again after a reset of the account."""
    number = new_number()
    assert control.post("/numbers", {"phone_number": number}).status == 201
    assert_error(control.post("/numbers", {"phone_number": number}), 409, "phone_number")
    assert listed(own) == [number]
    assert control.post("/reset").status == 204
    assert listed(own) == []
    assert control.post("/numbers", {"phone_number": number}).status == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "phone_number"),
        ({"phone_number": "2025550100"}, "phone_number"),
        ({"phone_number": "+15005550001"}, "phone_number"),
        ({"phone_number": "+12125550100", "voice_url": "no"}, "voice_url"),
        ({"phone_number": "+12125550100", "voice_method": "PUT"}, "voice_method"),
        ({"phone_number": "+12125550100", "voice_fallback_url": "https://a.example/"}, "voice_fallback_url"),
        ({"phone_number": "+12125550100", "other": 1}, "other"),
    ],
)
def test_refuses_a_number(control: ControlClient, own: HttpFunctionClient, body: dict[str, object], field: str) -> None:
    """A body that is not understood is 400, names the field, and makes nothing."""
    assert_error(control.post("/numbers", body), 400, field)
    assert listed(own) == []


@pytest.mark.ci
def test_the_default_account_has_a_number() -> None:
    """The default account has `+12025550100` without a voice URL, also after a reset; another account has none."""
    with running_standin() as (standin, created):
        own = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        control = ControlClient(standin)
        (shown,) = own.get("IncomingPhoneNumbers").body["incoming_phone_numbers"]
        assert (shown["phone_number"], shown["voice_url"]) == ("+12025550100", None)
        assert control.post("/reset").status == 204
        assert listed(own) == ["+12025550100"]
        other = control.post("/accounts").body
        further = HttpFunctionClient(TWILIO, other["sid"]["twilio"][2:], other["token"], standin=standin)
        assert listed(further) == []
    assert created == []


@pytest.mark.ci
def test_fixtures_have_numbers(tmp_path: Path) -> None:
    """A number of a fixtures file is that of the account; it may be the one of the start."""
    file = tmp_path / "fixtures.yaml"
    file.write_text("numbers: [{phone_number: '+12025550100', voice_url: 'https://app.example/voice'}]")
    with running_standin("--fixtures", str(file)) as (standin, created):
        own = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        (shown,) = own.get("IncomingPhoneNumbers").body["incoming_phone_numbers"]
        assert (shown["phone_number"], shown["voice_url"]) == ("+12025550100", "https://app.example/voice")
        sids = ControlClient(standin).get("/fixtures").body["fixtures"]["numbers"]
        assert [each["sid"]["twilio"] for each in sids] == [shown["sid"]]
    assert [line.split()[:2] for line in created] == [["phone_number", shown["sid"]]]


@pytest.mark.ci
def test_a_fixture_needs_a_number(tmp_path: Path) -> None:
    """A fixture without a number is an error that names the place in the file."""
    file = tmp_path / "fixtures.yaml"
    file.write_text("numbers: [{voice_url: 'https://app.example/voice'}]")
    with pytest.raises(InvalidFixtures) as raised:
        Fixtures.load(file)
    assert str(raised.value) == f"{file}: numbers.0.phone_number: Field required"
