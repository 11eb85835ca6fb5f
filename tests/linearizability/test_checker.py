"""The checker accepts what the model allows and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, permutations
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.linearizability.checker import SearchTooLongError, check, explain
from tests.linearizability.model import (
    ABSENT,
    BY_ID,
    CAPTURED,
    COMPLETED,
    DELETED,
    IN_PROGRESS,
    NOT_FOUND,
    PAUSED,
    REJECTED,
    SEVERAL,
    SILENT,
    STOPPED,
    UNKNOWN,
    CallModel,
    Kind,
    Operation,
    Outcome,
    State,
    apply,
    call_is,
    created,
    existing,
    ok,
)
from tests.thoroughness import scaled

A: Final = "RE-a"
B: Final = "RE-b"
START, PAUSE, RESUME, STOP, HANG_UP, READ, READ_CALL = (
    Kind.START, Kind.PAUSE, Kind.RESUME, Kind.STOP, Kind.HANG_UP, Kind.READ, Kind.READ_CALL,
)  # fmt: skip
FINISH, GIVE_UP, DELETE = Kind.FINISH, Kind.GIVE_UP, Kind.DELETE
CONFIRM, CAPTURE, CEASE = Kind.CONFIRM, Kind.CAPTURE, Kind.CEASE
CURRENT_PAUSE, CURRENT_RESUME, CURRENT_STOP = Kind.CURRENT_PAUSE, Kind.CURRENT_RESUME, Kind.CURRENT_STOP
UNANSWERED: Final = (None, UNKNOWN)

Row = tuple[int, Kind, str | None, int, int | None, Outcome]
"""client, kind, argument, invoked, returned, outcome."""


def history_of(rows: Sequence[Row]) -> list[Operation]:
    """Convert rows to operations."""
    return [Operation(*row) for row in rows]


RIGHT: Final[Mapping[str, Sequence[Row]]] = {
    "Of two starts at once, one creates the recording and the other finds it.": [
        (1, START, None, 1, 4, created(A)),
        (2, START, None, 2, 3, existing(A)),
    ],
    "A start finds the paused recording of an earlier one.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 4, ok(A, PAUSED)),
        (2, START, None, 5, 6, existing(A, PAUSED)),
    ],
    "A pause that races a stop may come first.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 6, ok(A, PAUSED)),
        (2, STOP, A, 4, 5, ok(A, STOPPED)),
        (1, READ, A, 7, 8, ok(A, STOPPED)),
    ],
    "A pause that races a stop may come second.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 6, REJECTED),
        (2, STOP, A, 4, 5, ok(A, STOPPED)),
    ],
    "A lost stop may have taken effect.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, *UNANSWERED),
        (2, READ, A, 4, 5, ok(A, STOPPED)),
    ],
    "A lost stop may never take effect.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, *UNANSWERED),
        (2, PAUSE, A, 4, 5, ok(A, PAUSED)),
        (2, READ, A, 6, 7, ok(A, PAUSED)),
    ],
    "A lost stop may take effect long after its client timed out.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, *UNANSWERED),
        (1, READ, A, 4, 5, ok(A, IN_PROGRESS)),
        (2, PAUSE, A, 6, 7, ok(A, PAUSED)),
        (2, READ, A, 8, 9, ok(A, STOPPED)),
    ],
    "A later start reveals the id of a lost start's recording.": [
        (1, START, None, 1, *UNANSWERED),
        (2, START, None, 2, 3, existing(A)),
        (2, STOP, A, 4, 5, ok(A, STOPPED)),
    ],
    "An update of Twilio.CURRENT reveals the id of a lost start's recording.": [
        (1, START, None, 1, *UNANSWERED),
        (2, CURRENT_PAUSE, None, 2, 3, ok(A, PAUSED)),
    ],
    "A lost start with a known id becomes visible under that id.": [
        (1, START, A, 1, *UNANSWERED),
        (2, READ, A, 2, 3, NOT_FOUND),
        (2, READ, A, 4, 5, ok(A, IN_PROGRESS)),
    ],
    "A lost start may never take effect, so that another one creates the recording.": [
        (1, START, None, 1, *UNANSWERED),
        (2, START, None, 2, 3, created(B)),
        (2, READ, B, 4, 5, ok(B, IN_PROGRESS)),
    ],
    "Of two lost starts, the second takes effect after the first one's recording was stopped.": [
        (1, START, None, 1, *UNANSWERED),
        (2, START, None, 2, *UNANSWERED),
        (3, CURRENT_STOP, None, 3, 4, ok(A, STOPPED)),
        (3, CURRENT_PAUSE, None, 5, 6, ok(B, PAUSED)),
    ],
    "A lost start may have created a recording whose id never appears and that ended with the call.": [
        (1, START, None, 1, *UNANSWERED),
        (1, READ_CALL, None, 2, 3, call_is(IN_PROGRESS)),
        (2, HANG_UP, None, 4, 5, call_is(COMPLETED)),
        (2, CURRENT_STOP, None, 6, 7, REJECTED),
    ],
    "A start that races a hang-up comes first, and its recording ends with the call.": [
        (1, START, None, 1, 4, created(A)),
        (2, HANG_UP, None, 2, 3, call_is(COMPLETED)),
        (1, READ, A, 5, 6, ok(A, STOPPED)),
    ],
    "A start that races a hang-up comes second and is rejected.": [
        (1, START, None, 1, 4, REJECTED),
        (2, HANG_UP, None, 2, 3, call_is(COMPLETED)),
    ],
    "Twilio.CURRENT finds none between a stop and the next start.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (2, CURRENT_PAUSE, None, 3, 10, REJECTED),
        (1, START, None, 5, 6, created(B)),
    ],
    "A stop by id and a concurrent stop of Twilio.CURRENT both succeed.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 6, ok(A, STOPPED)),
        (2, CURRENT_STOP, None, 4, 5, ok(A, STOPPED)),
    ],
    "A stop may be repeated, even after the call has ended.": [
        (1, START, None, 1, 2, created(A)),
        (1, HANG_UP, None, 3, 4, call_is(COMPLETED)),
        (1, STOP, A, 5, 6, ok(A, STOPPED)),
    ],
    "A lost hang-up has ended the call, so that another is rejected.": [
        (1, HANG_UP, None, 1, *UNANSWERED),
        (2, HANG_UP, None, 2, 3, REJECTED),
        (2, READ_CALL, None, 4, 5, call_is(COMPLETED)),
    ],
    "Reads during a pause see one change.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 10, ok(A, PAUSED)),
        (2, READ, A, 4, 5, ok(A, IN_PROGRESS)),
        (2, READ, A, 6, 7, ok(A, PAUSED)),
    ],
}

FINISHED: Final[Sequence[Row]] = (
    (1, START, None, 1, 2, created(A)),
    (1, STOP, A, 3, 4, ok(A, STOPPED)),
    (0, FINISH, A, 5, 6, ok(A, COMPLETED)),
)
"""The history of a recording that can be deleted."""

RIGHT_ENDS: Final[Mapping[str, Sequence[Row]]] = {
    "A finished recording is deleted once, and is then not found.": [
        *FINISHED,
        (1, DELETE, A, 7, 10, ok(A, DELETED)),
        (2, DELETE, A, 8, 9, NOT_FOUND),
        (2, READ, A, 11, 12, NOT_FOUND),
        (2, STOP, A, 13, 14, NOT_FOUND),
    ],
    "A lost deletion may have taken effect.": [
        *FINISHED,
        (1, DELETE, A, 7, *UNANSWERED),
        (2, READ, A, 8, 9, ok(A, COMPLETED)),
        (2, READ, A, 10, 11, NOT_FOUND),
    ],
    "A deletion that races the end of a recording may come too early.": [
        *FINISHED[:2],
        (0, FINISH, A, 5, 8, ok(A, COMPLETED)),
        (1, DELETE, A, 6, 7, REJECTED),
    ],
    "Audio may arrive after its recording was given up, but is not lost afterwards.": [
        *FINISHED[:2],
        (0, GIVE_UP, A, 5, 6, ok(A, ABSENT)),
        (0, FINISH, A, 7, 8, ok(A, COMPLETED)),
        (0, GIVE_UP, A, 9, 10, REJECTED),
        (1, READ, A, 11, 12, ok(A, COMPLETED)),
    ],
    "A recording that was given up can be deleted.": [
        *FINISHED[:2],
        (0, GIVE_UP, A, 5, 6, ok(A, ABSENT)),
        (1, DELETE, A, 7, 8, ok(A, DELETED)),
        (0, FINISH, A, 9, 10, NOT_FOUND),
    ],
    "A stop succeeds after the recording was finished.": [
        *FINISHED,
        (1, STOP, A, 7, 8, ok(A, COMPLETED)),
    ],
}

WRONG_ENDS: Final[Mapping[str, Sequence[Row]]] = {
    "A recording is deleted twice.": [
        *FINISHED,
        (1, DELETE, A, 7, 10, ok(A, DELETED)),
        (2, DELETE, A, 8, 9, ok(A, DELETED)),
    ],
    "A deleted recording is read.": [
        *FINISHED,
        (1, DELETE, A, 7, 8, ok(A, DELETED)),
        (2, READ, A, 9, 10, ok(A, COMPLETED)),
    ],
    "A deleted recording is stopped.": [
        *FINISHED,
        (1, DELETE, A, 7, 8, ok(A, DELETED)),
        (2, STOP, A, 9, 10, ok(A, STOPPED)),
    ],
    "A recording is deleted before it is finished.": [
        *FINISHED[:2],
        (1, DELETE, A, 5, 6, ok(A, DELETED)),
        (0, FINISH, A, 7, 8, ok(A, COMPLETED)),
    ],
    "A deleted recording is finished.": [
        *FINISHED,
        (1, DELETE, A, 7, 8, ok(A, DELETED)),
        (0, FINISH, A, 9, 10, REJECTED),
    ],
    "A lost deletion is undone.": [
        *FINISHED,
        (1, DELETE, A, 7, *UNANSWERED),
        (2, READ, A, 8, 9, NOT_FOUND),
        (2, READ, A, 10, 11, ok(A, COMPLETED)),
    ],
    "Audio that arrived late is lost again.": [
        *FINISHED[:2],
        (0, GIVE_UP, A, 5, 6, ok(A, ABSENT)),
        (0, FINISH, A, 7, 8, ok(A, COMPLETED)),
        (1, READ, A, 9, 10, ok(A, ABSENT)),
    ],
    "A running recording is given up.": [
        *FINISHED[:1],
        (0, GIVE_UP, A, 3, 4, ok(A, ABSENT)),
    ],
    "A finished recording is resumed.": [
        *FINISHED,
        (1, RESUME, A, 7, 8, ok(A, IN_PROGRESS)),
    ],
    "An active recording is finished.": [
        *FINISHED[:1],
        (0, FINISH, A, 3, 4, ok(A, COMPLETED)),
        (1, PAUSE, A, 5, 6, ok(A, PAUSED)),
    ],
}

CAPTURING: Final[Sequence[Row]] = (
    (1, START, None, 1, 2, created(A)),
    (0, CAPTURE, A, 3, 3, ok(A, CAPTURED)),
)
"""The history of a recording that the engine captures."""


def confirmed(client: int, invoked: int, returned: int) -> list[Row]:
    """A pause that is answered because the engine has confirmed it."""
    return [(client, kind, A, invoked, returned, ok(A, PAUSED)) for kind in (PAUSE, CONFIRM)]


def ceases(at: int) -> Row:
    """The engine stops to capture."""
    return 0, CEASE, A, at, at, ok(A, SILENT)


def captures(at: int) -> Row:
    """The engine captures again."""
    return 0, CAPTURE, A, at, at, ok(A, CAPTURED)


RIGHT_PAUSES: Final[Mapping[str, Sequence[Row]]] = {
    "A pause is confirmed after the engine has stopped to capture.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
    ],
    "A confirmed pause is visible before it takes effect.": [
        *CAPTURING,
        *confirmed(1, 5, 20),
        (2, READ, A, 7, 8, ok(A, PAUSED)),
        ceases(12),
    ],
    "The engine captures again after a later resume.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
        (2, RESUME, A, 11, 12, ok(A, IN_PROGRESS)),
        captures(15),
    ],
    "A resume at the time of the answer may come after it.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
        (2, RESUME, A, 9, 12, ok(A, IN_PROGRESS)),
        captures(15),
    ],
    "A pause that is not confirmed promises nothing.": [
        *CAPTURING,
        (1, PAUSE, A, 5, 10, ok(A, PAUSED)),
        (2, READ, A, 11, 12, ok(A, PAUSED)),
    ],
    "A second pause is confirmed together with the first one.": [
        *CAPTURING,
        *confirmed(1, 5, 20),
        (2, RESUME, A, 7, 8, ok(A, IN_PROGRESS)),
        *confirmed(2, 9, 19),
        ceases(15),
    ],
    "A paused recording is stopped.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
        (2, STOP, A, 9, 12, ok(A, STOPPED)),
    ],
}

WRONG_PAUSES: Final[Mapping[str, Sequence[Row]]] = {
    "A pause is confirmed before the engine has stopped to capture.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(11),
    ],
    "A pause is confirmed, and the engine never stops to capture.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
    ],
    "The engine captures after a confirmed pause without a resume.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
        captures(15),
    ],
    "The engine keeps audio from before the resume.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
        (2, RESUME, A, 20, 21, ok(A, IN_PROGRESS)),
        captures(18),
    ],
    "A pause is confirmed, although a resume that was answered before it took effect is carried out later.": [
        *CAPTURING,
        *confirmed(1, 5, 20),
        (2, RESUME, A, 7, 8, ok(A, IN_PROGRESS)),
        ceases(12),
        captures(25),
    ],
    "A confirmation of the resume is taken for that of the pause.": [
        *CAPTURING,
        *confirmed(1, 5, 20),
        (2, RESUME, A, 7, 8, ok(A, IN_PROGRESS)),
    ],
    "The engine stops to capture, but only before the pause is requested, and resumes.": [
        *CAPTURING,
        ceases(4),
        captures(6),
        *confirmed(1, 8, 12),
    ],
    "A repeated pause is confirmed while the recording is in progress.": [
        *CAPTURING,
        *confirmed(1, 5, 10),
        ceases(8),
        (2, RESUME, A, 11, 12, ok(A, IN_PROGRESS)),
        captures(13),
        *confirmed(1, 14, 15),
    ],
}

WRONG: Final[Mapping[str, Sequence[Row]]] = {
    "A pause succeeds after a successful stop.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (2, PAUSE, A, 5, 6, ok(A, PAUSED)),
    ],
    "A read after a pause shows the status before it.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 4, ok(A, PAUSED)),
        (2, READ, A, 5, 6, ok(A, IN_PROGRESS)),
    ],
    "Two recordings are created with no stop between.": [
        (1, START, None, 1, 4, created(A)),
        (2, START, None, 2, 3, created(B)),
        (1, READ, A, 5, 6, ok(A, IN_PROGRESS)),
    ],
    "Two recordings are created before the only stop is invoked.": [
        (1, START, None, 1, 2, created(A)),
        (1, START, None, 3, 4, created(B)),
        (2, STOP, A, 5, *UNANSWERED),
    ],
    "A resume succeeds after a hang-up.": [
        (1, START, None, 1, 2, created(A)),
        (1, HANG_UP, None, 3, 4, call_is(COMPLETED)),
        (2, RESUME, A, 5, 6, ok(A, IN_PROGRESS)),
    ],
    "A recording is in progress after a successful hang-up.": [
        (1, START, None, 1, 2, created(A)),
        (1, HANG_UP, None, 3, 4, call_is(COMPLETED)),
        (2, READ, A, 5, 6, ok(A, IN_PROGRESS)),
    ],
    "A recording that was created during a hang-up is active after it.": [
        (1, START, None, 1, 4, created(A)),
        (2, HANG_UP, None, 2, 3, call_is(COMPLETED)),
        (1, READ, A, 5, 6, ok(A, IN_PROGRESS)),
    ],
    "A call is in progress after a successful hang-up.": [
        (1, HANG_UP, None, 1, 2, call_is(COMPLETED)),
        (2, READ_CALL, None, 3, 4, call_is(IN_PROGRESS)),
    ],
    "Twilio.CURRENT addresses a stopped recording.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (2, CURRENT_STOP, None, 5, 6, ok(A, STOPPED)),
    ],
    "Twilio.CURRENT addresses the recording before the last one.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (1, START, None, 5, 6, created(B)),
        (2, CURRENT_STOP, None, 7, 8, ok(A, STOPPED)),
    ],
    "Twilio.CURRENT finds none although one is active throughout.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 6, ok(A, PAUSED)),
        (2, CURRENT_RESUME, None, 4, 5, NOT_FOUND),
    ],
    "Twilio.CURRENT finds several although there was never more than one.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (1, START, None, 5, 6, created(B)),
        (2, CURRENT_PAUSE, None, 3, 8, SEVERAL),
    ],
    "A successful stop is undone: the recording is active later.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (2, READ, A, 5, 6, ok(A, PAUSED)),
    ],
    "A lost pause takes effect before it is invoked.": [
        (1, START, None, 1, 2, created(A)),
        (2, READ, A, 3, 4, ok(A, PAUSED)),
        (1, PAUSE, A, 5, *UNANSWERED),
    ],
    "A lost pause takes effect twice.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, *UNANSWERED),
        (2, READ, A, 4, 5, ok(A, PAUSED)),
        (2, RESUME, A, 6, 7, ok(A, IN_PROGRESS)),
        (2, READ, A, 8, 9, ok(A, PAUSED)),
    ],
    "A lost start takes effect twice.": [
        (1, START, None, 1, *UNANSWERED),
        (2, CURRENT_STOP, None, 2, 3, ok(A, STOPPED)),
        (2, CURRENT_STOP, None, 4, 5, ok(B, STOPPED)),
    ],
    "A lost start creates a recording with another id than requested.": [
        (1, START, A, 1, *UNANSWERED),
        (2, CURRENT_STOP, None, 2, 3, ok(B, STOPPED)),
    ],
    "A lost hang-up is undone: the call is seen completed, then in progress.": [
        (1, HANG_UP, None, 1, *UNANSWERED),
        (2, READ_CALL, None, 2, 3, call_is(COMPLETED)),
        (2, START, None, 4, 5, created(A)),
    ],
    "A start succeeds after a successful hang-up.": [
        (1, HANG_UP, None, 1, 2, call_is(COMPLETED)),
        (2, START, None, 3, 4, created(A)),
    ],
    "A start is rejected although the call has not ended.": [
        (1, START, None, 1, 2, REJECTED),
    ],
    "Two hang-ups of one call succeed.": [
        (1, HANG_UP, None, 1, 4, call_is(COMPLETED)),
        (2, HANG_UP, None, 2, 3, call_is(COMPLETED)),
    ],
    "Two recordings have one id.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (2, START, None, 5, 6, created(A)),
    ],
    "A start returns a stopped recording.": [
        (1, START, None, 1, 2, created(A)),
        (1, STOP, A, 3, 4, ok(A, STOPPED)),
        (2, START, None, 5, 6, existing(A)),
    ],
    "A start returns an existing recording with an outdated status.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 4, ok(A, PAUSED)),
        (2, START, None, 5, 6, existing(A, IN_PROGRESS)),
    ],
    "A recording is found that no start has created.": [
        (1, READ, A, 1, 2, ok(A, IN_PROGRESS)),
    ],
    "A created recording is not found.": [
        (1, START, None, 1, 2, created(A)),
        (2, READ, A, 3, 4, NOT_FOUND),
    ],
    "A resume is rejected although the recording was never stopped.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 4, ok(A, PAUSED)),
        (2, RESUME, A, 5, 6, REJECTED),
    ],
    "Two reads during one pause see it applied and then undone.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 10, ok(A, PAUSED)),
        (2, READ, A, 4, 5, ok(A, PAUSED)),
        (2, READ, A, 6, 7, ok(A, IN_PROGRESS)),
    ],
    "Two clients see a pause and a resume in different orders.": [
        (1, START, None, 1, 2, created(A)),
        (1, PAUSE, A, 3, 6, ok(A, PAUSED)),
        (2, RESUME, A, 4, 5, ok(A, IN_PROGRESS)),
        (1, READ, A, 7, 8, ok(A, PAUSED)),
        (2, READ, A, 9, 10, ok(A, IN_PROGRESS)),
    ],
}


ALL_RIGHT: Final = {**RIGHT, **RIGHT_ENDS, **RIGHT_PAUSES}
ALL_WRONG: Final = {**WRONG, **WRONG_ENDS, **WRONG_PAUSES}


@pytest.mark.parametrize("rows", ALL_RIGHT.values(), ids=ALL_RIGHT)
def test_right_history_is_accepted(rows: Sequence[Row]) -> None:
    """A history that some order explains is accepted."""
    assert check(history_of(rows)).is_linearizable


@pytest.mark.parametrize("rows", ALL_WRONG.values(), ids=ALL_WRONG)
def test_wrong_history_is_rejected(rows: Sequence[Row]) -> None:
    """A history that no order explains is rejected."""
    assert not check(history_of(rows)).is_linearizable


def test_current_is_ambiguous_with_several_active_recordings() -> None:
    """Twilio.CURRENT is ambiguous if a recording of another source is active besides that of a start."""
    engine_records = State(recordings=frozenset({("RE-engine", IN_PROGRESS)}))
    several: Row = (1, CURRENT_PAUSE, None, 3, 4, SEVERAL)
    for start in [(1, START, None, 1, 2, created(A)), (1, START, None, 1, *UNANSWERED)]:
        history = history_of([start, several])
        assert check(history, engine_records).is_linearizable
        assert not check(history).is_linearizable


def test_explanation_shows_the_explained_prefix() -> None:
    """The explanation of a rejected history shows the history and the longest prefix that has an order."""
    text = str(check(history_of(WRONG["A pause succeeds after a successful stop."])))
    assert text == (
        "history\n"
        "  client 1 [1..2] start() -> created(RE-a, in-progress)\n"
        "  client 1 [3..4] stop(RE-a) -> ok(RE-a, stopped)\n"
        "  client 2 [5..6] pause(RE-a) -> ok(RE-a, paused)\n"
        "NOT LINEARIZABLE, explained only as far as\n"
        "  client 1 [1..2] start() -> created(RE-a, in-progress)\n"
        "  client 1 [3..4] stop(RE-a) -> ok(RE-a, stopped)"
    )


def test_search_has_a_bound() -> None:
    """A history with too many interleavings is neither accepted nor rejected."""
    history = history_of([(client, START, None, 0, *UNANSWERED) for client in range(9)])
    history += history_of([(9, READ, A, 1, 2, NOT_FOUND), (9, READ, A, 3, 4, ok(A, STOPPED))])
    with pytest.raises(SearchTooLongError):
        explain(history, CallModel.of(history), most_states=10)


def test_operation_needs_time_and_outcome_of_a_response() -> None:
    """An outcome without a return time is a ValueError."""
    with pytest.raises(ValueError, match="neither"):
        Operation(1, START, None, 1, None, created(A))


@st.composite
def right_histories(draw: st.DrawFn, *, widest: int, may_lose: bool) -> list[Operation]:
    """Sequential operations with widened client intervals, some without a response."""
    state = State()
    history: list[Operation] = []
    for position in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(Kind))
        known = sorted(name for name, _ in state.recordings)
        argument = draw(st.sampled_from([*known, "RE-never"])) if kind in BY_ID else None
        if kind is START:
            argument = f"RE-{position}"
        outcome, state = apply(state, kind, argument)
        if kind is START and may_lose and draw(st.booleans()):
            argument = None  # the client did not choose the id
        effect = 10 * position
        invoked, returned = effect - draw(st.integers(0, widest)), effect + draw(st.integers(0, widest))
        answer = UNANSWERED if may_lose and draw(st.booleans()) else (returned, outcome)
        history.append(Operation(position, kind, argument, invoked, *answer))
    return history


IMPOSSIBLE: Final[Mapping[Kind, Outcome]] = {
    START: NOT_FOUND,
    PAUSE: ok(A, IN_PROGRESS),
    RESUME: ok(A, STOPPED),
    STOP: REJECTED,
    CURRENT_PAUSE: NOT_FOUND,
    CURRENT_RESUME: ok(A, PAUSED),
    CURRENT_STOP: NOT_FOUND,
    FINISH: ok(A, PAUSED),
    GIVE_UP: ok(A, COMPLETED),
    DELETE: ok(A, COMPLETED),
    CONFIRM: ok(A, IN_PROGRESS),
    CAPTURE: ok(A, PAUSED),
    CEASE: REJECTED,
    HANG_UP: NOT_FOUND,
    READ: REJECTED,
    READ_CALL: call_is(PAUSED),
}
"""By kind, an outcome that is impossible in every state."""

OUTCOMES: Final = (
    REJECTED, NOT_FOUND, SEVERAL, call_is(IN_PROGRESS), call_is(COMPLETED),
    *(make(name, status) for make in (ok, existing) for name in (A, B) for status in (IN_PROGRESS, PAUSED, STOPPED)),
    ok(A, COMPLETED), ok(A, ABSENT), ok(A, DELETED), ok(A, CAPTURED), ok(A, SILENT), created(A), created(B),
)  # fmt: skip


@pytest.mark.sized
@settings(deadline=None, max_examples=scaled(deep=300, ci=80, fast=10))
@given(right_histories(widest=45, may_lose=True))
def test_widened_history_of_the_model_is_accepted(history: list[Operation]) -> None:
    """A history of the model is accepted, however wide its intervals are and whichever responses are lost."""
    assert check(history).is_linearizable


@pytest.mark.sized
@settings(deadline=None, max_examples=scaled(deep=300, ci=80, fast=10))
@given(right_histories(widest=0, may_lose=False), st.data())
def test_any_other_outcome_of_a_sequence_is_rejected(history: list[Operation], data: st.DataObject) -> None:
    """Without overlap and loss each operation has one right outcome; every other outcome is rejected."""
    position = data.draw(st.integers(0, len(history) - 1))
    right = history[position]
    outcome = data.draw(st.sampled_from(OUTCOMES).filter(lambda other: other != right.outcome))
    history[position] = replace(right, outcome=outcome)
    assert not check(history).is_linearizable


@pytest.mark.sized
@settings(deadline=None, max_examples=scaled(deep=300, ci=80, fast=10))
@given(right_histories(widest=45, may_lose=True), st.data())
def test_impossible_outcome_is_rejected(history: list[Operation], data: st.DataObject) -> None:
    """An outcome that is impossible in every state is rejected in any history."""
    position = data.draw(st.integers(0, len(history) - 1))
    operation = history[position]
    history[position] = replace(operation, returned=operation.invoked + 45, outcome=IMPOSSIBLE[Kind(operation.kind)])
    assert not check(history).is_linearizable


OUTCOMES_OF: Final[Mapping[Kind, Sequence[Outcome]]] = {
    START: (UNKNOWN, REJECTED, *(outcome for outcome in OUTCOMES if outcome.verdict in {"created", "existing"})),
    HANG_UP: (UNKNOWN, REJECTED, call_is(COMPLETED)),
    READ_CALL: (call_is(IN_PROGRESS), call_is(COMPLETED)),
    READ: (NOT_FOUND, *(ok(name, status) for name in (A, B) for status in (IN_PROGRESS, PAUSED, STOPPED, COMPLETED))),
    FINISH: (UNKNOWN, REJECTED, NOT_FOUND, ok(A, COMPLETED), ok(B, COMPLETED)),
    GIVE_UP: (UNKNOWN, REJECTED, NOT_FOUND, ok(A, ABSENT), ok(B, ABSENT)),
    DELETE: (UNKNOWN, REJECTED, NOT_FOUND, ok(A, DELETED), ok(B, DELETED)),
    CONFIRM: (REJECTED, NOT_FOUND, ok(A, PAUSED), ok(B, PAUSED)),
    CAPTURE: (REJECTED, NOT_FOUND, ok(A, CAPTURED), ok(B, CAPTURED)),
    CEASE: (NOT_FOUND, ok(A, SILENT), ok(B, SILENT)),
    PAUSE: (UNKNOWN, REJECTED, NOT_FOUND, ok(A, PAUSED), ok(B, PAUSED)),
    RESUME: (UNKNOWN, REJECTED, NOT_FOUND, ok(A, IN_PROGRESS), ok(B, IN_PROGRESS)),
    STOP: (UNKNOWN, NOT_FOUND, ok(A, STOPPED), ok(B, STOPPED), ok(A, COMPLETED)),
    CURRENT_PAUSE: (UNKNOWN, REJECTED, ok(A, PAUSED), ok(B, PAUSED)),
    CURRENT_RESUME: (UNKNOWN, REJECTED, ok(A, IN_PROGRESS), ok(B, IN_PROGRESS)),
    CURRENT_STOP: (UNKNOWN, REJECTED, ok(A, STOPPED), ok(B, STOPPED)),
}


@st.composite
def small_histories(draw: st.DrawFn) -> list[Operation]:
    """Up to six operations with arbitrary outcomes; the first starts a recording."""
    history = [Operation(0, START, None, 0, draw(st.integers(1, 12)), created(A))]
    for client in range(1, draw(st.integers(2, 6))):
        kind = draw(st.sampled_from(Kind))
        outcome = draw(st.sampled_from(OUTCOMES_OF[kind]))
        argument = (outcome.recording or A) if kind in BY_ID else None
        invoked = draw(st.integers(0, 12))
        returned = None if outcome == UNKNOWN else invoked + draw(st.integers(1, 8))
        history.append(Operation(client, kind, argument, invoked, returned, outcome))
    return history


def is_linearizable_by_trial(history: Sequence[Operation]) -> bool:
    """The definition: some real-time-respecting order of all answered and some lost operations is legal."""
    model = CallModel.of(history)
    answered = [operation for operation in history if operation.is_answered]
    lost = [operation for operation in history if not operation.is_answered]
    choices = (chosen for size in range(len(lost) + 1) for chosen in combinations(lost, size))
    return any(explains(model, order) for chosen in choices for order in permutations([*answered, *chosen]))


def explains(model: CallModel, order: Sequence[Operation]) -> bool:
    """Whether the model allows this order, and the order respects real time."""
    for position, later in enumerate(order):
        if any(later.returned is not None and later.returned < earlier.invoked for earlier in order[:position]):
            return False
    states = {model.initial}
    for operation in order:
        states = {after for state in states for after in model.steps(state, operation)}
    return bool(states)


@pytest.mark.sized
@settings(deadline=None, max_examples=scaled(deep=500, ci=120, fast=15))
@given(small_histories())
def test_checker_agrees_with_the_definition(history: list[Operation]) -> None:
    """On small histories the search agrees with trying every order."""
    assert check(history).is_linearizable == is_linearizable_by_trial(history)
