"""What a simulated media engine really captured, and when: the evidence against which answers are judged."""

from collections import defaultdict
from dataclasses import dataclass, field
from math import inf


@dataclass
class Span:
    """Audio that a recording keeps: from `start` until `end`, both in milliseconds; `inf` while it is captured."""

    start: int
    end: float = inf


@dataclass
class CaptureLog:
    """By recording: the audio that it keeps, and the changes that the engine made without a command.

    Times are those of the simulation's clock, not those of the engine's own clock.
    """

    spans: defaultdict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    own_changes: defaultdict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    """Time and new status."""

    def begin(self, recording: str, kept_from: int) -> None:
        """Audio is kept from this time on, which is earlier than now if the recorder lags."""
        self.spans[recording].append(Span(kept_from))

    def cease(self, recording: str, now: int) -> None:
        """Nothing is kept any more from now on."""
        for span in self.spans[recording]:
            span.end = min(span.end, max(now, span.start))

    def is_capturing(self, recording: str) -> bool:
        """Whether audio is kept now."""
        return any(span.end == inf for span in self.spans[recording])

    def captured_within(self, recording: str, start: float, end: float) -> bool:
        """Whether audio is kept that was spoken between two times."""
        return start < end and any(span.start < end and span.end > start for span in self.spans[recording])
