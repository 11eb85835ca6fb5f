"""Deleting a recording of a call with its media: `delete_call_recording` in both dialects."""

from tests.functions.literal import Api
from tests.functions.rules import DeleteAtParentRules, OfCall
from tests.functions.stage import Stage


def test_deleting_a_completed_recording_of_a_call_answers_without_a_body(api: Api, example: Stage) -> None:
    """Deleting a completed recording of a call answers 204 without a body."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "DELETE",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 204
    assert answer.text == ""


def test_deleting_a_recording_of_a_call_in_progress_is_refused(api: Api, example: Stage) -> None:
    """A recording in progress cannot be deleted: 400 with error 20009, in SignalWire's dialect."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, id="016612f5f27a74eca7e3b05d9c1f8264")

    answer = api.request(
        "DELETE",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20009,
        "message": "Cannot delete this resource before it is complete",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 400,
    }


class TestDeleteCallRecording(OfCall, DeleteAtParentRules):
    """Rules that recordings of conferences share."""

    reads = ["GetItem"]  # noqa: RUF012 - a constant of the rules
