"""The event source mapping of a standard queue: each message alone, retried after its visibility timeout."""

from typing import Any

from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tapedeck_standin.aws.standard_queue_source import StandardQueueSource, send_bodies

MESSAGES = [QueueMessage({"recording": name}, name, name) for name in ("a", "b")]


class World:
    """A queue with a source whose function fails for some bodies; `seen` are the bodies in order."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000
        self.failing: set[str] = set()
        self.seen: list[str] = []
        self.errors: list[Exception] = []
        self.dead_letters = MemoryStandardQueue(lambda: self.now, name="dead", retention_seconds=86_400)
        self.queue = MemoryStandardQueue(
            lambda: self.now, name="finishing", visibility_seconds=1_800, retention_seconds=86_400, max_receives=5,
            dead_letters=self.dead_letters,
        )  # fmt: skip
        self.source = StandardQueueSource(self.queue, self.handle, self.errors.append)
        send_bodies(self.queue, MESSAGES)

    def handle(self, event: dict[str, Any], _context: None) -> dict[str, Any]:
        """Fail for the failing bodies."""
        (record,) = event["Records"]
        self.seen.append(record["body"])
        if "crash" in self.failing:
            raise RuntimeError
        failed = record["body"] in self.failing
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}] if failed else []}

    def run(self) -> int:
        """Run until nothing is left; return the number of deliveries."""
        count = 0
        while self.source.run_once():
            count += 1
        return count


def test_delivers_each_message_once() -> None:
    """Every message is delivered alone and then deleted."""
    world = World()
    assert world.run() == 2
    assert world.seen == ['{"recording":"a"}', '{"recording":"b"}']
    assert (world.queue.bodies, world.source.next_due) == ([], None)


def test_retries_a_failed_message_until_it_is_a_dead_letter() -> None:
    """A failed message is delivered five times, half an hour apart, then moved; the other one does not wait for it."""
    world = World()
    world.failing = {'{"recording":"a"}'}
    assert world.run() == 2
    assert world.queue.bodies == ['{"recording":"a"}']
    assert world.source.next_due == world.now + 1_800_000
    for _ in range(4):
        world.now += 1_800_000
        assert world.run() == 1
    world.now += 1_800_000
    assert world.run() == 0
    assert world.dead_letters.bodies == ['{"recording":"a"}']


def test_a_crash_of_the_function_is_reported_and_retried() -> None:
    """An exception of the function is reported, and its message is delivered again."""
    world = World()
    world.failing = {"crash"}
    assert world.run() == 2
    assert [type(error) for error in world.errors] == [RuntimeError, RuntimeError]
    world.failing, world.now = set(), world.now + 1_800_000
    assert world.run() == 2
    assert world.queue.bodies == []
