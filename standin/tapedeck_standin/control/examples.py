"""Shell commands to try a stand-in with, for the banner and for its start page."""

from typing import Final

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO

_CALL: Final = r"CA[0-9a-f]\{32\}"
_RECORDING: Final = r"RE[0-9a-f]\{32\}"


def curl_lines(url: str, account: str, token: str, options: str = "") -> tuple[str, str, str]:
    """Return three shell commands: record a new call, pause its recording, fetch the recording.

    Args:
        url: the URL of the stand-in.
        account: the account's id, 32 hex digits.
        token: the auth token as a word of the shell, quoted if it must be.
        options: further options of curl, each with a space before it.
    """
    sid = TWILIO.format_sid(ResourceType.ACCOUNT, account)
    recordings = f"{url}{TWILIO.root}/Accounts/{sid}/Calls/$CALL/Recordings"
    plain = f"curl -s{options}"
    curl = f"{plain} -u {sid}:{token}"
    start = (
        f"CALL=$({plain} -X POST {url}/_standin/calls | grep -o '{_CALL}') && "
        f"RECORDING=$({curl} -X POST {recordings}.json | grep -o '{_RECORDING}' | head -n 1) && echo $CALL $RECORDING"
    )
    pause = f"{curl} -d Status=paused -d PauseBehavior=skip {recordings}/Twilio.CURRENT.json; echo"
    return start, pause, f"{curl} {recordings}/$RECORDING.json; echo"
