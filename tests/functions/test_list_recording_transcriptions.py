"""X1: list the transcriptions of a recording."""

from tapedeck.dialects.dialect import Kind
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.stage import Stage, assert_answer, assert_refused, shown


def test_a_recording_without_any_has_an_empty_page(client: FunctionClient, stage: Stage) -> None:
    """Whatever its state, for every recording's body links to it; in T a deleted one can be seen, and so asked."""
    for status in ("in-progress", "completed", "absent", "deleted"):
        recording = stage.recording(stage.call(), "completed")
        recording = stage.delete(recording) if status == "deleted" else stage.bring(recording, status)
        path = ("Recordings", client.sid(Kind.RECORDING, recording.id), "Transcriptions")
        if status == "deleted" and client.dialect.name == "signalwire":
            assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
        else:
            page = expected.page(client.dialect.name, client.account, "/".join(path), [])
            assert_answer(client.get(*path), 200, page)


def test_shows_its_own_only(client: FunctionClient, stage: Stage) -> None:
    """Newest first, and none of another recording's; they stay when it is deleted."""
    recording = stage.recording(stage.call(), "completed")
    made = []
    for text in ("One.", None):
        stage.clock.step(1)
        made.append(stage.transcription(recording, text=text))
    stage.transcription(stage.recording(stage.call(), "completed"))
    stage.delete(recording)
    path = ("Recordings", client.sid(Kind.RECORDING, recording.id), "Transcriptions")
    items = [shown(client, each) for each in made[::-1]]
    assert_answer(client.get(*path), 200, expected.page(client.dialect.name, client.account, "/".join(path), items))
