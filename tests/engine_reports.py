"""Engine events in the form of the engine protocol, from the shorter form in which tests state them."""

from collections.abc import Mapping
from typing import Any, Final

_ABSENCE_REASONS: Final = {16101: "too_short", 16102: "only_silence", 16104: "failed"}


def complete_report(event: Any) -> Any:
    """Return an event with every field that the protocol requires.

    A capture is named by its key, which serves as the ticket of its upload. The reason of an absence may be stated by
    the vendor's error code.
    """
    match event:
        case {"type": "recording.completed", "key": key}:
            kept = {name: value for name, value in event.items() if name not in {"key", "size"}}
            return {**kept, "ticket": key, "bytes": event.get("size", 32_044), "sha256": "0" * 64}
        case {"type": "recording.absent"} if "reason" not in event:
            kept = {name: value for name, value in event.items() if name != "error"}
            return {**kept, "reason": _ABSENCE_REASONS[event.get("error", 16101)]}
        case {"type": "conference.announced"}:
            return {"command": "announcement", **event}
        case _:
            return event


def batch_of(events: list[Any], boot: str, sent_at: int) -> Mapping[str, Any]:
    """Return the body of a request that reports these events."""
    return {"protocol": 2, "boot": boot, "sent_at": sent_at, "events": [complete_report(each) for each in events]}
