"""Sessions of engines: which one is current, what a list of live resources leads to, and what ends with an engine."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.background.event_batches import EventBatches, ReceivedBatch
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine import EngineCapabilities, EngineHealth, EnginePresence, MediaEngine, SessionState
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventResult
from tapedeck.domain.engine_report import CallProgressReport, NewCall, Report
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck.operations.engine_sessions import EngineSessions, OpenedSession, SessionOpening, SessionSuperseded
from tapedeck.operations.participants import UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.engines import Listing, ListingSession, LiveResource
from tests.reporter import EngineReporter, join_conference, open_conference, start_recording
from tests.simulation.world import World
from tests.thoroughness import scaled

ENGINE: Final = MediaEngine("ast1")
NOTHING: Final = EngineCapabilities()
DIAL: Final = Source.DIAL_VERB


@pytest.fixture
def world() -> Iterator[World]:
    """A simulated deployment without faults, whose engine does nothing by itself."""
    with World(0, event_fault_rate=0) as made:
        made.clock.sleep(3_600)
        yield made


def boot(world: World) -> str:
    """The id of a session that begins now, later than all before."""
    world.clock.sleep(1)
    return new_id(world.clock())


def begin(world: World, status: CallStatus = CallStatus.IN_PROGRESS) -> str:
    """Let a call begin; return its id."""
    call: str = world.calls.register(world.account, to="", from_="", direction="inbound", status=status).id
    return call


def opened(world: World, boot_id: str, live: list[LiveResource] | None = None, *, more: bool = False) -> OpenedSession:
    """Open a session of the engine."""
    return world.sessions.open(ENGINE, SessionOpening(boot_id, NOTHING, live=live or [], has_more=more))


def call_resource(world: World, call: str) -> LiveResource:
    """A call in a list of live resources."""
    return LiveResource("call", world.account, call)


def test_numbers_of_a_new_session_continue_above_a_reserve(world: World) -> None:
    """Each new session continues a million above the last known number; so does a renewal, and none gets it again.

    A connector may have used the numbers above that of a renewal without any report that arrived.
    """
    first, second = boot(world), boot(world)
    assert opened(world, first).seq_seen == 1_000_000
    assert world.sessions.note_alive(ENGINE.name, first, 1_000_017, EngineHealth()) is False
    assert opened(world, first).seq_seen == 2_000_017
    assert opened(world, second).seq_seen == 3_000_017
    assert opened(world, second).seq_seen == 4_000_017


TOP: Final = 2**53 - 1
STEPS: Final = st.tuples(
    st.sampled_from(["event", "engine.alive", "session", "renewal"]),
    st.one_of(
        st.integers(0, TOP),
        st.integers(2**52 - 3, 2**52 + 3),
        st.integers(TOP - 3, TOP),
        st.integers(-3, 3_000_000).map(lambda above: (above,)),
    ),
)
"""What an engine does, and with which number: a tuple is the distance from the highest one that was accepted."""


class AnyEvent:
    """Takes every event."""

    def take(self, _event: EngineEvent, _report: Report) -> EventResult:
        """Take an event."""
        return EventResult(EventOutcome.TAKEN)


@settings(max_examples=scaled(deep=2_000, ci=200, fast=40), deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
@pytest.mark.sized
def test_every_accepted_number_leaves_room_for_the_next(steps: list[tuple[str, int | tuple[int]]]) -> None:
    """After any accepted numbers, the next one and the ones above `seq_seen` are accepted, and are the highest."""
    with World(0, event_fault_rate=0) as world:
        batches = EventBatches(AnyEvent(), world.sessions, world.log, world.clock, world.clock)
        current, highest, answered = boot(world), 0, 0

        def is_accepted(seq: int, kind: str = "event") -> bool:
            about = {"account": world.account, "call": "c" * 32, "type": "call.ended"}
            event = {"id": f"{seq:032x}", "seq": seq, "at": 0, **(about if kind == "event" else {"type": kind})}
            (result,) = batches.take(ENGINE, ReceivedBatch(current, 0, [event]))["results"]
            refused = {"id": f"{seq:032x}", "outcome": "refused", "code": "unreadable", "detail": "seq"}
            assert result in ({"id": f"{seq:032x}", "outcome": "taken"}, refused)
            return "code" not in result

        opened(world, current)
        for kind, number in steps:
            if kind in {"session", "renewal"}:
                current = boot(world) if kind == "session" else current
                seq_seen = opened(world, current).seq_seen
                assert max(highest, answered + 1) <= seq_seen <= TOP - 2**40
                answered = seq_seen
                assert is_accepted(seq_seen + 1)
                highest = seq_seen + 1
            else:
                seq = max(0, highest + number[0]) if isinstance(number, tuple) else number
                accepted = is_accepted(seq, kind)
                assert accepted or seq > max(2**52 - 1, highest)
                highest = max(highest, seq) if accepted else highest
            assert is_accepted(highest + 1)
            highest += 1


def test_a_number_that_is_too_high_already_gets_a_valid_answer(world: World) -> None:
    """An engine whose stored number leaves no room continues at the highest number that a session can answer."""
    first, second = boot(world), boot(world)
    opened(world, first)
    world.sessions.note_alive(ENGINE.name, first, TOP, EngineHealth())
    assert opened(world, first).seq_seen == TOP - 2**40
    assert opened(world, second).seq_seen == TOP - 2**40
    assert opened(world, second).seq_seen == TOP - 2**40


def test_a_late_report_does_not_lower_the_number(world: World) -> None:
    """An `engine.alive` that arrives after a newer one is noted, and the next session continues above the newer one."""
    first, second = boot(world), boot(world)
    opened(world, first)
    world.sessions.note_alive(ENGINE.name, first, 1_000_017, EngineHealth())
    world.clock.sleep(15)
    assert world.sessions.note_alive(ENGINE.name, first, 1_000_016, EngineHealth(live_calls=3)) is False
    found = world.presences.get_presence(ENGINE.name)
    assert found is not None
    assert (found.seen_at, found.live_calls, found.seq) == (world.clock() // 1000, 3, 1_000_017)
    assert opened(world, second).seq_seen == 2_000_017


def test_a_newer_session_supersedes_an_older_one(world: World) -> None:
    """The session with the newer id wins; the older one is superseded with each report, and cannot be opened again."""
    old, new = boot(world), boot(world)
    assert world.sessions.find_session(ENGINE.name, old).state is SessionState.UNOPENED
    opened(world, old)
    assert world.sessions.find_session(ENGINE.name, new).state is SessionState.UNOPENED
    assert world.sessions.find_session(ENGINE.name, old).state is SessionState.CURRENT
    opened(world, new)
    assert world.sessions.find_session(ENGINE.name, old).state is SessionState.SUPERSEDED
    assert world.sessions.find_session(ENGINE.name, new).state is SessionState.CURRENT
    assert world.sessions.note_alive(ENGINE.name, old, 9, EngineHealth()) is True
    with pytest.raises(SessionSuperseded):
        opened(world, old)
    found = world.presences.get_presence(ENGINE.name)
    assert found is not None
    assert found.boot == new


def test_any_session_replaces_a_lost_one(world: World) -> None:
    """A host whose clock was a day ahead is replaced by an id that is older, once it is lost."""
    ahead = new_id(world.clock() + 86_400_000)
    opened(world, ahead)
    with pytest.raises(SessionSuperseded):
        opened(world, boot(world))
    world.clock.sleep(45)
    later = boot(world)
    opened(world, later)
    assert world.sessions.find_session(ENGINE.name, later).state is SessionState.CURRENT


def test_any_session_replaces_one_without_presence_that_was_not_renewed(world: World) -> None:
    """An engine that reports no presence is not locked out for ever by an id from a host whose clock was ahead."""
    ahead, silent = new_id(world.clock() + 86_400_000), EngineCapabilities(presence=False)
    world.sessions.open(ENGINE, SessionOpening(ahead, silent))
    world.clock.sleep(3_590)
    with pytest.raises(SessionSuperseded):
        opened(world, boot(world))
    world.clock.sleep(10)
    later = boot(world)
    opened(world, later)
    assert world.sessions.find_session(ENGINE.name, later).state is SessionState.CURRENT


def test_an_unknown_session_is_not_noted(world: World) -> None:
    """A report without a session changes nothing."""
    assert world.sessions.note_alive(ENGINE.name, boot(world), 1, EngineHealth()) is False
    assert world.presences.get_presence(ENGINE.name) is None


def test_alive_reports_are_kept(world: World) -> None:
    """`engine.alive` stores when the engine was seen, its number and what it reports about itself."""
    current = boot(world)
    opened(world, current)
    world.clock.sleep(15)
    now = world.clock() // 1000
    world.sessions.note_alive(ENGINE.name, current, 1_000_004, EngineHealth(20, 7, is_draining=True))
    assert world.presences.get_presence(ENGINE.name) == EnginePresence(
        "ast1", current, now, NOTHING, max_calls=20, live_calls=7, is_draining=True, seq=1_000_004,
        synced_boot=current, synced_at=now - 15, opened_at=now - 15, session=1,
    )  # fmt: skip


def test_a_list_is_answered_with_what_is_unknown_and_what_has_ended(world: World) -> None:
    """Ids that do not exist, or belong to another engine or account, are unknown; final ones have ended."""
    live, ended, foreign = begin(world), begin(world), begin(world)
    world.calls.end(world.account, ended)
    world.live.note_listed(ListingSession("other", 1, 0), call_resource(world, foreign), world.clock() // 1000)
    missing = new_id(world.clock())
    answer = opened(world, boot(world), [call_resource(world, each) for each in (live, ended, foreign, missing)])
    assert (list(answer.unknown), list(answer.ended)) == ([foreign, missing], [ended])
    assert world.calls.get(world.account, live).engine == "ast1"
    elsewhere = MediaEngine("ast1", frozenset({"a" * 32}))
    again = world.sessions.open(
        elsewhere, SessionOpening(boot(world), NOTHING, live=[call_resource(world, live)], has_more=True)
    )
    assert again.unknown == [live]


def test_what_is_not_listed_ends_when_the_old_session_was_last_seen(world: World) -> None:
    """With the last page calls and conferences end and captures stop, at the time when the engine was last seen."""
    talking, ringing = begin(world), begin(world, CallStatus.RINGING)
    conference = open_conference(world, world.account, "Room", engine=ENGINE.name).id
    parent = Parent(world.account, ParentKind.CALL, talking)
    recording, _ = world.recordings.create(parent, StartRecording())
    listed = [
        call_resource(world, talking),
        call_resource(world, ringing),
        LiveResource("conference", world.account, conference),
        LiveResource("recording", world.account, recording.id, parent),
    ]
    first = boot(world)
    opened(world, first, listed)
    world.clock.sleep(15)
    seen = world.clock() // 1000
    world.sessions.note_alive(ENGINE.name, first, 1, EngineHealth())
    world.clock.sleep(200)
    second = boot(world)
    assert opened(world, second, more=True).counted == Counter()
    assert world.calls.get(world.account, talking).is_live
    assert opened(world, second).counted["resources_lost"] == 4
    ends = [world.calls.get(world.account, call) for call in (talking, ringing)]
    assert [(call.status, call.ended) for call in ends] == [("completed", seen), ("failed", seen)]
    over = world.conferences.get(world.account, conference)
    assert (over.status, over.reason, over.ended) == (ConferenceStatus.COMPLETED, EndReason.LAST_LEFT, seen)
    stopped = world.recordings.get(parent, recording.id)
    assert (stopped.status, stopped.ended, stopped.is_pending) == (RecordingStatus.STOPPED, seen, False)
    assert sorted(world.lost) == sorted(("ast1", each) for each in (talking, ringing, conference, recording.id))


def test_a_session_names_the_recordings_that_it_has_ended(world: World) -> None:
    """Recordings that were not listed have ended, also if they had stopped before; the call goes on."""
    call = begin(world)
    parent = Parent(world.account, ParentKind.CALL, call)
    running, stopped = (start_recording(world, parent, source=DIAL, call=call, engine=ENGINE.name) for _ in range(2))
    world.recordings.update(parent, stopped.id, RecordingStatus.STOPPED)
    listed = [LiveResource("recording", world.account, each.id, parent) for each in (running, stopped)]
    opened(world, boot(world), [call_resource(world, call), *listed])
    second = boot(world)
    assert opened(world, second, [call_resource(world, call)], more=True).ended == []
    answer = opened(world, second, [call_resource(world, call)])
    assert (sorted(answer.ended), answer.counted["resources_lost"]) == (sorted([running.id, stopped.id]), 1)
    again = opened(world, second, [call_resource(world, call)])
    assert (sorted(again.ended), again.counted["resources_lost"]) == (sorted([running.id, stopped.id]), 0)
    assert opened(world, second, [call_resource(world, call), listed[1]]).ended == [running.id]


def test_what_changed_since_the_session_was_opened_goes_on(world: World) -> None:
    """What no session has listed goes on if it changed after the session was opened; what was listed goes on anyway."""
    listed, old = begin(world), begin(world)
    first = boot(world)
    opened(world, first, [call_resource(world, listed), call_resource(world, old)])
    second = boot(world)
    opened(world, second, [call_resource(world, listed)], more=True)
    new = begin(world)
    world.dynamodb.update_item(
        TableName=world._recordings_table,
        Key={"PK": {"S": f"{world.account}#CALL#{new}"}, "SK": {"S": "CALL"}},
        UpdateExpression="SET engine = :engine, live = :live",
        ExpressionAttributeValues={":engine": {"S": "ast1"}, ":live": {"S": f"ast1#{new[-1]}"}},
    )
    opened(world, second)
    live = [world.calls.get(world.account, call).is_live for call in (listed, old, new)]
    assert live == [True, False, True]


def test_what_is_reported_in_the_second_of_a_new_session_goes_on(world: World) -> None:
    """An unlisted call of the second in which the session is opened goes on; one of the second before is over (C-198).

    It may be reported before the session is opened, or after.
    """
    reporter = EngineReporter(world, world.account, world.clock, ENGINE.name)

    def report_call() -> str:
        call = new_id(world.clock())
        reported = CallProgressReport(call, CallStatus.IN_PROGRESS, NewCall("", "", "inbound"))
        assert reporter.report(reported).outcome is EventOutcome.TAKEN
        return call

    old, session = report_call(), boot(world)
    early = report_call()
    world.clock.sleep(0.999)
    opened(world, session, more=True)
    late = report_call()
    world.clock.sleep(5)
    opened(world, session)
    found = [world.calls.get(world.account, call) for call in (old, early, late)]
    presence = world.presences.get_presence(ENGINE.name)
    assert presence is not None
    assert [call.created - presence.opened_at for call in found] == [-1, 0, 0]
    assert [call.is_live for call in found] == [False, True, True]


def test_a_new_session_gets_its_unconfirmed_commands_once(world: World) -> None:
    """Commands that waited for the engine are sent with the last page of a session, also those of participants."""
    call, conference = begin(world), open_conference(world, world.account, "Room", engine=ENGINE.name).id
    join_conference(world, world.account, conference, call, engine=ENGINE.name)
    parent = Parent(world.account, ParentKind.CALL, call)
    recording, _ = world.recordings.create(parent, StartRecording())
    world.recordings.update(parent, recording.id, RecordingStatus.PAUSED)
    world.participants.update(world.account, conference, call, UpdateParticipant(muted=True))
    listed = [
        call_resource(world, call),
        LiveResource("conference", world.account, conference),
        LiveResource("recording", world.account, recording.id, parent),
    ]
    current = boot(world)
    world.commands.kinds.clear()
    assert opened(world, current, listed, more=True).counted == Counter()
    assert opened(world, current, listed).counted == Counter(commands_sent=2)
    assert world.commands.kinds == {"recording.start", "participant.update"}
    assert opened(world, current, listed).counted == Counter()


def test_the_monitor_ends_conferences_that_last_too_long(world: World) -> None:
    """A conference of 24 hours is ended, and its engine is sent the command; a younger one goes on."""
    old = open_conference(world, world.account, "Old", engine=ENGINE.name).id
    world.clock.sleep(3_000)
    young = open_conference(world, world.account, "Young", engine=ENGINE.name).id
    current = boot(world)
    opened(world, current, [LiveResource("conference", world.account, each) for each in (old, young)])
    world.clock.sleep(86_400 - 3_000)
    world.sessions.note_alive(ENGINE.name, current, 1, EngineHealth())
    assert world.background.engine_monitor.run() == Counter(calls_too_long=1)
    found = [world.conferences.get(world.account, each) for each in (old, young)]
    assert [each.status for each in found] == ["completed", "init"]
    assert found[0].requested_version > found[0].confirmed_version
    assert world.background.engine_monitor.run() == Counter()


def test_the_monitor_ends_calls_that_last_too_long(world: World) -> None:
    """A call of 24 hours is ended, once an hour; a younger one goes on."""
    old = begin(world)
    world.clock.sleep(3_000)
    young = begin(world)
    current = boot(world)
    opened(world, current, [call_resource(world, old), call_resource(world, young)])
    world.clock.sleep(86_400 - 3_000)
    world.sessions.note_alive(ENGINE.name, current, 1, EngineHealth())
    monitor = world.background.engine_monitor
    assert monitor.run() == Counter(calls_too_long=1)
    assert [world.calls.get(world.account, call).status for call in (old, young)] == ["completed", "in-progress"]
    assert monitor.run() == Counter()
    world.clock.sleep(3_600)
    world.sessions.note_alive(ENGINE.name, current, 2, EngineHealth())
    assert monitor.run() == Counter(calls_too_long=1)


@pytest.mark.parametrize("engine", [None, "deleted", "standin"])
def test_the_monitor_ends_calls_that_no_engine_ends(world: World, engine: str | None) -> None:
    """Calls and conferences without an engine end after 24 hours.

    So do those of an engine that was deleted, and of a registered one that never opened a session.
    """
    call, conference = begin(world), new_id(world.clock())
    world.conferences._store.put_conference(
        Conference(world.account, conference, "Old", ConferenceStatus.INIT, world.clock() // 1000), None
    )
    if engine is not None:
        for kind, resource in (("call", call), ("conference", conference)):
            listed = LiveResource(kind, world.account, resource)
            assert world.live.note_listed(ListingSession(engine, 1, 0), listed, world.clock() // 1000) is Listing.STORED
    if engine == "deleted":
        world.presences.delete_presence(engine, world.clock() // 1000)
    monitor = world.background.engine_monitor
    world.clock.sleep(86_401)
    young = begin(world)
    assert monitor.run() == Counter(calls_too_long=2)
    statuses = [world.calls.get(world.account, each).status for each in (call, young)]
    assert statuses == ["completed", "in-progress"]
    assert world.conferences.get(world.account, conference).status == "completed"
    assert monitor.run() == Counter()


def test_a_pause_that_a_session_has_ended_is_noted_at_once(world: World) -> None:
    """It is noted although the request of the session fails after it; the repeated request notes nothing."""
    noted: list[tuple[str, str, str]] = []
    known, call = world.sessions, begin(world)
    sessions = EngineSessions(
        world.presences, world.live, known._report_end, known._send_pending, known._note_end, world.clock,
        note_ended_pause=lambda *what: noted.append(what),
    )  # fmt: skip
    recording = start_recording(
        world, Parent(world.account, ParentKind.CALL, call), source=Source.RECORD_VERB, call=call, engine="ast1"
    )
    paused = replace(
        recording, status=RecordingStatus.PAUSED, version=2, confirmed_version=2, effective_version=2, engine="ast1"
    )
    world.recordings._store.change_recording(recording, paused, new_id(world.clock()))
    listed = LiveResource("recording", world.account, recording.id, recording.parent, is_capturing=True)
    opening = SessionOpening(boot(world), NOTHING, live=[call_resource(world, call), listed])
    with patch.object(world.presences, "set_synced", side_effect=StoreBusy), pytest.raises(StoreBusy):
        sessions.open(ENGINE, opening)
    assert noted == [("ast1", opening.boot, recording.id)]
    sessions.open(ENGINE, opening)
    assert len(noted) == 1


def test_presence_may_have_a_clock_of_its_own(world: World) -> None:
    """Of an engine whose presence has a clock a day behind, a call ends at the time at which it was last seen."""
    known = world.sessions
    sessions = EngineSessions(
        world.presences, world.live, known._report_end, known._send_pending, known._note_end, world.clock,
        lambda: world.clock() - 86_400_000,
    )  # fmt: skip
    call = begin(world)
    sessions.open(ENGINE, SessionOpening(boot(world), NOTHING, live=[call_resource(world, call)]))
    seen = world.clock() // 1000
    world.clock.sleep(1_000)
    presence = world.presences.get_presence(ENGINE.name)
    assert presence is not None
    assert presence.seen_at == seen - 86_400
    assert sessions.end_lost(presence) == Counter(resources_lost=1, engines_gone=1)
    assert world.calls.get(world.account, call).ended == seen


def test_an_engine_is_lost_after_45_seconds_and_gone_after_15_minutes(world: World) -> None:
    """Each run counts the lost engine; once it is gone, what it had ends; an engine without presence is never lost.

    It is silent, so that no command is repeated to it, after 30 seconds.
    """
    call = begin(world)
    current = boot(world)
    opened(world, current, [call_resource(world, call)])
    world.sessions.open(MediaEngine("sma"), SessionOpening(boot(world), EngineCapabilities(presence=False)))
    monitor = world.background.engine_monitor
    world.clock.sleep(28)
    assert (monitor.run(), monitor.is_silent("ast1")) == (Counter(), False)
    world.clock.sleep(1)
    assert (monitor.run(), monitor.is_silent("ast1")) == (Counter(), True)
    world.clock.sleep(14)
    assert monitor.run() == Counter()
    world.clock.sleep(1)
    assert (monitor.run(), monitor.is_silent("ast1"), monitor.is_gone("ast1")) == (Counter(engines_lost=1), True, False)
    world.clock.sleep(15 * 60 - 45)
    assert monitor.run() == Counter(engines_lost=1, resources_lost=1, engines_gone=1)
    assert (monitor.is_gone("ast1"), monitor.is_silent("sma"), monitor.is_silent(None)) == (True, False, False)
    assert monitor.run() == Counter(engines_lost=1)
    assert world.calls.get(world.account, call).status is CallStatus.COMPLETED


def test_an_engine_that_comes_back_loses_nothing_more(world: World) -> None:
    """An engine that is seen while what it had is being ended keeps the rest, and has to open its session again."""
    calls = [begin(world) for _ in range(3)]
    current = boot(world)
    opened(world, current, [call_resource(world, each) for each in calls])
    world.clock.sleep(900)
    presence = world.presences.get_presence(ENGINE.name)
    assert presence is not None

    def come_back(*_ended: object) -> None:
        world.sessions.note_alive(ENGINE.name, current, 7, EngineHealth())

    with patch.object(world.sessions, "_note_end", come_back):
        assert world.sessions.end_lost(presence) == Counter(resources_lost=1, engines_gone=1)
    assert world.sessions.end_lost(presence) == Counter()
    assert sorted(world.calls.get(world.account, each).is_live for each in calls) == [False, True, True]
    assert world.sessions.find_session(ENGINE.name, current).state is SessionState.UNOPENED
    answer = opened(world, current, [call_resource(world, each) for each in calls])
    assert [world.calls.get(world.account, each).is_live for each in answer.ended] == [False]
    assert world.sessions.find_session(ENGINE.name, current).state is SessionState.CURRENT


def test_a_failed_look_at_the_engine_delays_only_one_end(world: World) -> None:
    """If the presence cannot be read before one end, the other resources end, and the next run ends this one."""
    calls = [begin(world) for _ in range(3)]
    opened(world, boot(world), [call_resource(world, each) for each in calls])
    world.clock.sleep(900)
    presence = world.presences.get_presence(ENGINE.name)
    assert presence is not None
    looks = [presence, StoreBusy(), presence]
    with patch.object(world.sessions._presences, "get_presence", side_effect=looks), pytest.raises(StoreBusy):
        world.sessions.end_lost(presence)
    assert sorted(world.calls.get(world.account, each).is_live for each in calls) == [False, False, True]
    assert world.sessions.end_lost(presence) == Counter(resources_lost=1)


def test_nothing_is_sent_again_to_a_silent_engine(world: World) -> None:
    """A pause is repeated to an engine that is alive, and not to one that was not seen for 30 seconds."""
    call = begin(world)
    parent = Parent(world.account, ParentKind.CALL, call)
    recording, _ = world.recordings.create(parent, StartRecording())
    current = boot(world)
    listed = [call_resource(world, call), LiveResource("recording", world.account, recording.id, parent)]
    opened(world, current, listed)
    world.observe()
    world.clock.sleep(40)
    world.sessions.note_alive(ENGINE.name, current, 1, EngineHealth())
    assert world.reconcile()["resent"] == 1
    resent = 0
    for _ in range(12):
        world.clock.sleep(60)
        resent += world.reconcile()["resent"]
    assert resent == 0


@pytest.mark.parametrize("session", ["none", "alive", "without presence"])
def test_a_deleted_engine_leaves_nothing_live(world: World, session: str) -> None:
    """What an engine had that is deleted by force ends with the next run: without a session, and without presence."""
    call = begin(world)
    conference = open_conference(world, world.account, "Room", engine=ENGINE.name).id
    listed = [call_resource(world, call), LiveResource("conference", world.account, conference)]
    opened(world, boot(world), listed)
    if session == "none":
        world.presences.delete_presence(ENGINE.name, world.clock() // 1000)
    elif session == "without presence":
        capabilities = EngineCapabilities(presence=False)
        world.sessions.open(ENGINE, SessionOpening(boot(world), capabilities, live=listed))
        world.clock.sleep(86_000)
    monitor = world.background.engine_monitor
    assert monitor.run() == Counter()
    world.clock.sleep(30)
    deleted_at = world.clock() // 1000
    world.presences.set_deleted(ENGINE.name, deleted_at)
    assert monitor.run() == Counter(resources_lost=2, engines_gone=1)
    ended = world.calls.get(world.account, call)
    assert (ended.status, ended.ended) == ("completed", deleted_at - (30 if session == "alive" else 0))
    assert world.conferences.get(world.account, conference).status == "completed"
    assert monitor.run() == Counter()
    assert monitor.is_silent(ENGINE.name)
