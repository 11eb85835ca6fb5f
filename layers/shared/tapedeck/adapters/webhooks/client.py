"""SSRF-safe HTTP requests to URLs that customers configure: public internet addresses only (REL-13 to REL-16).

A connector that fetches `Url`, `AnnounceUrl` or `HoldUrl` also connects to servers that a customer chose. It must use
this module, or follow the same rules (REL-16):

- The URL must pass `domain.subscription.is_valid_callback_url`. Its host must be an address in canonical form or a name
  that does not look like a number (`public_addresses.is_unambiguous_host`). The fragment is not sent.
- The host is resolved once per connection, and every address must be public (`public_addresses.is_public`). The client
  then connects to one of exactly these addresses, without resolving the name again.
- TLS certificates are verified against the host in the URL. Proxy settings of the environment are ignored.
- At most three redirects are followed, never from https to http; each target is checked like the first URL. After a
  redirect to another origin (scheme, host, port), the signature, the token, user info and `Authorization` are dropped
  for the rest of the attempt.
- User info is sent as Basic credentials only after a 401 with a Basic challenge from the origin of the URL (C-86).
- One deadline covers the attempt: resolving, connecting, TLS, writing, reading, all redirects. It is checked before
  every read. The head and the body of a response are read up to a limit.
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
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit

from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.webhooks.http_exchange import (
    MAX_BODY,
    MAX_KEPT,
    PRINTABLE,
    REDIRECTS,
    Deadline,
    HttpHop,
    HttpResponse,
    exchange,
)
from tapedeck.adapters.webhooks.public_addresses import is_public, is_unambiguous_host, parse_address
from tapedeck.domain.subscription import is_valid_callback_url
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookRequest, WebhookResult

if TYPE_CHECKING:
    from tapedeck.ports.clock import Clock

Resolve = Callable[[str, int], Sequence[str]]
"""Resolve a host and port to all addresses of the host; OSError if it does not exist."""
Connect = Callable[[str, int, float], socket.socket]
"""Connect to an address and port within a number of seconds; OSError on failure."""

_MOVED: Final = frozenset({301, 302})
_SEE_OTHER: Final = 303
_UNAUTHORIZED: Final = 401
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def resolve_host(host: str, port: int) -> list[str]:
    """Resolve a host with the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def open_connection(address: str, port: int, seconds: float) -> socket.socket:
    """Open a TCP connection to an address."""
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        connection.settimeout(seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


class SafeWebhookClient:
    """`ports.messaging.WebhookClient` over HTTP/1.1, with a new connection for each request.

    Args:
        resolve: resolves a host; abandoned at the deadline if it takes longer.
        connect: connects to an address.
        tls: the TLS context; by default one with the system's trust store.
        clock: the current time, to convert a `Retry-After` date to seconds.
        allowed_hosts: names or addresses, optionally with a port (`localhost:3000`, `[::1]:3000`), that are allowed
            although they are not public; not case-sensitive.
        host_map: hosts to connect to instead of the host in the URL, such as `localhost` to `host.docker.internal`.
            Their addresses need not be public; headers and certificates keep the host in the URL.
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
        # Created on first use: reading the trust store takes longer than most requests.
        return self._given_tls or ssl.create_default_context()

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt; failures are returned in the result, not raised."""
        started = time.monotonic()
        status, failure, body, retry_after = None, None, b"", None
        try:
            response = self._follow(request, Deadline(started + request.timeouts.total / 1000))
        except AttemptFailed as failed:
            failure = failed.failure
        else:
            status, body, retry_after = response.status, response.body, _seconds_of(response.retry_after, self._clock())
        return WebhookResult(status, failure, round((time.monotonic() - started) * 1000), body, retry_after)

    def _follow(self, request: WebhookRequest, deadline: Deadline) -> HttpResponse:
        hop, credentials = _first_hop(request)
        for _ in range(request.max_redirects + 1):
            response = self._send_once(hop, request.timeouts, deadline)
            if response.status == _UNAUTHORIZED and response.is_challenge and credentials:
                headers = {**_without(hop.headers, {"authorization"}), "Authorization": credentials}
                hop, credentials = replace(hop, headers=headers), ""
                response = self._send_once(hop, request.timeouts, deadline)
            # --8<-- [start:redirect]
            if response.status not in REDIRECTS:
                return response
            previous_origin, hop = hop.origin, _redirected(hop, response)
            if hop.origin != previous_origin:
                # Dropped for all later hops: the other origin may redirect back to the first one.
                secrets = {"authorization", *map(str.lower, request.origin_bound_headers)}
                hop, credentials = replace(hop, headers=_without(hop.headers, secrets)), ""
            # --8<-- [end:redirect]
        raise AttemptFailed(FailureReason.REDIRECT)

    def _send_once(
        self,
        hop: HttpHop,
        timeouts: Timeouts,
        deadline: Deadline,
        *,
        max_body: int = MAX_BODY,
        max_kept: int = MAX_KEPT,
    ) -> HttpResponse:
        """Send one request; raises AttemptFailed."""
        try:
            connection = self._open(hop, deadline.within(timeouts.connect / 1000))
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: cannot start a thread
            raise AttemptFailed(FailureReason.CONNECT) from error
        with connection:
            try:
                return exchange(connection, hop, deadline, timeouts.read / 1000, max_body=max_body, max_kept=max_kept)
            except OSError as error:
                raise AttemptFailed(FailureReason.READ) from error
            except (HTTPException, ValueError) as error:
                raise AttemptFailed(FailureReason.PROTOCOL) from error

    # --8<-- [start:open]
    def _open(self, hop: HttpHop, deadline: Deadline) -> socket.socket:
        if not is_unambiguous_host(hop.host):
            raise AttemptFailed(FailureReason.FORBIDDEN)
        mapped = self._host_map.get(hop.host)
        addresses = self._look_up(mapped or hop.host, hop.port, deadline)
        is_trusted = mapped is not None or self._allows(hop.host, hop.port)
        if not (is_trusted or all(is_public(address) or self._allows(address, hop.port) for address in addresses)):
            raise AttemptFailed(FailureReason.FORBIDDEN)
        if not addresses:
            raise UnknownHost("the host has no address")
        failed: Exception | None = None
        for left in range(len(addresses), 0, -1):
            # Share the time, so that an unresponsive address leaves some for the next ones.
            share = deadline.within(deadline.remaining() / left)
            try:
                return self._open_at(addresses[-left], hop, share)
            except (OSError, ValueError) as error:
                failed = error
        raise ConnectionError("the host has no address that accepts a connection") from failed

    # --8<-- [end:open]

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
        results: SimpleQueue[Sequence[str]] = SimpleQueue()

        def resolve() -> None:
            addresses: Sequence[str] = ()
            with suppress(OSError, ValueError):  # ValueError: not a valid DNS name
                addresses = self._resolve(host, port)
            results.put(addresses)

        # The system's resolver cannot be interrupted, only abandoned.
        Thread(target=resolve, name=f"resolve {host}", daemon=True).start()
        try:
            return results.get(timeout=deadline.remaining())
        except Empty:
            raise TimeoutError("the host was not resolved before the deadline") from None

    def _allows(self, host: str, port: int) -> bool:
        bracketed = f"[{host}]" if ":" in host else host
        return not self._allowed.isdisjoint((host, bracketed, f"{bracketed}:{port}"))


class UnknownHost(ConnectionError):
    """The name of a host does not resolve to an address."""


class AttemptFailed(Exception):
    """An attempt has no response; the cause of a failed connection is its `__cause__`."""

    def __init__(self, failure: FailureReason) -> None:
        super().__init__(failure)
        self.failure = failure


def without_user_info(url: str) -> tuple[SplitResult, str]:
    """Return a URL without user info, and the `Authorization` for a Basic challenge (empty without user info).

    Raises:
        AttemptFailed: it is no absolute http or https URL.
    """
    if not is_valid_callback_url(url):
        raise AttemptFailed(FailureReason.FORBIDDEN)
    parts = urlsplit(url)
    user_info, _, netloc = parts.netloc.rpartition("@")
    user, _, password = user_info.partition(":")
    credentials = b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode()
    return parts._replace(netloc=netloc), f"Basic {credentials}" if user_info else ""


def _first_hop(request: WebhookRequest) -> tuple[HttpHop, str]:
    url, credentials = without_user_info(request.url)
    return HttpHop(request.method, url, request.headers, request.body), credentials


def redirect_target(hop: HttpHop, response: HttpResponse) -> SplitResult:
    """Return the URL to which a response redirects, without user info.

    Raises:
        AttemptFailed: there is no usable URL, or it leads from https to http.
    """
    if not response.location:
        raise AttemptFailed(FailureReason.REDIRECT)
    # Restore the original bytes, which the parser decoded as Latin-1. Escape spaces and tabs, as browsers do.
    location = quote(response.location.encode("latin-1"), safe=PRINTABLE)
    try:
        url = urlsplit(urljoin(hop.url.geturl(), location))
    except ValueError:
        raise AttemptFailed(FailureReason.FORBIDDEN) from None
    url = url._replace(netloc=url.netloc.rpartition("@")[2])
    if not is_valid_callback_url(url.geturl()):
        raise AttemptFailed(FailureReason.FORBIDDEN)
    if (hop.url.scheme, url.scheme) == ("https", "http"):
        raise AttemptFailed(FailureReason.REDIRECT)
    return url


def _redirected(hop: HttpHop, response: HttpResponse) -> HttpHop:
    """Build the hop to the redirect target, with all headers; the caller drops those bound to the origin."""
    hop = replace(hop, url=redirect_target(hop, response))
    is_see_other = response.status == _SEE_OTHER and hop.method not in _SAFE_METHODS
    if is_see_other or (response.status in _MOVED and hop.method == "POST"):
        return replace(hop, method="GET", body=b"", headers=_without(hop.headers, {"content-type"}))
    return hop


def _without(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def _seconds_of(retry_after: str, now: int) -> int | None:
    """Convert a `Retry-After` value (seconds or an RFC 9110 date) to seconds; None if malformed."""
    if _SECONDS.fullmatch(retry_after):
        return int(retry_after)
    try:
        at = datetime.strptime(retry_after, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0, round(at.timestamp()) - now // 1000)
