"""What an engine sends to open a session, and what it is answered."""

from collections import Counter
from typing import Any

import pytest

from tapedeck.background.event_batches import read_health
from tapedeck.background.session_requests import SessionRequests
from tapedeck.domain.engine import EngineCapabilities, EngineHealth, MediaEngine
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.engine_sessions import OpenedSession, SessionOpening
from tapedeck.ports.engines import LiveResource, QueueAccess
from tapedeck_protocol.events import EngineAlive
from tapedeck_protocol.session import OpenSessionAnswer, OpenSessionRequest

BOOT, ACCOUNT, CALL, RECORDING, CONFERENCE = (digit * 32 for digit in "12345")


class RecordedSessions:
    """Keeps what is opened; the answer is fixed."""

    def __init__(self, lost: int = 0) -> None:
        self.opened: list[tuple[MediaEngine, SessionOpening]] = []
        self._counted = Counter(resources_lost=lost)

    def open(self, engine: MediaEngine, opening: SessionOpening) -> OpenedSession:
        """Open a session."""
        self.opened.append((engine, opening))
        return OpenedSession(1_000_000, [CALL], [RECORDING], self._counted)


class RecordedLines:
    """Keeps what is logged of a session."""

    def __init__(self) -> None:
        self.logged: list[dict[str, Any]] = []

    def lost_resources(self, **fields: Any) -> None:
        """Keep the fields."""
        self.logged.append(fields)


class FixedLender:
    """Lends fixed credentials."""

    def lend(self, engine: str) -> QueueAccess:
        """Return credentials."""
        return QueueAccess(f"https://sqs.example/1/{engine}", "eu-west-1", "AKIA", "secret", "token", 1_780_003_600_000)


def answer_to(**fields: Any) -> tuple[dict[str, Any], SessionOpening]:
    """Open a session with these fields; return the answer and what was opened."""
    sessions = RecordedSessions()
    request = OpenSessionRequest.model_validate(
        {"protocol": 2, "boot": BOOT, "capabilities": {}, "sent_at": 1_780_000_000_000, **fields}
    )
    requests = SessionRequests(sessions, FixedLender(), lambda: 1_780_000_000_007, RecordedLines())  # type: ignore[arg-type]
    answer = requests.open(MediaEngine("ast1"), request)
    assert OpenSessionAnswer.model_validate(answer).model_dump(mode="json") == answer
    ((engine, opening),) = sessions.opened
    assert engine == MediaEngine("ast1")
    return answer, opening


def test_the_answer_names_the_queue_and_what_is_not_live() -> None:
    """The answer has the time, the intervals, the queue with lent credentials, and the ids that are not live."""
    answer, _ = answer_to()
    assert answer == {
        "engine": "ast1",
        "now": 1_780_000_000_007,
        "seq_seen": 1_000_000,
        "alive_every": 15,
        "dead_after": 45,
        "commands": {
            "url": "https://sqs.example/1/ast1",
            "region": "eu-west-1",
            "access_key": "AKIA",
            "secret_key": "secret",
            "session_token": "token",
            "expires_at": 1_780_003_600_000,
        },
        "unknown": [CALL],
        "ended": [RECORDING],
    }


def test_a_minimal_request_has_the_defaults_of_an_engine() -> None:
    """An engine that states nothing can do what a simple engine can, and has nothing."""
    assert answer_to()[1] == SessionOpening(BOOT, EngineCapabilities(), live=[])


def test_everything_that_an_engine_states_is_read() -> None:
    """Capabilities, capacity, pages and live resources are passed on; a recording keeps its parent."""
    _, opening = answer_to(
        capabilities={
            "pause": False, "restart": False, "tracks": False, "dual": False, "conference": False,
            "conference_recording": False, "participants": ["mute", "hold"], "place": True, "markup": True,
            "presence": False,
        },
        capacity={"max_calls": 30},
        more=True,
        live=[
            {"kind": "call", "id": CALL, "account": ACCOUNT, "version": 3, "status": "in-progress"},
            {"kind": "conference", "id": CONFERENCE, "account": ACCOUNT},
            {"kind": "recording", "id": RECORDING, "account": ACCOUNT, "parent": {"type": "call", "id": CALL}},
            {"kind": "recording", "id": BOOT, "account": ACCOUNT, "parent": {"type": "conference", "id": CONFERENCE}},
        ],
    )  # fmt: skip
    assert opening == SessionOpening(
        BOOT,
        EngineCapabilities(
            pause=False, restart=False, tracks=False, dual=False, conference=False, conference_recording=False,
            participants=frozenset({"mute", "hold"}), place=True, markup=True, presence=False,
        ),
        max_calls=30,
        has_more=True,
        live=[
            LiveResource("call", ACCOUNT, CALL, version=3),
            LiveResource("conference", ACCOUNT, CONFERENCE),
            LiveResource("recording", ACCOUNT, RECORDING, Parent(ACCOUNT, ParentKind.CALL, CALL)),
            LiveResource("recording", ACCOUNT, BOOT, Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE)),
        ],
    )  # fmt: skip


@pytest.mark.parametrize(("lost", "logged"), [(0, []), (3, [{"engine": "ast1", "boot": BOOT, "number": 3}])])
def test_what_a_new_session_has_lost_is_logged(lost: int, logged: list[dict[str, Any]]) -> None:
    """One line has the number of resources that a session has ended; there is none if it ended nothing."""
    losses = RecordedLines()
    requests = SessionRequests(RecordedSessions(lost), FixedLender(), lambda: 1_780_000_000_007, losses)  # type: ignore[arg-type]
    fields = {"protocol": 2, "boot": BOOT, "capabilities": {}, "sent_at": 1_780_000_000_000}
    requests.open(MediaEngine("ast1"), OpenSessionRequest.model_validate(fields))
    assert losses.logged == logged


def test_a_report_of_being_alive_is_read() -> None:
    """The number of calls, the capacity and the state of draining are kept."""
    alive = EngineAlive.model_validate(
        {
            "id": BOOT, "type": "engine.alive", "seq": 4, "at": 1_780_000_000_000, "live": {"calls": 3},
            "capacity": {"max_calls": 9}, "draining": True,
        }
    )  # fmt: skip
    assert read_health(alive) == EngineHealth(9, 3, is_draining=True)
