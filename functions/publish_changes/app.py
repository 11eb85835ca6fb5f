"""Publish each change: commands to the engine, callbacks to subscribers, domain events to EventBridge.

No route: `{"Records": [...]}`, the stream of the recordings table.
"""

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background
from tapedeck.ports.changes import Change


@background.stream("publish_changes")
def handler(change: Change, services: BackgroundServices) -> None:
    """Publish one change. Idempotent: a replay sends the same messages with the same ids."""
    services.publisher.publish(change)
