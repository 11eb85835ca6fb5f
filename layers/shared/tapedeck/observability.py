"""One line per request: what was asked, what was answered, how long it took; metrics ride on the same line.

Fields are an allow-list (rule R21): whatever is not named here cannot be logged by accident.
"""

import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

NAMESPACE: Final = "Tapedeck"
FAULT: Final = 500


class CanonicalLog:
    """Writes the canonical line of each request, and the line of a fault that nobody foresaw.

    Args:
        service: the deployment's name: the dimension of its metrics.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = Logger(service=service, stream=sys.stdout, level="INFO", utc=True)
        self._logger.remove_keys(["location"])
        self._forms: dict[tuple[str, ...], dict[str, Any]] = {}

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
        is_busy: bool = False,
    ) -> None:
        """Log and count one answered request.

        Args:
            operation: the function's name.
            dialect: its name.
            account: 32 hex digits; only once it is authenticated.
            sid: the id of what the path names, in 32 hex digits, if it is a well-formed one.
            status: HTTP's.
            code: the vendor's error code.
            request_id: as in the answer's `X-Request-Id`.
            started: `time.perf_counter()` when the request came.
            is_busy: whether it met contention or throttling, which dialects answer with different statuses.
        """
        counted: dict[str, float] = {"Milliseconds": round((time.perf_counter() - started) * 1000, 2)}
        if is_busy:
            counted["Busy"] = 1
        elif status >= FAULT:
            counted["Faults"] = 1
        told = {
            "operation": operation,
            "dialect": dialect,
            "account": account,
            "sid": sid,
            "status": status,
            "code": code,
            "request_id": request_id,
        }
        self._logger.info(
            "request",
            extra={
                **{name: value for name, value in told.items() if value is not None},
                **self._metrics(counted),
            },
        )

    def task(self, *, operation: str, account: str | None, outcome: str) -> None:
        """Log one run of a function without a route; `outcome` is done, refused or fault, which is counted."""
        told = {"operation": operation, "account": account, "outcome": outcome}
        counted = self._metrics({"TaskFaults": 1}) if outcome == "fault" else {}
        self._logger.info("task", extra={name: value for name, value in told.items() if value is not None} | counted)

    def background(
        self,
        *,
        operation: str,
        outcome: str,
        account: str | None = None,
        error: str | None = None,
        counted: Mapping[str, float] | None = None,
    ) -> None:
        """Log one record, or one run, of a function that nobody calls.

        Args:
            operation: the function's name.
            outcome: such as done, failed (it comes again), dropped, refused, or what has become of a callback.
            account: 32 hex digits, where it is known.
            error: the name of what went wrong, never its message, which may quote the record.
            counted: figures by the names of metrics.
        """
        told = {"operation": operation, "account": account, "outcome": outcome, "error": error}
        metrics = self._metrics(counted) if counted else {}
        self._logger.info("record", extra={name: value for name, value in told.items() if value is not None} | metrics)

    def unhandled_error(self, operation: str, request_id: str, error: BaseException) -> None:
        """Log where an unforeseen error came from, without its message, which may quote the request."""
        frames = traceback.extract_tb(error.__traceback__)
        self._logger.error(
            "fault",
            extra={
                "operation": operation,
                "request_id": request_id,
                "error": type(error).__name__,
                "where": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
            },
        )

    def _metrics(self, counted: Mapping[str, float]) -> dict[str, Any]:
        """Figures as CloudWatch reads them out of a log line; which are told together changes seldom."""
        names = tuple(counted)
        if names not in self._forms:
            metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=self._service)
            for name in names:
                unit = "Milliseconds" if name == "Milliseconds" else "Count"
                metrics.add_metric(name, unit, 0)
            self._forms[names] = dict(metrics.serialize_metric_set())
        form = self._forms[names]
        told = {**form["_aws"], "Timestamp": time.time_ns() // 1_000_000}
        return {**form, "_aws": told, **counted}
