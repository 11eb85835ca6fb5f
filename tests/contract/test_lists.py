"""The contract of `ports.lists.ListStore`, in each database."""

from dataclasses import replace
from typing import TypeVar

import pytest

from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.adapters.dynamodb.transcriptions import TranscriptionTable
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, HIGHEST, Cursor, IdRange, TimeRange, ids_of
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.ports.lists import ListStore, RangeReader
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

T = TypeVar("T", Call, Conference, Recording, Transcription)

NOW = 1_795_250_675
ALL = ids_of(ALL_TIME)
COUNT = 5


@pytest.fixture
def lists(table: ResourceTable) -> ListStore:
    """The list store over the database under test."""
    return ListTable(table._database)


def later(second: int) -> str:
    """An id created so many seconds after NOW."""
    return new_id((NOW + second) * 1000)


def put_calls(table: ResourceTable, account: TestAccount, status: CallStatus = CallStatus.IN_PROGRESS) -> list[Call]:
    """Store calls a second apart, oldest first."""
    calls = [Call(account.id, later(second), status, NOW, started=NOW) for second in range(COUNT)]
    for call in calls:
        table.put_call(call)
    return calls


def put_conferences(table: ResourceTable, account: TestAccount, name: str | None = None) -> list[Conference]:
    """Store conferences a second apart, oldest first; with a name, each takes it over from the one before."""
    conferences: list[Conference] = []
    for second in range(COUNT):
        conference = Conference(account.id, later(second), name or later(0), ConferenceStatus.INIT, NOW)
        table.put_conference(conference, conferences[-1].id if conferences and name else None)
        conferences.append(conference)
    return conferences


def put_recordings(table: ResourceTable, call: Call, *, url: str = "https://example.com/") -> list[Recording]:
    """Store recordings of a call a second apart, oldest first."""
    parent = Parent(call.account, ParentKind.CALL, call.id)
    stored = [
        Recording(
            later(second), parent, RecordingStatus.IN_PROGRESS, Source.RECORD_VERB, NOW, call=call.id,
            callback=CallbackSubscription(url, "POST", ("completed",), "twilio"),
        )
        for second in range(COUNT)
    ]  # fmt: skip
    for recording in stored:
        table.start_recording(recording, None, frozenset())
    return stored


def assert_reads(fetch: RangeReader[T], expected: list[T]) -> None:
    """Assert a list in both orders, with limits, offsets, cursors and time ranges."""
    for ascending in (False, True):
        ordered = expected if ascending else expected[::-1]
        ids = replace(ALL, ascending=ascending)
        assert list(fetch(ids, COUNT).items) == ordered
        assert fetch(ids, COUNT).last is None
        for limit in (1, 2, COUNT - 1):
            chunk = fetch(ids, limit)
            assert (list(chunk.items), chunk.last) == (ordered[:limit], ordered[limit - 1].id)
            assert list(fetch(ids.after(chunk.last or ""), COUNT).items) == ordered[limit:]
        skipped = fetch(ids, 2, 2)
        assert (list(skipped.items), skipped.last) == (ordered[2:4], ordered[3].id)
        assert list(fetch(ids, 2, COUNT).items) == []
    first, last = expected[0].id, expected[-1].id
    assert list(fetch(ids_of(ALL_TIME, Cursor(last)), COUNT).items) == expected[-2::-1]
    assert list(fetch(ids_of(ALL_TIME, Cursor(first, backwards=True)), COUNT).items) == expected[1:]
    assert list(fetch(ids_of(TimeRange(NOW + 1, NOW + 2)), COUNT).items) == expected[2:0:-1]
    assert list(fetch(IdRange(HIGHEST, "0" * 32), COUNT).items) == []


def test_calls_are_listed_by_id(table: ResourceTable, lists: ListStore, account: TestAccount) -> None:
    """Calls are listed by account, and by account and status."""
    calls = put_calls(table, account)
    assert_reads(lists.calls(account.id), calls)
    assert_reads(lists.calls_in(account.id, "in-progress"), calls)
    table.end_call(calls[0], replace(calls[0], status=CallStatus.COMPLETED, ended=NOW), later(0))
    assert list(lists.calls_in(account.id, "in-progress")(ALL, COUNT).items) == calls[:0:-1]
    assert [call.id for call in lists.calls_in(account.id, "completed")(ALL, COUNT).items] == [calls[0].id]


def test_conferences_are_listed_by_id(table: ResourceTable, lists: ListStore, account: TestAccount) -> None:
    """Conferences are listed by account, by status, and by name, including former holders of the name."""
    conferences = put_conferences(table, account, "Lobby")
    assert_reads(lists.conferences(account.id), conferences)
    assert_reads(lists.conferences_in(account.id, "init"), conferences)
    assert_reads(lists.conferences_named(account.id, "Lobby"), conferences)
    assert list(lists.conferences_named(account.id, "lobby")(ALL, COUNT).items) == []


def test_recordings_are_listed_by_id(table: ResourceTable, lists: ListStore, account: TestAccount) -> None:
    """Recordings are listed by call and by account."""
    (call, *_) = put_calls(table, account)
    stored = put_recordings(table, call)
    assert_reads(lists.recordings_of(stored[0].parent), stored)
    assert_reads(lists.recordings(account.id), stored)
    assert lists.has_parent(stored[0].parent)
    assert not lists.has_parent(replace(stored[0].parent, kind=ParentKind.CONFERENCE))


@pytest.mark.ci
def test_list_of_several_megabytes_is_complete(table: ResourceTable, lists: ListStore, account: TestAccount) -> None:
    """A list is complete over DynamoDB's page limit of 1 MB."""
    (call, *_) = put_calls(table, account)
    stored = put_recordings(table, call, url="https://example.com/" + "x" * 350_000)
    assert_reads(lists.recordings_of(stored[0].parent), stored)


def test_list_of_more_than_a_hundred_items_is_complete(
    table: ResourceTable, lists: ListStore, account: TestAccount
) -> None:
    """A list is complete and in order over several batch reads."""
    calls = [Call(account.id, later(second), CallStatus.QUEUED, NOW) for second in range(205)]
    for call in calls:
        table.put_call(call)
    assert list(lists.calls(account.id)(ALL, 300).items) == calls[::-1]


def test_recordings_of_conferences_are_found_by_the_call_they_show(
    table: ResourceTable, lists: ListStore, account: TestAccount
) -> None:
    """Conference recordings are found by the call sid that they show, and by no other."""
    first, second, *_ = put_calls(table, account)
    conference = Conference(account.id, later(0), later(0), ConferenceStatus.IN_PROGRESS, NOW, first_call=first.id)
    table.put_conference(conference, None)
    parent = Parent(account.id, ParentKind.CONFERENCE, conference.id)
    stored = [
        Recording(later(each), parent, RecordingStatus.IN_PROGRESS, Source.CONFERENCE, NOW, call=first.id)
        for each in range(COUNT)
    ]
    for recording in stored:
        table.start_recording(recording, None, frozenset())
    assert_reads(lists.recordings_shown_by(account.id, first.id), stored)
    assert list(lists.recordings_shown_by(account.id, second.id)(ALL, COUNT).items) == []


def test_deleted_recording_moves_to_the_deleted_list(
    table: ResourceTable, lists: ListStore, account: TestAccount
) -> None:
    """A deleted recording moves to its account's list of deleted ones and stays in its parent's list."""
    (call, *_) = put_calls(table, account)
    stored = put_recordings(table, call)
    deleted = []
    for recording in stored:
        stopped = table.transition_recording(
            recording.parent, recording.id, RecordingStatus.STOPPED, "silence", NOW, later(0)
        )
        completed = replace(stopped, status=RecordingStatus.COMPLETED, duration=3)
        finished = table.finish_recording(completed, later(0), by_engine=True)
        deleted.append(table.delete_recording(finished, NOW + 1, NOW + 99, later(0)))
    assert_reads(lists.deleted_recordings(account.id), deleted)
    assert_reads(lists.recordings_of(stored[0].parent), deleted)
    assert list(lists.recordings(account.id)(ALL, COUNT).items) == []


def test_transcriptions_are_listed_by_id(table: ResourceTable, account: TestAccount) -> None:
    """Transcriptions are listed by account and by recording."""
    store = TranscriptionTable(table._database)
    status = TranscriptionStatus.COMPLETED
    stored = [Transcription(account.id, later(second), "1" * 32, status, NOW, 4, "Hi.") for second in range(COUNT)]
    for transcription in stored:
        assert store.put_transcription(transcription)
        assert store.put_transcription(transcription)  # idempotent
    assert not store.put_transcription(replace(stored[0], recording="2" * 32, text="Other."))
    assert list(store.transcriptions_of(account.id, "2" * 32)(ALL, COUNT).items) == []
    assert_reads(store.transcriptions(account.id), stored)
    assert_reads(store.transcriptions_of(account.id, "1" * 32), stored)
    assert store.get_transcription(account.id, stored[0].id) == stored[0]
    assert (store.delete_transcription(stored[0]), store.delete_transcription(stored[0])) == (True, False)
    assert store.get_transcription(account.id, stored[0].id) is None
    assert list(store.transcriptions_of(account.id, "1" * 32)(ALL, COUNT).items) == stored[:0:-1]
