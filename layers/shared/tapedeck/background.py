"""The composition root of the functions that no client calls: what changes, what is told, what is owed.

A module of its own, so that a request does not pay for it.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from tapedeck import wiring
from tapedeck.adapters.aws import make_client
from tapedeck.adapters.bus import EventBus
from tapedeck.adapters.changes import WorkTable, in_order, read_change
from tapedeck.adapters.claims import ClaimTable
from tapedeck.adapters.credentials import CredentialsTable
from tapedeck.adapters.dynamodb import Client, Database
from tapedeck.adapters.failures import FailureBucket
from tapedeck.adapters.kms import KmsOpener
from tapedeck.adapters.lists import ListTable
from tapedeck.adapters.media_store import Bucket
from tapedeck.adapters.participants import ParticipantTable
from tapedeck.adapters.queue import SqsQueue
from tapedeck.adapters.table import Table
from tapedeck.adapters.webhook import Webhook
from tapedeck.domain.errors import NotFound
from tapedeck.edge.batches import BatchEndpoint, Hub
from tapedeck.edge.publishing import Publisher
from tapedeck.edge.resending import Resending
from tapedeck.edge.sweeping import Sweep
from tapedeck.edge.task import TaskEndpoint
from tapedeck.edge.telling import WIRES
from tapedeck.operations.capture_events import CaptureEvents
from tapedeck.operations.deliveries import Deliveries
from tapedeck.operations.media_events import MediaEvents
from tapedeck.operations.messaging import Bus, Opener, Queue, Sender
from tapedeck.operations.ports import Clock
from tapedeck.settings import Settings

SOURCE: Final = "tapedeck"
"""Who tells facts, by its name on the bus."""

T = TypeVar("T")


def _as_it_is(store: Any) -> Any:  # noqa: ANN401 - whatever it is given
    return store


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where things are told, and how time passes meanwhile: `sleep` in seconds, `chance` from 0 to 1.

    `steady` is what measures how long attempts take, in milliseconds, where the hub's clock may be put forward.
    `watch` is what the log is reached through.
    """

    commands: Queue
    callbacks: Queue
    bus: Bus
    sender: Sender
    opener: Opener
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    steady: Clock | None = None
    watch: Callable[[Any], Any] = _as_it_is


def aws_outlets(settings: Settings) -> Outlets:
    """Those of a deployment; a client is made when something is first told through it."""
    return Outlets(
        commands=SqsQueue(_Lazy("sqs"), settings.commands_queue, time.sleep),
        callbacks=SqsQueue(_Lazy("sqs"), settings.callbacks_queue, time.sleep),
        bus=EventBus(_Lazy("events"), settings.event_bus, SOURCE, time.sleep),
        sender=Webhook(
            allowed_hosts=settings.callback_hosts, host_map=dict(settings.callback_host_map), clock=wiring.clock
        ),
        opener=KmsOpener(_Lazy("kms"), settings.signing_key),
    )


outlets: Callable[[Settings], Outlets] = aws_outlets
"""Whatever is made from now on tells through these."""


guard: Callable[[Any], Any] = _as_it_is
"""What stores and outlets of whoever sends callbacks are reached through: that takes long, and holds up nobody else."""


class _Lazy:
    """A client of an AWS service that is made when it is first used: not every function uses each."""

    def __init__(self, service: str) -> None:
        self._make = cache(lambda: make_client(service))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
        return getattr(self._make(), name)


def make_hub(settings: Settings, dynamodb: Client, told: Outlets) -> Hub:
    """Everything that such functions need, over this client and these outlets."""
    clock = wiring.clock
    service = wiring.service()
    database = Database(dynamodb, settings.recordings_table, told.sleep)
    store = Table(database)
    credentials = CredentialsTable(Database(dynamodb, settings.credentials_table, told.sleep))

    @cache
    def deliveries() -> Deliveries:
        return Deliveries(
            guard(ClaimTable(database)), guard(credentials), guard(told.opener), told.sender, guard(told.callbacks),
            clock, told.sleep, told.chance, settings.callback_hours, told.steady,
        )  # fmt: skip

    @cache
    def publisher() -> Publisher:
        objects = Bucket(_Lazy("s3"), settings.media_bucket)
        return Publisher(
            store, ParticipantTable(database), ListTable(database), objects, told.commands, deliveries(), told.bus,
            settings.public_url, clock,
        )  # fmt: skip

    @cache
    def media_events() -> MediaEvents:
        captures = CaptureEvents(store, service.recordings, service.media(), service.transcriptions, clock)
        return MediaEvents(store, service.calls, service.conferences, service.participants, captures, clock)

    @cache
    def sweep() -> Sweep:
        work = WorkTable(database)
        return Sweep(
            work, store, service.recordings, service.media(), publisher(), deliveries(), clock,
            lambda error: service.log.background(operation="sweep", outcome="failed", error=type(error).__name__),
        )  # fmt: skip

    @cache
    def resending() -> Resending:
        return Resending(FailureBucket(_Lazy("s3"), settings.failures_bucket), read_change, in_order, publisher())

    return Hub(
        log=told.watch(service.log),
        clock=clock,
        read_change=read_change,
        in_order=in_order,
        wires=WIRES,
        make_publisher=publisher,
        make_media_events=media_events,
        make_deliveries=deliveries,
        make_sweep=sweep,
        make_resending=resending,
    )


@cache
def hub() -> Hub:
    """What the environment describes, made once."""
    settings = Settings.read()
    return make_hub(settings, make_client("dynamodb"), outlets(settings))


batch = BatchEndpoint(hub)
task = TaskEndpoint(hub, {NotFound: "There is no such callback"})
