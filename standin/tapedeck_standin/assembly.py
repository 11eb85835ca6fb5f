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

from tapedeck import background, wiring
from tapedeck.adapters.aws import make_client
from tapedeck.adapters.kms import KmsOpener
from tapedeck.adapters.media_store import Bucket
from tapedeck.adapters.webhook import Webhook
from tapedeck.dialects.choice import SIGNALWIRE, TWILIO
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.errors import NotFound
from tapedeck.settings import Settings
from tapedeck_standin.addresses import LOOPBACK, spelled
from tapedeck_standin.api import Api
from tapedeck_standin.application import Application
from tapedeck_standin.backend import changes_of, make_full_client
from tapedeck_standin.callback_journal import CallbackJournal
from tapedeck_standin.chance import Chance
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.control import Control
from tapedeck_standin.control_events import EventControl
from tapedeck_standin.control_requests import Books
from tapedeck_standin.control_telephony import TelephonyControl
from tapedeck_standin.control_watching import WatchControl
from tapedeck_standin.courier import Courier, Tampering
from tapedeck_standin.engine import Engine
from tapedeck_standin.event_sources import Handler, QueueSource, StreamSource
from tapedeck_standin.faults import MEDIA, Faults
from tapedeck_standin.fixtures import Fixtures, Studio
from tapedeck_standin.functions import load_handler
from tapedeck_standin.gateway import FunctionRunner, Gateway
from tapedeck_standin.intake import OPERATION, Intake
from tapedeck_standin.ledger import Ledger
from tapedeck_standin.pump import Pump
from tapedeck_standin.queues import MemoryBus, MemoryQueue
from tapedeck_standin.request_journal import Map, RequestJournal
from tapedeck_standin.telephony import Telephony
from tapedeck_standin.template import Template

MOST_TRIES: Final = 5
"""After which a message, or a change, is put aside."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How time passes, and what is there from the start.

    `clock` is the machine's unless it is given; where there is a `chance` nothing is left to another; `origin` is what
    bodies and callbacks say that the service is reached by, by default this machine; `names` are further names of it;
    with `from_anywhere` other machines may drive the control API.
    """

    clock: VirtualClock | None = None
    chance: Chance | None = None
    origin: str = ""
    names: frozenset[str] = frozenset()
    fixtures: Fixtures | None = None
    from_anywhere: bool = False


def assemble(
    root: Path,
    template: Template,
    account: str,
    report: Callable[[str], object],
    *,
    port: int,
    setting: Setting = Setting(),
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
        UnusableFixtures: they do not fit together.
    """
    clock = setting.clock or VirtualClock(wiring.system_clock)
    # Everything that tells the time is made anew, by this clock.
    wiring.clock = clock
    intake = Intake(load_handler(root, OPERATION), report)
    queues = Queues.made(clock, template, intake.bury)
    faults, asked = Faults(clock), RequestJournal()
    told = CallbackJournal(Tampering(faults, clock))
    background.outlets = partial(_outlets, queues, clock, told, intake, setting.chance)
    background.guard = told.guard
    forget_all()
    os.environ["PUBLIC_URL"] = setting.origin or f"http://{LOOPBACK}:{port}"
    gateway = Gateway(root / "template.yaml", FunctionRunner(root, template.operations), port)
    settings = Settings.read()
    ledger = Ledger(make_full_client("dynamodb"), make_full_client("s3"), settings)
    bucket = Bucket(make_full_client("s3"), settings.media_bucket)
    engine = Engine(queues.commands, queues.events, clock, bucket.write, _wish, partial(_absence, faults))
    pump = Pump(
        StreamSource(
            changes_of(settings.recordings_table).take, load_handler(root, "publish_changes"),
            most_tries=MOST_TRIES, on_failure=_tell_failure,
        ),
        # One at a time: what follows one that fails in its group has not been received.
        QueueSource(queues.events, _noticing(engine, intake), batch=1, gives_back=False),
        engine,
        queues.callbacks,
        Courier(load_handler(root, "deliver_callback"), queues.callbacks, told, faults),
        told,
        partial(load_handler(root, "sweep"), {}, None),
        clock,
        setting.chance.behind if setting.chance is not None else nullcontext,
    )  # fmt: skip
    telephony = Telephony(wiring.service(), ledger, engine, clock)
    books = Books(ledger, account)

    def forget(whose: str) -> None:
        told.forget(whose)
        asked.forget(whose)
        faults.remove(whose)

    routed = frozenset(route.operation for route in template.routes if route.path is not None)
    parts = [
        TelephonyControl(telephony, wiring.office().accounts, books, pump, forget).calls,
        WatchControl(books, asked, told, _replay, faults, routed).calls,
        EventControl(books, queues.events, clock).calls,
    ]
    control = Control(parts, frozenset(map(spelled, setting.names)), from_anywhere=setting.from_anywhere)
    api = Api(gateway, Map(template.routes), faults, asked, clock, account, ledger.knows, setting.origin)
    if setting.fixtures is not None:
        studio = Studio(books, telephony, wiring.service().recordings, pump.run, clock)
        for made in studio.make(setting.fixtures):
            report(
                f"{made.kind.name.lower()} {TWILIO.spell(made.kind, made.id)} {SIGNALWIRE.spell(made.kind, made.id)}"
            )
    return Application(api, control, pump, report)


@dataclass(frozen=True, slots=True)
class Queues:
    """The three queues of the template, in this process."""

    commands: MemoryQueue
    events: MemoryQueue
    callbacks: MemoryQueue

    @classmethod
    def made(cls, clock: VirtualClock, template: Template, bury: Callable[[str], object]) -> "Queues":
        """Each with its dead letters.

        Args:
            clock: milliseconds.
            template: says when what has failed comes again.
            bury: gets the body of each event that comes no more.
        """

        def make(name: str, visibility: int | None, on_death: Callable[[str], object] = lambda _: None) -> MemoryQueue:
            graves = MemoryQueue(
                clock, visibility_seconds=visibility, most_receives=MOST_TRIES, dead_letters=None, name=f"{name}-dead"
            )
            return MemoryQueue(
                clock, visibility_seconds=visibility, most_receives=MOST_TRIES, dead_letters=graves, name=name,
                on_death=on_death,
            )  # fmt: skip

        # A callback takes its receiver's time: the clock may be put forward meanwhile, and it is not told again for it.
        return cls(
            make("media-commands.fifo", template.visibility("MediaCommandsQueue")),
            make("media-events.fifo", template.visibility("MediaEventsQueue"), bury),
            make("callbacks.fifo", None),
        )


def forget_all() -> None:
    """Whatever the functions have made of the environment is made anew."""
    for made in (wiring.service, wiring.office, background.hub):
        made.cache_clear()


def detach() -> None:
    """Leave the functions as they are without a stand-in."""
    wiring.clock = wiring.system_clock
    background.outlets = background.aws_outlets
    background.guard = _as_it_is
    forget_all()


def _as_it_is(store: Any) -> Any:  # noqa: ANN401 - whatever it is given
    return store


def _outlets(
    queues: Queues,
    clock: VirtualClock,
    told: CallbackJournal,
    intake: Intake,
    chance: Chance | None,
    settings: Settings,
) -> background.Outlets:
    webhook = Webhook(allowed_hosts=settings.callback_hosts, host_map=dict(settings.callback_host_map), clock=clock)
    return background.Outlets(
        commands=queues.commands,
        callbacks=queues.callbacks,
        bus=MemoryBus(),
        sender=told.sender(webhook),
        opener=KmsOpener(make_client("kms"), settings.signing_key),
        sleep=clock.sleep,
        chance=(chance or random).random,
        steady=clock.steady,
        watch=intake.watch,
    )


def _replay(account: str, subject: str, claim: str) -> None:
    background.hub().deliveries.replay(account, subject, claim)


def _absence(faults: Faults, account: str) -> int | None:
    then = faults.take(account, MEDIA)
    return then.absent if then is not None else None


def _wish(account: str, conference: str) -> Mapping[str, Any] | None:
    """How a conference is to be recorded that is in progress and is not yet: as its first participant wished."""
    service = wiring.service()
    room = service.conferences.get(account, conference)
    if not room.record or room.active or room.status is not ConferenceStatus.IN_PROGRESS or room.first_call is None:
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
                engine.notice(told["account"], told["call"])
        return answer

    return handle


def _tell_failure(record: Mapping[str, Any]) -> None:
    click.echo(f"tapedeck: a change of {record['dynamodb']['Keys']} could not be told of", err=True)
