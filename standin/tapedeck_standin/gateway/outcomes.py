"""The outcomes of API requests that no response contains: the reason of an error, and warnings."""

import threading
from dataclasses import dataclass
from typing import Any

from tapedeck.domain.errors import TapedeckError
from tapedeck.domain.warnings import AccountWarning
from tapedeck.observability import CanonicalLog


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What a function logs about a request besides the response.

    `parameter`: the invalid parameter; `reason`: what is wrong with it, with the body or with the state.
    `account` and `call`: whose warnings they are, 32 hex digits.
    """

    parameter: str | None = None
    reason: str | None = None
    account: str | None = None
    call: str | None = None
    warnings: tuple[AccountWarning, ...] = ()


class RequestOutcomes:
    """Keeps the outcome of the last request of each thread; a function runs in the thread of its request."""

    def __init__(self) -> None:
        self._last = threading.local()

    def observe_log(self, log: CanonicalLog) -> "ObservedApiLog":
        """Wrap a log so that its requests are observed."""
        return ObservedApiLog(log, self)

    def record(self, outcome: RequestOutcome) -> None:
        """Record the outcome of a request of this thread."""
        self._last.outcome = outcome

    def take(self) -> RequestOutcome:
        """Return the outcome of the last request of this thread and forget it; an empty one without a request."""
        outcome: RequestOutcome = getattr(self._last, "outcome", RequestOutcome())
        self._last.outcome = RequestOutcome()
        return outcome


class ObservedApiLog:
    """The canonical log of HTTP functions, which also records the outcomes of requests."""

    def __init__(self, log: CanonicalLog, outcomes: RequestOutcomes) -> None:
        self._log = log
        self._outcomes = outcomes

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a log
        return getattr(self._log, name)

    def request(self, **fields: Any) -> None:  # noqa: ANN401 - as of `CanonicalLog`
        """Log one request."""
        error: TapedeckError = fields.get("error") or TapedeckError()
        known = {name: fields[name] for name in ("account", "call", "warnings") if name in fields}
        self._outcomes.record(RequestOutcome(error.parameter, error.reason, **known))
        self._log.request(**fields)
