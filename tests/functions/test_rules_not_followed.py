"""Tests of the vendors' rules that the code does not follow yet: tests/wire/data/not_followed.yaml.

Each test is expected to fail. If one passes, or if the code gives another wrong answer to it, the rule has changed:
remove its row, and correct the facts in tests/wire/data.
"""

from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.objects import Objects
from tests.functions.stage import Stage
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
    recording = stage.recording(call, "completed")
    objects.put(recording, "original.wav", sound(1))
    objects.put(recording, "original.mp3", encoded(sound(1)))
    return {
        "call": client.sid(ResourceType.CALL, call.id),
        "ended": client.sid(ResourceType.CALL, ended.id),
        "conference": client.sid(ResourceType.CONFERENCE, conference.id),
        "participant": client.sid(ResourceType.CALL, participant.call),
        "recording": client.sid(ResourceType.RECORDING, recording.id),
    }


def check(client: FunctionClient, case: Case, sids: dict[str, str]) -> None:
    """Send the request of a case and compare the answer."""
    method, _, address = case.request.partition(" ")
    place, mark, query = address.partition("?")
    suffix = "" if place.endswith((".mp3", ".wav")) else ".json"
    path = client.base + place.format_map(sids) + suffix + mark + query
    form = dict(case.form) if case.form is not None else None
    answer = client.request(method, path, form=form, authorization=None if case.is_anonymous else "")
    is_json = "json" in answer.headers.get("content-type", "")
    found: dict[str, Any] = {name: answer.body.get(name) for name in case.body} if is_json else {}
    if (case.status is not None and answer.status != case.status) or found != dict(case.body):
        raise NotFollowedError(f"{method} {path}: {answer.status} {answer.text if is_json else ''}")


@pytest.mark.xfail(raises=NotFollowedError, strict=True, reason="the code does not follow this rule yet")
@pytest.mark.parametrize(("dialect", "rule"), RULES, ids=[f"{dialect}-{rule.rule}" for dialect, rule in RULES])
def test_the_rule_is_followed(client: FunctionClient, stage: Stage, objects: Objects, rule: UnfollowedRule) -> None:
    """The API answers each request of a rule as the vendor does."""
    sids = make_sids(client, stage, objects)
    for case in rule.cases:
        check(client, case, sids)
