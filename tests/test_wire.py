"""Tests of the response validator: it accepts the vendors' responses and rejects any deviation."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.wire import vendor_files as wire
from tests.wire.vendor_files import DIALECTS, SHAPES, Vendor, VendorContract

EXAMPLES = wire.contract_folder().with_name("examples")

pytestmark = pytest.mark.skipif(
    not (VendorContract.available() and EXAMPLES.is_dir()),
    reason="the vendors' OpenAPI files and examples are not available",
)

TWILIO = "/2010-04-01/Accounts/AC720796a08ee9435083bd2d07a3121f1e"
TWILIO_CALL = f"{TWILIO}/Calls/CA43bb71ee553f4074bb208e2747647cce"
TWILIO_CONFERENCE = f"{TWILIO}/Conferences/CF2071320dee82457884e0379fb227eb77"
TWILIO_CALL_RECORDING = f"{TWILIO_CALL}/Recordings/RE19e436af56884307b03bbdb2b42b8142"
TWILIO_CONFERENCE_RECORDING = f"{TWILIO_CONFERENCE}/Recordings/RE5b1d7a520c3e4f6a9d7b8f2c6e4a1b03"
TWILIO_PARTICIPANT = f"{TWILIO_CONFERENCE}/Participants/CA43bb71ee553f4074bb208e2747647cce"
TWILIO_RECORDING = f"{TWILIO}/Recordings/RE19e436af56884307b03bbdb2b42b8142"
TWILIO_ABSENT = f"{TWILIO}/Recordings/RE8a8e5ec4071a408e948c2429da869cc9"

SIGNALWIRE = "/api/laml/2010-04-01/Accounts/720796a0-8ee9-4350-83bd-2d07a3121f1e"
SIGNALWIRE_CALL = f"{SIGNALWIRE}/Calls/43bb71ee-553f-4074-bb20-8e2747647cce"
SIGNALWIRE_CONFERENCE = f"{SIGNALWIRE}/Conferences/2071320d-ee82-4578-84e0-379fb227eb77"
SIGNALWIRE_CALL_RECORDING = f"{SIGNALWIRE_CALL}/Recordings/19e436af-5688-4307-b03b-bdb2b42b8142"
SIGNALWIRE_CONFERENCE_RECORDING = f"{SIGNALWIRE_CONFERENCE}/Recordings/5b1d7a52-0c3e-4f6a-9d7b-8f2c6e4a1b03"
SIGNALWIRE_PARTICIPANT = f"{SIGNALWIRE_CONFERENCE}/Participants/43bb71ee-553f-4074-bb20-8e2747647cce"
SIGNALWIRE_ABSENT = f"{SIGNALWIRE}/Recordings/8a8e5ec4-071a-408e-948c-2429da869cc9"

# The request (method, path) of each example, and the status of its response.
REQUESTS: dict[str, tuple[str, str, int]] = {
    "twilio.call.completed": ("GET", f"{TWILIO_CALL}.json", 200),
    "twilio.call_list": ("GET", f"{TWILIO}/Calls.json?Status=completed", 200),
    "twilio.call_recording.created": ("POST", f"{TWILIO_CALL}/Recordings.json", 201),
    "twilio.call_recording.paused": ("POST", f"{TWILIO_CALL}/Recordings/Twilio.CURRENT.json", 200),
    "twilio.call_recording.completed": ("GET", f"{TWILIO_CALL_RECORDING}.json", 200),
    "twilio.call_recording_list": ("GET", f"{TWILIO_CALL}/Recordings.json", 200),
    "twilio.conference.init": ("GET", f"{TWILIO_CONFERENCE}.json", 200),
    "twilio.conference.in-progress": ("GET", f"{TWILIO_CONFERENCE}.json", 200),
    "twilio.conference.completed": ("POST", f"{TWILIO_CONFERENCE}.json", 200),
    "twilio.conference_list": ("GET", f"{TWILIO}/Conferences.json", 200),
    "twilio.conference_recording.completed": ("GET", f"{TWILIO_CONFERENCE_RECORDING}.json", 200),
    "twilio.conference_recording.paused": ("POST", f"{TWILIO_CONFERENCE_RECORDING}.json", 200),
    "twilio.conference_recording_list": ("GET", f"{TWILIO_CONFERENCE}/Recordings.json", 200),
    "twilio.participant": ("GET", f"{TWILIO_CONFERENCE}/Participants/a%20label.json", 200),
    "twilio.participant.created": ("POST", f"{TWILIO}/Conferences/My%20Conference%20Room/Participants.json", 201),
    "twilio.participant.muted": ("POST", f"{TWILIO_PARTICIPANT}.json", 200),
    "twilio.participant_list": ("GET", f"{TWILIO_CONFERENCE}/Participants.json?Muted=false", 200),
    "twilio.recording.absent": ("GET", f"{TWILIO_ABSENT}.json", 200),
    "twilio.recording.completed": ("GET", f"{TWILIO_RECORDING}.json", 200),
    "twilio.recording.deleted": ("GET", f"{TWILIO_RECORDING}.json?IncludeSoftDeleted=true", 200),
    "twilio.recording_list.empty": ("GET", f"{TWILIO}/Recordings.json?DateCreated%3E=2018-09-25", 200),
    "twilio.recording_list.page0": ("GET", f"{TWILIO}/Recordings.json?PageSize=2", 200),
    "twilio.recording_list.page1": ("GET", f"{TWILIO}/Recordings.json?PageSize=2&Page=1", 200),
    "twilio.transcription": ("GET", f"{TWILIO_RECORDING}/Transcriptions/TR{'7' * 32}.json", 200),
    "twilio.error.400.missing_parameter": ("POST", f"{TWILIO_CALL_RECORDING}.json", 400),
    "twilio.error.400.not_eligible": ("POST", f"{TWILIO_CALL}/Recordings.json", 400),
    "twilio.error.401.bad_credentials": ("GET", f"{TWILIO}/Recordings.json", 401),
    "twilio.error.401.no_credentials": ("GET", f"{TWILIO}/Recordings.json", 401),
    "twilio.error.404": ("GET", f"{TWILIO_ABSENT}.json", 404),
    "twilio.error.405": ("PUT", f"{TWILIO}/Recordings.json", 405),
    "twilio.error.408": ("POST", f"{TWILIO_CONFERENCE_RECORDING}.json", 408),
    "twilio.error.429": ("GET", f"{TWILIO}/Recordings.json", 429),
    "signalwire.call.completed": ("GET", SIGNALWIRE_CALL, 200),
    "signalwire.call_list": ("GET", f"{SIGNALWIRE}/Calls", 200),
    "signalwire.call_recording.created": ("POST", f"{SIGNALWIRE_CALL}/Recordings", 200),
    "signalwire.call_recording.paused": ("POST", SIGNALWIRE_CALL_RECORDING, 200),
    "signalwire.call_recording.completed": ("GET", SIGNALWIRE_CALL_RECORDING, 200),
    "signalwire.conference.init": ("GET", SIGNALWIRE_CONFERENCE, 200),
    "signalwire.conference.in-progress": ("GET", SIGNALWIRE_CONFERENCE, 200),
    "signalwire.conference.completed": ("POST", SIGNALWIRE_CONFERENCE, 200),
    "signalwire.conference_list": ("GET", f"{SIGNALWIRE}/Conferences", 200),
    "signalwire.conference_recording.completed": ("GET", SIGNALWIRE_CONFERENCE_RECORDING, 200),
    "signalwire.conference_recording.paused": ("POST", SIGNALWIRE_CONFERENCE_RECORDING, 200),
    "signalwire.conference_recording_list": ("GET", f"{SIGNALWIRE_CONFERENCE}/Recordings", 200),
    "signalwire.participant": ("GET", SIGNALWIRE_PARTICIPANT, 200),
    "signalwire.participant.muted": ("POST", SIGNALWIRE_PARTICIPANT, 200),
    "signalwire.participant_list": ("GET", f"{SIGNALWIRE_CONFERENCE}/Participants", 200),
    "signalwire.recording.absent": ("GET", f"{SIGNALWIRE_ABSENT}.json", 200),
    "signalwire.recording_list.empty": ("GET", f"{SIGNALWIRE}/Recordings", 200),
    "signalwire.recording_list.page0": ("GET", f"{SIGNALWIRE}/Recordings?PageSize=2", 200),
    "signalwire.recording_list.page1": ("GET", f"{SIGNALWIRE}/Recordings.json?PageSize=2&Page=1", 200),
    "signalwire.transcription": ("GET", f"{SIGNALWIRE}/Transcriptions/7c9e6679-7425-40de-944b-e07fc1f90ae7", 200),
    "signalwire.error.400.create_call": ("POST", f"{SIGNALWIRE}/Calls", 400),
    "signalwire.error.400.not_eligible": ("POST", f"{SIGNALWIRE_CALL}/Recordings", 400),
    "signalwire.error.401": ("GET", f"{SIGNALWIRE}/Recordings", 401),
    "signalwire.error.404": ("DELETE", SIGNALWIRE_ABSENT, 404),
    "signalwire.error.422": ("POST", SIGNALWIRE_CALL_RECORDING, 422),
    "signalwire.error.422.conference_recording_update": ("POST", SIGNALWIRE_CONFERENCE_RECORDING, 422),
}


@dataclass
class Answer:
    """A response that a test may change before it is validated."""

    method: str
    path: str
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Validate it against the vendor's file."""
        text = self.body if isinstance(self.body, str | bytes) else json.dumps(self.body)
        VendorContract().check(self.method, self.path, self.status, self.headers, text)


def example(name: str) -> Answer:
    """Return the response whose body is an example."""
    answer = Answer(*REQUESTS[name], json.loads((EXAMPLES / f"{name}.json").read_text()))
    answer.headers = {"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "7f0c"}
    if answer.status == 401:
        answer.headers["WWW-Authenticate"] = f'Basic realm="{DIALECTS[vendor_of(name)].realm}"'
    return answer


def vendor_of(name: str) -> Vendor:
    """Return the vendor of an example."""
    return "twilio" if name.startswith("twilio") else "signalwire"


def error(vendor: Vendor, status: int, code: int, message: str) -> dict[str, Any]:
    """Return a plain error object."""
    return {
        "code": code,
        "message": message,
        "more_info": DIALECTS[vendor].more_info.format(code=code),
        "status": status,
    }


@pytest.mark.parametrize("name", REQUESTS)
def test_accepts_the_vendors_examples(name: str) -> None:
    """Each example is accepted as the response to its request."""
    example(name).check()


def test_every_example_has_a_request() -> None:
    """Every example of a response body is tested."""
    elsewhere = {"identity", "signature-vectors"}
    names = {path.stem for path in EXAMPLES.glob("*.json")} - elsewhere
    assert {name for name in names if ".callback." not in name} == set(REQUESTS)


# --- Rejected responses ----------------------------------------------------------------------------------------------

Change = Callable[[Answer], object]


def body(**changes: Any) -> Change:
    """Set fields: existing ones in place, new ones at the end."""
    return lambda answer: answer.body.update(changes)


def without(name: str) -> Change:
    """Remove a field."""
    return lambda answer: answer.body.pop(name)


def nested(name: str) -> Change:
    """Replace a field's value with an empty object."""
    return lambda answer: answer.body.update({name: {}})


def last(name: str) -> Change:
    """Move a field to the end."""
    return lambda answer: answer.body.update({name: answer.body.pop(name)})


def item(**changes: Any) -> Change:
    """Set fields of the first recording of a page."""
    return lambda answer: answer.body["recordings"][0].update(changes)


def answer_is(**changes: Any) -> Change:
    """Set attributes of the response: method, path, status or body."""
    return lambda answer: vars(answer).update(changes)


def header(name: str, value: str) -> Change:
    """Set a header."""
    return lambda answer: answer.headers.update({name: value})


SIGNALWIRE_RECORDING, SIGNALWIRE_CONFERENCE_PAUSED = (
    "signalwire.call_recording.completed",
    "signalwire.conference_recording.paused",
)
TWILIO_COMPLETED, TWILIO_PAUSED = "twilio.call_recording.completed", "twilio.call_recording.paused"
UPPER = "19E436AF-5688-4307-B03B-BDB2B42B8142"

# Description: the example, the change, and the text that the message must contain.
REJECTED: dict[str, tuple[str, Change, str]] = {
    "SignalWire's channels as an integer": (SIGNALWIRE_RECORDING, body(channels=1), "/channels"),
    "SignalWire's duration as a string": (SIGNALWIRE_RECORDING, body(duration="4"), "/duration"),
    "SignalWire's duration as a fraction": (SIGNALWIRE_RECORDING, body(duration=4.0), "/duration"),
    "SignalWire's duration as a negative number": (SIGNALWIRE_RECORDING, body(duration=-1), "/duration"),
    "SignalWire's price as a number": (SIGNALWIRE_RECORDING, body(price=-0.0025), "/price"),
    "SignalWire's error_code as an integer": (SIGNALWIRE_RECORDING, body(error_code=16101), "/error_code"),
    "SignalWire's channel different from channels": (SIGNALWIRE_RECORDING, body(channel="2"), "/channel"),
    "a recording of a call and a conference": (SIGNALWIRE_RECORDING, body(conference_sid=UPPER.lower()), "/call_sid"),
    "Twilio's source in SignalWire": (SIGNALWIRE_RECORDING, body(source="StartCallRecordingAPI"), "/source"),
    "a status that is never sent": (SIGNALWIRE_RECORDING, body(status="queued"), "/status"),
    "an id in capitals": (SIGNALWIRE_RECORDING, body(sid=UPPER), "/sid"),
    "an id of the other vendor": (SIGNALWIRE_RECORDING, body(call_sid=f"CA{'4' * 32}"), "/call_sid"),
    "a month with four letters": (
        SIGNALWIRE_RECORDING,
        body(start_time="Tue, 25 Sept 2018 23:00:00 +0000"),
        "/start_time",
    ),
    "a wrong weekday": (SIGNALWIRE_RECORDING, body(date_created="Mon, 25 Sep 2018 23:00:00 +0000"), "/date_created"),
    "a date in GMT": (SIGNALWIRE_RECORDING, body(date_updated="Tue, 25 Sep 2018 23:00:00 GMT"), "/date_updated"),
    "a date in ISO 8601": (TWILIO_COMPLETED, body(date_created="2018-09-25T23:00:00Z"), "/date_created"),
    "a date with a one-digit day": (
        TWILIO_COMPLETED,
        body(date_created="Wed, 5 Sep 2018 23:00:00 +0000"),
        "/date_created",
    ),
    "a missing field": (SIGNALWIRE_RECORDING, without("encryption_details"), "/encryption_details"),
    "a missing field of Twilio's, where nothing is required": (TWILIO_COMPLETED, without("track"), "/track"),
    "an extra field": (SIGNALWIRE_RECORDING, body(track="both"), "/track"),
    "SignalWire's field in Twilio": (TWILIO_COMPLETED, body(channel="1"), "/channel"),
    "fields in another order": (SIGNALWIRE_RECORDING, last("account_sid"), "order"),
    "Twilio's fields in another order": (TWILIO_COMPLETED, last("sid"), "order"),
    "an extra link": (
        SIGNALWIRE_RECORDING,
        lambda a: a.body["subresource_uris"].update(media="/x"),
        "/subresource_uris/media",
    ),
    "another api_version": (TWILIO_COMPLETED, body(api_version="2008-08-01"), "/api_version"),
    "Twilio's duration as an integer": (TWILIO_COMPLETED, body(duration=4), "/duration"),
    "Twilio's channels as a string": (TWILIO_COMPLETED, body(channels="1"), "/channels"),
    "Twilio's channels before they are known": (TWILIO_COMPLETED, body(channels=0), "/channels"),
    "Twilio's price as a number": (TWILIO_COMPLETED, body(price=-0.0025), "/price"),
    "Twilio's price_unit without a price": (TWILIO_COMPLETED, body(price=None), "/price_unit"),
    "Twilio's id in capitals": (TWILIO_COMPLETED, body(sid=f"RE{'A' * 32}"), "/sid"),
    "Twilio's id without its prefix": (TWILIO_COMPLETED, body(sid="1" * 34), "/sid"),
    "Twilio's id as null": (TWILIO_COMPLETED, body(sid=None), "/sid"),
    "Twilio's `stopped` on GET": (TWILIO_COMPLETED, body(status="stopped", duration=None), "/status"),
    "Twilio's `processing` on update": (TWILIO_PAUSED, body(status="processing"), "/status"),
    "a duration before the end": (TWILIO_PAUSED, body(duration="4"), "/duration"),
    "a Twilio call recording with the account-level uri": (
        TWILIO_COMPLETED,
        lambda a: a.body.update(uri=TWILIO_RECORDING + ".json"),
        "/uri",
    ),
    "a media_url without a host": ("twilio.recording.completed", body(media_url=TWILIO_RECORDING), "/media_url"),
    "a link that lacks the recording's id": (
        "twilio.recording.completed",
        lambda a: a.body["subresource_uris"].update(transcriptions=f"{TWILIO}/Transcriptions.json"),
        "/subresource_uris/transcriptions",
    ),
    "SignalWire's uri without its prefix": (
        SIGNALWIRE_RECORDING,
        lambda a: a.body.update(uri=a.body["uri"].removeprefix("/api/laml")),
        "/uri",
    ),
    "a conference recording with the account-level uri": (
        SIGNALWIRE_CONFERENCE_PAUSED,
        lambda a: a.body.update(uri=f"{SIGNALWIRE}/Recordings/{a.body['sid']}.json"),
        "/uri",
    ),
    "a reason before the end": (
        "twilio.conference.in-progress",
        body(reason_conference_ended="last-participant-left"),
        "/reason_conference_ended",
    ),
    "an end without a reason": ("twilio.conference.completed", body(reason_conference_ended=None), "/reason"),
    "an unknown reason": ("twilio.conference.completed", body(reason_conference_ended="over"), "/reason"),
    "Twilio's reason in SignalWire": ("signalwire.conference.init", body(reason_conference_ended=None), "/reason"),
    "SignalWire's participant status in Twilio": ("twilio.participant", body(status="completed"), "/status"),
    "Twilio's participant status in SignalWire": ("signalwire.participant", body(status="complete"), "/status"),
    "a boolean as a string": ("signalwire.participant", body(muted="false"), "/muted"),
    "a call's duration as a string": ("signalwire.call.completed", body(duration="11"), "/duration"),
    "a call's duration before its end": ("twilio.call.completed", body(status="in-progress"), "/duration"),
    "an integer beyond 32 bits": ("signalwire.call.completed", body(audio_out_lost=2**31), "/audio_out_lost"),
    "an item with a field of another type": (
        "signalwire.recording_list.page0",
        item(channels=1),
        "/recordings/0/channels",
    ),
    "an item with a null id": ("twilio.recording_list.page0", item(sid=None, price=None), "/recordings/0/sid"),
    "an item of another list": ("twilio.call_recording_list", item(media_url="https://a.example/"), "/media_url"),
    "a page with a total": ("signalwire.recording_list.page0", body(total=3), "/total"),
    "Twilio's envelope in SignalWire": ("signalwire.recording_list.empty", body(start=0, end=0), "/start"),
    "a page's fields in another order": ("twilio.recording_list.empty", last("uri"), "order"),
    "a page's size as a string": ("signalwire.recording_list.empty", body(page_size="50"), "/page_size"),
    "a page with more than its size": ("signalwire.recording_list.page0", body(page_size=1), "/page_size"),
    "an end past the last item": ("twilio.recording_list.page0", body(end=2), "/start"),
    "a link to another list": (
        "signalwire.recording_list.page0",
        body(next_page_uri=f"{SIGNALWIRE}/Calls?Page=1&PageSize=2&PageToken=PA{UPPER.lower()}"),
        "/next_page_uri",
    ),
    "a link with a suffix": (
        "signalwire.recording_list.empty",
        body(uri=f"{SIGNALWIRE}/Recordings.json?Page=0&PageSize=50"),
        "/uri",
    ),
    "a link without a suffix": (
        "twilio.recording_list.empty",
        body(uri=f"{TWILIO}/Recordings?PageSize=50&Page=0"),
        "/uri",
    ),
    "a link with a host": (
        "twilio.recording_list.empty",
        body(uri=f"https://api.example{TWILIO}/Recordings.json?PageSize=50&Page=0"),
        "/uri",
    ),
    "more_info of another code": (
        "twilio.error.408",
        body(more_info="https://www.twilio.com/docs/errors/20001"),
        "/more_info",
    ),
    "more_info of the other vendor": (
        "signalwire.error.422",
        body(more_info="https://www.twilio.com/docs/errors/10000"),
        "/more_info",
    ),
    "a title as in RFC 9457": ("twilio.error.404", body(title="Not Found"), "/title"),
    "a type as in RFC 9457": ("signalwire.error.404", body(type="about:blank"), "/type"),
    "a detail with bad credentials": ("twilio.error.401.bad_credentials", body(detail="No."), "/detail"),
    "no detail without credentials": ("twilio.error.401.no_credentials", without("detail"), "/detail"),
    "an error in another order": ("twilio.error.404", last("code"), "order"),
    "an error about another path": ("twilio.error.404", body(message="The requested resource was lost"), "/message"),
    "an error with an empty message": ("signalwire.error.422", body(message=""), "/message"),
    "an error object with another status": ("twilio.error.429", body(status=400), "/status"),
    "a code as a string": ("signalwire.error.422", body(code="10000"), "/code"),
    "a code that does not match the status": ("twilio.error.404", body(code=20003), "/code"),
    "422 from Twilio": ("twilio.error.400.not_eligible", answer_is(status=422), "status"),
    "201 from SignalWire": ("signalwire.call_recording.created", answer_is(status=201), "status"),
    "201 for an update": (TWILIO_PAUSED, answer_is(status=201), "status"),
    "408 from SignalWire": (SIGNALWIRE_RECORDING, answer_is(status=408), "status"),
    "503 where SignalWire lists none": ("signalwire.participant.muted", answer_is(status=503), "status"),
    "405 to a listed method": (TWILIO_COMPLETED, answer_is(status=405), "status"),
    "404 to a wrong method": ("twilio.error.405", answer_is(status=404), "status"),
    "204 with a body": (SIGNALWIRE_RECORDING, answer_is(method="DELETE", status=204), "body"),
    "200 to a delete": (SIGNALWIRE_RECORDING, answer_is(method="DELETE"), "status"),
    "200 without a body": (SIGNALWIRE_RECORDING, answer_is(body=""), "body"),
    "200 to a malformed id": (TWILIO_COMPLETED, answer_is(path=f"{TWILIO}/Recordings/RE1.json"), "status"),
    "200 to an id of the other vendor": (
        TWILIO_COMPLETED,
        answer_is(path=f"{TWILIO}/Calls/{UPPER.lower()}.json"),
        "status",
    ),
    "200 to an account of no vendor": (
        TWILIO_COMPLETED,
        answer_is(path="/2010-04-01/Accounts/me/Recordings"),
        "status",
    ),
    "400 to a malformed id": (
        "twilio.error.400.missing_parameter",
        answer_is(method="GET", path=f"{TWILIO}/Recordings/RE1.json"),
        "status",
    ),
    "422 to an account of no vendor": (
        "signalwire.error.422",
        answer_is(path="/api/laml/2010-04-01/Accounts/me/Calls"),
        "status",
    ),
    "200 to an unknown path": (TWILIO_COMPLETED, answer_is(path=f"{TWILIO}/Messages.json"), "status"),
    "Twilio's participant by SignalWire": (
        "signalwire.participant",
        answer_is(method="POST", path=f"{SIGNALWIRE_CONFERENCE}/Participants"),
        "status",
    ),
    "a body of the other vendor": (SIGNALWIRE_RECORDING, answer_is(path=f"{TWILIO_CALL_RECORDING}.json"), "/trim"),
    "no X-Request-Id": (SIGNALWIRE_RECORDING, lambda a: a.headers.pop("X-Request-Id"), "X-Request-Id"),
    "no charset": (SIGNALWIRE_RECORDING, header("Content-Type", "application/json"), "Content-Type"),
    "no Content-Type": (TWILIO_COMPLETED, lambda a: a.headers.pop("Content-Type"), "Content-Type"),
    "the Content-Type of RFC 9457": (
        "twilio.error.404",
        header("Content-Type", "application/problem+json"),
        "Content-Type",
    ),
    "401 without a challenge": (
        "signalwire.error.401",
        lambda a: a.headers.pop("WWW-Authenticate"),
        "WWW-Authenticate",
    ),
    "the other vendor's challenge": (
        "twilio.error.401.bad_credentials",
        header("WWW-Authenticate", 'Basic realm="SignalWire"'),
        "WWW-Authenticate",
    ),
    "an object instead of SignalWire's array of strings": (
        "signalwire.error.422.conference_recording_update",
        lambda a: vars(a).update(body=error("signalwire", 422, 10000, "Status is invalid")),
        "/errors",
    ),
    "an array of strings instead of SignalWire's object": (
        "signalwire.error.422",
        answer_is(body={"errors": ["No"]}),
        "/code",
    ),
    "an empty array of strings": ("signalwire.error.422.conference_recording_update", body(errors=[]), "/errors"),
    "objects in the array of strings": (
        "signalwire.error.422.conference_recording_update",
        body(errors=[{}]),
        "/errors/0",
    ),
    "an integer code in SignalWire's array of errors": (
        "signalwire.error.400.create_call",
        lambda a: a.body["errors"][0].update(code=30010),
        "/errors/0/code",
    ),
    "a status in SignalWire's array of errors": (
        "signalwire.error.400.create_call",
        lambda a: a.body["errors"][0].update(status=400),
        "/errors/0/status",
    ),
    "an array instead of an object": (SIGNALWIRE_RECORDING, answer_is(body=[]), "an object"),
    "text that is not JSON": (SIGNALWIRE_RECORDING, answer_is(body="no"), "JSON"),
    "a number that is not JSON": ("signalwire.call.completed", body(price=float("nan")), "NaN"),
}


@pytest.mark.parametrize(("name", "change", "expected_text"), REJECTED.values(), ids=REJECTED.keys())
def test_rejects_each_deviation(name: str, change: Change, expected_text: str) -> None:
    """A response with one fault is rejected, and the message names the place of the fault."""
    answer = example(name)
    change(answer)
    with pytest.raises(AssertionError) as caught:
        answer.check()
    assert expected_text in str(caught.value).partition("\n")[2]


@pytest.mark.parametrize("name", REQUESTS)
def test_requires_every_field_of_every_body(name: str) -> None:
    """A body with a missing, added, moved or mistyped field is rejected."""
    fields = list(example(name).body)
    changes = [body(another=None)] + [change(each) for each in fields for change in (without, nested)]
    changes += [last(each) for each in fields[:-1]]
    for change in changes:
        answer = example(name)
        change(answer)
        with pytest.raises(AssertionError):
            answer.check()


def test_message_names_the_expected_and_the_found_value() -> None:
    """The message names the operation, the place, the expected value and the found value."""
    answer = example("signalwire.recording_list.page0")
    answer.body["recordings"][1]["channels"] = 1
    with pytest.raises(AssertionError) as caught:
        answer.check()
    assert str(caught.value) == (
        f"signalwire list_recordings: GET {SIGNALWIRE}/Recordings?PageSize=2 answered 200\n"
        '  at /recordings/1/channels: expected type "string", found 1\n'
        '  at /recordings/1/channels: expected enum ["1", "2"], found 1'
    )


# --- Further accepted responses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("home", ["/2010-04-01", "/api/laml/2010-04-01"])
@pytest.mark.parametrize("suffix", ["", ".json"])
@pytest.mark.parametrize(
    ("name", "account", "place"),
    [
        ("twilio.call_list", "AC720796A08ee9435083bd2d07a3121f1e", "Calls"),
        ("signalwire.call_list", "720796A0-8EE9-4350-83BD-2D07A3121F1E", "Calls"),
        ("signalwire.recording_list.empty", "720796a0-8ee9-4350-83bd-2d07a3121f1e", "Recordings"),
    ],
)
def test_selects_the_vendor_by_the_account(name: str, account: str, place: str, home: str, suffix: str) -> None:
    """The format of AccountSid selects the vendor: case-insensitively, below both roots, with and without `.json`."""
    answer = example(name)
    answer.path = f"{home}/Accounts/{account}/{place}{suffix}"
    answer.check()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("signalwire.recording_list.empty", f"{SIGNALWIRE_CALL}/Recordings"),
        ("signalwire.recording_list.empty", f"{SIGNALWIRE_ABSENT}/Transcriptions.json"),
    ],
)
def test_validates_added_signalwire_lists_like_its_own(name: str, path: str) -> None:
    """A list that this API adds to SignalWire's is validated like SignalWire's own lists."""
    answer = example(name)
    answer.path = path
    text = json.dumps(answer.body).replace(f"{SIGNALWIRE}/Recordings", path.removesuffix(".json"))
    answer.body = text.replace('"recordings": []', '"transcriptions": []') if "Transcriptions" in path else text
    answer.check()


@pytest.mark.parametrize(
    ("vendor", "method", "path", "status", "code"),
    [
        ("twilio", "GET", f"{TWILIO}/Messages.json", 404, 20404),
        ("twilio", "GET", "/", 404, 20404),
        ("twilio", "GET", "/2010-04-01/Accounts/me/Recordings.json", 404, 20404),
        ("signalwire", "GET", "/api/laml/2010-04-01/Accounts/me/Recordings", 404, 20404),
        ("signalwire", "GET", "/2010-04-01/Accounts/720796a0-8ee9-4350-83bd-2d07a3121f1e/Nothing", 404, 20404),
        ("signalwire", "POST", f"{SIGNALWIRE_CONFERENCE}/Participants", 405, 20004),
        ("signalwire", "OPTIONS", SIGNALWIRE_CALL, 405, 20004),
        ("signalwire", "POST", SIGNALWIRE_CALL_RECORDING, 413, 10000),
        ("signalwire", "GET", SIGNALWIRE_CALL_RECORDING, 500, 20504),
        ("signalwire", "GET", f"{SIGNALWIRE}/Recordings", 429, 20429),
        ("signalwire", "GET", f"{SIGNALWIRE}/Recordings", 404, 20404),
        ("signalwire", "GET", f"{SIGNALWIRE_ABSENT}.mp3", 404, 20404),
        ("signalwire", "POST", f"{SIGNALWIRE}/Calls", 400, 10000),
        ("signalwire", "POST", f"{SIGNALWIRE}/Calls", 405, 20004),
        ("twilio", "GET", f"{TWILIO_CONFERENCE}/Participants/a%20label.json", 404, 20404),
    ],
)
def test_accepts_plain_errors_that_the_files_do_not_list(
    vendor: Vendor, method: str, path: str, status: int, code: int
) -> None:
    """Unknown paths, wrong methods and common errors are accepted with the vendor's plain error object only."""
    answer = example(f"{vendor}.error.404")
    answer.method, answer.path, answer.status = method, path, status
    answer.body = error(vendor, status, code, f"The requested resource {path} was not found")
    answer.check()
    answer.body["more_info"] = "https://example.com"
    with pytest.raises(AssertionError, match="/more_info"):
        answer.check()


@pytest.mark.parametrize("path", [f"{TWILIO_CALL_RECORDING}.json", SIGNALWIRE_CALL_RECORDING, SIGNALWIRE_PARTICIPANT])
def test_accepts_an_empty_204(path: str) -> None:
    """The response to a DELETE has no body."""
    VendorContract().check("DELETE", path, 204, {"x-request-id": "7f0c"}, b"")


@pytest.mark.parametrize(
    ("ending", "content_type"), [("", "audio/x-wav"), (".wav", "audio/x-wav"), (".mp3", "audio/mpeg")]
)
@pytest.mark.parametrize("recording", [TWILIO_RECORDING, SIGNALWIRE_ABSENT])
def test_distinguishes_media_from_metadata(recording: str, ending: str, content_type: str) -> None:
    """A recording's path without `.json` returns non-empty audio of the type of its extension."""
    contract, headers = VendorContract(), {"content-type": content_type, "x-request-id": "7f0c"}
    contract.check("GET", recording + ending, 200, headers, b"RIFF")
    contract.check("GET", recording + ending, 206, headers, b"R")
    contract.check("HEAD", recording + ending, 200, headers, b"")
    with pytest.raises(AssertionError, match="audio"):
        contract.check("GET", recording + ending, 200, headers, b"")
    with pytest.raises(AssertionError, match="Content-Type"):
        contract.check("GET", recording + ending, 200, {**headers, "content-type": "application/json"}, b"RIFF")


def test_accepts_head_without_a_body() -> None:
    """HEAD on a JSON route gets 405 without a body."""
    VendorContract().check("HEAD", f"{TWILIO_CALL}.json", 405, {"x-request-id": "7f0c"}, b"")


# --- The tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vendor", "kind"), [(vendor, kind) for vendor in SHAPES for kind in SHAPES[vendor]])
def test_lists_the_fields_of_the_vendors_file(vendor: Vendor, kind: str) -> None:
    """Each shape lists the fields of the vendor's schema, in its order."""
    document = json.loads((wire.contract_folder() / f"{vendor}.json").read_text())
    schemas = document["components"]["schemas"]
    names = [name for name in schemas if name.rpartition(".")[2] in {kind, f"{kind}Response"}]
    assert names
    for name in names:
        assert list(schemas[name]["properties"]) == SHAPES[vendor][kind].fields.replace("?", "").split()


def test_converts_to_valid_schemas() -> None:
    """Every converted schema is valid JSON Schema 2020-12."""
    contract, schemas = VendorContract(), []
    for operation in (operation for operations in contract._operations.values() for operation in operations.values()):
        schemas += [validator.schema for _, validator in operation.schemas.values()]
        schemas += [success.validator.schema for success in operation.successes.values() if success]
    assert len(schemas) > 100
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def test_reads_the_files_from_the_configured_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TAPEDECK_CONTRACT names the folder of the vendors' files; without them the contract is unavailable."""
    monkeypatch.setenv("TAPEDECK_CONTRACT", str(tmp_path))
    assert not VendorContract.available()
