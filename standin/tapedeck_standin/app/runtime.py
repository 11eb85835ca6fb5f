"""Start and stop the stand-in: ports, AWS emulation, account and application."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tapedeck.adapters.clock import system_clock
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment, installed
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.domain.errors import InvalidState
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_SIGNING_KEY, STANDIN_TOKEN
from tapedeck_standin.app.container import AppOptions, build_application
from tapedeck_standin.app.determinism import START, OrderedIds, SeededRandom
from tapedeck_standin.app.engines import EngineMode
from tapedeck_standin.app.paths import find_root
from tapedeck_standin.aws.backend import (
    DATABASE,
    INVALID_DATABASE,
    LOOPBACK_HOSTS,
    RETRY_HOURS,
    VENDOR,
    InvalidSetting,
    emulated_aws,
)
from tapedeck_standin.aws.template import STACK, Template
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.control.fixtures import Fixtures
from tapedeck_standin.http import certificates
from tapedeck_standin.http.addresses import LOOPBACK, Addresses, client_host, host_names, is_http_url, is_loopback
from tapedeck_standin.http.server import Server


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a stand-in.

    `port`, `https_port`: 0 selects any free port.
    `account`: the account's id, 32 hex digits.
    `ca_file`: where to write the CA certificate; None for a temporary file.
    `verbose`: show the log lines of the functions.
    `fixtures`: resources to create at start-up.
    `seed`: make ids and times reproducible; the clock is then frozen.
    `external_url`: scheme and host that responses and callbacks contain.
    `callback_host_map`: hosts to connect to instead, `host=other,host=other`.
    `callback_allowed_hosts`: hosts without a public address that callbacks are delivered to, comma-separated.
    `deliveries`: the vendor's retry policy, or durable retries for days.
    `control_from_anywhere`: accept control requests from other machines; ignored if `host` is a loopback address.
    `engine`: the media engine: the simulated one, an external one, or none.
    `confirm`: which updates of recordings wait until the media engine has confirmed them.
    `allow_hosts`: further names by which clients reach the API; `*` for all.
    `clock`: whether the clock runs; a frozen one moves only when it is advanced.
    `proxy_hosts`: further names that lead clients of a proxy to the API.
    """

    port: int = 3000
    https_port: int = 3443
    host: str = LOOPBACK
    account: str = STANDIN_ACCOUNT
    token: str = field(default=STANDIN_TOKEN, repr=False)
    signing_key: str = field(default=STANDIN_SIGNING_KEY, repr=False)
    ca_file: Path | None = None
    verbose: bool = False
    fixtures: Fixtures | None = None
    seed: int | None = None
    external_url: str = ""
    callback_host_map: str = ""
    callback_allowed_hosts: str = ""
    deliveries: Literal["vendor", "durable"] = VENDOR
    control_from_anywhere: bool = False
    engine: EngineMode = "simulated"
    confirm: ConfirmUpdates = ConfirmUpdates.PAUSE
    allow_hosts: tuple[str, ...] = ()
    clock: Literal["running", "frozen"] = "running"
    proxy_hosts: tuple[str, ...] = ()

    @property
    def api_hosts(self) -> frozenset[str] | None:
        """Known hosts of the API besides those of `HostGuard`; None for any, because the token is a secret."""
        if self.public_token is None:
            return None
        external = urlsplit(self.external_url).hostname
        return frozenset(
            {*host_names(self.host), *self.allow_hosts, *self.proxy_hosts, *([external] if external else ())}
        )

    @property
    def public_token(self) -> str | None:
        """The token if everyone knows it, because it is the default one; None: it is a secret."""
        return self.token if self.token == STANDIN_TOKEN else None

    @property
    def is_control_open(self) -> bool:
        """Whether other machines may use the control API: needs the option and a non-loopback host."""
        return self.control_from_anywhere and not is_loopback(self.host)


class TokenDiffers(Exception):
    """The account already exists in the database, with another token."""


@contextmanager
def running(options: Options, report: Callable[[str], object]) -> Iterator[Addresses]:
    """Run a stand-in while the context is open; yield its addresses once it is ready.

    Args:
        options: the configuration.
        report: receives one log line for each request.

    Raises:
        OSError: a port is in use (`filename` is `host:port`), or the certificate cannot be written.
        TokenDiffers: the external database has the account with another token.
        InvalidSetting: an environment variable has an invalid value.
        DatabaseUnavailable: the external database does not respond.
    """
    database = os.environ.get(DATABASE)
    if database and not is_http_url(database):
        raise InvalidSetting(INVALID_DATABASE)
    root = find_root()
    template = Template.load(root / "template.yaml")
    seeded_random = SeededRandom(options.seed) if options.seed is not None else None
    is_frozen = seeded_random is not None or options.clock == "frozen"
    start = system_clock() if seeded_random is None else START
    real = (lambda: start) if is_frozen else system_clock
    lag = options.fixtures.seconds if options.fixtures is not None else 0
    clock = VirtualClock(real, lag, is_frozen=is_frozen)
    settings = {
        "CALLBACK_RETRY_HOURS": RETRY_HOURS[options.deliveries],
        "CONFIRM_UPDATES": options.confirm,
        "CALLBACK_HOST_MAP": options.callback_host_map,
        "CALLBACK_ALLOWED_HOSTS": f"{LOOPBACK_HOSTS},{options.callback_allowed_hosts}",
    }
    # Bind the ports first: a busy port fails at once, and early clients wait in the backlog.
    with _listening(options.host, options.port) as http, _listening(options.host, options.https_port) as https:
        names = host_names(options.host)
        setting = AppOptions(
            clock, seeded_random, options.external_url, names, options.fixtures, from_anywhere=options.is_control_open,
            engine=options.engine, api_hosts=options.api_hosts, public_token=options.public_token,
            proxy_hosts=options.proxy_hosts,
        )  # fmt: skip
        with ExitStack() as stack:
            if is_frozen:
                stack.enter_context((seeded_random or OrderedIds()).installed())
            # --8<-- [start:install]
            backend = stack.enter_context(emulated_aws(template, settings, clock.of_all))
            identity = stack.enter_context(certificates.issue(*names, *options.proxy_hosts, ca_file=options.ca_file))
            stack.enter_context(installed(replace(current_environment(), clock=clock)))
            _build_services(verbose=options.verbose)
            # --8<-- [end:install]
            _create_account(options)
            setting = replace(setting, ca_file=identity.ca_file)
            application = build_application(
                root, template, options.account, report, port=http.port, backend=backend, setting=setting
            )
            application.start()
            try:
                http.start(application.answer, tunnel=identity.tls, arrive=application.arrive)
                https.start(application.answer, identity.tls, arrive=application.arrive)
                host = client_host(options.host)
                sids = setting.fixture_sids.body() if options.fixtures is not None else None
                yield Addresses(f"http://{host}:{http.port}", f"https://{host}:{https.port}", identity.ca_file, sids)
            finally:
                application.stop()


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


def _build_services(*, verbose: bool) -> None:
    # Keep standard output for the banner: programs stop reading it after TAPEDECK_READY.
    with redirect_stdout(sys.stderr):
        api_bootstrap.get_api_services()
        api_bootstrap.get_admin_services()
    if not verbose:
        logging.getLogger(STACK).setLevel(logging.ERROR)


def _create_account(options: Options) -> None:
    try:
        api_bootstrap.get_admin_services().accounts.create(
            account=options.account, auth_token=options.token, signing_key=options.signing_key
        )
    except InvalidState as error:
        raise TokenDiffers from error
