"""Which addresses belong to the internet, by a table of our own (rule R14).

`ipaddress.is_global` is not asked: it calls forms global that lead to 169.254.169.254 by way of 6to4 and NAT64.
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
            "100.64.0.0/10",  # behind a carrier's translation
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and where clouds keep their credentials
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocols of the IETF
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)

_UNICAST: Final = IPv6Network("2000::/3")
"""All that has been given to anybody. Outside lie the local, the discarded, multicast, NAT64 (64:ff9b::/96,
64:ff9b:1::/48), segment routing (5f00::/16) and translated addresses (::ffff:0:0:0/96)."""

_NOT_PUBLIC_UNICAST: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols of the IETF, Teredo (2001::/32) among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)

_V4_IN_V6: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("::/96"))
"""Mapped and compatible: an IPv4 address in other letters."""

_NAME: Final = re.compile(r"(?:[a-z0-9_-]+\.)*([a-z0-9_-]+)\.?", re.ASCII | re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that is written here in its usual form; None for anything else, and for one with a scope id."""
    try:
        if ":" not in text:
            return IPv4Address(text)
        address = IPv6Address(text)
    except AddressValueError:
        return None
    return address if address.scope_id is None else None


def is_public(address: str) -> bool:
    """Whether this address is one of the internet's; never for what is no address, or has a scope id.

    IPv4 addresses that are mapped or compatible IPv6 ones count as what they hold. Those that 6to4, NAT64 and Teredo
    wrap are refused whatever they hold, for who unwraps them is not known.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address) and any(parsed in network for network in _V4_IN_V6):
        parsed = IPv4Address(int(parsed) & 0xFFFF_FFFF)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC)
    return parsed is not None and parsed in _UNICAST and not any(parsed in network for network in _NOT_PUBLIC_UNICAST)


def is_unambiguous_host(host: str) -> bool:
    """Whether everybody reads this host alike: an address in its usual form, or a name that looks like no number.

    Some resolvers take `127.1`, `0x7f000001`, `2130706433` and `127.0.0.1.` for addresses. IPv6 addresses come without
    their brackets.
    """
    if parse_address(host) is not None:
        return True
    name = _NAME.fullmatch(host)
    return name is not None and _NUMBER.fullmatch(name[1]) is None
