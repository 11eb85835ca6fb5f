"""The lower bound: botocore alone sends the one request of an update."""

import botocore.session
from aws_requests import UPDATE
from cpu_time import measure

SESSION = botocore.session.get_session()
CLIENT = SESSION.create_client("dynamodb")


def update() -> None:
    """Send one update."""
    assert CLIENT.update_item(**UPDATE)["Attributes"]


if __name__ == "__main__":
    measure(update)
