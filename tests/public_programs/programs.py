"""Public programs: they are fetched and installed by the test run, used unmodified, and never part of this repository.

`TAPEDECK_PUBLIC_PROGRAMS` names a folder with checkouts that exist already; they are used as they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.sdk.program import CACHE, SECONDS_TO_INSTALL, exclusive_lock
from tests.sdk.toolchains import tool

FOLDER: Final = Path(os.environ.get("TAPEDECK_PUBLIC_PROGRAMS") or CACHE / "public-programs" / "checkouts").resolve()
INSTALLED: Final = CACHE / "public-programs"
HERE: Final = Path(__file__).parent


def checkout(owner: str, name: str, revision: str, subfolder: str = ".") -> Path:
    """Return a checkout of a public repository, cloned if necessary; skip the test if it cannot be."""
    folder, partial = FOLDER / name, INSTALLED / f"{name}-partial"
    with exclusive_lock(INSTALLED / f"{name}.lock"):
        if not (folder / subfolder).is_dir():
            git = tool(name, "git")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            for command in (
                ["init", "--quiet"],
                ["remote", "add", "origin", f"https://github.com/{owner}/{name}"],
                ["sparse-checkout", "set", subfolder],
                ["fetch", "--quiet", "--depth", "1", "--filter=blob:none", "origin", revision],
                ["checkout", "--quiet", "FETCH_HEAD"],
            ):
                _install(name, [git, *command], {"GIT_TERMINAL_PROMPT": "0"}, folder=partial)
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial.rename(folder)
    return folder / subfolder


def python_environment(name: str, *requirements: str | Path) -> Path:
    """Return the interpreter of an environment with these requirements; skip the test if they cannot be installed."""
    folder = INSTALLED / f"{name}-environment"
    python = folder / "bin" / "python"
    uv = str(Path(sys.executable).with_name("uv"))
    with exclusive_lock(INSTALLED / f"{name}-environment.lock"):
        if not python.exists():
            _install(name, [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, folder])
        _install(name, [uv, "pip", "install", "--quiet", "--python", python, *requirements])
    return python


def node_environment(name: str, source: Path) -> Path:
    """Return a copy of a Node project with its own locked dependencies; skip the test if they cannot be installed."""
    folder = INSTALLED / f"{name}-environment"
    npm = tool(name, "npm", "node")
    with exclusive_lock(INSTALLED / f"{name}-environment.lock"):
        shutil.copytree(source, folder, dirs_exist_ok=True)
        if not (folder / "node_modules" / ".package-lock.json").is_file():
            install = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
            _install(name, [npm, *install], folder=folder)
    return folder


def _install(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None, folder: Path = HERE
) -> None:
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=SECONDS_TO_INSTALL
    )
    if done.returncode != 0:
        last = [*done.stderr.strip().splitlines(), "no message"][0]
        pytest.skip(f"{name} is not available: {last}; TAPEDECK_PUBLIC_PROGRAMS may name a folder with a checkout")
