"""The start-up banner: addresses, credentials and three curl commands to try."""

import shlex

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_standin.app.runtime import Options
from tapedeck_standin.control.examples import curl_lines
from tapedeck_standin.http.addresses import Addresses


def print_banner(options: Options, addresses: Addresses) -> str:
    """Return the banner text, which precedes the `TAPEDECK_READY` line."""
    start, pause, read = curl_lines(addresses.url, options.account, shlex.quote(options.token))
    engine = f"""
Connect your media engine with these two settings (see docs/how-to/connect-an-engine.md):

  TAPEDECK_URL={addresses.url}
  TAPEDECK_ENGINE_TOKEN={STANDIN_ENGINE_TOKEN}
"""
    return f"""
Tapedeck stands in for the recordings and conferences APIs of Twilio and SignalWire. It makes no real calls.

  HTTP      {addresses.url}
  HTTPS     {addresses.https_url}
  CA file   {addresses.ca_file}
  account   {TWILIO.format_sid(ResourceType.ACCOUNT, options.account)}   (Twilio's format)
            {SIGNALWIRE.format_sid(ResourceType.ACCOUNT, options.account)}   (SignalWire's format)
  token     {options.token}
{engine if options.engine == "external" else ""}
Record a new call, pause the recording, and fetch it (as with Twilio, its status is `processing` until its media
exists):

{start}

{pause}

{read}

Press Ctrl-C to stop.
"""
