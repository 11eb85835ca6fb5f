"""What the README says of the code, held to the code."""

import re

from tapedeck.edge.routes import PREFIXES, strip_suffix
from tests.client import ROOT, TEMPLATE

README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_the_first_screen_says_what_is_not_needed() -> None:
    """A newcomer learns at once that neither an account nor the network nor Docker is needed, after a first set-up."""
    assert "No account, no network, no Docker" in README[:1200]
    assert "The first set-up downloads the pinned packages" in README[:1200]
