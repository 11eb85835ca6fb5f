"""The error table: every error and every parameter fault, by operation, in both dialects."""

import pytest

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.errors import ERROR_TABLE, PARAMETER_FAULTS
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain import errors
from tests.functions.expected import refusal

URI = "/2010-04-01/Accounts/{name}/é.json"
OPERATIONS = (
    "create_call_recording",
    "get_call_recording",
    "update_call_recording",
    "get_conference_recording",
    "update_conference_recording",
    "get_call",
    "get_conference",
    "get_recording",
    "delete_recording",
    "update_conference",
    "default",
)

CONDITIONS = {
    errors.CredentialsMissing: "no credentials",
    errors.NotAuthenticated: "bad credentials",
    errors.NotFound: "not found",
    errors.MethodNotAllowed: "method",
    errors.ConferenceReadByName: "conference read by name",
    errors.BodyTooLarge: "body too large",
    errors.MalformedBody: "malformed body",
    errors.NotEligibleForRecording: "not eligible",
    errors.NotConfirmed: "not confirmed",
    errors.AmbiguousCurrentRecording: "several current",
    errors.ConferenceNotInProgress: "conference state",
    errors.CallHasEnded: "call ended",
    errors.CallAlreadyEnded: "call ended already",
    errors.CallAnswered: "call answered",
    errors.CallNotInProgress: "call not in progress",
    errors.ConferenceOverForParticipant: "has left",
    errors.LabelInUse: "label in use",
    errors.NotFinished: "not finished",
    errors.NotDualChannel: "one channel",
    errors.StoreThrottled: "too many requests",
}
FAULTS = {
    "missing": "parameter missing",
    "choice": "value outside the enum",
    "method": "no HTTP method",
    "event": "event unknown",
    "trim": "trim unknown",
    "url": "no URL",
    "callback_url": "no callback URL",
    "instructions_url": "no instructions URL",
    "instructions_method": "no instructions method",
    "conference_status": "conference status",
    "number": "number bad",
    "number_taken": "number taken",
    "number_method": "number method",
    "area_code": "area code bad",
    "area_code_empty": "area code empty",
    "fallback_url": "fallback without a URL",
    "application": "application unknown",
    "to_missing": "to missing",
    "to": "to bad",
    "to_refused": "to refused",
    "to_unreachable": "to unreachable",
    "to_international": "to international",
    "to_blocked": "to blocked",
    "from_missing": "from missing",
    "from": "from bad",
    "instructions_missing": "no instructions",
    "markup": "markup too long",
    "status_callback": "no status callback URL",
    "digits": "digits bad",
    "timeout": "timeout bad",
    "machine_detection": "machine detection bad",
    "async_detection": "no detection callback",
    "page_size": "page size",
    "page_token": "page token",
    "page_token_missing": "page token missing",
    "label": "label bad",
    "coaching": "coaching bad",
}


BOTH = pytest.mark.parametrize("dialect", [TWILIO, SIGNALWIRE], ids=["twilio", "signalwire"])


@BOTH
@pytest.mark.parametrize("error", CONDITIONS)
def test_renders_errors(dialect: Dialect, error: type[errors.TapedeckError]) -> None:
    """Each error has one response for all operations; the path is quoted literally, braces included (C-18, C-20)."""
    challenge = {"twilio": 'Basic realm="Twilio API"', "signalwire": 'Basic realm="SignalWire"'}[dialect.name]
    for operation in OPERATIONS:
        reply = dialect.error(error(), URI, operation)
        status, body = refusal(dialect.name, CONDITIONS[error], uri=URI)
        assert (reply.status, reply.body, reply.code) == (status, body, body["code"])
        expected = {401: {"WWW-Authenticate": challenge}, 408: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}
        assert reply.headers == expected.get(status, {})


@BOTH
@pytest.mark.parametrize("fault", PARAMETER_FAULTS)
def test_renders_parameter_faults(dialect: Dialect, fault: str) -> None:
    """Each parameter fault has one response; only SignalWire's update of a conference recording returns strings."""
    for operation in OPERATIONS:
        reply = dialect.error(errors.InvalidParameter("Name", fault, value="{uri}"), URI, operation)
        as_strings = operation == "update_conference_recording"
        expected = refusal(dialect.name, FAULTS[fault], name="Name", value="{uri}", as_strings=as_strings)
        assert (reply.status, reply.body) == expected
        assert reply.code == refusal(dialect.name, FAULTS[fault])[1]["code"]


# Operations whose API description lists a response for an unconfirmed write (REL-2).
BUSY = {
    "twilio": dict.fromkeys(("update_call_recording", "update_conference_recording"), "not confirmed"),
    "signalwire": dict.fromkeys(
        ("create_call_recording", "update_call_recording", "update_conference_recording", "update_conference"),
        "not confirmed",
    ),
}


@BOTH
@pytest.mark.parametrize("operation", OPERATIONS)
def test_renders_failures_of_the_store(dialect: Dialect, operation: str) -> None:
    """A busy or unavailable store answers 408, 429, 500 or 503, by dialect and operation (C-19)."""
    busy = dialect.error(errors.StoreBusy(), URI, operation)
    expected = refusal(dialect.name, BUSY[dialect.name].get(operation, "too many requests"))
    assert (busy.status, busy.body) == expected
    gone = dialect.error(errors.StoreUnavailable(), URI, operation)
    condition = "internal error"
    if dialect is SIGNALWIRE:
        condition = BUSY["signalwire"].get(operation, condition)
    assert (gone.status, gone.body) == refusal(dialect.name, condition)


@BOTH
def test_missing_media_are_an_internal_error(dialect: Dialect) -> None:
    """Media that cannot be read are an internal error: clients learn no details."""
    for operation in ("get_recording", "delete_recording"):
        reply = dialect.error(errors.MediaMissing(), URI, operation)
        assert (reply.status, reply.body) == refusal(dialect.name, "internal error")


def _all_subclasses(error: type[BaseException]) -> set[type[BaseException]]:
    subclasses = set(error.__subclasses__())
    return subclasses.union(*map(_all_subclasses, subclasses))


# --8<-- [start:every]
def test_every_error_has_a_response() -> None:
    """Each error class, or a base class below the root, is in the table; the module docstring lists the class."""
    for error in _all_subclasses(errors.TapedeckError):
        if error.__module__ != errors.__name__:
            continue
        # Missing media are an internal error for clients; what an engine reports wrongly never reaches a client.
        never_shown = (errors.MediaMissing, errors.CaptureConflict)
        if error not in {errors.InvalidParameter, errors.StoreFailure} and not issubclass(error, never_shown):
            assert any(base in ERROR_TABLE for base in error.__mro__[:-1] if base is not errors.TapedeckError)
        assert error.__name__ in str(errors.__doc__)
    # --8<-- [end:every]
