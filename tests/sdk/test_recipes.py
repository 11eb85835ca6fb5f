"""Twilio's SDKs for Go, Java, Ruby and PHP work with the stand-in, by the recipes in `examples/`.

Each language runs where its toolchain and its SDK are present. Otherwise the test is skipped, also in CI, and says
what is missing. `make sdk-recipes` prints which languages ran.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.sdk.expected import expected_output, with_named_sids
from tests.sdk.program import CACHE, EXAMPLES, SECONDS_TO_INSTALL, Standin, exclusive_lock, run

SECONDS_TO_COMPILE: Final = 290
"""Go compiles its SDK, all products of Twilio, once per machine."""

LISTED: Final = "recording RE:2 of the same call\n2 recordings in pages of 1\n1 recording after a deletion\n"

pytestmark = pytest.mark.timeout(600)


def _tool(language: str, *names: str) -> str:
    """Return the path of the first tool; skip the test if any is missing."""
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{language}: {name} is not present")
    return str(shutil.which(names[0]))


def _install(language: str, command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Install an SDK; skip the test if its registry does not provide it."""
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=SECONDS_TO_INSTALL
    )
    if done.returncode != 0:
        pytest.skip(f"{language}: its SDK cannot be installed")


def _check(output: str) -> None:
    assert with_named_sids("twilio", output) == expected_output("twilio") + LISTED


@pytest.fixture
def environment(standin: Standin) -> dict[str, str]:
    """The stand-in's URL and an account of its own, whose token has letters and digits only."""
    place = standin.make_places("twilio")["http"]
    return {"TAPEDECK_URL": place.url, "TAPEDECK_ACCOUNT": place.account, "TAPEDECK_TOKEN": place.token}


def test_go(environment: dict[str, str]) -> None:
    """The unmodified recipe for Go creates, pauses, reads, lists and deletes recordings."""
    go = _tool("Go", "go")
    _install("Go", [go, "mod", "download"], EXAMPLES / "go")
    output = run([go, "run", "-mod=readonly", "."], environment, seconds=SECONDS_TO_COMPILE, folder=EXAMPLES / "go")
    _check(output)


def test_java(environment: dict[str, str]) -> None:
    """The unmodified recipe for Java creates, pauses, reads, lists and deletes recordings."""
    maven = _tool("Java", "mvn", "javac")
    # The recipe is compiled outside the checkout.
    folder = CACHE / "java-recipe"
    with exclusive_lock(CACHE / "java-recipe.lock"):
        shutil.copytree(EXAMPLES / "java", folder, dirs_exist_ok=True)
        _install("Java", [maven, "-q", "-B", "dependency:resolve"], folder)
        output = run(
            [maven, "-q", "-B", "compile", "exec:java"], environment, seconds=SECONDS_TO_COMPILE, folder=folder
        )
    _check(re.sub(r"\x1b\[[0-9;]*m", "", output))


def test_ruby(environment: dict[str, str]) -> None:
    """The unmodified recipe for Ruby creates, pauses, reads, lists and deletes recordings."""
    ruby = _tool("Ruby", "ruby", "gem")
    folder = CACHE / "ruby-recipe"
    folder.mkdir(parents=True, exist_ok=True)
    gems = {"GEM_PATH": f"{folder}{os.pathsep}{run(['gem', 'environment', 'gempath'], seconds=60).strip()}"}
    # An SDK that RUBYLIB or the system provides is used as it is.
    if subprocess.run([ruby, "-e", "require 'twilio-ruby'"], env={**os.environ, **gems}, check=False).returncode:
        _install("Ruby", ["gem", "install", "--no-document", "--install-dir", str(folder), "--file", "Gemfile"],
                 EXAMPLES / "ruby", gems)  # fmt: skip
    recipe = EXAMPLES / "ruby" / "twilio_recording.rb"
    _check(run([ruby, recipe], {**environment, **gems}, seconds=SECONDS_TO_COMPILE))


def test_php(environment: dict[str, str]) -> None:
    """The unmodified recipe for PHP creates, pauses, reads, lists and deletes recordings."""
    php, folder = _tool("PHP", "php"), EXAMPLES / "php"
    # `composer install` needs to run only once; the folder is not part of the repository.
    if not (folder / "vendor" / "autoload.php").is_file():
        composer = _tool("PHP", "composer")
        _install("PHP", [composer, "install", "--no-interaction", "--quiet"], folder)
    _check(run([php, folder / "twilio_recording.php"], environment, seconds=SECONDS_TO_COMPILE))
