"""Publish each change: commands to the engine, callbacks to subscribers, domain events to EventBridge.

No route: `{"Records": [...]}`, the stream of the recordings table.
"""

from collections.abc import Sequence

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background
from tapedeck.ports.changes import Change


@background.stream("publish_changes", after=lambda changes, services: services.checks.note(changes))
def handler(changes: Sequence[Change], services: BackgroundServices) -> Sequence[Exception | None]:
    """Publish the changes of a batch. Idempotent: a replay sends the same messages with the same ids."""
    return services.publisher.publish_all(changes)
