"""Tests of batches of engine events: each event has its own outcome, time and log line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tapedeck.background.event_batches import EventBatches, ReceivedBatch
from tapedeck.domain.engine import EngineHealth, KnownSession, MediaEngine, SessionState
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventRefusal, EventResult
from tapedeck.domain.engine_report import Report
from tapedeck.domain.errors import StoreBusy, StoreThrottled, StoreUnavailable

NOW = 1_537_916_400_250
ACCOUNT, OTHER = "720796a08ee9435083bd2d07a3121f1e", "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
CALL, RECORDING, BOOT = "0" * 31 + "1", "0" * 31 + "2", "b" * 32
TAKEN = EventResult(EventOutcome.TAKEN)


@dataclass
class Lines:
    """A log that keeps its lines, without fields that are empty."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def __getattr__(self, kind: str) -> Callable[..., None]:
        def write(*positional: Any, **line: Any) -> None:
            kept = {name: value for name, value in line.items() if value not in (None, {})}
            self.lines.append({"line": kind, **({"given": positional} if positional else {}), **kept})

        return write


@dataclass
class Double:
    """Applies events by their id: returns a result, or raises an error; counts milliseconds with each."""

    outcomes: dict[str, EventResult | Exception] = field(default_factory=dict)
    taken: list[EngineEvent] = field(default_factory=list)
    milliseconds: int = 0
    each_takes: int = 0

    def take(self, event: EngineEvent, _report: Report) -> EventResult:
        """Apply an event."""
        self.taken.append(event)
        self.milliseconds += self.each_takes
        outcome = self.outcomes.get(event.id, TAKEN)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Sessions:
    """Sessions of an engine, of which boots below `newest` are superseded; notes what reports to be alive."""

    newest: str = BOOT
    alive: list[tuple[Any, ...]] = field(default_factory=list)
    seq: int = 0
    raised: list[tuple[str, str, int]] = field(default_factory=list)

    def find_session(self, _engine: str, boot: str) -> KnownSession:
        """Return what is known about a session."""
        if boot > self.newest:
            return KnownSession(SessionState.UNOPENED, self.seq)
        return KnownSession(SessionState.SUPERSEDED if boot < self.newest else SessionState.CURRENT, self.seq)

    def note_seq(self, engine: str, boot: str, seq: int) -> None:
        """Note a number that is far above the known one."""
        self.raised.append((engine, boot, seq))

    def note_alive(self, engine: str, boot: str, seq: int, health: EngineHealth) -> bool:
        """Note that an engine is alive."""
        self.alive.append((engine, boot, seq, health))
        return boot < self.newest


@dataclass
class Setup:
    """A batch taker with its doubles."""

    events: Double = field(default_factory=Double)
    sessions: Sessions = field(default_factory=Sessions)
    log: Lines = field(default_factory=Lines)

    def __post_init__(self) -> None:
        log: Any = self.log
        self.batches = EventBatches(self.events, self.sessions, log, lambda: NOW, lambda: self.events.milliseconds)

    def take(self, *events: Any, sent_at: int = NOW, engine: MediaEngine | None = None) -> list[dict[str, Any]]:
        """Take a batch; return its results."""
        taker = engine or MediaEngine("ast1", frozenset({ACCOUNT}))
        answer = self.batches.take(taker, ReceivedBatch(BOOT, sent_at, events))
        results: list[dict[str, Any]] = answer.pop("results")
        assert answer == {"now": NOW, "resync": False, "superseded": False}
        return results


@pytest.fixture
def setup() -> Setup:
    """A batch taker whose clock stands still."""
    return Setup()


def ended(number: int = 1, **more: Any) -> dict[str, Any]:
    """A readable event."""
    return {
        "id": f"{number:032x}", "type": "call.ended", "seq": number, "at": NOW, "account": ACCOUNT, "call": CALL,
        **more,
    }  # fmt: skip


POISON: list[tuple[Any, dict[str, Any]]] = [
    # event, the end of its result
    (None, {"id": None, "outcome": "refused", "code": "unreadable", "detail": ""}),
    (7, {"id": None, "outcome": "refused", "code": "unreadable", "detail": ""}),
    ([], {"id": None, "outcome": "refused", "code": "unreadable", "detail": ""}),
    ("x" * 500_000, {"id": None, "outcome": "refused", "code": "unreadable", "detail": ""}),
    ({}, {"id": None, "outcome": "refused", "code": "unreadable", "detail": "type"}),
    (ended(5, type="call.exploded"), {"outcome": "refused", "code": "unknown_type", "detail": "type"}),
    (ended(5, type=["call.ended"]), {"outcome": "refused", "code": "unreadable", "detail": "type"}),
    (ended(5, at=NOW + 0.5), {"outcome": "refused", "code": "unreadable", "detail": "at"}),
    (ended(5, at=str(NOW)), {"outcome": "refused", "code": "unreadable", "detail": "at"}),
    (ended(5, at=-1), {"outcome": "refused", "code": "unreadable", "detail": "at"}),
    (ended(5, at=True), {"outcome": "refused", "code": "unreadable", "detail": "at"}),
    (ended(5, seq=1 << 53), {"outcome": "refused", "code": "unreadable", "detail": "seq"}),
    (ended(5, seq=None), {"outcome": "refused", "code": "unreadable", "detail": "seq"}),
    (ended(5, call="x" * 500_000), {"outcome": "refused", "code": "unreadable", "detail": "call"}),
    (ended(5, call="\ud800"), {"outcome": "refused", "code": "unreadable", "detail": "call"}),
    (ended(5, status="exploded"), {"outcome": "refused", "code": "unreadable", "detail": "status"}),
    (ended(5, version=0), {"outcome": "refused", "code": "unreadable", "detail": "version"}),
    ({**ended(5), "id": "5"}, {"id": None, "outcome": "refused", "code": "unreadable", "detail": "id"}),
    (
        ended(5, account=OTHER),
        {"outcome": "refused", "code": "not_yours", "detail": "the engine does not work for this account"},
    ),
]  # fmt: skip
"""Events that can never be taken."""


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize(("poison", "result"), POISON, ids=range(len(POISON)))
def test_poison_affects_no_other_event(setup: Setup, poison: Any, result: dict[str, Any], place: int) -> None:
    """An event that can never be taken is refused with the reason, at each place; its neighbours are taken at once."""
    events: list[Any] = [ended(number) for number in range(10, 19)]
    events.insert(place, poison)
    results = setup.take(*events)
    refused = results.pop(place)
    assert refused == {"id": f"{5:032x}", **result}
    assert results == [{"id": f"{number:032x}", "outcome": "taken"} for number in range(10, 19)]
    assert [event.id for event in setup.events.taken] == [f"{number:032x}" for number in range(10, 19)]


def test_a_number_beyond_the_reserve_is_noted(setup: Setup) -> None:
    """A number that is more than a million above the known one is noted once, before the events behind it."""
    setup.sessions.seq = 1_000_000
    for seqs in ([2_000_000], [2_000_001, 2_000_002, 3_000_001], [3_000_002, 2**52 - 1, 2**52, 2**52 + 1_999_999]):
        assert {result["outcome"] for result in setup.take(*(ended(1, seq=seq) for seq in seqs))} == {"taken"}
    assert [seq for _, _, seq in setup.sessions.raised] == [2_000_001, 3_000_002, 2**52 - 1, 2**52 + 1_999_999]
    assert {(engine, boot) for engine, boot, _ in setup.sessions.raised} == {("ast1", BOOT)}


def test_a_report_below_the_known_number_keeps_it(setup: Setup) -> None:
    """`engine.alive` with a number below the known one is noted with the known one, which needs one write only."""
    setup.sessions.seq = 2_000_000
    alive = {"id": f"{2:032x}", "type": "engine.alive", "seq": 7, "at": NOW}
    assert setup.take(alive) == [{"id": f"{2:032x}", "outcome": "taken"}]
    assert setup.sessions.alive == [("ast1", BOOT, 2_000_000, EngineHealth())]


def test_only_the_current_session_notes_numbers(setup: Setup) -> None:
    """The numbers of a session that was never opened, or is superseded, are not noted."""
    for newest in ("a" * 32, "c" * 32):
        setup.sessions.newest = newest
        setup.batches.take(MediaEngine("ast1"), ReceivedBatch(BOOT, NOW, [ended(1, seq=5_000_000)]))
    assert setup.sessions.raised == []


@pytest.mark.parametrize("error", [StoreBusy(), StoreThrottled(), StoreUnavailable()])
def test_a_store_that_fails_delays_one_event(setup: Setup, error: Exception) -> None:
    """An event that the store did not take is to be reported again after 200 ms; those behind it are taken."""
    setup.events.outcomes[f"{1:032x}"] = error
    assert setup.take(ended(1), ended(2)) == [
        {"id": f"{1:032x}", "outcome": "later", "after_ms": 200},
        {"id": f"{2:032x}", "outcome": "taken"},
    ]
    assert [line.get("reason") for line in setup.log.lines] == [type(error).__name__, None]


def test_an_unexpected_error_delays_one_event(setup: Setup) -> None:
    """After an unexpected error the event is to be reported again after a second; where it was raised is logged."""
    error = ZeroDivisionError("of +12025550123")
    setup.events.outcomes[f"{1:032x}"] = error
    assert setup.take(ended(1), ended(2)) == [
        {"id": f"{1:032x}", "outcome": "later", "after_ms": 1000},
        {"id": f"{2:032x}", "outcome": "taken"},
    ]
    fault, line, _ = setup.log.lines
    assert fault == {
        "line": "unhandled_error", "given": ("take_engine_events", None, error), "event": f"{1:032x}",
    }  # fmt: skip
    assert (line["outcome"], line["reason"], line["counted"]) == ("later", "ZeroDivisionError", {"EventsLater": 1})


def test_a_batch_ends_in_time(setup: Setup) -> None:
    """Events that are not begun within four seconds are to be reported again: a request is answered within five."""
    setup.events.each_takes = 1500
    results = setup.take(*(ended(number) for number in range(1, 6)))
    assert [result["outcome"] for result in results] == ["taken", "taken", "taken", "later", "later"]
    assert [result.get("after_ms") for result in results] == [None, None, None, 200, 200]


@pytest.mark.parametrize(
    ("at", "sent_at", "expected"),
    [
        (NOW, NOW, NOW),
        (NOW - 5000, NOW, NOW - 5000),
        (NOW + 5000, NOW, NOW),  # in the future: now
        (NOW + 86_400_000, NOW + 86_400_000, NOW),  # a clock that is a day ahead
        (NOW + 86_400_000 - 700, NOW + 86_400_000, NOW - 700),
        (NOW - 86_400_000, NOW - 86_400_000, NOW),  # a clock that is a day behind
        (NOW // 1000, NOW // 1000 + 5, NOW - 5),  # a clock of seconds in place of milliseconds
        (0, NOW, 0),
    ],
)
def test_times_are_those_of_this_clock(setup: Setup, at: int, sent_at: int, expected: int) -> None:
    """The time of an event is corrected by the difference of the clocks, and never later than now."""
    setup.take(ended(at=at), sent_at=sent_at)
    assert [event.at for event in setup.events.taken] == [expected]


@pytest.mark.parametrize(
    ("skew", "excessive"), [(0, None), (2000, None), (-2000, None), (2001, False), (-60_000, False), (60_001, True)]
)
def test_a_clock_that_differs_is_logged_once(setup: Setup, skew: int, excessive: bool | None) -> None:  # noqa: FBT001
    """A difference of more than two seconds is logged once per session, and one of over a minute is excessive."""
    for _ in range(3):
        setup.take(ended(), sent_at=NOW + skew)
    clocks = [line for line in setup.log.lines if line["line"] == "engine_clock"]
    assert clocks == (
        []
        if excessive is None
        else [
            {
                "line": "engine_clock", "operation": "take_engine_events", "engine": "ast1", "boot": BOOT,
                "skew_ms": skew, "is_excessive": excessive,
            }
        ]
    )  # fmt: skip


def test_writes_a_line_for_each_event(setup: Setup) -> None:
    """Each line names event, type, engine, account, resource, version, outcome, code and reason; refusals count."""
    setup.events.outcomes[f"{2:032x}"] = EventResult(EventOutcome.STALE, reason="older than seq")
    setup.events.outcomes[f"{3:032x}"] = EventResult(EventOutcome.REFUSED, EventRefusal.WRONG_STATE, reason="ended")
    parent = {"type": "conference", "id": CALL}
    setup.take(
        ended(1, version=4),
        {**ended(2, version=3), "type": "recording.paused", "parent": parent, "recording": RECORDING},
        ended(3),
        ended(4, account=OTHER),
        {"type": "call +12025550123", "account": "+12025550123", "id": "x"},
        ended(6, call="+12025550123"),
        "+12025550123",
    )
    common = {"line": "engine_event", "operation": "take_engine_events", "engine": "ast1"}
    assert setup.log.lines == [
        {**common, "outcome": "taken", "event": f"{1:032x}", "kind": "call.ended", "account": ACCOUNT, "call": CALL,
         "version": 4},
        {**common, "outcome": "stale", "event": f"{2:032x}", "kind": "recording.paused", "account": ACCOUNT,
         "conference": CALL, "recording": RECORDING, "version": 3, "reason": "older than seq",
         "counted": {"EventsStale": 1}},
        {**common, "outcome": "refused", "event": f"{3:032x}", "kind": "call.ended", "account": ACCOUNT, "call": CALL,
         "code": "wrong_state", "reason": "ended", "counted": {"EventsRefused": 1}},
        {**common, "outcome": "refused", "event": f"{4:032x}", "kind": "call.ended", "account": OTHER, "call": CALL,
         "code": "not_yours", "reason": "foreign account", "counted": {"EventsRefused": 1, "EngineTrespass": 1}},
        {**common, "outcome": "refused", "code": "unknown_type", "reason": "type", "counted": {"EventsRefused": 1}},
        {**common, "outcome": "refused", "event": f"{6:032x}", "kind": "call.ended", "account": ACCOUNT,
         "code": "unreadable", "reason": "call", "counted": {"EventsRefused": 1}},
        {**common, "outcome": "refused", "code": "unreadable", "reason": "not an object",
         "counted": {"EventsRefused": 1}},
    ]  # fmt: skip


def test_an_engine_of_all_accounts_reports_about_any(setup: Setup) -> None:
    """An engine without a list of accounts works for all of them."""
    results = setup.take(ended(1), ended(2, account=OTHER), engine=MediaEngine("standin"))
    assert [result["outcome"] for result in results] == ["taken", "taken"]
    assert [(event.account, event.engine, event.seq) for event in setup.events.taken] == [
        (ACCOUNT, "standin", 1),
        (OTHER, "standin", 2),
    ]


def test_an_informational_event_changes_nothing(setup: Setup) -> None:
    """`call.flow` and `engine.alive` are taken without a change of any resource."""
    alive = {
        "id": f"{2:032x}", "type": "engine.alive", "seq": 2, "at": NOW, "draining": True,
        "live": {"calls": 7, "conferences": 1, "recordings": 2}, "capacity": {"max_calls": 100},
    }  # fmt: skip
    assert setup.take({**ended(1), "type": "call.flow", "verb": "Say"}, alive) == [
        {"id": f"{1:032x}", "outcome": "taken"},
        {"id": f"{2:032x}", "outcome": "taken"},
    ]
    assert setup.events.taken == []
    assert setup.sessions.alive == [("ast1", BOOT, 2, EngineHealth(100, 7, is_draining=True))]


@pytest.mark.parametrize(
    ("problems", "counted"),
    [
        ({"outbox": {"waiting": 9, "oldest_ms": 9, "parked": 9, "dead": 2}}, {"EventsDead": 2}),
        ({"commands_unreadable": 1}, {"CommandsUnreadable": 1}),
        ({"uploads": {"waiting": 1, "oldest_ms": 900_000}}, {"UploadAgeMs": 900_000}),
        ({"outbox": {"dead": 0}, "uploads": {"waiting": 3}, "media": {"gaps": 1, "lost_ms": 40}}, None),
    ],
)
def test_problems_of_a_connector_are_counted(
    setup: Setup, problems: dict[str, Any], counted: dict[str, int] | None
) -> None:
    """`engine.alive` counts given-up events and unreadable commands, and the age of the oldest capture to upload."""
    alive = {"id": f"{2:032x}", "type": "engine.alive", "seq": 2, "at": NOW, **problems}
    assert setup.take(alive) == [{"id": f"{2:032x}", "outcome": "taken"}]
    assert [line.get("counted") for line in setup.log.lines] == [counted]


def test_a_superseded_session_is_refused(setup: Setup) -> None:
    """If a newer session of the engine is open, every event is refused, and the answer says why."""
    setup.sessions.newest = "c" * 32
    answer = setup.batches.take(MediaEngine("ast1"), ReceivedBatch(BOOT, NOW, [ended(1), ended(2), {}]))
    refused = {"outcome": "refused", "code": "superseded"}
    assert answer == {
        "now": NOW,
        "results": [
            {"id": f"{1:032x}", **refused},
            {"id": f"{2:032x}", **refused},
            {"id": None, "outcome": "refused", "code": "unreadable", "detail": "type"},
        ],
        "resync": False,
        "superseded": True,
    }
    assert (setup.events.taken, setup.sessions.alive) == ([], [])


def test_a_session_that_was_never_opened_is_requested(setup: Setup) -> None:
    """The events of an engine without an open session are taken, and the answer requests the session."""
    setup.sessions.newest = "a" * 32
    batches: list[list[Any]] = [[ended(1)], [{}]]
    for events in batches:
        answer = setup.batches.take(MediaEngine("ast1"), ReceivedBatch(BOOT, NOW, events))
        assert (answer["resync"], answer["superseded"], len(answer["results"])) == (True, False, 1)
    assert [event.id for event in setup.events.taken] == [f"{1:032x}"]


def test_a_lost_capture_requests_all_live_resources(setup: Setup) -> None:
    """If one event shows that the engine lost something, the answer requests the list of what it has."""
    setup.events.outcomes[f"{1:032x}"] = EventResult(EventOutcome.TAKEN, needs_resync=True)
    batch = ReceivedBatch(BOOT, NOW, [ended(1), ended(2)])
    answer = setup.batches.take(MediaEngine("ast1"), batch)
    assert (answer["resync"], [result["outcome"] for result in answer["results"]]) == (True, ["taken", "taken"])
