"""The database of the store contract tests: in memory, or DynamoDB Local."""

from collections.abc import Iterator

import pytest

from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.bootstrap import http as api_bootstrap
from tests.conftest import DYNAMODB_URL, TestAccount
from tests.tables import using_memory_tables


@pytest.fixture(scope="module", params=["dynamodb-local"] if DYNAMODB_URL else ["memory"])
def database(request: pytest.FixtureRequest, aws: None) -> Iterator[str]:
    """The database of this run; the API and admin services use it."""
    del aws  # the emulator must be running
    name = str(request.param)
    if name != "memory":
        yield name
        return
    with using_memory_tables(""):
        yield name


@pytest.fixture
def table(account: TestAccount) -> ResourceTable:
    """The store that writes the items."""
    del account  # creates the tables
    found = api_bootstrap.get_api_services().calls._store
    assert isinstance(found, ResourceTable)
    return found
