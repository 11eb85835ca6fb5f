"""Both tables are put back to an earlier state: everything is as it was then, or comes to its end."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import Final
from unittest.mock import Mock, patch

import pytest

from scripts import put_back_table
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.operations.accounts import Accounts
from tapedeck.operations.authentication import Authenticator
from tapedeck.operations.recordings import StartRecording
from tapedeck_standin.recordings.captures import CaptureMode
from tests.simulation.receivers import Receiver
from tests.simulation.restored_stack import Stack, commands_of_page
from tests.simulation.world import World
from tests.thoroughness import in_turn, scaled

SEEDS: Final = scaled(deep=2_000, ci=8, fast=2)
AT_ONCE: Final = scaled(deep=100, ci=4, fast=2)
"""Seeds per test."""

TRIED: Final = range(5, 25)
"""Seeds of which one must show that a step is missing; the first one does."""


def wrong_after(seed: int, omitted: Collection[str] = ()) -> list[str]:
    """Run a history, put the tables back to a moment of it, and list what is wrong in the end.

    After every other restore the engine has lost everything: then all ends by itself, within 90 minutes.
    """
    with World(seed) as world:
        stack, keeps_calls = Stack(world, omitted), seed % 2 == 0
        stack.go_on(world.random_source.randint(5, 40))
        stack.copy_tables()
        then = {key: image["status"]["S"] for key, image in world.history.recordings()}
        stack.go_on(world.random_source.randint(5, 40))
        stack.put_back(stack.live() if keeps_calls else None)
        if keeps_calls:
            stack.go_on(world.random_source.randint(0, 20))
            stack.end_all()
        stack.pass_minutes(90)
        left = stack.left()
        world.settle()
        return [*left, *stack.wrong(then)]


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_every_recording_is_as_then_or_finalised(first: int) -> None:
    """After a restore by the page, nothing is left open, and each callback keeps its token and its bytes."""
    seeds = range(first, min(first + AT_ONCE, SEEDS))
    assert {seed: wrong for seed in seeds if (wrong := wrong_after(seed))} == {}


@pytest.mark.parametrize(("omitted", "found"), [("discard", "went from"), ("restart", "goes on")])
def test_a_step_that_is_left_out_is_noticed(omitted: str, found: str) -> None:
    """The check fails if the copied changes are published, or if the engine opens no new session."""
    assert any(found in wrong for seed in TRIED for wrong in wrong_after(seed, [omitted]))


def test_an_outbox_that_is_taken_back_is_noticed() -> None:
    """The check fails if the table is a plain copy: callbacks are then sent again with other contents."""
    with patch.object(put_back_table, "_is_outbox", lambda _: False):
        assert any("no delivery has this token" in wrong for seed in TRIED for wrong in wrong_after(seed))


@pytest.fixture
def world() -> Iterator[World]:
    """A simulated deployment without faults."""
    with World(0, event_fault_rate=0) as made:
        made.network.receivers = {"host.example": Receiver()}
        yield made


def begin_recording(world: World) -> tuple[Parent, str]:
    """Let a call begin and record it; return the call and the recording."""
    call = new_id(world.clock())
    world.report_event("call.answered", call, call=call, to="+15550001", **{"from": "+15550002"})
    world.drain()
    leg = Parent(world.account, ParentKind.CALL, call)
    recording, _ = world.recordings.create(leg, StartRecording())
    move(world, leg, recording.id)
    return leg, recording.id


def move(world: World, leg: Parent, recording: str, *statuses: RecordingStatus) -> None:
    """Pause, resume or stop a recording, ten seconds apart; the engine carries out each."""
    for status in statuses:
        world.recordings.update(leg, recording, status)
        world.observe()
        world.drain()
        world.clock.sleep(10)
    world.observe()
    world.drain()


def without_new_numbers() -> AbstractContextManager[object]:
    """Put numbers back as they were, too."""
    return patch.object(put_back_table, "_continued", lambda item, _current: item)


@pytest.mark.parametrize(
    ("change", "mode"),
    [(lambda: patch.dict({}), CaptureMode.SILENCE), (without_new_numbers, CaptureMode.AUDIO)],
    ids=["as documented", "numbers put back"],
)
def test_a_pause_after_a_restore_takes_effect(
    world: World, change: Callable[[], AbstractContextManager[object]], mode: CaptureMode
) -> None:
    """An engine that has carried out later versions pauses, because the versions continue above them (C-316)."""
    stack = Stack(world)
    leg, recording = begin_recording(world)
    stack.copy_tables()
    move(world, leg, recording, *[RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS] * 2)
    with change():
        stack.put_back(stack.live())
    move(world, leg, recording, RecordingStatus.PAUSED)
    assert world.engine._sessions[recording].mode is mode


@pytest.mark.parametrize(("omitted", "mode"), [((), CaptureMode.SILENCE), (("purge",), CaptureMode.AUDIO)])
def test_a_command_that_waits_in_a_queue_is_not_carried_out(
    world: World, omitted: Collection[str], mode: CaptureMode
) -> None:
    """A resume that was requested after the moment to which the tables go back does not end the pause of then."""
    stack = Stack(world, omitted)
    leg, recording = begin_recording(world)
    move(world, leg, recording, RecordingStatus.PAUSED)
    stack.copy_tables()
    live = stack.live()
    world.recordings.update(leg, recording, RecordingStatus.IN_PROGRESS)
    world.observe()
    world.publish.run_once()
    stack.put_back(live)
    world.drain()
    assert world.recordings.get(leg, recording).status is RecordingStatus.PAUSED
    assert world.engine._sessions[recording].mode is mode


def test_audio_that_was_uploaded_since_then_is_kept(world: World) -> None:
    """A recording that was in progress then, and has its audio by now, becomes completed with the same audio again."""
    stack = Stack(world)
    leg, recording = begin_recording(world)
    stack.copy_tables()
    world.clock.sleep(60)
    move(world, leg, recording, RecordingStatus.STOPPED)
    world.clock.sleep(60)
    world.drain()
    before = world.recordings.get(leg, recording)
    audio = f"{world.account}/{recording}/original.wav"
    content = world.objects.content[audio]
    stack.put_back(None)
    assert world.recordings.get(leg, recording).status is RecordingStatus.STOPPED
    stack.pass_minutes(90)
    found = world.recordings.get(leg, recording)
    assert (found.status, found.duration) == (RecordingStatus.COMPLETED, before.duration)
    assert (world.objects.content[audio], world.objects.content[audio.replace("original", "capture")]) == (content, b"")


def test_an_empty_object_is_no_capture(world: World) -> None:
    """A stopped recording with an empty object in place of its capture becomes absent within 90 minutes (C-318)."""
    stack = Stack(world)
    leg, recording = begin_recording(world)
    world.engine._sessions.clear()
    move(world, leg, recording, RecordingStatus.STOPPED)
    world.objects.clear(f"{world.account}/{recording}/capture.wav")
    stack.pass_minutes(90)
    assert world.recordings.get(leg, recording).status is RecordingStatus.ABSENT


def test_a_key_that_was_revoked_since_then_is_listed(world: World) -> None:
    """Such a key is valid again; the script names it and its account, so that it is revoked again."""
    stack = Stack(world)
    store = CredentialsTable(DynamoDBTable(world.dynamodb, world._credentials_table, world.clock.sleep))
    accounts, authenticator = Accounts(store, Mock(), world.clock), Authenticator(store, world.clock, 0)
    kept, revoked = (accounts.issue_api_key(world.account) for _ in range(2))
    stack.copy_tables()
    accounts.revoke_api_key(world.account, revoked.key)
    with pytest.raises(NotAuthenticated):
        authenticator.verify_api_key(revoked.key, revoked.secret)
    assert stack.put_back_table(commands_of_page()[0]) == [
        ["changed", f"ACCOUNT#{world.account}", "-", "-", "-", "-"],
        ["back", f"KEY#{revoked.key}", "-", "-", "-", world.account],
    ]
    authenticator.verify_api_key(revoked.key, revoked.secret)
    accounts.revoke_api_key(world.account, revoked.key)
    with pytest.raises(NotAuthenticated):
        authenticator.verify_api_key(revoked.key, revoked.secret)
    authenticator.verify_api_key(kept.key, kept.secret)
