"""CR4: pause, resume and stop a recording of a call (behaviour.md, sections 5.3 to 5.5)."""

from tapedeck.dialects.dialect import Kind
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tests.client import FunctionClient
from tests.functions.rules import UpdateRules
from tests.functions.stage import Stage, call_path


class TestUpdateCallRecording(UpdateRules):
    """What holds for recordings of conferences as well."""

    as_strings = False
    _kind = Kind.CALL

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
