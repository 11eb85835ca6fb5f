"""The worked exchanges and the test vector in the reference of the engine protocol are true."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest

from tapedeck.background.event_reports import UnreadableEvent, read_report
from tapedeck_protocol.commands import COMMANDS
from tapedeck_protocol.evidence import head_of
from tapedeck_protocol.outcomes import EventRefusalCode, Outcome, RefusedRequest
from tapedeck_protocol.schema import REQUESTS
from tapedeck_protocol.words import RefusalCode
from tests.client import ROOT
from tests.engine.test_protocol_models import published, validate

PAGE: Final = (ROOT / "docs" / "reference" / "engine-protocol.md").read_text(encoding="utf-8")
BLOCK: Final = re.compile(r'^```json title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
CHAPTERS: Final = (
    "Start, pause, resume, stop, upload", "A document", "A repeated command", "A restart", "A refusal",
)  # fmt: skip


def _exchanges() -> Iterator[tuple[str, str | None, Any]]:
    """Yield the title of each block, the route of the request that it is or answers, and its content."""
    route = None
    for title, text in BLOCK.findall(PAGE):
        route = title if title.startswith("POST ") else route
        yield title, route, json.loads(text)


EXCHANGES: Final = list(_exchanges())


def test_the_page_has_the_exchanges() -> None:
    """There are five chapters, with commands, requests to each route, answers and a refused request."""
    chapters = PAGE.partition("## Worked exchanges")[2]
    assert tuple(re.findall(r"^### (.+)$", chapters, re.MULTILINE)) == CHAPTERS
    titles = {title for title, _, _ in EXCHANGES}
    assert titles == {"Command", "Answer, 200", "Answer, 409", *REQUESTS}
    kinds = {content["type"] for title, _, content in EXCHANGES if title == "Command"}
    assert kinds == {"recording.start", "recording.pause", "recording.resume"}


@pytest.mark.parametrize("number", range(len(EXCHANGES)))
def test_an_exchange_follows_the_protocol(number: int) -> None:
    """Each message matches its schema and its model, and has no field that they do not name."""
    title, route, content = EXCHANGES[number]
    if title == "Command":
        validate("engine-commands", None, content)
        COMMANDS.validate_python(content, extra="forbid")
        return
    assert route is not None
    request, answer = REQUESTS[route]
    is_refused = title.startswith("Answer, 4")
    model = RefusedRequest if is_refused else request if title == route else answer
    validate("engine-session", model.__name__, content)
    model.model_validate(content, extra="forbid")


def _events() -> list[dict[str, Any]]:
    return [event for title, _, body in EXCHANGES if title.endswith("/events") for event in body["events"]]


def test_every_command_has_its_answer() -> None:
    """The table of answers has each command of the protocol once, and names only events of the protocol."""
    table = PAGE.partition("| command | answered by |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [[re.findall(r"`(\w+\.\w+)`", cell) for cell in line.strip("|").split("|")] for line in table.splitlines()]
    commands = [name for row, _ in rows for name in row]
    assert sorted(commands) == sorted(published("engine-commands")["discriminator"]["mapping"])
    assert {name for _, answers in rows for name in answers} < set(
        published("engine-events")["discriminator"]["mapping"]
    )


def test_every_code_is_explained() -> None:
    """The tables explain each outcome, each code of a refused event, and each code of a refused command once."""
    explained = re.findall(
        r"^\| `([a-z_]+)` \|", PAGE.partition("### Outcomes")[2].partition("### Event messages")[0], re.MULTILINE
    )
    assert explained == [*get_args(Outcome), *get_args(EventRefusalCode), *get_args(RefusalCode)]


def test_the_events_can_be_read() -> None:
    """Every reported event is read but one, whose type is unknown, as its outcome says."""
    refused = {}
    for event in _events():
        try:
            read_report(event)
        except UnreadableEvent as unreadable:
            refused[event["id"]] = (str(unreadable.code), unreadable.detail)
    answers = [body for title, route, body in EXCHANGES if title == "Answer, 200" and str(route).endswith("/events")]
    answered = {
        result["id"]: (result["code"], result["detail"])
        for body in answers
        for result in body["results"]
        if result.get("code") == "unknown_type"
    }
    assert refused == answered
    assert len(refused) == 1


def test_answers_repeat_the_ids_of_their_events() -> None:
    """Each answer to events has one result for each event of the request before it, in its order."""
    request: Any = None
    for title, route, content in EXCHANGES:
        if title == "POST /engine/v2/events":
            request = content
        elif title == "Answer, 200" and route == "POST /engine/v2/events":
            assert [result["id"] for result in content["results"]] == [event["id"] for event in request["events"]]


def test_the_worked_chain_is_computed_as_the_page_says() -> None:
    """The hashes of the worked example follow from its text alone, by the two rules of the page."""
    lines = PAGE.partition("```text\nrecording ")[2].partition("\n```")[0].splitlines()
    recording, forms = lines[0], lines[3::3]
    hashes = [line.partition(" = ")[2] for line in lines[1:] if re.match(r"h\d = ", line)]
    found = [hashlib.sha256(b"tapedeck-evidence-1:" + recording.encode()).hexdigest()]
    for form in forms:
        found.append(hashlib.sha256(found[-1].encode() + form.encode()).hexdigest())
    assert (found, len(hashes)) == (hashes, 4)
    assert head_of(recording, [json.loads(form) for form in forms]) == hashes[-1]


def test_the_code_of_the_packages_readme_runs() -> None:
    """The Python example reads a command and makes the evidence of its answer."""
    readme = (ROOT / "engine" / "protocol" / "README.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (pause, *_) = [content for title, _, content in EXCHANGES if content.get("type") == "recording.pause"]
    names = {"message_body": json.dumps(pause), "now": 1_780_000_035_180}
    exec(source, names)  # noqa: S102 - the project's own example
    entry: Any = {
        "n": 1, "type": "paused", "version": 2, "asked_at": pause["issued_at"], "done_at": 1_780_000_035_180,
    }  # fmt: skip
    assert names["entry"] == entry
    assert names["event_evidence"] == {"n": 1, "head": head_of(pause["recording"], [entry])}
