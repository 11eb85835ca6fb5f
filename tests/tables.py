"""Tables of one test module, for what processes every row of a table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from secrets import token_hex
from types import MappingProxyType

import pytest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.bootstrap.environment import Environment, installed, rebuilt_services
from tapedeck_standin.aws.backend import make_full_client, using_memory_dynamodb
from tests.client import TEMPLATE
from tests.thoroughness import SIZE


@contextmanager
def own_tables(settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Make the functions use new tables while the context is open; in memory at the size `fast`.

    Args:
        settings: further environment variables of the functions.
    """
    with installed(Environment()), using_memory_dynamodb(MemoryDynamoDB()) if SIZE == "fast" else nullcontext():
        names = TEMPLATE.create_tables(make_full_client("dynamodb"), f"t{token_hex(4)}-")
        with pytest.MonkeyPatch.context() as environment:
            tables = {"RECORDINGS_TABLE": names["RecordingsTable"], "CREDENTIALS_TABLE": names["CredentialsTable"]}
            for name, value in {**tables, **settings}.items():
                environment.setenv(name, value)
            with rebuilt_services():
                yield
