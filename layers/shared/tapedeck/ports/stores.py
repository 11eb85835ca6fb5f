"""What the operations need of the world: a store of resources, a store of credentials, a clock.

Every write of a store takes effect whole or not at all, and once, however often its request is repeated:
a store recognises its own earlier write and gives the answer that this write had earned (rule R3).
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
        """The time now."""
        ...


@dataclass(frozen=True, slots=True)
class EndTransaction:
    """One write in which a call, a conference, or both end with their active recordings (rule R9).

    `call` and `conference` are what was read last: the write demands that their versions still hold.
    `call_after` and `conference_after` are what they become; the recordings named become stopped.
    A `participant` becomes `participant_after`, which has left. `write_id` marks whatever ends as ended by this
    request. `ended` is the second at which it ended by the media engine's time, where that has told of it.
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
    """The condition on a call or conference failed; `found` is what stood there instead, if anything."""

    def __init__(self, found: Call | Conference | None) -> None:
        super().__init__()
        self.found = found


class EndConflict(Exception):
    """An ending met something else than was read: `call` and `conference` as they stand (None: as expected).

    `stopped` are recordings that had been stopped already.
    """

    def __init__(self, call: Call | None, conference: Conference | None, stopped: frozenset[str]) -> None:
        super().__init__()
        self.call = call
        self.conference = conference
        self.stopped = stopped


class TransitionRejected(Exception):
    """A recording was not in a status from which the move is legal; `found` is how it stands, if it exists."""

    def __init__(self, found: Recording | None) -> None:
        super().__init__()
        self.found = found


class NameTaken(Exception):
    """A name already belongs to a conference: `holder` is its id, which may have ended since."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


class Store(Protocol):
    """The recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy: contention or throttling outlasted the retries; nothing was written.
        StoreUnavailable: no answer.
    """

    def get_call(self, account: str, call: str) -> Call | None:
        """One call of this account."""
        ...

    def get_calls(self, account: str, calls: Sequence[str]) -> Mapping[str, Call]:
        """Those of these calls that this account has, by id."""
        ...

    def get_conference(self, account: str, conference: str) -> Conference | None:
        """One conference of this account."""
        ...

    def get_recording(self, parent: Parent, recording: str) -> Recording | None:
        """One recording of this parent; a deleted one counts as none."""
        ...

    def find_recording(self, account: str, recording: str, *, deleted: bool) -> Recording | None:
        """One recording of this account, whatever it hangs on; a deleted one only where that is asked for."""
        ...

    def list_active_recordings(self, parent: Parent) -> Sequence[Recording]:
        """All in-progress and paused recordings of this parent, oldest first."""
        ...

    def get_live_conference_id(self, account: str, name: str) -> str | None:
        """The id of the conference that took this name last; it may have ended since."""
        ...

    def get_membership(self, account: str, conference: str, call: str) -> tuple[Conference | None, Participant | None]:
        """A conference and one of its participants, read together."""
        ...

    def start_call_recording(self, recording: Recording, expected: Call | None, active: frozenset[str]) -> None:
        """Put a recording made by CR1 on its call, which must be in progress.

        Without `expected` the call must never have had one; with it, the call must be unchanged since it was
        read, and its set of active recordings becomes `active`.

        Raises:
            ParentConflict: with the call as it stands.
        """
        ...

    def start_recording(self, recording: Recording, expected: Call | Conference | None, active: frozenset[str]) -> None:
        """Put a recording that a media engine has begun on its call or conference, which must be in progress.

        Raises:
            ParentConflict: with the parent as it stands.
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
        """Bring a recording to `target` in one conditional write, and return it as that write left it.

        With `unless_begun` only one of which no media engine has said that it has begun.

        Raises:
            TransitionRejected: with the recording as it stands.
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
        """The same, as a media engine has done by itself, which this second hears of; confirmed with it.

        Raises:
            TransitionRejected: with the recording as it stands, a deleted one too. It was not in such a status, or had
                made this very move already, or a later one, or something else is asked of it and on its way.
        """
        ...

    def confirm_recording(
        self, parent: Parent, recording: str, engine_event: EngineEvent, now: int, told: RecordingStatus | None
    ) -> Recording | None:
        """Note that the media engine has carried out what some version asked, if it is the highest so far.

        It is `told` what the capture is now: what the last version asked, or something else was carried out. None: it
        has begun, at the engine's time, but not after this second; so it has only once. Of what is finished nothing
        changes. The recording as it stands then, a deleted one too; None where there is none.
        """
        ...

    def mark_recording_published(self, parent: Parent, recording: str) -> None:
        """Note that all that must be told of a finished recording has been, so that nobody looks after it."""
        ...

    def finish_recording(self, recording: Recording, write_id: str, *, by_engine: bool) -> Recording:
        """A stopped recording becomes `completed` or `absent`, with the duration, error and channels of this one.

        `by_engine` tells whether this confirms that it had begun, too. Nobody looks any more after one that nobody is
        told of.

        Raises:
            TransitionRejected: with the recording as it stands, which was not stopped.
        """
        ...

    def delete_recording(self, recording: Recording, now: int, until: int, write_id: str) -> Recording:
        """A finished recording becomes `deleted`, whose row is kept apart until that second.

        Raises:
            TransitionRejected: with the recording as it stands, which was not finished.
        """
        ...

    def put_call(self, call: Call) -> None:
        """A call that was not there before."""
        ...

    def end_call(
        self, call: Call, after: Call, write_id: str, sources: frozenset[CallStatus] = LIVE, *, asks: bool
    ) -> Call:
        """End a call that has no recording, is in no conference and has one of these statuses, in one write.

        `call` needs only its account and id; `asks` tells whether the media engine has still to be told.

        Raises:
            ParentConflict: with the call as it stands.
        """
        ...

    def change_call(self, call: Call, after: Call, write_id: str) -> None:
        """A call, as it was read, becomes what comes second.

        Raises:
            ParentConflict: with the call as it stands.
        """
        ...

    def confirm(self, parent: Parent, participant: str | None, version: int, *, settles: bool = True) -> bool:
        """Note that the media engine has carried out what this version of a call, conference or participant asked.

        What was asked later is not confirmed with it. `settles` tells whether nobody has to look after it then; so it
        is unless somebody is still to be told of a conference. False where there is no such thing.
        """
        ...

    def confirm_participant(self, parent: Parent, participant: str, version: int, at: int) -> bool:
        """As `confirm`, of a participant, at this millisecond of the engine's time: what it did before is stale."""
        ...

    def touch_participant_event_time(self, parent: Parent, participant: str, at: int) -> None:
        """A media engine has told, at this millisecond of its time, what is so already: what it did before is stale."""
        ...

    def touch_recording_event_time(self, parent: Parent, recording: str, at: int) -> None:
        """Likewise of a recording."""
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
        """Leave commands for the media engine, by name, with a call that has one of these statuses.

        Raises:
            ParentConflict: with the call as it stands.
        """
        ...

    def put_conference(self, conference: Conference, takes_over_from: str | None) -> None:
        """A conference that was not there before, under a name of its own.

        Raises:
            NameTaken: another conference holds the name, and it is not `takes_over_from`.
        """
        ...

    def join_conference(self, conference: Conference, after: Conference, call: Call, participant: Participant) -> None:
        """A call enters a conference; both must be unchanged since they were read. One that is inside stays as it is.

        Raises:
            ParentConflict: with whichever changed, as it stands.
        """
        ...

    def end_conference(self, conference: Conference, after: Conference, write_id: str, *, asks: bool) -> Conference:
        """End a conference that has no active recording, in one write; `conference` needs only account and id.

        `asks` tells whether the media engine has still to be told.

        Raises:
            ParentConflict: with the conference as it stands.
        """
        ...

    def end(self, ending: EndTransaction) -> None:
        """End whatever `ending` names, with the recordings, in one write.

        Raises:
            EndConflict: with what stands there instead.
        """
        ...

    def change_conference(self, conference: Conference, after: Conference) -> None:
        """A conference, as it was read, becomes what comes second.

        Raises:
            ParentConflict: with the conference as it stands.
        """
        ...

    def mark_conference_published(self, conference: Conference) -> None:
        """Note that all that must be told of a conference has been, so that nobody looks after it for that."""
        ...

    def announce(self, account: str, conference: str, url: str, method: str, now: int, write_id: str) -> Conference:
        """Leave the command to play an announcement in a conference that is in progress.

        Raises:
            ParentConflict: with the conference as it stands.
        """
        ...


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """What a store found along a range of ids: `items` in its order, the last id that it looked at, if any lie behind.

    An item whose row was there and which was gone when it was read is not among them.
    """

    items: Sequence[T]
    last: str | None = None


class RangeReader(Protocol[T]):
    """A list of a store, which is read along ids."""

    def __call__(self, ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
        """Up to `limit` items in this range, after the first `skip` of it."""
        ...


class ListStore(Protocol):
    """The lists of an account or a parent, each strongly consistent but for those by status, which are read again.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`; a list is complete or refused, never short.
    """

    def has_parent(self, parent: Parent) -> bool:
        """Whether this call or conference is there."""
        ...

    def recordings_of(self, parent: Parent) -> RangeReader[Recording]:
        """The recordings of a call or conference, deleted ones too."""
        ...

    def recordings_shown_by(self, account: str, call: str) -> RangeReader[Recording]:
        """The recordings of conferences which show this call, deleted ones too."""
        ...

    def recordings(self, account: str) -> RangeReader[Recording]:
        """All recordings of an account, but deleted ones."""
        ...

    def deleted_recordings(self, account: str) -> RangeReader[Recording]:
        """The deleted recordings of an account."""
        ...

    def conferences(self, account: str) -> RangeReader[Conference]:
        """All conferences of an account."""
        ...

    def conferences_named(self, account: str, name: str) -> RangeReader[Conference]:
        """The conferences that ever had this name."""
        ...

    def conferences_in(self, account: str, status: str) -> RangeReader[Conference]:
        """The conferences that had this status a moment ago."""
        ...

    def calls(self, account: str) -> RangeReader[Call]:
        """All calls of an account."""
        ...

    def calls_in(self, account: str, status: str) -> RangeReader[Call]:
        """The calls that had this status a moment ago."""
        ...


class TranscriptionStore(Protocol):
    """The transcriptions in the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def get_transcription(self, account: str, transcription: str) -> Transcription | None:
        """One transcription of this account."""
        ...

    def put_transcription(self, transcription: Transcription) -> None:
        """A transcription that was not there before."""
        ...

    def delete_transcription(self, transcription: Transcription) -> bool:
        """Take it away for good; False where it was gone."""
        ...

    def transcriptions(self, account: str) -> RangeReader[Transcription]:
        """All transcriptions of an account."""
        ...

    def transcriptions_of(self, account: str, recording: str) -> RangeReader[Transcription]:
        """The transcriptions of a recording."""
        ...


class MembershipConflict(Exception):
    """A conference, a participant or its call is no longer as it was read, and nothing was written.

    `stopped` are recordings that had been stopped already.
    """

    def __init__(self, stopped: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.stopped = stopped


class LabelTaken(Exception):
    """A label already belongs to a participant: `holder` is its call, which may have left since."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


@dataclass(frozen=True, slots=True)
class DialTransaction:
    """One write in which a call, and its place in a conference, come into being.

    `conference_before` is what was read, and the write demands that it still holds; None where the conference comes
    into being as well, under a name that it takes over from the conference `name_from`. A `participant` with a label
    takes that over from the call `label_from`. The None of either means that nobody ever had it.
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
        """A conference and all who were ever in it, read together."""
        ...

    def get_participants(
        self, account: str, conference: str, calls: Sequence[str]
    ) -> tuple[Conference | None, Sequence[Participant | None]]:
        """A conference and these calls in it, in their order, read together."""
        ...

    def get_labelled_call(self, account: str, conference: str, label: str) -> str | None:
        """The call that took this label last; it may have left since, or be there without it."""
        ...

    def change_participant(
        self,
        conferences: tuple[Conference, Conference],
        participants: tuple[Participant, Participant],
        commands: Mapping[str, Any],
        write_id: str,
    ) -> None:
        """A conference and a participant, each as it was read, become what comes second; commands are left beside.

        Raises:
            MembershipConflict: one of them has changed.
        """
        ...

    def remove_participant(self, ending: EndTransaction) -> None:
        """A participant leaves as this ending says, which names no call.

        Raises:
            MembershipConflict: the conference, the participant or a recording has changed.
        """
        ...

    def dial(self, dialing: DialTransaction) -> None:
        """A call appears, and a participant with it.

        Raises:
            MembershipConflict: the conference has changed.
            NameTaken: another conference holds the name, and it is not `name_from`.
            LabelTaken: another participant holds the label, and it is not `label_from`.
        """
        ...

    def apply_progress(
        self,
        calls: tuple[Call, Call],
        participants: tuple[Participant, Participant],
        conferences: tuple[Conference, Conference] | None,
        write_id: str,
    ) -> None:
        """A call and its participant, each as it was read, become what comes second; the conference likewise.

        Raises:
            MembershipConflict: one of them has changed.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a store of media tells of an object: its bytes, and a tag that differs where the bytes do."""

    size: int
    etag: str


class MediaStore(Protocol):
    """Where audio lies, by key.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def stat(self, key: str) -> StoredObject | None:
        """What is there, if anything is."""
        ...

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """The bytes at these places, both included; None where the object is not there."""
        ...

    def fetch(self, key: str, target: Path) -> bool:
        """Put the whole of it into a file; False where it is not there."""
        ...

    def write(self, key: str, source: Path) -> None:
        """Keep what is in a file, over what was there."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Nothing is left of any of these, whether or not it was there."""
        ...

    def presign(self, key: str, content_type: str) -> str:
        """An address from which anybody may fetch it for a minute, as this type."""
        ...


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a WAV holds; `is_silent` where no sample is loud enough to be heard."""

    milliseconds: int
    channels: int
    is_silent: bool


class Codec(Protocol):
    """Reads and makes audio, file by file.

    Raises:
        MediaMissing: the source is no WAV of 16 bits in one or two channels, or at a rate that MP3 does not have.
    """

    def probe(self, source: Path) -> AudioInfo:
        """How long it is, in how many channels, and whether anything is in it."""
        ...

    def trim(self, source: Path, target: Path) -> Path:
        """The same without the silence at both ends; the target."""
        ...

    def downmix(self, source: Path, target: Path) -> None:
        """Two channels in one."""
        ...

    def encode(self, source: Path, target: Path) -> None:
        """The same as MP3."""
        ...


class CredentialStore(Protocol):
    """The credentials table: hashes, never secrets.

    Raises:
        StoreBusy, StoreUnavailable: as for `Store`.
    """

    def get_account(self, account: str) -> CredentialsRecord | None:
        """Everything that an account's id as user name may be verified against."""
        ...

    def get_api_key(self, key: str) -> ApiKey | None:
        """The API key of this id, with the account that it belongs to."""
        ...

    def put_account(self, account: Account, signing: dict[str, bytes]) -> bool:
        """A new account with its encrypted signing keys by dialect; False where the id is in use."""
        ...

    def put_api_key(self, key: ApiKey) -> bool:
        """A further key of an existing account; False where there is no such account."""
        ...

    def delete_api_key(self, account: str, key: str) -> bool:
        """Take a key out of use; False where this account has no such key."""
        ...

    def set_media_access(self, account: str, access: MediaAccess | None) -> bool:
        """An account's own rule of who may fetch audio, or none; False where there is no such account."""
        ...

    def add_auth_token(self, account: str, token_hash: str, signing: bytes) -> bool:
        """A second auth token beside the one in use; False where there is no account or there are two already."""
        ...

    def remove_old_auth_token(self, account: str, at: int) -> bool:
        """Take the older of two auth tokens out of use, at this second; False if there is only one."""
        ...


class Encryptor(Protocol):
    """Encrypts what only the sender of callbacks may read."""

    def encrypt(self, account: str, secret: str) -> bytes:
        """The secret, encrypted for this account alone."""
        ...
