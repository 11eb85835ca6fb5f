"""The control API's routes that simulate telephony and control the clock."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.engine import ALL_ACCOUNTS
from tapedeck.domain.transcription import TranscriptionStatus
from tapedeck.operations.accounts import Accounts
from tapedeck_standin.clock import ClockOutOfRange, format_time
from tapedeck_standin.control.call_view import CallCourses
from tapedeck_standin.control.calls import call_body, recording_body
from tapedeck_standin.control.requests import (
    PATH_PARAM,
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_body,
    read_sid,
)
from tapedeck_standin.control.schemas import (
    AdvanceClockRequest,
    ControlRequest,
    CreateAccountRequest,
    CreateConferenceRequest,
    CreateTranscriptionRequest,
    SettleRequest,
    WaitUntilIdleRequest,
)
from tapedeck_standin.http.messages import ServerRequest
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.scheduler.work_left import WorkLeft
from tapedeck_standin.telephony.simulator import ConferenceSnapshot, Telephony


class TelephonyRoutes:
    """Routes that create and end conferences, create accounts, and control the clock.

    Args:
        telephony: the simulated telephony.
        accounts: creates further accounts.
        registry: the known accounts.
        scheduler: runs background work and advances the clock.
        forget: deletes an account's logs and faults.
        course: knows where calls are in their instructions.
    """

    def __init__(
        self,
        telephony: Telephony,
        accounts: Accounts,
        registry: AccountRegistry,
        scheduler: Scheduler,
        forget: Callable[[str], object],
        course: CallCourses,
    ) -> None:
        self._telephony = telephony
        self._accounts = accounts
        self._registry = registry
        self._scheduler = scheduler
        self._forget = forget
        self._course = course

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {
            ("conferences",): {"POST": ControlRoute(self._make_conference)},
            ("conferences", PATH_PARAM, "recordings"): {"POST": ControlRoute(self._record_conference)},
            ("conferences", PATH_PARAM, "end"): {"POST": ControlRoute(self._end_conference)},
            ("accounts",): {"POST": ControlRoute(self._make_account)},
            ("recordings", PATH_PARAM, "transcriptions"): {"POST": ControlRoute(self._transcribe)},
            ("clock",): {"POST": ControlRoute(self._advance, waits=True)},
            ("wait-until-idle",): {"POST": ControlRoute(self._wait_until_idle, waits=True)},
            ("settle",): {"POST": ControlRoute(self._settle, waits=True)},
            ("reset",): {"POST": ControlRoute(self._reset)},
        }

    def _make_conference(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(CreateConferenceRequest, request)
        made = self._telephony.conference(self._registry.account(body.account_id), body.conference)
        return 201, _conference_body(made)

    def _record_conference(self, request: ServerRequest, sid: str) -> Result:
        account = self._registry.account(read_body(ControlRequest, request).account_id)
        return 201, recording_body(self._telephony.record_conference(account, read_sid(ResourceType.CONFERENCE, sid)))

    def _end_conference(self, request: ServerRequest, sid: str) -> Result:
        account = self._registry.account(read_body(ControlRequest, request).account_id)
        return 200, _conference_body(self._telephony.end_conference(account, read_sid(ResourceType.CONFERENCE, sid)))

    def _make_account(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(CreateAccountRequest, request)
        # Checked first: creation is idempotent, so an existing account with this token would raise no error.
        if body.account_id is not None and self._registry.account_data.exists(body.account_id):
            raise ControlError(409, "the account already exists", "sid")
        made = self._accounts.create(account=body.account_id, auth_token=body.token)
        sid = format_sid_in_both_dialects(ResourceType.ACCOUNT, made.account)
        return 201, {"sid": sid, "token": made.auth_token, "signing_key": made.signing_key}

    def _transcribe(self, request: ServerRequest, sid: str) -> Result:
        body = read_body(CreateTranscriptionRequest, request)
        made = self._telephony.transcribe(
            self._registry.account(body.account_id),
            read_sid(ResourceType.RECORDING, sid),
            body.text,
            TranscriptionStatus(body.status),
        )
        return 201, {
            "sid": format_sid_in_both_dialects(ResourceType.TRANSCRIPTION, made.id),
            "status": str(made.status),
        }

    def _advance(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(AdvanceClockRequest, request)
        account = self._registry.account(body.account_id) if body.account != ALL_ACCOUNTS else None
        if body.until is not None and body.call_id is not None:
            return self._advance_until(body.until, body.call_id, account, body.at_most)
        try:
            return 200, {"now": format_time(self._scheduler.advance(body.advance, account))}
        except ClockOutOfRange as error:
            owner = "" if error.account is None else f" of {TWILIO.format_sid(ResourceType.ACCOUNT, error.account)}"
            raise ControlError(
                400, f"advance: the clock{owner} would exceed the latest date that can be represented", "advance"
            ) from error

    def _advance_until(self, until: str, call: str, account: str | None, at_most: float) -> Result:
        """Advance the clock to the moment at which a call is there (C-393)."""
        if account is None:
            raise ControlError(400, "account: a call belongs to one account", "account")
        self._telephony.snapshot(account, call)  # raises NotFound

        def is_reached() -> bool:
            return self._course.is_at(account, call, until)

        now = self._scheduler.advance(at_most, account, is_reached=is_reached)
        status = 200 if is_reached() else 408
        return status, {"now": format_time(now), "position": self._course.describe(account, call)["position"]}

    def _wait_until_idle(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(WaitUntilIdleRequest, request)
        account = self._registry.account(body.account_id) if body.account is not None else None
        return _left_result(self._scheduler.wait_until_idle(body.timeout, account))

    def _settle(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(SettleRequest, request)
        account = self._registry.account(body.account_id) if body.account is not None else None
        return _left_result(self._scheduler.settle(body.timeout, account, is_advancing=body.advance))

    def _reset(self, request: ServerRequest, _sid: str) -> Result:
        """Delete what an account has. Its clock keeps its time, which never goes back (C-338)."""
        account = self._registry.account(read_body(ControlRequest, request).account_id)
        self._scheduler.run(account)
        self._telephony.reset(account)
        self._forget(account)
        return 204, None


def _left_result(left: Iterable[WorkLeft]) -> Result:
    entries = [
        {
            "sid": format_sid_in_both_dialects(work.kind, work.id),
            "what": str(work.what),
            "due": format_time(work.due) if work.due is not None else None,
        }
        for work in left
    ]
    return (408 if entries else 200), {"left": entries}


def _conference_body(snapshot: ConferenceSnapshot) -> dict[str, Any]:
    return {
        "sid": format_sid_in_both_dialects(ResourceType.CONFERENCE, snapshot.conference.id),
        "friendly_name": snapshot.conference.name,
        "status": str(snapshot.conference.status),
        "calls": _each(call_body, snapshot.calls),
        "recordings": _each(recording_body, snapshot.recordings),
    }


SnapshotT = TypeVar("SnapshotT")


def _each(render: Callable[[SnapshotT], dict[str, Any]], snapshots: tuple[SnapshotT, ...]) -> list[dict[str, Any]]:
    return [render(snapshot) for snapshot in snapshots]
