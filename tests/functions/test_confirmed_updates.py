"""Updates of recordings that are answered only after the media engine has confirmed them, in both dialects."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.engine import EngineCapabilities, EnginePresence
from tapedeck.domain.engine_report import CaptureTransitionReport, RefusalReport
from tapedeck.domain.recording import ParentKind, Recording, RecordingStatus
from tapedeck.settings import Settings
from tests.client import Answer, FunctionClient
from tests.conftest import TestAccount
from tests.functions.admin import run
from tests.functions.confirming import ConfirmingEngine
from tests.functions.expected import refusal
from tests.functions.stage import Clock, Stage, Wire
from tests.reporter import ENGINE

if TYPE_CHECKING:
    from tapedeck.domain.call import Call
    from tapedeck.domain.conference import Conference

Install = Callable[[Environment], object]


@pytest.fixture
def engine(
    clock: Clock, client: FunctionClient, install_environment: Install, known: dict[str, Any]
) -> ConfirmingEngine:
    """A live engine that ignores all commands, in a deployment with the default: pauses wait."""
    del client  # its service is replaced
    made = ConfirmingEngine(clock)
    install_environment(
        replace(
            current_environment(), read_settings=Settings.read, make_confirmations=made.make,
            prebuilt={
                api_bootstrap.build_admin_services: current_environment().cached(api_bootstrap.build_admin_services)
            },
        )
    )  # fmt: skip
    authenticator = api_bootstrap.get_api_services().authenticator
    authenticator._remembered.update(known)
    return made


@pytest.fixture(params=["Calls", "Conferences"])
def recording(request: pytest.FixtureRequest, stage: Stage) -> Recording:
    """A recording in progress of a call or a conference, which the engine has begun: version 1."""
    parent: Call | Conference = stage.call() if request.param == "Calls" else stage.conference()
    return stage.recording(parent, engine=ENGINE, confirmed_version=1)


def update(client: FunctionClient, recording: Recording, status: str) -> Answer:
    """Set the status of a recording."""
    is_of_call = recording.parent.kind is ParentKind.CALL
    collection, kind = ("Calls", ResourceType.CALL) if is_of_call else ("Conferences", ResourceType.CONFERENCE)
    sids = client.sid(kind, recording.parent.id), client.sid(ResourceType.RECORDING, recording.id)
    return client.post(collection, sids[0], "Recordings", sids[1], form={"Status": status})


def confirm(stage: Stage, recording: Recording) -> Callable[[dict[str, Any]], object]:
    """Make the engine report that it has done what a command wants."""

    def react(command: dict[str, Any]) -> None:
        stage.engine.report(
            CaptureTransitionReport(recording.parent, recording.id, RecordingStatus(command["wanted"]["status"])),
            command["version"],
        )

    return react


def outcome(answer: Answer) -> tuple[int, Any]:
    """The status of the answer, and the status of the recording or the error's code."""
    return answer.status, answer.body.get("code", answer.body["status"])


def not_confirmed(client: FunctionClient, answer: Answer) -> bool:
    """Whether an answer is the dialect's for an update that is not confirmed, and may be repeated after a second."""
    expected = refusal(client.dialect.name, "not confirmed")
    return (answer.status, answer.body, answer.headers["retry-after"]) == (*expected, "1")


def stored(stage: Stage, recording: Recording) -> tuple[Any, ...]:
    """Status, version and effective version in the table."""
    item = stage.item(items.recording_key(recording.parent, recording.id))
    return item["status"], item["version"], item.get("effective", 0)


def test_a_pause_is_answered_once_it_took_effect(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """The command is sent at once; the answer is the paused recording, and the pause is effective."""
    engine.on_command = confirm(stage, recording)
    assert outcome(update(client, recording, "paused")) == (200, "paused")
    (command,) = engine.commands
    kind = "call" if recording.parent.kind is ParentKind.CALL else "conference"
    assert command == {
        "protocol": 2,
        "id": f"{recording.parent.id}-{recording.id}-2-recording.pause",
        "type": "recording.pause",
        "account": recording.parent.account,
        "version": 2,
        "issued_at": engine.clock(),
        "not_after": engine.clock() + 120_000,
        "parent": {"type": kind, "id": recording.parent.id},
        "recording": recording.id,
        "wanted": {
            "status": "paused",
            "pause_behavior": "silence",
            "channels": 1,
            "track": "both",
        },
    }
    assert (stored(stage, recording), engine.time) == (("paused", 2, 2), 30)


def test_requests_of_a_confirmed_pause(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording, wire: Wire
) -> None:
    """One write, one message and, if the engine reports after 80 ms, three reads; no further read of credentials."""

    def report_late(command: dict[str, Any]) -> None:
        if engine.time >= 80:
            confirm(stage, recording)(command)
        else:
            engine.waiting.append(command)

    engine.on_command = report_late
    assert update(client, recording, "in-progress").status == 200  # the rule of the account is known from now on
    wire.all.clear()
    assert update(client, recording, "paused").status == 200
    writes = [request for request in wire.all if request[1].operation == "UpdateItem" and _has_status(request[1].body)]
    reads = [request for request in wire.all if "ProjectionExpression" in request[1].body]
    assert (len(writes), len(reads), len(engine.commands), engine.time) == (1, 3, 1, 80)
    assert wire.credentials == []


def _has_status(body: dict[str, Any]) -> bool:
    """Whether an update is that of the request, which names the statuses that it may change."""
    return "paused" in str(body["ExpressionAttributeValues"])


def test_a_silent_engine_is_answered_after_the_deadline(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """After 2.5 seconds the pause is not confirmed, and stays requested; a repetition writes nothing and waits anew."""
    assert not_confirmed(client, update(client, recording, "paused"))
    assert (stored(stage, recording), engine.time) == (("paused", 2, 0), 2500)
    assert not_confirmed(client, update(client, recording, "paused"))
    assert (stored(stage, recording), engine.time) == (("paused", 2, 0), 5000)
    assert [command["version"] for command in engine.commands] == [2, 2]
    confirm(stage, recording)(engine.commands[0])
    assert outcome(update(client, recording, "paused")) == (200, "paused")
    assert (len(engine.commands), engine.time) == (2, 5000)


def test_a_lost_engine_is_answered_at_once(
    client: FunctionClient,
    engine: ConfirmingEngine,
    stage: Stage,
    recording: Recording,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a live engine nothing is waited for, and the pause stays requested; neither code nor database failed."""
    engine.presences = [EnginePresence(ENGINE, "b" * 32, seen_at=engine.clock.seconds - 45)]
    assert not_confirmed(client, update(client, recording, "paused"))
    assert (stored(stage, recording), engine.time, engine.commands) == (("paused", 2, 0), 0, [])
    (line,) = (vars(record) for record in caplog.records if record.getMessage() == "request")
    assert {name for name in ("Busy", "EngineUnavailable", "Faults") if name in line} == {"EngineUnavailable"}


def test_a_refusal_is_answered_at_once(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """A pause that the engine refuses is not confirmed and stays requested; once the capture is gone, it is 400."""

    def refuse(code: str, *, is_final: bool) -> Callable[[dict[str, Any]], object]:
        report = RefusalReport(code, is_final, parent=recording.parent, recording=recording.id)
        return lambda command: stage.engine.report(report, command["version"])

    engine.on_command = refuse("busy", is_final=False)
    assert not_confirmed(client, update(client, recording, "paused"))
    assert (stored(stage, recording), engine.time) == (("paused", 2, 0), 30)
    engine.on_command = refuse("gone", is_final=True)
    assert outcome(update(client, recording, "paused")) == (400, 21220)
    assert stored(stage, recording)[0] == "stopped"


def test_a_resume_before_the_pause_took_effect(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """The pause is not confirmed if another request resumed the recording first; the recording goes on."""
    engine.on_command = lambda _command: update(client, recording, "in-progress")
    assert not_confirmed(client, update(client, recording, "paused"))
    assert stored(stage, recording) == ("in-progress", 3, 0)


def test_a_resume_after_the_pause_took_effect(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """The pause is not confirmed either if it took effect, but another request has resumed the recording since."""

    def pause_and_resume(command: dict[str, Any]) -> None:
        confirm(stage, recording)(command)
        update(client, recording, "in-progress")

    engine.on_command = pause_and_resume
    assert not_confirmed(client, update(client, recording, "paused"))
    assert stored(stage, recording) == ("in-progress", 3, 2)


def test_the_end_of_the_capture(client: FunctionClient, engine: ConfirmingEngine, recording: Recording) -> None:
    """A recording that is stopped before the pause took effect is not eligible any more."""
    engine.on_command = lambda _command: update(client, recording, "stopped")
    assert outcome(update(client, recording, "paused")) == (400, 21220)


def test_a_command_that_cannot_be_sent_at_once(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """The request waits for the copy that the stream sends; the failure is counted."""
    engine.drops_commands = True
    assert not_confirmed(client, update(client, recording, "paused"))
    assert (engine.unsent, engine.commands) == ([2], [])
    assert stored(stage, recording) == ("paused", 2, 0)


def test_an_engine_that_cannot_pause(
    client: FunctionClient, engine: ConfirmingEngine, stage: Stage, recording: Recording
) -> None:
    """The pause is refused before anything is written."""
    (alive,) = engine.presences
    engine.presences = [replace(alive, capabilities=EngineCapabilities(pause=False))]
    assert outcome(update(client, recording, "paused")) == (400, 21220)
    assert stored(stage, recording) == ("in-progress", 1, 0)


def test_a_pause_that_does_not_wait_looks_nothing_up(
    client: FunctionClient, engine: ConfirmingEngine, account: TestAccount, stage: Stage, recording: Recording
) -> None:
    """It is stored and answered with 200 also if the engine cannot pause."""
    run("set_confirm", account_sid=f"AC{account.id}", confirm="none")
    api_bootstrap.get_api_services().authenticator._remembered_rules.clear()
    (alive,) = engine.presences
    engine.presences = [replace(alive, capabilities=EngineCapabilities(pause=False))]
    assert outcome(update(client, recording, "paused")) == (200, "paused")
    assert stored(stage, recording) == ("paused", 2, 0)


@pytest.mark.parametrize(
    ("rule", "waits"), [("none", []), ("pause", ["paused"]), ("pause+stop", ["paused", "stopped"])]
)
def test_which_updates_wait(
    client: FunctionClient,
    engine: ConfirmingEngine,
    account: TestAccount,
    recording: Recording,
    rule: str,
    waits: list[str],
) -> None:
    """Pauses and stops wait as the account's own rule says; a resume never waits."""
    run("set_confirm", account_sid=f"AC{account.id}", confirm=rule)
    api_bootstrap.get_api_services().authenticator._remembered_rules.clear()
    waited = []
    for status in ("paused", "in-progress", "stopped"):
        before = engine.time
        answer = update(client, recording, status)
        if engine.time > before:
            waited.append(status)
            assert not_confirmed(client, answer)
        else:
            assert outcome(answer)[0] == 200
    assert waited == waits


def test_a_stop_is_answered_once_it_is_confirmed(
    client: FunctionClient, engine: ConfirmingEngine, account: TestAccount, stage: Stage, recording: Recording
) -> None:
    """With `pause+stop`, a stop waits for the engine; a repetition of a confirmed one does not."""
    run("set_confirm", account_sid=f"AC{account.id}", confirm="pause+stop")
    api_bootstrap.get_api_services().authenticator._remembered_rules.clear()
    engine.on_command = confirm(stage, recording)
    assert outcome(update(client, recording, "stopped"))[0] == 200
    assert (engine.time, len(engine.commands)) == (30, 1)
    assert outcome(update(client, recording, "stopped"))[0] == 200
    assert (engine.time, len(engine.commands)) == (30, 1)


def test_the_end_of_the_capture_answers_a_stop_that_waits(
    client: FunctionClient, engine: ConfirmingEngine, account: TestAccount, stage: Stage, recording: Recording
) -> None:
    """The engine's own report that the capture has ended, which has no version, ends the wait."""
    run("set_confirm", account_sid=f"AC{account.id}", confirm="pause+stop")
    api_bootstrap.get_api_services().authenticator._remembered_rules.clear()
    stops = CaptureTransitionReport(recording.parent, recording.id, RecordingStatus.STOPPED)
    engine.on_command = lambda _command: stage.engine.report(stops)
    assert outcome(update(client, recording, "stopped"))[0] == 200
    assert (engine.time, len(engine.commands)) == (30, 1)
