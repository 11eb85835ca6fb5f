"""Sends the requests that the files in tests/wire/data state, and compares the answers."""

import base64
from contextlib import nullcontext
from typing import Any

from botocore.exceptions import ClientError

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, WireRequest
from tests.media import encoded, sound
from tests.wire.facts import Case


class WrongAnswerError(Exception):
    """An answer that differs from the stated one."""


def make_sids(client: FunctionClient, stage: Stage, objects: Objects) -> dict[str, str]:
    """Store the resources that the paths of the cases name; return their sids."""
    call, ended = stage.call(), stage.call("completed", ended=stage.clock.seconds)
    conference = stage.conference(name="Room")
    participant = stage.participant(conference, options={"to": "+12025550178", "from": "+12025550143"})
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


def _basic(credentials: tuple[str, str] | None, sids: dict[str, str]) -> str:
    """Return an Authorization header; an empty text stands for the credentials of the client."""
    if credentials is None:
        return ""
    user, password = (part.format_map(sids) for part in credentials)
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _filled(value: str | tuple[str, ...], sids: dict[str, str]) -> str | list[str]:
    """Return the value or the values of a field with the kept values in place of their names."""
    return value.format_map(sids) if isinstance(value, str) else [each.format_map(sids) for each in value]


def check(client: FunctionClient, wire: Wire, case: Case, sids: dict[str, str]) -> None:
    """Send the request of a case and compare the answer; add the values to keep to `sids`.

    Raises:
        WrongAnswerError: the answer is not the stated one.
    """
    method, _, address = case.request.partition(" ")
    place, mark, query = address.partition("?")
    suffix = "" if place.endswith((".mp3", ".wav")) else ".json"
    root = client.dialect.root if case.is_outside_account else client.base
    path = root + place.format_map(sids) + suffix + mark + query.format_map(sids)
    authorization = None if case.is_anonymous else _basic(case.credentials, sids)
    form = {name: _filled(value, sids) for name, value in case.form.items()} if case.form is not None else None
    with wire.watched_by(refuse_writes) if case.is_store_busy else nullcontext():
        answer = client.request(method, path, form=form, authorization=authorization)
    is_json = "json" in answer.headers.get("content-type", "")
    found: dict[str, Any] = {name: answer.body.get(name) for name in case.body} if is_json else {}
    sent = {name: answer.headers.get(name) for name in case.headers}
    if case.status not in {None, answer.status} or (found, sent) != (dict(case.body), dict(case.headers)):
        raise WrongAnswerError(f"{method} {path}: {answer.status} {answer.text if is_json else ''}")
    sids.update({name: str(answer.body[field]) for name, field in case.keep.items()})
