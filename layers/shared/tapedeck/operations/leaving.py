"""The states of a call, its participant and its conference after the call has ended or left the conference."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import with_new_request
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.participant import Participant
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.parents import EndConflict, EndTransaction

MAX_END_ATTEMPTS: Final = 10
"""Attempts to end a call or conference while other writes race it; each conflict returns the newer state."""


def call_ending(
    call: Call,
    conference: Conference | None,
    participant: Participant | None,
    status: CallStatus,
    now: int,
    write_id: str,
    stopped: frozenset[str],
    ended: int | None = None,
    callback: CallbackSubscription | None = None,
) -> EndTransaction:
    """Return the transaction that ends a call, with its recordings, and removes it from a live conference.

    Args:
        call: the call as last read.
        conference: the conference that it joined last, if it has to leave it.
        participant: its participant there.
        status: the final status.
        now: seconds.
        write_id: the id of the write.
        stopped: recordings that are known to be stopped.
        ended: when it ended, in seconds, as the engine reported; None sends the command to hang up.
        callback: the new callback subscription, if any.
    """
    after = call_after_end(call, status, now, write_id, ended if ended is not None else now)
    after = with_new_request(after, now) if ended is None else after
    after = replace(after, callback=callback or after.callback)
    ending = EndTransaction(
        write_id, now, call=call, call_after=after, call_recordings=call.active_recordings - stopped, ended=after.ended
    )
    if conference is None or participant is None or not conference.is_live or not participant.is_inside:
        return ending
    gone = participant_after_leave(conference, participant, now)
    return with_leave(ending, conference, participant, gone, stopped)


def with_leave(
    ending: EndTransaction,
    conference: Conference,
    participant: Participant,
    gone: Participant,
    stopped: frozenset[str],
) -> EndTransaction:
    """Add to a transaction that a participant leaves, which may end the conference."""
    ending = replace(ending, participant=participant, participant_after=gone)
    if not participant.is_connected:
        return ending  # never counted, never published
    left, ends = conference_after_leave(conference, participant, ending.now, ending.write_id)
    return replace(
        ending,
        conference=conference,
        conference_after=left,
        conference_recordings=conference.active_recordings - stopped if ends else frozenset(),
    )


def exit_status_of(call: Call) -> CallStatus:
    """Return the final status of a live call that leaves the conference that it was dialed into (C-150)."""
    return CallStatus.CANCELED if call.status in UNANSWERED else CallStatus.COMPLETED


def call_after_end(call: Call, status: CallStatus, now: int, write_id: str, ended: int) -> Call:
    """Return the call after its end at `ended`; times are in seconds."""
    return replace(
        call,
        status=status,
        updated=now,
        ended=ended,
        version=call.version + 1,
        active_recordings=frozenset(),
        end_write_id=write_id,
        placement={},
    )


def participant_after_redirect(conference: Conference, participant: Participant, now: int) -> Participant:
    """Return the participant after its call got new instructions at `now` (seconds).

    The command of the call removes it, so that it needs no command of its own, and no earlier one is pending.
    `last_event_seq` is 0 until the engine reports that it has left: events from before the redirect are not known by
    their numbers (C-153).
    """
    gone = with_new_request(participant_after_leave(conference, participant, now), now)
    return replace(gone, confirmed_version=gone.version, last_event_seq=0)


def participant_after_leave(conference: Conference, participant: Participant, now: int) -> Participant:
    """Return the participant after it left or was not reached; its coach is not changed (C-66)."""
    return replace(
        participant,
        status=participant.exit_status,
        left=now,
        updated=now,
        version=participant.version + 1,
        sequence=conference.sequence + 1 if participant.is_connected else participant.sequence,
    )


def conference_after_leave(
    conference: Conference, participant: Participant, now: int, write_id: str, *, kicked: bool = False
) -> tuple[Conference, bool]:
    """Return the conference after this participant left, and whether that ended the conference.

    With `kicked` it was removed over the API; otherwise it hung up. Participants count only once connected (C-65).
    """
    left = replace(conference, version=conference.version + 1)
    if not participant.is_connected:
        return left, False
    remaining = conference.participants - 1
    left = replace(left, participants=remaining, sequence=conference.sequence + 1)
    if remaining > 0 and not participant.end_conference_on_exit:
        return left, False
    # Request the end from the engine even if the engine reported the cause: the remaining participants must leave.
    left = with_new_request(left, now)
    ended = replace(
        left,
        status=ConferenceStatus.COMPLETED,
        sequence=left.sequence + 1,
        updated=now,
        ended=now,
        reason=_REASONS[participant.end_conference_on_exit, kicked],
        ending_call=participant.call,
        active_recordings=frozenset(),
        end_write_id=write_id,
    )
    return ended, True


_REASONS: Final = {
    (True, True): EndReason.END_ON_EXIT_KICKED,
    (True, False): EndReason.END_ON_EXIT_LEFT,
    (False, True): EndReason.LAST_KICKED,
    (False, False): EndReason.LAST_LEFT,
}
"""Keys: whether the participant ends the conference on exit, and whether it was kicked."""


def participant_removal(
    conference: Conference,
    participant: Participant,
    gone: Participant,
    call: Call | None,
    now: int,
    write_id: str,
    stopped: frozenset[str],
    *,
    kicked: bool,
    ended: int | None = None,
) -> EndTransaction:
    """Return the transaction that removes a participant from its conference, which may end the conference.

    Args:
        conference: the conference as last read.
        participant: the participant as last read.
        gone: the participant after it left.
        call: its call, if that ends too: one that was dialed into the conference has no other instructions.
        now: seconds.
        write_id: the id of the write.
        stopped: recordings that are known to be stopped.
        kicked: whether it was removed over the API.
        ended: when it left, in seconds, as the engine reported; None for now.
    """
    after, ends = conference_after_leave(conference, participant, now, write_id, kicked=kicked)
    call_after = None
    if call is not None:
        at = max(ended, call.created) if ended is not None else now
        call_after = with_new_request(call_after_end(call, exit_status_of(call), now, write_id, at), now)
    return EndTransaction(
        write_id,
        now,
        call=call,
        call_after=call_after,
        call_recordings=call.active_recordings - stopped if call is not None else frozenset(),
        conference=conference,
        conference_after=after,
        conference_recordings=conference.active_recordings - stopped if ends else frozenset(),
        participant=participant,
        participant_after=gone,
        ended=ended,
    )


def conference_ending(
    conference: Conference,
    now: int,
    write_id: str,
    stopped: frozenset[str],
    *,
    reason: EndReason = EndReason.VIA_API,
    ending_call: str | None = None,
    ended: int | None = None,
) -> EndTransaction:
    """Return the transaction that ends a conference with its recordings.

    `ended` is when it ended, in seconds, as the engine reported; None sends the command to end it.
    """
    after = conference_after_end(conference, now, write_id, reason, ending_call, ended)
    return EndTransaction(
        write_id,
        now,
        conference=conference,
        conference_after=after,
        conference_recordings=conference.active_recordings - stopped,
        ended=after.ended,
    )


def conference_after_end(
    conference: Conference,
    now: int,
    write_id: str,
    reason: EndReason = EndReason.VIA_API,
    ending_call: str | None = None,
    ended: int | None = None,
) -> Conference:
    """Return the conference after its end; without `ended` the end is requested from the engine."""
    after = replace(
        conference,
        status=ConferenceStatus.COMPLETED,
        updated=now,
        ended=ended if ended is not None else now,
        reason=reason,
        ending_call=ending_call,
        sequence=conference.sequence + 1,
        version=conference.version + 1,
        active_recordings=frozenset(),
        end_write_id=write_id,
    )
    return after if ended is not None else with_new_request(after, now)


def write_ending(
    store: Callable[[EndTransaction], None],
    build: Callable[[Call | Conference, frozenset[str]], EndTransaction | None],
    found: Call | Conference,
) -> EndTransaction | None:
    """Write a transaction that ends a call or conference; after a conflict build it again from the newer state.

    Args:
        store: writes the transaction, or raises EndConflict.
        build: returns the transaction for the state as last read and the recordings that are known to be stopped; None
            if nothing is left to do. It may raise.
        found: the call or conference as last read.

    Raises:
        StoreBusy: other writes raced it too often.
    """
    stopped: frozenset[str] = frozenset()
    for _ in range(MAX_END_ATTEMPTS):
        ending = build(found, stopped)
        if ending is None:
            return None
        try:
            store(ending)
        except EndConflict as changed:
            # What ends is built again from its own newer state, and reads the other one itself.
            newer = changed.call if isinstance(found, Call) else changed.conference
            found = newer or found
            stopped |= changed.stopped
            continue
        return ending
    raise StoreBusy
