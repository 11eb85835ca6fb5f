"""Decide which addresses are on the public internet, with an explicit table (C-87, REL-14).

`ipaddress.is_global` is not used: it accepts 6to4 and NAT64 addresses that can lead to 169.254.169.254.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_NOT_PUBLIC: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, including cloud metadata services
            "172.16.0.0/12",
            "192.0.0.0/24",  # IETF protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, including broadcast
        ),
    )
)

_UNICAST: Final = IPv6Network("2000::/3")
"""All global unicast space allocated so far.

Excluded are local, discard-only and multicast addresses, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), segment routing
(5f00::/16) and IPv4-translated addresses (::ffff:0:0:0/96).
"""

_NOT_PUBLIC_UNICAST: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments, including Teredo (2001::/32)
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)

_V4_IN_V6: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("::/96"))
"""IPv4-mapped and IPv4-compatible addresses."""

_NAME: Final = re.compile(r"(?:[a-z0-9_-]+\.)*([a-z0-9_-]+)\.?", re.ASCII | re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address in canonical form; None for anything else and for an address with a scope id."""
    try:
        if ":" not in text:
            return IPv4Address(text)
        address = IPv6Address(text)
    except AddressValueError:
        return None
    return address if address.scope_id is None else None


# --8<-- [start:public]
def is_public(address: str) -> bool:
    """Whether this is a public internet address; False for malformed text and addresses with a scope id.

    IPv4-mapped and IPv4-compatible addresses are judged by their IPv4 address. 6to4, NAT64 and Teredo addresses are
    always rejected, because the gateway that unwraps them is unknown.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address) and any(parsed in network for network in _V4_IN_V6):
        parsed = IPv4Address(int(parsed) & 0xFFFF_FFFF)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC)
    return parsed is not None and parsed in _UNICAST and not any(parsed in network for network in _NOT_PUBLIC_UNICAST)
    # --8<-- [end:public]


def is_unambiguous_host(host: str) -> bool:
    """Whether all resolvers interpret this host alike: a canonical address, or a name unlike a number.

    Some resolvers read `127.1`, `0x7f000001`, `2130706433` and `127.0.0.1.` as addresses. Pass IPv6 addresses without
    brackets.
    """
    if parse_address(host) is not None:
        return True
    name = _NAME.fullmatch(host)
    return name is not None and _NUMBER.fullmatch(name[1]) is None
