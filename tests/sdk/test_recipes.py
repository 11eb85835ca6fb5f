"""Twilio's SDKs for Go, Java, Ruby and PHP work with the stand-in, by the recipes in `examples/`.

Each language runs where its toolchain and its SDK are present. Otherwise the test is skipped, also in CI, and says
what is missing. `make sdk-recipes` prints which languages ran.
"""

import re
import shutil
from typing import Final

import pytest

from tests.sdk.expected import expected_output, with_named_sids
from tests.sdk.program import CACHE, EXAMPLES, Standin, exclusive_lock, run
from tests.sdk.toolchains import SECONDS_TO_COMPILE, install, php, ruby, tool

LISTED: Final = "recording RE:2 of the same call\n2 recordings in pages of 1\n1 recording after a deletion\n"

pytestmark = pytest.mark.timeout(600)


def _check(output: str) -> None:
    assert with_named_sids("twilio", output) == expected_output("twilio") + LISTED


@pytest.fixture
def environment(standin: Standin) -> dict[str, str]:
    """The stand-in's URL and an account of its own, whose token has letters and digits only."""
    place = standin.make_places("twilio")["http"]
    return {"TAPEDECK_URL": place.url, "TAPEDECK_ACCOUNT": place.account, "TAPEDECK_TOKEN": place.token}


def test_go(environment: dict[str, str]) -> None:
    """The unmodified recipe for Go creates, pauses, reads, lists and deletes recordings."""
    go = tool("Go", "go")
    install("Go", [go, "mod", "download"], EXAMPLES / "go")
    output = run([go, "run", "-mod=readonly", "."], environment, seconds=SECONDS_TO_COMPILE, folder=EXAMPLES / "go")
    _check(output)


def test_java(environment: dict[str, str]) -> None:
    """The unmodified recipe for Java creates, pauses, reads, lists and deletes recordings."""
    maven = tool("Java", "mvn", "javac")
    # The recipe is compiled outside the checkout.
    folder = CACHE / "java-recipe"
    with exclusive_lock(CACHE / "java-recipe.lock"):
        shutil.copytree(EXAMPLES / "java", folder, dirs_exist_ok=True)
        install("Java", [maven, "-q", "-B", "dependency:resolve"], folder)
        output = run(
            [maven, "-q", "-B", "compile", "exec:java"], environment, seconds=SECONDS_TO_COMPILE, folder=folder
        )
    _check(re.sub(r"\x1b\[[0-9;]*m", "", output))


def test_ruby(environment: dict[str, str]) -> None:
    """The unmodified recipe for Ruby creates, pauses, reads, lists and deletes recordings."""
    program, gems = ruby()
    recipe = EXAMPLES / "ruby" / "twilio_recording.rb"
    _check(run([program, recipe], {**environment, **gems}, seconds=SECONDS_TO_COMPILE))


def test_php(environment: dict[str, str]) -> None:
    """The unmodified recipe for PHP creates, pauses, reads, lists and deletes recordings."""
    recipe = EXAMPLES / "php" / "twilio_recording.php"
    _check(run([php(), recipe], environment, seconds=SECONDS_TO_COMPILE))
