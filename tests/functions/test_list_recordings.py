"""Listing the recordings of an account by call, conference and date: `list_recordings` in both dialects."""

from typing import Any
from urllib.parse import quote

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.recording import Recording, Source
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Clock, Stage, Wire, WireRequest, assert_answer, assert_refused

DAY = 86_400
MIDNIGHT = 1_537_920_000
"""Wednesday, 26 September 2018, 00:00:00 UTC: an hour after the test's clock begins."""


def test_listing_recordings_by_call_answers_a_page(api: Api, example: Stage, clock: Clock) -> None:
    """The recordings of a requested call answer 200 with a page whose links keep the filter."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(7)
    example.bring(recording, "completed", duration=7)

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings.json?CallSid=CA016612f5f27a7ca18a5f2c9e41d7b360&PageSize=20"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        headers={"Host": "recordings.example.com"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings.json?CallSid=CA016612f5f27a7ca18a5f2c9e41d7b360&PageSize=20&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 20,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings.json?CallSid=CA016612f5f27a7ca18a5f2c9e41d7b360&PageSize=20&Page=0"
        ),
        "recordings": [
            {
                "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
                "api_version": "2010-04-01",
                "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
                "conference_sid": None,
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "date_updated": "Tue, 25 Sep 2018 23:00:07 +0000",
                "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
                "duration": "7",
                "sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
                "price": None,
                "price_unit": None,
                "status": "completed",
                "channels": 1,
                "source": "StartCallRecordingAPI",
                "error_code": None,
                "uri": (
                    "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                    "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
                ),
                "encryption_details": None,
                "subresource_uris": {
                    "add_on_results": (
                        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                        "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/AddOnResults.json"
                    ),
                    "transcriptions": (
                        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                        "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/Transcriptions.json"
                    ),
                },
                "media_url": (
                    "https://recordings.example.com/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                    "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264"
                ),
            },
        ],
    }


def test_listing_recordings_by_an_invalid_date_is_unprocessable(api: Api) -> None:
    """A date that cannot be parsed answers 422 with the parameter's name, in SignalWire's dialect."""
    answer = api.request(
        "GET",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Recordings?DateCreated=yesterday",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 10000,
        "message": "DateCreated is invalid",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 422,
    }


def page_of(client: FunctionClient, recordings: list[Recording], filters: str = "", **fields: Any) -> Any:
    """Return the page that shows these recordings."""
    items = [expected.account_recording(client.dialect.name, recording) for recording in recordings]
    return expected.page(client.dialect.name, client.account, "Recordings", items, filters=filters, **fields)


def test_recordings_of_calls_and_conferences_are_listed(client: FunctionClient, stage: Stage) -> None:
    """Recordings of both in every state are listed, newest first."""
    created = []
    for parent in (stage.call(), stage.conference()):
        for status in ("in-progress", "paused", "stopped", "completed", "absent"):
            stage.clock.step(1)
            source = Source.OUTBOUND_API if isinstance(parent, Call) else Source.CONFERENCE
            created.append(stage.recording(parent, status, source))
    assert_answer(client.get("Recordings"), 200, page_of(client, created[::-1]))


def recordings_at(stage: Stage, *seconds: int) -> list[Recording]:
    """Create recordings at these seconds after midnight; return them newest first."""
    created = []
    for second in sorted(seconds):
        stage.clock.milliseconds = (MIDNIGHT + second) * 1000 + 999
        created.append(stage.recording(stage.call()))
    return created[::-1]


@pytest.mark.parametrize(
    ("filters", "matching"),
    [
        ({"DateCreated": "2018-09-26"}, [0, 1, DAY - 1]),
        ({"DateCreated<": "2018-09-26"}, [-DAY, -1, 0]),
        ({"DateCreated>": "2018-09-26"}, [0, 1, DAY - 1, DAY]),
        ({"DateCreated>": "2018-09-26", "DateCreated<": "2018-09-27"}, [0, 1, DAY - 1, DAY]),
        ({"DateCreated": "2018-09-26", "DateCreated<": "2018-09-26"}, [0]),
        ({"DateCreated<": "2018-09-25", "DateCreated>": "2018-09-26"}, []),
        ({"DateCreated": "2018-09-26T00:00:01Z"}, [1]),
        ({"DateCreated<": "2018-09-26T00:00:01Z"}, [-DAY, -1, 0, 1]),
        ({"DateCreated>": "2018-09-26T00:00:01Z"}, [1, DAY - 1, DAY]),
        ({"DateCreated<": "1969-12-31"}, []),
    ],
)
def test_recordings_are_filtered_by_date(
    client: FunctionClient, stage: Stage, filters: dict[str, str], matching: list[int]
) -> None:
    """By day or by second; both `<` and `>` include the given second."""
    seconds = [-DAY, -1, 0, 1, DAY - 1, DAY]
    created = dict(zip(sorted(seconds, reverse=True), recordings_at(stage, *seconds), strict=True))
    found = [created[second] for second in sorted(matching, reverse=True)]
    spelled = "".join(
        f"{name.replace('<', '%3C').replace('>', '%3E')}={value.replace(':', '%3A')}&"
        for name, value in filters.items()
    )
    assert_answer(client.get("Recordings", **filters), 200, page_of(client, found, spelled))


@pytest.mark.parametrize("name", ["DateCreated<", "DateCreated%3C"])
def test_the_operator_is_part_of_the_parameter_name(client: FunctionClient, stage: Stage, name: str) -> None:
    """`DateCreated<=2018-09-26` is the parameter `DateCreated<`, escaped or not."""
    first, *_ = recordings_at(stage, 0)
    answer = client.request("GET", f"{client.path('Recordings')}?{name}=2018-09-26")
    assert_answer(answer, 200, page_of(client, [first], "DateCreated%3C=2018-09-26&"))


@pytest.mark.parametrize(
    "text",
    [
        "2018-09-26T00:00:00",
        "2018-09-26T00:00:00.000Z",
        "2018-09-26T02:00:00+02:00",
        "2018-09-26T02:00:00 02:00",
        "2018-09-25 18:30:00-05:30",
        "2018-09-26T00:00Z",
        "2018-09-26T05:30:00.523919747+05:30[Asia/Kolkata]",
    ],
)
def test_recordings_are_filtered_by_timestamps(client: FunctionClient, stage: Stage, text: str) -> None:
    """Both dialects accept every form of a timestamp; it selects its second, and is repeated in the links."""
    (_, only, _) = recordings_at(stage, -1, 0, 1)
    assert_answer(
        client.get("Recordings", DateCreated=text), 200, page_of(client, [only], f"DateCreated={quote(text, safe='')}&")
    )


def test_signalwire_accepts_more_date_formats(client: FunctionClient, stage: Stage) -> None:
    """SignalWire accepts RFC 2822 besides ISO 8601."""
    (only,) = recordings_at(stage, 0)
    answer = client.get("Recordings", DateCreated="Wed, 26 Sep 2018 00:00:00 +0000")
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name="DateCreated")
    else:
        assert [item["sid"] for item in answer.body["recordings"]] == [client.sid(ResourceType.RECORDING, only.id)]


@pytest.mark.parametrize("name", ["DateCreated", "DateCreated<", "DateCreated>"])
@pytest.mark.parametrize(
    "text", ["yesterday", "2018-02-30", "2018-02-30T00:00:00Z", "2018-09-26T", "26-09-2018", "2018-09-26 "]
)
def test_an_invalid_date_is_rejected(client: FunctionClient, name: str, text: str) -> None:
    """The response names the parameter with its operator."""
    assert_refused(client, client.get("Recordings", **{name: text}), "value outside the enum", name=name)


def test_recordings_are_filtered_by_call(client: FunctionClient, stage: Stage) -> None:
    """Twilio's `CallSid` includes recordings of conferences that show the call; SignalWire's does not."""
    call = stage.call()
    conference = stage.conference(name="Other", first_call=call.id)
    of_call = stage.recording(call)
    stage.clock.step(1)
    of_conference = stage.recording(conference)
    stage.clock.step(1)
    later = stage.recording(call, source=Source.OUTBOUND_API)
    stage.recording(stage.call())
    stage.recording(stage.conference(name="Third"))
    sid = client.sid(ResourceType.CALL, call.id)
    matching = [later, of_conference, of_call] if client.dialect.name == "twilio" else [later, of_call]
    assert_answer(client.get("Recordings", CallSid=sid), 200, page_of(client, matching, f"CallSid={sid}&"))


def test_pages_of_a_call_are_complete_in_both_directions(client: FunctionClient, stage: Stage) -> None:
    """Forwards and backwards, pages of two merged lists contain the same recordings."""
    call = stage.call()
    conference = stage.conference(first_call=call.id)
    created = []
    for parent in (call, conference, conference, call, conference, call, call):
        stage.clock.step(1)
        source = Source.OUTBOUND_API if isinstance(parent, Call) else Source.CONFERENCE
        created.append(stage.recording(parent, source=source))
    if client.dialect.name == "signalwire":
        created = [recording for recording in created if recording.parent.id == call.id]
    for size in (1, 2, 3):
        seen, uri = [], f"{client.path('Recordings')}?CallSid={client.sid(ResourceType.CALL, call.id)}&PageSize={size}"
        last = None
        while uri is not None:
            last = client.request("GET", uri).body
            seen += [item["sid"] for item in last["recordings"]]
            uri = last["next_page_uri"]
        assert seen == [client.sid(ResourceType.RECORDING, recording.id) for recording in created[::-1]]
        back: list[str] = [item["sid"] for item in last["recordings"]] if last else []
        while last is not None and (uri := last["previous_page_uri"]) is not None:
            last = client.request("GET", uri).body
            back[:0] = [item["sid"] for item in last["recordings"]]
        assert back == seen


def test_recordings_are_filtered_by_conference(client: FunctionClient, stage: Stage) -> None:
    """`ConferenceSid` filters alone and together with `CallSid`."""
    call = stage.call()
    conference = stage.conference(first_call=call.id)
    recording = stage.recording(conference)
    stage.recording(call)
    stage.recording(stage.conference(name="Other"))
    conference_sid, call_sid = (
        client.sid(ResourceType.CONFERENCE, conference.id),
        client.sid(ResourceType.CALL, call.id),
    )
    found = client.get("Recordings", ConferenceSid=conference_sid)
    assert_answer(found, 200, page_of(client, [recording], f"ConferenceSid={conference_sid}&"))
    both = client.get("Recordings", ConferenceSid=conference_sid, CallSid=call_sid)
    shown_by_both = [recording] if client.dialect.name == "twilio" else []
    assert_answer(both, 200, page_of(client, shown_by_both, f"ConferenceSid={conference_sid}&CallSid={call_sid}&"))
    neither = client.get("Recordings", ConferenceSid=conference_sid, CallSid=client.sid(ResourceType.CALL, "1" * 32))
    assert neither.body["recordings"] == []


@pytest.mark.parametrize("name", ["CallSid", "ConferenceSid"])
@pytest.mark.parametrize("text", ["{unknown}", "{recording}", "x"])
def test_an_unknown_sid_has_an_empty_page(client: FunctionClient, stage: Stage, name: str, text: str) -> None:
    """An unknown or invalid sid answers an empty list, not 404."""
    recording = stage.recording(stage.call())
    kind = ResourceType.CALL if name == "CallSid" else ResourceType.CONFERENCE
    given = text.replace("{unknown}", client.sid(kind, "1" * 32))
    given = given.replace("{recording}", client.sid(ResourceType.RECORDING, recording.id))
    assert_answer(client.get("Recordings", **{name: given}), 200, page_of(client, [], f"{name}={given}&"))


def test_deleted_recordings_are_not_listed(client: FunctionClient, stage: Stage) -> None:
    """By default in Twilio's dialect, and always in SignalWire's."""
    kept = stage.recording(stage.call(), "completed")
    stage.delete(stage.recording(stage.call(), "completed"))
    assert_answer(client.get("Recordings"), 200, page_of(client, [kept]))
    if client.dialect.name == "signalwire":
        assert_answer(client.get("Recordings", IncludeSoftDeleted="true"), 200, page_of(client, [kept]))
        assert client.get("Recordings", IncludeSoftDeleted="perhaps").status == 200


@pytest.mark.parametrize("word", ["true", "True", "TRUE"])
def test_twilio_lists_deleted_recordings_on_request(make_twilio: Any, stage: Stage, word: str) -> None:
    """In order among the others with the status `deleted`, for forty days to the second."""
    client, call = make_twilio(), stage.call()
    first = stage.delete(stage.recording(call, "completed"))
    stage.clock.step(1)
    second = stage.recording(call, "completed", Source.OUTBOUND_API)
    stage.clock.step(1)
    third = stage.delete(stage.recording(call, "absent", Source.OUTBOUND_API))
    filters = f"IncludeSoftDeleted={word}&"
    answer = client.get("Recordings", IncludeSoftDeleted=word)
    assert_answer(answer, 200, page_of(client, [third, second, first], filters))
    stage.clock.step(40 * DAY - 2)
    answer = client.get("Recordings", IncludeSoftDeleted=word)
    assert_answer(answer, 200, page_of(client, [third, second], filters))
    stage.clock.step(2)
    assert_answer(client.get("Recordings", IncludeSoftDeleted=word), 200, page_of(client, [second], filters))


def test_pages_with_deleted_recordings_are_complete(make_twilio: Any, stage: Stage) -> None:
    """Pages with deleted recordings are complete, also with a filter by call."""
    client, call = make_twilio(), stage.call()
    created = []
    for number in range(9):
        stage.clock.step(1)
        recording = stage.recording(call, "completed", Source.OUTBOUND_API)
        created.append(stage.delete(recording) if number % 3 else recording)
    for filters in ("", f"&CallSid={client.sid(ResourceType.CALL, call.id)}"):
        seen, uri = [], f"{client.path('Recordings')}?IncludeSoftDeleted=true&PageSize=2{filters}"
        while uri is not None:
            body = client.request("GET", uri).body
            seen += [item["sid"] for item in body["recordings"]]
            uri = body["next_page_uri"]
        assert seen == [client.sid(ResourceType.RECORDING, recording.id) for recording in created[::-1]]


@pytest.mark.parametrize("word", ["1", "yes", "tru"])
def test_twilio_rejects_an_invalid_boolean(make_twilio: Any, word: str) -> None:
    """`IncludeSoftDeleted` accepts only true and false, case-insensitively."""
    client = make_twilio()
    answer = client.get("Recordings", IncludeSoftDeleted=word)
    assert_refused(client, answer, "value outside the enum", name="IncludeSoftDeleted")


def test_a_recording_deleted_during_the_request_is_left_out(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A recording deleted between reading the list and the recording is left out of the page."""
    kept = stage.recording(stage.call(), "completed")
    stage.clock.step(1)
    gone = stage.recording(stage.call(), "completed")

    def delete_meanwhile(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "Query":
            stage.delete(gone)

    with wire.watched_by(delete_meanwhile):
        answer = client.get("Recordings")
    assert_answer(answer, 200, page_of(client, [kept]))


def test_page_numbers_reach_beyond_the_scan_limit(
    client: FunctionClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that filters out few rows allows the page numbers of one without filters; Twilio requires tokens."""
    monkeypatch.setattr("tapedeck.operations.lists.MAX_ROWS_SCANNED", 5)
    created = []
    conference = stage.conference()
    for _ in range(12):
        stage.clock.step(1)
        created.append(stage.recording(conference))
    sids = [client.sid(ResourceType.RECORDING, recording.id) for recording in created[::-1]]
    for query in ({}, {"ConferenceSid": client.sid(ResourceType.CONFERENCE, conference.id)}):
        answer = client.get("Recordings", PageSize="4", Page="2", **query)
        if client.dialect.name == "twilio":
            assert_refused(client, answer, "page token missing")
            continue
        found = answer.body["recordings"]
        assert [each["sid"] for each in found] == sids[8:12]
