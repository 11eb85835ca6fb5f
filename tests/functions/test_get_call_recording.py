"""Reading a recording of a call: `get_call_recording` in both dialects."""

import pytest

from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.rules import GetRules, OfCall
from tests.functions.stage import Clock, Stage, assert_answer, call_path, shown


def test_reading_a_completed_recording_of_a_call_answers_the_recording(api: Api, example: Stage, clock: Clock) -> None:
    """A completed recording of a call answers 200 with the recording and its duration."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(7)
    example.bring(recording, "completed", duration=7)

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
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
    }


def test_reading_a_recording_of_a_call_with_a_wrong_token_is_unauthorized(api: Api, example: Stage) -> None:
    """Wrong credentials answer 401 with a challenge for Basic authentication, in SignalWire's dialect (C-6)."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "wrong-token"),
    )

    assert answer.status == 401
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["www-authenticate"] == 'Basic realm="SignalWire"'
    assert answer.body == {
        "code": 20003,
        "message": "Authentication failed",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 401,
    }


class TestGetCallRecording(OfCall, GetRules):
    """Rules that recordings of conferences share."""

    as_strings = False


@pytest.mark.parametrize("source", [source for source in Source if "Conference" not in source])
def test_every_source_is_shown(client: FunctionClient, stage: Stage, source: Source) -> None:
    """Each dialect shows the source of a recording in its own words."""
    call = stage.call()
    recording = stage.recording(call, source=source)
    assert_answer(client.get(*call_path(client, call, recording)), 200, shown(client, recording, read=True))


def test_channels_track_and_trim_are_shown(client: FunctionClient, stage: Stage) -> None:
    """Channels, track and trim are shown in each dialect's types (C-99)."""
    call = stage.call()
    recording = stage.recording(call, "completed", channels=2, track="inbound", trim="trim-silence")
    assert_answer(client.get(*call_path(client, call, recording)), 200, shown(client, recording, read=True))


def test_the_error_code_of_an_absent_recording_is_shown(client: FunctionClient, stage: Stage) -> None:
    """The error code is a number in Twilio's dialect and a string in SignalWire's."""
    call = stage.call()
    recording = stage.bring(stage.recording(call), "absent", error=16102)
    answer = client.get(*call_path(client, call, recording))
    assert_answer(answer, 200, shown(client, recording, read=True))
    assert answer.body["error_code"] == (16102 if client.dialect.name == "twilio" else "16102")
