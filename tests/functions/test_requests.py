"""Tests of each operation's cost: its DynamoDB requests and the write units (WU) that they consume."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.http.services import ApiServices
from tests.client import Answer, Form, FunctionClient
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, WireRequest, call_path, conference_path, participant_path
from tests.media import capture, sound
from tests.reporter import join_conference, open_conference
from tests.thoroughness import scaled
from tests.units import Change, size, write_units

END = {"Status": "completed"}
LISTINGS = [
    "list_call_recordings",
    "list_conference_recordings",
    "list_recordings by call",
    "list_recordings by conference",
]


class Cost(NamedTuple):
    """The requests to the recordings table, and the write units of each writing request."""

    requests: list[str]
    units: list[int]


class Meter:
    """Records every request to the recordings table, with the items that it writes before and after."""

    def __init__(self, wire: Wire, stage: Stage) -> None:
        self._wire, self._stage = wire, stage
        self._before: list[dict[str, Any]] = []
        self.changes: list[list[Change]] = []

    def _watch(self, when: str, request: WireRequest) -> None:
        images = [self._stage.item(key) for key in request.keys if "SK" in key]
        if when == "sent":
            self._before = images
        elif images:
            self.changes.append([Change(*pair) for pair in zip(self._before, images, strict=True)])

    def of(self, answer: Callable[[], Answer], status: int) -> Cost:
        """Return the cost of a request that must get this status, with cached credentials."""
        self._wire.all.clear()
        self.changes.clear()
        with self._wire.watched_by(self._watch):
            assert answer().status == status
        assert self._wire.credentials == []
        writes = [request.operation for _, request in self._wire.all if request.writes]
        units = [write_units(*each) for each in zip(writes, self.changes, strict=True)]
        return Cost(self._wire.recordings, units)


@pytest.fixture
def meter(wire: Wire, stage: Stage) -> Meter:
    """Measures requests; the credentials are already cached."""
    return Meter(wire, stage)


GET, UPDATE, TRANSACT, QUERY, BATCH = "GetItem", "UpdateItem", "TransactWriteItems", "Query", "BatchGetItem"


def test_reads_credentials_once(client: FunctionClient, service: ApiServices, wire: Wire) -> None:
    """The first request of a process reads the credentials once; later requests use the cache."""
    service.authenticator._remembered.clear()
    for _ in range(3):
        client.get("Calls", client.sid(ResourceType.CALL, "0" * 32))
    assert wire.credentials == [GET]
    assert wire.recordings == [GET] * 3


def _create(client: FunctionClient, call: Call, form: Form = None) -> Callable[[], Answer]:
    return lambda: client.post(*call_path(client, call, ""), form=form)


@pytest.mark.parametrize("form", [None, {"RecordingStatusCallback": "https://a.example/" + "x" * 200}])
def test_starting_costs_one_request(client: FunctionClient, stage: Stage, meter: Meter, form: Form) -> None:
    """Starting the first recording of a call costs 1 transaction: 6 WU, and 1 for the index."""
    created = 201 if client.dialect.name == "twilio" else 200
    assert meter.of(_create(client, stage.call(), form), created) == ([TRANSACT], [7])


@pytest.mark.parametrize("status", ["in-progress", "paused"])
def test_starting_again_while_active_costs_two_requests(
    client: FunctionClient, stage: Stage, meter: Meter, status: str
) -> None:
    """Starting while a recording is active costs 2 requests; the failed transaction consumes 6 WU."""
    call = stage.call()
    stage.recording(call, status)
    assert meter.of(_create(client, call), 200) == ([TRANSACT, GET], [6])


@pytest.mark.parametrize("status", ["stopped", "completed"])
def test_starting_after_a_stop_costs_three_requests(
    client: FunctionClient, stage: Stage, meter: Meter, status: str
) -> None:
    """Starting after a stop costs 3 requests: a failed transaction of 6 WU and one of 7 WU."""
    call = stage.call()
    stage.recording(call, status)
    created = 201 if client.dialect.name == "twilio" else 200
    assert meter.of(_create(client, call), created) == ([TRANSACT, GET, TRANSACT], [6, 7])


def test_a_rejected_start_costs_one_request(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """Starting on an ended or unknown call costs 1 failed transaction, which reveals the reason."""
    ended = stage.call("completed")
    assert meter.of(_create(client, ended), 400) == ([TRANSACT], [6])
    assert meter.of(_create(client, replace(ended, id="0" * 32)), 404) == ([TRANSACT], [6])


@pytest.mark.parametrize("exists", [True, False])
def test_reading_costs_one_request(client: FunctionClient, stage: Stage, meter: Meter, *, exists: bool) -> None:
    """Reading a call, a conference or their recording costs 1 read, whether or not it exists."""
    call, conference = stage.call(), stage.conference()
    paths = [
        call_path(client, call),
        call_path(client, call, stage.recording(call)),
        conference_path(client, conference),
        conference_path(client, conference, stage.recording(conference)),
    ]
    for path in paths:
        last = path[-1] if exists else client.sid(_KINDS[path[-2] if len(path) < 4 else "Recordings"], "0" * 32)
        target = (*path[:-1], last)
        assert meter.of(lambda target=target: client.get(*target), 200 if exists else 404) == ([GET], [])  # type: ignore[misc]


_KINDS = {"Calls": ResourceType.CALL, "Conferences": ResourceType.CONFERENCE, "Recordings": ResourceType.RECORDING}

Parent = Call | Conference


def _update(client: FunctionClient, of: Parent, recording: Recording | str, status: str) -> Callable[[], Answer]:
    if isinstance(of, Call):
        return lambda: client.post(*call_path(client, of, recording), form={"Status": status})
    return lambda: client.post(*conference_path(client, of, recording), form={"Status": status})


@pytest.fixture(params=["call", "conference"])
def parent(request: pytest.FixtureRequest, stage: Stage) -> Parent:
    """A call and a conference in turn."""
    return stage.call() if request.param == "call" else stage.conference()


@pytest.mark.parametrize(
    ("before", "target", "status"),
    [
        ("in-progress", "paused", 200),
        ("paused", "in-progress", 200),
        ("in-progress", "stopped", 200),
        ("paused", "stopped", 200),
        ("in-progress", "in-progress", 200),
        ("paused", "paused", 200),
        ("stopped", "stopped", 200),
        ("stopped", "paused", 400),
        ("completed", "in-progress", 400),
        ("deleted", "stopped", 404),
    ],
)
def test_updating_costs_one_request(
    client: FunctionClient, stage: Stage, meter: Meter, parent: Parent, before: str, target: str, status: int
) -> None:
    """Updating a recording by sid costs 1 conditional update of 1 WU, also if rejected: under 1 KB, no index."""
    callback = CallbackSubscription(
        "https://app.example.com/hooks/recording?tenant=42", "POST", ("completed",), "signalwire"
    )
    recording = stage.recording(parent, before, callback=callback)
    # The largest item: all write tokens are set.
    stage.write(recording, **{place: f"{number}" * 16 for number, place in enumerate(items.WRITE_TOKEN_ATTRIBUTES)})
    cost = meter.of(_update(client, parent, recording, target), status)
    assert cost == ([UPDATE], [1])
    (change,) = meter.changes[0]
    assert max(size(change.before), size(change.after)) < 1024


def test_updating_an_unknown_recording_costs_one_request(client: FunctionClient, meter: Meter, parent: Parent) -> None:
    """Updating an unknown recording costs 1 failed update, without a read."""
    unknown = client.sid(ResourceType.RECORDING, "0" * 32)
    assert meter.of(_update(client, parent, unknown, "paused"), 404) == ([UPDATE], [1])


@pytest.mark.parametrize(
    ("active", "target", "status", "requests", "units"),
    [
        (1, "paused", 200, [QUERY, UPDATE], [1]),
        (1, "in-progress", 200, [QUERY, UPDATE], [1]),
        # Without an active recording, a read shows whether the parent exists.
        (0, "paused", 400, [QUERY, GET], []),
        (2, "paused", 400, [QUERY], []),
        # An invalid parameter costs only that read.
        (1, "no", 400, [GET], []),
        (0, "no", 400, [GET], []),
    ],
)
def test_updating_the_current_recording_costs_two_requests(
    client: FunctionClient,
    stage: Stage,
    meter: Meter,
    parent: Parent,
    active: int,
    target: str,
    status: int,
    requests: list[str],
    units: list[int],
) -> None:
    """Updating `Twilio.CURRENT` costs 1 query and 1 update of 1 WU; SignalWire answers without a request."""
    for _ in range(active):
        stage.recording(parent)
    stage.recording(parent, "stopped")
    is_signalwire = client.dialect.name == "signalwire"
    cost = meter.of(_update(client, parent, "Twilio.CURRENT", target), 404 if is_signalwire else status)
    assert cost == (([], []) if is_signalwire else (requests, units))


# --8<-- [start:invalid]
@pytest.mark.parametrize("exists", [True, False])
def test_invalid_parameters_cost_one_read(client: FunctionClient, stage: Stage, meter: Meter, *, exists: bool) -> None:
    """An invalid parameter costs 1 read, which decides between 404 and the parameter's error."""
    call, conference = stage.call(), stage.conference()
    recordings = stage.recording(call), stage.recording(conference)
    if not exists:
        call, conference = replace(call, id="0" * 32), replace(conference, id="0" * 32)
    bad = 400 if client.dialect.name == "twilio" else 422
    for path, form in (
        (call_path(client, call, ""), {"Trim": "no"}),
        (call_path(client, call, recordings[0]), {"Status": "no"}),
        (conference_path(client, conference, recordings[1]), None),
        (conference_path(client, conference), {"Status": "no"}),
    ):
        cost = meter.of(lambda path=path, form=form: client.post(*path, form=form), bad if exists else 404)  # type: ignore[misc]
        assert cost == ([GET], [])
    # --8<-- [end:invalid]


@pytest.mark.parametrize("form", [b"Status=%zz", "x=" + "y" * 65_535])
def test_rejected_bodies_cost_no_request(client: FunctionClient, meter: Meter, form: Form) -> None:
    """A malformed or too large body is rejected without a read."""
    path = conference_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32))
    status = 413 if isinstance(form, str) else 400
    assert meter.of(lambda: client.post(*path, form=form), status) == ([], [])


# Ends of conferences over the API, and hang-ups that the engine reports.


def _end(client: FunctionClient, conference: Conference, form: Form) -> Callable[[], Answer]:
    return lambda: client.post(*conference_path(client, conference), form=form)


@pytest.mark.parametrize("status", ["init", "in-progress"])
def test_ending_without_recordings_costs_one_request(
    client: FunctionClient, stage: Stage, meter: Meter, status: str
) -> None:
    """Ending a conference without recordings costs 1 update: 1 WU, and 4 for the indexes.

    It moves in the index of statuses (2), leaves that of live resources, and enters that of pending work.
    """
    assert meter.of(_end(client, stage.conference(status), END), 200) == ([UPDATE], [5])


def test_ending_with_a_callback_costs_no_more(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """A conference with a callback enters the pending-work index with its end as well, so its end costs 5 WU."""
    callback = CallbackSubscription("https://app.example.com/hooks", "POST", ("start", "end"), "twilio")
    assert meter.of(_end(client, stage.conference(callback=callback), END), 200) == ([UPDATE], [5])


def test_a_request_during_another_costs_one_unit_less(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """A change requested while another is pending does not write the pending-work index again."""
    form, call = {"Url": "https://a.example/"}, stage.call()
    redirect = _redirect(client, call, form)
    assert meter.of(redirect, 200) == ([UPDATE], [2])
    stage.clock.step(5)
    assert meter.of(redirect, 200) == ([UPDATE], [1])
    conference = stage.conference()
    path = participant_path(client, conference, stage.participant(conference))
    costs = []
    for muted in ("true", "false"):
        costs.append(meter.of(lambda muted=muted: client.post(*path, form={"Muted": muted}), 200))  # type: ignore[misc]
        stage.clock.step(5)
    assert costs == [([BATCH, TRANSACT], [5]), ([BATCH, TRANSACT], [4])]


def _redirect(client: FunctionClient, call: Call, form: Form) -> Callable[[], Answer]:
    return lambda: client.post(*call_path(client, call), form=form)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_ending_with_recordings_costs_two_requests(
    client: FunctionClient, stage: Stage, meter: Meter, number: int
) -> None:
    """Ending with N active recordings costs 2 requests: 1 WU, then 2(1 + N) WU and 4 for the indexes."""
    conference = stage.conference()
    for position in range(number):
        stage.recording(conference, "paused" if position % 2 else "in-progress")
    assert meter.of(_end(client, conference, END), 200) == ([UPDATE, TRANSACT], [1, 2 * (1 + number) + 4])


@pytest.mark.parametrize("stopped", [1, 3])
def test_ending_with_stopped_recordings_costs_three_requests(
    client: FunctionClient, stage: Stage, meter: Meter, stopped: int
) -> None:
    """If recordings were stopped before, ending costs 3 requests: one transaction of 2(1 + N) WU fails."""
    conference = stage.conference()
    stage.recording(conference)
    for _ in range(stopped):
        stage.recording(conference, "stopped")
    failed = 2 * (2 + stopped)
    assert meter.of(_end(client, conference, END), 200) == ([UPDATE, TRANSACT, TRANSACT], [1, failed, 4 + 4])


def test_a_rejected_end_costs_one_request(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """Ending an ended or unknown conference costs 1 failed update."""
    ended = stage.conference("completed")
    assert meter.of(_end(client, ended, END), 400) == ([UPDATE], [1])
    assert meter.of(_end(client, replace(ended, id="0" * 32), END), 404) == ([UPDATE], [1])


def test_announcing_costs_one_request(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """An announcement costs 1 update: 1 WU, and 1 for pending work. Without parameters an update costs 1 read."""
    conference = stage.conference()
    form = {"AnnounceUrl": "https://a.example/"}
    assert meter.of(_end(client, conference, form), 200) == ([UPDATE], [2])
    assert meter.of(_end(client, conference, None), 200) == ([GET], [])


def test_a_friendly_name_costs_two_more_reads(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """Ending by friendly name in Twilio's dialect costs 2 more reads; SignalWire answers without a request."""
    stage.conference(name="Lobby")
    if client.dialect.name == "signalwire":
        assert meter.of(lambda: client.post("Conferences", "Lobby", form=END), 404) == ([], [])
    else:
        assert meter.of(lambda: client.post("Conferences", "Lobby", form=END), 200) == ([GET, GET, UPDATE], [5])


@pytest.mark.parametrize(
    ("active", "stopped", "requests", "units"),
    [
        (0, 0, [GET, UPDATE], [4]),
        (1, 0, [GET, TRANSACT], [7]),
        (2, 0, [GET, TRANSACT], [9]),
        (1, 1, [GET, TRANSACT, GET, TRANSACT], [6, 7]),
    ],
)
def test_a_hang_up_costs_a_read_and_a_write(
    stage: Stage,
    wire: Wire,
    active: int,
    stopped: int,
    requests: list[str],
    units: list[int],
) -> None:
    """A reported hang-up costs one read and one write, and writes no pending work; a conflict costs both again."""
    call = stage.call()
    for _ in range(active):
        stage.recording(call, source=Source.OUTBOUND_API)
    for _ in range(stopped):
        stage.recording(call, "stopped")
    meter = Meter(wire, stage)

    def hang_up() -> Answer:
        stage.engine.call_ended(call.id)
        return Answer(200, {}, b"")

    assert meter.of(hang_up, 200) == (requests, units)


def test_a_hang_up_in_a_conference_costs_three_requests(stage: Stage, wire: Wire) -> None:
    """A hang-up in a conference costs 3 requests; the last one also ends the conference and its recordings."""
    service, account = stage.services, stage.account
    conference = open_conference(service, account, "Meter")
    calls = [service.calls.register(account, to="+1", from_="+1", direction="inbound") for _ in range(2)]
    for call in calls:
        conference = join_conference(service, account, conference.id, call.id)
    stage.recording(conference)
    meter = Meter(wire, stage)
    costs = []
    for call in calls:

        def hang_up(call: Call = call) -> Answer:
            stage.engine.call_ended(call.id)
            return Answer(200, {}, b"")

        costs.append(meter.of(hang_up, 200))
    together = [GET, "BatchGetItem", TRANSACT]
    # Items: call, participant and conference; three index writes for the call. The last hang-up also writes the
    # recording, three index entries of the conference, and its pending work, because the engine must end it.
    assert costs == [(together, [2 * 3 + 3]), (together, [2 * 4 + 3 + 3 + 1])]


# Participants, and calls over the API.

BATCH = "BatchGetItem"


@pytest.mark.parametrize("by_label", [False, True])
@pytest.mark.parametrize(
    ("form", "status", "requests", "units"),
    [
        ({"Muted": "true"}, 200, [BATCH, TRANSACT], [4 + 1]),
        ({"AnnounceUrl": "https://a.example/"}, 200, [BATCH, TRANSACT], [4 + 1]),
        ({"Muted": "false"}, 200, [BATCH], []),
        (None, 200, [BATCH], []),
        ({"Hold": "no"}, 400, [BATCH], []),
    ],
)
def test_updating_a_participant_costs_two_requests(
    make_twilio: Callable[[], FunctionClient],
    stage: Stage,
    meter: Meter,
    form: Form,
    status: int,
    requests: list[str],
    units: list[int],
    *,
    by_label: bool,
) -> None:
    """Updating a participant costs 1 batch read and 1 transaction of 5 WU; by label 1 more read."""
    client, conference = make_twilio(), stage.conference()
    participant = stage.participant(conference, label="customer")
    path = participant_path(client, conference, "customer" if by_label else participant)
    cost = meter.of(lambda: client.post(*path, form=form), status)
    assert cost == ([GET, *requests] if by_label else requests, units)


@pytest.mark.parametrize(("number", "recorded", "units"), [(2, 0, 5), (1, 0, 5 + 4), (1, 3, 5 + 4 + 6)])
def test_removing_a_participant_costs_two_requests(
    client: FunctionClient, stage: Stage, meter: Meter, number: int, recorded: int, units: int
) -> None:
    """Removing costs as much as updating; the last removal adds 4 WU for indexes and 2 per recording."""
    conference = stage.conference(participants=number)
    participant = stage.participant(conference)
    for _ in range(recorded):
        stage.recording(conference)
    path = participant_path(client, conference, participant)
    assert meter.of(lambda: client.delete(*path), 204) == ([BATCH, TRANSACT], [units])
    assert meter.of(lambda: client.delete(*path), 404) == ([BATCH], [])


def test_removing_a_dialed_participant_costs_three_requests(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """Its call is read and ends in the same transaction: 6 WU more."""
    conference = stage.conference()
    participant = stage.participant(conference, options={"to": "+12025550178", "from": "+12025550143"})
    path = participant_path(client, conference, participant)
    assert meter.of(lambda: client.delete(*path), 204) == ([BATCH, GET, TRANSACT], [11])


def test_redirecting_a_participant_costs_three_requests(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """The write that expects no conference fails; the participant is read, and leaves in one transaction."""
    participant = stage.participant(stage.conference())
    path = ("Calls", client.sid(ResourceType.CALL, participant.call))
    cost = meter.of(lambda: client.post(*path, form={"Url": "https://a.example/"}), 200)
    assert cost == ([UPDATE, BATCH, TRANSACT], [1, 7])


@pytest.mark.parametrize(
    ("where", "label", "requests", "units"),
    [
        ("sid", {}, [GET, TRANSACT], 13),
        ("sid", {"Label": "customer"}, [GET, TRANSACT], 15),
        ("name", {}, [GET, GET, TRANSACT], 13),
        ("new", {}, [GET, TRANSACT], 19),
    ],
)
def test_dialing_costs_two_requests(
    make_twilio: Callable[[], FunctionClient],
    stage: Stage,
    meter: Meter,
    where: str,
    label: dict[str, str],
    requests: list[str],
    units: int,
) -> None:
    """Dialing costs 1 read (by name 2) and 1 transaction of 13 WU; a label adds 2 WU, a new conference 6.

    Of the 13, one enters the call into the index of live resources, and two move the conference in it to its engine.
    """
    client, conference = make_twilio(), stage.conference(name="Lobby")
    path = participant_path(client, {"name": "Lobby", "new": "New"}.get(where) or conference)
    form = {"From": "client:a", "To": "client:b", **label}
    assert meter.of(lambda: client.post(*path, form=form), 201) == (requests, [units])


def test_listing_participants_costs_one_query(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """Listing participants costs 1 query, whether or not the conference exists."""
    conference = stage.conference()
    for _ in range(3):
        stage.participant(conference)
    assert meter.of(lambda: client.get(*participant_path(client, conference)), 200) == ([QUERY], [])
    unknown = participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32))
    assert meter.of(lambda: client.get(*unknown), 404) == ([QUERY], [])


@pytest.mark.parametrize(
    ("before", "form", "status", "requests", "units"),
    [
        ("ringing", {"Status": "canceled"}, 200, [UPDATE], [4 + 1]),
        ("in-progress", {"Status": "completed"}, 200, [UPDATE], [4 + 1]),
        ("in-progress", {"Url": "https://a.example/"}, 200, [UPDATE], [1 + 1]),
        ("ringing", {"Url": "https://a.example/"}, 400, [UPDATE], [1]),
        ("completed", {"Url": "https://a.example/"}, 400, [UPDATE], [1]),
        ("in-progress", None, 200, [GET], []),
    ],
)
def test_updating_a_call_costs_one_request(
    client: FunctionClient,
    stage: Stage,
    meter: Meter,
    before: str,
    form: Form,
    status: int,
    requests: list[str],
    units: list[int],
) -> None:
    """Updating a call without recordings costs 1 update: 1 WU, and 1 for pending work; an end 3 for other indexes."""
    path = call_path(client, stage.call(before))
    assert meter.of(lambda: client.post(*path, form=form), status) == (requests, units)


@pytest.mark.parametrize("engine", [None, "ast1"])
def test_an_engine_adds_nothing_to_the_cost_of_an_end(
    client: FunctionClient, stage: Stage, meter: Meter, engine: str | None
) -> None:
    """Ending a call or conference removes it from the index `live`, which costs 1 WU with and without an engine."""
    call, conference = stage.call(engine=engine), stage.conference(engine=engine)
    assert "live" in stage.partition(call)[0]
    path = call_path(client, call)
    assert meter.of(lambda: client.post(*path, form={"Url": "https://a.example/"}), 200) == ([UPDATE], [2])
    assert meter.of(lambda: client.post(*path, form=END), 200) == ([UPDATE], [4])
    assert meter.of(_end(client, conference, END), 200) == ([UPDATE], [5])
    (found,) = stage.partition(call)
    assert (found.get("engine"), "live" in found) == (engine, False)


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [("", 0), ("é", 2), (0, 2), (7, 2), (42, 2), (1_537_916_400, 6), (-5, 3), (True, 1), (b"abc", 3),
     (frozenset({"ab", "c"}), 3), (["a", 1], 3), ({"a": "bc"}, 3)],
)  # fmt: skip
def test_sizes_follow_the_developer_guide(value: Any, bytes_: int) -> None:
    """Sizes of values follow AWS's developer guide."""
    assert size(value) == bytes_


@pytest.mark.parametrize(
    ("operation", "change", "units"),
    [
        ("UpdateItem", Change({}, {}), 1),
        ("UpdateItem", Change({"a": "x" * 1023}, {}), 1),
        ("UpdateItem", Change({"a": "x" * 1024}, {"a": ""}), 2),
        ("TransactWriteItems", Change({}, {"a": "x" * 1024}), 4),
        ("UpdateItem", Change({}, {"work": "OPEN#0", "work_at": 1}), 2),
        ("UpdateItem", Change({"work": "OPEN#0", "work_at": 1}, {}), 2),
        ("UpdateItem", Change({"status_key": "a", "sid": "1"}, {"status_key": "b", "sid": "1"}), 3),
        ("UpdateItem", Change({"status_key": "a", "sid": "1", "x": 1}, {"status_key": "a", "sid": "1", "x": 2}), 1),
        ("UpdateItem", Change({}, {"work": "OPEN#0"}), 1),
    ],
)
def test_write_units_follow_the_developer_guide(operation: str, change: Change, units: int) -> None:
    """A started kilobyte costs 1 WU, in a transaction 2, and each added or removed index entry 1."""
    assert write_units(operation, [change]) == units


@pytest.mark.sized
@pytest.mark.parametrize(
    ("size", "batches"),
    scaled(deep=[(1, 1), (50, 1), (100, 1), (101, 2), (250, 3)], ci=[(100, 1), (250, 3)], fast=[(101, 2)]),
)
def test_listing_an_account_costs_a_query_and_a_batch_per_hundred(
    client: FunctionClient, stage: Stage, meter: Meter, size: int, batches: int
) -> None:
    """An account's list costs 1 query and 1 batch read per 100 items; transcriptions cost 1 query."""
    for number in range(size + 1):
        stage.recording(stage.conference(name=f"conference {number}"))
        stage.call()
        stage.transcription("1" * 32)
    page = {"PageSize": str(size)}
    for path in ("Recordings", "Conferences", "Calls"):
        assert meter.of(lambda path=path: client.get(path, **page), 200) == ([QUERY, *[BATCH] * batches], [])  # type: ignore[misc]
    for path in ("Recordings", "Conferences"):
        filtered = {**page, "DateCreated>": "2018-09-25"}
        cost = meter.of(lambda path=path, filtered=filtered: client.get(path, **filtered), 200)  # type: ignore[misc]
        assert cost == ([QUERY, *[BATCH] * batches], [])
    assert meter.of(lambda: client.get("Transcriptions", **page), 200) == ([QUERY], [])


def test_listing_a_parent_costs_one_query(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """Listing the recordings of a parent costs 1 query; if empty, 1 read checks that the parent exists."""
    call, conference = stage.call(), stage.conference()
    for path in (call_path(client, call, ""), conference_path(client, conference, "")):
        assert meter.of(lambda path=path: client.get(*path), 200) == ([QUERY, GET], [])  # type: ignore[misc]
        unknown = (path[0], client.sid(_KINDS[path[0]], "0" * 32), path[2])
        assert meter.of(lambda path=unknown: client.get(*path), 404) == ([QUERY, GET], [])  # type: ignore[misc]
    stage.recording(call)
    stage.recording(conference)
    for path in (call_path(client, call, ""), conference_path(client, conference, "")):
        assert meter.of(lambda path=path: client.get(*path), 200) == ([QUERY], [])  # type: ignore[misc]
    sid = client.sid(ResourceType.CONFERENCE, conference.id)
    assert meter.of(lambda: client.get("Recordings", ConferenceSid=sid), 200) == ([QUERY], [])


@pytest.mark.sized
@pytest.mark.parametrize(
    ("deleted", "size", "rounds"),
    scaled(
        deep=[
            (1, 1, 1), (2, 1, 2), (5, 1, 2), (6, 1, 3), (57, 3, 4), (58, 3, 5), (61, 1, 5), (101, 50, 2), (102, 50, 3),
        ],
        ci=[(1, 1, 1), (6, 1, 3), (61, 1, 5), (102, 50, 3)],
        fast=[(2, 1, 2), (13, 1, 3)],
    ),
)  # fmt: skip
@pytest.mark.parametrize("listing", LISTINGS)
def test_skipping_deleted_recordings_doubles_the_rows_per_query(
    client: FunctionClient, stage: Stage, meter: Meter, listing: str, deleted: int, size: int, rounds: int
) -> None:
    """A parent's list reads one page at first, then twice as many rows per query while many are deleted."""
    parent: Call | Conference = stage.conference() if "conference" in listing else stage.call()
    kept = _record(stage, parent, size)
    for recording in _record(stage, parent, deleted):
        stage.delete(recording)
    cost = meter.of(lambda: _list(client, parent, listing, size, kept), 200)
    # In Twilio's dialect a second query finds the conference recordings that show the call.
    merges = listing == "list_recordings by call" and client.dialect.name == "twilio"
    assert cost == ([QUERY] * rounds * (2 if merges else 1), [])


def _record(stage: Stage, parent: Call | Conference, count: int) -> list[Recording]:
    """Store `count` finished recordings and return them newest first."""
    made = []
    for _ in range(count):
        stage.clock.step(0.01)
        made.append(stage.recording(parent, "completed"))
    return made[::-1]


def _list(client: FunctionClient, parent: Call | Conference, listing: str, size: int, kept: list[Recording]) -> Answer:
    """Get a page and check that it shows the kept recordings."""
    if listing.startswith("list_recordings"):
        name, kind = (
            ("CallSid", ResourceType.CALL) if isinstance(parent, Call) else ("ConferenceSid", ResourceType.CONFERENCE)
        )
        answer = client.get("Recordings", PageSize=str(size), **{name: client.sid(kind, parent.id)})
    else:
        path = call_path(client, parent, "") if isinstance(parent, Call) else conference_path(client, parent, "")
        answer = client.get(*path, PageSize=str(size))
    assert [each["sid"] for each in answer.body["recordings"]] == [
        client.sid(ResourceType.RECORDING, each.id) for each in kept
    ]
    return answer


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_page_ends_at_the_row_limit(
    client: FunctionClient, stage: Stage, meter: Meter, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    """After too many deleted recordings the page ends early, with a link to the rest."""
    monkeypatch.setattr("tapedeck.operations.lists.MAX_ROWS_SCANNED", 10)
    parent: Call | Conference = stage.conference() if "conference" in listing else stage.call()
    *deleted, first = _record(stage, parent, 15)
    for recording in deleted:
        stage.delete(recording)
    answers: list[Answer] = []

    def get_page() -> Answer:
        answers.append(_list(client, parent, listing, 1, []))
        return answers[-1]

    cost = meter.of(get_page, 200)
    merges = listing == "list_recordings by call" and client.dialect.name == "twilio"
    # Three queries read 2, 4 and 4 rows; a nested list also checks that the parent exists.
    parent_read = [] if listing.startswith("list_recordings") else [GET]
    assert cost == ([QUERY] * 3 * (2 if merges else 1) + parent_read, [])
    rest = client.request("GET", answers[0].body["next_page_uri"]).body
    assert [each["sid"] for each in rest["recordings"]] == [client.sid(ResourceType.RECORDING, first.id)]
    assert rest["next_page_uri"] is None


def test_listing_by_call_costs_one_to_three_requests(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """A list by `CallSid` costs 1 query; Twilio's also finds conference recordings: 1 more query and batch read."""
    call = stage.call()
    stage.recording(call)
    sid = client.sid(ResourceType.CALL, call.id)
    is_twilio = client.dialect.name == "twilio"
    assert meter.of(lambda: client.get("Recordings", CallSid=sid), 200) == ([QUERY] * (2 if is_twilio else 1), [])
    stage.recording(stage.conference(first_call=call.id))
    expected = [QUERY, QUERY, BATCH] if is_twilio else [QUERY]
    assert meter.of(lambda: client.get("Recordings", CallSid=sid), 200) == (expected, [])


def test_listing_deleted_recordings_costs_one_more_query(make_twilio: Any, stage: Stage, meter: Meter) -> None:
    """`IncludeSoftDeleted` adds 1 query, and 1 batch read if there are deleted recordings."""
    client = make_twilio()
    stage.recording(stage.call(), "completed")
    answer = lambda: client.get("Recordings", IncludeSoftDeleted="true")  # noqa: E731 - one request, twice
    assert meter.of(answer, 200) == ([QUERY, BATCH, QUERY], [])
    stage.delete(stage.recording(stage.call(), "completed"))
    assert meter.of(answer, 200) == ([QUERY, BATCH, QUERY, BATCH], [])


def test_filters_by_status_and_name_cost_no_more(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """A list by `Status` or `FriendlyName` costs 1 query and 1 batch read, as without a filter."""
    stage.conference(name="Room")
    stage.call()
    for path, name, value in (
        ("Conferences", "Status", "in-progress"),
        ("Conferences", "FriendlyName", "Room"),
        ("Calls", "Status", "in-progress"),
    ):
        filters = {name: value}
        assert meter.of(lambda path=path, filters=filters: client.get(path, **filters), 200) == ([QUERY, BATCH], [])  # type: ignore[misc]


def test_transcriptions_cost_one_or_two_requests(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """A list of transcriptions costs 1 query and 1 batch read, a read 1 read, a deletion also 1 transaction."""
    made = stage.transcription(stage.recording(stage.call(), "completed"))
    recording, own = client.sid(ResourceType.RECORDING, made.recording), client.sid(ResourceType.TRANSCRIPTION, made.id)
    of_recording = ("Recordings", recording, "Transcriptions")
    assert meter.of(lambda: client.get(*of_recording), 200) == ([QUERY, BATCH], [])
    assert meter.of(lambda: client.get("Transcriptions", own), 200) == ([GET], [])
    assert meter.of(lambda: client.delete(*of_recording, own), 204) == ([GET, TRANSACT], [4])
    assert meter.of(lambda: client.get("Transcriptions", own), 404) == ([GET], [])
    assert meter.of(lambda: client.delete("Transcriptions", own), 404) == ([GET], [])


def test_phone_numbers_cost_one_or_two_requests(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """A number costs 1 read, a list 1 query, a creation 1 transaction of 4 WU; a change or a deletion 1 read more."""
    made = stage.phone_number()
    path = ("IncomingPhoneNumbers", client.sid(ResourceType.PHONE_NUMBER, made.id))
    new = {"PhoneNumber": f"+1404{made.number[5:]}", "VoiceUrl": "https://a.example/voice"}
    assert meter.of(lambda: client.post(path[0], form=new), 201) == ([TRANSACT], [4])
    assert meter.of(lambda: client.get(path[0]), 200) == ([QUERY], [])
    assert meter.of(lambda: client.get(path[0], PhoneNumber="*55"), 200) == ([QUERY], [])
    assert meter.of(lambda: client.get(path[0], PhoneNumber=made.number), 200) == ([GET], [])
    assert meter.of(lambda: client.get(*path), 200) == ([GET], [])
    assert meter.of(lambda: client.post(*path, form={}), 200) == ([GET], [])
    assert meter.of(lambda: client.post(*path, form={"VoiceUrl": "https://a.example/"}), 200) == ([GET, TRANSACT], [4])
    assert meter.of(lambda: client.delete(*path), 204) == ([GET, TRANSACT], [4])
    assert meter.of(lambda: client.get(*path), 404) == ([GET], [])


def test_applications_cost_one_or_two_requests(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """An application costs 1 read, a list 1 query, a creation 1 write of 2 WU; a change or a deletion 1 read more."""
    path = ("Applications", client.sid(ResourceType.APPLICATION, stage.application().id))
    name = {"FriendlyName": "Reception"}
    assert meter.of(lambda: client.post(path[0], form=name), 201) == ([TRANSACT], [2])
    assert meter.of(lambda: client.get(path[0]), 200) == ([QUERY], [])
    assert meter.of(lambda: client.get(path[0], FriendlyName="Reception"), 200) == ([QUERY], [])
    assert meter.of(lambda: client.get(*path), 200) == ([GET], [])
    assert meter.of(lambda: client.post(*path, form=name), 200) == ([GET], [])
    changed = {**name, "VoiceUrl": "https://a.example/"}
    assert meter.of(lambda: client.post(*path, form=changed), 200) == ([GET, TRANSACT], [2])
    assert meter.of(lambda: client.delete(*path), 204) == ([GET, TRANSACT], [2])
    assert meter.of(lambda: client.get(*path), 404) == ([GET], [])


def test_an_unnamed_application_costs_a_query_more(make_twilio: Any, meter: Meter) -> None:
    """Without a name, the applications of the account are counted with 1 query."""
    assert meter.of(lambda: make_twilio().post("Applications", form={}), 201) == ([QUERY, TRANSACT], [2])


def test_an_area_code_costs_two_requests(make_twilio: Any, stage: Stage, meter: Meter) -> None:
    """A number of an area code costs 1 batch read of its hundred numbers and 1 transaction of 4 WU."""
    client, area = make_twilio(), str(600 + int(stage.account, 16) % 300)
    assert meter.of(lambda: client.post("IncomingPhoneNumbers", form={"AreaCode": area}), 201) == (
        [BATCH, TRANSACT],
        [4],
    )


# Finished recordings. Requests to the bucket are counted in test_get_recording, test_media_completion, `DeleteRules`.


def test_reading_an_accounts_recording_costs_two_reads(make_twilio: Any, stage: Stage, meter: Meter) -> None:
    """Reading by account costs 2 reads: list row and recording. `IncludeSoftDeleted` reads both rows in a batch."""
    client, recording = make_twilio(), stage.recording(stage.call(), "completed")
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id))
    assert meter.of(lambda: client.get(*path), 200) == ([GET, GET], [])
    assert meter.of(lambda: client.get(*path, IncludeSoftDeleted="true"), 200) == ([BATCH, GET], [])
    stage.delete(recording)
    assert meter.of(lambda: client.get(*path, IncludeSoftDeleted="true"), 200) == ([BATCH, GET], [])
    assert meter.of(lambda: client.get(*path), 404) == ([GET], [])


@pytest.mark.parametrize("nested", [True, False])
def test_deleting_costs_two_requests(
    client: FunctionClient, stage: Stage, meter: Meter, parent: Parent, objects: Objects, *, nested: bool
) -> None:
    """Deleting costs 1 read (by account 2) and 1 transaction of 6 WU; an unfinished recording only the reads."""
    del objects  # only needs to be set up
    reads = [GET] if nested else [GET, GET]

    def delete(recording: Recording) -> Callable[[], Answer]:
        path = call_path if isinstance(parent, Call) else conference_path
        whole = path(client, parent, recording)  # type: ignore[arg-type]
        return lambda: client.delete(*(whole if nested else whole[2:]))

    assert meter.of(delete(stage.recording(parent)), 400) == (reads, [])
    finished = stage.recording(parent, "completed")
    assert meter.of(delete(finished), 204) == ([*reads, TRANSACT], [6])
    assert meter.of(delete(finished), 404) == ([GET], [])


@pytest.mark.parametrize(("callback", "units"), [(False, 2), (True, 1)])
@pytest.mark.parametrize("seconds", [2, 0.5])
def test_completing_costs_two_requests(
    stage: Stage, meter: Meter, seconds: float, units: int, *, callback: bool
) -> None:
    """Completing costs 1 read and 1 update of 1 WU; without a callback 1 more WU clears the pending work."""
    subscription = (
        CallbackSubscription("https://app.example.com/hooks", "POST", ("completed",), "twilio") if callback else None
    )
    recording = stage.recording(stage.call(), "stopped", callback=subscription)
    capture(stage.services, recording, sound(seconds))

    def complete() -> Answer:
        stage.services.media.complete(recording.parent, recording.id)
        return Answer(200, {}, b"")

    assert meter.of(complete, 200) == ([GET, UPDATE], [units])
    assert meter.of(complete, 200) == ([GET], [])


def test_completing_what_an_engine_has_costs_one_unit_more(stage: Stage, meter: Meter) -> None:
    """Completing a recording that an engine has costs 1 WU more, which removes it from the index `live`."""
    recording = stage.recording(stage.call(), "stopped", engine="ast1")
    capture(stage.services, recording, sound(2))

    def complete() -> Answer:
        stage.services.media.complete(recording.parent, recording.id)
        return Answer(200, {}, b"")

    assert meter.of(complete, 200) == ([GET, UPDATE], [3])
