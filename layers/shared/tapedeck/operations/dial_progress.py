"""The states of a dialed participant, its call and its conference while it is dialed."""

from dataclasses import replace
from typing import Final

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import ConferenceOverForParticipant, NotFound
from tapedeck.domain.participant import Label, Participant, ParticipantStatus

MAX_CONTENDED_ATTEMPTS: Final = 16
"""Attempts of a conditional write on a busy conference: about 0.6 s with the store's pauses in between (C-67)."""


def call_after_progress(call: Call, status: CallStatus, at: int, now: int) -> Call:
    """Return the call after it began to ring or was answered at `at`; times are in seconds."""
    after = replace(call, status=status, updated=now, version=call.version + 1)
    return replace(after, rang=at) if status is CallStatus.RINGING else replace(after, started=at, placement={})


def participant_after_progress(
    conference: Conference, participant: Participant, status: CallStatus, now: int
) -> Participant:
    """Return the participant after its call began to ring or was answered, which connects it."""
    after = replace(participant, updated=now, version=participant.version + 1)
    if status is CallStatus.RINGING:
        return replace(after, status=ParticipantStatus.RINGING)
    return replace(after, status=ParticipantStatus.CONNECTED, sequence=conference.sequence + 1)


def require_inside(
    conference: Conference | None, participant: Participant | None, who: str | Label
) -> tuple[Conference, Participant]:
    """Return a live conference and a participant that has not left it.

    Raises:
        NotFound: one of them does not exist, the participant has left, or it no longer has the label `who`.
        ConferenceOverForParticipant: the conference has ended.
    """
    if conference is None or participant is None or (isinstance(who, Label) and participant.label != who.text):
        raise NotFound
    if not conference.is_live:
        raise ConferenceOverForParticipant
    if not participant.is_inside:
        raise NotFound
    return conference, participant
