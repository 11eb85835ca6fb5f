"""Look after whatever is not settled: callbacks that are due, commands without an answer, recordings that hang.

No route: `{}`, once a minute.
"""

from collections import Counter

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background


@background.schedule("sweep")
def handler(shard: str, services: BackgroundServices) -> Counter[str]:
    """Sweep one shard of what is not settled."""
    return services.reconciler.run(shard)
