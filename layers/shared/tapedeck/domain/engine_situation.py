"""What was read for an engine event, and what can be decided about the event (`domain.engine_decision`)."""

from dataclasses import dataclass
from enum import StrEnum

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_event import EventOutcome, EventRefusal
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording


@dataclass(frozen=True, slots=True)
class Situation:
    """The stored resources that an event is about; None: it does not exist, or the report does not need it.

    `call`, `conference` and `participant` are named by the report; of a call's report, `conference` and `participant`
    are those of the conference that the call joined last. `coached` is the participant to be coached. `name_holder` is
    the conference that took the name of a new one last, and `label_holder` the participant that took the label of a new
    one last. `recording` may be deleted; `parent` is its call or conference,
    if it is needed to know the engine or to start a recording; `active_recordings` are ids in that parent's set.
    `shown_call` is the call that is shown with a new recording of a conference, if the report names one.
    `is_of_other_parent`: the id of the new recording or transcription exists under another parent or recording.
    `ticket` is the ticket of the reported capture. `accepts_audio`: it is not too late for the audio of the recording.
    """

    call: Call | None = None
    conference: Conference | None = None
    participant: Participant | None = None
    coached: Participant | None = None
    name_holder: Conference | None = None
    label_holder: Participant | None = None
    recording: Recording | None = None
    parent: Call | Conference | None = None
    active_recordings: frozenset[str] = frozenset()
    shown_call: Call | None = None
    is_of_other_parent: bool = False
    ticket: str = ""
    accepts_audio: bool = False


class StateChange(StrEnum):
    """How an event changes what is stored."""

    REGISTER_CALL = "register_call"
    ADVANCE_CALL = "advance_call"
    ADVANCE_PARTICIPANT = "advance_participant"
    """A dialed call and its participant ring or are answered together."""
    HANG_UP_CALL = "hang_up_call"
    """A dialed call outlived its conference: it ends, and the engine is sent the command to hang it up."""
    END_CALL = "end_call"
    FAIL_CALL = "fail_call"
    """The engine cannot dial the call."""
    REGISTER_CONFERENCE = "register_conference"
    END_CONFERENCE = "end_conference"
    ANNOUNCE = "announce"
    """An announcement was played."""
    JOIN = "join"
    CHANGE_PARTICIPANT = "change_participant"
    LEAVE = "leave"
    REGISTER_RECORDING = "register_recording"
    START_RECORDING = "start_recording"
    """The start of a capture is stored, once."""
    REPEAT_PAUSE = "repeat_pause"
    """A capture goes on although a request has paused it: the pause gets a new version, and is sent again."""
    MOVE_RECORDING = "move_recording"
    """The engine paused, resumed or stopped a capture by itself."""
    STOP_UNSTARTED = "stop_unstarted"
    """A capture that never began is stopped; no callback reports a start."""
    NOTE_CAPTURE = "note_capture"
    """The capture is uploaded; it is converted later."""
    DELETE_LATE_MEDIA = "delete_late_media"
    FINISH_WITHOUT_MEDIA = "finish_without_media"
    NOTE_REFUSAL = "note_refusal"
    """The refusal of a command is kept on its recording."""
    TRANSCRIBE = "transcribe"


@dataclass(frozen=True, slots=True)
class Apply:
    """Change what is stored; `confirms` is the version of the command that this also confirms, if any.

    `is_step`: after this change the event has to be decided again.
    """

    change: StateChange
    confirms: int | None = None
    is_step: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """Note that the engine carried out the command of this version; nothing else changes."""

    version: int


@dataclass(frozen=True, slots=True)
class Touch:
    """The event reports what is stored already: only its sequence number is kept, so that older events are stale."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Write nothing; `reason` names the rule."""

    outcome: EventOutcome
    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """The event cannot be applied yet; the engine reports it again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The event can never be applied; `detail` is what the connector is to know besides the reason."""

    code: EventRefusal
    reason: str
    detail: str | None = None


Decision = Apply | Confirm | Touch | Ignore | Later | Refuse
