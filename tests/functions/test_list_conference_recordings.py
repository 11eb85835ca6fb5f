"""Listing the recordings of a conference: `list_conference_recordings` in both dialects."""

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.rules import ListOfParentRules
from tests.functions.stage import Clock, Stage, conference_path


def test_listing_the_recordings_of_a_conference_answers_a_page(api: Api, example: Stage, clock: Clock) -> None:
    """The recordings of a conference answer 200 with a page, here the only one, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    recording = example.recording(conference, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(7)
    example.bring(recording, "completed", duration=7)

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings?Page=0&PageSize=50"
        ),
        "first_page_uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings?Page=0&PageSize=50"
        ),
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": 50,
        "recordings": [
            {
                "sid": "016612f5-f27a-74ec-a7e3-b05d9c1f8264",
                "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
                "api_version": "2010-04-01",
                "call_sid": None,
                "conference_sid": "016612f5-f27a-7c0f-9b1d-6e83f2a5c470",
                "channel": "1",
                "channels": "1",
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "date_updated": "Tue, 25 Sep 2018 23:00:07 +0000",
                "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
                "end_time": "Tue, 25 Sep 2018 23:00:07 +0000",
                "duration": 7,
                "price": None,
                "price_unit": "USD",
                "source": "Conference",
                "status": "completed",
                "error_code": None,
                "uri": (
                    "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                    "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470"
                    "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264.json"
                ),
                "subresource_uris": {
                    "transcriptions": (
                        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                        "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264/Transcriptions.json"
                    ),
                },
                "encryption_details": None,
                "trim": "do-not-trim",
            },
        ],
    }


def test_listing_the_recordings_of_an_unknown_conference_is_not_found(api: Api) -> None:
    """The recordings of a conference that does not exist answer 404 with the requested path."""
    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


class TestListConferenceRecordings(ListOfParentRules):
    """Rules that recordings of calls share."""

    source = Source.CONFERENCE

    def parent(self, stage: Stage) -> Conference:
        """Create a conference."""
        return stage.conference()

    def path(self, client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
        """Return the path below a conference."""
        assert isinstance(parent, Conference)
        return conference_path(client, parent, "")


def test_recordings_of_a_participating_call_are_not_listed(client: FunctionClient, stage: Stage) -> None:
    """A recording of a call in the conference is not a recording of the conference."""
    call = stage.call()
    conference = stage.conference(first_call=call.id)
    stage.recording(call)
    assert client.get(*conference_path(client, conference, "")).body["recordings"] == []


def test_a_completed_conference_keeps_its_recordings(client: FunctionClient, stage: Stage) -> None:
    """The recordings of a completed conference are still listed."""
    conference = stage.conference("completed")
    stage.recording(conference, "completed")
    assert len(client.get(*conference_path(client, conference, "")).body["recordings"]) == 1


def test_a_friendly_name_is_not_accepted(client: FunctionClient, stage: Stage) -> None:
    """A friendly name in place of the conference's sid answers 405 in Twilio's dialect, 404 in SignalWire's."""
    stage.recording(stage.conference(name="Lobby"))
    status = {"twilio": 405, "signalwire": 404}[client.dialect.name]
    assert client.get("Conferences", "Lobby", "Recordings").status == status
