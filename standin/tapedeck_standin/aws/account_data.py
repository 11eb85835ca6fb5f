"""Read or delete everything that the tables and the media hold for one account."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tapedeck.adapters.dynamodb.applications import applications_partition
from tapedeck.adapters.dynamodb.client import DynamoDBTable, Item, from_attributes
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.deliveries import deliveries_partition
from tapedeck.adapters.dynamodb.items import (
    RECORDING,
    name_partition,
    partition,
    recording_from,
    transcriptions_partition,
)
from tapedeck.adapters.dynamodb.phone_numbers import number_key, phone_numbers_partition
from tapedeck.domain.account import ApiKey
from tapedeck.domain.recording import Parent, Recording, RecordingStatus
from tapedeck.settings import Settings
from tapedeck_standin.aws.media import MediaFolder

_MAX_DELETED_AT_ONCE: Final = 25
"""DynamoDB's limit for deletions in one request."""

_ACCOUNT: Final = "ACCOUNT"
_PARTICIPANT: Final = "PART#"
_ROWS: Final = ("CALLS", "CONFS", "RECS", "RECS-DELETED")
"""The lists of an account: each row names the partition of its resource."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account without its secrets: `created` in seconds since the epoch, `keys`: how many API keys it has."""

    id: str
    created: int
    keys: int


class AccountData:
    """The stored data of accounts, for the control API.

    Every method raises StoreBusy or StoreUnavailable when the database fails.

    Args:
        dynamodb: botocore client of DynamoDB.
        media: the media of all accounts.
        settings: the names of the tables.
    """

    def __init__(self, dynamodb: Any, media: MediaFolder, settings: Settings) -> None:  # noqa: ANN401 - botocore makes its classes at run time
        self._dynamodb = dynamodb
        self._media = media
        self._table = settings.recordings_table
        self._credentials_table = settings.credentials_table
        self._database = DynamoDBTable(dynamodb, settings.recordings_table, time.sleep)
        self._credentials = CredentialsTable(DynamoDBTable(dynamodb, settings.credentials_table, time.sleep))

    def exists(self, account: str) -> bool:
        """Return whether the account exists."""
        return self._credentials.get_account(account) is not None

    def accounts(self) -> list[StoredAccount]:
        """Return all accounts, newest first, then by id."""
        found = []
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._credentials_table):
            for item in map(from_attributes, page["Items"]):
                kind, _, account = item["PK"].partition("#")
                if kind == _ACCOUNT:
                    found.append(StoredAccount(account, item["created"], len(item["keys"])))
        return sorted(found, key=lambda each: (-each.created, each.id))

    def api_key(self, key: str) -> ApiKey | None:
        """Return the API key with this id, of any account; None if there is none."""
        return self._credentials.get_api_key(key)

    def recordings(self, parent: Parent) -> list[Recording]:
        """Return the recordings of a call or conference that are not deleted, oldest first."""
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :recording)", {"pk": partition(parent), "recording": RECORDING}
        )
        found = [recording_from(item) for item in items]
        return [recording for recording in found if recording.status is not RecordingStatus.DELETED]

    def participants(self, conference: Parent) -> list[str]:
        """Return the call ids of all present and former participants, oldest call first."""
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :participant)", {"pk": partition(conference), "participant": _PARTICIPANT}
        )
        return [item["SK"].removeprefix(_PARTICIPANT) for item in items]

    def clear(self, account: str) -> None:
        """Delete calls, conferences, recordings, numbers and applications of an account, with all that belongs to them.

        Includes participants, callback deliveries, transcriptions and media; credentials are kept. Starts from the
        account's lists, because a scan would read all accounts.
        """
        to_delete = sorted(set(self._keys(account)))
        self._media.delete_account(account)
        keys = [{"PK": {"S": partition_key}, "SK": {"S": sort_key}} for partition_key, sort_key in to_delete]
        for start in range(0, len(keys), _MAX_DELETED_AT_ONCE):
            pending = {
                self._table: [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _MAX_DELETED_AT_ONCE]]
            }
            while pending:
                pending = self._dynamodb.batch_write_item(RequestItems=pending).get("UnprocessedKeys", {})

    def _keys(self, account: str) -> Iterator[tuple[str, str]]:
        """Yield the keys of all items that `clear` deletes, some of them repeatedly."""
        rows = [row for kind in _ROWS for row in self._partition(f"{account}#{kind}")]
        yield from map(_key, rows)
        for parent in {row["parent"] for row in rows}:
            items = self._partition(parent)
            yield from map(_key, items)
            for name in {item["name"] for item in items if "name" in item}:
                yield from map(_key, self._partition(name_partition(account, name)))
        for resource_id in {row["SK"] for row in rows}:
            yield from map(_key, self._partition(deliveries_partition(account, resource_id)))
        yield from map(_key, self._partition(applications_partition(account)))
        for number in self._partition(phone_numbers_partition(account)):
            yield _key(number)
            yield _key(number_key(number["number"]))
        for transcription in self._partition(transcriptions_partition(account)):
            yield _key(transcription)
            yield transcriptions_partition(account, transcription["recording"]), transcription["SK"]

    def _partition(self, key: str) -> list[Item]:
        return self._database.query("PK = :pk", {"pk": key})


def _key(item: Item) -> tuple[str, str]:
    return item["PK"], item["SK"]
