"""FR2: read a recording of a conference."""

import pytest

from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.rules import GetRules, OfConference
from tests.functions.stage import Stage, assert_answer, conference_path, shown


class TestGetConferenceRecording(OfConference, GetRules):
    """What holds for recordings of calls as well."""

    as_strings = False


@pytest.mark.parametrize("source", [Source.CONFERENCE, Source.START_CONFERENCE_RECORDING])
def test_shows_each_source(client: FunctionClient, stage: Stage, source: Source) -> None:
    """Each dialect has its own word for what started a recording (resources.md, section 2.3)."""
    conference = stage.conference()
    recording = stage.recording(conference, source=source)
    answer = client.get(*conference_path(client, conference, recording))
    assert_answer(answer, 200, shown(client, recording, read=True))


def test_does_not_take_a_name(client: FunctionClient, stage: Stage) -> None:
    """A friendly name does not stand for a conference here."""
    conference = stage.conference(name="Lobby")
    recording = stage.recording(conference)
    assert client.get(*conference_path(client, "Lobby", recording)).status == 404
