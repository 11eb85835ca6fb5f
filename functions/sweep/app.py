"""Look after whatever is not settled: callbacks that are due, commands without an answer, recordings that hang.

No route: `{}`, once a minute.
"""

from collections import Counter

from tapedeck.background import batch
from tapedeck.edge.batches import Hub


@batch.schedule("sweep")
def handler(shard: str, hub: Hub) -> Counter[str]:
    """Sweep one shard of what is not settled."""
    return hub.sweep.run(shard)
