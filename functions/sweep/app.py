"""Look after whatever is not settled: callbacks that are due, commands without an answer, recordings that hang.

No route: `{}`, once a minute.
"""

from collections import Counter

from tapedeck.background import background
from tapedeck.edge.batches import BackgroundServices


@background.schedule("sweep")
def handler(shard: str, services: BackgroundServices) -> Counter[str]:
    """Sweep one shard of what is not settled."""
    return services.reconciler.run(shard)
