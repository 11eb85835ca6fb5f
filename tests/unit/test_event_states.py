"""The states that engine events lead to: confirmations, numbers, and the label of a participant that joins."""

from dataclasses import replace

import pytest

from tapedeck.background.event_states import confirmed, free_label, noted
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import ParticipantJoinReport
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source

ROOM, CALL, OTHER = "0" * 32, "1" * 32, "2" * 32
HOLDER = Participant(OTHER, ROOM, 1, label="agent")


@pytest.mark.parametrize(
    ("label", "holder", "expected"),
    [
        ("agent", None, "agent"),
        ("agent", HOLDER, None),
        ("agent", replace(HOLDER, left=2), "agent"),
        ("agent", replace(HOLDER, label="clerk"), "agent"),
        ("agent", replace(HOLDER, call=CALL), "agent"),
        (None, None, None),
        ("", None, None),
        ("a/b", None, None),
        ("x" * 129, None, None),
        ("CA" + "0" * 32, None, None),
        ("CA" + "f" * 31 + "F", None, None),
        ("CA" + "0" * 31, None, "CA" + "0" * 31),
        ("ca" + "0" * 32, None, "ca" + "0" * 32),
    ],
)
def test_a_label_is_stored_unless_it_is_taken_or_invalid(
    label: str | None, holder: Participant | None, expected: str | None
) -> None:
    """A label that another participant has, that is not valid, or that looks like the sid of a call is left out."""
    assert free_label(ParticipantJoinReport(ROOM, CALL, label=label), holder) == expected


@pytest.mark.parametrize(("seq", "expected"), [(8, 9), (9, 9), (10, 10)])
def test_the_number_of_the_last_event_never_falls(seq: int, expected: int) -> None:
    """An event that arrives late does not lower the number of the last event of a participant."""
    event = EngineEvent("3" * 32, "4" * 32, "one", seq, 0)
    assert noted(replace(HOLDER, last_event_seq=9), event) == replace(HOLDER, last_event_seq=expected)


@pytest.mark.parametrize(("is_pause", "effective"), [(True, 2), (False, 1)])
def test_a_late_confirmation_confirms_its_own_version_only(effective: int, *, is_pause: bool) -> None:
    """The confirmation of an overtaken version 2 confirms no version 4; only that of a pause takes effect."""
    parent = Parent("4" * 32, ParentKind.CALL, CALL)
    paused = Recording(
        OTHER, parent, RecordingStatus.PAUSED, Source.START_CALL_RECORDING, 1, version=4, confirmed_version=1,
        effective_version=1, last_event_seq=9,
    )  # fmt: skip
    event = EngineEvent("3" * 32, "4" * 32, "one", 8, 0, 2)
    after = confirmed(paused, event, 2, is_pause=is_pause)
    assert after == replace(paused, confirmed_version=2, effective_version=effective)
    assert after.is_pending
