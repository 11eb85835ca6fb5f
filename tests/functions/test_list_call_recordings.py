"""Listing the recordings of a call: `list_call_recordings` in both dialects."""

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.rules import ListOfParentRules
from tests.functions.stage import Clock, Stage, call_path


def test_listing_the_recordings_of_a_call_answers_a_page(api: Api, example: Stage, clock: Clock) -> None:
    """The recordings of a call answer 200 with a page, here the only one."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(7)
    example.bring(recording, "completed", duration=7)

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings.json?PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings.json?PageSize=50&Page=0"
        ),
        "recordings": [
            {
                "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
                "api_version": "2010-04-01",
                "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
                "conference_sid": None,
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "date_updated": "Tue, 25 Sep 2018 23:00:07 +0000",
                "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
                "duration": "7",
                "sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
                "price": None,
                "uri": (
                    "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                    "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
                ),
                "encryption_details": None,
                "price_unit": None,
                "status": "completed",
                "channels": 1,
                "source": "StartCallRecordingAPI",
                "error_code": None,
                "track": "both",
            },
        ],
    }


def test_listing_the_recordings_of_an_unknown_call_is_not_found(api: Api) -> None:
    """The recordings of a call that does not exist answer 404 with the requested path, in SignalWire's dialect."""
    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings was not found"
        ),
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


class TestListCallRecordings(ListOfParentRules):
    """Rules that recordings of conferences share."""

    source = Source.OUTBOUND_API

    def parent(self, stage: Stage) -> Call:
        """Create a call."""
        return stage.call()

    def path(self, client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
        """Return the path below a call."""
        assert isinstance(parent, Call)
        return call_path(client, parent, "")


def test_recordings_of_a_conference_are_not_listed(client: FunctionClient, stage: Stage) -> None:
    """A conference's recording that shows this call is not a recording of the call."""
    call = stage.call()
    stage.recording(stage.conference(first_call=call.id))
    assert client.get(*call_path(client, call, "")).body["recordings"] == []
