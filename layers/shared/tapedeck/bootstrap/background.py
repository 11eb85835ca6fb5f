"""The composition root of the background functions: stream, queues and schedule.

A separate module, so that HTTP functions do not import what only these need.
"""

import time
from collections.abc import Callable
from functools import cache, partial
from threading import Lock
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.adapters.dynamodb.participants import ParticipantTable
from tapedeck.adapters.dynamodb.phone_numbers import PhoneNumberTable
from tapedeck.adapters.dynamodb.presence import LiveIndex, PresenceTable
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex, read_change, sort_by_conference_sequence
from tapedeck.adapters.dynamodb.transcriptions import TranscriptionTable
from tapedeck.adapters.remembered_keys import RememberingDecryptor
from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.admin.endpoint import AdminEndpoint
from tapedeck.background.callback_lanes import CallbackLane
from tapedeck.background.checks import RecordingChecks
from tapedeck.background.command_sender import CommandSender
from tapedeck.background.conversions import Conversions
from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.engine_monitor import (
    EngineLimits,
    EngineMonitor,
    apply_end,
    log_loss,
    send_pending_commands,
)
from tapedeck.background.event_situations import SituationReader
from tapedeck.background.event_writes import EventWriter
from tapedeck.background.handlers import (
    METRICS_OF_RUN,
    BackgroundEndpoint,
    BackgroundServices,
    log_suspended_host,
    log_unnoted_check,
    log_unroutable_command,
    log_unsigned_callback,
)
from tapedeck.background.log_subjects import OverdueLog
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.reconciler import Reconciler
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.background.webhook_requests import CALLBACK_RENDERERS
from tapedeck.bootstrap.environment import Environment, OutboundClients, current_environment
from tapedeck.bootstrap.http import IN_LAMBDA, build_api_services, make_media_store
from tapedeck.domain.errors import NotFound
from tapedeck.operations.engine_sessions import EngineSessions
from tapedeck.operations.media import Media
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.clock import Clock
from tapedeck.settings import Settings

SHARDS_AT_ONCE: Final = 8
"""How many shards a deployment reconciles at the same time (C-302), fewer than the connections that a client keeps.

The stand-in and simulations reconcile one after the other: their runs can be repeated.
"""

EVENT_SOURCE: Final = "tapedeck"
"""The source of domain events on the bus."""


def aws_outbound_clients(environment: Environment, settings: Settings) -> OutboundClients:
    """Return the outbound clients of a deployment; each AWS client is created at first use.

    Without the name of a bus there is none, and no domain event is published (C-331).
    """
    # Imported here: the stand-in has clients of its own, and no botocore.
    from tapedeck.adapters.engine_queues import SqsEngineQueues  # noqa: PLC0415
    from tapedeck.adapters.eventbridge import EventBus  # noqa: PLC0415
    from tapedeck.adapters.kms import KmsDecryptor  # noqa: PLC0415
    from tapedeck.adapters.sqs import SqsQueue  # noqa: PLC0415

    def lazy(service: str) -> "_LazyClient":
        return _LazyClient(environment.make_client, service)

    return OutboundClients(
        commands=SqsEngineQueues(lazy("sqs"), settings.engine_queue_prefix, time.sleep),
        callbacks=SqsQueue(lazy("sqs"), settings.callbacks_queue, time.sleep),
        callback_retries=SqsQueue(lazy("sqs"), settings.callback_retries_queue, time.sleep),
        finishing=SqsQueue(lazy("sqs"), settings.finishing_queue, time.sleep, is_fifo=False),
        bus=EventBus(lazy("events"), settings.event_bus, EVENT_SOURCE, time.sleep) if settings.event_bus else None,
        webhook_client=SafeWebhookClient(
            allowed_hosts=settings.callback_allowed_hosts,
            host_map=dict(settings.callback_host_map),
            clock=environment.clock,
        ),
        decryptor=KmsDecryptor(lazy("kms"), settings.signing_kms_key_id, settings.refused_secrets),
    )


def build_engine_events(database: DynamoDBTable, recordings: Recordings, media: Media, clock: Clock) -> EngineEvents:
    """Build what applies engine events to the recordings table."""
    store = ResourceTable(database)
    find_number = PhoneNumberTable(database).find_phone_number
    writer = EventWriter(store, recordings, media, TranscriptionTable(database), clock, find_number)
    return EngineEvents(SituationReader(store, ParticipantTable(database), media), writer, clock)


class _LazyClient:
    """A client of an AWS service, created at first use: not every function uses each service."""

    def __init__(self, make_client: Callable[[str], Any], service: str) -> None:
        self._make = cache(lambda: make_client(service))
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - botocore creates its classes at run time
        with self._lock:  # a session of botocore makes one client at a time
            client = self._make()
        return getattr(client, name)


def build_background_services(environment: Environment) -> BackgroundServices:
    """Build the services of background functions; each is created at first use."""
    settings, clock, wrap = environment.read_settings(), environment.clock, environment.wrap_delivery_dependency
    clients = (environment.make_outbound_clients or aws_outbound_clients)(environment, settings)
    api = environment.cached(build_api_services)
    dynamodb = environment.make_client("dynamodb")
    database = DynamoDBTable(dynamodb, settings.recordings_table, clients.sleep)
    store = ResourceTable(database)
    credentials_database = DynamoDBTable(dynamodb, settings.credentials_table, clients.sleep)
    credentials = CredentialsTable(credentials_database)
    s3 = _LazyClient(environment.make_client, "s3")

    @cache
    def dispatcher() -> CallbackDispatcher:
        return CallbackDispatcher(
            wrap(DeliveryTable(database)),
            wrap(credentials),
            RememberingDecryptor(wrap(clients.decryptor), clock),
            clients.webhook_client,
            CallbackLane(wrap(clients.callbacks), settings.callback_concurrency),
            CallbackLane(wrap(clients.callback_retries), settings.callback_retry_concurrency),
            clock,
            clients.sleep,
            clients.random_float,
            settings.callback_retry_hours,
            clients.monotonic_clock,
            partial(log_suspended_host, api.log),
            partial(log_unsigned_callback, api.log),
        )

    report_unroutable = partial(log_unroutable_command, api.log)
    commands = cache(
        lambda: CommandSender(store, clients.commands, clock, report_unroutable, environment.default_engine)
    )

    @cache
    def conversions() -> Conversions:
        return Conversions(clients.finishing, lambda: api.media)

    @cache
    def publisher() -> ChangePublisher:
        objects = make_media_store(environment, s3)
        return ChangePublisher(
            store, ParticipantTable(database), ListTable(database), objects, commands(), dispatcher(),
            clients.bus, settings.public_url, clock, conversions(),
        )  # fmt: skip

    checks = cache(lambda: RecordingChecks(PendingWorkIndex(database), clock, partial(log_unnoted_check, api.log)))

    @cache
    def engine_events() -> EngineEvents:
        built: EngineEvents = environment.wrap_engine_events(
            build_engine_events(database, api.recordings, api.media, clock)
        )
        return built

    def report_failure(error: Exception) -> None:
        api.log.background(operation="reconcile", outcome="failed", error=error)

    overdue_log = OverdueLog(api.log, METRICS_OF_RUN)

    @cache
    def engine_sessions() -> EngineSessions:
        return EngineSessions(
            PresenceTable(database),
            LiveIndex(database),
            lambda event, report: apply_end(engine_events(), event, report),
            lambda pending: send_pending_commands(commands(), pending),
            partial(log_loss, api.log),
            clock,
            environment.engine_clock,
            api.log.ended_pause,
        )

    @cache
    def engine_monitor() -> EngineMonitor:
        limits = EngineLimits(settings.engine_gone_after_minutes, settings.max_call_hours)
        return EngineMonitor(
            PresenceTable(database),
            EngineRegistryTable(credentials_database),
            engine_sessions(),
            environment.wrap_work_store(LiveIndex(database)),
            api.calls,
            api.conferences,
            limits,
            clock,
            report_failure,
            environment.engine_clock,
            overdue_log.report,
        )

    @cache
    def reconciler() -> Reconciler:
        return Reconciler(
            environment.wrap_work_store(PendingWorkIndex(database)), store, api.recordings, api.media, publisher(),
            commands(), dispatcher(), engine_monitor(), conversions(), clock, report_failure, overdue_log.report,
        )  # fmt: skip

    @cache
    def redrive() -> FailedBatchRedrive:
        from tapedeck.adapters.failed_batches import FailedBatchBucket  # noqa: PLC0415

        return FailedBatchRedrive(
            FailedBatchBucket(s3, settings.failed_batches_bucket),
            read_change,
            sort_by_conference_sequence,
            publisher(),
        )

    return BackgroundServices(
        log=environment.wrap_background_log(api.log),
        clock=clock,
        read_change=read_change,
        sort_by_conference_sequence=sort_by_conference_sequence,
        callback_renderers=CALLBACK_RENDERERS,
        make_publisher=publisher,
        make_checks=checks,
        make_engine_events=engine_events,
        make_callbacks=dispatcher,
        make_engine_sessions=engine_sessions,
        make_engine_monitor=engine_monitor,
        make_conversions=conversions,
        make_reconciler=reconciler,
        make_redrive=redrive,
        make_overdue_log=lambda: overdue_log,
        shards_at_once=SHARDS_AT_ONCE if environment.make_outbound_clients is None else 1,
    )


def get_background_services() -> BackgroundServices:
    """Return the services of background functions in the current environment."""
    return current_environment().cached(build_background_services)


background = BackgroundEndpoint(get_background_services)
background_admin_function = AdminEndpoint(get_background_services, {NotFound: "There is no such callback"})

if IN_LAMBDA:
    # Now, while Lambda grants full CPU; on a developer's machine at the first batch.
    pass
