"""Where the engine's events go in: one that comes to nothing is told of."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tapedeck.observability import CanonicalLog
from tapedeck_standin.aws.event_sources import Handler

OPERATION: Final = "ingest_media_event"
_LOST: Final = frozenset({"dropped", "refused"})


class EventIngestor:
    """`ingest_media_event` as an event source calls it, with one event at a time.

    Args:
        ingest: the function.
        report: takes a line for each event that comes to nothing: its type, its id and why, and nothing else of it.
    """

    def __init__(self, ingest: Handler, report: Callable[[str], object]) -> None:
        self._ingest = ingest
        self._report = report
        self._outcome = ""
        """Of the last one, with the name of what went wrong."""
        self._reasons: dict[str, str] = {}
        """Why those have failed that come again, by their ids."""

    def __call__(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        """Take note of an event."""
        (record,) = event["Records"]
        told = json.loads(record["body"])
        self._outcome = "failed"
        answer = self._ingest(event, context)
        if (answer or {}).get("batchItemFailures"):
            self._reasons[told["id"]] = self._outcome
            return answer
        self._reasons.pop(told["id"], None)
        if self._outcome.partition(" ")[0] in _LOST:
            self._report(_line(told, self._outcome))
        return answer

    def on_dead_letter(self, body: str) -> None:
        """One that has failed too often comes no more."""
        told = json.loads(body)
        self._report(_line(told, self._reasons.pop(told["id"], "failed")))

    def observe_log(self, log: CanonicalLog) -> "ObservedLog":
        """The log, looked at."""
        return ObservedLog(log, self)

    def record_outcome(self, operation: str, outcome: str, error: str | None) -> None:
        """What has become of the one that is being taken note of."""
        if operation == OPERATION:
            self._outcome = f"{outcome} ({error})" if error is not None else outcome


class ObservedLog:
    """The log of functions that no client calls, which an intake looks at as well."""

    def __init__(self, log: CanonicalLog, intake: EventIngestor) -> None:
        self._log = log
        self._intake = intake

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a log has
        return getattr(self._log, name)

    def background(
        self,
        *,
        operation: str,
        outcome: str,
        error: str | None = None,
        **more: Any,  # noqa: ANN401 - as of `CanonicalLog`
    ) -> None:
        """Log one record."""
        self._intake.record_outcome(operation, outcome, error)
        self._log.background(operation=operation, outcome=outcome, error=error, **more)


def _line(told: Mapping[str, Any], why: str) -> str:
    return f"event {told['type']} {told['id']} came to nothing: {why}"
