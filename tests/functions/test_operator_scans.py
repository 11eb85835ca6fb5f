"""The scans of the recordings table that the documentation gives to operators find what it says."""

import json
import re
import shlex
from itertools import pairwise
from typing import Final

from tests.client import ROOT
from tests.functions.background_world import World

OPTIONS: Final = {
    "--projection-expression": "ProjectionExpression",
    "--filter-expression": "FilterExpression",
    "--expression-attribute-names": "ExpressionAttributeNames",
    "--expression-attribute-values": "ExpressionAttributeValues",
}
ACCOUNT: Final = "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
CALL: Final = f"{ACCOUNT}#CALL#016612f5cb6a70008000000000000001"
DELIVERIES: Final = f"{ACCOUNT}#CB#016612f5dee270008000000000000003"


def put(world: World, partition: str, sort: str, attributes: dict[str, str | int]) -> None:
    """Store an item; integers are stored as numbers."""
    values = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in attributes.items()}
    world.memory.put_item(TableName=world.table, Item={"PK": {"S": partition}, "SK": {"S": sort}, **values})


def scan(world: World, page: str) -> list[list[str]]:
    """Run the `aws dynamodb scan` of a page on the recordings table; return the attributes that it prints, sorted."""
    (block,) = re.findall(r"```sh\n([^`]*aws dynamodb scan[^`]*)```", (ROOT / "docs" / page).read_text("utf-8"))
    words = shlex.split(block.partition("aws dynamodb scan")[2])
    given = {OPTIONS[name]: value for name, value in pairwise(words) if name in OPTIONS}
    parsed = {name: json.loads(value) if name.startswith("ExpressionA") else value for name, value in given.items()}
    found = world.memory.scan(TableName=world.table, **parsed)["Items"]
    return sorted([attribute["S"] for _, attribute in sorted(item.items())] for item in found)


def test_the_scan_for_exhausted_callbacks(world: World) -> None:
    """It prints the account, the resource, the id and the URL of each exhausted callback, and no other."""
    url = "https://app.example.com/hooks"
    for number, state in enumerate(("queued", "exhausted", "retry-scheduled", "delivered", "exhausted"), 1):
        put(world, DELIVERIES, f"0000000{number}.completed", {"state": state, "url": url})
    put(world, CALL, "REC#1", {"status": "paused", "version": 2})
    assert scan(world, "how-to/replay-callbacks.md") == [
        [DELIVERIES, "00000002.completed", url],
        [DELIVERIES, "00000005.completed", url],
    ]
