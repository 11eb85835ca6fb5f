"""What the pages name exists: files, make targets, options of `tapedeck serve`, and what workflows consist of."""

import re
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from tapedeck_standin.cli import serve
from tests.tutorials.page import ROOT, read_blocks
from tests.tutorials.test_pages import PAGES, page_name

ACTIONS: Final = {"actions/checkout@v4", "astral-sh/setup-uv@v6"}
VARIABLES: Final = {option.envvar for option in serve.params if isinstance(option, click.Option)}
PLUGIN_VARIABLES: Final = {"TAPEDECK_COMMAND", "TAPEDECK_URL", "TAPEDECK_READY"}
CONNECTOR_VARIABLES: Final = {"TAPEDECK_ENGINE_TOKEN"}


def _yaml(page: str) -> dict[str, Any]:
    """Return the YAML files that a how-to guide shows, by name."""
    blocks = read_blocks(ROOT / "docs" / "how-to" / page)
    return {str(block.title): yaml.safe_load(block.content) for block in blocks if block.language == "yaml"}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_named_files_and_targets_exist(page: Path) -> None:
    """Every file of the repository and every make target that a page names exists."""
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"\b((?:examples|events|functions|layers|scripts|tests)/[\w./-]+\.\w+)", text)
    makefiles = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")]
    targets = {
        target for file in makefiles for target in re.findall(r"^([a-z-]+):", file.read_text("utf-8"), re.MULTILINE)
    }
    missing = [name for name in files if not (ROOT / name).exists()]
    assert (missing, set(re.findall(r"make ([a-z-]+)\b(?=[`\n ])", "\n".join(_commands(page)))) - targets) == (
        [],
        set(),
    )


def _commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [
        *(block.content for block in read_blocks(page) if block.language == "sh"),
        *re.findall(r"`(make [^`]+)`", text),
    ]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_named_variables_exist(page: Path) -> None:
    """Every variable of Tapedeck that a page names is one of the server, of the plugin or of a connector."""
    named = set(re.findall(r"\bTAPEDECK_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    assert named - VARIABLES - PLUGIN_VARIABLES - CONNECTOR_VARIABLES == set()


def test_the_workflows_have_githubs_form() -> None:
    """Each workflow is triggered by a push; its steps are known actions or commands, and hide Tapedeck's tests."""
    workflows = _yaml("github-actions.md")
    assert sorted(workflows) == [f".github/workflows/{name}.yaml" for name in ("process", "pytest", "service")]
    for workflow in workflows.values():
        # YAML reads the key `on` as true.
        assert (workflow[True], set(workflow)) == (["push"], {True, "name", "jobs"})
        (job,) = workflow["jobs"].values()
        assert set(job) <= {"runs-on", "env", "services", "steps"}
        for step in job["steps"]:
            assert set(step) <= {"uses", "with", "run", "if"}
            assert ("uses" in step) != ("run" in step)
            assert step.get("uses", "actions/checkout@v4") in ACTIONS
            # Pytest collects no tests from a folder whose name begins with a dot.
            assert step.get("with", {}).get("path", ".").startswith(".")


def test_containers_lead_callbacks_to_the_host() -> None:
    """The service container and the command for Docker set both options that a callback to `localhost` needs."""
    service = _yaml("github-actions.md")[".github/workflows/service.yaml"]["jobs"]["test"]["services"]["tapedeck"]
    assert service["env"] == {"TAPEDECK_CALLBACK_HOST_MAP": "localhost=host.docker.internal"}
    # The control API is open in a container: its port is published to the runner alone.
    assert service["ports"] == ["127.0.0.1:3000:3000"]
    assert service["options"] == "--add-host=host.docker.internal:host-gateway"
    (command,) = [
        block.content for block in read_blocks(ROOT / "docs" / "how-to" / "docker.md") if "add-host" in block.content
    ]
    assert "--add-host=host.docker.internal:host-gateway" in command
    assert "-e TAPEDECK_CALLBACK_HOST_MAP=localhost=host.docker.internal" in command


def test_composes_callbacks_name_the_service() -> None:
    """In the Compose file, callbacks lead to the services' names: the URLs in them, and those that they are sent to."""
    services = _yaml("docker.md")["compose.yaml"]["services"]
    assert services["tapedeck"]["environment"] == {
        "TAPEDECK_EXTERNAL_URL": services["application"]["environment"]["TWILIO_API_URL"],
        "TAPEDECK_CALLBACK_ALLOWED_HOSTS": "application",
    }
