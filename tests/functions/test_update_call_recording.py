"""CR4: pause, resume and stop a recording of a call (behaviour.md, sections 5.3 to 5.5)."""

from tests.functions.rules import OfCall, UpdateRules


class TestUpdateCallRecording(OfCall, UpdateRules):
    """What holds for recordings of conferences as well."""

    as_strings = False
