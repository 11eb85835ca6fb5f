"""What every bus must do (`ports.messaging.Bus`): the adapter over moto's EventBridge, and its double."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Protocol

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.batching import FIRST_DELAY_SECONDS, MAX_ATTEMPTS, MAX_BYTES, MAX_ENTRIES
from tapedeck.adapters.clients import make_client
from tapedeck.adapters.eventbridge import EventBus
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.messaging import Bus, DomainEvent
from tapedeck_standin.aws.queues import MemoryBus
from tests.thoroughness import scaled

AT = 1_795_250_675


class Rig(Protocol):
    """A bus, and somebody who listens."""

    @property
    def bus(self) -> Bus:
        """What facts are told to."""
        ...

    def published(self) -> list[DomainEvent]:
        """What has come."""
        ...


class MemoryRig:
    """The double."""

    def __init__(self) -> None:
        self.bus = MemoryBus()

    def published(self) -> list[DomainEvent]:
        """Its own way."""
        return list(self.bus.events)


class MotoRig:
    """The adapter over moto, and a queue that a rule sends everything of Tapedeck's to."""

    def __init__(self) -> None:
        session: Any = botocore.session.get_session()
        events, self._sqs = session.create_client("events"), session.create_client("sqs")
        name = token_hex(8)
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        described = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        events.create_event_bus(Name=name)
        events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": ["tapedeck"]}))
        target = {"Id": "queue", "Arn": described["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName=name, Targets=[target])
        self.bus = EventBus(make_client("events"), name, "tapedeck", never)

    def published(self) -> list[DomainEvent]:
        """As any listener does."""
        found = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                assert event["source"] == "tapedeck"
                at = datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S%z")
                detail = event["detail"]
                found.append(DomainEvent(detail.pop("id"), event["detail-type"], round(at.timestamp()), detail))
        return found


def never(seconds: float) -> None:
    """Nothing has failed, so that nothing is waited for."""
    raise AssertionError(seconds)


@pytest.fixture(params=["memory", "eventbridge"])
def rig(request: pytest.FixtureRequest) -> Rig:
    """Each test runs against both."""
    if request.param == "memory":
        return MemoryRig()
    request.getfixturevalue("aws")
    return MotoRig()


def facts(many: int, **detail: Any) -> list[DomainEvent]:
    """So many, each with an id of its own."""
    return [
        DomainEvent(f"fact-{number}", "recording.paused", AT + number, {"n": number, **detail})
        for number in range(many)
    ]


def by_id(found: list[DomainEvent]) -> list[DomainEvent]:
    """The same in one order."""
    return sorted(found, key=lambda fact: fact.id)


@pytest.mark.parametrize("many", [0, 1, MAX_ENTRIES, 2 * MAX_ENTRIES + 3])
def test_tells_everything(rig: Rig, many: int) -> None:
    """However many they are, each comes once, with its id, its kind, its second and what it says."""
    told = facts(many, text="é\u0000", inner={"a": [None, 1]})
    rig.bus.publish(told)
    assert by_id(rig.published()) == by_id(told)


def test_tells_again_what_is_told_again(rig: Rig) -> None:
    """A listener knows a repetition by the fact's id."""
    (fact,) = facts(1)
    rig.bus.publish([fact])
    rig.bus.publish([fact])
    assert rig.published() == [fact, fact]


def test_the_double_keeps_each_fact_once() -> None:
    """By its id, in the order of the first telling; what a repetition says instead is what is kept."""
    first, second = facts(2)
    again = DomainEvent(first.id, first.kind, first.at, {"n": "another"})
    bus = MemoryBus()
    bus.publish([first, second])
    bus.publish([again])
    assert list(bus.events_of.items()) == [(first.id, again), (second.id, second)]
    assert bus.events == (first, second, again)


@dataclass
class EventBridge:
    """A client whose answers a test decides: `refuse` gives the code for a fact's id and try, None to take it."""

    refuse: Callable[[str, int], str | None] = lambda _id, _try: None
    requests: list[list[str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def put_events(self, **request: Any) -> dict[str, Any]:
        """AWS's own words."""
        names = [json.loads(entry["Detail"])["id"] for entry in request["Entries"]]
        self.requests.append(names)
        self.entries += request["Entries"]
        answers: list[dict[str, str]] = []
        for name in names:
            code = self.refuse(name, sum(request.count(name) for request in self.requests))
            answers.append({"EventId": "x"} if code is None else {"ErrorCode": code, "ErrorMessage": "x"})
            self.taken += [name] if code is None else []
        return {"FailedEntryCount": sum("ErrorCode" in each for each in answers), "Entries": answers}

    @property
    def bus(self) -> EventBus:
        """The adapter over it, which does not really wait."""
        return EventBus(self, "arn:bus", "tapedeck", self.pauses.append)


def test_an_entry_says_everything() -> None:
    """Its detail is compact JSON in ASCII with sorted names, the fact's id among them, and its time is in UTC."""
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


def test_only_what_was_refused_is_told_again() -> None:
    """Of ten facts EventBridge refuses three: those go again, beside the next."""
    client = EventBridge(
        lambda name, tries: "InternalFailure" if name in {"fact-1", "fact-5", "fact-9"} and tries == 1 else None
    )
    client.bus.publish(facts(12))
    assert client.requests == [
        [f"fact-{number}" for number in range(10)],
        [f"fact-{number}" for number in (1, 5, 9, 10, 11)],
    ]
    assert len(client.pauses) == 1


@settings(max_examples=scaled(300, 40), deadline=None, database=None)
@given(
    st.lists(st.integers(0, MAX_ATTEMPTS - 1), max_size=40), st.sampled_from(["InternalFailure", "ThrottlingException"])
)
def test_every_fact_is_taken_once_whatever_is_refused(refusals: list[int], code: str) -> None:
    """In requests of at most ten, with short pauses."""
    times = {f"fact-{number}": many for number, many in enumerate(refusals)}
    client = EventBridge(lambda name, tries: code if tries <= times[name] else None)
    client.bus.publish(facts(len(refusals)))
    assert sorted(client.taken) == sorted(times)
    assert all(1 <= len(request) <= MAX_ENTRIES for request in client.requests)
    assert all(0 <= pause <= FIRST_DELAY_SECONDS * 2 ** (MAX_ATTEMPTS - 2) for pause in client.pauses)


def test_a_request_holds_256_kilobytes() -> None:
    """As EventBridge counts them: 14 for the time, the source, the kind and the detail."""
    besides = 14 + len("tapedeck") + len("recording.paused") + len('{"id":"fact-0","n":0,"text":""}')
    client = EventBridge()
    client.bus.publish(facts(2, text="x" * (MAX_BYTES // 2 - besides)))
    client.bus.publish(facts(2, text="x" * (MAX_BYTES // 2 - besides + 1)))
    assert client.requests == [["fact-0", "fact-1"], ["fact-0"], ["fact-1"]]


@pytest.mark.parametrize(("code", "error"), [("InternalFailure", StoreUnavailable), ("ThrottlingException", StoreBusy)])
def test_what_stays_refused_is_told(code: str, error: type[Exception]) -> None:
    """After five tries, within 300 ms of pauses; the others have been taken."""
    client = EventBridge(lambda name, _: code if name == "fact-1" else None)
    with pytest.raises(error):
        client.bus.publish(facts(3))
    assert client.taken == ["fact-0", "fact-2"]
    assert client.requests[1:] == [["fact-1"]] * (MAX_ATTEMPTS - 1)
    assert sum(client.pauses) <= 0.3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", StoreBusy),
        ("ResourceNotFoundException", StoreUnavailable),
        ("no connection", StoreUnavailable),
    ],
)
def test_a_request_that_fails_is_told_at_once(code: str, error: type[Exception]) -> None:
    """Botocore has repeated it already, where that helps."""

    def fail(_name: str, _tries: int) -> str:
        if code == "no connection":
            raise EndpointConnectionError(endpoint_url="https://bus")
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutEvents")

    client = EventBridge(fail)
    with pytest.raises(error):
        client.bus.publish(facts(2))
    assert client.requests == [["fact-0", "fact-1"]]
    assert client.pauses == []
