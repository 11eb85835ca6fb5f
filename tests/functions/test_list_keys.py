"""Listing API keys: `list_keys` in Twilio's dialect."""

from collections.abc import Callable

from tapedeck.bootstrap.http import get_admin_services
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.operations import at
from tests.functions.stage import Clock, Wire, assert_answer, assert_refused


def create(owner: FunctionClient, clock: Clock, *names: str) -> list[dict[str, str]]:
    """Create a key of each name, a second apart; return them without their secrets, newest first."""
    made: list[dict[str, str]] = []
    for name in names:
        clock.step(1)
        made.insert(0, owner.post("Keys", form={"FriendlyName": name}).body)
        del made[0]["secret"]
    return made


def test_lists_the_newest_key_first(owner: FunctionClient, clock: Clock, wire: Wire) -> None:
    """All keys are listed without their secrets, the newest first, with one read besides that of the credentials."""
    made = create(owner, clock, "a", "b", "c")
    wire.all.clear()
    assert_answer(owner.get("Keys"), 200, expected.page("twilio", owner.account, "Keys", made))
    assert (wire.credentials, wire.recordings) == (["GetItem", "GetItem"], [])


def test_lists_the_keys_of_operators_too(owner: FunctionClient) -> None:
    """A key that an operator issued is listed without a name, until the operator revokes it."""
    accounts = get_admin_services().accounts
    made = accounts.issue_api_key(owner.account)
    (listed,) = owner.get("Keys").body["keys"]
    assert (listed["sid"], listed["friendly_name"]) == (f"SK{made.key}", "")
    accounts.revoke_api_key(owner.account, made.key)
    assert owner.get("Keys").body["keys"] == []


def test_pages_follow_each_other(owner: FunctionClient, clock: Clock) -> None:
    """Pages of two keys show all five once, forwards and backwards, even if a token's key was deleted."""
    made = create(owner, clock, "a", "b", "c", "d", "e")
    first = owner.get("Keys", PageSize="2").body
    assert first["keys"] == made[:2]
    assert first["next_page_uri"].endswith(f"/Keys.json?PageSize=2&Page=1&PageToken=PA{made[1]['sid']}")
    assert owner.delete("Keys", made[1]["sid"]).status == 204
    second = owner.request("GET", first["next_page_uri"]).body
    third = owner.request("GET", second["next_page_uri"]).body
    assert (second["keys"], third["keys"], third["next_page_uri"]) == (made[2:4], made[4:], None)
    assert owner.request("GET", third["previous_page_uri"]).body["keys"] == made[2:4]
    assert owner.request("GET", second["previous_page_uri"]).body["keys"] == made[:1]


def test_refuses_other_tokens(owner: FunctionClient) -> None:
    """A page token of another kind and a page size of 0 are errors."""
    assert owner.get("Keys", PageToken="PARE" + "0" * 32).body["code"] == 21481
    assert owner.get("Keys", PageSize="0").body["code"] == 20007


def test_is_not_available_in_signalwires_dialect(client: FunctionClient) -> None:
    """SignalWire's dialect answers 405; Twilio's lists the keys of the same account."""
    if client.dialect.name == "twilio":
        assert client.get("Keys").status == 200
    else:
        assert_refused(client, client.get("Keys"), "method")


def test_does_not_list_keys_of_another_account(owner: FunctionClient, make_owner: Callable[[], FunctionClient]) -> None:
    """The keys of an account are not in the list of another, nor readable with its credentials."""
    other = make_owner()
    assert other.post("Keys").status == 201
    assert owner.get("Keys").body["keys"] == []
    foreign = at(owner, account=other.account, user=owner.base.rpartition("/")[2])
    assert_refused(owner, foreign.get("Keys"), "not found", uri=foreign.path("Keys"))
