"""FR3: pause, resume and stop a recording of a conference (behaviour.md, sections 5.3 to 5.5)."""

from tapedeck.dialects.dialect import Kind
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tests.client import FunctionClient
from tests.functions.rules import UpdateRules
from tests.functions.stage import Stage, conference_path


class TestUpdateConferenceRecording(UpdateRules):
    """What holds for recordings of calls as well; S answers parameter errors with an array of strings."""

    as_strings = True
    _kind = Kind.CONFERENCE

    def parent(self, stage: Stage) -> Conference:
        """A conference."""
        return stage.conference()

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Under a conference."""
        assert not isinstance(parent, Call)
        return conference_path(client, parent, recording)

    def of_the_other_kind(self, stage: Stage) -> Call:
        """A call."""
        return stage.call()
