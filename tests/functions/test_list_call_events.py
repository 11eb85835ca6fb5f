"""Listing the events of a call: `list_call_events`, which only Twilio's dialect has."""

from typing import ClassVar

from tapedeck.dialects.dialect import ResourceType
from tests.functions.empty_lists import EmptyListRules
from tests.functions.literal import Api
from tests.functions.stage import Stage


def test_listing_events_answers_an_empty_page(api: Api, example: Stage) -> None:
    """The events of a call answer 200 with an empty page, the only one."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json?PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json?PageSize=50&Page=0"
        ),
        "events": [],
    }


class TestListCallEvents(EmptyListRules):
    """Rules that all lists without items share."""

    collection: ClassVar = "Calls"
    kind: ClassVar = ResourceType.CALL
    name: ClassVar = "Events"
    items: ClassVar = "events"
    reads: ClassVar = ["GetItem"]

    def store(self, stage: Stage) -> str:
        """Store a call."""
        return stage.call().id
