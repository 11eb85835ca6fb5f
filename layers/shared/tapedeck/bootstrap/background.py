"""The composition root of the functions that no client calls: what changes, what is told, what is owed.

A module of its own, so that a request does not pay for it.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import DynamoDBClient, DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.adapters.dynamodb.participants import ParticipantTable
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex, read_change, sort_by_sequence
from tapedeck.adapters.dynamodb.table import RecordingsTable
from tapedeck.adapters.eventbridge import EventBus
from tapedeck.adapters.failed_batches import FailedBatchBucket
from tapedeck.adapters.kms import KmsDecryptor
from tapedeck.adapters.s3 import Bucket
from tapedeck.adapters.sqs import SqsQueue
from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.admin.endpoint import AdminEndpoint
from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.handlers import BackgroundEndpoint, BackgroundServices
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.reconciler import Reconciler
from tapedeck.background.recording_events import RecordingEvents
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.background.webhook_requests import CALLBACK_RENDERERS
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.errors import NotFound
from tapedeck.ports.messaging import Bus, Decryptor, Queue, WebhookClient
from tapedeck.ports.stores import Clock
from tapedeck.settings import Settings

EVENT_SOURCE: Final = "tapedeck"
"""Who tells facts, by its name on the bus."""

T = TypeVar("T")


def _identity(store: Any) -> Any:  # noqa: ANN401 - whatever it is given
    return store


@dataclass(frozen=True, slots=True)
class OutboundClients:
    """Where things are told, and how time passes meanwhile: `sleep` in seconds, `random_float` from 0 to 1.

    `monotonic_clock` is what measures how long attempts take, in milliseconds, where the hub's clock may be put
    forward. `wrap_log` is what the log is reached through.
    """

    commands: Queue
    callbacks: Queue
    bus: Bus
    webhook_client: WebhookClient
    decryptor: Decryptor
    sleep: Callable[[float], None] = time.sleep
    random_float: Callable[[], float] = random.random
    monotonic_clock: Clock | None = None
    wrap_log: Callable[[Any], Any] = _identity


def aws_outbound_clients(settings: Settings) -> OutboundClients:
    """Those of a deployment; a client is made when something is first told through it."""
    return OutboundClients(
        commands=SqsQueue(_LazyClient("sqs"), settings.commands_queue, time.sleep),
        callbacks=SqsQueue(_LazyClient("sqs"), settings.callbacks_queue, time.sleep),
        bus=EventBus(_LazyClient("events"), settings.event_bus, EVENT_SOURCE, time.sleep),
        webhook_client=SafeWebhookClient(
            allowed_hosts=settings.callback_allowed_hosts,
            host_map=dict(settings.callback_host_map),
            clock=api_bootstrap.clock,
        ),
        decryptor=KmsDecryptor(_LazyClient("kms"), settings.signing_kms_key_id),
    )


outbound_clients_factory: Callable[[Settings], OutboundClients] = aws_outbound_clients
"""Whatever is made from now on tells through these."""


wrap_delivery_dependency: Callable[[Any], Any] = _identity
"""What stores and outlets of whoever sends callbacks are reached through: that takes long, and holds up nobody else."""


class _LazyClient:
    """A client of an AWS service that is made when it is first used: not every function uses each."""

    def __init__(self, service: str) -> None:
        self._make = cache(lambda: make_client(service))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
        return getattr(self._make(), name)


def build_background_services(
    settings: Settings, dynamodb: DynamoDBClient, told: OutboundClients
) -> BackgroundServices:
    """Everything that such functions need, over this client and these outlets."""
    clock = api_bootstrap.clock
    service = api_bootstrap.get_api_services()
    database = DynamoDBTable(dynamodb, settings.recordings_table, told.sleep)
    store = RecordingsTable(database)
    credentials = CredentialsTable(DynamoDBTable(dynamodb, settings.credentials_table, told.sleep))

    @cache
    def deliveries() -> CallbackDispatcher:
        return CallbackDispatcher(
            wrap_delivery_dependency(DeliveryTable(database)),
            wrap_delivery_dependency(credentials),
            wrap_delivery_dependency(told.decryptor),
            told.webhook_client,
            wrap_delivery_dependency(told.callbacks),
            clock,
            told.sleep,
            told.random_float,
            settings.callback_retry_hours,
            told.monotonic_clock,
        )

    @cache
    def publisher() -> ChangePublisher:
        objects = Bucket(_LazyClient("s3"), settings.media_bucket)
        return ChangePublisher(
            store, ParticipantTable(database), ListTable(database), objects, told.commands, deliveries(), told.bus,
            settings.public_url, clock,
        )  # fmt: skip

    @cache
    def media_events() -> EngineEvents:
        captures = RecordingEvents(store, service.recordings, service.media(), service.transcriptions, clock)
        return EngineEvents(store, service.calls, service.conferences, service.participants, captures, clock)

    @cache
    def reconcile() -> Reconciler:
        work = PendingWorkIndex(database)
        return Reconciler(
            work, store, service.recordings, service.media(), publisher(), deliveries(), clock,
            lambda error: service.log.background(operation="reconcile", outcome="failed", error=type(error).__name__),
        )  # fmt: skip

    @cache
    def resending() -> FailedBatchRedrive:
        return FailedBatchRedrive(
            FailedBatchBucket(_LazyClient("s3"), settings.failed_batches_bucket),
            read_change,
            sort_by_sequence,
            publisher(),
        )

    return BackgroundServices(
        log=told.wrap_log(service.log),
        clock=clock,
        read_change=read_change,
        sort_by_sequence=sort_by_sequence,
        callback_renderers=CALLBACK_RENDERERS,
        make_publisher=publisher,
        make_engine_events=media_events,
        make_callback_dispatcher=deliveries,
        make_reconciler=reconcile,
        make_redrive=resending,
    )


@cache
def get_background_services() -> BackgroundServices:
    """What the environment describes, made once."""
    settings = Settings.read()
    return build_background_services(settings, make_client("dynamodb"), outbound_clients_factory(settings))


background = BackgroundEndpoint(get_background_services)
admin_function = AdminEndpoint(get_background_services, {NotFound: "There is no such callback"})
