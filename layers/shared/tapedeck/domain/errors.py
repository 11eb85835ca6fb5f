"""Every error of the service, as one tree; `dialects.errors` maps each to its vendor format.

TapedeckError
├── NotAuthenticated            the credentials are wrong or lack the scope
│   └── CredentialsMissing      the request has no credentials
├── NotFound                    no such resource in this account
├── MethodNotAllowed            the path is known, the method is not
│   └── ConferenceReadByName    a conference can be changed by its name, but not read
├── MalformedBody               the body does not match its content type
├── BodyTooLarge                the body exceeds the limit of bytes or fields
├── InvalidParameter            a parameter is missing or invalid; names it and the fault
├── InvalidState                the resource's state does not allow the request
│   ├── NotEligibleForRecording
│   │   └── NoActiveRecording   `Twilio.CURRENT` matches no recording
│   ├── NotConfirmed            the media engine did not confirm an update in time
│   ├── AmbiguousCurrentRecording  `Twilio.CURRENT` matches more than one recording
│   ├── ConferenceNotInProgress  the conference has ended or has not started
│   ├── CallHasEnded
│   │   └── CallAlreadyEnded    the request would end a call that has already ended
│   ├── CallNotInProgress       the request needs a call in progress
│   ├── CallAnswered            the request needs a call that is not answered yet
│   ├── NameInUse               a live conference has this name
│   ├── LabelInUse              a participant of this conference has this label
│   ├── ConferenceOverForParticipant  the participant's conference has ended
│   ├── EngineNameTaken         an engine of this name is registered
│   ├── EngineNameTooLong       with the deployment's name, the name of the engine's queue would be too long
│   ├── TooManyEngines          100 engines are registered
│   ├── EngineAlive             a media engine that is alive cannot be deleted
│   ├── EngineHasLiveResources  calls, conferences or recordings of the engine are not final
│   ├── QueueDeletedRecently    SQS refuses a queue's name for 60 seconds after its deletion
│   ├── NotFinished             only a finished recording can be deleted
│   │   └── CallNotEnded        only a call that has ended can be deleted
│   └── NotDualChannel          two channels are requested of a mono recording
├── CaptureConflict             an engine reports another capture than the stored one
├── NoEngineAvailable           no media engine is alive that could do it
├── MediaMissing                a recording's source media is missing or unreadable
└── StoreFailure
    ├── StoreBusy               contention; nothing was written; safe to retry
    │   └── StoreThrottled      throttling; nothing was written; safe to retry
    └── StoreUnavailable        no response, or an error that is not retried; the write may have happened
        └── StoreUnresolved     the write is still in progress; a repetition may have a second effect

Background functions log every error and raise it: the queue or the stream delivers the message again.
"""


class TapedeckError(Exception):
    """The root of the tree; every subclass has a response in both dialects.

    `parameter` and `reason` are for the log: the invalid parameter as spelled on the wire, and what is wrong. Neither
    contains a value of the request. `is_engine_unavailable`: the media engine is lost, or did not confirm an update.
    """

    parameter: str | None = None
    reason: str | None = None
    is_engine_unavailable: bool = False


class NotAuthenticated(TapedeckError):
    """The credentials are wrong or lack the required scope."""


class CredentialsMissing(NotAuthenticated):
    """The request has no credentials."""


class NotFound(TapedeckError):
    """No such resource in this account; resources of other accounts count as missing."""


class MethodNotAllowed(TapedeckError):
    """The path exists, but not with this method."""


class ConferenceReadByName(MethodNotAllowed):
    """A conference can be changed by its name, but not read (C-131)."""


class MalformedBody(TapedeckError):
    """The body does not match its content type."""

    def __init__(self, reason: str = "the body does not match its content type") -> None:
        super().__init__(reason)
        self.reason = reason


class BodyTooLarge(TapedeckError):
    """The body exceeds the limit of bytes or fields (REL-17)."""

    def __init__(self, reason: str = "the body is too large") -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidParameter(TapedeckError):
    """A request parameter is missing or invalid.

    Args:
        name: the parameter as spelled on the wire, such as `PauseBehavior`.
        fault: what is wrong, one of the keys of `dialects.errors.PARAMETER_FAULTS`.
        reason: the same in words, for the log; never the value (C-141).
        value: the value as sent, for the response alone: some messages of the vendors repeat it.
    """

    def __init__(self, name: str, fault: str, reason: str = "not a value that is allowed", value: str = "") -> None:
        super().__init__(f"{name}: {fault}")
        self.name = name
        self.fault = fault
        self.value = value
        self.parameter = name
        self.reason = reason


class InvalidState(TapedeckError):
    """The request is well-formed, but the resource's state does not allow it."""

    reason = "the state of the resource does not allow the request"


class NotEligibleForRecording(InvalidState):
    """The parent is not in progress or has the maximum of recordings, or the capture is in the wrong state."""

    reason = "the call is not in progress, has too many recordings, or the capture has ended"


class NoActiveRecording(NotEligibleForRecording):
    """No recording is active, so `Twilio.CURRENT` names none."""

    reason = "no recording is active"


class NotConfirmed(InvalidState):
    """The media engine did not confirm the update of a recording; what was requested stays requested (C-227).

    `reason` is `timeout`, `engine_lost`, `refused` (the engine refused the command) or `overtaken` (a later request
    resumed the recording).
    """

    is_engine_unavailable = True

    def __init__(self, reason: str = "timeout") -> None:
        super().__init__()
        self.reason = reason


class AmbiguousCurrentRecording(InvalidState):
    """More than one recording is active, so `Twilio.CURRENT` is ambiguous."""

    reason = "more than one recording is active"


class ConferenceNotInProgress(InvalidState):
    """The conference has ended, or has not started and the request needs a running one."""

    reason = "the conference has ended, or has not started"


class CallHasEnded(InvalidState):
    """The call is in a final state."""

    reason = "the call has ended"


class CallAlreadyEnded(CallHasEnded):
    """The request would end a call that is already in a final state."""


class CallNotInProgress(InvalidState):
    """The call is not in progress: it cannot be redirected, or cannot join a conference before it is answered."""

    reason = "the call is not in progress"


class CallAnswered(InvalidState):
    """The call is in progress, so it cannot be canceled, ring or fail any more."""

    reason = "the call is in progress"


class NameInUse(InvalidState):
    """Another live conference of this account has this name."""

    reason = "a live conference has this name"


class LabelInUse(InvalidState):
    """Another participant of this conference has this label."""

    reason = "a participant of the conference has this label"


class ConferenceOverForParticipant(InvalidState):
    """The conference of this participant has ended."""

    reason = "the conference of the participant has ended"


class EngineNameTaken(InvalidState):
    """An engine of this name is registered."""

    reason = "an engine of this name is registered"


class EngineNameTooLong(InvalidState):
    """With the deployment's name, the name of the engine's queue would exceed SQS's limit of 80 characters."""

    reason = "with the name of the deployment, the name of the engine is too long"


class TooManyEngines(InvalidState):
    """The deployment has the maximum number of engines."""

    reason = "the deployment has the maximum number of engines"


class EngineAlive(InvalidState):
    """The media engine was seen moments ago, or reports no presence."""

    reason = "the engine is alive"


class EngineHasLiveResources(InvalidState):
    """Calls, conferences or recordings of the engine are not final."""

    reason = "calls, conferences or recordings of the engine are not final"


class QueueDeletedRecently(InvalidState):
    """A queue of this name was deleted within the last 60 seconds."""

    reason = "a queue of this name was deleted within the last 60 seconds"


class NotFinished(InvalidState):
    """The recording cannot be deleted: it is neither completed nor absent yet."""

    reason = "the recording is neither completed nor absent yet"


class CallNotEnded(NotFinished):
    """The call cannot be deleted: it is not in a final state."""

    reason = "the call has not ended"


class NotDualChannel(InvalidState):
    """Two channels are requested of a recording that has one."""

    reason = "the recording has one channel"


class CaptureConflict(TapedeckError):
    """An engine reports a capture, but another one of the recording is stored; the first one stays (C-214)."""


class MediaMissing(TapedeckError):
    """The media that the engine should have captured is missing or is not audio."""


class NoEngineAvailable(TapedeckError):
    """The engine of a call is lost; or none serves the account, is alive and has room for a new conference."""

    is_engine_unavailable = True


class StoreFailure(TapedeckError):
    """The database, queue, bus, bucket or KMS did not complete the request.

    Args:
        operation: the AWS operation that failed, such as `dynamodb:UpdateItem`; for the log, as is `code`.
        code: its error code, or the class of the error if there was no response; never a message.
    """

    def __init__(self, operation: str | None = None, code: str | None = None) -> None:
        super().__init__(operation, code)
        self.operation = operation
        self.code = code


class StoreBusy(StoreFailure):
    """Contention outlasted the retries; nothing was written."""


class StoreThrottled(StoreBusy):
    """The database or bucket throttles requests; nothing was written."""


class StoreUnavailable(StoreFailure):
    """No response, or an error that is not retried; a write may or may not have happened."""


class StoreUnresolved(StoreUnavailable):
    """The write is still in progress, and may yet happen: a repetition may have a second effect (C-311)."""
