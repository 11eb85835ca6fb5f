"""What a flow wants done: effects, which its driver carries out.

Each effect has a number `n` of its own in its flow. An event that answers an effect carries that number.
Times are in milliseconds. URLs are absolute.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Purpose = Literal["voice", "action", "fallback", "whisper", "wait"]
HangUpReason = Literal["markup", "error", "limit"]


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback that markup subscribes to; the driver reports the events, the API delivers them.

    Without `events`, a dialed party has only that of its end.
    """

    url: str
    method: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How a recording is made. `track`: inbound, outbound or both; `callback` None: nothing is delivered."""

    channels: int
    track: str
    trim: str
    callback: Callback | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What every effect has: its number in the flow, from 1."""

    n: int


@dataclass(frozen=True, slots=True)
class Fetch(Effect):
    """Request a document from the application; answered by `Fetched` or `FetchFailed`.

    Attributes:
        purpose: what the document is for; the first request of a child is a `whisper`.
        parameters: those of the verb; the sender of the request adds those of the call.
        recording: the recording that the request is about; its sid and URL are parameters.
        dialed_call: the call that a `<Dial>` created; its sid is a parameter.
        recorded_ms: how long the recording is, before trimming.
        executed: False when the answer is not executed, because the call has ended or goes on elsewhere.
    """

    url: str
    method: str
    purpose: Purpose
    parameters: Mapping[str, str]
    recording: str | None = None
    recorded_ms: int | None = None
    dialed_call: str | None = None
    executed: bool = True


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """Answer the incoming call; answered by `Answered`."""


@dataclass(frozen=True, slots=True)
class Reject(Effect):
    """Reject the incoming call, as `rejected` or `busy`. The flow is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUp(Effect):
    """End the call. The flow is over."""

    reason: HangUpReason


@dataclass(frozen=True, slots=True)
class Finish(Effect):
    """The document of a whisper or of a waiting participant is done; the call goes on. The flow is over."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Text to speak, and the pauses in it together."""

    text: str
    voice: str
    language: str
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """A file to play. `fetched`: it was the answer of the latest request."""

    url: str
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class Tones:
    """Digits to play: `w` is half a second of silence, `W` a second."""

    digits: str


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """The announcement that an application error has occurred."""


Item = Spoken | File | Tones | ErrorMessage


@dataclass(frozen=True, slots=True)
class Play(Effect):
    """Play something to the caller; answered by `Played`. `loop` 0: until it is stopped."""

    item: Item
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Stop(Effect):
    """End the effect `stopped` early.

    A `Play` and a `Connect` end without an event. A `Record`, `Dial` or `Join` answers with its own event.
    """

    stopped: int


@dataclass(frozen=True, slots=True)
class Timer(Effect):
    """Wait; answered by `TimerFired`."""

    ms: int


@dataclass(frozen=True, slots=True)
class Cancel(Effect):
    """Cancel the timer `timer`; it does not fire."""

    timer: int


@dataclass(frozen=True, slots=True)
class Listen(Effect):
    """Report digits and speech from now on, as `Digit`, `SpeechStarted` and `SpeechEnded`."""

    digits: bool
    speech: bool
    hints: str = ""


@dataclass(frozen=True, slots=True)
class Unlisten(Effect):
    """Report digits and speech no longer."""


@dataclass(frozen=True, slots=True)
class Notify(Effect):
    """Send the application a request whose answer has no effect (partial results of speech)."""

    url: str
    method: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record(Effect):
    """Record what the caller says; answered by `Recorded`.

    Attributes:
        silence_ms: silence that ends it, from its beginning or from the last word; None: silence does not.
        finish_on: keys that end it.
        transcribe: whether a transcription follows; `transcription_callback` is delivered with it.
    """

    max_ms: int
    silence_ms: int | None
    finish_on: str
    beep: bool
    settings: CaptureSettings
    transcribe: bool = False
    transcription_callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class Capture(Effect):
    """Start a recording that runs beside the verbs."""

    settings: CaptureSettings


@dataclass(frozen=True, slots=True)
class CaptureStop(Effect):
    """Stop the recording that effect `capture` started."""

    capture: int


@dataclass(frozen=True, slots=True)
class Whisper:
    """The document that is executed for a dialed party before it is connected."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Party:
    """A party to dial. `address`: E.164, `client:{identity}` or a SIP URI.

    `detection` is `Enable` or `DetectMessageEnd`; empty for none.
    """

    kind: str
    address: str
    send_digits: str = ""
    whisper: Whisper | None = None
    callback: Callback | None = None
    detection: str = ""
    detection_callback: Callback | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dial(Effect):
    """Dial parties and connect the first that answers; answered by `DialEnded`.

    Attributes:
        timeout_ms: ringing, of all parties together; with `sequential` of each.
        limit_ms: how long they may talk.
        caller_id: what the parties see; empty: the caller's own number.
        hangup_on_star: the caller's `*` ends the dialing, not the call.
        answer: answer the incoming call when a party is connected.
        record: when the recording starts, `answer` or `ringing`; empty for none.
    """

    parties: tuple[Party, ...]
    timeout_ms: int
    limit_ms: int
    caller_id: str
    hangup_on_star: bool
    answer: bool
    sequential: bool
    record: str
    settings: CaptureSettings


@dataclass(frozen=True, slots=True)
class Join(Effect):
    """Join a conference; answered by `Left`.

    `wait` None: the vendor's music; with an empty `url`: silence. `leg`: the recording of the caller's leg, if any.
    """

    name: str
    muted: bool
    start_on_enter: bool
    end_on_exit: bool
    beep: str
    wait: Whisper | None
    max_participants: int
    record: CaptureSettings | None
    callback: Callback | None
    label: str
    coach: str
    hangup_on_star: bool
    limit_ms: int
    leg: CaptureSettings | None = None


@dataclass(frozen=True, slots=True)
class Connect(Effect):
    """Connect the call to a stream; answered by `StreamEnded`. The call waits."""

    kind: str
    name: str
    url: str
    track: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StartStream(Effect):
    """Start a stream beside the verbs."""

    kind: str
    name: str
    url: str
    track: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StopStream(Effect):
    """Stop the stream of this name; without a name, the latest."""

    name: str


@dataclass(frozen=True, slots=True)
class SendMessage(Effect):
    """Create a text message; empty addresses are those of the call."""

    body: str
    to: str
    sender: str
    callback: Callback | None


@dataclass(frozen=True, slots=True)
class Note(Effect):
    """A warning, or an error, for the application's developer. `line` and `column` are from 1."""

    level: Literal["warning", "error"]
    code: int
    text: str
    verb: str = ""
    attribute: str = ""
    value: str = ""
    line: int | None = None
    column: int | None = None
