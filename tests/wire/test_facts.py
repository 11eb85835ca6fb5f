"""Tests that the wire data is complete and agrees with the template and with itself."""

import re

import pytest

from tests.client import TEMPLATE
from tests.wire.facts import DATA, DIALECTS, load
from tests.wire.faults import Fault, report

ROOT = "/2010-04-01"
ACCOUNT = "/2010-04-01/Accounts/{AccountSid}"


def _kind(variable: re.Match[str]) -> str:
    """Return the variable of a path in the words of the data: `{phone number}` for `{PhoneNumberSid}`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", variable[1])
    return f"{{{words.lower()}}}"


def test_every_route_is_an_operation() -> None:
    """The operations have the methods and paths of the template's routes, and the names of their functions."""
    routes = {
        (route.operation, str(route.method), re.sub(r"\{(\w+?)Sid\}", _kind, path))
        for route in TEMPLATE.routes
        if route.path is not None and route.path.startswith(ROOT) and not route.path.endswith(".json")
        for path in [route.path.removeprefix(ACCOUNT).removeprefix(ROOT)]
    }
    data = {
        (name, operation.method, path)
        for name, operation in load().operations.operations.items()
        for path in operation.paths
    }
    # The headers of audio can be requested alone.
    heads = {
        ("get_recording", "HEAD", "/Recordings/{recording}"),
        ("get_call_recording", "HEAD", "/Calls/{call}/Recordings/{recording}"),
        ("get_conference_recording", "HEAD", "/Conferences/{conference}/Recordings/{recording}"),
    }
    assert heads <= routes
    assert routes - heads == data


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_success_has_a_body(dialect: str) -> None:
    """Each success of an operation has no body, or one that exists in its dialect; all bodies occur."""
    bodies = {name for name, _, of, _ in load().bodies() if of == dialect}
    used = {
        body.removeprefix("list of ")
        for operation in load().operations.operations.values()
        if (answers := operation.of(dialect)) is not None
        for body in answers.success.values()
        if not body.startswith("empty list ")
    }
    assert used == {*bodies, "nothing"}


def test_every_file_is_described() -> None:
    """README.md describes every file of the data."""
    readme = DATA.with_name("README.md").read_text(encoding="utf-8")
    for path in DATA.iterdir():
        assert f"`{path.name}`" in readme


def test_every_error_of_an_operation_exists() -> None:
    """A row of the error table names existing operations, and its status is one of theirs."""
    facts = load()
    for row in facts.errors.rows:
        for name in row.operations or ():
            for dialect in DIALECTS:
                answer, answers = row.of(dialect), facts.operations.operations[name].of(dialect)
                if answer is not None and answers is not None:
                    everywhere = facts.operations.statuses_of_every_operation[dialect]
                    assert answer.status in {*everywhere, *answers.errors}, f"{name}: {row.condition}"


def test_a_message_lists_at_most_twelve_faults() -> None:
    """A message lists twelve faults and the number of the others; without faults there is no error."""
    report("headline", [])
    with pytest.raises(AssertionError) as caught:
        report("headline", [Fault(f"/{number}", "nothing", "x" * 300) for number in range(14)])
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[0], lines[-1]) == (14, "headline", "  and 2 more")
    assert lines[1] == f'  at /0: expected nothing, found "{"x" * 196}...'
