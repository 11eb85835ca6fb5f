"""Checks of errors: the body, and the status, code and message of a row in the error table."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final
from urllib.parse import unquote

from tests.wire.bodies import BodyCheck, Context
from tests.wire.facts import DialectName, ErrorAnswer, load
from tests.wire.faults import Fault, one_of

_PARAMETER: Final = "[A-Z][A-Za-z]*[<>]?"
"""The name of a parameter, such as `PageSize` or `DateCreated<`."""


def error_faults(
    dialect: DialectName, context: Context, status: int, body: object, path: str, *, injected: bool = False
) -> Iterator[Fault]:
    """Yield the faults of the response to an error; an injected one may be an error of another operation."""
    rows = _rows(dialect, context.operation, status, of_any_operation=injected)
    if not rows:
        yield Fault("", f"a row of the error table for {context.operation}", status)
        return
    message = body.get("message") if isinstance(body, dict) else None
    shape = next((row.body for row in rows if row.message == message or row.body == "strings"), "object")
    check = _body_check(dialect, shape)
    yield from check.faults(body, "", context)
    if not isinstance(body, dict) or body.keys() != set(check.fields) or shape == "strings":
        return
    if body["status"] != status:
        yield Fault("/status", str(status), body["status"])
    same_code = [row for row in rows if row.code == body["code"] and row.body == shape]
    if not same_code:
        yield Fault("/code", f"with status {status} {one_of({row.code for row in rows})}", body["code"])
    elif isinstance(body["message"], str) and not any(_is_message(row, body["message"], path) for row in same_code):
        texts = one_of({str(row.message).replace("{uri}", path) for row in same_code})
        yield Fault("/message", texts, body["message"])


def _is_message(row: ErrorAnswer, message: str, path: str) -> bool:
    assert row.message is not None
    if "{uri}" in row.message:
        return unquote(message) == row.message.replace("{uri}", unquote(path))
    pattern = re.escape(row.message).replace(r"\{name\}", _PARAMETER).replace(r"\{value\}", ".*")
    return re.fullmatch(pattern, message, re.DOTALL) is not None


@cache
def _rows(dialect: DialectName, operation: str, status: int, *, of_any_operation: bool) -> Sequence[ErrorAnswer]:
    """Return the rows with this status; a row with a body of strings replaces all others."""
    name = "get_recording" if operation == "media" else operation
    found = [
        answer
        for row in load().errors.rows
        if (answer := row.of(dialect)) is not None
        and answer.status == status
        and (row.operations is None or name in row.operations or (of_any_operation and answer.body != "strings"))
    ]
    return [row for row in found if row.body == "strings"] or found


@cache
def _body_check(dialect: DialectName, shape: str) -> BodyCheck:
    facts = load().errors.bodies[shape].of(dialect)
    assert facts is not None
    return BodyCheck(dialect, facts)
