"""What a simulated engine captures: for each recording its state, and what was captured when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from tapedeck_protocol.evidence import EvidenceChain
from tapedeck_standin.recordings.audio import RATE, Part

PROCESSING_SECONDS: Final = 1
"""Time from the end of a capture to its media, by the stand-in's clock; clients can observe it."""


class CaptureMode(Enum):
    """How incoming audio is captured."""

    AUDIO = "captured"
    SILENCE = "replaced by silence"
    NOTHING = "left out"


class Transition(NamedTuple):
    """One entry of a capture's log: from `at` (milliseconds) on it had this status, as `version` wanted."""

    at: int
    status: str
    version: int


@dataclass
class Capture:
    """The capture of one recording.

    `version` is the highest version of a command that was considered. `answer` is the type of the event that states the
    present state. `mode` applies since `since` (milliseconds). `due_at` is when the media must be finished
    (milliseconds), None while the capture runs. `unknown_since` is when its upload was first answered with 404
    (milliseconds). `log` says what was captured when. `evidence` is its evidence chain. `milliseconds` is the length of
    `parts`. `has_sound` is False while the party of a `<Record>` is silent; other recordings have sound.
    """

    account: str
    parent: Mapping[str, str]
    recording: str
    channels: int
    track: str
    since: int
    version: int
    status: str = "in-progress"
    pause_behavior: str | None = None
    answer: str = "recording.started"
    mode: CaptureMode = CaptureMode.AUDIO
    parts: list[Part] = field(default_factory=list)
    due_at: int | None = None
    unknown_since: int | None = None
    log: list[Transition] = field(default_factory=list)
    has_sound: bool = True
    began_at: int = field(init=False)
    evidence: EvidenceChain = field(init=False)
    milliseconds: int = field(init=False)
    _captured_until: int = field(init=False)

    def __post_init__(self) -> None:
        self.began_at = self._captured_until = self.since
        self.evidence = EvidenceChain(self.recording)
        self.milliseconds = sum(part.milliseconds for part in self.parts)

    def begin(self) -> None:
        """Begin to capture audio, at the time of `since`."""
        self.apply("in-progress", None, self.version, self.since)

    def apply(
        self, status: str, pause_behavior: str | None, version: int, now: int, requested_at: int | None = None
    ) -> None:
        """Bring the capture to a status from `now` (milliseconds) on; `requested_at`: when the command was sent."""
        is_first = not self.log
        self._capture_until(now)
        self.status, self.version, self.since, self._captured_until = status, version, now, now
        self.pause_behavior = pause_behavior if status == "paused" else None
        self.mode = _mode_of(status, pause_behavior)
        self.log.append(Transition(now, status, version))
        if status == "stopped":
            self.due_at = now + PROCESSING_SECONDS * 1000
        self._add_evidence(requested_at, is_first=is_first)

    def set_sound(self, now: int, *, has_sound: bool) -> None:
        """From `now` (milliseconds) on, capture sound, or silence."""
        if self.status != "stopped":
            self._capture_until(now)
            self._captured_until = now
        self.has_sound = has_sound

    def _capture_until(self, now: int) -> None:
        elapsed = max(0, now - self._captured_until)
        if self.mode is not CaptureMode.NOTHING and elapsed:
            self.parts.append(Part(elapsed, self.mode is CaptureMode.AUDIO and self.has_sound))
            self.milliseconds += elapsed

    def seal(self, digest: str, size: int, samples: int) -> None:
        """End the evidence chain with the file that was uploaded: its SHA-256 in hex, its size and its samples."""
        self.evidence.append(
            "sealed", sha256=digest, bytes=size, samples=samples, channels=self.channels, lost_ms=0, gaps=0
        )

    @property
    def evidence_state(self) -> dict[str, Any]:
        """The end of the evidence chain, as events report it."""
        return {"n": self.evidence.n, "head": self.evidence.head}

    @property
    def audible_channels(self) -> list[bool]:
        """For each channel, whether it has sound: of a single track, the other channel is silent (C-39)."""
        if self.channels == 1:
            return [True]
        return [self.track != "outbound", self.track != "inbound"]

    def state_event(self) -> dict[str, Any]:
        """Return the fields of the event that states the present state, without its version."""
        subject = {
            "type": self.answer, "at": self.since, "account": self.account, "parent": self.parent,
            "recording": self.recording, "evidence": self.evidence_state,
        }  # fmt: skip
        if self.answer == "recording.started":
            return {
                **subject, "channels": self.channels, "track": self.track, "rate": RATE, "legs": self.channels,
                "paused": self.status == "paused",
            }  # fmt: skip
        if self.answer == "recording.stopped":
            return {**subject, "reason": "requested", "lost_ms": 0}
        samples = self.milliseconds * RATE // 1000
        state = {"done_at": self.since, "legs": self.channels, "offset": {"samples": samples, "rate": RATE}}
        if self.pause_behavior is not None:
            state["pause_behavior"] = self.pause_behavior
        return {**subject, **state}

    def listed(self) -> dict[str, Any]:
        """Return the entry of a session's list of live resources."""
        return {
            "kind": "recording", "id": self.recording, "parent": dict(self.parent), "account": self.account,
            "version": self.version, "status": self.status, "since": self.since, "evidence": self.evidence_state,
        }  # fmt: skip

    def _add_evidence(self, requested_at: int | None, *, is_first: bool) -> None:
        """Add entries for the status that was just applied; a capture that begins paused has started, too."""
        common = {
            "asked_at": requested_at, "done_at": self.since, "mono_ms": self.since - self.began_at,
            "version": self.version,
        }  # fmt: skip
        place = {"offset": self.milliseconds * RATE // 1000, "rate": RATE, "legs": self.channels}
        if is_first and self.status != "stopped":
            self.evidence.append("started", **common)
        if self.status == "paused":
            self.evidence.append("paused", **common, **place, behavior=self.pause_behavior or "silence")
        elif self.status == "stopped":
            self.evidence.append("stopped", **common, lost_ms=0)
        elif not is_first:
            self.evidence.append("resumed", **common, **place)


def _mode_of(status: str, pause_behavior: str | None) -> CaptureMode:
    if status == "in-progress":
        return CaptureMode.AUDIO
    if status == "paused" and pause_behavior != "skip":
        return CaptureMode.SILENCE
    return CaptureMode.NOTHING
