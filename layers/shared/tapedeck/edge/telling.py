"""How a claim becomes a request: signed, in its dialect's words, with its patience (behaviour.md, 7.3 and 7.4)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from tapedeck.dialects.callback_choice import callbacks_in
from tapedeck.dialects.callbacks import CallbackDialect, sign, with_query
from tapedeck.dialects.choice import SIGNALWIRE, TWILIO
from tapedeck.domain.claim import Claim
from tapedeck.domain.delivery import Policy
from tapedeck.operations.deliveries import Wire
from tapedeck.operations.messaging import Limits, Outgoing

_FORM: Final = "application/x-www-form-urlencoded"


class DialectWire:
    """`operations.deliveries.Wire` in one dialect."""

    def __init__(self, callbacks: CallbackDialect) -> None:
        self._callbacks = callbacks

    def policy(self, url: str) -> Policy:
        """The vendor's, or what the URL's fragment asks for."""
        return self._callbacks.policy(url)

    def request(self, claim: Claim, key: str, limits: Limits, most_redirects: int) -> Outgoing:
        """The claim's fields, in the body of a POST or the query of a GET; the fragment is not sent."""
        fields = dict(parse_qsl(claim.body, keep_blank_values=True))
        is_post = claim.method == "POST"
        url = (claim.url if is_post else with_query(claim.url, fields)).partition("#")[0]
        own = self._callbacks.headers(sign(key, url, fields if is_post else {}), claim.token)
        return Outgoing(
            method=claim.method,
            url=url,
            limits=limits,
            headers={**({"Content-Type": _FORM} if is_post else {}), **own},
            own=frozenset(own),
            body=claim.body.encode() if is_post else b"",
            most_redirects=most_redirects,
        )


WIRES: Final[Mapping[str, Wire]] = {
    dialect.name: DialectWire(callbacks_in(dialect.name)) for dialect in (TWILIO, SIGNALWIRE)
}
"""By the dialect's name."""
