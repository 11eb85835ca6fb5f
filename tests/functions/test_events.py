"""Tests that each sample event gets exactly the expected response stored beside it."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from tapedeck.adapters.failed_batches import PREFIX
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, select_dialect
from tapedeck.domain.account import VOICE
from tapedeck.http.basic_auth import user_of
from tapedeck.http.routes import is_engine_path, is_list_of_accounts, split
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_SIGNING_KEY, STANDIN_TOKEN
from tapedeck_standin.aws.template import ORIGIN
from tapedeck_standin.samples import callbacks as sample_callbacks
from tapedeck_standin.samples import data as sample_data
from tapedeck_standin.samples.replay import SAMPLE_SETTINGS, capturing_output, main, make_seeding, replay
from tests.client import ROOT, find_route
from tests.tables import own_tables
from tests.wire.validator import check_response

EVENTS: Final = sorted((ROOT / "events").glob("*.json"))
EXPECTED: Final = ROOT / "events" / "expected"

PLACEHOLDERS: Final = {
    "<time>": r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000",
    "<request>": "[0-9a-f]{32}",
    "<id>": "[0-9a-f]{32}",
    "<uuid>": "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "<secret>": "[0-9a-f]{32}",
    "<token>": r"[\w-]{43}",
    "<second>": r"\d{10}",
    "<millisecond>": r"\d{13}",
    "<url>": r"https?://\S+",
    "<credential>": r"\S*",
}
"""Placeholders for values that differ between runs, with their patterns (events/README.md)."""


MAYBE: Final = "<maybe>"
"""Placeholder for a value that an answer may lack."""


def read(path: Path) -> Any:
    """Parse a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def mask(answer: Any, expected: Any) -> Any:
    """Replace values of the answer with the placeholders of the expected one, if they match its patterns."""
    match answer, expected:
        case dict(), dict():
            maybe = {name: MAYBE for name, value in expected.items() if value == MAYBE}
            return {name: mask(value, expected.get(name)) for name, value in answer.items()} | maybe
        case list(), list():
            return [
                mask(value, expected[place] if place < len(expected) else None) for place, value in enumerate(answer)
            ]
        case str() | int(), str():
            pattern = re.escape(expected)
            for placeholder, form in PLACEHOLDERS.items():
                pattern = pattern.replace(placeholder, form)
            return expected if re.fullmatch(pattern, str(answer)) else answer
        case _:
            return answer


@pytest.fixture(scope="module")
def seeding(aws: None) -> Iterator[Callable[[], None]]:
    """Returns a function that resets the tables to the sample data; messages and callbacks are captured.

    The tables contain the sample data only, because the reconciler processes every pending row.
    """
    del aws  # only has to be there
    with own_tables(SAMPLE_SETTINGS) as database, capturing_output():
        yield make_seeding(database)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
# --8<-- [start:answer]
def test_an_event_gets_its_expected_answer(seeding: Callable[[], None], event: Path) -> None:
    """After seeding, the answer equals the expected one; an HTTP response also has the same order of fields."""
    seeding()
    expected = read(EXPECTED / event.name)
    answer = mask(replay(ROOT, event), expected)
    # The reconciler starts with another shard each minute, so the order of its counters varies.
    is_sorted = "statusCode" not in expected
    assert json.dumps(answer, indent=1, sort_keys=is_sorted) == json.dumps(expected, indent=1, sort_keys=is_sorted)
    # --8<-- [end:answer]


def test_seeding_removes_added_rows(seeding: Callable[[], None]) -> None:
    """Seeding removes a recording that an event started, so the same event starts one again."""
    for _ in range(2):
        seeding()
        assert replay(ROOT, ROOT / "events" / "create_call_recording.twilio.created.json")["statusCode"] == 201


def test_replay_reports_sent_messages(seeding: Callable[[], None]) -> None:
    """A replay reports each command, domain event and callback that it caused, one line each."""
    reported = []
    for name in ("publish_changes.paused", "publish_changes.absent", "deliver_callback.delivered"):
        seeding()
        with capturing_output() as listener:
            replay(ROOT, ROOT / "events" / f"{name}.json")
        reported.append([line.partition("{")[0].partition("AccountSid=")[0] for line in listener.sent])
    assert reported == [
        ["engine-ast1 ", "bus recording.paused "],
        ["callbacks.fifo ", "callbacks.fifo ", "bus recording.absent ", "bus recording.confirmed "],
        ["POST https://hooks.example/recordings "],
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.json is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"GET /x", "x.json is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff", "x.json is not valid JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b"[]", "x.json is not a JSON object"),
    ],
)
def test_rejects_a_file_without_an_event(tmp_path: Path, content: bytes, message: str) -> None:
    """`make replay` of a file without a JSON object fails with a one-line error."""
    (tmp_path / "x.json").write_bytes(content)
    result = CliRunner(mix_stderr=False).invoke(main, [str(tmp_path / "x.json")])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")


@pytest.mark.parametrize(
    "event",
    [event for event in EVENTS if "routeKey" in read(event) and not is_engine_path(read(event)["rawPath"])],
    ids=lambda event: event.stem,
)
def test_expected_answers_have_the_wire_format(event: Path) -> None:
    """An expected HTTP response with its placeholders filled in has the wire format of its dialect."""
    http, expected = read(event)["requestContext"]["http"], read(EXPECTED / event.name)
    if expected["isBase64Encoded"]:
        content = base64.b64decode(expected["body"], validate=True)
        check_response(http["method"], http["path"], expected["statusCode"], expected["headers"], content)
        return
    text = json.dumps(expected["body"]) if expected["body"] else ""
    for placeholder, value in {
        "<time>": "Sun, 01 Jun 2025 12:10:00 +0000",
        "<id>": STANDIN_ACCOUNT,
        "<uuid>": "01972b5d-2cb0-7000-8000-0000000000ee",
        "<secret>": "0123456789abcdef" * 2,
    }.items():
        text = text.replace(placeholder, value)
    check_response(http["method"], http["path"], expected["statusCode"], expected["headers"], text)


def test_each_event_has_an_expected_answer_and_each_answer_an_event() -> None:
    """Every event has an expected answer, and every expected answer has an event."""
    assert {path.name for path in EXPECTED.iterdir()} == {event.name for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_an_event_is_named_after_its_function(event: Path) -> None:
    """An HTTP event takes the route and dialect in its file name; other events have no dialect in the name."""
    operation, *dialect, _case, _json = event.name.split(".")
    content = read(event)
    if "routeKey" not in content:
        assert dialect == []
        return
    route, variables = find_route(content["requestContext"]["http"]["method"], content["rawPath"])
    assert (route.operation, route.key) == (operation, content["routeKey"])
    assert variables == content.get("pathParameters", {})
    if is_engine_path(content["rawPath"]):
        assert dialect == []
        return
    if is_list_of_accounts(content["rawPath"]):
        user = user_of(content["headers"]["authorization"])
        assert dialect == [select_dialect(user, "").name]
        return
    parts = split(content["rawPath"])
    assert parts is not None
    assert dialect == [select_dialect(parts[0], "").name]


def test_the_readme_lists_the_sample_data() -> None:
    """`events/README.md` lists every id and every secret of the sample data, and every placeholder."""
    readme = (ROOT / "events" / "README.md").read_text(encoding="utf-8")
    named = {**vars(sample_data), **vars(sample_callbacks)}
    constants = {value for name, value in named.items() if name.isupper() and isinstance(value, str)}
    listed = {
        SIGNALWIRE.format_sid(ResourceType.CALL, value) if re.fullmatch("[0-9a-f]{32}", value) else value
        for value in constants - {STANDIN_TOKEN}
    } | {STANDIN_TOKEN}
    assert {
        value for value in listed - {STANDIN_SIGNING_KEY, VOICE, ORIGIN, PREFIX} if f"`{value}`" not in readme
    } == set()
    assert {placeholder for placeholder in PLACEHOLDERS if f"`{placeholder}`" not in readme} == set()
