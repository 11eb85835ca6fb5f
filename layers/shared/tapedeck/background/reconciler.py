"""The audit behind the stream, once a minute, which finds its work in the table alone (rule R5).

What has not been told is told, what has not been confirmed is asked again, what hangs is brought to an end.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from tapedeck.background.outbound import pending_command
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS, is_pending
from tapedeck.domain.errors import InvalidState, MediaMissing, NotFound
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import UNFINISHED, Recording, RecordingStatus
from tapedeck.operations.media import TOO_SHORT, Media
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.changes import PendingWork, PendingWorkStore
from tapedeck.ports.stores import Clock, Store

SHARDS: Final = "0123456789abcdef"

COMMAND_RESEND_AFTER_SECONDS: Final = 30
"""Seconds without a confirmation after which a command is sent again, at each reconcile (our choice)."""

COMMAND_ALARM_AFTER_SECONDS: Final = 300
"""Seconds without a confirmation after which that is counted, at each reconcile, and an alarm rings (our choice)."""

START_TIMEOUT_SECONDS: Final = 2_400
"""Seconds within which a capture must have begun, else the recording is `absent` (our choice).

No fewer than the engine's word may take that it has: tried again after each failure, as often as its queue does.
"""

MEDIA_TIMEOUT_SECONDS: Final = 3_600
"""Seconds within which the media of a stopped recording must have come, else it is `absent` (our choice)."""

STREAM_GRACE_SECONDS: Final = 600
"""Seconds that the stream is given to tell of a change before it is looked for in the ledger (our choice)."""

MAX_REQUEUED_PER_SHARD: Final = 1_000
"""Callbacks of a shard that are queued again at each reconcile."""

_MINUTE: Final = 60


class Reconciler:
    """One look at everything that is not settled.

    Args:
        work: finds it.
        store: the recordings table.
        recordings: stops what never began.
        media: brings to an end what hangs.
        publisher: tells and asks again.
        deliveries: whose callbacks are due.
        clock: milliseconds.
        report: is told what went wrong with one thing.
    """

    def __init__(
        self,
        work: PendingWorkStore,
        store: Store,
        recordings: Recordings,
        media: Media,
        publisher: ChangePublisher,
        deliveries: CallbackDispatcher,
        clock: Clock,
        report: Callable[[Exception], object],
    ) -> None:
        self._work = work
        self._store = store
        self._recordings = recordings
        self._media = media
        self._publisher = publisher
        self._deliveries = deliveries
        self._clock = clock
        self._report = report

    def run(self, shard: str) -> Counter[str]:
        """Sweep one shard, a hex digit.

        Returns:
            how many callbacks were `requeued`, how much was `announced` late, how many commands were `asked` again,
            how many of these are `unconfirmed` for too long, how many were `forgotten` without ever being confirmed,
            how many recordings were `given_up`, and how much has `failed`: the next reconcile looks at that again, and
            nothing else waits for it.

        Raises:
            StoreBusy, StoreUnavailable: what there is to do could not be found, or queued; the next reconcile goes on.
        """
        # All of them, in the order in which they are told.
        counted = Counter(requeued=0, announced=0, asked=0, unconfirmed=0, forgotten=0, given_up=0, failed=0)
        counted["requeued"] = self._deliveries.requeue_due(shard, MAX_REQUEUED_PER_SHARD)
        for opened in self._work.find_pending(shard, self._now - COMMAND_RESEND_AFTER_SECONDS):
            try:
                counted.update(self._reconcile(opened))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not hold up all others for good
                self._report(error)
                counted["failed"] += 1
        return counted

    @property
    def _now(self) -> int:
        return self._clock() // 1000

    def _reconcile(self, opened: PendingWork) -> Counter[str]:
        match opened.resource:
            case Recording() as recording:
                counted = self._look_at_recording(recording)
                waits = (
                    self._now - recording.updated if recording.is_pending and not self._has_timed_out(recording) else 0
                )
            case other:
                counted = self._look_at_conference(other) if isinstance(other, Conference) else Counter()
                waits = self._now - (other.requested_at or 0) if is_pending(other) else 0
                if waits >= COMMAND_RESEND_AFTER_SECONDS and self._is_over(opened):
                    self._work.expire(opened)
                    waits = 0
                elif waits >= COMMAND_EXPIRY_SECONDS:
                    counted["forgotten"] += self._forget(opened)
                    waits = 0
        if waits >= COMMAND_RESEND_AFTER_SECONDS:
            command = pending_command(opened.account, opened.resource, opened.instructions)
            if command is not None:
                self._publisher.send_commands([command], again=f"-{self._now // _MINUTE}")
                counted["asked"] += 1
                counted["unconfirmed"] += waits >= COMMAND_ALARM_AFTER_SECONDS
        return counted

    def _look_at_recording(self, recording: Recording) -> Counter[str]:
        counted: Counter[str] = Counter()
        quiet = self._now - recording.updated >= STREAM_GRACE_SECONDS
        if quiet:
            counted["announced"] += self._publisher.backfill_recording(recording)
        if recording.status not in UNFINISHED:
            if quiet:
                self._publisher.mark_published(recording)
        elif self._has_timed_out(recording):
            counted["given_up"] += self._finish_timed_out(recording)
        return counted

    def _has_timed_out(self, recording: Recording) -> bool:
        """Whether it has not begun, or not been finished, for too long."""
        if recording.status is RecordingStatus.STOPPED:
            return self._now - recording.updated >= MEDIA_TIMEOUT_SECONDS
        return (
            recording.is_active
            and not recording.is_capturing_confirmed
            and self._now - recording.created >= START_TIMEOUT_SECONDS
        )

    def _look_at_conference(self, conference: Conference) -> Counter[str]:
        counted: Counter[str] = Counter()
        if conference.callback is None or conference.is_live or self._now - conference.updated < STREAM_GRACE_SECONDS:
            return counted
        if conference.has_unpublished_events:
            counted["announced"] += self._publisher.backfill_conference(conference)
        if conference.has_unpublished_events or not is_pending(conference):
            self._publisher.mark_published(conference)
        return counted

    def _finish_timed_out(self, recording: Recording) -> bool:
        """End what hangs, with its media, if these are there all the same; whether it was given up."""
        parent = recording.parent
        try:
            if recording.is_active:
                self._recordings.stop_if_unconfirmed(parent, recording.id)
            try:
                self._media.complete(parent, recording.id)
            except MediaMissing:
                self._media.finish_without_media(parent, recording.id, TOO_SHORT, by_engine=False)
                return True
        except (NotFound, InvalidState):
            pass  # somebody else has ended it meanwhile
        return False

    def _is_over(self, opened: PendingWork) -> bool:
        """Whether nothing can come any more of what was asked of a participant: its conference has ended around it."""
        resource = opened.resource
        if not isinstance(resource, Participant):
            return False
        room = self._store.get_conference(opened.account, resource.conference)
        return room is not None and not room.is_live

    def _forget(self, opened: PendingWork) -> bool:
        """Ask no more for what was never confirmed; whether that has left our sight, which an end to be told keeps."""
        resource = opened.resource
        if isinstance(resource, Conference) and resource.has_unpublished_events:
            return False
        return self._work.expire(opened)
