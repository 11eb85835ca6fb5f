"""Apply the events that a media engine reports about calls, conferences, participants and recordings.

No route: `{"Records": [...]}` from the media-events queue, in the format of `tapedeck.engine_protocol.schema`.
"""

from tapedeck.background.event_dispatch import read_event
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background
from tapedeck.domain.engine_event import EventResult


@background.queue("ingest_media_event")
def handler(content: str, services: BackgroundServices) -> EventResult:
    """Apply one event; a duplicate or a stale event changes nothing."""
    return services.engine_events.take(*read_event(content))
