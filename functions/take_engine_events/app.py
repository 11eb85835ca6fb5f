"""Take up to 50 events that a media engine reports, each by itself.

POST /engine/v2/events
"""

from typing import Any

from tapedeck.background.event_batches import ReceivedBatch
from tapedeck.bootstrap.engines import EngineServices, engine_endpoint
from tapedeck.domain.engine import MediaEngine
from tapedeck_protocol.outcomes import EventBatch


@engine_endpoint("take_engine_events", EventBatch)
def handler(services: EngineServices, engine: MediaEngine, batch: EventBatch) -> dict[str, Any]:
    """Return one outcome per event, in the order of the events."""
    return services.event_batches.take(engine, ReceivedBatch(batch.boot, batch.sent_at, batch.events))
