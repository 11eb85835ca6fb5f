"""Requests to every operation of one dialect."""

from typing import Any, Final

from requests.auth import _basic_auth_str
from schemathesis.generation import GenerationMode

from tests.openapi.report import CHECKS, REJECTION, Report, for_each_case, operation_id, operations_of
from tests.openapi.standin import StandIn, new_number

MAX_PAGE_OFFSET: Final = 10_000
MAX_PAGE_SIZE: Final = 1000

VALID_REQUESTS: Final = 10
OTHER_PATHS: Final = 3
INVALID_REQUESTS: Final = 8
INVALID_PATHS: Final = 3

_DEFAULT_PAGE_SIZE: Final = 50
_FIRST_ERROR: Final = 400
_TWO_CHANNELS: Final = "2"
_AUDIO: Final = (".wav", ".mp3")


def test_dialect(standin: StandIn) -> Report:
    """Send requests to every operation of the stand-in's dialect."""
    operations = operations_of(standin.dialect)
    run = _Run(standin, Report(standin.dialect))
    for operation in operations:
        run.test(operation)
    run.report.require_success(map(operation_id, operations))
    return run.report


class _Run:
    """Sends the requests; reads share resources, and each change has new ones.

    Args:
        standin: the running stand-in.
        report: collects the results.
    """

    def __init__(self, standin: StandIn, report: Report) -> None:
        self.report = report
        self._standin = standin
        self._call = standin.finished_call_recording()
        self._conference = standin.conference()
        self._finished_conference = standin.finished_conference_recording()
        self._key = standin.key()
        self._credentials = {"Authorization": _basic_auth_str(*standin.auth)}

    def test(self, operation: Any) -> None:
        """Send all kinds of requests to one operation."""
        valid, invalid = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
        headers = self._credentials
        for_each_case(operation.as_strategy(valid, headers=headers), VALID_REQUESTS, self._send_valid)
        for_each_case(operation.as_strategy(valid, headers=headers), OTHER_PATHS, self._send_elsewhere)
        for_each_case(operation.as_strategy(valid, headers=headers), 1, self._send_without_credentials)
        for_each_case(operation.as_strategy(invalid, headers=headers), INVALID_PATHS, self._send_invalid_path)
        if operation.body or operation.query:
            samples = {each.name: each.definition["example"] for each in operation.path_parameters}
            strategy = operation.as_strategy(invalid, headers=headers, path_parameters=samples)
            for_each_case(strategy, INVALID_REQUESTS, self._send_invalid)

    def _send_valid(self, case: Any) -> None:
        variables = self._point_to_existing(case)
        _make_acceptable(case, variables, self._standin.dialect)
        response = self._call_api(case)
        self.report.check(case, response, CHECKS)
        if response.status_code >= _FIRST_ERROR and not _is_forbidden(case, self._standin.dialect):
            self.report.fail(case, f"a valid request got {response.status_code}: {response.text}")

    def _send_elsewhere(self, case: Any) -> None:
        self.report.check(case, self._call_api(case), CHECKS)

    def _send_without_credentials(self, case: Any) -> None:
        self._point_to_existing(case)
        case.headers.pop("Authorization")
        response = self._call_api(case)
        self.report.check(case, response, CHECKS)
        is_public = {} in case.operation.definition.raw.get("security", [])
        if response.status_code != 401 and not is_public:
            self.report.fail(case, f"a request without credentials got {response.status_code}")

    def _send_invalid_path(self, case: Any) -> None:
        self.report.check(case, self._call_api(case), REJECTION)

    def _send_invalid(self, case: Any) -> None:
        self._point_to_existing(case)
        tolerates = self._standin.dialect == "twilio" and (_has_odd_muted(case) or _has_status_callback(case))
        accepts = _has_empty_value(case) or tolerates
        self.report.check(case, self._call_api(case), CHECKS if accepts else REJECTION)

    def _call_api(self, case: Any) -> Any:
        return case.call(base_url=self._standin.url, session=self._standin.session, allow_redirects=False)

    def _point_to_existing(self, case: Any) -> dict[str, str]:
        """Set the variables of the path to existing resources; return all that were created."""
        variables = {"AccountSid": self._standin.account, **self._resources(case.operation)}
        case.path_parameters = {name: variables[name] for name in case.path_parameters}
        return variables

    def _resources(self, operation: Any) -> dict[str, str]:
        standin, path, method = self._standin, operation.path, operation.method.upper()
        in_conference = "/Conferences/" in path
        if "/Applications/" in path or "/IncomingPhoneNumbers/" in path or "/Keys/" in path:
            return self._of_account(path, method)
        if method == "DELETE" and "/Participants/" not in path:
            return standin.finished_conference_recording() if in_conference else standin.finished_call_recording()
        if method in {"DELETE", "POST"} and in_conference:
            return standin.conference()
        if in_conference and path.endswith(_AUDIO):
            return self._finished_conference
        if method == "POST":
            return standin.call_recording() if "{RecordingSid}" in path else standin.call()
        return self._conference if in_conference else self._call

    def _of_account(self, path: str, method: str) -> dict[str, str]:
        if "/Applications/" in path:
            return self._standin.application()
        if "/IncomingPhoneNumbers/" in path:
            return self._standin.phone_number()
        return self._standin.key() if method == "DELETE" else self._key


def _make_acceptable(case: Any, variables: dict[str, str], dialect: str) -> None:
    """Adjust what depends on other resources or parameters, which a schema cannot express."""
    if isinstance(case.body, dict) and "CallSidToCoach" in case.body:
        case.body["CallSidToCoach"] = variables["Other"]
    if case.operation.path.endswith("/Calls.json") and case.operation.method.upper() == "POST":
        _make_call_acceptable(case)
    if "/IncomingPhoneNumbers" in case.operation.path and case.operation.method.upper() == "POST":
        _make_number_acceptable(case, variables["AccountSid"])
    query = case.query or {}
    if "Page" in query and "PageToken" not in query:
        size = min(query.get("PageSize", _DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
        query["Page"] = 0 if dialect == "twilio" else min(query["Page"], MAX_PAGE_OFFSET // size)


def _make_call_acceptable(case: Any) -> None:
    """Let a number call, give instructions, and a callback to the detection of machines."""
    body = case.body if isinstance(case.body, dict) else {}
    case.body = body
    body["From"], body["To"] = "+12025550100", body.get("To") or "+12025550144"
    body.pop("ApplicationSid", None)
    body.setdefault("Url", "https://app.example.com/voice")
    if body.get("AsyncAmd"):
        body.setdefault("AsyncAmdStatusCallback", "https://app.example.com/detected")


def _make_number_acceptable(case: Any, account: str) -> None:
    """Give a new number that no account has, a fallback a voice URL, and name no application and no other account."""
    body = case.body if isinstance(case.body, dict) else {}
    if "{PhoneNumberSid}" not in case.operation.path:
        case.body = body
        body.pop("AreaCode", None)
        body["PhoneNumber"] = new_number()
    if "VoiceFallbackUrl" in body:
        body.setdefault("VoiceUrl", body["VoiceFallbackUrl"])
    for name in {"VoiceApplicationSid", "SmsApplicationSid"} & body.keys():
        body[name] = ""
    if "AccountSid" in body:
        body["AccountSid"] = account


def _is_forbidden(case: Any, dialect: str) -> bool:
    """Return whether parameters exclude each other, or the state of the resource forbids the request."""
    body = case.body if isinstance(case.body, dict) else {}
    return (
        ("Twiml" in body and "Url" in body)
        or (body.get("Coaching") is True and "CallSidToCoach" not in body)
        or (dialect == "signalwire" and body.get("Status") == "canceled")
        # The recording of the conference has one channel.
        or (
            "/Conferences/" in case.operation.path and str((case.query or {}).get("RequestedChannels")) == _TWO_CHANNELS
        )
    )


def _has_odd_muted(case: Any) -> bool:
    """Return whether `Muted` is not a boolean: Twilio counts any other value as false."""
    return any(isinstance(given, dict) and "Muted" in given for given in (case.body, case.query))


def _has_status_callback(case: Any) -> bool:
    """Return whether there is a parameter of a status callback: Twilio leaves it out if it is unusable."""
    return isinstance(case.body, dict) and any("StatusCallback" in name for name in case.body)


def _has_empty_value(case: Any) -> bool:
    """Return whether a parameter is empty: it counts as absent, or clears a setting."""
    return any(isinstance(given, dict) and "" in map(_first, given.values()) for given in (case.body, case.query))


def _first(value: Any) -> str:
    """Return a value as text; of a list, its first element; of an object, its first name, which is sent as a value."""
    return str(next(iter(value), "") if isinstance(value, list | dict) else value)
