"""Convert uploaded captures to the audio that clients fetch, and finish their recordings.

No route: `{"Records": [...]}` from the finishing queue.
"""

from tapedeck.background.handlers import BackgroundServices, Outcome
from tapedeck.bootstrap.background import background


@background.queue("finish_recording", is_fifo=False)
def handler(content: str, services: BackgroundServices) -> Outcome:
    """Convert one capture. Idempotent; a capture that cannot be converted is retried, then a dead letter."""
    return Outcome.DONE if services.conversions.convert(content) else Outcome.SKIPPED
