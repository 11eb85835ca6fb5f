"""Everything behind the ports, put together over what the environment describes."""

import json
import os
import random
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.kms import KmsDecryptor
from tapedeck.adapters.s3 import Bucket
from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.errors import NotFound
from tapedeck.settings import Settings
from tapedeck_standin.app.determinism import SeededRandom
from tapedeck_standin.app.dispatch import Application
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.aws.backend import make_full_client, stream_of
from tapedeck_standin.aws.event_sources import Handler, QueueSource, StreamSource
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.queues import MemoryBus, MemoryQueue
from tapedeck_standin.aws.template import Template
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.callbacks.fault_injection import AttemptFaultInjector, ReorderingDeliverer
from tapedeck_standin.control.events import EventRoutes
from tapedeck_standin.control.faults import MEDIA, Faults
from tapedeck_standin.control.fixtures import FixtureLoader, Fixtures
from tapedeck_standin.control.inspection import InspectionRoutes
from tapedeck_standin.control.requests import AccountRegistry
from tapedeck_standin.control.router import ControlRouter
from tapedeck_standin.control.telephony import TelephonyRoutes
from tapedeck_standin.gateway.api import Api
from tapedeck_standin.gateway.request_log import ApiRequestLog, RouteSuggester
from tapedeck_standin.gateway.sam import FunctionRunner, Gateway
from tapedeck_standin.http.addresses import LOOPBACK, url_host
from tapedeck_standin.scheduler.clock import VirtualClock
from tapedeck_standin.scheduler.event_ingestion import OPERATION, EventIngestor
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.telephony.engine import Engine
from tapedeck_standin.telephony.simulator import Telephony

MAX_TRIES: Final = 5
"""After which a message, or a change, is put aside."""


@dataclass(frozen=True, slots=True)
class AppOptions:
    """How time passes, and what is there from the start.

    `clock` is the machine's unless it is given; where there is a `seeded_random` nothing is left to another; `origin`
    is what bodies and callbacks say that the service is reached by, by default this machine; `names` are further names
    of it; with `from_anywhere` other machines may drive the control API.
    """

    clock: VirtualClock | None = None
    seeded_random: SeededRandom | None = None
    origin: str = ""
    names: frozenset[str] = frozenset()
    fixtures: Fixtures | None = None
    from_anywhere: bool = False


def build_application(
    root: Path,
    template: Template,
    account: str,
    report: Callable[[str], object],
    *,
    port: int,
    setting: AppOptions = AppOptions(),
) -> Application:
    """Gateway, control API and media engine over what the environment describes, by a clock of their own.

    Args:
        root: the project's folder.
        template: the one in it.
        account: whose telephony it is where a control request names none: 32 hex digits.
        report: takes a line for each request, and for each event that comes to nothing.
        port: what events say that requests came to.
        setting: what is otherwise than usual.

    Raises:
        InvalidFixtures: they do not fit together.
    """
    clock = setting.clock or VirtualClock(api_bootstrap.system_clock)
    # Everything that tells the time is made anew, by this clock.
    api_bootstrap.clock = clock
    intake = EventIngestor(load_handler(root, OPERATION), report)
    queues = Queues.made(clock, template, intake.on_dead_letter)
    faults, asked = Faults(clock), ApiRequestLog()
    told = CallbackLog(AttemptFaultInjector(faults, clock))
    background_bootstrap.outbound_clients_factory = partial(
        _outlets, queues, clock, told, intake, setting.seeded_random
    )
    background_bootstrap.wrap_delivery_dependency = told.observe_store
    clear_service_caches()
    os.environ["PUBLIC_URL"] = setting.origin or f"http://{LOOPBACK}:{port}"
    gateway = Gateway(root / "template.yaml", FunctionRunner(root, template.operations), port)
    settings = Settings.read()
    ledger = AccountData(make_full_client("dynamodb"), make_full_client("s3"), settings)
    bucket = Bucket(make_full_client("s3"), settings.media_bucket)
    engine = Engine(
        queues.commands,
        queues.events,
        clock,
        bucket.write,
        _recording_preference,
        partial(_missing_media_fault, faults),
    )
    pump = Scheduler(
        StreamSource(
            stream_of(settings.recordings_table).drain, load_handler(root, "publish_changes"),
            most_tries=MAX_TRIES, on_failure=_report_failure,
        ),
        # One at a time: what follows one that fails in its group has not been received.
        QueueSource(queues.events, _noticing(engine, intake), batch=1, gives_back=False),
        engine,
        queues.callbacks,
        ReorderingDeliverer(load_handler(root, "deliver_callback"), queues.callbacks, told, faults),
        told,
        partial(load_handler(root, "sweep"), {}, None),
        clock,
        setting.seeded_random.in_background if setting.seeded_random is not None else nullcontext,
    )  # fmt: skip
    telephony = Telephony(api_bootstrap.get_api_services(), ledger, engine, clock)
    books = AccountRegistry(ledger, account)

    def forget(whose: str) -> None:
        told.forget(whose)
        asked.forget(whose)
        faults.remove(whose)

    routed = frozenset(route.operation for route in template.routes if route.path is not None)
    parts = [
        TelephonyRoutes(telephony, api_bootstrap.get_admin_services().accounts, books, pump, forget).routes,
        InspectionRoutes(books, asked, told, _replay, faults, routed).routes,
        EventRoutes(books, queues.events, clock).routes,
    ]
    control = ControlRouter(parts, frozenset(map(url_host, setting.names)), from_anywhere=setting.from_anywhere)
    api = Api(gateway, RouteSuggester(template.routes), faults, asked, clock, account, ledger.knows, setting.origin)
    if setting.fixtures is not None:
        studio = FixtureLoader(books, telephony, api_bootstrap.get_api_services().recordings, pump.run, clock)
        for made in studio.make(setting.fixtures):
            sids = (dialect.format_sid(made.kind, made.id) for dialect in (TWILIO, SIGNALWIRE))
            report(" ".join([made.kind.name.lower(), *sids]))
    return Application(api, control, pump, report)


@dataclass(frozen=True, slots=True)
class Queues:
    """The three queues of the template, in this process."""

    commands: MemoryQueue
    events: MemoryQueue
    callbacks: MemoryQueue

    @classmethod
    def made(cls, clock: VirtualClock, template: Template, on_dead_letter: Callable[[str], object]) -> "Queues":
        """Each with its dead letters.

        Args:
            clock: milliseconds.
            template: says when what has failed comes again.
            on_dead_letter: gets the body of each event that comes no more.
        """

        def make(name: str, visibility: int | None, on_death: Callable[[str], object] = lambda _: None) -> MemoryQueue:
            graves = MemoryQueue(
                clock, visibility_seconds=visibility, most_receives=MAX_TRIES, dead_letters=None, name=f"{name}-dead"
            )
            return MemoryQueue(
                clock, visibility_seconds=visibility, most_receives=MAX_TRIES, dead_letters=graves, name=name,
                on_death=on_death,
            )  # fmt: skip

        # A callback takes its receiver's time: the clock may be put forward meanwhile, and it is not told again for it.
        return cls(
            make("media-commands.fifo", template.visibility("MediaCommandsQueue")),
            make("media-events.fifo", template.visibility("MediaEventsQueue"), on_dead_letter),
            make("callbacks.fifo", None),
        )


def clear_service_caches() -> None:
    """Whatever the functions have made of the environment is made anew."""
    for made in (
        api_bootstrap.get_api_services,
        api_bootstrap.get_admin_services,
        background_bootstrap.get_background_services,
    ):
        made.cache_clear()


def reset_function_globals() -> None:
    """Leave the functions as they are without a stand-in."""
    api_bootstrap.clock = api_bootstrap.system_clock
    background_bootstrap.outbound_clients_factory = background_bootstrap.aws_outbound_clients
    background_bootstrap.wrap_delivery_dependency = _identity
    clear_service_caches()


def _identity(store: Any) -> Any:  # noqa: ANN401 - whatever it is given
    return store


def _outlets(
    queues: Queues,
    clock: VirtualClock,
    told: CallbackLog,
    intake: EventIngestor,
    seeded_random: SeededRandom | None,
    settings: Settings,
) -> background_bootstrap.OutboundClients:
    webhook = SafeWebhookClient(
        allowed_hosts=settings.callback_allowed_hosts, host_map=dict(settings.callback_host_map), clock=clock
    )
    return background_bootstrap.OutboundClients(
        commands=queues.commands,
        callbacks=queues.callbacks,
        bus=MemoryBus(),
        webhook_client=told.sender(webhook),
        decryptor=KmsDecryptor(make_client("kms"), settings.signing_kms_key_id),
        sleep=clock.sleep,
        random_float=(seeded_random or random).random,
        monotonic_clock=clock.monotonic,
        wrap_log=intake.observe_log,
    )


def _replay(account: str, resource_id: str, delivery: str) -> None:
    background_bootstrap.get_background_services().callbacks.replay(account, resource_id, delivery)


def _missing_media_fault(faults: Faults, account: str) -> int | None:
    then = faults.take(account, MEDIA)
    return then.absent if then is not None else None


def _recording_preference(account: str, conference: str) -> Mapping[str, Any] | None:
    """How a conference is to be recorded that is in progress and is not yet: as its first participant wished."""
    service = api_bootstrap.get_api_services()
    room = service.conferences.get(account, conference)
    if (
        not room.record
        or room.active_recordings
        or room.status is not ConferenceStatus.IN_PROGRESS
        or room.first_call is None
    ):
        return None
    with suppress(NotFound):
        return service.participants.get(account, conference, room.first_call).options
    return {}


def _noticing(engine: Engine, handler: Handler) -> Handler:
    """Tell the engine whom it has connected, once that is known."""

    def handle(event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        answer = handler(event, context)
        for record in event["Records"]:
            told = json.loads(record["body"])
            if told["type"] == "call.answered":
                engine.on_call_answered(told["account"], told["call"])
        return answer

    return handle


def _report_failure(record: Mapping[str, Any]) -> None:
    click.echo(f"tapedeck: a change of {record['dynamodb']['Keys']} could not be told of", err=True)
