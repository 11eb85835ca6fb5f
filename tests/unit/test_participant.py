"""A participant: its label, and its settings."""

from dataclasses import replace

import pytest

from tapedeck.domain.participant import Participant, is_label, with_settings
from tapedeck.operations.participants import UpdateParticipant

CALL, OTHER = "1" * 32, "2" * 32
PARTICIPANT = Participant(CALL, "0" * 32, 1, coaching=True, call_to_coach=OTHER)


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [("", False), ("a", True), ("x" * 128, True), ("x" * 129, False), ("a/b", False), ("/", False), ("a b é", True),
     ("\ud800", False)],
)  # fmt: skip
def test_a_label_has_up_to_128_characters_and_no_slash(text: str, *, is_valid: bool) -> None:
    """A label stands in one segment of a path: it has no slash, and is valid Unicode."""
    assert is_label(text) == is_valid


@pytest.mark.parametrize(
    ("change", "coaching", "coached"),
    [
        (UpdateParticipant(), True, OTHER),
        (UpdateParticipant(muted=True), True, OTHER),
        (UpdateParticipant(call_to_coach="3" * 32), True, "3" * 32),
        (UpdateParticipant(coaching=True), True, OTHER),
        (UpdateParticipant(coaching=False), False, None),
        (UpdateParticipant(coaching=False, call_to_coach="3" * 32), False, None),
    ],
)
def test_who_does_not_coach_has_no_call_to_coach(
    change: UpdateParticipant, coached: str | None, *, coaching: bool
) -> None:
    """A participant that stops coaching forgets the call that it coached; other changes keep it."""
    after = with_settings(PARTICIPANT, change)
    expected = replace(PARTICIPANT, coaching=coaching, call_to_coach=coached, muted=change.muted is True)
    assert after == expected
