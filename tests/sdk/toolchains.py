"""Toolchains and SDKs of Go, Java, Ruby and PHP: each is used where it is present, else the test is skipped."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.sdk.program import CACHE, EXAMPLES, SECONDS_TO_INSTALL, exclusive_lock, run

SECONDS_TO_COMPILE: Final = 290
"""Go compiles its SDK, all products of Twilio, once per machine."""

SCENARIOS: Final = Path(__file__).with_name("languages")

Command = list[str | Path]


def tool(language: str, *names: str) -> str:
    """Return the path of the first tool; skip the test if any is missing."""
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{language}: {name} is not present")
    return str(shutil.which(names[0]))


def install(language: str, command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Install an SDK; skip the test if its registry does not provide it."""
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=SECONDS_TO_INSTALL
    )
    if done.returncode != 0:
        pytest.skip(f"{language}: its SDK cannot be installed")


def ruby() -> tuple[str, dict[str, str]]:
    """Return the path of Ruby, with the SDK installed, and the variables with which it finds the SDK."""
    program = tool("Ruby", "ruby", "gem")
    folder = CACHE / "ruby-recipe"
    gems = {"GEM_PATH": f"{folder}{os.pathsep}{run(['gem', 'environment', 'gempath'], seconds=60).strip()}"}
    with exclusive_lock(CACHE / "ruby-recipe.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        # An SDK that RUBYLIB or the system provides is used as it is.
        if subprocess.run([program, "-e", "require 'twilio-ruby'"], env={**os.environ, **gems}, check=False).returncode:
            command = ["gem", "install", "--no-document", "--install-dir", str(folder), "--file", "Gemfile"]
            install("Ruby", command, EXAMPLES / "ruby", gems)
    return program, gems


def php() -> str:
    """Return the path of PHP, with the SDK installed in the recipe's folder."""
    program, folder = tool("PHP", "php"), EXAMPLES / "php"
    with exclusive_lock(CACHE / "php.lock"):
        # `composer install` needs to run only once; the folder is not part of the repository.
        if not (folder / "vendor" / "autoload.php").is_file():
            composer = tool("PHP", "composer")
            install("PHP", [composer, "install", "--no-interaction", "--quiet"], folder)
    return program


def go_scenario() -> Command:
    """Compile the scenario for Go with the recipe's version of the SDK."""
    go = tool("Go", "go")
    folder = CACHE / "go-scenario"
    with exclusive_lock(CACHE / "go-scenario.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        for source in (EXAMPLES / "go" / "go.mod", EXAMPLES / "go" / "go.sum", SCENARIOS / "scenario.go"):
            shutil.copy(source, folder)
        install("Go", [go, "mod", "download"], folder)
        run([go, "build", "-mod=readonly", "-o", "scenario", "."], seconds=SECONDS_TO_COMPILE, folder=folder)
    return [folder / "scenario"]


def java_scenario(version: str, http_client: str) -> tuple[Command, dict[str, str]]:
    """Compile the scenario for Java with a version of the SDK, which has this generation of its HTTP client.

    Returns:
        The command, and the variables with which it finds the classes.
    """
    maven = tool("Java", "mvn", "javac", "java")
    folder = CACHE / "java-scenario" / version
    with exclusive_lock(CACHE / f"java-scenario-{version}.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCENARIOS / "java" / "pom.xml", folder)
        resolve = [
            "-q",
            "-B",
            "dependency:build-classpath",
            f"-Dtwilio.version={version}",
            "-Dmdep.outputFile=classpath",
        ]
        install("Java", [maven, *resolve], folder)
        classpath = (folder / "classpath").read_text(encoding="utf-8")
        sources = [SCENARIOS / "java" / "Scenario.java", SCENARIOS / "java" / http_client / "Pointer.java"]
        command = ["javac", "--release", "17", "-proc:none", "-cp", classpath, "-d", folder, *sources]
        run(command, seconds=SECONDS_TO_COMPILE, folder=folder)
    return ["java", "Scenario"], {"CLASSPATH": f"{folder}{os.pathsep}{classpath}"}
