"""The pytest fixtures of the plugin. Loading this module imports only pytest, so that tests start fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_tapedeck.client import Tapedeck
    from pytest_tapedeck.server import Server


@pytest.fixture(scope="session")
def tapedeck_server() -> Iterator[Server]:
    """A stand-in for this worker, or the one at `TAPEDECK_URL`."""
    from pytest_tapedeck.server import running_server  # noqa: PLC0415 - imported only by tests that use the fixture

    with running_server() as server:
        yield server


@pytest.fixture
def tapedeck(tapedeck_server: Server) -> Tapedeck:
    """A client of the stand-in, with a new account for this test."""
    from pytest_tapedeck.client import Tapedeck  # noqa: PLC0415 - imported only by tests that use the fixture

    server = tapedeck_server
    return Tapedeck.with_fresh_account(server.url, server.https_url, server.ca_file)
