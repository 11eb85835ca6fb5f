"""Listing the results of add-ons for a recording: `list_recording_add_on_results`, which only Twilio's dialect has."""

from typing import ClassVar

from tapedeck.dialects.dialect import ResourceType
from tests.functions.empty_lists import EmptyListRules
from tests.functions.literal import Api
from tests.functions.stage import Stage


def test_listing_add_on_results_answers_an_empty_page(api: Api, example: Stage) -> None:
    """The results of add-ons for a recording answer 200 with an empty page, the only one."""
    example.recording(example.call(), id="016612f5f27a74eca7e3b05d9c1f8264")

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/AddOnResults.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/AddOnResults.json?PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/AddOnResults.json?PageSize=50&Page=0"
        ),
        "add_on_results": [],
    }


class TestListRecordingAddOnResults(EmptyListRules):
    """Rules that all lists without items share."""

    collection: ClassVar = "Recordings"
    kind: ClassVar = ResourceType.RECORDING
    name: ClassVar = "AddOnResults"
    items: ClassVar = "add_on_results"
    reads: ClassVar = ["GetItem", "GetItem"]

    def store(self, stage: Stage) -> str:
        """Store a recording."""
        return stage.recording(stage.call()).id
