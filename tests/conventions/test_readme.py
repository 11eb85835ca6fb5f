"""Tests that the READMEs agree with the code."""

import re

import yaml

from tapedeck.http.routes import PREFIXES, strip_suffix
from tests.client import ROOT, TEMPLATE

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLUGIN_README = (ROOT / "plugins" / "pytest-tapedeck" / "README.md").read_text(encoding="utf-8")


def test_the_endpoint_table_matches_the_template() -> None:
    """The README lists exactly the routes of the template."""
    table = README.partition("<!-- endpoints")[2].partition("<!-- /endpoints")[0]
    rows = set(re.findall(r"^\| (\w+) \| `(/[^`]+)` \| `(\w+)` \|$", table, re.MULTILINE))
    routes = {
        (route.method, strip_suffix(route.path).removeprefix(f"{prefix}/Accounts/{{AccountSid}}"), route.operation)
        for route in TEMPLATE.routes
        for prefix in PREFIXES
        if route.path is not None and route.path.startswith(f"{prefix}/")
    }
    assert rows == routes


def test_every_named_make_target_exists() -> None:
    """Every `make` target in the README exists."""
    makefiles = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")]
    targets = set(
        re.findall(r"^([a-z-]+):", "\n".join(file.read_text(encoding="utf-8") for file in makefiles), re.MULTILINE)
    )
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert named <= targets


def test_every_named_file_exists() -> None:
    """Every file that the README names or links exists."""
    named = re.findall(r"`((?:examples|events|functions|layers|standin|requirements)/[\w./-]+\w)`", README)
    linked = re.findall(r"\]\(([\w./-]+)\)", README)
    missing = [name for name in (*named, *linked) if not (ROOT / name).exists()]
    assert missing == []


def test_container_recipes_reach_the_host() -> None:
    """Both container recipes set the options that a callback to `localhost` needs."""
    (command,) = re.findall(r"^    docker run .*", README, re.MULTILINE)
    (recipe,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(services:.*?)```", README, re.DOTALL))
    service = recipe["services"]["tapedeck"]
    for options in (command, service["options"]):
        assert "--add-host=host.docker.internal:host-gateway" in options
    assert "TAPEDECK_CALLBACK_HOST_MAP=localhost=host.docker.internal" in command
    assert service["env"] == {"TAPEDECK_CALLBACK_HOST_MAP": "localhost=host.docker.internal"}


def test_the_plugins_readme_shows_a_tested_example() -> None:
    """The example in the plugin's README is the first test of `examples/pytest`, except for its client and comments."""
    shown = PLUGIN_README.partition("base_url = tapedeck.url\n")[2].partition("```")[0].splitlines()
    tested = (ROOT / "examples" / "pytest" / "test_recording.py").read_text(encoding="utf-8")
    lines = [line.partition("  #")[0].strip() for line in shown if line.strip()]
    body = [line.strip() for line in tested.partition("def test_")[2].splitlines()]
    start = body.index(lines[0])
    assert lines == body[start : start + len(lines)]


def test_the_first_screen_states_the_requirements() -> None:
    """The first screen says that no account, network or Docker is needed, and what the first set-up downloads."""
    assert "No account, no network, no Docker" in README[:1200]
    assert "The first set-up downloads the pinned packages" in README[:1200]
