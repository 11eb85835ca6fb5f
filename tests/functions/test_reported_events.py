"""Engine events of all kinds: ids, stale events, batches, failed writes and requests to the table."""

from typing import Any

from tapedeck.domain.call import CallStatus
from tapedeck.domain.identity import new_id
from tapedeck.operations.participants import AddParticipant
from tests.engine_reports import capture_fields
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.functions.reported_events import Ingest, call_of, fields_of, new_engine_id, parent_fields
from tests.media import sound
from tests.reporter import next_seq


def test_an_id_of_the_future_creates_nothing(world: World, ignored: Ingest) -> None:
    """An id whose time is more than 5 s ahead is refused: of calls, conferences, recordings, transcriptions (C-113)."""
    far = new_id(world.clock() + 5_001)
    conference, completed = world.stage.conference(), world.stage.recording(world.stage.call(), "completed")
    refused = {"refused": "bad_id"}
    ignored("call.answered", **refused, call=far, to="+1", **{"from": "+2"})
    ignored("conference.started", **refused, conference=far, name="Lobby")
    ignored("recording.started", **refused, parent=parent_fields(conference), recording=far, source="Conference")
    ignored("transcription.completed", **refused, recording=completed.id, transcription=far, text="Hello.")


def test_an_event_without_a_change_makes_older_events_stale(world: World, ignored: Ingest) -> None:
    """An event that reports the current state still makes older events stale."""
    conference, call = world.stage.conference(participants=2), world.stage.call()
    participant = world.stage.participant(conference)
    recording = world.stage.recording(call, confirmed_version=1)
    before = next_seq()
    about: dict[str, Any] = {"conference": conference.id, "call": participant.call}
    ignored("participant.changed", **about, muted=False)
    ignored("participant.changed", **about, muted=True, seq=before)
    ignored("recording.resumed", **fields_of(recording))
    ignored("recording.paused", **fields_of(recording), seq=before)
    for kind, other in (("joined", "left"), ("left", "joined")):
        world.ingest(world.event(f"participant.{kind}", **about))
        world.log.drain()
        between = next_seq()
        ignored(f"participant.{kind}", **about)
        ignored(f"participant.{other}", **about, seq=between)


def test_an_impossible_event_is_refused_and_counted(world: World) -> None:
    """An event that the state forbids is refused and counted, and blocks no other message."""
    conference, call = world.stage.conference("completed"), world.stage.call("ringing")
    joined = world.event("participant.joined", conference=conference.id, call=call.id)
    assert world.ingest(joined, world.event("call.answered", call=call.id)) == []
    assert call_of(world, call).status is CallStatus.IN_PROGRESS
    assert [(report["outcome"], report.get("code")) for report in world.reports] == [
        ("refused", "wrong_state"),
        ("taken", None),
    ]


def test_a_failed_write_is_retried(world: World) -> None:
    """A failed write is retried, and a write whose response was lost is recognised."""
    call = world.stage.call("ringing")
    answered = world.event("call.answered", call=call.id)
    for when in ("before", "after"):

        def fail(happens: str, operation: str, _request: object, when: str = when) -> None:
            if happens == when and operation == "UpdateItem":
                world.faults.clear()
                raise _broken(operation)

        world.faults.append(fail)
        world.ingest(answered)
    assert world.ingest(answered) == []
    assert call_of(world, call).version == 2


def _broken(operation: str) -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": "InternalServerError"}}, operation)


GET, UPDATE, TRANSACT, BATCH = "GetItem", "UpdateItem", "TransactWriteItems", "BatchGetItem"


def test_number_of_table_requests(world: World, bucket: Objects) -> None:
    """Each kind of event needs a fixed number of requests to the table."""
    call, conference, other = (
        world.stage.call("ringing"),
        world.stage.conference(),
        world.stage.conference(name="Other"),
    )
    plain = world.stage.call()
    recording = world.stage.recording(plain)
    participant = world.stage.participant(conference)
    added = world.services.participants.add(conference.account, conference.id, AddParticipant("+1", "+2"))
    of_participant = {"conference": conference.id, "call": participant.call}
    bucket.put(recording, "capture.wav", sound(1))
    costs: list[tuple[str, dict[str, Any], list[str]]] = [
        ("call.answered", {"call": new_engine_id(world), "to": "+1", "from": "+2"}, [GET, GET, TRANSACT]),
        ("call.answered", {"call": call.id}, [GET, UPDATE]),
        ("call.answered", {"call": added.call, "version": added.requested_version}, [GET, BATCH, TRANSACT]),
        ("recording.started", {**fields_of(recording), "version": 1}, [BATCH, UPDATE]),
        ("recording.paused", fields_of(recording), [GET, UPDATE]),
        ("recording.stopped", fields_of(recording), [GET, UPDATE]),
        ("recording.completed",
         {**fields_of(recording), **capture_fields(recording.id, sound(1))}, [GET, GET, UPDATE]),
        ("participant.joined", {"conference": conference.id, "call": call.id}, [BATCH, GET, TRANSACT]),
        ("participant.changed", {**of_participant, "muted": True}, [BATCH, TRANSACT]),
        ("participant.changed", {**of_participant, "version": 1}, [BATCH]),
        ("participant.left", of_participant, [BATCH, TRANSACT]),
        ("call.ended", {"call": call.id}, [GET, BATCH, TRANSACT]),
        ("conference.ended", {"conference": conference.id}, [GET, UPDATE]),
        ("conference.ended", {"conference": other.id}, [GET, UPDATE]),
    ]  # fmt: skip
    world.ingest({})  # reads the engine's credentials
    for kind, more, requests in costs:
        with world.recorded_requests() as recorded:
            assert world.ingest(world.event(kind, **more)) == []
        # The first request reads the engine's session.
        assert (kind, recorded) == (kind, [GET, *requests])
