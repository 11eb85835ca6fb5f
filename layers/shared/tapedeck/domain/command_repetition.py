"""When an unconfirmed command is sent to the media engine again (C-108)."""

from typing import Final

REPEAT_AFTER_SECONDS: Final = (30, 60, 120, 240, 480, 960)
"""Ages of a command, counted from its request, at which it is sent again at first."""

REPEAT_EVERY_SECONDS: Final = 1_800
"""From this age on, the command is sent again at every multiple of it."""


def is_repetition_due(age: int, interval: int) -> bool:
    """Whether a run must send an unconfirmed command again; at most once per run, however many ages it covers.

    Args:
        age: seconds since the command was requested.
        interval: seconds since the previous run, which covered all ages before.
    """
    previous = age - interval
    if any(previous < due <= age for due in REPEAT_AFTER_SECONDS):
        return True
    return age >= REPEAT_EVERY_SECONDS and age // REPEAT_EVERY_SECONDS > previous // REPEAT_EVERY_SECONDS
