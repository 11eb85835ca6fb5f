"""Which dialect a request speaks: the form of its AccountSid decides (behaviour.md, section 1)."""

from typing import Final

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.signalwire.resources import SignalWire
from tapedeck.dialects.twilio.resources import Twilio

TWILIO: Final[Dialect] = Twilio()
SIGNALWIRE: Final[Dialect] = SignalWire()

_SIGNALWIRES_PREFIX: Final = "/api/laml"


def select_dialect(account_sid: str, path: str) -> Dialect:
    """A UUID speaks SignalWire's, `AC` and 32 hex digits Twilio's; for anything else the path's prefix decides."""
    for dialect in (TWILIO, SIGNALWIRE):
        if dialect.parse_sid(ResourceType.ACCOUNT, account_sid) is not None:
            return dialect
    return SIGNALWIRE if f"{path}/".startswith(f"{_SIGNALWIRES_PREFIX}/") else TWILIO


def parse_any_sid(kind: ResourceType, sid: str) -> str | None:
    """The id that `sid` spells in one of the dialects."""
    return TWILIO.parse_sid(kind, sid) or SIGNALWIRE.parse_sid(kind, sid)
