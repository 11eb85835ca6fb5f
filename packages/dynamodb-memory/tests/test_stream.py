"""The stream of an in-memory table has one record for each change of an item."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from dynamodb_memory.client import MemoryChanges, MemoryDynamoDB
from dynamodb_memory_tests.clock import NOW, ManualClock
from dynamodb_memory_tests.tables import ADD, KEY, TABLE, TABLE_WITHOUT_STREAM, put


def test_records_have_the_form_of_lambda_events(memory: MemoryDynamoDB, clock: ManualClock) -> None:
    """Each record has a sequence number, a date, and the item before and after the change; bytes are in base64."""
    put(memory, b={"B": b"abc"}, l={"L": [{"B": b"d"}, {"M": {"x": {"BS": [b"e"]}}}]})
    clock.advance(1)
    memory.update_item(**ADD, ReturnValues="ALL_NEW")
    memory.delete_item(TableName=TABLE, Key=KEY)
    first = KEY | {"b": {"B": "YWJj"}, "l": {"L": [{"B": "ZA=="}, {"M": {"x": {"BS": ["ZQ=="]}}}]}}
    second = first | {"n": {"N": "1"}}
    assert memory.take_records(TABLE) == [
        {
            "eventID": f"{number:032x}",
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": at,
                "Keys": KEY,
                **images,
                "SequenceNumber": f"{number:021}",
                "SizeBytes": size,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}/stream/1",
        }
        for number, name, at, images, size in (
            (1, "INSERT", NOW // 1000, {"NewImage": first}, 29),
            (2, "MODIFY", NOW // 1000 + 1, {"OldImage": first, "NewImage": second}, 55),
            (3, "REMOVE", NOW // 1000 + 1, {"OldImage": second}, 32),
        )
    ]
    assert memory.take_records(TABLE) == []


def test_a_write_that_changes_nothing_has_no_record(memory: MemoryDynamoDB) -> None:
    """An equal item, a deletion of a missing item, a check and a rejected write have no record."""
    put(memory, n={"N": "1"}, ss={"SS": ["a", "b"]})
    memory.take_records(TABLE)
    put(memory, n={"N": "1.0"}, ss={"SS": ["b", "a"]})
    memory.update_item(TableName=TABLE, Key=KEY, UpdateExpression="SET n = n")
    memory.delete_item(TableName=TABLE, Key=KEY | {"SK": {"S": "2"}})
    check = {"TableName": TABLE, "Key": KEY, "ConditionExpression": "attribute_exists(PK)"}
    memory.transact_write_items(TransactItems=[{"ConditionCheck": check}])
    with pytest.raises(ClientError):
        memory.delete_item(TableName=TABLE, Key=KEY, ConditionExpression="attribute_not_exists(PK)")
    assert memory.take_records(TABLE) == []


def test_a_table_without_a_stream_has_no_records(memory: MemoryDynamoDB) -> None:
    """A write to such a table is not recorded."""
    memory.put_item(TableName=TABLE_WITHOUT_STREAM, Item={"PK": {"S": "a"}})
    assert memory.take_records(TABLE_WITHOUT_STREAM) == []


def test_changes_are_drained_once(memory: MemoryDynamoDB) -> None:
    """`MemoryChanges` returns later changes once and in order; an update that creates an item is one change."""
    put(memory, s={"S": "before"})
    changes = MemoryChanges(memory, TABLE)
    assert changes.drain() == []
    memory.delete_item(TableName=TABLE, Key=KEY)
    memory.update_item(**ADD)
    drained = [record["dynamodb"] for record in changes.drain()]
    images = [(each.get("OldImage"), each.get("NewImage")) for each in drained]
    assert images == [(KEY | {"s": {"S": "before"}}, None), (None, KEY | {"n": {"N": "1"}})]
    assert changes.drain() == []


def test_concurrent_writes_are_atomic(memory: MemoryDynamoDB) -> None:
    """Transactions of eight threads increment two items together; every increment has a record, in order."""
    both = [{"Update": {**ADD, "Key": KEY | {"SK": {"S": sort}}}} for sort in "12"]

    def count(_: int) -> None:
        memory.transact_write_items(TransactItems=both)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(400)))
    assert [item["n"] for item in memory.scan(TableName=TABLE)["Items"]] == [{"N": "400"}] * 2
    changes = [record["dynamodb"] for record in memory.take_records(TABLE)]
    assert [int(each["SequenceNumber"]) for each in changes] == list(range(1, 801))
    assert [each["NewImage"]["n"]["N"] for each in changes] == [str(number // 2 + 1) for number in range(800)]
