"""Renaming an API key: `update_key` in Twilio's dialect."""

import pytest

from tests.client import FunctionClient
from tests.functions.operations import at
from tests.functions.stage import START, Clock, Wire, assert_answer, assert_refused


def test_changes_the_name(owner: FunctionClient, clock: Clock, wire: Wire) -> None:
    """The name and the date of the change are new; secret and scopes are not: the key still authenticates."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    secret = made.pop("secret")
    clock.step(61 - (clock.seconds - START))
    wire.all.clear()
    answer = owner.post("Keys", made["sid"], form={"FriendlyName": "Monthly reports"})
    changed = {**made, "friendly_name": "Monthly reports", "date_updated": "Tue, 25 Sep 2018 23:01:01 +0000"}
    assert_answer(answer, 200, changed)
    assert (wire.credentials, wire.recordings) == (["GetItem", "UpdateItem"], [])
    assert_answer(owner.get("Keys", made["sid"]), 200, changed)
    assert at(owner, user=made["sid"], secret=secret).get("Calls").status == 200


@pytest.mark.parametrize("form", [None, {}, {"FriendlyName": ""}, {"Secret": "x"}])
def test_changes_nothing_without_a_name(owner: FunctionClient, clock: Clock, form: dict[str, str] | None) -> None:
    """Without a name, or with an empty one, the key and its date stay as they are."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    del made["secret"]
    clock.step(61)
    assert_answer(owner.post("Keys", made["sid"], form=form), 200, made)


def test_refuses_a_name_of_65_characters(owner: FunctionClient) -> None:
    """A name that is too long is an error and changes nothing; of an unknown key it is 404."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    del made["secret"]
    long = {"FriendlyName": "x" * 65}
    assert_refused(owner, owner.post("Keys", made["sid"], form=long), "value outside the enum", name="FriendlyName")
    assert_answer(owner.get("Keys", made["sid"]), 200, made)
    unknown = "SK" + "0" * 32
    for form in (long, {"FriendlyName": "x"}, {}):
        assert_refused(owner, owner.post("Keys", unknown, form=form), "not found", uri=owner.path("Keys", unknown))


def test_is_not_available_in_signalwires_dialect(client: FunctionClient) -> None:
    """SignalWire's dialect answers 405 for every key; Twilio's 404 for an unknown one."""
    path = client.path("Keys", "SK" + "0" * 32)
    answer = client.request("POST", path, form={"FriendlyName": "x"})
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, "method")
    else:
        assert_refused(client, answer, "not found", uri=path)
