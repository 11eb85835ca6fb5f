"""A temporary certificate authority: its certificate is written to a file, its key stays in memory."""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

_REGIONS: Final = ("us1", "ie1", "au1")
_EDGES: Final = (
    "ashburn", "dublin", "frankfurt", "johannesburg", "mumbai", "roaming", "sao-paulo", "singapore", "sydney", "tokyo",
    "umatilla",
)  # fmt: skip

NAMES: Final = (
    "localhost", "127.0.0.1", "::1", "api.twilio.com", "*.signalwire.com",
    *(f"api.{region}.twilio.com" for region in _REGIONS),
    *(f"api.{edge}.{region}.twilio.com" for edge in _EDGES for region in _REGIONS),
)  # fmt: skip
"""This machine's names, and those of the vendors' APIs, for clients that keep them (C-304)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """TLS context of the server, and the absolute path of the CA certificate that clients trust."""

    tls: ssl.SSLContext
    ca_file: Path


@contextmanager
def issue(*further_names: str, ca_file: Path | None = None) -> Iterator[Identity]:
    """Issue a certificate for this machine's names and those of the vendors.

    Args:
        further_names: names or addresses besides `NAMES`.
        ca_file: where to write the CA certificate, permanently; None for a temporary file, deleted on exit.

    Raises:
        OSError: the file cannot be written.
    """
    authority = trustme.CA(organization_name="Tapedeck", organization_unit_name="stand-in on this machine")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.set_alpn_protocols(["http/1.1"])
    authority.issue_cert(*NAMES, *(name for name in further_names if name not in NAMES)).configure_cert(tls)
    with tempfile.TemporaryDirectory(prefix="tapedeck-") as folder:
        # Absolute: clients run in other folders.
        path = (ca_file or Path(folder) / "ca.pem").absolute()
        authority.cert_pem.write_to_path(str(path))
        yield Identity(tls, path)
