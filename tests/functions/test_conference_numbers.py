"""Whatever happens in a conference, in whatever order it is told: its events are numbered from one, with none left out.

Rule R4: a number is written with the change that it tells of.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest

from tapedeck.domain.call import CallStatus
from tapedeck.domain.callback import Callback
from tapedeck.domain.claim import Claim
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.errors import NotFound, StateForbids
from tapedeck.operations.conferences import HeardEnd, UpdateConference
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
    chance: random.Random
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
        self.world.clock.step(self.chance.choice([0, 0, 1]))
        act = self.chance.choice(self.acts)
        if act == self.end and self.chance.random() < 0.8:
            return
        try:
            act()
        except (NotFound, StateForbids):
            return

    @property
    def _who(self) -> str:
        return self.chance.choice(self.calls) if self.calls else "0" * 32

    @property
    def _where(self) -> tuple[str, str]:
        return self.room.account, self.room.id

    def _change(self) -> UpdateParticipant:
        muted, hold, ends, beeps = (self.chance.choice([None, True, False]) for _ in range(4))
        return UpdateParticipant(muted, hold, None, None, ends, beeps)

    def enter(self) -> None:
        """A call comes in, or back."""
        call = self._who
        if not self.calls or self.chance.random() < 0.6:
            call = self.world.service.calls.appear(self.room.account, to="", from_="", direction="inbound").id
            self.calls.append(call)
        ends = self.chance.random() < 0.1
        heard = self.world.stage.heard() if self.chance.random() < 0.5 else None
        self.world.service.conferences.join(*self._where, call, end_on_exit=ends, heard=heard)

    def dial(self) -> None:
        """Somebody is dialed."""
        added = self.world.service.participants.add(*self._where, AddParticipant("+1", "+2"))
        self.calls.append(added.call)

    def ring(self) -> None:
        """A telephone rings."""
        self.world.service.participants.ring(*self._where, self._who, self.world.stage.heard(1))

    def answer(self) -> None:
        """Somebody answers."""
        self.world.service.participants.answer(*self._where, self._who, self.world.stage.heard(1))

    def change(self) -> None:
        """Somebody is muted, held or placed over the API."""
        self.world.service.participants.update(*self._where, self._who, self._change())

    def hear(self) -> None:
        """The engine does so, or answers."""
        call = self._who
        _, found = self.world.service.conferences._store.get_membership(*self._where, call)
        if found is not None and found.asked > found.confirmed:
            event = self.world.event("participant.changed", conference=self.room.id, call=call, version=found.asked)
            assert self.world.ingest(event) == []
        self.world.service.participants.update(*self._where, call, self._change(), self.world.stage.heard())

    def remove(self) -> None:
        """Somebody is taken out over the API."""
        self.world.service.participants.remove(*self._where, self._who)

    def leave(self) -> None:
        """Somebody leaves."""
        self.world.service.participants.remove(*self._where, self._who, self.world.stage.heard())

    def hang_up(self) -> None:
        """A call ends."""
        heard = self.world.stage.heard() if self.chance.random() < 0.5 else None
        self.world.service.calls.end(self.room.account, self._who, CallStatus.COMPLETED, heard=heard)

    def announce(self) -> None:
        """Something is to be played."""
        change = UpdateConference(announce_url="https://a.example/")
        self.world.service.conferences.update(*self._where, change)

    def announced(self) -> None:
        """Something has been played."""
        found = self.world.service.conferences.get(*self._where)
        self.world.service.conferences.announced(*self._where, found.asked)

    def end(self) -> None:
        """It ends, over the API or by itself."""
        told = HeardEnd(self.world.stage.heard(), EndReason.LAST_LEFT) if self.chance.random() < 0.5 else None
        self.world.service.conferences.end(*self._where, told)


@pytest.mark.parametrize("seed", range(scaled(1_000, 25)))
def test_numbers_are_whole(world: World, seed: int) -> None:
    """Each number once, from one to the last; whoever joined leaves, nobody twice, and the end comes last."""
    chance = random.Random(seed)  # noqa: S311 - what happens, not a secret
    callback = Callback("https://app.example.com/hooks", "POST", EVERYTHING, "twilio")
    scene = Scene(world, chance, world.service.conferences.appear(world.account.account, "Room", callback=callback))
    for _ in range(chance.randint(5, 60)):
        scene.happen()
    records = world.changes()
    chance.shuffle(records)
    assert world.publish(records) == []
    claims = world.claims(scene.room.id)
    found = world.service.conferences.get(world.account.account, scene.room.id)
    last = found.sequence if found.is_live else found.ending_number
    assert [claim.number for claim in claims] == [*range(1, last + 1)]
    events = [claim.event for claim in claims]
    assert events.count("end") == (not found.is_live)
    assert events.count("start") == (found.began > 0)
    if not found.is_live:
        assert events[-1] == "end"
    for call in scene.calls:
        inside = False
        for claim in claims:
            if _is_of(world, claim, call) and claim.event in {"join", "leave"}:
                assert (claim.event == "join") is not inside
                inside = not inside
            elif _is_of(world, claim, call):
                assert inside
        member = world.service.conferences._store.get_membership(world.account.account, scene.room.id, call)[1]
        assert inside is (found.is_live and member is not None and member.is_inside and member.is_connected)


def _is_of(world: World, claim: Claim, call: str) -> bool:
    return claim.event != "end" and world.client("twilio").sid_of_call(call) in claim.body
