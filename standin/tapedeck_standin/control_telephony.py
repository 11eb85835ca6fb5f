"""The control API's calls that make telephony happen, and time pass."""

from collections.abc import Callable
from typing import Any, TypeVar

from tapedeck.dialects.dialect import Kind
from tapedeck.domain.recording import Recording
from tapedeck.edge.task import both_spellings
from tapedeck.operations.accounts import Accounts
from tapedeck_standin.clock import TooFar
from tapedeck_standin.control_requests import (
    NAMED,
    Books,
    Call,
    Calls,
    Refusal,
    Result,
    read_body,
    read_sid,
    spell_time,
)
from tapedeck_standin.messages import HttpRequest
from tapedeck_standin.orders import (
    AccountOrder,
    CallOrder,
    ClockOrder,
    ConferenceOrder,
    Order,
    SettleOrder,
    TranscriptionOrder,
)
from tapedeck_standin.pump import Pump
from tapedeck_standin.telephony import CallScene, ConferenceScene, Telephony


class TelephonyControl:
    """Makes telephony happen on request.

    Args:
        telephony: what is made to happen.
        accounts: makes further accounts.
        books: which there are.
        pump: moves on what happens, and time.
        forget: forgets what else is known of an account than its telephony.
    """

    def __init__(
        self,
        telephony: Telephony,
        accounts: Accounts,
        books: Books,
        pump: Pump,
        forget: Callable[[str], object],
    ) -> None:
        self._telephony = telephony
        self._accounts = accounts
        self._books = books
        self._pump = pump
        self._forget = forget

    @property
    def calls(self) -> Calls:
        """What it may be asked for."""
        return {
            ("calls",): {"POST": Call(self._make_call)},
            ("calls", NAMED, "hangup"): {"POST": Call(self._hang_up)},
            ("conferences",): {"POST": Call(self._make_conference)},
            ("conferences", NAMED, "recordings"): {"POST": Call(self._record_conference)},
            ("conferences", NAMED, "end"): {"POST": Call(self._end_conference)},
            ("accounts",): {"POST": Call(self._make_account)},
            ("recordings", NAMED, "transcriptions"): {"POST": Call(self._transcribe)},
            ("clock",): {"POST": Call(self._advance, waits=True)},
            ("settle",): {"POST": Call(self._settle, waits=True)},
            ("reset",): {"POST": Call(self._reset)},
        }

    def _make_call(self, request: HttpRequest, _sid: str) -> Result:
        order = read_body(CallOrder, request)
        return 201, _call_body(self._telephony.call(self._books.account(order.account_id), order))

    def _hang_up(self, request: HttpRequest, sid: str) -> Result:
        account = self._books.account(read_body(Order, request).account_id)
        return 200, _call_body(self._telephony.hang_up(account, read_sid(Kind.CALL, sid)))

    def _make_conference(self, request: HttpRequest, _sid: str) -> Result:
        order = read_body(ConferenceOrder, request)
        return 201, _conference_body(self._telephony.conference(self._books.account(order.account_id), order))

    def _record_conference(self, request: HttpRequest, sid: str) -> Result:
        account = self._books.account(read_body(Order, request).account_id)
        return 201, _recording_body(self._telephony.record_conference(account, read_sid(Kind.CONFERENCE, sid)))

    def _end_conference(self, request: HttpRequest, sid: str) -> Result:
        account = self._books.account(read_body(Order, request).account_id)
        return 200, _conference_body(self._telephony.end_conference(account, read_sid(Kind.CONFERENCE, sid)))

    def _make_account(self, request: HttpRequest, _sid: str) -> Result:
        order = read_body(AccountOrder, request)
        # Asked first: a creation repeated with the same token would pass for its own repetition.
        if order.account_id is not None and self._books.ledger.knows(order.account_id):
            raise Refusal(409, "there is such an account already", "sid")
        made = self._accounts.create(account=order.account_id, auth_token=order.token)
        sid = both_spellings(Kind.ACCOUNT, made.account)
        return 201, {"sid": sid, "token": made.auth_token, "signing_key": made.signing_key}

    def _transcribe(self, request: HttpRequest, sid: str) -> Result:
        order = read_body(TranscriptionOrder, request)
        made = self._telephony.transcribe(self._books.account(order.account_id), read_sid(Kind.RECORDING, sid), order)
        return 201, {"sid": both_spellings(Kind.TRANSCRIPTION, made.id), "status": str(made.status)}

    def _advance(self, request: HttpRequest, _sid: str) -> Result:
        order = read_body(ClockOrder, request)
        account = self._books.account(order.account_id)
        try:
            return 200, {"now": spell_time(self._pump.advance(order.advance, account))}
        except TooFar as error:
            raise Refusal(400, "advance: no date could be written beyond that", "advance") from error

    def _settle(self, request: HttpRequest, _sid: str) -> Result:
        order = read_body(SettleOrder, request)
        account = self._books.account(order.account_id) if order.account is not None else None
        left = self._pump.settle(order.timeout, account)
        return (408 if left else 200), {"left": [both_spellings(kind, name) for name, kind in left.items()]}

    def _reset(self, request: HttpRequest, _sid: str) -> Result:
        account = self._books.account(read_body(Order, request).account_id)
        self._pump.run()
        self._telephony.reset(account)
        self._forget(account)
        return 204, None


def _call_body(scene: CallScene) -> dict[str, Any]:
    return {
        "sid": both_spellings(Kind.CALL, scene.call.id),
        "status": str(scene.call.status),
        "recordings": _each(_recording_body, scene.recordings),
    }


def _recording_body(recording: Recording) -> dict[str, Any]:
    return {"sid": both_spellings(Kind.RECORDING, recording.id), "status": str(recording.status)}


def _conference_body(scene: ConferenceScene) -> dict[str, Any]:
    return {
        "sid": both_spellings(Kind.CONFERENCE, scene.conference.id),
        "friendly_name": scene.conference.name,
        "status": str(scene.conference.status),
        "calls": _each(_call_body, scene.calls),
        "recordings": _each(_recording_body, scene.recordings),
    }


SceneT = TypeVar("SceneT")


def _each(body: Callable[[SceneT], dict[str, Any]], scenes: tuple[SceneT, ...]) -> list[dict[str, Any]]:
    return [body(scene) for scene in scenes]
