"""deliver_callback sends each callback at least once, signed, retried by the vendor's rules and then for days."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.admin.callbacks import describe_delivery
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookRequest, WebhookResult
from tests.client import DIALECTS
from tests.functions.background_world import Crash, World
from tests.functions.stage import START

LEASE_MS: Final = 60_000
MAX_UNSIGNED_SECONDS: Final = 86_400
RETRY_DELAYS_SECONDS: Final = (30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400)
MAX_STORED_ATTEMPTS: Final = 100
REQUEUE_AFTER_SECONDS: Final = 600

URL: Final = "https://user:secret@app.example.com:8443/hooks?tenant=42#rc=0"
SIGNED_URL: Final = "https://app.example.com:8443/hooks?tenant=42"
FIELDS: Final = {"RecordingStatus": "completed", "AccountSid": "AC1", "Reason": "é & ü"}
FORM_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
State = DeliveryState

CONNECT_FAILED: Final = WebhookResult(None, FailureReason.CONNECT, 5)
READ_TIMEOUT: Final = WebhookResult(None, FailureReason.READ, 5_000)
SERVER_ERROR: Final = WebhookResult(500, None, 10, b"oops")
NO_CONTENT: Final = WebhookResult(204, None, 20)


def test_delivers_a_callback(world: World) -> None:
    """A callback of account 3d1f6c5e… is signed with its auth token; the answer at 23:00:00 is 200: delivered."""
    world.accounts.create(
        account="3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
        auth_token="0123456789abcdef0123456789abcdef",
    )
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&CallSid=CA016612f5cb6a70008000000000000001"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
                "&RecordingDuration=8"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916400"},
            "state": {"S": "queued"},
            "due": {"N": "1537917000"},
            "lease": {"N": "0"},
            "tried": {"N": "0"},
            "attempts": {"L": []},
            "expires_at": {"N": "1540508400"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537917000"},
        },
    )
    world.receiver.answers.append(WebhookResult(status=200, failure=None, milliseconds=20, response_excerpt=b"thanks"))
    assert world.call(
        "deliver_callback",
        {
            "Records": [
                {
                    "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                    "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCg",
                    "body": (
                        '{"account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", '
                        '"resource": "016612f5dee270008000000000000002", "delivery": "00000003.completed"}'
                    ),
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1537916400050",
                        "SequenceNumber": "18840745863214063361",
                        "MessageGroupId": "016612f5dee270008000000000000002",
                        "SenderId": "AROAEXAMPLE:publish-changes",
                        "MessageDeduplicationId": "4483a1d0-15ab-424f-4056-d5be18688e2a-0-1537917000",
                        "ApproximateFirstReceiveTimestamp": "1537916400200",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "c974cea993062d7ac7f2c554d12a26a6",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:callbacks.fifo",
                    "awsRegion": "us-east-1",
                }
            ]
        },
    ) == {"batchItemFailures": []}
    assert world.receiver.requests == [
        WebhookRequest(
            method="POST",
            url="https://app.example.com/hooks?tenant=42",
            timeouts=Timeouts(connect=5000, read=15000, total=15000),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": "GA2TKYJ7NhJ8ZAaW1GkghMsGcW4=",
                "I-Twilio-Idempotency-Token": "4483a1d0-15ab-424f-4056-d5be18688e2a",
            },
            origin_bound_headers=frozenset({"X-Twilio-Signature", "I-Twilio-Idempotency-Token"}),
            body=(
                b"AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                b"&CallSid=CA016612f5cb6a70008000000000000001"
                b"&RecordingSid=RE016612f5dee270008000000000000002"
                b"&RecordingStatus=completed"
                b"&RecordingDuration=8"
            ),
            max_redirects=3,
        )
    ]
    assert world.memory.scan(TableName=world.table)["Items"] == [
        {
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&CallSid=CA016612f5cb6a70008000000000000001"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
                "&RecordingDuration=8"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916400"},
            "state": {"S": "delivered"},
            "lease": {"N": "0"},
            "tried": {"N": "1"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916400250"},
                            "milliseconds": {"N": "20"},
                            "status": {"N": "200"},
                            "answer": {"S": "thanks"},
                        }
                    }
                ]
            },
            "expires_at": {"N": "1540508400"},
            "first_at": {"N": "1537916400"},
        }
    ]
    assert world.log.drain() == [{"operation": "deliver_callback", "outcome": "delivered"}]


def test_schedules_a_retry_after_a_server_error(world: World) -> None:
    """A callback of account 3d1f6c5e… is answered with 503 at 23:00:00: a retry is scheduled in 30 seconds."""
    world.accounts.create(
        account="3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
        auth_token="0123456789abcdef0123456789abcdef",
    )
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&CallSid=CA016612f5cb6a70008000000000000001"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
                "&RecordingDuration=8"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916400"},
            "state": {"S": "queued"},
            "due": {"N": "1537917000"},
            "lease": {"N": "0"},
            "tried": {"N": "0"},
            "attempts": {"L": []},
            "expires_at": {"N": "1540508400"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537917000"},
        },
    )
    world.receiver.answers.append(
        WebhookResult(status=503, failure=None, milliseconds=20, response_excerpt=b"overloaded")
    )
    assert world.call(
        "deliver_callback",
        {
            "Records": [
                {
                    "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                    "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCg",
                    "body": (
                        '{"account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", '
                        '"resource": "016612f5dee270008000000000000002", "delivery": "00000003.completed"}'
                    ),
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1537916400050",
                        "SequenceNumber": "18840745863214063361",
                        "MessageGroupId": "016612f5dee270008000000000000002",
                        "SenderId": "AROAEXAMPLE:publish-changes",
                        "MessageDeduplicationId": "4483a1d0-15ab-424f-4056-d5be18688e2a-0-1537917000",
                        "ApproximateFirstReceiveTimestamp": "1537916400200",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "c974cea993062d7ac7f2c554d12a26a6",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:callbacks.fifo",
                    "awsRegion": "us-east-1",
                }
            ]
        },
    ) == {"batchItemFailures": []}
    assert world.receiver.requests == [
        WebhookRequest(
            method="POST",
            url="https://app.example.com/hooks?tenant=42",
            timeouts=Timeouts(connect=5000, read=15000, total=15000),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": "GA2TKYJ7NhJ8ZAaW1GkghMsGcW4=",
                "I-Twilio-Idempotency-Token": "4483a1d0-15ab-424f-4056-d5be18688e2a",
            },
            origin_bound_headers=frozenset({"X-Twilio-Signature", "I-Twilio-Idempotency-Token"}),
            body=(
                b"AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                b"&CallSid=CA016612f5cb6a70008000000000000001"
                b"&RecordingSid=RE016612f5dee270008000000000000002"
                b"&RecordingStatus=completed"
                b"&RecordingDuration=8"
            ),
            max_redirects=3,
        )
    ]
    assert world.memory.scan(TableName=world.table)["Items"] == [
        {
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&CallSid=CA016612f5cb6a70008000000000000001"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
                "&RecordingDuration=8"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916400"},
            "state": {"S": "retry-scheduled"},
            "due": {"N": "1537916430"},
            "lease": {"N": "0"},
            "tried": {"N": "1"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916400250"},
                            "milliseconds": {"N": "20"},
                            "status": {"N": "503"},
                            "answer": {"S": "overloaded"},
                        }
                    }
                ]
            },
            "expires_at": {"N": "1540508400"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537916430"},
            "first_at": {"N": "1537916400"},
        }
    ]
    assert world.log.drain() == [{"operation": "deliver_callback", "outcome": "retry-scheduled"}]


def enqueue_delivery(world: World, dialect: str, number: int = 3, **more: Any) -> CallbackDelivery:
    """Store a delivery and queue it."""
    made = CallbackDelivery(
        account=world.account.account,
        resource_id="5" * 32,
        sequence=number,
        event="completed",
        dialect=dialect,
        url=URL,
        method="POST",
        body=urlencode(FIELDS),
        idempotency_token=f"token-{number}",
        created=world.clock.seconds,
        next_attempt_at=world.clock.seconds + REQUEUE_AFTER_SECONDS,
    )
    made = replace(made, **more)
    world.background.callbacks.enqueue(made)
    return made


def read_delivery(world: World, delivery: CallbackDelivery) -> CallbackDelivery:
    """Read a delivery."""
    return next(each for each in world.deliveries(delivery.resource_id) if each.id == delivery.id)


def signature(key: str, url: str, fields: Mapping[str, str]) -> str:
    """Compute the signature as the vendors' verifiers do."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return b64encode(hmac.digest(key.encode(), text.encode(), "sha1")).decode()


def signed_headers(
    world: World, dialect: str, url: str, fields: Mapping[str, str], token: str, key: str = ""
) -> dict[str, str]:
    """Return the headers that are sent to the receiver's own origin only."""
    if dialect == "twilio":
        signed = signature(key or world.account.auth_token, url, fields)
        return {"X-Twilio-Signature": signed, "I-Twilio-Idempotency-Token": token}
    signed = signature(key or world.account.signing_key, url, fields)
    return {"X-SignalWire-Signature": signed, "X-Twilio-Signature": signed}


LIMITS: Final = {"twilio": Timeouts(5_000, 15_000, 15_000), "signalwire": Timeouts(2_000, 5_000, 15_000)}


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_delivers_a_signed_request(world: World, dialect: str, method: str) -> None:
    """The request follows the dialect, and the signature covers the URL without user info and fragment."""
    delivery = enqueue_delivery(world, dialect, method=method)
    (message,) = world.callbacks.drain()
    body = {"account": delivery.account, "resource": delivery.resource_id, "delivery": delivery.id}
    assert (message.body, message.id) == (body, f"{delivery.idempotency_token}-0-{delivery.next_attempt_at}")
    assert world.deliver([message]) == []
    (request,) = world.receiver.requests
    sent = URL.partition("#")[0]
    if method == "GET":
        query = "&RecordingStatus=completed&AccountSid=AC1&Reason=%C3%A9%20%26%20%C3%BC"
        origin_headers = signed_headers(world, dialect, SIGNED_URL + query, {}, delivery.idempotency_token)
        assert request == WebhookRequest(
            "GET", sent + query, LIMITS[dialect], origin_headers, frozenset(origin_headers), b"", 3
        )
    else:
        origin_headers = signed_headers(world, dialect, SIGNED_URL, FIELDS, delivery.idempotency_token)
        assert request == WebhookRequest(
            "POST",
            sent,
            LIMITS[dialect],
            {**FORM_HEADERS, **origin_headers},
            frozenset(origin_headers),
            delivery.body.encode(),
            3,
        )
        assert dict(parse_qsl(request.body.decode())) == FIELDS
    done = replace(
        delivery,
        state=State.DELIVERED,
        next_attempt_at=None,
        first_attempt_at=START,
        attempt_count=1,
        attempts=(DeliveryAttempt(START * 1000 + 250, 20, status=200, response_excerpt="ok"),),
    )
    assert read_delivery(world, delivery) == done
    assert world.log.drain() == [{"operation": "deliver_callback", "outcome": "delivered"}]
    # A duplicate message finds it delivered.
    assert world.deliver([message]) == []
    assert (len(world.receiver.requests), read_delivery(world, delivery)) == (1, done)


@pytest.mark.parametrize(
    ("dialect", "fragment", "outcomes", "requests", "slept"),
    [
        ("twilio", "", [CONNECT_FAILED, CONNECT_FAILED, NO_CONTENT], 2, [1]),
        ("twilio", "", [CONNECT_FAILED, NO_CONTENT], 2, [1]),
        ("twilio", "", [READ_TIMEOUT, NO_CONTENT], 1, []),
        ("twilio", "", [SERVER_ERROR, NO_CONTENT], 1, []),
        ("twilio", "rc=0", [CONNECT_FAILED, NO_CONTENT], 1, []),
        ("twilio", "rc=3&rp=5xx", [SERVER_ERROR] * 9, 4, [1, 2, 2]),
        ("twilio", "rc=2&rp=all", [SERVER_ERROR, READ_TIMEOUT, WebhookResult(404, None, 5), NO_CONTENT], 3, [1, 2]),
        ("twilio", "rc=5&rp=rt", [READ_TIMEOUT] * 9, 3, [1, 2]),
        ("signalwire", "", [CONNECT_FAILED, READ_TIMEOUT, CONNECT_FAILED, NO_CONTENT], 3, [1, 2]),
        ("signalwire", "", [SERVER_ERROR, NO_CONTENT], 1, []),
        ("signalwire", "", [READ_TIMEOUT] * 9, 3, [1, 2]),
        ("signalwire", "rc=5", [CONNECT_FAILED] * 9, 3, [1, 2]),
    ],
)
def test_retries_by_the_vendors_rules(
    world: World, dialect: str, fragment: str, outcomes: list[WebhookResult], requests: int, slept: list[float]
) -> None:
    """Number, causes and pauses of the immediate attempts are the vendor's, within 15 seconds."""
    delivery = enqueue_delivery(world, dialect, url=f"https://app.example.com/hooks#{fragment}")
    world.receiver.answers += outcomes
    began = world.clock()
    world.deliver()
    sent = world.receiver.requests
    assert (len(sent), world.slept) == (requests, slept)
    assert world.clock() - began <= 15_000
    assert [request.timeouts.total for request in sent] == sorted((each.timeouts.total for each in sent), reverse=True)
    after = read_delivery(world, delivery)
    assert [(attempt.status, attempt.failure) for attempt in after.attempts] == [
        (outcome.status, outcome.failure) for outcome in outcomes[:requests]
    ]
    assert after.state is (State.DELIVERED if outcomes[requests - 1] == NO_CONTENT else State.RETRY_SCHEDULED)
    # All attempts send the same request.
    assert {replace(request, timeouts=LIMITS[dialect]) for request in map(_hashable, sent)} == {
        replace(_hashable(sent[0]), timeouts=LIMITS[dialect])
    }


def _hashable(request: WebhookRequest) -> WebhookRequest:
    return replace(request, headers=tuple(sorted(request.headers.items())))  # type: ignore[arg-type]


def retry_until_final(world: World, delivery: CallbackDelivery) -> list[int]:
    """Retry whenever the delivery is due until it is delivered or exhausted; return the pauses in seconds."""
    pauses: list[int] = []
    while True:
        assert world.deliver() == []
        pending = read_delivery(world, delivery)
        if pending.state is not State.RETRY_SCHEDULED:
            return pauses
        assert pending.next_attempt_at is not None
        pauses.append(pending.next_attempt_at - world.clock.seconds)
        world.clock.step(pending.next_attempt_at - world.clock.seconds - 1)
        world.reconcile()
        assert world.callbacks.sent == []
        world.clock.step(1)
        assert world.reconcile() == {"requeued": 1}


def test_retries_for_three_days(world: World, dialect: str) -> None:
    """The pauses grow up to four hours; after three days the delivery is exhausted (C-82)."""
    delivery = enqueue_delivery(world, dialect)
    world.receiver.answers += [SERVER_ERROR] * 99
    pauses = retry_until_final(world, delivery)
    assert pauses[: len(RETRY_DELAYS_SECONDS)] == list(RETRY_DELAYS_SECONDS)
    assert set(pauses[len(RETRY_DELAYS_SECONDS) :]) == {RETRY_DELAYS_SECONDS[-1]}
    assert 72 * 3600 - RETRY_DELAYS_SECONDS[-1] < sum(pauses) <= 72 * 3600
    after = read_delivery(world, delivery)
    assert (after.state, after.next_attempt_at, after.attempt_count) == (State.EXHAUSTED, None, len(pauses) + 1)
    assert {attempt.response_excerpt for attempt in after.attempts} == {"oops"}
    assert world.reconcile() == {}
    assert world.callbacks.sent == []


def test_stores_the_newest_attempts(world: World) -> None:
    """Only the newest attempts are stored, with the total number of attempts (C-116)."""
    delivery = enqueue_delivery(world, "twilio", url="https://app.example.com/hooks#rc=5&rp=all")
    world.receiver.answers += [SERVER_ERROR] * 999
    retry_until_final(world, delivery)
    shown = describe_delivery(read_delivery(world, delivery))
    assert shown["tried"] == len(world.receiver.requests) > MAX_STORED_ATTEMPTS
    assert len(shown["attempts"]) == MAX_STORED_ATTEMPTS
    at = [attempt["at"] for attempt in shown["attempts"]]
    assert at == sorted(at)
    assert at[0] > START * 1000 + 250


def test_counts_an_exhausted_delivery(world: World) -> None:
    """An exhausted delivery is logged and counted."""
    enqueue_delivery(world, "twilio")
    world.receiver.answers.append(WebhookResult(410, None, 5))
    world.deliver()
    assert world.log.drain() == [
        {"operation": "deliver_callback", "outcome": "exhausted", "counted": {"CallbacksExhausted": 1}}
    ]


@pytest.mark.parametrize("random_value", [0.5, 1.0])
def test_retry_pauses_have_jitter(world: World, random_value: float) -> None:
    """Each pause is longer by a random amount of up to a fifth."""
    world.random_values.append(random_value)
    delivery = enqueue_delivery(world, "twilio")
    world.receiver.answers += [SERVER_ERROR, NO_CONTENT]
    assert retry_until_final(world, delivery) == [30 + round(6 * random_value)]


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [(None, 30), (0, 30), (29, 30), (31, 31), (14_400, 14_400), (14_401, 14_400), (10**9, 14_400)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_honors_retry_after(world: World, status: int, retry_after: int | None, pause: int) -> None:
    """`Retry-After` makes the pause longer, up to four hours."""
    delivery = enqueue_delivery(world, "twilio")
    world.receiver.answers += [WebhookResult(status, None, 5, retry_after=retry_after), NO_CONTENT]
    assert retry_until_final(world, delivery) == [pause]
    assert read_delivery(world, delivery).state is State.DELIVERED


@pytest.mark.parametrize(
    "outcome", [WebhookResult(410, None, 5, b"gone"), WebhookResult(None, FailureReason.FORBIDDEN, 0)]
)
def test_a_permanent_failure_is_not_retried(world: World, outcome: WebhookResult) -> None:
    """A URL that is gone or forbidden is tried once."""
    delivery = enqueue_delivery(world, "signalwire")
    world.receiver.answers.append(outcome)
    assert retry_until_final(world, delivery) == []
    after = read_delivery(world, delivery)
    assert (after.state, after.attempt_count, len(world.receiver.requests)) == (State.EXHAUSTED, 1, 1)


def test_a_gone_url_gets_no_further_callback(world: World, dialect: str) -> None:
    """After a 410, the other deliveries of the recording to that URL are exhausted; other URLs are not affected."""
    retrying, waiting = enqueue_delivery(world, dialect, number=1), enqueue_delivery(world, dialect, number=2)
    elsewhere = enqueue_delivery(world, dialect, number=3, url="https://other.example.com/")
    messages = world.callbacks.drain()
    world.receiver.answers += [SERVER_ERROR, WebhookResult(410, None, 5)]
    gone = enqueue_delivery(world, dialect, number=4)
    world.deliver([messages[0], *world.callbacks.drain()])
    world.log.drain()
    at = world.clock()
    for each in (retrying, waiting):
        after = read_delivery(world, each)
        assert (after.state, after.next_attempt_at, after.lease_expires_at) == (State.EXHAUSTED, None, 0)
        assert after.attempts[-1] == DeliveryAttempt(at, 0, failure="url-gone")
    assert [attempt.status for attempt in read_delivery(world, gone).attempts] == [410]
    later = enqueue_delivery(world, dialect, number=5)
    another = enqueue_delivery(world, dialect, number=5, resource_id="6" * 32)
    sent = len(world.receiver.requests)
    world.deliver([*messages[1:], *world.callbacks.drain()])
    assert len(world.receiver.requests) == sent + 2
    assert [read_delivery(world, each).state for each in (elsewhere, another, later)] == [
        State.DELIVERED,
        State.DELIVERED,
        State.EXHAUSTED,
    ]
    assert [attempt.failure for attempt in read_delivery(world, later).attempts] == ["url-gone"]
    given_up = [line for line in world.log.drain() if line["outcome"] == "exhausted"]
    assert [line["counted"] for line in given_up] == [{"CallbacksExhausted": 1}]
    assert world.reconcile() == {}
    # An operator can still replay it.
    world.background.callbacks.replay(later.account, later.resource_id, later.id)
    world.deliver()
    assert read_delivery(world, later).state is State.DELIVERED


def test_without_durable_retries_a_gone_url_stays_open(make_world: Callable[[int], World], dialect: str) -> None:
    """With only the vendor's attempts, the next callback is sent to the URL as usual."""
    world = make_world(0)
    first, second = enqueue_delivery(world, dialect, number=1), enqueue_delivery(world, dialect, number=2)
    world.receiver.answers.append(WebhookResult(410, None, 5))
    world.deliver()
    assert [read_delivery(world, each).state for each in (first, second)] == [State.EXHAUSTED, State.DELIVERED]


@pytest.mark.parametrize(
    "outcome",
    [
        WebhookResult(302, None, 5),
        WebhookResult(404, None, 5),
        WebhookResult(None, FailureReason.REDIRECT, 5),
        WebhookResult(None, FailureReason.PROTOCOL, 5),
    ],
)
def test_a_temporary_failure_is_retried(world: World, dialect: str, outcome: WebhookResult) -> None:
    """Other statuses and failures are retried after the first pause."""
    delivery = enqueue_delivery(world, dialect)
    world.receiver.answers += [outcome, NO_CONTENT]
    assert retry_until_final(world, delivery) == [30]


def test_without_durable_retries_only_the_vendors_attempts_are_made(
    make_world: Callable[[int], World], dialect: str
) -> None:
    """With zero retry hours, a delivery is exhausted after the vendor's own attempts."""
    world = make_world(0)
    delivery = enqueue_delivery(world, dialect, url="https://app.example.com/hooks")
    world.receiver.answers += [CONNECT_FAILED] * 9
    assert retry_until_final(world, delivery) == []
    assert read_delivery(world, delivery).state is State.EXHAUSTED
    assert len(world.receiver.requests) == (2 if dialect == "twilio" else 3)


# Keys.


def test_every_attempt_is_signed_by_the_first_key(world: World, dialect: str) -> None:
    """Rotating a token does not change later attempts; new deliveries use the new token (C-83)."""
    old = enqueue_delivery(world, dialect)
    world.receiver.answers += [SERVER_ERROR]
    world.deliver()
    world.clock.step(5)
    new_token = world.accounts.rotate_auth_token(world.account.account)
    world.accounts.revoke_old_auth_token(world.account.account)
    world.clock.step(60)
    world.reconcile()
    world.deliver()
    first, second = world.receiver.requests
    assert second == first
    assert read_delivery(world, old).state is State.DELIVERED
    new = enqueue_delivery(world, dialect, number=4)
    world.deliver()
    key = new_token if dialect == "twilio" else world.account.signing_key
    origin_headers = signed_headers(world, dialect, SIGNED_URL, FIELDS, new.idempotency_token, key)
    assert world.receiver.requests[2] == WebhookRequest(
        "POST",
        URL.partition("#")[0],
        LIMITS[dialect],
        {**FORM_HEADERS, **origin_headers},
        frozenset(origin_headers),
        new.body.encode(),
        3,
    )


def test_the_old_token_signs_until_it_is_revoked(world: World) -> None:
    """While both tokens are valid, the old one signs: receivers may not know the new one."""
    world.accounts.rotate_auth_token(world.account.account)
    world.clock.step(60)
    delivery = enqueue_delivery(world, "twilio")
    world.deliver()
    (request,) = world.receiver.requests
    assert request.headers["X-Twilio-Signature"] == signature(world.account.auth_token, SIGNED_URL, FIELDS)
    assert read_delivery(world, delivery).state is State.DELIVERED


def test_a_late_first_attempt_is_signed_by_the_key_of_its_time(world: World) -> None:
    """If the token was rotated and revoked before the first attempt, the new one signs (C-83)."""
    delivery = enqueue_delivery(world, "twilio")
    world.clock.step(60)
    new_token = world.accounts.rotate_auth_token(world.account.account)
    world.accounts.revoke_old_auth_token(world.account.account)
    world.clock.step(60)
    world.deliver()
    (request,) = world.receiver.requests
    assert request.headers["X-Twilio-Signature"] == signature(new_token, SIGNED_URL, FIELDS)
    assert read_delivery(world, delivery).state is State.DELIVERED


@pytest.mark.parametrize("hours", [0, 72])
def test_waits_for_the_key(make_world: Callable[[int], World], dialect: str, hours: int) -> None:
    """While the key cannot be decrypted, a retry is scheduled and nothing is sent, for any number of retry hours."""
    world = make_world(hours)
    delivery = enqueue_delivery(world, dialect)
    world.kms.is_unavailable = True
    world.deliver()
    pending = read_delivery(world, delivery)
    assert world.receiver.requests == []
    assert pending == replace(
        delivery, state=State.RETRY_SCHEDULED, next_attempt_at=START + 30, first_attempt_at=START, attempt_count=1,
        attempts=(DeliveryAttempt(START * 1000 + 250, 0, failure="unsigned"),),
    )  # fmt: skip
    world.kms.is_unavailable = False
    world.clock.step(30)
    world.reconcile()
    world.deliver()
    (request,) = world.receiver.requests
    origin_headers = signed_headers(world, dialect, SIGNED_URL, FIELDS, delivery.idempotency_token)
    assert {name: request.headers[name] for name in origin_headers} == origin_headers
    assert read_delivery(world, delivery).state is State.DELIVERED


def test_a_process_decrypts_a_key_once(world: World) -> None:
    """Three callbacks of an account cost one request to KMS; when five minutes have passed, the next costs another."""
    for number in range(1, 4):
        enqueue_delivery(world, "twilio", number=number)
    world.deliver()
    assert (len(world.receiver.requests), world.kms.decrypted) == (3, 1)
    world.clock.step(300)
    enqueue_delivery(world, "twilio", number=4)
    world.deliver()
    assert (len(world.receiver.requests), world.kms.decrypted) == (4, 2)


def test_counts_unsigned_attempts(world: World) -> None:
    """Each attempt without a key is counted, so that an alarm fires before the delivery is exhausted."""
    delivery = enqueue_delivery(world, "twilio")
    world.kms.is_unavailable = True
    retry_until_final(world, delivery)
    lines = [line for line in world.log.drain() if line["operation"] == "deliver_callback"]
    assert {line["outcome"] for line in lines[:-1]} == {"retry-scheduled"}
    assert all(line["counted"] == {"CallbacksUnsigned": 1} for line in lines[:-1])
    assert lines[-1]["outcome"] == "exhausted"
    assert lines[-1]["counted"] == {"CallbacksUnsigned": 1, "CallbacksExhausted": 1}


@pytest.mark.parametrize("hours", [0, 72])
def test_a_delivery_without_a_key_is_exhausted_after_a_day(make_world: Callable[[int], World], hours: int) -> None:
    """After a day, or the retry hours if longer, the delivery is exhausted without having been sent."""
    world = make_world(hours)
    delivery = enqueue_delivery(world, "twilio")
    world.kms.is_unavailable = True
    pauses = retry_until_final(world, delivery)
    limit = max(MAX_UNSIGNED_SECONDS, hours * 3600)
    assert limit - RETRY_DELAYS_SECONDS[-1] < sum(pauses) <= limit
    assert (read_delivery(world, delivery).state, world.receiver.requests) == (State.EXHAUSTED, [])


def test_an_account_without_keys_sends_nothing(world: World) -> None:
    """The request is sent neither unsigned nor signed with another account's key."""
    delivery = enqueue_delivery(world, "twilio", account="9" * 32)
    world.deliver()
    assert world.receiver.requests == []
    delivery_there = DeliveryTable(DynamoDBTable(world.memory, world.table, world.sleep)).get(
        "9" * 32, delivery.resource_id, delivery.id
    )
    assert delivery_there is not None
    assert (delivery_there.state, delivery_there.attempts[0].failure) == (State.RETRY_SCHEDULED, "unsigned")


# At least once, with equal requests.


def test_a_lease_prevents_concurrent_attempts(world: World) -> None:
    """While a worker makes attempts, for up to 15 s, a second message sends nothing and is done, so it blocks none."""
    delivery = enqueue_delivery(world, "twilio")
    (message,) = world.callbacks.drain()
    nested: list[Any] = []

    def deliver_meanwhile() -> None:
        world.receiver.on_request = lambda: None
        world.clock.milliseconds += 15_000
        nested.append(world.deliver([message]))

    world.receiver.on_request = deliver_meanwhile
    assert world.deliver([message]) == []
    assert nested == [[]]
    assert [line["outcome"] for line in world.log.drain()] == ["skipped", "delivered"]
    assert len(world.receiver.requests) == 1
    assert read_delivery(world, delivery).attempt_count == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_crashed_attempt_is_repeated_after_its_lease(world: World, dialect: str, method: str) -> None:
    """After the lease expires, the same request is sent again."""
    delivery = enqueue_delivery(world, dialect, method=method)
    (message,) = world.callbacks.drain()
    world.receiver.answers.append(Crash())
    with pytest.raises(Crash):
        world.deliver([message])
    assert read_delivery(world, delivery).state is State.QUEUED
    # Until the lease expires, the first worker may still be sending.
    assert world.deliver([message]) == []
    world.clock.milliseconds += 59_999
    assert world.deliver([message]) == []
    assert len(world.receiver.requests) == 1
    world.clock.milliseconds += 1
    assert world.deliver([message]) == []
    first, second = world.receiver.requests
    assert first == second
    after = read_delivery(world, delivery)
    assert (after.state, after.attempt_count, after.first_attempt_at) == (State.DELIVERED, 1, START)


def test_a_replay_waits_for_another_sender(world: World) -> None:
    """A replay during an attempt that began after it is retried by the queue: each replay sends the callback once."""
    delivery = enqueue_delivery(world, "twilio")
    for _ in range(2):
        world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
    _, first, second = world.callbacks.drain()
    failed: list[Any] = []
    world.receiver.on_request = lambda: failed.extend(world.deliver([second]))
    assert world.deliver([first]) == []
    assert [record["messageId"] for record in failed] == ["message-0"]
    assert world.deliver([second]) == []
    assert (len(world.receiver.requests), read_delivery(world, delivery).attempt_count) == (2, 2)


def test_a_late_failure_does_not_undo_a_success(world: World) -> None:
    """A failed attempt that outlasts its lease does not change a delivery that succeeded since."""
    delivery = enqueue_delivery(world, "twilio", url="https://app.example.com/hooks#rc=5")
    (message,) = world.callbacks.drain()

    def deliver_after_the_lease() -> None:
        world.clock.milliseconds += LEASE_MS
        world.receiver.answers[:0] = [NO_CONTENT]
        assert world.deliver([message]) == []

    world.receiver.on_request = deliver_after_the_lease
    world.receiver.answers += [CONNECT_FAILED] * 5
    assert world.deliver([message]) == []
    after = read_delivery(world, delivery)
    assert (after.state, after.next_attempt_at, after.attempt_count) == (State.DELIVERED, None, 2)
    assert [attempt.failure for attempt in after.attempts] == [None, "connect"]
    assert len(world.receiver.requests) == 2


def test_no_retry_after_a_concurrent_success(world: World) -> None:
    """If another worker succeeds during a failing attempt, there is no second attempt."""
    delivery = enqueue_delivery(world, "twilio", url="https://app.example.com/hooks")
    (message,) = world.callbacks.drain()

    def replay() -> None:
        world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
        world.receiver.answers[:0] = [NO_CONTENT]
        assert world.deliver() == []

    world.receiver.on_request = replay
    world.receiver.answers.append(CONNECT_FAILED)
    assert world.deliver([message]) == []
    after = read_delivery(world, delivery)
    assert (after.state, after.attempt_count, len(world.receiver.requests), world.slept) == (State.DELIVERED, 2, 2, [])


@pytest.mark.parametrize("state", ["queued", "retry scheduled", "delivered", "exhausted"])
def test_a_replay_sends_the_same_request(world: World, dialect: str, state: str) -> None:
    """A replay in any state queues the delivery at once, and sends the same token, body and signature."""
    delivery = enqueue_delivery(world, dialect)
    outcome = {"retry scheduled": SERVER_ERROR, "delivered": NO_CONTENT, "exhausted": WebhookResult(410, None, 5)}.get(
        state
    )
    if outcome is not None:
        world.receiver.answers.append(outcome)
        world.deliver()
    world.callbacks.drain()
    world.clock.step(7)
    vendor = DIALECTS[dialect]
    answer = world.call(
        "replay_callback",
        {
            "account_sid": vendor.format_sid(ResourceType.ACCOUNT, delivery.account),
            "sid": vendor.format_sid(ResourceType.RECORDING, delivery.resource_id),
            "callback": delivery.id,
        },
    )
    queued = read_delivery(world, delivery)
    assert (answer["callback"]["state"], queued.state, queued.next_attempt_at) == (
        "queued",
        State.QUEUED,
        world.clock.seconds + 600,
    )
    before = list(world.receiver.requests)
    assert world.deliver() == []
    assert read_delivery(world, delivery).state is State.DELIVERED
    assert world.receiver.requests[len(before) :] == [before[0] if before else world.receiver.requests[0]]


@pytest.mark.parametrize("after", [0, 72 * 3600])
@pytest.mark.parametrize("failure", [SERVER_ERROR, WebhookResult(410, None, 5)])
def test_a_failed_replay_keeps_the_delivered_state(world: World, failure: WebhookResult, after: int) -> None:
    """A failed replay is retried, and then the delivery is delivered as before, not exhausted."""
    delivery = enqueue_delivery(world, "twilio")
    world.deliver()
    world.clock.step(after)
    world.log.drain()
    world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
    world.receiver.answers += [failure] * 99
    pauses = retry_until_final(world, delivery)
    assert bool(pauses) == (failure is SERVER_ERROR and after == 0)
    after_replays = read_delivery(world, delivery)
    assert (after_replays.state, after_replays.next_attempt_at, after_replays.attempts[0].status) == (
        State.DELIVERED,
        None,
        200,
    )
    assert len(after_replays.attempts) == len(world.receiver.requests) == len(pauses) + 2
    outcomes = [line["outcome"] for line in world.log.drain() if line["operation"] == "deliver_callback"]
    assert outcomes == ["retry-scheduled"] * len(pauses) + ["delivered"]


def test_a_replay_during_an_attempt_is_sent(world: World) -> None:
    """Both requests are sent and are equal."""
    delivery = enqueue_delivery(world, "twilio")
    (message,) = world.callbacks.drain()

    def replay() -> None:
        world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
        world.clock.step(1)
        assert world.deliver() == []

    world.receiver.on_request = replay
    assert world.deliver([message]) == []
    first, second = world.receiver.requests
    assert first == second
    after = read_delivery(world, delivery)
    assert (after.state, after.attempt_count) == (State.DELIVERED, 2)


@pytest.mark.parametrize("kind", ["refused", "lost", "killed before", "killed after"])
@pytest.mark.parametrize(
    "outcomes",
    [[NO_CONTENT], [CONNECT_FAILED, NO_CONTENT], [SERVER_ERROR]],
    ids=["delivered", "second attempt", "retry scheduled"],
)
def test_a_failing_table_loses_nothing(world: World, kind: str, outcomes: list[WebhookResult]) -> None:
    """A failure or crash at any request to the table still leads to a delivery, with equal requests."""
    for place in range(5):
        delivery = enqueue_delivery(world, "twilio", number=place + 1, url="https://app.example.com/hooks")
        messages = world.callbacks.drain()
        world.receiver.requests.clear()
        world.receiver.answers[:] = outcomes
        seen: list[str] = []

        def fail(when: str, operation: str, _request: object, place: int = place, seen: list[str] = seen) -> None:
            if when == ("before" if kind in {"refused", "killed before"} else "after"):
                seen.append(operation)
                if len(seen) == place + 1:
                    if kind.startswith("killed"):
                        raise Crash
                    raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

        for _ in range(20):
            world.faults.append(fail)
            try:
                failed = world.deliver(messages)
            except Crash:
                failed = [{}]
            world.faults.remove(fail)
            world.clock.milliseconds += LEASE_MS
            if not failed and read_delivery(world, delivery).state is State.DELIVERED:
                break
            if not failed:
                world.reconcile()
                messages = world.callbacks.drain() or messages
        assert read_delivery(world, delivery).state is State.DELIVERED
        assert {_hashable(replace(request, timeouts=LIMITS["twilio"])) for request in world.receiver.requests} == {
            _hashable(replace(world.receiver.requests[0], timeouts=LIMITS["twilio"]))
        }


# Messages.


def test_a_message_without_a_delivery_sends_nothing(world: World) -> None:
    """A message of an unknown delivery, or of another account's, is done without a request."""
    delivery = enqueue_delivery(world, "twilio")
    (message,) = world.callbacks.drain()
    for change in ({"delivery": "00000009.absent"}, {"resource": "6" * 32}, {"account": "9" * 32}):
        assert world.deliver([replace(message, body={**message.body, **change})]) == []
    assert (world.receiver.requests, read_delivery(world, delivery)) == ([], delivery)


@pytest.mark.parametrize("body", ["", "{", "{}", "[]", '{"account": 1}'])
def test_a_malformed_message_is_retried(world: World, body: str) -> None:
    """A malformed message is retried until it reaches the dead-letter queue."""
    record = {"messageId": "m", "body": body, "attributes": {"MessageGroupId": "g"}, "eventSource": "aws:sqs",
              "receiptHandle": "r", "messageAttributes": {}, "md5OfBody": "", "awsRegion": "us-east-1",
              "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:callbacks.fifo"}  # fmt: skip
    answer = world.call("deliver_callback", {"Records": [record]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert world.receiver.requests == []


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"x" * 1024, "x" * 1024),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("é".encode() * 600, "é" * 512),
        # 3 bytes each: a hundred attempts of them must fit into an item.
        (b"\xff" * 1024, "\ufffd" * 341),
        (b"", ""),
    ],
)
def test_stores_the_first_kilobyte_of_an_answer(world: World, answer: bytes, kept: str) -> None:
    """The start of the response is stored as text of at most a kilobyte, with invalid bytes replaced."""
    delivery = enqueue_delivery(world, "twilio")
    world.receiver.answers.append(WebhookResult(200, None, 5, answer))
    world.deliver()
    assert read_delivery(world, delivery).attempts[0].response_excerpt == kept


def test_retries_have_a_queue_of_their_own(world: World) -> None:
    """What failed is queued again among the retries; what the queue lost before its first attempt is none of them."""
    failed, lost = enqueue_delivery(world, "twilio", number=1), enqueue_delivery(world, "twilio", number=2)
    first, _ = world.callbacks.drain()
    world.receiver.answers.append(SERVER_ERROR)
    assert world.deliver([first]) == []
    world.clock.step(600)
    assert world.reconcile() == {"requeued": 2}
    assert [message.body["delivery"] for message in world.callbacks.drain()] == [lost.id]
    assert [message.body["delivery"] for message in world.retries.drain()] == [failed.id]
    world.background.callbacks.replay(failed.account, failed.resource_id, failed.id)
    assert [message.body["delivery"] for message in world.callbacks.drain()] == [failed.id]


def test_a_waiting_callback_is_queued_ever_less_often(world: World) -> None:
    """A callback that waits for days is queued again after ten minutes, and then as long as it has waited (C-327)."""
    enqueue_delivery(world, "twilio")
    began, queued = world.clock.seconds, []
    world.callbacks.drain()
    while world.clock.seconds < began + 4 * 86_400:
        world.clock.step(600)
        world.reconcile()
        if world.callbacks.drain():
            queued.append((world.clock.seconds - began) // 60)
    # Minutes; a day has 1,440.
    assert queued == [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 4_000, 5_440]


def test_a_waiting_retry_is_queued_ever_less_often_since_its_last_attempt(make_world: Callable[[int], World]) -> None:
    """What counts is the time since the last attempt, not since the creation ten hours earlier (C-327)."""
    world = make_world(72)
    enqueue_delivery(world, "twilio")
    world.receiver.answers += [SERVER_ERROR, SERVER_ERROR]
    world.deliver()
    world.clock.step(36_000)
    world.reconcile()
    world.deliver()
    began, queued = world.clock.seconds, []
    while world.clock.seconds < began + 40_000:
        world.clock.step(600)
        world.reconcile()
        if world.retries.drain():
            queued.append((world.clock.seconds - began) // 60)
    # It is due after 240 minutes, and each copy of it is lost.
    assert queued == [240, 250, 500]


@pytest.mark.parametrize("is_replay", [False, True], ids=["retry", "replay"])
def test_a_lost_retry_or_replay_is_queued_again(world: World, *, is_replay: bool) -> None:
    """A retry or replay that the queue loses is queued again after ten minutes, however long ago the attempt was."""
    delivery = enqueue_delivery(world, "twilio")
    world.receiver.answers.append(WebhookResult(200 if is_replay else 503, None, 20))
    world.deliver()
    world.clock.step(7_200)
    if is_replay:
        world.background.callbacks.replay(delivery.account, delivery.resource_id, delivery.id)
    else:
        assert world.reconcile() == {"requeued": 1}
    assert len(world.callbacks.drain() + world.retries.drain()) == 1
    world.clock.step(599)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"requeued": 1}


def test_a_lost_message_is_requeued(world: World) -> None:
    """A lost message is queued again after ten minutes, unless the delivery is being sent."""
    delivery = enqueue_delivery(world, "twilio")
    (lost,) = world.callbacks.drain()
    world.clock.step(REQUEUE_AFTER_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"requeued": 1}
    (again,) = world.callbacks.drain()
    assert (again.body, again.group) == (lost.body, lost.group)
    assert again.id != lost.id
    world.clock.step(REQUEUE_AFTER_SECONDS)
    reconciled: list[Any] = []
    world.receiver.on_request = lambda: reconciled.append(world.reconcile())
    assert world.deliver([again]) == []
    assert (reconciled, world.callbacks.sent) == ([{}], [])
    assert read_delivery(world, delivery).state is State.DELIVERED
