"""API keys on the stand-in: made by the control API, by fixtures or over the API, and used in place of the token."""

import json
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import ReceivedCallback, Receiver
from tests.standin.test_control import UNKNOWN, assert_error


@pytest.fixture
def own(standin: StandIn, account: TestAccount) -> HttpFunctionClient:
    """A client of Twilio's dialect with the auth token."""
    return HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)


def with_key(own: HttpFunctionClient, sid: str, secret: str) -> HttpFunctionClient:
    """Return a client of the same account that uses an API key."""
    return HttpFunctionClient(TWILIO, own.account, secret, user=sid, standin=own.standin)


def is_signed(callback: ReceivedCallback, token: str) -> bool:
    """Return whether a callback has a signature of Twilio's with this token."""
    return bool(RequestValidator(token).validate(callback.url, callback.fields, callback.headers["x-twilio-signature"]))


def test_makes_a_key_with_given_values(control: ControlClient, own: HttpFunctionClient) -> None:
    """A key is made with the sid, the secret and the name that are given, and authenticates requests."""
    identifier = new_id(0)
    sids = {"twilio": f"SK{identifier}", "signalwire": SIGNALWIRE.format_sid(ResourceType.API_KEY, identifier)}
    answer = control.post("/keys", {"sid": sids["twilio"], "secret": "s3cret:with colon", "friendly_name": "tests"})
    assert (answer.status, answer.body) == (
        201,
        {"sid": sids, "secret": "s3cret:with colon", "friendly_name": "tests"},
    )
    key = with_key(own, sids["twilio"], "s3cret:with colon")
    assert key.get("Recordings").status == 200
    (listed,) = own.get("Keys").body["keys"]
    assert (listed["sid"], listed["friendly_name"]) == (sids["twilio"], "tests")


def test_makes_a_key_with_generated_values(control: ControlClient, own: HttpFunctionClient) -> None:
    """Without values the sid is new, the secret has 32 letters and digits, and the name is empty."""
    answer = control.post("/keys")
    assert (answer.status, list(answer.body)) == (201, ["sid", "secret", "friendly_name"])
    assert answer.body["friendly_name"] == ""
    assert (len(answer.body["secret"]), answer.body["secret"].isalnum()) == (32, True)
    assert with_key(own, answer.body["sid"]["twilio"], answer.body["secret"]).get("Calls").status == 200


def test_a_sid_is_taken_once(control: ControlClient, standin: StandIn) -> None:
    """A second key with the same sid is 409, in either format, if the secret or the account is another."""
    made = control.post("/keys", {"secret": "first"}).body
    for sid in made["sid"].values():
        for client, content in (
            (control, {"secret": "second"}),
            (control, {}),
            (ControlClient(standin), {"secret": "first"}),
            (ControlClient(standin), {"secret": "second"}),
        ):
            answer = client.post("/keys", {"sid": sid, **content})
            assert_error(answer, 409, "sid", "an API key already has this sid")


def test_the_same_key_can_be_made_again(control: ControlClient, own: HttpFunctionClient) -> None:
    """A second request with the same account, sid and secret is 200 with the key, which does not change."""
    made = control.post("/keys", {"secret": "first", "friendly_name": "tests"})
    listed = own.get("Keys").body["keys"]
    for sid in made.body["sid"].values():
        for name in ({}, {"friendly_name": "other"}):
            again = control.post("/keys", {"sid": sid, "secret": "first", **name})
            assert (made.status, again.status, again.body) == (201, 200, made.body)
    assert own.get("Keys").body["keys"] == listed
    assert with_key(own, made.body["sid"]["twilio"], "first").get("Calls").status == 200


def test_the_same_key_can_be_made_again_in_a_full_account(anonymous: ControlClient, standin: StandIn) -> None:
    """A repetition is 200 also if the account has the maximum number of keys."""
    account = ControlClient(standin, anonymous.post("/accounts").body["sid"]["twilio"])
    made = [account.post("/keys", {"secret": "first"}).body for _ in range(100)]
    answer = account.post("/keys", {"sid": made[0]["sid"]["twilio"], "secret": "first"})
    assert (answer.status, answer.body) == (200, made[0])


def test_an_account_has_at_most_a_hundred_keys(anonymous: ControlClient, standin: StandIn) -> None:
    """The hundred-and-first key of an account is 409; another account may still have one."""
    account = ControlClient(standin, anonymous.post("/accounts").body["sid"]["twilio"])
    assert [account.post("/keys").status for _ in range(100)] == [201] * 100
    assert_error(account.post("/keys"), 409, "account", "the account has the maximum number of API keys")
    assert anonymous.post("/keys").status == 201


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"sid": "AC" + UNKNOWN}, "sid"),
        ({"sid": "SK123"}, "sid"),
        ({"sid": 1}, "sid"),
        ({"secret": ""}, "secret"),
        ({"secret": "x" * 257}, "secret"),
        ({"friendly_name": "x" * 65}, "friendly_name"),
        ({"scopes": ["Voice"]}, "scopes"),
        ({"account": "x"}, "account"),
    ],
)
def test_rejects_an_invalid_key(control: ControlClient, content: dict[str, Any], field: str) -> None:
    """Invalid input is 400 and names the field."""
    assert_error(control.post("/keys", content), 400, field)


def test_rejects_an_unknown_account(anonymous: ControlClient) -> None:
    """A key of an account that does not exist is 404."""
    assert_error(anonymous.post("/keys", {"account": "AC" + UNKNOWN}), 404, "account", "the account does not exist")


def test_a_deleted_key_stops_working_at_once(control: ControlClient, own: HttpFunctionClient) -> None:
    """A key that has just been used is refused right after its deletion over the API."""
    made = control.post("/keys").body
    sid = made["sid"]["twilio"]
    key = with_key(own, sid, made["secret"])
    assert key.get("Calls").status == 200
    assert own.delete("Keys", sid).status == 204
    refused = key.get("Calls")
    assert (refused.status, refused.body["code"], refused.body["message"]) == (401, 20003, "Authenticate")
    assert own.get("Calls").status == 200


def test_a_reset_keeps_keys(control: ControlClient, own: HttpFunctionClient) -> None:
    """A reset deletes the calls of an account, but not its keys."""
    made = control.post("/keys").body
    control.post("/calls")
    assert control.post("/reset").status == 204
    key = with_key(own, made["sid"]["twilio"], made["secret"])
    assert (key.get("Calls").status, key.get("Calls").body["calls"]) == (200, [])


def test_the_log_of_requests_has_no_secret(control: ControlClient, own: HttpFunctionClient, standin: StandIn) -> None:
    """Neither the log of requests nor the printed lines show a secret, of a key or of the account."""
    made = own.post("Keys", form={"FriendlyName": "Reports"}).body
    given = control.post("/keys", {"secret": "given-to-the-control-api"}).body
    with_key(own, made["sid"], made["secret"]).get("Calls")
    own.get()
    logged = control.get("/requests").body["requests"]
    text = json.dumps(logged) + "\n".join(standin.lines)
    assert {entry["operation"] for entry in logged} >= {"create_key", "get_account", "list_calls"}
    assert next(entry for entry in logged if entry["operation"] == "create_key")["fields"] == {
        "FriendlyName": "Reports"
    }
    assert [secret for secret in (made["secret"], given["secret"], own.secret) if secret in text] == []


def test_callbacks_are_signed_with_the_auth_token(
    control: ControlClient, own: HttpFunctionClient, receiver: Receiver
) -> None:
    """A recording that an API key has started delivers its callback signed with the auth token of the account."""
    made = control.post("/keys").body
    key = with_key(own, made["sid"]["twilio"], made["secret"])
    call = control.post("/calls").body["sid"]["twilio"]
    form = {"RecordingStatusCallback": receiver.url(), "RecordingStatusCallbackEvent": "in-progress"}
    assert key.post("Calls", call, "Recordings", form=form).status == 201
    (callback,) = receiver.wait_for(1)
    assert is_signed(callback, own.secret)
    assert not is_signed(callback, made["secret"])


def test_the_list_of_accounts(own: HttpFunctionClient, control: ControlClient) -> None:
    """The list has the account of the auth token or of the API key, with the token only for the former."""
    made = control.post("/keys").body
    key = with_key(own, made["sid"]["twilio"], made["secret"])
    for client, token in ((own, own.secret), (key, None)):
        (listed,) = client.request("GET", "/2010-04-01/Accounts.json").body["accounts"]
        assert (listed["sid"], listed["auth_token"]) == (f"AC{own.account}", token)


def test_the_list_of_accounts_is_logged_for_the_account_of_the_key(
    own: HttpFunctionClient, control: ControlClient
) -> None:
    """The path of the list names no account; a request with an API key belongs to the account of the key."""
    made = control.post("/keys").body
    with_key(own, made["sid"]["twilio"], made["secret"]).request("GET", "/2010-04-01/Accounts.json?FriendlyName=probe")
    (entry,) = [each for each in control.get("/requests").body["requests"] if each["operation"] == "list_accounts"]
    assert entry["fields"] == {"FriendlyName": "probe"}


@pytest.mark.parametrize("root", ["/2010-04-01", "/api/laml/2010-04-01"])
def test_an_injected_error_of_the_list_has_the_dialect_of_the_user(
    api: HttpFunctionClient, control: ControlClient, root: str
) -> None:
    """An error that is injected into the list of accounts is in the dialect of the user name, below both prefixes."""
    control.post("/faults", {"on": "list_accounts", "then": {"status": 500}})
    answer = api.request("GET", f"{root}/Accounts.json")
    pages = {"twilio": "https://www.twilio.com/docs/errors/20500", "signalwire": "https://signalwire.com/docs/"}
    assert answer.status == 500
    assert answer.body["more_info"].startswith(pages[api.dialect.name])
