"""The SDKs of both vendors for Node, unmodified, pointed at a stand-in by one line."""

from pathlib import Path

import pytest

from tests.sdk.expected import comparable, expected_trace, expected_words, with_named_sids
from tests.sdk.program import EXAMPLES, Standin, node, run_recipe, run_scenario

pytestmark = [pytest.mark.node, pytest.mark.parametrize("vendor", ["twilio", "signalwire"])]


@pytest.fixture(scope="session")
def program() -> str:
    """Node, with the SDKs installed."""
    return node()


def test_scenario(program: str, standin: Standin, vendor: str) -> None:
    """Every step shows what the vendor's would, every refusal its status and code, over HTTP and over HTTPS."""
    script = Path(__file__).with_name(f"{vendor}_scenario.mjs")
    traces = run_scenario([program, script, standin.arguments(vendor)], {"NODE_EXTRA_CA_CERTS": standin.ca_file})
    # Where SignalWire's body has no code, its SDK gives none.
    expected = comparable(vendor, expected_trace(vendor, code_of_bare_errors=None))
    assert {scheme: comparable(vendor, trace) for scheme, trace in traces.items()} == {
        "http": expected,
        "https": expected,
    }


def test_recipe(program: str, standin: Standin, vendor: str) -> None:
    """The recipe runs as it stands, over HTTP and over HTTPS."""
    command = [program, EXAMPLES / "node" / f"{vendor}.mjs"]
    for environment in standin.environments():
        assert with_named_sids(vendor, run_recipe(command, environment)) == expected_words(vendor)
