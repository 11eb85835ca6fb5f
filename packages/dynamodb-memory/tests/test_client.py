"""The in-memory database has the interface and the semantics of botocore's client."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, WaiterError

import dynamodb_memory
from dynamodb_memory.client import MemoryDynamoDB
from dynamodb_memory.values import normalize
from dynamodb_memory_tests.clock import ManualClock
from dynamodb_memory_tests.tables import (
    ADD,
    ATTRIBUTES,
    KEY,
    KEY_SCHEMA,
    TABLE,
    TABLE_WITHOUT_STREAM,
    put,
    stored,
)


def test_items_are_copied(memory: MemoryDynamoDB) -> None:
    """Changing a request after it was sent, or a response, does not change the stored item."""
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
    with pytest.raises(ClientError) as rejected:
        memory.delete_item(TableName=TABLE, Key=KEY, **condition)
    with pytest.raises(ClientError) as cancelled:
        memory.transact_write_items(TransactItems=[{"Delete": {"TableName": TABLE, "Key": KEY, **condition}}])
    value = {"L": [{"S": "a"}]}
    update = {"UpdateExpression": "SET x = :v, y = l", "ExpressionAttributeValues": {":v": value}}
    query = {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": KEY["PK"]}}
    shown: list[Any] = [
        rejected.value.response["Item"],  # type: ignore[typeddict-item]  # of this operation
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
    assert stored(memory) == {**kept, "x": {"L": [{"S": "a"}]}, "y": {"L": [{"S": "a"}]}}


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
def test_values_are_normalized(memory: MemoryDynamoDB, given: Any, kept: Any) -> None:
    """Equal numbers and sets are returned in the same form."""
    put(memory, x=given)
    assert stored(memory) == {"x": kept}


def test_numbers_are_added_exactly(memory: MemoryDynamoDB) -> None:
    """Sums and differences are exact to 38 digits, with fractions and below zero."""
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
        assert stored(memory) == {"x": {"N": total}, "y": {"N": difference}}


def test_an_idempotency_token_is_valid_for_ten_minutes(memory: MemoryDynamoDB, clock: ManualClock) -> None:
    """With one token a transaction takes effect once, another one is rejected, and a failed one may be retried."""
    request = {"TransactItems": [{"Update": ADD}], "ClientRequestToken": "token"}
    check = {"TableName": TABLE, "Key": KEY, "ConditionExpression": "attribute_exists(PK)"}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        memory.transact_write_items(**request | {"TransactItems": [{"ConditionCheck": check}]})
    for _ in range(2):
        memory.transact_write_items(**request)
    clock.advance(10 * 60 - 1)
    memory.transact_write_items(**request)
    assert stored(memory) == {"n": {"N": "1"}}
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        memory.transact_write_items(**request | {"TransactItems": [{"ConditionCheck": check}]})
    clock.advance(1)
    memory.transact_write_items(**request)
    assert stored(memory) == {"n": {"N": "2"}}


def test_a_cancelled_transaction_has_reasons(memory: MemoryDynamoDB) -> None:
    """Each write has a reason: a failed condition, with the item on request, a validation error, or none."""
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
def test_pages_add_up_to_the_whole(memory: MemoryDynamoDB, index: str | None, *, ascending: bool) -> None:
    """Pages of any size, in both orders, of the table and of an index with equal keys contain each item once."""
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


def test_filtered_items_count_for_the_limit(memory: MemoryDynamoDB) -> None:
    """A filter removes items from a page after they were read."""
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


def test_a_table_is_active_at_once(memory: MemoryDynamoDB) -> None:
    """It is listed and described as it was created; waiting for a missing one fails, and so does creating it again."""
    assert memory.list_tables()["TableNames"] == [TABLE_WITHOUT_STREAM, TABLE]
    described = memory.describe_table(TableName=TABLE)["Table"]
    assert (described["KeySchema"], described["AttributeDefinitions"]) == (KEY_SCHEMA, ATTRIBUTES)
    assert [index["IndexName"] for index in described["GlobalSecondaryIndexes"]] == ["work", "status"]
    assert (described["TableStatus"], described["ItemCount"]) == ("ACTIVE", 0)
    memory.get_waiter("table_exists").wait(TableName=TABLE)
    with pytest.raises(WaiterError):
        memory.get_waiter("table_exists").wait(TableName="other")
    with pytest.raises(ClientError, match="ResourceInUse"):
        memory.create_table(TableName=TABLE, KeySchema=KEY_SCHEMA, AttributeDefinitions=ATTRIBUTES)


def test_items_share_the_values_that_they_repeat() -> None:
    """Equal short texts and numbers of different items are one object, so that thousands of items need less memory."""
    for kind, content in (("S", "completed"), ("N", "15")):
        assert normalize({kind: content}) is normalize({kind: str(content)})


def test_a_completed_transaction_takes_few_bytes(memory: MemoryDynamoDB) -> None:
    """For the ten minutes of its token, a transaction of 100 large items takes fewer than 200 bytes."""
    items = [
        {"Put": {"TableName": TABLE, "Item": {**KEY, "SK": {"S": str(number)}, "text": {"S": "x" * 1000}}}}
        for number in range(100)
    ]
    memory.transact_write_items(TransactItems=items, ClientRequestToken="token")
    (remembered,) = memory._completed_transactions.values()
    assert sys.getsizeof(remembered) + sum(map(sys.getsizeof, remembered)) < 200
    memory.transact_write_items(TransactItems=items, ClientRequestToken="token")
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        memory.transact_write_items(TransactItems=items[1:], ClientRequestToken="token")


WITHOUT_BOTOCORE: Final = """
import sys
sys.modules["botocore"] = None  # an import of it now fails
from dynamodb_memory.client import MemoryDynamoDB
memory = MemoryDynamoDB()
try:
    memory.get_item(TableName="orders", Key={})
except memory.exceptions.ClientError as error:
    print(error, error.response["Error"]["Code"], error.operation_name, sep="|")
try:
    memory.get_waiter("table_exists").wait(TableName="orders")
except memory.exceptions.WaiterError as error:
    print(error, error.last_response["Error"]["Code"], sep="|")
"""


def test_errors_are_those_of_botocore_if_it_is_imported(memory: MemoryDynamoDB) -> None:
    """Without botocore the errors have the same names, texts and fields, as the client's `exceptions`."""
    with pytest.raises(ClientError) as rejected:
        memory.get_item(TableName="other", Key={})
    with pytest.raises(WaiterError) as failed:
        memory.get_waiter("table_exists").wait(TableName="other")
    assert (memory.exceptions.ClientError, memory.exceptions.WaiterError) == (ClientError, WaiterError)
    printed = subprocess.run(
        [sys.executable, "-c", WITHOUT_BOTOCORE], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(dynamodb_memory.__file__).parents[1])},
    ).stdout  # fmt: skip
    assert printed.splitlines() == [
        f"{rejected.value}|ResourceNotFoundException|GetItem", f"{failed.value}|ResourceNotFoundException"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("projection", "shown"),
    [
        ({"ProjectionType": "ALL"}, {"a", "b", "c", "d", "e"}),
        ({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["d"]}, {"a", "b", "c", "d"}),
        ({"ProjectionType": "KEYS_ONLY"}, {"a", "b", "c"}),
    ],
)
def test_an_index_has_the_projected_attributes(
    memory: MemoryDynamoDB, projection: dict[str, Any], shown: set[str]
) -> None:
    """An index always has its own key and the table's; items without its key are not part of it."""
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
def test_an_unsupported_parameter_is_an_error(memory: MemoryDynamoDB, method: str, parameters: dict[str, Any]) -> None:
    """A parameter of AWS that is not implemented raises NotImplementedError."""
    with pytest.raises(NotImplementedError):
        getattr(memory, method)(**parameters)


@pytest.mark.parametrize("value", [{"S": 1}, {"N": 1}, {"X": "a"}])
def test_a_value_of_the_wrong_type_is_an_error(memory: MemoryDynamoDB, value: Any) -> None:
    """A value that botocore would not send raises TypeError."""
    with pytest.raises(TypeError):
        put(memory, x=value)
