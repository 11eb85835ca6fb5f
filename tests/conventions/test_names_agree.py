"""An operation has one name in its folder, the template and its event files.

`test_style.py` checks that it has a test module and sample events of that name.
"""

import pytest

from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import OPERATIONS


def test_each_folder_is_a_function_of_the_template() -> None:
    """The folders below `functions` and the functions of the template have the same names."""
    assert sorted(OPERATIONS) == sorted(TEMPLATE.operations.values())


@pytest.mark.parametrize(("logical_id", "operation"), sorted(TEMPLATE.operations.items()))
def test_the_logical_id_is_the_operation_in_camel_case(logical_id: str, operation: str) -> None:
    """`update_call_recording` is `UpdateCallRecordingFunction`."""
    assert logical_id == "".join(word.capitalize() for word in operation.split("_")) + "Function"


def test_each_event_file_belongs_to_an_operation() -> None:
    """Every event file begins with the name of an operation."""
    names = {path.name.partition(".")[0] for path in (ROOT / "events").glob("*.json")}
    assert names == set(OPERATIONS)
