"""Conferences of the simulated engine: who is in them, who waits, and how they are recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tapedeck_callflow import Facts, Flow
from tapedeck_callflow.effects import Join
from tapedeck_callflow.events import Event, Left, UrlSource

from tapedeck.domain.conference import PARTICIPANTS_TO_BEGIN
from tapedeck.domain.identity import new_id
from tapedeck_standin.calls.durations import has_same_origin
from tapedeck_standin.calls.leg import Leg, LegStatus
from tapedeck_standin.calls.recording_verbs import RecordingVerbs, capture_arguments
from tapedeck_standin.calls.runtime import CallRuntime
from tapedeck_standin.recordings.captures import Capture

_WAIT_TIMERS: Final = "wait-"

FindConference = Callable[[str, str], str | None]
"""Returns the id of the live conference of an account with a name; None without one."""


@dataclass(slots=True, eq=False)
class Member:
    """A call in a conference; `membership` is None if it was dialed into the conference over the API."""

    call: str
    starts: bool
    ends: bool
    membership: "Membership | None" = None


@dataclass(slots=True, eq=False)
class Room:
    """A conference.

    Attributes:
        name: None while only Tapedeck knows it.
        recording: the arguments of `RecordingCommands.start_own`, if its first participant wants a recording.
        has_begun: whether two participants could speak with each other.
        is_closed: whether it ends: no call joins it any more, and its name is free.
    """

    account: str
    id: str
    name: str | None = None
    recording: Mapping[str, Any] | None = None
    members: dict[str, Member] = field(default_factory=dict)
    has_begun: bool = False
    is_closed: bool = False


@dataclass(slots=True, eq=False)
class Membership:
    """A `<Dial><Conference>` that runs.

    Attributes:
        leg_capture: the recording of the caller's leg, if there is one.
        waiting: the leg that executes the wait document; None without one.
    """

    leg: Leg
    effect: Join
    room: Room
    leg_capture: Capture | None = None
    waiting: Leg | None = None


class Rooms:
    """The conferences.

    Args:
        flows: the calls.
        recordings: starts and stops recordings.
        find_conference: finds a conference that was created over the API.
        report: reports an event: the conference whose events stay in order, and the fields without id and number.
    """

    def __init__(
        self,
        flows: CallRuntime,
        recordings: RecordingVerbs,
        find_conference: FindConference,
        report: Callable[[str, Mapping[str, Any]], object],
    ) -> None:
        self._flows = flows
        self._recordings = recordings
        self._find_conference = find_conference
        self._report = report
        self._rooms: dict[str, Room] = {}

    def join(self, leg: Leg, effect: Join) -> tuple[Event, ...]:
        """Let a call join the conference of a name, which begins with its first participant."""
        room = self._open(leg, effect)
        if effect.coach and not self._is_inside(room, effect.coach):
            return (Left(effect.n, "coach_unknown"),)
        membership = Membership(leg, effect, room)
        leg.running[effect.n] = membership
        if effect.leg is not None:
            membership.leg_capture = self._recordings.start(leg, "DialVerb", effect.leg)
        state = {
            "start_conference_on_enter": effect.start_on_enter, "end_conference_on_exit": effect.end_on_exit,
            "muted": effect.muted,
        }  # fmt: skip
        label = {"label": effect.label} if effect.label else {}
        self._send(leg, room, {"type": "participant.joined", "call": leg.id, **state, **label})
        self._add(room, Member(leg.id, effect.start_on_enter, effect.end_on_exit, membership))
        self._flows.start_timer(leg, f"room-{effect.n}", effect.limit_ms, lambda: self.leave(leg))
        if not room.has_begun:
            self._wait(membership)
        return ()

    def stop(self, leg: Leg, membership: Membership) -> Left:
        """Take a call out of its conference because it ends or goes on elsewhere, and return its event."""
        if leg.status is not LegStatus.ENDED:
            # The end of a call removes it, too.
            self._send(leg, membership.room, {"type": "participant.left", "call": leg.id})
        return self._leave(membership, "stopped")

    def leave(self, leg: Leg) -> bool:
        """Let a call leave its conference by itself; return whether it was in one."""
        membership = _membership(leg)
        if membership is None:
            return False
        leg.running.pop(membership.effect.n)
        self._flows.feed(leg, self.stop(leg, membership))
        return True

    def press_star(self, leg: Leg) -> bool:
        """Leave the conference by `*`, if that is wanted; return whether it was."""
        membership = _membership(leg)
        return membership is not None and membership.effect.hangup_on_star and self.leave(leg)

    # What the API does

    def add_dialed(self, account: str, conference: str, call: str, *, starts: bool, ends: bool) -> None:
        """A call that was dialed into a conference over the API has joined it."""
        room = self._rooms.setdefault(conference, Room(account, conference))
        self._add(room, Member(call, starts, ends))

    def remove(self, conference: str, call: str) -> None:
        """A participant was removed over the API; the answer to its command reports it."""
        room = self._rooms.get(conference)
        member = room.members.get(call) if room is not None else None
        if room is None or member is None:
            return
        self._release(room, member, "removed")

    def end(self, conference: str) -> None:
        """A conference was ended over the API; the answer to its command reports it."""
        room = self._rooms.pop(conference, None)
        if room is None:
            return
        room.is_closed = True
        for member in list(room.members.values()):
            self._release(room, member, "ended")

    def call_ended(self, call: str) -> None:
        """A call has ended that was dialed into a conference."""
        for room in [room for room in self._rooms.values() if call in room.members]:
            self._remove(room, call)

    def recording_of(self, conference: str) -> Mapping[str, Any] | None:
        """Return how a conference is recorded that markup has opened; None if it is not known or not recorded."""
        room = self._rooms.get(conference)
        return room.recording if room is not None else None

    def forget(self, account: str) -> None:
        """Drop the conferences of an account."""
        self._rooms = {name: room for name, room in self._rooms.items() if room.account != account}

    # The conferences

    def _open(self, leg: Leg, effect: Join) -> Room:
        """Return the conference of a name: an open one of this engine, one of the API, or a new one."""
        rooms = [room for room in self._rooms.values() if room.account == leg.account and not room.is_closed]
        named = next((room for room in rooms if room.name == effect.name), None)
        if named is not None:
            return named
        known = self._find_conference(leg.account, effect.name)
        if known is not None and not (known in self._rooms and self._rooms[known].is_closed):
            room = self._rooms.setdefault(known, Room(leg.account, known))
            room.name = effect.name
            return room
        room = Room(leg.account, new_id(self._flows.now(leg)), effect.name)
        if effect.record is not None:
            arguments = capture_arguments(leg, effect.record)
            room.recording = {"trim": arguments["trim"], "callback": arguments["callback"]}
        self._rooms[room.id] = room
        callback = leg.subscription(effect.callback)
        subscription = {"callback": callback} if callback is not None else {}
        record = effect.record is not None
        self._send(leg, room, {"type": "conference.started", "name": effect.name, "record": record, **subscription})
        return room

    def _is_inside(self, room: Room, call: str) -> bool:
        return call.lower().removeprefix("ca").replace("-", "") in room.members

    def _add(self, room: Room, member: Member) -> None:
        room.members[member.call] = member
        begins = len(room.members) >= PARTICIPANTS_TO_BEGIN and any(each.starts for each in room.members.values())
        if begins and not room.has_begun:
            room.has_begun = True
            for each in room.members.values():
                if each.membership is not None:
                    self._end_wait(each.membership)

    def _release(self, room: Room, member: Member, reason: Any) -> None:  # noqa: ANN401 - a reason of `Left`
        """Take a member out, and let the flow of its call go on, if it has one."""
        self._remove(room, member.call)
        membership = member.membership
        if membership is not None and membership.leg.running.pop(membership.effect.n, None) is not None:
            self._flows.feed(membership.leg, self._leave(membership, reason))

    def _leave(self, membership: Membership, reason: Any) -> Left:  # noqa: ANN401 - a reason of `Left`
        leg, effect = membership.leg, membership.effect
        self._end_wait(membership)
        self._flows.cancel_timer(leg, f"room-{effect.n}")
        self._remove(membership.room, leg.id)
        capture = membership.leg_capture
        if capture is not None:
            self._recordings.stop(leg, capture)
        return Left(
            effect.n,
            reason,
            capture.recording if capture is not None else None,
            capture.milliseconds if capture is not None else None,
        )

    def _remove(self, room: Room, call: str) -> None:
        """Forget a member; with the last one, or one whose leaving ends it, the conference is closed."""
        member = room.members.pop(call, None)
        if member is not None and (member.ends or not room.members):
            # It is kept until Tapedeck has ended it, too: until then, Tapedeck still finds it by its name.
            room.is_closed = True

    def _wait(self, membership: Membership) -> None:
        """Request the wait document, if it is of the same host as the document of the call."""
        leg, wait = membership.leg, membership.effect.wait
        if wait is None or not wait.url or not has_same_origin(wait.url, leg.document_url):
            return
        waiting = Leg(
            leg.account, leg.id, leg.to, leg.from_, leg.direction, leg.dialect, leg.rule, LegStatus.IN_PROGRESS,
            played=leg.played, timer_prefix=_WAIT_TIMERS, room=(membership.room.id, membership.effect.name),
            parameters=leg.parameters,
        )  # fmt: skip
        waiting.flow = Flow(Facts(leg.callflow_dialect, kind="wait"))
        membership.waiting = waiting
        self._flows.begin_flow(waiting, UrlSource(wait.url, wait.method))

    def _end_wait(self, membership: Membership) -> None:
        waiting, membership.waiting = membership.waiting, None
        if waiting is not None:
            waiting.flow = None
            self._flows.cancel_prefixed(waiting)

    def _send(self, leg: Leg, room: Room, event: Mapping[str, Any]) -> None:
        self._report(room.id, {**event, "conference": room.id, "account": leg.account, "at": self._flows.now(leg)})


def _membership(leg: Leg) -> Membership | None:
    return next((each for each in leg.running.values() if isinstance(each, Membership)), None)
