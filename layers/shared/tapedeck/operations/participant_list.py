"""Pages of the participants of a conference, latest first; a page token has a call's id (C-95)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tapedeck.domain.identity import created_at
from tapedeck.domain.page import Page, PageRequest, predecessor, successor
from tapedeck.domain.participant import Participant
from tapedeck.operations.lists import page_of


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
    matching = sorted((each for each in inside if _fits(each, wanted)), key=_position, reverse=True)
    cursor = page.cursor
    if cursor is not None:
        position = _position_of(cursor.id, everyone)
        if cursor.backwards:
            matching = [each for each in reversed(matching) if _position(each) > position]
        else:
            matching = [each for each in matching if _position(each) < position]
    remaining = matching[page.offset :]
    found = remaining[: page.size]
    return page_of(page, found, found[-1].call if len(remaining) > page.size else None)


def _fits(participant: Participant, wanted: ParticipantFilter) -> bool:
    return all(
        expected is None or expected == actual
        for expected, actual in (
            (wanted.muted, participant.muted),
            (wanted.hold, participant.hold),
            (wanted.coaching, participant.coaching),
        )
    )


def _position(participant: Participant) -> tuple[int, str]:
    return participant.joined, participant.call


def _position_of(call: str, everyone: Sequence[Participant]) -> tuple[int, str]:
    """Return the sort position of a call, or of its neighbour's id; an unknown call counts as joined when created."""
    joined_at = {each.call: each.joined for each in everyone}
    for near in (call, successor(call), predecessor(call)):
        if near in joined_at:
            return joined_at[near], call
    return created_at(call), call
