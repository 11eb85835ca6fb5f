"""Select the dialect of a request by the format of its AccountSid."""

from typing import Final

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.signalwire.resources import SignalWire
from tapedeck.dialects.twilio.resources import Twilio

TWILIO: Final[Dialect] = Twilio()
SIGNALWIRE: Final[Dialect] = SignalWire()

_SIGNALWIRE_PREFIX: Final = "/api/laml"


def select_dialect(account_sid: str, path: str) -> Dialect:
    """Return SignalWire for a UUID, Twilio for `AC` and 32 hex digits; otherwise decide by the path's prefix (C-1)."""
    for dialect in (TWILIO, SIGNALWIRE):
        if dialect.parse_sid(ResourceType.ACCOUNT, account_sid) is not None:
            return dialect
    return SIGNALWIRE if f"{path}/".startswith(f"{_SIGNALWIRE_PREFIX}/") else TWILIO


def select_dialect_of_user(user: str, path: str) -> Dialect:
    """Return the dialect of a path without an account: that of the user name's form; API keys are Twilio's (C-155)."""
    if TWILIO.parse_sid(ResourceType.API_KEY, user) is not None:
        return TWILIO
    return select_dialect(user, path)


def parse_any_sid(kind: ResourceType, sid: str) -> str | None:
    """Return the id of a SID in either dialect, or None if it is a SID in neither."""
    return TWILIO.parse_sid(kind, sid) or SIGNALWIRE.parse_sid(kind, sid)
