"""Create and delete the SQS queues of the engines' commands, which are not part of the CloudFormation stack."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.adapters.failures import failure
from tapedeck.domain.errors import EngineNameTooLong, QueueDeletedRecently, StoreBusy, StoreUnavailable

RETENTION_SECONDS: Final = 3600
"""A command that is older is dropped; if it is still wanted, it is sent again (C-189)."""

VISIBILITY_SECONDS: Final = 30
LONG_POLL_SECONDS: Final = 20
MAX_RECEIVES: Final = 10
"""After this number of receives without deletion, SQS moves a command to the shared dead-letter queue."""

_MAX_NAME_LENGTH: Final = 80
"""SQS's limit for the name of a queue."""

_TLS_ONLY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}

# SQS reports each of these errors in one of two spellings, depending on the protocol of the client.
_MISSING: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_DELETED_RECENTLY: Final = frozenset({"AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"})
_HAS_OTHER_ATTRIBUTES: Final = frozenset({"QueueAlreadyExists", "QueueNameExists"})
_BUSY: Final = frozenset({"RequestThrottled", "ThrottlingException", "Throttling"})


def engine_queue_name(stack: str, engine: str) -> str:
    """Return the name of the queue of an engine's commands in a deployment; no other pair has it (C-280)."""
    return f"{stack}_engine_{engine}"


class SqsAdminClient(Protocol):
    """The operations of botocore's SQS client that this module uses."""

    def create_queue(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's parameters
    def delete_queue(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def get_queue_url(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def set_queue_attributes(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102


class SqsEngineQueueAdmin:
    """`ports.engine_administration.EngineQueueAdmin` on SQS: standard queues, encrypted, which require TLS.

    Args:
        make_client: makes botocore's SQS client; called at the first use.
        stack: the deployment's name, with which the names of the queues begin; also a tag.
        dead_letter_queue: the ARN of the queue for commands that no connector could process.
    """

    def __init__(self, make_client: Callable[[], SqsAdminClient], stack: str, dead_letter_queue: str) -> None:
        self._make_client = cache(make_client)
        self._stack = stack
        self._dead_letter_queue = dead_letter_queue

    def create(self, engine: str) -> None:
        """1 request; 3 if the queue exists with other attributes, which are replaced."""
        name, attributes = engine_queue_name(self._stack, engine), self._attributes()
        if len(name) > _MAX_NAME_LENGTH:
            raise EngineNameTooLong
        tags = {"tapedeck:stack": self._stack, "tapedeck:engine": engine}
        made = self._call(
            "CreateQueue",
            self._make_client().create_queue,
            _HAS_OTHER_ATTRIBUTES,
            QueueName=name,
            Attributes=attributes,
            tags=tags,
        )
        url = self._find(name) if made is None else None
        if url is not None:
            self._call(
                "SetQueueAttributes",
                self._make_client().set_queue_attributes,
                _MISSING,
                QueueUrl=url,
                Attributes=attributes,
            )

    def delete(self, engine: str) -> None:
        """2 requests."""
        url = self._find(engine_queue_name(self._stack, engine))
        if url is not None:
            self._call("DeleteQueue", self._make_client().delete_queue, _MISSING, QueueUrl=url)

    def _attributes(self) -> Mapping[str, str]:
        redrive = {"deadLetterTargetArn": self._dead_letter_queue, "maxReceiveCount": MAX_RECEIVES}
        return {
            "MessageRetentionPeriod": str(RETENTION_SECONDS),
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "ReceiveMessageWaitTimeSeconds": str(LONG_POLL_SECONDS),
            "SqsManagedSseEnabled": "true",
            "Policy": json.dumps(_TLS_ONLY),
            "RedrivePolicy": json.dumps(redrive),
        }

    def _find(self, name: str) -> str | None:
        found = self._call("GetQueueUrl", self._make_client().get_queue_url, _MISSING, QueueName=name)
        return found["QueueUrl"] if found is not None else None

    def _call(
        self,
        operation: str,
        send: Callable[..., dict[str, Any]],
        expected: frozenset[str],
        **request: Any,  # noqa: ANN401 - AWS's parameters
    ) -> dict[str, Any] | None:
        """Send a request and return its response; None if SQS answers with one of the expected errors.

        Raises:
            QueueDeletedRecently: a queue of this name was deleted within the last 60 seconds.
            StoreBusy, StoreUnavailable: SQS throttles, refuses, or does not respond.
        """
        try:
            return send(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in expected:
                return None
            if code in _DELETED_RECENTLY:
                raise QueueDeletedRecently from error
            kind = StoreBusy if code in _BUSY else StoreUnavailable
            raise failure(f"sqs:{operation}", error, kind) from error
        except BotoCoreError as error:
            raise failure(f"sqs:{operation}", error) from error
