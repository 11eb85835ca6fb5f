"""Databases for the store contract tests: the one of this run, and the in-memory one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.bootstrap.environment import current_environment, installed
from tests.client import TEMPLATE
from tests.conftest import DYNAMODB_URL


@pytest.fixture(scope="module", params=["dynamodb-local"] if DYNAMODB_URL else ["moto", "memory"])
def database(request: pytest.FixtureRequest, aws: None) -> Iterator[str]:
    """Run each test once per database; the API and admin services use it."""
    del aws  # the emulator must be running
    name = str(request.param)
    if name != "memory":
        yield name
        return
    memory = MemoryDynamoDB()
    TEMPLATE.create_tables(memory)

    def make(service: str) -> Any:
        return memory if service == "dynamodb" else make_client(service)

    with installed(replace(current_environment(), make_client=make)):
        yield name
