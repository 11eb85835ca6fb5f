"""A transaction in progress is sent again with its token, and no answer makes a client repeat it (C-311)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tapedeck.adapters.dynamodb.items import label_key
from tapedeck.adapters.dynamodb.writes import take_over_write
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.errors import StoreUnresolved
from tests.client import DIALECTS, Answer, FunctionClient
from tests.conftest import TestAccount
from tests.faults.fault_injection import FaultyConnection, inject_faults
from tests.faults.test_lost_responses import make_resources


class Creation:
    """A request that creates something, and how to count what it created."""

    def __init__(self, kind: str, client: FunctionClient, account: TestAccount) -> None:
        resources = make_resources(account)
        # SignalWire's dialect has no request that dials a participant, and none that creates a key.
        self.client = client if kind == "recording" else replace(client, dialect=DIALECTS["twilio"])
        self.path: tuple[str, ...] = ("Keys",)
        self.form = {"FriendlyName": "Reports"}
        if kind == "recording":
            services = api_bootstrap.get_api_services()
            call = services.calls.register(account.id, to="", from_="", direction="inbound")
            self.path = ("Calls", self.client.sid_of_call(call.id), "Recordings")
            self.form = {"RecordingChannels": "dual"}
        elif kind == "participant":
            conference = self.client.sid(ResourceType.CONFERENCE, resources.conference.id)
            self.path = ("Conferences", conference, "Participants")
            self.form = {"From": "client:a", "To": "client:b"}
        self.kind = kind
        self.before = self.count()

    def send(self, fault: Callable[[int], str | None]) -> tuple[Answer, FaultyConnection]:
        """Send the request; the transaction's attempts meet these faults, by their number from 0."""
        transactions = 0

        def decide(operation: str, _number: int) -> str | None:
            nonlocal transactions
            if operation != "TransactWriteItems":
                return None
            transactions += 1
            return fault(transactions - 1)

        with inject_faults(decide) as connection:
            return self.client.post(*self.path, form=self.form), connection

    def count(self) -> int:
        """Return how many there are."""
        return len(self.client.get(*self.path).body[f"{self.kind}s"])


@pytest.fixture(params=["recording", "participant", "key"])
def creation(request: pytest.FixtureRequest, client: FunctionClient, account: TestAccount) -> Creation:
    """A recording of a call, a participant who is dialed, or an API key."""
    return Creation(request.param, client, account)


@pytest.mark.parametrize("times", [1, 13])
def test_a_transaction_in_progress_is_sent_again(creation: Creation, times: int) -> None:
    """It is sent until it is done, also after botocore's four tries, with one token: it has one effect."""
    answer, connection = creation.send(lambda number: "in progress" if number < times else None)
    assert answer.status in {200, 201}
    assert (len(connection.tokens), creation.count()) == (1, creation.before + 1)


def test_a_write_that_was_applied_is_recognised(creation: Creation) -> None:
    """If it is applied but stays in progress for the client, its own ids are found: the answer is that of a success."""
    answer, connection = creation.send(lambda number: "apply" if number == 0 else "in progress")
    assert answer.status in {200, 201}
    assert (len(connection.tokens), creation.count()) == (1, creation.before + 1)
    # Five times botocore's four tries.
    assert [fault for operation, fault in connection.requests if operation == "TransactWriteItems"] == [
        "apply", *["in progress"] * 19,
    ]  # fmt: skip
    # Each function that creates something may read an item; not each may read several at once.
    written = [operation for operation, _ in connection.requests].index("TransactWriteItems") + 20
    assert {operation for operation, _ in connection.requests[written:]} == {"GetItem"}


def test_what_stays_unknown_is_not_repeated(creation: Creation, caplog: pytest.LogCaptureFixture) -> None:
    """If nothing is found, the answer is 400: no client repeats it by itself as it would a 503. It is counted."""
    answer, connection = creation.send(lambda _number: "in progress")
    refused = {"twilio": (400, 20001), "signalwire": (400, 10000)}
    assert (answer.status, answer.body["code"]) == refused[creation.client.dialect.name]
    assert "retry-after" not in answer.headers
    assert (len(connection.tokens), creation.count()) == (1, creation.before)
    assert sum(connection.pauses) < 10
    line = next(vars(record) for record in reversed(caplog.records) if vars(record).get("status") == 400)
    assert (line["Faults"], line["aws_operation"], line["aws_error"]) == (
        1, "dynamodb:TransactWriteItems", "TransactionInProgressException",
    )  # fmt: skip


@pytest.mark.parametrize("fault", ["conflict", "throttle"])
def test_a_later_failure_does_not_make_it_repeatable(creation: Creation, fault: str) -> None:
    """A transaction that was in progress may be applied, also if a later try is refused for another reason."""
    answer, _ = creation.send(lambda number: "in progress" if number < 4 else fault)
    assert answer.status == 400


def test_what_was_equal_before_is_not_taken_for_written(account: TestAccount) -> None:
    """A call that joins again with its label changes nothing if it stays in progress: the label was its own before."""
    database = api_bootstrap.get_api_services().calls._store._database  # type: ignore[attr-defined]
    label = label_key(account.id, "c" * 32, "agent")
    database.transact([take_over_write(label, "call", "a" * 32, None)])
    again = take_over_write(label, "call", "a" * 32, "a" * 32)
    in_progress = inject_faults(lambda operation, _: "in progress" if operation == "TransactWriteItems" else None)
    with in_progress, pytest.raises(StoreUnresolved):
        database.transact([again])
