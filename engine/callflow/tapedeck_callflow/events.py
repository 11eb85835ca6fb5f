"""What a driver reports to a flow: answers to effects, and what people do.

`n` is the number of the effect that an event answers. Times are in milliseconds.

When a call ends, its driver reports `HungUp` before the ends of what the call was doing (`Recorded`, `DialEnded`,
`Left`): those answer the `Stop` that follows, and the request for the `action` is the last one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class UrlSource:
    """Instructions that the application has at an absolute URL.

    `parameters` are those of the first request besides the call's own, such as `AnsweredBy`. Without a `url`, there is
    nowhere to request instructions, which is an error (11100).
    """

    url: str
    method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarkupSource:
    """Instructions that came with the request for the call."""

    markup: str


Source = UrlSource | MarkupSource


@dataclass(frozen=True, slots=True)
class Fetched:
    """The application answered.

    Attributes:
        body: at most 64 kB and one byte: more is an error.
        url: what was requested in the end, after redirects.
    """

    n: int
    status: int
    content_type: str
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """There is no answer; `code` is the vendor's error code, such as 11200."""

    n: int
    code: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The incoming call has been answered."""

    n: int


@dataclass(frozen=True, slots=True)
class Played:
    """A `Play` is over. `failed`: there was nothing to play; `code` is the vendor's code of the warning."""

    n: int
    state: Literal["done", "failed"] = "done"
    code: int = 11200


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of a `Timer` is over."""

    n: int


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key: `0` to `9`, `*` or `#`."""

    digit: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller stopped speaking."""

    text: str
    confidence: str = "0.9"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A `Record` is over.

    Attributes:
        recording: its id.
        ms: how long it is, before trimming.
        reason: what ended it.
        empty: whether nothing was said.
        key: the key that ended it.
    """

    n: int
    recording: str
    ms: int
    reason: Literal["silence", "key", "max_length", "stopped"]
    empty: bool
    key: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """A party of a `Dial` has been connected with the caller."""

    n: int


@dataclass(frozen=True, slots=True)
class DialEnded:
    """A `Dial` is over.

    Attributes:
        status: `DialCallStatus` in the vendor's words.
        call: the id of the connected call, else of the one that ended last; None: there was none.
        bridged: whether they were connected.
        ms: how long they were connected; None: the party did not answer.
        recording: the id of the recording, with its length before trimming in `recorded_ms`.
        sip_code: the last SIP response, where a SIP URI was dialed.
    """

    n: int
    status: str
    call: str | None = None
    bridged: bool = False
    ms: int | None = None
    recording: str | None = None
    recorded_ms: int | None = None
    sip_code: int | None = None
    sip_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """The call has left its conference.

    `coach_unknown`: it never joined, since the coached call is not there.
    """

    n: int
    reason: Literal["left", "ended", "removed", "coach_unknown", "stopped"] = "left"
    recording: str | None = None
    recorded_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The far end has closed the stream of a `Connect`."""

    n: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The call has ended, and nothing can be executed in it any more.

    `by`: the caller, the API, a limit of time, the conference that the API ended, or an error of the engine.
    """

    by: Literal["party", "api", "limit", "conference", "error"]


@dataclass(frozen=True, slots=True)
class Redirected:
    """The API gave the call other instructions; `fallback` replaces the one in force."""

    source: Source
    fallback: UrlSource | None = None


Event = (
    Fetched
    | FetchFailed
    | Answered
    | Played
    | TimerFired
    | Digit
    | SpeechStarted
    | SpeechEnded
    | Recorded
    | Connected
    | DialEnded
    | Left
    | StreamEnded
    | HungUp
    | Redirected
)
