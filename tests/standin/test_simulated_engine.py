"""The simulated engine follows the rules of the engine protocol in any order of commands."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck_protocol.evidence import head_of
from tapedeck_standin.recordings.captures import Capture
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine
from tests.media import samples_of
from tests.standin.engine_doubles import (
    ACCOUNT,
    CALL,
    CONFERENCE,
    RECORDING,
    START,
    TapedeckDouble,
    command,
    dial_command,
    recording_command,
    run,
)
from tests.thoroughness import scaled

START_COMMAND = recording_command("start", 1, "in-progress")
PAUSE = recording_command("pause", 2, "paused", "silence")
SKIP = recording_command("pause", 2, "paused", "skip")
RESUME = recording_command("resume", 3, "in-progress")
STOP = recording_command("stop", 4, "stopped")
CHANGE = {"muted": True, "hold": False, "coaching": False, "call_to_coach": None, "end_conference_on_exit": False}


@pytest.fixture
def tapedeck() -> TapedeckDouble:
    """A double of Tapedeck."""
    return TapedeckDouble()


@pytest.fixture
def engine(tapedeck: TapedeckDouble) -> SimulatedEngine:
    """An engine with an open session."""
    engine = tapedeck.engine()
    run(engine)
    return engine


def participant_command(kind: str, version: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """A command for the participant of these tests."""
    return command(f"participant.{kind}", version, wanted, conference=CONFERENCE, call=CALL)


def test_opens_a_session_before_anything_else(tapedeck: TapedeckDouble) -> None:
    """The first request opens a session with an empty list; the numbers of events begin above the one in the answer."""
    engine = tapedeck.engine()
    tapedeck.send(START_COMMAND)
    run(engine)
    assert [route for route, _ in tapedeck.requests] == ["sessions", "events"]
    (session,) = tapedeck.bodies("sessions")
    assert {name: session[name] for name in ("protocol", "boot", "sent_at", "live", "more")} == {
        "protocol": 2, "boot": engine._boot, "sent_at": START, "live": [], "more": False,
    }  # fmt: skip
    (body,) = tapedeck.bodies("events")
    assert (body["protocol"], body["boot"], body["sent_at"]) == (2, engine._boot, START)
    assert body["events"][0]["seq"] == 1001


def test_carries_out_commands_in_order(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """Each command is answered with its version, and deleted."""
    for each in (START_COMMAND, PAUSE, RESUME, STOP):
        tapedeck.send(each)
        tapedeck.now += 1000
        run(engine)
    assert tapedeck.reported("version", "paused") == [
        ("recording.started", 1, False),
        ("recording.paused", 2, None),
        ("recording.resumed", 3, None),
        ("recording.stopped", 4, None),
    ]
    assert [event["seq"] for event in tapedeck.events] == [1001, 1002, 1003, 1004]
    assert len(tapedeck.deleted) == 4
    assert tapedeck.events[1] == {
        "id": tapedeck.events[1]["id"], "type": "recording.paused", "seq": 1002, "at": START + 2000,
        "account": ACCOUNT, "parent": {"type": "call", "id": CALL}, "recording": RECORDING, "version": 2,
        "pause_behavior": "silence", "legs": 1, "done_at": START + 2000, "offset": {"samples": 8000, "rate": 8000},
        "evidence": {"n": 2, "head": tapedeck.events[1]["evidence"]["head"]},
    }  # fmt: skip


def test_a_repetition_repeats_the_evidence(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A repeated answer has the end of the chain that its first one had, also after the media were uploaded."""
    for each in (PAUSE, STOP, STOP):
        tapedeck.send(each)
        run(engine)
        tapedeck.now += 1000
    assert engine.finish_due_media()
    tapedeck.send(STOP)
    run(engine)
    assert [(event["type"], event["evidence"]["n"]) for event in tapedeck.events] == [
        ("recording.started", 2), ("recording.stopped", 3), ("recording.stopped", 3), ("recording.completed", 4),
        ("recording.stopped", 4),
    ]  # fmt: skip
    entries = tapedeck.events[3]["evidence_entries"]
    assert [entry["type"] for entry in entries] == ["started", "paused", "stopped", "sealed"]
    assert head_of(RECORDING, entries) == tapedeck.events[4]["evidence"]["head"]


def test_pause_begins_a_recording_that_never_began(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """Its start says that it began paused; the overtaken start is answered with the present state and version."""
    tapedeck.send(PAUSE)
    run(engine)
    tapedeck.send(START_COMMAND)
    run(engine)
    assert tapedeck.reported("version", "paused") == [("recording.started", 2, True)] * 2
    assert engine.captures[RECORDING].status == "paused"


def test_overtaken_pause_is_not_answered_with_its_version(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A pause that arrives after its resume was carried out does not pause."""
    for each in (START_COMMAND, RESUME, PAUSE):
        tapedeck.send(each)
        run(engine)
    assert tapedeck.reported("version") == [
        ("recording.started", 1),
        ("recording.resumed", 3),
        ("recording.resumed", 3),
    ]


def test_repetition_is_answered_with_a_new_event(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """The answer has the same content and time, and another id and number."""
    for _ in range(2):
        tapedeck.send(PAUSE)
        run(engine)
        tapedeck.now += 5000
    first, second = tapedeck.events
    assert (first["id"] != second["id"], second["seq"] - first["seq"]) == (True, 1)
    assert {**first, "id": "", "seq": 0} == {**second, "id": "", "seq": 0}


def test_expired_start_begins_nothing(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """After `not_after` a start is refused; a later copy of it may begin the capture."""
    tapedeck.now = START + 10_001
    tapedeck.send({**START_COMMAND, "not_after": START + 10_000})
    run(engine)
    assert tapedeck.reported("code", "final", "command", "version", "recording") == [
        ("command.refused", "expired", False, START_COMMAND["id"], 1, RECORDING)
    ]
    assert engine.captures == {}
    tapedeck.send({**START_COMMAND, "not_after": tapedeck.now})
    run(engine)
    assert tapedeck.reported("version")[1:] == [("recording.started", 1)]


def test_stop_has_no_end_of_validity(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A pause or stop of a running capture is carried out, however late it arrives."""
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.now = START + 999_999
    tapedeck.send(SKIP)
    run(engine)
    assert engine.captures[RECORDING].status == "paused"


def test_recording_stopped_before_it_began(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """It is reported as stopped and then absent, and the start that arrives afterwards begins nothing."""
    tapedeck.send(STOP)
    run(engine)
    tapedeck.now += 1000
    assert engine.finish_due_media()
    tapedeck.send(START_COMMAND)
    run(engine)
    assert tapedeck.reported("version", "reason") == [
        ("recording.stopped", 4, "requested"),
        ("recording.absent", None, "too_short"),
        ("recording.stopped", 4, "requested"),
    ]
    assert engine.captures == {}


def test_uploads_the_capture(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """One second after the stop the file is uploaded; the report names its ticket, size, length and hash."""
    for each, seconds in ((START_COMMAND, 3), (PAUSE, 2), (RESUME, 1), (STOP, 0)):
        tapedeck.send(each)
        run(engine)
        assert not engine.finish_due_media()
        tapedeck.now += seconds * 1000
    tapedeck.now += 999
    assert not engine.finish_due_media()
    tapedeck.now += 1
    uploads = [[each.recording for each in engine.uploads(account)] for account in (None, ACCOUNT, "b" * 32)]
    assert uploads == [[RECORDING], [RECORDING], []]
    assert engine.finish_due_media()
    run(engine)
    (file,) = tapedeck.files
    (samples,) = samples_of(file)
    assert (len(samples), any(samples[:24_000]), any(samples[24_000:40_000])) == (48_000, True, False)
    (request,) = tapedeck.bodies("uploads")
    event = tapedeck.events[-1]
    assert request == {
        "account": ACCOUNT, "parent": {"type": "call", "id": CALL}, "recording": RECORDING, "bytes": len(file),
        "sha256": event["sha256"], "content_type": "audio/wav",
    }  # fmt: skip
    expected = {
        "type": "recording.completed",
        "ticket": "ticket-1",
        "bytes": len(file),
        "samples": 48_000,
        "rate": 8000,
    }
    assert {name: event[name] for name in expected} == expected
    assert (engine.captures, engine.uploads()) == ({}, [])


def test_upload_waits_until_the_stop_is_known(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """No upload is opened while the report of the stop was not answered."""
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.now += 2000
    tapedeck.send(STOP)
    tapedeck.statuses = [503]
    run(engine)
    tapedeck.now += 1000
    assert not engine.finish_due_media()
    assert tapedeck.bodies("uploads") == []
    run(engine)
    tapedeck.now += 1000
    assert engine.finish_due_media()
    assert len(tapedeck.files) == 1


def stop_after_two_seconds(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """Record two seconds and stop; the media are due a second later."""
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.now += 2000
    tapedeck.send(STOP)
    run(engine)


@pytest.mark.parametrize(
    ("answers", "statuses"),
    [
        ([(503, {"refused": "busy"}), (401, {"refused": "unauthorized"})], []),
        ([(429, {"refused": "busy"}), (404, {"refused": "unknown"})], []),
        ([], [409, 500]),
        ([], [403, 400]),
    ],
)
def test_upload_is_tried_again(
    tapedeck: TapedeckDouble, engine: SimulatedEngine, answers: list[Any], statuses: list[int]
) -> None:
    """A failed upload is repeated after a second; the capture is completed once."""
    tapedeck.upload_answers, tapedeck.upload_statuses = answers, statuses
    stop_after_two_seconds(tapedeck, engine)
    for is_done in (False, False, True):
        tapedeck.now += 1000
        assert engine.finish_due_media() == is_done
    run(engine)
    assert tapedeck.reported()[-2:] == [("recording.stopped",), ("recording.completed",)]


def test_an_unknown_upload_is_requested_for_five_minutes(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A request that is answered with 404 is repeated, and given up five minutes after the first such answer."""
    unknown: list[Any] = [(404, {"refused": "unknown"})] * 1000
    tapedeck.upload_answers = [(503, {"refused": "busy"}), *unknown[:5], (503, {"refused": "busy"}), *unknown]
    stop_after_two_seconds(tapedeck, engine)
    tapedeck.now += 1000
    results: list[bool] = []
    while not results or results[-1] is False:
        results.append(engine.finish_due_media())
        tapedeck.now += 1000
    # The first answer is no 404; the requests of five minutes follow, a second apart.
    assert (len(results), len(tapedeck.bodies("uploads")), results[-1]) == (302, 302, True)
    assert tapedeck.lines == [f"engine: the media of recording {RECORDING} were not accepted: unknown"]
    assert (engine.captures, engine.uploads(), tapedeck.files) == ({}, [], [])
    assert tapedeck.reported() == [("recording.started",), ("recording.stopped",)]


def test_capture_that_is_stored_already(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """An upload that meets its own earlier copy (412) is completed."""
    tapedeck.upload_statuses = [412]
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.now += 2000
    tapedeck.send(STOP)
    run(engine)
    tapedeck.now += 1000
    assert engine.finish_due_media()
    run(engine)
    assert tapedeck.reported("ticket")[-1] == ("recording.completed", "ticket-1")


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        (403, "not_yours"),
        (409, "deleted"),
        (409, "finished"),
        (409, "wrong_state"),
        (413, "too_large"),
        (422, "unreadable"),
    ],
)
def test_refused_media_are_given_up(
    tapedeck: TapedeckDouble, engine: SimulatedEngine, status: int, refused: str
) -> None:
    """Media that Tapedeck does not accept are dropped, with a line in the log."""
    tapedeck.upload_answers = [(status, {"refused": refused})]
    stop_after_two_seconds(tapedeck, engine)
    tapedeck.now += 1000
    assert engine.finish_due_media()
    assert tapedeck.lines == [f"engine: the media of recording {RECORDING} were not accepted: {refused}"]
    assert engine.captures == {}


@pytest.mark.parametrize(("error", "reason"), [(16101, "too_short"), (16102, "only_silence"), (12345, "failed")])
def test_missing_media(tapedeck: TapedeckDouble, engine: SimulatedEngine, error: int, reason: str) -> None:
    """The fault of missing media ends a recording as absent."""
    tapedeck.absent = error
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.now += 2000
    tapedeck.send(STOP)
    run(engine)
    tapedeck.now += 1000
    assert engine.finish_due_media()
    run(engine)
    assert tapedeck.reported("reason")[-1] == ("recording.absent", reason)
    assert tapedeck.files == []


def test_dials_at_once(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A dialed call rings, is answered, joins and is recorded; all events are in the order of its conference."""
    tapedeck.send(dial_command(record=True, recording_channels="dual"))
    run(engine)
    assert tapedeck.reported("version", "channels", "source") == [
        ("call.ringing", 1, None, None),
        ("call.answered", 1, None, None),
        ("participant.joined", 1, None, None),
        ("recording.started", None, 2, "OutboundAPI"),
    ]
    assert [len(body["events"]) for body in tapedeck.bodies("events")] == [1, 1, 1, 1]


def test_records_a_conference_once_it_is_answered(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """The conference is recorded if its first participant requested that."""
    tapedeck.preference = {"conference_recording_status_callback": "https://app.example.com/c"}
    tapedeck.send(dial_command())
    run(engine)
    assert tapedeck.reported("source", "parent")[-1] == (
        "recording.started", "Conference", {"type": "conference", "id": CONFERENCE},
    )  # fmt: skip
    assert tapedeck.events[-1]["callback"] == {
        "url": "https://app.example.com/c", "method": "POST", "events": ["completed"], "dialect": "twilio",
    }  # fmt: skip


def test_does_not_dial_again(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A repetition repeats the answers; a higher version is answered with that version."""
    for version in (1, 1, 2):
        tapedeck.send(dial_command(version))
        run(engine)
    assert tapedeck.reported("version") == [
        ("call.ringing", 1), ("call.answered", 1), ("participant.joined", 1),
        ("call.answered", 1), ("participant.joined", 1),
        ("call.answered", 2), ("participant.joined", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "answer"),
    [
        (command("call.hang_up", 2, {"status": "canceled"}, call=CALL), ("call.ended", "canceled", 2)),
        (command("conference.end", 3, {}, conference=CONFERENCE), ("conference.ended", None, 3)),
        (participant_command("remove", 2, {}), ("participant.left", None, 2)),
    ],
)
def test_endings_are_remembered(
    tapedeck: TapedeckDouble, engine: SimulatedEngine, ending: dict[str, Any], answer: tuple[Any, ...]
) -> None:
    """An ending that overtakes its `participant.add` is answered; nothing is dialed when that arrives."""
    tapedeck.send(ending)
    run(engine)
    tapedeck.now += 23 * 3_600_000
    tapedeck.send({**dial_command(), "not_after": tapedeck.now})
    run(engine)
    assert [each for each in tapedeck.reported("status", "version") if each[0] != "engine.alive"] == [
        answer, ("call.ended", "canceled", None),
    ]  # fmt: skip


def test_expired_dial_is_refused(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """After `not_after` no participant is dialed."""
    tapedeck.send({**dial_command(), "not_after": START - 1})
    run(engine)
    assert tapedeck.reported("code", "final", "conference", "call") == [
        ("command.refused", "expired", False, CONFERENCE, CALL)
    ]


def test_participant_has_the_highest_version(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """An update that was overtaken is answered with the present state."""
    for version, is_muted in ((5, True), (4, False)):
        tapedeck.send(participant_command("update", version, {**CHANGE, "muted": is_muted}))
        run(engine)
    assert (
        tapedeck.reported("version", "muted", "hold", "call_to_coach")
        == [("participant.changed", 5, True, False, None)] * 2
    )


def test_redirect_and_hang_up(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A redirect that was overtaken by a hang-up is answered with the end of the call."""
    redirect = {"flow": {"url": "https://app.example.com/next", "method": "POST"}}
    tapedeck.send(command("call.redirect", 2, redirect, call=CALL))
    run(engine)
    tapedeck.send(command("call.hang_up", 4, {"status": "completed"}, call=CALL))
    run(engine)
    tapedeck.send(command("call.redirect", 3, redirect, call=CALL))
    run(engine)
    assert tapedeck.reported("version", "status") == [
        ("call.redirected", 2, None), ("call.ended", 4, "completed"), ("call.ended", 4, "completed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "subject", "answer"),
    [
        ("conference.announce", {"conference": CONFERENCE}, "conference.announced"),
        ("participant.announce", {"conference": CONFERENCE, "call": CALL}, "participant.announced"),
        ("call.send_digits", {"call": CALL}, "call.digits_sent"),
    ],
)
def test_occurrences(
    tapedeck: TapedeckDouble, engine: SimulatedEngine, kind: str, subject: dict[str, str], answer: str
) -> None:
    """None supersedes another; each copy is answered with its own version."""
    commands = [command(kind, version, {}, **subject) for version in (3, 2)]
    for each in (*commands, commands[0]):
        tapedeck.send(each)
        run(engine)
    assert tapedeck.reported("version") == [(answer, 3), (answer, 2), (answer, 3)]
    if kind != "call.send_digits":
        assert [event["command"] for event in tapedeck.events] == [
            commands[0]["id"], commands[1]["id"], commands[0]["id"],
        ]  # fmt: skip


def test_announcement_after_the_end_is_refused(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """Nothing is played to a conference that has ended."""
    tapedeck.send(command("conference.end", 3, {}, conference=CONFERENCE))
    tapedeck.send(command("conference.announce", 2, {}, conference=CONFERENCE))
    run(engine)
    assert tapedeck.reported("code", "final")[-1] == ("command.refused", "gone", True)


def test_unknown_command_is_refused(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """The engine goes on behind a command of a newer protocol, and passes over unknown fields."""
    unknown = command("call.whisper", 2, {}, call=CALL)
    tapedeck.send(unknown, {**START_COMMAND, "unknown": 1})
    run(engine)
    assert sorted(tapedeck.reported("code", "command", "version")) == [
        ("command.refused", "unsupported", unknown["id"], 2), ("recording.started", None, None, 1),
    ]  # fmt: skip
    assert len(tapedeck.deleted) == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "5", '{"type": 5}', '{"type": "recording.start"}', '{"type": []}',
        json.dumps({**PAUSE, "protocol": 3}),
    ],
)  # fmt: skip
def test_unreadable_message_is_deleted(tapedeck: TapedeckDouble, engine: SimulatedEngine, text: str) -> None:
    """It is logged and counted, also after a new session, and the commands behind it are carried out."""
    tapedeck.send(text, command("engine.resync", 1, {}), START_COMMAND)
    run(engine)
    assert len(tapedeck.deleted) == 3
    assert tapedeck.reported()[-1] == ("recording.started",)
    tapedeck.now += 15_000
    run(engine)
    alive = tapedeck.events[-1]
    assert alive["type"] == "engine.alive"
    assert len(tapedeck.lines) + sum(kind == "command.refused" for (kind,) in tapedeck.reported()) == 1
    assert alive["commands_unreadable"] == len(tapedeck.lines)


def test_reports_that_it_is_alive(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """Every 15 seconds, without an account; its number rises with those of the other events."""
    tapedeck.now += 14_999
    run(engine)
    assert tapedeck.events == []
    tapedeck.now += 1
    run(engine)
    run(engine)
    (alive,) = tapedeck.events
    assert alive == {
        "id": alive["id"], "type": "engine.alive", "seq": 1001, "at": START + 15_000,
        "live": {"calls": 0, "conferences": 0, "recordings": 0}, "capacity": {"max_calls": 10_000}, "draining": False,
        "outbox": {"waiting": 0, "oldest_ms": 0, "parked": 0, "dead": 0}, "uploads": {"waiting": 0, "oldest_ms": 0},
        "commands_unreadable": 0, "media": {"gaps": 0, "lost_ms": 0},
    }  # fmt: skip


def test_drain(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """An engine that is to take no new calls says so at once."""
    tapedeck.send(command("engine.drain", 1, {}))
    run(engine)
    assert tapedeck.reported("draining") == [("engine.alive", True)]


@pytest.mark.parametrize("cause", ["command", "answer"])
def test_resync(tapedeck: TapedeckDouble, engine: SimulatedEngine, cause: str) -> None:
    """On request the engine opens a session with everything that it has."""
    tapedeck.send(START_COMMAND)
    tapedeck.extra = {"resync": cause == "answer"}
    run_once = engine.step
    run_once()
    tapedeck.extra = {}
    if cause == "command":
        tapedeck.send(command("engine.resync", 1, {}))
    run(engine)
    assert [body["live"] for body in tapedeck.bodies("sessions")] == [
        [],
        [{
            "kind": "recording", "id": RECORDING, "parent": {"type": "call", "id": CALL}, "account": ACCOUNT,
            "version": 1, "status": "in-progress", "since": START, "evidence": tapedeck.events[0]["evidence"],
        }],
    ]  # fmt: skip


def test_event_without_effect_is_logged(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """A refused event is kept with its reason, and logged with its type and id only; the next ones go on."""
    tapedeck.outcomes = {"recording.paused": [{"outcome": "refused", "code": "wrong_state"}]}
    tapedeck.send(START_COMMAND, PAUSE)
    run(engine)
    event = tapedeck.events[-1]
    assert tapedeck.lines == [f"event recording.paused {event['id']} had no effect: refused (wrong_state)"]
    assert engine.outbox.dead == [(event, "refused (wrong_state)")]
    tapedeck.send(RESUME)
    run(engine)
    assert tapedeck.reported("version")[-1] == ("recording.resumed", 3)


def test_a_capture_is_discarded_if_its_start_is_refused(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """Nothing is listed or uploaded any more; a later command is answered as one for a recording that has ended."""
    tapedeck.outcomes = {"recording.started": [{"outcome": "refused", "code": "not_yours"}]}
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.now += 5_000
    tapedeck.send(PAUSE, command("engine.resync", 1, {}))
    run(engine)
    tapedeck.now += 5_000
    assert tapedeck.reported("version") == [("recording.started", 1), ("recording.stopped", 2)]
    assert (tapedeck.bodies("sessions")[-1]["live"], engine.uploads(), engine.finish_due_media()) == ([], [], False)


def test_superseded_engine_ends(tapedeck: TapedeckDouble, engine: SimulatedEngine) -> None:
    """After another session of the same engine was opened, this one does nothing more, and says so."""
    tapedeck.extra = {"superseded": True}
    tapedeck.send(START_COMMAND)
    run(engine)
    tapedeck.send(PAUSE)
    assert not engine.step()
    assert len(tapedeck.messages) == 1
    assert tapedeck.lines == ["engine: another session of this engine was opened; this one ends"]


def test_session_that_fails_is_opened_again(tapedeck: TapedeckDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a session no command is received."""
    monkeypatch.setattr(tapedeck, "post", lambda _route, _body: (503, {"refused": "busy"}))
    engine = tapedeck.engine()
    tapedeck.send(START_COMMAND)
    assert not engine.step()
    assert len(tapedeck.messages) == 1


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    """The commands of one recording, the order and number in which they arrive, and the time before each arrival."""
    count = draw(st.integers(1, 7))
    commands = [START_COMMAND]
    for version in range(2, count + 1):
        status, behavior = draw(
            st.sampled_from([("paused", "silence"), ("paused", "skip"), ("in-progress", None), ("in-progress", None)])
        )
        commands.append(recording_command("pause" if status == "paused" else "resume", version, status, behavior))
    if count > 1 and draw(st.booleans()):
        commands[-1] = recording_command("stop", count, "stopped")
    arrivals = draw(st.permutations(list(range(count)) + draw(st.lists(st.integers(0, count - 1), max_size=6))))
    waits = draw(st.lists(st.integers(0, 900), min_size=len(arrivals), max_size=len(arrivals)))
    return commands, arrivals, waits


@pytest.mark.sized
@settings(max_examples=scaled(deep=20_000, ci=2_000, fast=40), deadline=None)
@given(histories())
def test_any_order_ends_in_the_state_of_the_highest_version(
    history: tuple[list[dict[str, Any]], list[int], list[int]],
) -> None:
    """However commands are ordered and repeated, the highest version wins, and every event is true."""
    commands, arrivals, waits = history
    tapedeck = TapedeckDouble()
    engine = tapedeck.engine()
    seen = 0
    capture: Capture | None = None
    for arrival, wait in zip(arrivals, waits, strict=True):
        tapedeck.now += wait
        tapedeck.send(commands[arrival])
        run(engine)
        capture = engine.captures[RECORDING]
        seen = max(seen, commands[arrival]["version"])
        wanted = commands[seen - 1]["wanted"]
        assert (capture.status, capture.version) == (wanted["status"], seen)
        assert capture.pause_behavior == (wanted["pause_behavior"] if wanted["status"] == "paused" else None)
        _check_truth(tapedeck.events[-1], capture, seen)
    assert capture is not None
    assert capture.version == len(commands)
    assert [event["seq"] for event in tapedeck.events] == [1001 + number for number in range(len(arrivals))]
    assert len({event["id"] for event in tapedeck.events}) == len(arrivals)


def _check_truth(event: dict[str, Any], capture: Capture, highest: int) -> None:
    """The event states what the capture's own log says: this state, since then, by this version."""
    at, status, version = capture.log[-1]
    states = {
        "recording.started": "paused" if event.get("paused") else "in-progress", "recording.paused": "paused",
        "recording.resumed": "in-progress", "recording.stopped": "stopped",
    }  # fmt: skip
    assert (event["at"], states[event["type"]], event["version"]) == (at, status, version)
    assert version == highest
