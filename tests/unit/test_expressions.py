"""The composition of update and condition expressions."""

import pytest

from tapedeck.adapters.dynamodb.client import Write
from tapedeck.adapters.dynamodb.expressions import (
    ITEM_ABSENT,
    NEXT_VERSION,
    Attr,
    Condition,
    Placeholders,
    delete,
    literal,
    put,
    update,
)

KEY = {"PK": "a", "SK": "b"}


def test_an_update_has_one_clause_of_each_kind() -> None:
    """Assignments, removals and additions are joined, and every name and value has its placeholder."""
    write = update(
        KEY,
        {"status": "paused", "version": NEXT_VERSION, "r2": Attr("r1"), "work_at": Attr("work_at").or_default(5)},
        remove=("ended",),
        add={"active": frozenset({"x"})},
        when=Attr("version").eq(2),
    )
    assert write.action == "Update"
    assert write.request("t") == {
        "TableName": "t",
        "Key": {"PK": {"S": "a"}, "SK": {"S": "b"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "UpdateExpression": "SET #status = :status, #version = #version + :increment, #r2 = #r1, "
        "#work_at = if_not_exists(#work_at, :work_at) REMOVE #ended ADD #active :active",
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {
            f"#{name}": name for name in ("status", "version", "r2", "r1", "work_at", "ended", "active")
        },
        "ExpressionAttributeValues": {
            ":status": {"S": "paused"},
            ":increment": {"N": "1"},
            ":work_at": {"N": "5"},
            ":active": {"SS": ["x"]},
            ":version": {"N": "2"},
        },
    }


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Attr("a").eq(1) & Attr("b").lt(2), "#a = :a AND #b < :b"),
        (Attr("a").exists() | Attr("b").not_exists(), "attribute_exists(#a) OR attribute_not_exists(#b)"),
        (Attr("c").lte(0) & (Attr("a").lt(1) | Attr("b").eq(2)), "#c <= :c AND (#a < :a OR #b = :b)"),
        ((Attr("a").lt(1) | Attr("b").eq(2)) & Attr("c").lte(0), "(#a < :a OR #b = :b) AND #c <= :c"),
        (Attr("c").lte(0) | Attr("a").lt(1) & Attr("b").eq(2), "#c <= :c OR #a < :a AND #b = :b"),
        (~(Attr("a").eq(1) & Attr("b").eq(2)), "NOT (#a = :a AND #b = :b)"),
        (~literal("r", "x").is_in([Attr("r1"), Attr("r2")]), "NOT (:r IN (#r1, #r2))"),
        (Attr("a").eq(Attr("b")), "#a = #b"),
        (Attr("active").size().lt(3), "size(#active) < :active_size"),
    ],
)
def test_conditions_keep_their_precedence(condition: Condition, text: str) -> None:
    """A combined condition has brackets wherever `AND`, `OR` and `NOT` would otherwise bind differently."""
    assert condition.render(Placeholders()) == text


def test_different_values_of_one_attribute_have_different_placeholders() -> None:
    """Equal values share a placeholder; True and 1 do not, because they are stored as different types."""
    used = Placeholders()
    values = ("x", "y", "x", True, 1)
    assert [used.value("a", value) for value in values] == [":a", ":a_2", ":a", ":a_3", ":a_4"]
    assert used.values == {"a": "x", "a_2": "y", "a_3": True, "a_4": 1}


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (put(KEY, {"n": 1}), {"Item": {"PK": {"S": "a"}, "SK": {"S": "b"}, "n": {"N": "1"}}}),
        (delete(KEY), {"Key": {"PK": {"S": "a"}, "SK": {"S": "b"}}}),
        (
            delete(KEY, when=ITEM_ABSENT),
            {
                "Key": {"PK": {"S": "a"}, "SK": {"S": "b"}},
                "ConditionExpression": "attribute_not_exists(#PK)",
                "ExpressionAttributeNames": {"#PK": "PK"},
            },
        ),
    ],
)
def test_a_put_or_delete_has_placeholders_only_with_a_condition(write: Write, expected: dict[str, object]) -> None:
    """DynamoDB rejects a request with empty maps of placeholders."""
    assert write.request("t") == {"TableName": "t", "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **expected}
