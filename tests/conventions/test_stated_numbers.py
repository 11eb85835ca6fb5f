"""The deadlines and limits that `docs/explanation` states are those of the code."""

import re
from pathlib import Path
from typing import Final

import pytest

from tapedeck.background import publisher, reconciler
from tapedeck.domain import account, conference, delivery, engine_command, page, recording
from tapedeck.http import request
from tapedeck.operations import media, recordings, transcriptions
from tapedeck.settings import MAX_INLINE_BYTES, MAX_RETRY_HOURS
from tests.client import ROOT, TEMPLATE

EXPLANATION: Final = ROOT / "docs" / "explanation"
PARAMETERS: Final = TEMPLATE.content["Parameters"]
SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600}


def _rows(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    section = path.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_deadlines_are_those_of_the_code() -> None:
    """Each deadline of the table equals the constant that the code compares with."""
    stated = []
    for _, after, _ in _rows(EXPLANATION / "consistency-and-versions.md", "Deadlines"):
        number, unit = after.split()[:2]
        stated.append(int(number) * SECONDS[unit])
    assert stated == [
        reconciler.COMMAND_RESEND_AFTER_SECONDS,
        reconciler.COMMAND_ALARM_AFTER_SECONDS,
        engine_command.COMMAND_EXPIRY_SECONDS,
        reconciler.START_TIMEOUT_SECONDS,
        reconciler.MEDIA_TIMEOUT_SECONDS,
        reconciler.STREAM_GRACE_SECONDS,
        delivery.REQUEUE_AFTER_SECONDS,
        PARAMETERS["CallbackRetryHours"]["Default"] * 3600,
    ]
    text = (EXPLANATION / "consistency-and-versions.md").read_text(encoding="utf-8")
    assert "A change that is five minutes old or more sends its command only if" in " ".join(text.split())
    assert publisher.COMMAND_STALENESS_CHECK_SECONDS == 300


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("requests of the stack", [PARAMETERS["RateLimit"]["Default"], PARAMETERS["BurstLimit"]["Default"]]),
        ("request body", [request.MAX_BYTES // 1024, request.MAX_FIELDS]),
        ("active recordings per call or conference", [recordings.MAX_ACTIVE_RECORDINGS]),
        ("page of a list", [page.MAX_PAGE_SIZE]),
        ("rows that a filtered list reads", [page.MAX_ROWS_SCANNED]),
        ("page of transcriptions", [transcriptions.MAX_TEXT_BYTES >> 20]),
        ("auth tokens per account", [account.MAX_AUTH_TOKENS]),
        ("API keys per account", [account.MAX_API_KEYS]),
        ("callback retries", [0, MAX_RETRY_HOURS]),
        ("stored attempts of a callback", [delivery.MAX_STORED_ATTEMPTS]),
        ("stored deliveries", [delivery.DELIVERY_RETENTION_DAYS]),
        ("deleted recordings in Twilio's dialect", [media.MEDIA_RETENTION_DAYS]),
    ],
)
def test_the_limits_are_those_of_the_code(what: str, numbers: list[int]) -> None:
    """Each limit of the table has exactly the numbers of the code or of the template."""
    (limit,) = [limit for name, limit, _ in _rows(EXPLANATION / "cost-and-limits.md", "Limits") if name == what]
    assert [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", limit)] == numbers


def test_other_numbers_are_those_of_the_code() -> None:
    """The numbers that the pages state in their text are those of the code."""
    text = " ".join((EXPLANATION / "cost-and-limits.md").read_text(encoding="utf-8").split())
    assert f"A function returns up to {MAX_INLINE_BYTES >> 20} MiB of audio itself." in text
    alarms = TEMPLATE.resources("AWS::CloudWatch::Alarm").values()
    metrics = sum(
        len([each for each in alarm.get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in each]) for alarm in alarms
    )
    assert f"{len(alarms)} alarms on {metrics} metrics" in text
    design = " ".join((ROOT / "docs" / "reference" / "table-design.md").read_text(encoding="utf-8").split())
    assert f"**At most {recordings.MAX_ACTIVE_RECORDINGS} active recordings per call or conference.**" in design
    assert f"A start removes stopped ids from the set once it has {recording.PRUNE_ACTIVE_AT} entries." in design
    assert conference.PARTICIPANTS_TO_BEGIN == 2
    assert "It starts with its second participant" in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
