"""Runs the checks against one connector, and prints a line for each."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tapedeck.domain.account import ConfirmUpdates
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_ENGINE, STANDIN_ENGINE_TOKEN, STANDIN_TOKEN
from tapedeck_standin.app.runtime import Options, running
from tapedeck_standin.conformance import (
    event_checks,
    message_checks,
    recording_checks,
    session_checks,
    upload_checks,
)
from tapedeck_standin.conformance.client import RequestFailed, StandInClient
from tapedeck_standin.conformance.journal import Journal
from tapedeck_standin.conformance.process import ConnectorProcess
from tapedeck_standin.conformance.proxy import Proxy
from tapedeck_standin.conformance.registry import Check
from tapedeck_standin.conformance.rig import CheckFailed, CheckSkipped, Rig
from tapedeck_standin.http.addresses import LOOPBACK
from tapedeck_standin.http.server import Server

CHECKS: Final[Sequence[Check]] = (
    *session_checks.CHECKS.checks, *recording_checks.CHECKS.checks, *message_checks.CHECKS.checks,
    *event_checks.CHECKS.checks, *upload_checks.CHECKS.checks,
)  # fmt: skip
"""All checks, in the order in which they run."""

OK: Final = "ok"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of a check; `detail` says what was expected and seen, or why it was skipped."""

    name: str
    rule: str
    result: str
    detail: str = ""
    seconds: float = 0

    def as_line(self) -> str:
        """Return the line that is printed."""
        line = f"{self.result:8}{self.name:26}{self.rule:12}{self.seconds:5.1f} s"
        return f"{line}  {self.detail}" if self.detail else line

    def as_json(self) -> Mapping[str, Any]:
        """Return the same as JSON."""
        return {**asdict(self), "seconds": round(self.seconds, 1)}


@dataclass(frozen=True, slots=True)
class ConnectorSetting:
    """The connector to check: its command line and environment, and how its engine gets calls.

    Without a command, it is started by hand.
    """

    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    call_command: str = ""
    shows_output: bool = False


@contextmanager
def serving_connectors(port: int = 0) -> Iterator["Workbench"]:
    """Run a stand-in without an engine of its own; yield what connectors are checked with."""
    options = Options(
        port=0, https_port=0, engine="external", confirm=ConfirmUpdates.NONE
    )  # fmt: skip
    with running(options, lambda _line: None) as addresses:
        yield Workbench(addresses.url, port)


class Workbench:
    """Checks connectors, one after the other, at one stand-in.

    Args:
        standin: URL of the stand-in.
        port: port of the proxy; 0 selects any free port.
        account: id of the account of the stand-in.
        auth_token: its token.
    """

    def __init__(
        self, standin: str, port: int = 0, account: str = STANDIN_ACCOUNT, auth_token: str = STANDIN_TOKEN
    ) -> None:
        self._standin = standin
        self._port = port
        self._account = account
        self._auth_token = auth_token

    def create_engine(self, name: str) -> str:
        """Register a further engine, so that several connectors are checked at once; return its token."""
        return StandInClient(self._standin, self._account, self._auth_token, name).create_engine(name)

    @contextmanager
    def rig(
        self,
        setting: ConnectorSetting,
        announce: Callable[[Mapping[str, str]], object] = lambda _settings: None,
        engine: tuple[str, str] = (STANDIN_ENGINE, STANDIN_ENGINE_TOKEN),
    ) -> Iterator[Rig]:
        """Set up a connector; yield what the checks work with.

        Args:
            setting: the connector.
            announce: gets the two settings that the connector needs.
            engine: name and token of its engine.
        """
        name, token = engine
        journal = Journal()
        proxy, server = Proxy(self._standin, journal), Server(LOOPBACK, self._port)
        server.start(proxy.answer)
        settings = {
            "TAPEDECK_URL": f"http://{LOOPBACK}:{server.port}", "TAPEDECK_ENGINE_TOKEN": token,
        }  # fmt: skip
        process = None
        if setting.command:
            environment = {**setting.environment, **settings}
            process = ConnectorProcess(setting.command, environment, shows_output=setting.shows_output)
        client = StandInClient(self._standin, self._account, self._auth_token, name)
        announce(settings)
        try:
            yield Rig(
                client, proxy, journal, self._account, token, process, setting.call_command
            )  # fmt: skip
        finally:
            if process is not None:
                process.kill()
            proxy.stop()
            server.stop()


def run_checks(rig: Rig, checks: Sequence[Check], report: Callable[[CheckResult], object]) -> Sequence[CheckResult]:
    """Run checks in order, and report each when it is done; a connector that has ended is started again."""
    results = []
    for each in checks:
        result = _run_check(rig, each)
        report(result)
        results.append(result)
    return results


def select_checks(names: Sequence[str], *, with_slow: bool) -> Sequence[Check]:
    """Return the checks of these names, in the order of the list; without names all, slow ones only if requested.

    Raises:
        KeyError: there is no check of a name.
    """
    known = {each.name: each for each in CHECKS}
    for name in names:
        _ = known[name]
    return [each for each in CHECKS if (each.name in names if names else with_slow or not each.is_slow)]


def _run_check(rig: Rig, each: Check) -> CheckResult:
    started = time.monotonic()
    result, detail = OK, ""
    try:
        rig.connect()
        each.body(rig)
    except CheckSkipped as skipped:
        result, detail = SKIPPED, str(skipped)
    except (CheckFailed, RequestFailed, OSError) as failed:
        result, detail = FAILED, str(failed)
    try:
        rig.clean_up()
    except RequestFailed as failed:
        result, detail = FAILED, detail or str(failed)
    return CheckResult(each.name, each.rule, result, detail, time.monotonic() - started)
