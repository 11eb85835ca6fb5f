"""A FIFO queue of SQS."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tapedeck.adapters.batching import BatchEntry, EntryError, send_all, write_json
from tapedeck.ports.messaging import QueueMessage


class SqsClient(Protocol):
    """The operation of botocore's SQS client that is used."""

    def send_message_batch(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's own words


class SqsQueue:
    """`ports.messaging.Queue` on SQS.

    Args:
        client: botocore's.
        url: the queue's.
        sleep: how to wait, in seconds.
    """

    def __init__(self, client: SqsClient, url: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._url = url
        self._sleep = sleep

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """1 request per ten groups, and as many as there are messages in the largest group.

        Raises:
            StoreBusy, StoreUnavailable: not all were taken, some may have been.
        """
        send_all([_entry(message) for message in messages], self._send, self._sleep)

    def _send(self, entries: Sequence[Mapping[str, Any]]) -> list[EntryError | None]:
        numbered = [{**entry, "Id": str(position)} for position, entry in enumerate(entries)]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=numbered)
        taken = {each["Id"] for each in answer.get("Successful", ())}
        refused = {each["Id"]: EntryError(each["Code"], each["SenderFault"]) for each in answer.get("Failed", ())}
        # What SQS does not mention may be lost.
        return [None if entry["Id"] in taken else refused.get(entry["Id"], EntryError("")) for entry in numbered]


def _entry(message: QueueMessage) -> BatchEntry:
    body = write_json(message.body)
    content = {"MessageBody": body, "MessageGroupId": message.group, "MessageDeduplicationId": message.id}
    return BatchEntry(content, len(body), message.group)
