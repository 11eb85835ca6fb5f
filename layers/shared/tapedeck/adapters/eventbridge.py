"""A bus of EventBridge."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tapedeck.adapters.batching import BatchEntry, EntryError, send_all, write_json
from tapedeck.ports.messaging import DomainEvent

_BYTES_OF_TIME: Final = 14
"""As EventBridge counts them."""


class EventBridgeClient(Protocol):
    """The operation of botocore's EventBridge client that is used."""

    def put_events(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's own words


class EventBus:
    """`ports.messaging.Bus` on EventBridge; the fact's own id is in its detail.

    Args:
        client: botocore's.
        name: the bus's name or ARN.
        source: whom the facts are from, such as `tapedeck`.
        sleep: how to wait, in seconds.
    """

    def __init__(self, client: EventBridgeClient, name: str, source: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._name = name
        self._source = source
        self._sleep = sleep

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """1 request per ten.

        Raises:
            StoreBusy, StoreUnavailable: not all were taken, some may have been.
        """
        send_all([self._entry(fact) for fact in events], self._put, self._sleep)

    def _entry(self, fact: DomainEvent) -> BatchEntry:
        detail = write_json({**fact.detail, "id": fact.id})
        content = {
            "EventBusName": self._name,
            "Source": self._source,
            "DetailType": fact.kind,
            "Time": datetime.fromtimestamp(fact.at, UTC),
            "Detail": detail,
        }
        return BatchEntry(content, _BYTES_OF_TIME + len(self._source) + len(fact.kind) + len(detail))

    def _put(self, entries: Sequence[Mapping[str, Any]]) -> list[EntryError | None]:
        answer = self._client.put_events(Entries=entries)
        return [EntryError(each["ErrorCode"]) if "ErrorCode" in each else None for each in answer["Entries"]]
