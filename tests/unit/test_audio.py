"""The WAV codec: probes, trims, downmixes and encodes any content, and rejects malformed files."""

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
from tapedeck.ports.media import AudioInfo
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
    """Return a WAV file with these samples, frame by frame."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", [sample for frame in frames for sample in frame]).tobytes())
    return written.getvalue()


def frames_of(content: bytes) -> list[list[int]]:
    """Return the samples of a WAV file, frame by frame."""
    return [list(frame) for frame in zip(*samples_of(content), strict=True)]


@contextmanager
def files(content: bytes, at_once: int = 7) -> Iterator[tuple[Path, Path]]:
    """Yield a source file with this content and a target path; a small read size exercises chunked reading."""
    with TemporaryDirectory() as folder, patch.object(audio, "_FRAMES_AT_ONCE", at_once):
        source, target = Path(folder) / "source.wav", Path(folder) / "target"
        source.write_bytes(content)
        yield source, target


def is_quiet(frame: list[int]) -> bool:
    """Return whether every sample of the frame is below the silence threshold."""
    return all(abs(sample) <= SILENCE for sample in frame)


@settings(deadline=None)
@given(audio=FRAMES, rate=st.sampled_from(sorted(RATES)))
@example(audio=(1, [[SILENCE]]), rate=8_000)
@example(audio=(1, [[-SILENCE]]), rate=8_000)
@example(audio=(1, [[SILENCE + 1]]), rate=8_000)
@example(audio=(1, [[-SILENCE - 1]]), rate=8_000)
@example(audio=(2, [[0, -32_768]]), rate=8_000)
def test_probe_reports_duration_channels_and_silence(audio: Frames, rate: int) -> None:
    """Probing reports whole milliseconds, the channels, and whether all samples are silent."""
    channels, frames = audio
    with files(make(channels, frames, rate)) as (source, _):
        expected = AudioInfo(len(frames) * 1000 // rate, channels, all(map(is_quiet, frames)))
        assert CODEC.probe(source) == expected


@settings(deadline=None)
@given(audio=FRAMES, missing=st.integers(0, 300))
def test_probe_ignores_the_length_in_the_header(audio: Frames, missing: int) -> None:
    """A truncated file is measured by its actual length; an incomplete last frame is ignored."""
    channels, frames = audio
    content = make(channels, frames * 20)
    cut = content[: max(44, len(content) - missing)]
    with files(cut) as (source, _):
        left = (len(cut) - 44) // (2 * channels)
        assert CODEC.probe(source) == AudioInfo(
            left * 1000 // 8_000, channels, all(map(is_quiet, (frames * 20)[:left]))
        )


@settings(deadline=None)
@given(audio=FRAMES)
def test_trims_silence_at_both_ends_only(audio: Frames) -> None:
    """Trimming removes silence at both ends, keeps the frames between, and is idempotent; silence becomes empty."""
    channels, frames = audio
    with files(make(channels, frames)) as (source, target):
        assert CODEC.trim(source, target) == target
        trimmed = frames_of(target.read_bytes())
        again = target.with_name("again")
        assert frames_of(CODEC.trim(target, again).read_bytes()) == trimmed
    loud = [index for index, frame in enumerate(frames) if not is_quiet(frame)]
    assert trimmed == (frames[loud[0] : loud[-1] + 1] if loud else [])


@settings(deadline=None)
@given(frames=st.lists(st.tuples(ANY, ANY).map(list), max_size=60))
@example(frames=[[32_767, 32_767], [-32_768, -32_768], [32_767, -32_768], [1, 0], [-1, 0]])
def test_downmix_averages_two_channels(frames: list[list[int]]) -> None:
    """Downmixing averages each frame, rounded down, without overflow."""
    with files(make(2, frames)) as (source, target):
        CODEC.downmix(source, target)
        assert frames_of(target.read_bytes()) == [[(left + right) // 2] for left, right in frames]


@settings(max_examples=25, deadline=None)
@given(
    channels=st.integers(1, 2),
    milliseconds=st.integers(1_000, 4_000),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    at_once=st.sampled_from([1_000, 80_000]),
)
def test_mp3_keeps_duration_rate_and_channels(channels: int, milliseconds: int, rate: int, at_once: int) -> None:
    """An MP3 keeps channels and sample rate at 32 kbit/s per channel, and is at most a few frames longer."""
    number = milliseconds * rate // 1000
    content = make(channels, [[index % 9_000] * channels for index in range(number)], rate)
    with files(content, at_once) as (source, target):
        CODEC.encode(source, target)
        frames = mp3_frames(target.read_bytes())
    assert set(frames) == {(KILOBITS_PER_CHANNEL * 1000 * channels, rate, channels)}
    samples = 1_152 if rate > 24_000 else 576
    assert number <= len(frames) * samples <= number + 4 * samples


@pytest.mark.parametrize("rate", sorted(RATES))
@pytest.mark.parametrize("channels", [1, 2])
def test_encodes_every_supported_rate(rate: int, channels: int) -> None:
    """Every sample rate that can be probed can be encoded as MP3."""
    with files(make(channels, [[1] * channels] * rate, rate), 80_000) as (source, target):
        assert CODEC.probe(source) == AudioInfo(1_000, channels, is_silent=True)
        CODEC.encode(source, target)
        assert {frame[1] for frame in mp3_frames(target.read_bytes())} == {rate}


_VALID_WAV = make(1, [[1_000]] * 20)


@given(
    content=st.binary(max_size=100)
    | st.binary(max_size=60).map(lambda rest: b"RIFF\x40\0\0\0WAVE" + rest)
    | st.builds(
        lambda index, byte: _VALID_WAV[:index] + byte + _VALID_WAV[index + 1 :],
        st.integers(0, 44),
        st.binary(min_size=1, max_size=1),
    )
    | st.integers(0, len(_VALID_WAV)).map(lambda size: _VALID_WAV[:size])
)
@settings(max_examples=300, deadline=None)
def test_malformed_files_raise_media_missing(content: bytes) -> None:
    """Any bytes are either valid audio or raise `MediaMissing`; no other error occurs."""
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
