"""SignalWire's SDK for Python, unmodified, in an environment of its own, for it pins an old one of Twilio's."""

from pathlib import Path

import pytest

from tests.sdk.expected import comparable, expected_trace, expected_words, with_named_sids
from tests.sdk.program import EXAMPLES, Standin, run_recipe, run_scenario, signalwire_python

pytestmark = pytest.mark.signalwire_sdk


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that has the SDK."""
    return signalwire_python()


def test_scenario(python: Path, standin: Standin) -> None:
    """Every step shows what SignalWire's would, every refusal its status and code, over HTTP and over HTTPS."""
    traces = run_scenario([python, "-m", "tests.sdk.signalwire_scenario", standin.arguments("signalwire")])
    # Where the body has no code, the SDK gives the status for it.
    expected = comparable("signalwire", expected_trace("signalwire", code_of_bare_errors=422))
    assert {scheme: comparable("signalwire", trace) for scheme, trace in traces.items()} == {
        "http": expected,
        "https": expected,
    }


def test_recipe(python: Path, standin: Standin) -> None:
    """The recipe runs as it stands, over HTTP and over HTTPS."""
    command = [python, EXAMPLES / "python" / "signalwire_recording.py"]
    for environment in standin.environments():
        assert with_named_sids("signalwire", run_recipe(command, environment)) == expected_words("signalwire")
