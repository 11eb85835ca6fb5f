"""The unmodified Python SDK of Twilio reads its account and manages API keys on the stand-in, and uses a key."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from tests.sdk.program import Standin, node, run_scenario
from tests.sdk.scenario import Place

MakeClient = Callable[..., Client]


@pytest.fixture
def place(standin: Standin) -> Place:
    """The stand-in over HTTP, with two accounts that no other test uses."""
    return standin.make_places("twilio")["http"]


@pytest.fixture
def make_client(place: Place) -> Iterator[MakeClient]:
    """Makes clients of the SDK, as its documentation does; only the address is another."""
    clients: list[Client] = []

    def make(*credentials: str) -> Client:
        client = Client(*credentials)
        client.api.base_url = place.url
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.http_client.session.close()


def refusal(request: Callable[[], object]) -> tuple[int, int | None]:
    """Return status and code of the exception that a request raises."""
    with pytest.raises(TwilioRestException) as raised:
        request()
    return raised.value.status, raised.value.code


def assert_list_refused(request: Callable[[], object]) -> None:
    """Check that a list gets 401 with code 20003; the SDK's exception for a page only quotes the answer."""
    with pytest.raises(TwilioException, match=r'HTTP 401 \{"code":20003,"message":"Authenticate"'):
        request()


def test_reads_its_account(place: Place, make_client: MakeClient) -> None:
    """`accounts(sid).fetch()` and `accounts.list()` return the account of the client, with its token."""
    client = make_client(place.account, place.token)
    fetched = client.api.accounts(place.account).fetch()
    assert (fetched.sid, fetched.auth_token, fetched.status, fetched.type) == (
        place.account,
        place.token,
        "active",
        "Full",
    )
    assert (fetched.friendly_name, fetched.owner_account_sid) == ("Tapedeck", place.account)
    assert fetched.date_created is not None
    assert [account.sid for account in client.api.accounts.list()] == [place.account]
    assert client.api.accounts.list(friendly_name="Other") == []
    assert client.api.accounts.list(status="closed") == []
    assert refusal(client.api.accounts(place.other_account).fetch) == (404, 20404)
    assert refusal(lambda: client.api.accounts.create(friendly_name="x")) == (405, 20004)


def test_wrong_credentials_are_refused(place: Place, make_client: MakeClient) -> None:
    """The usual checks of credentials raise 401 with code 20003 for a wrong token."""
    client = make_client(place.account, "wrong")
    assert refusal(client.api.accounts(place.account).fetch) == (401, 20003)
    assert_list_refused(client.api.accounts.list)


def test_manages_keys(place: Place, make_client: MakeClient) -> None:
    """Keys are created, listed, fetched, renamed and deleted; only the creation returns a secret."""
    client = make_client(place.account, place.token)
    made = client.new_keys.create(friendly_name="reports")
    other = client.new_keys.create()
    assert (len(made.secret or ""), made.friendly_name, other.friendly_name) == (32, "reports", "")
    assert {key.sid for key in client.keys.list()} == {made.sid, other.sid}
    assert len(list(client.keys.stream(page_size=1))) == 2
    fetched = client.keys(str(made.sid)).fetch()
    assert (fetched.sid, fetched.friendly_name, hasattr(fetched, "secret")) == (made.sid, "reports", False)
    assert client.keys(str(made.sid)).update(friendly_name="monthly").friendly_name == "monthly"
    assert client.keys(str(other.sid)).delete() is True
    assert [key.friendly_name for key in client.keys.list()] == ["monthly"]
    assert refusal(client.keys(str(other.sid)).fetch) == (404, 20404)
    assert refusal(lambda: client.new_keys.create(friendly_name="x" * 65)) == (400, 20001)


def test_uses_a_key(place: Place, make_client: MakeClient) -> None:
    """A client with a key does what its account may do, except managing keys; without the key it may do nothing."""
    owner = make_client(place.account, place.token)
    made = owner.new_keys.create(friendly_name="reports")
    client = make_client(str(made.sid), str(made.secret), place.account)
    call = place.create("calls")
    recording = client.calls(call).recordings.create()
    assert [each.sid for each in client.recordings.list()] == [recording.sid]
    assert client.api.accounts(place.account).fetch().auth_token is None
    assert [account.sid for account in client.api.accounts.list()] == [place.account]
    assert_list_refused(client.keys.list)
    assert refusal(client.new_keys.create) == (401, 20003)
    assert refusal(client.keys(str(made.sid)).fetch) == (401, 20003)
    assert refusal(client.keys(str(made.sid)).delete) == (401, 20003)
    assert owner.keys(str(made.sid)).delete() is True
    assert_list_refused(client.recordings.list)
    assert [each.sid for each in owner.recordings.list()] == [recording.sid]


def test_manages_phone_numbers(place: Place, make_client: MakeClient) -> None:
    """Phone numbers are created, listed, fetched, changed and deleted with the SDK; an empty URL clears it."""
    client = make_client(place.account, place.token)
    number = f"+1415{secrets.randbelow(10**7):07}"
    made = client.incoming_phone_numbers.create(phone_number=number, voice_url="https://app.example.com/voice")
    assert (made.phone_number, made.voice_url, made.voice_method) == (number, "https://app.example.com/voice", "POST")
    assert (made.capabilities or {})["voice"] is True
    assert [each.sid for each in client.incoming_phone_numbers.list(phone_number=number)] == [made.sid]
    assert [each.sid for each in client.incoming_phone_numbers.list(phone_number=f"*{number[-6:]}")] == [made.sid]
    changed = client.incoming_phone_numbers(str(made.sid)).update(voice_url="", friendly_name="Hotline")
    assert (changed.voice_url, changed.friendly_name) == (None, "Hotline")
    assert client.incoming_phone_numbers(str(made.sid)).fetch().friendly_name == "Hotline"
    taken = lambda: client.incoming_phone_numbers.create(phone_number=number)  # noqa: E731
    assert refusal(taken) == (400, 21422)
    assert refusal(lambda: client.incoming_phone_numbers.create(area_code="533")) == (400, 21452)
    assert client.incoming_phone_numbers(str(made.sid)).delete() is True
    assert client.incoming_phone_numbers.list() == []
    assert refusal(client.incoming_phone_numbers(str(made.sid)).fetch) == (404, 20404)


def test_manages_applications(place: Place, make_client: MakeClient) -> None:
    """Applications are created, listed, fetched, changed and deleted with the SDK; a phone number refers to one."""
    client = make_client(place.account, place.token)
    made = client.applications.create(friendly_name="Reception", voice_url="https://app.example.com/app")
    assert (made.friendly_name, made.voice_url, made.voice_method) == (
        "Reception",
        "https://app.example.com/app",
        "POST",
    )
    assert client.applications.create().friendly_name == "Untitled Application 2"
    assert [each.sid for each in client.applications.list(friendly_name="Reception")] == [made.sid]
    changed = client.applications(str(made.sid)).update(voice_url="", sms_url="https://app.example.com/sms")
    assert (changed.voice_url, changed.sms_url, changed.friendly_name) == (
        None,
        "https://app.example.com/sms",
        "Reception",
    )
    number = client.incoming_phone_numbers.create(
        phone_number=f"+1415{secrets.randbelow(10**7):07}", voice_application_sid=str(made.sid)
    )
    assert number.voice_application_sid == made.sid
    assert client.applications(str(made.sid)).delete() is True
    assert refusal(client.applications(str(made.sid)).fetch) == (404, 20404)
    unknown = lambda: number.update(voice_application_sid=str(made.sid))  # noqa: E731
    assert refusal(unknown) == (400, 21218)
    assert client.incoming_phone_numbers(str(number.sid)).delete() is True


def test_uses_a_key_of_an_env_file(place: Place, make_client: MakeClient) -> None:
    """A key with a sid and a secret of one's own, made by the control API, works with the SDK."""
    sid, secret = f"SK{place.account[2:]}", "secret-of-an-env-file"
    body = {"account": place.account, "sid": sid, "secret": secret}
    assert requests.post(f"{place.control_url}/_standin/keys", json=body, timeout=60).status_code == 201
    assert make_client(sid, secret, place.account).recordings.list() == []
    assert_list_refused(make_client(sid, "wrong", place.account).recordings.list)


@pytest.mark.node
def test_the_node_sdk_uses_a_key(place: Place) -> None:
    """Twilio's Node SDK reads the account, and creates, uses and deletes a key, with the same answers."""
    script = Path(__file__).with_name("twilio_api_keys.mjs")
    argument = json.dumps({"url": place.url, "account": place.account, "token": place.token})
    assert run_scenario([node(), script, argument]) == {
        "account": [place.account, place.token, "active"],
        "accounts": [place.account],
        "secret": 32,
        "keys": ["reports"],
        "recordings": 0,
        "tokenForKey": None,
        "keysWithKey": [401, 20003],
        "deleted": True,
        "afterDeletion": [401, 20003],
    }
