"""What every store of lists must do (`ports.stores.ListStore`): in each database."""

from dataclasses import replace
from typing import TypeVar

import pytest

from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.adapters.dynamodb.table import RecordingsTable
from tapedeck.adapters.dynamodb.transcriptions import TranscriptionTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, HIGHEST, Cursor, IdRange, TimeRange, ids_of
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.ports.stores import ListStore, RangeReader
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

T = TypeVar("T", Call, Conference, Recording, Transcription)

NOW = 1_795_250_675
ALL = ids_of(ALL_TIME)
COUNT = 5


@pytest.fixture
def table(account: TestAccount) -> RecordingsTable:
    """What puts things there."""
    del account  # the tables are there by now
    found = api_bootstrap.get_api_services().calls._store
    assert isinstance(found, RecordingsTable)
    return found


@pytest.fixture
def lists(table: RecordingsTable) -> ListStore:
    """The adapter over this run's database."""
    return ListTable(table._database)


def later(second: int) -> str:
    """An id made so many seconds after the first."""
    return new_id((NOW + second) * 1000)


def put_calls(table: RecordingsTable, account: TestAccount, status: CallStatus = CallStatus.IN_PROGRESS) -> list[Call]:
    """Some calls, a second apart, oldest first."""
    calls = [Call(account.id, later(second), status, NOW, started=NOW) for second in range(COUNT)]
    for call in calls:
        table.put_call(call)
    return calls


def put_conferences(table: RecordingsTable, account: TestAccount, name: str | None = None) -> list[Conference]:
    """Some conferences, a second apart, oldest first; under one name each takes over from the one before."""
    rooms: list[Conference] = []
    for second in range(COUNT):
        room = Conference(account.id, later(second), name or later(0), ConferenceStatus.INIT, NOW)
        table.put_conference(room, rooms[-1].id if rooms and name else None)
        rooms.append(room)
    return rooms


def put_recordings(table: RecordingsTable, call: Call, *, url: str = "https://example.com/") -> list[Recording]:
    """Some recordings of a call, a second apart, oldest first."""
    parent = Parent(call.account, ParentKind.CALL, call.id)
    made = [
        Recording(
            later(second), parent, RecordingStatus.IN_PROGRESS, Source.RECORD_VERB, NOW, call=call.id,
            callback=CallbackSubscription(url, "POST", ("completed",), "twilio"),
        )
        for second in range(COUNT)
    ]  # fmt: skip
    for recording in made:
        table.start_recording(recording, None, frozenset())
    return made


def assert_reads(fetch: RangeReader[T], expected: list[T]) -> None:
    """All of it, in both orders, in parts of any size and from any place on."""
    for ascending in (False, True):
        wanted = expected if ascending else expected[::-1]
        ids = replace(ALL, ascending=ascending)
        assert list(fetch(ids, COUNT).items) == wanted
        assert fetch(ids, COUNT).last is None
        for limit in (1, 2, COUNT - 1):
            chunk = fetch(ids, limit)
            assert (list(chunk.items), chunk.last) == (wanted[:limit], wanted[limit - 1].id)
            assert list(fetch(ids.after(chunk.last or ""), COUNT).items) == wanted[limit:]
        skipped = fetch(ids, 2, 2)
        assert (list(skipped.items), skipped.last) == (wanted[2:4], wanted[3].id)
        assert list(fetch(ids, 2, COUNT).items) == []
    first, last = expected[0].id, expected[-1].id
    assert list(fetch(ids_of(ALL_TIME, Cursor(last)), COUNT).items) == expected[-2::-1]
    assert list(fetch(ids_of(ALL_TIME, Cursor(first, backwards=True)), COUNT).items) == expected[1:]
    assert list(fetch(ids_of(TimeRange(NOW + 1, NOW + 2)), COUNT).items) == expected[2:0:-1]
    assert list(fetch(IdRange(HIGHEST, "0" * 32), COUNT).items) == []


def test_calls_are_listed_by_id(table: RecordingsTable, lists: ListStore, account: TestAccount) -> None:
    """All of an account, and those of a status."""
    calls = put_calls(table, account)
    assert_reads(lists.calls(account.id), calls)
    assert_reads(lists.calls_in(account.id, "in-progress"), calls)
    table.end_call(calls[0], replace(calls[0], status=CallStatus.COMPLETED, ended=NOW), later(0), needs_command=False)
    assert list(lists.calls_in(account.id, "in-progress")(ALL, COUNT).items) == calls[:0:-1]
    assert [call.id for call in lists.calls_in(account.id, "completed")(ALL, COUNT).items] == [calls[0].id]


def test_conferences_are_listed_by_id(table: RecordingsTable, lists: ListStore, account: TestAccount) -> None:
    """All of an account, those of a status, and those that ever had a name, but for the note of who has it now."""
    rooms = put_conferences(table, account, "Lobby")
    assert_reads(lists.conferences(account.id), rooms)
    assert_reads(lists.conferences_in(account.id, "init"), rooms)
    assert_reads(lists.conferences_named(account.id, "Lobby"), rooms)
    assert list(lists.conferences_named(account.id, "lobby")(ALL, COUNT).items) == []


def test_recordings_are_listed_by_id(table: RecordingsTable, lists: ListStore, account: TestAccount) -> None:
    """Those of a call and of the account."""
    (call, *_) = put_calls(table, account)
    made = put_recordings(table, call)
    assert_reads(lists.recordings_of(made[0].parent), made)
    assert_reads(lists.recordings(account.id), made)
    assert lists.has_parent(made[0].parent)
    assert not lists.has_parent(replace(made[0].parent, kind=ParentKind.CONFERENCE))


def test_a_list_is_complete_over_several_megabytes(
    table: RecordingsTable, lists: ListStore, account: TestAccount
) -> None:
    """However DynamoDB cuts its answers."""
    (call, *_) = put_calls(table, account)
    made = put_recordings(table, call, url="https://example.com/" + "x" * 350_000)
    assert_reads(lists.recordings_of(made[0].parent), made)


def test_a_batch_of_more_than_a_hundred_is_complete(
    table: RecordingsTable, lists: ListStore, account: TestAccount
) -> None:
    """In order, over as many batch reads as it takes."""
    calls = [Call(account.id, later(second), CallStatus.QUEUED, NOW) for second in range(205)]
    for call in calls:
        table.put_call(call)
    assert list(lists.calls(account.id)(ALL, 300).items) == calls[::-1]


def test_recordings_of_conferences_are_found_by_the_call_they_show(
    table: RecordingsTable, lists: ListStore, account: TestAccount
) -> None:
    """And by no other call."""
    first, second, *_ = put_calls(table, account)
    room = Conference(account.id, later(0), later(0), ConferenceStatus.IN_PROGRESS, NOW, first_call=first.id)
    table.put_conference(room, None)
    parent = Parent(account.id, ParentKind.CONFERENCE, room.id)
    made = [
        Recording(later(each), parent, RecordingStatus.IN_PROGRESS, Source.CONFERENCE, NOW, call=first.id)
        for each in range(COUNT)
    ]
    for recording in made:
        table.start_recording(recording, None, frozenset())
    assert_reads(lists.recordings_shown_by(account.id, first.id), made)
    assert list(lists.recordings_shown_by(account.id, second.id)(ALL, COUNT).items) == []


def test_a_deleted_recording_moves_to_the_other_list(
    table: RecordingsTable, lists: ListStore, account: TestAccount
) -> None:
    """Of its account; its parent keeps it, deleted."""
    (call, *_) = put_calls(table, account)
    made = put_recordings(table, call)
    deleted = []
    for recording in made:
        stopped = table.transition_recording(
            recording.parent, recording.id, RecordingStatus.STOPPED, "silence", NOW, later(0)
        )
        completed = replace(stopped, status=RecordingStatus.COMPLETED, duration=3)
        finished = table.finish_recording(completed, later(0), by_engine=True)
        deleted.append(table.delete_recording(finished, NOW + 1, NOW + 99, later(0)))
    assert_reads(lists.deleted_recordings(account.id), deleted)
    assert_reads(lists.recordings_of(made[0].parent), deleted)
    assert list(lists.recordings(account.id)(ALL, COUNT).items) == []


def test_transcriptions_are_listed_by_id(table: RecordingsTable, account: TestAccount) -> None:
    """All of an account, and those of a recording."""
    store = TranscriptionTable(table._database)
    status = TranscriptionStatus.COMPLETED
    made = [Transcription(account.id, later(second), "1" * 32, status, NOW, 4, "Hi.") for second in range(COUNT)]
    for transcription in made:
        store.put_transcription(transcription)
        store.put_transcription(transcription)  # a repetition
    assert_reads(store.transcriptions(account.id), made)
    assert_reads(store.transcriptions_of(account.id, "1" * 32), made)
    assert store.get_transcription(account.id, made[0].id) == made[0]
    assert (store.delete_transcription(made[0]), store.delete_transcription(made[0])) == (True, False)
    assert store.get_transcription(account.id, made[0].id) is None
    assert list(store.transcriptions_of(account.id, "1" * 32)(ALL, COUNT).items) == made[:0:-1]
