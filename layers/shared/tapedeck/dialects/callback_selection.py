"""Select the dialect of a callback: that of the request that set its URL (C-68)."""

from collections.abc import Mapping
from typing import Final

from tapedeck.dialects.callbacks import CallbackDialect
from tapedeck.dialects.signalwire.callbacks import SignalWireCallbacks
from tapedeck.dialects.twilio.callbacks import TwilioCallbacks

_CALLBACKS: Final[Mapping[str, CallbackDialect]] = {
    each.dialect.name: each for each in (TwilioCallbacks(), SignalWireCallbacks())
}


def callbacks_in(dialect: str) -> CallbackDialect:
    """Return the callback dialect of this name (`domain.subscription.CallbackSubscription.dialect`)."""
    return _CALLBACKS[dialect]
