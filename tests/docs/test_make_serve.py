"""`make serve`, typed in a terminal, with the process groups that a terminal has."""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.client import ROOT

SECONDS: Final = 120
READY: Final = "TAPEDECK_READY "


class TerminalOf:
    """A program at the other end of a new terminal, in whose foreground it is."""

    def __init__(self, *command: str) -> None:
        """Start the program."""
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            os.chdir(ROOT)
            # Not the variables of a make that runs these tests: below it, make says which folder it leaves.
            own = {
                name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
            }
            os.execvpe(command[0], command, own)  # noqa: S606 - a terminal's program
        self.shown = ""

    def read_until(self, is_enough: Callable[[str], object]) -> None:
        """Read what is shown until it is enough, or the program has closed the terminal."""
        deadline = time.monotonic() + SECONDS
        while not is_enough(self.shown):
            assert select.select([self._terminal], [], [], deadline - time.monotonic())[0], self.shown
            try:
                read = os.read(self._terminal, 65536)
            except OSError:  # no process has the terminal open any more
                return
            if not read:
                return
            self.shown += read.decode()

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._terminal, keys)

    def end(self) -> int:
        """Wait for the end; return the exit code, negative after a signal."""
        self.read_until(lambda _: False)
        _, status = os.waitpid(self.process, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


def server_of(make: int) -> int:
    """Return the process id of the server, which is the last descendant of make."""
    process = make
    while (found := Path(f"/proc/{process}/task/{process}/children").read_text().split()) != []:
        process = int(found[0])
    return process


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM"])
def test_make_serve_ends_without_an_error(way: str) -> None:
    """Ctrl-C and SIGTERM end `make serve` with 0, and make prints nothing about it."""
    binaries = str(Path(sys.executable).parent)
    terminal = TerminalOf("make", "serve", "PORT=0", "HTTPS_PORT=0", f"BIN={binaries}", "-o", ".venv/standin")
    terminal.read_until(lambda shown: re.search(rf"{READY}.*\n", shown))
    server = server_of(terminal.process)
    if way == "Ctrl-C":
        terminal.type(b"\x03")
    else:
        os.kill(server, signal.SIGTERM)
    assert terminal.end() == 0, terminal.shown
    after = terminal.shown.partition(READY)[2].partition("\n")[2]
    assert after.replace("^C", "").strip() == ""
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


PROGRAM: Final = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: sys.exit(int(number)))
signal.signal(signal.SIGCONT, lambda *_: print("again", flush=True))
print("group", os.getpgrp() == os.getpid(), os.tcgetpgrp(0) == os.getpid(), flush=True)
time.sleep(60)
"""
"""A program that says whether it leads its group, and has the terminal; a signal ends it with its number."""

COMMAND: Final = [sys.executable, "scripts/foreground.py", sys.executable, "-c", PROGRAM]


def test_the_program_has_the_terminal_to_itself() -> None:
    """The program is alone in its process group, in front of the terminal; SIGTERM is passed on, its code returned."""
    terminal = TerminalOf(*COMMAND)
    terminal.read_until(lambda shown: "\n" in shown)
    assert terminal.shown.strip() == "group True True"
    os.kill(terminal.process, signal.SIGTERM)
    assert terminal.end() == 15


def test_ctrl_z_stops_both() -> None:
    """Ctrl-Z stops the program and what started it; `fg` lets both go on, and Ctrl-C reaches the program again."""
    terminal = TerminalOf("bash", "-mc", f"{shlex.join(COMMAND)}; echo code $?; fg; echo code $?")
    terminal.read_until(lambda shown: "True" in shown)
    terminal.type(b"\x1a")
    terminal.read_until(lambda shown: "code 148" in shown)
    terminal.read_until(lambda shown: re.search(r"^again\r?$", shown, re.MULTILINE))
    terminal.type(b"\x03")
    assert terminal.end() == 0
    assert terminal.shown.rstrip().endswith("code 2")


def test_without_a_terminal_the_program_takes_the_place() -> None:
    """Without a terminal, the program replaces what started it, so that it gets every signal itself."""
    script = "import os; print(os.getpid(), os.getpgrp() == os.getpid())"
    command = [sys.executable, "scripts/foreground.py", sys.executable, "-c", script]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.communicate(timeout=SECONDS)[0].split() == [str(process.pid), "True"]
    assert process.returncode == 0
