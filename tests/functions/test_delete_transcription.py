"""Deleting a transcription: `delete_transcription` in both dialects."""

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tests.client import Answer, FunctionClient
from tests.functions.literal import Api
from tests.functions.stage import Stage, assert_refused


def test_deleting_a_transcription_answers_without_a_body(api: Api, example: Stage) -> None:
    """Deleting a transcription answers 204 without a body, in SignalWire's dialect."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)
    example.transcription(recording, id="016612f5f27a77a58d2b4f6a1c3e5079", text="Hello, this is a test transcription.")

    answer = api.request(
        "DELETE",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Transcriptions/016612f5-f27a-77a5-8d2b-4f6a1c3e5079"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 204
    assert answer.text == ""


def test_deleting_an_unknown_transcription_is_not_found(api: Api) -> None:
    """A transcription that does not exist answers 404 with its path."""
    answer = api.request(
        "DELETE",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Transcriptions/TR016612f5f27a77a58d2b4f6a1c3e5079.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Transcriptions/TR016612f5f27a77a58d2b4f6a1c3e5079.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def assert_no_content(answer: Answer) -> None:
    """Assert a 204 without a body."""
    assert (answer.status, answer.content) == (204, b"")


@pytest.mark.parametrize("nested", [False, True])
def test_a_deleted_transcription_is_not_found_or_listed(client: FunctionClient, stage: Stage, *, nested: bool) -> None:
    """It is not found at either path nor in either list, and a second deletion answers 404."""
    recording = stage.recording(stage.call(), "completed")
    kept, transcription = stage.transcription(recording), stage.transcription(recording)
    of_recording = ("Recordings", client.sid(ResourceType.RECORDING, recording.id))
    path = (
        *(of_recording if nested else ()),
        "Transcriptions",
        client.sid(ResourceType.TRANSCRIPTION, transcription.id),
    )
    assert_no_content(client.delete(*path))
    for answer in (client.delete(*path), client.get(*path)):
        assert_refused(client, answer, "not found", uri=client.path(*path))
    for each in (("Transcriptions",), (*of_recording, "Transcriptions")):
        left = [item["sid"] for item in client.get(*each).body["transcriptions"]]
        assert left == [client.sid(ResourceType.TRANSCRIPTION, kept.id)]
    assert len(stage.shelf.partition(items.transcriptions_partition(stage.account, recording.id))) == 1


def test_a_transcription_of_another_recording_is_not_found(client: FunctionClient, stage: Stage) -> None:
    """Under another recording it answers 404 and is kept."""
    transcription = stage.transcription(stage.recording(stage.call(), "completed"))
    other = stage.recording(stage.call(), "completed")
    sid = client.sid(ResourceType.TRANSCRIPTION, transcription.id)
    path = ("Recordings", client.sid(ResourceType.RECORDING, other.id), "Transcriptions", sid)
    assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
    assert client.get("Transcriptions", sid).status == 200
