"""Releasing a phone number: `delete_incoming_phone_number` in both dialects."""

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.stage import Stage, Wire, assert_refused

NUMBERS = "IncomingPhoneNumbers"


def test_releases_the_number(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """It takes one read and one transaction of both items; then the number is unknown."""
    number = stage.phone_number()
    sid = client.sid(ResourceType.PHONE_NUMBER, number.id)
    answer = client.delete(NUMBERS, sid)
    assert (answer.status, answer.text) == (204, "")
    assert wire.recordings == ["GetItem", "TransactWriteItems"]
    assert len(wire.all[-1][1].writes) == 2
    for method in ("GET", "DELETE"):
        again = client.request(method, client.path(NUMBERS, sid))
        assert_refused(client, again, "not found", uri=client.path(NUMBERS, sid))
    assert stage.services.phone_numbers._store.find_phone_number(number.number) is None


def test_a_call_to_it_goes_on(client: FunctionClient, stage: Stage) -> None:
    """A call in progress with the number stays in progress."""
    number = stage.phone_number()
    call = stage.call(to=number.number)
    assert client.delete(NUMBERS, client.sid(ResourceType.PHONE_NUMBER, number.id)).status == 204
    assert client.get("Calls", client.sid(ResourceType.CALL, call.id)).body["status"] == "in-progress"
