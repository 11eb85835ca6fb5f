"""Checks of callbacks: the form fields, their order and their values."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from tests.wire.bodies import is_rfc2822, pattern_of
from tests.wire.facts import CallbackField, DialectName, load
from tests.wire.faults import Fault, one_of, report

_EVENT_FIELDS = {"recording": "RecordingStatus", "conference": "StatusCallbackEvent", "call": "CallStatus"}


def check_callback(dialect: DialectName, noun: str, fields: Mapping[str, str]) -> None:
    """Check the form fields of a callback about a `recording`, a `conference` or a `call`.

    Raises:
        AssertionError: the callback has faults; the message lists them.
    """
    report(f"{dialect} callback about a {noun}", list(_faults(dialect, noun, fields)))


@contextmanager
def checked_callbacks(report_fault: Callable[[str], object]) -> Iterator[None]:
    """Check every callback that is rendered in this process during the block; report each faulty one."""
    from tapedeck.dialects.signalwire.callbacks import SignalWireCallbacks
    from tapedeck.dialects.twilio.callbacks import TwilioCallbacks

    def checked(noun: str, dialect: DialectName, render: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(render)
        def rendered(*arguments: Any, **named: Any) -> Any:
            fields = render(*arguments, **named)
            try:
                check_callback(dialect, noun, fields)
            except AssertionError as fault:
                report_fault(f"{fault}\n")
            return fields

        return rendered

    dialects: Mapping[DialectName, Any] = {"twilio": TwilioCallbacks, "signalwire": SignalWireCallbacks}
    with pytest.MonkeyPatch.context() as patch:
        for dialect, callbacks in dialects.items():
            for noun in _EVENT_FIELDS:
                patch.setattr(callbacks, noun, checked(noun, dialect, getattr(callbacks, noun)))
        yield


def _faults(dialect: DialectName, noun: str, fields: Mapping[str, str]) -> Iterator[Fault]:
    facts = load().callbacks.bodies[noun].of(dialect).fields
    event = fields.get(_EVENT_FIELDS[noun], "")
    allowed = {name: field for name, field in facts.items() if field.events is None or event in field.events}
    for name in fields:
        if name not in allowed:
            yield Fault(f"/{name}", f"no such field with {event}", fields[name])
    for name, field in allowed.items():
        if name in fields:
            yield from _value_faults(dialect, name, field, fields[name])
        elif field.when is None:
            yield Fault(f"/{name}", "this field", ...)
    order = [name for name in facts if name in fields]
    if [name for name in fields if name in facts] != order:
        yield Fault("/", f"this order of fields: {' '.join(order)}", " ".join(fields))


def _value_faults(dialect: DialectName, name: str, field: CallbackField, value: object) -> Iterator[Fault]:
    if not isinstance(value, str) or not value:
        yield Fault(f"/{name}", "a text that is not empty", value)
        return
    pattern = pattern_of(dialect, field.format)
    is_date = field.format == "rfc2822 date"
    if (pattern is not None and not pattern.fullmatch(value)) or (is_date and not is_rfc2822(value)):
        yield Fault(f"/{name}", f"the format {field.format}", value)
    if field.enum is not None and value not in field.enum:
        yield Fault(f"/{name}", one_of(field.enum), value)
