"""An operation has one name in its folder, the template and its event files.

`test_style.py` checks that it has a test module and sample events of that name.
"""

import pytest

from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import OPERATIONS


def test_each_folder_is_a_function_of_the_template() -> None:
    """The folders below `functions` and the functions of the template have the same names."""
    folders, functions = set(OPERATIONS), set(TEMPLATE.operations.values())
    missing = [
        *(f"functions/{name} has no function in template.yaml" for name in sorted(folders - functions)),
        *(f"{name} is in template.yaml, but not in functions/" for name in sorted(functions - folders)),
    ]
    assert missing == [], "\n".join(missing)
    assert sorted(OPERATIONS) == sorted(TEMPLATE.operations.values())


@pytest.mark.parametrize(("logical_id", "operation"), sorted(TEMPLATE.operations.items()))
def test_the_logical_id_is_the_operation_in_camel_case(logical_id: str, operation: str) -> None:
    """`update_call_recording` is `UpdateCallRecordingFunction`."""
    assert logical_id == "".join(word.capitalize() for word in operation.split("_")) + "Function"


def test_each_event_file_belongs_to_an_operation() -> None:
    """Every event file begins with the name of an operation, and every operation has an event file."""
    names = {path.name.partition(".")[0] for path in (ROOT / "events").glob("*.json")}
    missing = [
        *(f"events/{name}.*.json: no such file" for name in sorted(set(OPERATIONS) - names)),
        *(f"events/{name}.*.json: functions/{name} does not exist" for name in sorted(names - set(OPERATIONS))),
    ]
    assert missing == [], "\n".join(missing)
