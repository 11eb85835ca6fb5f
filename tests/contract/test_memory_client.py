"""The client of the database in memory: what it keeps to itself, what it knows, and what it is good for."""

from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, WaiterError

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.settings import STANDIN_ACCOUNT, Settings
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.samples.data import (
    FIRST_CALL,
    LIVE_CONFERENCE,
    OTHER_ACCOUNT,
    RECORDED_CALL,
    RUNNING,
    SECOND_CALL,
    seed,
)
from tests.client import TEMPLATE
from tests.contract.memory_item import ADD, KEY, PREFIX, TABLE, held, put


def test_what_is_kept_is_nobodys_to_change(memory: MemoryDynamoDB) -> None:
    """Neither what was given nor what was returned is the item itself."""
    given: dict[str, Any] = {"l": {"L": [{"S": "a"}]}, "m": {"M": {"k": {"SS": ["a"]}}}, "b": {"B": bytearray(b"a")}}
    kept = {"l": {"L": [{"S": "a"}]}, "m": {"M": {"k": {"SS": ["a"]}}}, "b": {"B": b"a"}}

    def spoil(attributes: dict[str, Any]) -> None:
        attributes["l"]["L"][0]["S"] = "changed"
        attributes["l"]["L"].append({"S": "more"})
        attributes["m"]["M"]["k"]["SS"].append("more")
        attributes["m"]["M"]["x"] = {"S": "more"}
        attributes["b"] = {"S": "changed"}

    put(memory, **given)
    given["b"]["B"] += b"more"
    spoil(given)
    condition = {"ConditionExpression": "attribute_not_exists(PK)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    with pytest.raises(ClientError) as refused:
        memory.delete_item(TableName=TABLE, Key=KEY, **condition)
    with pytest.raises(ClientError) as cancelled:
        memory.transact_write_items(TransactItems=[{"Delete": {"TableName": TABLE, "Key": KEY, **condition}}])
    value = {"L": [{"S": "a"}]}
    update = {"UpdateExpression": "SET x = :v, y = l", "ExpressionAttributeValues": {":v": value}}
    query = {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": KEY["PK"]}}
    shown: list[Any] = [
        refused.value.response["Item"],  # type: ignore[typeddict-item]  # of this operation
        cancelled.value.response["CancellationReasons"][0]["Item"],
        memory.get_item(TableName=TABLE, Key=KEY)["Item"],
        memory.get_item(TableName=TABLE, Key=KEY, ProjectionExpression="l, m, b")["Item"],
        memory.query(TableName=TABLE, **query)["Items"][0],
        memory.scan(TableName=TABLE)["Items"][0],
        memory.batch_get_item(RequestItems={TABLE: {"Keys": [KEY]}})["Responses"][TABLE][0],
        memory.take_records(TABLE)[0]["dynamodb"]["NewImage"],
        memory.update_item(TableName=TABLE, Key=KEY, **update, ReturnValues="ALL_OLD")["Attributes"],
        memory.update_item(TableName=TABLE, Key=KEY, **update, ReturnValues="ALL_NEW")["Attributes"],
    ]
    for attributes in shown:
        spoil(attributes)
    value["L"].append({"S": "more"})
    assert held(memory) == {**kept, "x": {"L": [{"S": "a"}]}, "y": {"L": [{"S": "a"}]}}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"N": "1.50"}, {"N": "1.5"}),
        ({"N": "+007"}, {"N": "7"}),
        ({"N": "-0.0"}, {"N": "0"}),
        ({"N": "12e2"}, {"N": "1200"}),
        ({"N": "1E-3"}, {"N": "0.001"}),
        ({"N": "-10"}, {"N": "-10"}),
        ({"N": "9" * 38 + "0" * 80}, {"N": "9" * 38 + "0" * 80}),
        ({"NS": ["10", "9.0", "-1"]}, {"NS": ["-1", "9", "10"]}),
        ({"SS": ["b", "", "a"]}, {"SS": ["", "a", "b"]}),
        ({"L": [{"N": "01"}, {"M": {"x": {"NS": ["2", "1"]}}}]}, {"L": [{"N": "1"}, {"M": {"x": {"NS": ["1", "2"]}}}]}),
    ],
)
def test_equal_values_are_spelled_alike(memory: MemoryDynamoDB, given: Any, kept: Any) -> None:
    """However they came in."""
    put(memory, x=given)
    assert held(memory) == {"x": kept}


def test_numbers_are_added_exactly(memory: MemoryDynamoDB) -> None:
    """To 38 digits, with fractions, and below zero."""
    for first, second, total, difference in (
        ("0.1", "0.2", "0.3", "-0.1"),
        ("99999999999999999999999999999999999999", "1", "1" + "0" * 38, "9" * 37 + "8"),
        ("1e-10", "12345678901234567890123456", "12345678901234567890123456.0000000001",
         "-12345678901234567890123455.9999999999"),
        ("5", "5.0", "10", "0"),
    ):  # fmt: skip
        memory.update_item(
            TableName=TABLE,
            Key=KEY,
            UpdateExpression="SET x = :x + :y, y = :x - :y",
            ExpressionAttributeValues={":x": {"N": first}, ":y": {"N": second}},
        )
        assert held(memory) == {"x": {"N": total}, "y": {"N": difference}}


def test_a_token_lasts_ten_minutes(memory: MemoryDynamoDB, clock: VirtualClock) -> None:
    """Until then its transaction is done once, another one with it is refused, and one that failed may be tried."""
    request = {"TransactItems": [{"Update": ADD}], "ClientRequestToken": "token"}
    check = {"TableName": TABLE, "Key": KEY, "ConditionExpression": "attribute_exists(PK)"}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        memory.transact_write_items(**request | {"TransactItems": [{"ConditionCheck": check}]})
    for _ in range(2):
        memory.transact_write_items(**request)
    clock.advance(10 * 60 - 1)
    memory.transact_write_items(**request)
    assert held(memory) == {"n": {"N": "1"}}
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        memory.transact_write_items(**request | {"TransactItems": [{"ConditionCheck": check}]})
    clock.advance(1)
    memory.transact_write_items(**request)
    assert held(memory) == {"n": {"N": "2"}}


def test_a_cancelled_transaction_tells_why(memory: MemoryDynamoDB) -> None:
    """Of each write: that its condition failed, with the item if asked, that it did not suit, or nothing."""
    put(memory, s={"S": "a"})
    other = {"TableName": TABLE, "Key": KEY | {"SK": {"S": "2"}}}
    failing = {"ConditionExpression": "attribute_exists(n)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    with pytest.raises(ClientError) as cancelled:
        memory.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": TABLE, "Key": KEY, **failing}},
                {"Update": {**other, "UpdateExpression": "SET n = s"}},
                {"Update": {**ADD, "Key": KEY | {"SK": {"S": "3"}}}},
                {"Delete": {"TableName": TABLE, "Key": KEY | {"SK": {"S": "4"}}, **failing}},
            ]
        )
    message = (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[ConditionalCheckFailed, ValidationError, None, ConditionalCheckFailed]"
    )
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    missing = "The provided expression refers to an attribute that does not exist in the item"
    assert cancelled.value.response == {
        "Error": {"Code": "TransactionCanceledException", "Message": message},
        "Message": message,
        "CancellationReasons": [
            {**failed, "Item": {**KEY, "s": {"S": "a"}}},
            {"Code": "ValidationError", "Message": missing},
            {"Code": "None"},
            failed,
        ],
        "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
    }
    assert len(memory.scan(TableName=TABLE)["Items"]) == 1


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("index", [None, "status"])
def test_pages_make_up_the_whole(memory: MemoryDynamoDB, index: str | None, *, ascending: bool) -> None:
    """Of any size, in both orders, of the table and of an index where several items have one place."""
    for number in range(7):
        place = {"status_key": {"S": "a"}, "sid": {"S": str(number // 2)}}
        memory.put_item(TableName=TABLE, Item={**KEY, "SK": {"S": str(number)}, **place})
    request: dict[str, Any] = {
        "TableName": TABLE,
        "KeyConditionExpression": f"{'PK' if index is None else 'status_key'} = :a",
        "ExpressionAttributeValues": {":a": {"S": "a"}},
        "ScanIndexForward": ascending,
        **({"IndexName": index} if index is not None else {}),
    }
    whole = memory.query(**request)["Items"]
    assert [item["SK"]["S"] for item in whole] == list("0123456" if ascending else "6543210")
    for limit in range(1, 9):
        pages = list(memory.get_paginator("query").paginate(**request, Limit=limit))
        assert [item for page in pages for item in page["Items"]] == whole
        assert [page["Count"] for page in pages] == [*[limit] * (7 // limit), 7 % limit]
    scanned = [page["Items"] for page in memory.get_paginator("scan").paginate(TableName=TABLE, Limit=2)]
    assert [item["SK"]["S"] for items in scanned for item in items] == list("0123456")


def test_a_filter_hides_what_a_page_has_read(memory: MemoryDynamoDB) -> None:
    """It counts for the page's limit all the same."""
    for number in range(4):
        memory.put_item(TableName=TABLE, Item={**KEY, "SK": {"S": str(number)}, "n": {"N": str(number)}})
    page = memory.query(
        TableName=TABLE,
        KeyConditionExpression="PK = :a",
        FilterExpression="n > :one",
        ExpressionAttributeValues={":a": {"S": "a"}, ":one": {"N": "1"}},
        ProjectionExpression="n",
        Limit=3,
    )
    assert page == {
        "Items": [{"n": {"N": "2"}}],
        "Count": 1,
        "ScannedCount": 3,
        "LastEvaluatedKey": {**KEY, "SK": {"S": "2"}},
        "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0},
    }


def test_a_table_is_there_at_once(memory: MemoryDynamoDB) -> None:
    """It is listed and described as it was made; nobody waits for another one, and none is made twice."""
    assert memory.list_tables()["TableNames"] == [f"{PREFIX}CredentialsTable", TABLE]
    described = memory.describe_table(TableName=TABLE)["Table"]
    declared = TEMPLATE.resources("AWS::DynamoDB::Table")["RecordingsTable"]
    for name in ("KeySchema", "AttributeDefinitions"):
        assert described[name] == declared[name]
    assert [index["IndexName"] for index in described["GlobalSecondaryIndexes"]] == ["work", "status"]
    assert (described["TableStatus"], described["ItemCount"]) == ("ACTIVE", 0)
    memory.get_waiter("table_exists").wait(TableName=TABLE)
    with pytest.raises(WaiterError):
        memory.get_waiter("table_exists").wait(TableName="other")
    schema = {name: declared[name] for name in ("KeySchema", "AttributeDefinitions")}
    with pytest.raises(ClientError, match="ResourceInUse"):
        memory.create_table(TableName=TABLE, **schema)


@pytest.mark.parametrize(
    ("projection", "shown"),
    [
        ({"ProjectionType": "ALL"}, {"a", "b", "c", "d", "e"}),
        ({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["d"]}, {"a", "b", "c", "d"}),
        ({"ProjectionType": "KEYS_ONLY"}, {"a", "b", "c"}),
    ],
)
def test_an_index_holds_what_it_projects(memory: MemoryDynamoDB, projection: dict[str, Any], shown: set[str]) -> None:
    """Its own key and the table's always; items without its key are not part of it."""
    kinds = {"a": "S", "b": "B", "c": "N"}
    memory.create_table(
        TableName="other",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
        KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {"IndexName": "by", "KeySchema": [{"AttributeName": "c", "KeyType": "HASH"}], "Projection": projection}
        ],
    )
    item = {"a": {"S": "a"}, "b": {"B": b"b"}, "c": {"N": "1"}, "d": {"S": "d"}, "e": {"S": "e"}}
    memory.put_item(TableName="other", Item=item)
    memory.put_item(TableName="other", Item={"a": {"S": "a"}, "b": {"B": b"c"}, "d": {"S": "d"}})
    condition = {"KeyConditionExpression": "c = :c", "ExpressionAttributeValues": {":c": {"N": "1.0"}}}
    found = memory.query(TableName="other", IndexName="by", **condition)["Items"]
    assert found == [{name: value for name, value in item.items() if name in shown}]
    keys = {"KeyConditionExpression": "a = :a AND b < :b"}
    values = {"ExpressionAttributeValues": {":a": {"S": "a"}, ":b": {"B": b"c"}}}
    assert memory.query(TableName="other", **keys, **values)["Items"] == [item]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("put_item", {"TableName": TABLE, "Item": KEY, "Expected": {}}),
        ("update_item", {"TableName": TABLE, "Key": KEY, "ReturnValues": "UPDATED_NEW"}),
        ("query", {"TableName": TABLE, "Select": "COUNT"}),
        ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [KEY], "AttributesToGet": ["n"]}}}),
        ("transact_write_items", {"TransactItems": [{"Put": {"TableName": TABLE, "Item": KEY, "Expected": {}}}]}),
        ("transact_write_items", {"TransactItems": [{"Get": {"TableName": TABLE, "Key": KEY}}]}),
    ],
)
def test_what_it_does_not_know_it_does_not_pass_over(
    memory: MemoryDynamoDB, method: str, parameters: dict[str, Any]
) -> None:
    """A parameter that AWS has and that nobody uses here is an error of whoever begins to."""
    with pytest.raises(NotImplementedError):
        getattr(memory, method)(**parameters)


@pytest.mark.parametrize("value", [{"S": 1}, {"N": 1}, {"X": "a"}])
def test_what_botocore_would_not_send_is_no_request(memory: MemoryDynamoDB, value: Any) -> None:
    """A value that is not of the type that it says is an error of its sender."""
    with pytest.raises(TypeError):
        put(memory, x=value)


class OpenSealer:
    """Seals nothing."""

    def encrypt(self, account: str, secret: str) -> bytes:
        """Both, for everybody to read."""
        return f"{account} {secret}".encode()


def test_the_sample_resources_lie_there_as_anywhere(memory: MemoryDynamoDB, aws: None) -> None:
    """They are put, found, put back after changes, and cleared, account by account."""
    del aws  # only has to be there
    s3 = botocore.session.get_session().create_client("s3")
    settings = replace(Settings.read(), recordings_table=TABLE, credentials_table=f"{PREFIX}CredentialsTable")
    ledger = AccountData(memory, s3, settings)
    assert not ledger.knows(STANDIN_ACCOUNT)
    seed(memory, s3, settings, OpenSealer())
    seeded = memory.scan(TableName=TABLE)["Items"]
    call = Parent(STANDIN_ACCOUNT, ParentKind.CALL, RECORDED_CALL)
    assert ledger.knows(STANDIN_ACCOUNT)
    assert [recording.id for recording in ledger.recordings(call)] == [RUNNING]
    conference = Parent(STANDIN_ACCOUNT, ParentKind.CONFERENCE, LIVE_CONFERENCE)
    assert ledger.participants(conference) == [FIRST_CALL, SECOND_CALL]
    key = {name: seeded[0][name] for name in ("PK", "SK")}
    memory.delete_item(TableName=TABLE, Key=key)
    memory.put_item(TableName=TABLE, Item={"PK": key["PK"], "SK": {"S": "added"}})
    seed(memory, s3, settings, OpenSealer())
    assert memory.scan(TableName=TABLE)["Items"] == seeded
    ledger.clear(STANDIN_ACCOUNT)
    left = [item for item in seeded if item["PK"]["S"].startswith(OTHER_ACCOUNT)]
    assert memory.scan(TableName=TABLE)["Items"] == left
    assert left
