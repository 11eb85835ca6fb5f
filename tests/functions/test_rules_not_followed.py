"""Tests of the vendors' rules that the code does not follow yet: tests/wire/data/not_followed.yaml.

Each test is expected to fail. If one passes, or if the code gives another wrong answer to it, the rule has changed:
remove its row, and correct the facts in tests/wire/data.
"""

from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, WireRequest, call_path, participant_path
from tests.media import encoded, sound
from tests.wire.facts import Case, UnfollowedRule, load

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="these rules do not depend on the database")

RULES = [(dialect, rule) for rule in load().not_followed for dialect in rule.dialects]


class NotFollowedError(Exception):
    """An answer that differs from the right one."""


def make_sids(client: FunctionClient, stage: Stage, objects: Objects) -> dict[str, str]:
    """Store the resources that the paths of the cases name; return their sids."""
    call, ended = stage.call(), stage.call("completed", ended=stage.clock.seconds)
    conference = stage.conference(name="Room")
    participant = stage.participant(conference)
    recordings = [stage.recording(parent, "completed") for parent in (call, conference)]
    for recording in recordings:
        objects.put(recording, "original.wav", sound(1))
        objects.put(recording, "original.mp3", encoded(sound(1)))
    recorded = stage.call()
    active = stage.recording(recorded)
    of_call, of_conference = (client.sid(ResourceType.RECORDING, recording.id) for recording in recordings)
    return {
        "call": client.sid(ResourceType.CALL, call.id),
        "ended": client.sid(ResourceType.CALL, ended.id),
        "conference": client.sid(ResourceType.CONFERENCE, conference.id),
        "participant": client.sid(ResourceType.CALL, participant.call),
        "recording": of_call,
        "conference_recording": of_conference,
        "recorded": client.sid(ResourceType.CALL, recorded.id),
        "active": client.sid(ResourceType.RECORDING, active.id),
    }


def refuse_writes(when: str, request: WireRequest) -> None:
    """Fail every write as a busy database does."""
    if when == "sent" and request.writes:
        raise ClientError({"Error": {"Code": "TransactionConflictException"}}, request.operation)


def check(client: FunctionClient, wire: Wire, case: Case, sids: dict[str, str]) -> None:
    """Send the request of a case and compare the answer."""
    method, _, address = case.request.partition(" ")
    place, mark, query = address.partition("?")
    suffix = "" if place.endswith((".mp3", ".wav")) else ".json"
    path = client.base + place.format_map(sids) + suffix + mark + query
    form = dict(case.form) if case.form is not None else None
    with wire.watched_by(refuse_writes) if case.is_store_busy else nullcontext():
        answer = client.request(method, path, form=form, authorization=None if case.is_anonymous else "")
    is_json = "json" in answer.headers.get("content-type", "")
    found: dict[str, Any] = {name: answer.body.get(name) for name in case.body} if is_json else {}
    sent = {name: answer.headers.get(name) for name in case.headers}
    if case.status not in {None, answer.status} or (found, sent) != (dict(case.body), dict(case.headers)):
        raise NotFollowedError(f"{method} {path}: {answer.status} {answer.text if is_json else ''}")


@pytest.mark.xfail(raises=NotFollowedError, strict=True, reason="the code does not follow this rule yet")
@pytest.mark.parametrize(("dialect", "rule"), RULES, ids=[f"{dialect}-{rule.rule}" for dialect, rule in RULES])
def test_the_rule_is_followed(
    client: FunctionClient, stage: Stage, objects: Objects, wire: Wire, rule: UnfollowedRule
) -> None:
    """The API answers each request of a rule as the vendor does."""
    sids = make_sids(client, stage, objects)
    for case in rule.cases:
        if client.dialect.name in (case.dialects or rule.dialects):
            check(client, wire, case, sids)


def test_requests_succeed_without_an_engine(client: FunctionClient, stage: Stage) -> None:
    """Without an engine that ever reported, a recording starts and a participant is added as with one (C-121)."""
    started = client.post(*call_path(client, stage.call(), ""))
    is_twilio = client.dialect.name == "twilio"
    assert (started.status, started.body["status"]) == (201 if is_twilio else 200, "in-progress")
    if is_twilio:
        form = {"From": "+12025550143", "To": "+12025550178"}
        added = client.post(*participant_path(client, stage.conference()), form=form)
        assert (added.status, added.body["status"]) == (201, "queued")
