"""Reconcile pending work: requeue due callbacks, resend unconfirmed commands, end recordings that timed out.

No route: `{}`, once a minute.
"""

from collections import Counter

from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background


@background.schedule("reconcile")
def handler(shard: str, services: BackgroundServices) -> Counter[str]:
    """Reconcile one shard of the pending-work index."""
    return services.reconciler.run(shard)
