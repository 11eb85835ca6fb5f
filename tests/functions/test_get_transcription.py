"""Reading a transcription: `get_transcription` in both dialects."""

from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.transcription import TranscriptionStatus
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.stage import Stage, assert_answer, assert_refused, shown


def test_reading_a_transcription_answers_its_text(api: Api, example: Stage) -> None:
    """A completed transcription answers 200 with its text."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)
    example.transcription(recording, id="016612f5f27a77a58d2b4f6a1c3e5079", text="Hello, this is a test transcription.")

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/Transcriptions/TR016612f5f27a77a58d2b4f6a1c3e5079.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "api_version": "2010-04-01",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
        "duration": "4",
        "price": None,
        "price_unit": "USD",
        "recording_sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
        "sid": "TR016612f5f27a77a58d2b4f6a1c3e5079",
        "status": "completed",
        "transcription_text": "Hello, this is a test transcription.",
        "type": "fast",
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Transcriptions/TR016612f5f27a77a58d2b4f6a1c3e5079.json"
        ),
    }


def test_reading_an_unknown_transcription_is_not_found(api: Api) -> None:
    """A transcription that does not exist answers 404 with its path, in SignalWire's dialect."""
    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264/Transcriptions/016612f5-f27a-77a5-8d2b-4f6a1c3e5079"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
            "/Transcriptions/016612f5-f27a-77a5-8d2b-4f6a1c3e5079 was not found"
        ),
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "fields",
    [{}, {"text": None, "duration": None}, {"status": TranscriptionStatus.FAILED, "text": None}],
)
def test_a_transcription_is_shown_at_both_paths(
    client: FunctionClient, stage: Stage, fields: dict[str, Any], *, nested: bool
) -> None:
    """Below its recording and below its account, with a text or without."""
    recording = stage.recording(stage.call(), "completed")
    transcription = stage.transcription(recording, **fields)
    above = ("Recordings", client.sid(ResourceType.RECORDING, recording.id)) if nested else ()
    path = (*above, "Transcriptions", client.sid(ResourceType.TRANSCRIPTION, transcription.id))
    assert_answer(client.get(*path), 200, shown(client, transcription))


def test_a_transcription_of_another_recording_is_not_found(client: FunctionClient, stage: Stage) -> None:
    """An unknown transcription and one of another recording answer 404."""
    transcription = stage.transcription(stage.recording(stage.call(), "completed"))
    other = stage.recording(stage.call(), "completed")
    sid, unknown = (
        client.sid(ResourceType.TRANSCRIPTION, transcription.id),
        client.sid(ResourceType.TRANSCRIPTION, "1" * 32),
    )
    for path in (
        ("Transcriptions", unknown),
        ("Recordings", client.sid(ResourceType.RECORDING, other.id), "Transcriptions", sid),
        ("Recordings", client.sid(ResourceType.RECORDING, "1" * 32), "Transcriptions", sid),
    ):
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
