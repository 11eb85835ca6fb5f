"""Rows of an index that is late: what they lead to is read again, and is left out if it no longer fits (REL-29)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.adapters.dynamodb.presence import LiveIndex
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import PageRequest
from tapedeck.operations.lists import CallFilter, ConferenceFilter, Lists
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW = 1_795_250_675
PAGE = PageRequest()


class LateClient:
    """A client whose indexes stand still: each query of an index gets the answer that it got for the first time."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Return a method of the client."""
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        """Query the table as it is, or an index as it was."""
        if "IndexName" not in request:
            return self._client.query(**request)
        values = {name: value for name, value in request["ExpressionAttributeValues"].items() if "N" not in value}
        partition = f"{request['IndexName']} {sorted(values.items())}"
        if partition not in self._answers:
            self._answers[partition] = self._client.query(**request)
        return self._answers[partition]


@pytest.fixture
def late(table: ResourceTable) -> DynamoDBTable:
    """The same table, seen through indexes that stand still from their first query on."""
    database = table._database
    client: Any = LateClient(database._client)
    return DynamoDBTable(client, database._table, lambda _seconds: None)


@pytest.fixture
def lists(late: DynamoDBTable) -> Lists:
    """The lists over the late indexes."""
    return Lists(ListTable(late), lambda: NOW * 1000)


def test_a_call_that_has_ended_is_not_in_progress(table: ResourceTable, lists: Lists, account: TestAccount) -> None:
    """A late index still has the call as in progress; the list by status leaves it out."""
    call = Call(account.id, new_id(NOW * 1000), CallStatus.IN_PROGRESS, NOW, started=NOW)
    table.put_call(call)
    wanted = CallFilter(status="in-progress")
    assert list(lists.calls(account.id, wanted, PAGE).items) == [call]
    table.end_call(call, replace(call, status=CallStatus.COMPLETED, ended=NOW), new_id(NOW * 1000))
    assert list(lists.calls(account.id, wanted, PAGE).items) == []


def test_a_conference_that_has_ended_is_not_in_progress(
    table: ResourceTable, lists: Lists, account: TestAccount
) -> None:
    """A late index still has the conference as live; the list by status leaves it out, the list by name has its end."""
    conference = Conference(account.id, new_id(NOW * 1000), "Lobby", ConferenceStatus.INIT, NOW)
    table.put_conference(conference, None)
    wanted = ConferenceFilter(status="init")
    assert list(lists.conferences(account.id, wanted, PAGE).items) == [conference]
    after = replace(conference, status=ConferenceStatus.COMPLETED, ended=NOW, reason=EndReason.VIA_API)
    ended = table.end_conference(conference, after, new_id(NOW * 1000))
    assert list(lists.conferences(account.id, wanted, PAGE).items) == []
    assert list(lists.conferences(account.id, ConferenceFilter(name="Lobby"), PAGE).items) == [ended]
    assert table.get_last_name_holder(account.id, "Lobby") == conference.id


def test_a_delivery_that_is_done_is_not_due(late: DynamoDBTable, account: TestAccount) -> None:
    """A late index still has the delivery as due; it is not found after it was delivered or has a later retry."""
    store = DeliveryTable(late)
    made = [
        CallbackDelivery(
            account.id, new_id(NOW * 1000)[:-1] + "7", number, "completed", "twilio", "https://a.example/", "POST",
            "a=b", f"token-{number}", NOW, next_attempt_at=NOW,
        )
        for number in range(3)
    ]  # fmt: skip
    for delivery in made:
        store.put(delivery)

    def due() -> list[str]:
        found = [each for each in store.find_due("7", NOW, 1000) if each.account == account.id]
        return sorted(each.idempotency_token for each in found)

    assert due() == ["token-0", "token-1", "token-2"]
    attempt = DeliveryAttempt(NOW * 1000, 20, status=200)
    store.record_attempt(made[0], attempt, DeliveryState.DELIVERED, None)
    store.record_attempt(made[1], attempt, DeliveryState.RETRY_SCHEDULED, NOW + 1)
    assert due() == ["token-2"]


def test_what_has_ended_is_neither_live_nor_pending(
    table: ResourceTable, late: DynamoDBTable, account: TestAccount
) -> None:
    """Late indexes still have the call as an engine's and its command as pending; both leave it out after the end."""
    call = Call(
        account.id, new_id(NOW * 1000)[:-1] + "7", CallStatus.QUEUED, NOW, engine="late1", requested_version=1,
        requested_at=NOW,
    )  # fmt: skip
    other = replace(call, id=new_id(NOW * 1000)[:-1] + "7")
    for each in (call, other):
        table.put_call(each)

    def found() -> Iterator[set[str]]:
        yield {each.resource.id for each in LiveIndex(late).list_live("late1")}
        yield {
            each.resource.id
            for each in PendingWorkIndex(late).find_pending("7", NOW + 3600)
            if each.account == account.id
        }

    assert list(found()) == [{call.id, other.id}] * 2
    table.end_call(call, replace(call, status=CallStatus.FAILED, ended=NOW), new_id(NOW * 1000))
    ended = table.get_call(account.id, call.id)
    assert ended is not None
    settled = replace(ended, confirmed_version=ended.requested_version)
    table.mark_call_published(settled)
    live, _ = found()
    assert live == {other.id}
