"""What the log line says about a request: warnings of a request that was done, and the reason of an error."""

from collections.abc import Callable
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.stage import Stage, call_path, conference_path

LogLines = Callable[[], list[dict[str, Any]]]

URL = "https://user:canary@app.example.com/hooks?secret=canary"
PARTIES = {"From": "+12025550143", "To": "+12025550178"}
CANARIES = ("canary", "2025550143", "2025550178", "example.com")

UNUSABLE_URL = "Invalid recordingStatusCallback URL: the URL is not used"
UNKNOWN_EVENT = "Invalid recordingStatusCallbackEvent: only known events count"
WRONG_METHOD = "Invalid Method: POST is used"
CONFERENCE = "Failed to validate conference attributes: "

RECORDING_WARNINGS: list[tuple[dict[str, Any], list[tuple[str, int, str]]]] = [
    ({"RecordingStatusCallback": "/canary"}, [("RecordingStatusCallback", 13256, UNUSABLE_URL)]),
    (
        {"RecordingStatusCallback": URL, "RecordingStatusCallbackEvent": "canary"},
        [("RecordingStatusCallbackEvent", 13621, UNKNOWN_EVENT)],
    ),
    (
        {"RecordingStatusCallback": URL, "RecordingStatusCallbackMethod": "canary"},
        [("RecordingStatusCallbackMethod", 21209, WRONG_METHOD)],
    ),
    (
        {"RecordingStatusCallback": "canary", "RecordingStatusCallbackMethod": "PUT"},
        [("RecordingStatusCallback", 13256, UNUSABLE_URL), ("RecordingStatusCallbackMethod", 21209, WRONG_METHOD)],
    ),
]
PARTICIPANT_WARNINGS = [
    *RECORDING_WARNINGS,
    (
        {"StatusCallback": "canary", "StatusCallbackEvent": "initiated ringing"},
        [
            ("StatusCallback", 21609, "Invalid StatusCallback: the URL is not used"),
            ("StatusCallbackEvent", 21626, "Invalid StatusCallbackEvent: only known events count"),
        ],
    ),
    (
        {"ConferenceStatusCallback": "/", "ConferenceStatusCallbackMethod": "-", "ConferenceStatusCallbackEvent": "-"},
        [
            ("ConferenceStatusCallback", 16002, f"{CONFERENCE}the URL is not used"),
            ("ConferenceStatusCallbackMethod", 16002, f"{CONFERENCE}POST is used"),
            ("ConferenceStatusCallbackEvent", 16002, f"{CONFERENCE}only known events count"),
        ],
    ),
    (
        {"ConferenceRecordingStatusCallback": "canary", "ConferenceRecordingStatusCallbackEvent": "paused"},
        [
            ("ConferenceRecordingStatusCallback", 13256, UNUSABLE_URL),
            ("ConferenceRecordingStatusCallbackEvent", 13621, UNKNOWN_EVENT),
        ],
    ),
    (
        {"AmdStatusCallback": "canary", "AmdStatusCallbackMethod": "canary"},
        [
            ("AmdStatusCallback", 21609, "Invalid StatusCallback: the URL is not used"),
            ("AmdStatusCallbackMethod", 21209, WRONG_METHOD),
        ],
    ),
]


def logged(log_lines: LogLines) -> dict[str, Any]:
    """Return the only new log line, which contains no value of the request."""
    (line,) = log_lines()
    assert [word for word in CANARIES if word in str(line)] == []
    return line


def as_logged(warnings: list[tuple[str, int, str]]) -> list[dict[str, Any]]:
    """Return warnings as a log line has them."""
    return [{"parameter": parameter, "code": code, "reason": text} for parameter, code, text in warnings]


@pytest.mark.parametrize(("form", "warnings"), RECORDING_WARNINGS)
def test_an_unusable_callback_is_a_warning(
    make_twilio: Callable[[], FunctionClient],
    stage: Stage,
    log_lines: LogLines,
    form: dict[str, Any],
    warnings: list[tuple[str, int, str]],
) -> None:
    """The line of a start has the code and the reason of each unusable parameter, and the call (C-140)."""
    call, client = stage.call(), make_twilio()
    assert client.post(*call_path(client, call, ""), form=form).status == 201
    line = logged(log_lines)
    assert (line["status"], line["call"], line["warnings"]) == (201, call.id, as_logged(warnings))


@pytest.mark.parametrize(("form", "warnings"), PARTICIPANT_WARNINGS)
def test_the_warnings_of_a_dialed_participant_name_its_call(
    make_twilio: Callable[[], FunctionClient],
    stage: Stage,
    log_lines: LogLines,
    form: dict[str, Any],
    warnings: list[tuple[str, int, str]],
) -> None:
    """The line of a new participant has its warnings and the new call, besides the conference."""
    conference, client = stage.conference(), make_twilio()
    answer = client.post(*conference_path(client, conference), "Participants", form={**PARTIES, **form})
    line = logged(log_lines)
    assert (line["status"], line["sid"]) == (201, conference.id)
    assert (f"CA{line['call']}", line["warnings"]) == (answer.body["call_sid"], as_logged(warnings))


def test_the_warnings_of_an_updated_call(
    make_twilio: Callable[[], FunctionClient], stage: Stage, log_lines: LogLines
) -> None:
    """The line of an update has the warnings about the status callback of the call."""
    call, client = stage.call(), make_twilio()
    form = {"StatusCallback": "canary", "StatusCallbackMethod": "canary", "Url": URL}
    assert client.post(*call_path(client, call), form=form).status == 200
    line = logged(log_lines)
    assert (line["call"], line["warnings"]) == (
        call.id,
        as_logged(
            [
                ("StatusCallback", 21609, "Invalid StatusCallback: the URL is not used"),
                ("StatusCallbackMethod", 21209, WRONG_METHOD),
            ]
        ),
    )


@pytest.mark.parametrize("form", [{"RecordingStatusCallback": "/canary"}, {"RecordingStatusCallbackEvent": "canary"}])
def test_a_failed_request_has_no_warnings(
    client: FunctionClient, stage: Stage, log_lines: LogLines, form: dict[str, str]
) -> None:
    """A request that does nothing has an error and no warnings, in both dialects."""
    ended = stage.call("completed", ended=stage.clock.seconds)
    answer = client.post(*call_path(client, ended, ""), form=form)
    line = logged(log_lines)
    assert (answer.status, line["status"]) == ((400, 400) if client.dialect.name == "twilio" else (422, 422))
    assert line.keys() & {"warnings", "call"} == set()


@pytest.mark.parametrize(
    "form",
    [{"RecordingStatusCallback": URL, "RecordingStatusCallbackEvent": "failed"}, {"RecordingStatusCallback": ""}],
)
def test_a_usable_callback_has_no_warning(
    client: FunctionClient, stage: Stage, log_lines: LogLines, form: dict[str, str]
) -> None:
    """A line without anything unusable has neither warnings nor a reason."""
    client.post(*call_path(client, stage.call(), ""), form=form)
    assert logged(log_lines).keys() & {"warnings", "call", "parameter", "reason"} == set()


REASONS: list[tuple[str, dict[str, Any], str, str]] = [
    ("Recordings", {"Trim": "canary"}, "Trim", "not one of trim-silence, do-not-trim"),
    ("", {"Method": "canary"}, "Method", "not one of GET, POST"),
    ("", {"Url": "canary"}, "Url", "not an absolute http or https URL"),
    ("", {"FallbackUrl": URL.replace("https", "ftp")}, "FallbackUrl", "not an absolute http or https URL"),
]


@pytest.mark.parametrize(("below", "form", "parameter", "reason"), REASONS)
def test_a_rejected_request_logs_the_parameter_and_the_reason(
    client: FunctionClient,
    stage: Stage,
    log_lines: LogLines,
    below: str,
    form: dict[str, Any],
    parameter: str,
    reason: str,
) -> None:
    """The line of a rejected request names the parameter and says what is wrong, in both dialects (C-141)."""
    path = [part for part in ("Calls", client.sid(ResourceType.CALL, stage.call().id), below) if part]
    assert client.post(*path, form=form).status == (400 if client.dialect.name == "twilio" else 422)
    line = logged(log_lines)
    assert (line["parameter"], line["reason"]) == (parameter, reason)


QUERIES = [
    ("PageSize=0", "PageSize", "below 1"),
    ("PageSize=canary", "PageSize", "no whole number"),
    ("Page=-1", "Page", "below 0"),
    ("PageToken=canary", "PageToken", "not PA or PB and a sid"),
    ("DateCreated%3E=canary", "DateCreated>", "not a date that is accepted here"),
]


@pytest.mark.parametrize(("query", "parameter", "reason"), QUERIES)
def test_a_rejected_list_logs_the_parameter_and_the_reason(
    client: FunctionClient, log_lines: LogLines, query: str, parameter: str, reason: str
) -> None:
    """The line of a list names the invalid parameter of its query."""
    answer = client.request("GET", f"{client.path('Recordings')}?{query}")
    assert answer.status == (400 if client.dialect.name == "twilio" else 422)
    line = logged(log_lines)
    assert (line["parameter"], line["reason"]) == (parameter, reason)


def test_a_missing_page_token_is_logged(make_twilio: Callable[[], FunctionClient], log_lines: LogLines) -> None:
    """The line of a page number without a token names the token that is missing."""
    client = make_twilio()
    assert client.request("GET", f"{client.path('Calls')}?Page=1").status == 400
    line = logged(log_lines)
    assert (line["parameter"], line["reason"]) == ("PageToken", "missing, although Page is above 0")


@pytest.mark.parametrize("has_stopped", [False, True])
@pytest.mark.parametrize("parent", ["call", "conference"])
def test_no_current_recording_is_logged(
    make_twilio: Callable[[], FunctionClient], stage: Stage, log_lines: LogLines, parent: str, *, has_stopped: bool
) -> None:
    """The line of `Twilio.CURRENT` says that no recording is active, also if one was: the parent itself goes on."""
    client, call, conference = make_twilio(), stage.call(), stage.conference()
    path = call_path(client, call, "") if parent == "call" else conference_path(client, conference, "")
    if has_stopped:
        stage.recording(call if parent == "call" else conference, "stopped")
    answer = client.post(*path, "Twilio.CURRENT", form={"Status": "paused"})
    assert (answer.status, answer.body["code"]) == (400, 21220)
    assert logged(log_lines)["reason"] == "no recording is active"


def test_an_operation_logs_the_parameter_and_the_reason(
    client: FunctionClient, stage: Stage, log_lines: LogLines
) -> None:
    """A parameter that only the operation can check is logged as well: the coached call."""
    conference = stage.conference()
    participant = stage.participant(conference)
    coached = client.sid(ResourceType.CALL, stage.call().id)
    path = (*conference_path(client, conference), "Participants", client.sid(ResourceType.CALL, participant.call))
    form = {"Coaching": "true", "CallSidToCoach": coached}
    assert client.post(*path, form=form).status == (400 if client.dialect.name == "twilio" else 422)
    line = logged(log_lines)
    assert (line["parameter"], line["reason"]) == ("CallSidToCoach", "not a call in this conference")


PARTICIPANTS = [
    ({"To": PARTIES["To"]}, "From", "Field required"),
    ({**PARTIES, "Timeout": "4"}, "Timeout", "not from 5 to 600"),
    ({**PARTIES, "Timeout": "canary"}, "Timeout", "no whole number"),
    ({**PARTIES, "Record": "canary"}, "Record", "not a boolean"),
    ({**PARTIES, "To": "canary"}, "To", "neither a number nor an address"),
    ({**PARTIES, "Label": "canary/"}, "Label", "too long, with a slash, or like the sid of a call"),
]


@pytest.mark.parametrize(("form", "parameter", "reason"), PARTICIPANTS)
def test_a_rejected_participant_logs_the_parameter_and_the_reason(
    make_twilio: Callable[[], FunctionClient],
    stage: Stage,
    log_lines: LogLines,
    form: dict[str, str],
    parameter: str,
    reason: str,
) -> None:
    """The line names a missing parameter, an invalid one, and one that is checked after all others."""
    client = make_twilio()
    path = (*conference_path(client, stage.conference()), "Participants")
    assert client.post(*path, form=form).status == 400
    line = logged(log_lines)
    assert (line["parameter"], line["reason"]) == (parameter, reason)


BODIES = [
    (b"Trim=canary%zz", "application/x-www-form-urlencoded", "a percent escape in the form is broken"),
    (b"Trim=canary\xff", "application/x-www-form-urlencoded", "the form is not UTF-8"),
    ("canary=" + "y" * 65_536, "application/x-www-form-urlencoded", "the body has more than 64 KB"),
    ("canary&" * 200, "application/x-www-form-urlencoded", "the body has more than 200 fields"),
    ('{"canary":', "application/json", "the body is not JSON"),
    ('["canary"]', "application/json", "the JSON is not an object"),
]


@pytest.mark.parametrize(("body", "content_type", "reason"), BODIES)
def test_a_malformed_body_logs_the_reason(
    client: FunctionClient, stage: Stage, log_lines: LogLines, body: str | bytes, content_type: str, reason: str
) -> None:
    """The line of a body that cannot be read says why, without a parameter; Twilio's dialect reads no JSON."""
    client.gateway = "sam"  # it forwards every body unchanged
    path = client.path(*call_path(client, stage.call(), ""))
    answer = client.request("POST", path, form=body, content_type=content_type)
    line = logged(log_lines)
    if client.dialect.name == "twilio" and content_type == "application/json":
        assert (answer.status, line.get("reason")) == (201, None)
    else:
        assert answer.status in {400, 413}
        assert (line.get("parameter"), line["reason"]) == (None, reason)


def test_a_state_that_forbids_the_request_is_logged(client: FunctionClient, stage: Stage, log_lines: LogLines) -> None:
    """The line of a 400 without an invalid parameter says which state forbids the request."""
    ended = stage.call("completed", ended=stage.clock.seconds)
    assert client.post(*call_path(client, ended, "")).status == 400
    line = logged(log_lines)
    reason = "the call is not in progress, has too many recordings, or the capture has ended"
    assert (line.get("parameter"), line["reason"]) == (None, reason)
