"""CR5: delete a recording of a call, and its media."""

from tests.functions.rules import DeleteAtParentRules, OfCall


class TestDeleteCallRecording(OfCall, DeleteAtParentRules):
    """What holds for recordings of conferences as well."""

    reads = ["GetItem"]  # noqa: RUF012 - a constant of the rules
