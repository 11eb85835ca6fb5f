"""Fixtures: an in-memory database with a clock that only tests advance, and comparisons with other databases."""

import os
from collections.abc import Iterator

import pytest
from moto import mock_aws

from dynamodb_memory.client import MemoryDynamoDB
from dynamodb_memory_tests.clock import ManualClock
from dynamodb_memory_tests.comparison import DYNAMODB_URL, DatabaseComparison
from dynamodb_memory_tests.tables import create_tables

# The user's own settings could lead botocore to another endpoint.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that starts at NOW."""
    return ManualClock()


@pytest.fixture
def memory(clock: ManualClock) -> MemoryDynamoDB:
    """An empty in-memory database with the tables."""
    memory = MemoryDynamoDB(clock)
    create_tables(memory)
    return memory


@pytest.fixture(scope="module")
def dynamodb_local() -> DatabaseComparison:
    """The comparison with DynamoDB Local."""
    return DatabaseComparison(DYNAMODB_URL)


@pytest.fixture(scope="module")
def moto() -> Iterator[DatabaseComparison]:
    """The comparison with moto, which omits `LastEvaluatedKey` if a page ends with its partition."""
    with mock_aws():
        yield DatabaseComparison("https://dynamodb.us-east-1.amazonaws.com", ignored=["LastEvaluatedKey"])
