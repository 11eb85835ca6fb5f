"""The error table: every refusal and every fault, by operation, in both dialects (behaviour.md, section 3)."""

import pytest

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.errors import PARAMETER_FAULTS, REFUSALS
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
    errors.BodyTooLarge: "body too large",
    errors.MalformedBody: "malformed body",
    errors.NotEligibleForRecording: "not eligible",
    errors.AmbiguousCurrentRecording: "several current",
    errors.ConferenceNotInProgress: "conference state",
    errors.CallHasEnded: "call ended",
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
    "conference_status": "conference status",
    "page_size": "page size",
    "page_token": "page token",
    "label": "label bad",
    "coaching": "coaching bad",
}


BOTH = pytest.mark.parametrize("dialect", [TWILIO, SIGNALWIRE], ids=["twilio", "signalwire"])


@BOTH
@pytest.mark.parametrize("error", CONDITIONS)
def test_answers_refusals(dialect: Dialect, error: type[errors.TapedeckError]) -> None:
    """A refusal is one row of the table, on every operation; the path is quoted as it is, braces and all."""
    challenge = {"twilio": 'Basic realm="Twilio API"', "signalwire": 'Basic realm="SignalWire"'}[dialect.name]
    for operation in OPERATIONS:
        reply = dialect.error(error(), URI, operation)
        status, body = refusal(dialect.name, CONDITIONS[error], uri=URI)
        assert (reply.status, reply.body, reply.code) == (status, body, body["code"])
        assert reply.headers == ({"WWW-Authenticate": challenge} if status == 401 else {})


@BOTH
@pytest.mark.parametrize("fault", PARAMETER_FAULTS)
def test_answers_faults(dialect: Dialect, fault: str) -> None:
    """A parameter's fault is one row of the table; S's FR3 alone answers an array of strings."""
    for operation in OPERATIONS:
        reply = dialect.error(errors.InvalidParameter("Name", fault), URI, operation)
        as_strings = operation == "update_conference_recording"
        expected = refusal(dialect.name, FAULTS[fault], name="Name", as_strings=as_strings)
        assert (reply.status, reply.body) == expected
        assert reply.code == refusal(dialect.name, FAULTS[fault])[1]["code"]


# Rule R2, and `internal error` of section 3.
BUSY = {
    "twilio": dict.fromkeys(("update_call_recording", "update_conference_recording"), "not confirmed"),
    "signalwire": dict.fromkeys(
        ("create_call_recording", "update_call_recording", "update_conference_recording", "update_conference"),
        "not confirmed",
    ),
}


@BOTH
@pytest.mark.parametrize("operation", OPERATIONS)
def test_answers_failures_of_the_store(dialect: Dialect, operation: str) -> None:
    """Contention: T 408 on the recording updates, else 429; S 503 where its file lists it, else 429. No answer: 500."""
    busy = dialect.error(errors.StoreBusy(), URI, operation)
    expected = refusal(dialect.name, BUSY[dialect.name].get(operation, "too many requests"))
    assert (busy.status, busy.body) == expected
    gone = dialect.error(errors.StoreUnavailable(), URI, operation)
    condition = "internal error"
    if dialect is SIGNALWIRE:
        condition = BUSY["signalwire"].get(operation, condition)
    assert (gone.status, gone.body) == refusal(dialect.name, condition)


@BOTH
def test_tells_no_client_what_was_captured(dialect: Dialect) -> None:
    """Media that cannot be read are an internal error."""
    for operation in ("get_recording", "delete_recording"):
        reply = dialect.error(errors.MediaMissing(), URI, operation)
        assert (reply.status, reply.body) == refusal(dialect.name, "internal error")


def _all_below(error: type[BaseException]) -> set[type[BaseException]]:
    below = set(error.__subclasses__())
    return below.union(*map(_all_below, below))


def test_has_an_answer_for_every_error() -> None:
    """Each class of the tree has a row of its own or of a base that is not the root; the docstring draws the tree."""
    for error in _all_below(errors.TapedeckError):
        if error.__module__ != errors.__name__:
            continue
        # What was captured is no client's affair: to a client that meets it, it is a fault like any other; and what a
        # media engine tells never meets a client.
        if error not in {errors.InvalidParameter, errors.StoreFailure, errors.MediaMissing, errors.EventRejected}:
            assert any(base in REFUSALS for base in error.__mro__[:-1] if base is not errors.TapedeckError)
        assert error.__name__ in str(errors.__doc__)
