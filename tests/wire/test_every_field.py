"""Tests that every deviation of every field is noticed, in each body of each dialect."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.facts import BodyFacts, FieldFacts, load
from tests.wire.samples import Sample, example_of

BODIES = {f"{dialect}.{name}": (dialect, name, facts) for name, _, dialect, facts in load().bodies()}
EACH_BODY = pytest.mark.parametrize(("dialect", "name", "facts"), BODIES.values(), ids=BODIES.keys())

OTHER_TYPES: dict[str, tuple[Any, ...]] = {
    "string": (1, True, [], {}),
    "integer": ("1", 1.0, True, []),
    "number": ("1.0", True, []),
    "boolean": ("true", 1, 0),
    "object": ([], "", 1),
    "null": ("", 0, {}),
}
"""Values of other types, by type; 1.0 is no integer, and 1 is no boolean."""


def refused(sample: Sample, place: str) -> None:
    """Check that the response is refused, and that the message names this place."""
    with pytest.raises(AssertionError) as caught:
        sample.check()
    assert re.search(rf"at {re.escape(place)}\b", str(caught.value)), str(caught.value)


def changed(dialect: str, name: str, path: tuple[str, ...], value: object) -> Sample:
    """Return an example of the body with another value in one field."""
    sample = example_of(dialect, name)
    holder = sample.body
    for each in path[:-1]:
        holder = holder[each]
    holder[path[-1]] = value
    return sample


def all_fields(fields: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldFacts]]:
    """Yield each field with its path, also the fields of objects in the body."""
    for name, facts in fields.items():
        yield (*path, name), facts
        yield from all_fields(facts.fields or {}, (*path, name))


@EACH_BODY
def test_an_example_is_accepted(dialect: str, name: str, facts: BodyFacts) -> None:
    """An example of each body is accepted, and has exactly the fields of the data in their order."""
    sample = example_of(dialect, name)
    sample.check()
    assert list(sample.body) == list(facts.fields)


@EACH_BODY
def test_a_wrong_type_is_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A value of another JSON type is refused in each field."""
    for path, field in all_fields(facts.fields):
        for value in OTHER_TYPES[field.type]:
            refused(changed(dialect, name, path, value), "/" + "/".join(path))


@EACH_BODY
def test_null_is_refused_where_the_field_is_not_nullable(dialect: str, name: str, facts: BodyFacts) -> None:
    """Null is refused in each field that is not nullable."""
    required = [path for path, field in all_fields(facts.fields) if not field.nullable and field.type != "null"]
    assert len(required) >= min(8, len(facts.fields) - 1)
    for path in required:
        refused(changed(dialect, name, path, None), "/" + "/".join(path))


@EACH_BODY
def test_a_missing_field_is_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A body without one of its fields is refused."""
    for path, _ in all_fields(facts.fields):
        sample = example_of(dialect, name)
        holder = sample.body
        for each in path[:-1]:
            holder = holder[each]
        del holder[path[-1]]
        refused(sample, "/" + "/".join(path))


@EACH_BODY
def test_an_added_field_is_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A body with one more field is refused, also in an object of the body."""
    objects = [path for path, field in all_fields(facts.fields) if field.fields]
    for path in [(), *objects]:
        refused(changed(dialect, name, (*path, "another"), None), "/" + "/".join((*path, "another")))


@EACH_BODY
def test_another_order_is_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A body with a field moved to its end is refused."""
    for field in list(facts.fields)[:-1]:
        sample = example_of(dialect, name)
        sample.body[field] = sample.body.pop(field)
        with pytest.raises(AssertionError, match="this order of fields"):
            sample.check()


@EACH_BODY
def test_another_value_is_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A value outside the enum, the constant, the limits, the format or the template is refused in each field."""
    changes: list[tuple[tuple[str, ...], object]] = []
    for path, field in all_fields(facts.fields):
        if field.enum is not None:
            changes.append((path, 3 if field.type == "integer" else "another"))
        if field.const is not None:
            changes.append((path, f"{field.const}x"))
        if field.minimum is not None:
            changes.append((path, field.minimum - 1))
        if field.maximum is not None:
            changes.append((path, field.maximum + 1))
        if field.value is not None:
            changes += [(path, "/another"), (path, "https://api.example.com/another")]
        if field.format is not None:
            changes += [(path, ""), (path, "a b")]
    assert len(changes) >= min(16, len(facts.fields))
    for path, value in changes:
        refused(changed(dialect, name, path, value), "/" + "/".join(path))


@EACH_BODY
def test_the_other_forms_of_sids_and_dates_are_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A sid in capitals or in the other dialect's form and a date in ISO 8601 are refused."""
    other = "signalwire" if dialect == "twilio" else "twilio"
    foreign = {"twilio": "RE" + "5" * 32, "signalwire": "55555555-5555-4555-8555-555555555555"}[other]
    for path, field in all_fields(facts.fields):
        if field.format is not None and field.format.endswith(" sid"):
            sid = "A" * 34 if dialect == "twilio" else "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA"
            for value in (sid, foreign):
                refused(changed(dialect, name, path, value), "/" + "/".join(path))
        if field.format == "rfc2822 date":
            for value in (
                "2018-09-25T23:00:00Z",
                "Tue, 25 Sep 2018 23:00:00 GMT",
                "Mon, 25 Sep 2018 23:00:00 +0000",
                "Tue, 25 Sept 2018 23:00:00 +0000",
                "Wed, 5 Sep 2018 23:00:00 +0000",
            ):
                refused(changed(dialect, name, path, value), "/" + "/".join(path))


@EACH_BODY
def test_a_body_of_another_resource_is_refused(dialect: str, name: str, facts: BodyFacts) -> None:
    """A right body is refused if the path of the request names another resource."""
    sample = example_of(dialect, name)
    sids = re.findall("[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", sample.path)
    assert len(sids) >= 1
    # An API key does not name its account, and a new one has no path of its own.
    for sid in {sid for sid in sids if sid in json.dumps(sample.body)}:
        another = example_of(dialect, name)
        another.path = sample.path.replace(sid, ("7" if sid[0] != "7" else "8") + sid[1:])
        with pytest.raises(AssertionError, match="as in the path"):
            another.check()
    assert facts.fields
