"""The control API's routes for calls that come in, for what people do in calls, and for requests to applications."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.application import Application
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import NotFound
from tapedeck.domain.phone_number import NumberInstructions
from tapedeck.domain.recording import Recording
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.url_settings import UrlSettings
from tapedeck.settings import STANDIN_ENGINE
from tapedeck_standin.calls.access import CallFlowAccess
from tapedeck_standin.calls.errors import CallNotLive
from tapedeck_standin.calls.parties import AnsweredBy, Parties, PartyOutcome, StoredRule
from tapedeck_standin.calls.webhook_journal import WebhookJournal
from tapedeck_standin.control.call_schemas import (
    AnswerRequest,
    CloseStreamRequest,
    CreatePartyRequest,
    MakeCallRequest,
    PressRequest,
    SpeakRequest,
    WebhooksQuery,
)
from tapedeck_standin.control.inspection import ControlQuery
from tapedeck_standin.control.requests import (
    PATH_PARAM,
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_body,
    read_query,
    read_sid,
)
from tapedeck_standin.control.schemas import ControlRequest
from tapedeck_standin.http.messages import ServerRequest
from tapedeck_standin.telephony.simulator import CallSnapshot, IncomingCall, Telephony

if TYPE_CHECKING:
    from tapedeck_standin.calls.call_flows import CallFlows
    from tapedeck_standin.calls.leg import Leg

InstructionFinder = Callable[[str], NumberInstructions | None]
"""Returns where a call to a number finds its instructions; None if no account holds the number."""
ApplicationFinder = Callable[[str, str], Application | None]
"""Returns an application of an account by its id; None if there is none."""

_APPLICATION: Final = "app:"
"""What a browser client calls begins so, with the sid of an application (C-386)."""


class CallRoutes:
    """Routes that make calls and act for the people in them.

    Args:
        telephony: the simulated telephony.
        flows: the calls that the simulated engine executes; None: there is no simulated engine.
        parties: how the parties of its calls behave; None: there is no simulated engine.
        webhooks: the requests to applications.
        instructions_of: finds the instructions of phone numbers.
        find_application: finds applications.
        registry: the known accounts.
        work: lets the simulated engine work, so that what was done shows in the answer.
        list_engines: returns the media engines.
    """

    def __init__(
        self,
        telephony: Telephony,
        flows: CallFlowAccess | None,
        parties: Parties | None,
        webhooks: WebhookJournal,
        instructions_of: InstructionFinder,
        find_application: ApplicationFinder,
        registry: AccountRegistry,
        work: Callable[[], object],
        list_engines: Callable[[], Iterable[MediaEngine]],
    ) -> None:
        self._telephony = telephony
        self._flows = flows
        self._parties = parties
        self._webhooks = webhooks
        self._instructions_of = instructions_of
        self._find_application = find_application
        self._registry = registry
        self._work = work
        self._list_engines = list_engines

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        acts = {
            "hangup": self._hang_up, "press": self._press, "speak": self._speak, "answer": self._answer,
            "busy": self._deciding(PartyOutcome.BUSY), "decline": self._deciding(PartyOutcome.DECLINE),
            "no_answer": self._deciding(PartyOutcome.NO_ANSWER), "fail": self._deciding(PartyOutcome.FAIL),
        }  # fmt: skip
        return {
            ("calls",): {"POST": ControlRoute(self._make)},
            **{("calls", PATH_PARAM, name): {"POST": ControlRoute(act)} for name, act in acts.items()},
            ("calls", PATH_PARAM, "stream", "close"): {"POST": ControlRoute(self._close_stream)},
            ("parties",): {
                "GET": ControlRoute(self._list_parties),
                "POST": ControlRoute(self._add_party),
                "DELETE": ControlRoute(self._remove_parties),
            },
            ("parties", PATH_PARAM): {"DELETE": ControlRoute(self._remove_party)},
            ("webhooks",): {"GET": ControlRoute(self._list_webhooks, waits=True)},
        }

    def _make(self, request: ServerRequest, _sid: str) -> Result:
        body = read_body(MakeCallRequest, request)
        account = self._registry.account(body.account_id)
        incoming = self._incoming(account, body)
        if incoming is not None:
            if self._flows is None:
                raise ControlError(409, "only the simulated engine executes instructions", "url")
            made = self._telephony.incoming(account, incoming)
        else:
            self._require_engine(body.engine, account)
            made = self._telephony.call(account, body.call)
        return 201, call_body(made)

    def _incoming(self, account: str, body: MakeCallRequest) -> IncomingCall | None:
        """Return the call that comes in with instructions; None if it has none (C-392)."""
        has_address = body.instructions and body.may_ring and "to" in body.model_fields_set and self._flows is not None
        if not has_address and not body.has_own_instructions:
            return None
        from tapedeck_callflow.events import UrlSource  # noqa: PLC0415 - at the first call that may have instructions

        party = body.party.rule_for(body.from_) if body.party is not None else None
        is_application = body.to.startswith(_APPLICATION)
        own = IncomingCall(
            "" if is_application else body.to, body.from_, body.source or UrlSource(""), body.dialect, body.fallback,
            body.callback, body.request_parameters, party,
        )  # fmt: skip
        if body.source is not None:
            return own
        if is_application:
            found = self._application(account, body.to)
            return _instructed_by(own, found, found.id)
        held = self._instructions_of(body.to)
        if held is None or held.number.account != account:
            return None
        return _instructed_by(own, held.settings, held.application)

    def _application(self, account: str, address: str) -> Application:
        """Return the application that a browser client calls.

        Raises:
            ControlError: the account has no such application.
        """
        identifier = parse_any_sid(ResourceType.APPLICATION, address.removeprefix(_APPLICATION))
        found = self._find_application(account, identifier) if identifier is not None else None
        if found is None:
            raise ControlError(404, "to: the account has no such application", "to")
        return found

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
        call = read_sid(ResourceType.CALL, sid)
        flows = self._flows.made if self._flows is not None else None
        leg = flows.find(account, call) if flows is not None else None
        if flows is None or leg is None:
            return 200, call_body(self._telephony.hang_up(account, call))
        self._act(partial(flows.hang_up, leg))
        return 200, call_body(self._telephony.snapshot(account, call))

    def _press(self, request: ServerRequest, sid: str) -> Result:
        body = read_body(PressRequest, request)
        flows, leg = self._leg(body.account_id, sid)
        used = self._act(lambda: flows.press(leg, body.digits))
        return 200, {"used": used}

    def _speak(self, request: ServerRequest, sid: str) -> Result:
        body = read_body(SpeakRequest, request)
        flows, leg = self._leg(body.account_id, sid)
        confidence = "" if body.confidence is None else f"{body.confidence:g}"
        self._act(lambda: flows.speak(leg, round(body.seconds * 1000), body.text, confidence))
        return 200, {}

    def _answer(self, request: ServerRequest, sid: str) -> Result:
        body = read_body(AnswerRequest, request)
        flows, leg = self._leg(body.account_id, sid)
        answered_by = AnsweredBy(body.answered_by) if body.answered_by is not None else None
        self._act(lambda: flows.decide(leg, PartyOutcome.ANSWER, answered_by))
        return 200, call_body(self._telephony.snapshot(leg.account, leg.id))

    def _deciding(self, outcome: PartyOutcome) -> Callable[[ServerRequest, str], Result]:
        def decide(request: ServerRequest, sid: str) -> Result:
            flows, leg = self._leg(read_body(ControlRequest, request).account_id, sid)
            self._act(lambda: flows.decide(leg, outcome))
            return 200, call_body(self._telephony.snapshot(leg.account, leg.id))

        return decide

    def _close_stream(self, request: ServerRequest, sid: str) -> Result:
        body = read_body(CloseStreamRequest, request)
        flows, leg = self._leg(body.account_id, sid)
        self._act(lambda: flows.close_stream(leg, body.name))
        return 200, {}

    def _leg(self, account_id: str | None, sid: str) -> "tuple[CallFlows, Leg]":
        """Return a call that the simulated engine executes.

        Raises:
            ControlError: it executes no such call.
        """
        account, call = self._registry.account(account_id), read_sid(ResourceType.CALL, sid)
        flows = self._flows.made if self._flows is not None else None
        leg = flows.find(account, call) if flows is not None else None
        if leg is None or flows is None:
            self._telephony.snapshot(account, call)  # raises NotFound
            raise ControlError(409, "the simulated engine executes no instructions in this call", "sid")
        return flows, leg

    def _act(self, act: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the act returns
        try:
            result = act()
        except CallNotLive as error:
            raise ControlError(409, "the call is not in a state in which this can happen", "sid") from error
        self._work()
        return result

    def _add_party(self, request: ServerRequest, _param: str) -> Result:
        body = read_body(CreatePartyRequest, request)
        account = self._registry.account(body.account_id)
        return 201, _party_body(self._require_parties().add(account, body.rule))

    def _list_parties(self, request: ServerRequest, _param: str) -> Result:
        account = self._registry.account(read_query(ControlQuery, request).account_id)
        return 200, {"parties": [_party_body(stored) for stored in self._require_parties().of(account)]}

    def _remove_parties(self, request: ServerRequest, _param: str) -> Result:
        account = self._registry.account(read_query(ControlQuery, request).account_id)
        self._require_parties().remove(account)
        return 204, None

    def _remove_party(self, request: ServerRequest, rule_id: str) -> Result:
        account = self._registry.account(read_query(ControlQuery, request).account_id)
        if not self._require_parties().remove(account, rule_id):
            raise NotFound
        return 204, None

    def _require_parties(self) -> Parties:
        if self._parties is None:
            raise ControlError(409, "there is no simulated engine")
        return self._parties

    def _list_webhooks(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(WebhooksQuery, request)
        account = self._registry.account(query.account_id)
        found = (
            self._webhooks.wait(account, query.call_id, query.kind, query.wait)
            if query.wait
            else self._webhooks.find(account, query.call_id, query.kind)
        )
        return 200, {"webhooks": [webhook.body() for webhook in found]}


def _instructed_by(call: IncomingCall, settings: UrlSettings, application: str | None) -> IncomingCall:
    """Return a call with the instructions of its number or application; what the request gave comes first."""
    from tapedeck_callflow.events import UrlSource  # noqa: PLC0415 - at the first call with instructions

    from tapedeck_standin.calls.wire import application_parameters  # noqa: PLC0415

    fallback, callback = call.fallback, call.callback
    if fallback is None and settings.voice_fallback_url is not None:
        fallback = UrlSource(settings.voice_fallback_url, settings.voice_fallback_method)
    if callback is None and settings.status_callback is not None:
        callback = CallbackSubscription(settings.status_callback, settings.status_callback_method, (), call.dialect)
    parameters = {**call.parameters, **application_parameters(call.dialect, application)}
    source = UrlSource(settings.voice_url or "", settings.voice_method)
    return replace(call, source=source, fallback=fallback, callback=callback, parameters=parameters)


def call_body(snapshot: CallSnapshot) -> dict[str, Any]:
    """Return a call with its recordings."""
    return {
        "sid": format_sid_in_both_dialects(ResourceType.CALL, snapshot.call.id),
        "status": str(snapshot.call.status),
        "recordings": [recording_body(recording) for recording in snapshot.recordings],
    }


def recording_body(recording: Recording) -> dict[str, Any]:
    """Return a recording in short."""
    return {"sid": format_sid_in_both_dialects(ResourceType.RECORDING, recording.id), "status": str(recording.status)}


def _party_body(stored: StoredRule) -> dict[str, Any]:
    rule = stored.rule
    return {
        "id": stored.id,
        "number": rule.number,
        "outcome": str(rule.outcome),
        "ring": rule.ring_ms / 1000,
        "answered_by": str(rule.answered_by),
        "greeting": rule.greeting_ms / 1000,
        "speaks": [
            {"after": each.after_ms / 1000, "seconds": each.ms / 1000, "text": each.text} for each in rule.speaks
        ],
        "presses": [_presses_body(each.digits, each.after_ms, each.verb) for each in rule.presses],
        "hangup_after": rule.hangup_after_ms / 1000 if rule.hangup_after_ms is not None else None,
        "sip_code": rule.sip_status,
        "times": rule.times,
        "used": stored.used,
    }


def _presses_body(digits: str, after_ms: int | None, verb: str) -> Mapping[str, Any]:
    return {"digits": digits, "in": verb} if after_ms is None else {"digits": digits, "after": after_ms / 1000}
