"""Creating API keys: `create_key` in Twilio's dialect."""

import re
from collections.abc import Callable

import pytest

from tapedeck.bootstrap.http import get_admin_services
from tapedeck.settings import Settings
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.operations import at
from tests.functions.stage import Clock, Shelf, Stage, Wire, assert_refused

KEYS = "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Keys.json"
AUTH = ("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")


def test_answers_the_key_with_its_secret(api: Api, example: Stage, fix_new_ids: Callable[[str], None]) -> None:
    """A new key answers 201 with its secret of 32 letters and digits, which no other answer has."""
    del example  # the account must exist
    fix_new_ids("016612f5f27a7b3d8c4f1e2a6d5b9081")

    answer = api.request("POST", KEYS, auth=AUTH, form={"FriendlyName": "Reports"})

    body = answer.body
    assert answer.status == 201
    assert re.fullmatch("[0-9A-Za-z]{32}", body.pop("secret"))
    assert body == {
        "sid": "SK016612f5f27a7b3d8c4f1e2a6d5b9081",
        "friendly_name": "Reports",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
    }


def test_is_not_available_in_signalwires_dialect(api: Api, example: Stage) -> None:
    """SignalWire's dialect has no API keys: 405, below both prefixes."""
    del example  # the account must exist
    for root in ("/2010-04-01", "/api/laml/2010-04-01"):
        answer = api.request("POST", f"{root}/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Keys", auth=AUTH)

        assert answer.status == 405
        assert answer.body == {
            "code": 20004,
            "message": "Method not allowed",
            "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
            "status": 405,
        }


def test_the_key_authenticates_at_once(owner: FunctionClient) -> None:
    """A new key reads the account's resources, and its secret is stored as a hash only."""
    made = owner.post("Keys").body
    user = at(owner, user=made["sid"], secret=made["secret"])
    assert user.get("Calls").status == 200
    assert user.get("Recordings").body["recordings"] == []
    assert made["friendly_name"] == ""


def test_stores_only_the_hash(owner: FunctionClient, shelves: Callable[[str], Shelf], settings: Settings) -> None:
    """Neither item of a key has its secret."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    shelf = shelves(settings.credentials_table)
    stored = repr([shelf.partition(name) for name in (f"ACCOUNT#{owner.account}", f"KEY#{made['sid'][2:]}")])
    assert made["sid"][2:] in stored
    assert "Reports" in stored
    assert made["secret"] not in stored


@pytest.mark.parametrize(("length", "status"), [(64, 201), (65, 400)])
def test_a_name_has_at_most_64_characters(owner: FunctionClient, length: int, status: int) -> None:
    """A name of 64 characters is accepted, one of 65 is an error that creates nothing."""
    answer = owner.post("Keys", form={"FriendlyName": "é" * length})
    if status == 400:
        assert_refused(owner, answer, "value outside the enum", name="FriendlyName")
    assert answer.status == status
    assert len(owner.get("Keys").body["keys"]) == (1 if status == 201 else 0)


def test_an_account_has_at_most_a_hundred_keys(owner: FunctionClient) -> None:
    """The hundred-and-first key is refused with 400 and code 20001; after a deletion there is room again."""
    first = owner.post("Keys").body["sid"]
    for _ in range(99):
        get_admin_services().accounts.issue_api_key(owner.account)
    answer = owner.post("Keys")
    assert (answer.status, answer.body["code"], answer.body["message"]) == (400, 20001, "Bad request")
    assert owner.delete("Keys", first).status == 204
    assert owner.post("Keys").status == 201


def test_costs_one_transaction(owner: FunctionClient, wire: Wire) -> None:
    """A new key costs one read for the credentials and one transaction of the credentials table."""
    wire.all.clear()
    assert owner.post("Keys").status == 201
    assert (wire.credentials, wire.recordings) == (["GetItem", "TransactWriteItems"], [])


@pytest.mark.parametrize("user_is_account", [True, False])
def test_a_key_does_not_manage_keys(owner: FunctionClient, clock: Clock, *, user_is_account: bool) -> None:
    """Every operation on keys refuses an API key with 401 and code 20003, and changes nothing."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    before = owner.get("Keys").body
    clock.step(1)
    user = at(owner, secret=made["secret"], user=None if user_is_account else made["sid"])
    for method, path in (
        ("POST", user.path("Keys")),
        ("GET", user.path("Keys")),
        ("GET", user.path("Keys", made["sid"])),
        ("POST", user.path("Keys", made["sid"])),
        ("DELETE", user.path("Keys", made["sid"])),
    ):
        answer = user.request(method, path, form={"FriendlyName": "Other"} if method == "POST" else None)
        assert_refused(user, answer, "bad credentials")
    assert owner.get("Keys").body == before


@pytest.mark.parametrize(
    ("method", "names_key"), [("POST", False), ("GET", False), ("GET", True), ("POST", True), ("DELETE", True)]
)
def test_a_revoked_token_does_not_manage_keys(owner: FunctionClient, method: str, *, names_key: bool) -> None:
    """Each operation on keys refuses a revoked auth token at once, also in a process that has cached it."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    accounts = get_admin_services().accounts
    successor = at(owner, secret=accounts.rotate_auth_token(owner.account))
    before = successor.get("Keys").body
    assert owner.get("Calls").status == 200
    accounts.revoke_old_auth_token(owner.account)
    assert owner.get("Calls").status == 200  # cached
    path = owner.path("Keys", made["sid"]) if names_key else owner.path("Keys")
    answer = owner.request(method, path, form={"FriendlyName": "Other"} if method == "POST" else None)
    assert_refused(owner, answer, "bad credentials")
    assert owner.get("Calls").status == 401
    assert successor.get("Keys").body == before
