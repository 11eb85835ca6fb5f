"""Completing a recording turns its capture into downloadable media, or makes the recording absent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.domain.errors import (
    MediaMissing,
    NotEligibleForRecording,
    NotFound,
    StoreBusy,
    StoreUnavailable,
    TapedeckError,
)
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.http.services import ApiServices
from tapedeck.operations.media import Media
from tapedeck_standin.recordings.audio import Part, make_wav
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, WireRequest
from tests.media import capture, mp3_frames, samples_of, sound

Make = Callable[..., Recording]

TRIMMED = "trim-silence"


def wav(*milliseconds: int, channels: int = 1) -> bytes:
    """Build a WAV of silence and sound in turn, beginning with silence."""
    parts = [Part(length, is_sound=place % 2 == 1) for place, length in enumerate(milliseconds)]
    return make_wav(parts, [True] * channels)


@pytest.fixture
def media(service: ApiServices) -> Media:
    """The service that completes recordings."""
    return service.media


@pytest.fixture
def make(stage: Stage, service: ApiServices, objects: Objects) -> Make:
    """Creates stopped recordings with this capture, which ended four seconds ago."""

    def made(content: bytes | None, *, conference: bool = False, **fields: Any) -> Recording:
        parent = stage.conference() if conference else stage.call()
        recording = stage.recording(parent, "stopped", **fields)
        if content is not None:
            recording = capture(service, recording, content)
        objects.requests.clear()
        stage.clock.step(4)
        return recording

    return made


def assert_absent(stage: Stage, objects: Objects, recording: Recording, finished: Recording, error: int) -> None:
    """Assert that the recording is absent with this error and no duration, and that its objects are deleted."""
    assert finished == replace(
        recording,
        status=RecordingStatus.ABSENT,
        updated=stage.clock.seconds,
        version=recording.version + 1,
        confirmed_version=recording.version + 1,
        duration=0,
        error=error,
    )
    assert finished == stage.services.recordings.get(recording.parent, recording.id)
    assert objects.names(recording) == set()


@pytest.mark.parametrize("conference", [True, False])
@pytest.mark.parametrize("channels", [1, 2])
def test_completes_a_recording(
    media: Media, make: Make, stage: Stage, objects: Objects, channels: int, *, conference: bool
) -> None:
    """A recording gets its duration, its WAV unchanged and an MP3 of 32 kbit/s per channel, and is not pending."""
    recording = make(sound(2, channels), conference=conference, channels=channels)
    finished = media.complete(recording.parent, recording.id)
    now, version = stage.clock.seconds, recording.version + 1
    assert finished == replace(
        recording, status=RecordingStatus.COMPLETED, updated=now, version=version, confirmed_version=version, duration=2
    )
    assert finished == stage.services.recordings.get(recording.parent, recording.id)
    assert not {"work", "work_at"} & stage.item(items.recording_key(recording.parent, recording.id)).keys()
    assert objects.names(recording) == {"original.wav", "original.mp3"}
    assert objects.get(recording, "original.wav") == sound(2, channels)
    frames = mp3_frames(objects.get(recording, "original.mp3"))
    assert set(frames) == {(32_000 * channels, 8_000, channels)}
    assert 2 <= len(frames) * 576 / 8_000 < 2.3


@pytest.mark.parametrize(
    ("milliseconds", "duration"), [(1_000, 1), (1_001, 1), (1_499, 1), (1_500, 2), (2_499, 2), (2_500, 3)]
)
def test_rounds_the_duration(media: Media, make: Make, milliseconds: int, duration: int) -> None:
    """The duration is rounded half up to seconds, and is at least 1 (C-42)."""
    recording = make(wav(0, milliseconds))
    assert media.complete(recording.parent, recording.id).duration == duration


@pytest.mark.parametrize("content", [wav(0, 999), wav(999), wav(0, 1), wav(0)], ids=["almost", "silent", "1 ms", "0"])
def test_a_too_short_capture_is_absent(
    media: Media, make: Make, stage: Stage, objects: Objects, content: bytes
) -> None:
    """A capture of less than a second is absent with error 16101, silent or not (C-40)."""
    recording = make(content)
    assert_absent(stage, objects, recording, media.complete(recording.parent, recording.id), 16101)


@pytest.mark.parametrize("trim", [TRIMMED, "do-not-trim"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_silent_capture_is_absent(
    media: Media, make: Make, stage: Stage, objects: Objects, trim: str, channels: int
) -> None:
    """A silent capture is absent with error 16102, with and without trimming (C-41)."""
    recording = make(wav(5_000, channels=channels), trim=trim, channels=channels)
    assert_absent(stage, objects, recording, media.complete(recording.parent, recording.id), 16102)


def test_one_silent_channel_is_allowed(media: Media, make: Make) -> None:
    """A recording with one silent channel is completed."""
    recording = make(make_wav([Part(2_000, is_sound=True)], [True, False]), channels=2, track="inbound")
    assert media.complete(recording.parent, recording.id).status is RecordingStatus.COMPLETED


@pytest.mark.parametrize(
    ("milliseconds", "kept", "duration"),
    [
        ((3_000, 2_000), (0, 2_000), 2),
        ((0, 2_000, 3_000), (0, 2_000), 2),
        ((1_000, 2_000, 1_000), (0, 2_000), 2),
        ((1_000, 1_000, 3_000, 1_000, 500), (0, 1_000, 3_000, 1_000), 5),
        ((0, 2_000), (0, 2_000), 2),
    ],
)
def test_trims_both_ends(
    media: Media,
    make: Make,
    objects: Objects,
    milliseconds: Sequence[int],
    kept: Sequence[int],
    duration: int,
) -> None:
    """`trim-silence` removes silence at both ends only; the duration is that of the trimmed audio."""
    recording = make(wav(*milliseconds), trim=TRIMMED)
    assert media.complete(recording.parent, recording.id).duration == duration
    (left,), (wanted,) = (samples_of(content) for content in (objects.get(recording, "original.wav"), wav(*kept)))
    # A tone begins and ends near silence, so trimming may remove a sample or two of it.
    assert abs(len(left) - len(wanted)) <= 2
    assert min(abs(left[0]), abs(left[-1])) > 64
    frames = mp3_frames(objects.get(recording, "original.mp3"))
    assert duration <= len(frames) * 576 / 8_000 < duration + 0.3


def test_keeps_silence_without_trimming(media: Media, make: Make, objects: Objects) -> None:
    """Without `trim-silence` the capture is unchanged, and silence counts towards the duration."""
    content = wav(1_000, 1_000, 2_000)
    recording = make(content)
    assert media.complete(recording.parent, recording.id).duration == 4
    assert objects.get(recording, "original.wav") == content


def test_trimmed_to_less_than_a_second_is_absent(media: Media, make: Make, stage: Stage, objects: Objects) -> None:
    """Audio of less than a second after trimming is absent with error 16101."""
    recording = make(wav(3_000, 900, 3_000), trim=TRIMMED)
    assert_absent(stage, objects, recording, media.complete(recording.parent, recording.id), 16101)


@pytest.mark.parametrize(("requested", "captured"), [(1, 2), (2, 1)])
def test_stores_the_captured_channels(media: Media, make: Make, stage: Stage, requested: int, captured: int) -> None:
    """The number of channels is that of the capture, not of the request."""
    recording = make(sound(1, captured), channels=requested)
    assert media.complete(recording.parent, recording.id).channels == captured
    assert stage.services.recordings.get(recording.parent, recording.id).channels == captured


def test_stores_media_before_the_status(media: Media, make: Make, objects: Objects, wire: Wire) -> None:
    """The MP3 is in the bucket before the table says that the recording is completed."""
    recording = make(wav(500, 2_000), trim=TRIMMED)
    order: list[Any] = []

    def note(when: str, request: WireRequest) -> None:
        if when == "sent":
            order.append((request.operation, objects.names(recording)))

    objects.watchers.append(order.append)
    with wire.watched_by(note):
        media.complete(recording.parent, recording.id)
    all_three = {"capture.wav", "original.wav", "original.mp3"}
    read, written = ("GetItem", {"capture.wav"}), ("UpdateItem", all_three)
    assert order == [read, "GetObject", "PutObject", "PutObject", written, "PutObject"]


GARBAGE = {
    "nothing": None,
    "empty": b"",
    "a few bytes": b"RIFF",
    "a header only": sound(1)[:44][:20],
    "no audio": b"\0" * 4_000,
    "text": b"<html>not found</html>" * 100,
    "8 bits": sound(1)[:34] + b"\x08\0" + sound(1)[36:],
    "three channels": sound(1)[:22] + b"\x03\0" + sound(1)[24:],
    "compressed": sound(1)[:20] + b"\x06\0" + sound(1)[22:],
    "at no rate": sound(1)[:24] + bytes(4) + sound(1)[28:],
    "at an odd rate": sound(1)[:24] + (7_999).to_bytes(4, "little") + sound(1)[28:],
    "an MP3": b"\xff\xe3\x48\xc4" * 1_000,
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize("trim", [TRIMMED, "do-not-trim"])
def test_an_unreadable_capture_changes_nothing(
    media: Media, make: Make, stage: Stage, objects: Objects, content: bytes | None, trim: str
) -> None:
    """A missing or unreadable capture raises and changes nothing, and a valid capture then completes the recording."""
    recording = make(content, trim=trim)
    before = stage.partition(recording.parent), objects.names(recording)
    for _ in range(2):
        with pytest.raises(MediaMissing):
            media.complete(recording.parent, recording.id)
        assert (stage.partition(recording.parent), objects.names(recording)) == before
    capture(stage.services, recording, sound(2))
    assert media.complete(recording.parent, recording.id).duration == 2


def test_a_truncated_capture_has_its_real_duration(media: Media, make: Make) -> None:
    """The duration is that of the samples, not of the WAV header."""
    recording = make(sound(10)[: 44 + 2 * 8_000 * 3 + 1])
    assert media.complete(recording.parent, recording.id).duration == 3


# Repetition and concurrency.


@pytest.mark.parametrize("content", [sound(2), wav(0, 500), wav(3_000)], ids=["sound", "short", "silence"])
def test_repeating_a_completion_changes_nothing(
    media: Media, make: Make, stage: Stage, objects: Objects, wire: Wire, content: bytes
) -> None:
    """Completing a finished recording again costs one read and changes nothing."""
    recording = make(content, trim=TRIMMED)
    finished = media.complete(recording.parent, recording.id)
    before, names = stage.partition(recording.parent), objects.names(recording)
    stage.clock.step(60)
    for _ in range(2):
        wire.all.clear()
        assert media.complete(recording.parent, recording.id) == finished
        assert wire.recordings == ["GetItem"]
    assert (stage.partition(recording.parent), objects.names(recording)) == (before, names)


@pytest.mark.parametrize("content", [wav(500, 2_000, 500), wav(0, 500)], ids=["sound", "short"])
@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_concurrent_completions_have_one_result(
    media: Media, make: Make, stage: Stage, objects: Objects, content: bytes, operation: str
) -> None:
    """Concurrent completions result in one version with the same status."""
    recording = make(content, trim=TRIMMED)
    answered = []
    objects.meanwhile[operation] = lambda: answered.append(media.complete(recording.parent, recording.id))
    try:
        answered.append(media.complete(recording.parent, recording.id))
    except MediaMissing:
        # The other completion deleted the capture as too short: a repetition finds the recording absent.
        answered.append(media.complete(recording.parent, recording.id))
    assert len({each.status for each in answered}) == 1
    found = stage.services.recordings.get(recording.parent, recording.id)
    assert answered[-1] == found
    assert found.version == recording.version + 1
    assert objects.names(recording) == ({"original.wav", "original.mp3"} if found.duration else set())


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_a_concurrent_deletion_leaves_no_media(media: Media, make: Make, objects: Objects, operation: str) -> None:
    """A completion that overlaps with the deletion of the recording leaves no objects (REL-18)."""
    recording = make(wav(500, 2_000, 500), trim=TRIMMED)

    def complete_and_delete() -> None:
        media.complete(recording.parent, recording.id)
        media.delete(recording.parent, recording.id)

    objects.meanwhile[operation] = complete_and_delete
    with pytest.raises((NotFound, MediaMissing)):
        media.complete(recording.parent, recording.id)
    assert objects.names(recording) == set()


# Failures.


@pytest.mark.parametrize(
    ("fault", "error"),
    [("busy", StoreBusy), ("broken", StoreUnavailable), ("refused", StoreUnavailable), ("lost", StoreUnavailable)],
)
@pytest.mark.parametrize(
    ("content", "operation"),
    [
        (wav(500, 2_000), "GetObject"),
        (wav(500, 2_000), "PutObject"),
        (wav(0, 500), "GetObject"),
        (wav(0, 500), "DeleteObjects"),
        (wav(2_000), "DeleteObjects"),
    ],
    ids=["read", "write", "read short", "delete short", "delete silence"],
)
def test_can_be_repeated_after_a_bucket_failure(
    media: Media,
    make: Make,
    stage: Stage,
    objects: Objects,
    content: bytes,
    operation: str,
    fault: str,
    error: type[TapedeckError],
) -> None:
    """After a failure of the bucket, a repetition has the usual result with one change of the recording."""
    recording, reference = make(content, trim=TRIMMED), make(content, trim=TRIMMED)
    expected = media.complete(reference.parent, reference.id)
    objects.faults[operation] = fault
    with pytest.raises(error):
        media.complete(recording.parent, recording.id)
    objects.faults.clear()
    finished = media.complete(recording.parent, recording.id)
    assert _outcome(finished) == _outcome(expected)
    assert finished == stage.services.recordings.get(recording.parent, recording.id)
    assert objects.names(recording) == objects.names(reference)
    for name in objects.names(recording):
        assert objects.get(recording, name) == objects.get(reference, name)


@pytest.mark.parametrize("content", [wav(500, 2_000), wav(0, 500)], ids=["sound", "short"])
def test_can_be_repeated_after_a_table_failure(
    media: Media, make: Make, objects: Objects, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """After a failure of the table the capture still exists, and a repetition finishes the recording."""
    recording = make(content, trim=TRIMMED)

    def refuse(*_: object, **_named: object) -> Recording:
        raise StoreBusy

    with monkeypatch.context() as patched:
        patched.setattr(media._store, "finish_recording", refuse)
        with pytest.raises(StoreBusy):
            media.complete(recording.parent, recording.id)
    assert "capture.wav" in objects.names(recording)
    status = "completed" if len(content) > 20_000 else "absent"
    assert media.complete(recording.parent, recording.id).status == status


def _outcome(recording: Recording) -> tuple[object, ...]:
    """Return the fields that do not depend on the identity of the recording."""
    return recording.status, recording.version, recording.duration, recording.error, recording.channels


# Refused.


@pytest.mark.parametrize("status", ["in-progress", "paused"])
def test_refuses_a_running_recording(
    media: Media, stage: Stage, objects: Objects, service: ApiServices, status: str
) -> None:
    """A running recording is neither completed nor made absent, and its capture is unchanged."""
    recording = capture(service, stage.recording(stage.call(), status), sound(2))
    assert recording.captured_at is None
    before = stage.partition(recording.parent)
    with pytest.raises(NotEligibleForRecording):
        media.complete(recording.parent, recording.id)
    with pytest.raises(NotEligibleForRecording):
        media.finish_without_media(recording.parent, recording.id, 16101)
    assert stage.partition(recording.parent) == before
    assert objects.names(recording) == {"capture.wav"}


def test_refuses_an_unknown_or_deleted_recording(media: Media, stage: Stage) -> None:
    """An unknown or deleted recording is not found."""
    deleted = stage.delete(stage.recording(stage.call(), "completed"))
    for recording in (deleted.id, "0" * 32):
        for finish in (media.complete, lambda parent, each: media.finish_without_media(parent, each, 16101)):
            with pytest.raises(NotFound):
                finish(deleted.parent, recording)


# Without media.


def test_finishes_without_media(media: Media, make: Make, stage: Stage, objects: Objects) -> None:
    """A recording that is finished without media is absent, and its capture is deleted."""
    recording = make(b"garbage")
    finished = media.finish_without_media(recording.parent, recording.id, 16101)
    assert_absent(stage, objects, recording, finished, 16101)
    stage.clock.step(60)
    assert media.finish_without_media(recording.parent, recording.id, 16102) == finished
    assert media.complete(recording.parent, recording.id) == finished


def test_a_completed_recording_keeps_its_media(media: Media, make: Make, objects: Objects) -> None:
    """A completed recording cannot be finished without media."""
    recording = make(sound(2))
    media.complete(recording.parent, recording.id)
    with pytest.raises(NotEligibleForRecording):
        media.finish_without_media(recording.parent, recording.id, 16101)
    assert objects.names(recording) == {"original.wav", "original.mp3"}


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_concurrent_finish_without_media_leaves_no_objects(
    media: Media, make: Make, objects: Objects, operation: str
) -> None:
    """A completion that overlaps with a finish without media leaves no objects."""
    recording = make(wav(500, 2_000), trim=TRIMMED)
    objects.meanwhile[operation] = lambda: media.finish_without_media(recording.parent, recording.id, 16101)
    with pytest.raises((NotEligibleForRecording, MediaMissing)):
        media.complete(recording.parent, recording.id)
    assert objects.names(recording) == set()
