"""R3: delete a recording, whatever it hangs on, and its media."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tests.client import FunctionClient
from tests.functions.objects import Objects
from tests.functions.rules import DeleteRules
from tests.functions.stage import Stage, assert_refused


class _AtAccount(DeleteRules):
    reads = ["GetItem", "GetItem"]  # noqa: RUF012 - a constant of the rules

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Under the account."""
        del parent  # it is not named
        own = recording if isinstance(recording, str) else client.sid(ResourceType.RECORDING, recording.id)
        return ("Recordings", own)


class TestDeleteRecordingOfCall(_AtAccount):
    """What holds for recordings of calls."""

    def parent(self, stage: Stage) -> Call:
        """A call."""
        return stage.call()


class TestDeleteRecordingOfConference(_AtAccount):
    """What holds for recordings of conferences."""

    def parent(self, stage: Stage) -> Conference:
        """A conference."""
        return stage.conference()


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_media_alone_cannot_be_deleted(client: FunctionClient, stage: Stage, objects: Objects, suffix: str) -> None:
    """The addresses of audio take no DELETE: what they name is no recording."""
    recording = stage.recording(stage.call(), "completed")
    objects.put(recording, "original.wav", b"audio")
    client.suffix = suffix
    path = ("Recordings", client.sid(ResourceType.RECORDING, recording.id))
    assert_refused(client, client.delete(*path), "not found", uri=client.path(*path))
    assert objects.names(recording) == {"original.wav"}
