"""Tests that the wire data agrees with the vendors' own OpenAPI files, where these are available."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.wire.facts import DIALECTS, FieldFacts, load
from tests.wire.samples import example
from tests.wire.vendor_files import (
    CORRECTIONS,
    UNDOCUMENTED_SOURCES,
    VendorDocument,
    are_available,
    contract_folder,
    known_operations,
    read,
)

NEEDS_FILES = pytest.mark.skipif(
    not are_available(),
    reason="needs the vendors' OpenAPI files: TAPEDECK_CONTRACT=folder, with openapi/twilio.json and signalwire.json",
)


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that a converted schema accepts; empty if it accepts all."""
    types: set[str] = set()
    for part in (schema, *schema.get("allOf", []), *schema.get("anyOf", [])):
        given = part.get("type", [])
        types.update([given] if isinstance(given, str) else given)
    return types


def _differences(document: VendorDocument, schema: str, fields: Mapping[str, FieldFacts]) -> list[str]:
    """Return how the fields of the data differ from those of a vendor's schema."""
    found = []
    described = document.converted({"$ref": f"#/components/schemas/{schema}"})["properties"]
    if list(described) != list(fields):
        found.append(f"{schema}: the fields are {list(described)}")
    for name, facts in fields.items():
        types = _types(described.get(name, {}))
        given = {facts.type, *(["null"] if facts.nullable else [])}
        if types and not given <= types:
            found.append(f"{schema}.{name}: the types are {sorted(types)}")
        allowed = set(described.get(name, {}).get("enum", ())) - {None}
        if allowed and not set(facts.enum or (facts.const,)) - UNDOCUMENTED_SOURCES <= allowed:
            found.append(f"{schema}.{name}: the values are {sorted(map(str, allowed))}")
    return found


@NEEDS_FILES
def test_the_data_agrees_with_the_vendors_files() -> None:
    """Fields, their order and types, enums, methods and statuses of the data are those of the vendors' files."""
    differences, facts = [], load()
    for dialect in DIALECTS:
        document = read(contract_folder(), dialect)
        for _, _, of, body in facts.bodies():
            if of == dialect:
                assert body.vendor_schema is not None
                differences += _differences(document, body.vendor_schema, body.fields)
        for name, vendor in known_operations(dialect).items():
            operation = facts.operations.operations[name]
            answers = operation.of(dialect)
            assert answers is not None
            data = operation.method, {*answers.success}, {*answers.errors}
            statuses = document.responses[vendor]
            theirs = (
                document.methods[vendor],
                {status for status in statuses if status < 400},
                {status for status in statuses if status >= 400},
            )
            data[2].discard(405)  # no vendor lists it
            # No vendor lists the answer without a media engine.
            begins = dialect == "twilio" and name in {"create_call_recording", "create_participant"}
            begins = begins or name == "create_call"
            data[2].difference_update({503} if begins else ())
            # The vendor lists 408 for one of the two updates of recordings only.
            data[2].difference_update({408} if name == "update_conference_recording" else ())
            # The vendor lists 409 for a number that is in use; here none is.
            theirs[2].difference_update({409} if name == "delete_incoming_phone_number" else ())
            if data != theirs:
                differences.append(f"{dialect} {name}: {theirs}")
    assert differences == []


@NEEDS_FILES
def test_a_response_is_also_checked_against_the_vendors_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that the vendor's file forbids is refused; each deliberate difference is needed by an example."""
    document = read(contract_folder(), "twilio")
    sample = example("twilio", "participant")
    vendor = document.validators["FetchParticipant", 200]
    assert list(vendor.iter_errors(sample.body)) == []
    assert [error.validator for error in vendor.iter_errors({**sample.body, "muted": "no"})] == ["type"]
    monkeypatch.setattr("tests.wire.vendor_files.CORRECTIONS", {})
    uncorrected = VendorDocument("twilio", {"components": {"schemas": document.schemas}, "paths": {}})
    for schema, fields in CORRECTIONS.items():
        properties = uncorrected.converted({"$ref": f"#/components/schemas/{schema}"})["properties"]
        for name in fields:
            needed = {"price": "string", "reason_conference_ended": "null"}[name]
            assert needed not in _types(properties[name]), f"{schema}.{name}"


def test_the_folder_of_the_files_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TAPEDECK_CONTRACT names the folder of the vendors' files; without them nothing else is checked."""
    monkeypatch.setenv("TAPEDECK_CONTRACT", str(tmp_path))
    assert not are_available()
    (tmp_path / "openapi").mkdir()
    for dialect in DIALECTS:
        (tmp_path / "openapi" / f"{dialect}.json").write_text("{}")
    assert are_available()
