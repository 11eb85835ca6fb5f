"""Take note of what a media engine tells: calls, conferences, participants and recordings become as it says.

No route: `{"Records": [...]}`, events of the media contract (`tapedeck.engine_protocol.schema`) from their queue.
"""

from tapedeck.background.event_dispatch import ingest, read_event
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background


@background.queue("ingest_media_event")
def handler(content: str, services: BackgroundServices) -> None:
    """Take note of one event; what came before, or is too old, changes nothing."""
    ingest(read_event(content), services.engine_events)
