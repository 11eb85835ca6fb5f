"""Transcriptions in the recordings table: stored by account, with a list row for each recording."""

from tapedeck.adapters.dynamodb.client import ConditionFailed
from tapedeck.adapters.dynamodb.expressions import ITEM_ABSENT, ITEM_EXISTS, delete, put
from tapedeck.adapters.dynamodb.items import (
    Key,
    transcription_from,
    transcription_item,
    transcription_key,
    transcriptions_partition,
)
from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.domain.transcription import Transcription
from tapedeck.ports.lists import RangeReader


class TranscriptionTable(ListTable):
    """`ports.transcriptions.TranscriptionStore` on DynamoDB."""

    def get_transcription(self, account: str, transcription: str) -> Transcription | None:
        """1 request."""
        item = self._database.get(transcription_key(account, transcription))
        return transcription_from(item) if item is not None else None

    def put_transcription(self, transcription: Transcription) -> bool:
        """1 request: the transcription, its row."""
        key = transcription_key(transcription.account, transcription.id)
        writes = [
            put(key, transcription_item(transcription), when=ITEM_ABSENT),
            put(_row_key(transcription), {"account": transcription.account}),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            found = failed.items[0] or {}
            return found.get("recording") == transcription.recording
        return True

    def delete_transcription(self, transcription: Transcription) -> bool:
        """1 request: the transcription, its row."""
        key = transcription_key(transcription.account, transcription.id)
        writes = [
            delete(key, when=ITEM_EXISTS),
            delete(_row_key(transcription)),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            # The deleted item carries no write token: assume that an unacknowledged earlier attempt deleted it.
            return failed.may_have_unacknowledged_copy
        return True

    def transcriptions(self, account: str) -> RangeReader[Transcription]:
        """Read transcriptions from the account's partition."""
        return self._items(transcriptions_partition(account), "", transcription_from)

    def transcriptions_of(self, account: str, recording: str) -> RangeReader[Transcription]:
        """Read the recording's rows, then their transcriptions."""
        return self._rows(
            transcriptions_partition(account, recording),
            lambda row: transcription_key(account, row["SK"]),
            transcription_from,
        )


def _row_key(transcription: Transcription) -> Key:
    return {"PK": transcriptions_partition(transcription.account, transcription.recording), "SK": transcription.id}
