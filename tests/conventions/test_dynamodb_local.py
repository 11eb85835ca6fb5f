"""Tests which modules run on DynamoDB Local as well as in memory."""

import pytest

from tapedeck.http.routes import is_engine_path
from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import OPERATIONS
from tests.functions.conftest import ON_DYNAMODB_LOCAL

LISTS_OR_WRITES = ("create_", "delete_", "list_", "remove_", "update_")


def test_operations_that_write_or_list_run_on_dynamodb_local(request: pytest.FixtureRequest) -> None:
    """`make test-dynamodb-local` runs the tests of every operation that writes or lists, and of paging."""
    routed = {route.operation for route in TEMPLATE.routes if not is_engine_path(route.path or "")}
    required = {f"test_{each}" for each in OPERATIONS if each in routed and each.startswith(LISTS_OR_WRITES)}
    required |= {"test_paging", "test_requests"}
    assert {name for name in required if not ON_DYNAMODB_LOCAL.fullmatch(name)} == set()
    # The tests of this run that have no marker.
    functions = [item for item in request.session.items if item.path.parent == ROOT / "tests" / "functions"]
    unmarked = {item.path.stem for item in functions if item.get_closest_marker("dynamodb_local") is None}
    assert required & unmarked == set()
