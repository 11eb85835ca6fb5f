"""The requests to AWS of one update, as Tapedeck sends them: those of a pause that the media engine confirms.

`tests/functions/test_requests_of_confirmed_pauses.py` compares them with what Tapedeck sends; they change together.
"""

import json
from typing import Any, Final

ENGINE: Final = "bench"

_KEY: Final = {
    "PK": {"S": "720796a08ee9435083bd2d07a3121f1e#CALL#43bb71ee553f4074bb208e2747647cce"},
    "SK": {"S": "REC#19e436af56884307b03bbdb2b42b8142"},
}
_MARKS: Final = tuple(f"r{place}" for place in range(1, 9))

PRESENCES: Final[dict[str, Any]] = {
    "TableName": "recordings",
    "KeyConditionExpression": "PK = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "ENGINES"}},
    "ConsistentRead": True,
    "ScanIndexForward": True,
}
"""Reads the presence of engines."""

UPDATE: Final[dict[str, Any]] = {
    "TableName": "recordings",
    "Key": _KEY,
    "UpdateExpression": "SET #status = :status, #version = #version + :increment, #updated = :updated, "
    "#r2 = #r1, #r3 = #r2, #r4 = #r3, #r5 = #r4, #r6 = #r5, #r7 = #r6, #r8 = #r7, #r1 = :r1, "
    "#pause_behavior = :pause_behavior",
    "ConditionExpression": "(#status IN (:status_2) OR #status = :status AND #own = #version) "
    "AND NOT (:r1 IN (#r1, #r2, #r3, #r4, #r5, #r6, #r7, #r8))",
    "ExpressionAttributeNames": {
        f"#{name}": name for name in ("status", "version", "updated", *_MARKS, "pause_behavior", "own")
    },
    "ExpressionAttributeValues": {
        ":status": {"S": "paused"},
        ":increment": {"N": "1"},
        ":updated": {"N": "1795250675"},
        ":r1": {"S": "93a732e85ae3a3b3"},
        ":pause_behavior": {"S": "skip"},
        ":status_2": {"S": "in-progress"},
    },
    "ReturnValues": "ALL_NEW",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
"""Stores the pause."""

COMMAND: Final[dict[str, Any]] = {
    "protocol": 2,
    "id": "43bb71ee553f4074bb208e2747647cce-19e436af56884307b03bbdb2b42b8142-2-recording.pause",
    "type": "recording.pause",
    "account": "720796a08ee9435083bd2d07a3121f1e",
    "version": 2,
    "issued_at": 1795250675000,
    "not_after": 1795250795000,
    "parent": {"type": "call", "id": "43bb71ee553f4074bb208e2747647cce"},
    "recording": "19e436af56884307b03bbdb2b42b8142",
    "wanted": {"status": "paused", "pause_behavior": "skip", "channels": 1, "track": "both"},
}
"""What is sent to the engine."""

LOOK: Final[dict[str, Any]] = {
    "TableName": "recordings",
    "Key": _KEY,
    "ConsistentRead": True,
    "ProjectionExpression": "#status, #version, #confirmed, #effective, #own, #refused_v, #refused, #captured",
    "ExpressionAttributeNames": {
        f"#{name}": name
        for name in ("status", "version", "confirmed", "effective", "own", "refused_v", "refused", "captured")
    },
}
"""Looks whether the engine has confirmed the pause."""


def message(endpoint: str) -> dict[str, Any]:
    """Return the parameters of the command's message; `endpoint` is the URL of SQS."""
    body = json.dumps(COMMAND, separators=(",", ":"))
    return {"QueueUrl": f"{endpoint}/123456789012/stack_engine_{ENGINE}", "MessageBody": body}
