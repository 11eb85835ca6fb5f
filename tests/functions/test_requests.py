"""How many requests to DynamoDB each operation makes, and what its writes cost (the table of access patterns)."""

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
from tapedeck.http.endpoint import ApiServices
from tests.client import Answer, Form, FunctionClient
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, WireRequest, call_path, conference_path, participant_path
from tests.media import sound
from tests.thoroughness import IN_FULL
from tests.units import Change, size, write_units

END = {"Status": "completed"}


class Cost(NamedTuple):
    """What was asked of the recordings table, and the units of its writes, request by request."""

    requests: list[str]
    units: list[int]


class Meter:
    """Notes every request to the recordings table with the items that it writes, before and after."""

    def __init__(self, wire: Wire, stage: Stage) -> None:
        self._wire, self._stage = wire, stage
        self._before: list[dict[str, Any]] = []
        self.changes: list[list[Change]] = []

    def _watch(self, when: str, request: WireRequest) -> None:
        held = [self._stage.item(key) for key in request.keys if "SK" in key]
        if when == "sent":
            self._before = held
        elif held:
            self.changes.append([Change(*images) for images in zip(self._before, held, strict=True)])

    def of(self, answer: Callable[[], Answer], status: int) -> Cost:
        """The cost of getting this answer, once the credentials are remembered."""
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
    """Counts, with credentials that are remembered already."""
    return Meter(wire, stage)


GET, UPDATE, TRANSACT, QUERY, BATCH = "GetItem", "UpdateItem", "TransactWriteItems", "Query", "BatchGetItem"


def test_reads_credentials_once(client: FunctionClient, service: ApiServices, wire: Wire) -> None:
    """The first request of a process reads the credentials, in one request; the next ones do not."""
    service.authenticator._remembered.clear()
    for _ in range(3):
        client.get("Calls", client.sid(ResourceType.CALL, "0" * 32))
    assert wire.credentials == [GET]
    assert wire.recordings == [GET] * 3


def _create(client: FunctionClient, call: Call, form: Form = None) -> Callable[[], Answer]:
    return lambda: client.post(*call_path(client, call, ""), form=form)


@pytest.mark.parametrize("form", [None, {"RecordingStatusCallback": "https://a.example/" + "x" * 200}])
def test_creates_in_one(client: FunctionClient, stage: Stage, meter: Meter, form: Form) -> None:
    """CR1, first: 1 transaction; 6 W and 1 for the index."""
    created = 201 if client.dialect.name == "twilio" else 200
    assert meter.of(_create(client, stage.call(), form), created) == ([TRANSACT], [7])


@pytest.mark.parametrize("status", ["in-progress", "paused"])
def test_finds_the_running_one_in_two(client: FunctionClient, stage: Stage, meter: Meter, status: str) -> None:
    """CR1, already recording: 2 requests; the failed transaction costs its 6 W."""
    call = stage.call()
    stage.recording(call, status)
    assert meter.of(_create(client, call), 200) == ([TRANSACT, GET], [6])


@pytest.mark.parametrize("status", ["stopped", "completed"])
def test_starts_again_in_three(client: FunctionClient, stage: Stage, meter: Meter, status: str) -> None:
    """CR1 after a stop: 3 requests, the failed transaction's 6 W and the next one's 6 W and index."""
    call = stage.call()
    stage.recording(call, status)
    created = 201 if client.dialect.name == "twilio" else 200
    assert meter.of(_create(client, call), created) == ([TRANSACT, GET, TRANSACT], [6, 7])


def test_refuses_a_start_in_one(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """CR1 on a call that has ended or is unknown: 1 transaction, which tells which."""
    ended = stage.call("completed")
    assert meter.of(_create(client, ended), 400) == ([TRANSACT], [6])
    assert meter.of(_create(client, replace(ended, id="0" * 32)), 404) == ([TRANSACT], [6])


@pytest.mark.parametrize("there", [True, False])
def test_reads_in_one(client: FunctionClient, stage: Stage, meter: Meter, *, there: bool) -> None:
    """CR3, FR2, C2, F2: 1 read each, whether or not there is something."""
    call, conference = stage.call(), stage.conference()
    paths = [
        call_path(client, call),
        call_path(client, call, stage.recording(call)),
        conference_path(client, conference),
        conference_path(client, conference, stage.recording(conference)),
    ]
    for path in paths:
        last = path[-1] if there else client.sid(_KINDS[path[-2] if len(path) < 4 else "Recordings"], "0" * 32)
        asked = (*path[:-1], last)
        assert meter.of(lambda asked=asked: client.get(*asked), 200 if there else 404) == ([GET], [])  # type: ignore[misc]


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
def test_updates_in_one(
    client: FunctionClient, stage: Stage, meter: Meter, parent: Parent, before: str, target: str, status: int
) -> None:
    """CR4, FR3 by sid: 1 conditional update whatever the outcome, of 1 W: under 1 KB, and no index is written."""
    callback = CallbackSubscription(
        "https://app.example.com/hooks/recording?tenant=42", "POST", ("completed",), "signalwire"
    )
    recording = stage.recording(parent, before, callback=callback)
    # As full as it gets: all places for marks of writes are taken.
    stage.write(recording, **{place: f"{number}" * 16 for number, place in enumerate(items.WRITE_TOKEN_ATTRIBUTES)})
    cost = meter.of(_update(client, parent, recording, target), status)
    assert cost == ([UPDATE], [1])
    (change,) = meter.changes[0]
    assert max(size(change.before), size(change.after)) < 1024


def test_updates_what_is_not_there_in_one(client: FunctionClient, meter: Meter, parent: Parent) -> None:
    """CR4, FR3 of an unknown recording: 1 update, which tells."""
    unknown = client.sid(ResourceType.RECORDING, "0" * 32)
    assert meter.of(_update(client, parent, unknown, "paused"), 404) == ([UPDATE], [1])


@pytest.mark.parametrize(
    ("active", "target", "status", "requests", "units"),
    [
        (1, "paused", 200, [QUERY, UPDATE], [1]),
        (1, "in-progress", 200, [QUERY, UPDATE], [1]),
        (0, "paused", 404, [QUERY], []),
        (2, "paused", 400, [QUERY], []),
        # A wrong parameter: the query alone.
        (1, "no", 400, [QUERY], []),
        (0, "no", 404, [QUERY], []),
    ],
)
def test_updates_the_current_one_in_two(
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
    """CR4, FR3 `Twilio.CURRENT`: 1 query of the parent's recordings and 1 update of 1 W; S asks nothing."""
    for _ in range(active):
        stage.recording(parent)
    stage.recording(parent, "stopped")
    in_s = client.dialect.name == "signalwire"
    cost = meter.of(_update(client, parent, "Twilio.CURRENT", target), 404 if in_s else status)
    assert cost == (([], []) if in_s else (requests, units))


@pytest.mark.parametrize("there", [True, False])
def test_judges_parameters_with_one_read(client: FunctionClient, stage: Stage, meter: Meter, *, there: bool) -> None:
    """A bad parameter: 1 read chooses between 404 and the parameter's error."""
    call, conference = stage.call(), stage.conference()
    recordings = stage.recording(call), stage.recording(conference)
    if not there:
        call, conference = replace(call, id="0" * 32), replace(conference, id="0" * 32)
    bad = 400 if client.dialect.name == "twilio" else 422
    for path, form in (
        (call_path(client, call, ""), {"Trim": "no"}),
        (call_path(client, call, recordings[0]), {"Status": "no"}),
        (conference_path(client, conference, recordings[1]), None),
        (conference_path(client, conference), {"Status": "no"}),
    ):
        cost = meter.of(lambda path=path, form=form: client.post(*path, form=form), bad if there else 404)  # type: ignore[misc]
        assert cost == ([GET], [])


@pytest.mark.parametrize("form", [b"Status=%zz", "x=" + "y" * 65_535])
def test_reads_nothing_for_bodies_that_nobody_reads(client: FunctionClient, meter: Meter, form: Form) -> None:
    """A malformed or large body is refused without a read."""
    path = conference_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32))
    status = 413 if isinstance(form, str) else 400
    assert meter.of(lambda: client.post(*path, form=form), status) == ([], [])


# Ends: F3 here; a hang-up comes from the media engine, and is counted all the same.


def _end(client: FunctionClient, conference: Conference, form: Form) -> Callable[[], Answer]:
    return lambda: client.post(*conference_path(client, conference), form=form)


@pytest.mark.parametrize("status", ["init", "in-progress"])
def test_ends_in_one(client: FunctionClient, stage: Stage, meter: Meter, status: str) -> None:
    """F3, never recorded: 1 update, 1 W, 2 for the status index and 1 for that of work: the engine is to end it."""
    assert meter.of(_end(client, stage.conference(status), END), 200) == ([UPDATE], [4])


def test_ends_what_somebody_hears_of_for_less(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """F3 of a conference with a callback: it is in the index of work from its beginning, and keeps its place."""
    callback = CallbackSubscription("https://app.example.com/hooks", "POST", ("start", "end"), "twilio")
    assert meter.of(_end(client, stage.conference(callback=callback), END), 200) == ([UPDATE], [3])


def test_asks_again_for_less(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """What is asked while something is pending finds its place in the index of work taken already."""
    form, call = {"Url": "https://a.example/"}, stage.call()
    redirect = _redirect(client, call, form)
    assert meter.of(redirect, 200) == ([UPDATE], [2])
    stage.clock.step(5)
    assert meter.of(redirect, 200) == ([UPDATE], [1])
    room = stage.conference()
    path = participant_path(client, room, stage.participant(room))
    costs = []
    for wish in ("true", "false"):
        costs.append(meter.of(lambda wish=wish: client.post(*path, form={"Muted": wish}), 200))  # type: ignore[misc]
        stage.clock.step(5)
    assert costs == [([BATCH, TRANSACT], [5]), ([BATCH, TRANSACT], [4])]


def _redirect(client: FunctionClient, call: Call, form: Form) -> Callable[[], Answer]:
    return lambda: client.post(*call_path(client, call), form=form)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_ends_with_recordings_in_two(client: FunctionClient, stage: Stage, meter: Meter, number: int) -> None:
    """F3, N recordings active: 2 requests, 1 W and then 2(1 + N) W and 3 for the indexes."""
    conference = stage.conference()
    for position in range(number):
        stage.recording(conference, "paused" if position % 2 else "in-progress")
    assert meter.of(_end(client, conference, END), 200) == ([UPDATE, TRANSACT], [1, 2 * (1 + number) + 3])


@pytest.mark.parametrize("stopped", [1, 3])
def test_ends_with_recordings_stopped_before_in_three(
    client: FunctionClient, stage: Stage, meter: Meter, stopped: int
) -> None:
    """F3, some stopped before: 3 requests, 2(1 + N) W more for the transaction that fails."""
    conference = stage.conference()
    stage.recording(conference)
    for _ in range(stopped):
        stage.recording(conference, "stopped")
    failed = 2 * (2 + stopped)
    assert meter.of(_end(client, conference, END), 200) == ([UPDATE, TRANSACT, TRANSACT], [1, failed, 4 + 3])


def test_refuses_to_end_in_one(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """F3 on a conference that has ended or is unknown: 1 update, which tells."""
    ended = stage.conference("completed")
    assert meter.of(_end(client, ended, END), 400) == ([UPDATE], [1])
    assert meter.of(_end(client, replace(ended, id="0" * 32), END), 404) == ([UPDATE], [1])


def test_announces_in_one(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """F3 with an announcement: 1 update of 1 W, and 1 for the index of work; without parameters 1 read."""
    conference = stage.conference()
    form = {"AnnounceUrl": "https://a.example/"}
    assert meter.of(_end(client, conference, form), 200) == ([UPDATE], [2])
    assert meter.of(_end(client, conference, None), 200) == ([GET], [])


def test_finds_a_name_in_two_more(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """F3 by friendly name, in T: 2 reads before."""
    stage.conference(name="Lobby")
    if client.dialect.name == "signalwire":
        assert meter.of(lambda: client.post("Conferences", "Lobby", form=END), 404) == ([], [])
    else:
        assert meter.of(lambda: client.post("Conferences", "Lobby", form=END), 200) == ([GET, GET, UPDATE], [4])


@pytest.mark.parametrize(
    ("active", "stopped", "requests", "units"),
    [
        (0, 0, [UPDATE], [3]),
        (1, 0, [UPDATE, TRANSACT], [1, 6]),
        (2, 0, [UPDATE, TRANSACT], [1, 8]),
        (1, 1, [UPDATE, TRANSACT, TRANSACT], [1, 6, 6]),
    ],
)
def test_hangs_up(
    stage: Stage,
    wire: Wire,
    active: int,
    stopped: int,
    requests: list[str],
    units: list[int],
) -> None:
    """A hang-up that the engine tells: 1, 2 or 3 requests as for a conference; nothing is asked, no work is left."""
    call = stage.call()
    for _ in range(active):
        stage.recording(call, source=Source.OUTBOUND_API)
    for _ in range(stopped):
        stage.recording(call, "stopped")
    meter = Meter(wire, stage)

    def hang_up() -> Answer:
        stage.services.calls.end(stage.account, call.id, engine_event=stage.engine_event())
        return Answer(200, {}, b"")

    assert meter.of(hang_up, 200) == (requests, units)


def test_hangs_up_in_a_conference_in_three(stage: Stage, wire: Wire) -> None:
    """A hang-up in a conference: 3 requests; the last one to leave ends the conference and its recordings."""
    service, account = stage.services, stage.account
    room = service.conferences.register(account, "Meter")
    calls = [service.calls.register(account, to="+1", from_="+1", direction="inbound") for _ in range(2)]
    for call in calls:
        room = service.conferences.join(account, room.id, call.id)
    stage.recording(room)
    meter = Meter(wire, stage)
    costs = []
    for call in calls:

        def hang_up(call: Call = call) -> Answer:
            service.calls.end(account, call.id, engine_event=stage.engine_event())
            return Answer(200, {}, b"")

        costs.append(meter.of(hang_up, 200))
    together = [UPDATE, "BatchGetItem", TRANSACT]
    # Call, participant and conference; then also the recording, the conference's place in the index, and its work:
    # the engine is to end it.
    assert costs == [(together, [1, 2 * 3 + 2]), (together, [1, 2 * 4 + 2 + 2 + 1])]


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
def test_updates_a_participant_in_two(
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
    """P4: 1 batch read of conference and participant, 1 transaction of 4 W and 1 for work; by label 1 read more."""
    client, room = make_twilio(), stage.conference()
    participant = stage.participant(room, label="customer")
    path = participant_path(client, room, "customer" if by_label else participant)
    cost = meter.of(lambda: client.post(*path, form=form), status)
    assert cost == ([GET, *requests] if by_label else requests, units)


@pytest.mark.parametrize(("number", "recorded", "units"), [(2, 0, 5), (1, 0, 5 + 3), (1, 3, 5 + 3 + 6)])
def test_removes_a_participant_in_two(
    client: FunctionClient, stage: Stage, meter: Meter, number: int, recorded: int, units: int
) -> None:
    """P5: as P4; the last one also ends the conference, 3 for the indexes, and stops its N recordings, 2 W each."""
    room = stage.conference(participants=number)
    participant = stage.participant(room)
    for _ in range(recorded):
        stage.recording(room)
    path = participant_path(client, room, participant)
    assert meter.of(lambda: client.delete(*path), 204) == ([BATCH, TRANSACT], [units])
    assert meter.of(lambda: client.delete(*path), 404) == ([BATCH], [])


@pytest.mark.parametrize(
    ("where", "label", "requests", "units"),
    [
        ("sid", {}, [GET, TRANSACT], 10),
        ("sid", {"Label": "customer"}, [GET, TRANSACT], 12),
        ("name", {}, [GET, GET, TRANSACT], 10),
        ("new", {}, [GET, TRANSACT], 17),
    ],
)
def test_dials_in_two(
    make_twilio: Callable[[], FunctionClient],
    stage: Stage,
    meter: Meter,
    where: str,
    label: dict[str, str],
    requests: list[str],
    units: int,
) -> None:
    """P2: 1 read, by name 2, 1 transaction of 8 W and 2 for the indexes; a label is 2 W more, a new conference 7."""
    client, room = make_twilio(), stage.conference(name="Lobby")
    path = participant_path(client, {"name": "Lobby", "new": "Nobody"}.get(where) or room)
    form = {"From": "client:a", "To": "client:b", **label}
    assert meter.of(lambda: client.post(*path, form=form), 201) == (requests, [units])


def test_lists_participants_in_one(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """P1: 1 query, whoever is there, and whether or not there is such a conference."""
    room = stage.conference()
    for _ in range(3):
        stage.participant(room)
    assert meter.of(lambda: client.get(*participant_path(client, room)), 200) == ([QUERY], [])
    unknown = participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32))
    assert meter.of(lambda: client.get(*unknown), 404) == ([QUERY], [])


@pytest.mark.parametrize(
    ("before", "form", "status", "requests", "units"),
    [
        ("ringing", {"Status": "canceled"}, 200, [UPDATE], [3 + 1]),
        ("in-progress", {"Status": "completed"}, 200, [UPDATE], [3 + 1]),
        ("in-progress", {"Url": "https://a.example/"}, 200, [UPDATE], [1 + 1]),
        ("ringing", {"Url": "https://a.example/"}, 400, [UPDATE], [1]),
        ("completed", {"Status": "completed"}, 400, [UPDATE], [1]),
        ("in-progress", None, 200, [GET], []),
    ],
)
def test_updates_a_call_in_one(
    client: FunctionClient,
    stage: Stage,
    meter: Meter,
    before: str,
    form: Form,
    status: int,
    requests: list[str],
    units: list[int],
) -> None:
    """C3, never recorded: 1 update whatever the outcome, 1 more for work; an end moves the call in the other index."""
    path = call_path(client, stage.call(before))
    assert meter.of(lambda: client.post(*path, form=form), status) == (requests, units)


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [("", 0), ("é", 2), (0, 2), (7, 2), (42, 2), (1_537_916_400, 6), (-5, 3), (True, 1), (b"abc", 3),
     (frozenset({"ab", "c"}), 3), (["a", 1], 3), ({"a": "bc"}, 3)],
)  # fmt: skip
def test_weighs_values(value: Any, bytes_: int) -> None:
    """Sizes follow AWS's developer guide."""
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
def test_computes_units(operation: str, change: Change, units: int) -> None:
    """A kilobyte is a unit, a transaction counts twice, an index once for what appears or goes."""
    assert write_units(operation, [change]) == units


@pytest.mark.parametrize(
    ("size", "batches"), [(1, 1), (50, 1), (100, 1), (101, 2), (250, 3)] if IN_FULL else [(101, 2)]
)
def test_lists_an_account_in_one_and_a_batch_per_hundred(
    client: FunctionClient, stage: Stage, meter: Meter, size: int, batches: int
) -> None:
    """R1, F1, C1, X4 without filters, or by creation: 1 query and 1 batch read per hundred on the page."""
    for number in range(size + 1):
        stage.recording(stage.conference(name=f"room {number}"))
        stage.call()
        stage.transcription("1" * 32)
    asked = {"PageSize": str(size)}
    for path in ("Recordings", "Conferences", "Calls"):
        assert meter.of(lambda path=path: client.get(path, **asked), 200) == ([QUERY, *[BATCH] * batches], [])  # type: ignore[misc]
    for path in ("Recordings", "Conferences"):
        filtered = {**asked, "DateCreated>": "2018-09-25"}
        cost = meter.of(lambda path=path, filtered=filtered: client.get(path, **filtered), 200)  # type: ignore[misc]
        assert cost == ([QUERY, *[BATCH] * batches], [])
    assert meter.of(lambda: client.get("Transcriptions", **asked), 200) == ([QUERY], [])


def test_lists_a_parent_in_one(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """CR2, FR1, R1 by `ConferenceSid`: 1 query; where it is empty, 1 read tells whether the parent is there."""
    call, room = stage.call(), stage.conference()
    for path in (call_path(client, call, ""), conference_path(client, room, "")):
        assert meter.of(lambda path=path: client.get(*path), 200) == ([QUERY, GET], [])  # type: ignore[misc]
        unknown = (path[0], client.sid(_KINDS[path[0]], "0" * 32), path[2])
        assert meter.of(lambda path=unknown: client.get(*path), 404) == ([QUERY, GET], [])  # type: ignore[misc]
    stage.recording(call)
    stage.recording(room)
    for path in (call_path(client, call, ""), conference_path(client, room, "")):
        assert meter.of(lambda path=path: client.get(*path), 200) == ([QUERY], [])  # type: ignore[misc]
    sid = client.sid(ResourceType.CONFERENCE, room.id)
    assert meter.of(lambda: client.get("Recordings", ConferenceSid=sid), 200) == ([QUERY], [])


@pytest.mark.parametrize(
    ("deleted", "size", "rounds"),
    [
        (1, 1, 1),
        (2, 1, 2),
        (61, 1, 5),
        *([(5, 1, 2), (6, 1, 3), (57, 3, 4), (58, 3, 5), (101, 50, 2), (102, 50, 3)] if IN_FULL else []),
    ],
)
@pytest.mark.parametrize("listing", ["CR2", "FR1", "R1 by call", "R1 by conference"])
def test_looks_past_deleted_ones_in_growing_steps(
    client: FunctionClient, stage: Stage, meter: Meter, listing: str, deleted: int, size: int, rounds: int
) -> None:
    """CR2, FR1, R1 by parent: what is asked for at first, and twice as many rows each time where many are deleted."""
    parent: Call | Conference = stage.conference() if "F" in listing or "conference" in listing else stage.call()
    kept = _record(stage, parent, size)
    for recording in _record(stage, parent, deleted):
        stage.delete(recording)
    cost = meter.of(lambda: _list(client, parent, listing, size, kept), 200)
    # Twilio's dialect asks for the conferences' recordings that show the call besides.
    merges = listing == "R1 by call" and client.dialect.name == "twilio"
    assert cost == ([QUERY] * rounds * (2 if merges else 1), [])


def _record(stage: Stage, parent: Call | Conference, count: int) -> list[Recording]:
    """So many finished recordings, newest first."""
    made = []
    for _ in range(count):
        stage.clock.step(0.01)
        made.append(stage.recording(parent, "completed"))
    return made[::-1]


def _list(client: FunctionClient, parent: Call | Conference, listing: str, size: int, kept: list[Recording]) -> Answer:
    """A page, which holds what was kept."""
    if listing.startswith("R1"):
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


@pytest.mark.parametrize("listing", ["CR2", "FR1", "R1 by call", "R1 by conference"])
def test_looks_past_no_more_than_it_may(
    client: FunctionClient, stage: Stage, meter: Meter, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    """Behind so many deleted recordings the page ends short, with a link that goes on from there."""
    monkeypatch.setattr("tapedeck.operations.lists.MAX_ROWS_SCANNED", 10)
    parent: Call | Conference = stage.conference() if "F" in listing or "conference" in listing else stage.call()
    *deleted, first = _record(stage, parent, 15)
    for recording in deleted:
        stage.delete(recording)
    answers: list[Answer] = []

    def ask() -> Answer:
        answers.append(_list(client, parent, listing, 1, []))
        return answers[-1]

    cost = meter.of(ask, 200)
    merges = listing == "R1 by call" and client.dialect.name == "twilio"
    # 2, 4 and 4 rows; of a call or conference also whether it is there.
    asks = [] if listing.startswith("R1") else [GET]
    assert cost == ([QUERY] * 3 * (2 if merges else 1) + asks, [])
    rest = client.request("GET", answers[0].body["next_page_uri"]).body
    assert [each["sid"] for each in rest["recordings"]] == [client.sid(ResourceType.RECORDING, first.id)]
    assert rest["next_page_uri"] is None


def test_lists_by_call_in_one_or_three(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """R1 by `CallSid`: 1 query; T asks for conferences' recordings besides: 1 query more, 1 batch read if there are."""
    call = stage.call()
    stage.recording(call)
    sid = client.sid(ResourceType.CALL, call.id)
    is_twilio = client.dialect.name == "twilio"
    assert meter.of(lambda: client.get("Recordings", CallSid=sid), 200) == ([QUERY] * (2 if is_twilio else 1), [])
    stage.recording(stage.conference(first_call=call.id))
    expected = [QUERY, QUERY, BATCH] if is_twilio else [QUERY]
    assert meter.of(lambda: client.get("Recordings", CallSid=sid), 200) == (expected, [])


def test_lists_deleted_ones_in_one_more(make_twilio: Any, stage: Stage, meter: Meter) -> None:
    """R1 with `IncludeSoftDeleted`: the same of the deleted ones besides."""
    client = make_twilio()
    stage.recording(stage.call(), "completed")
    answer = lambda: client.get("Recordings", IncludeSoftDeleted="true")  # noqa: E731 - one request, twice
    assert meter.of(answer, 200) == ([QUERY, BATCH, QUERY], [])
    stage.delete(stage.recording(stage.call(), "completed"))
    assert meter.of(answer, 200) == ([QUERY, BATCH, QUERY, BATCH], [])


def test_lists_by_status_and_name_in_two(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """F1, C1 by `Status`, F1 by `FriendlyName`: 1 query and 1 batch read, as without a filter."""
    stage.conference(name="Room")
    stage.call()
    for path, name, value in (
        ("Conferences", "Status", "in-progress"),
        ("Conferences", "FriendlyName", "Room"),
        ("Calls", "Status", "in-progress"),
    ):
        asked = {name: value}
        assert meter.of(lambda path=path, asked=asked: client.get(path, **asked), 200) == ([QUERY, BATCH], [])  # type: ignore[misc]


def test_handles_transcriptions_in_one_or_two(client: FunctionClient, stage: Stage, meter: Meter) -> None:
    """X1 with some: 1 query, 1 batch read; X2: 1 read; X3: 1 read, 1 transaction of two writes."""
    made = stage.transcription(stage.recording(stage.call(), "completed"))
    recording, own = client.sid(ResourceType.RECORDING, made.recording), client.sid(ResourceType.TRANSCRIPTION, made.id)
    of_recording = ("Recordings", recording, "Transcriptions")
    assert meter.of(lambda: client.get(*of_recording), 200) == ([QUERY, BATCH], [])
    assert meter.of(lambda: client.get("Transcriptions", own), 200) == ([GET], [])
    assert meter.of(lambda: client.delete(*of_recording, own), 204) == ([GET, TRANSACT], [4])
    assert meter.of(lambda: client.get("Transcriptions", own), 404) == ([GET], [])
    assert meter.of(lambda: client.delete("Transcriptions", own), 404) == ([GET], [])


# Finished recordings. What is asked of the bucket besides: test_get_recording, test_media_completion, `DeleteRules`.


def test_reads_an_accounts_recording_in_two(make_twilio: Any, stage: Stage, meter: Meter) -> None:
    """R2: its row and itself; with `IncludeSoftDeleted` both rows that it may have are read at once."""
    client, recording = make_twilio(), stage.recording(stage.call(), "completed")
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id))
    assert meter.of(lambda: client.get(*path), 200) == ([GET, GET], [])
    assert meter.of(lambda: client.get(*path, IncludeSoftDeleted="true"), 200) == ([BATCH, GET], [])
    stage.delete(recording)
    assert meter.of(lambda: client.get(*path, IncludeSoftDeleted="true"), 200) == ([BATCH, GET], [])
    assert meter.of(lambda: client.get(*path), 404) == ([GET], [])


@pytest.mark.parametrize("nested", [True, False])
def test_deletes_in_two(
    client: FunctionClient, stage: Stage, meter: Meter, parent: Parent, objects: Objects, *, nested: bool
) -> None:
    """CR5, FR4: 1 read and 1 transaction of 6 W; R3 reads the row besides. What is not finished costs the reads."""
    del objects  # only has to be there
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
def test_completes_in_two(
    stage: Stage, meter: Meter, objects: Objects, seconds: float, units: int, *, callback: bool
) -> None:
    """A media engine's capture: 1 read, 1 update of 1 W; if nobody is to be told, 1 for the index of work, too."""
    told = CallbackSubscription("https://app.example.com/hooks", "POST", ("completed",), "twilio") if callback else None
    recording = stage.recording(stage.call(), "stopped", callback=told)
    objects.put(recording, "original.wav", sound(seconds))

    def complete() -> Answer:
        stage.services.media().complete(recording.parent, recording.id)
        return Answer(200, {}, b"")

    assert meter.of(complete, 200) == ([GET, UPDATE], [units])
    assert meter.of(complete, 200) == ([GET], [])
