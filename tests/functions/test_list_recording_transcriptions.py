"""Listing the transcriptions of a recording: `list_recording_transcriptions` in both dialects."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Stage, assert_answer, assert_refused, shown


def test_listing_the_transcriptions_of_a_recording_answers_a_page(api: Api, example: Stage) -> None:
    """The transcriptions of a recording answer 200 with a page, here the only one."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)
    example.transcription(recording, id="016612f5f27a77a58d2b4f6a1c3e5079", text="Hello, this is a test transcription.")

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/Transcriptions.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/Transcriptions.json?PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/Transcriptions.json?PageSize=50&Page=0"
        ),
        "transcriptions": [
            {
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
            },
        ],
    }


def test_listing_transcriptions_at_an_invalid_page_token_is_unprocessable(api: Api, example: Stage) -> None:
    """A page token that was not issued by a list answers 422 with error 21481, in SignalWire's dialect."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264/Transcriptions?PageToken=next"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 422
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 21481,
        "message": "PageToken is invalid",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 422,
    }


def test_a_recording_without_transcriptions_has_an_empty_page(client: FunctionClient, stage: Stage) -> None:
    """In every state of the recording; a deleted one has the page only in Twilio's dialect."""
    for status in ("in-progress", "completed", "absent", "deleted"):
        recording = stage.recording(stage.call(), "completed")
        recording = stage.delete(recording) if status == "deleted" else stage.bring(recording, status)
        path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id), "Transcriptions")
        if status == "deleted" and client.dialect.name == "signalwire":
            assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
        else:
            page = expected.page(client.dialect.name, client.account, "/".join(path), [])
            assert_answer(client.get(*path), 200, page)


def test_only_transcriptions_of_the_recording_are_listed(client: FunctionClient, stage: Stage) -> None:
    """Newest first, and still after the recording was deleted."""
    recording = stage.recording(stage.call(), "completed")
    created = []
    for text in ("One.", None):
        stage.clock.step(1)
        created.append(stage.transcription(recording, text=text))
    stage.transcription(stage.recording(stage.call(), "completed"))
    stage.delete(recording)
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id), "Transcriptions")
    items = [shown(client, each) for each in created[::-1]]
    assert_answer(client.get(*path), 200, expected.page(client.dialect.name, client.account, "/".join(path), items))


@pytest.mark.parametrize("transcribed", [True, False])
@pytest.mark.parametrize("deleted", [True, False])
def test_existence_is_checked_before_parameters(
    client: FunctionClient, stage: Stage, *, deleted: bool, transcribed: bool
) -> None:
    """An invalid parameter is reported only where the list itself would answer 200."""
    recording = stage.recording(stage.call(), "completed")
    if transcribed:
        stage.transcription(recording)
    if deleted:
        stage.delete(recording)
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id), "Transcriptions")
    answer = client.get(*path, PageSize="x")
    if deleted and not transcribed and client.dialect.name == "signalwire":
        assert client.get(*path).status == 404
        assert_refused(client, answer, "not found", uri=client.path(*path))
    else:
        assert client.get(*path).status == 200
        assert_refused(client, answer, "value outside the enum", name="PageSize")


def test_a_page_after_the_last_is_empty(client: FunctionClient, stage: Stage) -> None:
    """By token and by number (SignalWire), even if the recording was deleted long ago."""
    recording = stage.recording(stage.call(), "completed")
    only = stage.transcription(recording)
    stage.delete(recording, days=0)
    sid = client.sid(ResourceType.RECORDING, recording.id)
    path = ("Recordings", sid, "Transcriptions")
    token = f"PA{client.sid(ResourceType.TRANSCRIPTION, only.id)}"
    before = f"PB{client.sid(ResourceType.TRANSCRIPTION, f'{int(only.id, 16) - 1:032x}')}"
    page = expected.page(client.dialect.name, client.account, "/".join(path), [], token=token, preceding=before)
    assert_answer(client.get(*path, PageToken=token), 200, page)
    if client.dialect.name == "signalwire":
        assert client.get(*path, Page="1").body["transcriptions"] == []
    # An unknown recording has no pages.
    unknown = ("Recordings", client.sid(ResourceType.RECORDING, "0" * 32), "Transcriptions")
    for query in ({"PageToken": token}, {"Page": "1"}):
        assert_refused(client, client.get(*unknown, **query), "not found", uri=client.path(*unknown))
