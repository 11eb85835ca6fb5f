"""Deleting calls: `delete_call` in both dialects, and what stays of a call."""

from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.identity import new_id
from tests.client import FunctionClient
from tests.functions.background_world import World
from tests.functions.stage import Stage, Wire, assert_refused, call_path

FINAL = ["completed", "busy", "failed", "no-answer", "canceled"]


def ended(stage: Stage, status: str = "completed") -> Call:
    """Return a call that has ended."""
    return stage.call(status, ended=stage.clock.seconds)


@pytest.mark.parametrize("status", FINAL)
def test_deletes_a_call_that_has_ended(client: FunctionClient, stage: Stage, wire: Wire, status: str) -> None:
    """It takes one transaction of the call and its row; then the call is unknown, and in no list."""
    call, other = ended(stage, status), ended(stage, status)
    path = call_path(client, call)
    answer = client.delete(*path)
    assert (answer.status, answer.text) == (204, "")
    assert wire.recordings == ["TransactWriteItems"]
    for method in ("GET", "POST", "DELETE"):
        assert_refused(client, client.request(method, client.path(*path)), "not found", uri=client.path(*path))
    for form in ({"Status": "completed"}, {"Url": "https://a.example/"}, {"StatusCallback": "https://a.example/"}):
        assert_refused(client, client.post(*path, form=form), "not found", uri=client.path(*path))
    kept = [client.sid(ResourceType.CALL, other.id)]
    assert [each["sid"] for each in client.get("Calls").body["calls"]] == kept
    assert [each["sid"] for each in client.get("Calls", Status=status).body["calls"]] == kept


@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress"])
def test_a_live_call_is_not_deleted(client: FunctionClient, stage: Stage, status: str) -> None:
    """A call that has not ended stays: 400 with 20009."""
    call = stage.call(status)
    before = stage.partition(call)
    assert_refused(client, client.delete(*call_path(client, call)), "not finished")
    assert stage.partition(call) == before


def test_its_recordings_stay(client: FunctionClient, stage: Stage) -> None:
    """A recording of a deleted call is still read, listed and deleted (C-374)."""
    call = ended(stage)
    recording = stage.recording(call, "completed")
    sid = client.sid(ResourceType.RECORDING, recording.id)
    assert client.delete(*call_path(client, call)).status == 204
    found = client.request("GET", f"{client.base}/Recordings/{sid}.json")
    assert (found.status, found.body["call_sid"]) == (200, client.sid(ResourceType.CALL, call.id))
    assert [each["sid"] for each in client.get("Recordings").body["recordings"]] == [sid]
    assert client.get(*call_path(client, call), "Recordings", sid).status == 200
    assert client.delete("Recordings", sid).status == 204


@pytest.mark.parametrize("kind", ["call.ringing", "call.answered", "call.ended"])
def test_a_late_event_does_not_create_it_again(world: World, dialect: str, kind: str) -> None:
    """An event of a deleted call changes nothing, although it describes a new call (C-374)."""
    call = new_id(world.clock())
    described: dict[str, Any] = {"to": "+12025550100", "from": "+12025550143"}
    for each in ("call.ringing", "call.ended"):
        assert world.ingest(world.event(each, call=call, **described)) == []
    client = world.client(dialect)
    assert client.delete("Calls", client.sid(ResourceType.CALL, call)).status == 204
    store = world.services.calls._store
    before = store.get_call(world.account.account, call)
    assert before is not None
    assert before.deleted_until == world.clock.seconds + 7 * 86_400
    assert world.ingest(world.event(kind, call=call, **described)) == []
    assert (world.reports[0]["outcome"] == "refused") == (kind != "call.ended")
    assert store.get_call(world.account.account, call) == before
    assert world.publish() == []
    assert client.get("Calls", client.sid(ResourceType.CALL, call)).status == 404


def test_its_callbacks_are_delivered(world: World, dialect: str) -> None:
    """A call that is deleted before the stream published its end still delivers it."""
    call = new_id(world.clock())
    subscription = {"url": "https://a.example/", "method": "POST", "events": ["completed"], "dialect": dialect}
    numbers: dict[str, Any] = {"to": "+12025550100", "from": "+12025550143"}
    for each in ("call.answered", "call.ended"):
        assert world.ingest(world.event(each, call=call, **numbers, callback=subscription)) == []
    client = world.client(dialect)
    assert client.delete("Calls", client.sid(ResourceType.CALL, call)).status == 204
    assert world.publish() == []
    assert [each.id for each in world.deliveries(call)] == ["00000003.completed"]
