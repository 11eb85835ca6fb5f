"""What a simulated recording sounds like: a tone while something is captured, nothing while it is not."""

import math
import wave
from array import array
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

RATE: Final = 8_000
"""Frames a second, as telephony has them (behaviour.md, section 11)."""

TONES: Final = (400, 500)
"""Hertz of the two channels; both divide the rate, so that a second of each can be repeated without a click."""

MAX_SECONDS: Final = 3600
"""After which nothing more is captured: a clock may be put forward by years."""

_LOUDNESS: Final = 8_000
_BYTES: Final = 2
_PER_MILLISECOND: Final = RATE // 1000


class Part(NamedTuple):
    """A stretch of a recording, and whether there is sound in it."""

    milliseconds: int
    is_sound: bool


def make_wav(parts: Sequence[Part], engine_event: Sequence[bool]) -> bytes:
    """What `write_wav` writes, as bytes."""
    written = BytesIO()
    write_wav(written, parts, engine_event)
    return written.getvalue()


def write_wav(target: Path | BytesIO, parts: Sequence[Part], engine_event: Sequence[bool]) -> None:
    """Write a WAV, 8 kHz, 16 bit, of at most MAX_SECONDS.

    Args:
        target: where to.
        parts: one after another.
        engine_event: a channel each, and whether anything is ever heard in it.
    """
    seconds = {True: _second(engine_event), False: bytes(RATE * _BYTES * len(engine_event))}
    left = MAX_SECONDS * 1000
    with wave.open(str(target) if isinstance(target, Path) else target, "wb") as file:
        file.setnchannels(len(engine_event))
        file.setsampwidth(_BYTES)
        file.setframerate(RATE)
        for part in parts:
            second = seconds[part.is_sound]
            milliseconds = min(part.milliseconds, left)
            left -= milliseconds
            whole, rest = divmod(milliseconds * _PER_MILLISECOND * _BYTES * len(engine_event), len(second))
            for _ in range(whole):
                file.writeframesraw(second)
            file.writeframesraw(second[:rest])


def _second(engine_event: Sequence[bool]) -> bytes:
    """One second of tones, channel beside channel."""
    samples = array("h")
    for frame in range(RATE):
        for tone, is_heard in zip(TONES, engine_event, strict=False):
            level = math.sin(2 * math.pi * tone * frame / RATE) if is_heard else 0
            samples.append(round(_LOUDNESS * level))
    return samples.tobytes()
