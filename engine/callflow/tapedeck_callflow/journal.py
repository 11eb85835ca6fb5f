"""Events and effects as JSON: a driver keeps the events of each flow, and restores the flow from them."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, get_args

from tapedeck_callflow.effects import Effect
from tapedeck_callflow.events import Event, MarkupSource, Source, UrlSource
from tapedeck_callflow.flow import Flow
from tapedeck_callflow.run import Facts

_EVENTS: Final[Mapping[str, type[Any]]] = {kind.__name__: kind for kind in get_args(Event)}


def as_json(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return an event, an effect, or a part of one, in the types of JSON.

    An object has its class in `type`; bytes are in base64.
    """
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__, **named}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    return value


def event_from_json(stored: Mapping[str, Any]) -> Event:
    """Return the event that `as_json` stored.

    Raises:
        ValueError: the type is unknown, or the fields are not those of the type.
    """
    kind = _EVENTS.get(str(stored.get("type")))
    if kind is None:
        raise ValueError(f"unknown type of event: {stored.get('type')!r}")
    values = {name: value for name, value in stored.items() if name != "type"}
    try:
        if "body" in values:
            values["body"] = base64.b64decode(values["body"], validate=True)
        for name in ("source", "fallback"):
            if values.get(name) is not None:
                values[name] = source_from_json(values[name])
        event: Event = kind(**values)
    except TypeError as wrong:
        raise ValueError(f"wrong fields of {kind.__name__}: {wrong}") from None
    return event


def source_from_json(stored: Mapping[str, Any]) -> Source:
    """Return the source of instructions that `as_json` stored.

    Raises:
        ValueError: the type is unknown, or a field is missing.
    """
    try:
        if stored.get("type") == "UrlSource":
            return UrlSource(stored["url"], stored["method"], stored["parameters"])
        if stored.get("type") == "MarkupSource":
            return MarkupSource(stored["markup"])
    except KeyError as missing:
        raise ValueError(f"a source without {missing}") from None
    raise ValueError(f"unknown type of source: {stored.get('type')!r}")


def line_of(event: Event, at: int = 0) -> str:
    """Return the line of a journal: an event and its time (milliseconds) as JSON."""
    return json.dumps({"at": at, "event": as_json(event)}, sort_keys=True, separators=(",", ":"))


def restore(facts: Facts, source: Source, lines: Iterable[str], at: int = 0) -> tuple[Flow, list[Effect]]:
    """Return the flow whose journal has these lines, and all effects that it has had so far.

    The effects have been carried out before; the driver looks in them for what is still open.

    Raises:
        ValueError: a line is not an event.
    """
    flow = Flow(facts)
    effects = flow.start(source, at)
    for line in lines:
        stored = json.loads(line)
        effects += flow.handle(event_from_json(stored["event"]), stored["at"])
    return flow, effects
