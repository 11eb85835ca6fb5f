"""The lower bound of a confirmed pause: botocore alone sends its four requests, each client made in advance."""

from aws_requests import LOOK, PRESENCES, message
from botocore_update import CLIENT, SESSION, update
from cpu_time import measure

_SQS = SESSION.create_client("sqs")
_MESSAGE = message(_SQS.meta.endpoint_url)
_presences = PRESENCES


def pause() -> None:
    """Send the requests of one confirmed pause; the presence of engines is read with the first one only."""
    global _presences  # noqa: PLW0603 - as a process remembers it
    if _presences:
        assert CLIENT.query(**_presences)["Items"]
        _presences = {}
    update()
    assert _SQS.send_message(**_MESSAGE)["MessageId"]
    assert CLIENT.get_item(**LOOK)["Item"]


measure(pause)
