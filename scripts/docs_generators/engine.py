"""Pages of the engine protocol and of the domain events, from the models."""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from scripts.docs_generators.markdown import code, one_line, table, type_of
from tapedeck.background.outbound import domain_events
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.ports.changes import Change, Resource
from tapedeck_protocol import schema
from tapedeck_protocol.evidence import EvidenceChain, canonical

_ENVELOPE: Final = ("protocol", "id", "type", "account", "seq", "at", "version", "issued_at", "not_after")
"""Fields of the messages' envelopes, described once."""

_ID: Final = "0197f3a0a6f87c3e9c1d2e4f5a6b7c8d"
_ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"

_ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {"type": "started", "asked_at": 1780000000000, "done_at": 1780000000120, "mono_ms": 0, "version": 1},
    {
        "type": "paused", "asked_at": 1780000025000, "done_at": 1780000025180, "mono_ms": 25060, "version": 2,
        "behavior": "silence", "legs": 2, "offset": 200480, "rate": 8000,
    },
    {"type": "stopped", "asked_at": None, "done_at": 1780000040000, "mono_ms": 39880, "reason": "hangup"},
)  # fmt: skip
"""The worked example of an evidence chain, without the numbers of its entries."""


@cache
def _made(make: Callable[[], dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return the schemas that a function makes, made once."""
    return make()


def command_envelope() -> str:
    """Return the fields that commands have in common."""
    return _envelope("engine-commands.json", "PlaceCallCommand")


def event_envelope() -> str:
    """Return the fields that events have in common."""
    return _envelope("engine-events.json", "CallEnded")


def commands() -> str:
    """Return a section for each command."""
    return _messages("engine-commands.json")


def events() -> str:
    """Return a section for each event."""
    return _messages("engine-events.json")


def requests() -> str:
    """Return a section for each route: the fields of its request and of its answer."""
    definitions = _made(schema.make_schemas)["engine-session.json"]["$defs"]
    sections = []
    for route, models in schema.REQUESTS.items():
        sections.append(f"### `{route}`")
        for name, model in zip(("Request", "Answer"), models, strict=True):
            definition = definitions[model.__name__]
            text = _paragraph(f"**{name}.** {definition['description']}")
            sections.append(f"{text}\n\n{_fields(definition, definitions, ())}")
    return "\n\n".join(sections)


def refusals() -> str:
    """Return the fields of a refused request."""
    definitions = _made(schema.make_schemas)["engine-session.json"]["$defs"]
    return _fields(definitions["RefusedRequest"], definitions, ())


def objects() -> str:
    """Return a section for each object within a message or a request."""
    definitions: dict[str, Any] = {}
    messages = {model.__name__ for pair in schema.REQUESTS.values() for model in pair} | {"RefusedRequest"}
    for content in _made(schema.make_schemas).values():
        definitions |= content["$defs"]
        messages |= {each["$ref"].rpartition("/")[2] for each in content.get("oneOf", ())}
    names = sorted(name for name, each in definitions.items() if "properties" in each and name not in messages)
    return "\n\n".join(_section(name, definitions[name], definitions, ()) for name in names)


def evidence() -> str:
    """Return the worked example of an evidence chain: each canonical form with its hash."""
    chain = EvidenceChain(_ID)
    lines = [f"recording {_ID}", f"h0 = {chain.head}"]
    for entry in _ENTRIES:
        added = chain.append(**{"kind" if name == "type" else name: value for name, value in entry.items()})
        lines += ["", canonical(added).decode(), f"h{chain.n} = {chain.head}"]
    return "```text\n" + "\n".join(lines) + "\n```"


def _envelope(file: str, name: str) -> str:
    definitions = _made(schema.make_schemas)[file]["$defs"]
    message = dict(definitions[name])
    message["properties"] = {
        field: {**each, "description": "Type of the message"} if field == "type" else each
        for field, each in message["properties"].items()
        if field in _ENVELOPE
    }
    message["properties"]["type"].pop("const", None)
    return _fields(message, definitions, ())


def _messages(file: str) -> str:
    content = _made(schema.make_schemas)[file]
    sections = []
    for reference in content["oneOf"]:
        message = content["$defs"][reference["$ref"].rpartition("/")[2]]
        kind = message["properties"]["type"]
        kinds = kind.get("enum") or [kind["const"]]
        heading = ", ".join(f"`{each}`" for each in kinds)
        sections.append(_section(heading, message, content["$defs"], _ENVELOPE))
    return "\n\n".join(sections)


def _section(title: str, message: Mapping[str, Any], definitions: Mapping[str, Any], skipped: tuple[str, ...]) -> str:
    return f"### {title}\n\n{_paragraph(message['description'])}\n\n{_fields(message, definitions, skipped)}".strip()


def _paragraph(text: str) -> str:
    return textwrap.fill(one_line(text), 120, break_long_words=False, break_on_hyphens=False)


def _fields(message: Mapping[str, Any], definitions: Mapping[str, Any], skipped: tuple[str, ...]) -> str:
    links = {name: f"[{name}](#{name.lower()})" for name, each in definitions.items() if "properties" in each}
    required = message.get("required", [])
    rows = []
    for name, field in message["properties"].items():
        is_version_required = name == "version" and "version" in required and "seq" in message["properties"]
        if name in skipped and not is_version_required:
            continue
        kind = type_of(field, definitions, links).removesuffix(" or null")
        rows.append((f"`{name}`", kind, _presence(name, field, required), field.get("description", "")))
    return table(("Field", "Type", "Presence", "Meaning"), rows) if rows else ""


def _presence(name: str, field: Mapping[str, Any], required: Sequence[str]) -> str:
    if name in required:
        return "required"
    default = field.get("default")
    # The default of an object, or of a list, is one with its own defaults.
    if default is None or isinstance(default, dict | list):
        return "optional"
    return f"default {code(default)}"


def event_kinds() -> str:
    """Return the table of domain events by resource, with the fields of `detail`."""
    rows = []
    for noun, statuses, samples in _samples():
        kinds = [f"{noun}.created", *(f"{noun}.{status}" for status in statuses), f"{noun}.changed"]
        kinds += ["recording.confirmed"] if noun == "recording" else []
        fields = [list(_event(sample)["detail"]) for sample in samples]
        shown = " or ".join(", ".join(f"`{name}`" for name in names) for names in fields)
        rows.append((noun, ", ".join(f"`{kind}`" for kind in kinds), shown))
    return table(("Resource", "`detail-type`", "`detail`"), rows)


def _samples() -> list[tuple[str, list[str], list[Resource]]]:
    call = Call(_ACCOUNT, _ID, CallStatus.IN_PROGRESS, 0)
    conference = Conference(_ACCOUNT, _ID, "Sales", ConferenceStatus.INIT, 0)
    participant = Participant(_ID, _ID, 0)
    parents = (Parent(_ACCOUNT, ParentKind.CALL, _ID), Parent(_ACCOUNT, ParentKind.CONFERENCE, _ID))
    recordings: list[Resource] = [
        Recording(_ID, parent, RecordingStatus.IN_PROGRESS, Source.START_CALL_RECORDING, 0) for parent in parents
    ]
    return [
        ("call", list(CallStatus), [call]),
        ("conference", list(ConferenceStatus), [conference]),
        ("participant", list(ParticipantStatus), [participant]),
        ("recording", list(RecordingStatus), recordings),
    ]


def event_example() -> str:
    """Return the domain events of a pause and of its confirmation, as the publisher makes them."""
    parent = Parent(_ACCOUNT, ParentKind.CALL, "0197f3a09d317f4a8b0c1d2e3f405162")
    started = Recording(
        _ID, parent, RecordingStatus.IN_PROGRESS, Source.START_CALL_RECORDING, 1_751_328_000, confirmed_version=1
    )
    paused = replace(started, status=RecordingStatus.PAUSED, version=2)
    confirmed = replace(paused, confirmed_version=2)
    shown = [
        {"detail-type": event.kind, "detail": {**event.detail, "id": event.id}}
        for before, after in ((started, paused), (paused, confirmed))
        for event in domain_events(Change(_ACCOUNT, before, after))
    ]
    return "```json\n" + "\n".join(json.dumps(each, indent=2) for each in shown) + "\n```"


def _event(resource: Resource) -> dict[str, Any]:
    (event,) = domain_events(Change(_ACCOUNT, None, resource))
    return {"detail": {**event.detail, "id": event.id}}
