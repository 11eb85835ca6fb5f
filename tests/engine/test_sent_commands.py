"""Every command that is sent matches the published schema."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tapedeck.background.command_messages import write_command
from tapedeck.background.outbound import commands_for_change, pending_command
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_command import with_new_request
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.ports.changes import Change, Resource
from tapedeck_protocol.commands import COMMANDS
from tests.client import ROOT
from tests.thoroughness import scaled

NOW: Final = 1_537_916_400
ACCOUNT: Final = "a" * 32
SCHEMA: Final = json.loads((ROOT / "schemas" / "engine-commands.json").read_text(encoding="utf-8"))


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
PLACED: Final = st.tuples(
    st.builds(
        Call, account=st.just(ACCOUNT), id=IDS, updated=st.just(NOW), version=VERSIONS, to=TEXT, from_=TEXT,
        status=st.just(CallStatus.QUEUED),
        placement=st.fixed_dictionaries(
            {
                "timeout": st.integers(1, 600), "time_limit": st.integers(1, 86_400),
                "flow": FETCHES | st.fixed_dictionaries({"markup": TEXT, "dialect": st.just("signalwire")}),
            },
            optional={
                "send_digits": TEXT,
                "machine_detection": st.just({"mode": "enable", "asynchronous": True}),
                "record": st.just({"channels": 2, "track": "both", "trim": "trim-silence"}),
            },
        ),
    ),
    st.fixed_dictionaries({}, optional={"fallback": FETCHES, "time_limit": st.integers(1, 86_400)}),
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
@settings(max_examples=scaled(deep=2_000, ci=400, fast=40), deadline=None)
@given(
    st.tuples(RECORDINGS, st.just({})) | CALLS | PLACED | CONFERENCES | PARTICIPANTS,
    st.booleans(),
)
def test_every_command_matches_its_schema(change: tuple[Any, Mapping[str, Any]], resent: bool) -> None:  # noqa: FBT001 - Hypothesis passes it
    """Every command, sent first or resent, matches the published schema and has no other fields."""
    resource, command_payload = change
    if not isinstance(resource, Recording):
        resource = with_new_request(resource, NOW)
    for command in _commands(resource, command_payload, resent=resent):
        written = json.loads(json.dumps(write_command(command, 1_537_916_400_000)))
        Draft202012Validator(SCHEMA).validate(written)
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
    before = (
        None
        if queued or (isinstance(resource, Call) and resource.placement)
        else replace(resource, version=resource.version - 1)
    )
    return list(commands_for_change(Change(ACCOUNT, before, resource, command_payload)))
