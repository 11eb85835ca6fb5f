"""The end of a recording: from what was captured to media that can be fetched, or to nothing (section 5.6)."""

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
from tapedeck.http.endpoint import ApiServices
from tapedeck.operations.media import Media
from tapedeck_standin.telephony.audio import Part, make_wav
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, WireRequest
from tests.media import capture, mp3_frames, samples_of, sound

Make = Callable[..., Recording]

TRIMMED = "trim-silence"


def wav(*milliseconds: int, channels: int = 1) -> bytes:
    """Silence and sound in turn, beginning with silence."""
    parts = [Part(length, is_sound=place % 2 == 1) for place, length in enumerate(milliseconds)]
    return make_wav(parts, [True] * channels)


@pytest.fixture
def media(service: ApiServices) -> Media:
    """What finishes recordings."""
    return service.media()


@pytest.fixture
def make(stage: Stage, service: ApiServices, objects: Objects) -> Make:
    """Makes stopped recordings of which something was captured, four seconds ago."""

    def made(content: bytes | None, *, conference: bool = False, **fields: Any) -> Recording:
        parent = stage.conference() if conference else stage.call()
        recording = stage.recording(parent, "stopped", **fields)
        if content is not None:
            capture(service, recording, content)
        objects.requests.clear()
        stage.clock.step(4)
        return recording

    return made


def assert_absent(stage: Stage, objects: Objects, recording: Recording, finished: Recording, error: int) -> None:
    """It is absent for this reason, lasts no second, and nothing lies there of it."""
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
    """It has its duration, its capture as WAV to the byte, and an MP3 of 32 kbit/s a channel; no work is left.

    With a callback there is, until somebody has been told.
    """
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
    """To the nearest second, a half up, at least 1."""
    recording = make(wav(0, milliseconds))
    assert media.complete(recording.parent, recording.id).duration == duration


@pytest.mark.parametrize("content", [wav(0, 999), wav(999), wav(0, 1), wav(0)], ids=["almost", "silent", "1 ms", "0"])
def test_too_short_is_absent(media: Media, make: Make, stage: Stage, objects: Objects, content: bytes) -> None:
    """Below a second there is nothing worth keeping: 16101, silent or not."""
    recording = make(content)
    assert_absent(stage, objects, recording, media.complete(recording.parent, recording.id), 16101)


@pytest.mark.parametrize("trim", [TRIMMED, "do-not-trim"])
@pytest.mark.parametrize("channels", [1, 2])
def test_only_silence_is_absent(
    media: Media, make: Make, stage: Stage, objects: Objects, trim: str, channels: int
) -> None:
    """However long it is, and whether or not it should be trimmed: 16102."""
    recording = make(wav(5_000, channels=channels), trim=trim, channels=channels)
    assert_absent(stage, objects, recording, media.complete(recording.parent, recording.id), 16102)


def test_one_silent_channel_is_no_silence(media: Media, make: Make) -> None:
    """A track that nobody was to hear is silent, and the recording is not."""
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
    """`trim-silence` removes silence at the ends and none in between; the duration is what is left, in both forms."""
    recording = make(wav(*milliseconds), trim=TRIMMED)
    assert media.complete(recording.parent, recording.id).duration == duration
    (left,), (wanted,) = (samples_of(content) for content in (objects.get(recording, "original.wav"), wav(*kept)))
    # A tone begins and ends near silence: a sample or two of it go too.
    assert abs(len(left) - len(wanted)) <= 2
    assert min(abs(left[0]), abs(left[-1])) > 64
    frames = mp3_frames(objects.get(recording, "original.mp3"))
    assert duration <= len(frames) * 576 / 8_000 < duration + 0.3


def test_keeps_silence_where_nothing_is_trimmed(media: Media, make: Make, objects: Objects) -> None:
    """Without `trim-silence` the capture stays as it is, and its silence counts."""
    content = wav(1_000, 1_000, 2_000)
    recording = make(content)
    assert media.complete(recording.parent, recording.id).duration == 4
    assert objects.get(recording, "original.wav") == content


def test_trimmed_to_less_than_a_second_is_absent(media: Media, make: Make, stage: Stage, objects: Objects) -> None:
    """What is left after trimming counts: 16101."""
    recording = make(wav(3_000, 900, 3_000), trim=TRIMMED)
    assert_absent(stage, objects, recording, media.complete(recording.parent, recording.id), 16101)


@pytest.mark.parametrize(("asked", "captured"), [(1, 2), (2, 1)])
def test_tells_the_channels_that_were_captured(
    media: Media, make: Make, stage: Stage, asked: int, captured: int
) -> None:
    """A media engine that captures other channels than were asked for is believed: its audio has these."""
    recording = make(sound(1, captured), channels=asked)
    assert media.complete(recording.parent, recording.id).channels == captured
    assert stage.services.recordings.get(recording.parent, recording.id).channels == captured


def test_media_are_there_before_it_is_completed(media: Media, make: Make, objects: Objects, wire: Wire) -> None:
    """When the table is told that it is completed, its MP3 lies there: whoever reads the one can fetch the other."""
    recording = make(wav(500, 2_000), trim=TRIMMED)
    order: list[Any] = []

    def note(when: str, request: WireRequest) -> None:
        if when == "sent":
            order.append((request.operation, objects.names(recording)))

    objects.watchers.append(order.append)
    with wire.watched_by(note):
        media.complete(recording.parent, recording.id)
    both = {"original.wav", "original.mp3"}
    looked, written = ("GetItem", {"original.wav"}), ("UpdateItem", both)
    assert order == [looked, "GetObject", "PutObject", "PutObject", written]


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
def test_what_cannot_be_read_leaves_it_stopped(
    media: Media, make: Make, stage: Stage, objects: Objects, content: bytes | None, trim: str
) -> None:
    """Missing, empty and garbage captures are told; nothing changes, and a better capture completes it."""
    recording = make(content, trim=trim)
    before = stage.partition(recording.parent), objects.names(recording)
    for _ in range(2):
        with pytest.raises(MediaMissing):
            media.complete(recording.parent, recording.id)
        assert (stage.partition(recording.parent), objects.names(recording)) == before
    capture(stage.services, recording, sound(2))
    assert media.complete(recording.parent, recording.id).duration == 2


def test_a_capture_that_was_cut_short_lasts_as_long_as_it_does(media: Media, make: Make) -> None:
    """What its header promises beyond that does not count."""
    recording = make(sound(10)[: 44 + 2 * 8_000 * 3 + 1])
    assert media.complete(recording.parent, recording.id).duration == 3


# Repetitions.


@pytest.mark.parametrize("content", [sound(2), wav(0, 500), wav(3_000)], ids=["sound", "short", "silence"])
def test_a_repetition_changes_nothing(
    media: Media, make: Make, stage: Stage, objects: Objects, wire: Wire, content: bytes
) -> None:
    """What is finished stays as it is, in one read, however often it is finished again."""
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
def test_two_completions_at_once_are_one(
    media: Media, make: Make, stage: Stage, objects: Objects, content: bytes, operation: str
) -> None:
    """Whoever comes second finds it finished, as its own would have been: one version."""
    recording = make(content, trim=TRIMMED)
    answered = []
    objects.meanwhile[operation] = lambda: answered.append(media.complete(recording.parent, recording.id))
    try:
        answered.append(media.complete(recording.parent, recording.id))
    except MediaMissing:
        # The other one found nothing worth keeping, and has taken it away: a repetition finds it absent.
        answered.append(media.complete(recording.parent, recording.id))
    assert len({each.status for each in answered}) == 1
    found = stage.services.recordings.get(recording.parent, recording.id)
    assert answered[-1] == found
    assert found.version == recording.version + 1
    assert objects.names(recording) == ({"original.wav", "original.mp3"} if found.duration else set())


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_what_is_deleted_meanwhile_stays_deleted(media: Media, make: Make, objects: Objects, operation: str) -> None:
    """A slow second completion of what was completed and deleted meanwhile leaves nothing behind (R18)."""
    recording = make(wav(500, 2_000, 500), trim=TRIMMED)

    def complete_and_delete() -> None:
        media.complete(recording.parent, recording.id)
        media.delete(recording.parent, recording.id)

    objects.meanwhile[operation] = complete_and_delete
    with pytest.raises((NotFound, MediaMissing)):
        media.complete(recording.parent, recording.id)
    assert objects.names(recording) == set()


# Faults.


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
def test_a_bucket_that_fails_can_be_asked_again(
    media: Media,
    make: Make,
    stage: Stage,
    objects: Objects,
    content: bytes,
    operation: str,
    fault: str,
    error: type[TapedeckError],
) -> None:
    """Wherever it fails, a repetition ends as it would have without the fault, with one change of the recording."""
    recording, untroubled = make(content, trim=TRIMMED), make(content, trim=TRIMMED)
    expected = media.complete(untroubled.parent, untroubled.id)
    objects.faults[operation] = fault
    with pytest.raises(error):
        media.complete(recording.parent, recording.id)
    objects.faults.clear()
    finished = media.complete(recording.parent, recording.id)
    assert _outcome(finished) == _outcome(expected)
    assert finished == stage.services.recordings.get(recording.parent, recording.id)
    assert objects.names(recording) == objects.names(untroubled)
    for name in objects.names(recording):
        assert objects.get(recording, name) == objects.get(untroubled, name)


@pytest.mark.parametrize("content", [wav(500, 2_000), wav(0, 500)], ids=["sound", "short"])
def test_a_table_that_fails_can_be_asked_again(
    media: Media, make: Make, objects: Objects, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Until it is written as finished it is stopped, its capture stays, and the whole can be repeated."""
    recording = make(content, trim=TRIMMED)

    def refuse(*_: object, **_named: object) -> Recording:
        raise StoreBusy

    with monkeypatch.context() as patched:
        patched.setattr(media._store, "finish_recording", refuse)
        with pytest.raises(StoreBusy):
            media.complete(recording.parent, recording.id)
    assert "original.wav" in objects.names(recording)
    status = "completed" if len(content) > 20_000 else "absent"
    assert media.complete(recording.parent, recording.id).status == status


def _outcome(recording: Recording) -> tuple[object, ...]:
    """What becomes of a recording, whichever it is."""
    return recording.status, recording.version, recording.duration, recording.error, recording.channels


# What is not to be finished.


@pytest.mark.parametrize("status", ["in-progress", "paused"])
def test_what_is_captured_still_is_not_finished(
    media: Media, stage: Stage, objects: Objects, service: ApiServices, status: str
) -> None:
    """Neither completed nor given up, and its capture stays."""
    recording = stage.recording(stage.call(), status)
    capture(service, recording, sound(2))
    before = stage.partition(recording.parent)
    with pytest.raises(NotEligibleForRecording):
        media.complete(recording.parent, recording.id)
    with pytest.raises(NotEligibleForRecording):
        media.finish_without_media(recording.parent, recording.id, 16101)
    assert stage.partition(recording.parent) == before
    assert objects.names(recording) == {"original.wav"}


def test_what_is_not_there_is_not_finished(media: Media, stage: Stage) -> None:
    """An unknown recording and a deleted one are not found."""
    deleted = stage.delete(stage.recording(stage.call(), "completed"))
    for recording in (deleted.id, "0" * 32):
        for finish in (media.complete, lambda parent, each: media.finish_without_media(parent, each, 16101)):
            with pytest.raises(NotFound):
                finish(deleted.parent, recording)


# Given up.


def test_what_is_given_up_is_absent(media: Media, make: Make, stage: Stage, objects: Objects) -> None:
    """A stopped recording that nobody can complete is absent, and so is whatever was captured."""
    recording = make(b"garbage")
    finished = media.finish_without_media(recording.parent, recording.id, 16101)
    assert_absent(stage, objects, recording, finished, 16101)
    stage.clock.step(60)
    assert media.finish_without_media(recording.parent, recording.id, 16102) == finished
    assert media.complete(recording.parent, recording.id) == finished


def test_what_is_completed_is_not_given_up(media: Media, make: Make, objects: Objects) -> None:
    """Whoever gives up too late leaves its media alone."""
    recording = make(sound(2))
    media.complete(recording.parent, recording.id)
    with pytest.raises(NotEligibleForRecording):
        media.finish_without_media(recording.parent, recording.id, 16101)
    assert objects.names(recording) == {"original.wav", "original.mp3"}


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_what_is_given_up_meanwhile_is_not_completed(
    media: Media, make: Make, objects: Objects, operation: str
) -> None:
    """A completion that comes second to that leaves nothing behind."""
    recording = make(wav(500, 2_000), trim=TRIMMED)
    objects.meanwhile[operation] = lambda: media.finish_without_media(recording.parent, recording.id, 16101)
    with pytest.raises((NotEligibleForRecording, MediaMissing)):
        media.complete(recording.parent, recording.id)
    assert objects.names(recording) == set()
