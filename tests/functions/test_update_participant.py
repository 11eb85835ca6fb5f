"""Muting, holding and coaching a participant, and playing audio to it: `update_participant` in both dialects."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.operations.participants import UpdateParticipant
from tests.client import Answer, Form, FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import (
    Clock,
    Stage,
    Wire,
    WireRequest,
    assert_answer,
    assert_refused,
    participant_path,
    shown,
)
from tests.reporter import join_conference, open_conference

Act = Callable[[], object]
URL = "https://user:pass@app.example.com/play.xml?a=1#frag"


def test_muting_a_participant_answers_the_muted_participant(api: Api, example: Stage, clock: Clock) -> None:
    """Muting a connected participant answers 200, muted at that second, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.participant(conference, call)
    clock.step(5)

    answer = api.request(
        "POST",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Muted": "true"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
        "call_sid": "016612f5-f27a-7ca1-8a5f-2c9e41d7b360",
        "call_sid_to_coach": None,
        "coaching": False,
        "conference_sid": "016612f5-f27a-7c0f-9b1d-6e83f2a5c470",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "status": "in-progress",
        "date_updated": "Tue, 25 Sep 2018 23:00:05 +0000",
        "end_conference_on_exit": False,
        "muted": True,
        "hold": False,
        "start_conference_on_enter": True,
        "uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360.json"
        ),
    }


def test_updating_an_unknown_participant_is_not_found(api: Api, example: Stage) -> None:
    """A call that is not in the conference answers 404 with the requested path."""
    example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")

    answer = api.request(
        "POST",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants/CA016612f5f27a7ca18a5f2c9e41d7b360.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Muted": "true"},
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470"
            "/Participants/CA016612f5f27a7ca18a5f2c9e41d7b360.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def update(client: FunctionClient, conference: Conference, participant: Participant | str, form: Form = None) -> Answer:
    """Send the request."""
    return client.post(*participant_path(client, conference, participant), form=form)


def stored_item(stage: Stage, conference: Conference, participant: Participant | None = None) -> dict[str, Any]:
    """Return the stored item of a participant, or of its conference."""
    if participant is None:
        return stage.item(items.conference_key(conference.account, conference.id))
    return stage.item(items.participant_key(conference.account, conference.id, participant.call))


FLAGS = [("Muted", "muted"), ("Hold", "hold"), ("EndConferenceOnExit", "end_conference_on_exit")]


@pytest.mark.parametrize(("name", "field"), FLAGS)
@pytest.mark.parametrize(("before", "after"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("status", ["queued", "connected"])
def test_flags_are_set(
    client: FunctionClient,
    stage: Stage,
    gateway: Gateway,
    name: str,
    field: str,
    *,
    before: bool,
    after: bool,
    status: str,
) -> None:
    """A changed flag updates the participant; an unchanged one does not. SignalWire ignores the last flag."""
    client.gateway = gateway
    conference = stage.conference()
    participant = stage.participant(conference, status=status, **{field: before})  # type: ignore[arg-type]
    stored_before = stage.partition(conference)
    now = stage.clock.step(4)
    answer = update(client, conference, participant, {name: str(after).upper()})
    if before is after or (client.dialect.name == "signalwire" and name == "EndConferenceOnExit"):
        assert_answer(answer, 200, shown(client, participant))
        assert stage.partition(conference) == stored_before
        return
    changed = shown(client, participant, updated=now, **{field: after})
    assert_answer(answer, 200, changed)
    assert_answer(client.get(*participant_path(client, conference, participant)), 200, changed)
    # A change of a connected participant is one event, numbered on both items (REL-4).
    sequence = conference.sequence + (status == "connected")
    assert (stored_item(stage, conference)["version"], stored_item(stage, conference)["sequence"]) == (
        conference.version + 1,
        sequence,
    )
    own = stored_item(stage, conference, participant)
    assert (own["version"], own["sequence"]) == (participant.version + 1, sequence if status == "connected" else 0)


def test_each_event_has_its_own_sequence_number(client: FunctionClient, stage: Stage) -> None:
    """Muting, holding and a change of coaching are separate events: all three take three sequence numbers."""
    conference = stage.conference(sequence=5)
    coached = stage.participant(conference)
    participant = stage.participant(conference)
    sid = client.sid(ResourceType.CALL, coached.call)
    form = {"Muted": "true", "Hold": "true", "Coaching": "true", "CallSidToCoach": sid}
    assert update(client, conference, participant, form).status == 200
    assert stored_item(stage, conference)["sequence"] == stored_item(stage, conference, participant)["sequence"] == 8


@pytest.mark.parametrize("form", [None, {}, {"Muted": ""}, {"Other": "x"}, {"HoldMethod": "POST"}, {"HoldUrl": URL}])
def test_a_request_without_parameters_changes_nothing(client: FunctionClient, stage: Stage, form: Form) -> None:
    """Without effective parameters the participant is answered unchanged."""
    conference = stage.conference()
    participant = stage.participant(conference)
    before = stage.partition(conference)
    stage.clock.step(9)
    assert_answer(update(client, conference, participant, form), 200, shown(client, participant))
    assert stage.partition(conference) == before


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"AnnounceUrl": URL}, {"announcement": ("POST",)}),
        ({"AnnounceUrl": URL, "AnnounceMethod": "GET"}, {"announcement": ("GET",)}),
        ({"WaitUrl": URL}, {"wait_music": ("POST",)}),
        ({"WaitUrl": URL, "WaitMethod": "GET", "HoldUrl": URL}, {"wait_music": ("GET",)}),
        ({"HoldUrl": URL, "Hold": "false"}, {}),
    ],
)
def test_playback_is_stored_for_the_media_engine(
    client: FunctionClient, stage: Stage, form: dict[str, str], kept: dict[str, tuple[str]]
) -> None:
    """What is to be played is stored with a new version, and the response does not show it."""
    conference = stage.conference()
    participant = stage.participant(conference)
    stage.clock.step(9)
    for turn in (1, 2):
        assert_answer(update(client, conference, participant, form), 200, shown(client, participant))
        item = stored_item(stage, conference, participant)
        found = {name: item[name] for name in ("announcement", "hold_music", "wait_music") if name in item}
        assert found == {name: {"url": URL, "method": method} for name, (method,) in kept.items()}
        # A repeated announcement is another one.
        assert item["version"] == participant.version + (turn if kept else 0)
    assert stored_item(stage, conference)["sequence"] == conference.sequence


@pytest.mark.parametrize(("form", "method"), [({}, "GET"), ({"HoldMethod": "POST"}, "POST")])
@pytest.mark.parametrize("hold", [True, False])
def test_hold_music_is_stored(
    client: FunctionClient, stage: Stage, form: dict[str, str], method: str, *, hold: bool
) -> None:
    """`HoldUrl` with `Hold=true` is stored, even if the participant is already on hold."""
    conference = stage.conference()
    participant = stage.participant(conference, hold=hold)
    now = stage.clock.step(3)
    answer = update(client, conference, participant, {"Hold": "true", "HoldUrl": URL, **form})
    assert_answer(answer, 200, shown(client, participant, hold=True, updated=None if hold else now))
    assert stored_item(stage, conference, participant)["hold_music"] == {"url": URL, "method": method}


def test_twilio_stores_a_beep_on_exit(client: FunctionClient, stage: Stage) -> None:
    """Twilio stores `BeepOnExit` without showing it, and does not write an unchanged value."""
    conference = stage.conference()
    participant = stage.participant(conference)
    for value, version in (("true", 2), ("true", 2), ("false", 3)):
        answer = update(client, conference, participant, {"BeepOnExit": value})
        assert_answer(answer, 200, shown(client, participant))
        item = stored_item(stage, conference, participant)
        if client.dialect.name == "twilio":
            assert (item["beep_on_exit"], item["version"]) == (value == "true", version)
        else:
            assert ("beep_on_exit" in item, item["version"]) == (False, 1)


# --- Coaching ---


@pytest.mark.parametrize("status", ["queued", "connected"])
def test_a_participant_may_coach_another(client: FunctionClient, stage: Stage, status: str) -> None:
    """`Coaching=true` names the coached call; `Coaching=false` removes it (C-66)."""
    conference = stage.conference()
    coached, participant = stage.participant(conference, status=status), stage.participant(conference)
    sid = client.sid(ResourceType.CALL, coached.call)
    now = stage.clock.step(1)
    answer = update(client, conference, participant, {"Coaching": "true", "CallSidToCoach": sid})
    assert_answer(answer, 200, shown(client, participant, coaching=True, call_to_coach=coached.call, updated=now))
    now = stage.clock.step(1)
    answer = update(client, conference, participant, {"Coaching": "false"})
    assert_answer(answer, 200, shown(client, participant, updated=now))


@pytest.mark.parametrize("coaches", [True, False])
def test_a_coached_call_implies_coaching_for_twilio(client: FunctionClient, stage: Stage, *, coaches: bool) -> None:
    """`CallSidToCoach` alone implies coaching for Twilio; SignalWire applies it only to a coach."""
    conference = stage.conference()
    coached = stage.participant(conference)
    before = {"coaching": True, "call_to_coach": "a" * 32} if coaches else {}
    participant = stage.participant(conference, **before)  # type: ignore[arg-type]
    now = stage.clock.step(1)
    answer = update(client, conference, participant, {"CallSidToCoach": client.sid(ResourceType.CALL, coached.call)})
    if client.dialect.name == "signalwire" and not coaches:
        assert_answer(answer, 200, shown(client, participant))
    else:
        after: dict[str, Any] = {"coaching": True, "call_to_coach": coached.call}
        assert_answer(answer, 200, shown(client, participant, updated=now, **after))


@pytest.mark.parametrize("coached", ["unknown", "elsewhere", "has left", "itself", "nonsense", "", "foreign spelling"])
@pytest.mark.parametrize("coaching", [{"Coaching": "true"}, {}])
def test_a_coached_call_must_be_in_the_conference(
    client: FunctionClient, other: FunctionClient, stage: Stage, coached: str, coaching: dict[str, str]
) -> None:
    """The coached call must be another present participant of the conference: error 16002."""
    conference = stage.conference()
    participant = stage.participant(conference)
    calls = {
        "unknown": "0" * 32,
        "elsewhere": stage.participant(stage.conference(name="Other")).call,
        "has left": stage.participant(conference, status="complete").call,
        "itself": participant.call,
        "foreign spelling": stage.participant(conference).call,
    }
    spelling = other if coached == "foreign spelling" else client
    sid = spelling.sid(ResourceType.CALL, calls[coached]) if coached in calls else coached
    before = stage.partition(conference)
    answer = update(client, conference, participant, {**coaching, "CallSidToCoach": sid, "Muted": "true"})
    if not sid and not coaching:
        assert answer.status == 200
        return
    assert_refused(client, answer, "coaching bad", name="CallSidToCoach")
    assert stage.partition(conference) == before


# --- Parameters ---


@pytest.mark.parametrize("value", ["yes", "1", " true", "truth", "0"])
def test_twilio_reads_any_other_muted_as_false(client: FunctionClient, stage: Stage, value: str) -> None:
    """Twilio reads any other `Muted` as false; SignalWire rejects it."""
    conference = stage.conference()
    participant = stage.participant(conference, muted=True)
    now = stage.clock.step(1)
    answer = update(client, conference, participant, {"Muted": value})
    if client.dialect.name == "twilio":
        assert_answer(answer, 200, shown(client, participant, muted=False, updated=now))
    else:
        assert_refused(client, answer, "value outside the enum", name="Muted")


PARAMETER_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"Hold": "yes"}, "Hold", "value outside the enum"),
    ({"Hold": ["true", "1"]}, "Hold", "value outside the enum"),
    ({"Coaching": "maybe"}, "Coaching", "value outside the enum"),
    ({"Coaching": "true"}, "CallSidToCoach", "coaching bad"),
    ({"HoldUrl": "hold.xml"}, "HoldUrl", "no URL"),
    ({"HoldUrl": "ftp://a.example/", "Hold": "true"}, "HoldUrl", "no URL"),
    ({"AnnounceUrl": "javascript:alert(1)"}, "AnnounceUrl", "no URL"),
    ({"WaitUrl": "https:///wait.xml"}, "WaitUrl", "no URL"),
    ({"HoldMethod": "gett"}, "HoldMethod", "no HTTP method"),
    ({"AnnounceMethod": "PUT"}, "AnnounceMethod", "no HTTP method"),
    ({"WaitMethod": "DELETE"}, "WaitMethod", "no HTTP method"),
]


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
def test_an_invalid_parameter_is_rejected(
    client: FunctionClient, stage: Stage, form: dict[str, Any], name: str, condition: str
) -> None:
    """The response names the invalid parameter, and nothing changes."""
    conference = stage.conference()
    participant = stage.participant(conference)
    before = stage.partition(conference)
    answer = update(client, conference, participant, {"Muted": "true", **form})
    assert_refused(client, answer, condition, name=name)
    assert stage.partition(conference) == before


@pytest.mark.parametrize("name", ["BeepOnExit", "EndConferenceOnExit"])
def test_signalwire_ignores_unknown_parameters(client: FunctionClient, stage: Stage, name: str) -> None:
    """SignalWire ignores parameters that its dialect lacks; Twilio rejects invalid values of them."""
    conference = stage.conference()
    participant = stage.participant(conference)
    answer = update(client, conference, participant, {name: "perhaps"})
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name=name)
    else:
        assert_answer(answer, 200, shown(client, participant))


# --- Presence ---

ANY = [None, {"Muted": "true"}, {"AnnounceUrl": URL}]


@pytest.mark.parametrize("form", ANY)
@pytest.mark.parametrize("status", ["queued", "connected", "complete"])
def test_participants_of_a_completed_conference_are_rejected(
    client: FunctionClient, stage: Stage, form: Form, status: str
) -> None:
    """Once the conference has ended, Twilio answers 404 and SignalWire 400."""
    conference = stage.conference("completed")
    participant = stage.participant(conference, status=status)
    before = stage.partition(conference)
    path = participant_path(client, conference, participant)
    assert_refused(client, client.post(*path, form=form), "has left", uri=client.path(*path))
    assert stage.partition(conference) == before


def test_signalwire_checks_parameters_before_the_state(client: FunctionClient, stage: Stage) -> None:
    """In a completed conference Twilio answers 404 to an invalid parameter; SignalWire names it."""
    conference = stage.conference("completed")
    path = participant_path(client, conference, stage.participant(conference))
    answer = client.post(*path, form={"Hold": "perhaps"})
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "not found", uri=client.path(*path))
    else:
        assert_refused(client, answer, "value outside the enum", name="Hold")


@pytest.mark.parametrize("form", [*ANY, {"Hold": "perhaps"}])
@pytest.mark.parametrize("conference_status", ["in-progress", "completed"])
def test_existence_is_checked_before_parameters(
    client: FunctionClient, stage: Stage, form: Form, conference_status: str
) -> None:
    """A participant who was never in the conference, or has left it, answers 404 with any parameters."""
    conference, other = stage.conference(conference_status), stage.conference(name="Other")
    paths = [
        participant_path(client, conference, client.sid(ResourceType.CALL, stage.call().id)),
        participant_path(client, conference, stage.participant(other)),
        participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32), stage.participant(other)),
        participant_path(client, conference, "unknown"),
    ]
    if conference_status == "in-progress":
        paths.append(participant_path(client, conference, stage.participant(conference, status="complete")))
        paths.append(participant_path(client, conference, stage.participant(conference, status="failed")))
    for path in paths:
        assert_refused(client, client.post(*path, form=form), "not found", uri=unquote(client.path(*path)))


@pytest.mark.parametrize("label", ["customer", "Café 50%"])
def test_twilio_accepts_a_label(client: FunctionClient, stage: Stage, label: str) -> None:
    """Twilio accepts a label in place of the call's sid; SignalWire does not."""
    conference = stage.conference()
    participant = stage.participant(conference, label=label)
    now = stage.clock.step(1)
    path = participant_path(client, conference, quote(label))
    answer = client.post(*path, form={"Muted": "true"})
    if client.dialect.name == "twilio":
        assert_answer(answer, 200, shown(client, participant, muted=True, updated=now))
    else:
        assert_refused(client, answer, "not found", uri=unquote(client.path(*path)))


# --- Concurrent changes ---


@pytest.mark.parametrize("change", ["joined", "muted", "left", "ended", "coached left"])
def test_concurrent_changes_are_respected(client: FunctionClient, stage: Stage, wire: Wire, change: str) -> None:
    """A change between reading and writing is read again: it is not overwritten or ignored (C-67)."""
    service, account = stage.services, stage.account
    conference = open_conference(service, account, "Races")
    calls = [service.calls.register(account, to="+1", from_="+1", direction="inbound").id for _ in range(4)]
    for call in calls[:3]:
        join_conference(service, account, conference.id, call)
    acts: dict[str, Act] = {
        "joined": lambda: join_conference(service, account, conference.id, calls[3]),
        "muted": lambda: service.participants.update(account, conference.id, calls[0], UpdateParticipant(muted=True)),
        "left": lambda: service.participants.remove(account, conference.id, calls[0]),
        "ended": lambda: service.conferences.end(account, conference.id),
        "coached left": lambda: service.calls.end(account, calls[1]),
    }
    waiting = [acts[change]]

    def race(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "BatchGetItem" and waiting:
            waiting.pop()()

    path = participant_path(client, conference, client.sid(ResourceType.CALL, calls[0]))
    form = {"Hold": "true", "Coaching": "true", "CallSidToCoach": client.sid(ResourceType.CALL, calls[1])}
    with wire.watched_by(race):
        answer = client.post(*path, form=form)
    assert not waiting
    if change in {"joined", "muted"}:
        assert (answer.status, answer.body["hold"], answer.body["muted"]) == (200, True, change == "muted")
        return
    condition = {"left": "not found", "ended": "has left", "coached left": "coaching bad"}[change]
    assert_refused(client, answer, condition, uri=client.path(*path), name="CallSidToCoach")


def test_a_participant_muted_in_one_dialect_is_muted_in_the_other(
    client: FunctionClient, other: FunctionClient, stage: Stage
) -> None:
    """The other dialect shows the participant as muted."""
    conference = stage.conference()
    participant = stage.participant(conference)
    now = stage.clock.step(1)
    assert update(client, conference, participant, {"Muted": "true"}).status == 200
    muted = replace(participant, muted=True, updated=now)
    assert_answer(other.get(*participant_path(other, conference, participant)), 200, shown(other, muted))


@pytest.mark.parametrize("form", ["Muted=%zz", b"Muted=\xff"])
def test_a_malformed_body_is_rejected(client: FunctionClient, stage: Stage, form: Form) -> None:
    """A malformed body is rejected, and nothing changes."""
    conference = stage.conference()
    participant = stage.participant(conference)
    before = stage.partition(conference)
    assert_refused(client, update(client, conference, participant, form), "malformed body")
    assert_refused(client, update(client, conference, participant, "x=" + "y" * 65_535), "body too large")
    assert stage.partition(conference) == before
