"""Databases for the store contract tests: the one of this run, and the in-memory one."""

from collections.abc import Iterator

import pytest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck_standin.aws.backend import make_full_client, using_memory_dynamodb
from tests.client import TEMPLATE
from tests.conftest import DYNAMODB_URL, TestAccount


@pytest.fixture(scope="module", params=["dynamodb-local"] if DYNAMODB_URL else ["moto", "memory"])
def database(request: pytest.FixtureRequest, aws: None) -> Iterator[str]:
    """Run each test once per database; the API and admin services use it."""
    del aws  # the emulator must be running
    name = str(request.param)
    if name != "memory":
        yield name
        return
    with using_memory_dynamodb(MemoryDynamoDB()):
        TEMPLATE.create_tables(make_full_client("dynamodb"))
        yield name


@pytest.fixture
def table(account: TestAccount) -> ResourceTable:
    """The store that writes the items."""
    del account  # creates the tables
    found = api_bootstrap.get_api_services().calls._store
    assert isinstance(found, ResourceTable)
    return found
