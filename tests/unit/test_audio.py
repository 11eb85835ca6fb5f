"""Audio: measured, trimmed, mixed and encoded, whatever is in it (behaviour.md, sections 5.6 and 11)."""

import io
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapedeck.adapters import audio
from tapedeck.adapters.audio import KILOBITS_PER_CHANNEL, RATES, SILENCE, WavCodec
from tapedeck.domain.errors import MediaMissing
from tapedeck.ports.stores import AudioInfo
from tests.media import mp3_frames, samples_of

QUIET = st.integers(-SILENCE, SILENCE)
ANY = st.integers(-32_768, 32_767) | QUIET
FRAMES = st.integers(1, 2).flatmap(
    lambda channels: st.lists(st.lists(QUIET | ANY, min_size=channels, max_size=channels), max_size=60).map(
        lambda frames: (channels, frames)
    )
)
Frames = tuple[int, list[list[int]]]
CODEC = WavCodec()


def make(channels: int, frames: list[list[int]], rate: int = 8_000) -> bytes:
    """A WAV of these samples, frame by frame."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", [sample for frame in frames for sample in frame]).tobytes())
    return written.getvalue()


def frames_of(content: bytes) -> list[list[int]]:
    """The samples of a WAV, frame by frame."""
    return [list(frame) for frame in zip(*samples_of(content), strict=True)]


@contextmanager
def files(content: bytes, at_once: int = 7) -> Iterator[tuple[Path, Path]]:
    """A file with this content and one to be made; read a few frames at a time, so that little is much."""
    with TemporaryDirectory() as folder, patch.object(audio, "_FRAMES_AT_ONCE", at_once):
        source, target = Path(folder) / "source.wav", Path(folder) / "target"
        source.write_bytes(content)
        yield source, target


def is_quiet(frame: list[int]) -> bool:
    """Whether nobody hears it."""
    return all(abs(sample) <= SILENCE for sample in frame)


@given(audio=FRAMES, rate=st.sampled_from(sorted(RATES)))
@example(audio=(1, [[SILENCE]]), rate=8_000)
@example(audio=(1, [[-SILENCE]]), rate=8_000)
@example(audio=(1, [[SILENCE + 1]]), rate=8_000)
@example(audio=(1, [[-SILENCE - 1]]), rate=8_000)
@example(audio=(2, [[0, -32_768]]), rate=8_000)
def test_measures_what_is_there(audio: Frames, rate: int) -> None:
    """How long it is in whole milliseconds, its channels, and whether there is a sample that somebody hears."""
    channels, frames = audio
    with files(make(channels, frames, rate)) as (source, _):
        expected = AudioInfo(len(frames) * 1000 // rate, channels, all(map(is_quiet, frames)))
        assert CODEC.probe(source) == expected


@given(audio=FRAMES, missing=st.integers(0, 300))
def test_measures_no_more_than_is_there(audio: Frames, missing: int) -> None:
    """What was cut short ends where it ends, whatever its header promises; half a frame is none."""
    channels, frames = audio
    content = make(channels, frames * 20)
    cut = content[: max(44, len(content) - missing)]
    with files(cut) as (source, _):
        left = (len(cut) - 44) // (2 * channels)
        assert CODEC.probe(source) == AudioInfo(
            left * 1000 // 8_000, channels, all(map(is_quiet, (frames * 20)[:left]))
        )


@given(audio=FRAMES)
def test_trims_both_ends_and_nothing_else(audio: Frames) -> None:
    """What is left begins and ends with something loud, and is as it was in between; of silence nothing is left."""
    channels, frames = audio
    with files(make(channels, frames)) as (source, target):
        assert CODEC.trim(source, target) == target
        trimmed = frames_of(target.read_bytes())
        again = target.with_name("again")
        assert frames_of(CODEC.trim(target, again).read_bytes()) == trimmed
    loud = [place for place, frame in enumerate(frames) if not is_quiet(frame)]
    assert trimmed == (frames[loud[0] : loud[-1] + 1] if loud else [])


@given(frames=st.lists(st.tuples(ANY, ANY).map(list), max_size=60))
@example(frames=[[32_767, 32_767], [-32_768, -32_768], [32_767, -32_768], [1, 0], [-1, 0]])
def test_one_channel_is_the_mean_of_two(frames: list[list[int]]) -> None:
    """Rounded down, frame by frame; nothing overflows."""
    with files(make(2, frames)) as (source, target):
        CODEC.downmix(source, target)
        assert frames_of(target.read_bytes()) == [[(left + right) // 2] for left, right in frames]


@settings(max_examples=25)
@given(
    channels=st.integers(1, 2),
    milliseconds=st.integers(1_000, 4_000),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    at_once=st.sampled_from([1_000, 80_000]),
)
def test_an_mp3_lasts_as_long(channels: int, milliseconds: int, rate: int, at_once: int) -> None:
    """As many channels at the same rate, 32 kbit/s each, and at most two or three frames longer."""
    number = milliseconds * rate // 1000
    content = make(channels, [[place % 9_000] * channels for place in range(number)], rate)
    with files(content, at_once) as (source, target):
        CODEC.encode(source, target)
        frames = mp3_frames(target.read_bytes())
    assert set(frames) == {(KILOBITS_PER_CHANNEL * 1000 * channels, rate, channels)}
    samples = 1_152 if rate > 24_000 else 576
    assert number <= len(frames) * samples <= number + 4 * samples


@pytest.mark.parametrize("rate", sorted(RATES))
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_that_is_read_is_encoded(rate: int, channels: int) -> None:
    """What can be measured can become an MP3."""
    with files(make(channels, [[1] * channels] * rate, rate), 80_000) as (source, target):
        assert CODEC.probe(source) == AudioInfo(1_000, channels, is_silent=True)
        CODEC.encode(source, target)
        assert {frame[1] for frame in mp3_frames(target.read_bytes())} == {rate}


_GOOD = make(1, [[1_000]] * 20)


@given(
    content=st.binary(max_size=100)
    | st.binary(max_size=60).map(lambda rest: b"RIFF\x40\0\0\0WAVE" + rest)
    | st.builds(
        lambda place, byte: _GOOD[:place] + byte + _GOOD[place + 1 :],
        st.integers(0, 44),
        st.binary(min_size=1, max_size=1),
    )
    | st.integers(0, len(_GOOD)).map(lambda size: _GOOD[:size])
)
@settings(max_examples=300)
def test_garbage_is_told_as_such(content: bytes) -> None:
    """Whatever bytes come, they are audio or they are told to be none; nothing else happens."""
    with files(content) as (source, target):
        try:
            sound = CODEC.probe(source)
        except MediaMissing:
            for work in (CODEC.trim, CODEC.encode):
                with pytest.raises(MediaMissing):
                    work(source, target)
        else:
            assert sound.channels in {1, 2}
            CODEC.trim(source, target)
