"""The contract of scripts/put_back_table.py, in each database."""

import itertools
from collections.abc import Mapping
from typing import Any, Final
from unittest.mock import patch

import pytest

from scripts.put_back_table import main
from tapedeck_standin.samples.moto_aws import make_full_client

_NUMBERS: Final = itertools.count(1)

CALL: Final = "A#CALL#1"
Attributes = Mapping[str, str | int | list[str]]


class Tables:
    """A table with the keys of the recordings table, and a copy of it."""

    def __init__(self) -> None:
        self.client = make_full_client("dynamodb")
        number = next(_NUMBERS)
        self.copy, self.table = f"restored-{number}", f"table-{number}"
        for name in (self.copy, self.table):
            self.client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("PK", "SK")],
                KeySchema=[
                    {"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"},
                ],
            )  # fmt: skip

    def put(self, table: str, partition: str, sort_key: str, **attributes: str | int | list[str]) -> None:
        """Store an item."""
        values: dict[str, Any] = {name: _value(value) for name, value in attributes.items()}
        self.client.put_item(TableName=table, Item={"PK": {"S": partition}, "SK": {"S": sort_key}, **values})

    def items(self, table: str) -> dict[tuple[str, str], Any]:
        """Return the attributes of all items by key, sets sorted."""
        found = {}
        for page in self.client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                key = item.pop("PK")["S"], item.pop("SK")["S"]
                found[key] = {name: _plain(value) for name, value in item.items()}
        return found

    def run(self, *options: str) -> None:
        """Run the script."""
        assert main(["--from", self.copy, "--to", self.table, *options], self.client) == 0


def _value(value: str | int | list[str]) -> dict[str, Any]:
    if isinstance(value, list):
        return {"SS": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _plain(value: Mapping[str, Any]) -> Any:
    (found,) = value.values()
    return sorted(found) if isinstance(found, list) else found


@pytest.fixture
def tables(database: str) -> Tables:
    """Two tables of their own."""
    del database  # must be running
    return Tables()


def test_the_table_becomes_what_the_copy_is(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    """Items come back, change and go; what is equal is not written; a line names each resource and its account."""
    tables.put(tables.copy, CALL, "REC#1", status="completed", version=3, account="A")
    tables.put(tables.copy, CALL, "REC#2", status="absent", version=4)
    tables.put(tables.copy, CALL, "REC#3", status="completed", version=5, of=["b", "a"])
    tables.put(tables.copy, "A#RECS", "1", parent=CALL)
    tables.put(tables.table, CALL, "REC#2", status="deleted", version=6)
    tables.put(tables.table, CALL, "REC#3", status="completed", version=5, of=["a", "b"])
    tables.put(tables.table, CALL, "REC#4", status="paused", version=2)
    tables.put(tables.table, "A#RECS", "4", parent=CALL)
    tables.run("--dry-run")
    dry = capsys.readouterr()
    assert (CALL, "REC#1") not in tables.items(tables.table)
    tables.run()
    assert tables.items(tables.table) == tables.items(tables.copy)
    printed = capsys.readouterr()
    assert sorted(printed.out.splitlines()) == [
        "back A#CALL#1 REC#1 - completed A",
        "changed A#CALL#1 REC#2 deleted absent -",
        "removed A#CALL#1 REC#4 paused - -",
    ]
    assert (printed.out, printed.err) == (dry.out, dry.err)
    assert printed.err == f"{tables.table}: {{'back': 2, 'changed': 1, 'removed': 2}}\n"
    tables.run()
    assert capsys.readouterr().out == ""


def test_the_outbox_is_not_taken_back(tables: Tables) -> None:
    """Of callbacks, what the table has stays, and what only the copy has comes back (C-317)."""
    tables.put(tables.copy, "A#CB#1", "00000001.in-progress", state="queued")
    tables.put(tables.copy, "A#CB#1", "00000002.paused", state="delivered")
    tables.put(tables.table, "A#CB#1", "00000001.in-progress", state="delivered")
    tables.put(tables.table, "A#CB#1", "00000003.completed", state="queued")
    tables.run()
    assert tables.items(tables.table) == {
        ("A#CB#1", "00000001.in-progress"): {"state": "delivered"},
        ("A#CB#1", "00000002.paused"): {"state": "delivered"},
        ("A#CB#1", "00000003.completed"): {"state": "queued"},
    }


def test_the_numbers_of_what_was_live_continue_a_million_higher(tables: Tables) -> None:
    """So does each further restore; what is final or unchanged keeps its numbers, and zero stays zero (C-316)."""
    tables.put(tables.copy, "A#CONF#1", "CONF", status="in-progress", version=7, sequence=3, effective=5, confirmed=0)
    tables.put(tables.copy, CALL, "REC#1", status="paused", version=2, confirmed=2)
    tables.put(tables.copy, CALL, "REC#2", status="completed", version=3, confirmed=2)
    tables.put(tables.table, "A#CONF#1", "CONF", status="completed", version=9, sequence=4)
    tables.put(tables.table, CALL, "REC#1", status="paused", version=2, confirmed=2)
    tables.put(tables.table, CALL, "REC#2", status="deleted", version=4, confirmed=2)
    expected = {
        ("A#CONF#1", "CONF"): {
            "status": "in-progress", "version": "1000007", "sequence": "1000003", "effective": "1000005",
            "confirmed": "0",
        },
        (CALL, "REC#1"): {"status": "paused", "version": "2", "confirmed": "2"},
        (CALL, "REC#2"): {"status": "completed", "version": "3", "confirmed": "2"},
    }  # fmt: skip
    tables.run()
    assert tables.items(tables.table) == expected
    tables.run()
    assert tables.items(tables.table) == expected
    tables.put(tables.table, "A#CONF#1", "CONF", status="completed", version=1_000_009, sequence=1_000_004)
    tables.run()
    again = {"version": "2000007", "sequence": "2000003", "effective": "2000005"}
    assert tables.items(tables.table) == {**expected, ("A#CONF#1", "CONF"): {**expected["A#CONF#1", "CONF"], **again}}


def test_what_is_throttled_is_written_later(tables: Tables) -> None:
    """Items that a batch has not read or written are read and written in a later one."""
    for number in range(60):
        tables.put(tables.copy, CALL, f"REC#{number}", status="completed", version=1)
    client = tables.client

    class Throttled:
        """Does only a part of each batch."""

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - AWS's parameter name
            ((table, read),) = RequestItems.items()
            answer = client.batch_get_item(RequestItems={table: {**read, "Keys": read["Keys"][:20]}})
            left = read["Keys"][20:]
            return {**answer, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}

        def batch_write_item(self, RequestItems: Any) -> Any:  # noqa: N803 - AWS's parameter name
            ((table, requests),) = RequestItems.items()
            client.batch_write_item(RequestItems={table: requests[:10]})
            return {"UnprocessedItems": {table: requests[10:]} if requests[10:] else {}}

    with patch("scripts.put_back_table.time.sleep"):
        assert main(["--from", tables.copy, "--to", tables.table], Throttled()) == 0
    assert tables.items(tables.table) == tables.items(tables.copy)


def test_a_table_is_not_put_back_from_itself(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    """The same name twice is an error of usage."""
    with pytest.raises(SystemExit):
        main(["--from", tables.table, "--to", tables.table], tables.client)
    assert "--from and --to are the same table" in capsys.readouterr().err
