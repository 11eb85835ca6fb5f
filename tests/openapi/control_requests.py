"""Requests to every operation of the control API."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from schemathesis.generation import GenerationMode

from tapedeck.settings import STANDIN_ENGINE
from tests.openapi.report import CHECKS, REJECTION, Report, for_each_case, operation_id, operations_of
from tests.openapi.standin import StandIn, new_number

_TOO_LARGE: Final = 413

VALID_REQUESTS: Final = 8
INVALID_REQUESTS: Final = 8

_LAST: Final = ("report_event", "reset_account")
"""Events for unknown resources stay pending, and a reset deletes the resources of the other operations."""


def test_control_api(standin: StandIn) -> Report:
    """Send requests to every operation of the control API."""
    operations = operations_of("control-api")
    run = _Run(standin, Report("control-api"))
    for operation in sorted(operations, key=lambda each: operation_id(each) in _LAST):
        run.test(operation)
    run.report.require_success(map(operation_id, operations))
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
            "end_conference": lambda: standin.conference()["ConferenceSid"],
            "record_conference": lambda: standin.conference()["ConferenceSid"],
            "create_transcription": lambda: standin.finished_call_recording()["RecordingSid"],
            "delete_fault": lambda: standin.control("faults", on="callback", then={"drop": True})["id"],
            "replay_callback": standin.callback,
        }
        return make[operation]()

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
        if operation == "list_accounts":
            given.pop("after", None)  # must be an account that exists
        if operation == "create_conference":
            if given.get("status") == "in-progress":
                given["participants"] = 2
            if isinstance(given.get("status_callback_event"), str):
                given["status_callback_event"] = "start end"
        if operation == "create_fault":
            given["account"] = self._other_account
            given["on"] = _target(given["then"])
        if operation == "create_phone_number":
            _make_number_acceptable(given)
        if operation == "reset_account":
            given["account"] = self._other_account


def _make_number_acceptable(given: dict[str, Any]) -> None:
    """Give a number that no account has, and a fallback a voice URL."""
    given["phone_number"] = new_number()
    given.pop("voice_application", None)
    if given.get("voice_fallback_url") is not None and given.get("voice_url") is None:
        given["voice_url"] = given["voice_fallback_url"]


_MOST: Final = {"advance": 10, "participants": 3, "timeout": 0.1, "wait": 0.1}


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
