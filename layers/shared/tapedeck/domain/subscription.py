"""Callback subscriptions, and which callback URLs are valid."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

_HIGHEST_FORBIDDEN_CONTROL: Final = 0x20
_DELETE: Final = 0x7F
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
"""The printable ASCII characters except the space: they stay as they are, escapes such as `%20` included."""


@dataclass(frozen=True, slots=True)
class CallbackSubscription:
    """A subscription: an absolute URL, GET or POST, the subscribed events, and the dialect of the callbacks.

    The dialect is the one of the request that set the URL. `events` are empty if a request for a call chose none.
    """

    url: str
    method: str
    events: tuple[str, ...]
    dialect: str


def normalize_callback_url(url: str) -> str | None:
    """Return the form of a URL that is stored, signed and sent; None if it is no usable URL (C-88, REL-15).

    Usable are absolute http and https URLs that every parser reads alike. Rejected are bytes up to 0x20, 0x7f,
    backslashes, hosts and user info beyond ASCII, and port 0. User info and fragments are allowed.

    The scheme becomes lower-case, an empty path becomes `/`, and an empty query or fragment is dropped. Characters
    beyond ASCII in the path and the query are percent-encoded as UTF-8 (C-130). Nothing else changes, so a normalized
    URL stays as it is.
    """
    if any(ord(character) <= _HIGHEST_FORBIDDEN_CONTROL or ord(character) == _DELETE for character in url):
        return None
    if "\\" in url:
        return None
    try:
        url.encode()  # rejects lone surrogates
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or not parts.netloc.isascii() or port == 0:
        return None
    # urlsplit lower-cases the scheme; urlunsplit drops an empty query or fragment.
    # A request always has a path.
    path, query = (quote(part, safe=_PRINTABLE) for part in (parts.path or "/", parts.query))
    return urlunsplit(parts._replace(path=path, query=query))


def is_valid_callback_url(url: str) -> bool:
    """Whether `normalize_callback_url` accepts a URL."""
    return normalize_callback_url(url) is not None
