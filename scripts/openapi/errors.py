"""The error responses of an operation, with examples that the dialect itself renders."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from scripts.openapi.error_data import can_occur
from scripts.openapi.forms import Parameter, Schema, all_faults
from tapedeck.dialects.dialect import Dialect
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
    InvalidParameter,
    InvalidState,
    LabelInUse,
    MalformedBody,
    NoEngineAvailable,
    NotAuthenticated,
    NotConfirmed,
    NotDualChannel,
    NotEligibleForRecording,
    NotFinished,
    NotFound,
    StoreBusy,
    StoreThrottled,
    StoreUnavailable,
    TapedeckError,
)

_UPDATE: Final = (NotEligibleForRecording, AmbiguousCurrentRecording, NotConfirmed)

STATE_ERRORS: Final[Mapping[str, tuple[type[TapedeckError], ...]]] = {
    "create_call": (NoEngineAvailable,),
    "create_call_recording": (NotEligibleForRecording, NoEngineAvailable),
    "create_key": (InvalidState,),
    "create_participant": (LabelInUse, NoEngineAvailable),
    "delete_call": (NotFinished,),
    "delete_call_recording": (NotFinished,),
    "delete_conference_recording": (NotFinished,),
    "delete_recording": (NotFinished,),
    "get_conference": (ConferenceReadByName,),
    "get_conference_recording": (ConferenceReadByName,),
    "get_participant": (ConferenceReadByName,),
    "list_conference_recordings": (ConferenceReadByName,),
    "list_participants": (ConferenceReadByName,),
    "update_call": (CallHasEnded, CallAlreadyEnded, CallNotInProgress, CallAnswered),
    "update_call_recording": _UPDATE,
    "update_conference": (ConferenceNotInProgress,),
    "update_conference_recording": _UPDATE,
    "update_participant": (ConferenceOverForParticipant,),
}
"""The states that an operation rejects, in any dialect. A status that is missing here fails the conformance run."""

_REASONS: Final = {
    400: "The request is invalid, or the state of the resource forbids it.",
    401: "The credentials are missing or wrong.",
    404: "The account, or a resource of the path, does not exist in this account.",
    405: "The path has the name of the conference in place of its sid.",
    413: "The body has more than 64 KB or more than 200 fields.",
    422: "A parameter is missing or invalid.",
    503: "No media engine can do this now. Nothing was created; repeat the request later.",
}
"""What the client has done wrong, by status."""

_CAUSES: Final = {
    "notConfirmed": "the media engine did not confirm the update, which stays requested",
    "busy": "concurrent changes won every race",
    "throttled": "the database or the bucket throttles requests",
    "unavailable": "the database does not respond",
    "unexpected": "an unexpected error occurred",
}
"""What happens in the service, by the name of the example: the status depends on the dialect and the operation."""

_NOTHING_WRITTEN: Final = frozenset({429})

ERROR: Final = "Error"
ERROR_LIST: Final = "ErrorList"


def error_responses(
    operation: str, dialect: Dialect, parameters: Sequence[Parameter], *, method: str, is_media: bool
) -> dict[str, Schema]:
    """Return the error responses by status.

    Args:
        operation: the name of the operation's function.
        dialect: the dialect that renders the examples.
        parameters: the parameters of the operation.
        method: the method of the request.
        is_media: whether the response is audio.
    """
    examples: dict[int, dict[str, Any]] = defaultdict(dict)
    headers: dict[int, dict[str, Schema]] = {}
    causes: dict[int, list[str]] = defaultdict(list)
    for name, error in _errors(operation, parameters, method=method, is_media=is_media):
        if not can_occur(error, dialect.name, operation):
            continue
        reply = dialect.error(error, f"{dialect.root}/Accounts/…", operation)
        if name in _CAUSES:
            causes[reply.status].append(_CAUSES[name])
        if reply.body not in [example["value"] for example in examples[reply.status].values()]:
            examples[reply.status][name] = {"value": reply.body}
        headers[reply.status] = {
            header: {"schema": {"type": "string", "const": value}, "required": True}
            for header, value in reply.headers.items()
        }
    return {
        str(status): {
            "description": _reason(status, causes[status]),
            "headers": {**_request_id(), **headers.get(status, {})},
            "content": {"application/json": {"schema": _schema(named), "examples": named}},
        }
        for status, named in sorted(examples.items())
    }


def _reason(status: int, causes: Sequence[str]) -> str:
    """Return the reason of a status: what the client has done wrong, or the causes in the service."""
    if not causes:
        return _REASONS[status]
    text = f"{', or '.join(causes)}.".capitalize()
    return f"{text} Nothing was written; repeat the request." if status in _NOTHING_WRITTEN else text


def _request_id() -> Schema:
    return {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}


def _errors(
    operation: str, parameters: Sequence[Parameter], *, method: str, is_media: bool
) -> Iterator[tuple[str, TapedeckError]]:
    yield "noCredentials", CredentialsMissing()
    yield "wrongCredentials", NotAuthenticated()
    if operation != "list_accounts":  # its path names nothing
        yield "notFound", NotFound()
    if method == "POST":
        yield "malformedBody", MalformedBody()
        yield "bodyTooLarge", BodyTooLarge()
    for parameter in parameters:
        for fault in sorted(all_faults([parameter])):
            yield f"{_camel(parameter.name)}_{fault}", InvalidParameter(parameter.name, fault)
    for kind in STATE_ERRORS.get(operation, ()):
        yield _camel(kind.__name__), kind()
    if is_media:
        yield "notDualChannel", NotDualChannel()
    if method not in {"GET", "HEAD"}:
        yield "busy", StoreBusy()
    yield "throttled", StoreThrottled()
    yield "unavailable", StoreUnavailable()
    yield "unexpected", TapedeckError()


def _camel(name: str) -> str:
    return name[0].lower() + name[1:].replace("<", "Before").replace(">", "After")


def _schema(examples: Mapping[str, Mapping[str, Any]]) -> Schema:
    forms = {ERROR_LIST if "errors" in example["value"] else ERROR for example in examples.values()}
    references = [{"$ref": f"#/components/schemas/{form}"} for form in sorted(forms)]
    return references[0] if len(references) == 1 else {"oneOf": references}


def error_components(dialect: Dialect) -> dict[str, Schema]:
    """Return the schemas of the error bodies that the dialect uses."""
    sample = dialect.error(NotFound(), "/", "get_call").body or {}
    detailed = dialect.error(CredentialsMissing(), "/", "get_call").body or {}
    properties: dict[str, Schema] = {
        "code": {"type": "integer", "description": "The vendor's error code."},
        "detail": {"type": "string", "description": "More about the reason, where there is more."},
        "message": {"type": "string", "description": "What is wrong."},
        "more_info": {"type": "string", "format": "uri", "description": "The vendor's page about errors."},
        "status": {"type": "integer", "description": "The HTTP status."},
    }
    found: dict[str, Schema] = {
        ERROR: {
            "type": "object",
            "description": "An error.",
            "properties": {name: properties[name] for name in detailed},
            "required": list(sample),
            "additionalProperties": False,
        }
    }
    listed = dialect.error(InvalidParameter("Status", "missing"), "/", "update_conference_recording").body or {}
    if "errors" in listed:
        found[ERROR_LIST] = {
            "type": "object",
            "description": "Invalid parameters, as one text each.",
            "properties": {"errors": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
            "required": ["errors"],
            "additionalProperties": False,
        }
    return found
