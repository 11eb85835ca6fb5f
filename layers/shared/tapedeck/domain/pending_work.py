"""When something is next due about a resource: its place in the index of pending work (REL-25)."""

from typing import Final

from tapedeck.domain.call import Call
from tapedeck.domain.command_repetition import REPEAT_AFTER_SECONDS
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import EngineControlled, is_pending
from tapedeck.domain.recording import UNFINISHED, Recording, RecordingStatus

COMMAND_RESEND_AFTER_SECONDS: Final = REPEAT_AFTER_SECONDS[0]
"""Age at which an unconfirmed command is first sent again (C-108); `is_repetition_due` has the later ages.

The age of a recording's command counts from the recording's last change, that of any other from its `requested_at`.
"""

START_TIMEOUT_SECONDS: Final = 2_400
"""Age at which a recording whose start the engine has not confirmed becomes `absent`.

Longer than a connector repeats an event that cannot be applied yet (30 minutes), and than a lost engine may stay away
(15 minutes): the confirmation may still come.
"""

MEDIA_TIMEOUT_SECONDS: Final = 3_600
"""Time after the stop at which a recording without media becomes `absent` (C-45)."""

CONVERSION_GRACE_SECONDS: Final = 600
"""Time after which the conversion of a capture is first requested again; each time, the age has doubled (C-215)."""

CONVERSION_TIMEOUT_SECONDS: Final = 86_400
"""Time after which a recording whose capture could not be converted becomes `absent` (C-215)."""

STREAM_GRACE_SECONDS: Final = 600
"""Time that the stream has to publish a change before the outbox is checked for its callbacks."""

LOOK_AGAIN_AFTER_SECONDS: Final = 3_600
"""How far ahead the place of an active recording may be, about which nothing is due.

Pause, resume and stop do not write the index. So it may be no longer than the time from a stop to what is due after it:
`MEDIA_TIMEOUT_SECONDS`.
"""


def first_due(recording: Recording) -> int:
    """Return the place of a new recording, in seconds.

    A usual call ends before it. The unconfirmed command of its start may be due earlier, as that of a pause: neither
    writes the index.
    """
    wait = STREAM_GRACE_SECONDS if recording.callback is not None else START_TIMEOUT_SECONDS
    return recording.created + wait


def next_due(resource: EngineControlled | Recording, now: int) -> int | None:
    """Return when something is next due about a resource, in seconds; None: nothing is pending.

    Args:
        resource: a call, conference, participant or recording.
        now: seconds. What has been due until now counts as done, except an unconfirmed command and a finished end.
    """
    if isinstance(resource, Recording):
        return _next_due_of_recording(resource, now)
    if is_pending(resource):
        return (resource.requested_at or 0) + COMMAND_RESEND_AFTER_SECONDS
    has_follow_up = (isinstance(resource, Call) and resource.has_unpublished_events) or (
        isinstance(resource, Conference) and resource.has_pending_follow_up
    )
    return (resource.updated or 0) + STREAM_GRACE_SECONDS if has_follow_up else None


def _next_due_of_recording(recording: Recording, now: int) -> int:
    look_up_callbacks = recording.updated + STREAM_GRACE_SECONDS
    due = [look_up_callbacks] if recording.callback is not None and now < look_up_callbacks else []
    if recording.is_unfinished_capture:
        due.append(_next_conversion(recording.captured_at or 0, now))
    elif recording.status not in UNFINISHED:
        return look_up_callbacks
    else:
        is_stopped = recording.status is RecordingStatus.STOPPED
        due.append(recording.updated + MEDIA_TIMEOUT_SECONDS if is_stopped else now + LOOK_AGAIN_AFTER_SECONDS)
        if recording.is_pending:
            due.append(recording.updated + COMMAND_RESEND_AFTER_SECONDS)
    return min(due)


def _next_conversion(captured_at: int, now: int) -> int:
    """Return when the conversion of a capture is requested again: once its age has doubled; at last, its timeout."""
    age = now - captured_at
    if age < CONVERSION_GRACE_SECONDS:
        return captured_at + CONVERSION_GRACE_SECONDS
    return now + max(0, min(age, CONVERSION_TIMEOUT_SECONDS - age))


def has_timed_out(recording: Recording, now: int) -> bool:
    """Whether the start, the media of a stopped recording, or their conversion did not come in time."""
    if recording.is_unfinished_capture:
        return now - (recording.captured_at or 0) >= CONVERSION_TIMEOUT_SECONDS
    if recording.status is RecordingStatus.STOPPED:
        return now - recording.updated >= MEDIA_TIMEOUT_SECONDS
    is_unconfirmed = recording.is_active and not recording.is_start_confirmed
    return is_unconfirmed and now - recording.created >= START_TIMEOUT_SECONDS
