"""The models of the engine protocol: what they accept, and what they refuse with the name of the field."""

import dataclasses
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as JsonSchemaError
from pydantic import TypeAdapter, ValidationError

from tapedeck.domain.conference import EndReason
from tapedeck.domain.engine import EngineCapabilities
from tapedeck.domain.engine_command import CommandKind
from tapedeck.domain.engine_event import EventOutcome, EventRefusal
from tapedeck.domain.recording import Source
from tapedeck_protocol import words
from tapedeck_protocol.commands import COMMANDS
from tapedeck_protocol.events import EVENTS
from tapedeck_protocol.outcomes import EventBatch, EventBatchAnswer, EventRefusalCode, Outcome
from tapedeck_protocol.session import Capabilities, OpenSessionAnswer, OpenSessionRequest
from tapedeck_protocol.uploads import OpenUploadAnswer, OpenUploadRequest
from tests.client import ROOT
from tests.engine.messages import (
    ACCOUNT,
    CALL,
    COMMANDS_IN_FULL,
    CONFERENCE,
    EVENTS_IN_FULL,
    EVIDENCE,
    NOW,
    PARENT,
    RECORDING,
    SHA256,
    SUBSCRIPTION,
    command,
    event,
)

FILES: Final = ("engine-commands", "engine-events", "engine-session")

SESSION: Final = {
    "protocol": 2, "boot": "f" * 32, "software": "example 1", "capabilities": {"pause": True, "participants": ["mute"]},
    "capacity": {"max_calls": 10}, "sent_at": NOW,
    "live": [
        {"kind": "call", "id": CALL, "account": ACCOUNT, "version": 0, "status": "in-progress", "since": NOW},
        {
            "kind": "recording", "id": RECORDING, "account": ACCOUNT, "parent": PARENT, "version": 3,
            "status": "paused", "since": NOW, "evidence": EVIDENCE,
        },
    ],
    "more": False,
}  # fmt: skip
SESSION_ANSWER: Final = {
    "engine": "ast1", "now": NOW, "seq_seen": 1_000_000, "alive_every": 15, "dead_after": 45,
    "commands": {
        "url": "https://sqs.example/1/q", "region": "us-east-1", "access_key": "A", "secret_key": "B",
        "session_token": "C", "expires_at": NOW,
    },
    "unknown": [CALL], "ended": [RECORDING],
}  # fmt: skip
UPLOAD: Final = {
    "account": ACCOUNT, "parent": PARENT, "recording": RECORDING, "bytes": 44, "sha256": SHA256,
    "content_type": "audio/wav",
}  # fmt: skip
UPLOAD_ANSWER: Final = {
    "url": "https://a.example/x", "headers": {"If-None-Match": "*"}, "expires_at": NOW, "ticket": "t",
}  # fmt: skip
BATCH: Final = {"protocol": 2, "boot": "f" * 32, "sent_at": NOW, "events": [{"anything": 1}, None]}
BATCH_ANSWER: Final = {
    "now": NOW,
    "results": [
        {"id": "0" * 32, "outcome": "refused", "code": "unreadable", "detail": "at"},
        {"id": None, "outcome": "later", "after_ms": 200},
    ],
    "resync": False, "superseded": True,
}  # fmt: skip


@cache
def published(name: str) -> dict[str, Any]:
    """Return a published schema of the repository."""
    content: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def validate(name: str, definition: str | None, message: Any) -> None:
    """Check a message against a published schema, or against one definition of it."""
    schema = published(name)
    if definition is not None:
        schema = {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
    Draft202012Validator(schema).validate(message)


def _script() -> Any:
    """Import the script that writes the schemas."""
    spec = importlib.util.spec_from_file_location("make_schemas", ROOT / "scripts" / "make_schemas.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_published_schemas_match_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make schemas` changes nothing; `make schemas-check` names each stale file and fails."""
    script = _script()
    assert script.main(["--check"]) == 0
    monkeypatch.setattr(script, "TARGET", tmp_path / "schemas")
    assert script.main(["--check"]) == 1
    stale = [f"schemas/{name}.json differs from the models: run make schemas" for name in FILES]
    assert [line for line in capsys.readouterr().out.splitlines() if "engine-" in line] == stale
    assert (script.main([]), script.main(["--check"])) == (0, 0)
    for name in FILES:
        written = (tmp_path / "schemas" / f"{name}.json").read_text(encoding="utf-8")
        assert json.loads(written) == published(name)


@pytest.mark.parametrize("name", FILES)
def test_schemas_are_well_formed(name: str) -> None:
    """The schemas are valid in the draft that they name."""
    Draft202012Validator.check_schema(published(name))


@pytest.mark.parametrize("name", FILES)
def test_everything_is_described(name: str) -> None:
    """Every object of the schemas has a description, and so has every field but `type`, which the heading names."""
    missing = [
        f"{title}.{field}"
        for title, definition in published(name)["$defs"].items()
        if "properties" in definition
        for field, schema in {"": definition, **definition["properties"]}.items()
        if not schema.get("description") and not (field == "type" and ("enum" in schema or "const" in schema))
    ]
    assert missing == []


def _types(name: str) -> set[str]:
    """Return the message types of a schema."""
    return set(published(name)["discriminator"]["mapping"])


def test_there_is_an_example_of_every_message() -> None:
    """The examples cover every command and every event, and every command that Tapedeck sends is in the protocol."""
    assert set(COMMANDS_IN_FULL) == _types("engine-commands")
    assert set(EVENTS_IN_FULL) == _types("engine-events")
    assert set(CommandKind) <= _types("engine-commands")


def _plain(model: Any) -> Any:
    return json.loads(model.model_dump_json(by_alias=True, exclude_unset=True))


@pytest.mark.parametrize("kind", COMMANDS_IN_FULL)
def test_reads_every_command(kind: str) -> None:
    """A command is read completely; unknown fields at every level are ignored."""
    written = command(kind)
    validate("engine-commands", None, written)
    assert _plain(COMMANDS.validate_python(_with_unknown_fields(written))) == written


@pytest.mark.parametrize("kind", EVENTS_IN_FULL)
def test_reads_every_event(kind: str) -> None:
    """An event is read completely; unknown fields at every level are ignored."""
    written = event(kind)
    validate("engine-events", None, written)
    assert _plain(EVENTS.validate_python(_with_unknown_fields(written))) == written


def _with_unknown_fields(message: Any) -> Any:
    """Add a field to every object of the protocol in a message; free objects stay as they are."""
    match message:
        case dict():
            inner = {
                name: value if name in {"options", "headers", "evidence_entries"} else _with_unknown_fields(value)
                for name, value in message.items()
            }
            return {**inner, "unknown_field": {"x": 1}}
        case list():
            return [_with_unknown_fields(each) for each in message]
    return message


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (OpenSessionRequest, SESSION),
        (OpenSessionAnswer, SESSION_ANSWER),
        (OpenUploadRequest, UPLOAD),
        (OpenUploadAnswer, UPLOAD_ANSWER),
        (EventBatch, BATCH),
        (EventBatchAnswer, BATCH_ANSWER),
    ],
)
def test_reads_every_request_and_answer(model: Any, message: Mapping[str, Any]) -> None:
    """The requests of a connector, and the answers, are read completely."""
    validate("engine-session", model.__name__, message)
    assert _plain(model.model_validate(message)) == message


INTEGERS: Final = (True, 1.5, 7.0, "7", None, -1)
"""What no required integer may be; 7.0 is one for a JSON Schema, but not for the models."""


def _field_of(adapter: Any, message: object) -> str:
    """Return the path of the first invalid field, without the type that the location begins with."""
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(message)
    location = caught.value.errors()[0]["loc"]
    return ".".join(str(part) for part in location[1:])


@pytest.mark.parametrize("value", [*INTEGERS, 1 << 53])
def test_a_sequence_number_is_an_integer_below_two_to_the_53(value: object) -> None:
    """Booleans, fractions, text, null, negative numbers and 2^53 are no sequence numbers."""
    assert _field_of(EVENTS, event("call.answered", seq=value)) == "seq"


@pytest.mark.parametrize("value", [*INTEGERS, 1 << 48])
def test_a_time_is_an_integer_below_two_to_the_48(value: object) -> None:
    """Booleans, fractions, text, null, negative numbers and 2^48 are no times."""
    assert _field_of(EVENTS, event("call.answered", at=value)) == "at"


@pytest.mark.parametrize(("seq", "at"), [(0, 0), ((1 << 53) - 1, (1 << 48) - 1)])
def test_the_limits_of_numbers_are_valid(seq: int, at: int) -> None:
    """0 and the largest numbers below the limits are valid."""
    message = event("call.answered", seq=seq, at=at)
    read = EVENTS.validate_python(message)
    assert (read.seq, read.at) == (seq, at)


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("call.ended", {"id": "0" * 31}, "id"),
        ("call.ended", {"id": "A" * 32}, "id"),
        ("call.ended", {"id": "0" * 32 + "\n"}, "id"),
        ("call.ended", {"account": f"AC{ACCOUNT}"}, "account"),
        ("call.ended", {"version": 0}, "version"),
        ("call.ended", {"version": True}, "version"),
        ("call.ended", {"status": "in-progress"}, "status"),
        ("call.ended", {"call": None}, "call"),
        ("call.ended", {"sip_status": 700}, "sip_status"),
        ("call.ended", {"cause": "17"}, "cause"),
        ("call.ringing", {"from": "x" * 1_025}, "from"),
        ("call.ringing", {"to": "\ud800"}, "to"),
        ("call.ringing", {"direction": "sideways"}, "direction"),
        ("call.redirected", {"version": None}, "version"),
        ("call.flow", {"verb": ""}, "verb"),
        ("conference.announced", {"version": None}, "version"),
        ("conference.announced", {"command": None}, "command"),
        ("conference.started", {"name": ""}, "name"),
        ("conference.started", {"name": "x" * 129}, "name"),
        ("conference.started", {"name": "\ud800"}, "name"),
        ("conference.started", {"record": 1}, "record"),
        ("conference.started", {"record": "true"}, "record"),
        ("conference.started", {"callback": {**SUBSCRIPTION, "url": "x" * 4_001}}, "callback.url"),
        ("conference.started", {"callback": {**SUBSCRIPTION, "dialect": "klingon"}}, "callback.dialect"),
        ("conference.started", {"callback": {**SUBSCRIPTION, "events": ["x"] * 33}}, "callback.events"),
        ("conference.ended", {"reason": "boredom"}, "reason"),
        ("participant.speaking", {"speaking": None}, "speaking"),
        ("recording.started", {"source": "Thin air"}, "source"),
        ("recording.started", {"channels": 3}, "channels"),
        ("recording.started", {"channels": True}, "channels"),
        ("recording.started", {"rate": 8000.0}, "rate"),
        ("recording.started", {"parent": {"type": "room", "id": CALL}}, "parent.type"),
        ("recording.paused", {"pause_behavior": "dance"}, "pause_behavior"),
        ("recording.paused", {"evidence": {"n": 1, "head": "E" * 64}}, "evidence.head"),
        ("recording.paused", {"offset": {"samples": 1.5, "rate": 8000}}, "offset.samples"),
        ("recording.stopped", {"reason": "boredom"}, "reason"),
        ("recording.completed", {"ticket": ""}, "ticket"),
        ("recording.completed", {"bytes": -1}, "bytes"),
        ("recording.completed", {"sha256": "e" * 63}, "sha256"),
        ("recording.completed", {"evidence_entries": [{}] * 1_001}, "evidence_entries"),
        ("recording.absent", {"reason": None}, "reason"),
        ("recording.absent", {"detail": "x" * 201}, "detail"),
        ("transcription.completed", {"text": "x" * 100_001}, "text"),
        ("engine.alive", {"live": {"calls": -1}}, "live.calls"),
        ("engine.alive", {"load1": float("nan")}, "load1"),
        ("command.refused", {"code": "lazy"}, "code"),
        ("command.refused", {"final": None}, "final"),
        ("command.refused", {"command": "x" * 129}, "command"),
    ],
)  # fmt: skip
def test_a_broken_event_is_refused_with_the_name_of_its_field(kind: str, change: dict[str, Any], field: str) -> None:
    """Each invalid value of an event is refused, and the error names its field."""
    assert _field_of(EVENTS, event(kind, **change)) == field


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("recording.pause", {"protocol": 1}, "protocol"),
        ("recording.pause", {"protocol": 2.0}, "protocol"),
        ("recording.pause", {"id": ""}, "id"),
        ("recording.pause", {"issued_at": "now"}, "issued_at"),
        ("recording.pause", {"not_after": -1}, "not_after"),
        ("recording.pause", {"wanted": {"status": "paused", "channels": 1}}, "wanted.track"),
        ("call.hang_up", {"wanted": {"status": "failed"}}, "wanted.status"),
        ("call.send_digits", {"wanted": {"digits": ""}}, "wanted.digits"),
        ("participant.update", {"wanted": {"muted": 1}}, "wanted.muted"),
        ("conference.announce", {"wanted": {"fetch": {"url": "x", "method": "PUT"}}}, "wanted.fetch.method"),
    ],
)
def test_a_broken_command_is_refused_with_the_name_of_its_field(kind: str, change: dict[str, Any], field: str) -> None:
    """Each invalid value of a command is refused, and the error names its field."""
    assert _field_of(COMMANDS, command(kind, **change)) == field


@pytest.mark.parametrize("adapter", [COMMANDS, EVENTS])
@pytest.mark.parametrize("message", [{"type": "call.vanished"}, {"type": None}, {"type": 1}, {"type": []}, {}])
def test_an_unknown_type_is_recognized(adapter: TypeAdapter[Any], message: Mapping[str, Any]) -> None:
    """A message of another type, or without a type, fails with an error that concerns the type alone."""
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python({**event("call.ended"), "type": None, **message})
    assert {error["type"] for error in caught.value.errors()} <= {"union_tag_invalid", "union_tag_not_found"}


@pytest.mark.parametrize(
    ("model", "message", "field"),
    [
        (OpenSessionRequest, {**SESSION, "protocol": 1}, "protocol"),
        (OpenSessionRequest, {**SESSION, "boot": "x"}, "boot"),
        (OpenSessionRequest, {**SESSION, "live": [{"kind": "call", "id": CALL}]}, "live"),
        (OpenSessionRequest, {**SESSION, "live": [{"kind": "call", "id": CALL, "account": ACCOUNT}] * 501}, "live"),
        (OpenSessionRequest, {**SESSION, "capabilities": {"participants": ["fly"]}}, "capabilities"),
        (OpenUploadRequest, {**UPLOAD, "bytes": 0}, "bytes"),
        (OpenUploadRequest, {**UPLOAD, "bytes": 4 * 1024**3 + 1}, "bytes"),
        (OpenUploadRequest, {**UPLOAD, "content_type": "audio/mpeg"}, "content_type"),
        (EventBatch, {**BATCH, "events": []}, "events"),
        (EventBatch, {**BATCH, "events": [{}] * 51}, "events"),
        (EventBatch, {**BATCH, "sent_at": None}, "sent_at"),
    ],
)
def test_a_broken_request_is_refused_with_the_name_of_its_field(model: Any, message: Any, field: str) -> None:
    """Each invalid value of a request is refused, and the error names its field."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(message)
    assert caught.value.errors()[0]["loc"][0] == field


def test_the_words_are_those_of_the_domain() -> None:
    """The protocol repeats enumerations of the domain, which it does not import."""
    assert {each.name: each.value for each in words.RecordingSource} == {each.name: each.value for each in Source}
    assert {each.name: each.value for each in words.ConferenceEndReason} == {
        each.name: each.value for each in EndReason
    }
    assert set(get_args(Outcome)) == set(EventOutcome)
    assert set(get_args(EventRefusalCode)) == set(EventRefusal)


def test_the_defaults_of_capabilities_are_those_of_the_domain() -> None:
    """A session that states nothing has the capabilities of a simple engine."""
    stated, assumed = Capabilities(), EngineCapabilities()
    for field in dataclasses.fields(assumed):
        value = getattr(stated, field.name)
        assert (frozenset(value) if isinstance(value, tuple) else value) == getattr(assumed, field.name), field.name


@pytest.mark.parametrize(
    "change",
    [
        {"recording": None, "parent": None, "call": None, "conference": None},
        {"parent": None, "call": CALL},
        {"recording": None, "conference": CONFERENCE},
    ],
)
def test_the_schema_of_a_refusal_requires_its_subject(change: dict[str, Any]) -> None:
    """A refusal without a subject, or of a recording without its parent, does not match the schema."""
    subject = {name: value for name, value in {"parent": PARENT, "recording": RECORDING, **change}.items() if value}
    broken = {name: value for name, value in event("command.refused").items() if name not in {"call", "conference"}}
    for name in ("parent", "recording"):
        del broken[name]
    validate("engine-events", None, {**broken, "parent": PARENT, "recording": RECORDING})
    with pytest.raises(JsonSchemaError):
        validate("engine-events", None, broken | subject)
