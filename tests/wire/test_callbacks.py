"""Tests that every deviation of a callback is noticed."""

import pytest

from tests.unit.test_call_callback_fields import EXAMPLES as CALL_EXAMPLES
from tests.unit.test_callback_fields import EXAMPLES
from tests.wire.callbacks import check_callback
from tests.wire.facts import load

CALLBACKS = [
    pytest.param(name.partition(".")[0], "recording" if "_recording" in name else "conference", fields, id=name)
    for name, fields in EXAMPLES.items()
] + [pytest.param(name.partition(".")[0], "call", fields, id=name) for name, fields in CALL_EXAMPLES.items()]
EACH = pytest.mark.parametrize(("dialect", "noun", "fields"), CALLBACKS)


@EACH
def test_accepts_each_example(dialect: str, noun: str, fields: dict[str, str]) -> None:
    """Each complete example is accepted, with its fields in this order only."""
    check_callback(dialect, noun, fields)
    with pytest.raises(AssertionError, match="this order"):
        check_callback(dialect, noun, dict(reversed(fields.items())))


@EACH
def test_refuses_each_deviation(dialect: str, noun: str, fields: dict[str, str]) -> None:
    """A missing, added, empty or malformed field is refused."""
    facts = load().callbacks.bodies[noun].of(dialect).fields
    refused = [{**fields, "Another": "x"}]
    for name in fields:
        if facts[name].when is None:
            refused.append({other: value for other, value in fields.items() if other != name})
        refused.append({**fields, name: ""})
        if facts[name].format is not None or facts[name].enum is not None:
            refused.append({**fields, name: "not a value"})
    assert len(refused) >= 14
    if "CallDuration" in fields:
        refused.append({**fields, "CallStatus": "in-progress"})
    for changed in refused:
        with pytest.raises(AssertionError, match=f"{dialect} callback about a {noun}"):
            check_callback(dialect, noun, changed)


def test_a_field_of_another_event_is_refused() -> None:
    """A field that belongs to another event is refused."""
    fields = EXAMPLES["twilio.callback.call_recording.in-progress"]
    changed = {name: value for name, value in fields.items() if name != "RecordingChannels"}
    changed |= {"RecordingDuration": "4"}
    with pytest.raises(AssertionError, match="no such field with in-progress"):
        check_callback("twilio", "recording", changed)
