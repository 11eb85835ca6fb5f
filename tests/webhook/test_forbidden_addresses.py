"""Callbacks are sent to public addresses only (REL-13 to REL-15)."""

from typing import Final

import pytest

from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.ports.messaging import FailureReason, WebhookResult
from tests.webhook.servers import PUBLIC, Internet, Received, answering, get, post, redirect, reply, timeless

FORBIDDEN: Final = [
    "0.0.0.0",  # noqa: S104 - nothing binds to it
    "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.100.100.200",
    "100.127.255.255", "127.0.0.0", "127.0.0.1", "127.0.0.2", "127.255.255.255", "169.254.0.0", "169.254.169.253",
    "169.254.169.254", "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.16.0.1", "172.31.255.255", "192.0.0.0",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.0.1", "192.168.255.255", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::7f00:1", "::10.0.0.1", "::169.254.169.254", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::ffff:10.0.0.1", "::FFFF:169.254.169.254", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:a9fe:a9fe", "::ffff:0.0.0.0",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8", "64:ff9b:1::a9fe:a9fe",
    "100::1", "2001::1", "2001:0:a9fe:a9fe::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456:789a::1",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1", "fe80::a9fe:a9fe", "febf::1", "fec0::1", "ff02::1",
    "ff0e::1", "FD00:EC2::254", "4000::1", "8000::1",
]  # fmt: skip
"""Non-public addresses, also in notations that some parsers misread."""

ODD_HOSTS: Final = [
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0.0.1", "017700000001", "0177.0.0.1",
    "0177.1", "127.0.0.01", "127.0.0.1.", "127.1.", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
    "0", "0x0", "1.2.3.4.5", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%25lo]", "[2606:4700:4700::1111%251]", "%31",
    "127%2e0%2e0%2e1", "local%68ost", "a..example", ".example", "a;b.example", "[v1.::1]",
]  # fmt: skip
"""Hosts that some parsers read as an address, or that parsers read differently."""

REJECTED: Final = WebhookResult(None, FailureReason.FORBIDDEN, 0)


def literal(address: str) -> str:
    """Return an address in the notation of URLs."""
    return f"[{address}]" if ":" in address else address


def webhook(internet: Internet) -> SafeWebhookClient:
    """Return a client that uses only this fake internet."""
    return SafeWebhookClient(resolve=internet.resolve, connect=internet.connect)


def test_there_are_enough_addresses() -> None:
    """The list has at least sixty distinct addresses."""
    assert len(set(FORBIDDEN)) == len(FORBIDDEN) >= 60


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", FORBIDDEN)
def test_rejects_an_address_in_a_url(address: str, scheme: str) -> None:
    """A non-public address in the URL is rejected, with and without a port (C-87)."""
    internet = Internet()
    sent = [timeless(webhook(internet).send(post(f"{scheme}://{literal(address)}{port}/x"))) for port in ("", ":8080")]
    assert (sent, internet) == ([REJECTED] * 2, Internet())


@pytest.mark.parametrize("address", FORBIDDEN)
def test_rejects_a_name_with_a_forbidden_address(address: str) -> None:
    """A name whose only address is not public is rejected."""
    hosts = {"app.example.com": [[address]]}
    internet = Internet(hosts=hosts)
    outcome = timeless(webhook(internet).send(post("https://app.example.com/x")))
    assert (outcome, internet) == (REJECTED, Internet(hosts=hosts, lookups=[("app.example.com", 443)]))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_rejects_a_name_with_mixed_addresses(address: str) -> None:
    """A name is rejected if any of its addresses is not public, in any position."""
    orders = [[PUBLIC, address], [address, PUBLIC], [PUBLIC, "2606:4700::1111", address, "8.8.8.8"]]
    for order in orders:
        internet = Internet(hosts={"app.example.com": [order]})
        assert timeless(webhook(internet).send(post("http://app.example.com/"))) == REJECTED
        assert internet.connections == []


# --8<-- [start:checked]
@pytest.mark.parametrize("address", FORBIDDEN)
def test_connects_to_the_address_that_was_checked(address: str) -> None:
    """The client connects to the address that it checked; a later lookup with another address is rejected."""
    with answering(lambda _: reply(200)) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC], [address]]})
        sender = webhook(internet)
        sent = [timeless(sender.send(post("http://app.example.com/"))) for _ in range(3)]
    assert sent == [WebhookResult(200, None, 0), REJECTED, REJECTED]
    assert internet.connections == [(PUBLIC, 80)]
    assert internet.lookups == [("app.example.com", 80)] * 3, "each attempt resolves the name once"
    # --8<-- [end:checked]


def test_rejects_redirects_to_forbidden_addresses() -> None:
    """A redirect to a non-public address is rejected before connecting, literally or by name."""

    def respond(request: Received) -> bytes:
        index = int(request.target.removeprefix("/"))
        return redirect(f"http://{literal(FORBIDDEN[index // 2])}/" if index % 2 else f"http://{index}.example/")

    with answering(respond) as server:
        hosts = {f"{2 * index}.example": [[address]] for index, address in enumerate(FORBIDDEN)}
        internet = Internet(server, {"app.example.com": [[PUBLIC]], **hosts})
        sender = webhook(internet)
        indexes = range(2 * len(FORBIDDEN))
        sent = [timeless(sender.send(post(f"http://app.example.com/{index}"))) for index in indexes]
    assert sent == [REJECTED] * len(indexes)
    assert internet.connections == [(PUBLIC, 80)] * len(indexes)


def test_checks_a_name_again_at_every_hop() -> None:
    """A redirect to the same host, and a retry with credentials, resolve and check the name again."""
    answers = {"/moved": redirect("/there"), "/secret": reply(401, headers={"WWW-Authenticate": "Basic"})}
    with answering(lambda request: answers[request.target]) as server:
        for path in answers:
            internet = Internet(server, {"app.example.com": [[PUBLIC], ["127.0.0.1"]]})
            outcome = timeless(webhook(internet).send(post(f"http://user:password@app.example.com{path}")))
            assert (outcome, internet.connections) == (REJECTED, [(PUBLIC, 80)])


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_rejects_ambiguous_hosts(host: str) -> None:
    """Ambiguous hosts are rejected in a URL and in a redirect, without a lookup."""
    with answering(lambda _: redirect(f"http://{host}/")) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = webhook(internet)
        sent = [timeless(sender.send(get(url))) for url in (f"http://{host}/", "http://app.example.com/")]
    assert (sent, internet.lookups) == ([REJECTED] * 2, [("app.example.com", 80)])
    assert internet.connections == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "url",
    [
        "http://\uff11\uff12\uff17.0.0.1/", "http://127\u30020.0.1/", "http://\u2460\u2461\u2466.0.0.1/",
        "http://app.example.com\\@127.0.0.1/", "http://app.example.com:0/", "ftp://app.example.com/",
        "//app.example.com/", "http://app.example.com/a b", "http://app.example.com/\r\nX: 1", "file:///etc/passwd",
        "gopher://app.example.com/", "http://[::1/", "http://[]/", "http:///", "", "app.example.com", "http://app.example.com:65536/",
    ],
)  # fmt: skip
def test_rejects_invalid_urls(url: str) -> None:
    """A URL that is invalid as an input (REL-15) is also rejected before sending."""
    internet = Internet(hosts={"app.example.com": [[PUBLIC]]})
    assert timeless(webhook(internet).send(post(url))) == REJECTED
    assert (internet.lookups, internet.connections) == ([], [])


@pytest.mark.parametrize(
    "location",
    [
        "http://\uff11\uff12\uff17.0.0.1/", "http://app.example.com\\@127.0.0.1/", "\\\\127.0.0.1/",
        "http:\\\\127.0.0.1", "http://app.example.com:0/", "http://app.example.com:x/", "ftp://app.example.com/",
        "file:///etc/passwd", "javascript:alert(1)", "http://[::1/", "http://[nonsense]/", "//127.0.0.1/",
        "//user@127.0.0.1/", "//127.1/",
        "http://127.0.0.1\t/", "http://local host/", "HTTP://127.0.0.1/", "hTTp://[::ffff:127.0.0.1]/#x",
    ],
)  # fmt: skip
def test_rejects_redirects_to_invalid_urls(location: str) -> None:
    """A redirect to an invalid URL ends the attempt."""
    answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n"
    with answering(lambda _: answer) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        outcome = timeless(webhook(internet).send(post("http://app.example.com/")))
    assert (outcome, internet.connections) == (REJECTED, [(PUBLIC, 80)])


def test_never_connects_to_this_machine() -> None:
    """With the system's resolver and sockets, no server on this machine is reached by any notation."""
    with answering(lambda _: reply(200)) as server:
        hosts = ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0"]
        sent = [timeless(SafeWebhookClient().send(post(f"http://{host}:{server.port}/"))) for host in hosts]
        # Allowed hosts match exactly: other ports and other names of the same server are rejected.
        names = frozenset({f"127.0.0.1:{server.port + 1}", "example.com", "[::1]:80", f"localhost.:{server.port}"})
        sender = SafeWebhookClient(allowed_hosts=names)
        sent += [timeless(sender.send(post(f"http://{host}:{server.port}/"))) for host in hosts]
    assert sent == [REJECTED] * 2 * len(hosts)
    assert server.connections == 0


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables of the environment are ignored: no proxy is used, and no address becomes allowed."""
    with answering(lambda _: reply(200)) as proxy, answering(lambda _: reply(204)) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = webhook(internet)
        sent = [timeless(sender.send(post(url))) for url in ("http://app.example.com/", "http://10.0.0.1/")]
    assert (sent, proxy.connections) == ([WebhookResult(204, None, 0), REJECTED], 0)
