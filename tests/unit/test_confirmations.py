"""The wait for a confirmation: what is answered, row by row, with a store that changes between two reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.engine import EngineCapabilities, EnginePresence
from tapedeck.domain.errors import NotConfirmed, NotEligibleForRecording, StoreBusy, StoreUnavailable
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.recordings import RecordingProgress

ACCOUNT, CALL = "a" * 32, "c" * 32
NOW = 1_795_250_675_000
STATUS = RecordingStatus
PAUSED = Recording(
    id="d" * 32,
    parent=Parent(ACCOUNT, ParentKind.CALL, CALL),
    status=STATUS.PAUSED,
    source=Source.START_CALL_RECORDING,
    updated=NOW // 1000,
    version=3,
    confirmed_version=2,
    engine="ast1",
)
"""A recording that a request has just paused with version 3; the engine has confirmed version 2."""

STOPPED = replace(PAUSED, status=STATUS.STOPPED)
ALIVE = EnginePresence("ast1", "b" * 32, seen_at=NOW // 1000 - 44)
LOST = replace(ALIVE, seen_at=NOW // 1000 - 45)
CALL_IN_PROGRESS = Call(
    id=CALL,
    account=ACCOUNT,
    status=CallStatus.IN_PROGRESS,
    to="+12025550100",
    from_="+12025550101",
    direction="inbound",
    updated=NOW // 1000,
)


def progress(status: RecordingStatus, version: int, confirmed: int, effective: int = 0, **more: Any) -> Any:
    """Return how far the engine is."""
    return RecordingProgress(status, version, confirmed, effective, **more)


SILENT = progress(STATUS.PAUSED, 3, 2)


@dataclass
class World:
    """A store, engines and a clock; each read of the recording returns the next of `reads`, the last one for ever."""

    reads: Sequence[RecordingProgress | Exception | None] = (SILENT,)
    presences: Sequence[EnginePresence] = (ALIVE,)
    call: Call = CALL_IN_PROGRESS
    send_error: Exception | None = None
    presence_error: Exception | None = None
    time: int = 0
    log: list[str] = field(default_factory=list)
    read_at: list[int] = field(default_factory=list)

    def get_progress(self, parent: Parent, recording: str) -> RecordingProgress | None:
        """Return the next state of the recording."""
        assert (parent, recording) == (PAUSED.parent, PAUSED.id)
        self.read_at.append(self.time)
        found = self.reads[min(len(self.read_at), len(self.reads)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    def get_call(self, account: str, call: str) -> Call:
        """Return the call that is recorded."""
        assert (account, call) == (ACCOUNT, CALL)
        self.log.append("read call")
        return self.call

    def list_presences(self) -> Sequence[EnginePresence]:
        """Return the presences of the engines."""
        self.log.append("read presences")
        if self.presence_error is not None:
            raise self.presence_error
        return self.presences

    def send(self, engine: str, recording: Recording) -> None:
        """Note the command."""
        self.log.append(f"send {recording.status} {recording.version} to {engine}")
        if self.send_error is not None:
            raise self.send_error

    def pause(self, milliseconds: int) -> None:
        """Let time pass."""
        self.time += milliseconds

    def confirmations(self, within_ms: int = 2500) -> Confirmations:
        """Return the operation under test in this world."""
        return Confirmations(
            cast("Any", self),
            self,
            cast("Any", self),
            self,
            within_ms,
            lambda: self.time,
            lambda: NOW,
            lambda recording, _error: self.log.append(f"unsent {recording.id[0]}"),
        )

    def wait(self, recording: Recording = PAUSED) -> Recording:
        """Wait for a recording whose write began now."""
        return self.confirmations().wait(recording, self.time)

    def refuse(self, recording: Recording = PAUSED) -> str | None:
        """Return why a wait fails."""
        with pytest.raises((NotConfirmed, NotEligibleForRecording)) as raised:
            self.wait(recording)
        return raised.value.reason if isinstance(raised.value, NotConfirmed) else "not eligible"


def test_answers_once_the_pause_took_effect() -> None:
    """The command is sent at once; the recording is answered as the write left it, at the first read that shows it."""
    world = World([SILENT, SILENT, progress(STATUS.PAUSED, 3, 3, 3)])
    assert world.wait() == PAUSED
    assert world.log == ["read presences", "send paused 3 to ast1"]
    assert world.read_at == [30, 55, 80]


def test_reads_less_and_less_often() -> None:
    """An engine that stays silent leads to a timeout after 2.5 seconds, and to 44 reads."""
    world = World()
    assert world.refuse() == "timeout"
    early, middle = list(range(30, 506, 25)), list(range(555, 1006, 50))
    assert world.read_at == [*early, *middle, *range(1105, 2306, 100), 2500]
    assert len(world.read_at) == 44


@pytest.mark.parametrize("within_ms", [500, 2500, 10_000])
def test_waits_no_longer_than_configured(within_ms: int) -> None:
    """The wait ends with a read exactly at the deadline, which counts from the write."""
    world = World(time=40)
    with pytest.raises(NotConfirmed):
        world.confirmations(within_ms).wait(PAUSED, 0)
    assert world.read_at[-1] == within_ms


def test_a_repetition_of_an_effective_pause_needs_nothing() -> None:
    """A pause that took effect already is answered without a read and without a command."""
    world = World()
    assert world.wait(replace(PAUSED, confirmed_version=3, effective_version=3)).version == 3
    assert (world.log, world.read_at) == ([], [])


def test_a_confirmation_without_the_pause_is_not_enough() -> None:
    """Version 4, which resumed the recording, is confirmed, but the pause of version 3 never took effect."""
    assert World([SILENT, progress(STATUS.IN_PROGRESS, 4, 4)]).refuse() == "overtaken"
    assert World([progress(STATUS.PAUSED, 3, 3)]).refuse() == "timeout"


def test_a_later_request_has_resumed_the_recording() -> None:
    """A pause that took effect is not confirmed if a later request has resumed the recording."""
    assert World([SILENT, progress(STATUS.IN_PROGRESS, 4, 3, 3)]).refuse() == "overtaken"
    assert World([SILENT, progress(STATUS.IN_PROGRESS, 6, 5, 5)]).refuse() == "overtaken"


def test_a_pause_of_the_engine_is_not_the_one_that_was_requested() -> None:
    """A recording that was resumed, and that its engine has paused by itself since, may be resumed by the engine."""
    assert World([SILENT, progress(STATUS.PAUSED, 5, 5, 5, own_version=5)]).refuse() == "overtaken"
    assert World([SILENT, progress(STATUS.PAUSED, 6, 6, 6, own_version=5)]).wait() == PAUSED


def test_a_later_pause_has_replaced_it() -> None:
    """A pause that was resumed and paused again is confirmed once the last pause took effect, not before."""
    world = World([progress(STATUS.PAUSED, 5, 3), progress(STATUS.PAUSED, 5, 3, 3), progress(STATUS.PAUSED, 5, 5, 5)])
    assert world.wait() == PAUSED
    assert world.read_at == [30, 55, 80]


@pytest.mark.parametrize("status", [STATUS.STOPPED, STATUS.COMPLETED, STATUS.ABSENT, STATUS.DELETED, None])
def test_the_capture_has_ended_meanwhile(status: RecordingStatus | None) -> None:
    """A capture that ended before the pause took effect is not eligible; after it, the pause is confirmed.

    If there was another change in between, it may have been a resume, which the engine may still carry out.
    """
    ended = progress(status, 4, 4) if status is not None else None
    assert World([SILENT, ended]).refuse() == "not eligible"
    if status is not None:
        assert World([SILENT, progress(status, 4, 4, 3)]).wait() == PAUSED
        assert World([SILENT, progress(status, 5, 3, 3)]).refuse() == "not eligible"


@pytest.mark.parametrize("code", ["busy", "unsupported", "no_space", "bad_request"])
def test_a_refusal_ends_the_wait_at_once(code: str) -> None:
    """The engine's refusal of this version ends the wait at the read that shows it."""
    world = World([SILENT, progress(STATUS.PAUSED, 3, 2, refused_version=3, refused_code=code)])
    assert world.refuse() == "refused"
    assert world.read_at == [30, 55]


@pytest.mark.parametrize(("version", "code"), [(2, "busy"), (3, "expired")])
def test_other_refusals_decide_nothing(version: int, code: str) -> None:
    """The refusal of an older version, or of a copy that has expired, does not end the wait."""
    refused = progress(STATUS.PAUSED, 3, 2, refused_version=version, refused_code=code)
    assert World([refused, progress(STATUS.PAUSED, 3, 3, 3)]).wait() == PAUSED


def test_a_repetition_waits_anew_after_a_refusal() -> None:
    """A refusal that is known when the request begins does not end its wait; the command is sent again."""
    before = replace(PAUSED, refused_version=3, refused_code="busy")
    refused = progress(STATUS.PAUSED, 3, 2, refused_version=3, refused_code="busy")
    world = World([refused, progress(STATUS.PAUSED, 3, 3, 3)])
    assert world.wait(before) == before
    assert world.log[-1] == "send paused 3 to ast1"


@pytest.mark.parametrize("presences", [(LOST,), (), (replace(ALIVE, engine="ast2"),)])
def test_a_lost_engine_is_answered_at_once(presences: Sequence[EnginePresence]) -> None:
    """Without a live engine nothing is sent and nothing is waited for."""
    world = World(presences=presences)
    assert world.refuse() == "engine_lost"
    assert (world.log, world.time) == (["read presences"], 0)


def test_presences_are_remembered_for_five_seconds() -> None:
    """A second pause within five seconds reads no presence."""
    world = World([progress(STATUS.PAUSED, 3, 3, 3)])
    confirmations = world.confirmations()
    for at in (0, 4_999, 5_000):
        world.time = at
        confirmations.wait(PAUSED, at)
    assert [line for line in world.log if line == "read presences"] == ["read presences"] * 2


@pytest.mark.parametrize("engine", ["ast1", None])
def test_a_recording_that_has_not_begun_has_the_engine_of_its_call(engine: str | None) -> None:
    """The call is read only if the recording has no engine; if it has none either, the stream's copy must do."""
    world = World([progress(STATUS.PAUSED, 3, 3, 3)], call=replace(CALL_IN_PROGRESS, engine=engine))
    assert world.wait(replace(PAUSED, engine=None)).version == 3
    sent = ["send paused 3 to ast1"] if engine is not None else []
    assert world.log == ["read call", "read presences", *sent]


def test_a_recording_without_an_engine_needs_any_live_engine() -> None:
    """While no engine is alive at all, a pause of a recording that no engine has is answered at once."""
    assert World(presences=(LOST,)).refuse(replace(PAUSED, engine=None)) == "engine_lost"


@pytest.mark.parametrize("error", [StoreBusy(), StoreUnavailable()])
def test_failures_on_the_way_are_passed_over(error: Exception) -> None:
    """Neither an unsent command, nor unreadable presences, nor a failed read ends the wait."""
    world = World([error, progress(STATUS.PAUSED, 3, 3, 3)], send_error=error, presence_error=error)
    assert world.wait() == PAUSED
    assert world.log == ["read presences", "send paused 3 to ast1", "unsent d"]
    assert world.read_at == [30, 55]


@pytest.mark.parametrize(
    "found",
    [
        progress(STATUS.STOPPED, 3, 3), progress(STATUS.STOPPED, 3, 2, is_captured=True),
        progress(STATUS.COMPLETED, 3, 2), progress(STATUS.ABSENT, 4, 2), None,
    ],
)  # fmt: skip
def test_a_stop_is_confirmed_by_its_version_or_by_the_end(found: RecordingProgress | None) -> None:
    """A stop is confirmed by the engine, by the upload of its capture, or by the end of the recording."""
    world = World([progress(STATUS.STOPPED, 3, 2), found])
    assert world.wait(STOPPED) == STOPPED
    assert world.log == ["read presences", "send stopped 3 to ast1"]


def test_a_stop_can_fail_as_a_pause() -> None:
    """A stop that the engine refuses or ignores is not confirmed."""
    stopped = progress(STATUS.STOPPED, 3, 2)
    assert World([stopped]).refuse(STOPPED) == "timeout"
    assert World([replace(stopped, refused_version=3, refused_code="busy")]).refuse(STOPPED) == "refused"


def cannot_pause(world: World, find: Callable[[], Recording | None]) -> bool:
    """Whether a pause is refused before its write."""
    try:
        world.confirmations().require_pausable(PAUSED.parent, find)
    except NotEligibleForRecording:
        return True
    return False


def test_an_engine_that_cannot_pause_is_refused_before_the_write() -> None:
    """The recording is read only if some engine cannot pause, and refused only if that engine has it."""
    simple = replace(ALIVE, capabilities=EngineCapabilities(pause=False))
    other = replace(ALIVE, engine="ast2")
    assert cannot_pause(World(presences=(simple, other)), lambda: PAUSED)
    assert not cannot_pause(World(presences=(simple, other)), lambda: replace(PAUSED, engine="ast2"))
    assert not cannot_pause(World(presences=(simple,)), lambda: None)
    assert not cannot_pause(World(presence_error=StoreBusy()), lambda: pytest.fail("not read"))
    assert not cannot_pause(World(), lambda: pytest.fail("not read"))
