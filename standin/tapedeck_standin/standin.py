"""The stand-in: ports, backend, account, gateway and control API put together."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from tapedeck import wiring
from tapedeck.domain.errors import StateForbids
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_SIGNING_KEY, STANDIN_TOKEN, Settings
from tapedeck_standin import certificates
from tapedeck_standin.addresses import LOOPBACK, Addresses, names_of, reachable, spelled
from tapedeck_standin.application import Application
from tapedeck_standin.backend import changes_of, emulated, make_full_client
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.control import Control
from tapedeck_standin.engine import Engine
from tapedeck_standin.gateway import FunctionRunner, Gateway
from tapedeck_standin.ledger import Ledger
from tapedeck_standin.project import find_root
from tapedeck_standin.server import Server
from tapedeck_standin.telephony import Telephony
from tapedeck_standin.template import STACK, Template


@dataclass(frozen=True, slots=True)
class Options:
    """How to stand in: ports may be 0 for any that is free; `account` is 32 hex digits.

    `verbose` shows each function's own log line; `ca_file` is where the authority's certificate is put to stay.
    """

    port: int = 3000
    https_port: int = 3443
    host: str = LOOPBACK
    account: str = STANDIN_ACCOUNT
    token: str = STANDIN_TOKEN
    signing_key: str = STANDIN_SIGNING_KEY
    ca_file: Path | None = None
    verbose: bool = False


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
            application = assemble(root, template, options.account, report, port=http.port, names=names)
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
) -> Application:
    """Gateway, control API and media engine over what the environment describes, by a clock of their own.

    Args:
        root: the project's folder.
        template: the one in it.
        account: whose telephony it is where a control request names none: 32 hex digits.
        report: takes a line for each request.
        port: what events say that requests came to.
        names: further names of this machine.
    """
    lock = threading.Lock()
    clock = VirtualClock(wiring.system_clock)
    # Everything that tells the time is made anew, by this clock.
    wiring.clock = clock
    wiring.service.cache_clear()
    wiring.office.cache_clear()
    gateway = Gateway(root / "template.yaml", FunctionRunner(root, template.operations, lock), port)
    settings = Settings.read()
    ledger = Ledger(make_full_client("dynamodb"), make_full_client("s3"), settings)
    engine = Engine(wiring.service, changes_of(settings.recordings_table), clock, lock)
    telephony = Telephony(wiring.service(), ledger, engine)
    control = Control(
        telephony, wiring.office().accounts, ledger, account, lock, engine, clock, frozenset(map(spelled, names))
    )
    return Application(gateway, control, engine, lock, report)


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
