"""Render callback deliveries as signed HTTP requests in the subscriber's dialect."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from tapedeck.background.callback_renderer import CallbackRenderer
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import CallbackDialect, sign, with_query
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.retry_policy import RetryPolicy
from tapedeck.ports.messaging import Timeouts, WebhookRequest

_FORM: Final = "application/x-www-form-urlencoded"


class DialectCallbackRenderer:
    """A `background.callback_renderer.CallbackRenderer` for one dialect."""

    def __init__(self, callbacks: CallbackDialect) -> None:
        self._callbacks = callbacks

    def policy(self, url: str) -> RetryPolicy:
        """Return the vendor's retry policy, with the overrides in the URL's fragment."""
        return self._callbacks.policy(url)

    def request(self, delivery: CallbackDelivery, key: str, timeouts: Timeouts, max_redirects: int) -> WebhookRequest:
        """Build the request: the fields go into the body of a POST or the query of a GET; the fragment is not sent."""
        fields = dict(parse_qsl(delivery.body, keep_blank_values=True))
        is_post = delivery.method == "POST"
        url = (delivery.url if is_post else with_query(delivery.url, fields)).partition("#")[0]
        origin_bound = self._callbacks.headers(sign(key, url, fields if is_post else {}), delivery.idempotency_token)
        return WebhookRequest(
            method=delivery.method,
            url=url,
            timeouts=timeouts,
            headers={**({"Content-Type": _FORM} if is_post else {}), **origin_bound},
            origin_bound_headers=frozenset(origin_bound),
            body=delivery.body.encode() if is_post else b"",
            max_redirects=max_redirects,
        )


CALLBACK_RENDERERS: Final[Mapping[str, CallbackRenderer]] = {
    dialect.name: DialectCallbackRenderer(callbacks_in(dialect.name)) for dialect in (TWILIO, SIGNALWIRE)
}
"""The renderers by the dialect's name."""
