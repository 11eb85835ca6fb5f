"""The stand-in: ports, backend, account, gateway and control API put together."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
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
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.errors import NotFound, StateForbids
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_SIGNING_KEY, STANDIN_TOKEN, Settings
from tapedeck_standin import certificates
from tapedeck_standin.addresses import LOOPBACK, Addresses, is_loopback, names_of, reachable, spelled
from tapedeck_standin.application import Application
from tapedeck_standin.backend import changes_of, emulated, make_full_client
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.control import Control
from tapedeck_standin.engine import Engine
from tapedeck_standin.event_sources import Handler, QueueSource, StreamSource
from tapedeck_standin.functions import load_handler
from tapedeck_standin.gateway import FunctionRunner, Gateway
from tapedeck_standin.ledger import Ledger
from tapedeck_standin.project import find_root
from tapedeck_standin.pump import Pump
from tapedeck_standin.queues import MemoryBus, MemoryQueue
from tapedeck_standin.server import Server
from tapedeck_standin.telephony import Telephony
from tapedeck_standin.template import STACK, Template


@dataclass(frozen=True, slots=True)
class Options:
    """How to stand in: ports may be 0 for any that is free; `account` is 32 hex digits.

    `verbose` shows each function's own log line; `ca_file` is where the authority's certificate is put to stay.
    `control_from_anywhere` counts only where `host` is no loopback address.
    """

    port: int = 3000
    https_port: int = 3443
    host: str = LOOPBACK
    account: str = STANDIN_ACCOUNT
    token: str = STANDIN_TOKEN
    signing_key: str = STANDIN_SIGNING_KEY
    ca_file: Path | None = None
    verbose: bool = False
    control_from_anywhere: bool = False

    @property
    def is_control_open(self) -> bool:
        """Whether other machines may drive the control API: both must have been asked for."""
        return self.control_from_anywhere and not is_loopback(self.host)


VISIBILITY: Final = 90
"""Seconds after which a message that was not done with comes again."""

MOST_TRIES: Final = 5
"""After which a message, or a change, is put aside."""


class TokenDiffers(Exception):
    """The database holds the account already, with another token."""


@contextmanager
def standing(options: Options, report: Callable[[str], object]) -> Iterator[Addresses]:
    """A stand-in that answers until the block is left.

    Args:
        options: how.
        report: takes a line for each request.

    Raises:
        OSError: a port is in use, or the certificate cannot be written; `filename` or the port is in the message.
        TokenDiffers: another database holds the account with another token.
        botocore.exceptions.BotoCoreError: another database does not answer.
    """
    root = find_root()
    template = Template.load(root / "template.yaml")
    # The ports come first: a busy one is told at once, and clients that come early wait.
    with _listening(options.host, options.port) as http, _listening(options.host, options.https_port) as https:
        names = names_of(options.host)
        with emulated(template), certificates.issue(*names, ca_file=options.ca_file) as identity:
            _wire(verbose=options.verbose)
            application = assemble(
                root, template, options.account, report, port=http.port, names=names,
                control_from_anywhere=options.is_control_open,
            )  # fmt: skip
            _make_account(options)
            application.start()
            try:
                http.start(application.answer)
                https.start(application.answer, identity.tls)
                host = reachable(options.host)
                yield Addresses(f"http://{host}:{http.port}", f"https://{host}:{https.port}", identity.ca_file)
            finally:
                application.stop()


def assemble(
    root: Path,
    template: Template,
    account: str,
    report: Callable[[str], object],
    *,
    port: int,
    names: frozenset[str] = frozenset(),
    origin: str = "",
    control_from_anywhere: bool = False,
) -> Application:
    """Gateway, control API and media engine over what the environment describes, by a clock of their own.

    Args:
        root: the project's folder.
        template: the one in it.
        account: whose telephony it is where a control request names none: 32 hex digits.
        report: takes a line for each request.
        port: what events say that requests came to.
        names: further names of this machine.
        origin: what bodies and callbacks say that the service is reached by; by default, this machine.
        control_from_anywhere: whether other machines may drive the control API.
    """
    clock = VirtualClock(wiring.system_clock)
    # Everything that tells the time is made anew, by this clock.
    wiring.clock = clock
    queues = Queues.made(clock)
    background.outlets = partial(_outlets, queues, clock)
    forget_all()
    os.environ["PUBLIC_URL"] = origin or f"http://{LOOPBACK}:{port}"
    gateway = Gateway(root / "template.yaml", FunctionRunner(root, template.operations), port)
    settings = Settings.read()
    ledger = Ledger(make_full_client("dynamodb"), make_full_client("s3"), settings)
    bucket = Bucket(make_full_client("s3"), settings.media_bucket)
    engine = Engine(queues.commands, queues.events, clock, bucket.write, _wish, lambda _account: None)
    pump = Pump(
        StreamSource(
            changes_of(settings.recordings_table).take, load_handler(root, "publish_changes"),
            most_tries=MOST_TRIES, on_failure=_tell_failure,
        ),
        QueueSource(queues.events, _noticing(engine, load_handler(root, "ingest_media_event"))),
        engine,
        queues.callbacks,
        load_handler(root, "deliver_callback"),
        partial(load_handler(root, "sweep"), {}, None),
        clock,
    )  # fmt: skip
    telephony = Telephony(wiring.service(), ledger, engine, clock)
    control = Control(
        telephony, wiring.office().accounts, ledger, account, pump, engine, clock, frozenset(map(spelled, names)),
        from_anywhere=control_from_anywhere,
    )  # fmt: skip
    return Application(gateway, control, pump, report)


@dataclass(frozen=True, slots=True)
class Queues:
    """The three queues of the template, in this process."""

    commands: MemoryQueue
    events: MemoryQueue
    callbacks: MemoryQueue

    @classmethod
    def made(cls, clock: VirtualClock) -> "Queues":
        """Each with its dead letters."""

        def make(name: str) -> MemoryQueue:
            graves = MemoryQueue(
                clock, visibility_seconds=VISIBILITY, most_receives=MOST_TRIES, dead_letters=None, name=f"{name}-dead"
            )
            return MemoryQueue(
                clock, visibility_seconds=VISIBILITY, most_receives=MOST_TRIES, dead_letters=graves, name=name
            )

        return cls(make("media-commands.fifo"), make("media-events.fifo"), make("callbacks.fifo"))


def forget_all() -> None:
    """Whatever the functions have made of the environment is made anew."""
    for made in (wiring.service, wiring.office, background.hub):
        made.cache_clear()


def detach() -> None:
    """Leave the functions as they are without a stand-in."""
    wiring.clock = wiring.system_clock
    background.outlets = background.aws_outlets
    forget_all()


def _outlets(queues: Queues, clock: VirtualClock, settings: Settings) -> background.Outlets:
    return background.Outlets(
        commands=queues.commands,
        callbacks=queues.callbacks,
        bus=MemoryBus(),
        sender=Webhook(allowed_hosts=settings.callback_hosts, host_map=dict(settings.callback_host_map), clock=clock),
        opener=KmsOpener(make_client("kms"), settings.signing_key),
        sleep=clock.sleep,
    )


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


@contextmanager
def _listening(host: str, port: int) -> Iterator[Server]:
    try:
        server = Server(host, port)
    except OSError as error:
        error.filename = f"{host}:{port}"
        raise
    try:
        yield server
    finally:
        server.stop()


def _wire(*, verbose: bool) -> None:
    # Standard output belongs to the start's own lines: programs read it no further than TAPEDECK_READY.
    with redirect_stdout(sys.stderr):
        wiring.service()
        wiring.office()
    if not verbose:
        logging.getLogger(STACK).setLevel(logging.ERROR)


def _make_account(options: Options) -> None:
    try:
        wiring.office().accounts.create(
            account=options.account, auth_token=options.token, signing_key=options.signing_key
        )
    except StateForbids as error:
        raise TokenDiffers from error
