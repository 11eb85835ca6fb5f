"""A run of reconcile costs what is due, not what is open, and overlooks nothing for long (REL-25)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from tapedeck.domain.delivery import CallbackDelivery
from tests.functions.background_world import World
from tests.functions.stage import START
from tests.thoroughness import scaled

OPEN: Final = scaled(deep=100_000, ci=100_000, fast=3_000)
CALLBACK: Final = {
    "M": {
        "url": {"S": "https://app.example.com/hooks"},
        "method": {"S": "POST"},
        "events": {"L": [{"S": "in-progress"}, {"S": "completed"}]},
        "dialect": {"S": "twilio"},
    }
}
PAUSED: Final[Mapping[str, Any]] = {
    "status": "paused",
    "version": 2,
    "updated": START - 30,
    "pause_behavior": "silence",
}
ENDED: Final[Mapping[str, Any]] = {
    "status": "completed",
    "version": 3,
    "confirmed": 3,
    "duration": 5,
    "updated": START - 600,
}


def identifier_of(number: int, shard: str | None = None) -> str:
    """Return the id of a recording that was created an hour ago."""
    return f"016612beff12700080000000{number:07x}{shard or format(number % 16, 'x')}"


def put_recordings(world: World, first: int, count: int, *, shard: str | None = None, **attributes: Any) -> None:
    """Store recordings of engine `standin`, each with the id of its call: in one shard, or evenly in all."""
    account = world.account.account
    for number in range(first, first + count):
        identifier = identifier_of(number, shard)
        item = {
            "PK": f"{account}#CALL#{identifier}", "SK": f"REC#{identifier}", "status": "in-progress", "version": 1,
            "confirmed": 1, "source": "StartCallRecordingAPI", "call": identifier, "channels": 1, "track": "both",
            "trim": "do-not-trim", "started": START - 3_600, "updated": START - 3_600, "seq": 40, "engine": "standin",
            "live": f"standin#{identifier[-1]}", "work": f"OPEN#{identifier[-1]}", "work_at": START + 1_800,
            **{f"r{place}": "" for place in range(1, 9)}, **attributes,
        }  # fmt: skip
        values = {name: _typed(value) for name, value in item.items()}
        world.memory.put_item(TableName=world.table, Item=values)
    world.discard()


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def test_a_share_of_what_is_not_due_is_looked_at(world: World) -> None:
    """Pauses that the stream lost are found: of 125 open recordings in a shard all at once, of 300 in four minutes."""
    put_recordings(world, 0, 125, shard="1", **PAUSED)
    assert world.reconcile() == {"resent": 125}
    put_recordings(world, 1_000, 300, shard="2", **PAUSED)
    found: set[str] = set()
    for _ in range(4):
        world.reconcile()
        sent = {message.body["recording"] for message in world.commands.drain() if message.body["recording"][-1] == "2"}
        assert len(sent - found) < 200
        found |= sent
        world.clock.step(60)
    assert len(found) == 300


def put_callbacks(world: World, first: int, count: int, *names: str) -> None:
    """Store these callbacks of recordings, queued and not due."""
    for number in range(first, first + count):
        for place, event in enumerate(names):
            delivery = CallbackDelivery(
                account=world.account.account,
                resource_id=identifier_of(number),
                sequence=2 * place + 1,
                event=event,
                dialect="twilio",
                url="https://app.example.com/hooks",
                method="POST",
                body="a=b",
                idempotency_token=f"{number}",
                created=START,
                next_attempt_at=START + 90_000,
            )
            world.background.callbacks._store.put(delivery)
    world.discard()


class Requests:
    """Counts the requests of a run at the wire: to the table by shard (`""`: before all shards).

    The first request of a shard reads its callbacks that are due.
    """

    def __init__(self) -> None:
        self.by_shard: Counter[str] = Counter()
        self._shard = ""

    def __call__(self, when: str, _operation: str, request: Mapping[str, Any]) -> None:
        """Count a request."""
        if when == "before":
            shard = request.get("ExpressionAttributeValues", {}).get(":shard", {"S": ""})["S"]
            self._shard = shard[-1] if shard.startswith("DUE#") else self._shard
            self.by_shard[self._shard] += 1


@pytest.mark.sized
def test_a_run_costs_what_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 open recordings, 1,000 of them due, a run sends under 3,000 requests and takes under 60 seconds.

    Each request, also each message to a queue, counts as 10 ms; all shards run one after the other here. Due are 400
    recordings in order, 300 unconfirmed pauses, and 300 ended recordings whose callbacks are looked up.
    """
    put_recordings(world, 0, OPEN - 1_000, callback=CALLBACK)
    put_recordings(world, OPEN, 400, work_at=START - 10, callback=CALLBACK)
    put_callbacks(world, OPEN, 400, "in-progress")
    put_recordings(world, OPEN + 400, 300, **PAUSED, work_at=START)
    put_recordings(world, OPEN + 700, 300, **ENDED, work_at=START, callback=CALLBACK)
    put_callbacks(world, OPEN + 700, 300, "in-progress", "completed")
    requests = Requests()
    world.faults.append(requests)
    take = world.commands._take

    def count(messages: Sequence[Any]) -> None:
        requests.by_shard["messages"] += len(messages)
        take(messages)

    monkeypatch.setattr(world.commands, "_take", count)
    counted = world.reconcile()
    world.faults.clear()
    assert counted == {"resent": 300}
    assert len(world.commands.sent) == 300
    assert world.callbacks.sent == []
    total = requests.by_shard.total()
    assert total < 2_000
    assert total * 0.01 < 60
    # The next run finds what is still due: 300 pauses, which are sent again as they back off.
    world.clock.step(60)
    requests.by_shard.clear()
    world.faults.append(requests)
    assert world.reconcile() == {"resent": 300, "unconfirmed_pauses": 300}
    assert requests.by_shard.total() < 600
