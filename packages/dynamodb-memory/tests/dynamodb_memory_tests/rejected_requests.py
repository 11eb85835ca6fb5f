"""Requests that DynamoDB rejects for any content of the table, by what is wrong with them."""

from typing import Any, Final

from dynamodb_memory_tests.random_requests import Request

KEY: Final = {"PK": {"S": "a"}, "SK": {"S": "1"}}
ONE: Final = {":one": {"N": "1"}}
WORD: Final = {":word": {"S": "a"}}
SET: Final = {":set": {"SS": ["a"]}}


def _update(expression: str, values: dict[str, Any] | None = None, **more: Any) -> Request:
    request = {"Key": KEY, "UpdateExpression": expression, **more}
    return "update_item", request | ({"ExpressionAttributeValues": values} if values else {})


def _put(**attributes: Any) -> Request:
    return "put_item", {"Item": KEY | attributes}


def _condition(expression: str, values: dict[str, Any] | None = None, **more: Any) -> Request:
    request = {"Item": KEY, "ConditionExpression": expression, **more}
    return "put_item", request | ({"ExpressionAttributeValues": values} if values else {})


def _query(condition: str, values: dict[str, Any], **more: Any) -> Request:
    return "query", {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, **more}


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"N": "1"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


PK: Final = {":p": {"S": "a"}}

REJECTED: Final[dict[str, Request]] = {
    "a value that is not used": _update("SET x = :one", ONE | WORD),
    "a name that is not used": _update("SET x = :one", ONE, ExpressionAttributeNames={"#y": "y"}),
    "a value that is not defined": _update("SET x = :other", ONE),
    "no values at all": _update("SET x = :other"),
    "a name that is not defined": _update("SET #x = :one", ONE),
    "empty values": _update("REMOVE x", ExpressionAttributeValues={}),
    "empty names": _update("REMOVE x", ExpressionAttributeNames={}),
    "a value without a colon": _update("SET x = :one", ONE | {"two": {"N": "2"}}),
    "a name without a hash": _update("SET x = :one", ONE, ExpressionAttributeNames={"y": "y"}),
    "an empty name": _update("SET #x = :one", ONE, ExpressionAttributeNames={"#x": ""}),
    "values without an expression": ("delete_item", {"Key": KEY, "ExpressionAttributeValues": ONE}),
    "names without an expression": ("get_item", {"Key": KEY, "ExpressionAttributeNames": {"#x": "x"}}),
    "an empty update": _update(""),
    "a blank update": _update(" "),
    "an empty condition": _condition(""),
    "an unknown section": _update("PUT x = :one", ONE),
    "a section twice": _update("SET x = :one SET y = :one", ONE),
    "a comma at the end": _update("SET x = :one,", ONE),
    "no sign of equality": _update("SET x :one", ONE),
    "a sum of three": _update("SET x = :one + :one + :one", ONE),
    "a sum with a list": _update("SET x = list_append(y, y) + :one", ONE),
    "a path that is added": _update("ADD x y"),
    "a number in an expression": _condition("x = 1"),
    "a name that begins with a digit": _update("SET 1x = :one", ONE),
    "a name with a hyphen": _update("SET x-y = :one", ONE),
    "an index that is no number": _condition("x[y] = :one", ONE),
    "a reserved word": _update("SET status = :one", ONE),
    "a reserved word in a path": _condition("x.Status = :one", ONE),
    "one path twice": _update("SET x = :one, x = :one", ONE),
    "a path in another": _update("SET x = :one REMOVE x.y", ONE),
    "a map that is a list": _update("SET x.y = :one, x[0] = :one", ONE),
    "a change of the key": _update("SET PK = :word", WORD),
    "a removal of the key": _update("REMOVE SK"),
    "a sum of words": _update("SET x = :word + :word", WORD),
    "a list that is a word": _update("SET x = list_append(:word, :word)", WORD),
    "a word that is added": _update("ADD x :word", WORD),
    "a number that is taken out": _update("DELETE x :one", ONE),
    "a function of conditions": _update("SET x = attribute_exists(y)"),
    "a function of updates": _condition("if_not_exists(x, y) = :one", ONE),
    "an unknown function": _condition("foo(x)"),
    "too few operands": _update("SET x = list_append(y)"),
    "too many operands": _condition("attribute_exists(x, y)"),
    "a function of a path, without one": _condition("attribute_exists(:one)", ONE),
    "a value for a default": _update("SET x = if_not_exists(:one, :one)", ONE),
    "a function that is compared": _condition("attribute_exists(x) = :one", ONE),
    "a path alone": _condition("x"),
    "a path among conditions": _condition("x = :one AND y", ONE),
    "a path among conditions in parentheses": _condition("(x = :one AND y)", ONE),
    "a condition as an operand": _condition("begins_with(x, contains(y, :word))", WORD),
    "a size alone": _condition("size(x)"),
    "nothing to choose from": _condition("x IN ()"),
    "too much to choose from": _condition(
        f"x IN ({', '.join(f':v{number}' for number in range(101))})",
        {f":v{number}": {"N": str(number)} for number in range(101)},
    ),
    "superfluous parentheses": _condition("((x = :one))", ONE),
    "an open parenthesis": _condition("(x = :one", ONE),
    "a closed parenthesis": _condition("x = :one)", ONE),
    "nothing after AND": _condition("x = :one AND", ONE),
    "an unknown comparison": _condition("x == :one", ONE),
    "something compared with itself": _condition("x = x"),
    "an order of sets": _condition("x < :set", SET),
    "bounds the wrong way round": _condition("x BETWEEN :two AND :one", ONE | {":two": {"N": "2"}}),
    "bounds of two types": _condition("x BETWEEN :one AND :word", ONE | WORD),
    "a beginning that is a number": _condition("begins_with(x, :one)", ONE),
    "the size of a number": _condition("size(:one) = x", ONE),
    "an unknown type": _condition("attribute_type(x, :word)", WORD),
    "a type that is a path": _condition("attribute_type(x, y)"),
    "an empty key": ("get_item", {"Key": KEY | {"PK": {"S": ""}}}),
    "a key of another type": ("get_item", {"Key": KEY | {"SK": {"N": "1"}}}),
    "half a key": ("delete_item", {"Key": {"PK": {"S": "a"}}}),
    "more than a key": ("get_item", {"Key": KEY | {"x": {"S": "a"}}}),
    "an item without its key": ("put_item", {"Item": {"PK": {"S": "a"}}}),
    "an item with an empty key": _put(SK={"S": ""}),
    "a long partition key": _put(PK={"S": "é" * 1025}),
    "a long sort key": _put(SK={"S": "a" * 1025}),
    "an empty key of an index": _put(sid={"S": ""}),
    "an index's key of another type": _put(work={"N": "1"}),
    "an index's key that becomes empty": _update("SET sid = :empty", {":empty": {"S": ""}}),
    "an empty set": _put(x={"SS": []}),
    "a set with a member twice": _put(x={"NS": ["1", "1.0"]}),
    "a value of two types": _put(x={"S": "a", "N": "1"}),
    "a value of no type": _put(x={}),
    "a number that is none": _put(x={"N": "one"}),
    "a number with too many digits": _put(x={"N": "1" * 39}),
    "a number that is too large": _put(x={"N": "1e126"}),
    "a number that is too small": _put(x={"N": "1e-131"}),
    "a sum with too many digits": _update("SET x = :large + :one", ONE | {":large": {"N": "1e40"}}),
    "a sum with too many digits behind the point": _update(
        "SET x = :large + :half", {":large": {"N": "1e38"}, ":half": {"N": "0.5"}}
    ),
    "a NULL that is false": _put(x={"NULL": False}),
    "an attribute without a name": _put(**{"": {"S": "a"}}),
    "lists in too many lists": _put(x=_nested(32)),
    "an item that is too large": _put(x={"S": "a" * 400 * 1024}),
    "an item that becomes too large": _update("SET x = :large", {":large": {"S": "a" * 400 * 1024}}),
    "a projection with overlapping paths": ("get_item", {"Key": KEY, "ProjectionExpression": "x, x.y"}),
    "an empty projection": ("get_item", {"Key": KEY, "ProjectionExpression": ""}),
    "no condition on the key": ("query", {}),
    "no condition on the partition": _query("SK = :p", PK),
    "an order of partitions": _query("PK < :p", PK),
    "a condition on another attribute": _query("PK = :p AND x = :p", PK),
    "two conditions on one attribute": _query("PK = :p AND SK > :p AND SK < :p", PK),
    "a choice of keys": _query("PK = :p OR SK = :p", PK),
    "a negation of a key": _query("PK = :p AND NOT SK = :p", PK),
    "keys that differ": _query("PK = :p AND SK <> :p", PK),
    "a key compared with an attribute": _query("PK = :p AND SK = x", PK),
    "an empty key that is sought": _query("PK = :p AND SK = :empty", PK | {":empty": {"S": ""}}),
    "a key of another type that is sought": _query("PK = :p AND SK = :one", PK | ONE),
    "a filter on the key": _query("PK = :p", PK, FilterExpression="attribute_exists(SK)"),
    "a filter on the key, within": _query("PK = :p", PK, FilterExpression="x = :p OR NOT attribute_exists(SK)"),
    "no items at all": _query("PK = :p", PK, Limit=0),
    "an unknown index": _query("PK = :p", PK, IndexName="other"),
    "a strong read of an index": _query("status_key = :p", PK, IndexName="status", ConsistentRead=True),
    "a filter on what an index lacks": _query(
        "status_key = :p", PK, IndexName="status", FilterExpression="attribute_exists(x)"
    ),
    "a projection of what an index lacks": _query("status_key = :p", PK, IndexName="status", ProjectionExpression="x"),
    "a start in another partition": _query("PK = :p", PK, ExclusiveStartKey=KEY | {"PK": {"S": "b"}}),
    "a start before the range": _query("PK = :p AND SK > :two", PK | {":two": {"S": "2"}}, ExclusiveStartKey=KEY),
    "half a start": _query("PK = :p", PK, ExclusiveStartKey={"PK": {"S": "a"}}),
}
