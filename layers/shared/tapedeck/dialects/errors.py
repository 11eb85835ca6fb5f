"""The one table of what every refusal looks like in each dialect (contract: behaviour.md, section 3).

The rule behind the statuses: 422 for a parameter that is wrong in SignalWire's dialect, 400 where the state
forbids it or the request is malformed; Twilio knows 400 only. `{uri}` is the request's path as sent, `{name}` the
parameter. Messages for which the vendors give no text are our choice, and stand only here.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tapedeck.domain.errors import (
    BodyTooLarge,
    CallAnswered,
    CallHasEnded,
    CallNotInProgress,
    ConferenceNotInProgress,
    CredentialsMissing,
    HasLeft,
    LabelInUse,
    MalformedBody,
    MethodNotAllowed,
    NotAuthenticated,
    NotEligibleForRecording,
    NotFinished,
    NotFound,
    NotRecordedInTwo,
    SeveralCurrent,
    StateForbids,
    StoreBusy,
    StoreUnavailable,
    TapedeckError,
)


class Answer(NamedTuple):
    """An HTTP status, a vendor's code, a message with `{uri}` and `{name}` to fill in."""

    status: int
    code: int
    message: str


class Answers(NamedTuple):
    """The same refusal in both dialects."""

    twilio: Answer
    signalwire: Answer


def _both(status: int, code: int, message: str) -> Answers:
    return Answers(Answer(status, code, message), Answer(status, code, message))


_BAD_REQUEST: Final = Answer(400, 20001, "Bad request")
_NOT_FOUND: Final = Answer(404, 20404, "The requested resource {uri} was not found")
_INVALID: Final = Answer(422, 10000, "{name} is invalid")

REFUSALS: Final[Mapping[type[TapedeckError], Answers]] = {
    CredentialsMissing: Answers(
        Answer(401, 20003, "Authentication Error - No credentials provided"),
        Answer(401, 20003, "Authentication failed"),
    ),
    NotAuthenticated: Answers(Answer(401, 20003, "Authenticate"), Answer(401, 20003, "Authentication failed")),
    NotFound: Answers(_NOT_FOUND, _NOT_FOUND),
    MethodNotAllowed: _both(405, 20004, "Method not allowed"),
    BodyTooLarge: Answers(Answer(413, 20001, "Bad request"), Answer(413, 10000, "Request body too large")),
    MalformedBody: Answers(_BAD_REQUEST, Answer(400, 10000, "Malformed request body")),
    NotEligibleForRecording: _both(400, 21220, "Requested resource is not eligible for recording"),
    SeveralCurrent: Answers(Answer(400, 16108, "Several recordings are in progress: name one by its sid"), _NOT_FOUND),
    ConferenceNotInProgress: Answers(_BAD_REQUEST, Answer(400, 10000, "Conference is not in progress")),
    CallHasEnded: Answers(
        Answer(400, 21220, "Call is not in-progress. Cannot redirect."), Answer(400, 10000, "Call has ended")
    ),
    CallAnswered: Answers(_BAD_REQUEST, Answer(400, 10000, "Call is in progress")),
    CallNotInProgress: _both(400, 21220, "Call is not in-progress. Cannot redirect."),
    HasLeft: Answers(_NOT_FOUND, Answer(400, 10000, "Conference is not in progress")),
    LabelInUse: _both(400, 16025, "Another participant of this conference has this label"),
    NotFinished: _both(400, 20009, "Cannot delete this resource before it is complete"),
    NotRecordedInTwo: _both(400, 16113, "The recording has one channel"),
    StateForbids: Answers(_BAD_REQUEST, Answer(400, 10000, "The state of the resource forbids this")),
    StoreBusy: _both(429, 20429, "Too Many Requests"),
    StoreUnavailable: Answers(Answer(500, 20500, "Internal Server Error"), Answer(500, 20504, "Internal error")),
    TapedeckError: Answers(Answer(500, 20500, "Internal Server Error"), Answer(500, 20504, "Internal error")),
}
"""Looked up by the error's class and then its bases."""

PARAMETER_FAULTS: Final[Mapping[str, Answers]] = {
    "missing": Answers(
        Answer(400, 20001, "Missing required parameter {name} in the post body"),
        Answer(422, 10000, "{name} is required"),
    ),
    "choice": Answers(_BAD_REQUEST, _INVALID),
    "page_size": Answers(Answer(400, 20007, "{name} must be from 1 to 1000"), _INVALID),
    "page_token": _both(400, 21481, "{name} is invalid")._replace(signalwire=Answer(422, 21481, "{name} is invalid")),
    "label": Answers(Answer(400, 16023, "{name} is not a label"), Answer(422, 16023, "{name} is not a label")),
    "coaching": Answers(
        Answer(400, 16002, "{name} must name a call in this conference"),
        Answer(422, 16002, "{name} must name a call in this conference"),
    ),
    "method": Answers(_BAD_REQUEST, Answer(422, 13221, "{name} must be GET or POST")),
    "event": _both(400, 13621, "Invalid recording status callback event")._replace(
        signalwire=Answer(422, 13621, "Invalid recording status callback event")
    ),
    "trim": Answers(_BAD_REQUEST, Answer(422, 13699, "Invalid trim value")),
    "url": Answers(Answer(400, 21402, "{name} is not a valid URL"), Answer(422, 21402, "{name} is not a valid URL")),
    "callback_url": Answers(
        Answer(400, 21402, "{name} is not a valid URL"), Answer(422, 21456, "{name} is not a valid URL")
    ),
    "conference_status": Answers(_BAD_REQUEST, Answer(422, 21475, "{name} must be completed")),
}
"""What may be wrong with a parameter; `domain.errors.InvalidParameter.fault` is one of these."""

RECORDING_UPDATES: Final = frozenset({"update_call_recording", "update_conference_recording"})

NOT_CONFIRMED: Final = Answer(408, 16114, "Resource is not in a state to accept the recording action")
"""Twilio, on the two recording updates only, where others were always first (rule R2): the client may repeat."""

LISTS_503: Final = RECORDING_UPDATES | {"create_call_recording", "update_conference", "update_call"}
"""SignalWire's OpenAPI lists 503 on these."""

SERVICE_UNAVAILABLE: Final = Answer(503, 20504, "Service unavailable")

ERRORS_AS_STRINGS: Final = frozenset({"update_conference_recording"})
"""SignalWire answers 422 there with an array of strings (resources.md, section 8)."""


def find_answers(error: TapedeckError) -> Answers:
    """The nearest entry along the error's classes."""
    return next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
