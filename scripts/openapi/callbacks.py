"""The callbacks of an operation; the fields come from rendering samples of every event."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from scripts.openapi.forms import Schema
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import CallbackDialect, Fields
from tapedeck.dialects.dialect import Dialect
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.notification import ConferenceEvent, ConferenceNotification, LeaveReason, RecordingEvent
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source

ORIGIN: Final = "https://api.example.com"

RECORDING: Final = "RecordingCallback"
CONFERENCE: Final = "ConferenceCallback"

CALLBACKS: Final[Mapping[str, Mapping[str, str]]] = {
    "create_call_recording": {"RecordingStatusCallback": RECORDING},
    "create_participant": {
        "ConferenceRecordingStatusCallback": RECORDING,
        "ConferenceStatusCallback": CONFERENCE,
        "RecordingStatusCallback": RECORDING,
    },
}
"""The callbacks that an operation subscribes to: the component of the fields by the parameter with the URL."""

_NEVER_PUBLISHED: Final = {
    ConferenceEvent.SPEECH_START, ConferenceEvent.SPEECH_STOP, ConferenceEvent.ANNOUNCEMENT_FAIL,
}  # fmt: skip

_ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"
_CALL: Final = "0198c3d0a1b77c3e8f4a5b6c7d8e9f01"
_CONFERENCE: Final = "0198c3d0a1b87c3e8f4a5b6c7d8e9f02"
_RECORDING: Final = "0198c3d0a1b97c3e8f4a5b6c7d8e9f03"
_SECOND: Final = 1_755_600_000

_OF_CALL: Final = Recording(
    _RECORDING, Parent(_ACCOUNT, ParentKind.CALL, _CALL), RecordingStatus.COMPLETED, Source.START_CALL_RECORDING,
    _SECOND + 60, call=_CALL, started=_SECOND, ended=_SECOND + 60, duration=60,
)  # fmt: skip
_OF_CONFERENCE: Final = replace(
    _OF_CALL, parent=Parent(_ACCOUNT, ParentKind.CONFERENCE, _CONFERENCE), source=Source.CONFERENCE
)
_ROOM: Final = Conference(
    _ACCOUNT, _CONFERENCE, "Support", ConferenceStatus.COMPLETED, _SECOND, reason=EndReason.LAST_LEFT,
    ending_call=_CALL,
)  # fmt: skip
_MEMBER: Final = Participant(_CALL, _CONFERENCE, _SECOND, label="agent")


def callbacks_for(operation: str, dialect: Dialect) -> Schema:
    """Return the callbacks of an operation by the parameter that subscribes; empty without any."""
    return {
        parameter: {
            f"{{$request.body#/{parameter}}}": {
                "post": _request(parameter, component, dialect, in_query=False),
                "get": _request(parameter, component, dialect, in_query=True),
            }
        }
        for parameter, component in CALLBACKS.get(operation, {}).items()
    }


def callback_components(dialect: Dialect) -> dict[str, Schema]:
    """Return the schemas of the callbacks' fields."""
    return {
        RECORDING: _schema("The fields of a callback about a recording.", _recording_samples(dialect)),
        CONFERENCE: _schema("The fields of a callback about a conference.", _conference_samples(dialect)),
    }


def callback_headers(dialect: Dialect) -> list[Schema]:
    """Return the headers of every callback, as parameters."""
    callbacks = callbacks_in(dialect.name)
    found = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": "The signature: HMAC-SHA1 of the URL and the fields of a POST, in base64.",
            "schema": {"type": "string"},
        }
        for name in callbacks.signature_headers
    ]
    if callbacks.idempotency_header is not None:
        found.append(
            {
                "name": callbacks.idempotency_header,
                "in": "header",
                "required": True,
                "description": "Identical in every attempt to deliver one callback.",
                "schema": {"type": "string"},
            }
        )
    return found


def _request(parameter: str, component: str, dialect: Dialect, *, in_query: bool) -> Schema:
    """Describe the request to the subscriber; with GET, the fields are in the query."""
    method = f"{parameter}Method"
    sample = _sample(component, dialect)
    reference = {"$ref": f"#/components/schemas/{component}"}
    operation: Schema = {
        "summary": f"Deliver a callback to {parameter}",
        "description": f"Sent if `{method}` is `{'GET' if in_query else 'POST'}`. Delivered at least once.",
        "parameters": callback_headers(dialect),
    }
    if in_query:
        fields = {"name": "fields", "in": "query", "style": "form", "explode": True, "required": True}
        operation["parameters"] = [*operation["parameters"], {**fields, "schema": reference, "example": sample}]
    else:
        form = {"schema": reference, "example": sample}
        operation["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": form}}
    operation["responses"] = {
        "2XX": {"description": "The subscriber accepted the callback."},
        "410": {"description": "The subscriber wants no more callbacks of this recording or conference."},
    }
    return operation


def _sample(component: str, dialect: Dialect) -> Fields:
    samples = _recording_samples(dialect) if component == RECORDING else _conference_samples(dialect)
    return next(iter(samples))


def _recording_samples(dialect: Dialect) -> list[Fields]:
    callbacks = _callbacks(dialect)
    events = [RecordingEvent.COMPLETED, *(event for event in RecordingEvent if event is not RecordingEvent.COMPLETED)]
    return [
        callbacks.recording(replace(recording, error=16101 if event is RecordingEvent.ABSENT else None), event, ORIGIN)
        for event in events
        for recording in (_OF_CALL, _OF_CONFERENCE)
    ]


def _conference_samples(dialect: Dialect) -> list[Fields]:
    callbacks = _callbacks(dialect)
    published = {event for events in callbacks.published_events.values() for event in events} - _NEVER_PUBLISHED
    return [
        callbacks.conference(
            ConferenceNotification(
                _ROOM, event, _SECOND, number, participant, LeaveReason.HUNG_UP, CallStatus.COMPLETED,
                _OF_CONFERENCE if callbacks.end_includes_recording else None, 960_044,
            ),
            ORIGIN,
        )
        for number, event in enumerate((event for event in ConferenceEvent if event in published), 1)
        for participant in (_MEMBER, None)
    ]  # fmt: skip


def _callbacks(dialect: Dialect) -> CallbackDialect:
    return callbacks_in(dialect.name)


_CHOICES: Final = frozenset({"RecordingStatus", "StatusCallbackEvent", "EventName"})
"""The fields whose values are the events of the samples."""


def _schema(description: str, samples: Iterable[Mapping[str, Any]]) -> Schema:
    samples = list(samples)
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    properties: dict[str, Schema] = {}
    for name in names:
        values = list(dict.fromkeys(sample[name] for sample in samples if name in sample))
        properties[name] = {"type": "string", "enum": sorted(values)} if name in _CHOICES else {"type": "string"}
    required = [name for name in names if all(name in sample for sample in samples)]
    return {"type": "object", "description": description, "properties": properties, "required": required}
