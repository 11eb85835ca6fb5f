"""Note which recordings the reconciler is to check soon, although no write of theirs has moved them in its index."""

from collections.abc import Callable, Sequence

from tapedeck.domain.errors import StoreFailure
from tapedeck.domain.pending_work import COMMAND_RESEND_AFTER_SECONDS
from tapedeck.domain.recording import Recording
from tapedeck.ports.changes import Change, PendingWorkStore
from tapedeck.ports.clock import Clock


class RecordingChecks:
    """Notes checks of the recordings in a batch of changes.

    Args:
        work: stores the checks.
        clock: milliseconds.
        report: is called with an error of the table; without its check, a later run looks at the recording (C-300).
    """

    def __init__(self, work: PendingWorkStore, clock: Clock, report: Callable[[Exception], object]) -> None:
        self._work = work
        self._clock = clock
        self._report = report

    # --8<-- [start:note]
    def note(self, changes: Sequence[Change]) -> None:
        """Let the reconciler look at the recordings of these changes in 30 seconds, unless they are settled (C-301).

        Not settled is one with an unconfirmed command, or an unconverted capture, after the last of the changes. This
        is 1 request, or none without such a recording.
        """
        latest = {change.after.id: change.after for change in changes if isinstance(change.after, Recording)}
        unsettled = [each for each in latest.values() if each.is_pending or each.is_unfinished_capture]
        if unsettled:
            try:
                self._work.note_check(unsettled, self._clock() // 1000 + COMMAND_RESEND_AFTER_SECONDS)
            except StoreFailure as error:
                self._report(error)
        # --8<-- [end:note]
