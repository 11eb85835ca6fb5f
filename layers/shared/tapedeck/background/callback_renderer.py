"""How a callback becomes a signed request in the subscriber's dialect."""

from typing import Protocol

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.retry_policy import RetryPolicy
from tapedeck.ports.messaging import Timeouts, WebhookRequest


class CallbackRenderer(Protocol):
    """Renders and signs the callbacks of one dialect."""

    def policy(self, url: str) -> RetryPolicy:
        """Return the retry policy of a URL."""
        ...

    def request(self, delivery: CallbackDelivery, key: str, timeouts: Timeouts, max_redirects: int) -> WebhookRequest:
        """Build the request, signed with this key."""
        ...
