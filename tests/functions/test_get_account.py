"""Reading the account itself: `get_account` in both dialects."""

import base64
from collections.abc import Callable

import pytest

from tapedeck.bootstrap.http import get_admin_services
from tests.client import FunctionClient
from tests.conftest import TestAccount
from tests.functions.operations import account_shown, at
from tests.functions.stage import Wire, assert_answer, assert_refused


def basic(user: str, secret: str) -> str:
    """Return an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def test_shows_the_token_of_the_request(client: FunctionClient, wire: Wire) -> None:
    """The account has the auth token that authenticated the request; with cached credentials it costs one read."""
    assert_answer(client.get(), 200, account_shown(client))
    assert (wire.credentials, wire.recordings) == (["GetItem"], [])


def test_shows_the_newer_of_two_tokens_to_its_user(client: FunctionClient) -> None:
    """While an account has two auth tokens, each client sees the one that it sent."""
    old = client.secret
    new = get_admin_services().accounts.rotate_auth_token(client.account)
    for token in (old, new):
        client.secret = token
        assert_answer(client.get(), 200, account_shown(client))
        assert client.answers[-1].body["auth_token"] == token


@pytest.mark.parametrize("user_is_account", [True, False])
def test_shows_no_auth_token_to_an_api_key(client: FunctionClient, *, user_is_account: bool) -> None:
    """An API key sees null in Twilio's dialect, and in SignalWire's its own secret, which is the API token there."""
    made = get_admin_services().accounts.issue_api_key(client.account)
    user = client.base.rpartition("/")[2] if user_is_account else f"SK{made.key}"
    token = None if client.dialect.name == "twilio" else made.secret
    answer = client.request("GET", client.path(), authorization=basic(user, made.secret))
    assert_answer(answer, 200, {**account_shown(client), "auth_token": token})


def test_does_not_show_another_account(client: FunctionClient, make_account: Callable[[], TestAccount]) -> None:
    """Another account, an unknown one and a malformed sid are not found with valid credentials."""
    own = client.base.rpartition("/")[2]
    for identifier in (make_account().id, "0" * 32):
        other = at(client, account=identifier, user=own)
        assert_refused(client, other.get(), "not found", uri=other.path())
    malformed = f"{client.dialect.root}/Accounts/{own}0.json"
    assert_refused(client, client.request("GET", malformed), "not found", uri=malformed)


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_an_account_cannot_be_changed(client: FunctionClient, method: str) -> None:
    """Every method but GET is refused with 405, with and without `.json`."""
    for path in (client.base, f"{client.base}.json"):
        assert_refused(client, client.request(method, path, form={"FriendlyName": "x"}), "method")


def test_its_links_to_lists_work(client: FunctionClient) -> None:
    """The links to applications, calls, conferences, numbers, recordings and transcriptions lead to lists.

    Twilio's also lead to keys.
    """
    links = client.get().body["subresource_uris"]
    working = ["applications", "calls", "conferences", "incoming_phone_numbers", "recordings", "transcriptions"]
    working += ["keys"] if links["keys"] else []
    assert [client.request("GET", links[name]).status for name in working] == [200] * len(working)
    assert (links["keys"] is None) == (client.dialect.name == "signalwire")
    assert client.request("GET", links["queues"]).status == 404
