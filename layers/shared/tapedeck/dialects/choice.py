"""Which dialect a request speaks: the form of its AccountSid decides (behaviour.md, section 1)."""

from typing import Final

from tapedeck.dialects.dialect import Dialect, Kind
from tapedeck.dialects.signalwire import SignalWire
from tapedeck.dialects.twilio import Twilio

TWILIO: Final[Dialect] = Twilio()
SIGNALWIRE: Final[Dialect] = SignalWire()

_SIGNALWIRES_PREFIX: Final = "/api/laml"


def choose(account_sid: str, path: str) -> Dialect:
    """A UUID speaks SignalWire's, `AC` and 32 hex digits Twilio's; for anything else the path's prefix decides."""
    for dialect in (TWILIO, SIGNALWIRE):
        if dialect.read(Kind.ACCOUNT, account_sid) is not None:
            return dialect
    return SIGNALWIRE if f"{path}/".startswith(f"{_SIGNALWIRES_PREFIX}/") else TWILIO


def read_in_either(kind: Kind, sid: str) -> str | None:
    """The id that `sid` spells in one of the dialects."""
    return TWILIO.read(kind, sid) or SIGNALWIRE.read(kind, sid)
