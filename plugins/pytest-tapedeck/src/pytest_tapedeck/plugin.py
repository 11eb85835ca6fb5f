"""The pytest fixtures of the plugin. Loading this module imports only pytest, so that tests start fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_tapedeck.client import Tapedeck
    from pytest_tapedeck.pool import PoolListener, ServerPool
    from pytest_tapedeck.server import Server

_POOL: pytest.StashKey[ServerPool] = pytest.StashKey()
_LISTENER: pytest.StashKey[PoolListener] = pytest.StashKey()
_PORT = "tapedeck_port"
_KEY = "tapedeck_key"
_MARKER = (
    'tapedeck(clock="frozen", seed=None): the clock of the test\'s server, "frozen" or "running", or a server of its '
    "own with this seed."
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - a class of pytest-xdist
    """Give a worker of pytest-xdist the port at which it gets the servers of the session, and the key for it."""
    from pytest_tapedeck.pool import PoolListener  # noqa: PLC0415 - imported only with workers

    stash = node.config.stash
    if _LISTENER not in stash:
        stash[_LISTENER] = PoolListener(_pool_of(node.config))
    node.workerinput[_PORT], node.workerinput[_KEY] = stash[_LISTENER].port, stash[_LISTENER].key


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers of the session, also after Ctrl-C."""
    if _LISTENER in config.stash:
        config.stash[_LISTENER].close()
    if _POOL in config.stash:
        config.stash[_POOL].close()


@pytest.fixture(scope="session")
def tapedeck_server(pytestconfig: pytest.Config) -> Server:
    """The server of the session, shared by all workers, or the one at `TAPEDECK_URL`."""
    return _shared_server(pytestconfig, _options_of(None))


@pytest.fixture
def tapedeck(request: pytest.FixtureRequest) -> Iterator[Tapedeck]:
    """A client of the server, with a new account for this test; the marker chooses clock and seed (C-335)."""
    from pytest_tapedeck.client import Tapedeck  # noqa: PLC0415 - imported only by tests that use the fixture
    from pytest_tapedeck.server import running_server, running_url  # noqa: PLC0415

    marker = request.node.get_closest_marker("tapedeck")
    options = _options_of(marker)
    if marker is not None and running_url() is not None:
        pytest.skip("the marker tapedeck needs a server that the plugin starts: TAPEDECK_URL is set")
    if "--seed" in options:
        # What a seed makes depends on all earlier requests, so no other test may use this server.
        with running_server(options) as own:
            yield Tapedeck.with_fresh_account(own.url, own.https_url, own.ca_file)
    else:
        server = _shared_server(request.config, options)
        yield Tapedeck.with_fresh_account(server.url, server.https_url, server.ca_file)


@pytest.fixture
def tapedeck_client(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - a class of the SDK
    """Twilio's client for the account of the test."""
    try:
        from twilio.rest import Client  # noqa: PLC0415 - it may not be installed
    except ImportError:
        pytest.skip("tapedeck_client needs Twilio's SDK: pip install twilio")
    tapedeck: Tapedeck = request.getfixturevalue("tapedeck")
    client = Client(tapedeck.account_sid, tapedeck.auth_token)
    client.api.base_url = tapedeck.url
    # A proxy of the environment cannot reach this machine.
    client.http_client.session.trust_env = False
    return client


def _options_of(marker: pytest.Mark | None) -> tuple[str, ...]:
    """Return the options of `serve` that a marker stands for."""
    given = dict(marker.kwargs) if marker is not None else {}
    clock, seed = given.pop("clock", None), given.pop("seed", None)
    is_valid = not given and (marker is None or not marker.args)
    if not (is_valid and clock in {None, "frozen", "running"} and (seed is None or type(seed) is int)):
        raise pytest.UsageError(f"the marker must be {_MARKER}")
    if seed is not None:
        if clock == "running":
            raise pytest.UsageError("the marker tapedeck: with a seed, the clock is frozen")
        return ("--seed", str(seed), "--clock", "frozen")
    return ("--clock", clock or "frozen")


def _shared_server(config: pytest.Config, options: tuple[str, ...]) -> Server:
    from pytest_tapedeck.pool import request_server  # noqa: PLC0415 - imported only by tests that use a server
    from pytest_tapedeck.server import connect, running_url  # noqa: PLC0415

    url = running_url()
    if url is not None:
        return connect(url)
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    shared = request_server(workerinput[_PORT], workerinput[_KEY], options) if _PORT in workerinput else None
    return shared or _pool_of(config).get(options)


def _pool_of(config: pytest.Config) -> ServerPool:
    from pytest_tapedeck.pool import ServerPool  # noqa: PLC0415 - imported only by sessions that use a server

    if _POOL not in config.stash:
        config.stash[_POOL] = ServerPool()
    return config.stash[_POOL]
