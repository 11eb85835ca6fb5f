"""Where an item must be in the index of pending work, derived from its image alone: an oracle."""

from collections.abc import Iterator
from typing import Any, Final

from tests.simulation.history import ENDED, UNFINISHED, Image

REPEATED_AFTER: Final = 30
"""Seconds after which an unconfirmed command is due."""

LOOKED_UP_AFTER: Final = 600
"""Seconds after an end at which its callbacks are looked up."""

AN_HOUR: Final = 3_600
"""After that, a stopped recording without audio is given up."""


def late_places(image: Image, now: int) -> Iterator[str]:
    """Yield what is wrong with the place of an item that was written at `now` (seconds): missing, or too late.

    Pauses, resumes, stops and uploads do not move a recording: what is due after them has a check, or is an hour away.
    """
    if "version" not in image:
        return
    sort_key = image["SK"]["S"]
    latest = _latest_of_recording(image, now) if sort_key.startswith("REC#") else _latest(image, sort_key)
    place = _number(image, "work_at")
    if latest is not None and ("work" not in image or place > latest):
        yield f"{image['PK']['S']} {sort_key} is due at {latest}, and in the index at {place}: {image}"


def _latest(image: Image, sort_key: str) -> int | None:
    """Return the latest place of a call, conference or participant; None if it need not be in the index."""
    has_command = _number(image, "asked") > _number(image, "confirmed")
    if has_command and "work" in image:  # it leaves the index if the command expires, or the conference ends
        return _number(image, "asked_at") + REPEATED_AFTER
    follows = "callback" in image or (sort_key == "CONF" and image.get("dialed", {}).get("BOOL", False))
    if sort_key in {"CALL", "CONF"} and image["status"]["S"] in ENDED and follows and "told" not in image:
        return max(_number(image, "updated"), _number(image, "asked_at")) + LOOKED_UP_AFTER
    return None


def _latest_of_recording(image: Image, now: int) -> int | None:
    status, updated = image["status"]["S"], _number(image, "updated")
    # One that was given up because its capture could not be converted is not converted again by itself.
    is_late = status == "absent" and 0 < _number(image, "given_up") <= _number(image, "captured")
    if "captured" in image and (status == "stopped" or is_late):
        captured = _number(image, "captured")
        return max(captured + AN_HOUR, now + (now - captured))
    if status == "stopped":
        return updated + AN_HOUR
    if status in UNFINISHED:
        return now + AN_HOUR
    is_waiting = "work" in image and status != "deleted"
    return updated + AN_HOUR if is_waiting else None


def _number(image: Image, name: str) -> int:
    found: dict[str, Any] = image.get(name, {"N": "0"})
    return int(found["N"])
