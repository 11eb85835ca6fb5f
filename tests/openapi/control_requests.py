"""Requests to every operation of the control API."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from schemathesis.generation import GenerationMode

from tapedeck.settings import STANDIN_ENGINE
from tests.openapi.report import CHECKS, REJECTION, Report, for_each_case, operation_id, operations_of
from tests.openapi.standin import REFUSING_URL, StandIn, new_number

_TOO_LARGE: Final = 413

VALID_REQUESTS: Final = 8
INVALID_REQUESTS: Final = 8

_LAST: Final = ("report_event", "reset_account")
"""Events for unknown resources stay pending, and a reset deletes the resources of the other operations."""

_OF_DIALED_CALLS: Final = frozenset({"answer_call", "be_busy", "decline_call", "leave_unanswered", "fail_call"})
"""They act on calls that were dialed and ring, which no request creates yet: they answer 409."""


def test_control_api(standin: StandIn) -> Report:
    """Send requests to every operation of the control API."""
    operations = operations_of("control-api")
    run = _Run(standin, Report("control-api"))
    for operation in sorted(operations, key=lambda each: operation_id(each) in _LAST):
        run.test(operation)
    names = map(operation_id, operations)
    run.report.require_success(name for name in names if name not in _OF_DIALED_CALLS)
    return run.report


class _Run:
    """Sends the requests.

    Args:
        standin: the running stand-in.
        report: collects the results.
    """

    def __init__(self, standin: StandIn, report: Report) -> None:
        self.report = report
        self._standin = standin
        self._other_account = standin.control("accounts")["sid"]["twilio"]
        """The account of the injected faults, so that they do not affect this run."""

    def test(self, operation: Any) -> None:
        """Send valid and invalid requests to one operation."""
        for_each_case(operation.as_strategy(GenerationMode.POSITIVE), VALID_REQUESTS, self._send_valid)
        if operation.body or operation.query or operation.path_parameters:
            for_each_case(operation.as_strategy(GenerationMode.NEGATIVE), INVALID_REQUESTS, self._send_invalid)

    def _send_valid(self, case: Any) -> None:
        operation = operation_id(case.operation)
        if case.path_parameters:
            (name,) = case.path_parameters
            case.path_parameters[name] = self._existing(operation)
        for given in (case.body, case.query):
            if isinstance(given, dict) and given:
                self._make_acceptable(operation, given)
        case.body = _with_integers(case.body)
        response = self._call_api(case)
        self.report.check(case, response, CHECKS)
        if response.status_code in {400, 404}:
            self.report.fail(case, f"a valid request got {response.status_code}: {response.text}")

    def _send_invalid(self, case: Any) -> None:
        response = self._call_api(case)
        # schemathesis does not count 413 as a rejection.
        self.report.check(case, response, CHECKS if response.status_code == _TOO_LARGE else REJECTION)

    def _call_api(self, case: Any) -> Any:
        return case.call(base_url=self._standin.url, session=self._standin.session)

    def _existing(self, operation: str) -> str:
        """Create the resource that the path of an operation needs; return its sid or id."""
        standin = self._standin
        make: Mapping[str, Callable[[], str]] = {
            "get_call": lambda: standin.call()["CallSid"],
            "get_conference": lambda: standin.conference()["ConferenceSid"],
            "hang_up_call": lambda: standin.call()["CallSid"],
            "press_keys": self._listening_call,
            "speak": self._listening_call,
            "answer_call": self._listening_call,
            "be_busy": self._listening_call,
            "decline_call": self._listening_call,
            "leave_unanswered": self._listening_call,
            "fail_call": self._listening_call,
            "close_stream": self._connected_call,
            "delete_party": lambda: standin.control("parties", number="+12025550150")["id"],
            "end_conference": lambda: standin.conference()["ConferenceSid"],
            "record_conference": lambda: standin.conference()["ConferenceSid"],
            "create_transcription": lambda: standin.finished_call_recording()["RecordingSid"],
            "delete_fault": lambda: standin.control("faults", on="callback", then={"drop": True})["id"],
            "replay_callback": standin.callback,
        }
        return make[operation]()

    def _listening_call(self) -> str:
        """Create a call that listens to keys and speech."""
        return self._call_with('<Gather input="dtmf speech" timeout="600"/>')

    def _connected_call(self) -> str:
        """Create a call that is connected to a stream."""
        return self._call_with('<Connect><Stream url="wss://example.com/"/></Connect>')

    def _call_with(self, verbs: str) -> str:
        sid: str = self._standin.control("calls", twiml=f"<Response>{verbs}</Response>")["sid"]["twilio"]
        return sid

    def _name_existing(self, given: dict[str, Any]) -> None:
        """Name accounts and an engine that exist."""
        if given.get("account") is not None:
            given["account"] = self._standin.account
        if isinstance(given.get("accounts"), list):
            given["accounts"] = [self._standin.account for _ in given["accounts"]]
        if "engine" in given:
            given["engine"] = STANDIN_ENGINE

    def _make_acceptable(self, operation: str, given: dict[str, Any]) -> None:
        """Adjust what depends on other fields or resources, and bound what takes time."""
        self._name_existing(given)
        for name, most in _MOST.items():
            if name in given:
                given[name] = min(given[name], most)
        adjust: Mapping[str, Callable[[dict[str, Any]], object]] = {
            "advance_clock": self._wait_for_a_call,
            "create_call": _make_call_acceptable,
            "create_conference": _make_conference_acceptable,
            "create_fault": self._inject_elsewhere,
            "create_party": _make_party_acceptable,
            "create_phone_number": _make_number_acceptable,
            "list_accounts": lambda query: query.pop("after", None),  # must be an account that exists
            "reset_account": lambda body: body.update(account=self._other_account),
        }
        if operation in adjust:
            adjust[operation](given)

    def _inject_elsewhere(self, given: dict[str, Any]) -> None:
        """Inject a fault into what it can be injected into, for another account."""
        given["account"] = self._other_account
        given["on"] = _target(given["then"])

    def _wait_for_a_call(self, given: dict[str, Any]) -> None:
        """Advance until something happens in a call, if that is wanted, instead of by so many seconds."""
        if not given.keys() & {"until", "call"}:
            return
        given.pop("advance", None)
        given |= {"until": given.get("until") or "Gather", "call": self._listening_call()}
        given["account"] = self._standin.account


def _make_conference_acceptable(given: dict[str, Any]) -> None:
    """Give a conference in progress participants, and events that exist."""
    if given.get("status") == "in-progress":
        given["participants"] = 2
    if isinstance(given.get("status_callback_event"), str):
        given["status_callback_event"] = "start end"


def _make_call_acceptable(given: dict[str, Any]) -> None:
    """Give a call either a URL or instructions of its own, and only if it comes in and rings."""
    for name in given.keys() & {"url", "fallback_url", "status_callback"}:
        given[name] = REFUSING_URL
    if given.get("twiml") is not None:
        given["url"] = None
    if given.get("twiml") is not None or given.get("url") is not None:
        given |= {"instructions": True, "direction": "inbound"}
        given.pop("status", None)
        given.pop("engine", None)
    for keys in (given.get("party") or {}).get("presses", ()):
        _time_keys(keys)


def _make_party_acceptable(given: dict[str, Any]) -> None:
    """Give all keys of a party one time."""
    for keys in given.get("presses", ()):
        _time_keys(keys)


def _time_keys(keys: dict[str, Any]) -> None:
    if keys.get("after") is None:
        keys["in"] = "Gather"
    else:
        keys.pop("in", None)


def _make_number_acceptable(given: dict[str, Any]) -> None:
    """Give a number that no account has, and a fallback a voice URL."""
    given["phone_number"] = new_number()
    given.pop("voice_application", None)
    if given.get("voice_fallback_url") is not None and given.get("voice_url") is None:
        given["voice_url"] = given["voice_fallback_url"]


_MOST: Final = {"advance": 10, "participants": 3, "timeout": 0.1, "wait": 0.1, "at_most": 10}


def _target(effect: Mapping[str, Any]) -> str:
    """Return what a fault with this effect can be injected into."""
    if "absent" in effect:
        return "media"
    if "unconfirmed" in effect:
        return "update_conference_recording"
    return "*" if effect.keys() & {"status", "delay", "close"} else "callback"


def _with_integers(value: Any) -> Any:
    """Replace numbers such as 2.0 by integers: they are integers in JSON Schema, but not for the control API."""
    if isinstance(value, dict):
        return {name: _with_integers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_integers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
