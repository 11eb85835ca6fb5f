"""Runs the scenario with SignalWire's SDK, in the environment of `requirements/signalwire-sdk.txt`.

The argument is a JSON object: `places` (`scenario.Place` by name) and `ca_file`. Prints the traces on one line.
"""

import json
import sys
from typing import Any

from signalwire.rest import Client
from twilio.base import values
from twilio.base.exceptions import TwilioRestException

from tests.sdk.scenario import Place, Sdk, perform


def run(place: Place, ca_file: str) -> dict[str, Any]:
    """Run the scenario against one place, over HTTP or HTTPS."""

    def make_client(account: str, token: str) -> Client:
        client = Client(account, token, signalwire_space_url="localhost")
        client.api.base_url = place.url
        client.http_client.session.verify = ca_file
        return client

    return perform(Sdk(make_client, TwilioRestException, values.unset, has_current=False), place)


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    traces = {name: run(Place(**place), arguments["ca_file"]) for name, place in arguments["places"].items()}
    print(json.dumps(traces))  # noqa: T201 - the caller reads the traces from stdout
