"""X1: list the transcriptions of a recording."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.stage import Stage, assert_answer, assert_refused, shown


def test_a_recording_without_any_has_an_empty_page(client: FunctionClient, stage: Stage) -> None:
    """Whatever its state, for every recording's body links to it; in T a deleted one can be seen, and so asked."""
    for status in ("in-progress", "completed", "absent", "deleted"):
        recording = stage.recording(stage.call(), "completed")
        recording = stage.delete(recording) if status == "deleted" else stage.bring(recording, status)
        path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id), "Transcriptions")
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
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id), "Transcriptions")
    items = [shown(client, each) for each in made[::-1]]
    assert_answer(client.get(*path), 200, expected.page(client.dialect.name, client.account, "/".join(path), items))


@pytest.mark.parametrize("transcribed", [True, False])
@pytest.mark.parametrize("deleted", [True, False])
def test_tells_of_a_wrong_parameter_wherever_there_is_a_list(
    client: FunctionClient, stage: Stage, *, deleted: bool, transcribed: bool
) -> None:
    """Existence comes first, as for the list itself: transcriptions stay, and T shows what was deleted."""
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


def test_a_page_behind_the_end_is_empty(client: FunctionClient, stage: Stage) -> None:
    """Whether by a token or by its number, though the recording was deleted long ago."""
    recording = stage.recording(stage.call(), "completed")
    only = stage.transcription(recording)
    stage.delete(recording, days=0)
    sid = client.sid(ResourceType.RECORDING, recording.id)
    path = ("Recordings", sid, "Transcriptions")
    token = f"PA{client.sid(ResourceType.TRANSCRIPTION, only.id)}"
    before = f"PB{client.sid(ResourceType.TRANSCRIPTION, f'{int(only.id, 16) - 1:032x}')}"
    page = expected.page(client.dialect.name, client.account, "/".join(path), [], token=token, preceding=before)
    assert_answer(client.get(*path, PageToken=token), 200, page)
    assert client.get(*path, Page="1").body["transcriptions"] == []
    # Where there never were any there is nothing to have a page.
    unknown = ("Recordings", client.sid(ResourceType.RECORDING, "0" * 32), "Transcriptions")
    for query in ({"PageToken": token}, {"Page": "1"}):
        assert_refused(client, client.get(*unknown, **query), "not found", uri=client.path(*unknown))
