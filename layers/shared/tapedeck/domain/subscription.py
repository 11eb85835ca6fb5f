"""Callback subscriptions, and which callback URLs are valid."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_HIGHEST_FORBIDDEN_CONTROL: Final = 0x20
_DELETE: Final = 0x7F


@dataclass(frozen=True, slots=True)
class CallbackSubscription:
    """A subscription: an absolute URL, GET or POST, the subscribed events, and the dialect of the callbacks.

    The dialect is the one of the request that set the URL.
    """

    url: str
    method: str
    events: tuple[str, ...]
    dialect: str


def is_valid_callback_url(url: str) -> bool:
    """Whether `url` is an absolute http or https URL that every parser reads alike (C-88, REL-15).

    Rejected are bytes up to 0x20, 0x7f, backslashes, non-ASCII hosts, port 0, and anything that parsing and unparsing
    would change: the signed URL must be the one connected to. User info and fragments are allowed.
    """
    if any(ord(character) <= _HIGHEST_FORBIDDEN_CONTROL or ord(character) == _DELETE for character in url):
        return False
    if "\\" in url:
        return False
    try:
        url.encode()  # rejects lone surrogates
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host or not parts.netloc.isascii() or port == 0:
        return False
    # urlunsplit drops an empty query or fragment, and lower-cases the scheme.
    return urlunsplit(parts) == url
