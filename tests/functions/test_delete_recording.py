"""Deleting a recording of a call or a conference by its sid: `delete_recording` in both dialects."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.objects import Objects
from tests.functions.rules import DeleteRules
from tests.functions.stage import Stage, assert_refused


def test_deleting_a_completed_recording_answers_without_a_body(api: Api, example: Stage) -> None:
    """Deleting a completed recording by its sid alone answers 204 without a body."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)

    answer = api.request(
        "DELETE",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 204
    assert answer.text == ""


def test_deleting_a_paused_recording_is_refused(api: Api, example: Stage) -> None:
    """A paused recording is not complete and cannot be deleted: 400 with error 20009, in SignalWire's dialect."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.recording(call, "paused", id="016612f5f27a74eca7e3b05d9c1f8264")

    answer = api.request(
        "DELETE",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264"
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


class _AtAccount(DeleteRules):
    reads = ["GetItem", "GetItem"]  # noqa: RUF012 - a constant of the rules

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Return the path below the account."""
        del parent  # the path does not contain it
        own = recording if isinstance(recording, str) else client.sid(ResourceType.RECORDING, recording.id)
        return ("Recordings", own)


class TestDeleteRecordingOfCall(_AtAccount):
    """Rules for recordings of calls."""

    def parent(self, stage: Stage) -> Call:
        """Create a call."""
        return stage.call()


class TestDeleteRecordingOfConference(_AtAccount):
    """Rules for recordings of conferences."""

    def parent(self, stage: Stage) -> Conference:
        """Create a conference."""
        return stage.conference()


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_media_alone_cannot_be_deleted(client: FunctionClient, stage: Stage, objects: Objects, suffix: str) -> None:
    """The URLs of the audio do not accept DELETE: 405, and the media are kept."""
    recording = stage.recording(stage.call(), "completed")
    objects.put(recording, "original.wav", b"audio")
    client.suffix = suffix
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id))
    assert_refused(client, client.delete(*path), "method")
    assert objects.names(recording) == {"original.wav"}
