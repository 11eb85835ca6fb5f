"""Where calls and messages find their instructions: what a phone number and an application have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

SettingChanges = Mapping[str, str | bool | None]
"""Settings that a client changes, by field, each with its new value; None: the default value from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSettings:
    """The URLs of an account's own program, for calls and for messages, with their methods.

    A URL is absolute, or None if there is none; a method is GET or POST.
    """

    voice_url: str | None = None
    voice_method: str = "POST"
    voice_fallback_url: str | None = None
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    status_callback: str | None = None
    status_callback_method: str = "POST"
    sms_url: str | None = None
    sms_method: str = "POST"
    sms_fallback_url: str | None = None
    sms_fallback_method: str = "POST"
