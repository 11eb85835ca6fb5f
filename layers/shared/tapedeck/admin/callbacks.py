"""Callbacks as an operator sees them: event, URL, state and attempts."""

from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from pydantic import AfterValidator

from tapedeck.admin.endpoint import sid_error
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt

_SUBJECTS: Final = (ResourceType.RECORDING, ResourceType.CONFERENCE, ResourceType.CALL)
"""The types of resources that callbacks are about."""


def _parse_resource_sid(sid: str) -> str:
    for kind in _SUBJECTS:
        identifier = parse_any_sid(kind, sid)
        if identifier is not None:
            return identifier
    raise sid_error(*_SUBJECTS)


CallbackResourceSid = Annotated[str, AfterValidator(_parse_resource_sid)]
"""The SID of a recording, a conference or a call in either dialect, parsed into an id."""


_TYPES: Final = {
    "CallStatus": ResourceType.CALL,
    "RecordingSid": ResourceType.RECORDING,
    "ConferenceSid": ResourceType.CONFERENCE,
}
"""The first of these fields in a callback shows what it is about."""


def resource_type_of(delivery: CallbackDelivery) -> ResourceType:
    """Return the type of the resource that a callback is about."""
    fields = dict(parse_qsl(delivery.body, keep_blank_values=True))
    return next(kind for name, kind in _TYPES.items() if name in fields)


def describe_delivery(delivery: CallbackDelivery) -> dict[str, Any]:
    """Describe a delivery as JSON: times in seconds, those of attempts in milliseconds; `fields` are form-encoded."""
    return {
        "id": delivery.id,
        "event": delivery.event,
        "state": str(delivery.state),
        "method": delivery.method,
        "url": delivery.url,
        "fields": delivery.body,
        "token": delivery.idempotency_token,
        "created": delivery.created,
        "due": delivery.next_attempt_at,
        "tried": delivery.attempt_count,
        "attempts": [_describe_attempt(attempt) for attempt in delivery.attempts],
    }


def _describe_attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    return {
        "at": attempt.at,
        "milliseconds": attempt.milliseconds,
        "status": attempt.status,
        "failure": attempt.failure,
        "answer": attempt.response_excerpt,
    }
