"""The stream of the database in memory: what each write has changed, told once."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from dynamodb_memory.client import MemoryChanges, MemoryDynamoDB
from tapedeck_standin.clock import VirtualClock
from tests.contract.conftest import NOW
from tests.contract.memory_item import ADD, KEY, PREFIX, TABLE, put

if TYPE_CHECKING:
    from tapedeck_standin.aws.table_stream import Changes


def test_a_record_is_as_lambda_has_it(memory: MemoryDynamoDB, clock: VirtualClock) -> None:
    """Each change has its place, its date, and the item before and after it; bytes are in base64."""
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


def test_a_write_that_changes_nothing_is_not_told(memory: MemoryDynamoDB) -> None:
    """Neither the same item again, nor a deletion of nothing, nor a check, nor what is refused."""
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


def test_a_table_without_a_stream_tells_nothing(memory: MemoryDynamoDB) -> None:
    """The template gives credentials none."""
    memory.put_item(TableName=f"{PREFIX}CredentialsTable", Item={"PK": {"S": "a"}})
    assert memory.take_records(f"{PREFIX}CredentialsTable") == []


def test_changes_are_taken_once_from_now_on(memory: MemoryDynamoDB) -> None:
    """In order, as the stream tells them; an update that brings an item about is one change."""
    put(memory, s={"S": "before"})
    changes: Changes = MemoryChanges(memory, TABLE)
    assert changes.drain() == []
    memory.delete_item(TableName=TABLE, Key=KEY)
    memory.update_item(**ADD)
    told = [record["dynamodb"] for record in changes.drain()]
    images = [(each.get("OldImage"), each.get("NewImage")) for each in told]
    assert images == [(KEY | {"s": {"S": "before"}}, None), (None, KEY | {"n": {"N": "1"}})]
    assert changes.drain() == []


def test_threads_lose_nothing(memory: MemoryDynamoDB) -> None:
    """Eight at a time count two items up together: both end at the same number, and all of it is told in order."""
    both = [{"Update": {**ADD, "Key": KEY | {"SK": {"S": sort}}}} for sort in "12"]

    def count(_: int) -> None:
        memory.transact_write_items(TransactItems=both)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(400)))
    assert [item["n"] for item in memory.scan(TableName=TABLE)["Items"]] == [{"N": "400"}] * 2
    told = [record["dynamodb"] for record in memory.take_records(TABLE)]
    assert [int(each["SequenceNumber"]) for each in told] == list(range(1, 801))
    assert [each["NewImage"]["n"]["N"] for each in told] == [str(number // 2 + 1) for number in range(800)]
