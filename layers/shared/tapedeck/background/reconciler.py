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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tapedeck.background.command_sender import CommandSender
from tapedeck.background.conversions import Conversions
from tapedeck.background.engine_monitor import EngineMonitor
from tapedeck.background.outbound import pending_command
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.command_repetition import REPEAT_AFTER_SECONDS, is_repetition_due
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS, Command, is_pending
from tapedeck.domain.errors import CallAnswered, CallHasEnded, InvalidState, NotFound
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import UNFINISHED, Recording, RecordingStatus
from tapedeck.operations.calls import Calls
from tapedeck.operations.media import Media
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.changes import PendingWork, PendingWorkStore, Resource
from tapedeck.ports.clock import Clock
from tapedeck.ports.stores import Store

SHARDS: Final = "0123456789abcdef"
"""Shards of the `work` index: the last hex digit of an id."""

COMMAND_RESEND_AFTER_SECONDS: Final = REPEAT_AFTER_SECONDS[0]
"""Age at which an unconfirmed command is first sent again (C-108); `is_repetition_due` has the later ages.

The age of a recording's command counts from the recording's last change, that of any other from its `requested_at`.
"""

RUN_INTERVAL_SECONDS: Final = 60
"""Interval of the runs, used for the first run of a process."""

PAUSE_ALARM_AFTER_SECONDS: Final = 60
"""Age from which each run counts an unconfirmed pause (metric `PausesUnconfirmed`, with an alarm)."""

COMMAND_ALARM_AFTER_SECONDS: Final = 300
"""Age from which each run counts an unconfirmed command as overdue (metric `CommandsUnconfirmed`, with an alarm)."""

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
        self._calls = Calls(store, clock)
        self._last_runs: dict[str, int] = {}
        """Time of the last complete run of this process for each shard, in seconds."""
        self._failed: set[tuple[type, str]] = set()
        """Resources that failed in the last run of this process: their commands are due in the next."""

    def run(self, shard: str) -> Counter[str]:
        """Reconcile one shard, a hex digit. Idempotent.

        A failing item is reported and counted; the next run retries it, and no other item waits for it.

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
            StoreBusy, StoreUnavailable: the pending work could not be read, or callbacks could not be queued; then the
                shard's other work waits for the next run.
        """
        # --8<-- [start:run]
        counted = Counter(
            requeued=0, backfilled=0, calls_ended=0, resent=0, unconfirmed=0, unconfirmed_pauses=0, expired=0,
            conversions=0, timed_out=0, failed=0,
        )  # fmt: skip
        now = self._now
        interval = now - self._last_runs.get(shard, now - RUN_INTERVAL_SECONDS)
        counted["requeued"] = self._callbacks.requeue_due(shard, MAX_REQUEUED_PER_SHARD)
        for pending in self._work.find_pending(shard, now - COMMAND_RESEND_AFTER_SECONDS):
            resource = type(pending.resource), pending.resource.id
            try:
                counted.update(self._reconcile(pending, interval, is_due=resource in self._failed))
                self._failed.discard(resource)
            except Exception as error:  # noqa: BLE001 - one failing item must not block the others
                self._report(error)
                self._failed.add(resource)
                counted["failed"] += 1
        self._last_runs[shard] = now
        return counted
        # --8<-- [end:run]

    @property
    def _now(self) -> int:
        return self._clock() // 1000

    def _reconcile(self, pending: PendingWork, interval: int, *, is_due: bool) -> Counter[str]:
        counted: Counter[str] = Counter()
        match pending.resource:
            case Recording() as recording:
                counted.update(self._reconcile_recording(recording))
            case Conference() as conference:
                counted.update(self._reconcile_conference(conference))
            case Call() as call:
                counted.update(self._reconcile_call(call))
        counted.update(self._reconcile_command(pending, interval, is_due=is_due))
        return counted

    # --8<-- [start:command]
    def _reconcile_command(self, pending: PendingWork, interval: int, *, is_due: bool) -> Counter[str]:
        """Send the unconfirmed command of a resource again if that is due, or remove it if it is expired or void."""
        counted: Counter[str] = Counter()
        resource = pending.resource
        pending_since = self._pending_since(resource)
        if pending_since is None or self._now - pending_since < COMMAND_RESEND_AFTER_SECONDS:
            return counted
        age = self._now - pending_since
        conference = self._conference_of(pending)
        engine = conference.engine if conference is not None else getattr(resource, "engine", None)
        has_expired = age >= COMMAND_EXPIRY_SECONDS or self._engines.is_gone(engine)
        if conference is not None and not conference.is_live:
            self._work.expire(pending)
        elif has_expired and not isinstance(resource, Recording):
            counted["expired"] += self._expire(pending)
        elif (command := pending_command(pending.account, resource, pending.command_payload)) is not None:
            counted["unconfirmed"] += age >= COMMAND_ALARM_AFTER_SECONDS
            is_pause = isinstance(resource, Recording) and resource.status is RecordingStatus.PAUSED
            counted["unconfirmed_pauses"] += is_pause and age >= PAUSE_ALARM_AFTER_SECONDS
            if is_due or is_repetition_due(age, interval):
                counted["resent"] += self._send_unless_silent(replace(command, engine=command.engine or engine))
        return counted

    # --8<-- [end:command]

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
            is_over = resource.captured_at is not None or self._has_timed_out(resource)
            return resource.updated if resource.is_pending and not is_over else None
        return (resource.requested_at or 0) if is_pending(resource) else None

    def _reconcile_recording(self, recording: Recording) -> Counter[str]:
        counted: Counter[str] = Counter()
        is_grace_over = self._now - recording.updated >= STREAM_GRACE_SECONDS
        if is_grace_over:
            counted["backfilled"] += self._publisher.backfill_recording(recording)
        if recording.is_unfinished_capture and self._age_of_capture(recording) < CONVERSION_TIMEOUT_SECONDS:
            counted["conversions"] += self._request_conversion(recording)
        elif recording.status not in UNFINISHED:
            if is_grace_over:
                self._publisher.mark_published(recording)
        elif self._has_timed_out(recording):
            counted["timed_out"] += self._finish_timed_out(recording)
        return counted

    def _has_timed_out(self, recording: Recording) -> bool:
        """Whether the start, the media of a stopped recording, or their conversion did not come in time."""
        if recording.is_unfinished_capture:
            return self._age_of_capture(recording) >= CONVERSION_TIMEOUT_SECONDS
        if recording.status is RecordingStatus.STOPPED:
            return self._now - recording.updated >= MEDIA_TIMEOUT_SECONDS
        return (
            recording.is_active
            and not recording.is_start_confirmed
            and self._now - recording.created >= START_TIMEOUT_SECONDS
        )

    def _age_of_capture(self, recording: Recording) -> int:
        """Return the seconds since the capture was noted."""
        return self._now - (recording.captured_at or 0)

    def _request_conversion(self, recording: Recording) -> bool:
        """Request the conversion of a capture again if its age has doubled; return whether it was requested."""
        age = self._age_of_capture(recording)
        if age < CONVERSION_GRACE_SECONDS:
            return False
        self._conversions.request(recording)
        # A run finds what was due 30 seconds before it.
        wait = min(age, CONVERSION_TIMEOUT_SECONDS - age) - COMMAND_RESEND_AFTER_SECONDS
        self._store.postpone_conversion(recording, self._now + wait)
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
        it.
        """
        resource = pending.resource
        if isinstance(resource, Participant) and resource.status is ParticipantStatus.QUEUED:
            with suppress(CallHasEnded, CallAnswered):
                self._calls.end(pending.account, resource.call, CallStatus.FAILED, frozenset({CallStatus.QUEUED}))
        if isinstance(resource, Conference) and resource.has_pending_follow_up:
            return False
        if isinstance(resource, Call) and resource.has_unpublished_events:
            return False
        return self._work.expire(pending)
