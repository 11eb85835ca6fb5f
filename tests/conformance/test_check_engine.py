"""`tapedeck check-engine`: the example connector follows every rule, and each fault is found by its own check."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from tapedeck.settings import STANDIN_ACCOUNT
from tapedeck_standin.cli import main
from tapedeck_standin.conformance.suite import CHECKS, Workbench
from tests.client import ROOT
from tests.conformance.run_variants import PROGRAM, check_variants
from tests.conformance.variants import EXAMPLE, VARIANTS
from tests.standin.conftest import serving
from tests.thoroughness import SIZE, scaled

pytestmark = [pytest.mark.sized, pytest.mark.timeout(600)]

PROTOCOL: Final = (ROOT / "docs" / "reference" / "engine-protocol.md").read_text(encoding="utf-8")

COMMON: Final = (
    "recording-starts", "overtaken-command", "begins-nothing-late", "unknown-command", "pause-and-resume",
    "repeated-command", "resync", "seq-rises", "events-match-schema", "events-unchanged",
)  # fmt: skip
"""Quick checks, which every variant meets besides its own."""

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "events-match-schema": ("alive-in-time",), "events-unchanged": ("retries-later",),
}  # fmt: skip
"""Checks that look at what others have provoked, with these."""

QUICK_VARIANTS: Final = ("begins-late", "overtaken-pause-is-confirmed")
CHECKED: Final = scaled(deep=(*VARIANTS,), ci=(*VARIANTS,)[::3], fast=QUICK_VARIANTS)
"""Variants that are checked; all of them at the size `deep`, because they wait for a long time."""

EXAMPLE_CHECKS: Final = scaled(
    deep="", ci="", fast=",".join((*COMMON, "session-opens", "deleted-when-begun", "upload"))
)


def checks_of(variant: str) -> str:
    """Return the checks that a variant meets, separated by commas."""
    own = VARIANTS[variant][1]
    needed = (name for each in own for name in NEEDS.get(each, ()))
    if "unauthorized" in own:
        return "unauthorized"
    return ",".join({*scaled(deep=COMMON, ci=COMMON[:4], fast=COMMON[:4]), *own, *needed})


@pytest.fixture(scope="module")
def results(aws: None) -> Mapping[str, Mapping[str, str]]:  # noqa: ARG001 - the emulator must be running
    """The results of the example and of the variants, which one stand-in serves at once.

    At the size `fast` the stand-in runs in this process, which takes less time.
    """
    wanted = [f"example={EXAMPLE_CHECKS}", *(f"{name}={checks_of(name)}" for name in CHECKED)]
    if SIZE == "fast":
        with serving("external", {"CONFIRM_UPDATES": "none"}) as standin:  # as check-engine does
            bench = Workbench(f"http://127.0.0.1:{standin.port}", 0, standin.account, standin.token)
            return check_variants(bench, wanted)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.conformance.run_variants", *wanted],
        env=environment(), cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    found: Mapping[str, Mapping[str, str]] = json.loads(done.stdout.partition("RESULTS ")[2])
    return found


def failed(found: Mapping[str, str]) -> dict[str, str]:
    """Return the checks that failed."""
    return {name: text for name, text in found.items() if text.startswith("failed")}


def test_the_example_follows_every_rule(results: Mapping[str, Mapping[str, str]]) -> None:
    """The example connector passes each check; it reports no evidence."""
    assert failed(results["example"]) == {}
    skipped = {name: text for name, text in results["example"].items() if text.startswith("skipped")}
    assert skipped == scaled(
        deep={"evidence": "skipped the connector reports no evidence"},
        ci={"evidence": "skipped the connector reports no evidence"},
        fast={},
    )


@pytest.mark.parametrize("variant", CHECKED)
def test_a_fault_is_found_by_its_own_check(results: Mapping[str, Mapping[str, str]], variant: str) -> None:
    """A connector with one fault fails the check that is meant for it, and no other."""
    found = failed(results[variant])
    assert set(found) == VARIANTS[variant][1], found


def test_every_check_finds_a_fault() -> None:
    """For each check there is a variant of the example that fails it."""
    assert {each.name for each in CHECKS} - {name for _, names in VARIANTS.values() for name in names} == set()


def test_every_check_names_a_rule_of_the_protocol() -> None:
    """The rule of each check is defined once by the page of the protocol; the names of checks differ."""
    defined = re.findall(r"^\*\*((?:SESSION|COMMAND|EVENT|UPLOAD|EVIDENCE)-[1-9]\d*):", PROTOCOL, re.MULTILINE)
    assert len(defined) == len(set(defined))
    assert {each.rule for each in CHECKS} - set(defined) == set()
    assert len({each.name for each in CHECKS}) == len(CHECKS)


def test_the_checks_are_listed() -> None:
    """`--list` prints the name, the rule and the sentence of each check, and starts nothing."""
    with patch.dict(os.environ):
        done = CliRunner().invoke(main, ["check-engine", "--list"])
    assert done.exit_code == 0
    assert [line.split(maxsplit=2) for line in done.output.splitlines()] == [
        [each.name, each.rule, each.sentence] for each in CHECKS
    ]


def test_an_unknown_check_is_a_usage_error() -> None:
    """`--only` with a name that no check has ends with exit code 2 and names it."""
    with patch.dict(os.environ):
        done = CliRunner().invoke(main, ["check-engine", "--only", "no-such-check"])
    assert done.exit_code == 2
    assert "there is no check 'no-such-check'; --list shows all" in done.output


def command(*arguments: str) -> list[str]:
    """Return the command line of the program."""
    return [sys.executable, "-W", "ignore", "-m", "tapedeck_standin", "check-engine", *arguments]


def environment() -> dict[str, str]:
    """Return an environment in which the program and connectors find their modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.ci
def test_a_fault_makes_the_program_fail() -> None:
    """The results are printed as JSON, and the exit code is 1 because a check failed."""
    only = ("--only", "recording-starts", "--only", "begins-nothing-late", "--only", "evidence")
    connector = [sys.executable, str(PROGRAM), "begins-late"]
    done = subprocess.run(
        command("--json", *only, "--", *connector),
        env=environment(), text=True, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert {name: found[name] for name in ("ok", "failed", "skipped")} == {"ok": 1, "failed": 1, "skipped": 1}
    assert [(each["name"], each["rule"], each["result"]) for each in found["checks"]] == [
        ("recording-starts", "COMMAND-1", "ok"),
        ("begins-nothing-late", "COMMAND-7", "failed"),
        ("evidence", "EVIDENCE-1", "skipped"),
    ]


@pytest.mark.ci
def test_a_connector_may_be_started_by_hand() -> None:
    """Without a command line the two variables are printed, and the checks begin when a session is opened."""
    only = ("--only", "recording-starts", "--only", "restart")
    with subprocess.Popen(command(*only), env=environment(), text=True, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        settings = dict(next(program.stdout).removeprefix("export ").rstrip("\n").split("=", 1) for _ in range(2))
        with subprocess.Popen(
            [sys.executable, str(EXAMPLE)], env={**environment(), **settings}, stdout=subprocess.DEVNULL
        ) as connector:
            lines = program.stdout.read().splitlines()
            connector.kill()
    assert list(settings) == ["TAPEDECK_URL", "TAPEDECK_ENGINE_TOKEN"]
    assert lines[0] == "Start your connector with these two variables."
    assert [line.split()[:2] for line in lines[1:3]] == [["skipped", "restart"], ["ok", "recording-starts"]]
    assert (lines[3], program.returncode) == ("1 ok, 0 failed, 1 skipped", 0)


@pytest.mark.ci
def test_calls_may_come_from_the_engine(tmp_path: Path) -> None:
    """With `--call-command` each check uses a call that the connector reports; it knows no others."""
    calls = tmp_path / "calls"
    only = ("--only", "recording-starts", "--only", "overtaken-command", "--only", "unknown-command")
    connector = [sys.executable, str(PROGRAM), "with-calls"]
    done = subprocess.run(
        command("--call-command", f"echo call >> {calls}", *only, "--", *connector),
        env={**environment(), "CALLS": str(calls), "ACCOUNT": STANDIN_ACCOUNT}, text=True, stdout=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "3 ok, 0 failed, 0 skipped"
    assert calls.read_text() == "call\ncall\ncall\n"
