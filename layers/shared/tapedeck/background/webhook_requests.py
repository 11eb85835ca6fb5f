"""How a claim becomes a request: signed, in its dialect's words, with its patience (behaviour.md, 7.3 and 7.4)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from tapedeck.background.webhook_delivery import CallbackRenderer
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import CallbackDialect, sign, with_query
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.retry_policy import RetryPolicy
from tapedeck.ports.messaging import Timeouts, WebhookRequest

_FORM: Final = "application/x-www-form-urlencoded"


class DialectCallbackRenderer:
    """`background.webhook_delivery.CallbackRenderer` in one dialect."""

    def __init__(self, callbacks: CallbackDialect) -> None:
        self._callbacks = callbacks

    def policy(self, url: str) -> RetryPolicy:
        """The vendor's, or what the URL's fragment asks for."""
        return self._callbacks.policy(url)

    def request(self, delivery: CallbackDelivery, key: str, limits: Timeouts, max_redirects: int) -> WebhookRequest:
        """The claim's fields, in the body of a POST or the query of a GET; the fragment is not sent."""
        fields = dict(parse_qsl(delivery.body, keep_blank_values=True))
        is_post = delivery.method == "POST"
        url = (delivery.url if is_post else with_query(delivery.url, fields)).partition("#")[0]
        own = self._callbacks.headers(sign(key, url, fields if is_post else {}), delivery.idempotency_token)
        return WebhookRequest(
            method=delivery.method,
            url=url,
            timeouts=limits,
            headers={**({"Content-Type": _FORM} if is_post else {}), **own},
            origin_bound_headers=frozenset(own),
            body=delivery.body.encode() if is_post else b"",
            max_redirects=max_redirects,
        )


CALLBACK_RENDERERS: Final[Mapping[str, CallbackRenderer]] = {
    dialect.name: DialectCallbackRenderer(callbacks_in(dialect.name)) for dialect in (TWILIO, SIGNALWIRE)
}
"""By the dialect's name."""
