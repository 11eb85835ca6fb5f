"""The sequential model of one call and its recordings, and of what the media engine captures.

A pause that is confirmed consists of two operations with the same interval: `pause`, and `confirm`, at whose point the
recording is paused and nothing of it is captured. From this point on, nothing may be captured until a resume. What the
engine's log shows are operations as well, each at one point of time: `capture` and `cease`.

The media engine finishes a stopped recording, which makes it `completed`. A timeout gives it up, which makes it
`absent` until its audio arrives after all. Only a recording with one of these two ends can be deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

IN_PROGRESS: Final = "in-progress"
PAUSED: Final = "paused"
STOPPED: Final = "stopped"
COMPLETED: Final = "completed"
"""Status of a call that was hung up, and of a finished recording."""
ABSENT: Final = "absent"
DELETED: Final = "deleted"
CAPTURED: Final = "captured"
SILENT: Final = "silent"
"""What the engine does with a recording, as its log shows."""


class Kind(StrEnum):
    """Kinds of requests; the `current_` kinds address the recording as `Twilio.CURRENT`."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CURRENT_PAUSE = "current_pause"
    CURRENT_RESUME = "current_resume"
    CURRENT_STOP = "current_stop"
    FINISH = "finish"
    GIVE_UP = "give_up"
    DELETE = "delete"
    HANG_UP = "hang_up"
    CONFIRM = "confirm"
    CAPTURE = "capture"
    CEASE = "cease"
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
"""The status that an update requests."""

BY_ID: Final = frozenset(
    {
        Kind.PAUSE,
        Kind.RESUME,
        Kind.STOP,
        Kind.FINISH,
        Kind.GIVE_UP,
        Kind.DELETE,
        Kind.CONFIRM,
        Kind.CAPTURE,
        Kind.CEASE,
        Kind.READ,
    }
)
"""The kinds that address a recording by its id."""


class Verdict(StrEnum):
    """Result of an operation, as its client saw it."""

    CREATED = "created"
    EXISTING = "existing"
    OK = "ok"
    REJECTED = "rejected"
    SEVERAL = "several"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, with the id and the status in the response, if any."""

    verdict: Verdict
    recording: str | None = None
    status: str | None = None

    def __str__(self) -> str:
        shown = ", ".join(part for part in (self.recording, self.status) if part is not None)
        return f"{self.verdict}({shown})" if shown else str(self.verdict)


REJECTED: Final = Outcome(Verdict.REJECTED)
SEVERAL: Final = Outcome(Verdict.SEVERAL)
NOT_FOUND: Final = Outcome(Verdict.NOT_FOUND)
UNKNOWN: Final = Outcome(Verdict.UNKNOWN)


def created(recording: str) -> Outcome:
    """Outcome of a start that created a recording."""
    return Outcome(Verdict.CREATED, recording, IN_PROGRESS)


def existing(recording: str, status: str = IN_PROGRESS) -> Outcome:
    """Outcome of a start that returned the recording of an earlier start."""
    return Outcome(Verdict.EXISTING, recording, status)


def ok(recording: str, status: str) -> Outcome:
    """Outcome of an update or a read of a recording."""
    return Outcome(Verdict.OK, recording, status)


def confirmed_pause(client: int, recording: str, invoked: int, returned: int) -> "list[Operation]":
    """Return the operations of a pause that was answered because the engine had confirmed it."""
    outcome = ok(recording, PAUSED)
    return [Operation(client, kind, recording, invoked, returned, outcome) for kind in (Kind.PAUSE, Kind.CONFIRM)]


def call_is(status: str) -> Outcome:
    """Outcome of a hang-up or a read of the call."""
    return Outcome(Verdict.OK, None, status)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of one client.

    `argument` is the recording that it addresses; for a start, the id of the new recording, if known. `invoked` and
    `returned` are ticks of one clock that all clients share. Without a response, `returned` is None and the outcome
    UNKNOWN: the operation took effect once, at any time after `invoked`, or never.
    """

    client: int
    kind: StrEnum
    argument: str | None
    invoked: int
    returned: int | None
    outcome: Outcome

    def __post_init__(self) -> None:
        if (self.returned is None) != (self.outcome == UNKNOWN):
            raise ValueError(f"a response has a time and an outcome, or neither: {self}")

    @property
    def is_answered(self) -> bool:
        """Whether the client got a response."""
        return self.returned is not None

    def __str__(self) -> str:
        until = "" if self.returned is None else self.returned
        return f"client {self.client} [{self.invoked}..{until}] {self.kind}({self.argument or ''}) -> {self.outcome}"


@dataclass(frozen=True, slots=True)
class State:
    """The status of a call and of its recordings; `latest` is the recording of the last start.

    The engine captures the recordings in `captured`. Of those in `promised` it must capture nothing until a resume.
    """

    call: str = IN_PROGRESS
    latest: str | None = None
    recordings: frozenset[tuple[str, str]] = frozenset()
    captured: frozenset[str] = frozenset()
    promised: frozenset[str] = frozenset()

    def status(self, recording: str | None) -> str | None:
        """Status of a recording; None if there is none with this id."""
        return next((status for name, status in self.recordings if name == recording), None)

    @property
    def active(self) -> list[str]:
        """Ids of the recordings in progress or paused."""
        return sorted(name for name, status in self.recordings if status in {IN_PROGRESS, PAUSED})

    def having(self, recording: str, status: str) -> "State":
        """Return a state in which this recording has this status."""
        others = frozenset(entry for entry in self.recordings if entry[0] != recording)
        return replace(self, recordings=others | {(recording, status)})


def apply(state: State, kind: Kind, argument: str | None) -> tuple[Outcome, State]:
    """Return the outcome of an operation that runs alone, and the state after it.

    Args:
        state: the state before.
        kind: the kind of request.
        argument: the recording; for a start, the id of a new one.
    """
    match kind:
        case Kind.START:
            return _start(state, argument)
        case Kind.HANG_UP:
            return _hang_up(state)
        case Kind.READ | Kind.READ_CALL:
            return (_read(state, argument) if kind is Kind.READ else call_is(state.call)), state
        case Kind.FINISH | Kind.GIVE_UP | Kind.DELETE | Kind.CONFIRM | Kind.CAPTURE | Kind.CEASE:
            return _move(state, argument, *_ENDS[kind]) if kind in _ENDS else _capture(state, kind, argument)
        case Kind.CURRENT_PAUSE | Kind.CURRENT_RESUME | Kind.CURRENT_STOP:
            return _update_current(state, TARGETS[kind])
        case _:
            return _update(state, argument, TARGETS[kind])


_ENDS: Final = {
    Kind.FINISH: ({STOPPED, ABSENT}, COMPLETED),
    Kind.GIVE_UP: ({STOPPED}, ABSENT),
    Kind.DELETE: ({COMPLETED, ABSENT}, DELETED),
}
"""The required statuses before the operation, and the status after it."""


def _start(state: State, new: str | None) -> tuple[Outcome, State]:
    if state.call != IN_PROGRESS:
        return REJECTED, state
    if state.latest in state.active:
        return existing(state.latest or "", state.status(state.latest) or ""), state
    if new is None:
        raise ValueError("a start needs an id for its recording")
    return created(new), replace(state.having(new, IN_PROGRESS), latest=new)


def _hang_up(state: State) -> tuple[Outcome, State]:
    if state.call != IN_PROGRESS:
        return REJECTED, state
    return call_is(COMPLETED), replace(
        state,
        call=COMPLETED,
        recordings=frozenset((name, STOPPED if name in state.active else status) for name, status in state.recordings),
    )


def _read(state: State, recording: str | None) -> Outcome:
    status = state.status(recording)
    return NOT_FOUND if recording is None or status in {None, DELETED} else ok(recording, status or "")


def _move(state: State, recording: str | None, before: set[str], after: str) -> tuple[Outcome, State]:
    """Finish, give up or delete: transitions that no update can request."""
    status = state.status(recording)
    if recording is None or status in {None, DELETED}:
        return NOT_FOUND, state
    if status == after:
        return ok(recording, after), state  # finishing and giving up are idempotent
    return (ok(recording, after), state.having(recording, after)) if status in before else (REJECTED, state)


def _capture(state: State, kind: Kind, recording: str | None) -> tuple[Outcome, State]:
    """Confirm a pause, or note what the engine captures."""
    status = state.status(recording)
    if recording is None or status is None:
        return NOT_FOUND, state
    if kind is Kind.CEASE:
        return ok(recording, SILENT), replace(state, captured=state.captured - {recording})
    if kind is Kind.CAPTURE:
        if recording in state.promised:
            return REJECTED, state
        return ok(recording, CAPTURED), replace(state, captured=state.captured | {recording})
    if status != PAUSED or recording in state.captured:
        return REJECTED, state
    return ok(recording, PAUSED), replace(state, promised=state.promised | {recording})


def _update_current(state: State, target: str) -> tuple[Outcome, State]:
    match state.active:
        case []:
            return REJECTED, state
        case [current]:
            return _update(state, current, target)
        case _:
            return SEVERAL, state


def _update(state: State, recording: str | None, target: str) -> tuple[Outcome, State]:
    status = state.status(recording)
    if recording is None or status in {None, DELETED}:
        return NOT_FOUND, state
    if status in {STOPPED, COMPLETED, ABSENT}:
        # Stopping is idempotent, even after the recording was finished.
        return (ok(recording, status or ""), state) if target == STOPPED else (REJECTED, state)
    after = state.having(recording, target)
    if target == IN_PROGRESS:
        after = replace(after, promised=after.promised - {recording})
    return ok(recording, target), after


@dataclass(frozen=True, slots=True)
class CallModel:
    """The sequential model of one history, in the form that the checker needs.

    A start without a response may have created a recording with any id that no other start returned: the `unclaimed`
    ids. It may also have created one whose id appears nowhere.
    """

    unclaimed: frozenset[str] = frozenset()
    initial: State = field(default_factory=State)

    @classmethod
    def of(cls, history: Sequence[Operation], initial: State | None = None) -> "CallModel":
        """Build the model for a history; the default initial state is a call in progress without recordings."""
        before = initial or State()
        claimed = {operation.outcome.recording for operation in history if operation.outcome.verdict == Verdict.CREATED}
        claimed |= {operation.argument for operation in history if operation.kind is Kind.START}
        claimed |= {name for name, _ in before.recordings}
        named = {name for operation in history for name in (operation.argument, operation.outcome.recording) if name}
        return cls(frozenset(named - claimed), before)

    def steps(self, state: State, operation: Operation) -> Iterator[State]:
        """Yield the possible states after this operation, given the outcome that its client saw."""
        for argument in self._arguments(state, operation):
            outcome, after = apply(state, Kind(operation.kind), argument)
            if outcome.verdict is Verdict.CREATED and state.status(outcome.recording) is not None:
                continue  # ids are unique
            if operation.outcome in (UNKNOWN, outcome):
                yield after

    def _arguments(self, state: State, operation: Operation) -> Iterator[str | None]:
        if operation.kind is not Kind.START or operation.argument is not None:
            yield operation.argument
            return
        yield operation.outcome.recording or f"unnamed {len(state.recordings)}"
        if operation.outcome == UNKNOWN:
            yield from sorted(self.unclaimed)
