"""The contracts of `ports.engines.PresenceStore` and `ports.engines.LiveStore`, in each database."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.dynamodb.presence import LiveIndex, PresenceTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.engine import EngineCapabilities, EnginePresence
from tapedeck.domain.errors import InvalidState, NotAuthenticated, NotFound
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.engines import Listing, ListingSession, LiveResource
from tapedeck.ports.recordings import TransitionRejected
from tests.conftest import TestAccount
from tests.reporter import NotTaken, join_conference, open_conference, start_recording
from tests.thoroughness import scaled

if TYPE_CHECKING:
    from tapedeck.domain.conference import Conference

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW: Final = 1_795_250_675
CAPABILITIES: Final = EngineCapabilities(restart=False, participants=frozenset({"mute", "hold"}), place=True)


def fresh() -> str:
    """A new id."""
    return new_id(NOW * 1000)


@pytest.fixture
def presences(account: TestAccount) -> PresenceTable:
    """The presences in the database under test."""
    del account  # creates the tables
    return PresenceTable(api_bootstrap.get_api_services().calls._store._database)  # type: ignore[attr-defined]


@pytest.fixture
def live(account: TestAccount) -> LiveIndex:
    """The index in the database under test."""
    del account  # creates the tables
    return LiveIndex(api_bootstrap.get_api_services().calls._store._database)  # type: ignore[attr-defined]


@pytest.fixture
def engine() -> str:
    """The name of an engine that no other test uses."""
    return f"e{fresh()[-20:]}"


def listing(
    live: LiveIndex, engine: str, resource: LiveResource, now: int = NOW, session: int = 1, opened_at: int = 1 << 40
) -> Listing:
    """List a resource in a session of an engine, which was opened after everything else unless a time is stated."""
    return live.note_listed(ListingSession(engine, session, opened_at), resource, now)


def opened(presences: PresenceTable, engine: str, boot: str) -> EnginePresence:
    """Open an engine's first session at NOW."""
    presence = presences.open_session(engine, boot, None, NOW, CAPABILITIES, 40)
    assert presence is not None
    return presence


def test_a_first_session_is_stored_with_what_the_engine_can_do(presences: PresenceTable, engine: str) -> None:
    """The first session stores the boot, the time and the capabilities; sequence numbers begin above a reserve."""
    boot = fresh()
    assert presences.get_presence(engine) is None
    expected = EnginePresence(engine, boot, NOW, CAPABILITIES, max_calls=40, seq=1_000_000, opened_at=NOW, session=1)
    assert opened(presences, engine, boot) == expected
    assert presences.get_presence(engine) == expected
    assert expected in presences.list_presences()


def test_a_new_session_replaces_only_the_session_that_was_read(presences: PresenceTable, engine: str) -> None:
    """A session replaces the one that it names, and keeps when that was last seen; a repetition changes nothing."""
    first, second = fresh(), fresh()
    alive = replace(opened(presences, engine, first), seen_at=NOW + 30, seq=1_000_007, live_calls=3, is_draining=True)
    assert presences.note_alive(alive) == alive
    assert presences.open_session(engine, second, fresh(), NOW + 60, CAPABILITIES, None) is None
    assert presences.open_session(engine, second, None, NOW + 60, CAPABILITIES, None) is None
    assert presences.get_presence(engine) == alive
    expected = EnginePresence(
        engine, second, NOW + 60, CAPABILITIES, seq=2_000_007, opened_at=NOW + 60, previous_seen_at=NOW + 30, session=2
    )
    assert presences.open_session(engine, second, first, NOW + 60, CAPABILITIES, None) == expected
    assert presences.open_session(engine, second, first, NOW + 61, CAPABILITIES, None) == expected
    renewed = replace(expected, seen_at=NOW + 90, capabilities=EngineCapabilities(), max_calls=2, seq=3_000_007)
    assert presences.open_session(engine, second, second, NOW + 90, EngineCapabilities(), 2) == renewed
    assert presences.get_presence(engine) == renewed


def test_only_the_current_session_is_alive(presences: PresenceTable, engine: str) -> None:
    """A report of another session changes nothing and returns the current one."""
    unknown = EnginePresence(engine, fresh(), NOW)
    assert presences.note_alive(unknown) is None
    assert presences.get_presence(engine) is None
    current = opened(presences, engine, fresh())
    assert presences.note_alive(replace(current, boot=fresh(), seen_at=NOW + 15)) == current
    assert presences.get_presence(engine) == current


def test_a_sequence_number_never_falls(presences: PresenceTable, engine: str) -> None:
    """A lower number of the current session is not stored, nor is one of another session; the rest of a report is."""
    current = opened(presences, engine, fresh())
    presences.raise_seq(engine, current.boot, 2**52)
    presences.raise_seq(engine, current.boot, 2**52 - 1)
    presences.raise_seq(engine, fresh(), 2**53 - 1)
    raised = replace(current, seq=2**52)
    assert presences.get_presence(engine) == raised
    assert presences.note_alive(replace(raised, seen_at=NOW + 15, seq=7)) == replace(raised, seen_at=NOW + 15)
    assert presences.note_alive(replace(raised, seen_at=NOW + 30)) == replace(raised, seen_at=NOW + 30)
    presences.raise_seq(f"{engine}-unknown", current.boot, 1)
    assert presences.get_presence(f"{engine}-unknown") is None


def test_a_deletion_is_stored_with_or_without_a_session(presences: PresenceTable, engine: str) -> None:
    """The first time of a deletion stays; neither a report nor a new session removes it."""
    presences.set_deleted(engine, NOW)
    presences.set_deleted(engine, NOW + 1)
    expected = EnginePresence(engine, "", NOW, deleted_at=NOW)
    assert presences.get_presence(engine) == expected
    boot = fresh()
    opened_again = presences.open_session(engine, boot, "", NOW + 2, CAPABILITIES, 40)
    assert opened_again is not None
    assert (opened_again.boot, opened_again.deleted_at, opened_again.is_alive(NOW + 2)) == (boot, NOW, False)
    presences.set_deleted(engine, NOW + 3)
    noted = replace(opened_again, seen_at=NOW + 4)
    assert presences.note_alive(noted) == noted
    presences.delete_presence(engine, NOW + 5)
    assert presences.get_presence(engine) is None


def test_only_the_current_session_is_synced(presences: PresenceTable, engine: str) -> None:
    """The complete list is noted for the current session only."""
    current = opened(presences, engine, fresh())
    assert presences.set_synced(engine, fresh(), NOW + 1) is False
    assert presences.set_synced(engine, current.boot, NOW + 2) is True
    assert presences.get_presence(engine) == replace(current, synced_boot=current.boot, synced_at=NOW + 2)


def test_a_lost_session_is_noted_once(presences: PresenceTable, engine: str) -> None:
    """One of several workers notes that a session is gone; not if the engine was seen since. A session revokes it."""
    current = opened(presences, engine, fresh())
    seen = replace(current, seen_at=NOW + 15)
    presences.note_alive(seen)
    assert presences.set_gone(current) is False
    assert [presences.set_gone(seen), presences.set_gone(seen)] == [True, False]
    assert presences.get_presence(engine) == replace(seen, gone_boot=current.boot)
    renewed = presences.open_session(engine, current.boot, current.boot, NOW + 98, CAPABILITIES, 40)
    assert renewed == replace(seen, seen_at=NOW + 98, seq=2_000_000)
    assert [presences.set_gone(seen), presences.set_gone(renewed)] == [False, True]
    following = fresh()
    reopened = presences.open_session(engine, following, current.boot, NOW + 99, CAPABILITIES, 40)
    assert reopened is not None
    assert reopened.gone_boot == ""
    assert presences.set_gone(reopened) is True


def test_a_deleted_engine_is_forgotten(presences: PresenceTable, engine: str) -> None:
    """A presence can be deleted, also if there is none; late reports of its connector change nothing."""
    presences.delete_presence(engine, NOW - 200)
    known = opened(presences, engine, fresh())
    presences.delete_presence(engine, NOW)
    presences.delete_presence(engine, NOW)
    assert presences.note_alive(replace(known, seen_at=NOW + 15)) is None
    assert presences.set_synced(engine, known.boot, NOW + 15) is False
    assert presences.set_gone(known) is False
    assert presences.get_presence(engine) is None
    assert engine not in {each.engine for each in presences.list_presences()}


def test_no_session_is_opened_after_a_deletion(presences: PresenceTable, engine: str) -> None:
    """For 90 seconds no session of a deleted engine can be opened; afterwards its name is that of a new engine.

    The number of its first session follows those of the deleted one, of which something may still be live.
    """
    known = opened(presences, engine, fresh())
    presences.delete_presence(engine, NOW)
    for seconds in (0, 89):
        for session, replaced in ((fresh(), None), (fresh(), known.boot), (known.boot, known.boot)):
            with pytest.raises(NotAuthenticated):
                presences.open_session(engine, session, replaced, NOW + seconds, CAPABILITIES, None)
    boot = fresh()
    expected = EnginePresence(engine, boot, NOW + 90, CAPABILITIES, seq=1_000_000, opened_at=NOW + 90, session=2)
    assert presences.open_session(engine, boot, None, NOW + 90, CAPABILITIES, None) == expected
    assert presences.get_presence(engine) == expected


def test_what_an_engine_has_for_long_is_found(live: LiveIndex, account: TestAccount, engine: str) -> None:
    """Only live calls and conferences of this engine that were created before a time are found."""
    service = api_bootstrap.get_api_services()
    calls = []
    for hour in range(3):
        identifier = new_id((NOW + hour * 3_600) * 1000)
        call = service.calls.register(account.id, to="", from_="", direction="inbound", call=identifier)
        assert listing(live, engine, LiveResource("call", account.id, call.id)) is Listing.STORED
        calls.append(call.id)
    conference = open_conference(service, account.id, fresh(), conference=new_id(NOW * 1000), engine=engine)
    assert listing(live, engine, LiveResource("conference", account.id, conference.id)) is Listing.STORED
    assert [found.id for found in live.find_old(engine, NOW)] == []
    assert {found.id for found in live.find_old(engine, NOW + 3_601)} == {*calls[:2], conference.id}
    service.calls.end(account.id, calls[0])
    service.conferences.end(account.id, conference.id)
    assert [found.id for found in live.find_old(engine, NOW + 3_601)] == [calls[1]]


def test_a_listed_resource_gets_the_session(live: LiveIndex, account: TestAccount, engine: str) -> None:
    """What an engine lists gets the number of its session; final, foreign and unknown resources do not."""
    service = api_bootstrap.get_api_services()
    call = service.calls.register(account.id, to="", from_="", direction="inbound")
    listed = LiveResource("call", account.id, call.id)
    assert listing(live, engine, listed) is Listing.STORED
    assert service.calls.get(account.id, call.id) == replace(call, engine=engine, session=1)
    assert listing(live, "other", listed) is Listing.UNKNOWN
    assert listing(live, engine, LiveResource("call", account.id, fresh())) is Listing.UNKNOWN
    ended = service.calls.end(account.id, call.id)
    assert listing(live, engine, listed) is Listing.OVER
    assert service.calls.get(account.id, call.id) == ended
    conference = open_conference(service, account.id, fresh(), engine=engine)
    assert listing(live, engine, LiveResource("conference", account.id, conference.id)) is Listing.STORED
    assert service.conferences.get(account.id, conference.id) == replace(conference, session=1)


def paused_recording(account: TestAccount, engine: str, **fields: Any) -> Recording:
    """Store a recording of a call whose pause the engine has confirmed, in its second version."""
    service = api_bootstrap.get_api_services()
    call = service.calls.register(account.id, to="", from_="", direction="inbound")
    parent = Parent(account.id, ParentKind.CALL, call.id)
    recording = start_recording(service, parent, source=Source.RECORD_VERB, call=call.id, engine=engine)
    paused = replace(
        recording, status=RecordingStatus.PAUSED, version=2, confirmed_version=2, effective_version=2, **fields
    )
    service.recordings._store.change_recording(recording, paused, fresh())
    return paused


def test_a_late_listing_of_an_older_session_changes_nothing(live: LiveIndex, account: TestAccount, engine: str) -> None:
    """What a newer session has listed keeps its number; also a recording, which an older session would pause again."""
    service, paused = api_bootstrap.get_api_services(), paused_recording(account, engine)
    parent, call = paused.parent, paused.parent.id
    resources = [LiveResource("call", account.id, call), LiveResource("recording", account.id, paused.id, parent)]
    for session in (1, 3, 3):
        assert [listing(live, engine, each, session=session) for each in resources] == [Listing.STORED] * 2
    late = [replace(each, is_running=True, is_capturing=each.kind == "recording") for each in resources]
    assert [listing(live, engine, each, session=2) for each in late] == [Listing.SUPERSEDED] * 2
    assert service.calls.get(account.id, call).session == 3
    assert service.recordings.get(parent, paused.id) == replace(paused, engine=engine, session=3)
    service.calls.end(account.id, call)
    assert listing(live, engine, resources[0], session=2) is Listing.OVER


def test_a_listed_recording_of_another_engine_is_unknown(live: LiveIndex, account: TestAccount, engine: str) -> None:
    """A recording that no engine has begun belongs to the engine of its call: only this one gets it by listing it.

    If its call has no engine either, the first one that lists it gets it.
    """
    service = api_bootstrap.get_api_services()
    calls = [service.calls.register(account.id, to="", from_="", direction="inbound").id for _ in range(2)]
    parents = [Parent(account.id, ParentKind.CALL, call) for call in calls]
    free, owned = (service.recordings.create(parent, StartRecording())[0] for parent in parents)
    listed = [LiveResource("recording", account.id, each.id, each.parent) for each in (free, owned)]
    assert listing(live, "other", listed[0]) is Listing.STORED
    assert listing(live, engine, LiveResource("call", account.id, calls[1])) is Listing.STORED
    assert listing(live, "other", listed[1]) is Listing.UNKNOWN
    assert service.recordings.get(parents[1], owned.id) == owned
    assert listing(live, engine, listed[1]) is Listing.STORED
    assert service.recordings.get(parents[1], owned.id) == replace(owned, engine=engine, session=1)


def test_a_confirmed_pause_is_requested_again(live: LiveIndex, account: TestAccount, engine: str) -> None:
    """A paused recording that the engine captures gets a new version, unless its pause is not confirmed yet.

    A stopped one that it has not stopped has ended.
    """
    service = api_bootstrap.get_api_services()
    call = service.calls.register(account.id, to="", from_="", direction="inbound")
    parent = Parent(account.id, ParentKind.CALL, call.id)
    recording = start_recording(service, parent, source=Source.RECORD_VERB, call=call.id, engine=engine)
    listed = LiveResource("recording", account.id, recording.id, parent)
    paused_there = replace(listed, is_running=True)
    capturing = replace(listed, is_running=True, is_capturing=True)

    def version_after(resource: LiveResource, expected: Listing = Listing.STORED) -> int:
        assert listing(live, engine, resource) is expected
        return service.recordings.get(parent, recording.id).version

    assert version_after(capturing) == 1
    paused = service.recordings.update(parent, recording.id, RecordingStatus.PAUSED)
    assert version_after(capturing) == 2
    found = service.recordings.get(parent, recording.id)
    api_bootstrap.get_api_services().recordings._store.change_recording(
        found, replace(found, confirmed_version=paused.version, effective_version=paused.version), fresh()
    )
    assert [version_after(each) for each in (listed, paused_there)] == [2, 2]
    assert version_after(capturing, Listing.PAUSED_AGAIN) == 3
    assert version_after(capturing) == 3
    service.recordings.update(parent, recording.id, RecordingStatus.STOPPED)
    assert version_after(listed) == 4
    for running in (paused_there, capturing):
        assert listing(live, engine, running) is Listing.OVER


@pytest.mark.parametrize(
    ("version", "seconds", "expected"),
    [(1, 0, Listing.STORED), (2, 0, Listing.PAUSED_AGAIN), (1, 1, Listing.PAUSED_AGAIN)],
)
def test_a_list_may_be_older_than_a_pause(
    live: LiveIndex, account: TestAccount, engine: str, version: int, seconds: int, expected: Listing
) -> None:
    """It has a lower version than the pause, which was requested since the session was opened; it is paused anew."""
    paused = paused_recording(account, engine)
    listed = LiveResource("recording", account.id, paused.id, paused.parent, is_capturing=True, version=version)
    assert listing(live, engine, listed, opened_at=paused.updated + seconds) is expected
    found = api_bootstrap.get_api_services().recordings.get(paused.parent, paused.id)
    assert found == replace(paused, engine=engine, session=1, version=3)


def test_a_pause_of_the_engine_has_ended(live: LiveIndex, account: TestAccount, engine: str) -> None:
    """A recording that the engine paused by itself, and captures in a new session, is in progress again."""
    paused = paused_recording(account, engine, own_version=2, pause_behavior="silence")
    listed = LiveResource("recording", account.id, paused.id, paused.parent, is_capturing=True)
    assert listing(live, engine, listed, NOW + 7) is Listing.STORED
    assert api_bootstrap.get_api_services().recordings.get(paused.parent, paused.id) == replace(
        paused, status=RecordingStatus.IN_PROGRESS, version=3, confirmed_version=3, own_version=3, updated=NOW + 7,
        pause_behavior=None, engine=engine, session=1,
    )  # fmt: skip


def test_participants_with_commands_are_found(live: LiveIndex, account: TestAccount) -> None:
    """Only participants with an unconfirmed command are listed, with what the command needs."""
    service = api_bootstrap.get_api_services()
    conference = open_conference(service, account.id, fresh())
    calls = [service.calls.register(account.id, to="", from_="", direction="inbound").id for _ in range(3)]
    for call in calls:
        join_conference(service, account.id, conference.id, call)
    music = {"hold_music": {"url": "https://a.example/", "method": "GET"}}
    service.participants.update(
        account.id, conference.id, calls[1], UpdateParticipant(hold=True, command_payload=music)
    )
    (found,) = live.list_participants_with_commands(account.id, conference.id)
    assert isinstance(found.resource, Participant)
    assert (found.resource.call, found.command_payload) == (calls[1], music)


class EngineRun:
    """Performs random operations on resources, some of which an engine has."""

    def __init__(self, live: LiveIndex, account: str, engine: str) -> None:
        self.service = api_bootstrap.get_api_services()
        self.live, self.account, self.engine = live, account, engine
        self.calls: list[str] = []
        self.conferences: list[str] = []
        self.recordings: list[Recording] = []

    def call(self, _: int) -> None:
        """A call begins."""
        self.calls.append(self.service.calls.register(self.account, to="", from_="", direction="inbound").id)

    def conference(self, _: int) -> None:
        """A conference opens."""
        self.conferences.append(open_conference(self.service, self.account, fresh(), engine=self.engine).id)

    def list_all(self, which: int = 1) -> None:
        """The engine lists everything, or every second resource."""
        listed = [
            *(LiveResource("call", self.account, call) for call in self.calls),
            *(LiveResource("conference", self.account, conference) for conference in self.conferences),
            *(LiveResource("recording", self.account, each.id, each.parent) for each in self.recordings),
        ]
        for resource in listed[:: 2 - which % 2]:
            listing(self.live, self.engine, resource)

    def join(self, which: int) -> None:
        """A call joins a conference; every second one ends it on its exit."""
        join_conference(
            self.service,
            self.account,
            self.conferences[-1],
            self.calls[which % len(self.calls)],
            end_on_exit=which % 2 == 0,
            engine=self.engine,
        )

    def dial(self, _: int) -> None:
        """A participant is dialed into a conference by name, which may be new."""
        found = [self.service.conferences.get(self.account, each) for each in self.conferences[-1:]]
        name = ConferenceName(found[0].name if found else fresh())
        participant = self.service.participants.add(self.account, name, AddParticipant("+1", "+2"))
        self.calls.append(participant.call)
        self.conferences = [each for each in self.conferences if each != participant.conference]
        self.conferences.append(participant.conference)

    def remove(self, which: int) -> None:
        """A participant is removed."""
        self.service.participants.remove(self.account, self.conferences[-1], self.calls[which % len(self.calls)])

    def redirect(self, which: int) -> None:
        """A call gets new instructions, and leaves its conference."""
        change = UpdateCall(redirect={"markup": "<Response/>"})
        self.service.calls.update(self.account, self.calls[which % len(self.calls)], change)

    def end_call(self, which: int) -> None:
        """A call ends."""
        self.service.calls.end(self.account, self.calls[which % len(self.calls)], CallStatus.COMPLETED)

    def end_conference(self, _: int) -> None:
        """A conference ends."""
        self.service.conferences.end(self.account, self.conferences[-1])

    def record_call(self, which: int) -> None:
        """The API starts a recording of a call."""
        parent = Parent(self.account, ParentKind.CALL, self.calls[which % len(self.calls)])
        recording, is_new = self.service.recordings.create(parent, StartRecording())
        self.recordings += [recording] if is_new else []

    def record_conference(self, which: int) -> None:
        """The engine records a conference."""
        parent = Parent(self.account, ParentKind.CONFERENCE, self.conferences[-1])
        self.recordings.append(start_recording(
            self.service, parent, source=Source.CONFERENCE, call=self.calls[which % len(self.calls)],
            engine=self.engine,
        ))  # fmt: skip

    def move(self, which: int) -> None:
        """A recording is paused, resumed or stopped."""
        recording = self.recordings[which % len(self.recordings)]
        targets = (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED)
        self.service.recordings.update(recording.parent, recording.id, targets[which % 3])

    def finish(self, which: int) -> None:
        """A stopped recording becomes completed or absent."""
        recording = self.recordings[which % len(self.recordings)]
        found = self.service.recordings.get(recording.parent, recording.id)
        status = RecordingStatus.COMPLETED if which % 2 else RecordingStatus.ABSENT
        store = self.service.calls._store
        store.finish_recording(replace(found, status=status, duration=3), fresh(), by_engine=which % 3 == 0)

    def delete(self, which: int) -> None:
        """A finished recording is deleted."""
        recording = self.recordings[which % len(self.recordings)]
        found = self.service.recordings.get(recording.parent, recording.id)
        if found.status in {RecordingStatus.COMPLETED, RecordingStatus.ABSENT}:
            self.service.calls._store.delete_recording(found, NOW, NOW + 9, fresh())

    def expected(self) -> set[str]:
        """Ids of what has this engine and is not final."""
        service = self.service
        parents: list[Call | Conference] = [
            *(service.calls.get(self.account, call) for call in self.calls),
            *(service.conferences.get(self.account, conference) for conference in self.conferences),
        ]
        ids = {each.id for each in parents if each.engine == self.engine and each.is_live}
        for recording in self.recordings:
            with suppress(NotFound):
                found = service.recordings.get(recording.parent, recording.id)
                if found.engine == self.engine and found.status in {"in-progress", "paused", "stopped"}:
                    ids.add(found.id)
        return ids

    def indexed(self) -> set[str]:
        """Ids in the index."""
        found = [pending.resource for pending in self.live.list_live(self.engine)]
        return {each.id for each in found if not isinstance(each, Participant)}


STEPS: Final[tuple[Callable[[Any, int], None], ...]] = (
    EngineRun.call,
    EngineRun.conference,
    EngineRun.list_all,
    EngineRun.list_all,
    EngineRun.join,
    EngineRun.join,
    EngineRun.dial,
    EngineRun.remove,
    EngineRun.redirect,
    EngineRun.end_call,
    EngineRun.end_conference,
    EngineRun.record_call,
    EngineRun.record_conference,
    EngineRun.move,
    EngineRun.finish,
    EngineRun.delete,
)


EXAMPLES_IN_MEMORY: Final = scaled(deep=400, ci=60, fast=15)
EXAMPLES: Final = scaled(deep=400, ci=12, fast=3)
"""Examples in DynamoDB Local: one example sends a hundred requests."""


@pytest.mark.sized
def test_the_index_holds_what_an_engine_has_until_it_is_final(
    live: LiveIndex, account: TestAccount, database: str
) -> None:
    """After any operations the index contains exactly the resources that have the engine and are not final."""

    @settings(max_examples=EXAMPLES_IN_MEMORY if database == "memory" else EXAMPLES, deadline=None)
    @given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 11)), min_size=8, max_size=40))
    def check(steps: list[tuple[Callable[[EngineRun, int], None], int]]) -> None:
        run = EngineRun(live, account.id, f"e{fresh()[-20:]}")
        perform(run, BEGINNING)
        perform(run, steps)
        assert run.indexed() == run.expected()

    check()


BEGINNING: Final = (
    (EngineRun.conference, 1),
    (EngineRun.call, 1),
    (EngineRun.join, 2),
    (EngineRun.call, 1),
    (EngineRun.join, 1),
    (EngineRun.record_call, 1),
    (EngineRun.record_conference, 1),
    (EngineRun.list_all, 1),
)
"""A conference that is recorded, with two calls, of which the second is recorded."""


def perform(run: EngineRun, steps: Sequence[tuple[Callable[[EngineRun, int], None], int]]) -> None:
    """Perform steps; those that the state does not allow change nothing."""
    for step, which in steps:
        with suppress(NotFound, InvalidState, TransitionRejected, NotTaken):
            step(run, which)


ENDS: Final[tuple[tuple[list[tuple[Callable[[Any, int], None], int]], dict[str, int]], ...]] = (
    ([], {"call": 2, "conference": 1, "recording": 2}),
    ([(EngineRun.end_call, 0)], {"call": 1, "recording": 2}),
    ([(EngineRun.end_call, 1)], {"call": 1, "conference": 1, "recording": 2}),
    ([(EngineRun.end_conference, 0)], {"call": 2, "recording": 2}),
    ([(EngineRun.remove, 0)], {"call": 2, "recording": 2}),
    ([(EngineRun.redirect, 0)], {"call": 2, "recording": 2}),
    ([(EngineRun.move, 2), (EngineRun.finish, 2)], {"call": 2, "conference": 1, "recording": 1}),
    ([(EngineRun.move, 5), (EngineRun.finish, 1)], {"call": 2, "conference": 1, "recording": 1}),
    (
        [(EngineRun.call, 0), (EngineRun.list_all, 1), (EngineRun.end_call, 2)],
        {"call": 2, "conference": 1, "recording": 2},
    ),
    (
        [(EngineRun.conference, 0), (EngineRun.list_all, 1), (EngineRun.end_conference, 0)],
        {"call": 2, "conference": 1, "recording": 2},
    ),
)
"""What follows `BEGINNING`, and how many resources of each kind are in the index then."""


def test_every_end_leaves_the_index(live: LiveIndex, account: TestAccount) -> None:
    """Each kind of write that makes a resource final removes it from the index."""
    for steps, left in ENDS:
        run = EngineRun(live, account.id, f"e{fresh()[-20:]}")
        perform(run, BEGINNING)
        perform(run, steps)
        assert Counter(type(pending.resource).__name__.lower() for pending in live.list_live(run.engine)) == left
        assert run.indexed() == run.expected()
