"""The wire reference states what the code does: generated blocks, the index of operations, fields and signatures."""

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from twilio.request_validator import RequestValidator

from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import sign
from tapedeck.domain.notification import RecordingEvent
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.http.routes import SHAPES
from tests.client import ROOT
from tests.conventions.sources import OPERATIONS

WIRE: Final = ROOT / "docs" / "reference" / "wire"
SCRIPT: Final = ROOT / "scripts" / "make_wire_docs.py"
VECTORS: Final[list[dict[str, Any]]] = json.loads((WIRE / "signature-vectors.json").read_text("utf-8"))

WITHOUT_ROUTE: Final = {
    "create_account", "default", "deliver_callback", "issue_api_key", "list_callbacks", "list_unsettled",
    "publish_changes", "reconcile", "redrive_failed_changes", "replay_callback", "revoke_api_key",
    "revoke_auth_token", "rotate_auth_token", "set_media_access", "set_confirm", "create_engine", "list_engines",
    "rotate_engine_token", "revoke_engine_token", "delete_engine", "finish_recording",
    "take_engine_events", "open_engine_session", "open_upload", "fetch_document",
}  # fmt: skip
"""The functions that are not operations of the vendors' APIs."""


def page(name: str) -> str:
    """Return the text of a page."""
    return (WIRE / f"{name}.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    level, _, _ = title.partition(" ")
    found = re.search(rf"^{re.escape(title)}$(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def table(text: str) -> list[list[str]]:
    """Return the rows of all tables in a text, without head and line."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    lines = [place for place, row in enumerate(rows) if set(row[0]) == {"-"}]
    return [row for place, row in enumerate(rows) if place not in lines and place + 1 not in lines]


def _script() -> Any:
    """Import the script that generates the blocks."""
    spec = importlib.util.spec_from_file_location("make_wire_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_blocks_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """Each generated table and example equals what the code, the data and the sample events yield now."""
    code = _script().main(["--check"])
    assert (capsys.readouterr().out, code) == ("", 0)


def test_a_stale_block_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page with another value in a generated block fails the check and is named; writing it makes it current."""
    script = _script()
    stale = tmp_path / "errors.md"
    stale.write_text(page("errors").replace("401, 20003", "401, 20004"), encoding="utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "PAGES", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "wire_docs.toml").write_bytes((ROOT / "scripts" / "wire_docs.toml").read_bytes())
    assert script.main(["--check"]) == 1
    assert capsys.readouterr().out == "errors.md is stale: run make wire-docs\n"
    assert (script.main([]), script.main(["--check"])) == (0, 0)
    assert stale.read_text("utf-8") == page("errors")


def test_the_index_has_every_operation() -> None:
    """The index has each operation once, with the method and the path of its route."""
    rows = table(section(page("operations"), "## Index"))
    assert sorted(row[0].strip("`") for row in rows) == sorted(set(OPERATIONS) - WITHOUT_ROUTE)
    listed = {
        (path.strip("/`").removeprefix("Accounts/{AccountSid}"), method)
        for _, methods, paths, *_ in rows
        for path in paths.split(", ")
        for method in methods.split(", ")
    }
    assert listed == {("Accounts", "GET"), *((path, method) for path, methods in SHAPES.items() for method in methods)}


def test_rules_that_are_not_followed_are_marked() -> None:
    """Each mark "Not followed yet" has a name; the names are exactly those that strict tests expect to fail."""
    rules = yaml.safe_load((ROOT / "tests" / "wire" / "data" / "not_followed.yaml").read_text("utf-8"))["rules"]
    marked = [
        name
        for path in sorted(WIRE.glob("*.md"))
        for name in re.findall(r"Not followed yet(?: \(`(\w+)`\):)?(?! *\")", path.read_text("utf-8"))
    ]
    assert sorted(marked) == sorted(rule["rule"] for rule in rules)


@pytest.mark.parametrize(("column", "dialect"), [(1, "twilio"), (2, "signalwire")])
def test_the_fields_of_recording_callbacks(column: int, dialect: str) -> None:
    """The table has exactly the fields that any recording callback has, in the order of sending."""
    rows = table(section(page("callbacks"), "## Recordings"))
    listed = [row[0].strip("`") for row in rows if re.fullmatch(r"`[A-Z]\w+`", row[0]) and row[column] != "no"]
    of_call = Recording(
        "0" * 32, Parent("1" * 32, ParentKind.CALL, "2" * 32), RecordingStatus.COMPLETED,
        Source.START_CALL_RECORDING, 10, call="2" * 32, started=5, duration=5,
    )  # fmt: skip
    of_conference = replace(of_call, parent=Parent("1" * 32, ParentKind.CONFERENCE, "3" * 32))
    for recording in (of_call, of_conference):
        for event in (RecordingEvent.IN_PROGRESS, RecordingEvent.COMPLETED, RecordingEvent.ABSENT):
            sent = list(callbacks_in(dialect).recording(recording, event, "https://api.example.com"))
            assert sent == [name for name in listed if name in sent]
    complete = {
        name
        for recording in (of_call, of_conference)
        for name in callbacks_in(dialect).recording(recording, RecordingEvent.COMPLETED, "https://api.example.com")
    }
    assert set(listed) == complete


@pytest.mark.parametrize(("column", "dialect"), [(1, "twilio"), (2, "signalwire")])
def test_the_fields_of_conference_callbacks(column: int, dialect: str) -> None:
    """The examples of conference callbacks have exactly the fields of the table, in its order."""
    text = section(page("callbacks"), "## Conferences")
    cells = {row[0]: re.findall(r"`(\w+)`", row[column]) for row in table(text) if len(row) == 3}
    examples = {
        name: [line.partition("=")[0] for line in block.splitlines()]
        for name, block in re.findall(r"<!-- generated: callback (\S+) -->\s+```text\n(.*?)\n```", text, re.DOTALL)
    }
    assert examples[f"{dialect}.end"] == cells["all"] + cells["`conference-end`"]
    if dialect == "twilio":
        assert examples["twilio.leave"] == cells["all"] + cells["of a participant"] + cells["`participant-leave`"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_a_signature_vector_is_right(vector: dict[str, Any]) -> None:
    """The signature, the signed text and the header are Tapedeck's, and Twilio's validator accepts the signature."""
    key, url, form = vector["key"], vector["url"], vector["form"]
    assert sign(key, url, form) == vector["signature"]
    assert vector["signed"] == url + "".join(name + form[name] for name in sorted(form))
    assert vector["header"] in callbacks_in(vector["dialect"]).headers(vector["signature"], "token")
    assert RequestValidator(key).validate(url, form, vector["signature"])
