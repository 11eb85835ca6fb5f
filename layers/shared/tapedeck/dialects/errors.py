"""The error table: the HTTP status, error code and message of every error in each dialect.

SignalWire uses 422 for an invalid parameter, and 400 for a malformed request or a forbidden state (C-17). Twilio
uses 400 for all of them. In messages, `{uri}` is the request's path as sent and `{name}` is the parameter. Where a
vendor documents no message, the text is Tapedeck's (C-18).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tapedeck.domain.errors import (
    AmbiguousCurrentRecording,
    BodyTooLarge,
    CallAlreadyEnded,
    CallAnswered,
    CallHasEnded,
    CallNotInProgress,
    ConferenceNotInProgress,
    ConferenceOverForParticipant,
    ConferenceReadByName,
    CredentialsMissing,
    InvalidState,
    LabelInUse,
    MalformedBody,
    MethodNotAllowed,
    NoEngineAvailable,
    NotAuthenticated,
    NotConfirmed,
    NotDualChannel,
    NotEligibleForRecording,
    NotFinished,
    NotFound,
    StoreBusy,
    StoreUnavailable,
    StoreUnresolved,
    TapedeckError,
)


class ErrorAnswer(NamedTuple):
    """An HTTP status, a vendor's error code and a message with the placeholders `{uri}`, `{name}` and `{value}`."""

    status: int
    code: int
    message: str


class ErrorAnswers(NamedTuple):
    """One row of the error table: the response to an error in both dialects."""

    twilio: ErrorAnswer
    signalwire: ErrorAnswer


def _both(status: int, code: int, message: str) -> ErrorAnswers:
    return ErrorAnswers(ErrorAnswer(status, code, message), ErrorAnswer(status, code, message))


def _parameter(message: str, code: int, signalwire_code: int | None = None) -> ErrorAnswers:
    """Return the answers to an invalid parameter: 400 in Twilio's dialect, 422 in SignalWire's."""
    return ErrorAnswers(ErrorAnswer(400, code, message), ErrorAnswer(422, signalwire_code or code, message))


_BAD_REQUEST: Final = ErrorAnswer(400, 20001, "Bad request")
_NOT_FOUND: Final = ErrorAnswer(404, 20404, "The requested resource {uri} was not found")
_INVALID: Final = ErrorAnswer(422, 10000, "{name} is invalid")

RECORDING_UPDATE_CONTENDED: Final = ErrorAnswer(408, 16114, "Resource is not in a state to accept the recording action")
"""Twilio's response if a recording update lost every race with concurrent writes (REL-2), or the engine
did not confirm it; clients may retry."""

SERVICE_UNAVAILABLE: Final = ErrorAnswer(503, 20504, "Service unavailable")

ERROR_TABLE: Final[Mapping[type[TapedeckError], ErrorAnswers]] = {
    CredentialsMissing: ErrorAnswers(
        ErrorAnswer(401, 20003, "Authentication Error - No credentials provided"),
        ErrorAnswer(401, 20003, "Authentication failed"),
    ),
    NotAuthenticated: ErrorAnswers(
        ErrorAnswer(401, 20003, "Authenticate"), ErrorAnswer(401, 20003, "Authentication failed")
    ),
    NotFound: ErrorAnswers(_NOT_FOUND, _NOT_FOUND),
    MethodNotAllowed: _both(405, 20004, "Method not allowed"),  # C-21
    ConferenceReadByName: ErrorAnswers(ErrorAnswer(405, 20004, "Method not allowed"), _NOT_FOUND),
    BodyTooLarge: ErrorAnswers(
        ErrorAnswer(413, 20001, "Bad request"), ErrorAnswer(413, 10000, "Request body too large")
    ),
    MalformedBody: ErrorAnswers(_BAD_REQUEST, ErrorAnswer(400, 10000, "Malformed request body")),
    NotConfirmed: ErrorAnswers(RECORDING_UPDATE_CONTENDED, SERVICE_UNAVAILABLE),  # C-227
    # --8<-- [start:rows]
    NotEligibleForRecording: _both(400, 21220, "Requested resource is not eligible for recording"),
    AmbiguousCurrentRecording: ErrorAnswers(
        ErrorAnswer(400, 16108, "Several recordings are in progress: name one by its sid"), _NOT_FOUND
    ),
    # Also for an announcement before the conference begins (C-55).
    ConferenceNotInProgress: ErrorAnswers(_BAD_REQUEST, ErrorAnswer(400, 10000, "Conference is not in progress")),
    # --8<-- [end:rows]
    CallHasEnded: ErrorAnswers(
        ErrorAnswer(400, 21220, "Call is not in-progress. Cannot redirect."), ErrorAnswer(400, 10000, "Call has ended")
    ),
    CallAlreadyEnded: ErrorAnswers(_NOT_FOUND, ErrorAnswer(400, 10000, "Call has ended")),
    CallAnswered: ErrorAnswers(_BAD_REQUEST, ErrorAnswer(400, 10000, "Call is in progress")),
    CallNotInProgress: _both(400, 21220, "Call is not in-progress. Cannot redirect."),
    ConferenceOverForParticipant: ErrorAnswers(_NOT_FOUND, ErrorAnswer(400, 10000, "Conference is not in progress")),
    LabelInUse: _both(400, 16025, "Another participant of this conference has this label"),
    NotFinished: _both(400, 20009, "Cannot delete this resource before it is complete"),
    NotDualChannel: _both(400, 16113, "The recording has one channel"),
    InvalidState: ErrorAnswers(_BAD_REQUEST, ErrorAnswer(400, 10000, "The state of the resource forbids this")),
    NoEngineAvailable: ErrorAnswers(
        ErrorAnswer(503, 20503, "Service Unavailable"), ErrorAnswer(503, 20504, "Service unavailable")
    ),
    StoreBusy: _both(429, 20429, "Too Many Requests"),
    # No status that a client or a proxy repeats by itself (C-311).
    StoreUnresolved: ErrorAnswers(_BAD_REQUEST, ErrorAnswer(400, 10000, "The state of the resource forbids this")),
    StoreUnavailable: ErrorAnswers(
        ErrorAnswer(500, 20500, "Internal Server Error"), ErrorAnswer(500, 20504, "Internal error")
    ),
    TapedeckError: ErrorAnswers(
        ErrorAnswer(500, 20500, "Internal Server Error"), ErrorAnswer(500, 20504, "Internal error")
    ),
}
"""The responses by error class; `find_answers` also searches the base classes."""

PARAMETER_FAULTS: Final[Mapping[str, ErrorAnswers]] = {
    "missing": ErrorAnswers(
        ErrorAnswer(400, 20001, "Missing required parameter {name} in the post body"),
        ErrorAnswer(422, 10000, "{name} is required"),
    ),
    "choice": ErrorAnswers(_BAD_REQUEST, _INVALID),
    "page_size": ErrorAnswers(ErrorAnswer(400, 20007, "{name} must be at least 1"), _INVALID),
    "page_token": _both(400, 21481, "{name} is invalid")._replace(
        signalwire=ErrorAnswer(422, 21481, "{name} is invalid")
    ),
    "page_token_missing": ErrorAnswers(ErrorAnswer(400, 20001, "PageToken is required for paging."), _INVALID),
    "label": ErrorAnswers(
        ErrorAnswer(400, 16023, "{name} is not a label"), ErrorAnswer(422, 16023, "{name} is not a label")
    ),
    "coaching": ErrorAnswers(
        ErrorAnswer(400, 16002, "{name} must name a call in this conference"),
        ErrorAnswer(422, 16002, "{name} must name a call in this conference"),
    ),
    "method": ErrorAnswers(_BAD_REQUEST, ErrorAnswer(422, 13221, "{name} must be GET or POST")),
    "event": _both(400, 13621, "Invalid recording status callback event")._replace(
        signalwire=ErrorAnswer(422, 13621, "Invalid recording status callback event")
    ),
    "trim": ErrorAnswers(_BAD_REQUEST, ErrorAnswer(422, 13699, "Invalid trim value")),
    "url": ErrorAnswers(
        ErrorAnswer(400, 21402, "{name} is not a valid URL"), ErrorAnswer(422, 21402, "{name} is not a valid URL")
    ),
    "instructions_url": ErrorAnswers(
        ErrorAnswer(400, 21205, "{name} is not a valid URL: {value}"),
        ErrorAnswer(422, 21205, "{name} is not a valid URL: {value}"),
    ),
    "instructions_method": ErrorAnswers(
        ErrorAnswer(400, 21209, "{name} must be GET or POST"), ErrorAnswer(422, 21209, "{name} must be GET or POST")
    ),
    "callback_url": ErrorAnswers(
        ErrorAnswer(400, 21402, "{name} is not a valid URL"), ErrorAnswer(422, 21456, "{name} is not a valid URL")
    ),
    "number": ErrorAnswers(
        ErrorAnswer(400, 21421, "{name} is not a valid phone number"),
        ErrorAnswer(422, 21421, "{name} is not a valid phone number"),
    ),
    "number_taken": ErrorAnswers(
        ErrorAnswer(400, 21422, "{name} is not available"), ErrorAnswer(422, 21422, "{name} is not available")
    ),
    "number_method": ErrorAnswers(
        ErrorAnswer(400, 21403, "{name} must be GET or POST"), ErrorAnswer(422, 21209, "{name} must be GET or POST")
    ),
    "area_code": ErrorAnswers(
        ErrorAnswer(400, 21451, "{name} is not an area code"), ErrorAnswer(422, 21451, "{name} is not an area code")
    ),
    "area_code_empty": ErrorAnswers(
        ErrorAnswer(400, 21452, "No phone numbers are available in {name}"),
        ErrorAnswer(422, 21452, "No phone numbers are available in {name}"),
    ),
    "fallback_url": ErrorAnswers(
        ErrorAnswer(400, 21405, "{name} needs a VoiceUrl"), ErrorAnswer(422, 10000, "{name} needs a VoiceUrl")
    ),
    "application": ErrorAnswers(
        ErrorAnswer(400, 21218, "{name} is not the sid of an application"),
        ErrorAnswer(422, 21218, "{name} is not the sid of an application"),
    ),
    "to_missing": _parameter("No 'To' number is specified", 21201, 21211),
    "to": _parameter("The 'To' number {value} is not a valid phone number.", 21211),
    "to_refused": _parameter("The 'To' number {value} is not a valid phone number.", 21217),
    "to_unreachable": _parameter("The 'To' number {value} cannot be reached.", 21214),
    "to_international": _parameter("International calls to {value} are not permitted.", 21215),
    "to_blocked": _parameter("Calls to {value} are not permitted.", 21216),
    "from_missing": _parameter("'From' phone number is required", 21213),
    "from": _parameter("The 'From' number {value} is not a valid phone number.", 21212),
    "instructions_missing": _parameter("Url parameter is required.", 21205),
    "markup": ErrorAnswers(ErrorAnswer(400, 32018, "{name} has more than 4000 characters"), _INVALID),
    "status_callback": _parameter("{name} is not a valid URL", 21609),
    "digits": _parameter("{name} is invalid", 21206, 13222),
    "timeout": _parameter("{name} must be from 1 to 600", 21208),
    "machine_detection": ErrorAnswers(_BAD_REQUEST, ErrorAnswer(422, 21234, "{name} is invalid")),
    "async_detection": ErrorAnswers(_BAD_REQUEST, ErrorAnswer(422, 21262, "{name} is required")),
    "conference_status": ErrorAnswers(_BAD_REQUEST, ErrorAnswer(422, 21475, "{name} must be completed")),
}
"""The response by `domain.errors.InvalidParameter.fault`."""

RECORDING_UPDATES: Final = frozenset({"update_call_recording", "update_conference_recording"})

OPERATIONS_WITH_503: Final = RECORDING_UPDATES | {"create_call_recording", "update_conference", "update_call"}
"""The operations for which SignalWire's OpenAPI description lists 503 (C-19)."""

REPEATABLE_STATUSES: Final = frozenset({408, 503})
"""The statuses whose responses state in `Retry-After` when the client may repeat the request."""

RETRY_AFTER_SECONDS: Final = 1
"""The value of `Retry-After`: most contention is over within a second."""

ERRORS_AS_STRINGS: Final = frozenset({"update_conference_recording"})
"""The operations whose 422 body in SignalWire's dialect is an array of strings."""


# --8<-- [start:find]
def find_answers(error: TapedeckError) -> ErrorAnswers:
    """Return the row for the error's class, or for the nearest base class that has one."""
    return next(ERROR_TABLE[kind] for kind in type(error).__mro__ if kind in ERROR_TABLE)
    # --8<-- [end:find]
