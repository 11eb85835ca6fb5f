"""FR3: pause, resume and stop a recording of a conference (behaviour.md, sections 5.3 to 5.5)."""

from tests.functions.rules import OfConference, UpdateRules


class TestUpdateConferenceRecording(OfConference, UpdateRules):
    """What holds for recordings of calls as well; S answers parameter errors with an array of strings."""

    as_strings = True
