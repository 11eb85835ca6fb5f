"""The stand-in delivers the records that Lambda's event filtering lets through."""

import json
from typing import Any

import pytest

from tapedeck_standin.aws.event_filter import compile_filters
from tests.client import TEMPLATE


def _filters(*patterns: Any) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


@pytest.mark.parametrize(
    ("record", "is_accepted"),
    [
        ({"a": {"b": "one"}, "c": 1}, True),
        ({"a": {"b": "twofold"}}, True),
        ({"a": {"b": "tw"}}, False),
        ({"a": {"b": "One"}}, False),
        ({"a": {"b": None}}, False),
        ({"a": {}}, False),
        ({"a": "one"}, False),
        ({}, False),
        ({"d": "other"}, True),
    ],
)
def test_a_record_matches_a_pattern(record: Any, is_accepted: bool) -> None:  # noqa: FBT001 - a column of the table
    """Each field must match one of its values, a string or a prefix; one of several patterns is enough."""
    accepts = compile_filters(_filters({"a": {"b": ["one", {"prefix": "two"}]}}, {"d": ["other"]}))
    assert accepts(record) is is_accepted


@pytest.mark.parametrize("pattern", [{"a": [{"anything-but": "x"}]}, {"a": [1]}, {"a": "x"}])
def test_other_operators_are_not_guessed(pattern: Any) -> None:
    """A pattern that this filtering does not know is an error, so that no record is lost without notice."""
    with pytest.raises(NotImplementedError):
        compile_filters(_filters(pattern))


@pytest.mark.parametrize(
    ("sort_key", "is_delivered"),
    [("CALL", True), ("CONF", True), ("PART#x", True), ("REC#x", True), ("CHECK#x", False), ("ROW", False)],
)
def test_the_template_delivers_changes_of_resources_alone(sort_key: str, is_delivered: bool) -> None:  # noqa: FBT001
    """`publish_changes` gets the changes of calls, conferences, participants and recordings."""
    accepts = compile_filters(TEMPLATE.stream_filter)
    assert accepts({"dynamodb": {"Keys": {"PK": {"S": "x"}, "SK": {"S": sort_key}}}}) is is_delivered
