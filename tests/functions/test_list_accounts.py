"""Listing accounts: `list_accounts` shows the account of the credentials, in the dialect of the user name."""

import base64
from typing import Any

import pytest

from tapedeck.bootstrap.http import get_admin_services
from tests.client import DIALECTS, FunctionClient
from tests.functions import expected
from tests.functions.operations import account_shown, at
from tests.functions.stage import assert_answer, assert_refused

ROOTS = ("/2010-04-01", "/api/laml/2010-04-01")
SUFFIXES = ("", ".json")


def basic(user: str, secret: str) -> str:
    """Return an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def page(client: FunctionClient, items: list[Any], filters: str = "") -> dict[str, Any]:
    """Return the only page of accounts."""
    return expected.page(client.dialect.name, client.account, "Accounts", items, filters=filters)


def sid_of(client: FunctionClient) -> str:
    """Return the account's sid in the client's dialect."""
    return client.base.rpartition("/")[2]


def test_lists_the_account_of_the_credentials(client: FunctionClient) -> None:
    """The list has exactly the authenticated account, below both prefixes, with and without `.json`."""
    for root in ROOTS:
        for suffix in SUFFIXES:
            answer = client.request("GET", f"{root}/Accounts{suffix}")
            assert_answer(answer, 200, page(client, [account_shown(client)]))


@pytest.mark.parametrize("root", ROOTS)
def test_an_api_key_selects_twilios_dialect(client: FunctionClient, root: str) -> None:
    """With the sid of an API key as user name, the answer is in Twilio's dialect and shows no token."""
    made = get_admin_services().accounts.issue_api_key(client.account)
    reader = at(client, dialect=DIALECTS["twilio"])
    answer = reader.request("GET", f"{root}/Accounts.json", authorization=basic(f"SK{made.key}", made.secret))
    assert_answer(answer, 200, page(reader, [{**account_shown(reader), "auth_token": None}]))


@pytest.mark.parametrize(("name", "is_listed"), [("Tapedeck", True), ("tapedeck", False), ("Other", False)])
def test_filters_by_name(client: FunctionClient, name: str, *, is_listed: bool) -> None:
    """The name of the account must be equal; links repeat the filter."""
    answer = client.request("GET", f"{client.dialect.root}/Accounts.json?FriendlyName={name}")
    items = [account_shown(client)] if is_listed else []
    assert_answer(answer, 200, page(client, items, f"FriendlyName={name}&"))


def test_filters_apply_together(client: FunctionClient) -> None:
    """The account is listed if it matches all filters; an empty filter counts as absent."""
    path = f"{client.dialect.root}/Accounts.json"
    matching = client.request("GET", f"{path}?Status=active&FriendlyName=Tapedeck")
    assert (matching.status, matching.body["accounts"]) == (200, [account_shown(client)])
    assert client.request("GET", f"{path}?Status=active&FriendlyName=Other").body["accounts"] == []
    assert_answer(client.request("GET", f"{path}?FriendlyName="), 200, page(client, [account_shown(client)]))


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_no_account_is_suspended_or_closed(client: FunctionClient, status: str) -> None:
    """The list is empty for the statuses that no account has; another status is an error."""
    path = f"{client.dialect.root}/Accounts.json"
    assert_answer(client.request("GET", f"{path}?Status={status}"), 200, page(client, [], f"Status={status}&"))
    assert_refused(client, client.request("GET", f"{path}?Status=open"), "value outside the enum", name="Status")


def test_the_token_of_the_account_leads_past_it(client: FunctionClient) -> None:
    """After the only account comes an empty page, whose previous page has the account."""
    sid = sid_of(client)
    behind = client.request("GET", f"{client.dialect.root}/Accounts.json?PageSize=1&Page=1&PageToken=PA{sid}")
    assert (behind.status, behind.body["accounts"], behind.body["next_page_uri"]) == (200, [], None)
    before = client.request("GET", behind.body["previous_page_uri"])
    assert (before.status, before.body["accounts"]) == (200, [account_shown(client)])


@pytest.mark.parametrize("root", ROOTS)
def test_refuses_wrong_credentials_in_the_dialect_of_the_user(client: FunctionClient, root: str) -> None:
    """Without credentials the prefix selects the dialect; wrong ones are refused in that of their user name."""
    of_root = at(client, dialect=DIALECTS["signalwire" if "laml" in root else "twilio"])
    path = f"{root}/Accounts.json"
    assert_refused(of_root, of_root.request("GET", path, authorization=None), "no credentials")
    for malformed in ("Basic !", "Bearer x", "Basic " + base64.b64encode(b"me:x").decode()):
        assert_refused(of_root, of_root.request("GET", path, authorization=malformed), "bad credentials")
    wrong = client.request("GET", path, authorization=basic(sid_of(client), "wrong"))
    assert_refused(client, wrong, "bad credentials")
    key = at(client, dialect=DIALECTS["twilio"])
    assert_refused(key, key.request("GET", path, authorization=basic("SK" + "0" * 32, "wrong")), "bad credentials")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_accounts_cannot_be_created(client: FunctionClient, method: str) -> None:
    """Every method but GET is refused with 405, in the dialect of the user name."""
    for root in ROOTS:
        for suffix in SUFFIXES:
            answer = client.request(method, f"{root}/Accounts{suffix}", form={"FriendlyName": "x"})
            assert_refused(client, answer, "method")
