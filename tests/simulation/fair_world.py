"""A simulation of callbacks only: the real function, outbox and queues, with senders that work at the same time.

Time is virtual. Accounts whose receivers answer within 0.3 seconds share the senders with one whose receiver hangs.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlsplit

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.stream import read_change, sort_by_conference_sequence
from tapedeck.background.callback_lanes import CallbackLane
from tapedeck.background.handlers import BackgroundServices
from tapedeck.background.reconciler import SHARDS
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.background.webhook_requests import CALLBACK_RENDERERS
from tapedeck.bootstrap.background import build_background_services
from tapedeck.bootstrap.environment import Environment, installed
from tapedeck.domain.account import Account
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.ports.messaging import FailureReason, QueueMessage, WebhookRequest, WebhookResult
from tapedeck_standin.aws.event_sources import QueueSource
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.queues import MemoryQueue
from tests.client import ROOT, TEMPLATE
from tests.simulation.ports import OutcomeLog
from tests.simulation.storage import PlainDecryptor
from tests.simulation.virtual_time import VirtualTime

ACCOUNTS: Final = 20
HANGING: Final = "f" * 32
"""The account whose receiver hangs."""

_QUEUES: Final = TEMPLATE.resources("AWS::SQS::Queue")


@dataclass
class Senders:
    """The senders of one queue: each works on one message at once."""

    queue: MemoryQueue
    number: int
    busy: int = 0
    has_news: bool = True
    """Whether a message may have become available since the last look."""

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Queue messages."""
        self.queue.send(messages)
        self.has_news = True


@dataclass
class Network:
    """The receivers: the host `hangs.example` never answers, any other one after 0.1 to 0.3 seconds."""

    time: VirtualTime
    random_source: random.Random
    answered: dict[str, int] = field(default_factory=dict)
    """When each URL was answered, in milliseconds."""
    hung: list[int] = field(default_factory=list)
    """When requests to the hanging host began."""

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt."""
        if urlsplit(request.url).hostname == "hangs.example":
            self.hung.append(self.time())
            limit = min(request.timeouts.read, request.timeouts.total)
            self.time.sleep(limit / 1000)
            return WebhookResult(None, FailureReason.READ, limit)
        milliseconds = self.random_source.randint(100, 300)
        self.time.sleep(milliseconds / 1000)
        self.answered[request.url] = self.time()
        return WebhookResult(200, None, milliseconds)


class FairWorld:
    """A deployment that only delivers callbacks. Use it as a context manager.

    Args:
        senders: how many there are of first attempts, and of retries; the template's defaults.
        shared: one queue for both, with the senders of first attempts, and a group for each recording.
    """

    def __init__(self, senders: tuple[int, int] = (5, 2), *, shared: bool = False) -> None:
        self.time = VirtualTime()
        self.random_source = random.Random(1)  # noqa: S311 - not for security
        self.network = Network(self.time, self.random_source)
        self.log = OutcomeLog()
        self.created: dict[str, int] = {}
        """When the callbacks of the other accounts were queued, by URL, in milliseconds."""
        self.errors: list[Exception] = []
        self._number = 0
        self._dynamodb = MemoryDynamoDB(self.time)
        names = TEMPLATE.create_tables(self._dynamodb)
        self._table = names["RecordingsTable"]
        self._outbox = DeliveryTable(DynamoDBTable(self._dynamodb, self._table, lambda _: None))
        keys = CredentialsTable(DynamoDBTable(self._dynamodb, names["CredentialsTable"], lambda _: None))
        self._accounts = [f"{number:032x}" for number in range(ACCOUNTS)]
        for account in (*self._accounts, HANGING):
            keys.put_account(Account(account, "0" * 64, self._seconds), {"twilio": b"token"})
        first = Senders(self._queue("CallbacksQueue"), senders[0])
        retries = first if shared else Senders(self._queue("CallbackRetriesQueue"), senders[1])
        self._senders = [first] if shared else [first, retries]
        shares = (1 << 32, 1 << 32) if shared else senders
        self.dispatcher = CallbackDispatcher(
            self._outbox, keys, PlainDecryptor(), self.network, CallbackLane(first, shares[0]),
            CallbackLane(retries, shares[1]), self.time, self.time.sleep, self.random_source.random, 72,
        )  # fmt: skip
        self._services = BackgroundServices(
            log=self.log, clock=self.time, read_change=read_change,
            sort_by_conference_sequence=sort_by_conference_sequence, callback_renderers=CALLBACK_RENDERERS,
            make_callbacks=lambda: self.dispatcher, shards_at_once=1, **dict.fromkeys(_OTHERS, _unused),
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Install the services for the function."""
        with ExitStack() as stack:
            stack.enter_context(installed(Environment(prebuilt={build_background_services: self._services})))
            self._handler = load_handler(ROOT, "deliver_callback")
            self._sources = [
                QueueSource(each.queue, self._handle, batch=1, return_failed=False, report=self.errors.append)
                for each in self._senders
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the services."""
        self._stack.close()

    def run(self, seconds: int, rate: float, dead_rate: float = 0.0) -> None:
        """Let time pass; callbacks of the others, and of the hanging account, arrive with these rates per second."""
        end = self.time() + seconds * 1000
        self._arrive(end, rate, self._enqueue_answered)
        if dead_rate:
            self._arrive(end, dead_rate, self._enqueue_hanging)
        for minute in range(1, seconds // 60 + 1):
            self.time.at(self.time() + minute * 60_000, self._reconcile)
        while self.time.run_next(end):
            self._give_work()
        assert self.errors == []

    def park(self, number: int) -> None:
        """Store retries for the hanging host that are due now."""
        for _ in range(number):
            attempt = DeliveryAttempt(self.time() - 60_000, 15_000, failure="read")
            self._outbox.put(
                self._delivery(
                    HANGING, "hangs.example", state=DeliveryState.RETRY_SCHEDULED, next_attempt_at=self._seconds,
                    first_attempt_at=self._seconds - 60, attempt_count=1, attempts=(attempt,),
                )
            )  # fmt: skip

    def delays(self, since: int = 0) -> list[int]:
        """Milliseconds from queueing to the answer of the others' callbacks, sorted; unanswered ones count."""
        now = self.time()
        return sorted(
            self.network.answered.get(url, now) - at
            for url, at in self.created.items()
            if since <= at and (url in self.network.answered or now - at > _UNDER_WAY_MS)
        )

    @property
    def _seconds(self) -> int:
        return self.time() // 1000

    def _queue(self, name: str) -> MemoryQueue:
        visible = int(_QUEUES[name]["VisibilityTimeout"])
        return MemoryQueue(self.time, visibility_seconds=visible, max_receives=5, dead_letters=None, name=name)

    def _delivery(self, account: str, host: str, **more: Any) -> CallbackDelivery:
        self._number += 1
        values: dict[str, Any] = {"next_attempt_at": self._seconds + 600, **more}
        return CallbackDelivery(
            account=account, resource_id=f"{self.random_source.getrandbits(128):032x}", sequence=1, event="completed",
            dialect="twilio", url=f"https://{host}/{self._number}", method="POST", body="RecordingStatus=completed",
            idempotency_token=f"token-{self._number}", created=self._seconds, **values,
        )  # fmt: skip

    def _arrive(self, end: int, rate: float, enqueue: Callable[[], None]) -> None:
        """Call `enqueue` at random times up to the end."""
        at = self.time() + round(self.random_source.expovariate(rate) * 1000)

        def arrive() -> None:
            enqueue()
            self._arrive(end, rate, enqueue)

        if at < end:
            self.time.at(at, arrive)

    def _enqueue_answered(self) -> None:
        account = self.random_source.choice(self._accounts)
        delivery = self._delivery(account, f"{account}.example")
        self.created[delivery.url] = self.time()
        self.dispatcher.enqueue(delivery)

    def _enqueue_hanging(self) -> None:
        self.dispatcher.enqueue(self._delivery(HANGING, "hangs.example"))

    def _reconcile(self) -> None:
        for shard in SHARDS:
            self.dispatcher.requeue_due(shard, 1_000)
        self._dynamodb.take_images(self._table)

    def _give_work(self) -> None:
        """Start idle senders while there are messages for them."""
        for senders, source in zip(self._senders, self._sources, strict=True):
            while senders.has_news and senders.busy < senders.number:
                self.time.start(partial(self._work, senders, source))

    def _work(self, senders: Senders, source: QueueSource) -> None:
        senders.busy += 1
        # After a message, its group may have another one.
        senders.has_news = source.run_once()
        senders.busy -= 1

    def _handle(self, event: dict[str, Any], context: None) -> Any:
        """Call the function, which takes a moment even if nothing is sent."""
        self.time.sleep(_OVERHEAD_SECONDS)
        return self._handler(event, context)


_OVERHEAD_SECONDS: Final = 0.02

_UNDER_WAY_MS: Final = 1_000
"""A callback that was queued so recently need not be answered yet."""

_OTHERS: Final = (
    "make_publisher", "make_checks", "make_engine_events", "make_engine_sessions", "make_engine_monitor",
    "make_conversions", "make_reconciler", "make_redrive", "make_overdue_log",
)  # fmt: skip


def _unused() -> NoReturn:
    raise AssertionError
