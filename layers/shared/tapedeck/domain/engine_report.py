"""What a media engine reports, independent of the wire format: one class per kind of report."""

from dataclasses import dataclass

from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import EndReason
from tapedeck.domain.recording import EvidenceHead, Parent, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that the engine reports first, such as an incoming one.

    `parent` is its parent call, `callback` the subscription to its status events.
    """

    to: str
    from_: str
    direction: str
    parent: str | None = None
    callback: CallbackSubscription | None = None


@dataclass(frozen=True, slots=True)
class CallProgressReport:
    """`call.ringing`, `call.answered`: `status` is RINGING or IN_PROGRESS; `new` describes an unknown call."""

    call: str
    status: CallStatus
    new: NewCall | None = None


@dataclass(frozen=True, slots=True)
class CallEndReport:
    """`call.ended`: `new` describes an unknown call, `sip_status` is the status of the last SIP response."""

    call: str
    status: CallStatus
    new: NewCall | None = None
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class CallConfirmation:
    """`call.redirected`, `call.digits_sent`: confirms the version of the event."""

    call: str


@dataclass(frozen=True, slots=True)
class ConferenceStartReport:
    """`conference.started`."""

    conference: str
    name: str
    record: bool = False
    callback: CallbackSubscription | None = None


@dataclass(frozen=True, slots=True)
class ConferenceEndReport:
    """`conference.ended`; `ending_call` is the call whose leaving ended it."""

    conference: str
    reason: EndReason
    ending_call: str | None = None


@dataclass(frozen=True, slots=True)
class AnnouncementReport:
    """`conference.announced`, `conference.announcement_failed`; with `call`, `participant.announced` and `…_failed`."""

    conference: str
    call: str | None = None
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class ParticipantJoinReport:
    """`participant.joined`."""

    conference: str
    call: str
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    muted: bool = False
    hold: bool = False
    label: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantChangeReport:
    """`participant.changed`; None leaves a field unchanged."""

    conference: str
    call: str
    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None
    call_to_coach: str | None = None
    end_conference_on_exit: bool | None = None
    beep_on_exit: bool | None = None


@dataclass(frozen=True, slots=True)
class ParticipantLeaveReport:
    """`participant.left`."""

    conference: str
    call: str


@dataclass(frozen=True, slots=True)
class SpeakingReport:
    """`participant.speaking`."""

    conference: str
    call: str
    is_speaking: bool


@dataclass(frozen=True, slots=True)
class NewRecording:
    """A recording that the engine started by itself; `call` is the call shown with it, None for the default."""

    source: Source
    call: str | None = None
    trim: str = "do-not-trim"
    callback: CallbackSubscription | None = None


@dataclass(frozen=True, slots=True)
class CaptureStartReport:
    """`recording.started`; `is_paused`: the capture began paused. `new` describes one that no command requested."""

    parent: Parent
    recording: str
    channels: int = 1
    track: str = "both"
    is_paused: bool = False
    new: NewRecording | None = None
    evidence: EvidenceHead | None = None


@dataclass(frozen=True, slots=True)
class CaptureTransitionReport:
    """`recording.paused`, `.resumed`, `.stopped`: `status` is PAUSED, IN_PROGRESS or STOPPED.

    `reason`: of a stop, the protocol's word for why the capture ended, such as hangup, max_length or failed.
    """

    parent: Parent
    recording: str
    status: RecordingStatus
    pause_behavior: str = "silence"
    reason: str | None = None
    evidence: EvidenceHead | None = None


@dataclass(frozen=True, slots=True)
class CaptureCompletionReport:
    """`recording.completed`: the capture was uploaded with `ticket`; `sha256` in hex, `size` in bytes."""

    parent: Parent
    recording: str
    ticket: str
    size: int
    sha256: str
    evidence: EvidenceHead | None = None


@dataclass(frozen=True, slots=True)
class CaptureAbsenceReport:
    """`recording.absent`: there is no usable audio; `reason` is too_short, only_silence, failed or lost."""

    parent: Parent
    recording: str
    reason: str
    evidence: EvidenceHead | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionReport:
    """`transcription.completed`; without `text` it failed. `duration` is seconds of audio."""

    recording: str
    transcription: str
    text: str | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class RefusalReport:
    """`command.refused`: the engine will not (`is_final`) or cannot now carry out a command of this subject.

    `subject` is the call, conference, recording (with its parent) or participant (its conference and call).
    `code` is the protocol's word: unsupported, gone, busy, no_space, expired, bad_request, fetch_failed.
    """

    code: str
    is_final: bool
    call: str | None = None
    conference: str | None = None
    parent: Parent | None = None
    recording: str | None = None


Report = (
    CallProgressReport
    | CallEndReport
    | CallConfirmation
    | ConferenceStartReport
    | ConferenceEndReport
    | AnnouncementReport
    | ParticipantJoinReport
    | ParticipantChangeReport
    | ParticipantLeaveReport
    | SpeakingReport
    | CaptureStartReport
    | CaptureTransitionReport
    | CaptureCompletionReport
    | CaptureAbsenceReport
    | TranscriptionReport
    | RefusalReport
)
"""What an engine can report."""
