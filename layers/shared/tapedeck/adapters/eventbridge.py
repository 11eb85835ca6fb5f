"""Publish domain events to an EventBridge bus."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tapedeck.adapters.batching import BatchEntry, EntryError, send_all, write_json
from tapedeck.ports.messaging import DomainEvent

_BYTES_OF_TIME: Final = 14
"""Bytes that EventBridge counts for an event's time."""


class EventBridgeClient(Protocol):
    """The operation of botocore's EventBridge client that this project uses."""

    def put_events(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's parameters


class EventBus:
    """`ports.messaging.Bus` on EventBridge; `detail.id` is the id of the domain event.

    Args:
        client: botocore's EventBridge client.
        name: the bus's name or ARN.
        source: the source of the events, such as `tapedeck`.
        sleep: waits for a number of seconds.
    """

    def __init__(self, client: EventBridgeClient, name: str, source: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._name = name
        self._source = source
        self._sleep = sleep

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish events: 1 request per ten.

        Raises:
            StoreBusy, StoreUnavailable: some events were not accepted; others may have been.
        """
        send_all([self._entry(event) for event in events], "events:PutEvents", self._put, self._sleep)

    def _entry(self, event: DomainEvent) -> BatchEntry:
        detail = write_json({**event.detail, "id": event.id})
        content = {
            "EventBusName": self._name,
            "Source": self._source,
            "DetailType": event.kind,
            "Time": datetime.fromtimestamp(event.at, UTC),
            "Detail": detail,
        }
        return BatchEntry(content, _BYTES_OF_TIME + len(self._source) + len(event.kind) + len(detail))

    def _put(self, entries: Sequence[Mapping[str, Any]]) -> list[EntryError | None]:
        response = self._client.put_events(Entries=entries)
        return [EntryError(entry["ErrorCode"]) if "ErrorCode" in entry else None for entry in response["Entries"]]
