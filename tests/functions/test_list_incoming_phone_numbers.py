"""Listing phone numbers: `list_incoming_phone_numbers` in both dialects."""

from collections.abc import Callable

import pytest

from tapedeck.domain.phone_number import PhoneNumber
from tests.client import FunctionClient
from tests.conftest import TestAccount
from tests.functions import expected
from tests.functions.stage import Clock, Stage, Wire, assert_answer

NUMBERS = "IncomingPhoneNumbers"


def store(stage: Stage, clock: Clock, *numbers: str) -> list[PhoneNumber]:
    """Store these numbers a second apart and return them, newest first."""
    made: list[PhoneNumber] = []
    for number in numbers:
        clock.step(1)
        made.insert(0, stage.phone_number(number=number, friendly_name=f"No. {number[-1]}"))
    return made


def listed(client: FunctionClient, **query: str) -> list[str]:
    """Return the listed numbers."""
    answer = client.get(NUMBERS, **query)
    assert answer.status == 200
    return [each["phone_number"] for each in answer.body["incoming_phone_numbers"]]


def test_lists_the_newest_number_first(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """The numbers are listed newest first, with one query."""
    made = store(stage, clock, "+12145550101", "+12145550102", "+12145550103")
    items = [expected.phone_number(client.dialect.name, each) for each in made]
    assert_answer(client.get(NUMBERS), 200, expected.page(client.dialect.name, client.account, NUMBERS, items))
    assert wire.recordings == ["Query"]


def test_pages_follow_each_other(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """Pages of two show all five numbers once, forwards and backwards."""
    made = [each.number for each in store(stage, clock, *(f"+1214555011{last}" for last in range(5)))]
    first = client.get(NUMBERS, PageSize="2").body
    second = client.request("GET", first["next_page_uri"]).body
    third = client.request("GET", second["next_page_uri"]).body
    pages = [[each["phone_number"] for each in page["incoming_phone_numbers"]] for page in (first, second, third)]
    assert pages == [made[:2], made[2:4], made[4:]]
    assert third["next_page_uri"] is None
    back = client.request("GET", third["previous_page_uri"]).body
    assert [each["phone_number"] for each in back["incoming_phone_numbers"]] == made[2:4]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*0177", ["+12145550177"]),
        ("214555", ["+442145550188", "+12145550177"]),
        ("+1214*", ["+12145550177"]),
        ("5550*88", ["+442145550188"]),
        ("+12145550177", ["+12145550177"]),
        ("+1214555017", []),
        ("9", []),
        ("(214)", []),
        ("", ["+442145550188", "+12145550177"]),
    ],
)
def test_filters_by_number(client: FunctionClient, stage: Stage, clock: Clock, pattern: str, found: list[str]) -> None:
    """`*` is any digit, and digits may be anywhere in the number; a whole number matches only itself."""
    store(stage, clock, "+12145550177", "+442145550188")
    assert listed(client, PhoneNumber=pattern) == found


def test_a_whole_number_takes_one_read(client: FunctionClient, stage: Stage, clock: Clock, wire: Wire) -> None:
    """A whole number is looked up with one read, however many numbers the account has."""
    store(stage, clock, "+12145550121", "+12145550122")
    body = client.get(NUMBERS, PhoneNumber="+12145550121").body
    assert [each["phone_number"] for each in body["incoming_phone_numbers"]] == ["+12145550121"]
    assert (body["next_page_uri"], body["previous_page_uri"]) == (None, None)
    assert wire.recordings == ["GetItem"]
    assert listed(client, PhoneNumber="+12145550121", FriendlyName="No. 2") == []


def test_filters_by_name(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """A name matches exactly; page links repeat the filter."""
    store(stage, clock, "+12145550131", "+12145550132")
    assert listed(client, FriendlyName="No. 1") == ["+12145550131"]
    assert listed(client, FriendlyName="No.") == []
    uri = client.get(NUMBERS, FriendlyName="No. 1").body["first_page_uri"]
    assert "FriendlyName=No.%201" in uri


def test_filters_by_origin(client: FunctionClient, stage: Stage, clock: Clock) -> None:
    """Twilio's `Origin` matches `twilio` only and `Beta` has no effect; SignalWire's dialect ignores both."""
    store(stage, clock, "+12145550141")
    assert listed(client, Origin="twilio", Beta="false") == ["+12145550141"]
    assert listed(client, Origin="hosted") == ([] if client.dialect.name == "twilio" else ["+12145550141"])


def test_does_not_list_numbers_of_another_account(
    client: FunctionClient, make_stage: Callable[[str], Stage], make_account: Callable[[], TestAccount]
) -> None:
    """A number of another account is not listed, also if it is named."""
    foreign = make_stage(make_account().id).phone_number(number="+12145550151")
    assert listed(client) == []
    assert listed(client, PhoneNumber=foreign.number) == []
