"""Engine events in the form of the engine protocol, from the shorter form in which tests state them."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

_ABSENCE_REASONS: Final = {16101: "too_short", 16102: "only_silence", 16104: "failed"}


def complete_report(event: Any) -> Any:
    """Return an event with every field that the protocol requires.

    The reason of an absence may be stated by the vendor's error code.
    """
    match event:
        case {"type": "recording.absent"} if "reason" not in event:
            kept = {name: value for name, value in event.items() if name != "error"}
            return {**kept, "reason": _ABSENCE_REASONS[event.get("error", 16101)]}
        case {"type": "conference.announced"}:
            return {"command": "announcement", **event}
        case _:
            return event


def capture_fields(recording: str, content: bytes) -> dict[str, Any]:
    """Return the fields of `recording.completed` that name this content as the capture of a recording."""
    digest = sha256(content).hexdigest()
    return {"ticket": f"{recording}.{len(content)}.{digest}", "bytes": len(content), "sha256": digest}


def batch_of(events: list[Any], boot: str, sent_at: int) -> Mapping[str, Any]:
    """Return the body of a request that reports these events."""
    return {"protocol": 2, "boot": boot, "sent_at": sent_at, "events": [complete_report(each) for each in events]}
