"""The function `update_call_recording`, loaded and invoked as Lambda does it.

With `CONFIRM_UPDATES=pause`, the media engine has confirmed the pause at the first look; to wait for it takes no time.
"""

import base64
import io
import sys
import time
from typing import Any

# The function's logger keeps the standard output of import time, so redirect it before the import.
_OUT, sys.stdout = sys.stdout, io.StringIO()

from app import handler  # noqa: E402 - after the log was redirected

sys.stdout = _OUT
time.sleep = lambda _seconds: None

from cpu_time import measure  # noqa: E402 - after the log was redirected

_ACCOUNT = "AC720796a08ee9435083bd2d07a3121f1e"
_EVENT: dict[str, Any] = {
    "version": "2.0",
    "rawPath": f"/2010-04-01/Accounts/{_ACCOUNT}/Calls/CA43bb71ee553f4074bb208e2747647cce"
    "/Recordings/RE19e436af56884307b03bbdb2b42b8142.json",
    "pathParameters": {
        "AccountSid": _ACCOUNT,
        "CallSid": "CA43bb71ee553f4074bb208e2747647cce",
        "RecordingSid": "RE19e436af56884307b03bbdb2b42b8142.json",
    },
    "headers": {
        "authorization": "Basic " + base64.b64encode(f"{_ACCOUNT}:00112233445566778899aabbccddeeff".encode()).decode(),
        "content-type": "application/x-www-form-urlencoded",
    },
    "requestContext": {"http": {"method": "POST"}},
    "isBase64Encoded": True,
    "body": base64.b64encode(b"Status=paused&PauseBehavior=skip").decode(),
}


def update() -> None:
    """Send one update."""
    assert handler(_EVENT, None)["statusCode"] == 200


measure(update)
