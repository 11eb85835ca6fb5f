"""Pages of the engine protocol and of the domain events, from the models."""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter

from scripts.docs_generators.markdown import ROOT, anchor_of, code, one_line, table, type_of
from tapedeck.background.outbound import domain_events
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.engine_protocol import schema as protocol
from tapedeck.ports.changes import Change, Resource

_ENVELOPE: Final = ("id", "account", "type", "version", "at")
"""Fields of every message, described once."""

_ID: Final = "0197f3a0a6f87c3e9c1d2e4f5a6b7c8d"
_ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"


def rules() -> str:
    """Return the rules of the protocol: the docstring of its module, with headings and a table."""
    text = inspect.getdoc(protocol) or ""
    body = text.partition("\n\n")[2]
    # A heading is a line of one word, followed by indented text.
    lines = [
        f"\n### {line}\n" if re.fullmatch(r"[A-Z]\w+", line) else line.removeprefix("    ")
        for line in body.splitlines()
    ]
    joined = "\n".join(lines).replace("\n| command |", "\n### Acknowledgements\n\n| command |")
    return re.sub(r"\n{3,}", "\n\n", _linked(joined)).strip()


def _linked(text: str) -> str:
    """Make each citation of a reliability rule a link to its heading."""
    page = (ROOT / "docs" / "explanation" / "reliability.md").read_text(encoding="utf-8")
    anchors = {title.partition(":")[0]: anchor_of(title) for title in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    return re.sub(r"\bREL-\d+", lambda rule: f"[{rule[0]}](../explanation/reliability.md#{anchors[rule[0]]})", text)


def commands() -> str:
    """Return a section for each command."""
    return _messages(protocol.COMMANDS)


def events() -> str:
    """Return a section for each event."""
    return _messages(protocol.EVENTS)


def objects() -> str:
    """Return a section for each object within a message."""
    definitions: dict[str, Any] = {}
    messages: set[str] = set()
    for adapter in (protocol.COMMANDS, protocol.EVENTS):
        schema = protocol.schema_of(adapter, "")
        definitions |= schema["$defs"]
        messages |= {each["$ref"].rpartition("/")[2] for each in schema["oneOf"]}
    names = sorted(name for name, each in definitions.items() if "properties" in each and name not in messages)
    return "\n\n".join(_section(name, definitions[name], definitions, ()) for name in names)


def _messages(adapter: TypeAdapter[Any]) -> str:
    schema = protocol.schema_of(adapter, "")
    sections = []
    for reference in schema["oneOf"]:
        message = schema["$defs"][reference["$ref"].rpartition("/")[2]]
        kind = message["properties"]["type"]
        kinds = kind.get("enum") or [kind["const"]]
        heading = ", ".join(f"`{each}`" for each in kinds)
        sections.append(_section(heading, message, schema["$defs"], _ENVELOPE))
    return "\n\n".join(sections)


def _section(title: str, message: Mapping[str, Any], definitions: Mapping[str, Any], skipped: tuple[str, ...]) -> str:
    return f"### {title}\n\n{one_line(message['description'])}\n\n{_fields(message, definitions, skipped)}".strip()


def _fields(message: Mapping[str, Any], definitions: Mapping[str, Any], skipped: tuple[str, ...]) -> str:
    links = {name: f"[{name}](#{name.lower()})" for name, each in definitions.items() if "properties" in each}
    required = message.get("required", [])
    rows = []
    for name, schema in message["properties"].items():
        is_version_required = name == "version" and "version" in required and "at" in message["properties"]
        if name in skipped and not is_version_required:
            continue
        default = schema.get("default")
        presence = "required" if name in required else f"default {code(default)}" if default is not None else "optional"
        kind = type_of(schema, definitions, links).removesuffix(" or null")
        rows.append((f"`{name}`", kind, presence, schema.get("description", "")))
    return table(("Field", "Type", "Presence", "Meaning"), rows) if rows else ""


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
