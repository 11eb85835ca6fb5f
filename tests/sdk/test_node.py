"""The unmodified Node SDKs of both vendors work with the stand-in after one line of configuration."""

from pathlib import Path

import pytest

from tests.sdk.expected import comparable, expected_output, expected_trace, with_named_sids
from tests.sdk.program import EXAMPLES, Standin, node, run_recipe, run_scenario

pytestmark = [pytest.mark.node, pytest.mark.parametrize("vendor", ["twilio", "signalwire"])]


@pytest.fixture(scope="session")
def program() -> str:
    """Return the path of Node.js, with the SDKs installed."""
    return node()


def test_scenario(program: str, standin: Standin, vendor: str) -> None:
    """The scenario has the vendor's responses, error statuses and codes, over HTTP and HTTPS."""
    script = Path(__file__).with_name(f"{vendor}_scenario.mjs")
    traces = run_scenario([program, script, standin.arguments(vendor)], {"NODE_EXTRA_CA_CERTS": standin.ca_file})
    # For an error body without a code, SignalWire's SDK reports none.
    expected = comparable(vendor, expected_trace(vendor, code_of_bare_errors=None))
    assert {scheme: comparable(vendor, trace) for scheme, trace in traces.items()} == {
        "http": expected,
        "https": expected,
    }


def test_recipe(program: str, standin: Standin, vendor: str) -> None:
    """The unmodified recipe runs over HTTP and HTTPS."""
    command = [program, EXAMPLES / "node" / f"{vendor}.mjs"]
    for environment in standin.environments():
        assert with_named_sids(vendor, run_recipe(command, environment)) == expected_output(vendor)
