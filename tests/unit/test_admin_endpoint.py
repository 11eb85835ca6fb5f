"""Tests of `admin/endpoint.py`: which message an operator gets for a refused request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tapedeck.admin.endpoint import AdminEndpoint, AdminRequest
from tapedeck.domain.errors import CallAlreadyEnded, CallHasEnded, InvalidState, NotFound, TapedeckError
from tests.functions.background_world import FakeLog


@dataclass
class Services:
    """The services of the function under test."""

    log: Any = field(default_factory=FakeLog)


class NoSuchVoicemail(NotFound):
    """An error without a message of its own."""


def answer_to(error: TapedeckError, messages: Mapping[type[TapedeckError], str]) -> dict[str, Any]:
    """Return the answer of a function that raises this error."""
    endpoint = AdminEndpoint(Services, messages)

    @endpoint("fail", AdminRequest)
    def handler(services: Services, event: AdminRequest) -> dict[str, Any]:
        del services, event
        raise error

    return handler({}, None)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NotFound(), "not found"),
        (NoSuchVoicemail(), "not found"),
        (InvalidState(), "wrong state"),
        (CallHasEnded(), "ended"),
        (CallAlreadyEnded(), "ended"),
    ],
)
def test_an_error_has_the_message_of_its_nearest_class(error: TapedeckError, message: str) -> None:
    """An error without a message of its own has that of the nearest class that it is derived from."""
    messages = {NotFound: "not found", InvalidState: "wrong state", CallHasEnded: "ended"}
    assert answer_to(error, messages) == {"error": {"message": message, "field": None}}
