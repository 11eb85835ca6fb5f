"""A media engine with its connector, as a simulation sees it: it speaks the engine protocol by its rules.

Everything around it is unreliable: commands arrive late, twice, in any order or never; requests and their answers are
lost; the connector crashes, and its host with its disk.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tapedeck.domain.identity import new_id
from tests.simulation.capture_log import CaptureLog
from tests.simulation.ports import RandomSource
from tests.simulation.schedule import Schedule

Body = Mapping[str, Any]
Post = Callable[[str, Body], tuple[int, Any]]
"""Sends a request to one of the routes of the protocol; returns the status and the body of the answer."""

ALIVE_EVERY_MS: Final = 15_000
RETRY_MS: Final = 200
ANSWERS: Final = {"in-progress": "recording.resumed", "paused": "recording.paused", "stopped": "recording.stopped"}


@dataclass
class Faults:
    """Probabilities of the faults around an engine, and how often each struck."""

    random_source: RandomSource
    rates: Mapping[str, float]
    struck: Counter[str] = field(default_factory=Counter)

    def strike(self, name: str) -> bool:
        """Decide whether a fault happens now."""
        if self.random_source.random() >= self.rates.get(name, 0.0):
            return False
        self.struck[name] += 1
        return True

    def stop(self) -> None:
        """Let no further fault happen."""
        self.rates = {}


@dataclass
class Capture:
    """A recording on the engine: the state that was carried out last, with its version.

    `resumes` is the version of a resume that is carried out but held back, 0 for one of the engine's own, else None.
    `is_own_pause`: the engine has paused it by itself, and may resume it; a command to pause takes the pause over.
    """

    account: str
    parent: Mapping[str, str]
    recording: str
    status: str
    version: int
    pause_behavior: str = "silence"
    resumes: int | None = None
    is_own_pause: bool = False

    @property
    def accepted_version(self) -> int:
        """The highest version that the engine has accepted."""
        return max(self.version, self.resumes or 0)

    @property
    def subject(self) -> dict[str, Any]:
        """The fields of an event that name the recording."""
        return {"account": self.account, "parent": self.parent, "recording": self.recording}


@dataclass
class Disk:
    """What a connector keeps over a crash."""

    captures: dict[str, Capture] = field(default_factory=dict)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    """Recordings that are over, also those that only a session's answer has named."""
    seq: int = 0


class EngineActor:
    """One engine.

    Args:
        schedule: when things happen.
        random_source: chooses delays.
        faults: chooses faults.
        post: sends a request.
        skew_ms: how far the clock of the engine is ahead.
    """

    HOLD_BACK_MS = 550
    """A resume takes effect so much later: the recorder still has audio of the pause."""

    MAX_LAG_MS = 400
    """How old the audio may be that the recorder keeps first after a resume."""

    def __init__(
        self, schedule: Schedule, random_source: RandomSource, faults: Faults, post: Post, skew_ms: int
    ) -> None:
        self.log = CaptureLog()
        self.calls: dict[str, str] = {}
        """Live calls, with the account of each."""
        self.conferences: dict[str, str] = {}
        self._schedule = schedule
        self._random_source = random_source
        self._faults = faults
        self._post = post
        self._skew_ms = skew_ms
        self._disk = Disk()
        self._boot = ""
        self.is_up = False
        self._waiting: list[Body] = []
        """Commands in the queue that were not received, or not deleted before a crash."""
        self._in_hand: dict[int, Body] = {}
        """Commands that were received and are not deleted yet."""
        self._received = 0
        self._on_the_way: set[str] = set()
        """Subjects with an event on its way."""
        self._begins_from = 0
        """Older copies of commands begin nothing: the disk is lost that held the versions that were carried out."""

    @property
    def now(self) -> int:
        """The time by the engine's own clock."""
        return self._schedule.clock() + self._skew_ms

    @property
    def captures(self) -> Mapping[str, Capture]:
        """The recordings that the engine knows."""
        return self._disk.captures

    # Sessions and crashes.

    def start(self) -> None:
        """Start the connector: open a session, and receive what waits in the queue."""
        self._boot = new_id(self.now)
        self.is_up = True
        self._open_session()
        self._alive(self._boot)
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self.receive(command)
        self._flush()

    def crash(self, away_ms: int, *, loses_disk: bool = False, loses_host: bool = False) -> None:
        """Crash, and start again after some time; with its host, the engine loses all calls as well."""
        if not self.is_up:
            return
        self.is_up = False
        self._waiting += self._in_hand.values()
        self._in_hand.clear()
        self._on_the_way.clear()
        for capture in self._disk.captures.values():
            capture.resumes = None
        if loses_host:
            for recording in self._disk.captures:
                self.log.cease(recording, self._schedule.clock())
            self.calls.clear()
            self.conferences.clear()
        self._schedule.after(away_ms, lambda: self._restart(loses_disk=loses_disk or loses_host))

    def _restart(self, *, loses_disk: bool) -> None:
        if loses_disk:
            for recording in self._disk.captures:
                self.log.cease(recording, self._schedule.clock())
            self._disk, self._begins_from = Disk(), self._schedule.clock()
        self.start()

    def _open_session(self) -> None:
        live: list[dict[str, Any]] = [
            {"kind": kind, "id": name, "account": account}
            for kind, names in (("call", self.calls), ("conference", self.conferences))
            for name, account in names.items()
        ]
        live += [
            {"kind": "recording", "id": each.recording, "account": each.account, "parent": each.parent,
             "version": each.version, "status": each.status}
            for each in self._disk.captures.values()
            if each.status != "stopped"
        ]  # fmt: skip
        status, answer = self._post(
            "sessions",
            {"protocol": 2, "boot": self._boot, "capabilities": {}, "sent_at": self.now, "live": live},
        )
        assert status == 200
        self._disk.seq = max(self._disk.seq, answer["seq_seen"])
        for name in [*answer["ended"], *answer["unknown"]]:
            self._end(name)

    def _end(self, name: str) -> None:
        """Stop what is over: a recording, or a call with its recordings."""
        self._disk.ended.add(name)
        self.calls.pop(name, None)
        self.conferences.pop(name, None)
        for capture in self._disk.captures.values():
            if name in {capture.recording, capture.parent["id"]} and capture.status != "stopped":
                self._set(capture, "stopped")

    def _alive(self, boot: str) -> None:
        if self._boot == boot and self.is_up:
            self._report({"type": "engine.alive"})
            self._schedule.after(ALIVE_EVERY_MS, lambda: self._alive(boot))

    # Commands.

    def receive(self, command: Body) -> None:
        """Receive a message of the queue; a connector that is down receives it later."""
        if not self.is_up:
            self._waiting.append(command)
            return
        self._received += 1
        number, boot = self._received, self._boot
        self._in_hand[number] = command
        slow = self._faults.strike("slow engine")
        delay = self._random_source.randint(300, 2_800) if slow else self._random_source.randint(3, 80)
        self._schedule.after(delay, lambda: self._take(number, boot))

    def _take(self, number: int, boot: str) -> None:
        if self._boot != boot or not self.is_up:
            return
        command = self._in_hand[number]
        if command["type"].startswith("recording."):
            self._carry_out(number, command)
        else:
            if command["type"] == "call.hang_up" and command["call"] in self.calls:
                self.hang_up(command["call"], command["version"])
            del self._in_hand[number]

    def _carry_out(self, number: int, command: Body) -> None:
        """Carry out the newest version; answer a repeated or overtaken command with the present state."""
        capture, wanted, version = self._disk.captures.get(command["recording"]), command["wanted"], command["version"]
        boot = self._boot
        if capture is None:
            self._begin(command)
        elif version > capture.accepted_version and capture.status != "stopped":
            capture.pause_behavior = wanted["pause_behavior"] or "silence"
            if wanted["status"] == "in-progress" and not self.log.is_capturing(capture.recording):
                capture.resumes = version
                self._schedule.after(self.HOLD_BACK_MS, lambda: self._resume(capture, version, boot, number))
                return
            capture.resumes = None
            self._do_and_report(capture, wanted["status"], version)
        elif capture.resumes is None:
            # A stop is the end: nothing that is older can be carried out, nothing that is newer can change it.
            answered = max(version, capture.version) if capture.status == "stopped" else capture.version
            self._answer(capture, answered)
        del self._in_hand[number]

    def _begin(self, command: Body) -> None:
        wanted, parent = command["wanted"], command["parent"]
        capture = Capture(
            command["account"], parent, command["recording"], "stopped", command["version"],
            wanted["pause_behavior"] or "silence",
        )  # fmt: skip
        if parent["id"] not in {**self.calls, **self.conferences}:
            self._refuse(capture, command, "gone", is_final=True)
            return
        tapedeck_now = self._schedule.clock()
        begins = wanted["status"] != "stopped" and capture.recording not in self._disk.ended
        if begins and (tapedeck_now > command["not_after"] or command["issued_at"] < self._begins_from):
            self._refuse(capture, command, "expired", is_final=False)
            return
        self._disk.captures[capture.recording] = capture
        if begins:
            self._set(capture, wanted["status"])
            started = {"type": "recording.started", "paused": wanted["status"] == "paused"}
            self._report({**capture.subject, **started, "version": capture.version})
        else:
            self._answer(capture, capture.version)

    def _do_and_report(self, capture: Capture, status: str, version: int) -> None:
        """Change a capture, and report that it has changed."""
        capture.is_own_pause = False
        self._set(capture, status)
        capture.version = version
        self._answer(capture, version)

    def _resume(self, capture: Capture, version: int, boot: str, number: int | None = None) -> None:
        """Resume a capture after it was held back, unless something newer was wanted meanwhile."""
        if number is not None and self._boot == boot:
            self._in_hand.pop(number, None)
        if self._boot != boot or not self.is_up or capture.resumes != version or capture.status == "stopped":
            return
        capture.resumes = None
        if version:
            self._do_and_report(capture, "in-progress", version)
        else:
            self._change_by_itself(capture, "in-progress", self._schedule.clock() - self.HOLD_BACK_MS)

    def _set(self, capture: Capture, status: str) -> None:
        """Change what is captured."""
        now = self._schedule.clock()
        capture.status = status
        if status != "in-progress":
            capture.resumes = None
            self.log.cease(capture.recording, now)
        elif not self.log.is_capturing(capture.recording):
            has_captured = bool(self.log.spans[capture.recording])
            lag = self._random_source.randint(0, self.MAX_LAG_MS) if has_captured else 0
            self.log.begin(capture.recording, now - lag)

    # What happens without a command.

    def call_comes_in(self, account: str, call: str) -> None:
        """A call comes in and is answered."""
        self.calls[call] = account
        self._report({"type": "call.answered", "account": account, "call": call, "to": "+12025550100",
                      "from": "+12025550101", "direction": "inbound"})  # fmt: skip

    def conference_starts(self, account: str, conference: str, call: str) -> None:
        """A call opens a conference."""
        self.conferences[conference] = account
        subject = {"account": account, "conference": conference}
        self._report({**subject, "type": "conference.started", "name": "Room"})
        self._report({**subject, "type": "participant.joined", "call": call})

    def record(self, account: str, parent: Mapping[str, str], recording: str) -> None:
        """Begin a recording that no command requested."""
        capture = Capture(account, parent, recording, "in-progress", 1)
        self._disk.captures[recording] = capture
        self._set(capture, "in-progress")
        source = "Conference" if parent["type"] == "conference" else "DialVerb"
        self._report({**capture.subject, "type": "recording.started", "source": source})

    def change_by_itself(self) -> None:
        """Pause a capture that runs, or resume one that the engine has paused: someone at the engine wants it."""
        active = [each for each in self._disk.captures.values() if each.status != "stopped" and each.resumes is None]
        if not active or not self.is_up:
            return
        capture, boot = active[-1], self._boot
        if capture.status == "in-progress":
            self._change_by_itself(capture, "paused", self._schedule.clock())
        elif self._may_resume(capture):
            capture.resumes = 0
            self._schedule.after(self.HOLD_BACK_MS, lambda: self._resume(capture, 0, boot))

    def _may_resume(self, capture: Capture) -> bool:
        return capture.is_own_pause

    def _change_by_itself(self, capture: Capture, status: str, decided: int) -> None:
        self._set(capture, status)
        capture.is_own_pause = status == "paused"
        self.log.own_changes[capture.recording].append((decided, status))
        self._report({**capture.subject, "type": ANSWERS[status]})

    def hang_up(self, call: str, version: int | None = None) -> None:
        """End a call and its recordings, because of a command or because the caller hangs up."""
        account = self.calls.pop(call, None) if self.is_up else None
        if account is None:
            return
        for capture in self._disk.captures.values():
            if capture.parent["id"] == call and capture.status != "stopped":
                self._set(capture, "stopped")
                self.log.own_changes[capture.recording].append((self._schedule.clock(), "stopped"))
                self._report({**capture.subject, "type": "recording.stopped", "reason": "hangup"})
        ended = {"type": "call.ended", "account": account, "call": call}
        self._report(ended if version is None else {**ended, "version": version})

    # Events.

    def _answer(self, capture: Capture, version: int) -> None:
        """Report the present state, which answers a version; an overtaken version is never answered as such."""
        behavior = {"pause_behavior": capture.pause_behavior} if capture.status == "paused" else {}
        self._report({**capture.subject, "type": ANSWERS[capture.status], "version": version, **behavior})

    def _refuse(self, capture: Capture, command: Body, code: str, *, is_final: bool) -> None:
        self._report(
            {**capture.subject, "type": "command.refused", "command": command["id"], "version": command["version"],
             "code": code, "final": is_final}
        )  # fmt: skip

    def _report(self, event: dict[str, Any]) -> None:
        """Store an event with the next number, and send it as soon as the one before it has arrived."""
        self._disk.seq += 1
        self._disk.outbox.append({**event, "id": new_id(self.now), "seq": self._disk.seq, "at": self.now})
        self._flush()

    def _flush(self) -> None:
        """Send the oldest event of each subject that has none on its way."""
        for event in list(self._disk.outbox):
            subject = _subject_of(event)
            if subject not in self._on_the_way:
                self._on_the_way.add(subject)
                self._send_later(event, self._random_source.randint(2, 60))

    def _send_later(self, event: dict[str, Any], delay: int) -> None:
        boot = self._boot
        self._schedule.after(delay, lambda: self._send(event, boot))

    def _send(self, event: dict[str, Any], boot: str) -> None:
        if self._boot != boot or not self.is_up:
            return
        if "version" in event and event["type"] in ANSWERS.values() and self._faults.strike("event lost"):
            self._forget(event)
            return
        if self._faults.strike("event request lost"):
            self._send_later(event, RETRY_MS)
            return
        if self._faults.strike("event repeated"):
            late = self._random_source.randint(100, 6_000)
            self._schedule.after(late, lambda: self._deliver(event, boot))
        results = self._deliver(event, boot)
        if results is None or self._faults.strike("event answer lost"):
            self._send_later(event, RETRY_MS)
        elif results[0]["outcome"] == "later":
            self._send_later(event, results[0]["after_ms"])
        else:
            self._forget(event)

    def _deliver(self, event: dict[str, Any], boot: str) -> list[dict[str, Any]] | None:
        """Send one event; return the results, None if they are unknown."""
        body = {"protocol": 2, "boot": boot, "sent_at": self.now, "events": [event]}
        status, answer = self._post("events", body)
        if status != 200:
            return None
        if answer["resync"] and boot == self._boot:
            self._open_session()
        results: list[dict[str, Any]] = answer["results"]
        return results

    def _forget(self, event: dict[str, Any]) -> None:
        if event in self._disk.outbox:
            self._disk.outbox.remove(event)
        self._on_the_way.discard(_subject_of(event))
        self._flush()


def _subject_of(event: Body) -> str:
    """Return what the order of an event is kept with: its recording, call or conference."""
    return str(event.get("recording") or event.get("conference") or event.get("call") or event["type"])
