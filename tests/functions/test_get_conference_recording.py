"""Reading a recording of a conference: `get_conference_recording` in both dialects."""

import pytest

from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.rules import GetRules, OfConference
from tests.functions.stage import Clock, Stage, assert_answer, conference_path, shown


def test_reading_a_completed_recording_of_a_conference_answers_the_recording(
    api: Api, example: Stage, clock: Clock
) -> None:
    """A completed recording of a conference answers 200 with its duration, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    recording = example.recording(conference, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(7)
    example.bring(recording, "completed", duration=7)

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
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
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264.json"
        ),
        "subresource_uris": {
            "transcriptions": (
                "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264/Transcriptions.json"
            ),
        },
        "encryption_details": None,
        "trim": "do-not-trim",
    }


def test_reading_a_recording_of_a_conference_without_credentials_is_unauthorized(api: Api, example: Stage) -> None:
    """A request without credentials answers 401 with a challenge for Basic authentication."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    example.recording(conference, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
    )

    assert answer.status == 401
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["www-authenticate"] == 'Basic realm="Twilio API"'
    assert answer.body == {
        "code": 20003,
        "detail": "Your AccountSid or AuthToken was incorrect.",
        "message": "Authentication Error - No credentials provided",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


class TestGetConferenceRecording(OfConference, GetRules):
    """Rules that recordings of calls share."""

    as_strings = False


@pytest.mark.parametrize("source", [Source.CONFERENCE, Source.START_CONFERENCE_RECORDING])
def test_every_source_is_shown(client: FunctionClient, stage: Stage, source: Source) -> None:
    """Each dialect shows the source of a recording in its own words."""
    conference = stage.conference()
    recording = stage.recording(conference, source=source)
    answer = client.get(*conference_path(client, conference, recording))
    assert_answer(answer, 200, shown(client, recording, read=True))


def test_a_friendly_name_is_not_accepted(client: FunctionClient, stage: Stage) -> None:
    """A friendly name in place of the conference's sid answers 405 in Twilio's dialect, 404 in SignalWire's."""
    conference = stage.conference(name="Lobby")
    recording = stage.recording(conference)
    status = {"twilio": 405, "signalwire": 404}[client.dialect.name]
    assert client.get(*conference_path(client, "Lobby", recording)).status == status
