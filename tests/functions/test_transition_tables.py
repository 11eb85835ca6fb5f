"""The tables of transitions in `docs/reference/wire/behaviour.md`: the functions answer what each cell states."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import EndReason
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tests.client import Answer, FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.background_world import World
from tests.functions.stage import Stage, call_path, conference_path
from tests.wire_docs.test_wire_reference import page, section

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="these tables do not depend on the database")

OUTCOME: Final = re.compile(r"(?P<status>\d{3})(?:, (?:(?P<code>\d{5})|`(?P<state>[a-z-]+)`|unchanged))?")
NAMES: Final = {"twilio": "Twilio", "signalwire": "SignalWire"}

Table = Mapping[str, Mapping[str, str]]


class Outcome(NamedTuple):
    """What a cell states: a status with a code, or with a state; without a state, it does not change."""

    status: int
    code: int | None = None
    state: str | None = None


def read_table(heading: str) -> Table:
    """Return the first table below a heading: the cells by row and column."""
    text = section(page("behaviour"), heading)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    end = next(place for place, row in enumerate(rows) if row[0] == "No.")
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows[:end]}


def outcome(cell: str, dialect: str) -> Outcome:
    """Parse a cell: one outcome, or one for each dialect; a link at its end is ignored."""
    plain = re.sub(r" \(\[W-\d+\]\(#w-\d+\)\)$", "", cell)
    both = dict(part.split(" ", 1) for part in plain.split("; ")) if plain.startswith("Twilio ") else {}
    assert both.keys() <= set(NAMES.values())
    found = OUTCOME.fullmatch(both[NAMES[dialect]] if both else plain)
    assert found is not None, cell
    return Outcome(int(found["status"]), int(found["code"]) if found["code"] else None, found["state"])


def check(answer: Answer, expected: Outcome, before: str) -> None:
    """Compare an answer with a cell."""
    found = (answer.status, answer.body.get("code"), answer.body["status"])
    is_error = expected.code is not None
    assert found == (expected.status, expected.code, expected.status if is_error else expected.state or before)


# --- Calls -----------------------------------------------------------------------------------------------------------

CALLS: Final = read_table("## Calls")
CALL_REQUESTS: Final[Mapping[str, Mapping[str, str]]] = {
    "`Status=canceled`": {"Status": "canceled"},
    "`Status=completed`": {"Status": "completed"},
    "`Url`": {"Url": "https://app.example.com/a"},
    "`Twiml`": {"Twiml": "<Response/>"},
    "no parameters": {},
}
CALL_STATES: Final = {
    "Queued or ringing": ("queued", "ringing"),
    "In progress": ("in-progress",),
    "Final": ("completed", "busy", "failed", "no-answer", "canceled"),
}


def test_updates_of_a_call(client: FunctionClient, stage: Stage) -> None:
    """Each cell of the table of calls is the answer to this request in each of these states."""
    for row, cells in CALLS.items():
        for name in row.split(" or "):
            if name == "`Twiml`" and client.dialect.name == "signalwire":
                continue  # ignored there
            for column, cell in cells.items():
                for state in CALL_STATES[column]:
                    call = stage.call(state, ended=stage.clock.seconds if column == "Final" else None)
                    answer = client.post(*call_path(client, call), form=CALL_REQUESTS[name])
                    check(answer, outcome(cell, client.dialect.name), state)


def test_the_table_of_calls_has_every_request() -> None:
    """The table has each request once, and each group of states."""
    assert [name for row in CALLS for name in row.split(" or ")] == list(CALL_REQUESTS)
    assert {tuple(cells) for cells in CALLS.values()} == {tuple(CALL_STATES)}


# --- Recordings ------------------------------------------------------------------------------------------------------

RECORDINGS: Final = read_table("### Update")
RECORDING_ROWS: Final = (
    "in-progress", "paused", "stopped", "completed, absent", "deleted, unknown, of another parent"
)  # fmt: skip


def test_the_table_of_recordings_has_every_state() -> None:
    """The table has a row for every state, and a column for every status that can be set."""
    assert tuple(RECORDINGS) == RECORDING_ROWS
    assert {tuple(cells) for cells in RECORDINGS.values()} == {("`in-progress`", "`paused`", "`stopped`")}


def test_updates_of_a_recording(client: FunctionClient, stage: Stage) -> None:
    """Each cell of the table of recordings is the answer to this status in each of these states."""
    for row, cells in RECORDINGS.items():
        for state in row.split(", "):
            for column, cell in cells.items():
                call = stage.call()
                path = call_path(client, call, recording_in(client, stage, call, state))
                before = stage.partition(call)
                stage.clock.step(1)
                answer = client.post(*path, form={"Status": column.strip("`")})
                if cell.startswith("ok"):
                    assert answer.status == 200
                    assert cell in {"ok", "ok, no change"}
                    assert cell != "ok" or answer.body["status"] == column.strip("`")
                    assert (stage.partition(call) == before) == (cell == "ok, no change")
                else:
                    check(answer, outcome(cell, client.dialect.name), state)


def recording_in(client: FunctionClient, stage: Stage, call: Call, state: str) -> Recording | str:
    """Store a recording in a state of the table."""
    match state:
        case "unknown":
            return client.sid(ResourceType.RECORDING, new_id(stage.clock()))
        case "of another parent":
            return stage.recording(stage.call())
        case "deleted":
            return stage.delete(stage.recording(call, "completed"))
        case _:
            return stage.recording(call, state)


# --- Conferences -----------------------------------------------------------------------------------------------------

CONFERENCES: Final = read_table("## Conferences")
CONFERENCE_STATES: Final = ("`init`", "`in-progress`", "`completed`")
CONFERENCE_REQUESTS: Final[Mapping[str, Mapping[str, str]]] = {
    "`Status=completed`": {"Status": "completed"},
    "`AnnounceUrl`": {"AnnounceUrl": "https://app.example.com/a"},
    "no parameters": {},
}
BEGIN: Final = re.compile(r"a (second|third) participant, and one with `start_conference_on_enter`")
LAST_LEAVES: Final = "the last participant leaves"
EXIT_LEAVES: Final = "a participant with `end_conference_on_exit` leaves"


def test_the_table_of_conferences_has_every_request_and_event() -> None:
    """The table has three rows of events, which these tests know, and three of requests."""
    begins, *others = CONFERENCES
    assert BEGIN.fullmatch(begins) is not None
    assert others == [LAST_LEAVES, EXIT_LEAVES, *CONFERENCE_REQUESTS]
    assert {tuple(cells) for cells in CONFERENCES.values()} == {CONFERENCE_STATES}
    assert [list(CONFERENCES[row].values())[-1] for row in (begins, LAST_LEAVES, EXIT_LEAVES)] == ["", "", ""]


def test_updates_of_a_conference(client: FunctionClient, stage: Stage) -> None:
    """Each cell of the table of conferences is the answer to this request in this state."""
    for row, form in CONFERENCE_REQUESTS.items():
        for column, cell in CONFERENCES[row].items():
            state = column.strip("`")
            ended = {"reason": EndReason.VIA_API, "ended": stage.clock.seconds} if state == "completed" else {}
            conference = stage.conference(state, name=f"Room {row} {state}", **ended)
            answer = client.post(*conference_path(client, conference), form=form)
            check(answer, outcome(cell, client.dialect.name), state)


def state_of(world: World, conference: str) -> str:
    """Return the state of a conference, as a cell states it."""
    return f"`{world.services.conferences.get(world.account.account, conference).status}`"


def join(world: World, conference: str, **fields: Any) -> None:
    """Report that a new call joined a conference."""
    call = world.stage.call()
    assert world.ingest(world.event("participant.joined", conference=conference, call=call.id, **fields)) == []


def test_a_conference_begins_with_its_participants(world: World) -> None:
    """With one participant less, or without one that may start it, the conference stays as it was."""
    row = next(iter(CONFERENCES))
    found = BEGIN.fullmatch(row)
    assert found is not None
    number = {"second": 2, "third": 3}[found[1]]
    empty: dict[str, Any] = {"participants": 0, "has_starter": False, "first_call": None}
    first, second = (world.stage.conference("init", name=name, **empty).id for name in ("First", "Second"))
    for _ in range(number - 1):
        join(world, first)
        join(world, second, start_conference_on_enter=False)
    join(world, second, start_conference_on_enter=False)
    assert (state_of(world, first), state_of(world, second)) == ("`init`", "`init`")
    join(world, first)
    join(world, second)
    assert [state_of(world, each) for each in (first, second)] == [CONFERENCES[row]["`init`"]] * 2
    assert CONFERENCES[row]["`in-progress`"] == ""


@pytest.mark.parametrize("before", CONFERENCE_STATES[:2])
def test_a_conference_ends_when_participants_leave(world: World, before: str) -> None:
    """The state after the last participant has left, or one with `end_conference_on_exit`, is that of the cell."""
    for row, count in ((LAST_LEAVES, 1), (EXIT_LEAVES, 2)):
        conference = world.stage.conference(before.strip("`"), name=row, participants=count)
        if row == LAST_LEAVES:
            other = world.stage.conference(before.strip("`"), name="Other", participants=2)
            leave(world, other.id, world.stage.participant(other).call)
            assert state_of(world, other.id) == before
        participant = world.stage.participant(conference, end_conference_on_exit=row == EXIT_LEAVES)
        leave(world, conference.id, participant.call)
        assert state_of(world, conference.id) == CONFERENCES[row][before]


def leave(world: World, conference: str, call: str) -> None:
    """Report that a call left a conference."""
    world.clock.step(1)
    assert world.ingest(world.event("participant.left", conference=conference, call=call)) == []
