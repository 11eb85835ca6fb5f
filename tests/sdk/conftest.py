"""Fixture: a stand-in server for tests with the vendors' SDKs, started as users start it."""

import os
from collections.abc import Iterator

import pytest

from tests.sdk.program import Standin, shared_standin


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """Yield the stand-in that all workers of this test run share."""
    folder = tmp_path_factory.getbasetemp()
    # All workers of a run share the parent directory.
    with shared_standin((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "standin") as shared:
        yield shared


@pytest.fixture(autouse=True)
def every_response_has_the_wire_format(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test if the stand-in has sent a response without the wire format."""
    yield
    if "standin" in request.fixturenames:
        assert request.getfixturevalue("standin").faults.read_text(encoding="utf-8") == ""
