"""CR3: read a recording of a call."""

import pytest

from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.rules import GetRules, OfCall
from tests.functions.stage import Stage, assert_answer, call_path, shown


class TestGetCallRecording(OfCall, GetRules):
    """What holds for recordings of conferences as well."""

    as_strings = False


@pytest.mark.parametrize("source", [source for source in Source if "Conference" not in source])
def test_shows_each_source(client: FunctionClient, stage: Stage, source: Source) -> None:
    """Each dialect has its own word for what started a recording (resources.md, section 2.3)."""
    call = stage.call()
    recording = stage.recording(call, source=source)
    assert_answer(client.get(*call_path(client, call, recording)), 200, shown(client, recording, read=True))


def test_shows_channels_track_and_trim(client: FunctionClient, stage: Stage) -> None:
    """Two channels, one track and trimming are shown in each dialect's types."""
    call = stage.call()
    recording = stage.recording(call, "completed", channels=2, track="inbound", trim="trim-silence")
    assert_answer(client.get(*call_path(client, call, recording)), 200, shown(client, recording, read=True))


def test_shows_why_it_is_absent(client: FunctionClient, stage: Stage) -> None:
    """The error code is a number in T and a text in S (section 5.6)."""
    call = stage.call()
    recording = stage.bring(stage.recording(call), "absent", error=16102)
    answer = client.get(*call_path(client, call, recording))
    assert_answer(answer, 200, shown(client, recording, read=True))
    assert answer.body["error_code"] == (16102 if client.dialect.name == "twilio" else "16102")
