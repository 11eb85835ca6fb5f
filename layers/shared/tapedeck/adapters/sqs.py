"""Send messages to an SQS queue, FIFO or standard."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from tapedeck.adapters.batching import BatchEntry, EntryError, send_all, write_json
from tapedeck.ports.messaging import QueueMessage

SEND: Final = "sqs:SendMessageBatch"


class SqsClient(Protocol):
    """The operation of botocore's SQS client that this project uses."""

    def send_message_batch(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's parameters


class SqsQueue:
    """`ports.messaging.Queue` on SQS.

    Args:
        client: botocore's SQS client.
        url: the queue's URL.
        sleep: waits for a number of seconds.
        is_fifo: whether the queue keeps the order of groups and drops duplicates.
    """

    def __init__(self, client: SqsClient, url: str, sleep: Callable[[float], None], *, is_fifo: bool = True) -> None:
        self._client = client
        self._url = url
        self._sleep = sleep
        self._is_fifo = is_fifo

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Send messages in order within each group: 1 request per ten groups, at least 1 per message of a group.

        Raises:
            StoreBusy, StoreUnavailable: some messages were not accepted; others may have been.
        """
        entries = [_entry(message, is_fifo=self._is_fifo) for message in messages]
        send_all(entries, SEND, self._send, self._sleep)

    def _send(self, entries: Sequence[Mapping[str, Any]]) -> list[EntryError | None]:
        return send_batch(self._client, self._url, entries)


def send_batch(client: SqsClient, url: str, entries: Sequence[Mapping[str, Any]]) -> list[EntryError | None]:
    """Send one request with these entries; return an error per entry, None if it was accepted."""
    numbered = [{**entry, "Id": str(position)} for position, entry in enumerate(entries)]
    response = client.send_message_batch(QueueUrl=url, Entries=numbered)
    accepted = {each["Id"] for each in response.get("Successful", ())}
    errors = {each["Id"]: EntryError(each["Code"], each["SenderFault"]) for each in response.get("Failed", ())}
    # An entry that the response does not mention may be lost.
    return [None if entry["Id"] in accepted else errors.get(entry["Id"], EntryError("")) for entry in numbered]


def _entry(message: QueueMessage, *, is_fifo: bool) -> BatchEntry:
    body = write_json(message.body)
    content = {"MessageBody": body}
    if is_fifo:
        content |= {"MessageGroupId": message.group, "MessageDeduplicationId": message.id}
    return BatchEntry(content, len(body), message.group)
