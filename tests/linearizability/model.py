"""What one call and its recordings do when requests come one after another (behaviour.md, 5.2 to 5.4, 5.6, 10).

A media engine finishes what was stopped, which makes it `completed`; only then can it be deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

IN_PROGRESS: Final = "in-progress"
PAUSED: Final = "paused"
STOPPED: Final = "stopped"
COMPLETED: Final = "completed"
"""Of a call that was hung up, and of a recording that was finished."""
DELETED: Final = "deleted"


class Kind(StrEnum):
    """What a client may ask; the `current_` kinds name the recording as `Twilio.CURRENT`."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CURRENT_PAUSE = "current_pause"
    CURRENT_RESUME = "current_resume"
    CURRENT_STOP = "current_stop"
    FINISH = "finish"
    DELETE = "delete"
    HANG_UP = "hang_up"
    READ = "read"
    READ_CALL = "read_call"


TARGETS: Final = {
    Kind.PAUSE: PAUSED,
    Kind.RESUME: IN_PROGRESS,
    Kind.STOP: STOPPED,
    Kind.CURRENT_PAUSE: PAUSED,
    Kind.CURRENT_RESUME: IN_PROGRESS,
    Kind.CURRENT_STOP: STOPPED,
}
"""The status that an update asks for."""

BY_ID: Final = frozenset({Kind.PAUSE, Kind.RESUME, Kind.STOP, Kind.FINISH, Kind.DELETE, Kind.READ})
"""The kinds that name a recording by its id."""


class Verdict(StrEnum):
    """How an operation ended, as its client saw it."""

    CREATED = "created"
    EXISTING = "existing"
    OK = "ok"
    REFUSED = "refused"
    SEVERAL = "several"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict with the id and the status that the answer showed, where it shows any."""

    verdict: Verdict
    recording: str | None = None
    status: str | None = None

    def __str__(self) -> str:
        shown = ", ".join(part for part in (self.recording, self.status) if part is not None)
        return f"{self.verdict}({shown})" if shown else str(self.verdict)


REFUSED: Final = Outcome(Verdict.REFUSED)
SEVERAL: Final = Outcome(Verdict.SEVERAL)
NOT_FOUND: Final = Outcome(Verdict.NOT_FOUND)
UNKNOWN: Final = Outcome(Verdict.UNKNOWN)


def created(recording: str) -> Outcome:
    """A new recording."""
    return Outcome(Verdict.CREATED, recording, IN_PROGRESS)


def existing(recording: str, status: str = IN_PROGRESS) -> Outcome:
    """A start that found the recording of an earlier start."""
    return Outcome(Verdict.EXISTING, recording, status)


def ok(recording: str, status: str) -> Outcome:
    """An update or a read of a recording."""
    return Outcome(Verdict.OK, recording, status)


def call_is(status: str) -> Outcome:
    """A hang-up or a read of the call."""
    return Outcome(Verdict.OK, None, status)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of one client.

    `argument` is the recording it names; for a start, the id that the new recording will have, where that is known.
    `invoked` and `returned` are ticks of one clock that all clients share. Where the answer never came, `returned`
    is None and the outcome UNKNOWN: the operation took effect once, at any time after `invoked`, or never.
    """

    client: int
    kind: Kind
    argument: str | None
    invoked: int
    returned: int | None
    outcome: Outcome

    def __post_init__(self) -> None:
        if (self.returned is None) != (self.outcome == UNKNOWN):
            raise ValueError(f"an answer has a time and an outcome, or neither: {self}")

    @property
    def is_answered(self) -> bool:
        """Whether the client knows the outcome."""
        return self.returned is not None

    def __str__(self) -> str:
        until = "" if self.returned is None else self.returned
        return f"client {self.client} [{self.invoked}..{until}] {self.kind}({self.argument or ''}) -> {self.outcome}"


@dataclass(frozen=True, slots=True)
class State:
    """A call and its recordings, by status; `latest` is the recording that a start made last."""

    call: str = IN_PROGRESS
    latest: str | None = None
    recordings: frozenset[tuple[str, str]] = frozenset()

    def status(self, recording: str | None) -> str | None:
        """How a recording stands; None where there is none of this id."""
        return next((status for name, status in self.recordings if name == recording), None)

    @property
    def active(self) -> list[str]:
        """The recordings in progress or paused."""
        return sorted(name for name, status in self.recordings if status in {IN_PROGRESS, PAUSED})

    def having(self, recording: str, status: str) -> "State":
        """The same, with this recording in this status."""
        others = frozenset(entry for entry in self.recordings if entry[0] != recording)
        return replace(self, recordings=others | {(recording, status)})


def apply(state: State, kind: Kind, argument: str | None) -> tuple[Outcome, State]:
    """What an operation answers when nothing else runs, and what it leaves.

    Args:
        state: how the call and its recordings stand.
        kind: what is asked.
        argument: the recording that is meant; for a start, the id that a new one is given.
    """
    match kind:
        case Kind.START:
            return _start(state, argument)
        case Kind.HANG_UP:
            return _hang_up(state)
        case Kind.READ | Kind.READ_CALL:
            return (_read(state, argument) if kind is Kind.READ else call_is(state.call)), state
        case Kind.FINISH | Kind.DELETE:
            return _move(state, argument, *_ENDS[kind])
        case Kind.CURRENT_PAUSE | Kind.CURRENT_RESUME | Kind.CURRENT_STOP:
            return _update_current(state, TARGETS[kind])
        case _:
            return _update(state, argument, TARGETS[kind])


_ENDS: Final = {Kind.FINISH: (STOPPED, COMPLETED), Kind.DELETE: (COMPLETED, DELETED)}
"""The one status in which a recording must be, and the one in which it is left."""


def _start(state: State, new: str | None) -> tuple[Outcome, State]:
    if state.call != IN_PROGRESS:
        return REFUSED, state
    if state.latest in state.active:
        return existing(state.latest or "", state.status(state.latest) or ""), state
    if new is None:
        raise ValueError("a start needs an id for its recording")
    return created(new), replace(state.having(new, IN_PROGRESS), latest=new)


def _hang_up(state: State) -> tuple[Outcome, State]:
    if state.call != IN_PROGRESS:
        return REFUSED, state
    return call_is(COMPLETED), replace(
        state,
        call=COMPLETED,
        recordings=frozenset((name, STOPPED if name in state.active else status) for name, status in state.recordings),
    )


def _read(state: State, recording: str | None) -> Outcome:
    status = state.status(recording)
    return NOT_FOUND if recording is None or status in {None, DELETED} else ok(recording, status or "")


def _move(state: State, recording: str | None, before: str, after: str) -> tuple[Outcome, State]:
    """The only way into a status that no update asks for."""
    status = state.status(recording)
    if recording is None or status in {None, DELETED}:
        return NOT_FOUND, state
    if status == COMPLETED == after:
        return ok(recording, after), state  # finished before
    return (ok(recording, after), state.having(recording, after)) if status == before else (REFUSED, state)


def _update_current(state: State, target: str) -> tuple[Outcome, State]:
    match state.active:
        case []:
            return NOT_FOUND, state
        case [current]:
            return _update(state, current, target)
        case _:
            return SEVERAL, state


def _update(state: State, recording: str | None, target: str) -> tuple[Outcome, State]:
    status = state.status(recording)
    if recording is None or status in {None, DELETED}:
        return NOT_FOUND, state
    if status in {STOPPED, COMPLETED}:
        # A stop may be repeated however late, and changes nothing.
        return (ok(recording, status or ""), state) if target == STOPPED else (REFUSED, state)
    return ok(recording, target), state.having(recording, target)


@dataclass(frozen=True, slots=True)
class CallModel:
    """The sequential model of one history, as the checker asks for it.

    A start whose answer was lost may have made a recording of any id that no start has acknowledged: these are the
    `unclaimed`. It may also have made one that nobody ever names.
    """

    unclaimed: frozenset[str] = frozenset()
    initial: State = field(default_factory=State)

    @classmethod
    def of(cls, history: Sequence[Operation], initial: State | None = None) -> "CallModel":
        """The model for this history, from a call in progress without recordings unless `initial` says otherwise."""
        before = initial or State()
        claimed = {operation.outcome.recording for operation in history if operation.outcome.verdict == Verdict.CREATED}
        claimed |= {operation.argument for operation in history if operation.kind is Kind.START}
        claimed |= {name for name, _ in before.recordings}
        named = {name for operation in history for name in (operation.argument, operation.outcome.recording) if name}
        return cls(frozenset(named - claimed), before)

    def steps(self, state: State, operation: Operation) -> Iterator[State]:
        """The states that this operation may leave when it takes effect now with the outcome that it had."""
        for argument in self._arguments(state, operation):
            outcome, after = apply(state, operation.kind, argument)
            if outcome.verdict is Verdict.CREATED and state.status(outcome.recording) is not None:
                continue  # an id is never given twice
            if operation.outcome in (UNKNOWN, outcome):
                yield after

    def _arguments(self, state: State, operation: Operation) -> Iterator[str | None]:
        if operation.kind is not Kind.START or operation.argument is not None:
            yield operation.argument
            return
        yield operation.outcome.recording or f"unnamed {len(state.recordings)}"
        if operation.outcome == UNKNOWN:
            yield from sorted(self.unclaimed)
