"""Listing the notifications of a call: `list_call_notifications`, which only Twilio's dialect has."""

from collections.abc import Callable
from typing import ClassVar

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.empty_lists import EmptyListRules
from tests.functions.literal import Api
from tests.functions.stage import Stage


def test_listing_notifications_answers_an_empty_page(api: Api, example: Stage) -> None:
    """The notifications of a call answer 200 with an empty page, the only one."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Notifications.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Notifications.json?PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Notifications.json?PageSize=50&Page=0"
        ),
        "notifications": [],
    }


class TestListCallNotifications(EmptyListRules):
    """Rules that all lists without items share."""

    collection: ClassVar = "Calls"
    kind: ClassVar = ResourceType.CALL
    name: ClassVar = "Notifications"
    items: ClassVar = "notifications"
    reads: ClassVar = ["GetItem"]

    def store(self, stage: Stage) -> str:
        """Store a call."""
        return stage.call().id

    @pytest.mark.parametrize(
        ("parameter", "value"),
        [("Log", "error"), ("MessageDate", "today"), ("MessageDate>", "2018-09-25T00:00:00Z")],
    )
    def test_invalid_filters_are_rejected(
        self, make_twilio: Callable[[], FunctionClient], stage: Stage, parameter: str, value: str
    ) -> None:
        """Filters are checked although the list is empty; an unknown call takes precedence."""
        self.assert_rejected(make_twilio(), stage, parameter, value, "value outside the enum")

    def test_links_repeat_the_filters(self, make_twilio: Callable[[], FunctionClient], stage: Stage) -> None:
        """The links contain the filters before the page size."""
        client = make_twilio()
        answer = client.get(*self.path(client, self.store(stage)), PageSize="20", Log="1")
        assert answer.status == 200
        assert answer.body["uri"].partition("?")[2] == "Log=1&PageSize=20&Page=0"
        links = (answer.body["next_page_uri"], answer.body["previous_page_uri"])
        assert (*links, answer.body["notifications"]) == (None, None, [])
