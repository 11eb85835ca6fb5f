"""The audit behind the stream, once a minute, which finds its work in the table alone (rule R5).

What has not been told is told, what has not been confirmed is asked again, what hangs is brought to an end.
"""

from collections import Counter
from typing import Final

from tapedeck.domain.call import Call
from tapedeck.domain.command import is_pending
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import MediaMissing, NotFound, StateForbids
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import FINISHED, UNFINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.edge.publishing import Publisher
from tapedeck.operations.changes import Opened, WorkStore, pending_command
from tapedeck.operations.deliveries import Deliveries
from tapedeck.operations.media import TOO_SHORT, Media
from tapedeck.operations.ports import Clock, Store
from tapedeck.operations.recordings import Recordings

SHARDS: Final = "0123456789abcdef"

ASK_AGAIN_AFTER: Final = 30
"""Seconds without a confirmation after which a command is sent again, at each sweep (our choice)."""

ALARM_AFTER: Final = 300
"""Seconds without a confirmation after which that is counted, at each sweep, and an alarm rings (our choice)."""

FORGET_AFTER: Final = 86_400
"""Seconds after which a command is sent no more, but for a recording, which comes to an end (our choice)."""

START_WITHIN: Final = 300
"""Seconds within which a capture must have begun, else the recording is `absent` (our choice)."""

FINISH_WITHIN: Final = 3_600
"""Seconds within which the media of a stopped recording must have come, else it is `absent` (our choice)."""

AUDIT_AFTER: Final = 600
"""Seconds that the stream is given to tell of a change before it is looked for in the ledger (our choice)."""

MOST_DUE: Final = 1_000
"""Callbacks of a shard that are queued again at a time."""

_MINUTE: Final = 60


class Sweep:
    """One look at everything that is not settled.

    Args:
        work: finds it.
        store: the recordings table.
        recordings: stops what never began.
        media: brings to an end what hangs.
        publisher: tells and asks again.
        deliveries: whose callbacks are due.
        clock: milliseconds.
    """

    def __init__(
        self,
        work: WorkStore,
        store: Store,
        recordings: Recordings,
        media: Media,
        publisher: Publisher,
        deliveries: Deliveries,
        clock: Clock,
    ) -> None:
        self._work = work
        self._store = store
        self._recordings = recordings
        self._media = media
        self._publisher = publisher
        self._deliveries = deliveries
        self._clock = clock

    def run(self, shard: str) -> Counter[str]:
        """Sweep one shard, a hex digit.

        Returns:
            how many callbacks were `requeued`, how much was `announced` late, how many commands were `asked` again,
            how many of these are `unconfirmed` for too long, and how many recordings were `given_up`.

        Raises:
            StoreBusy, StoreUnavailable: the table or a queue failed; the next sweep goes on.
        """
        counted: Counter[str] = Counter()
        while (requeued := self._deliveries.requeue(shard, MOST_DUE)) > 0:
            counted["requeued"] += requeued
            if requeued < MOST_DUE:
                break
        for opened in self._work.open(shard, self._now - ASK_AGAIN_AFTER):
            counted += self._look(opened)
        return counted

    @property
    def _now(self) -> int:
        return self._clock() // 1000

    def _look(self, opened: Opened) -> Counter[str]:
        resource = opened.resource
        if isinstance(resource, Recording):
            counted = self._look_at_recording(resource)
            if counted["given_up"]:
                return counted
            waits = self._now - resource.updated if resource.is_pending else 0
        else:
            counted = Counter()
            waits = self._now - (resource.asked_at or 0) if is_pending(resource) else 0
            if waits >= FORGET_AFTER:
                self._forget(opened)
                return counted
        if waits >= ASK_AGAIN_AFTER:
            command = pending_command(opened.account, resource, opened.instructions)
            if command is not None:
                self._publisher.command([command], again=f"-{self._now // _MINUTE}")
                counted["asked"] += 1
                counted["unconfirmed"] += waits >= ALARM_AFTER
        return counted

    def _look_at_recording(self, recording: Recording) -> Counter[str]:
        counted: Counter[str] = Counter()
        quiet = self._now - recording.updated >= AUDIT_AFTER
        if quiet:
            counted["announced"] += self._publisher.audit(recording)
        if recording.status not in UNFINISHED:
            if quiet:
                self._publisher.settle(recording)
            return counted
        never_began = recording.is_active and not recording.has_begun
        stopped = recording.status is RecordingStatus.STOPPED
        if (never_began and self._now - recording.created >= START_WITHIN) or (
            stopped and self._now - (recording.ended or recording.updated) >= FINISH_WITHIN
        ):
            counted["given_up"] += self._give_up(recording)
        return counted

    def _give_up(self, recording: Recording) -> bool:
        """End what hangs: with its media, if these are there all the same."""
        parent = recording.parent
        try:
            if recording.is_active:
                self._recordings.update(parent, recording.id, RecordingStatus.STOPPED)
            try:
                return self._media.complete(parent, recording.id).status not in FINISHED
            except MediaMissing:
                self._media.give_up(parent, recording.id, TOO_SHORT, by_engine=False)
        except (NotFound, StateForbids):
            return False  # somebody else has ended it meanwhile
        return True

    def _forget(self, opened: Opened) -> None:
        resource = opened.resource
        match resource:
            case Participant():
                room = Parent(opened.account, ParentKind.CONFERENCE, resource.conference)
                self._store.confirm(room, resource.call, resource.asked)
            case Call():
                self._store.confirm(Parent(opened.account, ParentKind.CALL, resource.id), None, resource.asked)
            case Conference():
                self._store.confirm(Parent(opened.account, ParentKind.CONFERENCE, resource.id), None, resource.asked)
