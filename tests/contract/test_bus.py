"""The contract of `ports.messaging.Bus`: the adapter over moto's EventBridge, and the in-memory double."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final, Protocol

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.eventbridge import EventBus
from tapedeck.bootstrap.background import aws_outbound_clients
from tapedeck.bootstrap.environment import Environment
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.messaging import Bus, DomainEvent
from tapedeck.settings import Settings
from tapedeck_standin.aws.queues import MemoryBus
from tapedeck_standin.samples.moto_aws import make_full_client
from tests.thoroughness import scaled

FIRST_DELAY_SECONDS: Final = 0.02
MAX_ATTEMPTS: Final = 5
MAX_BYTES: Final = 262_144
MAX_ENTRIES: Final = 10

AT = 1_795_250_675


class Harness(Protocol):
    """A bus with a listener."""

    @property
    def bus(self) -> Bus:
        """The bus under test."""
        ...

    def published(self) -> list[DomainEvent]:
        """The events that the listener received."""
        ...


class MemoryHarness:
    """The in-memory double."""

    def __init__(self) -> None:
        self.bus = MemoryBus()

    def published(self) -> list[DomainEvent]:
        """Read the events from the double."""
        return list(self.bus.events)


class MotoHarness:
    """A deployment's bus over moto, with a rule that sends all events with the documented source to a queue."""

    def __init__(self) -> None:
        events, self._sqs = make_full_client("events"), make_full_client("sqs")
        name = token_hex(8)
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        described = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        events.create_event_bus(Name=name)
        events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": ["tapedeck"]}))
        target = {"Id": "queue", "Arn": described["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName=name, Targets=[target])
        bus = aws_outbound_clients(Environment(), replace(Settings.read(), event_bus=name)).bus
        assert bus is not None
        self.bus = bus

    def published(self) -> list[DomainEvent]:
        """Receive the events from the queue."""
        found = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                assert event["source"] == "tapedeck"
                at = datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S%z")
                detail = event["detail"]
                found.append(DomainEvent(detail.pop("id"), event["detail-type"], round(at.timestamp()), detail))
        return found


@pytest.fixture(params=["memory", "eventbridge"])
def harness(request: pytest.FixtureRequest) -> Harness:
    """Run each test against both."""
    if request.param == "memory":
        return MemoryHarness()
    request.getfixturevalue("aws")
    return MotoHarness()


def events(count: int, **detail: Any) -> list[DomainEvent]:
    """Create `count` domain events with distinct ids."""
    return [
        DomainEvent(f"event-{number}", "recording.paused", AT + number, {"n": number, **detail})
        for number in range(count)
    ]


def by_id(found: list[DomainEvent]) -> list[DomainEvent]:
    """Sort events by id."""
    return sorted(found, key=lambda event: event.id)


@pytest.mark.parametrize("count", [0, 1, MAX_ENTRIES, 2 * MAX_ENTRIES + 3])
def test_publishes_every_event(harness: Harness, count: int) -> None:
    """Any number of events arrive once each, with id, kind, time and detail."""
    published = events(count, text="é\u0000", inner={"a": [None, 1]})
    harness.bus.publish(published)
    assert by_id(harness.published()) == by_id(published)


def test_publishes_repetitions(harness: Harness) -> None:
    """A repeated event arrives again; listeners deduplicate by its id."""
    (event,) = events(1)
    harness.bus.publish([event])
    harness.bus.publish([event])
    assert harness.published() == [event, event]


def test_double_deduplicates_by_id() -> None:
    """`events_of` has each id once, in order of first publication, with the latest event."""
    first, second = events(2)
    again = DomainEvent(first.id, first.kind, first.at, {"n": "another"})
    bus = MemoryBus()
    bus.publish([first, second])
    bus.publish([again])
    assert bus.events == (first, second, again)


@dataclass
class EventBridge:
    """A stub client: `reject` returns the error code for an event id and attempt, None to accept it."""

    reject: Callable[[str, int], str | None] = lambda _id, _try: None
    requests: list[list[str]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def put_events(self, **request: Any) -> dict[str, Any]:
        """Respond like AWS."""
        names = [json.loads(entry["Detail"])["id"] for entry in request["Entries"]]
        self.requests.append(names)
        self.entries += request["Entries"]
        answers: list[dict[str, str]] = []
        for name in names:
            code = self.reject(name, sum(request.count(name) for request in self.requests))
            answers.append({"EventId": "x"} if code is None else {"ErrorCode": code, "ErrorMessage": "x"})
            self.accepted += [name] if code is None else []
        return {"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers}

    @property
    def bus(self) -> EventBus:
        """The adapter over this client, which records its waits."""
        return EventBus(self, "arn:bus", "tapedeck", self.pauses.append)


def test_entry_format() -> None:
    """An entry's detail is compact ASCII JSON with sorted names and the event id; its time is in UTC."""
    client = EventBridge()
    client.bus.publish([DomainEvent("1", "call.ended", AT, {"z": "é", "a": 1, "id": "hidden"})])
    assert client.entries == [
        {
            "EventBusName": "arn:bus",
            "Source": "tapedeck",
            "DetailType": "call.ended",
            "Time": datetime(2026, 11, 21, 8, 44, 35, tzinfo=UTC),
            "Detail": r'{"a":1,"id":"1","z":"\u00e9"}',
        }
    ]


def test_retries_only_rejected_entries() -> None:
    """If EventBridge rejects three of ten entries, these are sent again together with the next ones."""
    client = EventBridge(
        lambda name, tries: "InternalFailure" if name in {"event-1", "event-5", "event-9"} and tries == 1 else None
    )
    client.bus.publish(events(12))
    assert client.requests == [
        [f"event-{number}" for number in range(10)],
        [f"event-{number}" for number in (1, 5, 9, 10, 11)],
    ]
    assert len(client.pauses) == 1


@pytest.mark.sized
@settings(max_examples=scaled(deep=300, ci=80, fast=15), deadline=None, database=None)
@given(
    st.lists(st.integers(0, MAX_ATTEMPTS - 1), max_size=40), st.sampled_from(["InternalFailure", "ThrottlingException"])
)
def test_every_event_is_accepted_once_after_rejections(rejections: list[int], code: str) -> None:
    """Under any rejections every event is accepted once, in requests of at most ten, with short delays."""
    times = {f"event-{number}": count for number, count in enumerate(rejections)}
    client = EventBridge(lambda name, tries: code if tries <= times[name] else None)
    client.bus.publish(events(len(rejections)))
    assert sorted(client.accepted) == sorted(times)
    assert all(1 <= len(request) <= MAX_ENTRIES for request in client.requests)
    assert all(0 <= pause <= FIRST_DELAY_SECONDS * 2 ** (MAX_ATTEMPTS - 2) for pause in client.pauses)


def test_request_size_limit() -> None:
    """A request has at most 256 KB in EventBridge's count: 14 bytes for the time, source, kind and detail."""
    besides = 14 + len("tapedeck") + len("recording.paused") + len('{"id":"event-0","n":0,"text":""}')
    client = EventBridge()
    client.bus.publish(events(2, text="x" * (MAX_BYTES // 2 - besides)))
    client.bus.publish(events(2, text="x" * (MAX_BYTES // 2 - besides + 1)))
    assert client.requests == [["event-0", "event-1"], ["event-0"], ["event-1"]]


@pytest.mark.parametrize(("code", "error"), [("InternalFailure", StoreUnavailable), ("ThrottlingException", StoreBusy)])
def test_persistent_rejection_raises(code: str, error: type[Exception]) -> None:
    """An entry that stays rejected raises after five attempts and 300 ms of delays; the others are accepted."""
    client = EventBridge(lambda name, _: code if name == "event-1" else None)
    with pytest.raises(error):
        client.bus.publish(events(3))
    assert client.accepted == ["event-0", "event-2"]
    assert client.requests[1:] == [["event-1"]] * (MAX_ATTEMPTS - 1)
    assert sum(client.pauses) <= 0.3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", StoreBusy),
        ("ResourceNotFoundException", StoreUnavailable),
        ("no connection", StoreUnavailable),
    ],
)
def test_failed_request_raises_at_once(code: str, error: type[Exception]) -> None:
    """A failed request is not repeated, because botocore has retried it already."""

    def fail(_name: str, _tries: int) -> str:
        if code == "no connection":
            raise EndpointConnectionError(endpoint_url="https://bus")
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutEvents")

    client = EventBridge(fail)
    with pytest.raises(error):
        client.bus.publish(events(2))
    assert client.requests == [["event-0", "event-1"]]
    assert client.pauses == []
