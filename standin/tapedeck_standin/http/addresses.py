"""Where a stand-in stands, and how hosts are spelled."""

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where it stands, once it answers."""

    url: str
    https_url: str
    ca_file: Path

    @property
    def ready_line(self) -> str:
        """What programs wait for on standard output."""
        ready = {"url": self.url, "https_url": self.https_url, "ca_file": str(self.ca_file)}
        return f"TAPEDECK_READY {json.dumps(ready)}"


def host_names(host: str) -> frozenset[str]:
    """The names that listening at `host` adds to those by which every machine knows itself."""
    return frozenset() if host in _ANYWHERE else frozenset({host})


def client_host(host: str) -> str:
    """A host at which what listens at `host` answers, as a URL spells it."""
    return url_host(LOOPBACK if host in _ANYWHERE else host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there, or speaks from there; a name but `localhost` is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def url_host(host: str) -> str:
    """A host as a URL spells it."""
    return f"[{host}]" if ":" in host else host
