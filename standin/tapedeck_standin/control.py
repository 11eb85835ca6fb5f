"""The control API under `/_standin`: JSON in and out, nobody authenticated, nobody let in from elsewhere (rule R19).

In a container, where everybody is elsewhere, whoever starts it can let everybody in.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from tapedeck.dialects.choice import read_in_either
from tapedeck.dialects.dialect import Kind
from tapedeck.domain.errors import NameInUse, NotFound, StateForbids, StoreFailure
from tapedeck.domain.recording import Recording
from tapedeck.edge.http import MOST_BYTES
from tapedeck.edge.task import both_spellings
from tapedeck.operations.accounts import Accounts
from tapedeck_standin.addresses import is_loopback
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.engine import Engine
from tapedeck_standin.ledger import Ledger
from tapedeck_standin.messages import HttpAnswer, HttpRequest
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

ROOT: Final = "/_standin"
HEALTH: Final = f"{ROOT}/health"
SETTLE: Final = f"{ROOT}/settle"
_UNLOCKED: Final = frozenset({HEALTH, SETTLE})
KNOWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "api.twilio.com"})
"""By which this machine calls itself: any other name in `Host` is a web page's, resolved to here by its owner."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_WITH_SID: Final = 3
"""Words in a path that names a call or conference."""

ModelT = TypeVar("ModelT", bound=BaseModel)
Result = tuple[int, Mapping[str, Any] | None]
Action = Callable[[HttpRequest, str], Result]


class Refusal(Exception):
    """An answer of the control API's own: a status, what is wrong, and in which field, if in one."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


class Control:
    """Makes telephony happen on request.

    Args:
        telephony: what is made to happen.
        accounts: makes further accounts.
        ledger: knows which there are.
        account: whose telephony it is where a request names none: 32 hex digits.
        pump: moves on what happens.
        engine: whose recordings may be due.
        clock: may be put forward.
        names: further names by which this machine may be called.
        from_anywhere: whether other machines are let in.
    """

    def __init__(
        self,
        telephony: Telephony,
        accounts: Accounts,
        ledger: Ledger,
        account: str,
        pump: Pump,
        engine: Engine,
        clock: VirtualClock,
        names: frozenset[str] = frozenset(),
        *,
        from_anywhere: bool = False,
    ) -> None:
        self._telephony = telephony
        self._accounts = accounts
        self._ledger = ledger
        self._account = account
        self._lock = threading.Lock()
        self._pump = pump
        self._engine = engine
        self._clock = clock
        self._names = KNOWN_NAMES | names
        self._from_anywhere = from_anywhere
        # By the words of the path, its sid left out.
        self._actions: Mapping[tuple[str, ...], tuple[str, Action]] = {
            ("health",): ("GET", self._tell_health),
            ("calls",): ("POST", self._make_call),
            ("calls", "hangup"): ("POST", self._hang_up),
            ("conferences",): ("POST", self._make_conference),
            ("conferences", "recordings"): ("POST", self._record_conference),
            ("conferences", "end"): ("POST", self._end_conference),
            ("accounts",): ("POST", self._make_account),
            ("recordings", "transcriptions"): ("POST", self._transcribe),
            ("clock",): ("POST", self._advance),
            ("settle",): ("POST", self._settle),
            ("reset",): ("POST", self._reset),
        }

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Do what is asked; `{"error": {"message", "field"}}` where it cannot be done."""
        try:
            self._admit(request)
            # Whoever waits must let others work.
            with nullcontext() if request.path in _UNLOCKED else self._lock:
                status, body = self._do(request)
        except Refusal as refusal:
            status, body = refusal.status, {"error": {"message": refusal.message, "field": refusal.field}}
        return HttpAnswer.of_json(status, body)

    def _admit(self, request: HttpRequest) -> None:
        """Refuse what another machine, a web page on this one, or the owner of a name that leads here could send."""
        # By an address of its own, that is no loopback, this machine speaks to itself as well.
        is_here = is_loopback(request.peer) or request.peer == request.host
        if not (is_here or self._from_anywhere):
            raise Refusal(403, "only this machine may ask, unless it was started with --control-from-anywhere")
        host = request.header("Host") or ""
        here = {f"{name}:{request.port}" for name in self._names}
        if request.port == _DEFAULT_PORTS[request.scheme]:
            here |= self._names
        # Whoever opens it to others knows by what names they call it.
        if host.lower() not in here and not self._from_anywhere:
            raise Refusal(403, "the header Host names another machine", "Host")
        origin = request.header("Origin")
        if origin is not None and origin.lower() != f"{request.scheme}://{host.lower()}":
            raise Refusal(403, "the header Origin names another site", "Origin")

    def _do(self, request: HttpRequest) -> Result:
        segments = request.path.removeprefix(ROOT).removeprefix("/").split("/")
        has_sid = len(segments) == _WITH_SID
        sid = segments[1] if has_sid else ""
        words = (segments[0], segments[2]) if has_sid else (segments[0],)
        if len(segments) not in {1, _WITH_SID} or words not in self._actions:
            raise Refusal(404, "there is no such path")
        method, action = self._actions[words]
        if request.method != method:
            raise Refusal(405, f"this path knows only {method}")
        try:
            return action(request, sid)
        except NameInUse as error:
            raise Refusal(409, "another conference of this name is live", "friendly_name") from error
        except NotFound as error:
            raise Refusal(404, "there is none of this sid in this account", "sid") from error
        except StateForbids as error:
            raise Refusal(409, "its state does not allow this", "sid") from error
        except StoreFailure as error:
            raise Refusal(503, "the database does not answer") from error

    def _tell_health(self, _request: HttpRequest, _sid: str) -> Result:
        return 200, {"status": "ok"}

    def _make_call(self, request: HttpRequest, _sid: str) -> Result:
        order = _read(CallOrder, request)
        return 201, _call_body(self._telephony.call(self._account_of(order), order))

    def _hang_up(self, request: HttpRequest, sid: str) -> Result:
        account = self._account_of(_read(Order, request))
        return 200, _call_body(self._telephony.hang_up(account, _id_of(Kind.CALL, sid)))

    def _make_conference(self, request: HttpRequest, _sid: str) -> Result:
        order = _read(ConferenceOrder, request)
        return 201, _conference_body(self._telephony.conference(self._account_of(order), order))

    def _record_conference(self, request: HttpRequest, sid: str) -> Result:
        account = self._account_of(_read(Order, request))
        return 201, _recording_body(self._telephony.record_conference(account, _id_of(Kind.CONFERENCE, sid)))

    def _end_conference(self, request: HttpRequest, sid: str) -> Result:
        account = self._account_of(_read(Order, request))
        return 200, _conference_body(self._telephony.end_conference(account, _id_of(Kind.CONFERENCE, sid)))

    def _make_account(self, request: HttpRequest, _sid: str) -> Result:
        order = _read(AccountOrder, request)
        # Asked first: a creation repeated with the same token would pass for its own repetition.
        if order.account_id is not None and self._ledger.knows(order.account_id):
            raise Refusal(409, "there is such an account already", "sid")
        made = self._accounts.create(account=order.account_id, auth_token=order.token)
        sid = both_spellings(Kind.ACCOUNT, made.account)
        return 201, {"sid": sid, "token": made.auth_token, "signing_key": made.signing_key}

    def _transcribe(self, request: HttpRequest, sid: str) -> Result:
        order = _read(TranscriptionOrder, request)
        made = self._telephony.transcribe(self._account_of(order), _id_of(Kind.RECORDING, sid), order)
        return 201, {"sid": both_spellings(Kind.TRANSCRIPTION, made.id), "status": str(made.status)}

    def _advance(self, request: HttpRequest, _sid: str) -> Result:
        order = _read(ClockOrder, request)
        self._account_of(order)
        self._pump.run()  # what has happened so far happened before
        now = self._clock.advance(order.advance)
        self._pump.wake()
        return 200, {"now": datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds")}

    def _settle(self, request: HttpRequest, _sid: str) -> Result:
        order = _read(SettleOrder, request)
        with self._lock:
            account = self._account_of(order) if order.account is not None else None
        left = self._pump.settle(order.timeout, account)
        return (408 if left else 200), {"left": [both_spellings(Kind.RECORDING, name) for name in left]}

    def _reset(self, request: HttpRequest, _sid: str) -> Result:
        account = self._account_of(_read(Order, request))
        self._pump.run()
        self._telephony.reset(account)
        return 204, None

    def _account_of(self, order: Order) -> str:
        account = order.account_id or self._account
        if not self._ledger.knows(account):
            raise Refusal(404, "there is no such account", "account")
        return account


def _read(model: type[ModelT], request: HttpRequest) -> ModelT:
    if len(request.body) > MOST_BYTES:
        raise Refusal(413, "the body is too large")
    try:
        return model.model_validate_json(request.body or b"{}")
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else None
        # What several fields do not agree on is named in the message, by its kind.
        field = field or (first["type"] if first["type"] in model.model_fields else None)
        message = "the body is no JSON object" if field is None else f"{field}: {first['msg']}"
        raise Refusal(400, message, field) from invalid


def _id_of(kind: Kind, sid: str) -> str:
    identifier = read_in_either(kind, sid)
    if identifier is None:
        raise Refusal(400, f"sid: not the sid of a {kind.name.lower()}, in neither spelling", "sid")
    return identifier


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
