"""Apply the events that a media engine reports about calls, conferences, participants and recordings.

No route: `{"Records": [...]}` from the media-events queue, in the format of `tapedeck.engine_protocol.schema`.
"""

from tapedeck.background.event_dispatch import ingest, read_event
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background


@background.queue("ingest_media_event")
def handler(content: str, services: BackgroundServices) -> None:
    """Apply one event; a duplicate or a stale event changes nothing."""
    ingest(read_event(content), services.engine_events)
