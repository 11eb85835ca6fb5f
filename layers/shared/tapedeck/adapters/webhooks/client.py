"""Requests to servers that customers name: to the internet, and nowhere else (rules R13 to R16).

A connector that fetches `Url`, `AnnounceUrl` or `HoldUrl` is sent to addresses of a customer's choice as well. It must
use this module, or keep the same rules (R16):

- The URL is refused unless `domain.subscription.is_valid_callback_url` takes it and its host is an address in its usual
  form or a name that looks like no number (`public_addresses.is_unambiguous_host`). The fragment is not sent.
- The host is looked up once for each connection. Unless every address found is public (`public_addresses.is_public`)
  nothing is connected to; else one of exactly these addresses is, without looking the name up again.
- TLS certificates are verified, by the host in the URL. No proxy is used, whatever the environment says.
- Redirects are followed by hand: each target is checked like the first URL, at most three of them, never from https to
  http. Another origin (scheme, host, port) gets no signature, no token, no user info and no `Authorization`, and
  neither does anything that comes after it.
- User info is sent as Basic credentials only after a 401 with a Basic challenge from the origin of the URL.
- One deadline covers the attempt: looking up, connecting, TLS, writing, reading, all redirects; it is looked at before
  every read. The head and the body of an answer are read up to a limit.
"""

import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from tapedeck.adapters.webhooks.http_exchange import PRINTABLE, REDIRECTS, Deadline, HttpHop, HttpResponse, exchange
from tapedeck.adapters.webhooks.public_addresses import is_public, is_unambiguous_host, parse_address
from tapedeck.domain.subscription import is_valid_callback_url
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookRequest, WebhookResult

if TYPE_CHECKING:
    from tapedeck.ports.stores import Clock

Resolve = Callable[[str, int], Sequence[str]]
"""From a host and a port to all its addresses; OSError where there is no such host."""
Connect = Callable[[str, int, float], socket.socket]
"""A connection to exactly this address and port, made within so many seconds; else OSError."""

_MOVED: Final = frozenset({301, 302})
_SEE_OTHER: Final = 303
_UNAUTHORIZED: Final = 401
_READING: Final = frozenset({"GET", "HEAD"})
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def resolve_host(host: str, port: int) -> list[str]:
    """What the system knows of this host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def open_connection(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection."""
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        connection.settimeout(seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


def system_clock() -> int:
    """Milliseconds since the epoch, of this machine's clock."""
    return time.time_ns() // 1_000_000


class SafeWebhookClient:
    """`ports.messaging.Sender` over HTTP/1.1, with a connection for each request.

    Args:
        resolve: looks hosts up. It may take as long as it likes: nobody waits for it longer than there is time.
        connect: connects to an address.
        tls: what verifies certificates; by default with the system's trust store.
        clock: what a `Retry-After` with a date counts from.
        allowed_hosts: names, addresses, or either with a port (`localhost:3000`, `[::1]:3000`) that may be connected to
            although they are not public; in any case of letters.
        host_map: where to connect to instead of a host, such as `localhost` to `host.docker.internal`, whatever its
            address; headers and certificates keep the name in the URL.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = resolve_host,
        connect: Connect = open_connection,
        tls: ssl.SSLContext | None = None,
        clock: "Clock" = system_clock,
        allowed_hosts: frozenset[str] = frozenset(),
        host_map: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._resolve = resolve
        self._connect = connect
        self._given_tls = tls
        self._clock = clock
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._host_map = {host.lower(): target for host, target in host_map.items()}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Made when it is wanted: reading the trust store takes longer than most requests.
        return self._given_tls or ssl.create_default_context()

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt; whatever happens is an outcome."""
        began = time.monotonic()
        status, failure, body, retry_after = None, None, b"", None
        try:
            answer = self._follow(request, Deadline(began + request.timeouts.total / 1000))
        except _AttemptFailed as failed:
            failure = failed.failure
        else:
            status, body, retry_after = answer.status, answer.body, _seconds_of(answer.retry_after, self._clock())
        return WebhookResult(status, failure, round((time.monotonic() - began) * 1000), body, retry_after)

    def _follow(self, request: WebhookRequest, deadline: Deadline) -> HttpResponse:
        hop, credentials = _first_hop(request)
        for _ in range(request.max_redirects + 1):
            answer = self._ask(hop, request.timeouts, deadline)
            if answer.status == _UNAUTHORIZED and answer.is_challenge and credentials:
                headers = {**_without(hop.headers, {"authorization"}), "Authorization": credentials}
                hop, credentials = replace(hop, headers=headers), ""
                answer = self._ask(hop, request.timeouts, deadline)
            if answer.status not in REDIRECTS:
                return answer
            home, hop = hop.origin, _redirected(hop, answer)
            if hop.origin != home:
                # For good: where another origin leads is its choice, be it back to the first one.
                secrets = {"authorization", *map(str.lower, request.origin_bound_headers)}
                hop, credentials = replace(hop, headers=_without(hop.headers, secrets)), ""
        raise _AttemptFailed(FailureReason.REDIRECT)

    def _ask(self, hop: HttpHop, limits: Timeouts, deadline: Deadline) -> HttpResponse:
        try:
            connection = self._open(hop, deadline.within(limits.connect / 1000))
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: no thread can be started
            raise _AttemptFailed(FailureReason.CONNECT) from error
        with connection:
            try:
                return exchange(connection, hop, deadline, limits.read / 1000)
            except OSError as error:
                raise _AttemptFailed(FailureReason.READ) from error
            except (HTTPException, ValueError) as error:
                raise _AttemptFailed(FailureReason.PROTOCOL) from error

    def _open(self, hop: HttpHop, deadline: Deadline) -> socket.socket:
        if not is_unambiguous_host(hop.host):
            raise _AttemptFailed(FailureReason.FORBIDDEN)
        mapped = self._host_map.get(hop.host)
        addresses = self._look_up(mapped or hop.host, hop.port, deadline)
        is_trusted = mapped is not None or self._allows(hop.host, hop.port)
        if not (is_trusted or all(is_public(address) or self._allows(address, hop.port) for address in addresses)):
            raise _AttemptFailed(FailureReason.FORBIDDEN)
        for left in range(len(addresses), 0, -1):
            # An address that does not answer leaves time for those after it.
            share = deadline.within(deadline.remaining() / left)
            with suppress(OSError, ValueError):
                return self._open_at(addresses[-left], hop, share)
        raise ConnectionError("no address, or none that can be connected to")

    def _open_at(self, address: str, hop: HttpHop, deadline: Deadline) -> socket.socket:
        connection = self._connect(address, hop.port, deadline.remaining())
        if hop.url.scheme == "http":
            return connection
        try:
            connection.settimeout(deadline.remaining())
            return self._tls.wrap_socket(connection, server_hostname=hop.host.removesuffix("."))
        except (OSError, ValueError):
            connection.close()
            raise

    def _look_up(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        if parse_address(host) is not None:
            return [host]
        answers: SimpleQueue[Sequence[str]] = SimpleQueue()

        def ask() -> None:
            addresses: Sequence[str] = ()
            with suppress(OSError, ValueError):  # ValueError: no DNS can hold such a name
                addresses = self._resolve(host, port)
            answers.put(addresses)

        # The system's resolver cannot be interrupted, only left alone.
        Thread(target=ask, name=f"resolve {host}", daemon=True).start()
        try:
            return answers.get(timeout=deadline.remaining())
        except Empty:
            raise TimeoutError("the name was not resolved in time") from None

    def _allows(self, host: str, port: int) -> bool:
        bracketed = f"[{host}]" if ":" in host else host
        return not self._allowed.isdisjoint((host, bracketed, f"{bracketed}:{port}"))


class _AttemptFailed(Exception):
    def __init__(self, failure: FailureReason) -> None:
        super().__init__(failure)
        self.failure = failure


def _first_hop(request: WebhookRequest) -> tuple[HttpHop, str]:
    """The first request, and what answers a Basic challenge, if anything does."""
    if not is_valid_callback_url(request.url):
        raise _AttemptFailed(FailureReason.FORBIDDEN)
    url = urlsplit(request.url)
    information, _, netloc = url.netloc.rpartition("@")
    user, _, password = information.partition(":")
    credentials = b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode()
    hop = HttpHop(request.method, url._replace(netloc=netloc), request.headers, request.body)
    return hop, f"Basic {credentials}" if information else ""


def _redirected(hop: HttpHop, answer: HttpResponse) -> HttpHop:
    """Where the answer leads, with all the headers that may still be sent to the same origin."""
    if not answer.location:
        raise _AttemptFailed(FailureReason.REDIRECT)
    # As it came: the parser has read bytes as Latin-1. A space or a tab is escaped, as browsers do.
    location = quote(answer.location.encode("latin-1"), safe=PRINTABLE)
    try:
        url = urlsplit(urljoin(hop.url.geturl(), location))
    except ValueError:
        raise _AttemptFailed(FailureReason.FORBIDDEN) from None
    url = url._replace(netloc=url.netloc.rpartition("@")[2])
    if not is_valid_callback_url(url.geturl()):
        raise _AttemptFailed(FailureReason.FORBIDDEN)
    if (hop.url.scheme, url.scheme) == ("https", "http"):
        raise _AttemptFailed(FailureReason.REDIRECT)
    hop = replace(hop, url=url)
    moves_on = answer.status == _SEE_OTHER and hop.method not in _READING
    if moves_on or (answer.status in _MOVED and hop.method == "POST"):
        return replace(hop, method="GET", body=b"", headers=_without(hop.headers, {"content-type"}))
    return hop


def _without(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def _seconds_of(retry_after: str, now: int) -> int | None:
    """From seconds or a date, as RFC 9110 writes it, to whole seconds; None for anything else."""
    if _SECONDS.fullmatch(retry_after):
        return int(retry_after)
    try:
        at = datetime.strptime(retry_after, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0, round(at.timestamp()) - now // 1000)
