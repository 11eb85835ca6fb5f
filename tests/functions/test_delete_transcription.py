"""X3: delete a transcription."""

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tests.client import Answer, FunctionClient
from tests.functions.stage import Stage, assert_refused


def assert_gone(answer: Answer) -> None:
    """204 without a body."""
    assert (answer.status, answer.content) == (204, b"")


@pytest.mark.parametrize("nested", [False, True])
def test_is_gone_everywhere(client: FunctionClient, stage: Stage, *, nested: bool) -> None:
    """At both addresses and in both lists; a second time it is not found."""
    recording = stage.recording(stage.call(), "completed")
    kept, made = stage.transcription(recording), stage.transcription(recording)
    of_recording = ("Recordings", client.sid(ResourceType.RECORDING, recording.id))
    path = (*(of_recording if nested else ()), "Transcriptions", client.sid(ResourceType.TRANSCRIPTION, made.id))
    assert_gone(client.delete(*path))
    for answer in (client.delete(*path), client.get(*path)):
        assert_refused(client, answer, "not found", uri=client.path(*path))
    for each in (("Transcriptions",), (*of_recording, "Transcriptions")):
        left = [item["sid"] for item in client.get(*each).body["transcriptions"]]
        assert left == [client.sid(ResourceType.TRANSCRIPTION, kept.id)]
    assert len(stage.shelf.partition(items.transcriptions_partition(stage.account, recording.id))) == 1


def test_is_not_found_under_another_recording(client: FunctionClient, stage: Stage) -> None:
    """And stays then."""
    made = stage.transcription(stage.recording(stage.call(), "completed"))
    other = stage.recording(stage.call(), "completed")
    sid = client.sid(ResourceType.TRANSCRIPTION, made.id)
    path = ("Recordings", client.sid(ResourceType.RECORDING, other.id), "Transcriptions", sid)
    assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
    assert client.get("Transcriptions", sid).status == 200
