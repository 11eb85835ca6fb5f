"""Checks of what a connector does with the commands of a recording."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from tapedeck_standin.conformance.journal import Records, SeenEvent
from tapedeck_standin.conformance.proxy import changing_answer
from tapedeck_standin.conformance.registry import CheckList
from tapedeck_standin.conformance.rig import CheckSkipped, Rig, check, now_ms

CHECKS: Final = CheckList()

_HOUR_MS: Final = 3_600_000
_LATE_SECONDS: Final = 0.3
"""More than the time that the answer to a session is under way, from which a connector knows Tapedeck's clock."""


@CHECKS.add("recording-starts", "COMMAND-1", "A recording that is requested begins, and its version is reported.")
def recording_starts(rig: Rig) -> None:
    """Request a recording; its start is reported with the subject and the version of the command."""
    made = rig.start_recording()
    event = rig.expect_event(made.recording, "recording.started").event
    command = rig.command_of(made, "recording.start")
    expected = {name: command[name] for name in ("account", "parent", "recording", "version")}
    seen = {name: event.get(name) for name in expected}
    check(seen == expected, f"recording.started with {expected}", seen)


@CHECKS.add(
    "pause-and-resume", "COMMAND-1", "A pause and a resume are each reported with the version of their command."
)
def pause_and_resume(rig: Rig) -> None:
    """Pause and resume; each is reported as such."""
    rig.need("pause")
    made = rig.start_recording()
    for status, name in (("paused", "pause"), ("in-progress", "resume")):
        rig.update(made, status)
        version = rig.command_of(made, f"recording.{name}")["version"]
        rig.expect_event(made.recording, f"recording.{name}d", version=version)


@CHECKS.add("deleted-when-begun", "COMMAND-9", "A command is deleted when it has begun, not when it has ended.")
def deleted_when_begun(rig: Rig) -> None:
    """The command that started a recording is deleted while the recording runs."""
    made = rig.start_recording()
    command = rig.command_of(made, "recording.start")
    rig.expect(
        "the deletion of recording.start while the recording runs",
        lambda seen: any(each.message_id in seen.deleted for each in seen.commands if command["id"] in each.body),
    )


@CHECKS.add("repeated-command", "COMMAND-3", "A repeated command is answered again, by a new event with a new `seq`.")
def repeated_command(rig: Rig) -> None:
    """The start arrives a second time; its version is reported by two events with different ids and numbers."""
    made = rig.start_recording()
    command = rig.command_of(made, "recording.start")
    before = rig.journal.last_number
    first = rig.expect_event(made.recording, "recording.started")
    message = rig.send({**command, "issued_at": now_ms(), "not_after": now_ms() + 120_000})
    rig.expect_deleted(message, "the repeated recording.start")
    again = rig.expect_event(made.recording, "recording.started", version=command["version"], since=before)
    check(again.id != first.id, "an event with a new id", f"the id {again.id} again")
    check(again.seq > first.seq, f"a seq above {first.seq}", again.seq)


@CHECKS.add("overtaken-command", "COMMAND-2", "An overtaken command is answered with the version that was carried out.")
def overtaken_command(rig: Rig) -> None:
    """The resume arrives before the pause: the pause did not happen, and nothing says that it did."""
    rig.need("pause")
    made = rig.start_recording()
    with rig.held_commands() as take:
        rig.update(made, "paused")
        rig.update(made, "in-progress")
        pause, resume = sorted(take(made, 2), key=lambda command: command["version"])
        before = rig.journal.last_number
        rig.send(resume)
        message = rig.send(pause)
    rig.expect_deleted(message, "the overtaken recording.pause")
    rig.expect(
        f"two answers with version {resume['version']}, to the resume and to the overtaken pause",
        lambda seen: (
            len(_with_version(seen, made.recording, resume["version"], before)) >= 2  # noqa: PLR2004 - one for each command
            or _with_version(seen, made.recording, pause["version"], before)
        ),
    )
    wrong = rig.journal.read(
        lambda seen: [
            *_with_version(seen, made.recording, pause["version"], before),
            *seen.new_events_of(made.recording, "recording.paused", since=before),
        ]
    )
    check(not wrong, f"no event with version {pause['version']}, and no recording.paused", [e.event for e in wrong])


@CHECKS.add("begins-what-never-began", "COMMAND-6", "A pause of a recording that never began begins it, paused.")
def begins_what_never_began(rig: Rig) -> None:
    """The pause arrives before the start: the recording begins paused, and the start changes nothing."""
    rig.need("pause")
    with rig.held_commands() as take:
        made = rig.request_recording()
        rig.update(made, "paused")
        start, pause = sorted(take(made, 2), key=lambda command: command["version"])
        before = rig.journal.last_number
        rig.send(pause)
    began = rig.expect_event(made.recording, "recording.started", since=before).event
    seen = {"version": began.get("version"), "paused": began.get("paused", False)}
    expected = {"version": pause["version"], "paused": True}
    check(seen == expected, f"recording.started with {expected}", seen)
    before = rig.journal.last_number
    message = rig.send(start)
    rig.expect_deleted(message, "the late recording.start")
    rig.expect_event(made.recording, "recording.started", "recording.paused", version=pause["version"], since=before)
    wrong = rig.journal.read(lambda seen: _with_version(seen, made.recording, start["version"], before))
    check(not wrong, f"no event with version {start['version']}", [each.event for each in wrong])


@CHECKS.add("begins-nothing-late", "COMMAND-7", "After `not_after` no recording begins; the command is refused.")
def begins_nothing_late(rig: Rig) -> None:
    """A start arrives too late: it is refused with `expired`, and nothing begins."""
    with rig.held_commands() as take:
        made = rig.request_recording()
        (start,) = take(made, 1)
        time.sleep(_LATE_SECONDS)
        message = rig.send({**start, "not_after": start["issued_at"]})
    refused = rig.expect_event(made.recording, "command.refused", "recording.started")
    expected = {
        "type": "command.refused", "code": "expired", "final": False, "command": start["id"],
        "version": start["version"],
    }  # fmt: skip
    seen = {name: refused.event.get(name) for name in expected}
    check(seen == expected, str(expected), seen)
    rig.expect_deleted(message, "the late recording.start")


@CHECKS.add(
    "begins-without-limit", "COMMAND-7", "A command whose `not_after` is null may begin a recording at any time."
)
def begins_without_limit(rig: Rig) -> None:
    """A start has no `not_after`: null counts as absent."""
    with rig.held_commands() as take:
        made = rig.request_recording()
        (start,) = take(made, 1)
        rig.send({**start, "issued_at": now_ms(), "not_after": None})
    rig.expect_event(made.recording, "recording.started", version=start["version"])


@CHECKS.add(
    "tapedecks-clock", "COMMAND-7", "`not_after` is compared with Tapedeck's clock, not with that of the machine."
)
def tapedecks_clock(rig: Rig) -> None:
    """Tapedeck's clock is an hour ahead of the connector's; a start that is late by Tapedeck's clock begins nothing."""

    def shift(answer: dict[str, Any]) -> dict[str, Any]:
        commands = answer.get("commands")
        expires = {"expires_at": commands["expires_at"] + _HOUR_MS} if commands else {}
        return {
            **answer,
            "now": answer["now"] + _HOUR_MS,
            **({"commands": {**commands, **expires}} if commands else {}),
        }

    with rig.held_commands() as take:
        made = rig.request_recording()
        (start,) = take(made, 1)
    with rig.proxy.intercepting("events", changing_answer(shift)):
        with rig.proxy.intercepting("sessions", changing_answer(shift)):
            rig.renew_session()
        rig.send({**start, "issued_at": now_ms() + _HOUR_MS - 121_000, "not_after": now_ms() + _HOUR_MS - 1_000})
        answer = rig.expect_event(made.recording, "command.refused", "recording.started").event
    rig.renew_session()
    seen = {name: answer.get(name) for name in ("type", "code", "final")}
    expected = {"type": "command.refused", "code": "expired", "final": False}
    check(seen == expected, str(expected), seen)


@CHECKS.add(
    "unsupported-recording", "COMMAND-12", "A recording that needs a capability that is not declared is refused."
)
def unsupported_recording(rig: Rig) -> None:
    """A start needs a capability that is declared false: it is refused for good, and nothing begins (C-279)."""
    needing: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
        "dual": {"wanted": {"channels": 2}},
        "tracks": {"wanted": {"track": "inbound", "channels": 1}},
        "conference_recording": {"parent": {"type": "conference"}},
    }
    missing = [name for name in needing if not rig.capability(name)]
    if not missing:
        raise CheckSkipped("the connector declares all capabilities for recordings")
    for name in missing:
        with rig.held_commands() as take:
            made = rig.request_recording()
            (start,) = take(made, 1)
        with rig.answering_for(made.recording):  # Tapedeck has sent no such command
            rig.send({**start, **{field: {**start[field], **more} for field, more in needing[name].items()}})
            answer = rig.expect_event(made.recording, "command.refused", "recording.started").event
        expected = {"type": "command.refused", "code": "unsupported", "final": True, "command": start["id"]}
        seen = {field: answer.get(field) for field in expected}
        check(seen == expected, f"{expected}, because `{name}` is not declared", seen)


@CHECKS.add("stop-after-the-end", "COMMAND-8", "A stop that arrives after the end is answered with its own version.")
def stop_after_the_end(rig: Rig) -> None:
    """A recording has stopped and is uploaded; a stop with a higher version is answered with `recording.stopped`."""
    made = rig.start_recording()
    rig.finish(made)
    stop = rig.command_of(made, "recording.stop")
    version, before = stop["version"] + 1, rig.journal.last_number
    with rig.answering_for(made.recording):  # Tapedeck knows no such version
        rig.send({**stop, "id": f"{stop['id']}-again", "version": version})
        answer = rig.expect_event(made.recording, "recording.stopped", since=before).event
    check(answer.get("version") == version, f"recording.stopped with version {version}", answer.get("version"))


@CHECKS.add("ends-late", "COMMAND-7", "A pause or a stop is carried out also after `not_after`.")
def ends_late(rig: Rig) -> None:
    """A pause of a running recording, or else its stop, arrives late; it is carried out."""
    _expect_carried_out(rig, lambda _: {"issued_at": now_ms() - 121_000, "not_after": now_ms() - 1_000})


@CHECKS.add("unknown-fields", "COMMAND-11", "Fields that a connector does not know change nothing.")
def unknown_fields(rig: Rig) -> None:
    """A pause, or else a stop, has unknown fields at each level; it is carried out."""
    more = {"x_new": {"a": [1, None]}}
    _expect_carried_out(
        rig, lambda command: {**{name: {**command[name], **more} for name in ("parent", "wanted")}, **more}
    )


@CHECKS.add("two-recordings", "EVENT-6", "Events of one call do not wait for those of another call.")
def two_recordings(rig: Rig) -> None:
    """While the start of one recording gets `later`, the start of another call's recording is reported at once."""

    def attempt() -> None:
        first = rig.make_call()
        with rig.answering_later(lambda event: (event.get("parent") or {}).get("id") == first):
            waiting = rig.request_recording(first)
            later = rig.expect_reported(waiting.recording, "recording.started")
            rig.expect_undelayed(later, rig.request_recording(), "recording.started")
        rig.expect_event(waiting.recording, "recording.started", seconds=20)

    rig.succeed_once(attempt)


def _expect_carried_out(rig: Rig, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Send a pause of a running recording, or else its stop, with these fields changed; it is carried out."""
    made = rig.start_recording()
    status, answer = ("paused", "recording.paused") if rig.capability("pause") else ("stopped", "recording.stopped")
    with rig.held_commands() as take:
        rig.update(made, status)
        (command,) = take(made, 1)
        rig.send({**command, **change(command)})
    rig.expect_event(made.recording, answer, version=command["version"])


def _with_version(seen: Records, recording: str, version: int, since: int) -> list[SeenEvent]:
    return [each for each in seen.events_of(recording, since=since) if each.event.get("version") == version]
