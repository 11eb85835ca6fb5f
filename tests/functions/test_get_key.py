"""Reading an API key: `get_key` in Twilio's dialect."""

from collections.abc import Callable

from tests.client import FunctionClient
from tests.functions.stage import Clock, Wire, assert_answer, assert_refused


def test_answers_the_key_without_its_secret(owner: FunctionClient, clock: Clock, wire: Wire) -> None:
    """A key is shown as it was created, but without its secret; it costs two reads, one of them for the credentials."""
    made = owner.post("Keys", form={"FriendlyName": "Reports"}).body
    clock.step(5)
    wire.all.clear()
    answer = owner.get("Keys", made["sid"])
    del made["secret"]
    assert_answer(answer, 200, made)
    assert (wire.credentials, wire.recordings) == (["GetItem", "GetItem"], [])


def test_does_not_find_other_keys(owner: FunctionClient, make_owner: Callable[[], FunctionClient]) -> None:
    """An unknown key, a malformed sid and a key of another account are not found."""
    foreign = make_owner().post("Keys").body["sid"]
    for sid in (foreign, "SK" + "0" * 32, foreign.replace("SK", "RE"), "Reports"):
        assert_refused(owner, owner.get("Keys", sid), "not found", uri=owner.path("Keys", sid))


def test_is_not_available_in_signalwires_dialect(client: FunctionClient) -> None:
    """SignalWire's dialect answers 405 for every key; Twilio's 404 for an unknown one."""
    path = client.path("Keys", "SK" + "0" * 32)
    answer = client.request("GET", path)
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, "method")
    else:
        assert_refused(client, answer, "not found", uri=path)
