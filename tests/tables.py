"""Tables of one test module, for what processes every row of a table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_hex
from types import MappingProxyType
from typing import Any

import pytest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.bootstrap.environment import Environment, current_environment, installed, rebuilt_services
from tapedeck_standin.samples.moto_aws import make_full_client
from tests.client import TEMPLATE
from tests.conftest import DYNAMODB_URL


@contextmanager
def using_memory_tables(prefix: str) -> Iterator[tuple[Any, dict[str, str]]]:
    """Make the functions use new tables in memory; yield the database, and the tables' names by logical id."""
    memory = MemoryDynamoDB()

    def make(service: str) -> object:
        return memory if service == "dynamodb" else make_client(service)

    names = TEMPLATE.create_tables(memory, prefix)
    with installed(replace(current_environment(), make_client=make)):
        yield memory, names


@contextmanager
def _using_new_tables(prefix: str) -> Iterator[tuple[Any, dict[str, str]]]:
    client = make_full_client("dynamodb")
    yield client, TEMPLATE.create_tables(client, prefix)


@contextmanager
def own_tables(settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Any]:
    """Make the functions use new tables while the context is open, in the database of this run; yield its client.

    Args:
        settings: further environment variables of the functions.
    """
    using_tables = _using_new_tables if DYNAMODB_URL else using_memory_tables
    with (
        installed(Environment()),
        using_tables(f"t{token_hex(4)}-") as (client, names),
        pytest.MonkeyPatch.context() as environment,
    ):
        tables = {"RECORDINGS_TABLE": names["RecordingsTable"], "CREDENTIALS_TABLE": names["CredentialsTable"]}
        for name, value in {**tables, **settings}.items():
            environment.setenv(name, value)
        with rebuilt_services():
            yield client
