"""Tell everybody of what has changed: the media engine, whoever asked to be called, whoever listens on the bus.

No route: `{"Records": [...]}`, the stream of the recordings table.
"""

from tapedeck.background import batch
from tapedeck.edge.batches import Hub
from tapedeck.operations.changes import Change


@batch.stream("publish_changes")
def handler(change: Change, hub: Hub) -> None:
    """Tell of one change; to tell of it twice does no harm."""
    hub.publisher.publish(change)
