"""Sample callback deliveries, and a failed batch of the table's stream."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tapedeck.adapters.failed_batches import PREFIX
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import encode
from tapedeck.domain.delivery import REQUEUE_AFTER_SECONDS, CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.domain.notification import RecordingEvent
from tapedeck.domain.recording import Recording
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck_standin.aws.template import ORIGIN

RECEIVER: Final = "https://hooks.example/recordings"
"""A URL in a domain that is reserved for examples."""

SUBSCRIPTION: Final = CallbackSubscription(RECEIVER, "POST", ("in-progress", "completed", "absent"), "twilio")

FAILED_BATCH: Final = (
    f"{PREFIX}2b1d0a3e-5f74-4c8b-9e60-7d3c1f0a9b82/shardId-00000001748779200000-0a1b2c3d/2025/06/01/"
    "2025-06-01T12.02.03-6f1e8d7c-3b2a-4950-8e7d-1c0b9a8f7e6d"
)
"""The key of the failed batch, in the form that Lambda uses."""


def deliveries_of_completed(recording: Recording) -> tuple[CallbackDelivery, CallbackDelivery]:
    """Return a delivered `in-progress` callback, and a `completed` one with a scheduled retry."""
    began, ended = recording.created, recording.updated
    delivered = DeliveryAttempt(began * 1000 + 120, 85, status=200, response_excerpt="ok")
    failed_attempts = (
        DeliveryAttempt(ended * 1000 + 300, 40, failure="connect"),
        DeliveryAttempt(ended * 1000 + 1340, 35, failure="connect"),
    )
    return (
        _delivery(
            recording,
            1,
            RecordingEvent.IN_PROGRESS,
            "7313eb57-6cd9-76ec-034b-5e59233f09b2",
            created=began,
            state=DeliveryState.DELIVERED,
            first_attempt_at=began,
            attempt_count=1,
            attempts=(delivered,),
        ),
        _delivery(
            recording,
            recording.version,
            RecordingEvent.COMPLETED,
            "11ec4f98-fb5a-f804-be23-677e119dc00c",
            created=ended,
            state=DeliveryState.RETRY_SCHEDULED,
            first_attempt_at=ended,
            next_attempt_at=ended + 31,
            attempt_count=2,
            attempts=failed_attempts,
        ),
    )


def delivery_of_absent(recording: Recording) -> CallbackDelivery:
    """Return a queued `absent` callback."""
    created = recording.updated
    return _delivery(
        recording, recording.version, RecordingEvent.ABSENT, "05c5e4f3-5035-d68e-0847-88e5fa3acb31",
        created=created, next_attempt_at=created + REQUEUE_AFTER_SECONDS,
    )  # fmt: skip


def _delivery(recording: Recording, number: int, event: RecordingEvent, token: str, **more: Any) -> CallbackDelivery:  # noqa: ANN401 - fields of a delivery
    fields = callbacks_in(SUBSCRIPTION.dialect).recording(recording, event, ORIGIN)
    return CallbackDelivery(
        recording.parent.account, recording.id, number, str(event), SUBSCRIPTION.dialect, SUBSCRIPTION.url,
        SUBSCRIPTION.method, encode(fields).decode(), token, **more,
    )  # fmt: skip


def failed_batch(new_item: Mapping[str, Any]) -> bytes:
    """Return the object that Lambda stores after exhausted retries of an INSERT record.

    Args:
        new_item: the item in DynamoDB's typed form.
    """
    record = {
        "eventID": "4f2c9a0e7b1d4c6f8a3e5d7b9c1f0e2a",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_748_779_203,
            "Keys": {name: new_item[name] for name in ("PK", "SK")},
            "NewImage": new_item,
            "SequenceNumber": "000000000000000000011",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/RecordingsTable/stream/2025-06-01",
    }
    batch = {
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 11},
        "version": "1.0",
        "timestamp": "2025-06-01T12:02:03.000Z",
        "DDBStreamBatchInfo": {"batchSize": 1, "startSequenceNumber": "000000000000000000011"},
        "payload": json.dumps({"Records": [record]}),
    }
    return json.dumps(batch).encode()
