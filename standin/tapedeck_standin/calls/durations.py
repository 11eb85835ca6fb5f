"""How long it takes to speak and to play something (C-391)."""

import math
import wave
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

from tapedeck_callflow.effects import ErrorMessage, File, Item, Spoken, Tones

CHARACTERS_PER_SECOND: Final = 15
FILE_MS: Final = 5_000
"""The length of a file whose own length is unknown."""
ERROR_MESSAGE_MS: Final = 4_000
MAX_REPETITIONS: Final = 1_000
_SECOND_MS: Final = 1_000
_TONE_MS: Final = 500


def item_ms(item: Item) -> int:
    """Return how long an item takes once, in milliseconds: whole seconds, and the pauses in a text."""
    match item:
        case Spoken(text=text, pause_ms=pause_ms):
            characters = len(" ".join(text.split()))
            return max(1, math.ceil(characters / CHARACTERS_PER_SECOND)) * _SECOND_MS + pause_ms
        case Tones(digits=digits):
            return math.ceil(digits_ms(digits) / _SECOND_MS) * _SECOND_MS
        case ErrorMessage():
            return ERROR_MESSAGE_MS
        case File():
            return FILE_MS


def digits_ms(digits: str) -> int:
    """Return how long digits take: half a second each, and `W` a second."""
    return sum(_SECOND_MS if digit == "W" else _TONE_MS for digit in digits)


def repeated_ms(once: int, loop: int) -> int:
    """Return how long something takes that is played `loop` times; 0: until it is stopped, at most 1,000 times."""
    return once * (loop or MAX_REPETITIONS)


def audio_ms(body: bytes) -> int:
    """Return the length of a file: that in the header of a WAV, five seconds for anything else."""
    try:
        with wave.open(BytesIO(body)) as audio:
            return int(audio.getnframes() * _SECOND_MS // audio.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return FILE_MS


def has_same_origin(url: str, other: str | None) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return other is not None and _origin(url) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
