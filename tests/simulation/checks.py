"""What must be true of a world that has come to rest."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tapedeck.adapters.dynamodb.client import from_attributes
from tapedeck.adapters.dynamodb.items import conference_from
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.internet import ReceivedRequest

FINAL: Final = {"completed", "absent", "deleted"}
EXPECTED_FAILURES: Final = {"NotFound", "StoreBusy", "StoreUnavailable", "MediaMissing", None}
"""For which a record may be handed over again; whatever else is raised is a fault of the code."""


def faults_of(world: World, *, is_lossless: bool = True, expected: Collection[str] = ()) -> list[str]:
    """All that is wrong with a world at rest.

    Args:
        world: which.
        is_lossless: whether the stream has been told whole: then nothing that changed may have been passed over.
        expected: names of errors for which records have failed on purpose.
    """
    return [
        *world.history.wrong,
        *(f"surprise: {surprise}" for surprise in world.surprises),
        *_failed(world, {*EXPECTED_FAILURES, *expected}),
        *_unsettled(world),
        *_misplaced(world),
        *_untold(world, is_lossless=is_lossless),
        *_misdelivered(world),
        *_unasked(world, is_lossless=is_lossless),
    ]


def _failed(world: World, expected: Collection[str | None]) -> Iterator[str]:
    for told in world.log.observed:
        if told[1] == "failed" and told[2] not in expected:
            yield f"failed: {told}"


def _unsettled(world: World) -> Iterator[str]:
    """Everything is final, and nobody has to look after anything."""
    for key, image in world.history.recordings():
        if image["status"]["S"] not in FINAL:
            yield f"{key} is {image['status']['S']}"
    for key, work in world.history.work.items():
        yield f"{key} is in the index as {work}"
    for queue in (world.events, world.commands, world.callbacks):
        yield from (f"in the queue {queue.name}: {body}" for _, body in queue.held)


def _misplaced(world: World) -> Iterator[str]:
    """Media lie where a recording is completed, and nowhere else; nothing final is captured any more.

    Nobody hears of media that come after their recording was given up, and whose event is lost besides. A deletion
    removes media first: where it breaks off then, nothing is left to fetch, and whoever asked asks again.
    """
    unheard = {each.body["recording"] for each in world.way.lost if each.body["type"] == "recording.completed"}
    statuses = {key[1].removeprefix("REC#"): image["status"]["S"] for key, image in world.history.recordings()}
    names = defaultdict(set)
    for path in world.objects.content:
        _, recording, name = path.split("/")
        names[recording].add(name)
    for recording, status in statuses.items():
        wanted = {"original.wav", "original.mp3"} if status == "completed" else set()
        is_broken_off = not names[recording] and recording in world.deletions
        if names[recording] != wanted and recording not in unheard and not is_broken_off:
            yield f"{recording} is {status}, and of its media there is {sorted(names[recording])}"
    for recording in world.engine.capturing():
        if statuses.get(recording) in FINAL:
            yield f"{recording} is {statuses[recording]}, and is captured"


def claims_of(world: World) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """All callbacks in the ledger: of what, its id there, and the item."""
    for (partition, name), image in world.history.last.items():
        if "#CB#" in partition and name != "closed":
            yield partition.split("#")[2], name, from_attributes({**image})


def _untold(world: World, *, is_lossless: bool) -> Iterator[str]:
    """What is owed is in the ledger; at least a recording's beginning and its end, however much was lost."""
    deliveries: defaultdict[str, set[str]] = defaultdict(set)
    for resource_id, name, _ in claims_of(world):
        deliveries[resource_id].add(name)
    for key, _ in world.history.recordings():
        recording = key[1].removeprefix("REC#")
        owed, known = world.history.claims[recording], deliveries[recording]
        least = {each for each in owed if each.partition(".")[2] in {"in-progress", "completed", "absent"}}
        if known - owed or (owed if is_lossless else least) - known:
            yield f"of {recording} {sorted(owed)} is owed, and {sorted(known)} is in the ledger"
    for key, image in world.history.last.items():
        if key[1] == "CONF" and "callback" in image and is_lossless:
            numbers = sorted(int(name.partition(".")[0]) for name in deliveries[key[0].split("#")[2]])
            conference = conference_from(from_attributes({**image}))
            last = conference.sequence if conference.is_live else conference.end_sequence
            if numbers != list(range(1, last + 1)):
                yield f"{key} has told {numbers} of {last}"


def _misdelivered(world: World) -> Iterator[str]:
    """Every callback was taken or given up, each told with one token, one body and one signature."""
    by_token: defaultdict[str, list[ReceivedRequest]] = defaultdict(list)
    by_body: defaultdict[str, list[ReceivedRequest]] = defaultdict(list)
    for heard in world.internet.received:
        by_token[heard.token or ""].append(heard)
        by_body[heard.body.decode() or urlsplit(heard.url).query].append(heard)
    tokens = {""}
    for resource_id, name, delivery in claims_of(world):
        is_twilio = delivery["dialect"] == "twilio"
        found = by_token[delivery["token"]] if is_twilio else by_body[delivery["body"]]
        tokens |= {delivery["token"]} if is_twilio else set()
        receiver = world.internet.receivers[urlsplit(delivery["url"]).hostname or ""]
        if delivery["state"] == "done" and not any(heard.is_taken for heard in found):
            yield f"{resource_id} {name} is done, and nobody has taken it"
        elif delivery["state"] == "given-up" and receiver.is_well:
            yield f"{resource_id} {name} is given up: {delivery['attempts']}"
        elif delivery["state"] not in {"done", "given-up"}:
            yield f"{resource_id} {name} is {delivery['state']}"
        if len({heard.content for heard in found}) > 1:
            yield f"{resource_id} {name} was told in different words: {found}"
    yield from (f"a token that nothing owes: {token}" for token in by_token.keys() - tokens if by_token[token])


def _unasked(world: World, *, is_lossless: bool) -> Iterator[str]:
    """The media engine was asked what the table says, and whoever listens was told what has changed.

    What is told late is asked only if it is still to be done.
    """
    asked, commanded = world.history.requests, world.commands.journal
    if commanded - asked:
        yield f"commanded, and not asked: {commanded - asked}"
    if is_lossless and asked - commanded - world.late:
        yield f"asked, and not commanded: {asked - commanded - world.late}"
    facts = {name for name in world.bus.events_of if not name.endswith("-confirmed")}
    if facts - world.history.facts or (is_lossless and world.history.facts - facts):
        yield f"facts: {sorted(facts ^ world.history.facts)}"
