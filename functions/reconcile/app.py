"""Reconcile pending work: requeue due callbacks, resend unconfirmed commands, end what timed out or lost its engine.

No route: `{}`, once a minute.
"""

from collections import Counter

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background


@background.schedule("reconcile", before=lambda services: services.engine_monitor.run())
def handler(shard: str, services: BackgroundServices) -> Counter[str]:
    """Reconcile one shard of the pending-work index."""
    return services.reconciler.run(shard)
