"""Ports for stored state: resources, lists, media, credentials, and a clock.

Every write is atomic and idempotent: a repeated request is applied once. A store recognises its own earlier write and
returns that write's result (REL-3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from tapedeck.domain.account import Account, ApiKey, CredentialsRecord, MediaAccess
from tapedeck.domain.call import LIVE, Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import EngineEvent
from tapedeck.domain.page import IdRange
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, Recording, RecordingStatus
from tapedeck.domain.transcription import Transcription

T = TypeVar("T")


class Clock(Protocol):
    """Milliseconds since the epoch."""

    def __call__(self) -> int:
        """Return the current time."""
        ...


@dataclass(frozen=True, slots=True)
class EndTransaction:
    """One transaction that ends a call, a conference, or both, and stops their active recordings (REL-9).

    `call` and `conference` are as last read; the write requires their versions to be unchanged. `call_after` and
    `conference_after` replace them; the named recordings become stopped. `participant` becomes `participant_after`,
    which has left. `write_id` identifies this write on everything that it ends. `ended` is the end in seconds by the
    media engine's clock, if the engine reported it.
    """

    write_id: str
    now: int
    call: Call | None = None
    call_after: Call | None = None
    call_recordings: frozenset[str] = frozenset()
    conference: Conference | None = None
    conference_after: Conference | None = None
    conference_recordings: frozenset[str] = frozenset()
    participant: Participant | None = None
    participant_after: Participant | None = None
    ended: int | None = None


class ParentConflict(Exception):
    """The condition on a call or conference failed; `found` is its current state, None if it does not exist."""

    def __init__(self, found: Call | Conference | None) -> None:
        super().__init__()
        self.found = found


class EndConflict(Exception):
    """An end transaction failed its conditions.

    `call` and `conference` are their current states (None: as expected). `stopped` are recordings that were already
    stopped.
    """

    def __init__(self, call: Call | None, conference: Conference | None, stopped: frozenset[str]) -> None:
        super().__init__()
        self.call = call
        self.conference = conference
        self.stopped = stopped


class TransitionRejected(Exception):
    """A recording's status does not allow the transition; `found` is its current state, if it exists."""

    def __init__(self, found: Recording | None) -> None:
        super().__init__()
        self.found = found


class NameTaken(Exception):
    """A name belongs to another conference: `holder` is its id; it may have ended since."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


class Store(Protocol):
    """The recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy: contention or throttling outlasted the retries; nothing was written.
        StoreUnavailable: no response.
    """

    def get_call(self, account: str, call: str) -> Call | None:
        """Return one call of this account."""
        ...

    def get_calls(self, account: str, calls: Sequence[str]) -> Mapping[str, Call]:
        """Return the calls of this account with these ids, by id; missing ones are left out."""
        ...

    def get_conference(self, account: str, conference: str) -> Conference | None:
        """Return one conference of this account."""
        ...

    def get_recording(self, parent: Parent, recording: str) -> Recording | None:
        """Return one recording of this parent; None if it is deleted."""
        ...

    def find_recording(self, account: str, recording: str, *, deleted: bool) -> Recording | None:
        """Return one recording of this account, under any parent; a deleted one only with `deleted`."""
        ...

    def list_active_recordings(self, parent: Parent) -> Sequence[Recording]:
        """Return all in-progress and paused recordings of this parent, oldest first."""
        ...

    def get_live_conference_id(self, account: str, name: str) -> str | None:
        """Return the id of the conference that took this name last; it may have ended since."""
        ...

    def get_membership(self, account: str, conference: str, call: str) -> tuple[Conference | None, Participant | None]:
        """Return a conference and one of its participants, read in one transaction."""
        ...

    def start_call_recording(self, recording: Recording, expected: Call | None, active: frozenset[str]) -> None:
        """Store a recording started through the API on its call, which must be in progress.

        Without `expected` the call must never have had a recording. With it, the call must be unchanged since it was
        read, and `active` replaces its set of active recordings.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def start_recording(self, recording: Recording, expected: Call | Conference | None, active: frozenset[str]) -> None:
        """Store a recording started by the media engine on its call or conference, which must be in progress.

        Raises:
            ParentConflict: the condition failed; `found` is the current parent.
        """
        ...

    def transition_recording(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        now: int,
        write_id: str,
        *,
        unless_begun: bool = False,
    ) -> Recording:
        """Move a recording to `target` in one conditional write; return it as that write left it.

        With `unless_begun`, only if the media engine has not confirmed that the capture started.

        Raises:
            TransitionRejected: the status does not allow it; `found` is the current recording.
        """
        ...

    def transition_recording_from_engine(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        engine_event: EngineEvent,
        now: int,
    ) -> Recording:
        """Apply and confirm a transition that the media engine made by itself and reports at `now`.

        Raises:
            TransitionRejected: the status does not allow the transition, the event is repeated or stale, or a command
                is pending. `found` is the current recording, even if deleted.
        """
        ...

    def confirm_recording(
        self, parent: Parent, recording: str, engine_event: EngineEvent, now: int, reported: RecordingStatus | None
    ) -> Recording | None:
        """Confirm that the media engine has applied a version of a recording, if it is the highest so far.

        `reported` is the status that the engine reports; one that contradicts the requested status is ignored. None
        confirms the start of the capture, at the engine's time clamped to `now`; it is applied only once. A finished
        recording does not change. Returns the current recording, even if deleted; None if it does not exist.
        """
        ...

    def mark_recording_published(self, parent: Parent, recording: str) -> None:
        """Remove a finished recording, whose callbacks are all in the outbox, from the pending-work index."""
        ...

    def finish_recording(self, recording: Recording, write_id: str, *, by_engine: bool) -> Recording:
        """Move a stopped recording to this one's `completed` or `absent`, with its duration, error and channels.

        `by_engine` also confirms that the capture started. A recording without a subscription leaves the pending-work
        index.

        Raises:
            TransitionRejected: it was not stopped; `found` is the current recording.
        """
        ...

    def delete_recording(self, recording: Recording, now: int, until: int, write_id: str) -> Recording:
        """Move a finished recording to `deleted`; its row is kept separately until `until` (seconds).

        Raises:
            TransitionRejected: it was not finished; `found` is the current recording.
        """
        ...

    def put_call(self, call: Call) -> None:
        """Create a call."""
        ...

    def end_call(
        self, call: Call, after: Call, write_id: str, sources: frozenset[CallStatus] = LIVE, *, needs_command: bool
    ) -> Call:
        """End a call without recordings and conference, in one write, if its status is in `sources`.

        `call` needs only its account and id. `needs_command`: the media engine still has to be sent a command.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def change_call(self, call: Call, after: Call, write_id: str) -> None:
        """Replace a call by `after` if it is unchanged since it was read.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def confirm(self, parent: Parent, participant: str | None, version: int, *, settles: bool = True) -> bool:
        """Confirm that the media engine has applied this version of a call, conference or participant.

        Ignored if a later version was requested: that one stays pending. `settles` also removes the resource from the
        pending-work index; pass False for a conference with unpublished events. Returns False if it does not exist.
        """
        ...

    def confirm_participant(self, parent: Parent, participant: str, version: int, at: int) -> bool:
        """As `confirm`, for a participant, at the engine's time `at` (milliseconds); older events are stale."""
        ...

    def touch_participant_event_time(self, parent: Parent, participant: str, at: int) -> None:
        """Note that an event at `at` (milliseconds) reported the current state; older events are stale."""
        ...

    def touch_recording_event_time(self, parent: Parent, recording: str, at: int) -> None:
        """As `touch_participant_event_time`, for a recording."""
        ...

    def queue_call_commands(
        self,
        account: str,
        call: str,
        commands: Mapping[str, Any],
        sources: frozenset[CallStatus],
        now: int,
        write_id: str,
    ) -> Call:
        """Store commands for the media engine, by name, with a call whose status is in `sources`.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def put_conference(self, conference: Conference, takes_over_from: str | None) -> None:
        """Create a conference and claim its name.

        Raises:
            NameTaken: another conference than `takes_over_from` holds the name.
        """
        ...

    def join_conference(self, conference: Conference, after: Conference, call: Call, participant: Participant) -> None:
        """Add a call to a conference; both must be unchanged since they were read.

        A participant that is already inside is left unchanged.

        Raises:
            ParentConflict: one of them has changed; `found` is its current state.
        """
        ...

    def end_conference(
        self, conference: Conference, after: Conference, write_id: str, *, needs_command: bool
    ) -> Conference:
        """End a conference without active recordings, in one write.

        `conference` needs only its account and id. `needs_command`: the media engine still has to be sent a command.

        Raises:
            ParentConflict: the condition failed; `found` is the current conference.
        """
        ...

    def end(self, ending: EndTransaction) -> None:
        """End everything that `ending` names, with the recordings, in one transaction.

        Raises:
            EndConflict: a condition failed; it carries the current states.
        """
        ...

    def change_conference(self, conference: Conference, after: Conference) -> None:
        """Replace a conference by `after` if it is unchanged since it was read.

        Raises:
            ParentConflict: the condition failed; `found` is the current conference.
        """
        ...

    def mark_conference_published(self, conference: Conference) -> None:
        """Note that all callbacks of a conference are in the outbox; no publishing work is pending any more."""
        ...

    def announce(self, account: str, conference: str, url: str, method: str, now: int, write_id: str) -> Conference:
        """Store the command to play an announcement in a conference that is in progress.

        Raises:
            ParentConflict: the condition failed; `found` is the current conference.
        """
        ...


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """One read along a range of ids: `items` in its order, and the last id read if the range may hold more.

    An item that was removed between reading the index and reading the item is left out.
    """

    items: Sequence[T]
    last: str | None = None


class RangeReader(Protocol[T]):
    """A list of a store, read by ranges of ids."""

    def __call__(self, ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
        """Return up to `limit` items of this range after skipping `skip`."""
        ...


class ListStore(Protocol):
    """The lists of an account or a parent; strongly consistent.

    The lists by status use an eventually consistent index; each item is read again.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`; a list is never silently incomplete.
    """

    def has_parent(self, parent: Parent) -> bool:
        """Whether this call or conference exists."""
        ...

    def recordings_of(self, parent: Parent) -> RangeReader[Recording]:
        """Return the recordings of a call or conference, including deleted ones."""
        ...

    def recordings_shown_by(self, account: str, call: str) -> RangeReader[Recording]:
        """Return the conference recordings that show this call, including deleted ones."""
        ...

    def recordings(self, account: str) -> RangeReader[Recording]:
        """Return all recordings of an account except deleted ones."""
        ...

    def deleted_recordings(self, account: str) -> RangeReader[Recording]:
        """Return the deleted recordings of an account."""
        ...

    def conferences(self, account: str) -> RangeReader[Conference]:
        """Return all conferences of an account."""
        ...

    def conferences_named(self, account: str, name: str) -> RangeReader[Conference]:
        """Return the conferences that ever had this name."""
        ...

    def conferences_in(self, account: str, status: str) -> RangeReader[Conference]:
        """Return the conferences with this status, eventually consistent."""
        ...

    def calls(self, account: str) -> RangeReader[Call]:
        """Return all calls of an account."""
        ...

    def calls_in(self, account: str, status: str) -> RangeReader[Call]:
        """Return the calls with this status, eventually consistent."""
        ...


class TranscriptionStore(Protocol):
    """The transcriptions in the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def get_transcription(self, account: str, transcription: str) -> Transcription | None:
        """Return one transcription of this account."""
        ...

    def put_transcription(self, transcription: Transcription) -> None:
        """Create a transcription."""
        ...

    def delete_transcription(self, transcription: Transcription) -> bool:
        """Delete a transcription for good; False if it did not exist."""
        ...

    def transcriptions(self, account: str) -> RangeReader[Transcription]:
        """Return all transcriptions of an account."""
        ...

    def transcriptions_of(self, account: str, recording: str) -> RangeReader[Transcription]:
        """Return the transcriptions of a recording."""
        ...


class MembershipConflict(Exception):
    """A conference, a participant or its call has changed since it was read; nothing was written.

    `stopped` are recordings that were already stopped.
    """

    def __init__(self, stopped: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.stopped = stopped


class LabelTaken(Exception):
    """A label belongs to another participant: `holder` is its call; it may have left since."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


@dataclass(frozen=True, slots=True)
class DialTransaction:
    """One transaction that creates a call and its participant in a conference.

    `conference_before` is as last read and must be unchanged; None creates the conference as well. `name_from` is the
    conference that the new one takes the name over from, `label_from` the call that the label is taken over from. None:
    the name or label must never have been used.
    """

    write_id: str
    call: Call
    conference: Conference
    participant: Participant
    conference_before: Conference | None = None
    name_from: str | None = None
    label_from: str | None = None


class ParticipantStore(Protocol):
    """The participants in the recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def list_participants(self, account: str, conference: str) -> tuple[Conference | None, Sequence[Participant]]:
        """Return a conference and every participant that was ever in it, read in one transaction."""
        ...

    def get_participants(
        self, account: str, conference: str, calls: Sequence[str]
    ) -> tuple[Conference | None, Sequence[Participant | None]]:
        """Return a conference and these participants in order, None for a missing one, read together."""
        ...

    def get_labelled_call(self, account: str, conference: str, label: str) -> str | None:
        """Return the call that took this label last; it may have left or lost the label since."""
        ...

    def change_participant(
        self,
        conferences: tuple[Conference, Conference],
        participants: tuple[Participant, Participant],
        commands: Mapping[str, Any],
        write_id: str,
    ) -> None:
        """Replace a conference and a participant, given as (before, after), and store commands for the engine.

        Raises:
            MembershipConflict: one of them has changed.
        """
        ...

    def remove_participant(self, ending: EndTransaction) -> None:
        """Remove a participant by an ending that names no call.

        Raises:
            MembershipConflict: the conference, the participant or a recording has changed.
        """
        ...

    def dial(self, dialing: DialTransaction) -> None:
        """Create a call and its participant.

        Raises:
            MembershipConflict: the conference has changed.
            NameTaken: another conference than `name_from` holds the name.
            LabelTaken: another participant than `label_from` holds the label.
        """
        ...

    def apply_progress(
        self,
        calls: tuple[Call, Call],
        participants: tuple[Participant, Participant],
        conferences: tuple[Conference, Conference] | None,
        write_id: str,
    ) -> None:
        """Replace a call, its participant and optionally the conference, each given as (before, after).

        Raises:
            MembershipConflict: one of them has changed.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The metadata of a media object: size in bytes and entity tag."""

    size: int
    etag: str


class MediaStore(Protocol):
    """The media objects (audio), by key.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def stat(self, key: str) -> StoredObject | None:
        """Return the metadata of an object; None if it does not exist."""
        ...

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Return a range of bytes, both ends inclusive; None if the object does not exist."""
        ...

    def fetch(self, key: str, target: Path) -> bool:
        """Download an object into a file; False if it does not exist."""
        ...

    def write(self, key: str, source: Path) -> None:
        """Upload a file, replacing any existing object."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; missing ones are ignored."""
        ...

    def presign(self, key: str, content_type: str) -> str:
        """Return a URL that serves the object publicly for one minute, with this content type."""
        ...


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The properties of a WAV file; `is_silent`: no sample exceeds the silence threshold."""

    milliseconds: int
    channels: int
    is_silent: bool


class Codec(Protocol):
    """Reads and converts audio files.

    Raises:
        MediaMissing: the source is not a 16-bit WAV in one or two channels, or its sample rate does not exist in MP3.
    """

    def probe(self, source: Path) -> AudioInfo:
        """Return the duration, the channels and whether the file is silent."""
        ...

    def trim(self, source: Path, target: Path) -> Path:
        """Write the audio without the silence at both ends; return `target`."""
        ...

    def downmix(self, source: Path, target: Path) -> None:
        """Mix two channels down to one."""
        ...

    def encode(self, source: Path, target: Path) -> None:
        """Encode as MP3."""
        ...


class CredentialStore(Protocol):
    """The credentials table: hashes, never secrets.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def get_account(self, account: str) -> CredentialsRecord | None:
        """Return the hashes that an account's id as user name is verified against."""
        ...

    def get_api_key(self, key: str) -> ApiKey | None:
        """Return the API key with this id, including its account."""
        ...

    def put_account(self, account: Account, signing: dict[str, bytes]) -> bool:
        """Create an account with its encrypted signing keys by dialect; False if the id is in use."""
        ...

    def put_api_key(self, key: ApiKey) -> bool:
        """Add a key to an existing account; False if the account does not exist."""
        ...

    def delete_api_key(self, account: str, key: str) -> bool:
        """Revoke a key; False if this account has no such key."""
        ...

    def set_media_access(self, account: str, access: MediaAccess | None) -> bool:
        """Set or remove an account's own media access; False if the account does not exist."""
        ...

    def add_auth_token(self, account: str, token_hash: str, signing: bytes) -> bool:
        """Add a second auth token; False if the account does not exist or already has two."""
        ...

    def remove_old_auth_token(self, account: str, at: int) -> bool:
        """Revoke the older of two auth tokens, at `at` (seconds); False if there is only one."""
        ...


class Encryptor(Protocol):
    """Encrypts secrets that only the delivery of callbacks can decrypt."""

    def encrypt(self, account: str, secret: str) -> bytes:
        """Return the secret, encrypted for this account alone."""
        ...
