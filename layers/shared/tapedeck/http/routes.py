"""The known paths, to distinguish an unknown path (404) from an unsupported method (405).

Routes are defined in the template; a test keeps this table equal to it.
"""

import re
from collections.abc import Mapping
from typing import Final

from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, select_dialect

PREFIXES: Final = (TWILIO.root, SIGNALWIRE.root)
"""Every route exists under both prefixes: clients of either vendor may use either (C-2)."""

SUFFIX: Final = ".json"

AUDIO_SUFFIXES: Final = (".wav", ".mp3")

_RECORDING: Final = "Recordings/{RecordingSid}"

ACCOUNTS: Final = "Accounts"
"""The list of accounts, the only path without an AccountSid."""

SHAPES: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"GET"}),  # the account itself (C-156)
    "Applications": frozenset({"GET", "POST"}),
    "Applications/{ApplicationSid}": frozenset({"DELETE", "GET", "POST"}),
    "Calls": frozenset({"GET", "POST"}),  # C-29: POST is 405 without the function that creates calls
    "Calls/{CallSid}": frozenset({"DELETE", "GET", "POST"}),
    "Calls/{CallSid}/Events": frozenset({"GET"}),  # C-137
    "Calls/{CallSid}/Notifications": frozenset({"GET"}),
    "Calls/{CallSid}/Recordings": frozenset({"GET", "POST"}),
    f"Calls/{{CallSid}}/{_RECORDING}": frozenset({"DELETE", "GET", "HEAD", "POST"}),
    "Conferences": frozenset({"GET"}),
    "Conferences/{ConferenceSid}": frozenset({"GET", "POST"}),
    "Conferences/{ConferenceSid}/Participants": frozenset({"GET", "POST"}),
    "Conferences/{ConferenceSid}/Participants/{CallSid}": frozenset({"DELETE", "GET", "POST"}),
    "Conferences/{ConferenceSid}/Recordings": frozenset({"GET"}),
    f"Conferences/{{ConferenceSid}}/{_RECORDING}": frozenset({"DELETE", "GET", "HEAD", "POST"}),
    "IncomingPhoneNumbers": frozenset({"GET", "POST"}),
    "IncomingPhoneNumbers/{PhoneNumberSid}": frozenset({"DELETE", "GET", "POST"}),
    "Keys": frozenset({"GET", "POST"}),
    "Keys/{KeySid}": frozenset({"DELETE", "GET", "POST"}),
    "Recordings": frozenset({"GET"}),
    _RECORDING: frozenset({"DELETE", "GET", "HEAD"}),
    f"{_RECORDING}/AddOnResults": frozenset({"GET"}),
    f"{_RECORDING}/Transcriptions": frozenset({"GET"}),
    f"{_RECORDING}/Transcriptions/{{TranscriptionSid}}": frozenset({"DELETE", "GET"}),
    "Transcriptions": frozenset({"GET"}),
    "Transcriptions/{TranscriptionSid}": frozenset({"DELETE", "GET"}),
}
"""The methods of each path below `Accounts/{AccountSid}`, in both dialects (C-118)."""

TWILIO_ONLY: Final = frozenset(
    {"Calls/{CallSid}/Events", "Calls/{CallSid}/Notifications", f"{_RECORDING}/AddOnResults"}
)
"""The paths that SignalWire's dialect does not know."""

TELEPHONY_ONLY: Final = frozenset({"Applications", "Applications/{ApplicationSid}"})
"""The paths that only a deployment with the parameter `Telephony` knows (C-384)."""

ENGINE_ROOT: Final = "/engine"
"""Every path below this one belongs to the engine protocol, and to no dialect."""

ENGINE_ROUTES: Final[Mapping[str, frozenset[str]]] = {
    "/engine/v2/documents": frozenset({"POST"}),
    "/engine/v2/events": frozenset({"POST"}),
    "/engine/v2/sessions": frozenset({"POST"}),
    "/engine/v2/uploads": frozenset({"POST"}),
}
"""The methods of each path of the engine protocol."""

_SLASHES: Final = re.compile("/{2,}")
_SPLIT: Final = tuple(
    (tuple(shape.split("/")) if shape else (), methods, shape in TWILIO_ONLY, shape in TELEPHONY_ONLY)
    for shape, methods in SHAPES.items()
)


def collapse_slashes(path: str) -> str:
    """Return the path with single slashes."""
    return _SLASHES.sub("/", path)


def strip_suffix(segment: str) -> str:
    """Return the last segment of a path without `.json`, which every path accepts."""
    return segment.removesuffix(SUFFIX)


def split(path: str) -> tuple[str, list[str]] | None:
    """Return the AccountSid of a path and the segments below it, without `.json`; None under neither prefix."""
    for prefix in PREFIXES:
        if path.startswith(f"{prefix}/Accounts/"):
            account, *rest = strip_suffix(path.removeprefix(f"{prefix}/Accounts/")).split("/")
            return account, rest
    return None


def is_list_of_accounts(path: str) -> bool:
    """Return whether this is the path of the list of accounts, under either prefix."""
    return strip_suffix(path) in {f"{prefix}/{ACCOUNTS}" for prefix in PREFIXES}


def is_engine_path(path: str) -> bool:
    """Return whether a path belongs to the engine protocol, known or not."""
    return path == ENGINE_ROOT or path.startswith(f"{ENGINE_ROOT}/")


def is_known(path: str, *, has_telephony: bool = True) -> bool:
    """Return whether this path supports any method in the dialect of its account."""
    return bool(methods_of(path, has_telephony=has_telephony))


def has_audio_suffix(path: str) -> bool:
    """Return whether the last segment of a path is a recording with a suffix of audio."""
    parts = split(path) if path.endswith(AUDIO_SUFFIXES) else None
    return parts is not None and parts[1][-2:-1] == ["Recordings"]


def is_audio(method: str, path: str) -> bool:
    """Return whether a request is for the audio of a recording; without a suffix, only directly below the account."""
    parts = split(path)
    if method not in {"GET", "HEAD"} or parts is None:
        return False
    is_below_account = len(parts[1]) == 2 and parts[1][0] == "Recordings"  # noqa: PLR2004 - `Recordings` and the sid
    return has_audio_suffix(path) or (is_below_account and not path.endswith(SUFFIX))


def methods_of(path: str, *, has_telephony: bool = True) -> frozenset[str]:
    """Return the methods that this path supports in the dialect of its account, with or without `Telephony`."""
    if is_list_of_accounts(path):
        return frozenset({"GET"})
    parts = split(path)
    if parts is None or not parts[0] or "" in parts[1]:
        return frozenset()
    account, segments = parts
    is_signalwire = select_dialect(account, path) is SIGNALWIRE
    matches = (
        methods
        for shape, methods, is_twilio_only, needs_telephony in _SPLIT
        if len(shape) == len(segments)
        and not (is_signalwire and is_twilio_only)
        and (has_telephony or not needs_telephony)
        and all(part.startswith("{") or part == segment for part, segment in zip(shape, segments, strict=True))
    )
    return next(matches, frozenset())
