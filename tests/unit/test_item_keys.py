"""The keys of the recordings table: two accounts never share a partition, and what is final leaves an index."""

from dataclasses import replace

import pytest

from tapedeck.adapters.dynamodb import deliveries, items
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source

ACCOUNTS = "a" * 32, "b" * 32
ID, OTHER = "1" * 32, "2" * 32


def partitions(account: str) -> dict[str, str]:
    """Return the partition of every kind of item of an account, with the same ids and names in each account."""
    parents = [Parent(account, kind, ID) for kind in ParentKind]
    return {
        "call": items.call_key(account, ID)["PK"],
        "conference": items.conference_key(account, ID)["PK"],
        "participant": items.participant_key(account, ID, OTHER)["PK"],
        "label": items.label_key(account, ID, "agent")["PK"],
        "name": items.name_partition(account, "Room"),
        "link": items.shown_recording_key(account, ID, OTHER)["PK"],
        "transcriptions": items.transcriptions_partition(account),
        "transcriptions of a recording": items.transcriptions_partition(account, ID),
        "transcription": items.transcription_key(account, ID)["PK"],
        "deliveries": deliveries.deliveries_partition(account, ID),
        **{f"list {kind}": items.list_entry_key(account, kind, ID)["PK"] for kind in ("RECS", "CALLS", "CONFS")},
        **{f"parent {parent.kind}": items.parent_key(parent)["PK"] for parent in parents},
        **{f"recording of {parent.kind}": items.recording_key(parent, OTHER)["PK"] for parent in parents},
        **{f"status {kind}": items.status_key(account, kind, "in-progress") for kind in ParentKind},
    }


def test_every_partition_begins_with_the_account() -> None:
    """Every partition key, also of an index, begins with the account's id, so that no account reads another's items."""
    for account in ACCOUNTS:
        assert [kind for kind, name in partitions(account).items() if not name.startswith(f"{account}#")] == []
    first, second = map(partitions, ACCOUNTS)
    assert set(first.values()).isdisjoint(second.values())


def test_names_differ_in_each_character() -> None:
    """Friendly names share a partition only if they are equal."""
    names = ["Room", "room", "Room ", "Rooms", "R", "", "é", "\ud800"]
    assert len({items.name_partition(ACCOUNTS[0], name) for name in names}) == len(names)


@pytest.mark.parametrize("status", RecordingStatus)
def test_a_recording_is_in_the_index_of_its_engine_until_it_is_final(status: RecordingStatus) -> None:
    """An unfinished recording of an engine is in the index `live`, in the shard of its last digit; others are not."""
    recording = Recording(ID, Parent(ACCOUNTS[0], ParentKind.CALL, OTHER), status, Source.RECORD_VERB, 1, engine="one")
    is_unfinished = status in {"in-progress", "paused", "stopped"}
    assert items.recording_fields(recording)["live"] == ("one#1" if is_unfinished else None)
    assert items.recording_fields(replace(recording, engine=None))["live"] is None
