"""The field tables behind the items of the recordings table."""

import dataclasses
from typing import Any

import pytest

from tapedeck.adapters.dynamodb import deliveries, items
from tapedeck.adapters.dynamodb.fields import Field, FieldTable
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.domain.transcription import Transcription

ENTITIES = [
    (items._CALL, Call, {"account", "id"}),
    (items._CONFERENCE, Conference, {"account", "id"}),
    (items._PARTICIPANT, Participant, {"call", "conference"}),
    (items._RECORDING, Recording, {"id", "parent"}),
    (items._TRANSCRIPTION, Transcription, {"account", "id"}),
    (deliveries._DELIVERY, CallbackDelivery, {"account", "resource_id"}),
]


@pytest.mark.parametrize(("table", "entity", "of_the_key"), ENTITIES)
def test_a_table_has_every_field_of_its_entity(table: FieldTable, entity: type[Any], of_the_key: set[str]) -> None:
    """A field that is neither in the table nor in the key would be lost."""
    names = [field.name for field in table.fields]
    assert sorted(names) == sorted({field.name for field in dataclasses.fields(entity)} - of_the_key)
    assert len({field.attribute for field in table.fields}) == len(table.fields)


@pytest.mark.parametrize(("table", "entity", "of_the_key"), ENTITIES)
def test_an_absent_attribute_has_the_default_of_its_entity(
    table: FieldTable, entity: type[Any], of_the_key: set[str]
) -> None:
    """A value that is not stored is read as the same value."""
    del of_the_key
    declared = {field.name: field for field in dataclasses.fields(entity)}
    for field in table.fields:
        if field.is_optional:
            default = declared[field.name]
            made = default.default if default.default_factory is dataclasses.MISSING else default.default_factory()
            assert made == field.default, field.name


def test_only_required_attributes_must_be_present() -> None:
    """A missing optional attribute is left to the domain class; a missing required one is an error."""
    table = FieldTable(Field("n", "number"), Field("k", "kind"), Field("t", "text", None, str.upper, str.lower))
    assert table.parse({"n": 1, "k": "x", "other": 2}) == {"number": 1, "kind": "x"}
    assert table.parse({"n": 1, "k": "x", "t": "ABC"}) == {"number": 1, "kind": "x", "text": "abc"}
    with pytest.raises(KeyError, match="k"):
        table.parse({"n": 1})
