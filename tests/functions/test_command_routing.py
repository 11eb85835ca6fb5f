"""Commands go to the engine that has their resource; what has no engine gets one, or is not sent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.background.command_sender import CommandSender
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.engine import EngineCapabilities, MediaEngine
from tapedeck.domain.engine_command import Command, CommandKind
from tapedeck.domain.errors import NoEngineAvailable
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.engines import RegisteredEngine
from tests.functions.background_world import World
from tests.functions.stage import conference_path

URL: Final = {"url": "https://a.example/x", "method": "POST"}
BOOT: Final = "0" * 32


@pytest.fixture(autouse=True)
def without_a_default_engine(world: World, install_environment: Callable[[Environment], object]) -> None:
    """As in a deployment, no engine is known for a resource without one."""
    install_environment(replace(current_environment(), default_engine=None))
    del world


def register(
    world: World, name: str, *, seen_at: int | None = None, max_calls: int | None = None, **capabilities: bool
) -> None:
    """Register an engine that can dial, and let it open a session now, or when it was last seen."""
    credentials = DynamoDBTable(world.memory, world.settings.credentials_table, world.sleep)
    EngineRegistryTable(credentials).put_engine(RegisteredEngine(MediaEngine(name), ("0" * 64,), world.clock.seconds))
    presences = PresenceTable(DynamoDBTable(world.memory, world.table, world.sleep))
    seen = world.clock.seconds if seen_at is None else seen_at
    presences.open_session(name, BOOT, None, seen, EngineCapabilities(place=True, **capabilities), max_calls)  # type: ignore[arg-type]


def publish(world: World) -> list[tuple[str, str]]:
    """Publish all changes; return the engine and the type of each command."""
    assert world.publish() == []
    return [(sent.engine, sent.body["type"]) for sent in world.commands.drain()]


def of_engine(world: World, resource: Any, engine: str) -> Any:
    """Assign a call or conference to an engine, as the engine's report of it does."""
    after = replace(resource, engine=engine)
    kind = "CALL" if hasattr(resource, "to") else "CONF"
    world.memory.update_item(
        TableName=world.table,
        Key={"PK": {"S": f"{resource.account}#{kind}#{resource.id}"}, "SK": {"S": kind}},
        UpdateExpression="SET engine = :engine",
        ExpressionAttributeValues={":engine": {"S": engine}},
    )
    world.discard()
    return after


def test_a_command_goes_to_the_engine_of_its_resource(world: World) -> None:
    """Each kind of command goes to the engine that has the call or conference, never to another one."""
    services, account = world.services, world.account.account
    call = of_engine(world, world.stage.call(), "ast1")
    conference = of_engine(world, world.stage.conference(), "ast2")
    recording, _ = services.recordings.create(Parent(account, ParentKind.CALL, call.id), StartRecording())
    assert publish(world) == [("ast1", "recording.start")]
    services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED, "skip")
    services.calls.update(account, call.id, UpdateCall(redirect=URL))
    assert sorted(publish(world)) == [("ast1", "call.redirect"), ("ast1", "recording.pause")]
    participant = world.stage.participant(conference)
    world.discard()
    services.participants.update(account, conference.id, participant.call, UpdateParticipant(muted=True))
    dialed = services.participants.add(account, conference.id, AddParticipant("+12025550101", "+12025550102"))
    assert sorted(publish(world)) == [("ast2", "participant.add"), ("ast2", "participant.update")]
    services.conferences.end(account, conference.id)
    assert services.calls.get(account, dialed.call).engine == "ast2"
    assert sorted(set(publish(world)) | set(publish(world))) == [("ast2", "call.hang_up"), ("ast2", "conference.end")]


def test_a_recording_keeps_its_own_engine(world: World) -> None:
    """A recording that has an engine needs no read of its call."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    world.stage.write(recording, engine="ast3")
    world.discard()
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    with world.recorded_requests() as requests:
        assert publish(world) == [("ast3", "recording.pause")]
    # Whether the pause is confirmed already, and the check whether it is later.
    assert requests == ["GetItem", "UpdateItem"]


def test_a_dialed_call_belongs_to_the_engine_of_its_conference(world: World) -> None:
    """Also a call that was stored without an engine."""
    conference = of_engine(world, world.stage.conference(), "ast2")
    call = world.stage.call(conference=conference.id)
    world.discard()
    world.services.calls.update(call.account, call.id, UpdateCall(redirect=URL))
    assert publish(world)[0] == ("ast2", "call.redirect")


def test_a_command_without_an_engine_is_not_sent(world: World) -> None:
    """It is logged with the id of its resource and counted; the callbacks and domain events are not held up."""
    call = world.stage.call()
    world.discard()
    world.services.calls.update(call.account, call.id, UpdateCall(redirect=URL))
    assert publish(world) == []
    assert [event.kind for event in world.bus.sent] == ["call.changed"]
    assert world.log.drain() == [
        {
            "operation": "send_command", "outcome": "unroutable",
            "counted": {"CommandsUnroutable": 1},
        },
        {"operation": "publish_changes", "outcome": "done"},
    ]  # fmt: skip
    # Once its engine is known, the reconciler sends it.
    of_engine(world, call, "ast1")
    world.clock.step(30)
    assert world.reconcile() == {"resent": 1}
    assert [(sent.engine, sent.body["type"]) for sent in world.commands.drain()] == [("ast1", "call.redirect")]


def test_a_command_to_a_deleted_engine_is_not_sent(world: World) -> None:
    """Its queue does not exist: the command is counted, and the commands of other engines are sent."""
    world.commands.deleted.add("ast9")
    lost, found = of_engine(world, world.stage.call(), "ast9"), of_engine(world, world.stage.call(), "ast1")
    for call in (lost, found):
        world.services.calls.update(call.account, call.id, UpdateCall(redirect=URL))
    assert publish(world) == [("ast1", "call.redirect")]
    assert [line["outcome"] for line in world.log.drain() if line["operation"] == "send_command"] == ["unroutable"]


def test_commands_of_one_engine_are_sent_together(world: World) -> None:
    """The commands are grouped by engine; each group is sent in one call."""
    commands = [
        Command(CommandKind.HANG_UP_CALL, Parent("a" * 32, ParentKind.CALL, f"{number:032x}"), f"{number:032x}", 1,
                engine=f"ast{number % 2}")
        for number in range(6)
    ]  # fmt: skip
    calls: list[tuple[str, int]] = []

    class Queues:
        def send(self, engine: str, messages: Any) -> bool:
            calls.append((engine, len(messages)))
            return True

    store: Any = None  # nothing is read
    CommandSender(store, Queues(), world.clock, lambda _: None).send(commands)
    assert calls == [("ast0", 3), ("ast1", 3)]


# Dialing.


def dial(world: World, name: str = "New", **options: str) -> Any:
    """Dial a participant into a conference of this name; return the response."""
    form = {"From": "client:a", "To": "client:b", **options}
    return world.client("twilio").post("Conferences", name, "Participants", form=form)


def test_dialing_without_an_engine_creates_nothing(world: World) -> None:
    """The answer is 503 with 20503, and may be repeated; neither a call nor a conference is created."""
    register(world, "ast1", seen_at=world.clock.seconds - 45)
    answer = dial(world)
    assert (answer.status, answer.body["code"], answer.headers["retry-after"]) == (503, 20503, "1")
    conference = world.stage.conference()
    world.discard()
    path = (*conference_path(world.client("twilio"), conference), "Participants")
    refused = world.client("twilio").post(*path, form={"From": "client:a", "To": "client:b"})
    assert (refused.status, refused.body["code"]) == (503, 20503)
    assert world.changes() == []


def test_a_conference_to_be_recorded_needs_an_engine_that_can(world: World) -> None:
    """If no engine can record conferences the answer is 400 with 21220, and nothing is written; else one is chosen."""
    register(world, "ast1", conference_recording=False)
    world.discard()
    refused = dial(world, ConferenceRecord="true")
    assert (refused.status, refused.body["code"]) == (400, 21220)
    assert world.changes() == []
    assert dial(world, "Not recorded").status == 201
    register(world, "ast2", max_calls=1)
    assert dial(world, ConferenceRecord="true").status == 201
    assert publish(world) == [("ast1", "participant.add"), ("ast2", "participant.add")]


def test_a_conference_that_exists_is_not_recorded_for_a_participant(world: World) -> None:
    """Dialing into a live conference of an engine that cannot record it goes on: the parameter has no effect then."""
    register(world, "ast1", conference_recording=False)
    assert [dial(world, **form).status for form in ({}, {"ConferenceRecord": "true"})] == [201, 201]


def test_a_new_conference_gets_the_engine_with_most_room(world: World) -> None:
    """The conference, its call and the command belong to that engine, also when more are dialed."""
    register(world, "ast1", max_calls=5)
    register(world, "ast2", max_calls=50)
    answer = dial(world)
    assert answer.status == 201
    assert publish(world) == [("ast2", "participant.add")]
    account = world.account.account
    client = world.client("twilio")
    call = world.services.calls.get(account, client.dialect.parse_sid(ResourceType.CALL, answer.body["call_sid"]) or "")
    conference = world.services.conferences.get(account, call.conference or "")
    assert (call.engine, conference.engine) == ("ast2", "ast2")
    register(world, "ast3")
    assert dial(world).status == 201
    assert publish(world) == [("ast2", "participant.add")]


def test_dialing_into_a_conference_of_an_engine_needs_no_choice(world: World) -> None:
    """The conference's engine dials, also if it is full and another one has room."""
    register(world, "ast1")
    register(world, "ast7", max_calls=0)
    conference = of_engine(world, world.stage.conference(), "ast7")
    path = (*conference_path(world.client("twilio"), conference), "Participants")
    assert world.client("twilio").post(*path, form={"From": "client:a", "To": "client:b"}).status == 201
    assert publish(world) == [("ast7", "participant.add")]


def test_the_choice_of_an_engine_costs_three_reads(world: World) -> None:
    """The presence of all engines, their names, and one read for each engine."""
    register(world, "ast1")
    with world.recorded_requests() as requests:
        assert dial(world).status == 201
    assert requests[-1] == "TransactWriteItems"
    assert sorted(requests[-4:-1]) == ["GetItem", "GetItem", "Query"]


def test_signalwire_would_answer_503(world: World) -> None:
    """SignalWire's dialect has no such operation; its form of the error is 503 with 20504."""
    answer = world.client("signalwire").dialect.error(NoEngineAvailable(), "/", "create_participant")
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "1")
    assert "20504" in str(answer.body)


@pytest.mark.parametrize("first_run", [59, 44, 30])
@pytest.mark.parametrize("died_after", [0, 10, 45])
def test_ten_pauses_and_six_hours_without_an_engine(world: World, died_after: int, first_run: int) -> None:
    """Ten unconfirmed pauses of an engine that is away lead to one message each, not to 360.

    Requests that wait for a confirmation send a copy each until the engine is lost: at most 20 messages in all.
    """
    recordings = []
    for _ in range(10):
        call = world.stage.call()
        recordings.append(world.stage.recording(call, confirmed_version=1))
        world.stage.write(recordings[-1], engine="ast1")
        of_engine(world, call, "ast1")
    register(world, "ast1", seen_at=world.clock.seconds + died_after - 45)
    for recording in recordings:
        world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED, "skip")
    assert world.publish() == []
    world.clock.step(first_run)
    for _ in range(6 * 60):
        world.reconcile()
        world.clock.step(60)
    sent = [(each.engine, each.body["type"], each.body["recording"]) for each in world.commands.drain()]
    assert sorted(sent) == sorted(("ast1", "recording.pause", each.id) for each in recordings)
