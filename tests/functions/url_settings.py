"""The URLs and methods that phone numbers and applications have in common, each with a value that is no default."""

from typing import Any, Final

_HOST: Final = "https://app.example.com"

FORM: Final = {
    "VoiceUrl": f"{_HOST}/voice",
    "VoiceMethod": "get",
    "VoiceFallbackUrl": f"{_HOST}/fallback",
    "VoiceFallbackMethod": "GET",
    "StatusCallback": f"{_HOST}/status",
    "StatusCallbackMethod": "GET",
    "SmsUrl": f"{_HOST}/sms",
    "SmsMethod": "GET",
    "SmsFallbackUrl": f"{_HOST}/sms-fallback",
    "SmsFallbackMethod": "GET",
}
"""The parameters of a request."""

FIELDS: Final[dict[str, Any]] = {
    "voice_url": f"{_HOST}/voice",
    "voice_method": "GET",
    "voice_fallback_url": f"{_HOST}/fallback",
    "voice_fallback_method": "GET",
    "status_callback": f"{_HOST}/status",
    "status_callback_method": "GET",
    "sms_url": f"{_HOST}/sms",
    "sms_method": "GET",
    "sms_fallback_url": f"{_HOST}/sms-fallback",
    "sms_fallback_method": "GET",
}
"""What is stored and shown then, by field."""
