"""Lists as SDKs walk them: 2,500 recordings and 300 conferences, every filter, equal to what the test knows."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from twilio.rest import Client

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment
from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.recording import Recording, Source
from tapedeck.settings import Settings
from tests.conftest import DYNAMODB_URL, TestAccount
from tests.functions.stage import Clock, MotoShelf, Stage
from tests.standin.http_client import HttpFunctionClient, Place
from tests.thoroughness import scaled

pytestmark = [
    pytest.mark.skipif(bool(DYNAMODB_URL), reason="lays its items straight into moto"),
    pytest.mark.timeout(1800),  # in CI every filter walks through everything, forwards and back
]

RECORDINGS, CONFERENCES = scaled(2_500, 150), scaled(300, 40)
FIRST = datetime(2024, 2, 1, tzinfo=UTC)
"""So that a leap day and the end of a month lie within."""
SPREAD = timedelta(days=40)

WHEN = [date(2024, 2, 1), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 31)]
INSTANTS = [datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, 11, 22, 33, tzinfo=UTC)]


@dataclass(frozen=True)
class Truth:
    """All that there is, newest first."""

    account: TestAccount
    recordings: list[Recording]
    conferences: list[Conference]
    busy_call: Call
    busy_conference: Conference


@pytest.fixture(scope="module")
def truth(aws: None) -> Iterator[Truth]:
    """Laid into the tables past the API, and taken away again."""
    del aws  # only has to be there
    from moto.dynamodb.models import dynamodb_backends

    (backends,) = dynamodb_backends.values()
    table: Any = backends["us-east-1"].tables[Settings.read().recordings_table]
    before = set(table.items)
    made = api_bootstrap.get_admin_services().accounts.create()
    stage = Stage(made.account, api_bootstrap.get_api_services(), Clock(), MotoShelf(table))
    yield _lay(stage, TestAccount(made.account, made.auth_token))
    for partition in set(table.items) - before:
        del table.items[partition]


def _lay(stage: Stage, account: TestAccount) -> Truth:
    random_source = random.Random(4)  # noqa: S311 - only has to be the same at each run
    moments = sorted(random_source.randrange(int(SPREAD.total_seconds())) for _ in range(CONFERENCES))
    # Some on the very edges of days.
    moments[:4] = [0, 86_399, 28 * 86_400, 29 * 86_400]
    conferences = []
    for number, moment in enumerate(sorted(moments)):
        stage.clock.milliseconds = int(FIRST.timestamp() + moment) * 1000 + number
        status = random_source.choice(["init", "in-progress", "completed"])
        updated = stage.clock.seconds + random_source.randrange(5 * 86_400)
        reason = EndReason.LAST_LEFT if status == "completed" else None
        name = f"room {number % 40}"
        conferences.append(stage.conference(status, name=name, updated=updated, reason=reason))
    calls = [stage.call() for _ in range(50)]
    busy = stage.conference("in-progress", name="busy", first_call=calls[0].id)
    conferences.append(busy)
    parents: list[Any] = [*calls, *conferences[:50], *[busy] * 30, *[calls[0]] * 30]
    recordings = []
    for number in range(RECORDINGS):
        moment = 86_400 * (number % 40) if number % 50 == 0 else random_source.randrange(int(SPREAD.total_seconds()))
        stage.clock.milliseconds = int(FIRST.timestamp() + moment) * 1000 + random_source.randrange(1000)
        parent = random_source.choice(parents)
        source = Source.OUTBOUND_API if isinstance(parent, Call) else Source.CONFERENCE
        status = random_source.choice(["in-progress", "paused", "stopped", "completed", "completed", "absent"])
        recording = stage.recording(parent, status, source)
        if status == "completed" and random_source.random() < 1 / 4:
            # What was deleted is shown for forty days: from now on, not from then.
            recording = _deleted(stage, recording)
        recordings.append(recording)
    return Truth(
        account,
        sorted(recordings, key=lambda each: each.id, reverse=True),
        sorted(conferences, key=lambda each: each.id, reverse=True),
        calls[0],
        busy,
    )


def _deleted(stage: Stage, recording: Recording) -> Recording:
    then = stage.clock.milliseconds
    stage.clock.milliseconds = current_environment().clock()
    deleted = stage.delete(recording)
    stage.clock.milliseconds = then
    return deleted


@pytest.fixture
def sdk(place: Place, truth: Truth) -> Iterator[Client]:
    """Twilio's own, pointed at the stand-in by one line."""
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, truth.account.id), truth.account.token)
    client.api.base_url = f"http://127.0.0.1:{place.port}"
    yield client
    client.http_client.session.close()


@dataclass(frozen=True)
class Filter:
    """What is asked, in Twilio's SDK's words and on SignalWire's wire, and what must come."""

    given: dict[str, Any]
    wire: dict[str, str]
    keeps: Callable[[Any], bool]

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.given.items()) or "none"


def _at(moment: date) -> int:
    return int(datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp())


def _date_filters(sdk_name: str, wire_name: str, read: Callable[[Any], int], *, instants: bool) -> list[Filter]:
    """A day, up to one, from one on, between two; the same with instants where the list takes them."""
    found = []
    for day in WHEN:
        start, text = _at(day), day.isoformat()
        # Where a list takes instants the SDK makes one of a day; a text it leaves alone.
        told = text if instants else day
        found += [
            Filter({sdk_name: told}, {wire_name: text}, lambda it, s=start: s <= read(it) < s + 86_400),  # type: ignore[misc]
            Filter({f"{sdk_name}_before": told}, {f"{wire_name}<": text}, lambda it, s=start: read(it) <= s),  # type: ignore[misc]
            Filter({f"{sdk_name}_after": told}, {f"{wire_name}>": text}, lambda it, s=start: read(it) >= s),  # type: ignore[misc]
        ]
    first, last = _at(WHEN[1]), _at(WHEN[2])
    found.append(
        Filter(
            {f"{sdk_name}_after": WHEN[1], f"{sdk_name}_before": WHEN[2]},
            {f"{wire_name}>": WHEN[1].isoformat(), f"{wire_name}<": WHEN[2].isoformat()},
            lambda it: first <= read(it) <= last,
        )
    )
    for instant in INSTANTS if instants else ():
        second, text = int(instant.timestamp()), instant.strftime("%a, %d %b %Y %H:%M:%S +0000")
        found += [
            Filter({f"{sdk_name}_before": instant}, {f"{wire_name}<": text}, lambda it, s=second: read(it) <= s),  # type: ignore[misc]
            Filter({f"{sdk_name}_after": instant}, {f"{wire_name}>": text}, lambda it, s=second: read(it) >= s),  # type: ignore[misc]
        ]
    return found


def _sid(dialect: Dialect, thing: Call | Conference | Recording) -> str:
    kind = {Call: ResourceType.CALL, Conference: ResourceType.CONFERENCE, Recording: ResourceType.RECORDING}[
        type(thing)
    ]
    return dialect.format_sid(kind, thing.id)


def recording_filters(truth: Truth) -> list[Filter]:
    """R1."""
    call, conference = truth.busy_call, truth.busy_conference
    is_of = {
        "call": lambda it: call.id in {it.parent.id, it.call},
        "conference": lambda it: it.parent.id == conference.id,
    }
    return [
        Filter({}, {}, lambda _: True),
        *_date_filters("date_created", "DateCreated", lambda it: it.created, instants=True),
        Filter({"call_sid": _sid(TWILIO, call)}, {"CallSid": _sid(SIGNALWIRE, call)}, is_of["call"]),
        Filter(
            {"conference_sid": _sid(TWILIO, conference)},
            {"ConferenceSid": _sid(SIGNALWIRE, conference)},
            is_of["conference"],
        ),
    ]


def _status_filter(status: str) -> Filter:
    return Filter({"status": status}, {"Status": status}, lambda it: it.status == status)


def conference_filters(_truth: Truth) -> list[Filter]:
    """F1."""
    return [
        Filter({}, {}, lambda _: True),
        *map(_status_filter, ("init", "in-progress", "completed")),
        Filter({"friendly_name": "room 7"}, {"FriendlyName": "room 7"}, lambda it: it.name == "room 7"),
        Filter(
            {"friendly_name": "room 7", "status": "completed"},
            {"FriendlyName": "room 7", "Status": "completed"},
            lambda it: it.name == "room 7" and it.status == "completed",
        ),
        *_date_filters("date_created", "DateCreated", lambda it: it.created, instants=False),
        *_date_filters("date_updated", "DateUpdated", lambda it: it.updated, instants=False),
    ]


def assert_sdk_finds(listing: Any, given: dict[str, Any], wanted: list[str]) -> None:
    """By `stream`, by `list` with and without a limit, by `page` and its next ones, and back."""
    assert [found.sid for found in listing.stream(**given, page_size=1000)] == wanted
    assert [found.sid for found in listing.list(**given, limit=60)] == wanted[:60]
    assert [found.sid for found in listing.list(**given, limit=25, page_size=7)] == wanted[:25]
    page = listing.page(**given, page_size=max(1, len(wanted) // 3))
    pages: list[list[str]] = []
    last = page
    while page is not None:
        last = page
        pages.append([found.sid for found in page])
        page = page.next_page()
    assert [sid for sids in pages for sid in sids] == wanted
    back = pages[-1]
    while (last := last.previous_page()) is not None:
        back = [found.sid for found in last] + back
    assert back == wanted


def test_twilios_sdk_finds_all_recordings(sdk: Client, truth: Truth) -> None:
    """Every filter, alone and together, leaves what the test knows it must leave."""
    for each in _sample(recording_filters(truth)):
        for deleted in (False, True):
            wanted = [
                _sid(TWILIO, it) for it in truth.recordings if each.keeps(it) and (deleted or it.status != "deleted")
            ]
            given = {**each.given, **({"include_soft_deleted": True} if deleted else {})}
            assert_sdk_finds(sdk.recordings, given, wanted)


def test_twilios_sdk_finds_all_conferences(sdk: Client, truth: Truth) -> None:
    """Every filter, alone and together, leaves what the test knows it must leave."""
    for each in _sample(conference_filters(truth)):
        wanted = [_sid(TWILIO, it) for it in truth.conferences if each.keeps(it)]
        assert_sdk_finds(sdk.conferences, each.given, wanted)


def test_twilios_sdk_finds_what_hangs_on_a_parent(sdk: Client, truth: Truth) -> None:
    """The recordings of a call and of a conference, with their filters by day."""
    for parent, listing in (
        (truth.busy_call, sdk.calls(_sid(TWILIO, truth.busy_call)).recordings),
        (truth.busy_conference, sdk.conferences(_sid(TWILIO, truth.busy_conference)).recordings),
    ):
        mine = [it for it in truth.recordings if it.parent.id == parent.id and it.status != "deleted"]
        filters = [
            Filter({}, {}, lambda _: True),
            *_date_filters("date_created", "", lambda it: it.created, instants=False),
        ]
        for each in _sample(filters):
            assert_sdk_finds(listing, each.given, [_sid(TWILIO, it) for it in mine if each.keeps(it)])


@pytest.mark.parametrize("name", ["Recordings", "Conferences"])
def test_walking_signalwires_pages_finds_the_same(place: Place, truth: Truth, name: str) -> None:
    """Page by page along `next_page_uri` over HTTP, in sizes of any kind."""
    client = HttpFunctionClient(SIGNALWIRE, truth.account.id, truth.account.token, suffix="", place=place)
    everything: list[Any] = list(truth.recordings if name == "Recordings" else truth.conferences)
    filters = recording_filters(truth) if name == "Recordings" else conference_filters(truth)
    for number, each in enumerate(_sample(filters)):
        wanted = [it for it in everything if each.keeps(it) and it.status != "deleted"]
        if "CallSid" in each.wire:
            # S shows no call on a conference's recording, and finds none by it.
            wanted = [it for it in wanted if it.parent.id == truth.busy_call.id]
        size = (1000, 50, 333)[number % 3]
        body = client.get(name, **each.wire, PageSize=str(size)).body
        seen = [item["sid"] for item in body[name.lower()]]
        while body["next_page_uri"] is not None:
            assert len(body[name.lower()]) == size
            body = client.request("GET", body["next_page_uri"]).body
            seen += [item["sid"] for item in body[name.lower()]]
        assert seen == [_sid(SIGNALWIRE, it) for it in wanted]


def _sample(filters: list[Filter]) -> list[Filter]:
    """All of them in CI; otherwise every few, the first among them."""
    return filters[:: scaled(1, 5)]
