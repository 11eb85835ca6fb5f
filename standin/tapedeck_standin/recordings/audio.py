"""The audio of simulated recordings: a tone for captured sound, silence for replaced sound."""

import math
import wave
from array import array
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

RATE: Final = 8_000
"""Samples per second: telephony's 8 kHz."""

TONES: Final = (400, 500)
"""Hertz per channel; whole numbers, so that one second can be repeated without a click."""

MAX_SECONDS: Final = 3600
"""The maximum length of a capture (C-117); the clock may be advanced by years."""

_AMPLITUDE: Final = 8_000
"""Of 32,767, the maximum of 16 bits."""
_BYTES_PER_SAMPLE: Final = 2
_SAMPLES_PER_MILLISECOND: Final = RATE // 1000


class Part(NamedTuple):
    """A stretch of a recording, and whether there is sound in it."""

    milliseconds: int
    is_sound: bool


def make_wav(parts: Sequence[Part], audible_channels: Sequence[bool]) -> bytes:
    """Return the bytes that `write_wav` writes."""
    written = BytesIO()
    write_wav(written, parts, audible_channels)
    return written.getvalue()


def write_wav(target: Path | BytesIO, parts: Sequence[Part], audible_channels: Sequence[bool]) -> None:
    """Write a WAV, 8 kHz, 16 bit, of at most MAX_SECONDS.

    Args:
        target: the file.
        parts: the stretches in order.
        audible_channels: for each channel, whether it has sound; otherwise it is silent.
    """
    seconds = {True: _second(tuple(audible_channels)), False: bytes(RATE * _BYTES_PER_SAMPLE * len(audible_channels))}
    left = MAX_SECONDS * 1000
    with wave.open(str(target) if isinstance(target, Path) else target, "wb") as file:
        file.setnchannels(len(audible_channels))
        file.setsampwidth(_BYTES_PER_SAMPLE)
        file.setframerate(RATE)
        for part in parts:
            second = seconds[part.is_sound]
            milliseconds = min(part.milliseconds, left)
            left -= milliseconds
            whole, rest = divmod(
                milliseconds * _SAMPLES_PER_MILLISECOND * _BYTES_PER_SAMPLE * len(audible_channels), len(second)
            )
            for _ in range(whole):
                file.writeframesraw(second)
            file.writeframesraw(second[:rest])


@cache
def _second(audible_channels: tuple[bool, ...]) -> bytes:
    """Return one second of tones, with interleaved channels; computed once, since every capture repeats it."""
    samples = array("h")
    for frame in range(RATE):
        for tone, is_audible in zip(TONES, audible_channels, strict=False):
            level = math.sin(2 * math.pi * tone * frame / RATE) if is_audible else 0
            samples.append(round(_AMPLITUDE * level))
    return samples.tobytes()
