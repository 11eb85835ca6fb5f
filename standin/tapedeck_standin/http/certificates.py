"""The certificate of the server, by an authority that issues no other one; both are kept for the next start."""

import os
import ssl
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

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

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Identity:
    """TLS context of the server, and the absolute path of the CA certificate that clients trust."""

    tls: ssl.SSLContext
    ca_file: Path


@contextmanager
def issue(*further_names: str, ca_file: Path | None = None) -> Iterator[Identity]:
    """Provide a certificate for this machine's names and the vendors': that of an earlier start, or a new one (C-305).

    Args:
        further_names: names or addresses besides `NAMES`.
        ca_file: where to write the CA certificate, permanently; None for a temporary file, deleted on exit.

    Raises:
        OSError: the file cannot be written.
    """
    names = (*NAMES, *sorted({name for name in further_names if name not in NAMES}))
    with tempfile.TemporaryDirectory(prefix="tapedeck-") as folder:
        cache = _cache_folder()
        kept = cache / f"{sha256(' '.join(names).encode()).hexdigest()[:16]}.pem" if cache is not None else None
        text, tls = (_load(kept) if kept is not None else None) or _make(kept, names, Path(folder))
        # Absolute: clients run in other folders.
        path = (ca_file or Path(folder) / "ca.pem").absolute()
        path.write_text(_BEGIN + text.rpartition(_BEGIN)[2], encoding="ascii")
        yield Identity(tls, path)


def _cache_folder() -> Path | None:
    """Return the folder of the kept certificates; None for a user without a home, as in some containers.

    As its specification says, a relative `XDG_CACHE_HOME` is ignored.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given / "tapedeck"
    try:
        return Path.home() / ".cache" / "tapedeck"
    except RuntimeError:
        return None


def _load(kept: Path) -> tuple[str, ssl.SSLContext] | None:
    """Return the kept file and its TLS context; None if there is none that is readable by this user alone."""
    with suppress(OSError, ValueError, ssl.SSLError):
        found = kept.stat()
        if found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077:
            return kept.read_text(encoding="ascii"), _context(kept)
    return None


def _make(kept: Path | None, names: tuple[str, ...], folder: Path) -> tuple[str, ssl.SSLContext]:
    """Make a certificate, and keep it if the cache can be written. The key of its authority is kept nowhere."""
    import trustme  # noqa: PLC0415 - takes a tenth of a start

    authority = trustme.CA(organization_name="Tapedeck", organization_unit_name="stand-in on this machine")
    leaf = authority.issue_cert(*names)
    # The key, its certificate, and last that of the authority.
    parts = [leaf.private_key_pem, *leaf.cert_chain_pems, authority.cert_pem]
    text = "".join(part.bytes().decode("ascii") for part in parts)
    made = folder / "key.pem"
    made.touch(mode=0o600)
    made.write_text(text, encoding="ascii")
    context = _context(made)
    if kept is not None:
        _keep(text, kept)
    made.unlink()
    return text, context


def _keep(text: str, kept: Path) -> None:
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Another stand-in may start at the same time: it reads either nothing or the whole file.
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, prefix=kept.name, delete=False) as part_file:
            part_file.write(text)
        Path(part_file.name).replace(kept)


def _context(file: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.set_alpn_protocols(["http/1.1"])
    tls.load_cert_chain(file)
    return tls
