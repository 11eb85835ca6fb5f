"""A capture is uploaded once, noted with its hash, and converted later, also after the recording was given up."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from tapedeck.domain.engine_report import CaptureCompletionReport
from tapedeck.domain.errors import (
    CaptureConflict,
    MediaMissing,
    NotEligibleForRecording,
    NotFound,
    StoreFailure,
)
from tapedeck.domain.recording import EvidenceHead, Recording, RecordingStatus
from tapedeck.http.services import ApiServices
from tapedeck.operations.media import Media
from tapedeck_standin.recordings.audio import Part, make_wav
from tests.functions.objects import Objects
from tests.functions.stage import Stage
from tests.media import sound

DAY = 86_400
SILENCE = make_wav([Part(3_000, is_sound=False)], [True])


def ticket_of(recording: Recording, content: bytes) -> tuple[str, int, str]:
    """The ticket, the size and the hash with which an engine reports this capture."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{recording.id}.{len(content)}.{digest}", len(content), digest


def note(media: Media, recording: Recording, content: bytes) -> Recording:
    """Report a capture of this content."""
    _, size, digest = ticket_of(recording, content)
    return media.note_capture(recording.parent, recording.id, size, digest)


@pytest.fixture
def media(service: ApiServices) -> Media:
    """The operations of media."""
    return service.media


@pytest.fixture
def stopped(stage: Stage) -> Recording:
    """A stopped recording without a capture."""
    return stage.recording(stage.call(), "stopped")


@pytest.fixture
def given_up(media: Media, stopped: Recording, stage: Stage) -> Recording:
    """A recording that became absent because its audio did not arrive in time."""
    stage.clock.step(3_600)
    return media.give_up(stopped.parent, stopped.id)


def test_a_capture_is_noted_without_reading_it(
    media: Media, stopped: Recording, stage: Stage, objects: Objects
) -> None:
    """`recording.completed` stores when, how large and with which hash; of the object only metadata are read."""
    objects.put(stopped, "capture.wav", sound(2))
    objects.requests.clear()
    _, size, digest = ticket_of(stopped, sound(2))
    noted = media.note_capture(stopped.parent, stopped.id, size, digest)
    assert noted == replace(stopped, captured_at=stage.clock.seconds, capture_size=size, capture_sha256=digest)
    assert objects.requests == ["HeadObject"]
    stage.clock.step(5)
    assert media.note_capture(stopped.parent, stopped.id, size, digest) == noted
    assert objects.requests == ["HeadObject"]


def test_a_capture_that_is_not_uploaded_is_missing(media: Media, stopped: Recording) -> None:
    """A report before the upload raises and changes nothing."""
    with pytest.raises(MediaMissing):
        note(media, stopped, sound(2))
    assert media._recordings.get(stopped.parent, stopped.id) == stopped


@pytest.mark.parametrize("is_noted", [True, False])
def test_the_first_capture_stays(media: Media, stopped: Recording, objects: Objects, *, is_noted: bool) -> None:
    """A report of another content than the stored one is a conflict, before and after the first was reported."""
    objects.put(stopped, "capture.wav", sound(2))
    before = note(media, stopped, sound(2)) if is_noted else stopped
    with pytest.raises(CaptureConflict):
        note(media, stopped, sound(3))
    assert media._recordings.get(stopped.parent, stopped.id) == before
    assert objects.get(stopped, "capture.wav") == sound(2)


def test_a_foreign_ticket_is_refused(media: Media, stopped: Recording, stage: Stage, objects: Objects) -> None:
    """The report of a capture with the ticket of another recording, size or hash is refused."""
    objects.put(stopped, "capture.wav", sound(2))
    other = stage.recording(stage.call(), "stopped")
    ticket, size, digest = ticket_of(stopped, sound(2))
    foreign = ticket_of(other, sound(2))[0]
    for wrong in ((foreign, size, digest), (ticket, size + 1, digest), (ticket, size, "0" * 64), ("", size, digest)):
        result = stage.engine.report(CaptureCompletionReport(stopped.parent, stopped.id, *wrong))
        assert (result.outcome, result.code) == ("refused", "unknown_key")
    assert media._recordings.get(stopped.parent, stopped.id) == stopped


@pytest.mark.parametrize("channels", [1, 2])
def test_converts_a_capture(media: Media, stopped: Recording, stage: Stage, objects: Objects, channels: int) -> None:
    """The conversion makes WAV and MP3, writes `completed` and clears the capture; a repetition changes nothing."""
    content = sound(2, channels)
    objects.put(stopped, "capture.wav", content)
    noted = note(media, stopped, content)
    stage.clock.step(4)
    finished = media.complete(stopped.parent, stopped.id)
    version = stopped.version + 1
    assert finished == replace(
        noted, status=RecordingStatus.COMPLETED, updated=stage.clock.seconds, version=version,
        confirmed_version=version, duration=2, channels=channels,
    )  # fmt: skip
    assert objects.names(stopped) == {"original.wav", "original.mp3"}
    assert objects.get(stopped, "original.wav") == content
    assert media.complete(stopped.parent, stopped.id) == finished
    assert note(media, stopped, content) == finished
    with pytest.raises(CaptureConflict):
        note(media, stopped, sound(3))


@pytest.mark.parametrize("content", [SILENCE, sound(0.5)], ids=["silent", "short"])
def test_an_unusable_capture_makes_the_recording_absent(
    media: Media, stopped: Recording, objects: Objects, content: bytes
) -> None:
    """A silent or too short capture makes the recording absent and is deleted."""
    objects.put(stopped, "capture.wav", content)
    note(media, stopped, content)
    finished = media.complete(stopped.parent, stopped.id)
    assert (finished.status, finished.error) == ("absent", 16102 if content == SILENCE else 16101)
    assert objects.names(stopped) == set()


REQUESTS = [("GetObject", 1), ("PutObject", 1), ("PutObject", 2), ("PutObject", 3)]
"""The requests of a conversion, each with its number: read the capture, write WAV and MP3, clear the capture."""


def before(objects: Objects, operation: str, number: int, act: Callable[[], object]) -> None:
    """Let `act` run once before the request of this number."""
    seen: list[str] = []

    def watch(requested: str) -> None:
        if requested == operation:
            seen.append(requested)
            if len(seen) == number:
                act()

    objects.watchers.append(watch)


@pytest.mark.parametrize(("operation", "number"), REQUESTS)
def test_two_conversions_at_once_have_one_result(
    media: Media, stopped: Recording, objects: Objects, operation: str, number: int
) -> None:
    """Of two conversions at once both return the same recording; the capture is deleted."""
    objects.put(stopped, "capture.wav", sound(2))
    note(media, stopped, sound(2))
    answers: list[Recording] = []
    before(objects, operation, number, lambda: answers.append(media.complete(stopped.parent, stopped.id)))
    answers.append(media.complete(stopped.parent, stopped.id))
    assert {(each.status, each.version) for each in answers} == {("completed", stopped.version + 1)}
    assert objects.names(stopped) == {"original.wav", "original.mp3"}


@pytest.mark.parametrize(("operation", "number"), REQUESTS)
def test_a_deletion_during_the_conversion_leaves_no_media(
    media: Media, stopped: Recording, objects: Objects, operation: str, number: int
) -> None:
    """A recording that is finished and deleted during a conversion keeps no object (REL-18)."""
    objects.put(stopped, "capture.wav", sound(2))
    note(media, stopped, sound(2))

    def complete_and_delete() -> None:
        media.complete(stopped.parent, stopped.id)
        media.delete(stopped.parent, stopped.id)

    before(objects, operation, number, complete_and_delete)
    with suppress(NotFound, MediaMissing):  # not raised if the recording was completed before
        media.complete(stopped.parent, stopped.id)
    with pytest.raises(NotFound):
        media._recordings.get(stopped.parent, stopped.id)
    assert objects.names(stopped) == set()


@pytest.mark.parametrize("fault", ["busy", "broken", "refused", "lost"])
@pytest.mark.parametrize(("operation", "number"), REQUESTS)
def test_a_failed_conversion_can_be_repeated(
    media: Media, stopped: Recording, objects: Objects, operation: str, number: int, fault: str
) -> None:
    """After any failure of the bucket a repetition completes the recording in one version."""
    objects.put(stopped, "capture.wav", sound(2))
    note(media, stopped, sound(2))
    before(objects, operation, number, lambda: objects.faults.update({operation: fault}))
    with pytest.raises(StoreFailure):
        media.complete(stopped.parent, stopped.id)
    objects.forget()
    finished = media.complete(stopped.parent, stopped.id)
    assert (finished.status, finished.version) == ("completed", stopped.version + 1)
    assert objects.names(stopped) == {"original.wav", "original.mp3"}


# Late audio.


def test_a_timeout_keeps_audio_that_arrives(media: Media, given_up: Recording, stopped: Recording) -> None:
    """Giving up makes a recording absent with 16101, which the engine has not confirmed."""
    assert given_up == replace(
        stopped, status=RecordingStatus.ABSENT, updated=stopped.updated + 3_600, version=stopped.version + 1,
        duration=0, error=16101, given_up_at=stopped.updated + 3_600,
    )  # fmt: skip
    assert media.give_up(stopped.parent, stopped.id) == given_up


@pytest.mark.parametrize(("seconds", "is_accepted"), [(1, True), (14 * DAY - 1, True), (14 * DAY, False)])
def test_late_audio_revokes_absent(
    media: Media, given_up: Recording, stage: Stage, objects: Objects, seconds: int, *, is_accepted: bool
) -> None:
    """Audio of a recording that was given up completes it for 14 days (C-210)."""
    stage.clock.step(seconds)
    objects.put(given_up, "capture.wav", sound(2))
    if not is_accepted:
        with pytest.raises(NotEligibleForRecording):
            note(media, given_up, sound(2))
        assert media.complete(given_up.parent, given_up.id) == given_up
        return
    noted = note(media, given_up, sound(2))
    finished = media.complete(given_up.parent, given_up.id)
    version = given_up.version + 1
    assert finished == replace(
        noted, status=RecordingStatus.COMPLETED, updated=stage.clock.seconds, version=version,
        confirmed_version=version, duration=2, error=None,
    )  # fmt: skip
    assert objects.names(given_up) == {"original.wav", "original.mp3"}


@pytest.mark.parametrize("content", [SILENCE, sound(0.5)], ids=["silent", "short"])
def test_unusable_late_audio_changes_nothing_that_clients_see(
    media: Media, given_up: Recording, objects: Objects, content: bytes
) -> None:
    """Late audio that is silent or too short is deleted, and the recording stays absent for good."""
    objects.put(given_up, "capture.wav", content)
    noted = note(media, given_up, content)
    assert media.complete(given_up.parent, given_up.id) == replace(noted, given_up_at=None)
    assert objects.names(given_up) == set()
    assert media._recordings.get(given_up.parent, given_up.id) == replace(noted, given_up_at=None)


def test_an_absent_recording_of_the_engine_stays_absent(media: Media, stopped: Recording, objects: Objects) -> None:
    """Audio of a recording that the engine itself reported as absent is not noted, and is deleted."""
    absent = media.finish_without_media(stopped.parent, stopped.id, 16101)
    objects.put(stopped, "capture.wav", sound(2))
    with pytest.raises(NotEligibleForRecording):
        note(media, stopped, sound(2))
    assert media.complete(stopped.parent, stopped.id) == absent
    assert objects.names(stopped) == set()


def test_the_engine_can_make_a_timeout_final(media: Media, given_up: Recording, objects: Objects) -> None:
    """A report that there is no audio, after the timeout, makes `absent` final."""
    objects.put(given_up, "capture.wav", sound(2))
    final = media.finish_without_media(given_up.parent, given_up.id, 16101)
    assert final == replace(given_up, given_up_at=None)
    assert objects.names(given_up) == set()


def test_the_evidence_of_a_late_absence_is_kept(media: Media, given_up: Recording) -> None:
    """A report that there is no audio, after the timeout, stores its end of the evidence chain, if it is the latest."""
    ends = [EvidenceHead(3, "3" * 64), EvidenceHead(2, "2" * 64)]
    for end in ends:
        media.finish_without_media(given_up.parent, given_up.id, 16101, evidence=end)
    found = media._recordings.get(given_up.parent, given_up.id)
    assert found == replace(given_up, given_up_at=None, evidence_entries=3, evidence_head="3" * 64)


def test_audio_of_a_deleted_recording_is_deleted(media: Media, given_up: Recording, objects: Objects) -> None:
    """A capture that is reported after the deletion of its recording is deleted (REL-18)."""
    media.delete(given_up.parent, given_up.id)
    objects.put(given_up, "capture.wav", sound(2))
    with pytest.raises(NotFound):
        note(media, given_up, sound(2))
    assert objects.names(given_up) == set()


@pytest.mark.parametrize("is_uploaded", [True, False])
def test_adopts_a_capture_that_was_not_reported(
    media: Media, stopped: Recording, stage: Stage, objects: Objects, *, is_uploaded: bool
) -> None:
    """A capture whose report was lost is noted with the hash of the stored object."""
    if is_uploaded:
        objects.put(stopped, "capture.wav", sound(2))
    assert media.adopt_capture(stopped) == is_uploaded
    _, size, digest = ticket_of(stopped, sound(2))
    noted = replace(stopped, captured_at=stage.clock.seconds, capture_size=size, capture_sha256=digest)
    assert media._recordings.get(stopped.parent, stopped.id) == (noted if is_uploaded else stopped)
