"""Wait until a stand-in answers."""

import http.client
import ssl
import time
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_PAUSE: Final = 0.1
_PATIENCE: Final = 5.0
"""Seconds for one answer: a stand-in that is starting takes connections before it answers them."""


def is_ready(url: str, seconds: float = _PATIENCE, ca_file: Path | None = None) -> bool:
    """Whether a stand-in answers at this URL, asked once.

    Args:
        url: of http or https.
        seconds: how long one answer may take.
        ca_file: whom to trust over https; None for whom this machine trusts.
    """
    try:
        # The file may not be there yet.
        with closing(_connection(url, seconds, ca_file)) as connection:
            connection.request("GET", "/_standin/health", headers={"Connection": "close"})
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def _connection(url: str, seconds: float, ca_file: Path | None) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    context = ssl.create_default_context(cafile=ca_file)
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)


def wait_until_ready(url: str, seconds: float, ca_file: Path | None = None) -> bool:
    """Whether a stand-in has answered at this URL within so many seconds; `ca_file` as for `is_ready`."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if is_ready(url, max(0.1, min(left, _PATIENCE)), ca_file):
            return True
        time.sleep(min(_PAUSE, max(0.0, left)))
    return False
