"""Listing applications: `list_applications` in both dialects."""

from tapedeck.domain.application import Application
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.stage import Clock, Stage, Wire, assert_answer


def store(stage: Stage, clock: Clock, *names: str) -> list[Application]:
    """Store applications with these names a second apart and return them, newest first."""
    made: list[Application] = []
    for name in names:
        clock.step(1)
        made.insert(0, stage.application(friendly_name=name))
    return made


def listed(client: FunctionClient, **query: str) -> list[str]:
    """Return the names of the listed applications."""
    answer = client.get("Applications", **query)
    assert answer.status == 200
    return [each["friendly_name"] for each in answer.body["applications"]]


def test_lists_the_newest_application_first(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """The applications are listed newest first, with one query."""
    made = store(stage, clock, "a", "b", "c")
    items = [expected.application(client.dialect.name, each) for each in made]
    assert_answer(
        client.get("Applications"), 200, expected.page(client.dialect.name, client.account, "Applications", items)
    )
    assert wire.recordings == ["Query"]


def test_pages_follow_each_other(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """Pages of two show all three applications once, forwards and backwards."""
    store(stage, clock, "a", "b", "c")
    first = client.get("Applications", PageSize="2").body
    second = client.request("GET", first["next_page_uri"]).body
    assert [[each["friendly_name"] for each in page["applications"]] for page in (first, second)] == [["c", "b"], ["a"]]
    assert second["next_page_uri"] is None
    back = client.request("GET", second["previous_page_uri"]).body
    assert [each["friendly_name"] for each in back["applications"]] == ["c", "b"]


def test_filters_by_name(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """A name matches exactly; page links repeat the filter."""
    store(stage, clock, "Reception", "Reception 2", "Reception")
    assert listed(client, FriendlyName="Reception") == ["Reception", "Reception"]
    assert listed(client, FriendlyName="reception") == []
    assert listed(client, FriendlyName="") == ["Reception", "Reception 2", "Reception"]
    assert "FriendlyName=Reception%202" in client.get("Applications", FriendlyName="Reception 2").body["first_page_uri"]
