"""Tell one callback to whoever asked for it, signed, as patiently as its vendor does.

No route: `{"Records": [...]}`, each body `{"account", "subject", "claim"}`, from the queue of callbacks; with
`"again"` somebody has asked for it once more.
"""

import json

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background
from tapedeck.domain.delivery import CallbackDelivery


@background.queue("deliver_callback")
def handler(content: str, services: BackgroundServices) -> CallbackDelivery | None:
    """Send it, unless that has been done; what nobody takes is put off, and then given up."""
    owed = json.loads(content)
    again = owed.get("again", False)
    return services.callbacks.deliver(
        owed["account"], owed["subject"], owed["claim"], services.callback_renderers, again=again
    )
