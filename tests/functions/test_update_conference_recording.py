"""Pausing, resuming and stopping a recording of a conference: `update_conference_recording` in both dialects."""

from tests.functions.literal import Api
from tests.functions.rules import OfConference, UpdateRules
from tests.functions.stage import Clock, Stage


def test_stopping_a_recording_of_a_conference_answers_the_stopped_recording(
    api: Api, example: Stage, clock: Clock
) -> None:
    """Stopping a recording in progress answers 200 with the recording, stopped at that second (C-104)."""
    conference = example.conference(
        id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support", first_call="016612f5f27a7ca18a5f2c9e41d7b360"
    )
    example.recording(conference, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(5)

    answer = api.request(
        "POST",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Status": "stopped"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "api_version": "2010-04-01",
        "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
        "conference_sid": "CF016612f5f27a7c0f9b1d6e83f2a5c470",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:05 +0000",
        "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
        "duration": None,
        "sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
        "price": None,
        "price_unit": None,
        "status": "stopped",
        "channels": 1,
        "source": "Conference",
        "error_code": None,
        "encryption_details": None,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
    }


def test_an_unknown_status_of_a_conference_recording_is_unprocessable(api: Api, example: Stage) -> None:
    """An unknown status answers 422 with an array of strings, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    example.recording(conference, id="016612f5f27a74eca7e3b05d9c1f8264")

    answer = api.request(
        "POST",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Status": "resumed"},
    )

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "errors": ["Status is invalid"],
    }


class TestUpdateConferenceRecording(OfConference, UpdateRules):
    """Rules that recordings of calls share; SignalWire answers parameter errors with an array of strings."""

    as_strings = True
