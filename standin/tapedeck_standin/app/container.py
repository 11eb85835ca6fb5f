"""Composition root of the stand-in: builds the application from the environment's settings."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.items import NO_ENGINE
from tapedeck.adapters.dynamodb.participants import ParticipantTable
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.engine_administration import get_engine_admin_services
from tapedeck.bootstrap.environment import current_environment, install
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.engine import MediaEngine
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.clock import Clock
from tapedeck.settings import STANDIN_ENGINE, Settings
from tapedeck_standin.app.confirming import ConfirmedUpdates
from tapedeck_standin.app.determinism import SeededRandom
from tapedeck_standin.app.dispatch import Dispatcher
from tapedeck_standin.app.engines import EngineApi, EngineMode, make_simulated_engine, register_engine
from tapedeck_standin.app.markup_notes import markup_notes
from tapedeck_standin.app.outbound_clients import make_outbound_clients
from tapedeck_standin.app.queues import MAX_ATTEMPTS, Queues
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.aws.account_queues import AccountQueueSource
from tapedeck_standin.aws.backend import DATABASE, Backend
from tapedeck_standin.aws.event_filter import Accepts, compile_filters
from tapedeck_standin.aws.event_sources import Handler, StreamSource
from tapedeck_standin.aws.function_loader import make_invoke
from tapedeck_standin.aws.open_work import AccountDeliveries, AccountPendingWork, OpenWork, account_of, narrowed
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.aws.table_stream import Changes
from tapedeck_standin.aws.template import Template
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.callbacks.fault_injection import AttemptFaultInjector, ReorderingDeliverer
from tapedeck_standin.calls.webhook_journal import WebhookJournal
from tapedeck_standin.clock import VirtualClock, working_for
from tapedeck_standin.control.api_keys import ApiKeyRoutes
from tapedeck_standin.control.applications import ApplicationRoutes
from tapedeck_standin.control.call_view import CallCourses
from tapedeck_standin.control.calls import CallRoutes
from tapedeck_standin.control.engines import EngineRoutes
from tapedeck_standin.control.events import EventRoutes
from tapedeck_standin.control.fixtures import FixtureLoader, Fixtures, FixtureSids
from tapedeck_standin.control.inspection import InspectionRoutes
from tapedeck_standin.control.listing import ListRoutes
from tapedeck_standin.control.phone_numbers import PhoneNumberRoutes
from tapedeck_standin.control.requests import AccountRegistry
from tapedeck_standin.control.router import ControlRouter
from tapedeck_standin.control.start_page import StartPage
from tapedeck_standin.control.telephony import TelephonyRoutes
from tapedeck_standin.control.unsettled import by_own_clocks
from tapedeck_standin.faults import Faults
from tapedeck_standin.gateway.api import Api
from tapedeck_standin.gateway.host_guard import HostGuard
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.gateway.outcomes import RequestOutcomes
from tapedeck_standin.gateway.proxy import ProxyRequests
from tapedeck_standin.gateway.request_log import ApiRequestLog, RouteSuggester
from tapedeck_standin.gateway.warning_log import WarningLog
from tapedeck_standin.http.addresses import LOOPBACK, url_host
from tapedeck_standin.scheduler.account_reconciler import AccountReconciler
from tapedeck_standin.scheduler.callback_workers import CallbackWorkers
from tapedeck_standin.scheduler.reconciliations import Reconciliations
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.scheduler.work_left import UnfinishedWork
from tapedeck_standin.telephony.account_events import AccountEvents
from tapedeck_standin.telephony.queue_access import FixedLender
from tapedeck_standin.telephony.simulator import Telephony
from tapedeck_standin.telephony.sqs_wire import SqsWire
from tapedeck_standin.telephony.upload_wire import UploadWire


@dataclass(frozen=True, slots=True)
class AppOptions:
    """Options of `build_application`.

    `clock`: the virtual clock; None for one that follows the system clock.
    `seeded_random`: source of reproducible ids and secrets; None for the system's randomness.
    `origin`: scheme and host that responses and callbacks contain; empty for this machine.
    `names`: further host names that the control API accepts.
    `fixtures`: resources to create at start-up; `fixture_sids` gets their sids.
    `from_anywhere`: accept control requests from other machines.
    `engine`: the media engine: the simulated one, an external one, or none.
    `public_token`: the token of the account if it is the default one; None: it is a secret.
    `ca_file`: the CA certificate, for commands that the start page shows.
    `api_hosts`: hosts that the API answers besides those of `HostGuard`; None: any, with any origin.
    `proxy_hosts`: names that lead clients of a proxy to the stand-in, besides those of the vendors.
    """

    clock: VirtualClock | None = None
    seeded_random: SeededRandom | None = None
    origin: str = ""
    names: frozenset[str] = frozenset()
    fixtures: Fixtures | None = None
    fixture_sids: FixtureSids = field(default_factory=FixtureSids)
    from_anywhere: bool = False
    engine: EngineMode = "simulated"
    public_token: str | None = None
    ca_file: Path | None = None
    api_hosts: frozenset[str] | None = None
    proxy_hosts: tuple[str, ...] = ()


def build_application(
    root: Path,
    template: Template,
    account: str,
    report: Callable[[str], object],
    *,
    port: int,
    backend: Backend,
    setting: AppOptions = AppOptions(),
) -> Dispatcher:
    """Build the gateway, the control API and the simulated media engine, all on one virtual clock.

    Args:
        root: the project's folder.
        template: the parsed `template.yaml` of that folder.
        account: default account of control requests, 32 hex digits.
        report: receives a log line for each request, for each warning, for each event that has no effect, and for each
            callback to a host that is not allowed.
        port: the port for HTTP.
        backend: the databases and stores.
        setting: further options.

    The functions of this process use its environment until another one is installed.

    Raises:
        InvalidFixtures: the fixtures contradict each other.
    """
    clock = setting.clock or VirtualClock(system_clock)
    queues = Queues.create(clock, template)
    engine_clock = _engine_clock(clock, setting.engine)
    standard_queues = MemoryEngineQueues(engine_clock, [STANDIN_ENGINE])
    faults, outcomes = Faults(clock), RequestOutcomes()
    request_log, warning_log, webhooks = ApiRequestLog(), WarningLog(report), WebhookJournal(clock)
    origin = setting.origin or f"http://{LOOPBACK}:{port}"
    callback_log = CallbackLog(AttemptFaultInjector(faults, clock), report)
    open_work = OpenWork()
    confirmed_updates = ConfirmedUpdates(standard_queues, clock, engine_clock, faults)
    os.environ["PUBLIC_URL"] = origin
    settings = Settings.read()
    database = DynamoDBTable(backend.dynamodb, settings.recordings_table, time.sleep)
    install(
        replace(
            current_environment(),
            clock=clock,
            presence_clock=engine_clock,
            make_confirmations=confirmed_updates.make,
            make_outbound_clients=partial(
                make_outbound_clients,
                standard_queues,
                queues.callbacks,
                queues.finishing,
                callback_log,
                webhooks,
                setting.seeded_random,
                clock,
                backend.keys,
            ),
            make_engine_queue_admin=lambda: standard_queues,
            # The simulated engine takes every call, also right after the clock was advanced by hours.
            default_engine=STANDIN_ENGINE if setting.engine == "simulated" else None,
            make_credentials_lender=lambda: FixedLender(origin, clock),
            wrap_delivery_dependency=lambda store: callback_log.observe_store(narrowed(store, database, open_work)),
            wrap_work_store=lambda store: narrowed(store, database, open_work),
            wrap_engine_events=lambda events: AccountEvents(events, clock),
            wrap_api_log=outcomes.observe_log,
        )
    )
    gateway = Gateway(template.routes, invoke := make_invoke(root), clock)
    account_data = AccountData(backend.dynamodb, backend.media, settings)
    register_engine()
    engine = (
        make_simulated_engine(
            standard_queues, backend.media, faults, clock, report, markup_notes(warning_log, webhooks), webhooks
        )
        if setting.engine == "simulated"
        else None
    )
    callback_source = ReorderingDeliverer(partial(invoke, "deliver_callback"), queues.callbacks, callback_log, faults)
    finishing = AccountQueueSource(queues.finishing, partial(invoke, "finish_recording"))
    unfinished = UnfinishedWork(
        engine, standard_queues, finishing, queues.callbacks, callback_source, callback_log, clock,
        AccountDeliveries(database, open_work), AccountPendingWork(database, open_work), open_work,
    )  # fmt: skip
    scheduler = Scheduler(
        _stream(
            open_work, database, backend.stream_of(settings.recordings_table), partial(invoke, "publish_changes"),
            compile_filters(template.stream_filter),
        ),
        open_work,
        engine,
        finishing,
        CallbackWorkers(queues.callbacks, callback_source, clock),
        callback_log,
        unfinished,
        Reconciliations(
            AccountReconciler(background_bootstrap.get_background_services), open_work, callback_log, clock
        ),
        clock,
        setting.seeded_random.in_background if setting.seeded_random is not None else nullcontext,
    )  # fmt: skip
    if engine is not None:
        confirmed_updates.run_engine_by(scheduler)
    api_services = api_bootstrap.get_api_services()
    # An external engine has numbers of its own.
    next_seq = engine.outbox.next_number if engine is not None else partial(next, itertools.count(1))
    engine_events = background_bootstrap.get_background_services().engine_events
    telephony = Telephony(api_services, engine_events, account_data, engine, next_seq, clock)
    registry = AccountRegistry(account_data, account)

    api_keys = ApiKeyRoutes(api_services.api_keys, registry)
    applications, phone_numbers = (
        ApplicationRoutes(api_services.applications, registry),
        PhoneNumberRoutes(api_services.phone_numbers, api_services.applications, registry),
    )

    def forget(account_id: str) -> None:
        # The default account has its number again after a reset.
        for act in (
            callback_log.forget, request_log.forget, warning_log.forget, webhooks.forget, faults.remove,
            phone_numbers.give_default,
        ):  # fmt: skip
            act(account_id)

    routed = frozenset(route.operation for route in template.routes if route.path is not None)
    resources, participants = ResourceTable(database), ParticipantTable(database)
    courses = CallCourses(engine.flows if engine is not None else None, api_services.calls.get)
    parts = [
        CallRoutes(
            telephony,
            engine.flows if engine is not None else None,
            engine.parties if engine is not None else None,
            webhooks,
            api_services.phone_numbers.instructions_of,
            api_services.applications.find,
            registry,
            scheduler.run_without_media,
            _list_engines,
        ).routes,
        TelephonyRoutes(
            telephony, api_bootstrap.get_admin_services().accounts, registry, scheduler, forget, courses
        ).routes,
        ListRoutes(
            registry,
            api_services.lists,
            api_services.calls.get,
            participants.list_participants,
            setting.fixture_sids.body,
            courses.describe,
        ).routes,
        InspectionRoutes(
            registry,
            request_log,
            callback_log,
            warning_log,
            _replay,
            faults,
            routed,
            by_own_clocks(partial(invoke, "list_unsettled"), lambda: open_work.accounts, clock),
        ).routes,
        EventRoutes(
            registry, EngineApi(clock).take_event, next_seq if setting.engine != "external" else None, clock
        ).routes,
        EngineRoutes(get_engine_admin_services().engines, standard_queues, registry).routes,
        api_keys.routes,
        applications.routes,
        phone_numbers.routes,
    ]
    control = ControlRouter(
        parts, frozenset(map(url_host, setting.names)), from_anywhere=setting.from_anywhere, default_account=account
    )
    api = Api(
        gateway,
        RouteSuggester(template.routes),
        faults,
        request_log,
        outcomes,
        warning_log,
        clock,
        account,
        account_data.exists,
        setting.origin,
    )
    if engine is not None:
        engine.step()  # its session must be older than everything that it has
    if setting.fixtures is not None:
        # No engine need be alive: what a file describes exists when the stand-in is ready.
        recordings = Recordings(resources, clock)
        loader = FixtureLoader(
            registry, api_bootstrap.get_admin_services().accounts.create, telephony, recordings, api_keys.create,
            applications.create, phone_numbers.create, scheduler.run, clock,
        )  # fmt: skip
        _create_fixtures(loader, setting.fixtures, setting.fixture_sids, report)
    phone_numbers.give_default(account)  # after the fixtures, one of which may be this number
    sqs = SqsWire(standard_queues, control.refusal_of)
    uploads = UploadWire(backend.media, clock)
    host_guard = HostGuard(setting.api_hosts, clock) if setting.api_hosts is not None else None
    return Dispatcher(
        api, ProxyRequests(setting.proxy_hosts), host_guard, control,
        StartPage(account, setting.public_token, control.routes, setting.ca_file),
        sqs, uploads, scheduler, confirmed_updates.notify, account, report,
    )  # fmt: skip


def _engine_clock(clock: VirtualClock, engine: EngineMode) -> Clock:
    """Return the clock of the presence and the queues of engines, which no account advances (C-319).

    An external engine has real time, also if the clock stands still (C-258).
    """
    if engine != "external":
        return clock.of_all
    return system_clock if clock.is_frozen else clock.monotonic


def _create_fixtures(
    loader: FixtureLoader, fixtures: Fixtures, fixture_sids: FixtureSids, report: Callable[[str], object]
) -> None:
    with working_for(None):
        made = loader.create(fixtures)
    for created in made:
        fixture_sids.add(created)
        sids = (dialect.format_sid(created.kind, created.id) for dialect in (TWILIO, SIGNALWIRE))
        report(" ".join([created.kind.name.lower(), *sids]))


def _stream(
    open_work: OpenWork, database: DynamoDBTable, changes: Changes, handler: Handler, is_delivered: Accepts
) -> StreamSource:
    """Return the table's stream, whose records say what is open; in a kept database, more may be open."""
    if os.environ.get(DATABASE):
        engines = get_engine_admin_services().engines.list()
        open_work.load(database, [NO_ENGINE, *(each.registered.engine.name for each in engines)])

    def take() -> list[Mapping[str, Any]]:
        return list(filter(is_delivered, open_work.note(changes.drain())))

    return StreamSource(take, handler, max_attempts=MAX_ATTEMPTS, on_failure=_report_failure, account_of=account_of)


def _replay(account: str, resource_id: str, delivery: str) -> None:
    background_bootstrap.get_background_services().callbacks.replay(account, resource_id, delivery)


def _list_engines() -> Iterable[MediaEngine]:
    return (each.registered.engine for each in get_engine_admin_services().engines.list())


def _report_failure(record: Mapping[str, Any]) -> None:
    keys = record["dynamodb"]["Keys"]
    click.echo(f"tapedeck: publishing a change of {keys} failed after {MAX_ATTEMPTS} attempts", err=True)
