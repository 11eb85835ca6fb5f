"""Everything that can be refused, as one tree; what each looks like on the wire stands in `dialects.errors`.

TapedeckError
├── NotAuthenticated            who asks is not known
│   └── CredentialsMissing      nobody was named at all
├── NotFound                    no such resource in this account
├── MethodNotAllowed            the path is known, the method is not
├── MalformedBody               the body is not what its content type says
├── BodyTooLarge                more bytes or fields than are read
├── InvalidParameter            a parameter is missing or wrong; says which and how
├── InvalidState                the resource's state does not allow it
│   ├── NotEligibleForRecording
│   ├── AmbiguousCurrentRecording          `Twilio.CURRENT` means more than one recording
│   ├── ConferenceNotInProgress the conference has ended, or has not begun
│   ├── CallHasEnded
│   ├── CallNotInProgress       a call that is not in progress is asked for what needs one
│   ├── CallAnswered            a call in progress is asked for what must come before
│   ├── NameInUse               a live conference has this name
│   ├── LabelInUse              a participant of this conference has this label
│   ├── ConferenceOverForParticipant                 who is to be changed is no longer in a conference, for that has
ended │   ├── NotFinished             only what is finished can be deleted
│   └── NotDualChannel        two channels are asked of a recording that has one
├── EventRejected                an event of a media engine that no engine of this account can have told
├── MediaMissing                what a recording should be made of is not there, or cannot be read
└── StoreFailure
    ├── StoreBusy               others were always first; nothing was written; safe to repeat
    │   └── StoreThrottled      it takes no more for now; the same
    └── StoreUnavailable        it is not known whether something was written
"""


class TapedeckError(Exception):
    """The root: whatever is one of these has an answer in both dialects."""


class NotAuthenticated(TapedeckError):
    """The credentials are wrong, or lack the scope that is needed."""


class CredentialsMissing(NotAuthenticated):
    """No credentials came with the request."""


class NotFound(TapedeckError):
    """There is no such resource in this account (another account's counts as none)."""


class MethodNotAllowed(TapedeckError):
    """The path exists, but not with this method."""


class MalformedBody(TapedeckError):
    """The body is not what its content type says."""


class BodyTooLarge(TapedeckError):
    """The body has more bytes or fields than are read (rule R17)."""


class InvalidParameter(TapedeckError):
    """A request parameter that cannot be used.

    Args:
        name: the parameter as the wire spells it, such as `PauseBehavior`.
        fault: what is wrong, one of the keys of `dialects.errors.PARAMETER_FAULTS`.
    """

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"{name}: {fault}")
        self.name = name
        self.fault = fault


class InvalidState(TapedeckError):
    """The resource exists and the request is well-formed, but its state does not allow it."""


class NotEligibleForRecording(InvalidState):
    """The call is not in progress, or the recording's capture has ended."""


class AmbiguousCurrentRecording(InvalidState):
    """More than one recording is active, so that none is *the* current one."""


class ConferenceNotInProgress(InvalidState):
    """The conference has ended, or has not begun and is asked for what needs a running one."""


class CallHasEnded(InvalidState):
    """The call is in a final state."""


class CallNotInProgress(InvalidState):
    """The call has not been answered, or has ended, and is to be sent elsewhere."""


class CallAnswered(InvalidState):
    """The call is in progress, and is to be canceled, to ring or to fail, which must come before."""


class NameInUse(InvalidState):
    """Another conference of this account is live under this name."""


class LabelInUse(InvalidState):
    """Another participant of this conference has this label."""


class ConferenceOverForParticipant(InvalidState):
    """The conference of this participant has ended."""


class NotFinished(InvalidState):
    """The recording is neither completed nor absent yet, and so cannot be deleted."""


class NotDualChannel(InvalidState):
    """The recording has one channel, and two are asked for."""


class EventRejected(TapedeckError):
    """An event names what was never given to a media engine, such as the key of somebody else's object (rule R11)."""


class MediaMissing(TapedeckError):
    """What a media engine should have captured is not there, or is no audio."""


class StoreFailure(TapedeckError):
    """The database did not do what was asked."""


class StoreBusy(StoreFailure):
    """Contention outlasted the retries; nothing was written."""


class StoreThrottled(StoreBusy):
    """The database takes no more requests for now; nothing was written."""


class StoreUnavailable(StoreFailure):
    """No answer came from the database; a write may or may not have happened."""
