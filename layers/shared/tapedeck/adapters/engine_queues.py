"""Send commands to the SQS queues of media engines: one standard queue per engine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from tapedeck.adapters.batching import BatchEntry, send_all, write_json
from tapedeck.adapters.sqs import SEND, SqsClient, send_batch
from tapedeck.domain.errors import StoreUnavailable

# SQS reports a missing queue in one of two spellings, depending on the protocol of the client.
_MISSING: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


class SqsEngineQueues:
    """`ports.engines.EngineQueues` on SQS.

    Args:
        client: botocore's SQS client.
        prefix: the URL of every queue up to the engine's name.
        sleep: waits for a number of seconds.
    """

    def __init__(self, client: SqsClient, prefix: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._prefix = prefix
        self._sleep = sleep

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """1 request per ten messages, more if they are large or some are rejected."""
        entries = []
        for message in messages:
            body = write_json(message)
            entries.append(BatchEntry({"MessageBody": body}, len(body)))
        url = f"{self._prefix}{engine}"
        try:
            send_all(entries, SEND, lambda batch: send_batch(self._client, url, batch), self._sleep)
        except StoreUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True
