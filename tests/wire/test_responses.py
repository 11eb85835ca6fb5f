"""Tests of the validator on whole responses: statuses, headers, pages, media, and how the fields of a body relate."""

import json
from collections.abc import Callable

import pytest

from tests.wire import samples
from tests.wire.facts import load
from tests.wire.samples import Sample, example
from tests.wire.validator import check_response

TWILIO = "/2010-04-01/Accounts/AC5f0c3b1e8d274a69b7c2d41e9a60f835"
TWILIO_CALL = f"{TWILIO}/Calls/CA0b7d9c52e1f64a3885c06d2f7e914ba3"
TWILIO_RECORDING = f"{TWILIO}/Recordings/RE2d94e7f1a05b4b76930c8e6f5ab1d742"
TWILIO_CALL_RECORDING = f"{TWILIO_CALL}/Recordings/RE2d94e7f1a05b4b76930c8e6f5ab1d742"
TWILIO_CONFERENCE = f"{TWILIO}/Conferences/CF7e25d6b09f1c4c83a4f8310b6dc972e5"

SIGNALWIRE = "/api/laml/2010-04-01/Accounts/5f0c3b1e-8d27-4a69-b7c2-d41e9a60f835"
SIGNALWIRE_CALL = f"{SIGNALWIRE}/Calls/0b7d9c52-e1f6-4a38-85c0-6d2f7e914ba3"
SIGNALWIRE_CONFERENCE = f"{SIGNALWIRE}/Conferences/7e25d6b0-9f1c-4c83-a4f8-310b6dc972e5"
SIGNALWIRE_RECORDING = f"{SIGNALWIRE}/Recordings/2d94e7f1-a05b-4b76-930c-8e6f5ab1d742"
SIGNALWIRE_CALL_RECORDING = f"{SIGNALWIRE_CALL}/Recordings/2d94e7f1-a05b-4b76-930c-8e6f5ab1d742"
CONFERENCE_SID = "7e25d6b0-9f1c-4c83-a4f8-310b6dc972e5"
RECORDING_SID = "2d94e7f1-a05b-4b76-930c-8e6f5ab1d742"


@pytest.mark.parametrize(("dialect", "name"), samples.names(), ids=[".".join(pair) for pair in samples.names()])
def test_accepts_each_example(dialect: str, name: str) -> None:
    """Each example is accepted as the response to its request."""
    example(dialect, name).check()


def test_every_body_has_an_example_in_every_dialect() -> None:
    """Every body of every resource, and a page of every resource, is among the examples."""
    assert {(dialect, example(dialect, name).body_name) for dialect, name in samples.names()} >= {
        (dialect, name) for name, _, dialect, _ in load().bodies()
    }


# --- Refused responses -----------------------------------------------------------------------------------------------

Change = Callable[[Sample], object]


def body(**changes: object) -> Change:
    """Set fields: existing ones in place, new ones at the end."""
    return lambda sample: sample.body.update(changes)


def last(name: str) -> Change:
    """Move a field to the end."""
    return lambda sample: sample.body.update({name: sample.body.pop(name)})


def without(name: str) -> Change:
    """Remove a field."""
    return lambda sample: sample.body.pop(name)


def item(**changes: object) -> Change:
    """Set fields of the second item of a page of recordings."""
    return lambda sample: sample.body["recordings"][1].update(changes)


def answer_is(**changes: object) -> Change:
    """Set attributes of the response: method, path, status or body."""
    return lambda sample: vars(sample).update(changes)


def header(name: str, value: str | None) -> Change:
    """Set a header, or remove it."""
    if value is None:
        return lambda sample: sample.headers.pop(name)
    return lambda sample: sample.headers.update({name: value})


REFUSED: dict[str, tuple[str, str, Change, str]] = {
    # How the fields of a body relate.
    "channel unlike channels": ("signalwire", "call_recording.completed", body(channel="2"), "/channels"),
    "of a call and of a conference": (
        "signalwire", "call_recording.completed", body(conference_sid=CONFERENCE_SID), "/conference_sid",
    ),
    "of neither": ("signalwire", "call_recording.completed", body(call_sid=None), "/conference_sid"),
    "a duration of a paused recording": ("signalwire", "call_recording.paused", body(duration=4), "/duration"),
    "a duration before the end": ("twilio", "call_recording.paused", body(duration="4"), "/duration"),
    "no duration after the end": ("twilio", "call_recording.completed", body(duration=None), "/duration"),
    "a currency without a price": ("twilio", "call_recording.completed", body(price_unit="USD"), "/price_unit"),
    "a price without a currency": ("twilio", "call.completed", body(price="-0.02"), "/price_unit"),
    "stopped on GET": ("twilio", "call_recording.completed", body(status="stopped", duration=None), "/status"),
    "processing on POST": ("twilio", "call_recording.paused", body(status="processing"), "/status"),
    "deleted below a call": ("twilio", "call_recording.completed", body(status="deleted"), "/status"),
    "a duration of a live call": ("twilio", "call.completed", body(status="in-progress"), "/duration"),
    "a duration of a live call of SignalWire": ("signalwire", "call.completed", body(status="busy"), "/duration"),
    "two texts of one number": ("signalwire", "call.completed", body(formatted_to="+1"), "/formatted_to"),
    "a reason before the end": (
        "twilio", "conference.in-progress", body(reason_conference_ended="last-participant-left"), "/reason",
    ),
    "an end without a reason": ("twilio", "conference.completed", body(reason_conference_ended=None), "/reason"),
    "a queue time on GET": ("twilio", "participant", body(queue_time="0"), "/queue_time"),
    # Pages.
    "an item of a wrong type": ("signalwire", "recording_list.page0", item(channels=1), "/recordings/1/channels"),
    "an item without a sid": ("twilio", "recording_list.page0", item(sid=None), "/recordings/1/sid"),
    "an item with a field of another list": (
        "twilio", "recording_list.page0", item(track="both"), "/recordings/1/track",
    ),
    "a total": ("signalwire", "recording_list.page0", body(total=3), "/total"),
    "start and end in SignalWire": ("signalwire", "recording_list.empty", body(start=0, end=0), "/start"),
    "another order around the items": ("twilio", "recording_list.empty", last("uri"), "order"),
    "a page size as text": ("signalwire", "recording_list.empty", body(page_size="50"), "/page_size"),
    "a page size of 1001": ("signalwire", "recording_list.empty", body(page_size=1001), "/page_size"),
    "more items than the page size": ("signalwire", "recording_list.page0", body(page_size=1), "/page_size"),
    "an end past the last item": ("twilio", "recording_list.page0", body(end=2), "/start"),
    "items of another name": ("twilio", "recording_list.empty", body(calls=[]), "/calls"),
    "items that are no array": ("twilio", "recording_list.empty", body(recordings={}), "/recordings"),
    "a link to another list": (
        "signalwire", "recording_list.page0",
        body(next_page_uri=f"{SIGNALWIRE}/Calls?Page=1&PageSize=2&PageToken=PA{RECORDING_SID}"), "/next_page_uri",
    ),
    "a link with a suffix": (
        "signalwire", "recording_list.empty", body(uri=f"{SIGNALWIRE}/Recordings.json?Page=0&PageSize=50"), "/uri",
    ),
    "a link without a suffix": (
        "twilio", "recording_list.empty", body(uri=f"{TWILIO}/Recordings?PageSize=50&Page=0"), "/uri",
    ),
    "a link with the other order of parameters": (
        "twilio", "recording_list.empty", body(uri=f"{TWILIO}/Recordings.json?Page=0&PageSize=50"), "/uri",
    ),
    "a link with a host": (
        "twilio", "recording_list.empty",
        body(uri=f"https://api.example.com{TWILIO}/Recordings.json?PageSize=50&Page=0"), "/uri",
    ),
    "a link to the same page": (
        "twilio", "recording_list.page0",
        body(next_page_uri=f"{TWILIO}/Recordings.json?PageSize=2&Page=0&PageToken=PARE{'1' * 32}"), "/next_page_uri",
    ),
    "a link with another page size": (
        "twilio", "recording_list.page0",
        body(next_page_uri=f"{TWILIO}/Recordings.json?PageSize=50&Page=1&PageToken=PARE{'1' * 32}"), "/next_page_uri",
    ),
    "a link without a token": (
        "twilio", "recording_list.page0",
        body(next_page_uri=f"{TWILIO}/Recordings.json?PageSize=2&Page=1"), "/next_page_uri",
    ),
    "a token of another resource": (
        "twilio", "recording_list.page0",
        body(next_page_uri=f"{TWILIO}/Recordings.json?PageSize=2&Page=1&PageToken=PACA{'1' * 32}"), "/next_page_uri",
    ),
    # Statuses.
    "422 of Twilio": ("twilio", "error.400.not_eligible", answer_is(status=422), "status"),
    "201 of SignalWire": ("signalwire", "call_recording.created", answer_is(status=201), "status"),
    "201 for an update": ("twilio", "call_recording.paused", answer_is(status=201), "status"),
    "408 of SignalWire": ("signalwire", "call_recording.paused", answer_is(status=408), "status"),
    "503 where SignalWire has none": ("signalwire", "participant.muted", answer_is(status=503), "status"),
    "405 to a method of the path": ("twilio", "call_recording.completed", answer_is(status=405), "status"),
    "404 to a method that the path lacks": ("twilio", "error.405", answer_is(status=404), "status"),
    "204 with a body": ("signalwire", "call_recording.completed", answer_is(method="DELETE", status=204), "body"),
    "200 to a delete": ("signalwire", "call_recording.completed", answer_is(method="DELETE"), "status"),
    "200 without a body": ("signalwire", "call_recording.completed", answer_is(body=""), "body"),
    "200 to a malformed sid": ("twilio", "recording.completed", answer_is(path=f"{TWILIO}/Recordings/RE1.json"), ""),
    "200 to a sid of the other dialect": (
        "twilio", "call.completed", answer_is(path=f"{TWILIO}/Calls/{RECORDING_SID}.json"), "status",
    ),
    "200 to an account of no dialect": (
        "twilio", "recording.completed", answer_is(path="/2010-04-01/Accounts/me/Recordings"), "status",
    ),
    "400 to a malformed sid": (
        "twilio", "error.400.missing_parameter", answer_is(method="GET", path=f"{TWILIO}/Recordings/RE1.json"), "",
    ),
    "422 to an account of no dialect": (
        "signalwire", "error.422", answer_is(path="/api/laml/2010-04-01/Accounts/me/Calls"), "status",
    ),
    "200 to an unknown path": ("twilio", "call.completed", answer_is(path=f"{TWILIO}/Messages.json"), "status"),
    "a participant created in SignalWire": (
        "signalwire", "participant", answer_is(method="POST", path=f"{SIGNALWIRE_CONFERENCE}/Participants"), "status",
    ),
    # Bodies.
    "a body of the other dialect": (
        "signalwire", "call_recording.completed", answer_is(path=f"{TWILIO_CALL_RECORDING}.json"), "/trim",
    ),
    "an array": ("signalwire", "call_recording.completed", answer_is(body=[]), "an object"),
    "a text that is no JSON": ("signalwire", "call_recording.completed", answer_is(body="no"), "JSON"),
    "a number that is no JSON": ("signalwire", "call.completed", body(price=float("nan")), "NaN"),
    "an error of another path": ("twilio", "error.404", body(message="The requested resource was lost"), "/message"),
    "an error in another order": ("twilio", "error.404", last("code"), "order"),
    "no detail without credentials": ("twilio", "error.401.no_credentials", without("detail"), "/detail"),
    "a detail with bad credentials": ("twilio", "error.401.bad_credentials", body(detail="No."), "/detail"),
    "an object in place of strings": (
        "signalwire", "error.422.conference_recording_update",
        answer_is(body={"code": 10000, "message": "Status is invalid", "more_info": "", "status": 422}), "/errors",
    ),
    "strings in place of an object": ("signalwire", "error.422", answer_is(body={"errors": ["No"]}), "/code"),
    # Headers.
    "no X-Request-Id": ("signalwire", "call.completed", header("X-Request-Id", None), "X-Request-Id"),
    "no charset": ("signalwire", "call.completed", header("Content-Type", "application/json"), "Content-Type"),
    "no Content-Type": ("twilio", "call.completed", header("Content-Type", None), "Content-Type"),
    "problem+json": ("twilio", "error.404", header("Content-Type", "application/problem+json"), "Content-Type"),
    "408 without a time": ("twilio", "error.408", header("Retry-After", None), "Retry-After"),
    "401 without a challenge": ("signalwire", "error.401", header("WWW-Authenticate", None), "WWW-Authenticate"),
    "the other challenge": (
        "twilio", "error.401.bad_credentials", header("WWW-Authenticate", 'Basic realm="SignalWire"'), "WWW-Auth",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "name", "change", "place"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_each_deviation(dialect: str, name: str, change: Change, place: str) -> None:
    """A response with one fault is refused, and the message names the place of the fault."""
    sample = example(dialect, name)
    change(sample)
    with pytest.raises(AssertionError) as caught:
        sample.check()
    assert place in str(caught.value).partition("\n")[2]


def test_the_message_names_the_expected_and_the_found_value() -> None:
    """The message names the operation, the request, the place, the expected value and the found value."""
    sample = example("twilio", "recording_list.page0")
    sample.body["recordings"][1]["channels"] = 3
    sample.body["recordings"][1]["sid"] = None
    with pytest.raises(AssertionError) as caught:
        sample.check()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"twilio list_recordings: GET {TWILIO}/Recordings.json?PageSize=2 answered 200"
    assert "  at /recordings/1/channels: expected one of 1, 2, found 3" in lines
    assert "  at /recordings/1/sid: expected a value of type string, found null" in lines


# --- Accepted responses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["/2010-04-01", "/api/laml/2010-04-01"])
@pytest.mark.parametrize("suffix", ["", ".json"])
@pytest.mark.parametrize(
    ("dialect", "account"),
    [
        ("twilio", "AC5F0C3B1E8d274a69b7c2d41e9a60f835"),
        ("signalwire", "5F0C3B1E-8D27-4A69-B7C2-D41E9A60F835"),
        ("signalwire", "5f0c3b1e-8d27-4a69-b7c2-d41e9a60f835"),
    ],
)
def test_the_account_selects_the_dialect(dialect: str, account: str, root: str, suffix: str) -> None:
    """The form of AccountSid selects the dialect: in either case, below both roots, with and without `.json`."""
    sample = example(dialect, "call_list")
    sample.path = f"{root}/Accounts/{account}/Calls{suffix}"
    sample.check()


@pytest.mark.parametrize(
    ("dialect", "method", "path", "status", "code", "message"),
    [
        ("twilio", "GET", f"{TWILIO}/Messages.json", 404, 20404, "The requested resource {uri} was not found"),
        ("twilio", "GET", "/", 404, 20404, "The requested resource {uri} was not found"),
        (
            "twilio", "GET", "/2010-04-01/Accounts/me/Recordings.json", 404, 20404,
            "The requested resource {uri} was not found",
        ),
        (
            "twilio", "GET", f"{TWILIO_CONFERENCE}/Participants/a%20label.json", 404, 20404,
            "The requested resource {uri} was not found",
        ),
        ("signalwire", "GET", f"{SIGNALWIRE_RECORDING}.mp3", 404, 20404, "The requested resource {uri} was not found"),
        ("signalwire", "POST", f"{SIGNALWIRE_CONFERENCE}/Participants", 405, 20004, "Method not allowed"),
        ("signalwire", "OPTIONS", SIGNALWIRE_CALL, 405, 20004, "Method not allowed"),
        ("signalwire", "POST", f"{SIGNALWIRE}/Conferences", 405, 20004, "Method not allowed"),
        ("signalwire", "POST", SIGNALWIRE_CALL_RECORDING, 413, 10000, "Request body too large"),
        ("signalwire", "GET", SIGNALWIRE_CALL_RECORDING, 500, 20504, "Internal error"),
        ("signalwire", "GET", f"{SIGNALWIRE}/Recordings", 429, 20429, "Too Many Requests"),
    ],
)  # fmt: skip
def test_accepts_errors_of_unknown_paths_and_wrong_methods(
    dialect: str, method: str, path: str, status: int, code: int, message: str
) -> None:
    """Unknown paths, wrong methods and the errors of every operation are accepted with the dialect's object only."""
    sample = example(dialect, "error.404")
    sample.method, sample.path, sample.status = method, path, status
    sample.body.update(code=code, message=message.replace("{uri}", path), status=status)
    if dialect == "twilio":
        sample.body["more_info"] = f"https://www.twilio.com/docs/errors/{code}"
    sample.check()
    sample.body["more_info"] = "https://example.com"
    with pytest.raises(AssertionError, match="/more_info"):
        sample.check()


@pytest.mark.parametrize("path", [f"{TWILIO_CALL_RECORDING}.json", SIGNALWIRE_CALL_RECORDING, SIGNALWIRE_RECORDING])
def test_accepts_an_empty_204(path: str) -> None:
    """The response to a DELETE has no body."""
    check_response("DELETE", path, 204, {"x-request-id": "7f0c"}, b"")


@pytest.mark.parametrize(
    ("ending", "content_type"), [("", "audio/x-wav"), (".wav", "audio/x-wav"), (".mp3", "audio/mpeg")]
)
@pytest.mark.parametrize("recording", [TWILIO_RECORDING, SIGNALWIRE_RECORDING])
def test_distinguishes_audio_from_json(recording: str, ending: str, content_type: str) -> None:
    """The path of a recording without `.json` returns audio that is not empty, of the type of its suffix."""
    headers = {"content-type": content_type, "x-request-id": "7f0c"}
    check_response("GET", recording + ending, 200, headers, b"RIFF")
    check_response("GET", recording + ending, 206, headers, b"R")
    check_response("HEAD", recording + ending, 200, headers, b"")
    with pytest.raises(AssertionError, match="audio"):
        check_response("GET", recording + ending, 200, headers, b"")
    with pytest.raises(AssertionError, match="Content-Type"):
        check_response("GET", recording + ending, 200, {**headers, "content-type": "application/json"}, b"RIFF")


def test_accepts_head_without_a_body() -> None:
    """HEAD of a JSON path gets 405 without a body."""
    check_response("HEAD", f"{TWILIO_CALL}.json", 405, {"x-request-id": "7f0c"}, b"")


def test_refuses_a_field_that_occurs_twice() -> None:
    """A JSON object with the same name twice is refused, although most parsers accept it."""
    sample = example("twilio", "call.completed")
    sample.body = json.dumps(sample.body).replace('"price": null', '"price": null, "price": null')
    with pytest.raises(AssertionError, match="occurs twice"):
        sample.check()
