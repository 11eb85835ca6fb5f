"""The paths that exist, for whoever must tell "no such path" from "not with this method".

The template is where routes are made; a test holds this table equal to it.
"""

from collections.abc import Mapping
from typing import Final

from tapedeck.dialects.selection import SIGNALWIRE, TWILIO

PREFIXES: Final = (TWILIO.root, SIGNALWIRE.root)
"""Every route exists under both: clients of either vendor use either (behaviour.md, section 1)."""

SUFFIX: Final = ".json"
MEDIA_SUFFIXES: Final = (".wav", ".mp3")
"""Which the address of a recording may carry besides (behaviour.md, section 11)."""

_RECORDING: Final = "Recordings/{RecordingSid}"

SHAPES: Final[Mapping[str, frozenset[str]]] = {
    "Calls": frozenset({"GET"}),
    "Calls/{CallSid}": frozenset({"GET", "POST"}),
    "Calls/{CallSid}/Recordings": frozenset({"GET", "POST"}),
    f"Calls/{{CallSid}}/{_RECORDING}": frozenset({"DELETE", "GET", "POST"}),
    "Conferences": frozenset({"GET"}),
    "Conferences/{ConferenceSid}": frozenset({"GET", "POST"}),
    "Conferences/{ConferenceSid}/Participants": frozenset({"GET", "POST"}),
    "Conferences/{ConferenceSid}/Participants/{CallSid}": frozenset({"DELETE", "GET", "POST"}),
    "Conferences/{ConferenceSid}/Recordings": frozenset({"GET"}),
    f"Conferences/{{ConferenceSid}}/{_RECORDING}": frozenset({"DELETE", "GET", "POST"}),
    "Recordings": frozenset({"GET"}),
    _RECORDING: frozenset({"DELETE", "GET", "HEAD"}),
    f"{_RECORDING}/Transcriptions": frozenset({"GET"}),
    f"{_RECORDING}/Transcriptions/{{TranscriptionSid}}": frozenset({"DELETE", "GET"}),
    "Transcriptions": frozenset({"GET"}),
    "Transcriptions/{TranscriptionSid}": frozenset({"DELETE", "GET"}),
}
"""Below `Accounts/{AccountSid}`: the methods that each path knows."""

_SPLIT: Final = tuple(tuple(shape.split("/")) for shape in SHAPES)


def strip_suffix(segment: str) -> str:
    """The last segment of a path without `.json`, which every path may carry (operations.md, section 1)."""
    return segment.removesuffix(SUFFIX)


def split(path: str) -> tuple[str, list[str]] | None:
    """The AccountSid of a path and the segments below it, without `.json`; None where it is under neither prefix."""
    for prefix in PREFIXES:
        if path.startswith(f"{prefix}/Accounts/"):
            account, *rest = strip_suffix(path.removeprefix(f"{prefix}/Accounts/")).split("/")
            return account, rest
    return None


def is_known(path: str) -> bool:
    """Whether some method is served under this path."""
    parts = split(path)
    if parts is None or not parts[0] or not parts[1] or "" in parts[1]:
        return False
    segments = parts[1]
    return any(
        len(shape) == len(segments)
        and all(part.startswith("{") or part == segment for part, segment in zip(shape, segments, strict=True))
        for shape in _SPLIT
    )
