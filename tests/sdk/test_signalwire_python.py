"""The unmodified Python SDK of SignalWire works with the stand-in.

It runs in a separate environment, because it pins an old version of Twilio's SDK.
"""

from pathlib import Path

import pytest

from tests.sdk.expected import comparable, expected_output, expected_trace, with_named_sids
from tests.sdk.program import EXAMPLES, Standin, run_recipe, run_scenario, signalwire_python

pytestmark = pytest.mark.signalwire_sdk


@pytest.fixture(scope="session")
def python() -> Path:
    """Return the interpreter of the environment with the SDK."""
    return signalwire_python()


def test_scenario(python: Path, standin: Standin) -> None:
    """The scenario has SignalWire's responses, error statuses and codes, over HTTP and HTTPS."""
    traces = run_scenario([python, "-m", "tests.sdk.signalwire_scenario", standin.arguments("signalwire")])
    # For an error body without a code, the SDK reports the status as code.
    expected = comparable("signalwire", expected_trace("signalwire", code_of_bare_errors=422))
    assert {scheme: comparable("signalwire", trace) for scheme, trace in traces.items()} == {
        "http": expected,
        "https": expected,
    }


def test_recipe(python: Path, standin: Standin) -> None:
    """The unmodified recipe runs over HTTP and HTTPS."""
    command = [python, EXAMPLES / "python" / "signalwire_recording.py"]
    for environment in standin.environments():
        assert with_named_sids("signalwire", run_recipe(command, environment)) == expected_output("signalwire")
