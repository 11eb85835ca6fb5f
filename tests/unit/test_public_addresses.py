"""Public and non-public IP addresses, and host names that every parser reads the same way (REL-14)."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.webhooks.public_addresses import is_public, is_unambiguous_host, parse_address
from tests.thoroughness import scaled

NON_PUBLIC_V4: Final = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
NON_PUBLIC_V6: Final = [
    IPv6Network(network)
    for network in (
        "::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16",
        "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
"""The networks of REL-14, without IPv4-mapped and IPv4-compatible addresses."""

PUBLIC: Final = [
    # Addresses just outside the non-public networks.
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.1.255",
    "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::",
    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    # Well-known public addresses in several notations.
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2606:4700:4700:0:0:0:0:1111",
    "2A00:1450:4001:80B::200E", "2001:4860:4860::8888", "::ffff:8.8.8.8", "::FFFF:808:808", "::8.8.8.8",
    "2606:4700::8.8.8.8",
]  # fmt: skip

MALFORMED: Final = [
    "", " ", "localhost", "example.com", "8.8.8.8.", ".8.8.8.8", "8.8.8", "8.8.2056", "134744072", "0x08080808",
    "010.010.010.010", "8.8.8.08", "0x8.8.8.8", "8.8.8.256", "8.8.8.8.8", "8.8.8.8/32", "8.8.8.8:80", " 8.8.8.8",
    "8.8.8.8 ", "8.8.8.8\n", "+8.8.8.8", "-8.8.8.8", "8.8.8.8%eth0", "\uff18.8.8.8", "8\u30028\u30028\u30028",
    "[2606:4700:4700::1111]", "2606:4700:4700::1111/128", "2606:4700:4700::1111%eth0", "2606:4700:4700::1111%25eth0",
    "2606:4700:4700::1111%", "fe80::1%1", "::ffff:8.8.8.8%1", "2606:4700:::1111", "2606::4700::1111", "12345::", ":",
    ":::", "::g", "2606:4700:4700:0:0:0:0:0:1111", "::ffff:8.8.8", "::ffff:8.8.8.08", "\uff12606:4700::1",
]  # fmt: skip

UNAMBIGUOUS: Final = [
    "a", "localhost", "LOCALHOST", "app.example.com", "App.Example.com", "app.example.com.", "xn--caf-dma.example",
    "_dmarc.example.com", "a-b.example", "1.example", "127.0.0.1.example", "1e3", "a1", "0xg", "0x1g.example.x0x1",
    "8.8.8.8", "127.0.0.1", "::1", "2606:4700:4700::1111", "::ffff:127.0.0.1", "2A00::1",
]  # fmt: skip

AMBIGUOUS: Final = [
    "", ".", "..", "a..b", ".a", "a b", "a%20b", "a%2eb", "a\tb", "a\nb", "a\0b", "a;b", "a,b", "a'b", 'a"b', "a^b",
    "a|b", "a{b}", "a`b", "a*b", "a+b", "a=b", "a!b", "a~b", "a(b)", "a$b", "a&b", "a<b>", "a@b", "a:b", "a/b",
    "127.1", "127.0.1", "127.0.0.1.", "2130706433", "2130706433.", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0.0.0x1",
    "017700000001", "0177.0.0.1", "0177.0.0.01", "127.0.0.01", "127.0.0.256", "256", "1.2.3.4.5", "example.0x",
    "a.0x7f", "example.1", "0", "0x", "00", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "caf\u00e9.example",
    "fe80::1%eth0", "::1%25lo", "2606:4700:4700::1111%1", "[::1]", "::1.", "v1.x:y", "::1::",
]  # fmt: skip


@pytest.mark.parametrize("network", [*NON_PUBLIC_V4, *NON_PUBLIC_V6], ids=str)
def test_rejects_every_non_public_network(network: IPv4Network | IPv6Network) -> None:
    """The first, the last and sampled addresses of each network are not public."""
    step = max(1, network.num_addresses // 16)
    sampled = [network[index] for index in {*range(0, network.num_addresses, step), network.num_addresses - 1}]
    assert [str(address) for address in sampled if is_public(str(address))] == []


@pytest.mark.parametrize("address", PUBLIC)
def test_accepts_public_addresses(address: str) -> None:
    """An address outside the non-public networks is public in every notation."""
    assert is_public(address)


@pytest.mark.parametrize("text", MALFORMED)
def test_rejects_malformed_addresses(text: str) -> None:
    """Unusual notations, ports, scope ids and stray characters do not parse as an address."""
    assert (parse_address(text), is_public(text)) == (None, False)


V4: Final = st.integers(0, (1 << 32) - 1) | st.one_of(
    [
        st.integers(int(network[0]) - 1, int(network[-1]) + 1).filter(lambda number: 0 <= number < 1 << 32)
        for network in NON_PUBLIC_V4
    ]
)


@pytest.mark.sized
@settings(max_examples=scaled(deep=2_000, ci=400, fast=40), deadline=None, database=None)
@given(number=V4)
def test_classifies_embedded_ipv4_addresses(number: int) -> None:
    """IPv4-mapped and IPv4-compatible addresses follow the IPv4 address; 6to4, NAT64 and Teredo are never public."""
    inner = IPv4Address(number)
    is_non_public = any(inner in network for network in NON_PUBLIC_V4)
    assert is_public(str(inner)) is not is_non_public
    for prefix in (0xFFFF << 32, 0):
        assert is_public(str(IPv6Address(prefix | number))) is not is_non_public
    for wrapped in (
        0x2002 << 112 | number << 80 | 1,
        0x64FF9B << 96 | number,
        0x64FF9B0001 << 80 | number,
        0x20010000 << 96 | number << 64 | (number ^ 0xFFFF_FFFF),
        0xFFFF << 48 | number,
    ):
        assert not is_public(str(IPv6Address(wrapped)))


@pytest.mark.sized
@settings(max_examples=scaled(deep=2_000, ci=400, fast=40), deadline=None, database=None)
@given(number=st.integers(1 << 48, (1 << 128) - 1) | st.integers(0x2000 << 112, (0x4000 << 112) - 1))
def test_is_stricter_than_the_standard_library(number: int) -> None:
    """A public IPv6 address is global for `ipaddress` and outside every non-public network."""
    address = IPv6Address(number)
    if is_public(str(address)):
        assert address.is_global
        assert not any(address in network for network in NON_PUBLIC_V6)


@pytest.mark.parametrize("host", UNAMBIGUOUS)
def test_accepts_unambiguous_hosts(host: str) -> None:
    """Names in any case, with a trailing dot, and addresses in canonical notation are unambiguous."""
    assert is_unambiguous_host(host)


@pytest.mark.parametrize("host", AMBIGUOUS)
def test_rejects_ambiguous_hosts(host: str) -> None:
    """Numeric forms, scope ids, escapes and special characters are rejected: parsers disagree about them."""
    assert not is_unambiguous_host(host)
