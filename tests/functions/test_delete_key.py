"""Deleting an API key: `delete_key` in Twilio's dialect."""

from collections.abc import Callable

import pytest

from tapedeck.bootstrap.http import get_admin_services
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.operations.authentication import Authenticator
from tests.client import FunctionClient
from tests.functions.operations import at
from tests.functions.stage import Clock, Wire, assert_answer, assert_refused


def test_the_key_stops_working_at_once(owner: FunctionClient, wire: Wire) -> None:
    """A deletion answers 204; the process that did it refuses the key from then on, although it was cached."""
    made = owner.post("Keys").body
    user = at(owner, user=made["sid"], secret=made["secret"])
    as_account = at(owner, secret=made["secret"])
    assert (user.get("Calls").status, as_account.get("Calls").status) == (200, 200)
    wire.all.clear()
    assert_answer(owner.delete("Keys", made["sid"]), 204, None)
    assert (wire.credentials, wire.recordings) == (["GetItem", "TransactWriteItems"], [])
    assert_refused(user, user.get("Calls"), "bad credentials")
    assert_refused(as_account, as_account.get("Calls"), "bad credentials")
    assert owner.get("Keys").body["keys"] == []


def test_other_processes_refuse_it_within_a_minute(owner: FunctionClient, clock: Clock) -> None:
    """Another process that has cached the key accepts it for less than 60 seconds."""
    made = owner.post("Keys").body
    credentials = get_admin_services().accounts._credentials
    other = Authenticator(credentials, clock, 60)
    other.verify_api_key(made["sid"][2:], made["secret"])
    assert owner.delete("Keys", made["sid"]).status == 204
    clock.step(59.999)
    assert other.verify_api_key(made["sid"][2:], made["secret"]).account == owner.account
    clock.step(0.001)
    with pytest.raises(NotAuthenticated):
        other.verify_api_key(made["sid"][2:], made["secret"])


def test_does_not_find_other_keys(owner: FunctionClient, make_owner: Callable[[], FunctionClient]) -> None:
    """A deleted or unknown key and a key of another account are not found; the other's key goes on working."""
    other = make_owner()
    foreign = other.post("Keys").body
    deleted = owner.post("Keys").body["sid"]
    assert owner.delete("Keys", deleted).status == 204
    for sid in (deleted, foreign["sid"], "SK" + "0" * 32, "Reports"):
        assert_refused(owner, owner.delete("Keys", sid), "not found", uri=owner.path("Keys", sid))
    assert at(other, user=foreign["sid"], secret=foreign["secret"]).get("Calls").status == 200


def test_deletes_the_keys_of_operators_too(owner: FunctionClient) -> None:
    """A key that an operator issued can be deleted over the API; revoking it afterwards finds nothing."""
    made = get_admin_services().accounts.issue_api_key(owner.account)
    assert owner.delete("Keys", f"SK{made.key}").status == 204
    assert_refused(owner, at(owner, user=f"SK{made.key}", secret=made.secret).get("Calls"), "bad credentials")


def test_is_not_available_in_signalwires_dialect(client: FunctionClient) -> None:
    """SignalWire's dialect answers 405 for every key; Twilio's 404 for an unknown one."""
    path = client.path("Keys", "SK" + "0" * 32)
    answer = client.request("DELETE", path)
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, "method")
    else:
        assert_refused(client, answer, "not found", uri=path)
