"""Deleting an application: `delete_application` in both dialects."""

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.stage import Stage, Wire, assert_refused


def test_deletes_the_application(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """It takes one read and one deletion; then the application is unknown."""
    sid = client.sid(ResourceType.APPLICATION, stage.application().id)
    answer = client.delete("Applications", sid)
    assert (answer.status, answer.text) == (204, "")
    assert wire.recordings == ["GetItem", "TransactWriteItems"]
    for method in ("GET", "DELETE"):
        again = client.request(method, client.path("Applications", sid))
        assert_refused(client, again, "not found", uri=client.path("Applications", sid))
    assert client.get("Applications").body["applications"] == []
