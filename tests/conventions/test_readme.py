"""What the README says of the code, held to the code."""

import re

import yaml

from tapedeck.http.routes import PREFIXES, strip_suffix
from tests.client import ROOT, TEMPLATE

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLUGIN_README = (ROOT / "plugins" / "pytest-tapedeck" / "README.md").read_text(encoding="utf-8")


def test_the_endpoint_table_is_the_templates() -> None:
    """The README names every route of the template, and no other."""
    table = README.partition("<!-- endpoints")[2].partition("<!-- /endpoints")[0]
    rows = set(re.findall(r"^\| (\w+) \| `(/[^`]+)` \| `(\w+)` \|$", table, re.MULTILINE))
    routes = {
        (route.method, strip_suffix(route.path).removeprefix(f"{prefix}/Accounts/{{AccountSid}}"), route.operation)
        for route in TEMPLATE.routes
        for prefix in PREFIXES
        if route.path is not None and route.path.startswith(f"{prefix}/")
    }
    assert rows == routes


def test_every_make_target_that_it_names_exists() -> None:
    """A command that the README shows can be typed."""
    makefiles = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")]
    targets = set(
        re.findall(r"^([a-z-]+):", "\n".join(file.read_text(encoding="utf-8") for file in makefiles), re.MULTILINE)
    )
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert named <= targets


def test_every_file_that_it_names_exists() -> None:
    """What the README points at is there."""
    named = re.findall(r"`((?:examples|events|functions|layers|standin|requirements)/[\w./-]+\w)`", README)
    linked = re.findall(r"\]\(([\w./-]+)\)", README)
    missing = [name for name in (*named, *linked) if not (ROOT / name).exists()]
    assert missing == []


def test_a_container_is_shown_how_to_call_its_host() -> None:
    """Both recipes set what a callback to `localhost` needs in a container."""
    (command,) = re.findall(r"^    docker run .*", README, re.MULTILINE)
    (recipe,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(services:.*?)```", README, re.DOTALL))
    service = recipe["services"]["tapedeck"]
    for options in (command, service["options"]):
        assert "--add-host=host.docker.internal:host-gateway" in options
    assert "TAPEDECK_CALLBACK_HOST_MAP=localhost=host.docker.internal" in command
    assert service["env"] == {"TAPEDECK_CALLBACK_HOST_MAP": "localhost=host.docker.internal"}


def test_the_plugins_readme_shows_a_test_that_is_run() -> None:
    """Its example is the first of `examples/pytest`, but for remarks and how the client is made."""
    shown = PLUGIN_README.partition("base_url = tapedeck.url\n")[2].partition("```")[0].splitlines()
    run = (ROOT / "examples" / "pytest" / "test_recording.py").read_text(encoding="utf-8")
    lines = [line.partition("  #")[0].strip() for line in shown if line.strip()]
    body = [line.strip() for line in run.partition("def test_")[2].splitlines()]
    start = body.index(lines[0])
    assert lines == body[start : start + len(lines)]


def test_the_first_screen_says_what_is_not_needed() -> None:
    """A newcomer learns at once that neither an account nor the network nor Docker is needed, after a first set-up."""
    assert "No account, no network, no Docker" in README[:1200]
    assert "The first set-up downloads the pinned packages" in README[:1200]
