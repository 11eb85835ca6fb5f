"""FR4: delete a recording of a conference, and its media."""

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tests.client import FunctionClient
from tests.functions.rules import DeleteAtParentRules
from tests.functions.stage import Stage, conference_path


class TestDeleteConferenceRecording(DeleteAtParentRules):
    """What holds for recordings of calls as well."""

    reads = ["GetItem"]  # noqa: RUF012 - a constant of the rules

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
