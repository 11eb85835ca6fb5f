"""Wait until the media engine has confirmed a pause or a stop of a recording (C-225)."""

from collections.abc import Callable
from typing import Final

from tapedeck.domain.errors import NotConfirmed, NotEligibleForRecording, StoreFailure
from tapedeck.domain.recording import ACTIVE, UNFINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.engine_rules import KnownPresences, may_be_alive
from tapedeck.ports.clock import Clock
from tapedeck.ports.confirmations import Patience, UrgentSender
from tapedeck.ports.engines import PresenceStore
from tapedeck.ports.recordings import RecordingProgress
from tapedeck.ports.stores import Store

FIRST_READ_AFTER_MS: Final = 30

READ_EVERY_MS: Final = ((500, 25), (1_000, 50))
"""Until so many milliseconds after the write, the recording is read at this interval (C-226)."""

LATER_READ_EVERY_MS: Final = 100

_PAUSED: Final = RecordingStatus.PAUSED


class Confirmations:
    """Waits for confirmations of the media engine.

    Args:
        store: the recordings table.
        sender: sends the command at once, without waiting for the stream.
        presences: which engines are alive, and what they can do.
        patience: lets time pass.
        within_ms: how long a request waits, from before its write.
        monotonic_clock: milliseconds of a clock that is never set.
        clock: milliseconds since the epoch.
        report_unsent: is called when the command could not be sent at once; the stream sends it anyway.
    """

    def __init__(
        self,
        store: Store,
        sender: UrgentSender,
        presences: PresenceStore,
        patience: Patience,
        within_ms: int,
        monotonic_clock: Clock,
        clock: Clock,
        report_unsent: Callable[[Recording, Exception], object] = lambda _recording, _error: None,
    ) -> None:
        self._store = store
        self._sender = sender
        self._presences = KnownPresences(presences, clock, monotonic_clock)
        self._patience = patience
        self._within_ms = within_ms
        self._monotonic_clock = monotonic_clock
        self._clock = clock
        self._report_unsent = report_unsent

    def start(self) -> int:
        """Return the time from which a wait counts; call it before the write."""
        return self._monotonic_clock()

    def require_pausable(self, parent: Parent, find: Callable[[], Recording | None]) -> None:
        """Check before the write that the media engine of a recording can pause (C-230).

        Args:
            parent: what is recorded.
            find: reads the recording; called only if some engine cannot pause.

        Raises:
            NotEligibleForRecording: it cannot.
        """
        presences = self._presences.read()
        if presences is None or all(each.capabilities.pause for each in presences.values()):
            return
        recording = find()
        engine = self._engine_of(parent, recording.engine if recording is not None else None)
        presence = presences.get(engine) if engine is not None else None
        if presence is not None and not presence.capabilities.pause:
            raise NotEligibleForRecording

    def wait(self, recording: Recording, started_ms: int) -> Recording:
        """Wait until the engine has confirmed the pause or the stop that this recording shows; return the recording.

        A pause is confirmed once the engine has reported that it, or a later one, took effect (C-228), and no request
        has resumed the recording since (C-240).

        Args:
            recording: as the update left it, or found it if there was nothing to change.
            started_ms: when the update began, from `start`.

        Raises:
            NotConfirmed: the engine is lost, refuses, or did not confirm in time, or a later request resumed the
                recording. What was requested stays requested.
            NotEligibleForRecording: the capture has ended before the pause took effect.
        """
        if self._is_confirmed(recording, _progress_of(recording)):
            return recording
        self._send_at_once(recording)
        self._patience.pause(FIRST_READ_AFTER_MS)
        while not self._is_confirmed(recording, self._read(recording)):
            elapsed = self._monotonic_clock() - started_ms
            if elapsed >= self._within_ms:
                raise NotConfirmed("timeout")
            self._patience.pause(_interval(elapsed, self._within_ms - elapsed))
        return recording

    def _send_at_once(self, recording: Recording) -> None:
        """Send the command to the engine of the recording.

        Raises:
            NotConfirmed: the engine is lost, or none is alive.
        """
        try:
            engine = self._engine_of(recording.parent, recording.engine)
        except StoreFailure:
            return  # the stream sends the command; the deadline holds anyway
        presences = self._presences.read()
        if presences is not None and not may_be_alive(engine, presences, self._clock() // 1000):
            raise NotConfirmed("engine_lost")
        if engine is None:
            return
        try:
            self._sender.send(engine, recording)
        except StoreFailure as error:
            self._report_unsent(recording, error)

    def _engine_of(self, parent: Parent, engine: str | None) -> str | None:
        """Return the engine of a recording: its own, else that of what is recorded, else of the call's conference.

        Reads the call or conference only if the recording has no engine of its own yet.
        """
        if engine is not None:
            return engine
        conference_id: str | None = parent.id
        if parent.kind is ParentKind.CALL:
            call = self._store.get_call(parent.account, parent.id)
            if call is None or call.engine is not None:
                return call.engine if call is not None else None
            conference_id = call.conference
        conference = self._store.get_conference(parent.account, conference_id) if conference_id is not None else None
        return conference.engine if conference is not None else None

    def _read(self, recording: Recording) -> RecordingProgress | None:
        """Read how far the engine is; if the table does not answer, what was known before."""
        try:
            return self._store.get_progress(recording.parent, recording.id)
        except StoreFailure:
            return _progress_of(recording)

    def _is_confirmed(self, wanted: Recording, found: RecordingProgress | None) -> bool:
        """Return whether what is wanted took effect.

        Raises:
            NotConfirmed: it will not take effect by itself.
            NotEligibleForRecording: the capture has ended before the pause took effect.
        """
        if wanted.status is not _PAUSED:
            return _is_stop_confirmed(wanted, found)
        if found is None or found.status not in ACTIVE:
            if found is not None and _was_effective_until_the_end(wanted, found):
                return True
            raise NotEligibleForRecording
        if found.status is not _PAUSED or found.is_paused_by_engine:
            raise NotConfirmed("overtaken")  # resumed, and perhaps paused by the engine, which may resume it again
        if found.effective_version >= found.version:
            return True
        _raise_if_refused(wanted, found)
        return False


def _was_effective_until_the_end(wanted: Recording, found: RecordingProgress) -> bool:
    """Return whether the pause took effect, and the next change was the end of the capture."""
    return found.effective_version >= wanted.version and found.version == wanted.version + 1


def _is_stop_confirmed(wanted: Recording, found: RecordingProgress | None) -> bool:
    """Return whether the capture has ended (C-269): the engine confirmed the stop, or has uploaded the capture."""
    if found is None or found.status not in UNFINISHED or found.is_captured:
        return True
    if found.confirmed_version >= wanted.version:
        return True
    _raise_if_refused(wanted, found)
    return False


def _raise_if_refused(wanted: Recording, found: RecordingProgress) -> None:
    """Raise NotConfirmed for a refusal that was not known when the request began (C-229).

    That a copy of the command has expired decides nothing: the request has sent another one.
    """
    refusal = found.refused_version, found.refused_code
    is_new = refusal != (wanted.refused_version, wanted.refused_code) and found.refused_code != "expired"
    if is_new and found.refused_version >= wanted.version:
        raise NotConfirmed("refused")


def _progress_of(recording: Recording) -> RecordingProgress:
    return RecordingProgress(
        recording.status,
        recording.version,
        recording.confirmed_version,
        recording.effective_version,
        recording.own_version,
        recording.refused_version,
        recording.refused_code,
        recording.captured_at is not None,
    )


def _interval(elapsed: int, remaining: int) -> int:
    """Return the milliseconds until the next read; the last one is at the deadline, and not closely after another."""
    interval = next((interval for until, interval in READ_EVERY_MS if elapsed < until), LATER_READ_EVERY_MS)
    return interval if remaining >= 2 * interval else remaining
