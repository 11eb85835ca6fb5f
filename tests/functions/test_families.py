"""Property test: after any sequence of API requests and engine events, the API shows what a model predicts.

The engine reports events in any order, late and more than once. Time is virtual, also for the reconciler. The model
follows the vendors' documentation and the engine protocol (`docs/reference/engine-protocol.md`), independently of the
code under test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import created_at, new_id
from tests.client import DIALECTS, Answer, FunctionClient
from tests.engine_reports import capture_fields
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.media import sound
from tests.thoroughness import scaled

PICK = st.integers(0, 1_000)
DIALECT = st.sampled_from(sorted(DIALECTS))
LATE = st.booleans()
ACTIVE = {"in-progress", "paused"}
FINISHED = {"completed", "absent"}
UNANSWERED = {"queued", "ringing"}
LIVE_CALL = UNANSWERED | {"in-progress"}
MAX_RESOURCES = 4
"""The maximum number of calls and of conferences; recordings may be twice as many. Fewer mean more events for each."""

START_TIMEOUT_SECONDS: Final = 2_400
MEDIA_TIMEOUT_SECONDS: Final = 3_600
COMMAND_EXPIRY_SECONDS: Final = 86_400
"""The reconciler's deadlines of the engine protocol."""

Event = dict[str, Any]


@dataclass(eq=False)
class Recording:
    """The model of a recording; its status is empty until the API knows the recording."""

    id: str
    parent: "Call | Conference"
    status: str = ""
    by_api: bool = False
    version: int = 1
    confirmed_version: int = 1
    own_version: int = 0
    """The version of the last change that the engine made by itself."""
    last_event_seq: int = 0
    updated: int = 0
    has_media: bool = False
    is_start_reported: bool = False
    given_up: bool = False

    @property
    def about(self) -> Event:
        """The fields by which an event names the recording."""
        kind = "call" if isinstance(self.parent, Call) else "conference"
        return {"parent": {"type": kind, "id": self.parent.id}, "recording": self.id}

    def move(self, status: str, now: int) -> None:
        """Change the status and increment the version."""
        self.status, self.version, self.updated = status, self.version + 1, now


@dataclass(eq=False)
class Call:
    """The model of a call; its status is empty until the API knows the call."""

    id: str
    status: str = ""
    recordings: list[Recording] = field(default_factory=list)
    conference: "Conference | None" = None
    """The only conference that the call joins; None before the first join."""
    redirected_at: int | None = None
    """When the last redirect was requested, in seconds; the engine of this model confirms none."""


@dataclass(eq=False)
class Participant:
    """The model of a present or former participant."""

    call: Call
    ends: bool
    last_event_seq: int
    muted: bool = False
    hold: bool = False
    is_inside: bool = True
    requested_at: int | None = None
    requested_version: int = 0
    """Version and time (seconds) of the pending request to the engine."""

    def has_unexpired_request(self, now: int) -> bool:
        """Return whether a request is pending, which overrides the engine's own changes for a day."""
        return self.requested_at is not None and now - self.requested_at < COMMAND_EXPIRY_SECONDS


@dataclass(eq=False)
class Conference:
    """The model of a conference; its status is empty until the API knows the conference."""

    id: str
    name: str
    status: str = ""
    participants: dict[str, Participant] = field(default_factory=dict)
    recordings: list[Recording] = field(default_factory=list)
    first_call: Call | None = None

    @property
    def is_live(self) -> bool:
        """Whether the API knows the conference and it has not ended."""
        return self.status not in {"", "completed"}

    @property
    def present(self) -> list[Participant]:
        """The participants who are in the conference."""
        return [each for each in self.participants.values() if each.is_inside] if self.is_live else []


class EventDeferred(Exception):
    """The event refers to a resource that the API does not know yet, so the engine sends it again."""


class Families(RuleBasedStateMachine):
    """One account with its resources, and the rules that change them."""

    make_world: ClassVar[Callable[[], World]]
    bucket: ClassVar[Objects]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.account = self.world.account.account
        self.clients = {name: self.world.client(name) for name in DIALECTS}
        self.all_calls: list[Call] = []
        self.all_conferences: list[Conference] = []
        self.all_recordings: list[Recording] = []
        self.late_events: list[Event] = []
        self.ingested_events: list[Event] = []
        self.commands: list[Event] = []

    @property
    def calls(self) -> list[Call]:
        """The calls that the API knows."""
        return [each for each in self.all_calls if each.status]

    @property
    def conferences(self) -> list[Conference]:
        """The conferences that the API knows."""
        return [each for each in self.all_conferences if each.status]

    @property
    def recordings(self) -> list[Recording]:
        """The recordings that the API knows."""
        return [each for each in self.all_recordings if each.status]

    # Time and the reconciler.

    @initialize(ends=st.lists(st.booleans(), min_size=1, max_size=3))
    def begin(self, ends: list[bool]) -> None:
        """Start with a conference of a few calls."""
        self.start_conference("Lobby", late=False)
        for who, each in enumerate(ends):
            self.add_call("call.answered", late=False)
            self.join(who, 0, ends=each, late=False)

    @rule(seconds=st.sampled_from([0.001, 1, 60, 86_400]))
    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.world.clock.step(seconds)

    @rule(seconds=st.sampled_from([0, 2_401, 3_601]))
    def reconcile(self, seconds: int) -> None:
        """Run the reconciler, which resends commands and finishes recordings that timed out."""
        now = self.world.clock.step(seconds)
        assert "failed" not in self.world.reconcile()
        for recording in self.recordings:
            never_began = recording.confirmed_version == 0 and now - created_at(recording.id) >= START_TIMEOUT_SECONDS
            never_came = recording.status == "stopped" and now - recording.updated >= MEDIA_TIMEOUT_SECONDS
            if never_came or (recording.status in ACTIVE and never_began):
                # If the media exist nevertheless, they are kept.
                recording.status = "completed" if recording.has_media else "absent"
                recording.given_up = not recording.has_media

    # Events that the media engine reports.

    @precondition(lambda self: bool(self.late_events))
    @rule(which=PICK)
    def ingest_late_event(self, which: int) -> None:
        """A late event arrives."""
        event = _pick(self.late_events, which)
        if event is not None:
            self.late_events.remove(event)
            self._ingest(event)

    @precondition(lambda self: len(self.late_events) > 1)
    @rule(order=st.randoms(use_true_random=False))
    def ingest_all_late_events(self, order: Random) -> None:
        """All late events arrive, in a random order."""
        events, self.late_events = self.late_events, []
        order.shuffle(events)
        for event in events:
            self._ingest(event)

    @precondition(lambda self: bool(self.ingested_events))
    @rule(which=PICK)
    def repeat_event(self, which: int) -> None:
        """An event that was already applied arrives again and changes nothing."""
        event = _pick(self.ingested_events, which)
        if event is not None:
            before = self._all_items()
            assert self.world.ingest(event) == []
            assert self._all_items() == before

    @precondition(lambda self: len(self.all_calls) < MAX_RESOURCES)
    @rule(kind=st.sampled_from(["call.ringing", "call.answered", "call.answered"]), late=LATE)
    def add_call(self, kind: str, *, late: bool) -> None:
        """The engine reports a new call."""
        self.world.clock.step(0.001)
        call = Call(new_id(self.world.clock()))
        self.all_calls.append(call)
        self._report(kind, call=call.id, to="+12025550100", **{"from": "+12025550101"}, late=late)

    @rule(who=PICK, late=LATE)
    def answer(self, who: int, *, late: bool) -> None:
        """The engine reports that a call was answered."""
        call = _pick(self.all_calls, who)
        if call is not None:
            self._report("call.answered", call=call.id, late=late)

    @rule(who=PICK, late=LATE)
    def hang_up(self, who: int, *, late: bool) -> None:
        """The engine reports that a call ended."""
        call = _pick(self.all_calls, who)
        if call is not None:
            self._report("call.ended", call=call.id, late=late)

    @precondition(lambda self: len(self.all_conferences) < MAX_RESOURCES)
    @rule(name=st.sampled_from(["Lobby", "Attic", "Cellar"]), late=LATE)
    def start_conference(self, name: str, *, late: bool) -> None:
        """The engine reports a new conference, whose name may still be in use because the end of another is late."""
        self.world.clock.step(0.001)
        conference = Conference(new_id(self.world.clock()), name)
        self.all_conferences.append(conference)
        self._report("conference.started", conference=conference.id, name=name, late=late)

    @rule(where=PICK, late=LATE)
    def report_conference_end(self, where: int, *, late: bool) -> None:
        """The engine reports that a conference ended."""
        conference = _pick(self.all_conferences, where)
        if conference is not None:
            self._report("conference.ended", conference=conference.id, late=late)

    @rule(who=PICK, where=PICK, ends=st.booleans(), late=LATE)
    def join(self, who: int, where: int, *, ends: bool, late: bool) -> None:
        """The engine reports that a call joined a conference; a call joins only one, maybe repeatedly."""
        call, conference = _pick(self.all_calls, who), _pick(self.all_conferences, where)
        if call is None or conference is None:
            return
        call.conference = call.conference or conference
        more = {"end_conference_on_exit": ends}
        self._report("participant.joined", conference=call.conference.id, call=call.id, **more, late=late)

    @rule(who=PICK, late=LATE)
    def leave(self, who: int, *, late: bool) -> None:
        """The engine reports that a call left its conference and continues."""
        call = _pick([each for each in self.all_calls if each.conference is not None], who)
        if call is not None:
            self._report("participant.left", conference=call.conference.id, call=call.id, late=late)

    @rule(who=PICK, muted=st.booleans(), late=LATE)
    def mute(self, who: int, *, muted: bool, late: bool) -> None:
        """The engine reports that a participant muted or unmuted itself."""
        call = _pick([each for each in self.all_calls if each.conference is not None], who)
        if call is not None:
            self._report("participant.changed", conference=call.conference.id, call=call.id, muted=muted, late=late)

    @precondition(lambda self: len(self.all_recordings) < 2 * MAX_RESOURCES)
    @rule(which=PICK, late=LATE)
    def record(self, which: int, *, late: bool) -> None:
        """The engine reports that it started a recording without a request."""
        parent = _pick([*self.all_calls, *self.all_conferences], which)
        if parent is None:
            return
        self.world.clock.step(0.001)
        recording = Recording(new_id(self.world.clock()), parent)
        self.all_recordings.append(recording)
        source = "RecordVerb" if isinstance(parent, Call) else "Conference"
        self._report("recording.started", **recording.about, source=source, late=late)

    @rule(which=PICK, kind=st.sampled_from(["paused", "resumed", "stopped"]), late=LATE)
    def move(self, which: int, kind: str, *, late: bool) -> None:
        """The engine reports that it paused, resumed or stopped a recording without a request."""
        recording = _pick(self.all_recordings, which)
        if recording is not None:
            self._report(f"recording.{kind}", **recording.about, late=late)

    @rule(
        which=PICK,
        participant_events=st.tuples(
            *[st.sampled_from([("joined", True), ("left", True), ("changed", True), ("changed", False)])] * 2
        ),
        recording_events=st.tuples(*[st.sampled_from(["paused", "resumed", "stopped"])] * 2),
    )
    def report_in_reverse(
        self, which: int, participant_events: tuple[tuple[str, bool], ...], recording_events: tuple[str, ...]
    ) -> None:
        """The engine reports two consecutive changes of a participant or recording in reverse order."""
        events: list[Event] = []
        inside = [participant.call for conference in self.conferences for participant in conference.present]
        captured = [each for each in self.recordings if each.status in ACTIVE]
        resource = _pick(inside + captured, which)
        for participant_event, recording_event in zip(participant_events, recording_events, strict=True):
            self.world.clock.step(0.001)
            if isinstance(resource, Recording):
                events.append(self.world.event(f"recording.{recording_event}", **resource.about))
            elif isinstance(resource, Call) and resource.conference is not None:  # always true for a participant
                kind, muted = participant_event
                about: Event = {"conference": resource.conference.id, "call": resource.id}
                about |= {"end_conference_on_exit": False} if kind == "joined" else {"muted": muted}
                events.append(self.world.event(f"participant.{kind}", **about))
        for event in reversed(events):
            self._ingest(event)

    @rule(which=PICK, has_media=st.booleans(), late=LATE)
    def complete(self, which: int, *, has_media: bool, late: bool) -> None:
        """The engine reports that it stored a capture, which may be missing."""
        recording = _pick(self.all_recordings, which)
        if recording is None:
            return
        if has_media and (recording.given_up or recording.status not in FINISHED | {"deleted"}):
            self.bucket.put_at(self.account, recording.id, "capture.wav", sound(2))
            recording.has_media = True
        self._report("recording.completed", **recording.about, **capture_fields(recording.id, sound(2)), late=late)

    @rule(which=PICK, late=LATE)
    def report_absent(self, which: int, *, late: bool) -> None:
        """The engine reports that a recording has no audio."""
        recording = _pick(self.all_recordings, which)
        if recording is not None:
            self._report("recording.absent", **recording.about, error=16101, late=late)

    @rule(which=PICK, late=LATE)
    def confirm_command(self, which: int, *, late: bool) -> None:
        """The engine confirms one of the commands sent to it."""
        self._publish()
        command = _pick([each for each in self.commands if each["type"] in _CONFIRMATIONS], which)
        if command is None:
            return
        self.commands.remove(command)
        about = {name: command[name] for name in ("parent", "recording", "conference", "call") if name in command}
        self._report(_CONFIRMATIONS[command["type"]], **about, version=command["version"], late=late)

    def _report(self, kind: str, *, late: bool, **fields: Any) -> None:
        self.world.clock.step(0.001)
        event = self.world.event(kind, **fields)
        if late:
            self.late_events.append(event)
        else:
            self._ingest(event)

    def _ingest(self, event: Event) -> None:
        try:
            _APPLY[event["type"].partition(".")[0]](self, event)
        except EventDeferred:
            assert self.world.ingest(event) == [0], event
            self.late_events.append(event)
        else:
            assert self.world.ingest(event) == [], event
            self.ingested_events.append(event)
            self._publish()
            assert self.world.convert() == []

    def _apply_call_event(self, event: Event) -> None:
        call = _find(self.all_calls, event["call"])
        if not call.status:
            if "to" not in event:
                raise EventDeferred
            call.status = "ringing" if event["type"] == "call.ringing" else "in-progress"
        elif event["type"] == "call.ended":
            if call.status in LIVE_CALL:
                self._end_call(call, "completed" if call.status == "in-progress" else "no-answer", event["seq"])
            participant = call.conference.participants.get(call.id) if call.conference is not None else None
            if participant is not None:
                participant.requested_at = None
        elif call.status in UNANSWERED:
            call.status = "ringing" if event["type"] == "call.ringing" else "in-progress"

    def _apply_conference_event(self, event: Event) -> None:
        conference = _find(self.all_conferences, event["conference"])
        if event["type"] == "conference.started":
            if not conference.status:
                if any(each.is_live and each.name == conference.name for each in self.conferences):
                    raise EventDeferred
                conference.status = "init"
        elif not conference.status:
            raise EventDeferred
        elif conference.is_live:
            self._end_conference(conference)

    def _apply_participant_event(self, event: Event) -> None:
        conference = _find(self.all_conferences, event["conference"])
        call, seq, version = _find(self.all_calls, event["call"]), event["seq"], event.get("version")
        now = self.world.clock() // 1000
        participant = conference.participants.get(call.id)
        if event["type"] == "participant.joined":
            self._apply_join(event, conference, call, participant)
            return
        if participant is None:
            raise EventDeferred
        if version is not None:
            if participant.requested_version == version and participant.requested_at is not None:
                participant.requested_at = None
                participant.last_event_seq = max(participant.last_event_seq, seq)
        elif event["type"] == "participant.left":
            if seq >= participant.last_event_seq and conference.is_live:
                participant.last_event_seq = seq
                if participant.is_inside:
                    self._apply_leave(conference, participant)
            if seq >= participant.last_event_seq:
                participant.requested_at = None
        elif (
            participant.is_inside
            and conference.is_live
            and seq >= participant.last_event_seq
            and not participant.has_unexpired_request(now)
        ):
            participant.muted, participant.last_event_seq = event["muted"], seq

    def _apply_join(self, event: Event, conference: Conference, call: Call, participant: Participant | None) -> None:
        seq, now = event["seq"], self.world.clock() // 1000
        if not conference.status or not call.status:
            raise EventDeferred
        if (participant is not None and seq <= participant.last_event_seq) or not conference.is_live:
            return
        if participant is not None and not participant.is_inside and participant.has_unexpired_request(now):
            return
        is_redirected = call.redirected_at is not None and now - call.redirected_at < COMMAND_EXPIRY_SECONDS
        if participant is not None and not participant.is_inside and not participant.last_event_seq and is_redirected:
            return
        if participant is not None and participant.is_inside:
            participant.last_event_seq = seq
        elif call.status in UNANSWERED:
            raise EventDeferred
        elif call.status == "in-progress":
            conference.participants[call.id] = Participant(call, event["end_conference_on_exit"], seq)
            conference.first_call = conference.first_call or call
            if len(conference.present) > 1:
                conference.status = "in-progress"

    def _apply_recording_event(self, event: Event) -> None:
        recording = _find(self.all_recordings, event["recording"])
        parent, kind, version, now = recording.parent, event["type"], event.get("version"), self.world.clock() // 1000
        if not recording.status:
            is_early = not parent.status or parent.status in {"init", *UNANSWERED}
            is_open = isinstance(parent, Conference) and parent.is_live
            lacks_call = is_open and parent.first_call is None
            if kind != "recording.started" or is_early or lacks_call:
                raise EventDeferred
            if parent.status == "in-progress":
                recording.status, recording.updated = "in-progress", now
                parent.recordings.append(recording)
        elif version is not None or kind == "recording.started":
            is_start = kind == "recording.started" and recording.by_api and not recording.is_start_reported
            is_new = recording.confirmed_version < (version or 1)
            if (is_new or is_start) and recording.status not in FINISHED | {"deleted"}:
                is_pause = recording.status == "paused" and version == recording.version
                is_unpaused = is_pause and kind == "recording.started"
                if is_pause and not is_unpaused and event["seq"] < recording.last_event_seq:
                    recording.version += 1  # the engine has resumed since: the pause is sent again
                recording.confirmed_version = max(recording.confirmed_version, (version or 1) - is_unpaused)
                recording.last_event_seq = max(recording.last_event_seq, event["seq"])
                recording.is_start_reported |= is_start
        elif kind in _TRANSITIONS:
            self._apply_transition(recording, _TRANSITIONS[kind], event["seq"], now)
        else:
            self._apply_end(recording, kind, event["seq"], now)

    def _apply_transition(self, recording: Recording, target: str, seq: int, now: int) -> None:
        if recording.status not in ACTIVE:
            return
        is_fresh = recording.confirmed_version == recording.version and seq >= recording.last_event_seq
        is_requested_pause = recording.status == "paused" and recording.own_version != recording.version
        if target == recording.status:
            recording.last_event_seq = max(recording.last_event_seq, seq)
        elif target == "in-progress" and is_requested_pause:
            recording.version += is_fresh  # sent again
            recording.last_event_seq = max(recording.last_event_seq, seq)
        elif target == "stopped" or is_fresh:
            recording.move(target, now)
            recording.confirmed_version = recording.own_version = recording.version
            recording.last_event_seq = max(recording.last_event_seq, seq)

    def _apply_end(self, recording: Recording, kind: str, seq: int, now: int) -> None:
        if recording.status in ACTIVE:
            self._apply_transition(recording, "stopped", seq, now)
        is_late = recording.status == "absent" and recording.given_up and kind == "recording.completed"
        if recording.status != "stopped" and not is_late:
            return
        if kind == "recording.absent":
            recording.status = "absent"
        elif recording.has_media:
            recording.status = "completed"
        else:
            raise EventDeferred

    # Requests of clients.

    @rule(dialect=DIALECT, which=PICK)
    def create(self, dialect: str, which: int) -> None:
        """Start a recording of a call (create_call_recording)."""
        client, call = self.clients[dialect], _pick(self.calls, which)
        if call is None or len(self.all_recordings) >= 2 * MAX_RESOURCES:
            return
        now = self.world.clock.step(0.001)
        answer = client.post("Calls", client.sid(ResourceType.CALL, call.id), "Recordings")
        running = next((each for each in call.recordings if each.by_api and each.status in ACTIVE), None)
        if call.status != "in-progress":
            _refused(answer, 400, 21220)
        elif running is not None:
            assert (answer.status, answer.body["sid"]) == (200, client.sid(ResourceType.RECORDING, running.id))
            assert answer.body["status"] == running.status
        else:
            assert (answer.status, answer.body["status"]) == (client.dialect.created_status, "in-progress")
            identifier = client.dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"])
            assert identifier is not None
            made = Recording(identifier, call, "in-progress", by_api=True, confirmed_version=0, updated=now)
            self.all_recordings.append(made)
            call.recordings.append(made)

    @rule(
        dialect=DIALECT,
        which=PICK,
        status=st.sampled_from(["paused", "in-progress", "stopped"]),
        current=st.booleans(),
        elsewhere=st.booleans(),
    )
    def update(self, dialect: str, which: int, status: str, *, current: bool, elsewhere: bool) -> None:
        """Update a recording by sid or as `Twilio.CURRENT`, also below another parent."""
        client, recording = self.clients[dialect], _pick(self.recordings, which)
        if recording is None:
            return
        parent = recording.parent
        if elsewhere:
            parent = _pick([*self.calls, *self.conferences], which + 1) or parent
        sid = "Twilio.CURRENT" if current else client.sid(ResourceType.RECORDING, recording.id)
        answer = client.post(*_path(client, parent), "Recordings", sid, form={"Status": status})
        if current:
            active = [each for each in parent.recordings if each.status in ACTIVE]
            if dialect == "signalwire":
                _refused(answer, 404, 20404)
                return
            if not active:
                _refused(answer, 400, 21220)
                return
            if len(active) > 1:
                _refused(answer, 400, 16108)
                return
            (recording,) = active
        elif parent is not recording.parent or recording.status == "deleted":
            _refused(answer, 404, 20404)
            return
        self._moved(client, answer, recording, status)

    def _moved(self, client: FunctionClient, answer: Answer, recording: Recording, target: str) -> None:
        if recording.status in ACTIVE:
            is_own_pause = recording.status == "paused" and recording.own_version == recording.version
            if recording.status != target or is_own_pause:
                recording.move(target, self.world.clock() // 1000)
        elif target != "stopped":
            _refused(answer, 400, 21220)
            return
        assert (answer.status, answer.body["status"]) == (200, recording.status)
        assert answer.body["sid"] == client.sid(ResourceType.RECORDING, recording.id)

    @rule(dialect=DIALECT, which=PICK, nested=st.booleans())
    def delete(self, dialect: str, which: int, *, nested: bool) -> None:
        """Delete a recording below its parent or its account."""
        client, recording = self.clients[dialect], _pick(self.recordings, which)
        if recording is None:
            return
        above = _path(client, recording.parent) if nested else ()
        answer = client.delete(*above, "Recordings", client.sid(ResourceType.RECORDING, recording.id))
        if recording.status == "deleted":
            _refused(answer, 404, 20404)
        elif recording.status not in FINISHED:
            _refused(answer, 400, 20009)
        else:
            assert (answer.status, answer.content) == (204, b"")
            recording.status, recording.has_media = "deleted", False

    @rule(dialect=DIALECT, which=PICK, status=st.sampled_from(["completed", "canceled"]))
    def update_call(self, dialect: str, which: int, status: str) -> None:
        """End a call (update_call)."""
        client, call = self.clients[dialect], _pick(self.calls, which)
        if call is None:
            return
        answer = client.post("Calls", client.sid(ResourceType.CALL, call.id), form={"Status": status})
        if call.status not in LIVE_CALL:
            _refused(answer, *((404, 20404) if dialect == "twilio" else (400, 10000)))
            return
        if status == "canceled" and call.status == "in-progress":
            if dialect == "signalwire":
                _refused(answer, 400, 10000)
                return
        else:
            self._end_call(call, status)
        assert (answer.status, answer.body["status"]) == (200, call.status)

    @rule(dialect=DIALECT, which=PICK)
    def redirect_call(self, dialect: str, which: int) -> None:
        """Give new instructions to a call, which leaves its conference (update_call)."""
        client, call = self.clients[dialect], _pick(self.calls, which)
        if call is None:
            return
        form = {"Url": "https://app.example.com/next"}
        answer = client.post("Calls", client.sid(ResourceType.CALL, call.id), form=form)
        if call.status != "in-progress":
            _refused(answer, 400, 21220)
            return
        assert (answer.status, answer.body["status"]) == (200, "in-progress")
        call.redirected_at = self.world.clock() // 1000
        participant = call.conference.participants.get(call.id) if call.conference is not None else None
        if participant is not None and participant in call.conference.present:
            self._apply_leave(call.conference, participant)
            participant.requested_at, participant.last_event_seq = None, 0

    @rule(dialect=DIALECT, where=PICK)
    def end_conference(self, dialect: str, where: int) -> None:
        """End a conference (update_conference)."""
        client, conference = self.clients[dialect], _pick(self.conferences, where)
        if conference is None:
            return
        answer = client.post(
            "Conferences", client.sid(ResourceType.CONFERENCE, conference.id), form={"Status": "completed"}
        )
        if not conference.is_live:
            _refused(answer, 400, 20001 if dialect == "twilio" else 10000)
            return
        self._end_conference(conference)
        assert (answer.status, answer.body["status"]) == (200, "completed")

    @rule(dialect=DIALECT, where=PICK, who=PICK, muted=st.booleans(), hold=st.booleans())
    def change_participant(self, dialect: str, where: int, who: int, *, muted: bool, hold: bool) -> None:
        """Mute or hold a participant (update_participant)."""
        client, conference, call = self.clients[dialect], _pick(self.conferences, where), _pick(self.calls, who)
        if conference is None or call is None:
            return
        path = (
            "Conferences",
            client.sid(ResourceType.CONFERENCE, conference.id),
            "Participants",
            client.sid(ResourceType.CALL, call.id),
        )
        answer = client.post(*path, form={"Muted": str(muted), "Hold": str(hold)})
        participant = next((each for each in conference.present if each.call is call), None)
        if participant is None or not conference.is_live:
            assert answer.status in ({404} if dialect == "twilio" or conference.is_live else {400, 404})
            return
        if (participant.muted, participant.hold) != (muted, hold):
            participant.muted, participant.hold = muted, hold
            self._note_request(conference, participant, "participant.update")
        assert (answer.status, answer.body["muted"], answer.body["hold"]) == (200, muted, hold)

    @rule(dialect=DIALECT, where=PICK, who=PICK)
    def delete_participant(self, dialect: str, where: int, who: int) -> None:
        """Remove a participant (remove_participant)."""
        client, conference, call = self.clients[dialect], _pick(self.conferences, where), _pick(self.calls, who)
        if conference is None or call is None:
            return
        path = (
            "Conferences",
            client.sid(ResourceType.CONFERENCE, conference.id),
            "Participants",
            client.sid(ResourceType.CALL, call.id),
        )
        answer = client.delete(*path)
        if not conference.is_live or not any(each.call is call for each in conference.present):
            _refused(answer, 404, 20404)
            return
        assert answer.status == 204
        participant = conference.participants[call.id]
        self._apply_leave(conference, participant)
        self._note_request(conference, participant, "participant.remove")

    # What the API shows.

    @rule(dialect=DIALECT, size=st.sampled_from([1, 2, 50]))
    def list_recordings(self, dialect: str, size: int) -> None:
        """List the account's recordings page by page, with and without deleted ones."""
        client = self.clients[dialect]
        listed = [each for each in self.recordings if each.status != "deleted"]
        assert self._read_list(client, ("Recordings",), PageSize=str(size)) == self._shown(client, listed)
        if dialect == "twilio":
            everything = self._read_list(client, ("Recordings",), PageSize=str(size), IncludeSoftDeleted="true")
            assert everything == self._shown(client, self.recordings)

    @rule(dialect=DIALECT, which=PICK)
    def get_parent(self, dialect: str, which: int) -> None:
        """Get a call or conference, list its recordings, and get each of them."""
        client, parent = self.clients[dialect], _pick([*self.calls, *self.conferences], which)
        if parent is None:
            return
        path = _path(client, parent)
        assert client.get(*path).body["status"] == parent.status
        listed = [each for each in parent.recordings if each.status != "deleted"]
        assert self._read_list(client, (*path, "Recordings"), PageSize="2") == self._shown(client, listed)
        for recording in parent.recordings:
            answer = client.get(*path, "Recordings", client.sid(ResourceType.RECORDING, recording.id))
            if recording.status == "deleted":
                _refused(answer, 404, 20404)
            else:
                assert answer.body["status"] == _shown_status(client, recording.status)

    @rule(dialect=DIALECT, status=st.sampled_from(["init", "in-progress", "completed"]))
    def list_conferences(self, dialect: str, status: str) -> None:
        """List all conferences, those of one status, and the participants of each."""
        client = self.clients[dialect]
        for expected, query in (
            (self.conferences, {}),
            ([r for r in self.conferences if r.status == status], {"Status": status}),
        ):
            conferences = sorted(expected, key=lambda conference: conference.id, reverse=True)
            found = self._read_list(client, ("Conferences",), PageSize="2", **query)
            assert found == [
                (client.sid(ResourceType.CONFERENCE, conference.id), conference.status) for conference in conferences
            ]
        for conference in self.conferences:
            path = ("Conferences", client.sid(ResourceType.CONFERENCE, conference.id), "Participants")
            inside = conference.present if conference.is_live else []
            seen = {(each["call_sid"], each["muted"], each["hold"]) for each in client.get(*path).body["participants"]}
            assert seen == {(client.sid(ResourceType.CALL, each.call.id), each.muted, each.hold) for each in inside}

    @rule(dialect=DIALECT, status=st.sampled_from(["queued", "in-progress", "completed", "canceled"]))
    def list_calls(self, dialect: str, status: str) -> None:
        """List all calls, and those of one status."""
        client = self.clients[dialect]
        for expected, query in ((self.calls, {}), ([c for c in self.calls if c.status == status], {"Status": status})):
            calls = sorted(expected, key=lambda call: call.id, reverse=True)
            found = self._read_list(client, ("Calls",), PageSize="3", **query)
            assert found == [(client.sid(ResourceType.CALL, call.id), call.status) for call in calls]

    @invariant()
    def nothing_outlives_its_parent(self) -> None:
        """In the model, each active recording has a parent in progress."""
        for recording in self.recordings:
            if recording.status in ACTIVE:
                assert recording.parent.status == "in-progress"

    def teardown(self) -> None:
        """Finally check every list and resource in both dialects."""
        for dialect in self.clients:
            self.list_recordings(dialect, 50)
            for which in range(len(self.calls) + len(self.conferences)):
                self.get_parent(dialect, which)
            self.list_conferences(dialect, "init")
            self.list_calls(dialect, "in-progress")

    # The model.

    def _publish(self) -> None:
        assert self.world.publish() == []
        self.commands += [dict(message.body) for message in self.world.commands.drain()]

    def _note_request(self, conference: Conference, participant: Participant, kind: str) -> None:
        """Note the version and time of the request that the engine was sent for a participant."""
        self._publish()
        about = {"type": kind, "conference": conference.id, "call": participant.call.id}
        versions = [each["version"] for each in self.commands if about.items() <= each.items()]
        # If the conference ended too, the engine is sent that command instead.
        assert versions or not conference.is_live
        participant.requested_version, participant.requested_at = max(versions, default=0), self.world.clock() // 1000

    def _end_call(self, call: Call, status: str, event_time: int = 0) -> None:
        call.status = status
        self._stop_all(call.recordings)
        participant = call.conference.participants.get(call.id) if call.conference is not None else None
        if (
            call.conference is not None
            and call.conference.is_live
            and participant is not None
            and participant.is_inside
        ):
            participant.last_event_seq = max(participant.last_event_seq, event_time)
            self._apply_leave(call.conference, participant)

    def _apply_leave(self, conference: Conference, participant: Participant) -> None:
        participant.is_inside = False
        if not conference.present or participant.ends:
            self._end_conference(conference)

    def _end_conference(self, conference: Conference) -> None:
        conference.status = "completed"
        self._stop_all(conference.recordings)

    def _stop_all(self, recordings: Sequence[Recording]) -> None:
        for recording in recordings:
            if recording.status in ACTIVE:
                recording.move("stopped", self.world.clock() // 1000)

    def _all_items(self) -> list[Any]:
        items = self.world.memory.scan(TableName=self.world.table)["Items"]
        return sorted(items, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))

    def _shown(self, client: FunctionClient, recordings: Sequence[Recording]) -> list[tuple[str, str]]:
        newest_first = sorted(recordings, key=lambda each: each.id, reverse=True)
        return [
            (client.sid(ResourceType.RECORDING, each.id), _shown_status(client, each.status)) for each in newest_first
        ]

    def _read_list(self, client: FunctionClient, path: tuple[str, ...], **query: str) -> list[tuple[str, str]]:
        """Read a list page by page and return its sids and statuses."""
        body = client.get(*path, **query).body
        found: list[tuple[str, str]] = []
        while True:
            found += [(each["sid"], each["status"]) for each in body[path[-1].lower()]]
            if body["next_page_uri"] is None:
                return found
            body = client.request("GET", body["next_page_uri"]).body


def _pick(resources: Sequence[Any], number: int) -> Any:
    return resources[number % len(resources)] if resources else None


def _path(client: FunctionClient, parent: Call | Conference) -> tuple[str, str]:
    if isinstance(parent, Call):
        return "Calls", client.sid(ResourceType.CALL, parent.id)
    return "Conferences", client.sid(ResourceType.CONFERENCE, parent.id)


def _find(resources: Sequence[Any], identifier: str) -> Any:
    return next(each for each in resources if each.id == identifier)


def _shown_status(client: FunctionClient, status: str) -> str:
    """Return a recording's status as a read shows it."""
    if client.dialect.name == "twilio" and status not in FINISHED | {"deleted"}:
        return "processing"
    return status


def _refused(answer: Answer, status: int, code: int) -> None:
    assert (answer.status, answer.body["code"]) == (status, code)


_APPLY: Final[dict[str, Callable[[Families, Event], None]]] = {
    "call": Families._apply_call_event,
    "conference": Families._apply_conference_event,
    "participant": Families._apply_participant_event,
    "recording": Families._apply_recording_event,
}

_TRANSITIONS: Final = {"recording.paused": "paused", "recording.resumed": "in-progress", "recording.stopped": "stopped"}

_CONFIRMATIONS: Final = {
    "recording.start": "recording.started",
    "recording.pause": "recording.paused",
    "recording.resume": "recording.resumed",
    "recording.stop": "recording.stopped",
    "participant.update": "participant.changed",
    "participant.remove": "participant.left",
}
"""The event that confirms each type of command."""


@pytest.mark.sized
@pytest.mark.timeout(900)
def test_any_sequence_agrees_with_the_model(make_world: Callable[[int], World], bucket: Objects) -> None:
    """After any sequence of requests and events in either dialect, the API shows what the model predicts."""
    Families.make_world = staticmethod(lambda: make_world(72))
    Families.bucket = bucket
    run_state_machine_as_test(
        Families,
        settings=settings(
            max_examples=scaled(deep=1_000, ci=60, fast=6),
            stateful_step_count=40,
            deadline=None,
            # A failing sequence is not shrunk, because that takes longer than the timeout.
            phases=[Phase.generate],
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
