"""The fixtures. Only pytest is imported until a test uses one."""

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
    from pytest_tapedeck.server import running  # noqa: PLC0415 - only where a test wants it

    with running() as server:
        yield server


@pytest.fixture
def tapedeck(tapedeck_server: Server) -> Tapedeck:
    """The stand-in, with an account of this test's own."""
    from pytest_tapedeck.client import Tapedeck  # noqa: PLC0415 - only where a test wants it

    server = tapedeck_server
    return Tapedeck.with_fresh_account(server.url, server.https_url, server.ca_file)
