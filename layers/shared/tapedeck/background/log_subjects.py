"""What log lines of background functions are about, by ids, and the lines about what is overdue (REL-28)."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from typing import Final

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.engine_command import Command
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording
from tapedeck.observability import CanonicalLog, Subject
from tapedeck.ports.changes import Resource

MAX_LINES_PER_METRIC: Final = 100
"""Lines about overdue items that one run writes for each metric; the metric counts all of them (C-310)."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_DELIVERY: Final = re.compile(r"\d{8}\.[a-z-]{1,32}")


@dataclass(frozen=True, slots=True)
class Overdue:
    """One item that an alarm is about.

    `count` is the name of the run's count that includes it. `since` is in seconds: since when it waits, or when it
    began.
    """

    count: str
    subject: Subject
    since: int | None
    reason: str


ReportOverdue = Callable[[Overdue], object]


class OverdueLog:
    """Writes a line for each overdue item of a run, up to a number for each metric (C-310).

    Args:
        log: gets the lines.
        metrics: the metric of each count.
    """

    def __init__(self, log: CanonicalLog, metrics: Mapping[str, str]) -> None:
        self._log = log
        self._metrics = metrics
        self._written: Counter[str] = Counter()
        self._context = Context()

    def begin(self) -> None:
        """Begin a run: its lines have the request id of this invocation, whichever thread reports."""
        self._written.clear()
        self._context = copy_context()

    def report(self, overdue: Overdue) -> None:
        """Write the line of one item, unless the run has written as many as it may."""
        self._written[overdue.count] += 1
        if self._written[overdue.count] <= MAX_LINES_PER_METRIC:
            self._context.copy().run(self._write, overdue)

    def _write(self, overdue: Overdue) -> None:
        self._log.background(
            operation="reconcile",
            outcome="overdue",
            subject=overdue.subject,
            reason=overdue.reason,
            since=overdue.since,
            metric=self._metrics[overdue.count],
        )


def subject_of(account: str, resource: Resource | None, engine: str | None = None) -> Subject:
    """Return what a line about a resource names; `engine`: its engine, if it is not stored with the resource."""
    engine = getattr(resource, "engine", None) or engine
    match resource:
        case Recording():
            return replace(_of_parent(resource.parent), recording=resource.id, version=resource.version, engine=engine)
        case Conference():
            return Subject(account=account, conference=resource.id, version=resource.version, engine=engine)
        case Participant():
            return Subject(
                account=account,
                conference=resource.conference,
                call=resource.call,
                version=resource.version,
                engine=engine,
            )
        case Call():
            return Subject(account=account, call=resource.id, version=resource.version, engine=engine)
    return Subject(account=account)


def subject_of_command(command: Command) -> Subject:
    """Return what a line about a command names."""
    subject = replace(
        _of_parent(command.parent), version=command.version, kind=str(command.kind), engine=command.engine
    )
    is_of_recording = command.kind.startswith(("recording.", "media."))
    is_of_participant = command.kind.startswith("participant.")
    if is_of_recording:
        return replace(subject, recording=command.resource)
    return replace(subject, call=command.resource) if is_of_participant else subject


def subject_of_delivery(delivery: CallbackDelivery) -> Subject:
    """Return what a line about a callback names."""
    return Subject(
        account=delivery.account,
        sid=delivery.resource_id,
        delivery=delivery.id,
        version=delivery.sequence,
        kind=delivery.event,
    )


def subject_of_message(body: str) -> Subject:
    """Return what a message of our queues names, as far as it has the right form: a callback, or a capture."""
    try:
        content = json.loads(body)
    except ValueError:
        return Subject()
    if not isinstance(content, Mapping):
        return Subject()
    parent = content.get("parent")
    parent = parent if isinstance(parent, Mapping) else {}
    parent_id, kind = _id_of(parent.get("id")), parent.get("type")
    delivery = content.get("delivery")
    is_delivery = isinstance(delivery, str) and _DELIVERY.fullmatch(delivery) is not None
    return Subject(
        account=_id_of(content.get("account")),
        sid=_id_of(content.get("resource")),
        call=parent_id if kind == "call" else None,
        conference=parent_id if kind == "conference" else None,
        recording=_id_of(content.get("recording")),
        delivery=delivery if is_delivery else None,
    )


def missing_of(recording: Recording) -> str:
    """Return what a recording waits for: the conversion of its capture, its media, or the confirmation of its start."""
    if recording.is_unfinished_capture:
        return "not_converted"
    return "start_not_confirmed" if recording.is_active else "no_media"


def _id_of(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) is not None else None


def _of_parent(parent: Parent) -> Subject:
    is_call = parent.kind is ParentKind.CALL
    return Subject(
        account=parent.account, call=parent.id if is_call else None, conference=None if is_call else parent.id
    )
