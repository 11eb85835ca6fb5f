"""`list_unsettled`: an operator finds what is unconfirmed, overdue or parked, by ids."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.adapters.dynamodb import unsettled as unsettled_table
from tapedeck.adapters.dynamodb.client import DynamoDBTable, to_attributes
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.engine import EngineCapabilities
from tests.functions.admin import run
from tests.functions.background_world import World
from tests.functions.stage import Stage, Wire

ACCOUNT: Final = "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
OTHER: Final = "720796a08ee9435083bd2d07a3121f1e"
ACCOUNT_SIDS: Final = {
    "twilio": "AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
    "signalwire": "3d1f6c5e-2b7a-4c0e-9a84-d6f0b1c2e3a4",
}
CALL: Final = "016612f5cb6a70008000000000000001"
CALL_SIDS: Final = {
    "twilio": "CA016612f5cb6a70008000000000000001",
    "signalwire": "016612f5-cb6a-7000-8000-000000000001",
}
CONFERENCE: Final = "016612f5cb6a70008000000000000002"
CONFERENCE_SIDS: Final = {
    "twilio": "CF016612f5cb6a70008000000000000002",
    "signalwire": "016612f5-cb6a-7000-8000-000000000002",
}
RECORDING: Final = "016612f5dee270008000000000000003"
RECORDING_SIDS: Final = {
    "twilio": "RE016612f5dee270008000000000000003",
    "signalwire": "016612f5-dee2-7000-8000-000000000003",
}
NOW: Final = 1_537_916_400
NOTHING: Final[dict[str, Any]] = {
    "call_sid": None,
    "conference_sid": None,
    "recording_sid": None,
    "version": None,
    "command": None,
    "engine": None,
    "presence": None,
    "callback": None,
    "host": None,
    "tried": None,
    "failure": None,
}


def put(world: World, partition: str, sort: str, **attributes: Any) -> None:
    """Store an item of the recordings table."""
    world.memory.put_item(TableName=world.table, Item=to_attributes({"PK": partition, "SK": sort, **attributes}))


def put_recording(world: World, identifier: str = RECORDING, account: str = ACCOUNT, **attributes: Any) -> None:
    """Store a recording of the call, in progress on engine `ast1`; nothing is due about it for an hour."""
    item = {
        "status": "in-progress", "version": 1, "confirmed": 1, "source": "StartCallRecordingAPI", "channels": 1,
        "track": "both", "trim": "do-not-trim",
        "updated": NOW - 100, "started": NOW - 100, "call": CALL, "engine": "ast1",
        "work": f"OPEN#{identifier[-1]}", "work_at": NOW + 3_600,
    }  # fmt: skip
    put(world, f"{account}#CALL#{CALL}", f"REC#{identifier}", **{**item, **attributes})


def put_call(world: World, **attributes: Any) -> None:
    """Store the call, in progress, with phone numbers."""
    item = {
        "status": "in-progress", "version": 4, "updated": NOW - 200, "to": "+13105678901", "from": "+13103384645",
        "direction": "inbound", "started": NOW - 200,
    }  # fmt: skip
    put(world, f"{ACCOUNT}#CALL#{CALL}", "CALL", **{**item, **attributes})


def put_conference(world: World, identifier: str = CONFERENCE, **attributes: Any) -> None:
    """Store a conference, in progress on engine `ast1`."""
    item = {
        "status": "in-progress", "version": 4, "updated": NOW - 200, "name": "Room", "sequence": 3, "participants": 1,
        "may_begin": True, "first_call": CALL, "record": False, "engine": "ast1",
    }  # fmt: skip
    put(world, f"{ACCOUNT}#CONF#{identifier}", "CONF", **{**item, **attributes})


def put_participant(world: World, **attributes: Any) -> None:
    """Store the call as a connected participant of the conference, in the index of pending work."""
    item = {
        "status": "connected", "sequence": 3, "joined": NOW - 90, "muted": False, "hold": False, "coaching": False,
        "start_on_enter": True, "end_on_exit": False, "work": "OPEN#1",
    }  # fmt: skip
    put(world, f"{ACCOUNT}#CONF#{CONFERENCE}", f"PART#{CALL}", **{**item, **attributes})


def put_delivery(world: World, number: int = 3, account: str = ACCOUNT, **attributes: Any) -> None:
    """Store a callback of the recording, whose URL has a password, a path and a query."""
    item = {
        "number": number, "event": "completed", "dialect": "twilio",
        "url": "https://user:secret@App.example.com:8443/hooks?tenant=42", "method": "POST",
        "body": f"AccountSid=AC{account}&RecordingSid=RE{RECORDING}&RecordingStatus=completed",
        "token": "4483a1d0-15ab-424f-4056-d5be18688e2a", "created": NOW - 700, "state": "retry-scheduled",
        "due": NOW + 20, "lease": 0, "tried": 2, "first_at": NOW - 699,
        "attempts": [{"at": (NOW - 699) * 1000, "milliseconds": 20, "status": 503, "answer": "call +13105678901"}],
        "work": "DUE#3", "work_at": NOW + 20,
    }  # fmt: skip
    put(world, f"{account}#CB#{RECORDING}", f"{number:08}.completed", **{**item, **attributes})


def open_session(world: World, seconds_ago: int) -> None:
    """Let the engine `ast1` open a session some seconds ago."""
    presences = PresenceTable(DynamoDBTable(world.memory, world.table, world.sleep))
    presences.open_session("ast1", "0" * 32, None, NOW - seconds_ago, EngineCapabilities(), None)


def listed(world: World, **event: Any) -> list[dict[str, Any]]:
    """Return the entries of the only page."""
    answer = world.call("list_unsettled", event)
    assert (answer["at"], answer["next_page_token"]) == (NOW, None)
    entries: list[dict[str, Any]] = answer["unsettled"]
    return entries


@pytest.mark.parametrize("sid", [None, *ACCOUNT_SIDS.values()])
def test_lists_an_unconfirmed_pause(world: World, sid: str | None) -> None:
    """A pause that the lost engine `ast1` has not confirmed for 90 seconds is listed with all ids, for either sid."""
    put_recording(world, status="paused", version=2, updated=NOW - 90, work_at=NOW - 60, pause_behavior="skip")
    open_session(world, seconds_ago=45)
    before = world.memory.scan(TableName=world.table)["Items"]
    assert world.call("list_unsettled", {} if sid is None else {"account_sid": sid}) == {
        "at": 1537916400,
        "unsettled": [
            {
                "what": "command_not_confirmed",
                "overdue": True,
                "since": 1537916310,
                "due": 1537916340,
                "account_sid": ACCOUNT_SIDS,
                "call_sid": CALL_SIDS,
                "conference_sid": None,
                "recording_sid": RECORDING_SIDS,
                "version": 2,
                "command": "recording.pause",
                "engine": "ast1",
                "presence": "lost",
                "callback": None,
                "host": None,
                "tried": None,
                "failure": None,
            }
        ],
        "next_page_token": None,
    }
    assert world.memory.scan(TableName=world.table)["Items"] == before
    account = {"account": ACCOUNT} if sid is not None else {}
    assert world.log.drain() == [{"operation": "list_unsettled", **account, "outcome": "done"}]


@pytest.mark.parametrize(("seconds_ago", "presence"), [(44, "alive"), (45, "lost"), (None, "never seen")])
def test_shows_whether_the_engine_is_alive(world: World, seconds_ago: int | None, presence: str) -> None:
    """An engine is lost 45 seconds after its last report."""
    put_recording(world, version=3, updated=NOW)
    if seconds_ago is not None:
        open_session(world, seconds_ago)
    (entry,) = listed(world)
    assert (entry["command"], entry["engine"], entry["presence"]) == ("recording.resume", "ast1", presence)


def test_lists_what_recordings_wait_for(world: World) -> None:
    """A start, audio after a stop with the stop itself, a conversion and the callbacks of an end, oldest first."""
    put_recording(world, f"016612f5dee2700080000000000000{0x10:02x}", confirmed=0, engine=None)
    put_recording(world, f"016612f5dee2700080000000000000{0x21:02x}", status="stopped", version=2, updated=NOW - 3_600)
    put_recording(
        world, f"016612f5dee2700080000000000000{0x32:02x}", status="stopped", version=2, confirmed=2,
        updated=NOW - 800, captured=NOW - 599, cap_size=7, cap_hash="0" * 64,
    )  # fmt: skip
    put_recording(
        world, f"016612f5dee2700080000000000000{0x43:02x}", status="completed", version=3, confirmed=3,
        updated=NOW - 600, duration=7,
    )  # fmt: skip
    put_recording(
        world, f"016612f5dee2700080000000000000{0x54:02x}", status="completed", version=3, confirmed=3,
        updated=NOW - 599, duration=7,
    )  # fmt: skip
    put_recording(world)  # nothing is due about it
    put_call(world, engine="ast1")
    found = [
        (entry["recording_sid"]["twilio"][-2:], entry["what"], entry["command"], entry["overdue"], entry["due"])
        for entry in listed(world)
    ]
    assert found == [
        ("21", "command_not_confirmed", "recording.stop", True, NOW - 3_570),
        ("21", "no_media", None, True, NOW),
        ("43", "end_not_published", None, True, NOW),
        ("32", "not_converted", None, False, NOW + 1),
        ("10", "start_not_confirmed", "recording.start", False, 1537916425),
    ]


@pytest.mark.parametrize("of_conference", ["ast1", None])
def test_lists_a_command_without_an_engine(
    world: World, of_conference: str | None, install_environment: Callable[[Environment], object]
) -> None:
    """A start is not sent while neither the call nor its conference has an engine."""
    install_environment(replace(current_environment(), default_engine=None))
    put_recording(world, confirmed=0, engine=None)
    put_call(world, conference=CONFERENCE)
    put_conference(world, engine=of_conference)
    (entry,) = listed(world)
    expected = ("start_not_confirmed", "ast1") if of_conference else ("command_not_sent", None)
    assert (entry["what"], entry["engine"], entry["command"], entry["version"]) == (*expected, "recording.start", 1)


def test_lists_commands_of_calls_conferences_and_participants(world: World) -> None:
    """Each is listed with its command and version; a participant has the engine of its conference."""
    pending: dict[str, Any] = {"version": 6, "asked": 5, "confirmed": 2, "asked_at": NOW - 30, "work_at": NOW}
    put_call(
        world, engine="ast1", redirect={"url": "https://x.example/?a=1", "method": "GET"}, work="OPEN#1", **pending
    )
    put_conference(world, announcement={"url": "https://x.example/?a=1", "method": "GET"}, work="OPEN#2", **pending)
    put_participant(world, **pending)
    common = {
        **NOTHING, "what": "command_not_confirmed", "overdue": True, "since": 1537916370, "due": 1537916400,
        "account_sid": ACCOUNT_SIDS, "version": 5, "engine": "ast1", "presence": "never seen",
    }  # fmt: skip
    assert listed(world) == [
        {**common, "conference_sid": CONFERENCE_SIDS, "command": "conference.announce"},
        {**common, "call_sid": CALL_SIDS, "command": "call.redirect"},
        {**common, "call_sid": CALL_SIDS, "conference_sid": CONFERENCE_SIDS, "command": "participant.update"},
    ]


def test_a_command_ends_with_its_conference(world: World) -> None:
    """The command of a participant is void once its conference has ended; what follows the end is listed."""
    put_conference(
        world, status="completed", ended=NOW - 600, updated=NOW - 600, dialed=True, work="OPEN#2", work_at=NOW,
        callback={"url": "https://x.example/?a=1", "method": "POST", "events": ["end"], "dialect": "twilio"},
    )  # fmt: skip
    pending = {"version": 2, "asked": 2, "asked_at": NOW - 90, "work_at": NOW - 60}
    put_participant(world, **pending)
    assert listed(world) == [
        {
            **NOTHING, "what": "end_not_published", "overdue": True, "since": 1537915800, "due": 1537916400,
            "account_sid": ACCOUNT_SIDS, "conference_sid": CONFERENCE_SIDS, "version": 4, "engine": "ast1",
            "presence": "never seen",
        }
    ]  # fmt: skip


def test_lists_a_parked_callback(world: World) -> None:
    """It has its id, its host without user, path and query, and its next attempt; nothing of its body or answer."""
    put_delivery(world)
    assert listed(world) == [
        {
            **NOTHING, "what": "callback_parked", "overdue": False, "since": 1537915700, "due": 1537916420,
            "account_sid": ACCOUNT_SIDS, "recording_sid": RECORDING_SIDS, "callback": "00000003.completed",
            "host": "app.example.com:8443", "tried": 2, "failure": "HTTP 503",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"state": "queued", "due": NOW, "work_at": NOW}, [("callback_not_sent", True)]),
        ({"state": "queued", "due": NOW + 1, "work_at": NOW + 1}, []),
        ({"due": NOW, "work_at": NOW}, [("callback_parked", True)]),
        ({"due": NOW + 1, "work_at": NOW + 1}, [("callback_parked", False)]),
    ],
)
def test_lists_a_queued_callback_once_it_is_overdue(
    world: World, attributes: dict[str, Any], found: list[tuple[str, bool]]
) -> None:
    """A queued callback counts as lost ten minutes later."""
    put_delivery(world, **attributes)
    assert [(entry["what"], entry["overdue"]) for entry in listed(world)] == found


def test_does_not_list_a_callback_that_is_being_sent(world: World) -> None:
    """Until its lease ends, after the 250th millisecond of this second, a worker is sending it."""
    put_delivery(world, state="queued", due=NOW, work_at=NOW, lease=NOW * 1000 + 251)
    assert listed(world) == []
    put_delivery(world, state="queued", due=NOW, work_at=NOW, lease=NOW * 1000 + 250)
    assert [entry["what"] for entry in listed(world)] == ["callback_not_sent"]


@pytest.mark.parametrize(
    ("body", "name", "sids"),
    [
        (f"RecordingSid=RE{RECORDING}&ConferenceSid=CF{CONFERENCE}", "recording_sid", RECORDING_SIDS),
        (f"ConferenceSid=CF{RECORDING}&CallSid=CA{CALL}", "conference_sid", RECORDING_SIDS),
        (f"CallSid=CA{RECORDING}&CallStatus=completed", "call_sid", RECORDING_SIDS),
    ],
)
def test_names_the_resource_of_a_callback(world: World, body: str, name: str, sids: dict[str, str]) -> None:
    """The resource of a callback is a recording, a conference or a call."""
    prefix = {"recording_sid": "RE", "conference_sid": "CF", "call_sid": "CA"}[name]
    put_delivery(world, body=body)
    (entry,) = listed(world)
    expected = {**sids, "twilio": f"{prefix}{RECORDING}"}
    given = {each: entry[each] for each in ("call_sid", "conference_sid", "recording_sid") if entry[each] is not None}
    assert given == {name: expected}


def test_filters(world: World) -> None:
    """By account, by kind, and by whether it is overdue by the index."""
    put_recording(world, status="paused", version=2, updated=NOW - 90, work_at=NOW - 60)
    put_recording(world, RECORDING[:-1] + "4", OTHER, version=3, updated=NOW - 5)
    put_delivery(world)
    put_delivery(world, 4, OTHER, due=NOW - 5, work_at=NOW - 5)
    ours, other = ACCOUNT_SIDS["signalwire"], f"AC{OTHER}"

    def found(**event: Any) -> list[tuple[str, str]]:
        return [(entry["account_sid"]["twilio"][2:], entry["what"]) for entry in listed(world, **event)]

    pause, resume = (ACCOUNT, "command_not_confirmed"), (OTHER, "command_not_confirmed")
    parked, due = (ACCOUNT, "callback_parked"), (OTHER, "callback_parked")
    assert found() == [parked, due, pause, resume]
    assert found(account_sid=ours) == [parked, pause]
    assert found(account_sid=other) == [due, resume]
    assert found(account_sid="AC" + "0" * 32) == []
    assert found(what="callback_parked") == [parked, due]
    assert found(what="command_not_confirmed", account_sid=other) == [resume]
    assert found(what="no_media") == []
    assert found(overdue=True) == [due, pause]
    assert found(overdue=True, account_sid=ours, what="callback_parked") == []


def pages(call: Callable[[dict[str, Any]], dict[str, Any]], **event: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries of each page."""
    while True:
        answer = call(event)
        yield answer["unsettled"]
        if answer["next_page_token"] is None:
            return
        event["page_token"] = answer["next_page_token"]


@pytest.mark.parametrize(("limit", "overdue"), [(1, True), (3, False), (3, True), (500, False)])
def test_pages_show_each_entry_once(stage: Stage, wire: Wire, limit: int, *, overdue: bool) -> None:
    """With any limit, pages show 8 recordings once each, of which 4 share a part and a place of the index."""
    call = stage.call(engine="ast1")
    recordings = [stage.recording(call, confirmed_version=1) for _ in range(8)]
    for number, recording in enumerate(recordings):
        stage.write(
            recording, status="paused", version=2, updated=stage.clock.seconds - 90,
            work="OPEN#5" if number < 4 else f"OPEN#{number:x}", work_at=stage.clock.seconds - 60,
        )  # fmt: skip
    event = {"limit": limit, "overdue": overdue, "account_sid": f"AC{call.account}"}
    found = list(pages(lambda each: dict(run("list_unsettled", **each)), **event))
    shown = [entry["recording_sid"]["twilio"] for page in found for entry in page]
    assert sorted(shown) == sorted(f"RE{recording.id}" for recording in recordings)
    assert max(map(len, found)) == min(limit, 8)
    assert {request.operation for _, request in wire.all} == {"Query", "BatchGetItem"}


def test_a_page_needs_few_requests(world: World) -> None:
    """500 items of all parts of the index, of calls in a conference: 32 queries, 15 batch reads and the presences."""
    for number in range(501):
        call = f"016612f5cb6a7000800000000001{number:04x}"
        item = {"status": "in-progress", "version": 2, "updated": NOW, "to": "a", "from": "b", "direction": "inbound"}
        put(world, f"{ACCOUNT}#CALL#{call}", "CALL", **item, conference=f"016612f5cb6a7000800000000002{number:04x}")
        recording = f"016612f5dee27000800000000000{number:04x}"
        put(
            world, f"{ACCOUNT}#CALL#{call}", f"REC#{recording}", status="in-progress", version=1, confirmed=0,
            channels=1, track="both", trim="do-not-trim",
            source="StartCallRecordingAPI", updated=NOW, call=call, work=f"OPEN#{recording[-1]}", work_at=NOW + 600,
        )  # fmt: skip
        put_conference(world, f"016612f5cb6a7000800000000002{number:04x}")
    with world.recorded_requests() as first:
        answer = world.call("list_unsettled", {})
    assert (len(answer["unsettled"]), first.count("Query"), first.count("BatchGetItem")) == (500, 17, 15)
    with world.recorded_requests() as second:
        last = world.call("list_unsettled", {"page_token": answer["next_page_token"]})
    assert (len(last["unsettled"]), last["next_page_token"]) == (1, None)
    assert (second.count("Query"), second.count("BatchGetItem")) == (18, 3)


def test_an_account_is_found_among_many_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page stops after 20,000 rows of other accounts, here 20, and the next one goes on behind them."""
    monkeypatch.setattr(unsettled_table, "MAX_ROWS", 20)
    for number in range(30):
        put_recording(world, f"016612f5dee2700080000000000{number:03x}03", OTHER, version=2)
    put_recording(world, version=2, work_at=NOW + 3_601)
    found = list(pages(lambda event: world.call("list_unsettled", event), account_sid=f"AC{ACCOUNT}"))
    assert [len(page) for page in found] == [0, 1]


def test_a_late_index_shows_nothing_wrong(world: World) -> None:
    """An item that has left the index since is read again, and not listed."""
    put_recording(world, status="paused", version=2, updated=NOW - 90, work_at=NOW - 60)
    put_delivery(world)

    def settle(when: str, operation: str, _request: Any) -> None:
        if (when, operation) == ("before", "BatchGetItem"):
            world.faults.remove(settle)
            put_recording(world, status="completed", version=3, confirmed=3, duration=1, work=None, work_at=None)
            put_delivery(world, state="delivered", due=None, work=None, work_at=None)

    world.faults.append(settle)
    assert listed(world) == []


FOREIGN: Final = [
    "", "x", "é", "a" * 1_001, 7, [], {}, "bnVsbA==", "W10=",
    *(
        base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode()
        for position in (
            [32, 1, "a", "b"], [-1, 1, "a", "b"], [0, -1, "a", "b"], [0, 1 << 53, "a", "b"], [0, 1.5, "a", "b"],
            [0, 1, "", "b"], [0, 1, "a", ""], [0, 1, "a" * 201, "b"], [0, 1, "a\n", "b"], [0, 1, "é", "b"],
            [0, 1, "a"], [0, 1, "a", "b", "c"], ["0", 1, "a", "b"], [True, 1, "a", "b"],
        )
    ),
    base64.urlsafe_b64encode(b'[0, 1, "a", "b"]').decode(),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "field", "message"),
    [
        ({"account_sid": "x"}, "account_sid", "Not an account SID in Twilio's or SignalWire's format"),
        ({"overdue": "yes"}, "overdue", "Input should be a valid boolean"),
        ({"limit": 0}, "limit", "Input should be greater than or equal to 1"),
        ({"limit": 501}, "limit", "Input should be less than or equal to 500"),
        ({"limit": True}, "limit", "Input should be a valid integer"),
        ({"account": f"AC{ACCOUNT}"}, "account", "Extra inputs are not permitted"),
        *(({"page_token": token}, "page_token", "Not a page token of this list") for token in FOREIGN),
    ],
)
def test_refuses_invalid_events(world: World, event: dict[str, Any], field: str, message: str) -> None:
    """A wrong field is named, nothing is read, and the answer is that of a refusal."""
    with world.recorded_requests() as requests:
        assert world.call("list_unsettled", event) == {"error": {"message": message, "field": field}}
    assert requests == []
    assert world.log.drain() == [{"operation": "list_unsettled", "outcome": "refused"}]


@pytest.mark.parametrize("what", ["", "pause", "CALLBACK_PARKED", 1, ["no_media"]])
def test_refuses_an_unknown_kind(world: World, what: Any) -> None:
    """The kinds are those that are listed."""
    assert world.call("list_unsettled", {"what": what}) == {
        "error": {
            "message": (
                "Input should be 'start_not_confirmed', 'command_not_confirmed', 'command_not_sent', 'no_media', "
                "'not_converted', 'end_not_published', 'callback_parked' or 'callback_not_sent'"
            ),
            "field": "what",
        }
    }


def test_a_token_is_valid_for_any_filter(world: World) -> None:
    """A token goes on with other filters too: nothing before it is listed, and it never fails."""
    put_recording(world, status="paused", version=2, updated=NOW - 90)  # the reconciler has not moved it yet
    put_recording(world, RECORDING[:-1] + "4", status="paused", version=2, updated=NOW - 90, work_at=NOW - 60)
    token = world.call("list_unsettled", {"limit": 1})["next_page_token"]
    for filters in ({}, {"overdue": True}):
        found = listed(world, page_token=token, **filters)
        assert [entry["recording_sid"]["twilio"][-1] for entry in found] == ["4"]
    assert listed(world, page_token=token, what="callback_parked") == []
