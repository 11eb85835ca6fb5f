"""Check that the tests can fail: break the code in one place at a time, and run the tests that must notice.

The mutants are listed in tests/mutants/*.toml. Each is applied to a copy of the tree, and its tests run there at the
size `fast`. The exit status is 1 if a mutant survives without an explanation, is caught although it has one, does not
apply, or breaks the collection of its tests.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from scripts.turns import read_turn

ROOT: Final = Path(__file__).resolve().parent.parent
TABLES: Final = ROOT / "tests" / "mutants"

TIMEOUT_SECONDS: Final = 180
"""A mutant may make the code wait or loop for ever. The tests of one mutant take seconds."""

MAX_SECONDS_UNCHANGED: Final = 3_600
"""For all tests of the mutants, which run once without a change."""

_LINKED: Final = (".venv", ".cache", ".dynamodb-local")
"""Folders of the tree that are not copied: nothing in them belongs to the project."""

_UNSET: Final = frozenset({"CI", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})
"""Variables that would make the tests use other code, or compile all code again for each mutant."""

_PYTEST: Final = (
    "-q", "-x", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of the packages that are imported before
)  # fmt: skip
_FAILED: Final = 1
"""pytest's exit status if tests ran and failed. Others mean that no test could run."""


@dataclass(frozen=True)
class Mutant:
    """One change of the code that a test must notice.

    `old` occurs exactly once in `file` and is replaced by `new`. `tests` are paths or ids for pytest. `survives` says
    why no test can notice the change; empty if one must.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    survives: str = ""

    def apply(self, text: str) -> str | None:
        """Return the text of the file with the change; None if the old text does not occur exactly once."""
        return text.replace(self.old, self.new) if text.count(self.old) == 1 else None


@dataclass(frozen=True)
class Result:
    """What became of one mutant: `caught`, `survived`, `does not apply` or `no test ran`; and pytest's last line."""

    mutant: Mutant
    outcome: str
    seconds: float
    line: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether a test noticed the change, or the list explains why none can."""
        return self.outcome == ("survived" if self.mutant.survives else "caught")


def read_mutants(folder: Path = TABLES) -> list[Mutant]:
    """Read all tables, sorted by name."""
    tables = [tomllib.loads(table.read_text(encoding="utf-8")) for table in sorted(folder.glob("*.toml"))]
    entries = [entry for table in tables for entry in table["mutant"]]
    mutants = [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
    return sorted(mutants, key=lambda mutant: mutant.name)


def select(mutants: Sequence[Mutant], tenth: str, only: str) -> list[Mutant]:
    """Return the mutants whose name contains `only`, and of these every tenth; `auto` follows from the commit."""
    turn = read_turn(tenth, 10)
    return [
        mutant for number, mutant in enumerate(mutants) if only in mutant.name and (turn is None or number % 10 == turn)
    ]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


class Tree:
    """A copy of the project's files, in which one mutant at a time is applied."""

    _times: Final = count(int(time.time()))

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: subprocess.Popen[str] | None = None
        for name in _git("ls-files", "--cached", "--others", "--exclude-standard").splitlines():
            if (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        for name in _LINKED:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)

    def test(self, tests: Sequence[str], seconds: int = TIMEOUT_SECONDS) -> tuple[int, str]:
        """Run tests in this copy for at most so many seconds; return pytest's exit status and its last line."""
        if self._server is None:
            self._server = self._start()
        server = self._server
        print(json.dumps([*_PYTEST, *tests]), file=server.stdin, flush=True)
        timer = threading.Timer(seconds, self.close)
        timer.start()
        answer = server.stdout.readline() if server.stdout is not None else ""
        timer.cancel()
        if not answer:
            return _FAILED, f"no end after {seconds} s"
        status, _, line = answer.strip().partition(" ")
        return int(status), line

    def _start(self) -> "subprocess.Popen[str]":
        environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
        environment["TAPEDECK_TEST_SIZE"] = "fast"
        return subprocess.Popen(
            [sys.executable, str(self.folder / "scripts" / "mutant_tests.py")], cwd=self.folder, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        """End the process that runs the tests, and all tests that still run."""
        server, self._server = self._server, None
        if server is not None:
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()

    def judge(self, mutant: Mutant) -> Result:
        """Apply a mutant, run its tests, and put the file back."""
        began = time.monotonic()
        original = (self.folder / mutant.file).read_text(encoding="utf-8")
        changed = mutant.apply(original)
        if changed is None or changed == original:
            return Result(mutant, "does not apply", 0)
        self._write(mutant.file, changed)
        try:
            status, line = self.test(mutant.tests)
        finally:
            self._write(mutant.file, original)
        outcome = {0: "survived", _FAILED: "caught"}.get(status, "no test ran")
        return Result(mutant, outcome, time.monotonic() - began, line)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        # Python compiles a module again only if its size or its time in whole seconds has changed.
        later = next(self._times)
        os.utime(path, (later, later))


@contextmanager
def trees(number: int) -> Iterator[list[Tree]]:
    """Make copies of the tree, and remove them in the end."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(number) as pool:
        copies = list(pool.map(lambda each: Tree(Path(folder, str(each))), range(number)))
        try:
            yield copies
        finally:
            for copy in copies:
                copy.close()


def judge_all(mutants: Sequence[Mutant], copies: Sequence[Tree]) -> Iterator[Result]:
    """Judge the mutants in parallel, one per copy of the tree at a time; yield the results in order."""
    free: SimpleQueue[Tree] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judge(mutant: Mutant) -> Result:
        tree = free.get()
        try:
            return tree.judge(mutant)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from pool.map(judge, mutants)


def pass_unchanged(mutants: Sequence[Mutant], copies: Sequence[Tree]) -> bool:
    """Return whether all tests of the mutants pass without a change; print why not."""
    tests = {test for mutant in mutants for test in mutant.tests}
    files = sorted({test.partition("::")[0] for test in tests})
    # A file as a whole, or some of its tests; all of one file in one copy.
    wanted = [[test for test in sorted(tests) if test.partition("::")[0] == file] for file in files]
    parts = [[test for each in wanted[start :: len(copies)] for test in each] for start in range(len(copies))]
    # Without paths, pytest would run all tests of the project.
    parts = [part for part in parts if part]
    with ThreadPoolExecutor(len(copies)) as pool:
        results = list(pool.map(lambda tree, part: tree.test(part, MAX_SECONDS_UNCHANGED), copies, parts))
    failed = [line for status, line in results if status]
    if failed:
        print(*failed, "mutants: the tests fail without any mutant. Repair them first.", sep="\n")
    return not failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the mutants and print one line for each."""
    parser = ArgumentParser(description="Check that the tests notice named mutants of the code.")
    parser.add_argument("--tenth", default="", help="0 to 9, or auto: only a tenth, chosen by the commit")
    parser.add_argument("--only", default="", help="only the mutants whose name contains this text")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="default: one for each processor")
    options = parser.parse_args(arguments)
    mutants = select(read_mutants(), options.tenth, options.only)
    if not mutants:
        parser.error("no mutant is selected: nothing would be checked")
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    unexpected = 0
    with trees(max(1, min(options.workers, len(mutants)))) as copies:
        if not pass_unchanged(mutants, copies):
            return 1
        for result in judge_all(mutants, copies):
            outcomes[result.outcome] += 1
            unexpected += not result.is_expected
            mark = " " if result.is_expected else "!"
            print(f"{mark} {result.outcome:14} {result.seconds:5.1f} s  {result.mutant.name}", flush=True)
            if not result.is_expected:
                print(f"    {result.mutant.file}: {' '.join(result.mutant.tests)}\n    {result.line}", flush=True)
            elif result.mutant.survives:
                print(f"    {result.mutant.survives}")
    counted = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    print(f"{len(mutants)} mutants: {counted}; {unexpected} unexpected; {time.monotonic() - began:.0f} s")
    return int(unexpected > 0)


if __name__ == "__main__":
    sys.exit(main())
