"""A pytest plugin: the fixture `tapedeck` provides a local API for call recordings and conferences."""

from pytest_tapedeck.client import Call, Conference, NotSettled, Refused, Tapedeck

__all__ = ["Call", "Conference", "NotSettled", "Refused", "Tapedeck"]
