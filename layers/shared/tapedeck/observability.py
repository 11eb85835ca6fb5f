"""Write one canonical log line per request or record; metrics are part of the same line (CloudWatch EMF).

Fields are an allow-list: only what a method of `CanonicalLog` takes can be logged (REL-21).
"""

import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from tapedeck.domain.errors import StoreBusy, StoreFailure, StoreUnresolved, TapedeckError
from tapedeck.domain.warnings import AccountWarning

NAMESPACE: Final = "Tapedeck"
FAULT: Final = 500
_NOT_YOURS: Final = "not_yours"
_DURATIONS: Final = frozenset({"Milliseconds", "EngineClockSkewMs", "UploadAgeMs"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What the line of a background function is about (REL-28).

    All are ids of 32 hex digits, except: `event`, the id of the stream record or message; `kind`, the type of the event
    or command, logged as `type`; `delivery`, the id of a callback at its resource `sid`; `engine`, a name.
    """

    account: str | None = None
    sid: str | None = None
    call: str | None = None
    conference: str | None = None
    recording: str | None = None
    version: int | None = None
    event: str | None = None
    kind: str | None = None
    delivery: str | None = None
    engine: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the line, in their order."""
        names = ("sid", "call", "conference", "recording", "version", "delivery", "engine", "event")
        return {"account": self.account, **{name: getattr(self, name) for name in names}, "type": self.kind}


class CanonicalLog:
    """Writes the canonical line of each request, task and record, and a line for each unhandled error.

    Args:
        service: the deployment's name, the dimension of its metrics.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = Logger(service=service, stream=sys.stdout, level="INFO", utc=True)
        self._logger.remove_keys(["location"])
        self._envelopes: dict[tuple[str, ...], dict[str, Any]] = {}

    def request(
        self,
        *,
        operation: str,
        dialect: str,
        account: str | None,
        sid: str | None,
        status: int,
        code: int | None,
        request_id: str,
        started: float,
        error: TapedeckError | None = None,
        call: str | None = None,
        warnings: Sequence[AccountWarning] = (),
        created_id: str | None = None,
        is_forwarded: bool = False,
    ) -> None:
        """Log one request and its response; emit its duration and, if it failed, `Busy` or `Faults`.

        Args:
            operation: the function's name.
            dialect: the dialect's name.
            account: 32 hex digits, None before authentication.
            sid: the id of the resource in the path, 32 hex digits; None if it is malformed.
            status: the HTTP status.
            code: the vendor's error code.
            request_id: as in the response's `X-Request-Id`.
            started: `time.perf_counter()` at the start of the request.
            error: what was raised. The status for contention and throttling differs by dialect.
            call: the id of the call that the warnings are about, 32 hex digits; logged with warnings only.
            warnings: what the client should correct, although the request was done.
            created_id: the id of the resource that the request created, 32 hex digits; of a participant, its call.
            is_forwarded: whether another function answered the request; it has emitted `Busy` or `Faults` itself.
        """
        counted: dict[str, float] = {"Milliseconds": round((time.perf_counter() - started) * 1000, 2)}
        if isinstance(error, StoreBusy):
            counted["Busy"] = 1
        elif error is not None and error.is_engine_unavailable:
            counted["EngineUnavailable"] = 1
        elif (status >= FAULT or isinstance(error, StoreUnresolved)) and not is_forwarded:
            counted["Faults"] = 1
        fields: dict[str, Any] = {
            "operation": operation,
            "dialect": dialect,
            "account": account,
            "sid": sid,
            "created_id": created_id,
            "status": status,
            "code": code,
            "request_id": request_id,
            "parameter": error.parameter if error is not None else None,
            "reason": error.reason if error is not None else None,
            **_failed_request(error),
        }
        if warnings:
            fields["call"] = call
            fields["warnings"] = [
                {"parameter": each.parameter, "code": each.code, "reason": each.text} for each in warnings
            ]
        self._write("request", fields, counted)

    def engine_request(
        self,
        *,
        operation: str,
        engine: str | None,
        status: int,
        code: str | None,
        request_id: str,
        started: float,
        error: TapedeckError | None = None,
        field: str | None = None,
        account: str | None = None,
        call: str | None = None,
        recording: str | None = None,
    ) -> None:
        """Log one request of a media engine and its response; emit `Busy`, `Faults` or `EngineTrespass` if it failed.

        Its duration is a field, not the metric `Milliseconds`, which is about the requests of clients.

        Args:
            operation: the function's name.
            engine: the engine's name, None before authentication.
            status: the HTTP status.
            code: why the request was refused.
            request_id: as in the response's `X-Request-Id`.
            started: `time.perf_counter()` at the start of the request.
            error: what was raised, unless it is a refusal.
            field: the path of the invalid field.
            account: 32 hex digits; None if the request is about no single call or recording.
            call: the call that the request is about.
            recording: the recording that the request is about.
        """
        milliseconds = round((time.perf_counter() - started) * 1000, 2)
        fields: dict[str, Any] = {
            "operation": operation,
            "engine": engine,
            "account": account,
            "call": call,
            "recording": recording,
            "status": status,
            "code": code,
            "request_id": request_id,
            "field": field,
            "milliseconds": milliseconds,
            **_failed_request(error),
        }
        counted = {"Busy": 1} if isinstance(error, StoreBusy) else {"Faults": 1} if status >= FAULT else {}
        if code == _NOT_YOURS:
            counted = {"EngineTrespass": 1}
        self._write("engine_request", fields, counted)

    def engine_event(
        self,
        *,
        operation: str,
        engine: str,
        outcome: str,
        event: str | None = None,
        kind: str | None = None,
        account: str | None = None,
        call: str | None = None,
        conference: str | None = None,
        recording: str | None = None,
        version: int | None = None,
        code: str | None = None,
        reason: str | None = None,
        counted: Mapping[str, float] | None = None,
        error: Exception | None = None,
    ) -> None:
        """Log what became of one event that a media engine reported.

        Args:
            operation: the function's name.
            engine: the engine's name.
            outcome: taken, repeated, stale, later or refused.
            event: its id, 32 hex digits; None if it is malformed.
            kind: its type, None if that is malformed.
            account: 32 hex digits, as are the ids of the resources that it is about.
            call: the call, also that of a participant or of a recording.
            conference: the conference.
            recording: the recording.
            version: the version of the command that it answers.
            code: why it was refused.
            reason: the name of the rule that decided, of the error, or of the first invalid field; never a value.
            counted: metric values by metric name.
            error: what was raised, for its AWS operation and code.
        """
        fields: dict[str, Any] = {
            "operation": operation,
            "engine": engine,
            "event": event,
            "type": kind,
            "account": account,
            "call": call,
            "conference": conference,
            "recording": recording,
            "version": version,
            "outcome": outcome,
            "code": code,
            "reason": reason,
            **_failed_request(error),
        }
        self._write("engine_event", fields, counted or {})

    def engine_clock(self, *, operation: str, engine: str, boot: str, skew_ms: int, is_excessive: bool) -> None:
        """Log that an engine's clock differs from this one, once per session; emit `EngineClockSkewMs`.

        `boot` is the session's id. `skew_ms` is positive if the engine's clock is ahead. With `is_excessive`, it also
        emits `EngineClockSkewed`, which has an alarm.
        """
        fields = {"operation": operation, "engine": engine, "boot": boot, "skew_ms": skew_ms}
        counted: dict[str, float] = {"EngineClockSkewMs": round(abs(skew_ms))}
        if is_excessive:
            counted["EngineClockSkewed"] = 1
        self._write("engine_clock", fields, counted)

    def lost_resources(self, *, engine: str, boot: str, number: int) -> None:
        """Log that a new session ended calls, conferences and captures that it did not list; emit `ResourcesLost`.

        `boot` is the session's id.
        """
        fields = {"operation": "open_engine_session", "engine": engine, "boot": boot}
        self._write("engine_session", fields, {"ResourcesLost": number})

    def ended_pause(self, engine: str, boot: str, recording: str) -> None:
        """Log that a new session captures a recording that a request had paused; emit `PausesEndedByEngine`.

        `boot` is the session's id.
        """
        fields = {"operation": "open_engine_session", "engine": engine, "boot": boot, "sid": recording}
        self._write("engine_session", fields, {"PausesEndedByEngine": 1})

    def task(
        self,
        error: Exception | None = None,
        /,
        *,
        operation: str,
        account: str | None,
        outcome: str,
        sid: str | None = None,
        engine: str | None = None,
    ) -> None:
        """Log one run of an admin function; `outcome` is done, refused or fault; a fault emits `TaskFaults`.

        `error` is what was raised; only its class, AWS operation and code are logged.
        `sid` is the id of the API key, 32 hex digits; `engine` is the name of the media engine.
        """
        subjects = {"operation": operation, "account": account, "sid": sid, "engine": engine, "outcome": outcome}
        fields = {**subjects, "error": _class_of(error), **_failed_request(error)}
        self._write("task", fields, {"TaskFaults": 1} if outcome == "fault" else {})

    def background(
        self,
        *,
        operation: str,
        outcome: str,
        subject: Subject | None = None,
        error: Exception | None = None,
        counted: Mapping[str, float] | None = None,
        reason: str | None = None,
        since: int | None = None,
        metric: str | None = None,
        tried: int | None = None,
        due: int | None = None,
    ) -> None:
        """Log one record, or one run, of a background function.

        Args:
            operation: the function's name.
            outcome: such as done, skipped, failed (it is retried), dropped or refused, or the state of a callback
                delivery.
            subject: what it is about.
            error: what was raised. Its class, AWS operation and code are logged, never its message, which may quote the
                record.
            counted: metric values by metric name.
            reason: why it has this outcome; never a value of the record.
            since: since when it waits, in seconds.
            metric: the metric of this run that counts it; the line of the run has its value.
            tried: how often a callback was sent.
            due: when it is sent next, in seconds.
        """
        fields = {
            "operation": operation,
            **(subject or Subject()).fields,
            "outcome": outcome,
            "reason": reason,
            "since": since,
            "metric": metric,
            "tried": tried,
            "due": due,
            "error": _class_of(error),
            **_failed_request(error),
        }
        self._write("record", fields, counted or {})

    def unsent_command(self, account: str, recording: str, version: int, error: Exception | None = None) -> None:
        """Log that a request that waits could not send its command at once; the stream sends it.

        `account` and `recording` are 32 hex digits each; `version` is the version of the recording; `error` is why.
        """
        subjects = {"account": account, "recording": recording, "version": version, "outcome": "unsent"}
        fields = {**subjects, "error": _class_of(error), **_failed_request(error)}
        self._write("command", fields, {"UrgentSendsFailed": 1})

    def unhandled_error(
        self, operation: str, request_id: str | None, error: BaseException, *, event: str | None = None
    ) -> None:
        """Log where an unhandled error was raised, without its message, which may quote the request.

        `event` is the id of the engine event that raised it.
        """
        frames = traceback.extract_tb(error.__traceback__)
        named = {"request_id": request_id, "event": event, **_failed_request(error), **_invocation.get()}
        self._logger.error(
            "fault",
            extra={
                "operation": operation,
                **{name: value for name, value in named.items() if value is not None},
                "error": _class_of(error),
                "where": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
            },
        )

    def _write(self, message: str, fields: Mapping[str, Any], counted: Mapping[str, float]) -> None:
        """Write one line with the fields that have a value, and with its metrics."""
        metrics = self._metrics(counted) if counted else {}
        named = {name: value for name, value in fields.items() if value is not None}
        self._logger.info(message, extra=named | dict(_invocation.get()) | metrics)

    def _metrics(self, counted: Mapping[str, float]) -> dict[str, Any]:
        """Return metrics in CloudWatch's embedded format; the envelope of each set of names is cached."""
        names = tuple(counted)
        if names not in self._envelopes:
            metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=self._service)
            for name in names:
                unit = "Milliseconds" if name in _DURATIONS else "Count"
                metrics.add_metric(name, unit, 0)
            self._envelopes[names] = dict(metrics.serialize_metric_set())
        envelope = self._envelopes[names]
        emf_header = {**envelope["_aws"], "Timestamp": time.time_ns() // 1_000_000}
        return {**envelope, "_aws": emf_header, **counted}


def begin_invocation(event: object, lambda_context: object) -> None:
    """Put the request ids of API Gateway and of Lambda into every line of this invocation (REL-28)."""
    request_context = event.get("requestContext") if isinstance(event, Mapping) else None
    ids = {
        "gateway_request_id": request_context.get("requestId") if isinstance(request_context, Mapping) else None,
        "lambda_request_id": getattr(lambda_context, "aws_request_id", None),
    }
    _invocation.set({name: value for name, value in ids.items() if isinstance(value, str)})


_invocation: Final[ContextVar[Mapping[str, str]]] = ContextVar("invocation", default=MappingProxyType({}))
"""The request ids of the invocation that runs in this thread."""


def _class_of(error: BaseException | None) -> str | None:
    return type(error).__name__ if error is not None else None


def _failed_request(error: BaseException | None) -> dict[str, str | None]:
    """Return the AWS operation that failed, and its error code (REL-28)."""
    return {"aws_operation": error.operation, "aws_error": error.code} if isinstance(error, StoreFailure) else {}
