"""Readiness checks of a running stand-in."""

import http.client
import ssl
import time
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_POLL_SECONDS: Final = 0.1
_RESPONSE_TIMEOUT_SECONDS: Final = 5.0
"""Timeout of one health check: a stand-in accepts connections before it is ready to answer them."""


def is_ready(url: str, seconds: float = _RESPONSE_TIMEOUT_SECONDS, ca_file: Path | None = None) -> bool:
    """Check once whether a stand-in is ready at this URL.

    Args:
        url: an http or https URL.
        seconds: timeout of the health check.
        ca_file: CA certificate to trust over https; None for the system's default.
    """
    try:
        # The CA file may not exist yet, which raises OSError.
        with closing(connect(url, seconds, ca_file)) as connection:
            connection.request("GET", "/_standin/health", headers={"Connection": "close"})
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def connect(url: str, seconds: float, ca_file: Path | None) -> http.client.HTTPConnection:
    """Return a connection to a stand-in; the arguments are those of `is_ready`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    context = ssl.create_default_context(cafile=ca_file)
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)


def wait_until_ready(url: str, seconds: float, ca_file: Path | None = None) -> bool:
    """Poll until a stand-in is ready; return False after this many seconds. `ca_file` as in `is_ready`."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if is_ready(url, max(0.1, min(left, _RESPONSE_TIMEOUT_SECONDS)), ca_file):
            return True
        time.sleep(min(_POLL_SECONDS, max(0.0, left)))
    return False
