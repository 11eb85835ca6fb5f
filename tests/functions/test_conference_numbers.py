"""Tests that a conference's callbacks have consecutive sequence numbers from 1, in any order of stream records.

A sequence number is stored in the same write as the change that it numbers (REL-4).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest

from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.engine_report import ParticipantChangeReport
from tapedeck.domain.errors import InvalidState, NotFound
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.conferences import UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tests.functions.background_world import World
from tests.reporter import EngineReporter, open_conference
from tests.thoroughness import scaled

EVERYTHING: Final = (
    "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement",
)  # fmt: skip


@dataclass
class RandomConference:
    """A conference with random events."""

    world: World
    random_source: random.Random
    conference: Conference
    calls: list[str] = field(default_factory=list)

    @property
    def actions(self) -> list[Callable[[], object]]:
        """The possible actions; repeated ones are more frequent."""
        return [
            self.enter, self.enter, self.dial, self.ring, self.answer, self.answer, self.change, self.change,
            self.engine_change, self.engine_change, self.remove, self.leave, self.hang_up,
            self.announce, self.announced, self.end,
        ]  # fmt: skip

    def run_action(self) -> None:
        """Run a random action, if the state permits it."""
        self.world.clock.step(self.random_source.choice([0, 0, 1]))
        action = self.random_source.choice(self.actions)
        if action == self.end and self.random_source.random() < 0.8:
            return
        try:
            action()
        except (NotFound, InvalidState):
            return

    @property
    def _engine(self) -> EngineReporter:
        return self.world.stage.engine

    @property
    def _random_call(self) -> str:
        return self.random_source.choice(self.calls) if self.calls else "0" * 32

    @property
    def _ids(self) -> tuple[str, str]:
        return self.conference.account, self.conference.id

    def _change(self) -> UpdateParticipant:
        muted, hold, ends, beeps = (self.random_source.choice([None, True, False]) for _ in range(4))
        return UpdateParticipant(muted, hold, None, None, ends, beeps)

    def enter(self) -> None:
        """A new call or an earlier one joins."""
        call = self._random_call
        if not self.calls or self.random_source.random() < 0.6:
            call = self.world.services.calls.register(self.conference.account, to="", from_="", direction="inbound").id
            self.calls.append(call)
        ends = self.random_source.random() < 0.1
        self._engine.joined(self.conference.id, call, end_conference_on_exit=ends)

    def dial(self) -> None:
        """The API dials a participant."""
        added = self.world.services.participants.add(*self._ids, AddParticipant("+1", "+2"))
        self.calls.append(added.call)

    def ring(self) -> None:
        """The engine reports that a participant's phone rings."""
        self._engine.ringing(self._random_call, 1)

    def answer(self) -> None:
        """The engine reports that a participant answered."""
        self._engine.answered(self._random_call, 1)

    def change(self) -> None:
        """The API mutes, holds or modifies a participant."""
        self.world.services.participants.update(*self._ids, self._random_call, self._change())

    def engine_change(self) -> None:
        """The engine confirms a pending change, then changes a participant itself."""
        call = self._random_call
        _, found = self.world.services.conferences._store.get_membership(*self._ids, call)
        if found is not None and found.requested_version > found.confirmed_version:
            event = self.world.event(
                "participant.changed", conference=self.conference.id, call=call, version=found.requested_version
            )
            assert self.world.ingest(event) == []
        change = self._change()
        self._engine.report(
            ParticipantChangeReport(
                self.conference.id, call, change.muted, change.hold, None, None, change.end_conference_on_exit,
                change.beep_on_exit,
            )
        )  # fmt: skip

    def remove(self) -> None:
        """The API removes a participant."""
        self.world.services.participants.remove(*self._ids, self._random_call)

    def leave(self) -> None:
        """The engine reports that a participant left."""
        self._engine.left(self.conference.id, self._random_call)

    def hang_up(self) -> None:
        """A call ends, through the API or reported by the engine."""
        if self.random_source.random() < 0.5:
            self._engine.call_ended(self._random_call)
        else:
            self.world.services.calls.end(self.conference.account, self._random_call, CallStatus.COMPLETED)

    def announce(self) -> None:
        """The API requests an announcement."""
        change = UpdateConference(announce_url="https://a.example/")
        self.world.services.conferences.update(*self._ids, change)

    def announced(self) -> None:
        """The engine confirms an announcement."""
        found = self.world.services.conferences.get(*self._ids)
        self._engine.announced(self.conference.id, found.requested_version)

    def end(self) -> None:
        """The conference ends, through the API or reported by the engine."""
        if self.random_source.random() < 0.5:
            self._engine.conference_ended(self.conference.id)
        else:
            self.world.services.conferences.end(*self._ids)


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(scaled(deep=1_000, ci=100, fast=8)))
def test_sequence_numbers_have_no_gaps(world: World, seed: int) -> None:
    """Each number from 1 occurs once; a participant joins before leaving, and the end event is the last."""
    random_source = random.Random(seed)  # noqa: S311 - reproducible, not a secret
    callback = CallbackSubscription("https://app.example.com/hooks", "POST", EVERYTHING, "twilio")
    model = RandomConference(
        world, random_source, open_conference(world.services, world.account.account, "Room", callback=callback)
    )
    for _ in range(random_source.randint(5, 60)):
        model.run_action()
    records = world.changes()
    random_source.shuffle(records)
    assert world.publish(records) == []
    deliveries = world.deliveries(model.conference.id)
    found = world.services.conferences.get(world.account.account, model.conference.id)
    last = found.sequence if found.is_live else found.end_sequence
    assert [delivery.sequence for delivery in deliveries] == [*range(1, last + 1)]
    events = [delivery.event for delivery in deliveries]
    assert events.count("end") == (not found.is_live)
    assert events.count("start") == (found.start_sequence > 0)
    if not found.is_live:
        assert events[-1] == "end"
    for call in model.calls:
        inside = False
        for delivery in deliveries:
            if _is_of(world, delivery, call) and delivery.event in {"join", "leave"}:
                assert (delivery.event == "join") is not inside
                inside = not inside
            elif _is_of(world, delivery, call):
                assert inside
        participant = world.services.conferences._store.get_membership(
            world.account.account, model.conference.id, call
        )[1]
        assert inside is (
            found.is_live and participant is not None and participant.is_inside and participant.is_connected
        )


def _is_of(world: World, delivery: CallbackDelivery, call: str) -> bool:
    return delivery.event != "end" and world.client("twilio").sid_of_call(call) in delivery.body
