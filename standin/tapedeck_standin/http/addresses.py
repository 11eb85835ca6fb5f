"""Addresses of a stand-in, and host names in URLs."""

import ipaddress
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

LOOPBACK: Final = "127.0.0.1"

_VENDOR_NAME: Final = re.compile(r"api(?:\.[a-z0-9-]+){0,2}\.twilio\.com|[a-z0-9-]+\.signalwire\.com")
"""The names that the vendors' SDKs use: a client may connect to the stand-in and keep the vendor's name."""

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})

_HOST: Final = re.compile(r"(?:[\w-]+\.)*[\w-]+\.?")
"""A name, also one with letters that are not ASCII."""

_AUTHORITY: Final = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Addresses:
    """The URLs and the CA certificate of a running stand-in; `fixtures`: the sids of its fixtures, by kind, if any."""

    url: str
    https_url: str
    ca_file: Path
    fixtures: Mapping[str, Any] | None = None

    @property
    def ready_line(self) -> str:
        """The line on standard output that signals readiness to programs."""
        ready: dict[str, Any] = {"url": self.url, "https_url": self.https_url, "ca_file": str(self.ca_file)}
        if self.fixtures is not None:
            ready["fixtures"] = self.fixtures
        return f"TAPEDECK_READY {json.dumps(ready)}"


def is_vendor_name(name: str) -> bool:
    """Whether a name in lower case is one of a vendor's API."""
    return _VENDOR_NAME.fullmatch(name) is not None


def is_http_url(url: str) -> bool:
    """Whether a text is an absolute URL with `http` or `https` and a host."""
    with suppress(ValueError):  # an invalid IPv6 address or port
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_host = ":" in host or _HOST.fullmatch(host) is not None
        # `urlsplit` leaves out tabs and line breaks.
        return parts.scheme in {"http", "https"} and is_host and parts.port != 0 and len(url.split()) == 1
    return False


def split_authority(authority: str) -> tuple[str, int | None] | None:
    """Return the host in lower case and the port (None without one); None if it is no host with an optional port.

    An address has no brackets, and a name has no dot at its end (C-336).
    """
    found = _AUTHORITY.fullmatch(authority.lower())
    if found is None:
        return None
    return found["address"] or plain_name(found["name"]), int(found["port"]) if found["port"] else None


def plain_authority(authority: str) -> str:
    """Return a host with an optional port in lower case and without the dot at the end of its name (C-336)."""
    host, colon, port = authority.rpartition(":")
    is_without_port = not colon or port.endswith("]")  # the end of an IPv6 address
    return plain_name(authority) if is_without_port else f"{plain_name(host)}:{port}"


def plain_name(name: str) -> str:
    """Return a name in lower case and without the dot at its end, which only says that the name is complete."""
    return name.lower().removesuffix(".")


def host_names(host: str) -> frozenset[str]:
    """Return the host names to accept besides the loopback names, for a server that listens at `host`."""
    return frozenset() if host in _ANYWHERE else frozenset({host})


def client_host(host: str) -> str:
    """Return the host, in URL form, at which clients reach a server that listens at `host`."""
    return url_host(LOOPBACK if host in _ANYWHERE else host)


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address or `localhost`; every other name counts as remote."""
    try:
        return ipaddress.ip_address(plain_address(host)).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def plain_address(address: str) -> str:
    """Return the address of a socket as clients write it: an IPv4 address that an IPv6 socket has mapped, as IPv4."""
    try:
        mapped = getattr(ipaddress.ip_address(address), "ipv4_mapped", None)
    except ValueError:
        return address
    return str(mapped or address)


def url_host(host: str) -> str:
    """Return a host in URL form: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
