"""`tapedeck check-engine`: the example connector follows every rule, and each fault is found by its own check."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Final
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from tapedeck_standin.cli import main
from tapedeck_standin.conformance.suite import CHECKS, Workbench
from tests.client import ROOT
from tests.conformance.run_variants import check_variants
from tests.conformance.variants import VARIANTS
from tests.standin.conftest import serving
from tests.thoroughness import SIZE, scaled

pytestmark = [pytest.mark.sized, pytest.mark.timeout(600)]

PROTOCOL: Final = (ROOT / "docs" / "reference" / "engine-protocol.md").read_text(encoding="utf-8")

COMMON: Final = (
    "recording-starts", "pause-and-resume", "repeated-command", "overtaken-command", "begins-nothing-late",
    "unknown-command", "resync", "seq-rises", "events-match-schema", "events-unchanged",
)  # fmt: skip
"""Quick checks, which every variant meets besides its own."""

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "events-match-schema": ("alive-in-time",), "events-unchanged": ("retries-later",),
}  # fmt: skip
"""Checks that look at what others have provoked, with these."""

QUICK_VARIANTS: Final = ("begins-late", "overtaken-pause-is-confirmed")
CHECKED: Final = scaled(deep=(*VARIANTS,), ci=(*VARIANTS,), fast=QUICK_VARIANTS)
EXAMPLE_CHECKS: Final = scaled(
    deep="", ci="", fast=",".join((*COMMON, "session-opens", "deleted-when-begun", "ends-late"))
)


def checks_of(variant: str) -> str:
    """Return the checks that a variant meets, separated by commas; an empty text for all but the slow ones."""
    own = VARIANTS[variant][1]
    needed = (name for each in own for name in NEEDS.get(each, ()))
    if "unauthorized" in own:
        return "unauthorized"
    return scaled(deep="", ci=",".join({*COMMON, *own, *needed}), fast=",".join({*COMMON, *own, *needed}))


@pytest.fixture(scope="module")
def results(aws: None) -> Mapping[str, Mapping[str, str]]:  # noqa: ARG001 - the emulator must be running
    """The results of the example and of the variants, which one stand-in serves at once.

    At the size `fast` the stand-in runs in this process, which takes less time.
    """
    wanted = [f"example={EXAMPLE_CHECKS}", *(f"{name}={checks_of(name)}" for name in CHECKED)]
    if SIZE == "fast":
        with serving("external") as standin:
            bench = Workbench(f"http://127.0.0.1:{standin.port}", 0, standin.account, standin.token)
            return check_variants(bench, wanted)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.conformance.run_variants", *wanted],
        env={**kept, "PYTHONPATH": os.pathsep.join(sys.path)}, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True,
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
