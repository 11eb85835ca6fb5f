"""X2: read a transcription."""

from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.transcription import TranscriptionStatus
from tests.client import FunctionClient
from tests.functions.stage import Stage, assert_answer, assert_refused, shown


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "fields",
    [{}, {"text": None, "duration": None}, {"status": TranscriptionStatus.FAILED, "text": None}],
)
def test_shows_it_at_both_addresses(
    client: FunctionClient, stage: Stage, fields: dict[str, Any], *, nested: bool
) -> None:
    """Under its recording and under its account, with words or without."""
    recording = stage.recording(stage.call(), "completed")
    made = stage.transcription(recording, **fields)
    above = ("Recordings", client.sid(ResourceType.RECORDING, recording.id)) if nested else ()
    path = (*above, "Transcriptions", client.sid(ResourceType.TRANSCRIPTION, made.id))
    assert_answer(client.get(*path), 200, shown(client, made))


def test_is_not_found_elsewhere(client: FunctionClient, stage: Stage) -> None:
    """Unknown, or under another recording: 404."""
    made = stage.transcription(stage.recording(stage.call(), "completed"))
    other = stage.recording(stage.call(), "completed")
    sid, unknown = client.sid(ResourceType.TRANSCRIPTION, made.id), client.sid(ResourceType.TRANSCRIPTION, "1" * 32)
    for path in (
        ("Transcriptions", unknown),
        ("Recordings", client.sid(ResourceType.RECORDING, other.id), "Transcriptions", sid),
        ("Recordings", client.sid(ResourceType.RECORDING, "1" * 32), "Transcriptions", sid),
    ):
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
