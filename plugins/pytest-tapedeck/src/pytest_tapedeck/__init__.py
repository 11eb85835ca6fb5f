"""A pytest plugin: the fixture `tapedeck` provides a local API for call recordings and conferences."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_tapedeck.client import (
        Call,
        CallbackMissing,
        CallElsewhere,
        Conference,
        NoAnswer,
        NotSettled,
        Refused,
        Tapedeck,
        WebhookMissing,
    )

__all__ = [
    "Call",
    "CallElsewhere",
    "CallbackMissing",
    "Conference",
    "NoAnswer",
    "NotSettled",
    "Refused",
    "Tapedeck",
    "WebhookMissing",
]


def __getattr__(name: str) -> object:
    """Import the client when a name of it is first used: pytest imports this package in every session."""
    if name not in __all__:
        raise AttributeError(name)
    found: object = getattr(import_module("pytest_tapedeck.client"), name)
    return found
