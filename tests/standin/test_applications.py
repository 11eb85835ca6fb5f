"""Applications on the stand-in: made by the control API, by fixtures or over the API."""

from pathlib import Path

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO, parse_any_sid
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.test_control import assert_error
from tests.standin.test_options import running_standin
from tests.standin.test_phone_numbers import new_number


@pytest.fixture
def own(standin: StandIn, account: TestAccount) -> HttpFunctionClient:
    """A client of Twilio's dialect with the auth token."""
    return HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)


def listed(client: HttpFunctionClient) -> list[str]:
    """Return the names of the applications of the client's account."""
    return [each["friendly_name"] for each in client.get("Applications").body["applications"]]


def test_makes_an_application(control: ControlClient, own: HttpFunctionClient) -> None:
    """An application is made with its settings, and is that of the API; an unnamed one is numbered."""
    body = {"friendly_name": "Reception", "voice_url": "https://app.example", "voice_method": "GET"}
    answer = control.post("/applications", body)
    assert answer.status == 201
    sid = answer.body["sid"]["twilio"]
    assert answer.body == {
        "sid": {"twilio": sid, "signalwire": answer.body["sid"]["signalwire"]},
        "friendly_name": "Reception",
    }
    assert parse_any_sid(ResourceType.APPLICATION, answer.body["sid"]["signalwire"]) == sid[2:]
    shown = own.get("Applications", sid).body
    assert (shown["friendly_name"], shown["voice_url"], shown["voice_method"]) == (
        "Reception",
        "https://app.example/",
        "GET",
    )
    assert control.post("/applications").body["friendly_name"] == "Untitled Application 2"


def test_a_reset_deletes_applications(control: ControlClient, own: HttpFunctionClient) -> None:
    """After a reset of the account it has no application."""
    assert control.post("/applications", {"friendly_name": "Reception"}).status == 201
    assert listed(own) == ["Reception"]
    assert control.post("/reset").status == 204
    assert listed(own) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"voice_url": "no"}, "voice_url"),
        ({"voice_method": "PUT"}, "voice_method"),
        ({"friendly_name": "x" * 65}, "friendly_name"),
        ({"phone_number": "+12125550100"}, "phone_number"),
    ],
)
def test_refuses_an_application(
    control: ControlClient, own: HttpFunctionClient, body: dict[str, object], field: str
) -> None:
    """A body that is not understood is 400, names the field, and makes nothing."""
    assert_error(control.post("/applications", body), 400, field)
    assert listed(own) == []


def test_a_number_refers_to_an_application(control: ControlClient, own: HttpFunctionClient) -> None:
    """A number is made with an application by either sid, or by name; the newest of the name counts."""
    control.post("/applications", {"friendly_name": "Reception"})
    made = control.post("/applications", {"friendly_name": "Reception"}).body["sid"]
    for named in (made["twilio"], made["signalwire"], "Reception"):
        body = {"phone_number": new_number(), "voice_application": named}
        answer = control.post("/numbers", body)
        assert answer.status == 201
        shown = own.get("IncomingPhoneNumbers", answer.body["sid"]["twilio"]).body
        assert (shown["voice_application_sid"], shown["voice_url"]) == (made["twilio"], None)


@pytest.mark.parametrize("named", ["Reception", "AP" + "0" * 32])
def test_refuses_an_unknown_application(control: ControlClient, own: HttpFunctionClient, named: str) -> None:
    """A number with a name or a sid that no application has is 404, and is not made."""
    answer = control.post("/numbers", {"phone_number": new_number(), "voice_application": named})
    assert_error(answer, 404, "voice_application")
    assert own.get("IncomingPhoneNumbers").body["incoming_phone_numbers"] == []


@pytest.mark.ci
def test_fixtures_have_applications(tmp_path: Path) -> None:
    """An application of a fixtures file is that of the account, is listed by its kind, and has a number by its name."""
    file = tmp_path / "fixtures.yaml"
    file.write_text(
        "applications: [{friendly_name: Reception, voice_url: 'https://app.example/voice'}]\n"
        "numbers: [{phone_number: '+12025550100', voice_application: Reception}]"
    )
    with running_standin("--fixtures", str(file)) as (standin, created):
        own = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        (shown,) = own.get("Applications").body["applications"]
        assert (shown["friendly_name"], shown["voice_url"]) == ("Reception", "https://app.example/voice")
        sids = ControlClient(standin).get("/fixtures").body["fixtures"]["applications"]
        assert [each["sid"]["twilio"] for each in sids] == [shown["sid"]]
        (number,) = own.get("IncomingPhoneNumbers").body["incoming_phone_numbers"]
        assert number["voice_application_sid"] == shown["sid"]
    assert [line.split()[:2] for line in created] == [["application", shown["sid"]], ["phone_number", number["sid"]]]
