"""The start-up banner: addresses, credentials and three curl commands to try."""

import shlex

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_standin.app.runtime import Options
from tapedeck_standin.http.addresses import Addresses

_CALL = r"CA[0-9a-f]\{32\}"
_RECORDING = r"RE[0-9a-f]\{32\}"


def curl_lines(options: Options, addresses: Addresses) -> tuple[str, str, str]:
    """Return three shell commands: record a new call, pause its recording, fetch the recording."""
    account = TWILIO.format_sid(ResourceType.ACCOUNT, options.account)
    recordings = f"{addresses.url}{TWILIO.root}/Accounts/{account}/Calls/$CALL/Recordings"
    curl = f"curl -s -u {account}:{shlex.quote(options.token)}"
    start = (
        f"CALL=$(curl -s -X POST {addresses.url}/_standin/calls | grep -o '{_CALL}') && "
        f"RECORDING=$({curl} -X POST {recordings}.json | grep -o '{_RECORDING}' | head -n 1) && echo $CALL $RECORDING"
    )
    pause = f"{curl} -d Status=paused -d PauseBehavior=skip {recordings}/Twilio.CURRENT.json; echo"
    return start, pause, f"{curl} {recordings}/$RECORDING.json; echo"


def print_banner(options: Options, addresses: Addresses) -> str:
    """Return the banner text, which precedes the `TAPEDECK_READY` line."""
    start, pause, read = curl_lines(options, addresses)
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
