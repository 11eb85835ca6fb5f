"""Listing the conferences of an account by status, name and dates: `list_conferences` in both dialects."""

from typing import Any

import pytest

from tapedeck.domain.conference import Conference, EndReason
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Stage, assert_answer, assert_refused, shown

MIDNIGHT = 1_537_920_000
"""Wednesday, 26 September 2018, 00:00:00 UTC."""


def test_listing_conferences_by_name_answers_a_page(api: Api, example: Stage) -> None:
    """Conferences of a requested name answer 200 with a page whose links keep the filter."""
    example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    example.conference(name="Sales")

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Conferences.json?FriendlyName=Support",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences.json?FriendlyName=Support&PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences.json?FriendlyName=Support&PageSize=50&Page=0"
        ),
        "conferences": [
            {
                "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
                "api_version": "2010-04-01",
                "friendly_name": "Support",
                "region": "us1",
                "sid": "CF016612f5f27a7c0f9b1d6e83f2a5c470",
                "status": "in-progress",
                "uri": (
                    "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                    "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470.json"
                ),
                "subresource_uris": {
                    "participants": (
                        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                        "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants.json"
                    ),
                    "recordings": (
                        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                        "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings.json"
                    ),
                },
                "reason_conference_ended": None,
                "call_sid_ending_conference": None,
            },
        ],
    }


def test_listing_conferences_by_an_unknown_status_is_unprocessable(api: Api) -> None:
    """A status that does not exist answers 422 with the parameter's name, in SignalWire's dialect."""
    answer = api.request(
        "GET",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Conferences?Status=finished",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 10000,
        "message": "Status is invalid",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 422,
    }


def page_of(client: FunctionClient, conferences: list[Conference], filters: str = "", **fields: Any) -> Any:
    """Return the page that shows these conferences."""
    items = [shown(client, conference) for conference in conferences]
    return expected.page(client.dialect.name, client.account, "Conferences", items, filters=filters, **fields)


def one_of_each_status(stage: Stage) -> dict[str, Conference]:
    """Create one conference in each state, a second apart."""
    created = {}
    for status in ("init", "in-progress", "completed"):
        stage.clock.step(1)
        reason = EndReason.LAST_LEFT if status == "completed" else None
        created[status] = stage.conference(status, name=f"room {status}", reason=reason)
    return created


def test_conferences_in_every_state_are_listed(client: FunctionClient, stage: Stage) -> None:
    """Conferences in every state are listed, newest first."""
    created = list(one_of_each_status(stage).values())
    assert_answer(client.get("Conferences"), 200, page_of(client, created[::-1]))


@pytest.mark.parametrize("status", ["init", "in-progress", "completed"])
def test_conferences_are_filtered_by_status(client: FunctionClient, stage: Stage, status: str) -> None:
    """`Status` lists the conferences that have this status now."""
    created = one_of_each_status(stage)
    assert_answer(
        client.get("Conferences", Status=status), 200, page_of(client, [created[status]], f"Status={status}&")
    )


def test_a_stale_index_entry_is_filtered_out(client: FunctionClient, stage: Stage) -> None:
    """A conference that has ended is not listed as in progress, although the index entry is stale."""
    conference = stage.conference("completed", reason=EndReason.LAST_LEFT)
    stored = stage.partition(conference)[0]
    stage.shelf.put({**stored, "status_key": f"{conference.account}#CONF#in-progress"})
    assert client.get("Conferences", Status="in-progress").body["conferences"] == []


@pytest.mark.parametrize("status", ["Completed", "active", "complete"])
def test_an_unknown_status_is_rejected(client: FunctionClient, status: str) -> None:
    """Only the three statuses are accepted, case-sensitively."""
    answer = client.get("Conferences", Status=status)
    assert_refused(client, answer, "value outside the enum", name="Status")


def test_conferences_are_filtered_by_name(client: FunctionClient, stage: Stage) -> None:
    """`FriendlyName` lists every conference with exactly this name, live or completed."""
    first = stage.conference("completed", name="Two words & more", reason=EndReason.LAST_LEFT)
    stage.clock.step(1)
    second = stage.conference(name="Two words & more")
    stage.conference(name="two words & more")
    filters = "FriendlyName=Two%20words%20%26%20more&"
    answer = client.get("Conferences", FriendlyName="Two words & more")
    assert_answer(answer, 200, page_of(client, [second, first], filters))
    both = client.get("Conferences", FriendlyName="Two words & more", Status="completed")
    assert_answer(both, 200, page_of(client, [first], f"{filters}Status=completed&"))
    assert client.get("Conferences", FriendlyName="x" * 300).body["conferences"] == []


@pytest.mark.parametrize("name", ["DateCreated", "DateUpdated"])
@pytest.mark.parametrize(
    ("sign", "day", "matching"),
    [
        ("", "2018-09-26", [1, 2]),
        ("<", "2018-09-26", [0, 1]),
        (">", "2018-09-26", [1, 2, 3]),
        ("<", "2018-09-25", []),
        (">", "2018-09-27", [3]),
    ],
)
def test_conferences_are_filtered_by_date(
    client: FunctionClient, stage: Stage, name: str, sign: str, day: str, matching: list[int]
) -> None:
    """`DateCreated` and `DateUpdated` match whole days in UTC."""
    seconds = [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 86_399, MIDNIGHT + 86_400]
    created: list[Conference] = []
    for second in seconds:
        stage.clock.milliseconds = (second if name == "DateCreated" else MIDNIGHT - 7200) * 1000 + len(created)
        created.append(stage.conference(name=f"room {second}", updated=second if name == "DateUpdated" else MIDNIGHT))
    answer = client.get("Conferences", **{f"{name}{sign}": day})
    found = [created[place] for place in sorted(matching, reverse=True)]
    spelled = {"": "", "<": "%3C", ">": "%3E"}[sign]
    assert_answer(answer, 200, page_of(client, found, f"{name}{spelled}={day}&"))


def test_twilio_accepts_only_days(client: FunctionClient) -> None:
    """Twilio rejects an instant as a date; SignalWire accepts it."""
    answer = client.get("Conferences", DateUpdated="2018-09-25T23:00:00Z")
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name="DateUpdated")
    else:
        assert answer.status == 200


def test_a_page_ends_at_the_limit_of_scanned_rows(
    client: FunctionClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter without an index answers a short page at the limit; its link continues after the last row read."""
    monkeypatch.setattr("tapedeck.operations.lists.MAX_ROWS_SCANNED", 200)
    created = []
    for number in range(450):
        stage.clock.milliseconds += 1
        created.append(
            stage.conference(name=f"room {number}", updated=MIDNIGHT if number in {3, 330} else MIDNIGHT - 1)
        )
    pages, uri = [], f"{client.path('Conferences')}?DateUpdated=2018-09-26"
    while uri is not None:
        body = client.request("GET", uri).body
        pages.append([item["friendly_name"] for item in body["conferences"]])
        uri = body["next_page_uri"]
    assert pages == [["room 330"], [], ["room 3"]]


def test_the_last_page_of_a_filter_has_no_next_link(client: FunctionClient, stage: Stage) -> None:
    """If no later conference matches the filter, the page has no next link."""
    for number in range(5):
        stage.conference(name=f"room {number}", updated=MIDNIGHT if number > 2 else MIDNIGHT - 1)
    body = client.get("Conferences", DateUpdated="2018-09-26", PageSize="2").body
    assert (len(body["conferences"]), body["next_page_uri"]) == (2, None)


def test_a_page_number_beyond_the_scan_limit_is_rejected(
    client: FunctionClient, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page number that would skip more rows than the limit is rejected; Twilio rejects every one without a token."""
    monkeypatch.setattr("tapedeck.operations.lists.MAX_ROWS_SCANNED", 5)
    for number in range(9):
        stage.conference(name=f"room {number}", updated=MIDNIGHT)
    answer = client.get("Conferences", DateUpdated="2018-09-26", PageSize="3", Page="2")
    condition = "page token missing" if client.dialect.name == "twilio" else "value outside the enum"
    assert_refused(client, answer, condition, name="Page")
