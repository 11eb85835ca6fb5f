"""Tell everybody of what has changed: the media engine, whoever asked to be called, whoever listens on the bus.

No route: `{"Records": [...]}`, the stream of the recordings table.
"""

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background
from tapedeck.ports.changes import Change


@background.stream("publish_changes")
def handler(change: Change, services: BackgroundServices) -> None:
    """Tell of one change; to tell of it twice does no harm."""
    services.publisher.publish(change)
