"""Accounts, calls, conferences, recordings, audio and callbacks with fixed ids, used by the events in `events/`.

Everything was created on 1 June 2025 from 12:00:00 UTC on; the ids are UUIDs of version 7 with these times.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from tapedeck.adapters.audio import WavCodec
from tapedeck.adapters.dynamodb.client import AttributeValue, DynamoDBTable, Item, Write, from_attributes, to_attributes
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.items import (
    initial_write_tokens,
    label_key,
    list_entry_key,
    participant_item,
    participant_key,
    recording_from,
    recording_key,
)
from tapedeck.adapters.dynamodb.phone_numbers import number_key, phone_numbers_partition
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.adapters.dynamodb.transcriptions import TranscriptionTable
from tapedeck.domain.account import VOICE, ConfirmUpdates
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.operations.authentication import hash_secret
from tapedeck.operations.media import FORMATS, ONLY_SILENCE, object_key
from tapedeck.ports.credentials import Encryptor
from tapedeck.settings import (
    SAMPLE_API_KEY_SECRET,
    STANDIN_ACCOUNT,
    STANDIN_ENGINE_TOKEN,
    STANDIN_SIGNING_KEY,
    STANDIN_TOKEN,
    Settings,
)
from tapedeck_standin.recordings.audio import Part, make_wav
from tapedeck_standin.samples.callbacks import (
    FAILED_BATCH,
    SUBSCRIPTION,
    deliveries_of_completed,
    delivery_of_absent,
    failed_batch,
)
from tapedeck_standin.samples.phone_numbers import seed_numbers_and_applications

NOON: Final = 1_748_779_200
"""1 June 2025, 12:00:00 UTC, in seconds since the epoch."""

OTHER_ACCOUNT: Final = "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
OTHER_TOKEN: Final = "other-token"  # noqa: S105 - valid in the stand-in only
NEWER_TOKEN: Final = "newer-token"  # noqa: S105
"""The second token of the other account, so that the older one can be revoked."""

API_KEY: Final = "01972b5cee00700080000000000000a1"

ENGINE: Final = "ast1"
SESSION: Final = "01972b5cee00700080000000000000b1"
ENGINE_TOKEN: Final = "tdk_ast1_OlderTokenOfTheSampleEngine0123456789abcdef"  # noqa: S105
NEWER_ENGINE_TOKEN: Final = "tdk_ast1_NewerTokenOfTheSampleEngine0123456789abcdef"  # noqa: S105
"""The second token of this engine, so that either can be revoked."""
STANDIN_ENGINE: Final = "standin"
"""A second engine, which has the stand-in's fixed token only."""
LOST_ENGINE: Final = "ast3"
"""A third engine, which was never seen, so that it counts as lost."""
LOST_ENGINE_TOKEN: Final = "tdk_ast3_TokenOfTheLostSampleEngine0123456789abcdefg"  # noqa: S105

IDLE_CALL: Final = "01972b5cf1e8700080000000000000c1"
"""In progress, never recorded."""
RECORDED_CALL: Final = "01972b5cf5d0700080000000000000c2"
RUNNING: Final = "01972b5cf9b8700080000000000000e1"
"""The recording of that call, in progress, started over the API."""
ENDED_CALL: Final = "01972b5cfda0700080000000000000c3"
FINISHED: Final = "01972b5d0188700080000000000000e2"
"""The recording of that call, completed, with media."""
FIRST_CALL: Final = "01972b5d0570700080000000000000c4"
SECOND_CALL: Final = "01972b5d0958700080000000000000c5"
"""Both are in the live conference."""
LABEL: Final = "guest"
"""The label of the second participant."""
LIVE_CONFERENCE: Final = "01972b5d0d40700080000000000000f1"
LIVE_NAME: Final = "Standup"
PAUSED: Final = "01972b5d1128700080000000000000e3"
"""The recording of that conference, paused."""
ENDED_CONFERENCE: Final = "01972b5d1510700080000000000000f2"
SILENT: Final = "01972b5d20c8700080000000000000e4"
"""The recording of that conference, absent because it contained only silence."""
TRANSCRIPTION: Final = "01972b5d1ce0700080000000000000d1"
"""The transcription of the completed recording."""
FOREIGN_CALL: Final = "01972b5d18f8700080000000000000c6"
"""A call of the other account, in progress."""
WAITING: Final = "01972b5d24b0700080000000000000e5"
"""The recording of that call, paused but not yet confirmed by the engine `standin`."""
STOPPED: Final = "01972b5d2898700080000000000000e6"
"""An earlier recording of that call, stopped; the engine `standin` has not uploaded its audio yet."""
LOST_CALL: Final = "01972b5d2c80700080000000000000c7"
"""A call of the other account on the lost engine, so that nothing can be confirmed."""
UNREACHABLE: Final = "01972b5d3068700080000000000000e7"
"""The recording of that call, in progress."""
LOST_CONFERENCE: Final = "01972b5d3450700080000000000000f3"
"""A conference of the other account on the lost engine."""
UNREACHABLE_TOO: Final = "01972b5d3838700080000000000000e8"
"""The recording of that conference, in progress."""

_DURATION_SECONDS: Final = 59
"""Length of the completed recording."""

_MAX_BATCH_WRITES: Final = 25
"""DynamoDB's limit of writes in one batch."""

_ANY_PARENT: Final = Parent("", ParentKind.CALL, "")
"""A placeholder: the sort key of a recording does not depend on its parent."""

Attributes = dict[str, AttributeValue]


def seed(dynamodb: Any, s3: Any, settings: Settings, encryptor: Encryptor) -> None:  # noqa: ANN401 - botocore makes its classes at run time
    """Write the sample data, and delete items that were added to its partitions. Idempotent.

    Args:
        dynamodb: a client with `query` and `batch_write_item`, of any database.
        s3: a client with `put_object`.
        settings: the names of the tables and buckets.
        encryptor: encrypts the signing keys.
    """
    captured = _CapturingTable()
    _capture_calls(ResourceTable(captured), captured)
    _capture_conferences(ResourceTable(captured), captured)
    status = TranscriptionStatus.COMPLETED
    text = "Hello, this is a test."
    transcription = Transcription(STANDIN_ACCOUNT, TRANSCRIPTION, FINISHED, status, NOON + 70, _DURATION_SECONDS, text)
    TranscriptionTable(captured).put_transcription(transcription)
    for delivery in (
        *deliveries_of_completed(captured.recording(FINISHED)),
        delivery_of_absent(captured.recording(SILENT)),
    ):
        DeliveryTable(captured).put(delivery)
    seed_numbers_and_applications(captured, OTHER_ACCOUNT)
    captured.transact([Write({"PK": "ENGINES", "SK": STANDIN_ENGINE}, item=_presence())])
    added = _other_keys(dynamodb, settings.recordings_table, captured.items.values())
    _write(dynamodb, settings.recordings_table, [{"DeleteRequest": {"Key": key}} for key in added])
    _write(dynamodb, settings.recordings_table, [{"PutRequest": {"Item": item}} for item in captured.items.values()])
    added = _other_engines(dynamodb, settings.credentials_table)
    _write(dynamodb, settings.credentials_table, [{"DeleteRequest": {"Key": key}} for key in added])
    credentials = [to_attributes(item) for item in (*_credentials(encryptor), *_engines())]
    _write(dynamodb, settings.credentials_table, [{"PutRequest": {"Item": item}} for item in credentials])
    for suffix, content in zip(FORMATS, _make_media(), strict=True):
        key = object_key(STANDIN_ACCOUNT, FINISHED, suffix=suffix)
        s3.put_object(Bucket=settings.media_bucket, Key=key, Body=content)
    batch = failed_batch(to_attributes({**captured.item(RUNNING), "confirmed": 0}))
    s3.put_object(Bucket=settings.failed_batches_bucket, Key=FAILED_BATCH, Body=batch)


class _CapturingTable(DynamoDBTable):
    """A table that captures the items that the adapters write, by key."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Attributes] = {}

    def transact(self, writes: Sequence[Write]) -> None:
        """Capture the items of Put writes."""
        for write in writes:
            if write.action == "Put":
                item = write.request("")["Item"]
                self.items[item["PK"]["S"], item["SK"]["S"]] = item

    def update(self, write: Write) -> Item:
        """Capture an update as a new item; placeholders are named after their attributes."""
        request = write.request("")
        values = {name.removeprefix(":"): value for name, value in request["ExpressionAttributeValues"].items()}
        item = {**request["Key"], **values}
        self.items[item["PK"]["S"], item["SK"]["S"]] = item
        return from_attributes(item)

    def item(self, recording: str) -> Item:
        """Return the captured item of a recording."""
        (key,) = (key for key in self.items if key[1] == recording_key(_ANY_PARENT, recording)["SK"])
        return from_attributes(self.items[key])

    def recording(self, identifier: str) -> Recording:
        """Return a captured recording."""
        return recording_from(self.item(identifier))

    def change(self, key: Mapping[str, str], changes: Item) -> None:
        """Change attributes of a captured item; None removes."""
        item = self.items[key["PK"], key["SK"]]
        item |= to_attributes(changes)
        for name in {name for name, value in changes.items() if value is None} & item.keys():
            del item[name]


def _call(identifier: str, second: int, **more: Any) -> Call:  # noqa: ANN401 - fields of a call
    at = NOON + second
    call = Call(STANDIN_ACCOUNT, identifier, CallStatus.IN_PROGRESS, at, "+13105678901", "+15550100", started=at)
    return replace(call, **more)


def _capture_calls(table: ResourceTable, captured: _CapturingTable) -> None:
    ended = CallStatus.COMPLETED
    table.put_call(_call(IDLE_CALL, 1))
    table.put_call(_call(RECORDED_CALL, 2, api_recording=RUNNING, active_recordings=frozenset({RUNNING}), version=2))
    table.put_call(_call(ENDED_CALL, 4, status=ended, ended=NOON + 64, updated=NOON + 64, version=3))
    table.put_call(_call(FIRST_CALL, 6, conference=LIVE_CONFERENCE, version=2))
    table.put_call(_call(SECOND_CALL, 7, conference=LIVE_CONFERENCE, version=2))
    foreign = {"api_recording": WAITING, "active_recordings": frozenset({WAITING}), "version": 2}
    table.put_call(_call(FOREIGN_CALL, 11, account=OTHER_ACCOUNT, engine=STANDIN_ENGINE, **foreign))
    lost = {"api_recording": UNREACHABLE, "active_recordings": frozenset({UNREACHABLE}), "version": 2}
    table.put_call(_call(LOST_CALL, 16, account=OTHER_ACCOUNT, engine=LOST_ENGINE, **lost))
    for identifier, account, call, second, callback in (
        (RUNNING, STANDIN_ACCOUNT, RECORDED_CALL, 3, None),
        (FINISHED, STANDIN_ACCOUNT, ENDED_CALL, 5, SUBSCRIPTION),
        (WAITING, OTHER_ACCOUNT, FOREIGN_CALL, 14, None),
        (STOPPED, OTHER_ACCOUNT, FOREIGN_CALL, 15, None),
        (UNREACHABLE, OTHER_ACCOUNT, LOST_CALL, 17, None),
    ):
        recording = Recording(
            identifier, Parent(account, ParentKind.CALL, call), RecordingStatus.IN_PROGRESS,
            Source.START_CALL_RECORDING, NOON + second, confirmed_version=1, started=NOON + second, call=call,
            callback=callback,
        )  # fmt: skip
        table.start_recording(recording, None, frozenset())
    paused = {"status": RecordingStatus.PAUSED, "version": 2, "updated": NOON + 25, "pause_behavior": "silence"}
    paused |= {"engine": STANDIN_ENGINE}
    captured.change(recording_key(Parent(OTHER_ACCOUNT, ParentKind.CALL, FOREIGN_CALL), WAITING), paused)
    stopped = {"status": RecordingStatus.STOPPED, "version": 2, "updated": NOON + 40, "ended": NOON + 40}
    stopped |= {"confirmed": 2, "engine": STANDIN_ENGINE}
    captured.change(recording_key(Parent(OTHER_ACCOUNT, ParentKind.CALL, FOREIGN_CALL), STOPPED), stopped)
    of_lost_engine = {"engine": LOST_ENGINE}
    captured.change(recording_key(Parent(OTHER_ACCOUNT, ParentKind.CALL, LOST_CALL), UNREACHABLE), of_lost_engine)
    finished = {
        "status": RecordingStatus.COMPLETED,
        "version": 3,
        "confirmed": 3,
        "updated": NOON + 65,
        "ended": NOON + 64,
        "duration": _DURATION_SECONDS,
        "work": None,
        "work_at": None,
    }
    captured.change(recording_key(Parent(STANDIN_ACCOUNT, ParentKind.CALL, ENDED_CALL), FINISHED), finished)


def _capture_conferences(table: ResourceTable, captured: _CapturingTable) -> None:
    live = Conference(
        STANDIN_ACCOUNT, LIVE_CONFERENCE, LIVE_NAME, ConferenceStatus.IN_PROGRESS, NOON + 8, version=4, sequence=3,
        participants=2, has_starter=True, first_call=FIRST_CALL, active_recordings=frozenset({PAUSED}),
    )  # fmt: skip
    ended = Conference(
        STANDIN_ACCOUNT, ENDED_CONFERENCE, "Retrospective", ConferenceStatus.COMPLETED, NOON + 70, version=2,
        sequence=1, ended=NOON + 70, reason=EndReason.VIA_API,
    )  # fmt: skip
    lost = Conference(
        OTHER_ACCOUNT, LOST_CONFERENCE, "Planning", ConferenceStatus.IN_PROGRESS, NOON + 18, engine=LOST_ENGINE,
        has_starter=True, first_call=LOST_CALL, active_recordings=frozenset({UNREACHABLE_TOO}),
    )  # fmt: skip
    for conference in (live, ended, lost):
        table.put_conference(conference, None)
    for call, label in ((FIRST_CALL, None), (SECOND_CALL, LABEL)):
        participant = Participant(call, LIVE_CONFERENCE, NOON + 8, label=label)
        key = participant_key(STANDIN_ACCOUNT, LIVE_CONFERENCE, call)
        captured.transact([Write(key, item={**participant_item(participant), **initial_write_tokens()})])
    captured.transact([Write(label_key(STANDIN_ACCOUNT, LIVE_CONFERENCE, LABEL), item={"call": SECOND_CALL})])
    absent = {
        "status": RecordingStatus.ABSENT,
        "version": 3,
        "confirmed": 3,
        "updated": NOON + 71,
        "ended": NOON + 70,
        "duration": 0,
        "error": ONLY_SILENCE,
        "work": None,
        "work_at": None,
    }
    paused = {
        "status": RecordingStatus.PAUSED,
        "version": 2,
        "confirmed": 2,
        "updated": NOON + 20,
        "pause_behavior": "skip",
    }
    for identifier, conference, second, callback, changes in (
        (PAUSED, live, 9, None, paused),
        (SILENT, ended, 13, SUBSCRIPTION, absent),
        (UNREACHABLE_TOO, lost, 19, None, {"confirmed": 1, "engine": LOST_ENGINE}),
    ):
        parent, at = Parent(conference.account, ParentKind.CONFERENCE, conference.id), NOON + second
        recording = Recording(
            identifier, parent, RecordingStatus.IN_PROGRESS, Source.CONFERENCE, updated=at, started=at,
            call=LOST_CALL if conference is lost else FIRST_CALL, callback=callback,
        )  # fmt: skip
        table.start_recording(recording, None, frozenset())
        captured.change(recording_key(parent, identifier), changes)


@cache
def _make_media() -> tuple[bytes, bytes]:
    """Return the completed recording's audio, one tone, as WAV and MP3."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.wav", Path(folder) / "target.mp3"
        source.write_bytes(make_wav([Part(_DURATION_SECONDS * 1000, is_sound=True)], [True]))
        WavCodec().encode(source, target)
        return source.read_bytes(), target.read_bytes()


def _credentials(encryptor: Encryptor) -> Iterable[Item]:
    """Return the items of the credentials table, laid out as in `adapters.dynamodb.credentials`."""
    api_key = {"hash": hash_secret(SAMPLE_API_KEY_SECRET), "scopes": frozenset({VOICE})}
    accounts = {
        STANDIN_ACCOUNT: ([STANDIN_TOKEN], {API_KEY: api_key}),
        OTHER_ACCOUNT: ([OTHER_TOKEN, NEWER_TOKEN], {}),
    }
    for account, (tokens, keys) in accounts.items():
        own = {"confirm": ConfirmUpdates.PAUSE} if account == OTHER_ACCOUNT else {}
        item = {"tokens": list(map(hash_secret, tokens)), "keys": keys, "created": NOON, **own}
        yield {"PK": f"ACCOUNT#{account}", **item}
        encrypted = {"twilio": tokens, "signalwire": [STANDIN_SIGNING_KEY]}
        signing = {
            name: [encryptor.encrypt(account, secret) for secret in secrets] for name, secrets in encrypted.items()
        }
        yield {"PK": f"SIGNING#{account}", **signing, "since": [NOON]}
    yield {"PK": f"KEY#{API_KEY}", "account": STANDIN_ACCOUNT, **api_key}


def _engines() -> Iterable[Item]:
    """Return the items of media engines, laid out as in `adapters.dynamodb.engine_registry`."""
    tokens = {
        ENGINE: [ENGINE_TOKEN, NEWER_ENGINE_TOKEN],
        LOST_ENGINE: [LOST_ENGINE_TOKEN],
        STANDIN_ENGINE: [STANDIN_ENGINE_TOKEN],
    }
    accounts = {
        ENGINE: frozenset({STANDIN_ACCOUNT}),
        LOST_ENGINE: frozenset({OTHER_ACCOUNT}),
        STANDIN_ENGINE: None,
    }
    for name, secrets in tokens.items():
        hashes = list(map(hash_secret, secrets))
        yield {"PK": f"ENGINE#{name}", "tokens": hashes, "accounts": accounts[name], "created": NOON}
    yield {"PK": "LIST#ENGINES", "names": frozenset(tokens)}


def _presence() -> Item:
    """Return the presence of an engine, laid out as in `adapters.dynamodb.presence`; it counts as alive at any time."""
    capabilities = {"place": True, "markup": True, "presence": False}
    return {"boot": SESSION, "seen": NOON, "opened": NOON, "capabilities": capabilities}


def _other_engines(dynamodb: Any, table: str) -> list[Attributes]:  # noqa: ANN401
    """Return the keys of other engines."""
    request = {"KeyConditionExpression": "PK = :pk", "ExpressionAttributeValues": {":pk": {"S": "LIST#ENGINES"}}}
    names = {name for item in dynamodb.query(TableName=table, **request)["Items"] for name in item["names"]["SS"]}
    return [{"PK": {"S": f"ENGINE#{name}"}} for name in sorted(names - {ENGINE, LOST_ENGINE, STANDIN_ENGINE})]


def _other_keys(dynamodb: Any, table: str, items: Iterable[Attributes]) -> list[Attributes]:  # noqa: ANN401
    """Return the keys of other items in the partitions of these items, and in those that they list."""
    seeded = {(item["PK"]["S"], item["SK"]["S"]) for item in items}
    deleted = list_entry_key(STANDIN_ACCOUNT, "RECS-DELETED", "")["PK"]
    partitions = {deleted, *(partition for partition, _ in seeded)}
    found = _keys_in(dynamodb, table, partitions)
    added = [key for key in found if (key["PK"]["S"], key["SK"]["S"]) not in seeded]
    listed = {key.pop("parent")["S"] for key in added if "parent" in key} - partitions
    numbers = [key["number"]["S"] for key in added if key["PK"]["S"] == phone_numbers_partition(STANDIN_ACCOUNT)]
    listed |= {number_key(number)["PK"] for number in numbers}
    added = [{"PK": key["PK"], "SK": key["SK"]} for key in added]
    return added + [{"PK": key["PK"], "SK": key["SK"]} for key in _keys_in(dynamodb, table, listed)]


def _keys_in(dynamodb: Any, table: str, partitions: Iterable[str]) -> list[Attributes]:  # noqa: ANN401
    """Return the keys of all items in these partitions; with `parent` and `number`, if they have them."""
    found: list[Attributes] = []
    for partition in sorted(partitions):
        request = {
            "TableName": table,
            "KeyConditionExpression": "PK = :pk",
            "ExpressionAttributeValues": {":pk": {"S": partition}},
            "ProjectionExpression": "PK, SK, parent, #number",
            "ExpressionAttributeNames": {"#number": "number"},
            "ConsistentRead": True,
        }
        for page in dynamodb.get_paginator("query").paginate(**request):
            found += page["Items"]
    return found


def _write(dynamodb: Any, table: str, requests: Sequence[Any]) -> None:  # noqa: ANN401
    for start in range(0, len(requests), _MAX_BATCH_WRITES):
        pending = {table: list(requests[start : start + _MAX_BATCH_WRITES])}
        while pending:
            pending = dynamodb.batch_write_item(RequestItems=pending).get("UnprocessedKeys", {})
