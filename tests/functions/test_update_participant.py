"""P4: mute, hold, place and coach a participant, or have something played to it (behaviour.md, section 6)."""

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

Act = Callable[[], object]
URL = "https://user:pass@app.example.com/play.xml?a=1#frag"


def test_muting_a_participant_answers_the_muted_participant(api: Api, example: Stage, clock: Clock) -> None:
    """Muting a connected participant answers 200 with the participant, muted at that second."""
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


def update(client: FunctionClient, room: Conference, participant: Participant | str, form: Form = None) -> Answer:
    """P4."""
    return client.post(*participant_path(client, room, participant), form=form)


def held(stage: Stage, room: Conference, participant: Participant | None = None) -> dict[str, Any]:
    """The item of a participant, or of its conference."""
    if participant is None:
        return stage.item(items.conference_key(room.account, room.id))
    return stage.item(items.participant_key(room.account, room.id, participant.call))


FLAGS = [("Muted", "muted"), ("Hold", "hold"), ("EndConferenceOnExit", "end_conference_on_exit")]


@pytest.mark.parametrize(("name", "field"), FLAGS)
@pytest.mark.parametrize(("before", "after"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("status", ["queued", "connected"])
def test_sets_flags(
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
    """A flag becomes what is asked, at that second; asked for as it is, nothing changes. S cannot change the last."""
    client.gateway = gateway
    room = stage.conference()
    participant = stage.participant(room, status=status, **{field: before})  # type: ignore[arg-type]
    left = stage.partition(room)
    now = stage.clock.step(4)
    answer = update(client, room, participant, {name: str(after).upper()})
    if before is after or (client.dialect.name == "signalwire" and name == "EndConferenceOnExit"):
        assert_answer(answer, 200, shown(client, participant))
        assert stage.partition(room) == left
        return
    changed = shown(client, participant, updated=now, **{field: after})
    assert_answer(answer, 200, changed)
    assert_answer(client.get(*participant_path(client, room, participant)), 200, changed)
    # One event, numbered on the conference and on the participant, of who is connected only (rule R4).
    told = room.sequence + (status == "connected")
    assert (held(stage, room)["version"], held(stage, room)["sequence"]) == (room.version + 1, told)
    own = held(stage, room, participant)
    assert (own["version"], own["sequence"]) == (participant.version + 1, told if status == "connected" else 0)


def test_numbers_each_event(client: FunctionClient, stage: Stage) -> None:
    """Muting, holding and the rest are an event each: a change of all three takes three numbers."""
    room = stage.conference(sequence=5)
    coached = stage.participant(room)
    participant = stage.participant(room)
    sid = client.sid(ResourceType.CALL, coached.call)
    form = {"Muted": "true", "Hold": "true", "Coaching": "true", "CallSidToCoach": sid}
    assert update(client, room, participant, form).status == 200
    assert held(stage, room)["sequence"] == held(stage, room, participant)["sequence"] == 8


@pytest.mark.parametrize("form", [None, {}, {"Muted": ""}, {"Other": "x"}, {"HoldMethod": "POST"}, {"HoldUrl": URL}])
def test_changes_nothing_without_parameters(client: FunctionClient, stage: Stage, form: Form) -> None:
    """Without parameters, or with such as mean nothing by themselves, it is answered as it is."""
    room = stage.conference()
    participant = stage.participant(room)
    before = stage.partition(room)
    stage.clock.step(9)
    assert_answer(update(client, room, participant, form), 200, shown(client, participant))
    assert stage.partition(room) == before


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
def test_leaves_commands(
    client: FunctionClient, stage: Stage, form: dict[str, str], kept: dict[str, tuple[str]]
) -> None:
    """What is to be played is left to the media engine with a new version; nothing of it shows."""
    room = stage.conference()
    participant = stage.participant(room)
    stage.clock.step(9)
    for turn in (1, 2):
        assert_answer(update(client, room, participant, form), 200, shown(client, participant))
        item = held(stage, room, participant)
        found = {name: item[name] for name in ("announcement", "hold_music", "wait_music") if name in item}
        assert found == {name: {"url": URL, "method": method} for name, (method,) in kept.items()}
        # The same announcement asked for again is another one.
        assert item["version"] == participant.version + (turn if kept else 0)
    assert held(stage, room)["sequence"] == room.sequence


@pytest.mark.parametrize(("form", "method"), [({}, "GET"), ({"HoldMethod": "POST"}, "POST")])
@pytest.mark.parametrize("hold", [True, False])
def test_holds_with_music(
    client: FunctionClient, stage: Stage, form: dict[str, str], method: str, *, hold: bool
) -> None:
    """`HoldUrl` with `Hold=true` is kept, for one who is on hold already as well."""
    room = stage.conference()
    participant = stage.participant(room, hold=hold)
    now = stage.clock.step(3)
    answer = update(client, room, participant, {"Hold": "true", "HoldUrl": URL, **form})
    assert_answer(answer, 200, shown(client, participant, hold=True, updated=None if hold else now))
    assert held(stage, room, participant)["hold_music"] == {"url": URL, "method": method}


def test_keeps_a_beep_in_t(client: FunctionClient, stage: Stage) -> None:
    """`BeepOnExit` is kept by T and shown by nobody; asked for as it is, it is not written again."""
    room = stage.conference()
    participant = stage.participant(room)
    for value, version in (("true", 2), ("true", 2), ("false", 3)):
        answer = update(client, room, participant, {"BeepOnExit": value})
        assert_answer(answer, 200, shown(client, participant))
        item = held(stage, room, participant)
        if client.dialect.name == "twilio":
            assert (item["beep_on_exit"], item["version"]) == (value == "true", version)
        else:
            assert ("beep_on_exit" in item, item["version"]) == (False, 1)


# Coaching.


@pytest.mark.parametrize("status", ["queued", "connected"])
def test_coaches(client: FunctionClient, stage: Stage, status: str) -> None:
    """`Coaching=true` with the call of another participant; `Coaching=false` forgets whom."""
    room = stage.conference()
    coached, participant = stage.participant(room, status=status), stage.participant(room)
    sid = client.sid(ResourceType.CALL, coached.call)
    now = stage.clock.step(1)
    answer = update(client, room, participant, {"Coaching": "true", "CallSidToCoach": sid})
    assert_answer(answer, 200, shown(client, participant, coaching=True, call_to_coach=coached.call, updated=now))
    now = stage.clock.step(1)
    answer = update(client, room, participant, {"Coaching": "false"})
    assert_answer(answer, 200, shown(client, participant, updated=now))


@pytest.mark.parametrize("coaches", [True, False])
def test_implies_coaching_in_t(client: FunctionClient, stage: Stage, *, coaches: bool) -> None:
    """`CallSidToCoach` alone implies coaching in T; in S it changes whom one coaches who coaches already."""
    room = stage.conference()
    coached = stage.participant(room)
    before = {"coaching": True, "call_to_coach": "a" * 32} if coaches else {}
    participant = stage.participant(room, **before)  # type: ignore[arg-type]
    now = stage.clock.step(1)
    answer = update(client, room, participant, {"CallSidToCoach": client.sid(ResourceType.CALL, coached.call)})
    if client.dialect.name == "signalwire" and not coaches:
        assert_answer(answer, 200, shown(client, participant))
    else:
        after: dict[str, Any] = {"coaching": True, "call_to_coach": coached.call}
        assert_answer(answer, 200, shown(client, participant, updated=now, **after))


@pytest.mark.parametrize("who", ["nobody", "elsewhere", "has left", "itself", "nonsense", "", "foreign spelling"])
@pytest.mark.parametrize("coaching", [{"Coaching": "true"}, {}])
def test_coaches_participants_only(
    client: FunctionClient, other: FunctionClient, stage: Stage, who: str, coaching: dict[str, str]
) -> None:
    """Whoever is to be coached must be another participant of this conference, and be in it: 16002."""
    room = stage.conference()
    participant = stage.participant(room)
    calls = {
        "nobody": "0" * 32,
        "elsewhere": stage.participant(stage.conference(name="Other")).call,
        "has left": stage.participant(room, status="complete").call,
        "itself": participant.call,
        "foreign spelling": stage.participant(room).call,
    }
    spelling = other if who == "foreign spelling" else client
    sid = spelling.sid(ResourceType.CALL, calls[who]) if who in calls else who
    before = stage.partition(room)
    answer = update(client, room, participant, {**coaching, "CallSidToCoach": sid, "Muted": "true"})
    if not sid and not coaching:
        assert answer.status == 200
        return
    assert_refused(client, answer, "coaching bad", name="CallSidToCoach")
    assert stage.partition(room) == before


# Parameters.


@pytest.mark.parametrize("value", ["yes", "1", " true", "truth", "0"])
def test_reads_any_other_muted_as_false_in_t(client: FunctionClient, stage: Stage, value: str) -> None:
    """T takes any other `Muted` for false; S refuses it (operations.md, section 1)."""
    room = stage.conference()
    participant = stage.participant(room, muted=True)
    now = stage.clock.step(1)
    answer = update(client, room, participant, {"Muted": value})
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
    ({"HoldMethod": "get"}, "HoldMethod", "no HTTP method"),
    ({"AnnounceMethod": "PUT"}, "AnnounceMethod", "no HTTP method"),
    ({"WaitMethod": "DELETE"}, "WaitMethod", "no HTTP method"),
]


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
def test_refuses_wrong_parameters(
    client: FunctionClient, stage: Stage, form: dict[str, Any], name: str, condition: str
) -> None:
    """A wrong parameter is named in the dialect's words, and nothing of the request is done."""
    room = stage.conference()
    participant = stage.participant(room)
    before = stage.partition(room)
    answer = update(client, room, participant, {"Muted": "true", **form})
    assert_refused(client, answer, condition, name=name)
    assert stage.partition(room) == before


@pytest.mark.parametrize("name", ["BeepOnExit", "EndConferenceOnExit"])
def test_reads_some_parameters_in_t_only(client: FunctionClient, stage: Stage, name: str) -> None:
    """What S does not know it ignores, whatever it is."""
    room = stage.conference()
    participant = stage.participant(room)
    answer = update(client, room, participant, {name: "perhaps"})
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name=name)
    else:
        assert_answer(answer, 200, shown(client, participant))


# Presence.

ANY = [None, {"Muted": "true"}, {"AnnounceUrl": URL}]


@pytest.mark.parametrize("form", ANY)
@pytest.mark.parametrize("status", ["queued", "connected", "complete"])
def test_refuses_those_of_a_completed_conference(client: FunctionClient, stage: Stage, form: Form, status: str) -> None:
    """Once the conference has ended T knows them no longer, and to S their state forbids it (section 3)."""
    room = stage.conference("completed")
    participant = stage.participant(room, status=status)
    before = stage.partition(room)
    path = participant_path(client, room, participant)
    assert_refused(client, client.post(*path, form=form), "has left", uri=client.path(*path))
    assert stage.partition(room) == before


def test_judges_parameters_before_the_state(client: FunctionClient, stage: Stage) -> None:
    """A wrong parameter for somebody whose conference has ended: T does not know it, S names the parameter."""
    room = stage.conference("completed")
    path = participant_path(client, room, stage.participant(room))
    answer = client.post(*path, form={"Hold": "perhaps"})
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "not found", uri=client.path(*path))
    else:
        assert_refused(client, answer, "value outside the enum", name="Hold")


@pytest.mark.parametrize("form", [*ANY, {"Hold": "perhaps"}])
@pytest.mark.parametrize("of_room", ["in-progress", "completed"])
def test_checks_existence_first(client: FunctionClient, stage: Stage, form: Form, of_room: str) -> None:
    """Whoever never was in the conference, or has left it, is not found, whatever the parameters."""
    room, other = stage.conference(of_room), stage.conference(name="Other")
    paths = [
        participant_path(client, room, client.sid(ResourceType.CALL, stage.call().id)),
        participant_path(client, room, stage.participant(other)),
        participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32), stage.participant(other)),
        participant_path(client, room, "nobody"),
    ]
    if of_room == "in-progress":
        paths.append(participant_path(client, room, stage.participant(room, status="complete")))
        paths.append(participant_path(client, room, stage.participant(room, status="failed")))
    for path in paths:
        assert_refused(client, client.post(*path, form=form), "not found", uri=unquote(client.path(*path)))


@pytest.mark.parametrize("label", ["customer", "Café 50%"])
def test_takes_a_label_in_t(client: FunctionClient, stage: Stage, label: str) -> None:
    """T takes a label for the call's sid, S does not."""
    room = stage.conference()
    participant = stage.participant(room, label=label)
    now = stage.clock.step(1)
    path = participant_path(client, room, quote(label))
    answer = client.post(*path, form={"Muted": "true"})
    if client.dialect.name == "twilio":
        assert_answer(answer, 200, shown(client, participant, muted=True, updated=now))
    else:
        assert_refused(client, answer, "not found", uri=unquote(client.path(*path)))


# Races.


@pytest.mark.parametrize("change", ["joined", "muted", "left", "ended", "coached left"])
def test_sees_what_changes_meanwhile(client: FunctionClient, stage: Stage, wire: Wire, change: str) -> None:
    """What changes between reading and writing is read again: nothing is written over, nobody is found who left."""
    service, account = stage.services, stage.account
    room = service.conferences.register(account, "Races")
    calls = [service.calls.register(account, to="+1", from_="+1", direction="inbound").id for _ in range(4)]
    for call in calls[:3]:
        service.conferences.join(account, room.id, call)
    acts: dict[str, Act] = {
        "joined": lambda: service.conferences.join(account, room.id, calls[3]),
        "muted": lambda: service.participants.update(account, room.id, calls[0], UpdateParticipant(muted=True)),
        "left": lambda: service.participants.remove(account, room.id, calls[0]),
        "ended": lambda: service.conferences.end(account, room.id),
        "coached left": lambda: service.calls.end(account, calls[1]),
    }
    waiting = [acts[change]]

    def race(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "BatchGetItem" and waiting:
            waiting.pop()()

    path = participant_path(client, room, client.sid(ResourceType.CALL, calls[0]))
    form = {"Hold": "true", "Coaching": "true", "CallSidToCoach": client.sid(ResourceType.CALL, calls[1])}
    with wire.watched_by(race):
        answer = client.post(*path, form=form)
    assert not waiting
    if change in {"joined", "muted"}:
        assert (answer.status, answer.body["hold"], answer.body["muted"]) == (200, True, change == "muted")
        return
    condition = {"left": "not found", "ended": "has left", "coached left": "coaching bad"}[change]
    assert_refused(client, answer, condition, uri=client.path(*path), name="CallSidToCoach")


def test_works_across_dialects(client: FunctionClient, other: FunctionClient, stage: Stage) -> None:
    """What one dialect mutes the other shows muted."""
    room = stage.conference()
    participant = stage.participant(room)
    now = stage.clock.step(1)
    assert update(client, room, participant, {"Muted": "true"}).status == 200
    muted = replace(participant, muted=True, updated=now)
    assert_answer(other.get(*participant_path(other, room, participant)), 200, shown(other, muted))


@pytest.mark.parametrize("form", ["Muted=%zz", b"Muted=\xff"])
def test_refuses_malformed_bodies(client: FunctionClient, stage: Stage, form: Form) -> None:
    """A broken body is refused, and changes nothing."""
    room = stage.conference()
    participant = stage.participant(room)
    before = stage.partition(room)
    assert_refused(client, update(client, room, participant, form), "malformed body")
    assert_refused(client, update(client, room, participant, "x=" + "y" * 65_535), "body too large")
    assert stage.partition(room) == before
