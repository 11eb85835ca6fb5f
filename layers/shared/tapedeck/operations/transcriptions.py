"""Transcriptions: put in place by a media engine, listed, read and deleted by clients (operations.md, X1 to X4)."""

import json
from typing import Final

from tapedeck.domain.errors import NotFound
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, IdRange, Page, PageRequest, TimeRange
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.operations.lists import read_page
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.stores import Chunk, Clock, RangeReader, TranscriptionStore

MAX_TEXT: Final = 4 << 20
"""Bytes of text on a page, as Lambda takes them, JSON in JSON; with all else around it that is below its 6 MB."""

AT_ONCE: Final = 250
"""Transcriptions that are read in one go: how long they are is known only then."""


class Transcriptions:
    """The transcriptions of an account; every method raises StoreBusy or StoreUnavailable when the store fails.

    They stay when their recording is deleted (behaviour.md, section 10).
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
        """Note what a media engine has heard in a recording of this account.

        Args:
            account: whose.
            recording: which.
            text: what was said, if that could be told.
            duration: seconds of audio.
            status: how far it has come.
            transcription: the id that the media engine has given it; else a fresh one. What is there already stays.

        Raises:
            NotFound: no such recording.
        """
        self._recordings.find(account, recording)
        now = self._clock()
        made = Transcription(account, transcription or new_id(now), recording, status, now // 1000, duration, text)
        self._store.put_transcription(made)
        return made

    def get(self, account: str, transcription: str, recording: str | None = None) -> Transcription:
        """One transcription of this account; with `recording`, only if it is of that.

        Raises:
            NotFound: there is none such.
        """
        found = self._store.get_transcription(account, transcription)
        if found is None or recording not in {None, found.recording}:
            raise NotFound
        return found

    def delete(self, account: str, transcription: str, recording: str | None = None) -> None:
        """Take a transcription away for good.

        Raises:
            NotFound: there is none such, or there is none any more.
        """
        if not self._store.delete_transcription(self.get(account, transcription, recording)):
            raise NotFound

    def of_account(self, account: str, created: TimeRange, page: PageRequest) -> Page[Transcription]:
        """All of an account."""
        return read_page(_light(self._store.transcriptions(account)), page, created)

    def of_recording(self, account: str, recording: str, page: PageRequest, *, deleted: bool) -> Page[Transcription]:
        """Those of a recording, which stay when it is deleted.

        Args:
            account: whose.
            recording: which.
            page: which part of them.
            deleted: whether a deleted recording without any is still something that can be asked about.

        Raises:
            NotFound: there is no such recording, and no transcription of it.
        """
        fetch = _light(self._store.transcriptions_of(account, recording))
        found = read_page(fetch, page, ALL_TIME)
        if not found.items and (page == PageRequest(page.size) or not read_page(fetch, PageRequest(1), ALL_TIME).items):
            self._recordings.find(account, recording, deleted=deleted)
        return found


def _light(fetch: RangeReader[Transcription]) -> RangeReader[Transcription]:
    """The same list, of which no more is given at a time than one answer holds, but always something."""

    def fetch_some(ids: IdRange, limit: int, skip: int = 0) -> Chunk[Transcription]:
        found: list[Transcription] = []
        room = MAX_TEXT
        while True:
            step = min(limit, AT_ONCE)
            chunk = fetch(ids, step, skip)
            for transcription in chunk.items:
                room -= _weight(transcription.text)
                if room < 0 and found:
                    return Chunk(found, found[-1].id)
                found.append(transcription)
            limit -= step
            if chunk.last is None or not limit:
                return Chunk(found, chunk.last)
            ids, skip = ids.after(chunk.last), 0

    return fetch_some


def _weight(text: str | None) -> int:
    return len(json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False).encode("utf-8", "surrogatepass"))
