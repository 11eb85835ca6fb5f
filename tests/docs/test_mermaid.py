"""Tests that the diagrams' library is the pinned one, and that it comes from this machine."""

import re
from pathlib import Path

import pytest

from scripts import fetch_mermaid
from tests.client import ROOT


def test_another_package_is_rejected() -> None:
    """A package with another digest than the pinned one is an error that names both."""
    with pytest.raises(fetch_mermaid.FetchError, match=r"mermaid@11\.17\.2 has the SHA-512 digest z4PhNX7v.*V6K3C8EB"):
        fetch_mermaid.verify(b"")


def test_npm_is_needed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without npm the error says what to install; a file that is there already is kept, without npm."""
    monkeypatch.setenv("PATH", str(tmp_path))
    target = tmp_path / "mermaid.min.js"
    assert fetch_mermaid.main([str(target)]) == 1
    assert capsys.readouterr().err == (
        "docs: npm is needed, once, to download mermaid@11.17.2 for the diagrams; install Node.js with npm\n"
    )
    target.write_text("// Mermaid")
    assert fetch_mermaid.main([str(target)]) == 0
    assert target.read_text() == "// Mermaid"


def test_the_build_uses_the_fetched_file() -> None:
    """The Makefile stores the library where the site's build looks for it, in a folder with the pinned version."""
    (stored,) = re.findall(r"^MERMAID := (.+)$", (ROOT / "make" / "docs.mk").read_text("utf-8"), re.MULTILINE)
    (used,) = re.findall(r'MERMAID: Final = Path\("(.+)"\)', (ROOT / "scripts" / "mkdocs_hooks.py").read_text("utf-8"))
    assert stored == used == f".cache/{fetch_mermaid.PACKAGE.replace('@', '-')}/mermaid.min.js"
