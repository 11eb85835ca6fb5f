"""The layer without botocore: over clients of its own, such as those of the stand-in, it needs none."""

import os
import subprocess
import sys
from typing import Final

from tests.client import ROOT

PROGRAM: Final = """
import sys
sys.modules["botocore"] = None  # an import of it now fails
import tapedeck.bootstrap.background, tapedeck.bootstrap.confirmations, tapedeck.bootstrap.engines
import tapedeck.bootstrap.account_administration, tapedeck.bootstrap.engine_administration, tapedeck.bootstrap.unsettled
from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Write
from tapedeck.domain.errors import StoreUnavailable

def lose(when, operation, request):
    if operation == "GetItem":
        raise OSError("no response")

memory = MemoryDynamoDB(fault=lose)
memory.create_table(
    TableName="items", BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
)
table = DynamoDBTable(memory, "items", print)
new = Write({"PK": "a"}, item={"state": "new"}, condition="attribute_not_exists(PK)")
table.transact([new])
for write in (lambda: table.transact([new]), lambda: table.update(Write({"PK": "a"}, update="SET x = :x",
              values={"x": "1"}, condition="attribute_not_exists(PK)"))):
    try:
        write()
    except ConditionFailed as failed:
        print(failed.items)
try:
    DynamoDBTable(memory, "others", print).query("PK = :pk", {"pk": "a"})
except StoreUnavailable as failed:
    print(failed.args)
try:
    table.get({"PK": "a"})
except OSError as error:
    print(type(error).__name__)
"""


def test_the_layer_needs_no_botocore() -> None:
    """Every composition root is imported, and rejected and unanswered requests have the same errors as over botocore.

    A condition that failed comes with the current item, another rejection with AWS's code, any other error unchanged.
    """
    folders = ("layers/shared", "engine/protocol", "packages/dynamodb-memory/src")
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in folders)},
    ).stdout  # fmt: skip
    assert printed.splitlines() == [
        "({'PK': 'a', 'state': 'new'},)",
        "({'PK': 'a', 'state': 'new'},)",
        "('dynamodb:Query', 'ResourceNotFoundException')",
        "OSError",
    ]
