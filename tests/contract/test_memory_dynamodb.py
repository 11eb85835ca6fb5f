"""The layer's adapter and the stand-in's sample data work on the in-memory DynamoDB."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest
from botocore.exceptions import ConnectionClosedError

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable, Write
from tapedeck.adapters.dynamodb.phone_numbers import number_key
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.settings import STANDIN_ACCOUNT, Settings
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.aws.media import MediaFolder
from tapedeck_standin.samples.data import (
    FIRST_CALL,
    LIVE_CONFERENCE,
    OTHER_ACCOUNT,
    RECORDED_CALL,
    RUNNING,
    SECOND_CALL,
    seed,
)
from tests.client import TEMPLATE

TABLE: Final = "RecordingsTable"


class FaultRecorder:
    """Records the calls of the fault hook, and raises at the selected point."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.fails: str | None = None

    def inject(self, when: str, operation: str, request: Mapping[str, Any]) -> None:
        """Record the call; raise if `fails` names this point."""
        self.calls.append((when, operation, request))
        if when == self.fails:
            raise ConnectionClosedError(endpoint_url="memory")


def test_the_adapter_reports_a_lost_connection_as_unavailable_database() -> None:
    """A connection lost before the operation writes nothing, one lost after it everything; both are unavailable."""
    faults = FaultRecorder()
    memory = MemoryDynamoDB(fault=faults.inject)
    TEMPLATE.create_tables(memory)
    faults.calls.clear()
    database = DynamoDBTable(memory, TABLE, lambda _seconds: None)
    key = {"PK": {"S": "a"}, "SK": {"S": "1"}}
    get = {"TableName": TABLE, "Key": key}
    write = Write({"PK": "a", "SK": "1"}, update="ADD n :one", values={"one": 1})
    for when, expected in (("before", None), ("after", {**key, "n": {"N": "1"}})):
        faults.fails = when
        with pytest.raises(StoreUnavailable):
            database.update(write)
        faults.fails = None
        assert memory.get_item(**get).get("Item") == expected
    update = {**write.request(TABLE), "ReturnValues": "ALL_NEW"}
    assert faults.calls == [
        ("before", "UpdateItem", update),
        ("before", "GetItem", get),
        ("after", "GetItem", get),
        ("before", "UpdateItem", update),
        ("after", "UpdateItem", update),
        ("before", "GetItem", get),
        ("after", "GetItem", get),
    ]


class PlainEncryptor:
    """Stores secrets in plain text."""

    def encrypt(self, account: str, secret: str) -> bytes:
        """Return the account and the secret, readable."""
        return f"{account} {secret}".encode()


def test_the_sample_resources_are_seeded_and_cleared(aws: None, tmp_path: Path) -> None:
    """Seeding stores them and restores them after changes; clearing deletes those of one account, and no engine's."""
    del aws  # only has to be there
    memory = MemoryDynamoDB()
    TEMPLATE.create_tables(memory)
    s3 = botocore.session.get_session().create_client("s3")
    settings = replace(Settings.read(), recordings_table=TABLE, credentials_table="CredentialsTable")
    (tmp_path / "media").mkdir()
    media, source = MediaFolder(tmp_path / "media"), tmp_path / "source"
    source.write_bytes(b"RIFF")
    account_data = AccountData(memory, media, settings)
    assert not account_data.exists(STANDIN_ACCOUNT)
    seed(memory, s3, settings, PlainEncryptor())
    seeded = memory.scan(TableName=TABLE)["Items"]
    call = Parent(STANDIN_ACCOUNT, ParentKind.CALL, RECORDED_CALL)
    assert account_data.exists(STANDIN_ACCOUNT)
    assert [recording.id for recording in account_data.recordings(call)] == [RUNNING]
    conference = Parent(STANDIN_ACCOUNT, ParentKind.CONFERENCE, LIVE_CONFERENCE)
    assert account_data.participants(conference) == [FIRST_CALL, SECOND_CALL]
    key = {name: seeded[0][name] for name in ("PK", "SK")}
    memory.delete_item(TableName=TABLE, Key=key)
    memory.put_item(TableName=TABLE, Item={"PK": key["PK"], "SK": {"S": "added"}})
    seed(memory, s3, settings, PlainEncryptor())
    assert memory.scan(TableName=TABLE)["Items"] == seeded
    keys = [f"{account}/original.wav" for account in (STANDIN_ACCOUNT, OTHER_ACCOUNT)]
    for key_of_media in keys:
        media.write(key_of_media, source)
    account_data.clear(STANDIN_ACCOUNT)
    assert [media.stat(key_of_media) is None for key_of_media in keys] == [True, False]
    others = (OTHER_ACCOUNT, "ENGINES", number_key("+12025550101")["PK"])
    left = [item for item in seeded if item["PK"]["S"].startswith(others)]
    assert memory.scan(TableName=TABLE)["Items"] == left
    assert left
