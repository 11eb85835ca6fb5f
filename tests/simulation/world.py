"""One world out of one seed: the real operations and functions over a table, queues, a clock and HTTP in memory.

There is one thread, and nothing happens but what is called: the same seed is the same story.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final, Self
from unittest.mock import patch

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb import client as dynamodb_client
from tapedeck.adapters.dynamodb import credentials, deliveries, lists, participants, table, transcriptions
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex, read_change, sort_by_sequence
from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.handlers import BackgroundServices
from tapedeck.background.publisher import COMMAND_STALENESS_CHECK_SECONDS, ChangePublisher
from tapedeck.background.reconciler import Reconciler
from tapedeck.background.recording_events import RecordingEvents
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.background.webhook_requests import CALLBACK_RENDERERS
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap.environment import Environment, installed
from tapedeck.domain import identity
from tapedeck.domain.account import Account
from tapedeck.domain.errors import TapedeckError
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.media import Media
from tapedeck.operations.participants import Participants
from tapedeck.operations.recordings import Recordings
from tapedeck.operations.transcriptions import Transcriptions
from tapedeck.ports.changes import Change
from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.event_sources import QueueSource, StreamSource
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.queues import MemoryBus, MemoryQueue
from tapedeck_standin.telephony import engine as engine_module
from tests.client import ROOT, TEMPLATE
from tests.simulation.history import History
from tests.simulation.internet import Internet
from tests.simulation.ports import (
    Crash,
    JournalQueue,
    OpenQueue,
    Outcomes,
    Perils,
    RandomSource,
    SimulatedClock,
    UncertainQueue,
    WatchedEngine,
)
from tests.simulation.storage import LengthCodec, MemoryFailures, MemoryObjects, PlainOpener, write_length

ORIGIN: Final = "https://tapedeck.example"
MISHAPS: Final = 0.01

_QUEUES: Final = TEMPLATE.resources("AWS::SQS::Queue")
_LOGICAL_IDS: Final = {"events": "MediaEventsQueue", "callbacks": "CallbacksQueue", "commands": "MediaCommandsQueue"}

VISIBLE_AFTER: Final = {name: int(_QUEUES[each]["VisibilityTimeout"]) for name, each in _LOGICAL_IDS.items()}
"""Seconds, as the template has them."""

LONGEST: Final = max(VISIBLE_AFTER.values())
"""After which whatever has failed comes again."""

MAX_ROUNDS: Final = 1_000
"""After which it is certain that something never ends."""

MAX_TRIES: Final = 5
"""Of a record of the stream."""


def _max_receives(name: str) -> int:
    return int(_QUEUES[_LOGICAL_IDS[name]]["RedrivePolicy"]["maxReceiveCount"])


class World:
    """Use it as a context: ids and jitter come out of the seed only there.

    Args:
        seed: of everything.
        hours: for which callbacks are tried after the vendor's own attempts.
        mishaps: how probable it is that a media event is lost, comes twice, or is overtaken, each of them, and that a
            record of the stream comes twice.
    """

    def __init__(self, seed: int, *, hours: int = 72, mishaps: float = MISHAPS) -> None:
        self.random_source = RandomSource(seed)
        self.clock = SimulatedClock()
        self.perils = Perils()
        self.internet = Internet(self.clock, self.random_source)
        self.dynamodb = MemoryDynamoDB(self.clock, self.perils.meet_database)
        self.objects = MemoryObjects()
        self.log = Outcomes()
        self.bus = MemoryBus()
        self.dead = {name: self._queue(f"{name}-dead", None) for name in ("events", "callbacks")}
        self.commands = JournalQueue(
            self.clock, visibility_seconds=VISIBLE_AFTER["commands"], max_receives=_max_receives("commands"),
            dead_letters=None, name="commands",
        )  # fmt: skip
        self.commands.journal, self.commands.kinds = set(), set()
        self.events = self._queue("events", self.dead["events"])
        self.callbacks = self._queue("callbacks", self.dead["callbacks"])
        self.way = UncertainQueue(self.events, self.random_source, mishaps)
        self.history = History()
        self.failures = MemoryFailures()
        self.surprises: list[str] = []
        self.deletions: set[str] = set()
        self.is_publishing = True
        self.absence: int | None = None
        """What the media engine finds instead of sound."""
        self._untold: list[Mapping[str, Any]] = []
        self.late: set[tuple[str, int]] = set()
        """The resources and versions of changes that were told so late that it was looked first what is still asked."""
        self._written: dict[str, int] = {}
        """When each record of the stream was, by its number, in milliseconds."""
        self._again: list[Mapping[str, Any]] = []
        """Records that are told once more, behind what has come since."""
        self._hours = hours
        self._mishaps = mishaps

    def __enter__(self) -> Self:
        """Begin."""
        with ExitStack() as stack:
            for module, name in ((identity, "secrets"), (dynamodb_client, "secrets"), (dynamodb_client, "random")):
                stack.enter_context(patch.object(module, name, self.random_source))
            stack.enter_context(patch.object(engine_module, "write_wav", write_length))
            self._build()
            prebuilt = {background_bootstrap.build_background_services: self.background}
            stack.enter_context(installed(Environment(prebuilt=prebuilt)))
            self._patches = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._patches.close()

    def _queue(self, name: str, dead_letters: MemoryQueue | None) -> OpenQueue:
        like = name.removesuffix("-dead")
        return OpenQueue(
            self.clock, visibility_seconds=VISIBLE_AFTER[like], max_receives=_max_receives(like),
            dead_letters=dead_letters, name=name,
        )  # fmt: skip

    def _build(self) -> None:
        names = TEMPLATE.create_tables(self.dynamodb)
        clock, around = self.clock, self.perils.around
        database = dynamodb_client.DynamoDBTable(self.dynamodb, names["RecordingsTable"], clock.sleep)
        store = table.RecordingsTable(database)
        self.calls, self.conferences = Calls(store, clock), Conferences(store, clock)
        self.recordings = Recordings(store, clock)
        self.media = Media(store, self.recordings, around(self.objects), LengthCodec(), clock)
        self.participants = Participants(participants.ParticipantTable(database), self.calls, self.conferences, clock)
        keys = credentials.CredentialsTable(
            dynamodb_client.DynamoDBTable(self.dynamodb, names["CredentialsTable"], clock.sleep)
        )
        self.account = identity.new_id(clock())
        keys.put_account(Account(self.account, "", clock() // 1000), {"twilio": b"token", "signalwire": b"PSK_key"})
        dispatcher = CallbackDispatcher(
            deliveries.DeliveryTable(database), keys, around(PlainOpener()), around(self.internet),
            around(self.callbacks), clock, clock.sleep, self.random_source.random, self._hours,
        )  # fmt: skip
        publisher = ChangePublisher(
            store, participants.ParticipantTable(database), lists.ListTable(database), around(self.objects),
            around(self.commands), dispatcher, around(self.bus), ORIGIN, clock,
        )  # fmt: skip
        heard = Transcriptions(transcriptions.TranscriptionTable(database), self.recordings, clock)
        captures = RecordingEvents(store, self.recordings, self.media, heard, clock)
        events = EngineEvents(store, self.calls, self.conferences, self.participants, captures, clock)
        reconcile = Reconciler(
            PendingWorkIndex(database),
            store,
            self.recordings,
            self.media,
            publisher,
            dispatcher,
            clock,
            self._note_failure,
        )
        self.background = BackgroundServices(
            log=self.log,
            clock=clock,
            read_change=self._read_change,
            sort_by_sequence=sort_by_sequence,
            callback_renderers=CALLBACK_RENDERERS,
            make_publisher=lambda: publisher,
            make_engine_events=lambda: events,
            make_callback_dispatcher=lambda: dispatcher,
            make_reconciler=lambda: reconcile,
            make_redrive=lambda: FailedBatchRedrive(self.failures, self._read_change, sort_by_sequence, publisher),
        )
        self.engine = WatchedEngine(
            self.commands, self.way, clock, self.objects.write, lambda *_: None, lambda _: self.absence
        )
        self._recordings_table = names["RecordingsTable"]
        self.publish = StreamSource(
            self._take, load_handler(ROOT, "publish_changes"), max_attempts=MAX_TRIES,
            on_failure=self.failures.keep, report=self._note_surprise,
        )  # fmt: skip
        self.ingest = QueueSource(
            self.events, load_handler(ROOT, "ingest_media_event"), gives_back=False, report=self._note_surprise
        )
        self.deliver = QueueSource(
            self.callbacks, load_handler(ROOT, "deliver_callback"), gives_back=False, report=self._note_surprise
        )

    def run(self, act: Any, *given: object, **named: object) -> Any:
        """Do something, whatever comes of it that is one of our own errors; a process may end with it."""
        try:
            return act(*given, **named)
        except (Crash, TapedeckError):
            return None
        finally:
            self.observe()

    def observe(self) -> None:
        """Take note of what has been written."""
        records = self.dynamodb.take_images(self._recordings_table)
        for number, _, before, after in records:
            images = {**({"OldImage": before} if before else {}), **({"NewImage": after} if after else {})}
            keys = {name: (after or before or {})[name] for name in ("PK", "SK")}
            record = {"dynamodb": {"Keys": keys, "SequenceNumber": str(number), **images}}
            self._written[str(number)] = self.clock()
            self.history.note(before, after)
            if self.is_publishing and after is not None and "version" in after:
                self._untold.append(record)
        if records:
            self.history.look()

    def tell(self, kind: str, group: str, **fields: Any) -> None:
        """An event of the media engine, which it tells by itself."""
        now = self.clock()
        event = {"id": identity.new_id(now), "type": kind, "account": self.account, "at": now, **fields}
        self.way.send([QueueMessage(event, group, event["id"])])

    def end_all(self) -> None:
        """Somebody ends whatever is live, and what is on its way to be."""
        for _ in range(MAX_ROUNDS):
            self.drain()
            calls, rooms = self.history.live("CALL"), self.history.live("CONF")
            if not calls and not rooms:
                if not self.events.held:
                    return
                self.clock.sleep(LONGEST)
            for call in calls:
                self.run(self.calls.end, self.account, call)
            for room in rooms:
                self.run(self.conferences.end, self.account, room)
        self.surprises.append("something lives on")

    def reconcile(self) -> Counter[str]:
        """One reconcile of the shards in which anything is."""
        counted: Counter[str] = Counter()
        for shard in sorted({work[-1] for work, _ in self.history.work.values()}):
            counted += self.run(self.background.reconciler.run, shard) or Counter()
        return counted

    def drain(self) -> None:
        """Do all that can be done now."""
        for _ in range(MAX_ROUNDS):
            if not self._move_on() and not self.way.catch_up():
                return
        self.surprises.append("something goes round in circles")

    def settle(self, most: int = 300) -> None:
        """Let everything come to its end, by retries, the stream and at most so many reconciler runs alone."""
        pauses = iter(RETRY_DELAYS_SECONDS)
        for _ in range(most):
            self.drain()
            if self.is_quiet():
                return
            self.clock.sleep(self._until_due(next(pauses, RETRY_DELAYS_SECONDS[-1])))
            self.reconcile()

    def is_quiet(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.history.work or any(queue.held for queue in (self.events, self.commands, self.callbacks)))

    def _until_due(self, longest: int) -> float:
        """Seconds until something is due, at most so many."""
        now = self.clock()
        due = [at * 1000 for work, at in self.history.work.values() if work.startswith("DUE")]
        due += [at for queue in (self.events, self.callbacks) if (at := queue.next_due()) is not None]
        return min([longest, *(max(1.0, (at - now) / 1000 + 1) for at in due)])

    def _move_on(self) -> bool:
        moved = False
        for act in (self.publish.run_once, self.engine.process_commands, self.ingest.run_once, self.deliver.run_once,
                    self.engine.finish_due_media):  # fmt: skip
            moved = bool(self.run(act)) or moved
        return moved

    def _take(self) -> list[Mapping[str, Any]]:
        untold, self._untold = self._untold + self._again, []
        self._again = [record for record in untold if self.random_source.random() < self._mishaps]
        return untold

    def _read_change(self, record: Mapping[str, Any]) -> Change | None:
        change = read_change(record)
        passed = self.clock() - self._written[record["dynamodb"]["SequenceNumber"]]
        if change is not None and change.after is not None and passed > (COMMAND_STALENESS_CHECK_SECONDS - 1) * 1000:
            self.late.add((change.after.id, change.after.version))
        return change

    def _note_failure(self, error: Exception) -> None:
        """One thing that is reconciled may fail; the next reconcile goes on with it."""
        if not isinstance(error, TapedeckError):
            self._note_surprise(error)

    def _note_surprise(self, error: Exception) -> None:
        self.surprises.append(repr(error))


RETRY_DELAYS_SECONDS: Final = (2, 31, 60, 600, 600, 3_600, 14_400)
"""Seconds between reconciler runs while the world settles, unless something is due before; the last one repeats."""
