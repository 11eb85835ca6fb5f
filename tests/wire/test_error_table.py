"""Tests of the error table: each row is accepted, each deviation is refused, and the code has the same rows."""

from collections.abc import Iterator

import pytest

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.errors import (
    ERROR_TABLE,
    ERRORS_AS_STRINGS,
    OPERATIONS_WITH_503,
    PARAMETER_FAULTS,
    RECORDING_UPDATE_CONTENDED,
    RECORDING_UPDATES,
    SERVICE_UNAVAILABLE,
    ErrorAnswers,
)
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tests.wire.facts import DIALECTS, DialectName, ErrorAnswer, ErrorRow, load
from tests.wire.samples import Sample, make

ROOTS = {
    "twilio": "/2010-04-01/Accounts/AC5f0c3b1e8d274a69b7c2d41e9a60f835",
    "signalwire": "/api/laml/2010-04-01/Accounts/5f0c3b1e-8d27-4a69-b7c2-d41e9a60f835",
}
SIDS = {
    "twilio": {
        "call": f"CA{'1' * 32}",
        "conference": f"CF{'2' * 32}",
        "recording": f"RE{'3' * 32}",
        "transcription": f"TR{'4' * 32}",
        "key": f"SK{'5' * 32}",
        "phone number": f"PN{'6' * 32}",
        "application": f"AP{'7' * 32}",
    },
    "signalwire": dict.fromkeys(
        ("call", "conference", "recording", "transcription", "phone number", "application"),
        "11111111-1111-4111-8111-111111111111",
    ),
}
MORE_INFO = {
    "twilio": "https://www.twilio.com/docs/errors/{code}",
    "signalwire": "https://signalwire.com/docs/compatibility-api/reference/errors",
}
STATUS_CALLBACKS = (
    "StatusCallback", "RecordingStatusCallback", "ConferenceStatusCallback", "ConferenceRecordingStatusCallback",
    "AmdStatusCallback",
)  # fmt: skip
DIALECT_OF: dict[DialectName, Dialect] = {"twilio": TWILIO, "signalwire": SIGNALWIRE}
DEFAULT_OPERATION = "update_call"


def _rows() -> Iterator[tuple[str, str, ErrorRow]]:
    for row in load().errors.rows:
        for dialect in DIALECTS:
            if row.of(dialect) is not None:
                operations = row.operations or (DEFAULT_OPERATION,)
                yield dialect, next(name for name in operations if load().operations.operations[name].of(dialect)), row


ROWS = {f"{dialect}: {row.condition}": (dialect, operation, row) for dialect, operation, row in _rows()}
EACH_ROW = pytest.mark.parametrize(("dialect", "operation", "row"), ROWS.values(), ids=ROWS.keys())


def answer_of(row: ErrorRow, dialect: str) -> ErrorAnswer:
    """Return the answer of a row in a dialect that has one."""
    answer = row.of(dialect)
    assert answer is not None
    return answer


def response(dialect: str, operation: str, row: ErrorRow) -> Sample:
    """Return the response of a row, to a request of an operation that gives it."""
    answer = answer_of(row, dialect)
    facts = load().operations.operations[operation]
    method = "PUT" if answer.status == 405 else facts.method
    path = ROOTS[dialect] + facts.paths[0].format_map(SIDS[dialect]) + ".json"
    if answer.body == "strings":
        return make(dialect, method, path, answer.status, {"errors": ["Status is invalid"]})
    message = str(answer.message).replace("{uri}", path).replace("{name}", "Status").replace("{value}", "a value")
    body = {
        "code": answer.code,
        **({"detail": "Your AccountSid or AuthToken was incorrect."} if answer.body == "object_with_detail" else {}),
        "message": message,
        "more_info": MORE_INFO[dialect].format(code=answer.code),
        "status": answer.status,
    }
    return make(dialect, method, path, answer.status, body)


@EACH_ROW
def test_each_row_is_accepted(dialect: str, operation: str, row: ErrorRow) -> None:
    """The status, code and message of each row are accepted from an operation that gives them."""
    response(dialect, operation, row).check()


@EACH_ROW
def test_each_deviation_from_a_row_is_refused(dialect: str, operation: str, row: ErrorRow) -> None:
    """Another code, message, link or status in the body is refused, and so are the types and names of RFC 9457."""
    body = response(dialect, operation, row).body
    if answer_of(row, dialect).body == "strings":
        changes: list[dict[str, object]] = [{"errors": []}, {"errors": [{}]}, {"errors": "no"}, {"code": 10000}]
    else:
        changes = [
            {"code": 29999, "more_info": MORE_INFO[dialect].format(code=29999)},
            {"code": str(body["code"])},
            {"message": "Something else happened"},
            {"message": ""},
            {"message": None},
            {"more_info": "https://example.com/errors"},
            {"status": 418},
            {"status": str(body["status"])},
            {"title": "Not Found"},
            {"type": "about:blank"},
        ]
    for change in changes:
        sample = response(dialect, operation, row)
        sample.body.update(change)
        with pytest.raises(AssertionError):
            sample.check()


@pytest.mark.parametrize("status", [402, 403, 409, 418, 502])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_other_statuses_are_refused(dialect: str, status: int) -> None:
    """A status that no row has is refused from every operation."""
    (row,) = [row for row in load().errors.rows if row.error == "TapedeckError"]
    for operation, facts in load().operations.operations.items():
        if facts.of(dialect) is None:
            continue
        sample = response(dialect, operation, row)
        sample.status = sample.body["status"] = status
        with pytest.raises(AssertionError, match="status one of"):
            sample.check()


# --- The code's table ------------------------------------------------------------------------------------------------


NOT_IN_THE_DATA = {
    # Twilio ignores the cancellation of an answered call, and warns about status callbacks. An unavailable store is
    # answered as an internal error.
    "twilio": {"CallAnswered", "StoreUnavailable", "StoreUnresolved", "callback_url", "event", "async_detection"},
    # SignalWire has no labels, no names of conferences in paths, no `Twilio.CURRENT` and no choice of channels. It
    # skips pages without a token. It takes no area code in place of a number.
    "signalwire": {
        "AmbiguousCurrentRecording",
        "LabelInUse",
        "NotDualChannel",
        "StoreUnavailable",
        "StoreUnresolved",
        "label",
        "page_token_missing",
        "ConferenceReadByName",
        "area_code",
        "area_code_empty",
        "markup",
    },
}
"""The rows of the code that never become a response of the dialect, or equal another row."""


def _as_data(answers: ErrorAnswers, dialect: str) -> tuple[int, int, str]:
    answer = answers.twilio if dialect == "twilio" else answers.signalwire
    return answer.status, answer.code, answer.message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_code_has_the_same_table(dialect: str) -> None:
    """Each row with a class or a fault equals the row of the code's error table; no row of the code is missing."""
    code = {
        **{kind.__name__: _as_data(answers, dialect) for kind, answers in ERROR_TABLE.items()},
        **{fault: _as_data(answers, dialect) for fault, answers in PARAMETER_FAULTS.items()},
    }
    data = {
        str(row.error or row.fault): (answer.status, answer.code, answer.message)
        for row in load().errors.rows
        if (answer := row.of(dialect)) is not None and (row.error or row.fault)
    }
    assert {name: code[name] for name in data} == data
    assert code.keys() - data.keys() == NOT_IN_THE_DATA[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_code_has_the_same_warnings(dialect: DialectName) -> None:
    """Each row is a warning of the code, and no warning of the code is missing."""
    data = {row.parameter: (row.code, row.text) for row in load().warnings if dialect in row.dialects}
    names = {f"{callback}{suffix}" for callback in STATUS_CALLBACKS for suffix in ("", "Method", "Event")}
    found = {name: DIALECT_OF[dialect].warning(name) for name in sorted(names)}
    assert {name: (warning.code, warning.text) for name, warning in found.items() if warning is not None} == data
    assert {name for name, warning in found.items() if warning is not None and warning.parameter != name} == set()


def test_the_code_has_the_same_exceptions() -> None:
    """The rows without a class or a fault are the answers that only some operations of one dialect give."""
    rows = [
        (dialect, set(row.operations or ()), answer.status, answer.code, answer.message)
        for row in load().errors.rows
        if row.error is None and row.fault is None
        for dialect in DIALECTS
        if (answer := row.of(dialect)) is not None
    ]
    assert sorted(rows, key=lambda row: row[2]) == [
        ("twilio", set(RECORDING_UPDATES), *RECORDING_UPDATE_CONTENDED),
        ("signalwire", set(ERRORS_AS_STRINGS), 422, None, None),
        ("signalwire", set(OPERATIONS_WITH_503), *SERVICE_UNAVAILABLE),
    ]
