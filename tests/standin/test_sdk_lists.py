"""SDK pagination over 2,500 recordings and 300 conferences returns the expected items for every filter."""

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
from tests.conftest import TestAccount
from tests.functions.databases import ClientShelf
from tests.functions.stage import Clock, Stage
from tests.standin.http_client import HttpFunctionClient, StandIn
from tests.thoroughness import scaled

pytestmark = [
    pytest.mark.sized,
    pytest.mark.timeout(1800),  # every filter pages through all items, forwards and backwards
]

RECORDINGS, CONFERENCES = scaled(deep=2_500, ci=250, fast=150), scaled(deep=300, ci=60, fast=40)
FIRST = datetime(2024, 2, 1, tzinfo=UTC)
"""The range contains a leap day and the end of a month."""
SPREAD = timedelta(days=40)

WHEN = [date(2024, 2, 1), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 31)]
INSTANTS = [datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, 11, 22, 33, tzinfo=UTC)]


@dataclass(frozen=True)
class Expected:
    """All items of the account, newest first."""

    account: TestAccount
    recordings: list[Recording]
    conferences: list[Conference]
    busy_call: Call
    busy_conference: Conference


@pytest.fixture(scope="module")
def expected(standin: StandIn) -> Expected:
    """Write the items directly into the stand-in's tables."""
    del standin  # only its tables are needed
    created = api_bootstrap.get_admin_services().accounts.create()
    shelf = ClientShelf(current_environment().make_client("dynamodb"), Settings.read().recordings_table)
    stage = Stage(created.account, api_bootstrap.get_api_services(), Clock(), shelf)
    return _create_items(stage, TestAccount(created.account, created.auth_token))


def _create_items(stage: Stage, account: TestAccount) -> Expected:
    random_source = random.Random(4)  # noqa: S311 - reproducible test data
    moments = sorted(random_source.randrange(int(SPREAD.total_seconds())) for _ in range(CONFERENCES))
    # Some at day boundaries.
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
            # Deleted recordings are listed for 40 days from the deletion, so they are deleted now.
            recording = _deleted(stage, recording)
        recordings.append(recording)
    return Expected(
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
def sdk(standin: StandIn, expected: Expected) -> Iterator[Client]:
    """Twilio's SDK, pointed at the stand-in."""
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, expected.account.id), expected.account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    yield client
    client.http_client.session.close()


@dataclass(frozen=True)
class Filter:
    """A filter as Twilio SDK arguments and as SignalWire query, and the items that it keeps."""

    arguments: dict[str, Any]
    query: dict[str, str]
    keeps: Callable[[Any], bool]

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.arguments.items()) or "none"


def _at(moment: date) -> int:
    return int(datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp())


def _date_filters(sdk_name: str, parameter: str, read: Callable[[Any], int], *, instants: bool) -> list[Filter]:
    """Filters for a day, until and from a day, between two days; also with instants if the list supports them."""
    found = []
    for day in WHEN:
        start, text = _at(day), day.isoformat()
        # For lists with instants the SDK converts a date to an instant, but leaves a string unchanged.
        value = text if instants else day
        found += [
            Filter({sdk_name: value}, {parameter: text}, lambda it, s=start: s <= read(it) < s + 86_400),  # type: ignore[misc]
            Filter({f"{sdk_name}_before": value}, {f"{parameter}<": text}, lambda it, s=start: read(it) <= s),  # type: ignore[misc]
            Filter({f"{sdk_name}_after": value}, {f"{parameter}>": text}, lambda it, s=start: read(it) >= s),  # type: ignore[misc]
        ]
    first, last = _at(WHEN[1]), _at(WHEN[2])
    found.append(
        Filter(
            {f"{sdk_name}_after": WHEN[1], f"{sdk_name}_before": WHEN[2]},
            {f"{parameter}>": WHEN[1].isoformat(), f"{parameter}<": WHEN[2].isoformat()},
            lambda it: first <= read(it) <= last,
        )
    )
    for instant in INSTANTS if instants else ():
        second, text = int(instant.timestamp()), instant.strftime("%a, %d %b %Y %H:%M:%S +0000")
        found += [
            Filter({f"{sdk_name}_before": instant}, {f"{parameter}<": text}, lambda it, s=second: read(it) <= s),  # type: ignore[misc]
            Filter({f"{sdk_name}_after": instant}, {f"{parameter}>": text}, lambda it, s=second: read(it) >= s),  # type: ignore[misc]
        ]
    return found


def _sid(dialect: Dialect, thing: Call | Conference | Recording) -> str:
    kind = {Call: ResourceType.CALL, Conference: ResourceType.CONFERENCE, Recording: ResourceType.RECORDING}[
        type(thing)
    ]
    return dialect.format_sid(kind, thing.id)


def recording_filters(expected: Expected) -> list[Filter]:
    """Filters of the list of recordings."""
    call, conference = expected.busy_call, expected.busy_conference
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


def conference_filters(_truth: Expected) -> list[Filter]:
    """Filters of the list of conferences."""
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


def assert_sdk_finds(listing: Any, arguments: dict[str, Any], sids: list[str]) -> None:
    """Assert the results of `stream`, of `list` with limits, and of paging forwards and backwards."""
    assert [found.sid for found in listing.stream(**arguments, page_size=1000)] == sids
    assert [found.sid for found in listing.list(**arguments, limit=60)] == sids[:60]
    # The SDK sends the limit as the page size.
    assert [found.sid for found in listing.list(**arguments, limit=5_000)] == sids[:5_000]
    assert [found.sid for found in listing.list(**arguments, limit=25, page_size=7)] == sids[:25]
    page = listing.page(**arguments, page_size=max(1, len(sids) // 3))
    pages: list[list[str]] = []
    last = page
    while page is not None:
        last = page
        pages.append([found.sid for found in page])
        page = page.next_page()
    assert [sid for each in pages for sid in each] == sids
    back = pages[-1]
    while (last := last.previous_page()) is not None:
        back = [found.sid for found in last] + back
    assert back == sids


@pytest.mark.ci
def test_twilios_sdk_finds_all_recordings(sdk: Client, expected: Expected) -> None:
    """Every filter, alone and combined, returns exactly the expected recordings."""
    for each in _sample(recording_filters(expected)):
        for deleted in (False, True):
            sids = [
                _sid(TWILIO, it) for it in expected.recordings if each.keeps(it) and (deleted or it.status != "deleted")
            ]
            arguments = {**each.arguments, **({"include_soft_deleted": True} if deleted else {})}
            assert_sdk_finds(sdk.recordings, arguments, sids)


@pytest.mark.ci
def test_twilios_sdk_finds_all_conferences(sdk: Client, expected: Expected) -> None:
    """Every filter, alone and combined, returns exactly the expected conferences."""
    for each in _sample(conference_filters(expected)):
        sids = [_sid(TWILIO, it) for it in expected.conferences if each.keeps(it)]
        assert_sdk_finds(sdk.conferences, each.arguments, sids)


@pytest.mark.ci
def test_twilios_sdk_finds_recordings_of_a_parent(sdk: Client, expected: Expected) -> None:
    """The recordings of a call and of a conference are found with every date filter."""
    for parent, listing in (
        (expected.busy_call, sdk.calls(_sid(TWILIO, expected.busy_call)).recordings),
        (expected.busy_conference, sdk.conferences(_sid(TWILIO, expected.busy_conference)).recordings),
    ):
        mine = [it for it in expected.recordings if it.parent.id == parent.id and it.status != "deleted"]
        filters = [
            Filter({}, {}, lambda _: True),
            *_date_filters("date_created", "", lambda it: it.created, instants=False),
        ]
        for each in _sample(filters):
            assert_sdk_finds(listing, each.arguments, [_sid(TWILIO, it) for it in mine if each.keeps(it)])


@pytest.mark.ci
@pytest.mark.parametrize("name", ["Recordings", "Conferences"])
def test_signalwire_pages_contain_all_items(standin: StandIn, expected: Expected, name: str) -> None:
    """Following `next_page_uri` returns exactly the expected items, for several page sizes."""
    client = HttpFunctionClient(SIGNALWIRE, expected.account.id, expected.account.token, suffix="", standin=standin)
    all_items: list[Any] = list(expected.recordings if name == "Recordings" else expected.conferences)
    filters = recording_filters(expected) if name == "Recordings" else conference_filters(expected)
    for number, each in enumerate(_sample(filters)):
        items = [it for it in all_items if each.keeps(it) and it.status != "deleted"]
        if "CallSid" in each.query:
            # SignalWire has no call sid on conference recordings, and does not find them by one.
            items = [it for it in items if it.parent.id == expected.busy_call.id]
        size = (1000, 50, 333)[number % 3]
        body = client.get(name, **each.query, PageSize=str(size)).body
        seen = [item["sid"] for item in body[name.lower()]]
        while body["next_page_uri"] is not None:
            assert len(body[name.lower()]) == size
            body = client.request("GET", body["next_page_uri"]).body
            seen += [item["sid"] for item in body[name.lower()]]
        assert seen == [_sid(SIGNALWIRE, it) for it in items]


def _sample(filters: list[Filter]) -> list[Filter]:
    """All filters at the deep size, otherwise a part."""
    return filters[:: scaled(deep=1, ci=2, fast=5)]
