"""Invariants of a world that has settled."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tapedeck.adapters.dynamodb.client import from_attributes
from tapedeck.adapters.dynamodb.items import conference_from
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.receivers import ReceivedRequest

FINAL: Final = {"completed", "absent", "deleted"}
EXPECTED_FAILURES: Final = {"NotFound", "StoreBusy", "StoreUnavailable", None}
"""Errors after which a record is retried; any other error is a bug."""


def violations_of(world: World, *, is_lossless: bool = True, expected: Collection[str] = ()) -> list[str]:
    """List every violated invariant of a settled world.

    Args:
        world: the world to check.
        is_lossless: whether the publisher has read the whole stream; then a message is required for every change.
        expected: names of errors that the test has caused.
    """
    return [
        *world.history.wrong,
        *(f"unexpected error: {error}" for error in world.unexpected_errors),
        *_failed(world, {*EXPECTED_FAILURES, *expected}),
        *_unsettled(world),
        *_misplaced_media(world),
        *_missing_callbacks(world, is_lossless=is_lossless),
        *_misdelivered(world),
        *_wrong_commands(world, is_lossless=is_lossless),
    ]


def _failed(world: World, expected: Collection[str | None]) -> Iterator[str]:
    for entry in world.log.observed:
        if entry[1] == "failed" and entry[2] not in expected:
            yield f"failed: {entry}"


def _unsettled(world: World) -> Iterator[str]:
    """Every recording is final, and the pending-work index and the queues are empty."""
    for key, image in world.history.recordings():
        if image["status"]["S"] not in FINAL:
            yield f"{key} is {image['status']['S']}"
    for key, work in world.history.work.items():
        yield f"{key} is in the index as {work}"
    for queue in (world.events, world.callbacks, world.retries):
        yield from (f"in the queue {queue.name}: {body}" for _, body in queue.messages)
    yield from (f"in the queue of commands: {body}" for body in world.commands.messages)


def _misplaced_media(world: World) -> Iterator[str]:
    """Exactly the completed recordings have media; no final recording is still being captured.

    An empty object in place of a capture is none (C-274). Two exceptions: media that arrive after their recording timed
    out, with a lost event; and an interrupted deletion, which removes the media first (the client retries it).
    """
    lost_media = {
        each.body["recording"] for each in world.event_channel.lost if each.body["type"] == "recording.completed"
    }
    statuses = {key[1].removeprefix("REC#"): image["status"]["S"] for key, image in world.history.recordings()}
    names = defaultdict(set)
    for path, body in world.objects.content.items():
        _, recording, name = path.split("/")
        if body or name != "capture.wav":
            names[recording].add(name)
    for recording, status in statuses.items():
        expected = {"original.wav", "original.mp3"} if status == "completed" else set()
        is_broken_off = not names[recording] and recording in world.deletions
        if names[recording] != expected and recording not in lost_media and not is_broken_off:
            yield f"{recording} is {status}, but has the media {sorted(names[recording])}"
    for recording in world.engine.capturing():
        if statuses.get(recording) in FINAL:
            yield f"{recording} is {statuses[recording]}, but is still being captured"


def deliveries_of(world: World) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """All deliveries in the outbox: resource id, delivery name and item."""
    for (partition, name), image in world.history.last.items():
        if "#CB#" in partition and name != "closed":
            yield partition.split("#")[2], name, from_attributes({**image})


def _missing_callbacks(world: World, *, is_lossless: bool) -> Iterator[str]:
    """Every required callback is in the outbox; of a lossy stream at least a recording's start and every end."""
    deliveries: defaultdict[str, set[str]] = defaultdict(set)
    for resource_id, name, _ in deliveries_of(world):
        deliveries[resource_id].add(name)
    for key, _ in world.history.recordings():
        recording = key[1].removeprefix("REC#")
        required, known = world.history.callbacks[recording], deliveries[recording]
        minimum = {each for each in required if each.partition(".")[2] in {"in-progress", "completed", "absent"}}
        if known - required or (required if is_lossless else minimum) - known:
            yield f"{recording} requires {sorted(required)}, but {sorted(known)} is in the outbox"
    for key, image in world.history.last.items():
        if key[1] == "CALL" and "version" in image:
            call = key[0].split("#")[2]
            required, known = world.history.callbacks[call], deliveries[call]
            minimum = {each for each in required if each.partition(".")[2] == "completed"}
            if known - required or (required if is_lossless else minimum) - known:
                yield f"{call} requires {sorted(required)}, but {sorted(known)} is in the outbox"
        if key[1] == "CONF" and "callback" in image and is_lossless:
            numbers = sorted(int(name.partition(".")[0]) for name in deliveries[key[0].split("#")[2]])
            conference = conference_from(from_attributes({**image}))
            last = conference.sequence if conference.is_live else conference.end_sequence
            if numbers != list(range(1, last + 1)):
                yield f"{key} has callbacks for {numbers} of {last}"


def _misdelivered(world: World) -> Iterator[str]:
    """Every callback was accepted or exhausted; all its attempts have one token, one body and one signature."""
    by_token: defaultdict[str, list[ReceivedRequest]] = defaultdict(list)
    by_body: defaultdict[str, list[ReceivedRequest]] = defaultdict(list)
    for request in world.network.received:
        by_token[request.token or ""].append(request)
        by_body[request.body.decode() or urlsplit(request.url).query].append(request)
    tokens = {""}
    for resource_id, name, delivery in deliveries_of(world):
        is_twilio = delivery["dialect"] == "twilio"
        found = by_token[delivery["token"]] if is_twilio else by_body[delivery["body"]]
        tokens |= {delivery["token"]} if is_twilio else set()
        receiver = world.network.receivers[urlsplit(delivery["url"]).hostname or ""]
        if delivery["state"] == "delivered" and not any(request.is_accepted for request in found):
            yield f"{resource_id} {name} is done, but no receiver accepted it"
        elif delivery["state"] == "exhausted" and receiver.accepts_all:
            yield f"{resource_id} {name} is exhausted: {delivery['attempts']}"
        elif delivery["state"] not in {"delivered", "exhausted"}:
            yield f"{resource_id} {name} is {delivery['state']}"
        if len({request.content for request in found}) > 1:
            yield f"{resource_id} {name} was sent with different contents: {found}"
    yield from (f"no delivery has this token: {token}" for token in by_token.keys() - tokens if by_token[token])


def _wrong_commands(world: World, *, is_lossless: bool) -> Iterator[str]:
    """The required commands were sent and the required domain events published.

    A change that is read late needs a command only if the command is still relevant.
    """
    required, sent = world.history.requests, world.commands.sent
    if sent - required:
        yield f"commands that no change requires: {sent - required}"
    if is_lossless and required - sent - world.late:
        yield f"commands that were not sent: {required - sent - world.late}"
    facts = {event.id for event in world.bus.events if not event.id.endswith("-confirmed")}
    if facts - world.history.facts or (is_lossless and world.history.facts - facts):
        yield f"domain events: {sorted(facts ^ world.history.facts)}"
