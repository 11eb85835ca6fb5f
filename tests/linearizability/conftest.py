"""The tables of these tests on DynamoDB Local."""

import os
import time
from collections.abc import Iterator

import botocore.session
import pytest

from tests.client import TEMPLATE


@pytest.fixture(scope="module")
def table() -> Iterator[str]:
    """Create the recordings table of the template; return its name."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", os.environ["TAPEDECK_DYNAMODB_URL"])
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        dynamodb = botocore.session.get_session().create_client("dynamodb")
        tables = TEMPLATE.create_tables(dynamodb, f"linearizability-{time.time_ns()}-")
        yield tables["RecordingsTable"]
