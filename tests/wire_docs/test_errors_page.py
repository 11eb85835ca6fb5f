"""The wire reference states only errors that a dialect has, by the forms and the wire data."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from scripts.make_wire_docs import FORMS
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.dialects.forms.media import GetAudio, GetRecording
from tapedeck.domain.errors import InvalidParameter
from tests.client import DIALECTS, ROOT
from tests.wire.facts import ErrorAnswer, ErrorRow, load
from tests.wire_docs.test_wire_reference import page, section, table

DOCS: Final = ROOT / "docs"

NONE: Final = "—"
"""What a cell has if the dialect has no such error."""

REQUIRED: Final[Mapping[str, Mapping[str, str]]] = {
    "create_application": {"FriendlyName": "Reception"},
    "update_application": {"FriendlyName": "Reception"},
    "create_incoming_phone_number": {"PhoneNumber": "+12025550143"},
    "create_call": {"From": "+12025550143", "To": "+12025550178", "Url": "https://a.example/"},
    "create_participant": {"From": "+12025550143", "To": "+12025550178"},
    "update_call_recording": {"Status": "paused"},
    "update_conference_recording": {"Status": "paused"},
}
"""Valid values of required parameters."""

INVALID: Final = "not valid/at all " * 256
"""An invalid value of every parameter that is checked; it is too long for a name or markup, too."""


def answer_to_invalid(operation: str, name: str, dialect_name: str) -> str:
    """Return status and code of the answer to an invalid parameter, or the code of the warning.

    A dash if it is accepted or not offered.
    """
    dialect = DIALECTS[dialect_name]
    if operation in dialect.unsupported_operations:
        return NONE
    form = GetAudio if (FORMS[operation], name) == (GetRecording, "RequestedChannels") else FORMS[operation]
    fields = {key: [value] for key, value in {**REQUIRED.get(operation, {}), name: INVALID}.items()}
    if (operation, name, dialect_name) == ("create_call", "Twiml", "twilio"):
        fields.pop("Url")  # it would replace the markup
    try:
        accepted = form.read(fields, dialect)
    except InvalidParameter as error:
        response = dialect.error(error, "/", operation)
        body: Mapping[str, Any] = response.body or {}
        return " ".join(str(part) for part in (response.status, body.get("code")) if part is not None)
    (warning,) = accepted.warnings or (None,)
    return NONE if warning is None else f"warning {warning.code}"


def parameters_table(operation: str) -> dict[str, str] | None:
    """Return the cell "If it is invalid" of each parameter in the table of an operation; None without a table."""
    text = page("operations")
    found = re.search(rf"<!-- generated: parameters {operation} -->(.*?)<!-- end -->", text, re.DOTALL)
    if found is None:
        return None
    return {
        name: row[3] for row in table(found[1]) if row[0] != "paging" for name in re.findall(r"`([\w<>]+)`", row[0])
    }


WITH_TABLES: Final = sorted(operation for operation in FORMS if parameters_table(operation) is not None)


def test_every_form_has_a_table() -> None:
    """Each operation with parameters has a table; recordings of a conference share that of a call's."""
    assert set(FORMS) - set(WITH_TABLES) == {"list_conference_recordings"}


@pytest.mark.parametrize("operation", WITH_TABLES)
def test_the_answer_to_an_invalid_parameter(operation: str) -> None:
    """Each cell of "If it is invalid" is what the forms answer in both dialects."""
    form, shown = FORMS[operation], parameters_table(operation)
    assert shown is not None
    assert shown.keys() | {"PageSize", "Page", "PageToken"} == {
        *(str(field.alias) for field in form.model_fields.values()),
        *(f"{name}{sign}" for name in getattr(form, "DATES", {}) for sign in ("", "<", ">")),
        *("PageSize", "Page", "PageToken"),
    }
    answers = {name: [answer_to_invalid(operation, name, dialect) for dialect in DIALECTS] for name in shown}
    # Without a rule for a parameter, the cell is empty.
    assert {name: cell or f"{NONE} / {NONE}" for name, cell in shown.items()} == {
        name: " / ".join(both) for name, both in answers.items()
    }


def test_the_answer_to_invalid_paging() -> None:
    """Each cell about a paging parameter is what the form of a list answers in both dialects."""
    text = page("paging")
    found = re.search(r"<!-- generated: paging-parameters -->(.*?)<!-- end -->", text, re.DOTALL)
    assert found is not None
    values = {"PageSize": "0", "Page": "-1", "PageToken": "PX"}
    assert issubclass(FORMS["list_calls"], ListForm)
    for name, value in values.items():
        (cell,) = [row[3] for row in table(found[1]) if row[0] == f"`{name}`"]
        answers = []
        for dialect in DIALECTS.values():
            with pytest.raises(InvalidParameter) as caught:
                FORMS["list_calls"].read({name: [value]}, dialect)
            response = dialect.error(caught.value, "/", "list_calls")
            answers.append(f"{response.status} {response.code}")
        assert cell == " / ".join(answers)


# --- The tables of the page -------------------------------------------------------------------------------------------


def _shown(answer: ErrorAnswer) -> str:
    if answer.body == "strings":
        return f"{answer.status}: an array of strings"
    return f"{answer.status}, {answer.code}: {re.sub('[{}]', '*', str(answer.message))}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_table_has_only_answers_of_the_dialect(dialect: str) -> None:
    """The cells of a dialect are exactly its answers in the wire data; other cells have a dash."""
    rows = [row for title in ("## Conditions", "## Parameters") for row in table(section(page("errors"), title))]
    column = {"twilio": -2, "signalwire": -1}[dialect]
    cells = [row[column] for row in rows if not row[0].startswith("<a id")]
    answers = {
        _shown(answer)
        for row in load().errors.rows
        if row.error != "InvalidState" and (answer := row.of(dialect)) is not None
    }
    assert set(cells) - {NONE} == answers
    assert cells.count(NONE) == {"twilio": 6, "signalwire": 10}[dialect]


# --- The rules -------------------------------------------------------------------------------------------------------

RULES: Final = [
    row
    for name in ("behaviour", "errors", "operations", "paging")
    for row in table(page(name))
    if row[0].startswith('<a id="w-')
]
NUMBER: Final = re.compile(r"\b([1-9]\d{4}|[2-5]\d\d)\b")
OF_RECORDINGS: Final = frozenset({16101, 16102})
"""The codes of an absent recording: they are in its body and its callback, never in the body of an error."""
PAIR: Final = re.compile(r"\b([2-5]\d\d) with ([1-9]\d{4})(?: or ([1-9]\d{4}))?")


def _answers(row: ErrorRow, dialects: set[str]) -> Iterator[tuple[int, int | None]]:
    for dialect in dialects:
        answer = row.of(dialect)
        if answer is not None:
            yield answer.status, answer.code


def clauses(text: str) -> list[tuple[str, set[str]]]:
    """Return each clause of a rule, with the dialects that it names; both if it names none.

    A clause without a name belongs to the dialect of the clause before it.
    """
    plain = re.sub(r"\[[^\]]*\]\([^)]*\)", "", text)
    found: list[tuple[str, set[str]]] = []
    named: set[str] = set()
    for clause in re.split(r"[.;:,] |(?<=\d\)) ", plain):
        named = {dialect for dialect in DIALECTS if dialect in clause.lower()} or named
        found.append((clause, named or set(DIALECTS)))
    return found


def known_numbers(dialects: set[str], rule: str | None) -> tuple[set[int | None], set[tuple[int, int | None]]]:
    """Return the statuses and codes, and the pairs, that exist in dialects; with those of a rule not followed yet."""
    pairs = {pair for row in load().errors.rows for pair in _answers(row, dialects)}
    successes = {
        status
        for operation in load().operations.operations.values()
        for dialect in dialects
        if (answers := operation.of(dialect)) is not None
        for status in answers.success
    }
    for each in load().not_followed:
        if each.rule == rule:
            pairs |= {
                (case.status or 0, case.body.get("code"))
                for case in each.cases
                if dialects & set(case.dialects or each.dialects)
            }
    return {
        *OF_RECORDINGS,
        *load().formats.media.statuses,
        *successes,
        *(number for pair in pairs for number in pair),
    }, pairs


@pytest.mark.parametrize("row", RULES, ids=[re.sub(r"<.*>", "", row[0]) for row in RULES])
def test_a_rule_states_numbers_of_the_wire_data(row: list[str]) -> None:
    """Each status and code in a rule, and each status with its code, exists in the dialects that the clause names."""
    mark = re.search(r"Not followed yet \(`(\w+)`\)", row[1])
    for clause, dialects in clauses(row[1]):
        numbers, pairs = known_numbers(dialects, mark[1] if mark else None)
        assert {int(number) for number in NUMBER.findall(clause)} <= numbers, clause
        for status, *codes in PAIR.findall(clause):
            assert {(int(status), int(code)) for code in codes if code} <= pairs, clause


def test_the_rule_about_503_lists_its_operations() -> None:
    """W-815 names exactly the operations that answer 503 after contention in SignalWire's dialect."""
    (rule,) = [row[1] for row in RULES if row[0].endswith("W-815")]
    rows = [row for row in load().errors.rows if row.signalwire is not None and row.signalwire.status == 503]
    (row,) = [row for row in rows if row.error is None]
    assert sorted(re.findall(r"`(\w+)`", rule)) == sorted(row.operations or ())


# --- Contention ------------------------------------------------------------------------------------------------------


def test_no_page_says_that_contention_is_always_429() -> None:
    """Every paragraph or row about lost races that states 429 also has the other answers (C-19)."""
    wrong, right = [], 0
    for path in sorted(DOCS.rglob("*.md")):
        for part in re.split(r"\n\n|\n(?=\||- )", path.read_text(encoding="utf-8")):
            if re.search(r"\b(rac(e|es|ing)|crowded|contention)\b", part, re.IGNORECASE) and "429" in part:
                has_others = "503" in part or "W-815" in part or "except as in the table below" in part
                right += has_others
                wrong += [] if has_others else [f"{path.name}: {part.strip()}"]
    assert wrong == []
    assert right > 0
