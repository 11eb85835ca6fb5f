"""FR1: list the recordings of a conference."""

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.rules import ListOfParentRules
from tests.functions.stage import Stage, conference_path


class TestListConferenceRecordings(ListOfParentRules):
    """What holds for recordings of calls as well."""

    source = Source.CONFERENCE

    def parent(self, stage: Stage) -> Conference:
        """A conference."""
        return stage.conference()

    def path(self, client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
        """Under a conference."""
        assert isinstance(parent, Conference)
        return conference_path(client, parent, "")


def test_leaves_recordings_of_legs_out(client: FunctionClient, stage: Stage) -> None:
    """What records a call that is in the conference is not the conference's (behaviour.md, section 5.8)."""
    call = stage.call()
    room = stage.conference(first_call=call.id)
    stage.recording(call)
    assert client.get(*conference_path(client, room, "")).body["recordings"] == []


def test_a_completed_conference_keeps_its_recordings(client: FunctionClient, stage: Stage) -> None:
    """They are listed as before."""
    room = stage.conference("completed")
    stage.recording(room, "completed")
    assert len(client.get(*conference_path(client, room, "")).body["recordings"]) == 1


def test_does_not_take_a_name(client: FunctionClient, stage: Stage) -> None:
    """A friendly name does not stand for a conference here."""
    stage.recording(stage.conference(name="Lobby"))
    assert client.get("Conferences", "Lobby", "Recordings").status == 404
