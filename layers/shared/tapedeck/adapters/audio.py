"""Audio conversion: WAV with the standard library, MP3 with LAME, reading ten seconds at a time."""

import wave
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tapedeck.domain.errors import MediaMissing
from tapedeck.ports.media import AudioInfo

KILOBITS_PER_CHANNEL: Final = 32
"""Bit rate of an MP3, per channel (C-52)."""

SILENCE: Final = 64
"""The loudest sample, of 32,767, that counts as silence: about -54 dB, the idle noise of a telephone line (C-41)."""

RATES: Final = frozenset({8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
"""Sample rates, in hertz, that MP3 supports; telephony uses 8,000."""

_BYTES: Final = 2
_FRAMES_AT_ONCE: Final = 80_000
"""Ten seconds at 8,000 Hz."""

_STRIDE: Final = 97
"""Distance between the samples of a block that are looked at first: a prime, so that no common tone is missed."""

_LAME_QUALITY: Final = 7
"""LAME's quality setting: at telephony's sample rates a better one is not audible."""


class WavCodec:
    """`ports.media.Codec` for 16-bit WAV with one or two channels, at a sample rate that MP3 supports."""

    def probe(self, source: Path) -> AudioInfo:
        """Count the samples in the file; the header of a truncated capture claims more.

        Raises:
            MediaMissing: the file is not a supported WAV.
        """
        with _reading(source) as file:
            channels, values, is_silent = file.getnchannels(), 0, True
            for samples in _samples(file):
                values += len(samples)
                is_silent = is_silent and _is_silent(samples)
            return AudioInfo(values // channels * 1000 // file.getframerate(), channels, is_silent)

    def trim(self, source: Path, target: Path) -> Path:
        """Copy the audio without leading and trailing silence."""
        with _reading(source) as file:
            channels, first, last, place = file.getnchannels(), None, 0, 0
            for samples in _samples(file):
                if not _is_silent(samples):
                    if first is None:
                        first = place + _first_loud(samples) // channels
                    last = place + (len(samples) - 1 - _first_loud(samples[::-1])) // channels + 1
                place += len(samples) // channels
            file.setpos(first or 0)
            with _writing(target, file, channels) as written:
                left = last - (first or 0)
                while left > 0:
                    frames = file.readframes(min(left, _FRAMES_AT_ONCE))
                    written.writeframesraw(frames)
                    left -= len(frames) // (_BYTES * channels)
        return target

    def downmix(self, source: Path, target: Path) -> None:
        """Mix two channels into one, as their mean."""
        with _reading(source) as file, _writing(target, file, 1) as written:
            for samples in _samples(file):
                mixed = array(
                    "h", [(left + right) >> 1 for left, right in zip(samples[::2], samples[1::2], strict=True)]
                )
                written.writeframesraw(mixed.tobytes())

    def encode(self, source: Path, target: Path) -> None:
        """Encode as MP3 with the same sample rate and channels."""
        import lameenc  # noqa: PLC0415 - in a separate layer, attached only to functions that encode

        with _reading(source) as file, target.open("wb") as encoded:
            encoder = lameenc.Encoder()
            encoder.set_in_sample_rate(file.getframerate())
            encoder.set_out_sample_rate(file.getframerate())
            encoder.set_channels(file.getnchannels())
            encoder.set_bit_rate(KILOBITS_PER_CHANNEL * file.getnchannels())
            encoder.set_quality(_LAME_QUALITY)
            encoder.silence()
            for samples in _samples(file):
                encoded.write(encoder.encode(samples.tobytes()))
            encoded.write(encoder.flush())


@contextmanager
def _reading(source: Path) -> Iterator[wave.Wave_read]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(wave.open(str(source), "rb"))
        except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk is longer than the file
            raise MediaMissing from error
        if file.getsampwidth() != _BYTES or file.getnchannels() not in {1, 2} or file.getframerate() not in RATES:
            raise MediaMissing
        yield file


@contextmanager
def _writing(target: Path, like: wave.Wave_read, channels: int) -> Iterator[wave.Wave_write]:
    with wave.open(str(target), "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(_BYTES)
        written.setframerate(like.getframerate())
        yield written


def _samples(file: wave.Wave_read) -> Iterator["array[int]"]:
    """Read the samples from the current position in blocks; an incomplete last frame is dropped."""
    size = _BYTES * file.getnchannels()
    while frames := file.readframes(_FRAMES_AT_ONCE):
        yield array("h", frames[: len(frames) // size * size])


def _first_loud(samples: "array[int]") -> int:
    return next(at for at, sample in enumerate(samples) if abs(sample) > SILENCE)


def _is_silent(samples: "array[int]") -> bool:
    # Sound is found among a few samples: only near silence each of them has to be looked at.
    return not any(abs(sample) > SILENCE for sample in samples[::_STRIDE]) and (
        not samples or (max(samples) <= SILENCE and min(samples) >= -SILENCE)
    )
