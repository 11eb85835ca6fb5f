"""The deadlines and limits that the pages state are those of the code."""

import re
from pathlib import Path
from typing import Final

import pytest

from tapedeck.adapters import s3
from tapedeck.adapters.dynamodb import client
from tapedeck.adapters.webhooks import http_exchange
from tapedeck.background import current_commands, reconciler, webhook_delivery
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.domain import (
    account,
    command_repetition,
    conference,
    delivery,
    engine,
    engine_command,
    page,
    pending_work,
    recording,
)
from tapedeck.domain.retry_policy import FailureKind
from tapedeck.http import engine_endpoint, request
from tapedeck.operations import media, transcriptions, uploads
from tapedeck.settings import MAX_CREDENTIAL_CACHE_SECONDS, MAX_INLINE_BYTES, MAX_RETRY_HOURS
from tests.client import ROOT, TEMPLATE

DOCS: Final = ROOT / "docs"
EXPLANATION: Final = DOCS / "explanation"
PARAMETERS: Final = TEMPLATE.content["Parameters"]
SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


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
        pending_work.COMMAND_RESEND_AFTER_SECONDS,
        reconciler.PAUSE_ALARM_AFTER_SECONDS,
        reconciler.COMMAND_ALARM_AFTER_SECONDS,
        engine_command.COMMAND_EXPIRY_SECONDS,
        pending_work.START_TIMEOUT_SECONDS,
        pending_work.MEDIA_TIMEOUT_SECONDS,
        pending_work.CONVERSION_GRACE_SECONDS,
        pending_work.CONVERSION_TIMEOUT_SECONDS,
        PARAMETERS["LateAudioDays"]["Default"] * 86_400,
        pending_work.STREAM_GRACE_SECONDS,
        delivery.REQUEUE_AFTER_SECONDS,
        PARAMETERS["CallbackRetryHours"]["Default"] * 3600,
    ]
    text = (EXPLANATION / "consistency-and-versions.md").read_text(encoding="utf-8")
    assert "A change that is five minutes old or more sends its command only if" in " ".join(text.split())
    assert current_commands.COMMAND_STALENESS_CHECK_SECONDS == 300


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("requests of the stack", [PARAMETERS["RateLimit"]["Default"], PARAMETERS["BurstLimit"]["Default"]]),
        ("request body", [request.MAX_BYTES // 1024, request.MAX_FIELDS]),
        ("active recordings per call or conference", [recording.MAX_ACTIVE_RECORDINGS]),
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
    assert f"**At most {recording.MAX_ACTIVE_RECORDINGS} active recordings per call or conference.**" in design
    assert f"A start removes stopped ids from the set once it has {recording.PRUNE_ACTIVE_AT} entries." in design
    assert conference.PARTICIPANTS_TO_BEGIN == 2
    assert "It starts with its second participant" in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


STATEMENTS: Final = {
    "a presigned URL": ("explanation/cost-and-limits.md", "for one minute", s3.LINK_SECONDS, 60),
    "the wire's redirect": ("reference/wire/behaviour.md", "valid for one minute", s3.LINK_SECONDS, 60),
    "the cache": ("explanation/security.md", "for at most 60 seconds", MAX_CREDENTIAL_CACHE_SECONDS, 60),
    "a lease": ("patterns/ordered-callback-delivery.md", "a lease of 60 seconds", webhook_delivery.LEASE_MS, 60_000),
    "unsigned callbacks": (
        "explanation/security.md", "at least 24 hours", webhook_delivery.MAX_UNSIGNED_SECONDS, 86_400,
    ),
    "a receiver's headers": ("patterns/ssrf-safe-webhooks.md", "end at 32 KB", http_exchange.MAX_HEAD, 32_768),
    "a receiver's body": ("patterns/ssrf-safe-webhooks.md", "bodies at 64 KB", http_exchange.MAX_BODY, 65_536),
    "conflicts": ("explanation/reliability.md", "at most five attempts", client.MAX_CONFLICT_ATTEMPTS, 5),
    "a start": ("patterns/reconciler.md", "after 40 minutes", pending_work.START_TIMEOUT_SECONDS, 2_400),
    "media": ("reference/engine-protocol.md", "`absent` after one hour", pending_work.MEDIA_TIMEOUT_SECONDS, 3_600),
    "a resend": (
        "reference/engine-protocol.md",
        "again 30 seconds after the request, then after 1, 2, 4, 8 and 16 minutes, then every 30 minutes",
        (*command_repetition.REPEAT_AFTER_SECONDS, command_repetition.REPEAT_EVERY_SECONDS),
        (30, 60, 120, 240, 480, 960, 1_800),
    ),
    "an alarm": (
        "reference/engine-protocol.md", "After five minutes an alarm", reconciler.COMMAND_ALARM_AFTER_SECONDS, 300,
    ),
    "expiry": ("reference/engine-protocol.md", "After 24 hours", engine_command.COMMAND_EXPIRY_SECONDS, 86_400),
    "presence": ("reference/engine-protocol.md", "`alive_every` seconds (15)", engine.ALIVE_EVERY_SECONDS, 15),
    "a lost engine": ("reference/engine-protocol.md", "`dead_after` seconds (45)", engine.DEAD_AFTER_SECONDS, 45),
    "an engine's request": (
        "reference/engine-protocol.md", "at most 1,000,000 bytes", engine_endpoint.MAX_ENGINE_BYTES, 1_000_000,
    ),
    "an upload": ("reference/engine-protocol.md", "valid for 15 minutes", uploads.UPLOAD_SECONDS, 900),
    "a capture": ("reference/engine-protocol.md", "from 1 to 4294967296", uploads.MAX_CAPTURE_BYTES, 4 << 30),
    "late audio": (
        "reference/engine-protocol.md", "accepted for 14 days", int(PARAMETERS["LateAudioDays"]["Default"]), 14,
    ),
    "stored attempts": (
        "how-to/replay-callbacks.md", "of more than 100 attempts", delivery.MAX_STORED_ATTEMPTS, 100,
    ),
    "partitions": ("explanation/cost-and-limits.md", "32 partitions", 2 * len(reconciler.SHARDS), 32),
}  # fmt: skip
"""Numbers in sentences: the page, the words, the code's value, and the value that the words mean."""


@pytest.mark.parametrize(("name", "words", "actual", "stated"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_numbers_in_sentences_are_those_of_the_code(name: str, words: str, actual: object, stated: object) -> None:
    """A page still has the sentence with a number, and the code has that number."""
    assert words in " ".join((DOCS / name).read_text(encoding="utf-8").split())
    assert actual == stated


def test_the_attempts_of_callbacks_are_those_of_the_code() -> None:
    """The page of the dialects states the headers, attempts and the total time of each retry policy."""
    rows = {name: cells for name, *cells in _rows(EXPLANATION / "dialects.md", "Callbacks")}
    both = [callbacks_in(dialect) for dialect in ("twilio", "signalwire")]
    policies = [callbacks.default_retry_policy for callbacks in both]
    assert [re.findall(r"`([\w-]+)`", cell) for cell in rows["signature header"]] == [
        list(callbacks.signature_headers) for callbacks in both
    ]
    assert rows["idempotency token"] == [
        f"header `{each.idempotency_header}`" if each.idempotency_header else "none" for each in both
    ]
    after = {
        frozenset({FailureKind.CONNECT}): "a failed connection",
        frozenset({FailureKind.CONNECT, FailureKind.READ}): "a failed connection or a read timeout",
    }
    assert rows["attempts"] == [f"{policy.attempts}, after {after[policy.retried]}" for policy in policies]
    assert rows["total time"] == [f"{policy.total // 1000} seconds" for policy in policies]
