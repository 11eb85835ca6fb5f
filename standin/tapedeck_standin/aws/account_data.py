"""What the tables hold of an account, read and cleared as a whole, which no operation of the API does."""

import time
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import DynamoDBTable, Item
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.deliveries import deliveries_partition
from tapedeck.adapters.dynamodb.items import (
    RECORDING,
    name_partition,
    partition,
    recording_from,
    transcriptions_partition,
)
from tapedeck.domain.recording import Parent, Recording, RecordingStatus
from tapedeck.settings import Settings

_MAX_AT_ONCE: Final = 25
"""DynamoDB's limit for deletions in one request."""

_PARTICIPANT: Final = "PART#"
_ROWS: Final = ("CALLS", "CONFS", "RECS", "RECS-DELETED")
"""The lists of an account: each row names the partition that its resource lies in."""


class AccountData:
    """Every method raises StoreBusy or StoreUnavailable when the database fails.

    Args:
        dynamodb: botocore's client.
        s3: likewise.
        settings: name the tables and the bucket.
    """

    def __init__(self, dynamodb: Any, s3: Any, settings: Settings) -> None:  # noqa: ANN401 - botocore makes its classes at run time
        self._dynamodb = dynamodb
        self._s3 = s3
        self._bucket = settings.media_bucket
        self._table = settings.recordings_table
        self._database = DynamoDBTable(dynamodb, settings.recordings_table, time.sleep)
        self._credentials = CredentialsTable(DynamoDBTable(dynamodb, settings.credentials_table, time.sleep))

    def knows(self, account: str) -> bool:
        """Whether there is such an account."""
        return self._credentials.get_account(account) is not None

    def recordings(self, parent: Parent) -> list[Recording]:
        """All recordings of a call or conference, oldest first, whatever their status."""
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :recording)", {"pk": partition(parent), "recording": RECORDING}
        )
        found = [recording_from(item) for item in items]
        return [recording for recording in found if recording.status is not RecordingStatus.DELETED]

    def participants(self, conference: Parent) -> list[str]:
        """The ids of the calls that are, or were, in a conference, in the order in which they appeared."""
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :participant)", {"pk": partition(conference), "participant": _PARTICIPANT}
        )
        return [item["SK"].removeprefix(_PARTICIPANT) for item in items]

    def clear(self, account: str) -> None:
        """Delete all calls, conferences and recordings of an account, and all that hangs on them, media too.

        The account's rows lead to everything: a scan would go through all accounts.
        """
        rows = [row for kind in _ROWS for row in self._partition(f"{account}#{kind}")]
        doomed = {(row["PK"], row["SK"]) for row in rows}
        for held in {row["parent"] for row in rows}:
            for item in self._partition(held):
                doomed.add((item["PK"], item["SK"]))
                if "name" in item:
                    named = self._partition(name_partition(account, item["name"]))
                    doomed |= {(row["PK"], row["SK"]) for row in named}
        for resource_id in {row["SK"] for row in rows}:
            doomed |= {(told["PK"], told["SK"]) for told in self._partition(deliveries_partition(account, resource_id))}
        for made in self._partition(transcriptions_partition(account)):
            row = (transcriptions_partition(account, made["recording"]), made["SK"])
            doomed |= {(made["PK"], made["SK"]), row}
        self._clear_media(account)
        keys = [{"PK": {"S": partition_key}, "SK": {"S": sort_key}} for partition_key, sort_key in sorted(doomed)]
        for start in range(0, len(keys), _MAX_AT_ONCE):
            pending = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _MAX_AT_ONCE]]}
            while pending:
                pending = self._dynamodb.batch_write_item(RequestItems=pending).get("UnprocessedKeys", {})

    def _clear_media(self, account: str) -> None:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{account}/"):
            found = [{"Key": held["Key"]} for held in page.get("Contents", ())]
            if found:
                self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": found, "Quiet": True})

    def _partition(self, key: str) -> list[Item]:
        return self._database.query("PK = :pk", {"pk": key})
