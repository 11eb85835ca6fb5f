"""The process of the connector under test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

_END_SECONDS: Final = 5


class ConnectorProcess:
    """Starts and ends the connector.

    Args:
        command: its command line.
        environment: its environment, with the two settings of a connector.
        shows_output: whether to show what it prints, as standard error output.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, shows_output: bool) -> None:
        self._command = command
        self._environment = environment
        self._output: Any = sys.stderr if shows_output else subprocess.DEVNULL
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it if it does not run.

        Raises:
            OSError: the command cannot be executed.
        """
        if not self.is_running:
            # A group of its own, so that a shell or a package runner ends together with the connector.
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command
                self._command, env=dict(self._environment), stdin=subprocess.DEVNULL, stdout=self._output,
                stderr=self._output, start_new_session=True,
            )  # fmt: skip

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the last process; None if it runs, or never did."""
        return self._process.poll() if self._process is not None else None

    def wait_for_end(self, seconds: float) -> int | None:
        """Wait until it ends; return its exit code, None if it still runs."""
        deadline = time.monotonic() + seconds
        while self.is_running and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.exit_code

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_END_SECONDS)
