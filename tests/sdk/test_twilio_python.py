"""The unmodified Python SDK of Twilio works with the stand-in after one line of configuration."""

import sys

import pytest
from twilio.base import values
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sdk.expected import comparable, expected_output, expected_trace, with_named_sids
from tests.sdk.program import EXAMPLES, Standin, run_recipe
from tests.sdk.scenario import Place, Sdk, perform


def _sdk(place: Place, clients: list[Client]) -> Sdk:
    def make_client(account: str, token: str) -> Client:
        client = Client(account, token)
        client.api.base_url = place.url
        clients.append(client)
        return client

    return Sdk(make_client, TwilioRestException, values.unset, has_current=True)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_scenario(standin: Standin, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario has Twilio's responses, error statuses and codes."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", standin.ca_file)
    place = standin.make_places("twilio")[scheme]
    clients: list[Client] = []
    try:
        trace = perform(_sdk(place, clients), place)
    finally:
        for client in clients:
            client.http_client.session.close()
    assert comparable("twilio", trace) == comparable("twilio", expected_trace("twilio"))


def test_recipe(standin: Standin) -> None:
    """The unmodified recipe runs over HTTP and HTTPS."""
    command = [sys.executable, EXAMPLES / "python" / "twilio_recording.py"]
    for environment in standin.environments():
        assert with_named_sids("twilio", run_recipe(command, environment)) == expected_output("twilio")
