"""Removing a participant from a conference: `remove_participant` in both dialects."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tests.client import Answer, FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import (
    Stage,
    Wire,
    WireRequest,
    assert_answer,
    assert_refused,
    call_path,
    conference_path,
    participant_path,
    shown,
)
from tests.reporter import join_conference, open_conference

Act = Callable[[], object]


def test_removing_a_participant_answers_without_a_body(api: Api, example: Stage) -> None:
    """Removing a connected participant answers 204 without a body."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.participant(conference, call)

    answer = api.request(
        "DELETE",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants/CA016612f5f27a7ca18a5f2c9e41d7b360.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 204
    assert answer.text == ""


def test_removing_a_participant_who_has_left_is_not_found(api: Api, example: Stage) -> None:
    """A participant who has left the conference cannot be removed again: 404, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.participant(conference, call, "complete")

    answer = api.request(
        "DELETE",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470"
            "/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360 was not found"
        ),
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


def remove(client: FunctionClient, conference: Conference, participant: Participant | str) -> Answer:
    """Send the request."""
    return client.delete(*participant_path(client, conference, participant))


def test_a_removed_participant_has_left(client: FunctionClient, stage: Stage, gateway: Gateway) -> None:
    """Its call and the conference continue, and it cannot be removed again."""
    client.gateway = gateway
    conference = stage.conference()
    participant, other = stage.participant(conference), stage.participant(conference)
    call = stage.services.calls.get(stage.account, participant.call)
    now = stage.clock.step(3)
    assert_answer(remove(client, conference, participant), 204, None)
    own = stage.item(items.participant_key(conference.account, conference.id, participant.call))
    state = (own["status"], own["left"], own["updated"], own["version"], own["sequence"])
    assert state == ("complete", now, now, participant.version + 1, conference.sequence + 1)
    stored = stage.item(items.conference_key(conference.account, conference.id))
    assert (stored["participants"], stored["version"], stored["sequence"]) == (
        1,
        conference.version + 1,
        conference.sequence + 1,
    )
    assert_answer(client.get(*conference_path(client, conference)), 200, shown(client, conference))
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))
    assert_answer(client.get(*participant_path(client, conference, other)), 200, shown(client, other))
    path = participant_path(client, conference, participant)
    for answer in (client.get(*path), client.delete(*path), client.post(*path)):
        assert_refused(client, answer, "not found", uri=client.path(*path))


@pytest.mark.parametrize(
    ("number", "end_on_exit", "reason"),
    [
        (1, False, "last-participant-kicked"),
        (1, True, "participant-with-end-conference-on-exit-kicked"),
        (2, True, "participant-with-end-conference-on-exit-kicked"),
        (250, True, "participant-with-end-conference-on-exit-kicked"),
    ],
)
@pytest.mark.parametrize("status", ["init", "in-progress"])
def test_removing_may_end_the_conference(
    client: FunctionClient, stage: Stage, number: int, reason: str, status: str, *, end_on_exit: bool
) -> None:
    """The last participant, or one with `EndConferenceOnExit`, ends the conference with its recordings."""
    conference = stage.conference(status, participants=number)
    participant = stage.participant(conference, end_conference_on_exit=end_on_exit)
    recordings = [stage.recording(conference), stage.recording(conference, "paused")] if status == "in-progress" else []
    now = stage.clock.step(2)
    assert_answer(remove(client, conference, participant), 204, None)
    ended = shown(client, conference, status="completed", updated=now, reason=reason, ending_call=participant.call)
    assert_answer(client.get(*conference_path(client, conference)), 200, ended)
    for recording in recordings:
        stopped = shown(client, recording, read=True, status="stopped", updated=now, ended=now)
        assert_answer(client.get(*conference_path(client, conference, recording)), 200, stopped)
    # Two events: it leaves, then the conference ends.
    assert stage.item(items.conference_key(conference.account, conference.id))["sequence"] == conference.sequence + 2


def test_stopped_recordings_do_not_change(client: FunctionClient, stage: Stage) -> None:
    """A recording that was stopped before the conference ends is unchanged."""
    conference = stage.conference(participants=1)
    participant = stage.participant(conference)
    running, stopped = stage.recording(conference), stage.recording(conference, "stopped")
    now = stage.clock.step(2)
    assert_answer(remove(client, conference, participant), 204, None)
    assert_answer(client.get(*conference_path(client, conference, stopped)), 200, shown(client, stopped, read=True))
    after = shown(client, running, read=True, status="stopped", updated=now, ended=now)
    assert_answer(client.get(*conference_path(client, conference, running)), 200, after)


@pytest.mark.parametrize("status", ["queued", "connecting", "ringing"])
def test_removing_a_dialed_participant_causes_no_event(client: FunctionClient, stage: Stage, status: str) -> None:
    """A participant who is still being dialed is removed without an event, and the conference continues (C-65)."""
    conference = stage.conference("init", participants=0)
    participant = stage.participant(conference, status=status, end_conference_on_exit=True)
    assert_answer(remove(client, conference, participant), 204, None)
    stored = stage.item(items.conference_key(conference.account, conference.id))
    assert (stored["status"], stored["participants"], stored["sequence"]) == ("init", 0, conference.sequence)
    own = stage.item(items.participant_key(conference.account, conference.id, participant.call))
    assert (own["status"], own["sequence"]) == ("failed", 0)


def test_a_removed_call_may_join_again(client: FunctionClient, stage: Stage) -> None:
    """A removed call may join again and is counted once."""
    service, account = stage.services, stage.account
    conference = open_conference(service, account, "Again")
    calls = [service.calls.register(account, to="+1", from_="+1", direction="inbound").id for _ in range(2)]
    for call in (*calls, calls[0]):
        join_conference(service, account, conference.id, call)
    path = participant_path(client, conference, client.sid(ResourceType.CALL, calls[0]))
    for expected in (1, 1):
        assert client.post(*path, form={"Muted": "true"}).body["muted"] is True
        before = stage.item(items.participant_key(account, conference.id, calls[0]))["version"]
        assert_answer(client.delete(*path), 204, None)
        assert service.conferences.get(account, conference.id).participants == expected
        stage.engine.left(conference.id, calls[0], before + 1)
        join_conference(service, account, conference.id, calls[0])
        assert service.conferences.get(account, conference.id).participants == expected + 1
        found = client.get(*path)
        assert (found.status, found.body["muted"]) == (200, False)
        assert stage.item(items.participant_key(account, conference.id, calls[0]))["version"] > before + 1


@pytest.mark.parametrize("status", ["connected", "complete", "failed"])
@pytest.mark.parametrize("conference_status", ["in-progress", "completed"])
def test_an_absent_participant_is_not_found(
    client: FunctionClient, stage: Stage, status: str, conference_status: str
) -> None:
    """An unknown participant, one who left, and all of a completed conference answer 404."""
    conference = stage.conference(conference_status)
    participant = stage.participant(conference, status=status)
    before = stage.partition(conference)
    paths = [
        participant_path(client, conference, client.sid(ResourceType.CALL, "0" * 32)),
        participant_path(client, stage.conference(name="Other"), participant),
        participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32), participant),
    ]
    if (status, conference_status) != ("connected", "in-progress"):
        paths.append(participant_path(client, conference, participant))
    for path in paths:
        assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
    assert stage.partition(conference) == before


def test_twilio_accepts_a_label(client: FunctionClient, stage: Stage) -> None:
    """Twilio accepts a label in place of the call's sid; SignalWire does not."""
    conference = stage.conference()
    stage.participant(conference, label="Café 50%")
    path = participant_path(client, conference, quote("Café 50%"))
    if client.dialect.name == "twilio":
        assert_answer(client.delete(*path), 204, None)
    answer = client.delete(*path)
    assert_refused(client, answer, "not found", uri=unquote(client.path(*path)))


@pytest.mark.parametrize(
    ("fields", "recorded", "label", "requests"),
    [
        ({"participants": 2}, 0, None, ["BatchGetItem", "TransactWriteItems"]),
        ({"participants": 1}, 2, None, ["BatchGetItem", "TransactWriteItems"]),
        ({"participants": 2}, 0, "customer", ["GetItem", "BatchGetItem", "TransactWriteItems"]),
    ],
)
def test_requests_to_the_table_are_few(
    make_twilio: Any,
    stage: Stage,
    wire: Wire,
    fields: dict[str, int],
    recorded: int,
    label: str | None,
    requests: list[str],
) -> None:
    """One batch read and one transaction, even if the conference ends; a label takes one more read."""
    client, conference = make_twilio(), stage.conference(**fields)  # type: ignore[arg-type]
    participant = stage.participant(conference, label=label)
    for _ in range(recorded):
        stage.recording(conference)
    assert client.delete(*participant_path(client, conference, label or participant)).status == 204
    assert wire.recordings == requests


@pytest.mark.parametrize("change", ["joined", "muted", "left", "hung up", "ended"])
def test_concurrent_changes_are_respected(client: FunctionClient, stage: Stage, wire: Wire, change: str) -> None:
    """A change between reading and writing is read again, and the participants are counted down once."""
    from tapedeck.operations.participants import UpdateParticipant

    service, account = stage.services, stage.account
    conference = open_conference(service, account, "Races")
    calls = [service.calls.register(account, to="+1", from_="+1", direction="inbound").id for _ in range(4)]
    for call in calls[:3]:
        join_conference(service, account, conference.id, call)
    acts: dict[str, Act] = {
        "joined": lambda: join_conference(service, account, conference.id, calls[3]),
        "muted": lambda: service.participants.update(account, conference.id, calls[0], UpdateParticipant(muted=True)),
        "left": lambda: service.participants.remove(account, conference.id, calls[0]),
        "hung up": lambda: service.calls.end(account, calls[0]),
        "ended": lambda: service.conferences.end(account, conference.id),
    }
    raced: list[str] = []

    def race(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "BatchGetItem" and not raced:
            raced.append(change)
            acts[change]()

    with wire.watched_by(race):
        answer = client.delete(*participant_path(client, conference, client.sid(ResourceType.CALL, calls[0])))
    assert answer.status == (204 if change in {"joined", "muted"} else 404)
    after = service.conferences.get(account, conference.id)
    assert after.participants == {"joined": 3, "ended": 3}.get(change, 2)
