"""Listing the calls of an account, with all filters: `list_calls` in both dialects."""

from typing import Any
from urllib.parse import quote

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import LIVE, Call, CallStatus
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Stage, assert_answer, assert_refused, shown

MIDNIGHT = 1_537_920_000
"""Wednesday, 26 September 2018, 00:00:00 UTC."""


def test_listing_calls_by_status_answers_a_page(api: Api, example: Stage) -> None:
    """Calls of a requested status answer 200 with a page whose links keep the filter, in SignalWire's dialect."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.call("busy")

    answer = api.request(
        "GET",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Calls?Status=in-progress&PageSize=20",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls?Status=in-progress&Page=0&PageSize=20"
        ),
        "first_page_uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls?Status=in-progress&Page=0&PageSize=20"
        ),
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": 20,
        "calls": [
            {
                "sid": "016612f5-f27a-7ca1-8a5f-2c9e41d7b360",
                "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
                "parent_call_sid": None,
                "to": "+13105678901",
                "formatted_to": "(310) 567-8901",
                "to_formatted": "(310) 567-8901",
                "from": "+13103384645",
                "formatted_from": "(310) 338-4645",
                "from_formatted": "(310) 338-4645",
                "phone_number_sid": None,
                "status": "in-progress",
                "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
                "end_time": None,
                "duration": 0,
                "price": None,
                "price_unit": "USD",
                "direction": "outbound",
                "answered_by": None,
                "api_version": "2010-04-01",
                "forwarded_from": None,
                "caller_name": None,
                "uri": (
                    "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                    "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360.json"
                ),
                "subresource_uris": {
                    "notifications": None,
                    "recordings": (
                        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                        "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings.json"
                    ),
                },
                "annotation": None,
                "group_sid": None,
                "audio_in_mos": None,
                "sip_result_code": None,
                "audio_rtt_avg": None,
                "audio_rtt_min": None,
                "audio_rtt_max": None,
                "audio_out_jitter_min": None,
                "audio_out_jitter_max": None,
                "audio_out_jitter_avg": None,
                "audio_out_lost": None,
            },
        ],
    }


def test_listing_calls_with_a_page_size_of_zero_is_a_bad_request(api: Api) -> None:
    """A page size below 1 answers 400 with error 20007."""
    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls.json?PageSize=0",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20007,
        "message": "PageSize must be at least 1",
        "more_info": "https://www.twilio.com/docs/errors/20007",
        "status": 400,
    }


def page_of(client: FunctionClient, calls: list[Call], filters: str = "", **fields: Any) -> Any:
    """Return the page that shows these calls."""
    items = [shown(client, call) for call in calls]
    return expected.page(client.dialect.name, client.account, "Calls", items, filters=filters, **fields)


def test_calls_in_every_state_are_listed(client: FunctionClient, stage: Stage) -> None:
    """Calls in every state are listed, newest first."""
    created = []
    for status in CallStatus:
        stage.clock.step(1)
        created.append(stage.call(status, ended=None if status in LIVE else stage.clock.seconds))
    assert_answer(client.get("Calls"), 200, page_of(client, created[::-1]))


@pytest.mark.parametrize("status", list(CallStatus))
def test_calls_are_filtered_by_status(client: FunctionClient, stage: Stage, status: CallStatus) -> None:
    """`Status` lists the calls that have this status now."""
    created = {each: stage.call(each, ended=None if each in LIVE else stage.clock.seconds) for each in CallStatus}
    assert_answer(client.get("Calls", Status=status), 200, page_of(client, [created[status]], f"Status={status}&"))


def test_an_unknown_status_is_rejected(client: FunctionClient) -> None:
    """Only the statuses of a call are accepted."""
    answer = client.get("Calls", Status="active")
    assert_refused(client, answer, "value outside the enum", name="Status")


@pytest.mark.parametrize(
    ("name", "field", "value", "near"),
    [
        ("To", "to", "+13105678901", "+1310567890"),
        ("To", "to", "sip:a@example.com", "sip:A@example.com"),
        ("From", "from_", "client:joe", "client:joey"),
    ],
)
def test_calls_are_filtered_by_party(
    client: FunctionClient, stage: Stage, name: str, field: str, value: str, near: str
) -> None:
    """`To` and `From` match a number, an address or a client exactly."""
    matching = stage.call(**{field: value})
    stage.call(**{field: near})
    spelled = value.replace("+", "%2B").replace(":", "%3A").replace("@", "%40")
    assert_answer(client.get("Calls", **{name: value}), 200, page_of(client, [matching], f"{name}={spelled}&"))


def test_calls_are_filtered_by_parent_call(client: FunctionClient, stage: Stage) -> None:
    """`ParentCallSid` lists the child calls of a call; an invalid sid matches none."""
    parent = stage.call()
    leg = stage.call(parent_call=parent.id)
    sid = client.sid(ResourceType.CALL, parent.id)
    assert_answer(client.get("Calls", ParentCallSid=sid), 200, page_of(client, [leg], f"ParentCallSid={sid}&"))
    assert client.get("Calls", ParentCallSid="x").body["calls"] == []


@pytest.mark.parametrize("name", ["StartTime", "EndTime"])
@pytest.mark.parametrize(
    ("sign", "date", "matching"),
    [
        ("", "2018-09-26", [1, 2]),
        ("<", "2018-09-26", [0]),
        (">", "2018-09-26", [1, 2, 3]),
        ("<", "2018-09-27", [0, 1, 2]),
        ("", "2018-09-26T00:00:00Z", [1]),
        ("<", "2018-09-26T23:59:59Z", [0, 1]),
        (">", "2018-09-26T23:59:59Z", [2, 3]),
        ("", "2018-09-26T05:30:00+05:30", [1]),
        ("<", "2018-09-26 23:59:59.999", [0, 1]),
        (">", "2018-09-26T18:59:59.523919747-05:00[America/Chicago]", [2, 3]),
    ],
)
def test_calls_are_filtered_by_time(
    client: FunctionClient, stage: Stage, name: str, sign: str, date: str, matching: list[int]
) -> None:
    """`<` excludes the day itself, unlike in other lists; calls without the time match no filter."""
    field = "started" if name == "StartTime" else "ended"
    created = []
    for second in (MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 86_399, MIDNIGHT + 86_400):
        stage.clock.milliseconds += 1
        times = {"started": MIDNIGHT - 90_000, "ended": MIDNIGHT + 90_000, field: second}
        created.append(stage.call("completed", **times))
    stage.call("in-progress" if name == "EndTime" else "queued", **{field: None})
    found = [created[place] for place in sorted(matching, reverse=True)]
    spelled = f"{name}{ {'': '', '<': '%3C', '>': '%3E'}[sign] }={quote(date, safe='')}&"
    assert_answer(client.get("Calls", **{f"{name}{sign}": date}), 200, page_of(client, found, spelled))


def test_filters_of_calls_combine(client: FunctionClient, stage: Stage) -> None:
    """Calls must match all filters, and the links of a page repeat the filters as sent."""
    parent = stage.call("ringing")
    fields: dict[str, Any] = {"to": "+1", "from_": "+2", "parent_call": parent.id, "started": MIDNIGHT}
    stage.clock.step(1)
    found = [stage.call(**fields) for _ in range(3)]
    for missing in fields:
        stage.call(**{**fields, missing: None if missing in {"parent_call", "started"} else "+3"})
    stage.call("queued", **fields)
    filters = {
        "To": "+1",
        "From": "+2",
        "ParentCallSid": client.sid(ResourceType.CALL, parent.id),
        "Status": "in-progress",
    }
    body = client.get("Calls", **filters, **{"StartTime>": "2018-09-26"}, PageSize="2").body
    seen = [item["sid"] for item in body["calls"]]
    rest = client.request("GET", body["next_page_uri"]).body
    seen += [item["sid"] for item in rest["calls"]]
    assert seen == sorted((client.sid(ResourceType.CALL, call.id) for call in found), reverse=True)
    assert rest["next_page_uri"] is None
    assert "?To=%2B1&From=%2B2&ParentCallSid=" in body["first_page_uri"]
    assert "&Status=in-progress&StartTime%3E=2018-09-26&Page" in body["first_page_uri"]
