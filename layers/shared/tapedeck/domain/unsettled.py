"""What is unconfirmed, overdue or parked, and since when: what an operator must be able to find (REL-28)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.domain.engine_command import CommandKind, EngineControlled, is_pending
from tapedeck.domain.pending_work import (
    COMMAND_RESEND_AFTER_SECONDS,
    CONVERSION_GRACE_SECONDS,
    MEDIA_TIMEOUT_SECONDS,
    STREAM_GRACE_SECONDS,
)
from tapedeck.domain.recording import UNFINISHED, Recording, RecordingStatus

MAX_LOOKED_AT: Final = 500
"""Resources and callbacks that one page of the list looks at (C-314)."""


class UnsettledKind(StrEnum):
    """What something waits for."""

    START_NOT_CONFIRMED = "start_not_confirmed"
    """The media engine has not confirmed that the capture of a recording has started."""
    COMMAND_NOT_CONFIRMED = "command_not_confirmed"
    """The media engine has not confirmed another command, such as a pause."""
    COMMAND_NOT_SENT = "command_not_sent"
    """A command is sent to no media engine, because none is known to have the call or conference."""
    NO_MEDIA = "no_media"
    """A stopped recording has no audio yet."""
    NOT_CONVERTED = "not_converted"
    """The audio of a recording is uploaded, but not converted."""
    END_NOT_PUBLISHED = "end_not_published"
    """Callbacks of an end were not looked up in time, or dialed calls were not ended."""
    CALLBACK_PARKED = "callback_parked"
    """A callback failed, or its host is suspended: it waits for its next attempt."""
    CALLBACK_NOT_SENT = "callback_not_sent"
    """A callback was queued ten minutes ago or longer, and has not been sent."""


OF_CALLBACKS: Final = frozenset({UnsettledKind.CALLBACK_PARKED, UnsettledKind.CALLBACK_NOT_SENT})

_Kind = UnsettledKind


@dataclass(frozen=True, slots=True)
class Wait:
    """Why something is unsettled: `since` when, and until when it was to be settled (`due`), in seconds."""

    kind: UnsettledKind
    since: int
    due: int


@dataclass(frozen=True, slots=True)
class UnsettledItem:
    """One entry of the list; ids are 32 hex digits, times seconds.

    `version` and `command` are those of a command, `engine` is the media engine that is to confirm it, and `presence`
    whether that is alive. `delivery` is a callback. From `due` on it is overdue.
    """

    kind: UnsettledKind
    account: str
    since: int
    due: int
    call: str | None = None
    conference: str | None = None
    recording: str | None = None
    version: int | None = None
    command: CommandKind | None = None
    engine: str | None = None
    presence: str | None = None
    delivery: CallbackDelivery | None = None

    @property
    def order(self) -> tuple[int | str, ...]:
        """The order in a page: what has waited longest, then by ids."""
        delivery = self.delivery
        ids = (self.call, self.conference, self.recording, delivery.resource_id if delivery is not None else None)
        return (
            self.since,
            self.account,
            *(each or "" for each in ids),
            delivery.id if delivery is not None else "",
            self.kind,
        )


@dataclass(frozen=True, slots=True)
class IndexPosition:
    """A row of the index of pending work: its part of the index, its place in seconds, and the key of its item."""

    part: int
    place: int
    partition_key: str
    sort_key: str


@dataclass(frozen=True, slots=True)
class UnsettledQuery:
    """Which entries to list.

    `account`: of one account; None for all. `kind`: of one kind; None for all. `is_overdue`: only those that are
    overdue. `limit`: how many resources and callbacks to look at. `after`: where the page before ended.
    """

    account: str | None = None
    kind: UnsettledKind | None = None
    is_overdue: bool = False
    limit: int = MAX_LOOKED_AT
    after: IndexPosition | None = None


@dataclass(frozen=True, slots=True)
class UnsettledPage:
    """A page of the list as of `now` (seconds), and where the next one begins; None after the last one."""

    items: tuple[UnsettledItem, ...]
    now: int
    next: IndexPosition | None


def waits_of(resource: EngineControlled | Recording, now: int) -> Iterator[Wait]:
    """Yield why a call, conference, participant or recording is unsettled at `now` (seconds), if it is (C-313)."""
    if isinstance(resource, Recording):
        yield from _waits_of_recording(resource, now)
        return
    if is_pending(resource):
        since = resource.requested_at or 0
        yield Wait(_Kind.COMMAND_NOT_CONFIRMED, since, since + COMMAND_RESEND_AFTER_SECONDS)
    has_follow_up = (isinstance(resource, Call) and resource.has_unpublished_events) or (
        isinstance(resource, Conference) and resource.has_pending_follow_up
    )
    if has_follow_up:
        yield from _unpublished(resource.updated or 0, now)


def _waits_of_recording(recording: Recording, now: int) -> Iterator[Wait]:
    changed = recording.updated
    if recording.is_unfinished_capture:
        captured = recording.captured_at or 0
        yield Wait(_Kind.NOT_CONVERTED, captured, captured + CONVERSION_GRACE_SECONDS)
    elif recording.status not in UNFINISHED:
        yield from _unpublished(changed, now)
    else:
        if recording.is_pending:
            is_starting = recording.is_active and not recording.is_start_confirmed
            kind = _Kind.START_NOT_CONFIRMED if is_starting else _Kind.COMMAND_NOT_CONFIRMED
            since = recording.created if is_starting else changed
            yield Wait(kind, since, since + COMMAND_RESEND_AFTER_SECONDS)
        if recording.status is RecordingStatus.STOPPED:
            yield Wait(_Kind.NO_MEDIA, changed, changed + MEDIA_TIMEOUT_SECONDS)


def _unpublished(ended: int, now: int) -> Iterator[Wait]:
    """Yield a wait only if it is overdue: for ten minutes after every end, there is nothing to find."""
    if ended + STREAM_GRACE_SECONDS <= now:
        yield Wait(_Kind.END_NOT_PUBLISHED, ended, ended + STREAM_GRACE_SECONDS)


def wait_of_callback(delivery: CallbackDelivery, now: int) -> Wait | None:
    """Return why a callback is unsettled at `now` (milliseconds); None if it is not, or is being sent."""
    due = delivery.next_attempt_at
    if due is None:
        return None
    if delivery.state is DeliveryState.RETRY_SCHEDULED:
        return Wait(_Kind.CALLBACK_PARKED, delivery.created, due)
    is_lost = delivery.state is DeliveryState.QUEUED and due <= now // 1000 and delivery.lease_expires_at <= now
    return Wait(_Kind.CALLBACK_NOT_SENT, delivery.created, due) if is_lost else None
