"""Ingest the engine's events, and report each one that is dropped, rejected or failed."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tapedeck.observability import CanonicalLog
from tapedeck_standin.aws.event_sources import Handler

OPERATION: Final = "ingest_media_event"
_WITHOUT_EFFECT: Final = frozenset({"dropped", "refused"})


class EventIngestor:
    """The `ingest_media_event` handler for an event source with batches of one event.

    Args:
        ingest: the handler.
        report: is called with one line per event without effect: its type, its id and the reason.
    """

    def __init__(self, ingest: Handler, report: Callable[[str], object]) -> None:
        self._ingest = ingest
        self._report = report
        self._outcome = ""
        """Outcome of the last event, with the name of the error."""
        self._reasons: dict[str, str] = {}
        """Outcomes of failed events that will be retried, by event id."""

    def __call__(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        """Ingest one event."""
        (record,) = event["Records"]
        media_event = json.loads(record["body"])
        self._outcome = "failed"
        answer = self._ingest(event, context)
        if (answer or {}).get("batchItemFailures"):
            self._reasons[media_event["id"]] = self._outcome
            return answer
        self._reasons.pop(media_event["id"], None)
        if self._outcome.partition(" ")[0] in _WITHOUT_EFFECT:
            self._report(_format_line(media_event, self._outcome))
        return answer

    def on_dead_letter(self, body: str) -> None:
        """Report an event whose receives are exhausted."""
        media_event = json.loads(body)
        self._report(_format_line(media_event, self._reasons.pop(media_event["id"], "failed")))

    def observe_log(self, log: CanonicalLog) -> "ObservedLog":
        """Wrap a log so that its outcomes are observed."""
        return ObservedLog(log, self)

    def record_outcome(self, operation: str, outcome: str, error: str | None) -> None:
        """Record the outcome of the current event; other operations are ignored."""
        if operation == OPERATION:
            self._outcome = f"{outcome} ({error})" if error is not None else outcome


class ObservedLog:
    """The canonical log of background functions, which also informs an event ingestor."""

    def __init__(self, log: CanonicalLog, ingestor: EventIngestor) -> None:
        self._log = log
        self._ingestor = ingestor

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a log
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
        self._ingestor.record_outcome(operation, outcome, error)
        self._log.background(operation=operation, outcome=outcome, error=error, **more)


def _format_line(media_event: Mapping[str, Any], reason: str) -> str:
    return f"event {media_event['type']} {media_event['id']} had no effect: {reason}"
