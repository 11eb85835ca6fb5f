"""Types the code blocks of a page in an empty folder: one shell for the commands, one for each background program."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.tutorials.page import ROOT, Block

SECONDS_PER_BLOCK: Final = 120
CHECKOUT: Final = "~/tapedeck"
"""What pages write for the reader's checkout of the repository: the only placeholder, besides the ports."""

_KEPT: Final = ("HOME", "LANG", "SSL_CERT_FILE", "TERM", "TMPDIR", "USER")
_KEPT_PREFIXES: Final = ("UV_", "PIP_", "NPM_", "npm_", "GO", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Settings of the package managers are kept, everything else that configures Python or Tapedeck is not."""


class Mistyped(Exception):
    """A block failed, or printed something else than the page says."""


class Terminal:
    """A shell in an empty folder, with ports of its own for those that the page names.

    Args:
        folder: the empty folder.
        tools: a folder for the tools that a reader has: uv and uvx.
    """

    def __init__(self, folder: Path, tools: Path) -> None:
        self._folder = folder
        self._environment = _environment(tools)
        http, https = _free_ports()
        self._environment |= {"PORT": str(http), "HTTPS_PORT": str(https)}
        self._replacements = {CHECKOUT: str(ROOT), "localhost:3000": f"localhost:{http}"}
        self._replacements |= {"127.0.0.1:3000": f"127.0.0.1:{http}", "localhost:3443": f"localhost:{https}"}
        self._background: list[subprocess.Popen[bytes]] = []
        self._shell = subprocess.Popen(
            ["bash"], cwd=folder, env=self._environment, stdin=subprocess.PIPE, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._printed = ""
        self._count = 0

    def type(self, block: Block) -> None:
        """Run the block, write its file, or compare its text with what the last commands printed.

        Raises:
            Mistyped: a command failed, or its output differs.
        """
        content = self._typed(block.content)
        if block.mark == "output":
            self._compare(block, content)
        elif block.title is not None:
            path = self._folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        elif block.mark == "run: background":
            self._start(block, content)
        elif block.language == "sh":
            self._run(block, content)

    def close(self) -> None:
        """End the shell and the background programs."""
        for process in self._background:
            _end(process)
        _end(self._shell)
        if self._shell.stdin is not None:
            self._shell.stdin.close()

    def _typed(self, text: str) -> str:
        # All at once: a new port may begin with the digits of another one of the page.
        names = "|".join(rf"{re.escape(name)}(?!\d)" for name in self._replacements)
        return re.sub(names, lambda match: self._replacements[match[0]], text)

    def _run(self, block: Block, content: str) -> None:
        self._count += 1
        output, status, script = (self._folder.parent / f"{self._count}.{name}" for name in ("out", "status", "sh"))
        script.write_text(content, encoding="utf-8")
        assert self._shell.stdin is not None
        # Sourced, so that variables last; each command must succeed.
        self._shell.stdin.write(
            f"set -eE; trap 'echo $? > {status}' ERR; . {script} > {output} 2>&1; echo 0 > {status}\n"
        )
        self._shell.stdin.flush()
        _wait_for(lambda: status.is_file() and status.read_text(encoding="ascii").endswith("\n"), self._shell)
        self._printed = output.read_text(encoding="utf-8")
        code = status.read_text(encoding="ascii").strip() if status.is_file() else "no exit code"
        if code != "0":
            raise Mistyped(f"line {block.line}: {code}\n{content}\n{self._printed}")

    def _start(self, block: Block, content: str) -> None:
        log = self._folder.parent / f"background{len(self._background)}.out"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", content], cwd=self._folder, env=self._environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        self._background.append(process)
        ready = "TAPEDECK_READY" if "tapedeck serve" in content else ""
        _wait_for(lambda: log.read_text(encoding="utf-8").find(ready) >= 0, process)
        if process.poll() is not None:
            raise Mistyped(f"line {block.line}: ended\n{content}\n{log.read_text(encoding='utf-8')}")

    def _compare(self, block: Block, content: str) -> None:
        shown, printed = content.strip(), self._printed.strip()
        pattern = re.escape(shown).replace("…", ".*")
        if not re.fullmatch(pattern, printed, re.DOTALL):
            raise Mistyped(f"line {block.line}: the page shows\n{shown}\nbut the commands print\n{printed}")


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


def _environment(tools: Path) -> dict[str, str]:
    """Return a new user's environment: no virtual environment, no setting of Tapedeck, but uv."""
    here = Path(sys.executable).parent
    for name in ("uv", "uvx"):
        found = here / name if (here / name).is_file() else shutil.which(name)
        assert found is not None, f"{name} is missing"
        if not (tools / name).exists():
            (tools / name).symlink_to(found)
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder) != here]
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    # `uv tool install` writes beside the tools, not into the home folder.
    own = {"UV_TOOL_DIR": str(tools / "environments"), "UV_TOOL_BIN_DIR": str(tools)}
    return {**kept, **own, "PATH": os.pathsep.join([str(tools), *path]), "PYTHONUNBUFFERED": "1"}


def _free_ports() -> tuple[int, int]:
    """Two different ports that are free now."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Wait until the condition holds, or the process has ended, or the time is up."""
    deadline = time.monotonic() + SECONDS_PER_BLOCK
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
