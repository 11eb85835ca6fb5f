"""The price list: what AWS charges for each counted unit, and what is assumed where nothing can be counted."""

from dataclasses import dataclass
from typing import Final

REGION: Final = "us-east-1"
AS_OF: Final = "2025-06"
"""The month of the list prices; without free tiers, discounts and taxes."""

MONTH_MINUTES: Final = 43_200
"""Minutes of a month of 30 days."""


@dataclass(frozen=True)
class Price:
    """What AWS calls a unit, and its price in USD per `per` units."""

    name: str
    usd: float
    per: int = 1_000_000


PRICES: Final = {
    "api requests": Price("API Gateway, HTTP API: requests", 1.00),
    "lambda requests": Price("Lambda: requests", 0.20),
    "lambda gigabyte-seconds": Price("Lambda: duration, x86, per GB-second", 16.6667),
    "write units": Price("DynamoDB: write request units, on demand", 0.625),
    "read units": Price("DynamoDB: read request units, on demand", 0.125),
    "standard queue requests": Price("SQS: requests to standard queues", 0.40),
    "fifo queue requests": Price("SQS: requests to FIFO queues", 0.50),
    "domain events": Price("EventBridge: custom events", 1.00),
    "decryptions": Price("KMS: requests", 3.00),
    "s3 puts": Price("S3: PUT and LIST requests", 5.00),
    "s3 gets": Price("S3: GET and HEAD requests", 0.40),
    "log bytes": Price("CloudWatch Logs: ingestion, per GB", 0.50, 1_000_000_000),
    "schedules": Price("EventBridge Scheduler: invocations", 1.00),
    "alarm metrics": Price("CloudWatch: metrics of standard alarms, per month", 0.10, 1),
    "custom metrics": Price("CloudWatch: custom metrics, per month", 0.30, 1),
    "keys": Price("KMS: keys, per month", 1.00, 1),
}

CPU_MS: Final = {
    "default": 8.0,
    "publish_changes": 6.0,
    "deliver_callback": 8.0,
    "finish_recording": 2_000.0,
    "reconcile": 20.0,
}
"""Assumed own milliseconds of a warm invocation at its memory size; the conversion is of five minutes of audio."""

LATENCY_MS: Final = {"dynamodb": 5.0, "sqs": 8.0, "events": 20.0, "kms": 8.0, "s3": 25.0, "webhook": 100.0}
"""Assumed milliseconds of a request; a webhook's is that of the customer's server."""

PLATFORM_LOG_BYTES: Final = 330
"""Assumed bytes that Lambda itself logs for each invocation: START, END and REPORT."""

ACCESS_LOG_BYTES: Final = 190
"""Assumed bytes of a line of the access log."""

POLLS_PER_MINUTE: Final = 15
"""Assumed requests with which Lambda polls an idle queue: five pollers that wait for 20 seconds each."""

CONNECTOR_POLLS_PER_MINUTE: Final = 3
"""Requests with which a connector polls the idle queue of its engine: it waits for 20 seconds."""

ALIVE_PER_MINUTE: Final = 4
"""Requests with which an idle engine reports that it is alive."""
