"""When a command to the media engine is pending, and when it expires."""

from dataclasses import replace

import pytest

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.engine_command import has_unexpired_request, is_pending, with_new_request

NOW = 1_537_916_400
CALL = Call("0" * 32, "1" * 32, CallStatus.IN_PROGRESS, NOW, version=4)


def test_a_request_is_pending_until_its_version_is_confirmed() -> None:
    """A request has the version of its change; the confirmation of an earlier version does not end it."""
    requested = with_new_request(CALL, NOW)
    assert requested == replace(CALL, requested_version=4, requested_at=NOW)
    confirmed = [is_pending(replace(requested, confirmed_version=version)) for version in (0, 3, 4, 5)]
    assert (is_pending(CALL), confirmed) == (False, [True, True, False, False])


@pytest.mark.parametrize(("seconds", "is_unexpired"), [(0, True), (3_600, True), (86_399, True), (86_400, False)])
def test_a_request_expires_after_a_day(seconds: int, *, is_unexpired: bool) -> None:
    """A request that was not confirmed within 24 hours overrides nothing any more (C-109)."""
    requested = with_new_request(CALL, NOW)
    assert has_unexpired_request(requested, NOW + seconds) == is_unexpired
    assert not has_unexpired_request(replace(requested, confirmed_version=4), NOW + seconds)
