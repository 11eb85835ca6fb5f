"""Whatever happens in a conference, in whatever order it is told: its events are numbered from one, with none left out.

Rule R4: a number is written with the change that it tells of.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest

from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.errors import InvalidState, NotFound
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.conferences import ConferenceEndReport, UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tests.functions.living import World
from tests.thoroughness import scaled

EVERYTHING: Final = (
    "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement",
)  # fmt: skip


@dataclass
class Scene:
    """A conference in which things happen by chance."""

    world: World
    random_source: random.Random
    room: Conference
    calls: list[str] = field(default_factory=list)

    @property
    def acts(self) -> list[Callable[[], object]]:
        """All that may happen."""
        return [
            self.enter, self.enter, self.dial, self.ring, self.answer, self.answer, self.change, self.change, self.hear,
            self.hear, self.remove, self.leave, self.hang_up, self.announce, self.announced, self.end,
        ]  # fmt: skip

    def happen(self) -> None:
        """Something, if it may."""
        self.world.clock.step(self.random_source.choice([0, 0, 1]))
        act = self.random_source.choice(self.acts)
        if act == self.end and self.random_source.random() < 0.8:
            return
        try:
            act()
        except (NotFound, InvalidState):
            return

    @property
    def _who(self) -> str:
        return self.random_source.choice(self.calls) if self.calls else "0" * 32

    @property
    def _where(self) -> tuple[str, str]:
        return self.room.account, self.room.id

    def _change(self) -> UpdateParticipant:
        muted, hold, ends, beeps = (self.random_source.choice([None, True, False]) for _ in range(4))
        return UpdateParticipant(muted, hold, None, None, ends, beeps)

    def enter(self) -> None:
        """A call comes in, or back."""
        call = self._who
        if not self.calls or self.random_source.random() < 0.6:
            call = self.world.services.calls.register(self.room.account, to="", from_="", direction="inbound").id
            self.calls.append(call)
        ends = self.random_source.random() < 0.1
        heard = self.world.stage.engine_event() if self.random_source.random() < 0.5 else None
        self.world.services.conferences.join(*self._where, call, end_on_exit=ends, engine_event=heard)

    def dial(self) -> None:
        """Somebody is dialed."""
        added = self.world.services.participants.add(*self._where, AddParticipant("+1", "+2"))
        self.calls.append(added.call)

    def ring(self) -> None:
        """A telephone rings."""
        self.world.services.participants.ring(*self._where, self._who, self.world.stage.engine_event(1))

    def answer(self) -> None:
        """Somebody answers."""
        self.world.services.participants.answer(*self._where, self._who, self.world.stage.engine_event(1))

    def change(self) -> None:
        """Somebody is muted, held or placed over the API."""
        self.world.services.participants.update(*self._where, self._who, self._change())

    def hear(self) -> None:
        """The engine does so, or answers."""
        call = self._who
        _, found = self.world.services.conferences._store.get_membership(*self._where, call)
        if found is not None and found.requested_version > found.confirmed_version:
            event = self.world.event(
                "participant.changed", conference=self.room.id, call=call, version=found.requested_version
            )
            assert self.world.ingest(event) == []
        self.world.services.participants.update(*self._where, call, self._change(), self.world.stage.engine_event())

    def remove(self) -> None:
        """Somebody is taken out over the API."""
        self.world.services.participants.remove(*self._where, self._who)

    def leave(self) -> None:
        """Somebody leaves."""
        self.world.services.participants.remove(*self._where, self._who, self.world.stage.engine_event())

    def hang_up(self) -> None:
        """A call ends."""
        heard = self.world.stage.engine_event() if self.random_source.random() < 0.5 else None
        self.world.services.calls.end(self.room.account, self._who, CallStatus.COMPLETED, engine_event=heard)

    def announce(self) -> None:
        """Something is to be played."""
        change = UpdateConference(announce_url="https://a.example/")
        self.world.services.conferences.update(*self._where, change)

    def announced(self) -> None:
        """Something has been played."""
        found = self.world.services.conferences.get(*self._where)
        self.world.services.conferences.announced(*self._where, found.requested_version)

    def end(self) -> None:
        """It ends, over the API or by itself."""
        told = (
            ConferenceEndReport(self.world.stage.engine_event(), EndReason.LAST_LEFT)
            if self.random_source.random() < 0.5
            else None
        )
        self.world.services.conferences.end(*self._where, told)


@pytest.mark.parametrize("seed", range(scaled(1_000, 25)))
def test_numbers_are_whole(world: World, seed: int) -> None:
    """Each number once, from one to the last; whoever joined leaves, nobody twice, and the end comes last."""
    random_source = random.Random(seed)  # noqa: S311 - what happens, not a secret
    callback = CallbackSubscription("https://app.example.com/hooks", "POST", EVERYTHING, "twilio")
    scene = Scene(
        world, random_source, world.services.conferences.register(world.account.account, "Room", callback=callback)
    )
    for _ in range(random_source.randint(5, 60)):
        scene.happen()
    records = world.changes()
    random_source.shuffle(records)
    assert world.publish(records) == []
    deliveries = world.claims(scene.room.id)
    found = world.services.conferences.get(world.account.account, scene.room.id)
    last = found.sequence if found.is_live else found.end_sequence
    assert [delivery.sequence for delivery in deliveries] == [*range(1, last + 1)]
    events = [delivery.event for delivery in deliveries]
    assert events.count("end") == (not found.is_live)
    assert events.count("start") == (found.start_sequence > 0)
    if not found.is_live:
        assert events[-1] == "end"
    for call in scene.calls:
        inside = False
        for delivery in deliveries:
            if _is_of(world, delivery, call) and delivery.event in {"join", "leave"}:
                assert (delivery.event == "join") is not inside
                inside = not inside
            elif _is_of(world, delivery, call):
                assert inside
        member = world.services.conferences._store.get_membership(world.account.account, scene.room.id, call)[1]
        assert inside is (found.is_live and member is not None and member.is_inside and member.is_connected)


def _is_of(world: World, delivery: CallbackDelivery, call: str) -> bool:
    return delivery.event != "end" and world.client("twilio").sid_of_call(call) in delivery.body
