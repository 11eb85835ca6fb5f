"""FR4: delete a recording of a conference, and its media."""

from tests.functions.rules import DeleteAtParentRules, OfConference


class TestDeleteConferenceRecording(OfConference, DeleteAtParentRules):
    """What holds for recordings of calls as well."""

    reads = ["GetItem"]  # noqa: RUF012 - a constant of the rules
