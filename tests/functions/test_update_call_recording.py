"""Pausing, resuming and stopping a recording of a call: `update_call_recording` in both dialects."""

from tests.functions.literal import Api
from tests.functions.rules import OfCall, UpdateRules
from tests.functions.stage import Clock, Stage


def test_pausing_a_recording_of_a_call_answers_the_paused_recording(api: Api, example: Stage, clock: Clock) -> None:
    """Pausing a recording in progress answers 200 with the recording, paused at that second."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(5)

    answer = api.request(
        "POST",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Status": "paused", "PauseBehavior": "skip"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "api_version": "2010-04-01",
        "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
        "conference_sid": None,
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:05 +0000",
        "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
        "duration": None,
        "sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
        "price": None,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        "encryption_details": None,
        "price_unit": None,
        "status": "paused",
        "channels": 1,
        "source": "StartCallRecordingAPI",
        "error_code": None,
        "track": "both",
    }


def test_resuming_a_completed_recording_of_a_call_is_not_eligible(api: Api, example: Stage) -> None:
    """A completed recording cannot be resumed: 400 with error 21220, in SignalWire's dialect."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "POST",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Status": "in-progress"},
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 21220,
        "message": "Requested resource is not eligible for recording",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 400,
    }


class TestUpdateCallRecording(OfCall, UpdateRules):
    """Rules that recordings of conferences share."""

    as_strings = False
