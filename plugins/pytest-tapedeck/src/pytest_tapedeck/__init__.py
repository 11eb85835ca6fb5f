"""Call recordings and conferences in tests: the fixture `tapedeck`."""

from pytest_tapedeck.client import Call, Conference, NotSettled, Refused, Tapedeck

__all__ = ["Call", "Conference", "NotSettled", "Refused", "Tapedeck"]
