"""The sequential model of the conferences of one name, of their participants, and of the calls of these.

A participant is dialed, or was connected before the history begins. One that was dialed stays `queued`: it never counts
in its conference, and its call ends when it is removed. The last connected participant that leaves ends the conference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from tests.linearizability.model import NOT_FOUND, REJECTED, UNKNOWN, Operation, Outcome, Verdict, ok

INIT: Final = "init"
IN_PROGRESS: Final = "in-progress"
COMPLETED: Final = "completed"
LIVE: Final = "live"
ENDED: Final = "ended"
MUTED: Final = "muted"
AUDIBLE: Final = "audible"


class Act(StrEnum):
    """Kinds of requests. Their arguments: a label or none (dial), `conference/call`, a conference, or a call."""

    DIAL = "dial"
    MUTE = "mute"
    UNMUTE = "unmute"
    REMOVE = "remove"
    END = "end"
    HANG_UP = "hang_up"
    READ_PARTICIPANT = "read_participant"
    READ_CONFERENCE = "read_conference"
    READ_CALL = "read_call"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Member:
    """A participant of a conference, which may have ended; `has_left`: it has left before."""

    conference: str
    call: str
    label: str = ""
    is_muted: bool = False
    is_connected: bool = False
    ends_conference: bool = False
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """A conference: its status, and how many participants are connected, or were when it ended."""

    id: str
    status: str
    connected: int


@dataclass(frozen=True, slots=True)
class Rooms:
    """All conferences of the name, the participants in them, and the calls of these."""

    rooms: frozenset[Room] = frozenset()
    members: frozenset[Member] = frozenset()
    calls: frozenset[tuple[str, str]] = frozenset()

    @property
    def live(self) -> Room | None:
        """The live conference of the name; there is at most one."""
        return next((room for room in self.rooms if room.status != COMPLETED), None)

    def room(self, identifier: str) -> Room | None:
        """Return a conference by its id."""
        return next((room for room in self.rooms if room.id == identifier), None)

    def member(self, conference: str, call: str) -> Member | None:
        """Return a participant, also one that has left."""
        found = (each for each in self.members if (each.conference, each.call) == (conference, call))
        return next(found, None)

    def call(self, identifier: str) -> str | None:
        """Return whether a call is live or ended; None if there is none."""
        return next((status for call, status in self.calls if call == identifier), None)

    def with_room(self, room: Room) -> "Rooms":
        """Return these with a conference changed or added."""
        return replace(self, rooms=frozenset(each for each in self.rooms if each.id != room.id) | {room})

    def with_member(self, before: Member | None, after: Member) -> "Rooms":
        """Return these with a participant changed or added."""
        return replace(self, members=(self.members - {before}) | {after})

    def with_call(self, call: str, status: str) -> "Rooms":
        """Return these with a call changed or added."""
        return replace(self, calls=frozenset(each for each in self.calls if each[0] != call) | {(call, status)})


def apply(rooms: Rooms, act: Act, argument: str, new: tuple[str, str] | None = None) -> tuple[Outcome, Rooms]:
    """Return the outcome of an operation that runs alone, and the state after it.

    Args:
        rooms: the state before.
        act: the kind of request.
        argument: as `Act` says.
        new: the ids of the call and, if it is created, of the conference of a dialed participant.
    """
    match act:
        case Act.DIAL:
            return _dial(rooms, argument, new or ("", ""))
        case Act.READ_CALL | Act.HANG_UP:
            status = rooms.call(argument)
            if status is None:
                return NOT_FOUND, rooms
            if act is Act.READ_CALL:
                return ok(argument, status), rooms
            return (ok(argument, ENDED), _hang_up(rooms, argument)) if status == LIVE else (REJECTED, rooms)
        case Act.READ_CONFERENCE | Act.END | Act.LIST:
            return _of_room(rooms, act, argument)
        case _:
            return _of_member(rooms, act, *argument.split("/"))


def _dial(rooms: Rooms, label: str, new: tuple[str, str]) -> tuple[Outcome, Rooms]:
    call, conference = new
    room = rooms.live or Room(conference, INIT, 0)
    inside = (each for each in rooms.members if each.conference == room.id and not each.has_left)
    if label and any(each.label == label for each in inside):
        return REJECTED, rooms
    after = rooms.with_room(room).with_member(None, Member(room.id, call, label)).with_call(call, LIVE)
    return Outcome(Verdict.CREATED, call, room.id), after


def _of_room(rooms: Rooms, act: Act, conference: str) -> tuple[Outcome, Rooms]:
    room = rooms.room(conference)
    if room is None:
        return NOT_FOUND, rooms
    if act is Act.READ_CONFERENCE:
        return ok(conference, f"{room.status} {room.connected}"), rooms
    if act is Act.LIST:
        everyone = (each for each in rooms.members if each.conference == conference and room.status != COMPLETED)
        return ok(conference, " ".join(sorted(each.call for each in everyone if not each.has_left))), rooms
    if room.status == COMPLETED:
        return REJECTED, rooms
    return ok(conference, COMPLETED), rooms.with_room(replace(room, status=COMPLETED))


def _of_member(rooms: Rooms, act: Act, conference: str, call: str) -> tuple[Outcome, Rooms]:
    room, member = rooms.room(conference), rooms.member(conference, call)
    if room is not None and member is not None and room.status == COMPLETED:
        # One that has left before the end is also a participant of a conference that is over.
        return (REJECTED if act in {Act.MUTE, Act.UNMUTE} else NOT_FOUND), rooms
    if room is None or member is None or member.has_left:
        return NOT_FOUND, rooms
    if act is Act.READ_PARTICIPANT:
        return ok(call, MUTED if member.is_muted else AUDIBLE), rooms
    if act is Act.REMOVE:
        after = _leave(rooms, room, member)
        return ok(call, ENDED), after if member.is_connected else after.with_call(call, ENDED)
    is_muted = act is Act.MUTE
    return ok(call, MUTED if is_muted else AUDIBLE), rooms.with_member(member, replace(member, is_muted=is_muted))


def _leave(rooms: Rooms, room: Room, member: Member) -> Rooms:
    after = rooms.with_member(member, replace(member, has_left=True))
    if not member.is_connected:
        return after
    remaining = room.connected - 1
    is_over = remaining == 0 or member.ends_conference
    return after.with_room(replace(room, connected=remaining, status=COMPLETED if is_over else room.status))


def _hang_up(rooms: Rooms, call: str) -> Rooms:
    room = rooms.live
    member = rooms.member(room.id, call) if room is not None else None
    is_inside = room is not None and member is not None and not member.has_left
    after = _leave(rooms, room, member) if is_inside and room is not None and member is not None else rooms
    return after.with_call(call, ENDED)


@dataclass(frozen=True, slots=True)
class ConferenceModel:
    """The sequential model of one history, in the form that the checker needs.

    A participant that was dialed without a response may have any id that no answer claims, or one that appears nowhere.
    """

    initial: Rooms = field(default_factory=Rooms)
    calls: frozenset[str] = frozenset()
    conferences: frozenset[str] = frozenset()

    @classmethod
    def of(cls, history: Sequence[Operation], initial: Rooms) -> "ConferenceModel":
        """Build the model for a history."""
        calls: set[str] = set()
        conferences: set[str] = set()
        for each in history:
            if each.kind is Act.LIST:
                calls |= set((each.outcome.status or "").split())
            if each.kind in {Act.LIST, Act.READ_CONFERENCE, Act.END}:
                conferences.add(each.argument or "")
            if "/" in (each.argument or ""):
                conference, call = (each.argument or "").split("/")
                calls.add(call)
                conferences.add(conference)
        created = [each.outcome for each in history if each.outcome.verdict == Verdict.CREATED]
        calls -= {each.recording for each in created} | {call for call, _ in initial.calls}
        return cls(initial, frozenset(calls), frozenset(conferences) - {each.id for each in initial.rooms})

    def steps(self, state: Rooms, operation: Operation) -> Iterator[Rooms]:
        """Yield the possible states after this operation, given the outcome that its client saw."""
        act = Act(operation.kind)
        for new in self._created(state, operation) if act is Act.DIAL else (None,):
            outcome, after = apply(state, act, operation.argument or "", new)
            if outcome.verdict is Verdict.CREATED and state.call(outcome.recording or "") is not None:
                continue  # ids are unique
            if operation.outcome in (UNKNOWN, outcome):
                yield after

    def _created(self, state: Rooms, operation: Operation) -> Iterator[tuple[str, str]]:
        """Yield the ids that a dialed participant and its conference may have got."""
        seen = operation.outcome
        calls = [seen.recording or f"unnamed call {len(state.calls)}"]
        calls += sorted(self.calls) if seen == UNKNOWN else []
        known = {each.id for each in state.rooms}
        rooms = [seen.status or f"unnamed conference {len(state.rooms)}"]
        rooms += sorted(self.conferences - known) if seen == UNKNOWN else []
        if state.live is not None:
            rooms = [state.live.id]
        yield from ((call, room) for call in calls for room in rooms if state.live is not None or room not in known)
