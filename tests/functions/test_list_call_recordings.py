"""CR2: list the recordings of a call."""

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Source
from tests.client import FunctionClient
from tests.functions.rules import ListOfParentRules
from tests.functions.stage import Stage, call_path


class TestListCallRecordings(ListOfParentRules):
    """What holds for recordings of conferences as well."""

    source = Source.OUTBOUND_API

    def parent(self, stage: Stage) -> Call:
        """A call."""
        return stage.call()

    def path(self, client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
        """Under a call."""
        assert isinstance(parent, Call)
        return call_path(client, parent, "")


def test_leaves_recordings_of_conferences_out(client: FunctionClient, stage: Stage) -> None:
    """A conference's recording that shows this call is not the call's (behaviour.md, section 5.8)."""
    call = stage.call()
    stage.recording(stage.conference(first_call=call.id))
    assert client.get(*call_path(client, call, "")).body["recordings"] == []
