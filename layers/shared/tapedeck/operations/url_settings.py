"""Changes of phone numbers and applications: the fields that a client set, stored by version."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from tapedeck.domain.application import Application
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.url_settings import SettingChanges

DEFAULTS: Final = {
    "voice_method": "POST",
    "voice_fallback_method": "POST",
    "voice_caller_id_lookup": False,
    "status_callback_method": "POST",
    "sms_method": "POST",
    "sms_fallback_method": "POST",
    "sms_status_callback_method": "POST",
    "public_application_connect_enabled": False,
}
"""What a setting becomes that is set to None; a URL stays None (C-353)."""

_MAX_ATTEMPTS: Final = 5


T = TypeVar("T", PhoneNumber, Application)


def with_settings(found: T, settings: SettingChanges, defaults: Mapping[str, object]) -> T:
    """Return a resource with these settings; `defaults` are those that differ by resource."""
    known = {**DEFAULTS, **defaults}
    given: dict[str, Any] = {name: value if value is not None else known.get(name) for name, value in settings.items()}
    return replace(found, **given)


def store_change(
    read: Callable[[], T], change: Callable[[T], T], write: Callable[[T, int], bool], seconds: Callable[[], int]
) -> T:
    """Change a stored resource, and return it; one that the change leaves equal is not written.

    Args:
        read: reads the resource; may raise NotFound.
        change: returns the changed resource.
        write: stores it in place of a version; False if there is another version.
        seconds: the time of the change in seconds since the epoch.

    Raises:
        StoreBusy: other changes were stored first, again and again.
    """
    for _ in range(_MAX_ATTEMPTS):
        found = read()
        changed = change(found)
        if changed == found:
            return found
        changed = replace(changed, version=found.version + 1, updated=seconds())
        if write(changed, found.version):
            return changed
    raise StoreBusy
