"""Where somebody wants to be told, and which URLs can be told at all."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_HIGHEST_FORBIDDEN_CONTROL: Final = 0x20
_DELETE: Final = 0x7F


@dataclass(frozen=True, slots=True)
class CallbackSubscription:
    """A subscription: an absolute URL, GET or POST, the events asked for, and the dialect they are told in.

    The dialect is the one in which the URL was set (behaviour.md, section 1).
    """

    url: str
    method: str
    events: tuple[str, ...]
    dialect: str


def is_valid_callback_url(url: str) -> bool:
    """Whether `url` is absolute, http or https, and means the same to everybody who parses it (rule R15).

    Refused are bytes up to 0x20, 0x7f, backslashes, non-ASCII hosts, port 0, and whatever a parse and unparse
    would change: what is signed must be what is connected to. User info and fragments are allowed.
    """
    if any(ord(character) <= _HIGHEST_FORBIDDEN_CONTROL or ord(character) == _DELETE for character in url):
        return False
    if "\\" in url:
        return False
    try:
        url.encode()  # half of a surrogate pair can be written nowhere
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host or not parts.netloc.isascii() or port == 0:
        return False
    # An empty query or fragment, and an upper-case scheme, are lost on the way.
    return urlunsplit(parts) == url
