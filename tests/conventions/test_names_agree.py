"""An operation has one name: in its folder, the template, its tests and its event files."""

from typing import Final

import pytest

from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import OPERATIONS

TESTED_TOGETHER: Final = {
    "issue_api_key": "create_account",
    "list_callbacks": "callback_admin",
    "redrive_failed_changes": "callback_admin",
    "replay_callback": "callback_admin",
    "revoke_api_key": "create_account",
    "revoke_auth_token": "create_account",
    "rotate_auth_token": "create_account",
    "set_media_access": "create_account",
}
"""The test modules of functions for operators that have none of their own."""


def test_each_folder_is_a_function_of_the_template() -> None:
    """The folders below `functions` and the functions of the template have the same names."""
    assert sorted(OPERATIONS) == sorted(TEMPLATE.operations.values())


@pytest.mark.parametrize(("logical_id", "operation"), sorted(TEMPLATE.operations.items()))
def test_the_logical_id_is_the_operation_in_camel_case(logical_id: str, operation: str) -> None:
    """`update_call_recording` is `UpdateCallRecordingFunction`."""
    assert logical_id == "".join(word.capitalize() for word in operation.split("_")) + "Function"


@pytest.mark.parametrize("operation", sorted({*OPERATIONS} - TESTED_TOGETHER.keys()))
def test_each_operation_has_a_test_module(operation: str) -> None:
    """`tests/functions/test_<operation>.py` exists."""
    assert (ROOT / "tests" / "functions" / f"test_{operation}.py").is_file()


@pytest.mark.parametrize(("operation", "group"), sorted(TESTED_TOGETHER.items()))
def test_operations_for_operators_are_tested_in_a_common_module(operation: str, group: str) -> None:
    """The module of the group calls the operation by its name."""
    module = ROOT / "tests" / "functions" / f"test_{group}.py"
    assert f'"{operation}"' in module.read_text(encoding="utf-8")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_has_an_event_file(operation: str) -> None:
    """At least one event file begins with the operation's name."""
    assert sorted((ROOT / "events").glob(f"{operation}.*.json")) != []


def test_each_event_file_belongs_to_an_operation() -> None:
    """No event file begins with another name."""
    names = {path.name.partition(".")[0] for path in (ROOT / "events").glob("*.json")}
    assert names - set(OPERATIONS) == set()
