"""The lower bound: botocore alone sends the one request of an update."""

import botocore.session
from cpu_time import measure

CLIENT = botocore.session.get_session().create_client("dynamodb")

REQUEST = {
    "TableName": "recordings",
    "Key": {
        "PK": {"S": "720796a08ee9435083bd2d07a3121f1e#CALL#43bb71ee553f4074bb208e2747647cce"},
        "SK": {"S": "REC#19e436af56884307b03bbdb2b42b8142"},
    },
    "UpdateExpression": "SET #status = :target, version = version + :one, updated = :now, "
    "r8 = r7, r7 = r6, r6 = r5, r5 = r4, r4 = r3, r3 = r2, r2 = r1, r1 = :mark, "
    "pause_behavior = :behavior",
    "ConditionExpression": "#status IN (:s0) AND NOT :mark IN (r1, r2, r3, r4, r5, r6, r7, r8)",
    "ExpressionAttributeNames": {"#status": "status"},
    "ExpressionAttributeValues": {
        ":target": {"S": "paused"},
        ":one": {"N": "1"},
        ":now": {"N": "1795250675"},
        ":mark": {"S": "93a732e85ae3a3b3"},
        ":behavior": {"S": "skip"},
        ":s0": {"S": "in-progress"},
    },
    "ReturnValues": "ALL_NEW",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


def update() -> None:
    """Send one update."""
    assert CLIENT.update_item(**REQUEST)["Attributes"]


if __name__ == "__main__":
    measure(update)
