"""Reconcile pending work once a minute: retry what the stream, the queues or the engine have lost.

The reconciler reads only the table: the pending-work index and the outbox of callbacks. It does not depend on the
stream, which keeps records for 24 hours only (REL-5). The stream is the fast path, this is the guarantee:

- callbacks: queue deliveries again whose retry is due, or that the queue lost;
- notifications: store missing callbacks of starts, ends and leaves, and of ended calls;
- calls: end those that were dialed into a conference that has ended, and those that the engine never dialed;
- commands: send a command again, ever less often, until the engine confirms it or it expires (except `media.delete`);
  send none to an engine that is silent;
- captures: request their conversion again until it is done;
- recordings: end those whose start was never confirmed, or whose media never arrived.

Only `redrive_failed_changes` publishes the rest: domain events, `media.delete`, and all other callbacks. The callbacks
restored here are a recording's `in-progress`, `completed` and `absent`, after its end a conference's `start`, `leave`
and `end`, and after its end every status event of a call.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Final

from tapedeck.background.command_sender import CommandSender
from tapedeck.background.conversions import Conversions
from tapedeck.background.engine_monitor import EngineMonitor
from tapedeck.background.log_subjects import Overdue, ReportOverdue, missing_of, subject_of
from tapedeck.background.outbound import pending_command
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.command_repetition import is_repetition_due
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS, Command, is_pending
from tapedeck.domain.errors import CallAnswered, CallHasEnded, InvalidState, NotFound
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.pending_work import (
    COMMAND_RESEND_AFTER_SECONDS,
    CONVERSION_GRACE_SECONDS,
    STREAM_GRACE_SECONDS,
    has_timed_out,
    next_due,
)
from tapedeck.domain.recording import UNFINISHED, Recording, RecordingStatus
from tapedeck.operations.calls import Calls
from tapedeck.operations.media import Media
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.changes import PendingWork, PendingWorkStore, Resource
from tapedeck.ports.clock import Clock
from tapedeck.ports.stores import Store

SHARDS: Final = "0123456789abcdef"
"""Shards of the `work` index: the last hex digit of an id."""

RUN_INTERVAL_SECONDS: Final = 60
"""Interval of the runs, used for the first run of a process."""

FIRST_CHECKS_SECONDS: Final = 300
"""Age of the oldest checks that the first run of a process reads, and one after a failure: longer than a run takes."""

PAUSE_ALARM_AFTER_SECONDS: Final = 60
"""Age from which each run counts an unconfirmed pause (metric `PausesUnconfirmed`, with an alarm)."""

COMMAND_ALARM_AFTER_SECONDS: Final = 300
"""Age from which each run counts an unconfirmed command as overdue (metric `CommandsUnconfirmed`, with an alarm)."""

MAX_LOOKED_AT_PER_SHARD: Final = 125
"""About how many recordings that are not due one run looks at in one shard, each minute others (C-300).

With up to 2,000 recordings, each run finds what the stream has missed; with 100,000, all runs of an hour do.
"""

MAX_REQUEUED_PER_SHARD: Final = 1_000
"""Upper limit of callbacks that one run queues again in one shard."""


class Reconciler:
    """Reconciles the pending work of one shard.

    Args:
        work: the pending-work index.
        store: the recordings table.
        recordings: stops recordings whose start timed out.
        media: finishes recordings that timed out.
        publisher: stores missing callbacks.
        commands: sends commands again.
        callbacks: queues due callbacks again.
        engines: knows which engines are silent or gone.
        conversions: requests conversions of captures again.
        clock: milliseconds.
        report: is called with each error that one item of work caused.
        report_overdue: is called with each item that a run counts as unconfirmed, expired or timed out.
    """

    def __init__(
        self,
        work: PendingWorkStore,
        store: Store,
        recordings: Recordings,
        media: Media,
        publisher: ChangePublisher,
        commands: CommandSender,
        callbacks: CallbackDispatcher,
        engines: EngineMonitor,
        conversions: Conversions,
        clock: Clock,
        report: Callable[[Exception], object],
        report_overdue: ReportOverdue = lambda _overdue: None,
    ) -> None:
        self._work = work
        self._store = store
        self._recordings = recordings
        self._media = media
        self._publisher = publisher
        self._commands = commands
        self._callbacks = callbacks
        self._engines = engines
        self._conversions = conversions
        self._clock = clock
        self._report = report
        self._report_overdue = report_overdue
        self._calls = Calls(store, clock)
        self._last_runs: dict[str, int] = {}
        """Time of the last complete run of this process for each shard, in seconds."""
        self._checked_until: dict[str, int] = {}
        """Time up to which this process has read the checks of each shard, in seconds."""
        self._failed: set[tuple[type, str]] = set()
        """Resources that failed in the last run of this process: their commands are due in the next."""

    def run(self, shard: str) -> Counter[str]:
        """Reconcile one shard, a hex digit. Idempotent.

        A failing item, or callback, is reported and counted; the next run retries it, and nothing else waits for it.

        Returns:
            the counts of this run:
            `requeued`: callbacks queued again;
            `backfilled`: callbacks that were missing in the outbox and are stored now;
            `calls_ended`: calls that had outlived the conference that they were dialed into, and have ended now;
            `resent`: commands sent again, none of them to a silent engine;
            `unconfirmed`: commands that are overdue; `unconfirmed_pauses`: pauses that are overdue;
            `expired`: commands that expired without confirmation;
            `conversions`: conversions of captures that were requested again;
            `timed_out`: recordings that became `absent`;
            `failed`: items that raised an error.

        Raises:
            StoreBusy, StoreUnavailable: the pending work could not be read.
        """
        # --8<-- [start:run]
        counted = Counter(
            requeued=0, backfilled=0, calls_ended=0, resent=0, unconfirmed=0, unconfirmed_pauses=0, expired=0,
            conversions=0, timed_out=0, failed=0,
        )  # fmt: skip
        now = self._now
        last_run = self._last_runs.get(shard)
        interval = now - last_run if last_run is not None else RUN_INTERVAL_SECONDS
        try:
            counted["requeued"] = self._callbacks.requeue_due(shard, MAX_REQUEUED_PER_SHARD)
        except Exception as error:  # noqa: BLE001 - a callback must not block commands
            self._report(error)
            counted["failed"] += 1
        checked_until = self._checked_until.get(shard, now - FIRST_CHECKS_SECONDS)
        found = chain(
            self._work.find_pending(shard, now, MAX_LOOKED_AT_PER_SHARD),
            self._work.find_checked(shard, checked_until, now),
        )
        seen: set[tuple[type, str]] = set()
        for pending in found:
            resource = type(pending.resource), pending.resource.id
            if resource in seen:
                continue
            seen.add(resource)
            try:
                counted.update(self._reconcile(pending, interval, must_repeat=resource in self._failed))
                self._failed.discard(resource)
            except Exception as error:  # noqa: BLE001 - one failing item must not block the others
                self._report(error)
                self._failed.add(resource)
                counted["failed"] += 1
        self._last_runs[shard] = now
        # After a failure the next runs read the same checks again: what failed may not have been moved in the index.
        self._checked_until[shard] = max(checked_until, now - FIRST_CHECKS_SECONDS) if counted["failed"] else now
        return counted
        # --8<-- [end:run]

    @property
    def _now(self) -> int:
        return self._clock() // 1000

    # --8<-- [start:place]
    def _reconcile(self, pending: PendingWork, interval: int, *, must_repeat: bool) -> Counter[str]:
        """Reconcile a resource if something is due about it, and move it to the time at which something is next due."""
        counted: Counter[str] = Counter()
        place, due = pending.due or 0, next_due(pending.resource, self._now)
        # A pause, for example, does not write the index: what is due after it is found late, and done at once.
        is_late = due is not None and due < place
        if due is not None and is_late:
            self._work.move(pending, due)
            place = due
        if place > self._now:
            return counted
        match pending.resource:
            case Recording() as recording:
                counted.update(self._reconcile_recording(recording, interval, must_repeat=must_repeat or is_late))
            case Conference() as conference:
                counted.update(self._reconcile_conference(conference))
            case Call() as call:
                counted.update(self._reconcile_call(call))
        counted.update(self._reconcile_command(pending, interval, must_repeat=must_repeat or is_late))
        # An unconfirmed command stays due.
        if due is not None and due > self._now:
            self._work.move(pending, due)
        return counted

    # --8<-- [end:place]

    # --8<-- [start:command]
    def _reconcile_command(self, pending: PendingWork, interval: int, *, must_repeat: bool) -> Counter[str]:
        """Send the unconfirmed command of a resource again if that is due, or remove it if it is expired or void."""
        counted: Counter[str] = Counter()
        resource = pending.resource
        pending_since = self._pending_since(resource)
        if pending_since is None or self._now - pending_since < COMMAND_RESEND_AFTER_SECONDS:
            return counted
        age = self._now - pending_since
        is_due = must_repeat or is_repetition_due(age, interval)
        conference = self._conference_of(pending) if is_due or age >= COMMAND_EXPIRY_SECONDS else None
        engine = conference.engine if conference is not None else getattr(resource, "engine", None)
        has_expired = age >= COMMAND_EXPIRY_SECONDS or self._engines.is_gone(engine)
        if conference is not None and not conference.is_live:
            self._work.expire(pending)
        elif has_expired and not isinstance(resource, Recording):
            if self._expire(pending):
                reason = "engine_gone" if self._engines.is_gone(engine) else "too_old"
                self._count_overdue(counted, ("expired",), pending, engine, reason)
        elif (command := pending_command(pending.account, resource, pending.command_payload)) is not None:
            is_pause = isinstance(resource, Recording) and resource.status is RecordingStatus.PAUSED
            late = {"unconfirmed": age >= COMMAND_ALARM_AFTER_SECONDS}
            late["unconfirmed_pauses"] = is_pause and age >= PAUSE_ALARM_AFTER_SECONDS
            reason = "engine_silent" if self._engines.is_silent(engine) else "not_confirmed"
            self._count_overdue(counted, [name for name in late if late[name]], pending, engine, reason)
            if is_due:
                counted["resent"] += self._send_unless_silent(replace(command, engine=command.engine or engine))
        return counted

    # --8<-- [end:command]

    def _count_overdue(
        self, counted: Counter[str], names: Iterable[str], pending: PendingWork, engine: str | None, reason: str
    ) -> None:
        """Count and report a command that is overdue or expired."""
        for name in names:
            counted[name] += 1
            subject = subject_of(pending.account, pending.resource, engine)
            self._report_overdue(Overdue(name, subject, self._pending_since(pending.resource), reason))

    def _send_unless_silent(self, command: Command) -> bool:
        """Send a command unless its engine is silent (C-199); return whether it was sent."""
        engine = self._commands.engine_of(command)
        if self._engines.is_silent(engine):
            return False
        self._commands.send([replace(command, engine=engine)])
        return True

    def _pending_since(self, resource: Resource) -> int | None:
        """Return since when the resource's command is unconfirmed, in seconds; None if there is none to send again.

        The commands of a recording that timed out, or whose capture is uploaded, are not sent again.
        """
        if isinstance(resource, Recording):
            is_over = resource.captured_at is not None or has_timed_out(resource, self._now)
            return resource.updated if resource.is_pending and not is_over else None
        return (resource.requested_at or 0) if is_pending(resource) else None

    def _reconcile_recording(self, recording: Recording, interval: int, *, must_repeat: bool) -> Counter[str]:
        counted: Counter[str] = Counter()
        age = self._now - recording.updated
        is_grace_over = age >= STREAM_GRACE_SECONDS
        # One with an unconfirmed command is found by each run.
        was_looked_up = recording.is_pending and age - interval >= STREAM_GRACE_SECONDS and not must_repeat
        if is_grace_over and not was_looked_up:
            counted["backfilled"] += self._publisher.backfill_recording(recording)
        has_timed_out_now = has_timed_out(recording, self._now)
        if recording.is_unfinished_capture and not has_timed_out_now:
            counted["conversions"] += self._request_conversion(recording)
        elif recording.status not in UNFINISHED:
            if is_grace_over:
                self._publisher.mark_published(recording)
        elif has_timed_out_now and self._finish_timed_out(recording):
            counted["timed_out"] += 1
            subject = subject_of(recording.parent.account, recording)
            self._report_overdue(Overdue("timed_out", subject, recording.updated, missing_of(recording)))
        return counted

    def _request_conversion(self, recording: Recording) -> bool:
        """Request the conversion of a capture again, whose age has doubled; return whether it was requested."""
        if self._now - (recording.captured_at or 0) < CONVERSION_GRACE_SECONDS:
            return False
        self._conversions.request(recording)
        return True

    def _reconcile_conference(self, conference: Conference) -> Counter[str]:
        counted: Counter[str] = Counter()
        is_grace_over = self._now - conference.updated >= STREAM_GRACE_SECONDS
        if conference.is_live or not conference.needs_follow_up or not is_grace_over:
            return counted
        if conference.has_pending_follow_up:
            try:
                counted["calls_ended"] += self._publisher.end_dialed_calls(conference)
            finally:
                counted["backfilled"] += self._publisher.backfill_conference(conference)
        # If all is done and nothing pending, the last command was confirmed since: remove it from the index.
        if conference.has_pending_follow_up or not is_pending(conference):
            self._publisher.mark_published(conference)
        return counted

    def _reconcile_call(self, call: Call) -> Counter[str]:
        counted: Counter[str] = Counter()
        if call.callback is None or call.is_live or self._now - call.updated < STREAM_GRACE_SECONDS:
            return counted
        if call.has_unpublished_events:
            counted["backfilled"] += self._publisher.backfill_call(call)
        # As for a conference: a command that was confirmed since no longer keeps it in the index.
        if call.has_unpublished_events or not is_pending(call):
            self._publisher.mark_published(call)
        return counted

    def _finish_timed_out(self, recording: Recording) -> bool:
        """Give up a recording that timed out, unless its capture is stored: then that is noted (C-210).

        Returns:
            whether it became `absent`.
        """
        parent = recording.parent
        try:
            if recording.is_active:
                recording = self._recordings.stop_if_start_unconfirmed(parent, recording.id)
            if recording.captured_at is not None:
                return self._media.give_up(parent, recording.id).is_given_up
            if not self._media.adopt_capture(recording):
                return self._media.give_up(parent, recording.id).is_given_up
        except (NotFound, InvalidState):
            pass  # ended by a concurrent request
        return False

    def _conference_of(self, pending: PendingWork) -> Conference | None:
        """Return the conference of a participant, whose end makes the participant's command void; else None."""
        resource = pending.resource
        if not isinstance(resource, Participant):
            return None
        return self._store.get_conference(pending.account, resource.conference)

    def _expire(self, pending: PendingWork) -> bool:
        """Remove a resource with an expired command from the index; return whether it was removed.

        An ended conference with a pending follow-up, or a call with unpublished events, stays. A run after that is done
        removes it. So does a participant that the engine never dialed: this run ends its call (C-168), the next removes
        it; and so does a call that was not dialed.
        """
        resource = pending.resource
        is_queued_participant = isinstance(resource, Participant) and resource.status is ParticipantStatus.QUEUED
        if is_queued_participant or (isinstance(resource, Call) and resource.placement):
            with suppress(CallHasEnded, CallAnswered):
                self._calls.end(pending.account, resource.id, CallStatus.FAILED, frozenset({CallStatus.QUEUED}))
        if isinstance(resource, Conference) and resource.has_pending_follow_up:
            return False
        if isinstance(resource, Call) and resource.has_unpublished_events:
            return False
        return self._work.expire(pending)
