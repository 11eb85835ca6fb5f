"""What a command to place or redirect a call says, in the words of call flows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tapedeck_callflow.events import MarkupSource, Source, UrlSource

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck_standin.calls.parties import AnsweredBy, PartyRule

DEFAULT_TIMEOUT_SECONDS: Final = 60
DEFAULT_LIMIT_SECONDS: Final = 14_400
HUMAN_MS: Final = 3_000
MACHINE_MS: Final = 4_000
"""How long it takes to notice that a person or a machine has answered (C-394)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """How to find out whether a machine has answered: at once, or at the end of its greeting."""

    waits_for_end: bool
    is_asynchronous: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """A call to dial.

    Attributes:
        dialect: of its instructions.
        timeout_ms: how long it may ring.
        time_limit_ms: how long it may last, from its answer on.
        source: its instructions; None: it has none.
        recording: the arguments of `RecordingCommands.start_own`; None: it is not recorded.
        detection: how to detect machines; None: not at all.
        on_answer: is called when it is answered, before anything else happens.
        parameters: what each request for instructions says besides the parameters of the verb and of the call.
    """

    to: str
    from_: str
    dialect: str
    timeout_ms: int
    time_limit_ms: int
    source: Source | None
    fallback: UrlSource | None = None
    send_digits: str = ""
    recording: Mapping[str, Any] | None = None
    detection: Detection | None = None
    on_answer: Callable[[], object] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def placement_of(wanted: Mapping[str, Any]) -> Placement:
    """Return the call that a `call.place` wants."""
    flow = wanted["flow"]
    source, fallback = source_of(flow)
    record = wanted.get("record")
    recording = None
    if record is not None:
        recording = {
            "source": "OutboundAPI", "channels": record["channels"], "track": record["track"], "trim": record["trim"],
            "callback": record.get("callback"),
        }  # fmt: skip
    given = wanted.get("machine_detection")
    detection = None
    if given is not None:
        detection = Detection(given["mode"] == "detect_message_end", bool(given.get("asynchronous")))
    dialect = flow.get("dialect") or TWILIO.name
    return Placement(
        wanted["to"], wanted["from"], dialect, wanted["timeout"] * 1000, wanted["time_limit"] * 1000, source, fallback,
        wanted.get("send_digits") or "", recording, detection,
        parameters=application_parameters(dialect, flow.get("application")),
    )  # fmt: skip


def application_parameters(dialect: str, application: str | None) -> Mapping[str, str]:
    """Return how requests for instructions name the application that answers; SignalWire does not (C-382)."""
    if application is None or dialect != TWILIO.name:
        return {}
    return {"ApplicationSid": TWILIO.format_sid(ResourceType.APPLICATION, application)}


def with_settings(placement: Placement, wanted: Mapping[str, Any]) -> Placement:
    """Return a call that is dialed already with its new settings: the limit of its time, and the fallback."""
    _, fallback = source_of(wanted.get("flow") or {})
    limit = wanted.get("time_limit")
    return replace(
        placement,
        time_limit_ms=limit * 1000 if limit is not None else placement.time_limit_ms,
        fallback=fallback or placement.fallback,
    )


def detected(detection: Detection, source: Source, rule: PartyRule, dialect: str) -> tuple[int, Source]:
    """Return how long the instructions wait for the detection of a machine (milliseconds), and they with its result.

    The result of an asynchronous detection has no request of its own yet (C-394).
    """
    if detection.is_asynchronous:
        return 0, source
    ms, answered_by = HUMAN_MS, str(rule.answered_by)
    if rule.answered_by is AnsweredBy.MACHINE:
        ms, answered_by = MACHINE_MS, "machine_start"
        if detection.waits_for_end:
            ms, answered_by = rule.greeting_ms, "machine_end_beep"
    if isinstance(source, UrlSource):
        duration = {"MachineDetectionDuration": str(ms)} if dialect == TWILIO.name else {}
        source = replace(source, parameters={"AnsweredBy": answered_by, **duration})
    return ms, source


def participant_placement(wanted: Mapping[str, Any], on_answer: Callable[[], object]) -> Placement:
    """Return the call that a `participant.add` wants; it has no instructions of its own."""
    options = wanted.get("options") or {}
    return Placement(
        wanted["to"], wanted["from"], TWILIO.name, int(options.get("timeout", DEFAULT_TIMEOUT_SECONDS)) * 1000,
        int(options.get("time_limit", DEFAULT_LIMIT_SECONDS)) * 1000, None, on_answer=on_answer,
    )  # fmt: skip


def source_of(flow: Mapping[str, Any]) -> tuple[Source | None, UrlSource | None]:
    """Return the instructions that a flow of the protocol names, and where they come from when that fails."""
    given = flow.get("fallback")
    fallback = UrlSource(given["url"], given.get("method", "POST")) if given is not None else None
    if flow.get("markup") is not None:
        return MarkupSource(flow["markup"]), fallback
    if flow.get("url") is not None:
        return UrlSource(flow["url"], flow.get("method") or "POST"), fallback
    return None, fallback
