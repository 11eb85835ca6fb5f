"""Values that both vendors format identically."""

import re
import time
from typing import Any, Final

Body = dict[str, Any]
"""A JSON object, with its fields in the order of the vendor's schema."""

API_VERSION: Final = "2010-04-01"
REGION: Final = "us1"  # C-24

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # C-106

_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
"""The place before a capital letter inside a word."""


def snake_case(name: str) -> str:
    """Return a name such as `IncomingPhoneNumbers` as `incoming_phone_numbers`."""
    return _CAPITAL.sub("_", name).lower()


def values_of(resource: object, names: str) -> Body:
    """Return the values of a resource's fields by name, in the order of the names, which spaces separate."""
    return {name: getattr(resource, name) for name in names.split()}


def rfc2822(seconds: int) -> str:
    """Format seconds since the epoch as `Tue, 25 Sep 2018 23:00:00 +0000`: always English and UTC."""
    at = time.gmtime(seconds)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
    )


def rfc2822_or_none(seconds: int | None) -> str | None:
    """Format seconds since the epoch with `rfc2822`; None stays None."""
    return rfc2822(seconds) if seconds is not None else None
