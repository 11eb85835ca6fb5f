"""A temporary certificate authority: its certificate is written to a file, its key stays in memory."""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

NAMES: Final = ("localhost", "127.0.0.1", "::1", "api.twilio.com")


@dataclass(frozen=True, slots=True)
class Identity:
    """TLS context of the server, and the absolute path of the CA certificate that clients trust."""

    tls: ssl.SSLContext
    ca_file: Path


@contextmanager
def issue(*further_names: str, ca_file: Path | None = None) -> Iterator[Identity]:
    """Issue a certificate for this machine's names.

    Args:
        further_names: names or addresses besides `localhost`, `127.0.0.1`, `::1` and `api.twilio.com`.
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
