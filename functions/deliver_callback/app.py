"""Deliver one callback to the customer's URL, signed and retried by the vendor's rules.

No route: `{"Records": [...]}` from the queues of callbacks, each body `{"account", "resource", "delivery"}`.
`"replay": true` marks a replay that an operator requested.
"""

import json

from tapedeck.background.handlers import BackgroundServices, Outcome
from tapedeck.bootstrap.background import background
from tapedeck.domain.delivery import CallbackDelivery


@background.queue("deliver_callback")
def handler(content: str, services: BackgroundServices) -> CallbackDelivery | Outcome:
    """Send it if it is still queued, or if an operator replays it; on failure schedule a retry or mark it exhausted."""
    message = json.loads(content)
    is_replay = message.get("replay", False)
    delivery = services.callbacks.deliver(
        message["account"], message["resource"], message["delivery"], services.callback_renderers, is_replay=is_replay
    )
    return Outcome.SKIPPED if delivery is None else delivery
