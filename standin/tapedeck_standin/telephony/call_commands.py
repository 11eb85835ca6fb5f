"""How a simulated engine carries out the commands for calls, conferences and participants."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tapedeck.ports.clock import Clock
from tapedeck_standin.calls.access import CallFlowAccess
from tapedeck_standin.recordings.command_memory import CommandMemory, Subject
from tapedeck_standin.recordings.commands import Command, EventReporter, has_expired

_PARTICIPANT_FIELDS: Final = ("muted", "hold", "coaching", "call_to_coach", "end_conference_on_exit")


class CallCommands:
    """Carries out commands at once: a dialed call rings, is answered and joins without delay.

    A command that was overtaken is answered with the present state and the version that was carried out last.

    Args:
        memory: the commands that were carried out.
        report: reports an event.
        flows: makes calls, and executes their instructions.
        clock: milliseconds since the epoch.
        on_dialed: is called with the `participant.add` of each call that was dialed.
    """

    def __init__(
        self,
        memory: CommandMemory,
        report: EventReporter,
        flows: CallFlowAccess,
        clock: Clock,
        on_dialed: Callable[[Command], object],
    ) -> None:
        self._memory = memory
        self._flows = flows
        self._report = report
        self._clock = clock
        self._on_dialed = on_dialed
        self._conference_of_dialed: dict[str, str] = {}
        """Conferences by dialed call: events of both stay in one order."""
        self.handlers: Mapping[str, Callable[[Command], None]] = {
            "call.place": self._place,
            "call.hang_up": self._hang_up,
            "call.redirect": self._redirect,
            "call.send_digits": self._send_digits,
            "conference.end": self._end_conference,
            "conference.announce": self._announce_to_conference,
            "participant.add": self._dial,
            "participant.update": self._update_participant,
            "participant.announce": self._announce_to_participant,
            "participant.remove": self._remove_participant,
        }

    def ordered_by(self, call_or_conference: str) -> str:
        """Return the id by which events of a call or conference are ordered: that of a dialed call's conference."""
        return self._conference_of_dialed.get(call_or_conference, call_or_conference)

    def _place(self, command: Command) -> None:
        """Dial a call once; a call that has ended, or was to end before it was dialed, is not dialed."""
        call = command["call"]
        subject = ("call", call)
        if self._memory.has_ended(subject):
            self._answer(command, {"type": "call.ended", "call": call, "status": "canceled"}, None)
        elif self._memory.is_new(subject, command["version"]) and self._memory.last(subject) is not None:
            self._redirect(command)  # it is dialed already: only its settings may change
        elif self._memory.last(subject) is not None:
            self._flows.get().repeat_progress(command["account"], call)
        elif has_expired(command, self._clock()):
            self.refuse(command, "expired", is_final=False)
        else:
            self._memory.note(subject, command["version"], {"type": "call.ringing", "call": call})
            from tapedeck_standin.calls.wire import placement_of  # noqa: PLC0415 - at the first call with instructions

            self._flows.get().place(command["account"], call, placement_of(command["wanted"]), command["version"])

    def _hang_up(self, command: Command) -> None:
        subject = ("call", command["call"])
        if self._flows.made is not None and self._memory.is_new(subject, command["version"]):
            self._flows.made.end_by_api(command["call"])
        event = {"type": "call.ended", "call": command["call"], "status": command["wanted"]["status"]}
        self._carry_out(subject, command, event)
        self._memory.end(subject)

    def _redirect(self, command: Command) -> None:
        """Give a call other instructions or settings; of a call that is placed already, only the settings."""
        subject = ("call", command["call"])
        if self._memory.is_new(subject, command["version"]):
            self._flows.get().redirect(command["account"], command["call"], command["wanted"])
        self._carry_out(subject, command, {"type": "call.redirected", "call": command["call"]})

    def _end_conference(self, command: Command) -> None:
        subject = ("conference", command["conference"])
        event = {
            "type": "conference.ended", "conference": command["conference"], "reason": "conference-ended-via-api",
        }  # fmt: skip
        if self._flows.made is not None:
            self._flows.made.rooms.end(command["conference"])
        self._carry_out(subject, command, event)
        self._memory.end(subject)

    def _update_participant(self, command: Command) -> None:
        wanted = command["wanted"]
        state = {name: wanted[name] for name in _PARTICIPANT_FIELDS if wanted.get(name) is not None}
        self._carry_out(_participant(command), command, {"type": "participant.changed", **_ids(command), **state})

    def _remove_participant(self, command: Command) -> None:
        if self._flows.made is not None and self._memory.is_new(_participant(command), command["version"]):
            self._flows.made.rooms.remove(command["conference"], command["call"])
        self._carry_out(_participant(command), command, {"type": "participant.left", **_ids(command)})

    def _dial(self, command: Command) -> None:
        """Dial a participant once; nothing is dialed that was hung up, removed or whose conference has ended."""
        subject, call = _participant(command), command["call"]
        last = self._memory.last(subject)
        was_removed = last is not None and last.event["type"] == "participant.left"
        if was_removed or any(self._memory.has_ended(each) for each in (("call", call), _conference(command))):
            if not self._memory.has_ended(("call", call)):
                self._memory.end(("call", call))
            # It answers no version: the command was not carried out.
            self._answer(command, {"type": "call.ended", "call": call, "status": "canceled"}, None)
            return
        if call in self._conference_of_dialed or last is not None:
            self._repeat_dial(command)
            return
        if has_expired(command, self._clock()):
            self.refuse(command, "expired", is_final=False)
            return
        self._conference_of_dialed[call] = command["conference"]
        self._memory.note(subject, command["version"], _joined(command))
        from tapedeck_standin.calls.wire import participant_placement  # noqa: PLC0415 - at the first dialed call

        placement = participant_placement(command["wanted"], lambda: self._join_dialed(command))
        self._flows.get().place(command["account"], call, placement, command["version"])

    def _join_dialed(self, command: Command) -> None:
        """Let a call that was dialed into a conference join it."""
        self._answer(command, _joined(command), command["version"])
        wanted = command["wanted"]
        self._flows.get().rooms.add_dialed(
            command["account"], command["conference"], command["call"],
            starts=wanted["start_conference_on_enter"], ends=wanted["end_conference_on_exit"],
        )  # fmt: skip
        self._on_dialed(command)

    def _repeat_dial(self, command: Command) -> None:
        """Do not dial again: bring the participant to the state of a higher version, or repeat the answer."""
        subject = _participant(command)
        if self._memory.is_new(subject, command["version"]):
            self._memory.note(subject, command["version"], _joined(command))
        last = self._memory.last(subject)
        leg = self._flows.get().find(command["account"], command["call"])
        if leg is not None and leg.is_ringing:
            self._flows.get().repeat_progress(command["account"], command["call"])
        elif last is not None:
            self._answer(command, {"type": "call.answered", "call": command["call"]}, last.version)
            self._answer(command, last.event, last.version)

    def _send_digits(self, command: Command) -> None:
        self._occur(command, {"type": "call.digits_sent", "call": command["call"]})

    def _announce_to_conference(self, command: Command) -> None:
        if self._memory.has_ended(_conference(command)):
            self.refuse(command, "gone", is_final=True)
            return
        self._occur(
            command, {"type": "conference.announced", "conference": command["conference"], "command": command["id"]}
        )

    def _announce_to_participant(self, command: Command) -> None:
        self._occur(command, {"type": "participant.announced", **_ids(command), "command": command["id"]})

    def _occur(self, command: Command, event: Mapping[str, Any]) -> None:
        """Answer a command for what happens once; nothing is played, so a repetition has the same answer."""
        self._answer(command, event, command["version"])

    def _carry_out(self, subject: Subject, command: Command, event: Mapping[str, Any]) -> None:
        """Carry out a command that was not overtaken, and report the present state with its version."""
        if self._memory.is_new(subject, command["version"]):
            self._memory.note(subject, command["version"], {**event, "at": self._clock()})
        last = self._memory.last(subject)
        if last is not None:
            self._answer(command, last.event, last.version)

    def refuse(self, command: Command, code: str, *, is_final: bool) -> None:
        """Report that a command is not carried out."""
        subject = {name: command[name] for name in ("call", "conference", "parent", "recording") if name in command}
        event = {"type": "command.refused", "command": command["id"], **subject, "code": code, "final": is_final}
        self._answer(command, event, command["version"])

    def _answer(self, command: Command, event: Mapping[str, Any], version: int | None) -> None:
        ids = (command.get("conference"), command.get("parent", {}).get("id"), command.get("call"))
        answer = {**event, "account": command["account"]}
        self._report(
            next((name for name in ids if name is not None), command["account"]),
            answer if version is None else {**answer, "version": version},
        )


def _ids(command: Command) -> dict[str, str]:
    return {"conference": command["conference"], "call": command["call"]}


def _participant(command: Command) -> Subject:
    return ("participant", command["conference"], command["call"])


def _conference(command: Command) -> Subject:
    return ("conference", command["conference"])


def _joined(command: Command) -> dict[str, Any]:
    wanted = command["wanted"]
    state = {
        name: wanted[name]
        for name in ("start_conference_on_enter", "end_conference_on_exit", "muted", "hold")
        if wanted.get(name) is not None
    }
    label = {} if wanted.get("label") is None else {"label": wanted["label"]}
    return {"type": "participant.joined", **_ids(command), **state, **label}
