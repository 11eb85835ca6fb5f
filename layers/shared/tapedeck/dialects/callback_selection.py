"""Callbacks speak the dialect in which their URL was set (behaviour.md, section 1)."""

from collections.abc import Mapping
from typing import Final

from tapedeck.dialects.callbacks import CallbackDialect
from tapedeck.dialects.signalwire.callbacks import SignalWireCallbacks
from tapedeck.dialects.twilio.callbacks import TwilioCallbacks
from tapedeck.domain.retry_policy import RetryPolicy

_CALLBACKS: Final[Mapping[str, CallbackDialect]] = {
    each.dialect.name: each for each in (TwilioCallbacks(), SignalWireCallbacks())
}


def callbacks_in(dialect: str) -> CallbackDialect:
    """The callbacks of the dialect of this name, which is `domain.subscription.Callback`'s."""
    return _CALLBACKS[dialect]


def policy_of(dialect: str, url: str) -> RetryPolicy:
    """How a callback to this URL is tried: as the dialect's vendor does, or as the fragment asks (section 7.3)."""
    return callbacks_in(dialect).policy(url)
