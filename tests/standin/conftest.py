"""A stand-in in this process, on ports of its own, over the AWS that all tests share."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tests.client import DIALECTS, ROOT, TEMPLATE
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, Place
from tests.standin.receiver import Receiver, receiving


@pytest.fixture(scope="module")
def place(aws: None) -> Iterator[Place]:  # noqa: ARG001 - only has to be there
    """A stand-in that answers over HTTP and HTTPS, with an account that requests name none for.

    It hears of everything in this process: it must not outlive the tests that want it.
    """
    from tapedeck.adapters.clock import system_clock
    from tapedeck.bootstrap import http as api_bootstrap
    from tapedeck.bootstrap.environment import current_environment, installed
    from tapedeck.settings import STANDIN_SIGNING_KEY
    from tapedeck_standin.app.container import AppOptions, build_application
    from tapedeck_standin.aws.backend import STANDIN_DEFAULTS
    from tapedeck_standin.http import certificates
    from tapedeck_standin.http.server import Server
    from tapedeck_standin.scheduler.clock import VirtualClock

    own = api_bootstrap.get_admin_services().accounts.create(signing_key=STANDIN_SIGNING_KEY)
    lines: list[str] = []
    application = None
    http, https = Server("127.0.0.1", 0), Server("127.0.0.1", 0)
    environment, services = pytest.MonkeyPatch(), ExitStack()
    for name, value in STANDIN_DEFAULTS.items():
        environment.setenv(name, value)
    services.enter_context(installed(replace(current_environment())))
    try:
        with certificates.issue() as identity:
            # A millisecond passes whenever somebody asks: what comes later is later, and no machine is too slow.
            ticks = count(system_clock())
            setting = AppOptions(VirtualClock(lambda: next(ticks)))
            application = build_application(ROOT, TEMPLATE, own.account, lines.append, port=http.port, setting=setting)
            application.start()
            http.start(application.answer)
            https.start(application.answer, identity.tls)
            yield Place(http.port, https.port, identity.ca_file, own.account, own.auth_token, lines)
    finally:
        http.stop()
        https.stop()
        if application is not None:
            application.stop()
        environment.undo()
        services.close()


@pytest.fixture
def control(place: Place, account: TestAccount) -> ControlClient:
    """Makes telephony happen in the test's own account."""
    return ControlClient(place, TWILIO.format_sid(ResourceType.ACCOUNT, account.id))


@pytest.fixture
def anonymous(place: Place) -> ControlClient:
    """Names no account."""
    return ControlClient(place)


@pytest.fixture
def api(place: Place, dialect: str, account: TestAccount) -> HttpFunctionClient:
    """Speaks the test's dialect for its account, over HTTP."""
    return HttpFunctionClient(DIALECTS[dialect], account.id, account.token, place=place)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server of the application's own, which hears of this test alone."""
    with receiving() as listening:
        yield listening
