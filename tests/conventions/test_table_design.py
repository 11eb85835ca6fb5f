"""`docs/reference/table-design.md` lists the attributes that the recordings table has, with their fields."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tapedeck.adapters.dynamodb import deliveries, items, presence
from tapedeck.adapters.dynamodb.fields import FieldTable
from tests.client import ROOT, TEMPLATE
from tests.simulation.scenarios import Everything
from tests.simulation.world import World

PAGE: Final = ROOT / "docs" / "reference" / "table-design.md"

FIELDS: Final[Mapping[str, FieldTable]] = {
    "Call": items._CALL,
    "Conference": items._CONFERENCE,
    "Participant": items._PARTICIPANT,
    "Recording": items._RECORDING,
    "Transcription": items._TRANSCRIPTION,
    "Callback delivery": deliveries._DELIVERY,
    "Health of a host": deliveries._HEALTH,
    "Presence of an engine": presence._PRESENCE,
}

KEYS: Final = {"PK", "SK"}
WRITE_TOKENS: Final = "`r1` … `r8`"
_ROW: Final = re.compile(r"^\| `([a-z_]+)` \| (?:`(\w+)`|none) \| \S.*\|$", re.MULTILINE)


def _section(text: str, heading: str) -> str:
    """Return the text between a heading of the third level and the next heading."""
    return re.split(r"^##", text.partition(f"\n### {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def documented(text: str, heading: str) -> dict[str, str | None]:
    """Return the attributes of one kind of item on a page, each with its field; None for those without a field."""
    section = _section(text, heading)
    rows: dict[str, str | None] = {attribute: field or None for attribute, field in _ROW.findall(section)}
    if f"| {WRITE_TOKENS} | none |" in section:
        rows |= {f"r{place}": None for place in range(1, 9)}
    return rows


def _kind(image: Mapping[str, Any]) -> str | None:
    """Return the page's heading for an item; None for rows and links."""
    partition, sort_key = image["PK"]["S"].split("#")[1], image["SK"]["S"]
    if partition == "CB":
        return None if sort_key == "closed" else "Callback delivery"
    if sort_key.startswith("REC#"):
        return "Recording"
    return {"CALL": "Call", "CONF": "Conference"}.get(sort_key, "Participant" if sort_key.startswith("PART#") else None)


@pytest.mark.parametrize("heading", FIELDS)
def test_the_page_lists_every_field(heading: str) -> None:
    """The page lists exactly the attributes that hold a field, in the order of the code, each with its field."""
    rows = documented(PAGE.read_text(encoding="utf-8"), heading)
    fields = [(attribute, field) for attribute, field in rows.items() if field is not None]
    assert fields == [(field.attribute, field.name) for field in FIELDS[heading].fields]


def test_the_page_lists_every_attribute_that_is_written() -> None:
    """A run with every kind of request and event writes no attribute that the page does not list."""
    written: defaultdict[str, set[str]] = defaultdict(set)
    with World(0, event_fault_rate=0) as world:
        note = world.history.note

        def collect(before: Any, after: Any) -> None:
            for image in (before, after):
                if image and (kind := _kind(image)) is not None:
                    written[kind] |= set(image) - KEYS
            note(before, after)

        world.history.note = collect  # type: ignore[method-assign]
        Everything(world).play()
    text = PAGE.read_text(encoding="utf-8")
    assert set(written) == {"Call", "Conference", "Participant", "Recording", "Callback delivery"}
    assert {kind: attributes - documented(text, kind).keys() for kind, attributes in written.items()} == {
        kind: set() for kind in written
    }


@pytest.mark.parametrize(
    "index", TEMPLATE.resources("AWS::DynamoDB::Table")["RecordingsTable"]["GlobalSecondaryIndexes"]
)
def test_the_page_lists_every_index(index: Mapping[str, Any]) -> None:
    """The page lists each index of the template with its two keys."""
    (hash_key, range_key) = [key["AttributeName"] for key in index["KeySchema"]]
    row = re.compile(rf"^\| `{index['IndexName']}` \| `{hash_key}`: .* \| `{range_key}` \|", re.MULTILINE)
    assert len(row.findall(PAGE.read_text(encoding="utf-8"))) == 1


def test_a_missing_attribute_is_noticed() -> None:
    """A row that is removed from the page, or that names another field, changes what the checks read."""
    text = PAGE.read_text(encoding="utf-8")
    row = "| `api` | `api_recording` |"
    assert documented(text, "Call")["api"] == "api_recording"
    assert "api" not in documented(text.replace(row, "| x |"), "Call")
    assert documented(text.replace(row, "| `api` | `recording` |"), "Call")["api"] == "recording"
