"""Pages of the participants of a conference, latest first; a page token has a call's id (C-95)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tapedeck.domain.page import Page, PageRequest
from tapedeck.domain.participant import Participant
from tapedeck.operations.short_lists import select_page as select_page_of_all


@dataclass(frozen=True, slots=True)
class ParticipantFilter:
    """Filter of participants; None matches all."""

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None


def select_page(
    inside: Sequence[Participant], everyone: Sequence[Participant], wanted: ParticipantFilter, page: PageRequest
) -> Page[Participant]:
    """Return the page of the participants in `inside` that match the filter, latest first, then by call.

    A cursor's position is looked up in `everyone`, which includes past participants.
    """
    matching = [each for each in inside if _fits(each, wanted)]
    return select_page_of_all(matching, everyone, page, lambda each: each.joined)


def _fits(participant: Participant, wanted: ParticipantFilter) -> bool:
    return all(
        expected is None or expected == actual
        for expected, actual in (
            (wanted.muted, participant.muted),
            (wanted.hold, participant.hold),
            (wanted.coaching, participant.coaching),
        )
    )
