"""X4: list the transcriptions of an account."""

import pytest

from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.stage import Stage, assert_answer, assert_refused, shown

MIDNIGHT = 1_537_920_000
"""Wednesday, 26 September 2018, 00:00:00 UTC."""


def test_shows_those_of_all_recordings(client: FunctionClient, stage: Stage) -> None:
    """Newest first, whatever became of their recordings."""
    made = []
    for _ in range(2):
        stage.clock.step(1)
        recording = stage.recording(stage.call(), "completed")
        made.append(stage.transcription(recording))
        stage.delete(recording)
    page = expected.page(
        client.dialect.name, client.account, "Transcriptions", [shown(client, each) for each in made[::-1]]
    )
    assert_answer(client.get("Transcriptions"), 200, page)


@pytest.mark.parametrize(("sign", "wanted"), [("", [1, 2]), ("<", [0, 1]), (">", [1, 2, 3])])
def test_filters_by_day(client: FunctionClient, stage: Stage, sign: str, wanted: list[int]) -> None:
    """By creation; midnight belongs to what is up to it and from it on."""
    made = []
    for second in (MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 86_399, MIDNIGHT + 86_400):
        stage.clock.milliseconds = second * 1000
        made.append(stage.transcription("1" * 32))
    answer = client.get("Transcriptions", **{f"DateCreated{sign}": "2018-09-26"})
    found = [shown(client, made[place]) for place in sorted(wanted, reverse=True)]
    filters = f"DateCreated{ {'': '', '<': '%3C', '>': '%3E'}[sign] }=2018-09-26&"
    page = expected.page(client.dialect.name, client.account, "Transcriptions", found, filters=filters)
    assert_answer(answer, 200, page)


def test_refuses_what_is_no_date(client: FunctionClient) -> None:
    """A date that cannot be read is named."""
    answer = client.get("Transcriptions", DateCreated="x")
    assert_refused(client, answer, "value outside the enum", name="DateCreated")
