"""What tests of the functions that no client calls stand on: a table in memory, and doubles of all that is told.

Nothing here happens by itself: a test hands over what the stream tells and what waits in a queue, and the clock stands
still.
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
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, OutboundClients
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.identity import new_id
from tapedeck.http.endpoint import ApiServices
from tapedeck.operations.accounts import Accounts, NewAccount
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.messaging import DomainEvent, QueueMessage, WebhookRequest, WebhookResult
from tapedeck.settings import Settings
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, TEMPLATE, FunctionClient
from tests.functions.stage import Clock, RemoteShelf, Stage

ORIGIN: Final = "https://api.example.com"
TOLD: Final = ("CALL", "CONF")
TOLD_BEGINNINGS: Final = ("PART#", "REC#")
"""Sort keys that the stream's filter lets through."""

if TYPE_CHECKING:
    from tapedeck.observability import CanonicalLog

_COMMANDS: Final = Draft202012Validator(
    json.loads((ROOT / "schemas" / "media-commands.json").read_text(encoding="utf-8"))
)

Event = dict[str, Any]
Answer = dict[str, Any]


class Crash(BaseException):
    """The process ends here: nobody catches it."""


@dataclass
class FakeQueue:
    """Somewhere to tell things: keeps them, and fails as often as it is told to.

    `fails` is how often it refuses; what it `half` takes, but for the last, it refuses too.
    """

    sent: list[Any] = field(default_factory=list)
    fails: int = 0
    half: bool = False

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """As a queue."""
        self._take(messages)

    def publish(self, facts: Sequence[DomainEvent]) -> None:
        """As a bus."""
        self._take(facts)

    def drain(self) -> list[Any]:
        """What has been told since somebody last asked."""
        told, self.sent = self.sent, []
        return told

    def _take(self, things: Sequence[Any]) -> None:
        if self.fails:
            self.fails -= 1
            self.sent += things[:-1] if self.half else ()
            raise StoreUnavailable
        self.sent += things


@dataclass
class Receiver:
    """Somebody else's server: answers as it is told to, else 200, and keeps what it was sent.

    What is to happen may also be an exception, which is raised once it has been sent.
    """

    clock: Clock
    answers: list[WebhookResult | BaseException] = field(default_factory=list)
    requests: list[WebhookRequest] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt, which takes as long as its outcome says, but no longer than it may."""
        self.requests.append(request)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        outcome = self.answers.pop(0) if self.answers else WebhookResult(200, None, 20, b"ok")
        if isinstance(outcome, BaseException):
            raise outcome
        outcome = replace(outcome, milliseconds=min(outcome.milliseconds, request.timeouts.total))
        self.clock.milliseconds += outcome.milliseconds
        return outcome


@dataclass
class FakeKms:
    """Seals and opens secrets; may be shut."""

    is_shut: bool = False

    def encrypt(self, account: str, secret: str) -> bytes:
        """The secret, bound to the account."""
        return f"{account}:{secret}".encode()

    def decrypt(self, account: str, sealed: bytes) -> str:
        """The secret that was sealed for this account."""
        whose, _, secret = sealed.decode().partition(":")
        if self.is_shut or whose != account:
            raise StoreUnavailable
        return secret


@dataclass
class Lines:
    """A log that keeps its lines."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def background(self, **line: Any) -> None:
        """A record, or a run."""
        self.lines.append({name: value for name, value in line.items() if value not in (None, {})})

    def task(self, **line: Any) -> None:
        """A task."""
        self.background(**line)

    def request(self, **_line: Any) -> None:
        """A request, which is another test's affair."""

    def drain(self) -> list[dict[str, Any]]:
        """The lines since somebody last asked."""
        lines, self.lines = self.lines, []
        return lines


@dataclass
class World:
    """All of it together, for one account; `fault` is told of each request to the table, and may raise."""

    memory: MemoryDynamoDB
    settings: Settings
    clock: Clock
    services: ApiServices
    account: NewAccount
    accounts: Accounts
    commands: FakeQueue
    callbacks: FakeQueue
    bus: FakeQueue
    receiver: Receiver
    vault: FakeKms
    log: Lines
    background: BackgroundServices
    faults: list[Callable[[str, str, Mapping[str, Any]], None]]
    slept: list[float]
    sleep: Callable[[float], None]
    luck: list[float]
    """What chance gives, from 0 to 1; the last of these."""

    def client(self, dialect: str) -> FunctionClient:
        """Speaks this dialect for the account."""
        return FunctionClient(DIALECTS[dialect], self.account.account, self.account.auth_token)

    @property
    def stage(self) -> Stage:
        """Brings resources about."""
        return Stage(self.account.account, self.services, self.clock, RemoteShelf(self.memory, self.table))

    @property
    def table(self) -> str:
        """The recordings table's name."""
        return self.settings.recordings_table

    def changes(self) -> list[Event]:
        """What the stream tells since somebody last asked, as the mapping's filter lets it through."""
        found = [json.loads(json.dumps(record)) for record in self.memory.take_records(self.table)]
        return [record for record in found if _is_told(record["dynamodb"]["Keys"]["SK"]["S"])]

    def forget(self) -> None:
        """Nothing has changed, and nothing has been told."""
        self.changes()
        for outlet in (self.commands, self.callbacks, self.bus):
            outlet.drain()
        self.log.drain()

    def call(self, operation: str, event: Event) -> Answer:
        """Call a function, through JSON as Lambda does."""
        answer: Answer = load_handler(ROOT, operation)(json.loads(json.dumps(event)), None)
        return answer

    def publish(self, records: Iterable[Event] | None = None) -> list[Event]:
        """Hand these changes over, or all that there are; those that come again.

        Every command that is told is what the published schema says.
        """
        records = list(records) if records is not None else self.changes()
        failed = self._hand_over("publish_changes", records, lambda record: record["dynamodb"]["SequenceNumber"])
        for message in self.commands.sent:
            _COMMANDS.validate(json.loads(json.dumps(dict(message.body))))
        return failed

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """The requests to the tables that are made meanwhile."""
        seen: list[str] = []

        def note(when: str, operation: str, _request: Mapping[str, Any]) -> None:
            if when == "before":
                seen.append(operation)

        self.faults.append(note)
        try:
            yield seen
        finally:
            self.faults.remove(note)

    def ingest(self, *bodies: Mapping[str, Any] | str, groups: Sequence[str] = ()) -> list[str]:
        """Hand messages of a media engine over, all of one group or as told; the ids of those that come again."""
        records = [
            _message(number, body if isinstance(body, str) else json.dumps(body), groups[number] if groups else "group")
            for number, body in enumerate(bodies)
        ]
        failed = self._hand_over("ingest_media_event", records, lambda record: record["messageId"])
        return [record["messageId"] for record in failed]

    def deliver(self, messages: Iterable[QueueMessage] | None = None) -> list[Event]:
        """Hand what waits in the queue of callbacks over, or these messages, one at a time; those that come again."""
        failed = []
        for message in list(messages) if messages is not None else self.callbacks.drain():
            record = _message(0, json.dumps(dict(message.body)), message.group)
            failed += self._hand_over("deliver_callback", [record], lambda record: record["messageId"])
        return failed

    def reconcile(self) -> Answer:
        """Look after what is left."""
        return self.call("reconcile", {})

    def claims(self, resource_id: str) -> list[CallbackDelivery]:
        """What is owed, or was, of a recording or a conference; whatever fails otherwise."""
        faults, self.faults[:] = list(self.faults), []
        found = DeliveryTable(DynamoDBTable(self.memory, self.table, self.sleep)).of(self.account.account, resource_id)
        self.faults[:] = faults
        return list(found)

    def pending_work(self) -> list[PendingWork]:
        """Whatever is in the reconciler's sight."""
        work = PendingWorkIndex(DynamoDBTable(self.memory, self.table, self.sleep))
        return [opened for shard in "0123456789abcdef" for opened in work.find_pending(shard, 1 << 40)]

    def event(self, kind: str, *, at: int | None = None, **fields: Any) -> dict[str, Any]:
        """An event of this account's engine, told now, or at this millisecond of the engine's time."""
        now = self.clock()
        return {
            "id": new_id(now), "type": kind, "account": self.account.account,
            "at": at if at is not None else now, **fields,
        }  # fmt: skip

    def _hand_over(self, operation: str, records: list[Event], number: Callable[[Event], str]) -> list[Event]:
        if not records:
            return []  # Lambda calls nobody for nothing
        answer = self.call(operation, {"Records": records})
        assert answer.keys() == {"batchItemFailures"}
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        assert failed <= {number(record) for record in records}
        return [record for record in records if number(record) in failed]


def make_world(settings: Settings, clock: Clock, s3: Any, install: Callable[[Environment], object]) -> World:
    """Build a world over this S3 client, and install its environment."""
    faults: list[Callable[[str, str, Mapping[str, Any]], None]] = []

    def fault(when: str, operation: str, request: Mapping[str, Any]) -> None:
        for each in faults:
            each(when, operation, request)

    memory = MemoryDynamoDB(clock, fault)
    TEMPLATE.create_tables(memory)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.step(seconds)

    log = Lines()
    vault, receiver = FakeKms(), Receiver(clock)
    accounts = Accounts(CredentialsTable(DynamoDBTable(memory, settings.credentials_table, sleep)), vault, clock)
    commands, callbacks, bus = FakeQueue(), FakeQueue(), FakeQueue()
    luck = [0.0]
    outbound_clients = OutboundClients(commands, callbacks, bus, receiver, vault, sleep, lambda: luck[-1])
    environment = Environment(
        read_settings=lambda: settings,
        clock=clock,
        make_client={"dynamodb": memory, "s3": s3}.__getitem__,
        make_log=lambda _settings: cast("CanonicalLog", log),
        make_outbound_clients=lambda _environment, _settings: outbound_clients,
    )
    install(environment)
    service = environment.cached(api_bootstrap.build_api_services)
    services = environment.cached(background_bootstrap.build_background_services)
    return World(
        memory, settings, clock, service, accounts.create(), accounts, commands, callbacks, bus, receiver, vault, log,
        services, faults, slept, sleep, luck,
    )  # fmt: skip


def _is_told(sort_key: str) -> bool:
    return sort_key in TOLD or sort_key.startswith(TOLD_BEGINNINGS)


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
