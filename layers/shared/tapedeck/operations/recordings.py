"""Start, find, pause, resume and stop recordings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import (
    AmbiguousCurrentRecording,
    NoActiveRecording,
    NotEligibleForRecording,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import (
    ACTIVE,
    MAX_ACTIVE_RECORDINGS,
    PRUNE_ACTIVE_AT,
    Parent,
    ParentKind,
    Recording,
    RecordingStatus,
    Source,
    is_noop_transition,
)
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.clock import Clock
from tapedeck.ports.parents import ParentConflict
from tapedeck.ports.recordings import TransitionRejected
from tapedeck.ports.stores import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapedeck.operations.engine_rules import EngineRules

MAX_ATTEMPTS: Final = 5
"""Attempts of a conditional write that concurrent changes make fail."""

MAX_CURRENT_ATTEMPTS: Final = 3
"""Attempts to resolve and change `Twilio.CURRENT` (C-38)."""


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Options of a recording started over the API; `channels` is 1 or 2."""

    channels: int = 1
    track: str = "both"
    trim: str = "do-not-trim"
    callback: CallbackSubscription | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """What the media engine must be able to do: names of fields of `EngineCapabilities`."""
        is_needed = {"dual": self.channels > 1, "tracks": self.track != "both"}
        return frozenset(name for name, needed in is_needed.items() if needed)


@dataclass(frozen=True, slots=True)
class Current:
    """The only active recording of a parent (`Twilio.CURRENT`), accepted in place of an id."""


CURRENT: Final = Current()


class Recordings:
    """The recordings of calls and conferences.

    Every method raises StoreBusy or StoreUnavailable when the store fails; writes are all or nothing.

    Args:
        store: the recordings table.
        clock: milliseconds.
        get_engine_rules: returns the rules about engines that a new recording must meet; None if there are none.
    """

    def __init__(self, store: Store, clock: Clock, get_engine_rules: "Callable[[], EngineRules] | None" = None) -> None:
        self._store = store
        self._clock = clock
        self._get_engine_rules = get_engine_rules

    def create(self, parent: Parent, start: StartRecording) -> tuple[Recording, bool]:
        """Start recording a call, or return the active recording that an earlier such request started (C-30).

        Returns:
            the recording, and whether it is new.

        Raises:
            NotFound: no such call.
            NotEligibleForRecording: the call is not in progress, or has the maximum number of active recordings; or its
                media engine cannot capture it in this way.
            NoEngineAvailable: its media engine is not alive.
        """
        ready = self._find_ready_engines(parent, start)
        now = self._clock()
        recording = Recording(
            id=new_id(now),
            parent=parent,
            status=RecordingStatus.IN_PROGRESS,
            source=Source.START_CALL_RECORDING,
            updated=now // 1000,
            started=now // 1000,
            call=parent.id,
            channels=start.channels,
            track=start.track,
            trim=start.trim,
            callback=start.callback,
        )
        expected: Call | None = None
        for _ in range(MAX_ATTEMPTS):
            try:
                # `_running_from_api` found that the last recording started over the API has stopped.
                stopped = expected.api_recording if expected is not None else None
                self._store.start_call_recording(recording, expected, self._kept(parent, expected, stopped), ready)
            except ParentConflict as changed:
                expected = _call(changed.found)
                if expected.status is not CallStatus.IN_PROGRESS:
                    raise NotEligibleForRecording from changed
                running = self._running_from_api(parent, expected)
                if running is not None:
                    return running, False
                if ready:
                    self._require_engine(expected, start)  # perhaps the engine was the reason
            else:
                return recording, True
        raise StoreBusy

    def stop_if_start_unconfirmed(self, parent: Parent, recording: str) -> Recording:
        """Stop a recording whose start the media engine has not confirmed.

        Raises:
            NotFound: this parent has no such recording.
            NotEligibleForRecording: its start is confirmed, or its capture has ended.
        """
        return self._move(
            parent, recording, RecordingStatus.STOPPED, "silence", new_id(self._clock()), only_if_start_unconfirmed=True
        )

    def get(self, parent: Parent, recording: str) -> Recording:
        """Return one recording of a parent.

        Raises:
            NotFound: this parent has no such recording, or it is deleted.
        """
        found = self._store.get_recording(parent, recording)
        if found is None:
            raise NotFound
        return found

    def find(self, account: str, recording: str, *, deleted: bool = False) -> Recording:
        """Return one recording of an account; with `deleted`, also one deleted within the last 40 days.

        Raises:
            NotFound: the account has no such recording.
        """
        found = self._store.find_recording(account, recording, deleted=deleted)
        if found is None or not found.is_visible(self._clock() // 1000, deleted=deleted):
            raise NotFound
        return found

    def update(
        self, parent: Parent, recording: str | Current, target: RecordingStatus, pause_behavior: str = "silence"
    ) -> Recording:
        """Pause, resume or stop a recording. Idempotent. The engine carries it out later (C-119).

        Args:
            parent: the call or conference that the request names.
            recording: an id, or `CURRENT`.
            target: in-progress, paused or stopped.
            pause_behavior: `silence` or `skip`; read only when `target` is paused.

        Raises:
            NotFound: no such parent, or it has no such recording.
            AmbiguousCurrentRecording: more than one is active.
            NotEligibleForRecording: its capture has ended.
            NoActiveRecording: of `CURRENT`, none is active.
        """
        write_id = new_id(self._clock())
        if isinstance(recording, str):
            return self._move(parent, recording, target, pause_behavior, write_id)
        for _ in range(MAX_CURRENT_ATTEMPTS):
            current = self.current(parent)
            try:
                return self._move(parent, current.id, target, pause_behavior, write_id, only_active=True)
            except (NotEligibleForRecording, NotFound):
                continue  # stopped or deleted meanwhile
        raise NoActiveRecording

    def current(self, parent: Parent) -> Recording:
        """Return the only active recording of a parent.

        Raises:
            NotFound: no such parent.
            NoActiveRecording: none is active.
            AmbiguousCurrentRecording: more than one is.
        """
        active = self._store.list_active_recordings(parent)
        if not active:
            self.require_parent(parent)
            raise NoActiveRecording
        if len(active) > 1:
            raise AmbiguousCurrentRecording
        return active[0]

    def require_parent(self, parent: Parent) -> None:
        """Check that a call or conference exists.

        Raises:
            NotFound: it does not.
        """
        read = self._store.get_call if parent.kind is ParentKind.CALL else self._store.get_conference
        if read(parent.account, parent.id) is None:
            raise NotFound

    def _move(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        write_id: str,
        *,
        only_active: bool = False,
        only_if_start_unconfirmed: bool = False,
    ) -> Recording:
        now = self._clock() // 1000
        try:
            return self._store.transition_recording(
                parent,
                recording,
                target,
                pause_behavior,
                now,
                write_id,
                only_if_start_unconfirmed=only_if_start_unconfirmed,
            )
        except TransitionRejected as refused:
            found = refused.found
            if found is None:
                raise NotFound from refused
            still_current = found.status in ACTIVE or not only_active
            if still_current and is_noop_transition(found.status, target):
                return found
            raise NotEligibleForRecording from refused

    def _find_ready_engines(self, parent: Parent, start: StartRecording) -> frozenset[str]:
        """Return the engines of which the call must have one, which the write checks; none if there is no such check.

        Reads the call, and checks its engine, only if some engine is not alive or lacks a capability.
        """
        if self._get_engine_rules is None:
            return frozenset()
        ready = self._get_engine_rules().find_ready(start.capabilities | {"restart"})
        if ready is None:
            return frozenset()
        if not ready:
            call = self._store.get_call(parent.account, parent.id)
            # An unknown or ended call and a running recording have their own answers, and begin nothing.
            if (
                call is not None
                and call.status is CallStatus.IN_PROGRESS
                and self._running_from_api(parent, call) is None
            ):
                self._require_engine(call, start)
        return ready

    def _require_engine(self, call: Call, start: StartRecording) -> None:
        """Check that the call's engine can begin a new recording; raises like `EngineRules.require`."""
        if self._get_engine_rules is not None:
            again = {"restart"} if call.api_recording is not None else frozenset()
            self._get_engine_rules().require(call, start.capabilities | again)

    def _running_from_api(self, parent: Parent, call: Call) -> Recording | None:
        if call.api_recording is None:
            return None
        found = self._store.get_recording(parent, call.api_recording)
        return found if found is not None and found.is_active else None

    def _kept(self, parent: Parent, expected: Call | Conference | None, stopped: str | None = None) -> frozenset[str]:
        """Return the ids that remain in the parent's set of active recordings, without the new one."""
        if expected is None:
            return frozenset()
        kept = expected.active_recordings - {stopped}
        if len(kept) >= PRUNE_ACTIVE_AT:
            kept &= {recording.id for recording in self._store.list_active_recordings(parent)}
        if len(kept) >= MAX_ACTIVE_RECORDINGS:
            raise NotEligibleForRecording
        return kept


def _call(found: Call | Conference | None) -> Call:
    if not isinstance(found, Call):
        raise NotFound
    return found
