"""Engine events of transcriptions, reported over HTTP."""

import pytest

from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tests.functions.background_world import World
from tests.functions.reported_events import Ingest, new_engine_id
from tests.functions.stage import START


@pytest.mark.parametrize(("text", "status"), [("Hello.", "completed"), (None, "failed")])
def test_registers_a_transcription(world: World, applied: Ingest, text: str | None, status: str) -> None:
    """A transcription is created under the engine's id; without a text it has failed."""
    recording = world.stage.recording(world.stage.call(), "completed")
    made = new_engine_id(world)
    transcript = {"text": text} if text is not None else {}
    applied("transcription.completed", recording=recording.id, transcription=made, duration=4, **transcript)
    assert world.services.transcriptions.get(recording.parent.account, made) == Transcription(
        recording.parent.account, made, recording.id, TranscriptionStatus(status), START, 4, text
    )


def test_a_transcription_belongs_to_one_recording(world: World, applied: Ingest, ignored: Ingest) -> None:
    """The id of a transcription cannot be used for another recording: nothing would show the second one."""
    first, second = (world.stage.recording(world.stage.call(), "completed") for _ in range(2))
    made = new_engine_id(world)
    applied("transcription.completed", recording=first.id, transcription=made, text="Hello.")
    ignored("transcription.completed", "wrong_state", recording=second.id, transcription=made, text="Other.")
    found = world.services.transcriptions.get(first.parent.account, made)
    assert (found.recording, found.text) == (first.id, "Hello.")


def test_a_transcription_of_an_unknown_recording_is_retried(world: World, retried: Ingest) -> None:
    """A transcription is retried until its recording exists."""
    retried(
        "transcription.completed", recording=new_engine_id(world), transcription=new_engine_id(world), text="Hello."
    )
