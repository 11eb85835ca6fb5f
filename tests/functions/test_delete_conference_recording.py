"""Deleting a recording of a conference with its media: `delete_conference_recording` in both dialects."""

from tests.functions.literal import Api
from tests.functions.rules import DeleteAtParentRules, OfConference
from tests.functions.stage import Stage


def test_deleting_a_completed_recording_of_a_conference_answers_without_a_body(api: Api, example: Stage) -> None:
    """Deleting a completed recording of a conference answers 204 without a body, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    example.recording(conference, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "DELETE",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 204
    assert answer.text == ""


def test_deleting_a_deleted_recording_of_a_conference_is_not_found(api: Api, example: Stage) -> None:
    """A recording that was already deleted answers 404 with its path."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    example.recording(conference, "deleted", id="016612f5f27a74eca7e3b05d9c1f8264")

    answer = api.request(
        "DELETE",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


class TestDeleteConferenceRecording(OfConference, DeleteAtParentRules):
    """Rules that recordings of calls share."""

    reads = ["GetItem"]  # noqa: RUF012 - a constant of the rules
