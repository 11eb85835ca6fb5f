"""CR5: delete a recording of a call, and its media."""

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tests.client import FunctionClient
from tests.functions.rules import DeleteAtParentRules
from tests.functions.stage import Stage, call_path


class TestDeleteCallRecording(DeleteAtParentRules):
    """What holds for recordings of conferences as well."""

    reads = ["GetItem"]  # noqa: RUF012 - a constant of the rules

    def parent(self, stage: Stage) -> Call:
        """A call."""
        return stage.call()

    def path(
        self, client: FunctionClient, parent: Call | Conference | str, recording: Recording | str
    ) -> tuple[str, ...]:
        """Under a call."""
        assert not isinstance(parent, Conference)
        return call_path(client, parent, recording)

    def of_the_other_kind(self, stage: Stage) -> Conference:
        """A conference."""
        return stage.conference()
