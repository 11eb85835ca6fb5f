"""A stand-in as its own users start it, for the vendors' SDKs."""

import os
from collections.abc import Iterator

import pytest

from tests.sdk.program import Standin, shared_standin


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One for the whole run, however many workers it has."""
    folder = tmp_path_factory.getbasetemp()
    # The parent is what a run's workers have in common.
    with shared_standin((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "standin") as shared:
        yield shared
