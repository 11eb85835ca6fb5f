"""Tests of paging for every list: page sizes, links, tokens, and concurrent changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.domain.transcription import Transcription
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.stage import (
    Stage,
    assert_answer,
    assert_refused,
    call_path,
    conference_path,
    participant_path,
    shown,
)
from tests.thoroughness import scaled

Resource = Call | Conference | Participant | Recording | Transcription


@dataclass(frozen=True)
class Listing:
    """One list: its path below the account, and functions that add, remove and format an item."""

    kind: ResourceType
    path: tuple[str, ...]
    add: Callable[[], Resource]
    remove: Callable[[Any], object] | None
    show: Callable[[Any], Any]


def _calls(client: FunctionClient, stage: Stage) -> Listing:
    return Listing(ResourceType.CALL, ("Calls",), stage.call, None, lambda call: shown(client, call))


def _conferences(client: FunctionClient, stage: Stage) -> Listing:
    return Listing(
        ResourceType.CONFERENCE, ("Conferences",), stage.conference, None, lambda conference: shown(client, conference)
    )


def _completed(stage: Stage, parent: Call | Conference) -> Callable[[], Recording]:
    return lambda: stage.recording(parent, "completed")


def _call_recordings(client: FunctionClient, stage: Stage) -> Listing:
    call = stage.call()
    return Listing(
        ResourceType.RECORDING,
        call_path(client, call, ""),
        _completed(stage, call),
        stage.delete,
        lambda recording: shown(client, recording, read=True),
    )


def _conference_recordings(client: FunctionClient, stage: Stage) -> Listing:
    conference = stage.conference()
    return Listing(
        ResourceType.RECORDING,
        conference_path(client, conference, ""),
        _completed(stage, conference),
        stage.delete,
        lambda recording: shown(client, recording, read=True),
    )


def _recordings(client: FunctionClient, stage: Stage) -> Listing:
    return Listing(
        ResourceType.RECORDING,
        ("Recordings",),
        _completed(stage, stage.conference()),
        stage.delete,
        lambda recording: expected.account_recording(client.dialect.name, recording),
    )


def _transcriptions(client: FunctionClient, stage: Stage) -> Listing:
    recording = stage.recording(stage.call(), "completed")
    return Listing(
        ResourceType.TRANSCRIPTION,
        ("Transcriptions",),
        lambda: stage.transcription(recording),
        lambda made: stage.services.transcriptions.delete(made.account, made.id),
        lambda made: shown(client, made),
    )


def _recording_transcriptions(client: FunctionClient, stage: Stage) -> Listing:
    recording = stage.recording(stage.call(), "completed")
    return Listing(
        ResourceType.TRANSCRIPTION,
        ("Recordings", client.sid(ResourceType.RECORDING, recording.id), "Transcriptions"),
        lambda: stage.transcription(recording),
        lambda made: stage.services.transcriptions.delete(made.account, made.id),
        lambda made: shown(client, made),
    )


def _participants(client: FunctionClient, stage: Stage) -> Listing:
    conference = stage.conference()

    def leave(made: Participant) -> None:
        stage.participant(
            conference, stage.services.calls.get(stage.account, made.call), "complete", joined=made.joined
        )

    return Listing(
        ResourceType.CALL,
        participant_path(client, conference),
        lambda: stage.participant(conference),
        leave,
        lambda made: shown(client, made),
    )


LISTS = {
    "list_participants": _participants,
    "list_calls": _calls,
    "list_conferences": _conferences,
    "list_call_recordings": _call_recordings,
    "list_conference_recordings": _conference_recordings,
    "list_recordings": _recordings,
    "list_transcriptions": _transcriptions,
    "list_recording_transcriptions": _recording_transcriptions,
}


NEVER_DELETED = {"list_calls", "list_conferences"}


@pytest.fixture(params=LISTS)
def listing(request: pytest.FixtureRequest, client: FunctionClient, stage: Stage) -> Listing:
    """Each list in turn."""
    return LISTS[request.param](client, stage)


@dataclass(frozen=True)
class Expect:
    """Makes expected pages of a list, whose items are given newest first."""

    client: FunctionClient
    listing: Listing

    def __call__(self, resources: list[Resource], **fields: Any) -> Any:
        """Return the complete body of a page."""
        for name in fields.keys() & {"token", "following", "preceding"}:
            fields[name] = self.token(fields[name])
        items = [self.listing.show(resource) for resource in resources]
        path = "/".join(self.listing.path)
        dialect = self.client.dialect.name
        return expected.page(dialect, self.client.account, path, items, **fields)

    def token(self, mark: tuple[str, Resource | str]) -> str:
        """Return a page token: `PA` (after) or `PB` (before) and an id in the dialect's format."""
        direction, resource = mark
        identifier = resource if isinstance(resource, str) else resource.id
        return f"{direction}{self.client.sid(self.listing.kind, identifier)}"


@pytest.fixture
def expect(client: FunctionClient, listing: Listing) -> Expect:
    """The expected pages of this list."""
    return Expect(client, listing)


def make(stage: Stage, listing: Listing, count: int) -> list[Any]:
    """Store `count` items, one second apart, and return them newest first."""
    resources = []
    for _ in range(count):
        stage.clock.step(1)
        resources.append(listing.add())
    return resources[::-1]


def _sid_of(item: dict[str, Any]) -> str:
    """Return an item's sid; a participant's is its call's."""
    return str(item.get("sid") or item["call_sid"])


def test_an_empty_list_is_an_empty_page(client: FunctionClient, listing: Listing, expect: Expect) -> None:
    """An empty list is one empty page without a next or previous link."""
    assert_answer(client.get(*listing.path), 200, expect([]))


def test_a_list_is_newest_first(client: FunctionClient, stage: Stage, listing: Listing, expect: Expect) -> None:
    """A list is sorted newest first, and the default page size is 50."""
    resources = make(stage, listing, 3)
    assert_answer(client.get(*listing.path), 200, expect(resources))


def test_pages_link_to_each_other(client: FunctionClient, stage: Stage, listing: Listing, expect: Expect) -> None:
    """The next link has `PA` and the page's last id, the previous link `PB` and its first; at the ends it is null."""
    a, b, c, d, e = make(stage, listing, 5)
    first = client.get(*listing.path, PageSize="2")
    assert_answer(first, 200, expect([a, b], size=2, following=("PA", b)))
    second = client.request("GET", first.body["next_page_uri"])
    assert_answer(
        second, 200, expect([c, d], size=2, number=1, token=("PA", b), following=("PA", d), preceding=("PB", c))
    )
    third = client.request("GET", second.body["next_page_uri"])
    assert_answer(third, 200, expect([e], size=2, number=2, token=("PA", d), preceding=("PB", e)))
    back = client.request("GET", third.body["previous_page_uri"])
    assert_answer(
        back, 200, expect([c, d], size=2, number=1, token=("PB", e), following=("PA", d), preceding=("PB", c))
    )
    start = client.request("GET", back.body["previous_page_uri"])
    assert_answer(start, 200, expect([a, b], size=2, token=("PB", c), following=("PA", b)))


def test_a_full_last_page_has_no_next_link(
    client: FunctionClient, stage: Stage, listing: Listing, expect: Expect
) -> None:
    """The last page has no next link, even if it is full."""
    resources = make(stage, listing, 2)
    assert_answer(client.get(*listing.path, PageSize="2"), 200, expect(resources, size=2))


def test_new_items_do_not_shift_later_pages(
    client: FunctionClient, stage: Stage, listing: Listing, expect: Expect
) -> None:
    """An item added at the front during paging appears only on the way back."""
    a, b, c = make(stage, listing, 3)
    first = client.get(*listing.path, PageSize="2")
    (newer,) = make(stage, listing, 1)
    second = client.request("GET", first.body["next_page_uri"])
    assert_answer(second, 200, expect([c], size=2, number=1, token=("PA", b), preceding=("PB", c)))
    back = client.request("GET", second.body["previous_page_uri"])
    assert_answer(back, 200, expect([a, b], size=2, token=("PB", c), following=("PA", b), preceding=("PB", a)))
    front = client.request("GET", back.body["previous_page_uri"])
    assert_answer(front, 200, expect([newer], size=2, token=("PB", a), following=("PA", newer)))


@pytest.mark.parametrize("listing", [name for name in LISTS if name not in NEVER_DELETED], indirect=True)
def test_a_token_outlives_its_item(client: FunctionClient, stage: Stage, listing: Listing, expect: Expect) -> None:
    """A token stays valid in both directions after its item is deleted."""
    a, b, c = make(stage, listing, 3)
    assert listing.remove is not None
    listing.remove(b)
    after = client.get(*listing.path, PageToken=expect.token(("PA", b)))
    assert_answer(after, 200, expect([c], token=("PA", b), preceding=("PB", c)))
    before = client.get(*listing.path, PageToken=expect.token(("PB", b)))
    assert_answer(before, 200, expect([a], token=("PB", b), following=("PA", a)))


def test_an_empty_page_links_back(client: FunctionClient, stage: Stage, listing: Listing, expect: Expect) -> None:
    """An empty page after the last item links back to it; one before the first item links forward to it."""
    (only,) = make(stage, listing, 1)
    value = int(only.id, 16)
    behind = client.get(*listing.path, PageToken=expect.token(("PA", only)))
    assert_answer(behind, 200, expect([], token=("PA", only), preceding=("PB", f"{value - 1:032x}")))
    back = client.request("GET", behind.body["previous_page_uri"])
    assert [_sid_of(item) for item in back.body[listing.path[-1].lower()]] == [client.sid(listing.kind, only.id)]
    front = client.get(*listing.path, PageToken=expect.token(("PB", only)))
    assert_answer(front, 200, expect([], token=("PB", only), following=("PA", f"{value + 1:032x}")))


def test_a_page_number_without_a_token_skips(
    client: FunctionClient, stage: Stage, listing: Listing, expect: Expect
) -> None:
    """`Page` without a token skips that many pages, or is rejected by Twilio; with a token it is only shown (C-91)."""
    a, b, c, *_ = make(stage, listing, 4)
    skipped = client.get(*listing.path, Page="1", PageSize="1")
    if client.dialect.name == "twilio":
        assert_refused(client, skipped, "page token missing")
        assert_refused(client, client.get(*listing.path, Page="9"), "page token missing")
    else:
        assert_answer(skipped, 200, expect([b], size=1, number=1, following=("PA", b), preceding=("PB", b)))
        assert client.get(*listing.path, Page="9").body[listing.path[-1].lower()] == []
    with_token = client.get(*listing.path, Page="7", PageSize="1", PageToken=expect.token(("PA", b)))
    assert_answer(
        with_token, 200, expect([c], size=1, number=7, token=("PA", b), following=("PA", c), preceding=("PB", c))
    )
    assert a.id > b.id


@pytest.mark.parametrize("size", ["1", "1000"])
def test_accepts_sizes_from_one_to_a_thousand(
    client: FunctionClient, listing: Listing, expect: Expect, size: str
) -> None:
    """The smallest page size is 1, the largest 1000."""
    assert_answer(client.get(*listing.path, PageSize=size), 200, expect([], size=int(size)))


@pytest.mark.parametrize("size", ["1001", "5000", "9" * 18])
def test_a_size_above_a_thousand_counts_as_a_thousand(
    client: FunctionClient, listing: Listing, expect: Expect, size: str
) -> None:
    """The page and its links have the size 1000."""
    assert_answer(client.get(*listing.path, PageSize=size), 200, expect([], size=1000))


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("PageSize", "0", "page size"),
        ("PageSize", "x", "value outside the enum"),
        ("Page", "-1", "value outside the enum"),
        ("PageToken", "PA{other}", "page token"),
    ],
)
def test_rejects_invalid_paging(
    client: FunctionClient, listing: Listing, name: str, value: str, condition: str
) -> None:
    """A size below 1, an invalid page number, or a malformed token is rejected.

    `tests/unit/test_list_forms.py` has all values.
    """
    sid, other = client.sid(listing.kind, "0" * 32), client.sid(ResourceType.API_KEY, "0" * 32)
    if client.dialect.name == "signalwire":
        other = "0" * 32
    given = value.replace("{sid}", sid).replace("{other}", other)
    assert_refused(client, client.get(*listing.path, **{name: given}), condition, name=name)


@pytest.mark.parametrize("query", ["PageSize=&Page=&PageToken=", "PageSize=3&PageSize=", "Nothing=x&pagesize=2"])
def test_ignores_empty_and_unknown_parameters(
    client: FunctionClient, listing: Listing, expect: Expect, query: str
) -> None:
    """Empty values and unknown names count as absent and are not in the links."""
    assert_answer(client.request("GET", f"{client.path(*listing.path)}?{query}"), 200, expect([]))


def test_lists_exclude_other_accounts(
    client: FunctionClient, listing: Listing, expect: Expect, make_stage: Callable[[str], Stage]
) -> None:
    """No list contains resources of another account."""
    elsewhere = make_stage("f" * 32)
    for status in ("in-progress", "completed"):
        call, conference = elsewhere.call(status), elsewhere.conference(status)
        elsewhere.transcription(elsewhere.recording(call, "completed"))
        elsewhere.recording(conference, "completed")
    assert_answer(client.get(*listing.path), 200, expect([]))


@pytest.mark.parametrize(
    "operation",
    ["list_call_recordings", "list_conference_recordings", "list_participants", "list_recording_transcriptions"],
)
@pytest.mark.parametrize("query", [{}, {"PageSize": "x"}, {"DateCreated": "x"}])
def test_an_unknown_parent_is_not_found(
    client: FunctionClient, stage: Stage, operation: str, query: dict[str, str]
) -> None:
    """A list below an unknown parent is not found, even if the parameters are invalid."""
    path = LISTS[operation](client, stage).path
    unknown = (path[0], path[1][:-1] + ("1" if path[1][-1] == "0" else "0"), path[2])
    answer = client.get(*unknown, **query)
    assert_refused(client, answer, "not found", uri=client.path(*unknown))


@pytest.mark.sized
@settings(
    max_examples=scaled(deep=60, ci=16, fast=4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(st.sampled_from(["add", "remove first", "remove last", "page"]), max_size=12),
    size=st.integers(1, 4),
    count=st.integers(0, 9),
)
def test_paging_finds_each_remaining_item_once(
    client: FunctionClient, stage: Stage, steps: list[str], size: int, count: int
) -> None:
    """Paging during additions and deletions returns each item that remains once, in order."""
    listing = _recordings(client, stage)
    resources = make(stage, listing, count)
    present = list(resources)
    deleted: set[str] = set()
    seen: list[str] = []
    uri: str | None = f"{client.path(*listing.path)}?{urlencode({'PageSize': size, 'DateCreated>': '1999-01-01'})}"
    name = "RE" if client.dialect.name == "twilio" else ""
    while uri is not None:
        answer = client.request("GET", uri).body
        seen += [item["sid"].removeprefix(name).replace("-", "") for item in answer["recordings"]]
        uri = answer["next_page_uri"]
        while steps and (step := steps.pop()) != "page":
            if step == "add":
                present.insert(0, *make(stage, listing, 1))
            elif present:
                removed = present.pop(0 if step == "remove first" else -1)
                stage.delete(removed)
                deleted.add(removed.id)
    remaining = [resource.id for resource in resources if resource.id not in deleted]
    assert [identifier for identifier in seen if identifier in remaining] == remaining
    assert len(seen) == len(set(seen))
    for resource in present:
        stage.delete(resource)


def test_items_of_one_millisecond_are_sorted_by_id(client: FunctionClient, listing: Listing) -> None:
    """Items created in the same millisecond are sorted by id, and no page skips one."""
    made = [listing.add() for _ in range(7)]
    seen: list[str] = []
    uri: str | None = f"{client.path(*listing.path)}?PageSize=2"
    while uri is not None:
        body = client.request("GET", uri).body
        seen += [_sid_of(item) for item in body[listing.path[-1].lower()]]
        uri = body["next_page_uri"]
    assert seen == [
        client.sid(listing.kind, resource.id) for resource in sorted(made, key=lambda each: each.id, reverse=True)
    ]


def test_a_token_needs_no_existing_item(client: FunctionClient, stage: Stage, listing: Listing, expect: Expect) -> None:
    """A well-formed token is valid even if its id never existed."""
    (only,) = make(stage, listing, 1)
    later = new_id(stage.clock.milliseconds + 60_000)
    found = client.get(*listing.path, PageToken=expect.token(("PA", later)))
    assert_answer(found, 200, expect([only], token=("PA", later), preceding=("PB", only)))
    for highest in ("f" * 32, "0" * 32):
        for direction in ("PA", "PB"):
            assert client.get(*listing.path, PageToken=expect.token((direction, highest))).status == 200
