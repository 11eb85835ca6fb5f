"""What the recordings table holds of media engines, as their administration needs it."""

from collections.abc import Sequence

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.presence import LiveIndex, PresenceTable
from tapedeck.domain.engine import EnginePresence


class EngineResourceTable:
    """`ports.engine_administration.EngineResources` on DynamoDB; docstrings count requests."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._presences = PresenceTable(database)
        self._live = LiveIndex(database)

    def get_presence(self, engine: str) -> EnginePresence | None:
        """1 request."""
        return self._presences.get_presence(engine)

    def list_presences(self) -> Sequence[EnginePresence]:
        """1 request per megabyte."""
        return self._presences.list_presences()

    def set_deleted(self, engine: str, now: int) -> None:
        """1 request."""
        self._presences.set_deleted(engine, now)

    def delete_presence(self, engine: str, now: int) -> None:
        """1 request."""
        self._presences.delete_presence(engine, now)

    def has_live_resources(self, engine: str) -> bool:
        """At most 17 requests: a query per shard until one is not empty."""
        return next(iter(self._live.list_live(engine)), None) is not None
