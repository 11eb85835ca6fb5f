"""Twilio's SDKs for Python, Node, Go, Java, Ruby and PHP run one scenario, and all get the same responses.

Each language runs where its toolchain and its SDK are present. Otherwise the test is skipped, and says what is missing.
`make sdk-recipes` prints which languages ran.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from twilio.request_validator import RequestValidator

from tests.sdk.expected import with_named_sids
from tests.sdk.program import SECONDS_TO_RUN, node, own_standin, run
from tests.sdk.toolchains import SCENARIOS, Command, go_scenario, java_scenario, php, ruby
from tests.standin.receiver import Receiver, receiving

pytestmark = pytest.mark.timeout(600)

ACCOUNT: Final = "AC720796a08ee9435083bd2d07a3121f1e"
TOKEN: Final = "00112233445566778899aabbccddeeff"

TRACE: Final = """\
account: AC1 active 1
call: CA1 in-progress inbound
created: RE1 in-progress 2 StartCallRecordingAPI
paused: RE1 paused
resumed: RE1 in-progress
stopped: RE1 stopped
no current recording: 400 21220
deleted before it is finished: 400 20009
finished: RE1 completed 59
created: RE2 in-progress 1 StartCallRecordingAPI
pages of 2: RE3 RE2 RE1
limit 5000: RE3 RE2 RE1
limit 2: RE3 RE2
second recording: 2025-06-01T12:01:00Z
at that time: RE2
UTC from then on: RE3 RE2
UTC until then: RE2 RE1
+05:30 from then on: RE3 RE2
+05:30 until then: RE2 RE1
America/New_York from then on: RE3 RE2
America/New_York until then: RE2 RE1
calls until then: 1
calls from then on: 0
on that day: RE3 RE2 RE1
after that day:
deleted: true
recordings left: RE3 RE2
deleted again: 404 20404
fetched after its deletion: 404 20404
dialed: CA2 agent CF1
conference: CF1 in-progress support
participants: CA4 CA3 CA2
muted: CA4
updated: CA3 true true
by label: CA2 connected false false
removed: true
fetched after the removal: 404 20404
participants left: CA3 CA2
call of the removed participant: completed
fetched by its name: 405 20004
in progress today: CF1
ended: CF1 completed conference-ended-via-api
participants after the end: 0
call of the agent: completed
recording of the agent: RE4 completed 9
wrong token: 401 20003
unknown recording: 404 20404
invalid status: 400 20001
recording an ended call: 400 21220
hanging up again: 404 20404
redirecting an ended call: 400 21220
key: scenario 32
call by key: CA1
key deleted: true
after its deletion: 401 20003
"""

CALLBACKS: Final = {
    "/recording": ["in-progress", "completed", "completed"],
    "/call": ["initiated", "ringing", "in-progress", "completed"],
    "/conference": [
        "participant-join", "participant-join", "conference-start", "participant-join",
        "participant-leave", "participant-leave", "participant-leave", "conference-end",
    ],
}  # fmt: skip
"""The callbacks of each path in the order of their numbers or times: the first field of these that one has."""


@dataclass(frozen=True)
class Language:
    """How a language's program is made, and what its SDK sends for a time in three zones, and for a limit of 5,000."""

    make: Callable[[], tuple[Command, dict[str, str]]]
    utc: str
    india: str
    new_york: str
    page_size: str | None


def _interpreted(program: Callable[[], str], script: str) -> Callable[[], tuple[Command, dict[str, str]]]:
    return lambda: ([program(), SCENARIOS / script], {})


def _ruby() -> tuple[Command, dict[str, str]]:
    program, gems = ruby()
    return [program, SCENARIOS / "scenario.rb"], gems


UTC, LOCAL = "2025-06-01T12:01:00Z", "2025-06-01T12:01:00"
INDIA, NEW_YORK = "2025-06-01T17:31:00+05:30", "2025-06-01T08:01:00-04:00"

LANGUAGES: Final[dict[str, Language]] = {
    "python": Language(_interpreted(lambda: sys.executable, "scenario.py"), UTC, INDIA, NEW_YORK, "5000"),
    "node": Language(_interpreted(node, "scenario.mjs"), UTC, UTC, UTC, "5000"),
    "go": Language(lambda: (go_scenario(), {}), UTC, INDIA, NEW_YORK, "1000"),
    "java-10": Language(lambda: java_scenario("10.9.2", "httpclient4"), LOCAL, LOCAL, LOCAL, "5000"),
    "java-11": Language(
        lambda: java_scenario("11.0.3", "httpclient5"),
        "2025-06-01T12:01Z[UTC]", "2025-06-01T17:31+05:30", "2025-06-01T08:01-04:00[America/New_York]", None,
    ),
    "java-13": Language(lambda: java_scenario("13.0.1", "httpclient5"), LOCAL, LOCAL, LOCAL, "5000"),
    "ruby": Language(_ruby, UTC, UTC, UTC, "5000"),
    "php": Language(_interpreted(php, "scenario.php"), UTC, UTC, UTC, "1000"),
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(it, marks=pytest.mark.node if it == "node" else ()) for it in LANGUAGES])
def test_the_scenario(name: str, tmp_path: Path) -> None:
    """The unmodified SDK gets the responses, and the application the callbacks, that Twilio documents."""
    language = LANGUAGES[name]
    command, environment = language.make()
    with own_standin(tmp_path) as url, receiving() as application:
        settings = {"URL": url, "ACCOUNT": ACCOUNT, "TOKEN": TOKEN, "APPLICATION": application.url("")}
        environment |= {f"TAPEDECK_{name}": value for name, value in settings.items()}
        output = run(command, environment, seconds=SECONDS_TO_RUN)
        assert _named("\n".join(line.rstrip() for line in output.splitlines()) + "\n") == _named(TRACE)
        assert _callbacks(application) == CALLBACKS
        assert all(_is_signed(it.url, it.fields, it.headers) for it in application.received)
        journal = requests.get(f"{url}/_standin/requests", timeout=60).json()["requests"]
        warnings = requests.get(f"{url}/_standin/warnings", timeout=60).json()["warnings"]
    noted = [(it["code"], it["attribute"], it["value"]) for it in warnings]
    assert noted == [(13256, "RecordingStatusCallback", "/recording")]
    assert _dates(journal) == [
        {"DateCreated": language.utc},
        *({f"DateCreated{sign}": time} for time in (language.utc, language.india, language.new_york) for sign in "><"),
        {"StartTime<": language.india},
        {"StartTime>": language.india},
    ]
    sizes = [it["fields"].get("PageSize") for it in journal if it["operation"] == "list_recordings"]
    assert sizes[:2] == [language.page_size, language.page_size and "2"]


def _named(trace: str) -> str:
    return with_named_sids("twilio", trace)


def _callbacks(application: Receiver) -> dict[str, list[str]]:
    callbacks: dict[str, list[str]] = {path: [] for path in CALLBACKS}
    for it in sorted(application.received, key=lambda it: int(it.fields.get("SequenceNumber", "0"))):
        names = ("StatusCallbackEvent", "RecordingStatus", "CallStatus")
        callbacks[it.url.removeprefix(application.url(""))].append(next(it.fields[n] for n in names if n in it.fields))
    return callbacks


def _is_signed(url: str, fields: dict[str, str], headers: Any) -> bool:
    return bool(RequestValidator(TOKEN).validate(url, fields, headers["x-twilio-signature"]))


def _dates(journal: list[dict[str, Any]]) -> list[dict[str, str]]:
    filtered = [it["fields"] for it in journal if it["operation"] in ("list_recordings", "list_calls")]
    fields = [{name: text for name, text in it.items() if name.startswith(("Date", "Start"))} for it in filtered]
    return [it for it in fields if it]
