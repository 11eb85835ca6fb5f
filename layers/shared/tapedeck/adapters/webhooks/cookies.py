"""The cookies of an application, kept by the engine for one call."""

import json
from collections.abc import Iterable
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from typing import Any, Final, cast
from urllib.request import Request

MAX_COOKIES: Final = 50
MAX_COOKIE_CHARACTERS: Final = 8_000
"""The most that is kept of the cookies of a call; the newest ones stay."""


class CallCookies:
    """The cookies of a call: read from text, sent by the rules of HTTP, written as text (C-371)."""

    def __init__(self, stored: str) -> None:
        self._jar = CookieJar()
        for cookie in _read(stored):
            self._jar.set_cookie(cookie)

    def header_for(self, url: str) -> str | None:
        """Return the value of the header `Cookie` for a URL; None without a cookie for it."""
        request = Request(url)  # noqa: S310 - only its URL is used
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def take(self, url: str, set_cookies: Iterable[str]) -> None:
        """Add the cookies that an answer from this URL sets."""
        message = Message()
        for value in set_cookies:
            message["Set-Cookie"] = value
        self._jar.extract_cookies(cast("Any", _Answer(message)), Request(url))  # noqa: S310 - only its URL is used

    def as_text(self) -> str:
        """Return the cookies as JSON, at most 8,000 characters."""
        kept = [_fields_of(cookie) for cookie in self._jar][-MAX_COOKIES:]
        while kept and len(json.dumps(kept)) > MAX_COOKIE_CHARACTERS:
            kept.pop(0)
        return json.dumps(kept) if kept else ""


class _Answer:
    """What `CookieJar` needs of a response."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message


def _fields_of(cookie: Cookie) -> dict[str, Any]:
    fields = {name: value for name, value in vars(cookie).items() if name != "_rest"}
    return {**fields, "rest": vars(cookie)["_rest"]}


def _read(stored: str) -> list[Cookie]:
    """Return stored cookies; what cannot be read is ignored."""
    try:
        return [Cookie(**fields) for fields in json.loads(stored)] if stored else []
    except (ValueError, TypeError, AttributeError):
        return []
