"""R1: list the recordings of an account, by call, conference and date, deleted ones too."""

from typing import Any

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
"""Wednesday, 26 September 2018, 00:00:00 UTC: an hour after the stage's clock begins."""


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
    """A date that cannot be parsed answers 422, and the message names the parameter."""
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


def show(client: FunctionClient, recordings: list[Recording], filters: str = "", **fields: Any) -> Any:
    """The page that shows these."""
    items = [expected.account_recording(client.dialect.name, recording) for recording in recordings]
    return expected.page(client.dialect.name, client.account, "Recordings", items, filters=filters, **fields)


def test_shows_recordings_of_calls_and_conferences(client: FunctionClient, stage: Stage) -> None:
    """All of both, in each state, at the account's address."""
    made = []
    for parent in (stage.call(), stage.conference()):
        for status in ("in-progress", "paused", "stopped", "completed", "absent"):
            stage.clock.step(1)
            source = Source.OUTBOUND_API if isinstance(parent, Call) else Source.CONFERENCE
            made.append(stage.recording(parent, status, source))
    assert_answer(client.get("Recordings"), 200, show(client, made[::-1]))


def at(stage: Stage, *seconds: int) -> list[Recording]:
    """Recordings made at these seconds after midnight, newest first."""
    made = []
    for second in sorted(seconds):
        stage.clock.milliseconds = (MIDNIGHT + second) * 1000 + 999
        made.append(stage.recording(stage.call()))
    return made[::-1]


@pytest.mark.parametrize(
    ("filters", "wanted"),
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
def test_filters_by_date(client: FunctionClient, stage: Stage, filters: dict[str, str], wanted: list[int]) -> None:
    """A day, a second, up to one and from one on: the second of midnight belongs to both sides."""
    seconds = [-DAY, -1, 0, 1, DAY - 1, DAY]
    made = dict(zip(sorted(seconds, reverse=True), at(stage, *seconds), strict=True))
    found = [made[second] for second in sorted(wanted, reverse=True)]
    spelled = "".join(
        f"{name.replace('<', '%3C').replace('>', '%3E')}={value.replace(':', '%3A')}&"
        for name, value in filters.items()
    )
    assert_answer(client.get("Recordings", **filters), 200, show(client, found, spelled))


@pytest.mark.parametrize("name", ["DateCreated<", "DateCreated%3C"])
def test_the_sign_is_part_of_the_name(client: FunctionClient, stage: Stage, name: str) -> None:
    """`DateCreated<=2018-09-26` is a parameter of that name, escaped or not."""
    first, *_ = at(stage, 0)
    answer = client.request("GET", f"{client.path('Recordings')}?{name}=2018-09-26")
    assert_answer(answer, 200, show(client, [first], "DateCreated%3C=2018-09-26&"))


@pytest.mark.parametrize(
    "text", ["Wed, 26 Sep 2018 00:00:00 +0000", "2018-09-26T00:00:00", "2018-09-26T02:00:00+02:00"]
)
def test_s_takes_more_dates(client: FunctionClient, stage: Stage, text: str) -> None:
    """S takes RFC 2822 and any ISO 8601; T takes a day or a second in UTC."""
    (only,) = at(stage, 0)
    answer = client.get("Recordings", DateCreated=text)
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name="DateCreated")
    else:
        assert [item["sid"] for item in answer.body["recordings"]] == [client.sid(ResourceType.RECORDING, only.id)]


@pytest.mark.parametrize("name", ["DateCreated", "DateCreated<", "DateCreated>"])
@pytest.mark.parametrize("text", ["yesterday", "2018-02-30", "2018-09-26T00:00", "26-09-2018", "2018-09-26 "])
def test_refuses_what_is_no_date(client: FunctionClient, name: str, text: str) -> None:
    """The parameter is named with its sign."""
    if client.dialect.name == "signalwire" and text == "2018-09-26T00:00":
        text = "2018-09-26T"
    assert_refused(client, client.get("Recordings", **{name: text}), "value outside the enum", name=name)


def test_filters_by_call(client: FunctionClient, stage: Stage) -> None:
    """T finds by `CallSid` whatever shows that call, conferences' recordings too; S those of the call alone."""
    call = stage.call()
    room = stage.conference(name="Other", first_call=call.id)
    of_call = stage.recording(call)
    stage.clock.step(1)
    of_room = stage.recording(room)
    stage.clock.step(1)
    later = stage.recording(call, source=Source.OUTBOUND_API)
    stage.recording(stage.call())
    stage.recording(stage.conference(name="Third"))
    sid = client.sid(ResourceType.CALL, call.id)
    wanted = [later, of_room, of_call] if client.dialect.name == "twilio" else [later, of_call]
    assert_answer(client.get("Recordings", CallSid=sid), 200, show(client, wanted, f"CallSid={sid}&"))


def test_a_list_by_call_can_be_walked(client: FunctionClient, stage: Stage) -> None:
    """Page by page it is the same list, forwards and backwards, where two lists are merged into one."""
    call = stage.call()
    room = stage.conference(first_call=call.id)
    made = []
    for parent in (call, room, room, call, room, call, call):
        stage.clock.step(1)
        source = Source.OUTBOUND_API if isinstance(parent, Call) else Source.CONFERENCE
        made.append(stage.recording(parent, source=source))
    if client.dialect.name == "signalwire":
        made = [recording for recording in made if recording.parent.id == call.id]
    for size in (1, 2, 3):
        seen, uri = [], f"{client.path('Recordings')}?CallSid={client.sid(ResourceType.CALL, call.id)}&PageSize={size}"
        last = None
        while uri is not None:
            last = client.request("GET", uri).body
            seen += [item["sid"] for item in last["recordings"]]
            uri = last["next_page_uri"]
        assert seen == [client.sid(ResourceType.RECORDING, recording.id) for recording in made[::-1]]
        back: list[str] = [item["sid"] for item in last["recordings"]] if last else []
        while last is not None and (uri := last["previous_page_uri"]) is not None:
            last = client.request("GET", uri).body
            back[:0] = [item["sid"] for item in last["recordings"]]
        assert back == seen


def test_filters_by_conference(client: FunctionClient, stage: Stage) -> None:
    """The recordings of that conference, and of both together what fits both."""
    call = stage.call()
    room = stage.conference(first_call=call.id)
    recording = stage.recording(room)
    stage.recording(call)
    stage.recording(stage.conference(name="Other"))
    conference, leg = client.sid(ResourceType.CONFERENCE, room.id), client.sid(ResourceType.CALL, call.id)
    found = client.get("Recordings", ConferenceSid=conference)
    assert_answer(found, 200, show(client, [recording], f"ConferenceSid={conference}&"))
    both = client.get("Recordings", ConferenceSid=conference, CallSid=leg)
    shown_by_both = [recording] if client.dialect.name == "twilio" else []
    assert_answer(both, 200, show(client, shown_by_both, f"ConferenceSid={conference}&CallSid={leg}&"))
    neither = client.get("Recordings", ConferenceSid=conference, CallSid=client.sid(ResourceType.CALL, "1" * 32))
    assert neither.body["recordings"] == []


@pytest.mark.parametrize("name", ["CallSid", "ConferenceSid"])
@pytest.mark.parametrize("text", ["{unknown}", "{recording}", "x"])
def test_an_unknown_sid_finds_nothing(client: FunctionClient, stage: Stage, name: str, text: str) -> None:
    """An empty list, not 404, whether it could be a sid or not."""
    recording = stage.recording(stage.call())
    kind = ResourceType.CALL if name == "CallSid" else ResourceType.CONFERENCE
    given = text.replace("{unknown}", client.sid(kind, "1" * 32))
    given = given.replace("{recording}", client.sid(ResourceType.RECORDING, recording.id))
    assert_answer(client.get("Recordings", **{name: given}), 200, show(client, [], f"{name}={given}&"))


def test_leaves_deleted_ones_out(client: FunctionClient, stage: Stage) -> None:
    """Unless they are asked for, and in S always."""
    kept = stage.recording(stage.call(), "completed")
    stage.delete(stage.recording(stage.call(), "completed"))
    assert_answer(client.get("Recordings"), 200, show(client, [kept]))
    if client.dialect.name == "signalwire":
        assert_answer(client.get("Recordings", IncludeSoftDeleted="true"), 200, show(client, [kept]))
        assert client.get("Recordings", IncludeSoftDeleted="perhaps").status == 200


@pytest.mark.parametrize("word", ["true", "True", "TRUE"])
def test_shows_deleted_ones_in_t(make_twilio: Any, stage: Stage, word: str) -> None:
    """Among the others, in order, as `deleted`, for forty days to the second."""
    client, call = make_twilio(), stage.call()
    first = stage.delete(stage.recording(call, "completed"))
    stage.clock.step(1)
    second = stage.recording(call, "completed", Source.OUTBOUND_API)
    stage.clock.step(1)
    third = stage.delete(stage.recording(call, "absent", Source.OUTBOUND_API))
    filters = f"IncludeSoftDeleted={word}&"
    answer = client.get("Recordings", IncludeSoftDeleted=word)
    assert_answer(answer, 200, show(client, [third, second, first], filters))
    stage.clock.step(40 * DAY - 2)
    answer = client.get("Recordings", IncludeSoftDeleted=word)
    assert_answer(answer, 200, show(client, [third, second], filters))
    stage.clock.step(2)
    assert_answer(client.get("Recordings", IncludeSoftDeleted=word), 200, show(client, [second], filters))


def test_deleted_ones_are_walked_in_t(make_twilio: Any, stage: Stage) -> None:
    """Page by page, with filters by call as well."""
    client, call = make_twilio(), stage.call()
    made = []
    for number in range(9):
        stage.clock.step(1)
        recording = stage.recording(call, "completed", Source.OUTBOUND_API)
        made.append(stage.delete(recording) if number % 3 else recording)
    for filters in ("", f"&CallSid={client.sid(ResourceType.CALL, call.id)}"):
        seen, uri = [], f"{client.path('Recordings')}?IncludeSoftDeleted=true&PageSize=2{filters}"
        while uri is not None:
            body = client.request("GET", uri).body
            seen += [item["sid"] for item in body["recordings"]]
            uri = body["next_page_uri"]
        assert seen == [client.sid(ResourceType.RECORDING, recording.id) for recording in made[::-1]]


@pytest.mark.parametrize("word", ["1", "yes", "tru"])
def test_refuses_what_is_no_boolean_in_t(make_twilio: Any, word: str) -> None:
    """Only true and false, in any case."""
    client = make_twilio()
    answer = client.get("Recordings", IncludeSoftDeleted=word)
    assert_refused(client, answer, "value outside the enum", name="IncludeSoftDeleted")


def test_what_is_deleted_while_a_page_is_read_is_not_on_it(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """Its row was there, it is gone when its body is read: the page is shorter by it (resources.md, section 2.2)."""
    kept = stage.recording(stage.call(), "completed")
    stage.clock.step(1)
    gone = stage.recording(stage.call(), "completed")

    def delete_meanwhile(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "Query":
            stage.delete(gone)

    with wire.watched_by(delete_meanwhile):
        answer = client.get("Recordings")
    assert_answer(answer, 200, show(client, [kept]))


def test_skips_past_what_a_walk_would_look_at(make_twilio: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page number reaches as far in a list that leaves little out as in one that leaves out nothing."""
    monkeypatch.setattr("tapedeck.operations.lists.MAX_ROWS_SCANNED", 5)
    client, made = make_twilio(), []
    room = stage.conference()
    for _ in range(12):
        stage.clock.step(1)
        made.append(stage.recording(room))
    sids = [client.sid(ResourceType.RECORDING, recording.id) for recording in made[::-1]]
    for query in ({"IncludeSoftDeleted": "true"}, {"ConferenceSid": client.sid(ResourceType.CONFERENCE, room.id)}):
        found = client.get("Recordings", PageSize="4", Page="2", **query).body["recordings"]
        assert [each["sid"] for each in found] == sids[8:12]
