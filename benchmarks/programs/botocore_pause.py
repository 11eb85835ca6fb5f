"""The lower bound of a confirmed pause: botocore alone sends its four requests, each client made in advance."""

import botocore.session
from botocore_update import CLIENT, REQUEST, update
from cpu_time import measure

_SQS = botocore.session.get_session().create_client("sqs")
_LOOK = {
    "TableName": REQUEST["TableName"],
    "Key": REQUEST["Key"],
    "ConsistentRead": True,
    "ProjectionExpression": "#status, version, confirmed, effective",
    "ExpressionAttributeNames": {"#status": "status"},
}
_PRESENCES = {
    "TableName": REQUEST["TableName"],
    "ConsistentRead": True,
    "KeyConditionExpression": "PK = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "ENGINES"}},
}
_MESSAGE = {"QueueUrl": f"{_SQS.meta.endpoint_url}/123456789012/stack-engine-bench", "MessageBody": "{}" * 200}


def pause() -> None:
    """Send the requests of one confirmed pause; the presence of engines is read with the first one only."""
    global _PRESENCES  # noqa: PLW0603 - as a process remembers it
    if _PRESENCES:
        assert CLIENT.query(**_PRESENCES)["Items"]
        _PRESENCES = {}
    update()
    assert _SQS.send_message(**_MESSAGE)["MessageId"]
    assert CLIENT.get_item(**_LOOK)["Item"]


measure(pause)
