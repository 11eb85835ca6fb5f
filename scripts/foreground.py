"""Run a program in a process group of its own in front of the terminal, so that Ctrl-C reaches only this program.

make ends with an error when a signal reaches it too, although its program ended well. Arguments: the program's command.
"""

import os
import signal
import sys
from types import FrameType
from typing import Final

_TERMINAL: Final = "/dev/tty"


def main(command: list[str]) -> int:
    """Run the command; return its exit code."""
    terminal = _open_terminal()
    if terminal is None:
        os.execvp(command[0], command)  # noqa: S606 - the caller's program
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # a process in the background may take the terminal
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - the caller's program

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    try:
        return _wait_for(child, terminal)
    finally:
        os.tcsetpgrp(terminal, os.getpgrp())


def _open_terminal() -> int | None:
    """Return the terminal whose foreground this process group is; None without one."""
    try:
        terminal = os.open(_TERMINAL, os.O_RDWR)
    except OSError:
        return None
    return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None


def _wait_for(child: int, terminal: int) -> int:
    """Wait for the end of the child; when it is stopped by Ctrl-Z, stop with it."""
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        os.tcsetpgrp(terminal, os.getpgrp())
        os.kill(0, signal.SIGTSTP)
        os.tcsetpgrp(terminal, child)
        os.killpg(child, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
