"""A stand-in whose clock is frozen, an application of its own for each test, and a caller."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck_standin.clock import VirtualClock
from tests.acceptance.scene import Scene
from tests.client import DIALECTS
from tests.standin.conftest import every_response_has_the_wire_format, serving
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver, receiving

__all__ = ["every_response_has_the_wire_format"]

START: Final = 1_748_779_200_000
"""1 June 2025, 12:00 UTC, in milliseconds."""
_numbers: Final = count(100)


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in in which no time passes by itself."""
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as running:
        yield running


@pytest.fixture
def app() -> Iterator[Receiver]:
    """The application of this test."""
    with receiving() as listening:
        yield listening


@pytest.fixture
def make_scene(standin: StandIn, app: Receiver) -> Callable[[str], Scene]:
    """Creates an account of this dialect with a number whose instructions are at `/voice` of the application."""

    def make(dialect: str) -> Scene:
        made = ControlClient(standin).post("/accounts").body
        chosen = DIALECTS[dialect]
        sid = made["sid"][dialect]
        control = ControlClient(standin, sid)
        account = chosen.parse_sid(ResourceType.ACCOUNT, sid)
        assert account is not None
        api = HttpFunctionClient(chosen, account, made["token"], standin=standin)
        key = made["token"] if dialect == "twilio" else made["signing_key"]
        scene = Scene(dialect, control, api, app, key, f"+1202666{next(_numbers):04}")
        scene.add_number()
        return scene

    return make


@pytest.fixture
def scene(dialect: str, make_scene: Callable[[str], Scene]) -> Scene:
    """The scene of a test that applies to both dialects."""
    return make_scene(dialect)


@pytest.fixture
def twilio(make_scene: Callable[[str], Scene]) -> Scene:
    """The scene of a test about Twilio's dialect."""
    return make_scene("twilio")


@pytest.fixture
def signalwire(make_scene: Callable[[str], Scene]) -> Scene:
    """The scene of a test about SignalWire's dialect."""
    return make_scene("signalwire")
