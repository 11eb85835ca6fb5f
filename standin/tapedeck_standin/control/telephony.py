"""The control API's routes that simulate telephony and control the clock."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.engine import ALL_ACCOUNTS, MediaEngine
from tapedeck.domain.recording import Recording
from tapedeck.domain.transcription import TranscriptionStatus
from tapedeck.operations.accounts import Accounts
from tapedeck.settings import STANDIN_ENGINE
from tapedeck_standin.clock import ClockOutOfRange, format_time
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
    CreateCallRequest,
    CreateConferenceRequest,
    CreateTranscriptionRequest,
    SettleRequest,
    WaitUntilIdleRequest,
)
from tapedeck_standin.http.messages import ServerRequest
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.scheduler.work_left import WorkLeft
from tapedeck_standin.telephony.simulator import CallSnapshot, ConferenceSnapshot, Telephony


class TelephonyRoutes:
    """Routes that create and end calls and conferences, and control the clock.

    Args:
        telephony: the simulated telephony.
        accounts: creates further accounts.
        registry: the known accounts.
        scheduler: runs background work and advances the clock.
        forget: deletes an account's logs and faults.
        list_engines: returns the media engines.
    """

    def __init__(
        self,
        telephony: Telephony,
        accounts: Accounts,
        registry: AccountRegistry,
        scheduler: Scheduler,
        forget: Callable[[str], object],
        list_engines: Callable[[], Iterable[MediaEngine]],
    ) -> None:
        self._telephony = telephony
        self._accounts = accounts
        self._registry = registry
        self._scheduler = scheduler
        self._forget = forget
        self._list_engines = list_engines

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {
            ("calls",): {"POST": ControlRoute(self._make_call)},
            ("calls", PATH_PARAM, "hangup"): {"POST": ControlRoute(self._hang_up)},
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

    def _make_call(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(CreateCallRequest, request)
        account = self._registry.account(body.account_id)
        self._require_engine(body.engine, account)
        return 201, _call_body(self._telephony.call(account, body.call))

    def _require_engine(self, name: str, account: str) -> None:
        """Check that there is an engine of this name, and that it works for the account (C-223)."""
        if name == STANDIN_ENGINE:
            return  # it works for all accounts
        engine = next((each for each in self._list_engines() if each.name == name), None)
        if engine is None:
            raise ControlError(404, "there is no engine of this name", "engine")
        if not engine.serves(account):
            raise ControlError(400, "the engine does not work for this account", "engine")

    def _hang_up(self, request: ServerRequest, sid: str) -> Result:
        account = self._registry.account(read_body(ControlRequest, request).account_id)
        return 200, _call_body(self._telephony.hang_up(account, read_sid(ResourceType.CALL, sid)))

    def _make_conference(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(CreateConferenceRequest, request)
        made = self._telephony.conference(self._registry.account(body.account_id), body.conference)
        return 201, _conference_body(made)

    def _record_conference(self, request: ServerRequest, sid: str) -> Result:
        account = self._registry.account(read_body(ControlRequest, request).account_id)
        return 201, _recording_body(self._telephony.record_conference(account, read_sid(ResourceType.CONFERENCE, sid)))

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
        try:
            return 200, {"now": format_time(self._scheduler.advance(body.advance, account))}
        except ClockOutOfRange as error:
            owner = "" if error.account is None else f" of {TWILIO.format_sid(ResourceType.ACCOUNT, error.account)}"
            raise ControlError(
                400, f"advance: the clock{owner} would exceed the latest date that can be represented", "advance"
            ) from error

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


def _call_body(snapshot: CallSnapshot) -> dict[str, Any]:
    return {
        "sid": format_sid_in_both_dialects(ResourceType.CALL, snapshot.call.id),
        "status": str(snapshot.call.status),
        "recordings": _each(_recording_body, snapshot.recordings),
    }


def _recording_body(recording: Recording) -> dict[str, Any]:
    return {"sid": format_sid_in_both_dialects(ResourceType.RECORDING, recording.id), "status": str(recording.status)}


def _conference_body(snapshot: ConferenceSnapshot) -> dict[str, Any]:
    return {
        "sid": format_sid_in_both_dialects(ResourceType.CONFERENCE, snapshot.conference.id),
        "friendly_name": snapshot.conference.name,
        "status": str(snapshot.conference.status),
        "calls": _each(_call_body, snapshot.calls),
        "recordings": _each(_recording_body, snapshot.recordings),
    }


SnapshotT = TypeVar("SnapshotT")


def _each(render: Callable[[SnapshotT], dict[str, Any]], snapshots: tuple[SnapshotT, ...]) -> list[dict[str, Any]]:
    return [render(snapshot) for snapshot in snapshots]
