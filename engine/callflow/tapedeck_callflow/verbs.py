"""The verbs of a document, with typed attributes. Lengths are in seconds, as markup gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Method = str
"""`GET` or `POST`."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A callback that markup subscribes to. `url` is as written; None: nothing is sent."""

    url: str | None = None
    method: Method = "POST"
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text. `pause_ms`: its `<break>` elements together; `loop` 0: until it is interrupted."""

    text: str
    voice: str
    language: str
    loop: int = 1
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class Play:
    """Play a file, or digits as tones (`w` half a second, `W` a second). `fetched`: the file was an answer."""

    url: str
    digits: str = ""
    loop: int = 1
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    length: int = 1


Prompt = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    """Collect digits or speech. `timeout` None with speech is Twilio's `auto`."""

    prompts: tuple[Prompt, ...]
    digits: bool
    speech: bool
    action: str | None
    method: Method
    timeout: int
    speech_timeout: int
    finish_on_key: str
    num_digits: int | None
    action_on_empty_result: bool
    barge_in: bool
    hints: str
    partial_result_callback: Subscription


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """How markup records: what `<Start><Recording>`, `<Dial record>` and `<Conference record>` share."""

    channels: Literal[1, 2]
    track: str
    trim: str
    callback: Subscription


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller. `timeout` 0: silence does not end it."""

    action: str | None
    method: Method
    timeout: int
    finish_on_key: str
    max_length: int
    play_beep: bool
    settings: RecordingSettings
    transcribe: bool
    transcribe_callback: str | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Continue with another document; an empty `url` is the current one."""

    url: str
    method: Method


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Reject a call that is not answered yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record the call beside the verbs that follow."""

    settings: RecordingSettings


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Stop what `StartRecording` began."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A media stream, or another service of that kind (`kind`: the element's name)."""

    kind: str
    name: str
    url: str
    track: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartStream:
    """Start a stream beside the verbs that follow."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StopStream:
    """Stop the stream of this name; without a name, the latest."""

    name: str


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Connect the call to a stream until the far end closes it."""

    stream: Stream
    action: str | None
    method: Method


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """Detection of an answering machine on a dialed call; `callback` gets its result."""

    mode: str
    callback: Subscription


@dataclass(frozen=True, slots=True)
class Target:
    """A party to dial.

    Attributes:
        kind: `number`, `client` or `sip`.
        address: the number in E.164, `client:{identity}` or the SIP URI.
        whisper: URL of the document for the party before it is connected, as written.
    """

    kind: Literal["number", "client", "sip"]
    address: str
    send_digits: str = ""
    whisper: str | None = None
    whisper_method: Method = "POST"
    callback: Subscription = Subscription()
    detection: MachineDetection | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conference:
    """A conference to join. `wait_url` None: the vendor's music; empty: silence."""

    name: str
    muted: bool
    start_on_enter: bool
    end_on_exit: bool
    beep: str
    wait_url: str | None
    wait_method: Method
    max_participants: int
    record: bool
    settings: RecordingSettings
    callback: Subscription
    label: str
    coach: str


@dataclass(frozen=True, slots=True)
class Dial:
    """Dial parties, or join a conference.

    Attributes:
        targets: valid ones, at most ten; empty when `conference` is set.
        record: when the recording starts: `answer`, `ringing`, or empty for none.
    """

    targets: tuple[Target, ...]
    conference: Conference | None
    action: str | None
    method: Method
    timeout: int
    time_limit: int
    hangup_on_star: bool
    caller_id: str
    answer_on_bridge: bool
    sequential: bool
    record: str
    settings: RecordingSettings


@dataclass(frozen=True, slots=True)
class Message:
    """Send a text message (`<Sms>`); empty addresses are those of the call."""

    body: str
    to: str
    sender: str
    action: str | None
    method: Method
    callback: str | None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A verb that is known and has no effect here."""


Verb = (
    Say
    | Play
    | Pause
    | Gather
    | Record
    | Redirect
    | Hangup
    | Reject
    | StartRecording
    | StopRecording
    | StartStream
    | StopStream
    | ConnectStream
    | Dial
    | Message
    | Unsupported
)


@dataclass(frozen=True, slots=True)
class Step:
    """A verb at its place in a document: `name` is the element's, `line` and `column` are from 1."""

    name: str
    verb: Verb
    line: int
    column: int
