"""Attributes that several verbs share: callbacks, and how a recording is made."""

from typing import Final, Literal

from tapedeck_callflow.attributes import AttributeReader
from tapedeck_callflow.verbs import RecordingSettings, Subscription

Dialect = Literal["twilio", "signalwire"]

_RECORDING_EVENTS: Final = ("in-progress", "completed", "absent", "failed")


def read_subscription(
    attributes: AttributeReader,
    name: str,
    default: tuple[str, ...],
    allowed: tuple[str, ...],
    *,
    method_code: int = 12200,
) -> Subscription:
    """Read a callback: the URL, and its method and events in `{name}Method` and `{name}Event`."""
    return Subscription(
        attributes.url(name),
        attributes.method(f"{name}Method", code=method_code),
        attributes.events(f"{name}Event", default, allowed),
    )


def read_settings(
    attributes: AttributeReader,
    *,
    channels: Literal[1, 2],
    track: str,
    trim: str,
    reads_channels: bool = False,
    track_name: str = "track",
) -> RecordingSettings:
    """Read how a recording is made; `channels`, `track` and `trim` are the defaults."""
    if reads_channels:
        default = "dual" if channels == 2 else "mono"  # noqa: PLR2004 - two channels
        channels = 2 if attributes.choice("channels", default, ("mono", "dual")) == "dual" else 1
    return RecordingSettings(
        channels=channels,
        track=attributes.choice(track_name, track, ("inbound", "outbound", "both")),
        trim=attributes.choice("trim", trim, ("trim-silence", "do-not-trim")),
        callback=read_subscription(attributes, "recordingStatusCallback", ("completed",), _RECORDING_EVENTS),
    )
