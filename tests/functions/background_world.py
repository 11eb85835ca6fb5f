"""Test environment of the background functions: in-memory tables, and fakes of the queues, the bus, KMS and webhooks.

Nothing runs by itself: a test passes stream records and queue messages to the functions, and the clock moves only when
the test moves it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from jsonschema import Draft202012Validator

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex
from tapedeck.admin.endpoint import AdminServices
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, OutboundClients
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.identity import new_id
from tapedeck.http.services import ApiServices
from tapedeck.operations.accounts import Accounts, NewAccount
from tapedeck.operations.authentication import hash_secret
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.engines import RegisteredEngine
from tapedeck.ports.messaging import DomainEvent, QueueMessage, WebhookRequest, WebhookResult
from tapedeck.settings import Settings
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, TEMPLATE, FunctionClient, make_event
from tests.engine_reports import batch_of
from tests.functions.databases import ClientShelf
from tests.functions.stage import Clock, Stage
from tests.reporter import next_seq

ORIGIN: Final = "https://api.example.com"
PUBLISHED_SORT_KEYS: Final = ("CALL", "CONF")
PUBLISHED_SORT_KEY_PREFIXES: Final = ("PART#", "REC#")
"""Sort keys that the filter of the stream's event source mapping lets through."""

ENGINE_TOKEN: Final = f"tdk_standin_{'s' * 43}"
"""The token of the engine `standin`, which is registered in each world that ingests events."""

if TYPE_CHECKING:
    from tapedeck.observability import CanonicalLog

_SCHEMA: Final = json.loads((ROOT / "schemas" / "engine-commands.json").read_text(encoding="utf-8"))
_COMMANDS: Final = {
    kind: Draft202012Validator({"$ref": reference, "$defs": _SCHEMA["$defs"]})
    for kind, reference in _SCHEMA["discriminator"]["mapping"].items()
}
"""Validators by type: to compare a command with the schemas of all types takes ten times as long."""

Event = dict[str, Any]
Answer = dict[str, Any]


class Crash(BaseException):
    """A simulated crash; a BaseException, so that no handler catches it."""


@dataclass
class FakeQueue:
    """A queue or an event bus that records what is sent to it, and fails on request.

    The next `failures` batches raise `StoreUnavailable`. With `takes_part`, a failing batch is accepted except for its
    last entry.
    """

    sent: list[Any] = field(default_factory=list)
    failures: int = 0
    takes_part: bool = False

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Send messages, as a queue does."""
        self._take(messages)

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish domain events, as the event bus does."""
        self._take(events)

    def drain(self) -> list[Any]:
        """Return what was sent since the last call, and clear it."""
        sent, self.sent = self.sent, []
        return sent

    def _take(self, entries: Sequence[Any]) -> None:
        if self.failures:
            self.failures -= 1
            self.sent += entries[:-1] if self.takes_part else ()
            raise StoreUnavailable
        self.sent += entries


@dataclass(frozen=True)
class SentCommand:
    """A command as sent to the queue of an engine."""

    engine: str
    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The command's id."""
        return str(self.body["id"])

    @property
    def request(self) -> dict[str, Any]:
        """The command without the fields that differ between its copies."""
        return {name: value for name, value in self.body.items() if name not in {"issued_at", "not_after"}}


@dataclass
class FakeEngineQueues(FakeQueue):
    """The queues of all engines; those of the engines in `deleted` do not exist."""

    deleted: set[str] = field(default_factory=set)

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> bool:  # type: ignore[override]
        """Send messages to an engine."""
        if engine in self.deleted:
            return False
        self._take([SentCommand(engine, message) for message in messages])
        return True


@dataclass
class Receiver:
    """The subscriber's server, called through the webhook client: records requests and returns the queued answers.

    Without a queued answer it returns 200. An answer may be an exception: it is raised after the request is recorded.
    `on_request` is called once, during the next request.
    """

    clock: Clock
    answers: list[WebhookResult | BaseException] = field(default_factory=list)
    requests: list[WebhookRequest] = field(default_factory=list)
    on_request: Callable[[], object] | None = None

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt: advance the clock by the duration of the answer, at most by the total timeout."""
        self.requests.append(request)
        if self.on_request is not None:
            hook, self.on_request = self.on_request, None
            hook()
        outcome = self.answers.pop(0) if self.answers else WebhookResult(200, None, 20, b"ok")
        if isinstance(outcome, BaseException):
            raise outcome
        outcome = replace(outcome, milliseconds=min(outcome.milliseconds, request.timeouts.total))
        self.clock.milliseconds += outcome.milliseconds
        return outcome


@dataclass
class FakeKms:
    """Encrypt and decrypt secrets; `is_unavailable` makes both fail. `decrypted` counts requests to decrypt."""

    is_unavailable: bool = False
    decrypted: int = 0

    def encrypt(self, account: str, secret: str) -> bytes:
        """Encrypt a secret; the ciphertext is bound to the account."""
        if self.is_unavailable:
            raise StoreUnavailable
        return f"{account}:{secret}".encode()

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Decrypt a secret that was encrypted for this account."""
        self.decrypted += 1
        encrypted_for, _, secret = encrypted.decode().partition(":")
        if self.is_unavailable or encrypted_for != account:
            raise StoreUnavailable("kms:Decrypt", "AccessDeniedException")
        return secret


@dataclass
class FakeLog:
    """A log that keeps its lines in memory, without fields that are empty."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def background(self, *, subject: object = None, **line: Any) -> None:
        """Log one record, message or run of a background function; which ids its line has, has a test of its own."""
        del subject
        for name in ("reason", "since", "metric", "tried", "due"):
            line.pop(name, None)
        if isinstance(line.get("error"), Exception):
            line["error"] = type(line["error"]).__name__
        if line["outcome"] not in {"overdue", "unsigned"}:
            self._append(line)

    def _append(self, line: Mapping[str, Any]) -> None:
        self.lines.append({name: value for name, value in line.items() if value not in (None, {})})

    def engine_event(self, **line: Any) -> None:
        """Log one event that an engine reported; the request that failed has a test of its own."""
        line.pop("error", None)
        self._append(line)

    def engine_request(self, **_line: Any) -> None:
        """Ignore the lines of engines' requests."""

    def engine_clock(self, **_line: Any) -> None:
        """Ignore the lines about engines' clocks."""

    def lost_resources(self, **_line: Any) -> None:
        """Ignore the lines about what a new session ended."""

    def ended_pause(self, engine: str, boot: str, recording: str) -> None:
        """Log a pause that a session has ended."""
        self._append({"operation": "open_engine_session", "engine": engine, "boot": boot, "sid": recording})

    def unhandled_error(self, operation: str, request_id: str | None, error: BaseException, **line: Any) -> None:
        """Log an unexpected error by its class."""
        self._append({"operation": operation, "request_id": request_id, "error": type(error).__name__, **line})

    def task(self, error: Exception | None = None, /, **line: Any) -> None:
        """Log one call of an operator function; the class of an error has a test of its own."""
        del error
        self._append(line)

    def request(self, **_line: Any) -> None:
        """Ignore the lines of HTTP requests."""

    def drain(self) -> list[dict[str, Any]]:
        """Return the lines since the last call, and clear them."""
        lines, self.lines = self.lines, []
        return lines


@dataclass
class World:
    """The whole environment, for one account.

    Each of `faults` is called before and after every request to a table, with "before" or "after", the operation and
    the request; it may raise. `slept` holds the pauses in seconds. The last of `random_values` (0 to 1) is the value of
    the random source.
    """

    memory: MemoryDynamoDB
    settings: Settings
    clock: Clock
    services: ApiServices
    account: NewAccount
    accounts: Accounts
    commands: FakeEngineQueues
    callbacks: FakeQueue
    retries: FakeQueue
    finishing: FakeQueue
    bus: FakeQueue
    receiver: Receiver
    kms: FakeKms
    log: FakeLog
    background: BackgroundServices
    faults: list[Callable[[str, str, Mapping[str, Any]], None]]
    slept: list[float]
    sleep: Callable[[float], None]
    random_values: list[float]
    reports: list[dict[str, Any]] = field(default_factory=list)
    """The results of the events that were ingested last."""
    last_seq: int = 0
    """The sequence number of the event that was built last."""

    def client(self, dialect: str) -> FunctionClient:
        """Return a client of this dialect for the account."""
        return FunctionClient(DIALECTS[dialect], self.account.account, self.account.auth_token)

    @property
    def stage(self) -> Stage:
        """The factory of test resources for the account."""
        return Stage(self.account.account, self.services, self.clock, ClientShelf(self.memory, self.table))

    @property
    def table(self) -> str:
        """The name of the recordings table."""
        return self.settings.recordings_table

    def changes(self) -> list[Event]:
        """Return the stream records since the last call that pass the filter of the event source mapping."""
        found = [json.loads(json.dumps(record)) for record in self.memory.take_records(self.table)]
        return [record for record in found if _is_published(record["dynamodb"]["Keys"]["SK"]["S"])]

    def discard(self) -> None:
        """Discard pending stream records, everything that was sent or published, and the log."""
        self.changes()
        for channel in (self.commands, self.callbacks, self.retries, self.finishing, self.bus):
            channel.drain()
        self.log.drain()

    def call(self, operation: str, event: Event) -> Answer:
        """Call a function with an event that was serialised to JSON, as by Lambda."""
        answer: Answer = load_handler(ROOT, operation)(json.loads(json.dumps(event)), None)
        return answer

    def publish(self, records: Iterable[Event] | None = None) -> list[Event]:
        """Call publish_changes with these stream records, or with all pending ones; return the failed records.

        Every command that it sends is validated against the published schema.
        """
        records = list(records) if records is not None else self.changes()
        before = len(self.commands.sent)
        try:
            return self._invoke("publish_changes", records, lambda record: record["dynamodb"]["SequenceNumber"])
        finally:
            for message in self.commands.sent[before:]:
                body = json.loads(json.dumps(dict(message.body)))
                _COMMANDS[body["type"]].validate(body)

    @contextmanager
    def recorded_requests(self) -> Iterator[list[str]]:
        """Record the operations of the requests to the tables inside the `with` block."""
        recorded: list[str] = []

        def note(when: str, operation: str, _request: Mapping[str, Any]) -> None:
            if when == "before":
                recorded.append(operation)

        self.faults.append(note)
        try:
            yield recorded
        finally:
            self.faults.remove(note)

    def ingest(self, *events: Any) -> list[int]:
        """Report these events in one request; return the places of those that are to be reported again.

        The engine `standin`, which works for all accounts, is registered with the first request. A capture is named by
        its key, which serves as the ticket of its upload.
        """
        envelope = batch_of(list(events), "b" * 32, self.clock())
        faults, self.faults[:] = list(self.faults), []
        register_engine(self, "standin", ENGINE_TOKEN)
        self.faults[:] = faults
        status, answer = self.post_events(json.dumps(envelope).encode(), f"Bearer {ENGINE_TOKEN}")
        assert status == 200
        self.reports = answer["results"]
        return [place for place, result in enumerate(self.reports) if result["outcome"] == "later"]

    def post_events(self, body: bytes, authorization: str) -> tuple[int, Answer]:
        """Call take_engine_events with this body; return the status and the answer."""
        headers = {"Content-Type": "application/json", **({"Authorization": authorization} if authorization else {})}
        event = make_event("POST", "/engine/v2/events", headers=headers, body=body, gateway="api-gateway")
        answer = self.call("take_engine_events", event)
        assert len(answer["headers"]["X-Request-Id"]) == 32
        return answer["statusCode"], json.loads(answer["body"])

    def queued_callbacks(self) -> list[QueueMessage]:
        """Return the messages of both queues of callbacks, and clear them: first attempts, then retries."""
        return self.callbacks.drain() + self.retries.drain()

    def deliver(self, messages: Iterable[QueueMessage] | None = None) -> list[Event]:
        """Call deliver_callback with each queued message, or with these, one at a time; return the failed messages."""
        failed = []
        for message in list(messages) if messages is not None else self.queued_callbacks():
            record = _message(0, json.dumps(dict(message.body)), message.group)
            failed += self._invoke("deliver_callback", [record], lambda record: record["messageId"])
        return failed

    def convert(self, messages: Iterable[QueueMessage] | None = None) -> list[Event]:
        """Call finish_recording with all messages of the finishing queue, or with these; return the failed ones."""
        found = list(messages) if messages is not None else self.finishing.drain()
        records = [_message(number, json.dumps(dict(each.body)), each.group) for number, each in enumerate(found)]
        return self._invoke("finish_recording", records, lambda record: record["messageId"])

    def reconcile(self) -> Answer:
        """Call reconcile."""
        return self.call("reconcile", {})

    def deliveries(self, resource_id: str) -> list[CallbackDelivery]:
        """Return all callback deliveries of a recording or a conference, without the injected faults."""
        faults, self.faults[:] = list(self.faults), []
        found = DeliveryTable(DynamoDBTable(self.memory, self.table, self.sleep)).of(self.account.account, resource_id)
        self.faults[:] = faults
        return list(found)

    def pending_work(self) -> list[PendingWork]:
        """Return everything in the pending-work index."""
        work = PendingWorkIndex(DynamoDBTable(self.memory, self.table, self.sleep))
        return [pending for shard in "0123456789abcdef" for pending in work.find_pending(shard, 1 << 40)]

    def event(self, kind: str, *, at: int | None = None, seq: int | None = None, **fields: Any) -> dict[str, Any]:
        """Build an engine event of this account; `at` (milliseconds, default now) is the engine's time.

        Without `seq`, its sequence number is the next one.
        """
        now = self.clock()
        self.last_seq = seq if seq is not None else next_seq()
        return {
            "id": new_id(now), "type": kind, "account": self.account.account, "seq": self.last_seq,
            "at": at if at is not None else now, **fields,
        }  # fmt: skip

    def _invoke(self, operation: str, records: list[Event], number: Callable[[Event], str]) -> list[Event]:
        if not records:
            return []  # Lambda does not call a function without records
        answer = self.call(operation, {"Records": records})
        assert answer.keys() == {"batchItemFailures"}
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        assert failed <= {number(record) for record in records}
        return [record for record in records if number(record) in failed]


def build_world(settings: Settings, clock: Clock, s3: Any, install: Callable[[Environment], object]) -> World:
    """Build a world over this S3 client, and install its environment."""
    faults: list[Callable[[str, str, Mapping[str, Any]], None]] = []

    def fault(when: str, operation: str, request: Mapping[str, Any]) -> None:
        for each in faults:
            each(when, operation, request)

    memory = MemoryDynamoDB(clock, fault)
    tables = TEMPLATE.create_tables(memory)
    # On DynamoDB Local, the other tests' tables have a prefix.
    settings = replace(
        settings, recordings_table=tables["RecordingsTable"], credentials_table=tables["CredentialsTable"]
    )
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.step(seconds)

    log = FakeLog()
    vault, receiver = FakeKms(), Receiver(clock)
    accounts = Accounts(CredentialsTable(DynamoDBTable(memory, settings.credentials_table, sleep)), vault, clock)
    commands, callbacks, retries = FakeEngineQueues(), FakeQueue(), FakeQueue()
    finishing, bus = FakeQueue(), FakeQueue()
    luck = [0.0]
    outbound_clients = OutboundClients(
        commands, callbacks, retries, finishing, bus, receiver, vault, sleep, lambda: luck[-1]
    )
    environment = Environment(
        read_settings=lambda: settings,
        clock=clock,
        make_client={"dynamodb": memory, "s3": s3}.__getitem__,
        make_log=lambda _settings: cast("CanonicalLog", log),
        make_outbound_clients=lambda _environment, _settings: outbound_clients,
        default_engine="standin",
        prebuilt={api_bootstrap.build_admin_services: AdminServices(accounts, cast("CanonicalLog", log))},
    )
    install(environment)
    service = environment.cached(api_bootstrap.build_api_services)
    services = environment.cached(background_bootstrap.build_background_services)
    return World(
        memory, settings, clock, service, accounts.create(), accounts, commands, callbacks, retries, finishing, bus,
        receiver, vault, log, services, faults, slept, sleep, luck,
    )  # fmt: skip


def register_engine(world: World, name: str, token: str, accounts: frozenset[str] | None = None) -> None:
    """Register an engine with this token, unless it is registered."""
    registry = EngineRegistryTable(DynamoDBTable(world.memory, world.settings.credentials_table, world.sleep))
    if registry.get_engine(name) is None:
        engine = RegisteredEngine(MediaEngine(name, accounts), (hash_secret(token),), world.clock.seconds)
        assert registry.put_engine(engine)


def _is_published(sort_key: str) -> bool:
    return sort_key in PUBLISHED_SORT_KEYS or sort_key.startswith(PUBLISHED_SORT_KEY_PREFIXES)


def _message(number: int, body: str, group: str) -> Event:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1537916400000",
            "SequenceNumber": f"{number:020}",
            "MessageGroupId": group,
            "SenderId": "AROAEXAMPLE:connector",
            "MessageDeduplicationId": f"message-{number}",
            "ApproximateFirstReceiveTimestamp": "1537916400000",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue.fifo",
        "awsRegion": "us-east-1",
    }
