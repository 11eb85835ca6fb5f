"""Lend media engines credentials for their queues of commands, by AWS's Security Token Service."""

import json
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.adapters.failures import failure
from tapedeck.ports.engines import QueueAccess

LENT_SECONDS: Final = 3_600
"""Duration of the credentials (C-202): AWS's limit for a role that another role assumes."""

ALLOWED_ACTIONS: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


class StsClient(Protocol):
    """The operation of botocore's STS client that this project uses."""

    def assume_role(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's parameters


class StsLender:
    """`ports.engines.CredentialsLender` on STS.

    Args:
        client: botocore's STS client.
        role: ARN of the role for the queues of all engines.
        queue_prefix: the URL of each engine's queue up to the engine's name.
    """

    def __init__(self, client: StsClient, role: str, queue_prefix: str) -> None:
        self._client = client
        self._role = role
        self._queue_prefix = queue_prefix

    def lend(self, engine: str) -> QueueAccess:
        """1 request."""
        url = f"{self._queue_prefix}{engine}"
        region, arn = self._region_and_arn(url)
        allowed = {"Effect": "Allow", "Action": list(ALLOWED_ACTIONS), "Resource": arn}
        try:
            answer = self._client.assume_role(
                RoleArn=self._role,
                RoleSessionName=f"engine-{engine}",
                DurationSeconds=LENT_SECONDS,
                Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}, separators=(",", ":")),
            )
        except (BotoCoreError, ClientError) as error:
            raise failure("sts:AssumeRole", error) from error
        lent = answer["Credentials"]
        return QueueAccess(
            url=url,
            region=region,
            access_key=lent["AccessKeyId"],
            secret_key=lent["SecretAccessKey"],
            session_token=lent["SessionToken"],
            expires_at=int(lent["Expiration"].timestamp() * 1000),
        )

    def _region_and_arn(self, url: str) -> tuple[str, str]:
        """Return the region and the ARN of the queue `https://sqs.<region>.<suffix>/<account>/<name>`."""
        parts = urlsplit(url)
        region = (parts.hostname or "").split(".")[1]
        _, account, name = parts.path.split("/")
        partition = self._role.split(":")[1]
        return region, f"arn:{partition}:sqs:{region}:{account}:{name}"
