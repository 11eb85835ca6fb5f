"""The callbacks of an operation, with examples that the dialect itself renders."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from scripts.openapi.forms import Schema
from scripts.openapi.responses import callback_schema
from scripts.openapi.samples import CALL, CONFERENCE_ENDED, OF_CALL, OF_CONFERENCE, ORIGIN, PARTICIPANT, SECOND
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import CallbackDialect, Fields
from tapedeck.dialects.dialect import Dialect
from tapedeck.domain.call import CallStatus
from tapedeck.domain.notification import (
    CallEvent,
    CallNotification,
    ConferenceEvent,
    ConferenceNotification,
    LeaveReason,
    RecordingEvent,
)

RECORDING: Final = "RecordingCallback"
CONFERENCE: Final = "ConferenceCallback"
CALL_STATUS: Final = "CallCallback"

CALLBACKS: Final[Mapping[str, Mapping[str, str]]] = {
    "create_call": {"RecordingStatusCallback": RECORDING, "StatusCallback": CALL_STATUS},
    "create_call_recording": {"RecordingStatusCallback": RECORDING},
    "create_participant": {
        "ConferenceRecordingStatusCallback": RECORDING,
        "ConferenceStatusCallback": CONFERENCE,
        "RecordingStatusCallback": RECORDING,
        "StatusCallback": CALL_STATUS,
    },
    "update_call": {"StatusCallback": CALL_STATUS},
}
"""The callbacks that an operation subscribes to: the component of the fields by the parameter with the URL."""

_NEVER_PUBLISHED: Final = {
    ConferenceEvent.SPEECH_START, ConferenceEvent.SPEECH_STOP, ConferenceEvent.ANNOUNCEMENT_FAIL,
}  # fmt: skip


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
        RECORDING: callback_schema("recording", dialect),
        CONFERENCE: callback_schema("conference", dialect),
        CALL_STATUS: callback_schema("call", dialect),
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
    sample = samples_of(component, dialect)[0]
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
        "410": {"description": "The subscriber wants no more callbacks of this recording, conference or call."},
    }
    return operation


def samples_of(component: str, dialect: Dialect) -> list[Fields]:
    """Return the fields of a callback for every event, as the dialect renders them."""
    samples = {RECORDING: _recording_samples, CONFERENCE: _conference_samples, CALL_STATUS: _call_samples}
    return samples[component](dialect)


def _recording_samples(dialect: Dialect) -> list[Fields]:
    callbacks = _callbacks(dialect)
    published = set(callbacks.published_recording_events.values()) - {RecordingEvent.COMPLETED}
    events = [RecordingEvent.COMPLETED, *(event for event in RecordingEvent if event in published)]
    return [
        callbacks.recording(replace(recording, error=16101 if event is RecordingEvent.ABSENT else None), event, ORIGIN)
        for event in events
        for recording in (OF_CALL, OF_CONFERENCE)
    ]


def _conference_samples(dialect: Dialect) -> list[Fields]:
    callbacks = _callbacks(dialect)
    published = {event for events in callbacks.published_events.values() for event in events} - _NEVER_PUBLISHED
    return [
        callbacks.conference(
            ConferenceNotification(
                CONFERENCE_ENDED, event, SECOND, number, participant, LeaveReason.HUNG_UP, CallStatus.COMPLETED,
                OF_CONFERENCE if callbacks.end_includes_recording else None, 960_044,
            ),
            ORIGIN,
        )
        for number, event in enumerate((event for event in ConferenceEvent if event in published), 1)
        for participant in (PARTICIPANT, None)
    ]  # fmt: skip


def _call_samples(dialect: Dialect) -> list[Fields]:
    callbacks = _callbacks(dialect)
    dialed = replace(CALL, direction="outbound-api", ended=SECOND + 60)
    outcomes = [CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.CANCELED]
    ended = [
        replace(dialed, status=status, started=SECOND if status is CallStatus.COMPLETED else None)
        for status in outcomes
    ]
    published = set(callbacks.published_call_events.values()) - {CallEvent.COMPLETED}
    return [
        *(callbacks.call(CallNotification(call, CallEvent.COMPLETED, SECOND + 60, 0)) for call in ended),
        *(
            callbacks.call(CallNotification(dialed, event, SECOND, number))
            for number, event in enumerate(each for each in CallEvent if each in published)
        ),
    ]


def _callbacks(dialect: Dialect) -> CallbackDialect:
    return callbacks_in(dialect.name)
