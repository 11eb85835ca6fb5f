"""A deterministic simulation: the real operations and functions over an in-memory table, queues, clock and network.

Everything runs in one thread, so the same seed always gives the same run.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final, NoReturn, Self
from unittest.mock import patch

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb import client as dynamodb_client
from tapedeck.adapters.dynamodb import (
    credentials,
    deliveries,
    engine_registry,
    lists,
    participants,
    presence,
    resources,
)
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex, read_change, sort_by_conference_sequence
from tapedeck.background.callback_lanes import CallbackLane
from tapedeck.background.checks import RecordingChecks
from tapedeck.background.command_sender import CommandSender
from tapedeck.background.conversions import Conversions
from tapedeck.background.current_commands import COMMAND_STALENESS_CHECK_SECONDS
from tapedeck.background.engine_monitor import EngineLimits, EngineMonitor, apply_end, send_pending_commands
from tapedeck.background.event_batches import EventBatches
from tapedeck.background.handlers import METRICS_OF_RUN, BackgroundServices
from tapedeck.background.log_subjects import OverdueLog
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.reconciler import Reconciler
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.background.webhook_requests import CALLBACK_RENDERERS
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import engines as engines_bootstrap
from tapedeck.bootstrap.environment import Environment, installed
from tapedeck.domain import identity
from tapedeck.domain.account import Account
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.engine_command import Command
from tapedeck.domain.errors import TapedeckError
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.operations.authentication import hash_secret
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tapedeck.operations.engine_sessions import EngineSessions
from tapedeck.operations.media import Media
from tapedeck.operations.participants import Participants
from tapedeck.operations.placed_calls import PlacedCalls
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.changes import Change
from tapedeck.ports.engines import RegisteredEngine
from tapedeck.ports.messaging import QueueMessage
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_standin.aws.event_sources import QueueSource, StreamSource
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.queues import MemoryBus, MemoryQueue
from tests.client import ROOT, TEMPLATE
from tests.simulation.history import History
from tests.simulation.places import late_places
from tests.simulation.ports import (
    ENGINE,
    CommandLog,
    Crash,
    EventReporter,
    FaultInjector,
    OutcomeLog,
    RandomSource,
    RawQueue,
    SimulatedClock,
    UnorderedQueue,
    UnreliableQueue,
)
from tests.simulation.queue_engine import QueueEngine
from tests.simulation.receivers import ReceiverNetwork
from tests.simulation.storage import LengthCodec, MemoryFailedBatches, MemoryObjects, PlainDecryptor

DAYS: Final = 14 * 86_400
"""SQS's longest retention, in seconds."""

ORIGIN: Final = "https://tapedeck.example"
AUTH_TOKEN: Final = "0123456789abcdef0123456789abcdef"
EVENT_FAULT_RATE: Final = 0.01

_QUEUES: Final = TEMPLATE.resources("AWS::SQS::Queue")
_LOGICAL_IDS: Final = {
    "callbacks": "CallbacksQueue",
    "retries": "CallbackRetriesQueue",
    "finishing": "FinishingQueue",
}

VISIBLE_AFTER: Final = {
    **{name: int(_QUEUES[each]["VisibilityTimeout"]) for name, each in _LOGICAL_IDS.items()},
    "events": 360,
}
"""Visibility timeout of each queue in seconds, from the template; that of "events" is the engine's own."""

MAX_REPORTS: Final = 5
"""How often the engine reports an event; then it gives the event up."""

MAX_VISIBILITY_SECONDS: Final = max(VISIBLE_AFTER.values())
"""Seconds after which every failed message is visible again."""

MAX_ROUNDS: Final = 1_000
"""Iterations after which a loop counts as endless."""

LATE_AUDIO_DAYS: Final = 14

MAX_ATTEMPTS: Final = 5
"""Attempts per stream record before it goes to the failure destination."""


def _max_receives(name: str) -> int:
    if name == "events":
        return MAX_REPORTS
    return int(_QUEUES[_LOGICAL_IDS[name]]["RedrivePolicy"]["maxReceiveCount"])


class World:
    """One simulated deployment. Use it as a context manager: only inside it do ids and jitter come from the seed.

    Args:
        seed: seeds every random choice.
        hours: hours of durable callback retries after the vendor's own attempts.
        event_fault_rate: probability of each fault: an engine event is lost, duplicated or delayed; a stream record is
            duplicated.
    """

    def __init__(self, seed: int, *, hours: int = 72, event_fault_rate: float = EVENT_FAULT_RATE) -> None:
        self.random_source = RandomSource(seed)
        self.clock = SimulatedClock()
        self.fault_injector = FaultInjector()
        self.network = ReceiverNetwork(self.clock, self.random_source)
        self.dynamodb = MemoryDynamoDB(self.clock, self.fault_injector.pass_database_point)
        self.objects = MemoryObjects()
        self.log = OutcomeLog()
        self.bus = MemoryBus()
        dead = ("events", "callbacks", "finishing")
        self.dead_letters = {name: self._queue(f"{name}-dead", None) for name in dead}
        # This engine opens no sessions, whose answer names what has ended: a command must not be dropped for its age.
        self.command_queue = UnorderedQueue(self.clock, name="engine-standin", retention_seconds=DAYS)
        self.command_queue.random_source, self.command_queue.event_fault_rate = self.random_source, event_fault_rate
        self.commands = CommandLog(self.command_queue)
        self.events = self._queue("events", self.dead_letters["events"])
        self.callbacks = self._queue("callbacks", self.dead_letters["callbacks"])
        self.retries = self._queue("retries", self.dead_letters["callbacks"])
        self.finishing = self._queue("finishing", self.dead_letters["finishing"])
        self.finishing_channel = UnreliableQueue(self.finishing, self.random_source, event_fault_rate)
        self.event_channel = UnreliableQueue(self.events, self.random_source, event_fault_rate)
        self.history = History()
        self.failed_batches = MemoryFailedBatches()
        self.unexpected_errors: list[str] = []
        self.deletions: set[str] = set()
        self.lost: list[tuple[str, str]] = []
        """Engine and id of everything that was ended because its engine is gone."""
        self.is_publishing = True
        self.absence: int | None = None
        """Error code that the engine reports instead of media; None for media."""
        self._unread: list[Mapping[str, Any]] = []
        self.late: set[tuple[str, int]] = set()
        """Resource and version of changes that were read so late that the publisher checks whether they are stale."""
        self._written: dict[str, int] = {}
        """Time of each stream record in milliseconds, by sequence number."""
        self._pauses: list[tuple[tuple[str, str], Recording]] = []
        """The pauses that the publisher has read in the step that is running, each with its key."""
        self._repeated: list[Mapping[str, Any]] = []
        """Records that the stream delivers again, after newer ones."""
        self._hours = hours
        self._event_fault_rate = event_fault_rate

    def __enter__(self) -> Self:
        """Patch ids and jitter, and build the services."""
        with ExitStack() as stack:
            for module, name in ((identity, "secrets"), (dynamodb_client, "secrets"), (dynamodb_client, "random")):
                stack.enter_context(patch.object(module, name, self.random_source))
            self._build()
            prebuilt = {
                background_bootstrap.build_background_services: self.background,
                engines_bootstrap.build_engine_services: self.engine_services,
            }
            stack.enter_context(installed(Environment(prebuilt=prebuilt)))
            self._patches = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Undo the patches."""
        self._patches.close()

    def _queue(self, name: str, dead_letters: MemoryQueue | None) -> RawQueue:
        like = name.removesuffix("-dead")
        return RawQueue(
            self.clock, visibility_seconds=VISIBLE_AFTER[like], max_receives=_max_receives(like),
            dead_letters=dead_letters, name=name,
        )  # fmt: skip

    def _build(self) -> None:
        names = TEMPLATE.create_tables(self.dynamodb)
        clock, wrap = self.clock, self.fault_injector.wrap
        database = dynamodb_client.DynamoDBTable(self.dynamodb, names["RecordingsTable"], clock.sleep)
        store = resources.ResourceTable(database)
        self.calls, self.conferences = Calls(store, clock), Conferences(store, clock)
        self.recordings = Recordings(store, clock)
        self.media = Media(store, self.recordings, wrap(self.objects), LengthCodec(), clock, LATE_AUDIO_DAYS)
        self.participants = Participants(
            participants.ParticipantTable(database),
            self.calls,
            self.conferences,
            clock,
            lambda _account, _needed: ENGINE,
        )
        self.placed_calls = PlacedCalls(store, clock, lambda _account, _needed: ENGINE)
        credentials_table = dynamodb_client.DynamoDBTable(self.dynamodb, names["CredentialsTable"], clock.sleep)
        keys = credentials.CredentialsTable(credentials_table)
        self.account = identity.new_id(clock())
        account = Account(self.account, hash_secret(AUTH_TOKEN), clock() // 1000)
        keys.put_account(account, {"twilio": b"token", "signalwire": b"PSK_key"})
        dispatcher = CallbackDispatcher(
            deliveries.DeliveryTable(database), keys, wrap(PlainDecryptor()), wrap(self.network),
            CallbackLane(wrap(self.callbacks), 5), CallbackLane(wrap(self.retries), 2), clock,
            clock.sleep, self.random_source.random, self._hours,
        )  # fmt: skip
        conversions = Conversions(wrap(self.finishing_channel), lambda: self.media)
        sender = CommandSender(store, wrap(self.commands), clock, self._note_unroutable, ENGINE)
        publisher = ChangePublisher(
            store, participants.ParticipantTable(database), lists.ListTable(database), wrap(self.objects),
            sender, dispatcher, wrap(self.bus), ORIGIN, clock, conversions,
        )  # fmt: skip
        checks = RecordingChecks(PendingWorkIndex(database), clock, self._note_failure)
        events = background_bootstrap.build_engine_events(database, self.recordings, self.media, clock)
        self.presences, self.live = presence.PresenceTable(database), presence.LiveIndex(database)
        self.sessions = EngineSessions(
            self.presences,
            self.live,
            lambda event, report: apply_end(events, event, report),
            lambda pending: send_pending_commands(sender, pending),
            lambda engine, _, resource: self.lost.append((engine, resource.id)),
            clock,
        )
        registry = engine_registry.EngineRegistryTable(credentials_table)
        overdue_log = OverdueLog(self.log, METRICS_OF_RUN)
        monitor = EngineMonitor(
            self.presences, registry, self.sessions, self.live, self.calls, self.conferences, EngineLimits(15, 24),
            clock, self._note_failure, report_overdue=overdue_log.report,
        )  # fmt: skip
        reconcile = Reconciler(
            PendingWorkIndex(database),
            store,
            self.recordings,
            self.media,
            publisher,
            sender,
            dispatcher,
            monitor,
            conversions,
            clock,
            self._note_failure,
            overdue_log.report,
        )
        self.background = BackgroundServices(
            log=self.log,
            clock=clock,
            read_change=self._read_change,
            sort_by_conference_sequence=sort_by_conference_sequence,
            callback_renderers=CALLBACK_RENDERERS,
            make_publisher=lambda: publisher,
            make_checks=lambda: checks,
            make_engine_events=lambda: events,
            make_callbacks=lambda: dispatcher,
            make_engine_sessions=lambda: self.sessions,
            make_engine_monitor=lambda: monitor,
            make_conversions=lambda: conversions,
            make_reconciler=lambda: reconcile,
            make_overdue_log=lambda: overdue_log,
            make_redrive=lambda: FailedBatchRedrive(
                self.failed_batches, self._read_change, sort_by_conference_sequence, publisher
            ),
        )
        registry.put_engine(
            RegisteredEngine(MediaEngine(ENGINE), (hash_secret(STANDIN_ENGINE_TOKEN),), clock() // 1000)
        )
        batches = EventBatches(events, self.sessions, self.log, clock, clock)
        self.engine_services = engines_bootstrap.EngineServices(
            log=self.log,
            clock=clock,
            authenticator=EngineAuthenticator(registry, clock, 60),
            make_event_batches=lambda: batches,
            make_session_requests=_unused,
            make_uploads=_unused,
            make_document_requests=_unused,
        )
        self.engine = QueueEngine(self.command_queue, self.event_channel, clock, self.objects, lambda: self.absence)
        self._recordings_table, self._credentials_table = names["RecordingsTable"], names["CredentialsTable"]
        self.publish = StreamSource(
            self._take, load_handler(ROOT, "publish_changes"), max_attempts=MAX_ATTEMPTS,
            on_failure=self.failed_batches.keep, report=self._note_unexpected,
        )  # fmt: skip
        self.ingest = EventReporter(self.events, clock, load_handler(ROOT, "take_engine_events"), STANDIN_ENGINE_TOKEN)
        self.deliver, self.deliver_retries = (
            QueueSource(
                queue, load_handler(ROOT, "deliver_callback"), return_failed=False, report=self._note_unexpected
            )
            for queue in (self.callbacks, self.retries)
        )
        self.finish = QueueSource(
            self.finishing,
            load_handler(ROOT, "finish_recording"),
            return_failed=False,
            report=self._note_unexpected,
        )

    def run(self, action: Any, *args: object, **kwargs: object) -> Any:
        """Run one step; return None if it crashes or raises a `TapedeckError`."""
        try:
            return action(*args, **kwargs)
        except (Crash, TapedeckError):
            return None
        finally:
            self.observe()
            if action == self.publish.run_once:
                self._note_needless_pauses()
                self._pauses.clear()

    def observe(self) -> None:
        """Read the new stream records into the history and the publisher's queue."""
        records = self.dynamodb.take_images(self._recordings_table)
        for number, _, before, after, _ in records:
            images = {**({"OldImage": before} if before else {}), **({"NewImage": after} if after else {})}
            keys = {name: (after or before or {})[name] for name in ("PK", "SK")}
            record = {"dynamodb": {"Keys": keys, "SequenceNumber": str(number), **images}}
            self._written[str(number)] = self.clock()
            self.history.note(before, after)
            self.history.wrong += late_places(after or {}, self.clock() // 1000)
            if self.is_publishing and after is not None and "version" in after:
                self._unread.append(record)
        if records:
            self.history.look()

    def report_event(self, kind: str, group: str, **fields: Any) -> None:
        """Report an event that the media engine sends on its own."""
        now = self.clock()
        event = {
            "id": identity.new_id(now), "type": kind, "account": self.account, "seq": self.engine.next_seq(),
            "at": now, **fields,
        }  # fmt: skip
        self.event_channel.send([QueueMessage(event, group, event["id"])])

    def end_all(self) -> None:
        """End every live conference and call, including those whose events are still queued.

        The calls that were dialed into the conferences must end by themselves.
        """
        for _ in range(MAX_ROUNDS):
            self.drain()
            conferences = self.history.live("CONF")
            for conference in conferences:
                self.run(self.conferences.end, self.account, conference)
            self._wait_for_dialed_calls()
            calls = self.history.live("CALL")
            if not calls and not conferences:
                if not self.events.messages:
                    return
                self.clock.sleep(MAX_VISIBILITY_SECONDS)
            for call in calls:
                self.run(self.calls.end, self.account, call)
        self.unexpected_errors.append("calls or conferences are still live")

    def _wait_for_dialed_calls(self) -> None:
        """Wait until no call has outlived the conference that it was dialed into, at most 20 minutes; note the others.

        That is longer than the reconciler waits for the stream.
        """
        for _ in range(20):
            self.drain()
            if not self.history.outliving():
                return
            self.clock.sleep(60)
            self.reconcile()
        self.history.wrong += [f"{call} has outlived its conference" for call in self.history.outliving()]

    def reconcile(self) -> Counter[str]:
        """Watch the engines, and reconcile every shard of the pending-work index that has entries; return counts."""
        counted: Counter[str] = self.run(self.background.engine_monitor.run) or Counter()
        for shard in sorted({work[-1] for work, _ in self.history.work.values()}):
            counted += self.run(self.background.reconciler.run, shard) or Counter()
        return counted

    def drain(self) -> None:
        """Run every component until none has work left at the current time."""
        for _ in range(MAX_ROUNDS):
            if self._run_components():
                continue
            if not any([self.event_channel.catch_up(), self.finishing_channel.catch_up()]):
                return
        self.unexpected_errors.append("the components never run out of work")

    def settle(self, max_runs: int = 300) -> None:
        """Advance the clock until no work is left, with at most `max_runs` reconciler runs."""
        pauses = iter(RETRY_DELAYS_SECONDS)
        for _ in range(max_runs):
            self.drain()
            if self.is_quiet():
                return
            self.clock.sleep(self._until_due(next(pauses, RETRY_DELAYS_SECONDS[-1])))
            self.reconcile()

    def is_quiet(self) -> bool:
        """Whether the pending-work index and all queues are empty."""
        queues = (self.events, self.commands, self.callbacks, self.retries, self.finishing)
        return not (self.history.work or any(queue.messages for queue in queues))

    def _until_due(self, max_seconds: int) -> float:
        """Seconds until the next work or message is due, at most `max_seconds`."""
        now = self.clock()
        # An open item stays due while its command is unconfirmed.
        due = [at * 1000 for work, at in self.history.work.values() if work.startswith("DUE") or at * 1000 > now]
        due += [
            at
            for queue in (self.events, self.callbacks, self.retries, self.finishing)
            if (at := queue.next_due()) is not None
        ]
        return min([max_seconds, *(max(1.0, (at - now) / 1000 + 1) for at in due)])

    def _run_components(self) -> bool:
        moved = False
        for action in (self.publish.run_once, self.engine.process_commands, self.ingest.run_once, self.deliver.run_once,
                    self.deliver_retries.run_once, self.engine.finish_due_media, self.finish.run_once):  # fmt: skip
            moved = bool(self.run(action)) or moved
        return moved

    def _take(self) -> list[Mapping[str, Any]]:
        records, self._unread = self._unread + self._repeated, []
        self._repeated = [record for record in records if self.random_source.random() < self._event_fault_rate]
        return records

    def _read_change(self, record: Mapping[str, Any]) -> Change | None:
        change = read_change(record)
        passed = self.clock() - self._written[record["dynamodb"]["SequenceNumber"]]
        if change is not None and isinstance(change.after, Recording):
            # A pause that is requested again has the time of its first request.
            passed = max(passed, self.clock() - 1_000 * change.after.updated)
        if change is not None and change.after is not None and passed > (COMMAND_STALENESS_CHECK_SECONDS - 1) * 1000:
            self.late.add((change.after.id, change.after.version))
        if change is not None and isinstance(change.after, Recording) and change.after.status is RecordingStatus.PAUSED:
            keys = record["dynamodb"]["Keys"]
            self._pauses.append(((keys["PK"]["S"], keys["SK"]["S"]), change.after))
            self._note_needless_pauses()
        return change

    def _note_needless_pauses(self) -> None:
        """Note the pauses that the publisher is reading and that are confirmed, or overtaken by a confirmed command.

        They are not sent (C-330).
        """
        for key, recording in self._pauses:
            stored = self.history.last.get(key, {})
            if int(stored.get("confirmed", {}).get("N", "0")) >= recording.version:
                self.late.add((recording.id, recording.version))

    def _note_failure(self, error: Exception) -> None:
        """Note an unexpected error of the reconciler; the next run retries what failed."""
        if not isinstance(error, TapedeckError):
            self._note_unexpected(error)

    def _note_unroutable(self, command: Command) -> None:
        self.unexpected_errors.append(f"no engine for {command.id}")

    def _note_unexpected(self, error: Exception) -> None:
        self.unexpected_errors.append(repr(error))


def _unused() -> NoReturn:
    """The engine of a world neither opens sessions over HTTP nor uploads."""
    raise AssertionError


RETRY_DELAYS_SECONDS: Final = (2, 31, 60, 600, 600, 3_600, 14_400)
"""Seconds between reconciler runs in `settle`, unless something is due earlier; the last delay repeats."""
