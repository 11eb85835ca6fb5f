"""Tests of scripts/sam_local.py and scripts/sam_local_server.py that need no container."""

import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from scripts import sam_local, sam_local_server
from tests.client import ROOT, TEMPLATE

FUNCTION: Final = "AWS::Serverless::Function"


@pytest.fixture
def made() -> dict[str, Any]:
    """The template for `sam local` with two variables."""
    return sam_local_server.make_template(TEMPLATE.content, TEMPLATE.operations, ["TABLE", "AWS_ENDPOINT_URL"])


def test_the_template_has_every_function_with_its_code_and_routes(made: dict[str, Any]) -> None:
    """The made template has the functions of the project's template, their folders, and the routes of the API."""
    functions = {
        name: resource["Properties"] for name, resource in made["Resources"].items() if resource["Type"] == FUNCTION
    }
    folders = {name: (ROOT / sam_local.FOLDER / function["CodeUri"]).resolve() for name, function in functions.items()}
    assert folders == {name: ROOT / "functions" / operation for name, operation in TEMPLATE.operations.items()}
    events = [event["Properties"] for function in functions.values() for event in function["Events"].values()]
    assert {(event.get("Method", "ANY"), event.get("Path")) for event in events} == {
        (route.method, route.path) for route in TEMPLATE.routes
    }


def test_the_template_declares_the_variables_for_every_function(made: dict[str, Any]) -> None:
    """The variables are declared globally without values, so no function has variables of its own."""
    assert made["Globals"]["Function"]["Environment"] == {"Variables": {"AWS_ENDPOINT_URL": "", "TABLE": ""}}
    assert [name for name, each in made["Resources"].items() if "Environment" in each["Properties"]] == []


def test_the_template_refers_only_to_its_own_resources(made: dict[str, Any]) -> None:
    """Every reference in the made template names a layer or the API in it."""
    assert set(_references(made)) == {"Api", "EncoderLayer", "SharedLayer"}
    assert set(_references(made)) <= set(made["Resources"])


def test_every_event_file_has_a_command() -> None:
    """The list of commands has one for each event file, with the function that the file is named after."""
    commands = sam_local_server.make_commands(TEMPLATE.operations)
    events = sorted((ROOT / "events").glob("*.json"))
    assert [command.rpartition("/")[2] for command in commands] == [event.name for event in events]
    example = "GetCallFunction --event events/get_call.twilio.in_progress.json"
    assert f".venv/bin/sam local invoke {example}" in commands


def test_the_environment_has_every_variable_of_the_template() -> None:
    """Every variable that the project's template declares for a function gets a value from the emulated AWS."""
    values = dict.fromkeys(
        ["RecordingsTable", "CredentialsTable", "SigningKey", "MediaBucket", "FailedBatchesBucket"], "made"
    )
    assert sam_local_server.declared_variables(TEMPLATE.content) == set(TEMPLATE.environment(values))


def test_samconfig_names_the_made_files() -> None:
    """`sam local invoke` and `start-api` take the template and variables from samconfig.toml, and pull no image."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))["default"]
    made = {
        "template_file": str(sam_local.TEMPLATE),
        "env_vars": str(sam_local.VARIABLES),
        "skip_pull_image": True,
    }
    assert config["local_invoke"]["parameters"] == made
    assert config["local_start_api"]["parameters"] == {**made, "warm_containers": "LAZY"}


@pytest.mark.parametrize(
    ("command", "code", "output", "errors"),
    [
        ("seed", 1, "", "sam-local: the emulated AWS is not running: start it with make sam-local\n"),
        ("stop", 0, "sam-local: the emulated AWS is not running\n", ""),
        ("begin", 2, "", "usage: python -m scripts.sam_local start | seed | stop\n"),
    ],
)
def test_without_a_server(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    code: int,
    output: str,
    errors: str,
) -> None:
    """Without a running server, `seed` fails with the command that starts it, and `stop` does nothing."""
    monkeypatch.setattr(sam_local, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert sam_local.main([command]) == code
    assert capsys.readouterr() == (output, errors)


def _references(part: Any) -> list[str]:
    match part:
        case {"Ref": name}:
            return [name]
        case dict():
            return [name for value in part.values() for name in _references(value)]
        case list():
            return [name for value in part for name in _references(value)]
        case _:
            return []
