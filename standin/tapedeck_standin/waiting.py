"""Wait until a stand-in answers."""

import http.client
import time
from typing import Final
from urllib.parse import urlsplit

_PAUSE: Final = 0.1
_PATIENCE: Final = 5.0
"""Seconds for one answer: a stand-in that is starting takes connections before it answers them."""


def is_ready(url: str, seconds: float = _PATIENCE) -> bool:
    """Whether a stand-in answers at this URL, asked once."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", "/_standin/health", headers={"Connection": "close"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(url: str, seconds: float) -> bool:
    """Whether a stand-in has answered at this URL within so many seconds."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if is_ready(url, max(0.1, min(left, _PATIENCE))):
            return True
        time.sleep(min(_PAUSE, max(0.0, left)))
    return False
