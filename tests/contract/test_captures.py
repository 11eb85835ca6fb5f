"""The contract of `ports.captures.CaptureStore`, in each database."""

from dataclasses import replace

import pytest

from tapedeck.adapters.dynamodb.items import recording_key
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex
from tapedeck.domain.recording import EvidenceHead, Recording, RecordingStatus
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.recordings import TransitionRejected
from tapedeck.ports.stores import Store
from tests.conftest import TestAccount
from tests.contract.test_store import NOW, fresh, put_call, start, store  # noqa: F401 - a fixture

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

SHA256 = "ab" * 32


def read(store: Store, recording: Recording) -> Recording:  # noqa: F811
    """Read a recording that exists."""
    found = store.get_recording(recording.parent, recording.id)
    assert found is not None
    return found


def work_at(store: Store, recording: Recording) -> int:  # noqa: F811
    """Return from when on the reconciler finds a recording in the index of pending work."""
    database = store._database  # type: ignore[attr-defined]
    item = database.get(recording_key(recording.parent, recording.id))
    assert item["work"] == f"OPEN#{recording.id[-1]}"
    return int(item["work_at"])


@pytest.fixture
def stopped(store: Store, account: TestAccount) -> Recording:  # noqa: F811
    """A stopped recording with a subscription."""
    recording = start(store, put_call(store, account))
    return store.transition_recording(
        recording.parent, recording.id, RecordingStatus.STOPPED, "silence", NOW + 1, fresh()
    )


def give_up(store: Store, stopped: Recording) -> Recording:  # noqa: F811
    """Finish a stopped recording because its audio did not arrive in time."""
    absent = replace(
        stopped, status=RecordingStatus.ABSENT, updated=NOW + 2, duration=0, error=16101, given_up_at=NOW + 2
    )
    return store.finish_recording(absent, fresh(), by_engine=False)


def test_the_first_capture_stays(store: Store, stopped: Recording) -> None:  # noqa: F811
    """A capture is noted once, without a new version; a second one changes nothing."""
    noted = store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW + 5)
    assert noted == replace(stopped, captured_at=NOW + 5, capture_size=44, capture_sha256=SHA256)
    assert store.note_capture(stopped.parent, stopped.id, 45, "cd" * 32, NOW + 6) == noted
    assert read(store, stopped) == noted


def test_a_capture_is_noted_with_the_end_of_its_evidence(store: Store, stopped: Recording) -> None:  # noqa: F811
    """The end of the evidence chain is stored with the capture; nothing is written over a later end."""
    late, earlier = EvidenceHead(5, "ef" * 32), EvidenceHead(5, "01" * 32)
    noted = store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW + 5, late)
    assert noted == replace(
        stopped, captured_at=NOW + 5, capture_size=44, capture_sha256=SHA256, evidence_entries=5,
        evidence_head="ef" * 32,
    )  # fmt: skip
    absent = replace(noted, status=RecordingStatus.ABSENT, updated=NOW + 6, duration=0, error=16101)
    with pytest.raises(TransitionRejected) as raised:
        store.finish_recording(absent, fresh(), by_engine=True, evidence=earlier)
    assert raised.value.found == noted
    end = store.finish_recording(absent, fresh(), by_engine=True, evidence=EvidenceHead(6, "23" * 32))
    assert (end.status, end.evidence_entries, end.evidence_head) == ("absent", 6, "23" * 32)
    assert read(store, stopped) == end


def test_a_capture_is_not_noted_over_later_evidence(store: Store, stopped: Recording) -> None:  # noqa: F811
    """A capture whose evidence ends before the stored end is not noted, and an exact change requires what was read."""
    known = replace(stopped, evidence_entries=4, evidence_head="ef" * 32)
    store.change_recording(stopped, known, fresh())
    assert store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW + 5, EvidenceHead(4, "01" * 32)) == known
    with pytest.raises(TransitionRejected):
        store.change_recording(stopped, replace(stopped, evidence_entries=3, evidence_head="01" * 32), fresh())
    assert read(store, stopped) == known


def test_a_running_or_unknown_recording_has_no_capture(store: Store, account: TestAccount) -> None:  # noqa: F811
    """A capture of a running recording is not noted, and one of an unknown recording creates nothing."""
    recording = start(store, put_call(store, account))
    assert store.note_capture(recording.parent, recording.id, 44, SHA256, NOW) == recording
    assert store.note_capture(recording.parent, fresh(), 44, SHA256, NOW) is None


def test_late_audio_completes_a_recording_that_was_given_up(store: Store, stopped: Recording) -> None:  # noqa: F811
    """`absent` because of a timeout becomes `completed` in a new version, without an error (C-210)."""
    absent = give_up(store, stopped)
    assert absent.is_given_up
    store.mark_recording_published(absent)
    noted = store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW + 9)
    assert noted == replace(absent, captured_at=NOW + 9, capture_size=44, capture_sha256=SHA256)
    finished = replace(noted, status=RecordingStatus.COMPLETED, duration=7, error=None, updated=NOW + 10)
    write = fresh()
    completed = store.finish_recording(finished, write, by_engine=True)
    version = absent.version + 1
    assert completed == replace(finished, version=version, confirmed_version=version)
    assert store.finish_recording(finished, write, by_engine=True) == completed
    assert read(store, stopped) == completed


def test_a_lost_answer_of_a_timeout_is_recognised_after_late_audio(store: Store, stopped: Recording) -> None:  # noqa: F811
    """A repeated write of `absent` returns what it wrote, although late audio has completed the recording since."""
    absent = replace(stopped, status=RecordingStatus.ABSENT, updated=NOW, duration=0, error=16101, given_up_at=NOW)
    write = fresh()
    first = store.finish_recording(absent, write, by_engine=False)
    finished = replace(first, status=RecordingStatus.COMPLETED, duration=7, error=None)
    store.finish_recording(finished, fresh(), by_engine=True)
    again = store.finish_recording(absent, write, by_engine=False)
    assert (again.status, again.version, again.error, again.duration) == ("absent", first.version, 16101, 0)


def test_an_absent_recording_of_the_engine_stays_absent(store: Store, stopped: Recording) -> None:  # noqa: F811
    """A recording that the engine reported as absent neither takes a capture nor becomes completed."""
    absent = replace(stopped, status=RecordingStatus.ABSENT, updated=NOW, duration=0, error=16101)
    found = store.finish_recording(absent, fresh(), by_engine=True)
    assert store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW) == found
    with pytest.raises(TransitionRejected) as raised:
        store.finish_recording(replace(found, status=RecordingStatus.COMPLETED), fresh(), by_engine=True)
    assert raised.value.found == found


def test_unusable_late_audio_makes_the_end_final(store: Store, stopped: Recording) -> None:  # noqa: F811
    """After unusable late audio the recording is absent for good."""
    absent = give_up(store, stopped)
    store.reject_late_capture(absent)
    assert read(store, stopped) == replace(absent, given_up_at=None)
    assert store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW) == replace(absent, given_up_at=None)


def test_rejected_late_audio_is_due_at_its_own_time(store: Store, stopped: Recording) -> None:  # noqa: F811
    """A postponed conversion delays no pending work: after the rejection the callbacks are looked up in time."""
    absent = give_up(store, stopped)
    assert work_at(store, stopped) == NOW + 602
    noted = store.note_capture(stopped.parent, stopped.id, 44, SHA256, NOW + 3)
    assert noted is not None
    index = PendingWorkIndex(store._database)  # type: ignore[attr-defined]
    assert index.move(PendingWork(stopped.parent.account, noted), NOW + 10_000)
    assert work_at(store, stopped) == NOW + 10_000
    store.reject_late_capture(noted)
    assert absent.updated == NOW + 2
    assert work_at(store, stopped) == NOW + 602


@pytest.mark.parametrize(("reported", "kept"), [(3, 3), (2, 2), (1, 2)])
def test_an_end_for_good_keeps_the_latest_evidence(
    store: Store,  # noqa: F811
    stopped: Recording,
    reported: int,
    kept: int,
) -> None:
    """The reported end of the evidence chain is stored, unless a later one is known: then only `absent` is final."""
    known = replace(stopped, evidence_entries=2, evidence_head="2" * 64)
    store.change_recording(stopped, known, fresh())
    absent = give_up(store, known)
    store.reject_late_capture(absent, EvidenceHead(reported, str(reported) * 64))
    assert read(store, stopped) == replace(
        absent, given_up_at=None, evidence_entries=kept, evidence_head=str(kept) * 64
    )
