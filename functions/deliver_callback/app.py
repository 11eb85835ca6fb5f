"""Tell one callback to whoever asked for it, signed, as patiently as its vendor does.

No route: `{"Records": [...]}`, each body `{"account", "subject", "claim"}`, from the queue of callbacks; with
`"again"` somebody has asked for it once more.
"""

import json

from tapedeck.background import batch
from tapedeck.domain.claim import Claim
from tapedeck.edge.batches import Hub


@batch.queue("deliver_callback")
def handler(content: str, hub: Hub) -> Claim | None:
    """Send it, unless that has been done; what nobody takes is put off, and then given up."""
    owed = json.loads(content)
    again = owed.get("again", False)
    return hub.deliveries.deliver(owed["account"], owed["subject"], owed["claim"], hub.wires, again=again)
