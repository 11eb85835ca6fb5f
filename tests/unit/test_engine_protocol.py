"""The engine protocol: published schemas match the models, and messages match the schemas."""

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tapedeck.background.command_messages import write_command
from tapedeck.background.event_dispatch import read_event
from tapedeck.background.outbound import commands_for_change, pending_command
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_command import CommandKind, with_new_request
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.errors import MalformedBody
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.engine_protocol import schema as engine_schema
from tapedeck.engine_protocol.schema import EVENTS
from tapedeck.ports.changes import Change, Resource
from tapedeck_protocol.commands import COMMANDS
from tests.client import ROOT
from tests.thoroughness import scaled

NOW: Final = 1_537_916_400
ACCOUNT: Final = "a" * 32


@cache
def published(name: str) -> dict[str, Any]:
    """Return a published schema of the repository."""
    content: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return content


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
    stale = [f"schemas/media-{name}.json differs from the models: run make schemas" for name in ("commands", "events")]
    assert [line for line in capsys.readouterr().out.splitlines() if "media-" in line] == stale
    assert (script.main([]), script.main(["--check"])) == (0, 0)
    for name in ("media-commands", "media-events"):
        written = (tmp_path / "schemas" / f"{name}.json").read_text(encoding="utf-8")
        assert json.loads(written) == published(name)


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Return the message types of a schema."""
    return set(schema["discriminator"]["mapping"])


def test_schemas_are_well_formed() -> None:
    """The schemas are valid in the draft that they name."""
    for name in ("media-commands", "media-events"):
        Draft202012Validator.check_schema(published(name))


def test_every_command_is_documented() -> None:
    """The protocol table has one row per command, and names only existing events as answers."""
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", engine_schema.__doc__ or "", re.MULTILINE)
    documented = [name for cell, _ in rows for name in re.findall(r"`([\w.]+)`", cell)]
    assert sorted(documented) == sorted(CommandKind) == sorted(_types(published("media-commands")))
    answers = {name for _, cell in rows for name in re.findall(r"`([\w.]+)`", cell)}
    assert answers < _types(published("media-events"))


# Commands that the API sends.

IDS: Final = st.integers(0, (1 << 128) - 1).map(lambda number: f"{number:032x}")
TEXT: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
FETCHES: Final = st.fixed_dictionaries(
    {"url": st.just("https://a.example/x"), "method": st.sampled_from(["GET", "POST"])}
)
VERSIONS: Final = st.integers(1, 1 << 40)

RECORDINGS: Final = st.builds(
    Recording,
    id=IDS,
    parent=st.builds(Parent, account=st.just(ACCOUNT), kind=st.sampled_from(ParentKind), id=IDS),
    status=st.sampled_from(RecordingStatus),
    source=st.sampled_from(Source),
    updated=st.just(NOW),
    version=VERSIONS,
    channels=st.sampled_from([1, 2]),
    track=st.sampled_from(["inbound", "outbound", "both"]),
    pause_behavior=st.sampled_from([None, "silence", "skip"]),
)
CALLS: Final = st.tuples(
    st.builds(
        Call, account=st.just(ACCOUNT), id=IDS, updated=st.just(NOW), version=VERSIONS,
        # Only requests send commands, and a request ends a call only with these statuses.
        status=st.sampled_from([CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED, CallStatus.CANCELED]),
    ),
    st.fixed_dictionaries({}, optional={
        "redirect": FETCHES | st.fixed_dictionaries({"markup": TEXT}),
        "fallback": FETCHES,
        "time_limit": st.integers(1, 10**9),
    }),
)  # fmt: skip
CONFERENCES: Final = st.tuples(
    st.builds(
        Conference, account=st.just(ACCOUNT), id=IDS, name=TEXT, updated=st.just(NOW), version=VERSIONS,
        status=st.sampled_from([ConferenceStatus.IN_PROGRESS, ConferenceStatus.COMPLETED]),
    ),
    st.fixed_dictionaries({"announcement": FETCHES}),
)  # fmt: skip
PARTICIPANTS: Final = st.tuples(
    st.builds(
        Participant, call=IDS, conference=IDS, joined=st.just(NOW), left=st.none() | st.just(NOW), version=VERSIONS,
        status=st.sampled_from(ParticipantStatus), label=st.none() | TEXT, muted=st.booleans(), hold=st.booleans(),
        coaching=st.booleans(), call_to_coach=st.none() | IDS, beep_on_exit=st.none() | st.booleans(),
        options=st.fixed_dictionaries(
            {"to": TEXT, "from": TEXT}, optional={"timeout": st.integers(5, 600), "record": st.booleans()}
        ),
    ),
    st.fixed_dictionaries({}, optional={"announcement": FETCHES, "hold_music": FETCHES, "wait_music": FETCHES}),
)  # fmt: skip


@pytest.mark.sized
@settings(max_examples=scaled(deep=2_000, ci=400, fast=200), deadline=None)
@given(
    st.tuples(RECORDINGS, st.just({})) | CALLS | CONFERENCES | PARTICIPANTS,
    st.booleans(),
)
def test_every_command_matches_its_schema(change: tuple[Any, Mapping[str, Any]], resent: bool) -> None:  # noqa: FBT001 - Hypothesis passes it
    """Every command, sent first or resent, matches the published schema and has no other fields."""
    resource, command_payload = change
    if not isinstance(resource, Recording):
        resource = with_new_request(resource, NOW)
    for command in _commands(resource, command_payload, resent=resent):
        written = json.loads(json.dumps(write_command(command, 1_537_916_400_000)))
        Draft202012Validator(published("engine-commands")).validate(written)
        read = COMMANDS.validate_python(written)
        assert (written["protocol"], written["issued_at"], written["not_after"]) == (
            2, 1_537_916_400_000, 1_537_916_520_000,
        )  # fmt: skip
        assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == written
        assert (written["id"], written["version"]) == (command.id, command.version)


def _commands(resource: Resource, command_payload: Mapping[str, Any], *, resent: bool) -> list[Any]:
    if resent:
        command = pending_command(ACCOUNT, resource, command_payload)
        return [command] if command is not None else []
    queued = isinstance(resource, Participant) and resource.status is ParticipantStatus.QUEUED
    before = None if queued else replace(resource, version=resource.version - 1)
    return list(commands_for_change(Change(ACCOUNT, before, resource, command_payload)))


# Events that a connector reports.

CALL, CONFERENCE, RECORDING = "b" * 32, "c" * 32, "d" * 32
PARENT: Final = {"type": "call", "id": CALL}
SUBSCRIPTION: Final = {"url": "https://a.example/", "events": ["completed"], "dialect": "twilio"}

EVENTS_IN_FULL: Final[dict[str, dict[str, Any]]] = {
    "call.ringing": {"call": CALL, "to": "+1", "from": "+2", "direction": "inbound", "parent_call": "e" * 32},
    "call.answered": {"call": CALL},
    "call.ended": {"call": CALL, "status": "busy"},
    "call.redirected": {"call": CALL, "version": 2},
    "conference.started": {
        "conference": CONFERENCE, "name": "Room", "record": True, "callback": {**SUBSCRIPTION, "method": "GET"},
    },
    "conference.ended": {
        "conference": CONFERENCE, "reason": "participant-with-end-conference-on-exit-left", "ending_call": CALL,
    },
    "conference.announced": {"conference": CONFERENCE, "version": 2},
    "participant.joined": {
        "conference": CONFERENCE, "call": CALL, "start_conference_on_enter": False, "end_conference_on_exit": True,
        "muted": True, "hold": True,
    },
    "participant.changed": {
        "conference": CONFERENCE, "call": CALL, "muted": True, "hold": False, "coaching": True,
        "call_to_coach": "e" * 32, "end_conference_on_exit": True,
    },
    "participant.left": {"conference": CONFERENCE, "call": CALL},
    "recording.started": {
        "parent": PARENT, "recording": RECORDING, "source": "DialVerb", "call": CALL, "channels": 2, "track": "inbound",
        "trim": "trim-silence", "callback": SUBSCRIPTION,
    },
    "recording.paused": {"parent": PARENT, "recording": RECORDING, "pause_behavior": "skip", "version": 2},
    "recording.resumed": {"parent": PARENT, "recording": RECORDING},
    "recording.stopped": {"parent": PARENT, "recording": RECORDING},
    "recording.completed": {
        "parent": PARENT, "recording": RECORDING, "key": "k", "size": 0, "duration": 0, "channels": 2,
    },
    "recording.absent": {"parent": PARENT, "recording": RECORDING, "error": 16102},
    "recording.failed": {"parent": {"type": "conference", "id": CONFERENCE}, "recording": RECORDING},
    "transcription.completed": {"recording": RECORDING, "transcription": "f" * 32, "text": "Hello.", "duration": 3},
}  # fmt: skip


def message(kind: str, **more: Any) -> dict[str, Any]:
    """Return a complete event of this type."""
    return {
        "id": "0" * 32,
        "type": kind,
        "account": ACCOUNT,
        "seq": 7,
        "at": NOW * 1000,
        **EVENTS_IN_FULL[kind],
        **more,
    }


@pytest.mark.parametrize("kind", EVENTS_IN_FULL)
def test_reads_every_event(kind: str) -> None:
    """An event of the schema is read completely; unknown fields are ignored."""
    written = message(kind)
    Draft202012Validator(published("media-events")).validate(written)
    content = json.dumps({**written, "unknown_field": 1})
    read = EVENTS.validate_json(content)
    assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == written
    event, _ = read_event(content)
    assert event == EngineEvent("0" * 32, ACCOUNT, "standin", 7, NOW * 1000, written.get("version"))


def test_the_url_of_a_callback_is_normalized() -> None:
    """A callback from the markup is kept in the form that is signed and sent (C-130)."""
    callback = {**SUBSCRIPTION, "url": "HTTPS://A.example/caf\u00e9?q=\u00e9#"}
    event = EVENTS.validate_python(message("recording.started", callback=callback))
    assert event.callback.url == "https://A.example/caf%C3%A9?q=%C3%A9"


def test_examples_cover_every_event() -> None:
    """There is an example of every event type of the schema."""
    assert set(EVENTS_IN_FULL) == _types(published("media-events"))
    assert {name for name in EVENTS_IN_FULL if "version" in EVENTS.validate_python(message(name)).model_fields_set} == {
        "call.redirected", "conference.announced", "recording.paused",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", "{}", '{"type": "call.ended"}',
        *(
            json.dumps(message(kind, **change))
            for kind, change in (
                ("call.ended", {"type": "call.vanished"}),
                ("call.ended", {"id": "0" * 31}),
                ("call.ended", {"id": "A" * 32}),
                ("call.ended", {"account": f"AC{ACCOUNT}"}),
                ("call.ended", {"at": -1}),
                ("call.ended", {"at": 1 << 43}),
                ("call.ended", {"at": "soon"}),
                ("call.ended", {"version": 0}),
                ("call.ended", {"status": "in-progress"}),
                ("call.ended", {"call": None}),
                ("call.ringing", {"to": ""}),
                ("call.ringing", {"from": "x" * 257}),
                ("call.ringing", {"direction": "sideways"}),
                ("call.redirected", {"version": None}),
                ("conference.announced", {"version": None}),
                ("conference.started", {"name": ""}),
                ("conference.started", {"name": "x" * 129}),
                ("conference.started", {"callback": {**SUBSCRIPTION, "url": "ftp://a.example/"}}),
                ("conference.started", {"callback": {**SUBSCRIPTION, "dialect": "klingon"}}),
                ("conference.started", {"callback": {**SUBSCRIPTION, "events": ["x"] * 33}}),
                ("conference.ended", {"reason": "boredom"}),
                ("recording.started", {"source": "Thin air"}),
                ("recording.started", {"channels": 3}),
                ("recording.started", {"parent": {"type": "room", "id": CALL}}),
                ("recording.completed", {"size": -1}),
                ("recording.completed", {"key": "x" * 257}),
                ("recording.absent", {"error": 1}),
                ("recording.paused", {"pause_behavior": "dance"}),
                ("transcription.completed", {"text": "x" * 100_001}),
            )
        ),
        # A lone surrogate cannot be encoded.
        json.dumps(message("call.ringing", to="\ud800")),
        json.dumps(message("conference.started", name="\ud800")),
        json.dumps(message("transcription.completed", text="\ud800")),
    ],
)  # fmt: skip
def test_rejects_malformed_events(content: str) -> None:
    """A message that is not JSON, or not an event of the protocol, is malformed."""
    with pytest.raises(MalformedBody):
        read_event(content)
