"""The states of a call, its participant and its conference after the call has ended or left the conference."""

from dataclasses import replace
from typing import Final

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import with_new_request
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.participant import Participant
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.parents import EndTransaction


def call_ending(
    call: Call,
    conference: Conference | None,
    participant: Participant | None,
    status: CallStatus,
    now: int,
    write_id: str,
    stopped: frozenset[str],
    engine_event: EngineEvent | None,
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
        engine_event: the engine's event that reported the end; None sends the command to hang up.
        callback: the new callback subscription, if any.
    """
    ended = engine_event.occurred_at(call.id, now) if engine_event is not None else now
    after = call_after_end(call, status, now, write_id, ended)
    after = with_new_request(after, now) if engine_event is None else after
    after = replace(after, callback=callback or after.callback)
    ending = EndTransaction(
        write_id, now, call=call, call_after=after, call_recordings=call.active_recordings - stopped, ended=ended
    )
    if conference is None or participant is None or not conference.is_live or not participant.is_inside:
        return ending
    gone = participant_after_leave(conference, participant, now, engine_event)
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
    )


def participant_after_redirect(conference: Conference, participant: Participant, now: int) -> Participant:
    """Return the participant after its call got new instructions at `now` (seconds).

    The command of the call removes it, so that it needs no command of its own, and no earlier one is pending.
    `last_event_at` is 0 until the engine reports that it has left: the time of the redirect on the engine's clock is
    not known yet (C-153).
    """
    gone = with_new_request(participant_after_leave(conference, participant, now), now)
    return replace(gone, confirmed_version=gone.version, last_event_at=0)


def participant_after_leave(
    conference: Conference, participant: Participant, now: int, engine_event: EngineEvent | None = None
) -> Participant:
    """Return the participant after it left or was not reached; `engine_event` reported that, if given.

    Its coach is not changed (C-66).
    """
    gone = replace(
        participant,
        status=participant.exit_status,
        left=now,
        updated=now,
        version=participant.version + 1,
        sequence=conference.sequence + 1 if participant.is_connected else participant.sequence,
    )
    return replace(gone, last_event_at=max(engine_event.at, gone.last_event_at)) if engine_event is not None else gone


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
