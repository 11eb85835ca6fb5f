"""Checks of what a connector does with messages that it cannot carry out, and with commands to the engine itself."""

import uuid
from typing import Final

from tapedeck_standin.conformance.journal import Records, SeenEvent
from tapedeck_standin.conformance.proxy import ALIVE_EVERY_SECONDS
from tapedeck_standin.conformance.registry import CheckList
from tapedeck_standin.conformance.rig import CheckSkipped, Rig, check

CHECKS: Final = CheckList()

_QUIET_SECONDS: Final = 1
_UNREADABLE: Final = ("this is not JSON {", '["no", "object"]', '{"protocol": 2, "type": "recording.pause"}')


@CHECKS.add(
    "unknown-command", "COMMAND-11", "A command of an unknown type is refused and deleted, and the next goes on."
)
def unknown_command(rig: Rig) -> None:
    """A command has a type that does not exist; it is refused as `unsupported`."""
    call = rig.make_call()
    command = rig.invented_command("call.whistle", account=rig.account, version=1, call=call, wanted={})
    message = rig.send(command)
    _expect_refusal(rig, command["id"], {"unsupported"})
    rig.expect_deleted(message, "call.whistle")
    rig.start_recording(call)


@CHECKS.add("unknown-subject", "COMMAND-12", "A command for something that the engine does not have is refused.")
def unknown_subject(rig: Rig) -> None:
    """A participant that does not exist is muted: `gone`, or `unsupported` by an engine without conferences."""
    is_possible = rig.capability("conference")
    command = rig.invented_command(
        "participant.update", account=rig.account, version=1, conference=uuid.uuid4().hex, call=uuid.uuid4().hex,
        wanted={"muted": True},
    )  # fmt: skip
    message = rig.send(command)
    _expect_refusal(rig, command["id"], {"gone", "unsupported"} if is_possible else {"unsupported"})
    rig.expect_deleted(message, "participant.update")


@CHECKS.add("unreadable-message", "COMMAND-10", "A message that is no command is deleted, and the next goes on.")
def unreadable_message(rig: Rig) -> None:
    """Three messages are not JSON, or not of the schema; each is deleted, and a recording starts after them."""
    messages = [rig.send(text) for text in _UNREADABLE]
    for message, text in zip(messages, _UNREADABLE, strict=True):
        rig.expect_deleted(message, text)
    rig.start_recording()


@CHECKS.add("unknown-protocol", "COMMAND-10", "A command of another protocol is deleted, and not carried out.")
def unknown_protocol(rig: Rig) -> None:
    """A stop has `protocol` 3; the recording goes on, and is stopped by the next stop."""
    made = rig.start_recording()
    with rig.held_commands() as take:
        rig.update(made, "stopped")
        (stop,) = take(made, 1)
        since = rig.journal.last_number
        message = rig.send({**stop, "protocol": 3})
    rig.expect_deleted(message, "the command of protocol 3")
    rig.expect_nothing(
        "answer to the command of protocol 3", lambda seen: seen.events_of(made.recording, since=since), _QUIET_SECONDS
    )
    rig.send(stop)
    rig.expect_event(made.recording, "recording.stopped", version=stop["version"])


@CHECKS.add(
    "unreadable-is-counted", "COMMAND-10",
    "Messages that are no command are counted in `engine.alive`, for as long as the connector runs.",
)  # fmt: skip
def unreadable_is_counted(rig: Rig) -> None:
    """After one more message that is not JSON, `commands_unreadable` is higher by one, also in a renewed session."""
    rig.need("presence")
    since = rig.journal.last_number
    before = _counted(rig.expect("engine.alive", lambda seen: _last_alive(seen, since)))
    message = rig.send("{}")
    rig.expect_deleted(message, "{}")
    rig.renew_session()
    since = rig.journal.last_number
    rig.expect(
        f"commands_unreadable {before + 1} in engine.alive",
        lambda seen: (alive := _last_alive(seen, since)) is not None and _counted(alive) == before + 1,
    )


@CHECKS.add("resync", "SESSION-5", "After `engine.resync` the session is opened again, with everything that runs.")
def resync(rig: Rig) -> None:
    """A recording runs; the new session has the same boot, and lists the recording with its version and status."""
    made = rig.start_recording()
    before = rig.journal.last_number
    boot = rig.last_boot()
    message = rig.send(rig.invented_command("engine.resync", wanted={}))
    session = rig.expect_session(before)
    check(session.get("boot") == boot, f"the same boot {boot}", session.get("boot"))
    listed = [each for each in session.get("live", ()) if each.get("id") == made.recording]
    version = rig.command_of(made, "recording.start")["version"]
    expected = {
        "kind": "recording", "account": rig.account, "parent": {"type": "call", "id": made.call}, "version": version,
        "status": "in-progress",
    }  # fmt: skip
    check(
        [{name: each.get(name) for name in expected} for each in listed] == [expected],
        f"one entry of `live` for the recording, with {expected}", listed,
    )  # fmt: skip
    rig.expect_deleted(message, "engine.resync")


@CHECKS.add("drain", "COMMAND-13", "After `engine.drain` the engine reports that it is draining.")
def drain(rig: Rig) -> None:
    """`engine.alive` has `draining` after the command; what runs goes on. Then the connector is restarted."""
    rig.need("presence")
    process = rig.controlled_process()
    made = rig.start_recording()
    message = rig.send(rig.invented_command("engine.drain", wanted={}))
    rig.expect_deleted(message, "engine.drain")
    rig.expect(
        "engine.alive with draining true",
        lambda seen: (alive := _last_alive(seen, 0)) is not None and alive.event.get("draining") is True,
        ALIVE_EVERY_SECONDS + 8,
    )
    rig.update(made, "stopped")
    rig.expect_event(made.recording, "recording.stopped")
    process.kill()
    rig.connect()


def _expect_refusal(rig: Rig, command: str, codes: set[str]) -> None:
    refused = rig.expect(
        f"command.refused of the command {command}",
        lambda seen: next(
            (each for each in seen.events if each.type == "command.refused" and each.event.get("command") == command),
            None,
        ),
    )
    seen = refused.event.get("code")
    check(seen in codes, f"the code {' or '.join(sorted(codes))}", seen)


def _last_alive(seen: Records, since: int) -> SeenEvent | None:
    alive = (each for each in reversed(seen.events) if each.type == "engine.alive" and each.number > since)
    return next(alive, None)


def _counted(alive: SeenEvent) -> int:
    counted = alive.event.get("commands_unreadable", 0)
    if not isinstance(counted, int):
        raise CheckSkipped("commands_unreadable is no number")
    return counted
