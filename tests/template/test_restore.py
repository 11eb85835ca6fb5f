"""The page about restoring the tables has commands that exist, and starts everything again that it stops."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from typing import Final

import botocore.session
import pytest
from botocore import xform_name
from botocore.session import Session

from tests.client import ROOT, TEMPLATE
from tests.tutorials.page import read_blocks

PAGE: Final = ROOT / "docs/how-to/restore-the-tables.md"
GLOBAL_OPTIONS: Final = {"query", "output"}
KINDS: Final = (
    "AWS::Serverless::Function", "AWS::Lambda::EventSourceMapping", "AWS::DynamoDB::Table", "AWS::S3::Bucket",
)  # fmt: skip
MAPPINGS: Final = ["CallbackRetriesMapping", "CallbacksMapping", "FinishingMapping"]


def commands() -> str:
    """Return all commands of the page, with continued lines joined."""
    text = "".join(block.content for block in read_blocks(PAGE) if block.language == "sh")
    return re.sub(r"\\\n\s*", "", text)


def aws_commands() -> Iterator[list[str]]:
    """Yield the words of each `aws` command."""
    for line in commands().splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        for start in (place for place, word in enumerate(words) if word == "aws"):
            yield list(takewhile(lambda word: not set(word) <= set("();<>|&"), words[start + 1 :]))


@cache
def aws() -> Session:
    """The service models of AWS, each read once."""
    return botocore.session.get_session()


def problem_of(words: list[str]) -> str | None:
    """Return what is wrong with an `aws` command: an unknown operation, or an option that it does not have."""
    service, operation, *rest = words
    if service == "s3":
        return None if operation == "rm" and rest[0] == "--recursive" else f"aws s3 {operation}"
    session, service = aws(), service.removesuffix("api")
    if operation == "wait":
        known_waiters = session.get_waiter_model(service).waiter_names
        return None if rest[0] in {xform_name(name, "-") for name in known_waiters} else rest[0]
    service_model = session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in service_model.operation_names}
    if operation not in names:
        return f"{service} {operation}"
    shape = service_model.operation_model(names[operation]).input_shape
    assert shape is not None
    known = {xform_name(name, "-"): member for name, member in shape.members.items()}
    given = [word.removeprefix("--") for word in rest if word.startswith("--")]
    flags = {f"no-{name}" for name, member in known.items() if member.type_name == "boolean"}
    unknown = set(given) - known.keys() - flags - GLOBAL_OPTIONS
    missing = {xform_name(name, "-") for name in shape.required_members} - set(given)
    return f"{service} {operation}: {sorted(unknown)} unknown, {sorted(missing)} missing" if unknown | missing else None


def test_each_aws_command_exists() -> None:
    """Every command of AWS's command line has the operation and the options of AWS's service model."""
    found = list(aws_commands())
    assert len(found) == 21
    assert [problem for words in found if (problem := problem_of(words)) is not None] == []


@pytest.mark.parametrize(
    "command",
    ["dynamodb restore-table --source-table-name X", "lambda put-function-concurrency --function-name X", "s3 cp a b",
     "dynamodb wait table-there", "sqs purge-queue --queue-url X --now"],
)  # fmt: skip
def test_a_command_that_does_not_exist_is_noticed(command: str) -> None:
    """An unknown operation or option, and a missing one, are found."""
    assert problem_of(command.split()) is not None


def test_each_resource_is_in_the_template() -> None:
    """Every name of a resource exists; all queues' mappings are disabled and enabled, and all functions started."""
    text, mappings = commands(), sorted(TEMPLATE.resources("AWS::Lambda::EventSourceMapping"))
    known = {name for kind in KINDS for name in TEMPLATE.resources(kind)}
    named = set(re.findall(r"\bresource (\w+)\)", text)) | set(re.findall(r"\b\w+(?:Function|Mapping)\b", text))
    assert sorted(named - known) == []
    assert mappings == sorted([*MAPPINGS, "RecordingsStreamMapping"])
    loops = re.findall(r"for (\w+) in ([^;]*); do\n(.*?)\ndone", text, re.DOTALL)
    changed = [(sorted(names.split()), body.split()[-1]) for name, names, body in loops if name == "mapping"]
    assert changed == [(MAPPINGS, "--no-enabled"), (MAPPINGS, "--enabled")]
    changed = [(names.split(), body.split()[1:3]) for name, names, body in loops if names == "$FUNCTIONS"]
    assert changed == [
        (["$FUNCTIONS"], ["lambda", "put-function-concurrency"]),
        (["$FUNCTIONS"], ["lambda", "delete-function-concurrency"]),
    ]


def test_no_record_passes_the_filter() -> None:
    """While the tables are put back, the stream's filter lets no item of the table pass that it lets pass otherwise."""
    (criteria,) = re.findall(r"--filter-criteria '([^']*)'", commands())
    (chosen,) = json.loads(criteria)["Filters"]
    assert json.loads(chosen["Pattern"]) == {"dynamodb": {"Keys": {"SK": {"S": ["-"]}}}}
    (usual,) = TEMPLATE.resources("AWS::Lambda::EventSourceMapping")["RecordingsStreamMapping"]["FilterCriteria"][
        "Filters"
    ]
    assert json.loads(usual["Pattern"]) == {
        "dynamodb": {"Keys": {"SK": {"S": ["CALL", "CONF", {"prefix": "PART#"}, {"prefix": "REC#"}]}}}
    }


def test_the_list_names_the_audio_to_delete_and_to_keep() -> None:
    """The page's `awk` finds what is gone, what was live, and what was deleted since, in the lines of the script."""
    lines = [
        "removed A#CALL#1 REC#gone completed - -",
        "removed A#CALL#1 CALL completed - -",
        "changed A#CALL#2 REC#live completed in-progress -",
        "back A#CONF#3 REC#stopped - stopped -",
        "changed A#CALL#4 REC#deleted deleted completed -",
        "changed A#CALL#2 CALL completed in-progress -",
    ]
    programs = re.findall(r"awk '([^']+)' recordings\.txt", commands())
    printed = [
        subprocess.run(["awk", program], input="\n".join(lines), capture_output=True, text=True, check=True).stdout
        for program in programs
    ]
    assert printed == ["A/gone\n", "A/live\nA/stopped\n", f"{lines[4]}\n"]
