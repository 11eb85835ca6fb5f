"""A stand-in in this process, on free ports, with a backend of its own."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Final
from unittest.mock import patch

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck_standin.app.determinism import OrderedIds
from tapedeck_standin.app.engines import EngineMode
from tapedeck_standin.clock import VirtualClock
from tests.client import DIALECTS, ROOT, TEMPLATE
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver, receiving
from tests.wire.gateway import checked_gateways

FAULTS: Final[list[str]] = []
"""The responses of the stand-in that do not have the wire format."""


@pytest.fixture(autouse=True)
def every_response_has_the_wire_format() -> Iterator[None]:
    """Fails the test if the stand-in has sent a response without the wire format."""
    FAULTS.clear()
    yield
    assert FAULTS == []


@contextmanager
def serving(
    engine: EngineMode = "simulated",
    variables: Mapping[str, str] | None = None,
    clock: VirtualClock | None = None,
    api_hosts: frozenset[str] | None = None,
    *,
    is_token_public: bool = False,
    proxy_hosts: tuple[str, ...] = (),
) -> Iterator[StandIn]:
    """Run a stand-in over HTTP and HTTPS, with this media engine, environment, clock, and these hosts of the API.

    `is_token_public`: its token counts as the default one, which everyone knows.
    `proxy_hosts`: further names of its proxy.
    """
    from tapedeck.adapters.clock import system_clock
    from tapedeck.bootstrap import http as api_bootstrap
    from tapedeck.bootstrap.environment import Environment, installed
    from tapedeck.settings import STANDIN_SIGNING_KEY
    from tapedeck_standin.app.container import AppOptions, build_application
    from tapedeck_standin.aws.backend import emulated_aws
    from tapedeck_standin.http import certificates
    from tapedeck_standin.http.server import Server

    lines: list[str] = []
    application = None
    http, https = Server("127.0.0.1", 0), Server("127.0.0.1", 0)
    services = ExitStack()
    services.enter_context(patch.dict(os.environ))
    services.enter_context(installed(Environment()))
    backend = services.enter_context(emulated_aws(TEMPLATE, variables or {}))
    services.enter_context(checked_gateways(FAULTS.append))
    if clock is not None and clock.is_frozen:
        services.enter_context(OrderedIds().installed())
    own = api_bootstrap.get_admin_services().accounts.create(signing_key=STANDIN_SIGNING_KEY)
    try:
        with certificates.issue(*proxy_hosts) as identity:
            # Each read of the clock advances it by a millisecond: times are distinct, and slow machines do not matter.
            ticks = count(system_clock())
            setting = AppOptions(
                clock or VirtualClock(lambda: next(ticks)), engine=engine, api_hosts=api_hosts,
                public_token=own.auth_token if is_token_public else None, ca_file=identity.ca_file,
                proxy_hosts=proxy_hosts,
            )  # fmt: skip
            application = build_application(
                ROOT, TEMPLATE, own.account, lines.append, port=http.port, backend=backend, setting=setting
            )
            application.start()
            http.start(application.answer, tunnel=identity.tls, arrive=application.arrive)
            https.start(application.answer, identity.tls, arrive=application.arrive)
            yield StandIn(http.port, https.port, identity.ca_file, own.account, own.auth_token, lines)
    finally:
        http.stop()
        https.stop()
        if application is not None:
            application.stop()
        services.close()


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in over HTTP and HTTPS, with a default account for requests that name none.

    Module scope: it processes all rows of its tables, so a test takes longer after many others.
    """
    with serving() as running:
        yield running


@pytest.fixture
def control(standin: StandIn, account: TestAccount) -> ControlClient:
    """A control client for the test's own account."""
    return ControlClient(standin, TWILIO.format_sid(ResourceType.ACCOUNT, account.id))


@pytest.fixture
def anonymous(standin: StandIn) -> ControlClient:
    """A control client that names no account."""
    return ControlClient(standin)


@pytest.fixture
def api(standin: StandIn, dialect: str, account: TestAccount) -> HttpFunctionClient:
    """An API client in the test's dialect for its account, over HTTP."""
    return HttpFunctionClient(DIALECTS[dialect], account.id, account.token, standin=standin)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An application's callback server, for this test only."""
    with receiving() as listening:
        yield listening
