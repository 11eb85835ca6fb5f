"""Take note of what a media engine tells: calls, conferences, participants and recordings become as it says.

No route: `{"Records": [...]}`, events of the media contract (`tapedeck.dialects.media_contract`) from their queue.
"""

from tapedeck.background import background
from tapedeck.edge.batches import BackgroundServices
from tapedeck.edge.ingesting import ingest, read_event


@background.queue("ingest_media_event")
def handler(content: str, services: BackgroundServices) -> None:
    """Take note of one event; what came before, or is too old, changes nothing."""
    ingest(read_event(content), services.engine_events)
