"""Transcriptions: stored for the media engine; listed, read and deleted by clients."""

import json
from typing import Final

from tapedeck.domain.errors import NotFound
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, IdRange, Page, PageRequest, TimeRange
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.operations.lists import read_page
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.clock import Clock
from tapedeck.ports.lists import Chunk, RangeReader
from tapedeck.ports.transcriptions import TranscriptionStore

MAX_TEXT_BYTES: Final = 4 << 20
"""Maximum bytes of text on a page, doubly JSON-encoded; keeps the response below Lambda's limit of 6 MB (C-94)."""

QUERY_LIMIT: Final = 250
"""Transcriptions per query; their length is known only after reading."""


class Transcriptions:
    """The transcriptions of an account; every method raises StoreBusy or StoreUnavailable when the store fails.

    Transcriptions outlive their recording (C-48).
    """

    def __init__(self, store: TranscriptionStore, recordings: Recordings, clock: Clock) -> None:
        self._store = store
        self._recordings = recordings
        self._clock = clock

    def record(
        self,
        account: str,
        recording: str,
        *,
        text: str | None,
        duration: int | None,
        status: TranscriptionStatus = TranscriptionStatus.COMPLETED,
        transcription: str | None = None,
    ) -> Transcription:
        """Store a transcription that the media engine reported; one that is already stored stays unchanged.

        Args:
            account: the account's id.
            recording: the transcribed recording's id.
            text: the transcribed text; None if there is none.
            duration: seconds of audio.
            status: the status of the transcription.
            transcription: the id that the media engine assigned; None for a new one.

        Raises:
            NotFound: no such recording.
        """
        self._recordings.find(account, recording)
        now = self._clock()
        new_transcription = Transcription(
            account, transcription or new_id(now), recording, status, now // 1000, duration, text
        )
        self._store.put_transcription(new_transcription)
        return new_transcription

    def get(self, account: str, transcription: str, recording: str | None = None) -> Transcription:
        """Return one transcription of an account; with `recording`, only if it belongs to that recording.

        Raises:
            NotFound: no such transcription.
        """
        found = self._store.get_transcription(account, transcription)
        if found is None or recording not in {None, found.recording}:
            raise NotFound
        return found

    def delete(self, account: str, transcription: str, recording: str | None = None) -> None:
        """Delete a transcription permanently.

        Raises:
            NotFound: no such transcription, or it is already deleted.
        """
        if not self._store.delete_transcription(self.get(account, transcription, recording)):
            raise NotFound

    def of_account(self, account: str, created: TimeRange, page: PageRequest) -> Page[Transcription]:
        """Return a page of the transcriptions of an account."""
        return read_page(_limit_text(self._store.transcriptions(account)), page, created)

    def of_recording(self, account: str, recording: str, page: PageRequest, *, deleted: bool) -> Page[Transcription]:
        """Return a page of the transcriptions of a recording, which may be deleted.

        Args:
            account: the account's id.
            recording: the recording's id.
            page: the requested page.
            deleted: whether a deleted recording without transcriptions is an empty list rather than not found.

        Raises:
            NotFound: there is neither such a recording nor a transcription of it.
        """
        fetch = _limit_text(self._store.transcriptions_of(account, recording))
        found = read_page(fetch, page, ALL_TIME)
        if not found.items and (page == PageRequest(page.size) or not read_page(fetch, PageRequest(1), ALL_TIME).items):
            self._recordings.find(account, recording, deleted=deleted)
        return found


def _limit_text(fetch: RangeReader[Transcription]) -> RangeReader[Transcription]:
    """Limit each read of a list to MAX_TEXT_BYTES bytes of text, but to at least one transcription."""

    def fetch_some(ids: IdRange, limit: int, skip: int = 0) -> Chunk[Transcription]:
        found: list[Transcription] = []
        remaining = MAX_TEXT_BYTES
        while True:
            step = min(limit, QUERY_LIMIT)
            chunk = fetch(ids, step, skip)
            for transcription in chunk.items:
                remaining -= _encoded_bytes(transcription.text)
                if remaining < 0 and found:
                    return Chunk(found, found[-1].id)
                found.append(transcription)
            limit -= step
            if chunk.last is None or not limit:
                return Chunk(found, chunk.last)
            ids, skip = ids.after(chunk.last), 0

    return fetch_some


def _encoded_bytes(text: str | None) -> int:
    return len(json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False).encode("utf-8", "surrogatepass"))
