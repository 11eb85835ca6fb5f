"""What every queue must do (`ports.messaging.Queue`): the adapter over moto's SQS, and its double in memory."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NamedTuple, Protocol

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.batching import FIRST_DELAY_SECONDS, MAX_ATTEMPTS, MAX_BYTES, MAX_ENTRIES
from tapedeck.adapters.clients import make_client
from tapedeck.adapters.sqs import SqsQueue
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.messaging import Queue, QueueMessage
from tapedeck_standin.aws.queues import MemoryQueue
from tests.thoroughness import scaled

VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3


class Taken(NamedTuple):
    """A message as it was received."""

    group: str
    id: str
    body: str
    receives: int
    receipt: str

    @property
    def bodies(self) -> tuple[str, str, int]:
        """What two queues must tell alike."""
        return self.group, self.id, self.receives


class Rig(Protocol):
    """A queue with both ends, its dead letters, and its time."""

    @property
    def queue(self) -> Queue:
        """Where it is sent to."""
        ...

    def receive(self, most: int = 10) -> list[Taken]:
        """What may be had."""
        ...

    def receive_dead(self) -> list[Taken]:
        """What may be had of the dead letters."""
        ...

    def delete(self, receipt: str) -> None:
        """It has been dealt with."""
        ...

    def return_messages(self, receipts: Sequence[str]) -> None:
        """They may be received again."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        ...


class MemoryRig:
    """The double."""

    def __init__(self) -> None:
        self.now = 1_795_250_675_000
        names: dict[str, Any] = {"visibility_seconds": VISIBILITY_SECONDS, "max_receives": MAX_RECEIVES}
        self.dead = MemoryQueue(lambda: self.now, **names, dead_letters=None, name="dead.fifo")
        self.queue = MemoryQueue(lambda: self.now, **names, dead_letters=self.dead, name="test.fifo")

    def receive(self, most: int = 10) -> list[Taken]:
        """Its own way."""
        return self._receive(self.queue, most)

    def receive_dead(self) -> list[Taken]:
        """Its own way."""
        return self._receive(self.dead, 10)

    def delete(self, receipt: str) -> None:
        """Its own way."""
        assert self.queue.delete(receipt)

    def return_messages(self, receipts: Sequence[str]) -> None:
        """Its own way."""
        self.queue.return_messages(receipts)

    def wait(self, seconds: float) -> None:
        """Put its clock forward."""
        self.now += round(seconds * 1000)

    def _receive(self, queue: MemoryQueue, most: int) -> list[Taken]:
        return [Taken(each.group, each.id, each.body, each.receive_count, each.receipt) for each in queue.receive(most)]


class MotoRig:
    """The adapter over moto, whose clock is held still: it moves by a microsecond whenever it is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_795_250_675_000.0
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", self._tick)
        monkeypatch.setattr("moto.sqs.models.unix_time", lambda: self._tick() / 1000)
        session: Any = botocore.session.get_session()
        self._client = session.create_client("sqs")
        self._dead = self._create({})
        named = self._client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": named["Attributes"]["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
        self._url = self._create({"RedrivePolicy": json.dumps(policy)})
        self.queue = SqsQueue(make_client("sqs"), self._url, never)

    def receive(self, most: int = 10) -> list[Taken]:
        """As any consumer does."""
        return self._receive(self._url, most)

    def receive_dead(self) -> list[Taken]:
        """As any consumer does."""
        return self._receive(self._dead, 10)

    def delete(self, receipt: str) -> None:
        """As any consumer does."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)

    def return_messages(self, receipts: Sequence[str]) -> None:
        """As any consumer does."""
        for receipt in receipts:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def wait(self, seconds: float) -> None:
        """Put moto's clock forward."""
        self.now += seconds * 1000

    def _tick(self) -> float:
        self.now += 0.001
        return self.now

    def _create(self, attributes: Mapping[str, str]) -> str:
        attributes = {"FifoQueue": "true", "VisibilityTimeout": str(VISIBILITY_SECONDS), **attributes}
        url: str = self._client.create_queue(QueueName=f"{token_hex(8)}.fifo", Attributes=attributes)["QueueUrl"]
        return url

    def _receive(self, url: str, most: int) -> list[Taken]:
        answer = self._client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=most, MessageSystemAttributeNames=["All"]
        )
        return [
            Taken(
                each["Attributes"]["MessageGroupId"],
                each["Attributes"]["MessageDeduplicationId"],
                each["Body"],
                int(each["Attributes"]["ApproximateReceiveCount"]),
                each["ReceiptHandle"],
            )
            for each in answer.get("Messages", ())
        ]


def never(seconds: float) -> None:
    """Nothing has failed, so that nothing is waited for."""
    raise AssertionError(seconds)


@pytest.fixture(params=["memory", "sqs"])
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Each test runs against both."""
    if request.param == "memory":
        return MemoryRig()
    request.getfixturevalue("aws")
    return MotoRig(monkeypatch)


def message(name: str, **body: Any) -> QueueMessage:
    """Such as `a1`: the first of group a."""
    return QueueMessage({"name": name, **body}, name[0], name)


def messages(names: str) -> list[QueueMessage]:
    """Such as `a1 a2 b1`."""
    return [message(name) for name in names.split()]


def names_of(taken: Sequence[Taken]) -> str:
    """The same of what was received."""
    return " ".join(each.id for each in taken)


def test_hands_out_what_it_was_sent(rig: Rig) -> None:
    """All of more than a batch arrives once, each group in its order, with its body, its group and its id."""
    sent = [message(f"{group}{number}", text="é\n", number=number) for number in range(9) for group in "abc"]
    rig.queue.send(sent)
    received: list[Taken] = []
    while batch := rig.receive():
        received += batch
        for each in batch:
            rig.delete(each.receipt)
    for group in "abc":
        mine = [each for each in received if each.group == group]
        assert [(each.id, json.loads(each.body), each.receives) for each in mine] == [
            (each.id, dict(each.body), 1) for each in sent if each.group == group
        ]
    assert len(received) == len(sent)


def test_sends_nothing_where_there_is_nothing(rig: Rig) -> None:
    """No messages are no request."""
    rig.queue.send([])
    assert rig.receive() == []


def test_a_body_is_the_same_to_the_byte(rig: Rig) -> None:
    """Whatever the order of its names, it is compact JSON in ASCII: a repetition has the same signature (rule R6)."""
    rig.queue.send([QueueMessage({"b": [1, None], "a": {"d": "é\x00\ufffe", "c": True}}, "x", "1")])
    rig.queue.send([QueueMessage({"a": {"c": True, "d": "é\x00\ufffe"}, "b": [1, None]}, "y", "2")])
    expected = r'{"a":{"c":true,"d":"\u00e9\u0000\ufffe"},"b":[1,null]}'
    assert [each.body for each in rig.receive()] == [expected, expected]


def test_a_group_is_closed_while_one_of_it_is_in_flight(rig: Rig) -> None:
    """What follows waits for the deletion; other groups do not."""
    rig.queue.send(messages("a1 a2 b1 a3 b2"))
    (first,) = rig.receive(1)
    assert names_of([first]) == "a1"
    others = rig.receive()
    assert names_of(others) == "b1 b2"
    assert rig.receive() == []
    rig.delete(first.receipt)
    assert names_of(rig.receive()) == "a2 a3"


def test_a_repetition_within_five_minutes_is_dropped(rig: Rig) -> None:
    """The same id is the same message, whatever it says; five minutes after its sending it is another one."""
    rig.queue.send([*messages("a1 a2"), message("a1", again=True)])
    rig.queue.send(messages("a2 a3"))
    rig.wait(299)
    rig.queue.send([QueueMessage({}, "b", "a1")])
    assert names_of(rig.receive()) == "a1 a2 a3"
    rig.wait(2)
    rig.queue.send([QueueMessage({}, "b", "a1")])
    assert [each.bodies for each in rig.receive()] == [("b", "a1", 1)]


def test_what_is_not_deleted_comes_again(rig: Rig) -> None:
    """After the visibility timeout, before what follows it in its group, and it is counted."""
    rig.queue.send(messages("a1 a2 b1"))
    assert names_of(rig.receive(1)) == "a1"
    (other,) = rig.receive(1)
    rig.delete(other.receipt)
    rig.wait(VISIBILITY_SECONDS - 1)
    assert rig.receive() == []
    rig.wait(1.1)
    assert [each.bodies for each in rig.receive()] == [("a", "a1", 2), ("a", "a2", 1)]


def test_what_is_given_back_comes_again_at_once(rig: Rig) -> None:
    """In its old place, and it is counted."""
    for each in messages("a1 a2 b1 a3"):
        rig.queue.send([each])
    first = rig.receive(2)
    assert names_of(first) == "a1 a2"
    assert names_of(rig.receive()) == "b1"
    rig.return_messages([each.receipt for each in first])
    assert [each.bodies for each in rig.receive()] == [("a", "a1", 2), ("a", "a2", 2), ("a", "a3", 1)]


def test_what_is_received_too_often_is_put_aside(rig: Rig) -> None:
    """The dead letters have it as it was, and the next of its group proceeds."""
    rig.queue.send(messages("a1 a2"))
    body = ""
    for count in range(1, MAX_RECEIVES + 1):
        (first,) = rig.receive(1)
        assert first.bodies == ("a", "a1", count)
        body = first.body
        rig.return_messages([first.receipt])
        assert rig.receive_dead() == []
    assert [each.bodies for each in rig.receive()] == [("a", "a2", 1)]
    (dead,) = rig.receive_dead()
    assert (dead.bodies, dead.body) == (("a", "a1", MAX_RECEIVES + 1), body)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc")),
        st.tuples(st.just("receive"), st.just("")),
        st.tuples(st.sampled_from(["delete", "give back"]), st.sampled_from("abc")),
        st.tuples(st.just("wait"), st.sampled_from(["1", "15", "31"])),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=scaled(60, 8), deadline=None, database=None)
@given(STEPS)
def test_the_double_does_what_moto_does(aws: None, steps: list[tuple[str, str]]) -> None:
    """Whatever is sent, received, deleted and given back, and whenever: both tell the same in the same order.

    One message at a time is received: of several of a group that expire together moto gives the last first.
    """
    del aws  # only has to be there
    with pytest.MonkeyPatch.context() as monkeypatch:
        rigs: tuple[Rig, Rig] = (MemoryRig(), MotoRig(monkeypatch))
        held: dict[str, tuple[str, str]] = {}
        for number, (step, argument) in enumerate(steps):
            match step:
                case "send":
                    for rig in rigs:
                        rig.queue.send([QueueMessage({}, argument, f"{argument}{number}")])
                case "receive":
                    mine, theirs = (rig.receive(1) for rig in rigs)
                    assert [each.bodies for each in mine] == [each.bodies for each in theirs]
                    for one, other in zip(mine, theirs, strict=True):
                        held[one.group] = one.receipt, other.receipt
                case "wait":
                    for rig in rigs:
                        rig.wait(float(argument))
                    held.clear()  # some have expired, and an expired receipt is good for moto still
                case _:
                    for rig, receipt in zip(rigs, held.pop(argument, ()), strict=False):
                        rig.delete(receipt) if step == "delete" else rig.return_messages([receipt])
        mine, theirs = (rig.receive_dead() for rig in rigs)
        assert [each.bodies for each in mine] == [each.bodies for each in theirs]


@dataclass
class Sqs:
    """A client whose answers a test decides: `refuse` gives the code for an entry's id and try, and None to take it."""

    refuse: Callable[[str, int], str | None] = lambda _id, _try: None
    is_senders_fault: bool = False
    requests: list[list[str]] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """AWS's own words."""
        assert request["QueueUrl"] == "https://queue"
        entries = request["Entries"]
        assert len({entry["Id"] for entry in entries}) == len(entries)
        self.requests.append([entry["MessageDeduplicationId"] for entry in entries])
        self.bytes.append(sum(len(entry["MessageBody"].encode()) for entry in entries))
        answer: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        for entry in entries:
            name = entry["MessageDeduplicationId"]
            code = self.refuse(name, sum(request.count(name) for request in self.requests))
            if code is None:
                self.taken.append(name)
                answer["Successful"].append({"Id": entry["Id"]})
            elif code:
                fault = {"Id": entry["Id"], "Code": code, "SenderFault": self.is_senders_fault}
                answer["Failed"].append(fault)
        # AWS leaves out a list that is empty.
        return {name: entries for name, entries in answer.items() if entries}

    @property
    def queue(self) -> SqsQueue:
        """The adapter over it, which does not really wait."""
        return SqsQueue(self, "https://queue", self.pauses.append)


def test_only_what_was_refused_is_sent_again() -> None:
    """Of ten messages SQS refuses three: those alone go again, and what follows each in its group goes after it."""
    sqs = Sqs(lambda name, tries: "InternalError" if name in {"b1", "e1", "j1"} and tries == 1 else None)
    sqs.queue.send(messages("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 b2 c2 e2 k1 j2"))
    assert [" ".join(request) for request in sqs.requests] == [
        "a1 b1 c1 d1 e1 f1 g1 h1 i1 j1",
        "b1 e1 j1 c2 k1",
        "b2 e2 j2",
    ]
    assert " ".join(sqs.taken) == "a1 c1 d1 f1 g1 h1 i1 b1 e1 j1 c2 k1 b2 e2 j2"
    assert len(sqs.pauses) == 1


@settings(max_examples=scaled(500, 80), deadline=None, database=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefghijklmno"), st.integers(0, MAX_ATTEMPTS - 1)), max_size=60),
    st.sampled_from(["InternalError", "ThrottlingException", ""]),
)
def test_each_group_keeps_its_order_whatever_is_refused(drawn: list[tuple[str, int]], code: str) -> None:
    """Every message is taken once, behind those before it in its group, in requests of at most ten, with short pauses.

    An answer may also say nothing of an entry: then it counts as refused.
    """
    sent = [QueueMessage({}, group, f"{group}{number}") for number, (group, _) in enumerate(drawn)]
    refusals = {each.id: times for each, (_, times) in zip(sent, drawn, strict=True)}
    sqs = Sqs(lambda name, tries: code if tries <= refusals[name] else None)
    sqs.queue.send(sent)
    for group in {each.group for each in sent}:
        assert [name for name in sqs.taken if name[0] == group] == [each.id for each in sent if each.group == group]
    assert len(sqs.taken) == len(sent)
    assert all(1 <= len(request) <= MAX_ENTRIES for request in sqs.requests)
    assert all(0 <= pause <= FIRST_DELAY_SECONDS * 2 ** (MAX_ATTEMPTS - 2) for pause in sqs.pauses)


def test_a_request_holds_256_kilobytes() -> None:
    """What would be more goes in the next one; a message that is larger alone goes alone, for SQS to judge."""
    half = "x" * (MAX_BYTES // 2 - len('{"name":"a1","text":""}'))
    sqs = Sqs()
    sqs.queue.send([
        message("a1", text=half), message("b1", text=half), message("c1"), message("d1", text=3 * half), message("e1"),
    ])  # fmt: skip
    assert sqs.requests == [["a1", "b1"], ["c1"], ["d1"], ["e1"]]
    assert sqs.bytes[0] == MAX_BYTES


@pytest.mark.parametrize(
    ("code", "blames", "tries", "error"),
    [
        ("InternalError", "SQS", MAX_ATTEMPTS, StoreUnavailable),
        ("ThrottlingException", "SQS", MAX_ATTEMPTS, StoreBusy),
        ("RequestThrottled", "sender", MAX_ATTEMPTS, StoreBusy),
        ("", "nobody", MAX_ATTEMPTS, StoreUnavailable),
        ("InvalidMessageContents", "sender", 1, StoreUnavailable),
    ],
)
def test_what_stays_refused_is_told(code: str, blames: str, tries: int, error: type[Exception]) -> None:
    """After five tries, within 300 ms of pauses; what SQS calls the sender's fault, but for throttling, after one."""
    sqs = Sqs(lambda name, _: code if name == "b1" else None, is_senders_fault=blames == "sender")
    with pytest.raises(error):
        sqs.queue.send(messages("a1 b1 b2"))
    assert sqs.requests == [["a1", "b1"], *[["b1"]] * (tries - 1)]
    assert sqs.taken == ["a1"]
    assert len(sqs.pauses) == tries - 1
    assert sum(sqs.pauses) <= 0.3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("RequestThrottled", StoreBusy),
        ("KMS.ThrottlingException", StoreBusy),
        ("AWS.SimpleQueueService.NonExistentQueue", StoreUnavailable),
        ("no connection", StoreUnavailable),
    ],
)
def test_a_request_that_fails_is_told_at_once(code: str, error: type[Exception]) -> None:
    """Botocore has repeated it already, where that helps."""
    sqs = Sqs()

    def fail(_name: str, _tries: int) -> str:
        if code == "no connection":
            raise EndpointConnectionError(endpoint_url="https://queue")
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "SendMessageBatch")

    sqs.refuse = fail
    with pytest.raises(error):
        sqs.queue.send(messages("a1 b1"))
    assert sqs.requests == [["a1", "b1"]]
    assert sqs.pauses == []
