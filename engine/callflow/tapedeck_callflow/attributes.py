"""Attributes of an element: reads them with their types and defaults, and collects warnings about bad ones."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from tapedeck_callflow.document import Element

INVALID: Final = 12200
"""The code of a warning about markup that has no code of its own."""

MAX_URL_LENGTH: Final = 4_000


@dataclass(frozen=True, slots=True)
class MarkupWarning:
    """A warning about a document, which is executed all the same; `line` and `column` are from 1."""

    code: int
    text: str
    verb: str = ""
    attribute: str = ""
    value: str = ""
    line: int | None = None
    column: int | None = None


def warning_at(element: Element, code: int, text: str, attribute: str = "", value: str = "") -> MarkupWarning:
    """Return a warning about an element, or about one of its attributes."""
    return MarkupWarning(code, text, element.name, attribute, value, element.line, element.column)


def skip_elements(element: Element, warnings: list[MarkupWarning], known: Collection[str] = ()) -> None:
    """Warn of each element in an element that is not one of the known ones."""
    warnings.extend(
        warning_at(nested, INVALID, f"<{nested.name}> in <{element.name}> is skipped")
        for nested in element.elements()
        if nested.name not in known
    )


def absolute_url(url: str, base: str | None) -> str | None:
    """Resolve a URL against the URL of its document.

    Returns:
        The absolute http or https URL; None if there is none, or if it is longer than 4,000 characters.
    """
    try:
        resolved = url if base is None else urljoin(base, url)
        parts = urlsplit(resolved)
        port_is_valid = parts.port is None or parts.port >= 0
    except ValueError:
        return None
    usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and port_is_valid
    return resolved if usable and len(resolved) <= MAX_URL_LENGTH else None


class AttributeReader:
    """Reads the attributes of one element; a bad value gives a warning and the default."""

    def __init__(self, element: Element, warnings: list[MarkupWarning]) -> None:
        self._element = element
        self._warnings = warnings
        self._unread = dict(element.attributes)

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute as it is."""
        return self._unread.pop(name, default)

    def url(self, name: str) -> str | None:
        """Return a URL as it is written, without white space around it; None when it is absent or empty."""
        return self._unread.pop(name, "").strip() or None

    def boolean(self, name: str, *, default: bool, code: int = INVALID) -> bool:
        """Return `true` or `false`, in upper or lower case."""
        value = self._unread.pop(name, None)
        if value is None:
            return default
        known = {"true": True, "false": False}.get(value.strip().lower())
        if known is None:
            self._warn(code, name, value)
            return default
        return known

    def integer(self, name: str, default: int, minimum: int, maximum: int | None = None, *, code: int = INVALID) -> int:
        """Return a whole number from `minimum` to `maximum`."""
        value = self.optional_integer(name, minimum, maximum, code=code)
        return default if value is None else value

    def optional_integer(
        self, name: str, minimum: int, maximum: int | None = None, *, code: int = INVALID
    ) -> int | None:
        """Return a whole number, or None when there is none."""
        text = self._unread.pop(name, None)
        if text is None:
            return None
        digits = text.strip()
        # At most nine digits: a longer number is out of every range.
        value = int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else -1
        if value < minimum or (maximum is not None and value > maximum):
            self._warn(code, name, text)
            return None
        return value

    def choice(self, name: str, default: str, allowed: Collection[str], *, code: int = INVALID) -> str:
        """Return one of the allowed values."""
        value = self._unread.pop(name, None)
        if value is None:
            return default
        if value.strip() not in allowed:
            self._warn(code, name, value)
            return default
        return value.strip()

    def method(self, name: str, default: str = "POST", *, code: int = INVALID) -> str:
        """Return the method of a request: `GET` or `POST`, written in upper or lower case."""
        value = self._unread.pop(name, default)
        if value.strip().upper() not in {"GET", "POST"}:
            self._warn(code, name, value)
            return default
        return value.strip().upper()

    def matching(self, name: str, default: str, pattern: str, *, code: int = INVALID) -> str:
        """Return text that the pattern matches as a whole."""
        value = self._unread.pop(name, None)
        if value is None:
            return default
        if re.fullmatch(pattern, value.strip()) is None:
            self._warn(code, name, value)
            return default
        return value.strip()

    def events(
        self, name: str, default: Collection[str], allowed: Collection[str], *, code: int = INVALID
    ) -> tuple[str, ...]:
        """Return the names of events, which are separated by white space; unknown ones are left out."""
        value = self._unread.pop(name, None)
        if value is None:
            return tuple(default)
        names = dict.fromkeys(value.split())
        if any(event not in allowed for event in names):
            self._warn(code, name, value)
        return tuple(event for event in names if event in allowed)

    def finish(self, ignored: Collection[str] = ()) -> None:
        """Warn of each attribute that was not read and is not among those without effect."""
        for name, value in self._unread.items():
            if name not in ignored:
                text = f"<{self._element.name}> has no attribute {name!r}"
                self._warnings.append(warning_at(self._element, INVALID, text, name, value))

    def _warn(self, code: int, name: str, value: str) -> None:
        text = f"{value!r} is no value of {name!r}; the default is used"
        self._warnings.append(warning_at(self._element, code, text, name, value))
