"""The `tapedeck` command line: `serve`, `wait`, `unsettled` and `check-engine`."""

import errno
import gc
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, Literal, NoReturn

import click
from click.core import ParameterSource

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.unsettled import UnsettledKind
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_SIGNING_KEY, STANDIN_TOKEN
from tapedeck_standin.app.option_types import (
    AccountSid,
    AllowedHost,
    HostList,
    HostMap,
    HostName,
    HttpUrl,
    Origin,
    Secret,
)
from tapedeck_standin.app.readiness import is_ready, wait_until_ready
from tapedeck_standin.app.unsettled import NotListed, fetch_unsettled, format_entries
from tapedeck_standin.conformance.command import check_engine
from tapedeck_standin.http.addresses import LOOPBACK

DISTRIBUTION = "tapedeck-api"
CHOOSE_PORTS: Final = "Choose other ports with --port and --https-port, or with the variables PORT and HTTPS_PORT."

_SIGNAL_SECONDS: Final = 0.5
"""Interval at which a signal is noticed that did not interrupt the main thread."""

_USAGE_ERROR: Final = 2
"""Exit code for invalid options and variables, as click has it."""

_STDIN: Final = 0
_READ_AT_ONCE: Final = 65_536


def version() -> str:
    """Return the version of the installed distribution; a source checkout has none."""
    from importlib import metadata  # noqa: PLC0415 - a start does not need it

    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown (source checkout)"


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        click.echo(f"tapedeck, version {version()}")
        ctx.exit()


@click.group()
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Run a local stand-in for the recordings and conferences APIs of Twilio and SignalWire."""


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=3000, envvar="PORT", show_default=True, show_envvar=True,
    help="Port for HTTP. 0, here and for --https-port, selects any free port.",
)  # fmt: skip
@click.option(
    "--https-port", type=click.IntRange(0, 65535), default=3443, envvar="HTTPS_PORT", show_default=True,
    show_envvar=True, help="Port for HTTPS.",
)  # fmt: skip
@click.option(
    "--host", default=LOOPBACK, envvar="TAPEDECK_HOST", show_default=True, show_envvar=True,
    help="Address to listen on. The control API accepts only local requests unless --control-from-anywhere is set.",
)  # fmt: skip
@click.option(
    "--control-from-anywhere", is_flag=True, envvar="TAPEDECK_CONTROL_FROM_ANYWHERE", show_envvar=True,
    help="Accept control API requests from other machines if --host is not loopback. Needed in a container.",
)  # fmt: skip
@click.option(
    "--account", type=AccountSid(), default=STANDIN_ACCOUNT, envvar="TAPEDECK_ACCOUNT", show_envvar=True,
    help="Sid of the account, in Twilio's or SignalWire's format.",
)  # fmt: skip
@click.option(
    "--token", type=Secret(), default=STANDIN_TOKEN, envvar="TAPEDECK_TOKEN", show_default=True, show_envvar=True,
    help="Auth token of the account.",
)  # fmt: skip
@click.option(
    "--signing-key", type=Secret(), default=STANDIN_SIGNING_KEY, envvar="TAPEDECK_SIGNING_KEY", show_default=True,
    show_envvar=True, help="Key that signs callbacks in SignalWire's dialect.",
)  # fmt: skip
@click.option(
    "--ca-file", type=click.Path(dir_okay=False, path_type=Path), envvar="TAPEDECK_CA_FILE", show_envvar=True,
    help="File to write the CA certificate to, for clients to trust. Default: in a temporary folder.",
)  # fmt: skip
@click.option(
    "--fixtures", type=click.Path(dir_okay=False, exists=True, path_type=Path), envvar="TAPEDECK_FIXTURES",
    show_envvar=True, help="YAML file of calls, conferences, recordings and API keys to create at start-up.",
)  # fmt: skip
@click.option(
    "--seed", type=int, envvar="TAPEDECK_SEED", show_envvar=True,
    help="Make ids and times reproducible. The clock is frozen; --clock running is refused.",
)  # fmt: skip
@click.option(
    "--clock", type=click.Choice(["running", "frozen"]), default="running", envvar="TAPEDECK_CLOCK", show_default=True,
    show_envvar=True, help="A running clock, or one that is frozen: an account's time moves only when it is advanced.",
)  # fmt: skip
@click.option(
    "--external-url", type=Origin(), default="", envvar="TAPEDECK_EXTERNAL_URL", show_envvar=True,
    help="Scheme and host to use in responses and callbacks instead of the local address.",
)  # fmt: skip
@click.option(
    "--callback-host-map", type=HostMap(), default="", envvar="TAPEDECK_CALLBACK_HOST_MAP", show_envvar=True,
    help="Deliver callbacks for a host to another host, such as localhost=host.docker.internal. Comma-separated.",
)  # fmt: skip
@click.option(
    "--callback-allowed-hosts", type=HostList(), default="", envvar="TAPEDECK_CALLBACK_ALLOWED_HOSTS",
    show_envvar=True, help="Deliver callbacks to these hosts although their addresses are private, such as "
    "application,10.1.2.3. Comma-separated. localhost, 127.0.0.1 and ::1 are always allowed.",
)  # fmt: skip
@click.option(
    "--deliveries", type=click.Choice(["vendor", "durable"]), default="vendor", envvar="TAPEDECK_DELIVERIES",
    show_default=True, show_envvar=True, help="Callback retries: as by the vendors, or for three days (durable).",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["simulated", "external", "none"]), default="simulated", envvar="TAPEDECK_ENGINE",
    show_default=True, show_envvar=True, help="Media engine: the simulated one, your own (external), or none at all.",
)  # fmt: skip
@click.option(
    "--confirm", type=click.Choice(["none", "pause", "pause+stop"]), default="pause", envvar="TAPEDECK_CONFIRM",
    show_default=True, show_envvar=True,
    help="Updates of recordings that are answered only once the media engine has confirmed them.",
)  # fmt: skip
@click.option(
    "--allow-host", "allow_hosts", type=AllowedHost(), multiple=True, envvar="TAPEDECK_ALLOW_HOST", show_envvar=True,
    help="Host that clients use to reach the API, if the default token is in use; * allows all. Repeatable; the "
    "variable separates hosts by spaces.",
)  # fmt: skip
@click.option(
    "--proxy-host", "proxy_hosts", type=HostName(), multiple=True, envvar="TAPEDECK_PROXY_HOST", show_envvar=True,
    help="Host that clients reach through the stand-in as their proxy (HTTPS_PROXY), besides api.twilio.com with its "
    "regions and the spaces of SignalWire. Repeatable; the variable separates hosts by spaces.",
)  # fmt: skip
@click.option(
    "--end-with-stdin", is_flag=True,
    help="Stop also when standard input ends, as it does when the program that started this one ends.",
)  # fmt: skip
@click.option("--verbose", is_flag=True, help="Also show the log lines of the Lambda functions.")
def serve(
    port: int,
    https_port: int,
    host: str,
    account: str,
    token: str,
    signing_key: str,
    ca_file: Path | None,
    fixtures: Path | None,
    seed: int | None,
    clock: Literal["running", "frozen"],
    external_url: str,
    callback_host_map: str,
    callback_allowed_hosts: str,
    deliveries: Literal["vendor", "durable"],
    engine: Literal["simulated", "external", "none"],
    confirm: Literal["none", "pause", "pause+stop"],
    allow_hosts: tuple[str, ...],
    proxy_hosts: tuple[str, ...],
    *,
    control_from_anywhere: bool,
    end_with_stdin: bool,
    verbose: bool,
) -> None:
    """Serve the vendors' APIs until Ctrl-C or SIGTERM."""
    if seed is not None and engine == "external":
        raise click.UsageError(
            "--seed needs --engine simulated or none: an external engine follows real time, so nothing is reproducible"
        )
    if seed is not None and clock == "running" and _is_given("clock"):
        raise click.UsageError(
            "--seed needs a frozen clock, because times that pass are not reproducible: leave out --clock running"
        )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_on_signal)
    if end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    gc.disable()  # until everything is imported, which is no garbage
    # Set the environment before any module reads it; heavy modules are imported only here.
    from tapedeck_standin.aws.backend import DatabaseUnavailable, InvalidSetting, isolate_aws_environment  # noqa: PLC0415

    isolate_aws_environment()
    from tapedeck.domain.account import ConfirmUpdates  # noqa: PLC0415
    from tapedeck_standin.app.banner import print_banner  # noqa: PLC0415
    from tapedeck_standin.app.runtime import Options, TokenDiffers, running  # noqa: PLC0415
    from tapedeck_standin.control.fixtures import Fixtures, InvalidFixtures  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    try:
        options = Options(
            port, https_port, host, account, token, signing_key, ca_file, verbose,
            Fixtures.load(fixtures) if fixtures is not None else None,
            seed, external_url, callback_host_map, callback_allowed_hosts, deliveries, control_from_anywhere,
            engine, ConfirmUpdates(confirm), allow_hosts, clock, proxy_hosts,
        )  # fmt: skip
        with running(options, _report) as addresses:
            click.echo(print_banner(options, addresses))
            if not is_ready(addresses.url):
                _fail(f"the stand-in does not respond at {addresses.url}")
            click.echo(addresses.ready_line)
            sys.stdout.flush()
            _wait_for_signal()
    except OSError as error:
        _fail(f"{error.filename} is in use. {CHOOSE_PORTS}" if error.errno == errno.EADDRINUSE else str(error))
    except InvalidSetting as error:
        _fail(str(error), _USAGE_ERROR)
    except (DatabaseUnavailable, InvalidFixtures) as error:
        _fail(str(error))
    except TokenDiffers:
        _fail(f"the database at {os.environ.get('AWS_ENDPOINT_URL_DYNAMODB')} has this account with another token")


def _is_given(name: str) -> bool:
    """Whether an option of the current command was given, by the command line or by its variable."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


_URL: Final = click.option(
    "--url", type=HttpUrl(), help="URL of the stand-in. Default: this machine, port PORT or 3000."
)
_CA_FILE: Final = click.option(
    "--ca-file", type=click.Path(dir_okay=False, path_type=Path), envvar="TAPEDECK_CA_FILE", show_envvar=True,
    help="CA certificate to trust for an https URL, as written by `serve --ca-file`.",
)  # fmt: skip


def _default_url() -> str:
    return f"http://{LOOPBACK}:{os.environ.get('PORT', '3000')}"


@main.command()
@click.option("--timeout", type=click.FloatRange(min=0), default=60, show_default=True, help="Seconds to wait.")
@_URL
@_CA_FILE
def wait(timeout: float, url: str | None, ca_file: Path | None) -> None:
    """Wait until a stand-in is ready; exit with code 1 on timeout."""
    url = url or _default_url()
    if not wait_until_ready(url, timeout, ca_file):
        _fail(f"no response from {url} after {timeout:g} s")


@main.command()
@click.option("--account", type=AccountSid(), help="Sid of one account, in either format. Default: all accounts.")
@click.option(
    "--what",
    type=click.Choice([str(kind) for kind in UnsettledKind]),
    metavar="KIND",
    help="List only one kind, such as command_not_confirmed.",
)
@click.option("--overdue", is_flag=True, help="List only what is overdue.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each entry, in one line.")
@_URL
@_CA_FILE
def unsettled(
    account: str | None, what: str | None, url: str | None, ca_file: Path | None, *, overdue: bool, as_json: bool
) -> None:
    """List what is unconfirmed, overdue or parked in a running stand-in."""
    sid = TWILIO.format_sid(ResourceType.ACCOUNT, account) if account is not None else None
    given = {"account": sid, "what": what, "overdue": "true" if overdue else None}
    try:
        query = {name: value for name, value in given.items() if value is not None}
        entries = fetch_unsettled(url or _default_url(), query, ca_file)
    except NotListed as error:
        _fail(str(error))
    for line in map(json.dumps, entries) if as_json else format_entries(entries):
        click.echo(line)


main.add_command(check_engine)


def _wait_for_signal() -> NoReturn:
    """Wait for ever. A signal that another thread of the process gets does not interrupt a wait without an end."""
    while True:
        time.sleep(_SIGNAL_SECONDS)


def _end_with_stdin() -> None:
    """Send this process SIGTERM at the end of standard input."""
    with suppress(OSError):
        while os.read(_STDIN, _READ_AT_ONCE):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _exit_on_signal(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _report(line: str) -> None:
    # `click.echo` would find out for each line whether this is a terminal.
    with suppress(OSError):  # standard error may be closed
        if sys.stderr is not None:
            sys.stderr.write(f"{line}\n")


def _fail(message: str, code: int = 1) -> NoReturn:
    click.echo(f"tapedeck: {message}", err=True)
    raise SystemExit(code)
