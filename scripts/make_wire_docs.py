"""Generate the tables and examples of the wire reference in `docs/reference/wire/`.

Usage: python -m scripts.make_wire_docs [--check]

Sources: the fields in `tests/wire/data/`, the forms and the error table of the layer, the sample events' expected
answers in `events/expected/`, and the texts in `scripts/wire_docs.toml`. Each block stands between
`<!-- generated: NAME ARGUMENT -->` and `<!-- end -->`. `--check` writes nothing; it fails if a page is stale.
"""

import inspect
import json
import re
import sys
import textwrap
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo

from scripts.openapi import error_data, responses
from scripts.openapi.forms import parameters_of
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import CallbackDialect, sign
from tapedeck.dialects.errors import ERROR_TABLE, PARAMETER_FAULTS
from tapedeck.dialects.forms.api_keys import KeyForm
from tapedeck.dialects.forms.applications import ApplicationForm, ListApplications
from tapedeck.dialects.forms.base import CreateCallRecording, Form, UpdateConferenceForm, UpdateRecording
from tapedeck.dialects.forms.calls import UpdateCallForm
from tapedeck.dialects.forms.create_call import CreateCall
from tapedeck.dialects.forms.create_participant import CreateParticipant
from tapedeck.dialects.forms.dates import read_day
from tapedeck.dialects.forms.lists import (
    ListAccounts,
    ListCallEvents,
    ListCallNotifications,
    ListCalls,
    ListConferences,
    ListForm,
    ListKeys,
    ListParticipants,
    ListRecordingAddOnResults,
    ListRecordings,
    ListRecordingsOfParent,
    ListTranscriptions,
    ListTranscriptionsOfRecording,
)
from tapedeck.dialects.forms.media import GetAudio, GetRecording
from tapedeck.dialects.forms.participants import UpdateParticipantForm
from tapedeck.dialects.forms.phone_numbers import CreatePhoneNumberForm, ListPhoneNumbers, UpdatePhoneNumberForm
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.notification import (
    CallEvent,
    CallNotification,
    ConferenceEvent,
    ConferenceNotification,
    LeaveReason,
    RecordingEvent,
)
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.http.routes import SHAPES, TWILIO_ONLY

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = ROOT / "docs" / "reference" / "wire"
DATA: Final = ROOT / "tests" / "wire" / "data"
EXPECTED: Final = ROOT / "events" / "expected"
VECTORS: Final = PAGES / "signature-vectors.json"

FORMS: Final[Mapping[str, type[Form]]] = {
    "list_accounts": ListAccounts,
    "create_key": KeyForm,
    "list_keys": ListKeys,
    "update_key": KeyForm,
    "create_incoming_phone_number": CreatePhoneNumberForm,
    "list_incoming_phone_numbers": ListPhoneNumbers,
    "update_incoming_phone_number": UpdatePhoneNumberForm,
    "create_application": ApplicationForm,
    "list_applications": ListApplications,
    "update_application": ApplicationForm,
    "list_calls": ListCalls,
    "create_call": CreateCall,
    "update_call": UpdateCallForm,
    "create_call_recording": CreateCallRecording,
    "list_call_recordings": ListRecordingsOfParent,
    "update_call_recording": UpdateRecording,
    "list_conference_recordings": ListRecordingsOfParent,
    "update_conference_recording": UpdateRecording,
    "list_recordings": ListRecordings,
    "get_recording": GetRecording,
    "list_call_events": ListCallEvents,
    "list_call_notifications": ListCallNotifications,
    "list_recording_add_on_results": ListRecordingAddOnResults,
    "list_conferences": ListConferences,
    "update_conference": UpdateConferenceForm,
    "list_participants": ListParticipants,
    "create_participant": CreateParticipant,
    "update_participant": UpdateParticipantForm,
    "list_recording_transcriptions": ListTranscriptionsOfRecording,
    "list_transcriptions": ListTranscriptions,
}
"""The forms by operation; operations without parameters are omitted."""

DIALECTS: Final = ("twilio", "signalwire")
TITLES: Final = {"twilio": "Twilio", "signalwire": "SignalWire"}
PAGING: Final = frozenset({"PageSize", "Page", "PageToken"})
NO_ANSWER: Final = "—"
_CODES: Final = ("status", "code")
CHECKED_LATER: Final = {
    "Label": "label",
    "CallSidToCoach": "coaching",
    "PhoneNumber": "number",
    "AreaCode": "area_code",
    "VoiceApplicationSid": "application",
    "SmsApplicationSid": "application",
    "AccountSid": "choice",
    "ApplicationSid": "application",
}
"""The faults of parameters that a form checks after its fields."""


class MissingText(Exception):
    """A field or parameter has no text in `wire_docs.toml`."""


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads((ROOT / "scripts" / "wire_docs.toml").read_text(encoding="utf-8"))


def text_of(section: str, resource: str, name: str) -> str:
    """Return the text of a field or parameter of a resource or operation."""
    texts = _texts()[section]
    found = texts.get(resource, {}).get(name) or texts["all"].get(name)
    if found is None:
        raise MissingText(f"wire_docs.toml: [{section}.{resource}] has no {name}")
    return str(found)


# --- Resources -------------------------------------------------------------------------------------------------------


def fields(resource: str) -> Iterator[str]:
    """Yield the table of the fields of a resource, and their order."""
    columns, bodies = _columns(resource)
    columns = _merged(columns, bodies)
    names = list(dict.fromkeys(name for each in columns.values() for name in each))
    yield f"| Field | {' | '.join(columns)} | Meaning |"
    yield f"|---|{'---|' * len(columns)}---|"
    for name in names:
        cells = [_type(each[name]) if name in each else "absent" for each in columns.values()]
        yield f"| `{name}` | {' | '.join(cells)} | {text_of('fields', resource, name)} |"
    for title, each in columns.items():
        yield from ("", f"The order in a body, {title}:", "", "```text", *textwrap.wrap(" ".join(each), 100), "```")


def _columns(resource: str) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the fields of each body by dialect and body, and the number of bodies."""
    if resource == "all":
        return {}, 0
    file = "list" if resource == "page" else resource
    bodies = yaml.safe_load((DATA / f"{file}.yaml").read_text(encoding="utf-8"))["bodies"]
    columns = {
        f"{TITLES[dialect]}, {name.replace('_', ' ')}": body[dialect]["fields"]
        for dialect in DIALECTS
        for name, body in bodies.items()
        if dialect in body
    }
    return columns, len(bodies)


def _merged(columns: dict[str, dict[str, Any]], bodies: int) -> dict[str, dict[str, Any]]:
    """Return one column for SignalWire, whose bodies have the same fields; shorten titles of a single body."""
    merged: dict[str, dict[str, Any]] = {}
    for title, each in columns.items():
        dialect = title.partition(",")[0]
        short = dialect if bodies == 1 or dialect == TITLES["signalwire"] else title
        # The last body is the most general one.
        merged[short] = each
    return merged


def _type(field: Mapping[str, Any]) -> str:
    """Render the type of a field in a cell."""
    if field["type"] == "null":
        return "null"
    kind = field["type"]
    if "const" in field:
        kind = f"{kind} `{json.dumps(field['const'])}`"
    elif "enum" in field:
        kind = f"{kind}: {_words(field['enum'])}"
    elif "format" in field:
        kind = f"{kind}, {field['format']}"
    if "enum_after_post" in field:
        kind = f"{kind}; after a POST: {_words(field['enum_after_post'])}"
    if "fields" in field:
        kind = f"{kind}: {_words(field['fields'])}"
    return f"{kind}, or null" if field.get("nullable") else kind


def _words(words: Any) -> str:  # noqa: ANN401 - a list or a mapping, as parsed
    return " ".join(f"`{word}`" for word in words)


# --- Parameters ------------------------------------------------------------------------------------------------------


def parameters(operation: str) -> Iterator[str]:
    """Yield the table of the parameters of an operation; paging parameters have their own page."""
    form = FORMS[operation]
    yield "| Parameter | Value | Default | If it is invalid | Meaning |"
    yield "|---|---|---|---|---|"
    for field in form.model_fields.values():
        name = str(field.alias)
        if name not in PAGING:
            value, fault = _value(field, is_list=name in form.LISTS)
            fault = CHECKED_LATER.get(name, fault)
            default = "required" if field.is_required() or field.default == "" else _default(field.default)
            invalid = _fault(fault, operation, name)
            yield _row(f"`{name}`", value, default, invalid, text_of("parameters", operation, name))
    if issubclass(form, ListForm):
        for name, read in form.DATES.items():
            names = ", ".join(f"`{name}{sign}`" for sign in ("", "<", ">"))
            value = "day" if read is read_day else "day or instant"
            yield _row(names, value, "", _fault("choice", operation, name), text_of("parameters", operation, name))
        yield _row("paging", "", "", "", "[W-701](paging.md#w-701)")


def paging_parameters(_argument: str) -> Iterator[str]:
    """Yield the table of the paging parameters of every list."""
    yield "| Parameter | Value | Default | If it is invalid | Meaning |"
    yield "|---|---|---|---|---|"
    values = {"PageSize": ("whole number, from 1", "page_size"), "Page": ("whole number, from 0", "choice")}
    for field in ListForm.model_fields.values():
        name = str(field.alias)
        value, fault = values.get(name, ("`PA` or `PB` and a sid", "page_token"))
        yield _row(f"`{name}`", value, _default(field.default), _fault(fault), text_of("parameters", "list", name))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _default(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return _words(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _value(field: FieldInfo, *, is_list: bool) -> tuple[str, str]:
    """Return the allowed values of a field, and the fault of others; the validators contain both."""
    found: dict[str, Any] = {}
    kind: Any = str
    for part in (*field.metadata, *_parts(field.annotation)):
        if isinstance(part, type):
            kind = part
        elif isinstance(part, AfterValidator | BeforeValidator):
            found |= inspect.getclosurevars(part.func).nonlocals
    fault = str(found.get("fault", "choice" if kind in {bool, int} else ""))
    if "allowed" in found:
        return f"{'any of ' if is_list else ''}{_words(found['allowed'])}", fault
    if "least" in found:
        return f"whole number, {found['least']} to {found['most']:,}", fault
    if "max_length" in found:
        return f"text, at most {found['max_length']} characters", fault
    if "schemes" in found or "missing" in found:
        return "an address", fault if "missing" in found else "choice"
    words = {bool: "`true` `false`", int: "whole number"}
    return words.get(kind, "URL" if fault.endswith("url") else "text"), fault


def _parts(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - any type expression
    """Yield the types and validators in an annotation such as `Annotated[str, …] | None`."""
    arguments = typing.get_args(annotation)
    if not arguments:
        if annotation is not type(None):
            yield annotation
        return
    for argument in arguments:
        yield from _parts(argument)


# --- Errors ----------------------------------------------------------------------------------------------------------


def _fault(fault: str, operation: str | None = None, parameter: str = "") -> str:
    """Return status and code of a fault, or the code of a warning, in both dialects; a dash if it cannot occur."""
    if not fault:
        return ""
    cells = []
    for dialect in (TWILIO, SIGNALWIRE):
        form = Form if operation is None else FORMS[operation]
        if (warning := form.warning(parameter, dialect)) is not None:
            cells.append(f"warning {warning.code}")
            continue
        answer = error_data.answer_to(fault, dialect.name, operation)
        if operation is not None and answer is not None:
            forms: list[type[Form]] = [FORMS[operation], *([GetAudio] if operation == "get_recording" else [])]
            known = [each for form in forms for each in parameters_of(form, dialect) if each.name == parameter]
            if not any(fault in each.faults for each in known):
                answer = None
        cells.append(NO_ANSWER if answer is None else " ".join(str(answer[part]) for part in _CODES if part in answer))
    return " / ".join(cells)


def errors(_argument: str) -> Iterator[str]:
    """Yield the table of the errors that do not concern a parameter."""
    kinds = {kind.__name__: error_data.row_of(kind) for kind in ERROR_TABLE}
    kinds.pop("InvalidState")  # the base class of others
    yield from _error_table("errors", kinds)


def parameter_faults(_argument: str) -> Iterator[str]:
    """Yield the table of the errors of parameters."""
    yield from _error_table("parameter_faults", {fault: fault for fault in PARAMETER_FAULTS})


def _error_table(section: str, conditions: Mapping[str, str]) -> Iterator[str]:
    """Yield a table; `conditions` maps the name of a text to the name of a row of the wire data."""
    yield "| Condition | Twilio | SignalWire |"
    yield "|---|---|---|"
    for name, condition in conditions.items():
        answers = [error_data.answer_to(condition, dialect) for dialect in DIALECTS]
        yield _row(_texts()[section][name], *map(_answer, answers))


def warnings(_argument: str) -> Iterator[str]:
    """Yield the table of the warnings about parameters."""
    yield "| Parameter | Warning |"
    yield "|---|---|"
    for row in responses.read("warnings")["warnings"]:
        yield _row(f"`{row['parameter']}`", f"{row['code']}: {row['text']}")


def operation_errors(_argument: str) -> Iterator[str]:
    """Yield the table of the answers that only some operations of one dialect give."""
    yield "| Condition | Operations | Twilio | SignalWire |"
    yield "|---|---|---|---|"
    for row in error_data.exceptions():
        answers = [row.get(dialect) for dialect in DIALECTS]
        yield _row(row["condition"], _words(row["operations"]), *map(_answer, answers))


def _answer(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return NO_ANSWER
    if answer.get("body") == "strings":
        return f"{answer['status']}: an array of strings"
    return f"{answer['status']}, {answer['code']}: {answer['message'].replace('{', '*').replace('}', '*')}"


# --- Operations ------------------------------------------------------------------------------------------------------


def index(_argument: str) -> Iterator[str]:
    """Yield the table of all operations."""
    yield "| Operation | Method | Path | Success, Twilio | Success, SignalWire | Instead |"
    yield "|---|---|---|---|---|---|"
    for name, operation in responses.read("operations")["operations"].items():
        shapes = [re.sub(r"\{([\w ]+)\}", _variable, path) for path in operation["paths"]]
        paths = [shape or "/Accounts/{AccountSid}" for shape in shapes]
        methods = [operation["method"]]
        if "HEAD" in SHAPES.get(shapes[0].removeprefix("/"), ()) and methods == ["GET"]:
            methods.append("HEAD")
        yield _row(
            f"`{name}`",
            ", ".join(methods),
            ", ".join(f"`{path}`" for path in paths),
            *(_statuses(operation[dialect], paths[0].removeprefix("/")) for dialect in DIALECTS),
            re.sub(r"^a (call's )?sid or ", "", operation["twilio"].get("free_segment_accepts", "")),
        )


def _variable(found: re.Match[str]) -> str:
    return f"{{{found[1].title().replace(' ', '')}Sid}}"


def _statuses(answers: Mapping[str, Any] | str, path: str) -> str:
    if isinstance(answers, str):
        return "404" if path in TWILIO_ONLY else "405"
    return " or ".join(map(str, answers["success"]))


# --- Callbacks -------------------------------------------------------------------------------------------------------


def retry_policies(_argument: str) -> Iterator[str]:
    """Yield the table of the retry policies."""
    both = [callbacks_in(dialect) for dialect in DIALECTS]
    rows: list[tuple[str, Callable[[CallbackDialect], str]]] = [
        ("attempts, with the first one", lambda each: str(each.default_retry_policy.attempts)),
        ("retried failures", lambda each: ", ".join(sorted(map(str, each.default_retry_policy.retried)))),
        ("time to connect", lambda each: f"{each.default_retry_policy.connect} ms"),
        ("time between two reads", lambda each: f"{each.default_retry_policy.read} ms"),
        ("time for all attempts", lambda each: f"{each.default_retry_policy.total} ms"),
        ("redirects per attempt", lambda each: str(each.default_retry_policy.max_redirects)),
        ("in the URL's fragment", _overrides),
    ]
    yield "| | Twilio | SignalWire |"
    yield "|---|---|---|"
    yield from (_row(title, *map(show, both)) for title, show in rows)


def _overrides(callbacks: CallbackDialect) -> str:
    numbers = [f"`{name}` {each.least} to {each.most}" for name, each in callbacks.overrides.items()]
    keywords = _words(callbacks.retry_keywords)
    return ", ".join(numbers) + (f", `rp` any of {keywords}" if keywords else "")


ORIGIN: Final = "https://api.example.com"
_SECOND: Final = 1_537_916_400  # 25 September 2018, 23:00:00 UTC
_ACCOUNT, _CALL = "720796a08ee9435083bd2d07a3121f1e", "43bb71ee553f4074bb208e2747647cce"
_RECORDING: Final = Recording(
    "0166122f5b80743fa30bbdb2b42b8142", Parent(_ACCOUNT, ParentKind.CALL, _CALL), RecordingStatus.COMPLETED,
    Source.START_CALL_RECORDING, _SECOND + 10, call=_CALL, started=_SECOND, ended=_SECOND + 4, duration=4,
)  # fmt: skip
_CONFERENCE: Final = Conference(
    _ACCOUNT, "0166122f5b80743f84e0379fb227eb77", "Sales", ConferenceStatus.COMPLETED, _SECOND + 60,
    reason=EndReason.LAST_LEFT, ending_call=_CALL, ended=_SECOND + 60,
)  # fmt: skip
_DIALED: Final = Call(
    _ACCOUNT, _CALL, CallStatus.COMPLETED, _SECOND + 60, to="+12025550144", from_="+12025550143",
    direction="outbound-api", started=_SECOND + 11, ended=_SECOND + 60,
)  # fmt: skip
_PARTICIPANT: Final = Participant(_CALL, _CONFERENCE.id, _SECOND, label="agent")


def callback(name: str) -> Iterator[str]:
    """Yield the fields of a callback, `DIALECT.EVENT`, one on a line; `call-` is before an event of a call."""
    dialect, _, event = name.partition(".")
    callbacks = callbacks_in(dialect)
    if event.startswith("call-"):
        number = 3 if dialect == TWILIO.name else 0
        rendered = callbacks.call(
            CallNotification(_DIALED, CallEvent(event.removeprefix("call-")), _SECOND + 60, number)
        )
    elif event in set(RecordingEvent):
        rendered = callbacks.recording(_RECORDING, RecordingEvent(event), ORIGIN)
    else:
        notification = ConferenceNotification(
            _CONFERENCE, ConferenceEvent(event), _SECOND + 60, 5, _PARTICIPANT, LeaveReason.HUNG_UP,
            CallStatus.COMPLETED, _RECORDING if callbacks.end_includes_recording else None, 64_044,
        )  # fmt: skip
        rendered = callbacks.conference(notification, ORIGIN)
    yield from ("```text", *(f"{field}={value}" for field, value in rendered.items()), "```")


def vectors(_argument: str) -> Iterator[str]:
    """Yield the table of the signature vectors; each signature is computed again."""
    yield "| Vector | Dialect | Method | Key | Signature |"
    yield "|---|---|---|---|---|"
    for each in json.loads(VECTORS.read_text(encoding="utf-8")):
        signature = sign(each["key"], each["url"], each["form"])
        yield _row(each["name"], TITLES[each["dialect"]], each["method"], f"`{each['key']}`", f"`{signature}`")


def vector(name: str) -> Iterator[str]:
    """Yield one signature vector in full."""
    each = next(each for each in json.loads(VECTORS.read_text(encoding="utf-8")) if each["name"] == name)
    yield from ("```json", json.dumps(each, indent=2), "```")


# --- Examples --------------------------------------------------------------------------------------------------------


def example(name: str) -> Iterator[str]:
    """Yield the body of the expected answer to a sample event."""
    answer = json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))
    yield from ("```json", json.dumps(answer["body"], indent=2, ensure_ascii=False), "```")


GENERATORS: Final[Mapping[str, Callable[[str], Iterator[str]]]] = {
    "fields": fields,
    "parameters": parameters,
    "paging-parameters": paging_parameters,
    "errors": errors,
    "parameter-faults": parameter_faults,
    "operation-errors": operation_errors,
    "warnings": warnings,
    "index": index,
    "retry-policies": retry_policies,
    "callback": callback,
    "vectors": vectors,
    "vector": vector,
    "example": example,
}

_BLOCK: Final = re.compile(r"(<!-- generated: ([\w-]+) ?(\S*) -->\n).*?(<!-- end -->)", re.DOTALL)


def generate(page: str) -> str:
    """Return a page with all blocks made again."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}\n{chr(10).join(GENERATORS[found[2]](found[3])).rstrip()}\n\n{found[4]}"

    return _BLOCK.sub(block, page)


def unused_texts() -> list[str]:
    """Return the texts of fields and parameters that do not exist."""
    names = {
        "parameters": {
            operation: {str(field.alias) for field in form.model_fields.values()} | set(getattr(form, "DATES", {}))
            for operation, form in FORMS.items()
        },
        "fields": {resource: set().union(*_columns(resource)[0].values()) for resource in _texts()["fields"]},
    }
    return [
        f"[{section}.{resource}] {name}"
        for section, known in names.items()
        for resource, texts in _texts()[section].items()
        for name in texts
        if name not in (known[resource] if resource != "all" else set().union(*known.values()))
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` print which are stale. Return the exit code."""
    if unused := unused_texts():
        print("wire_docs.toml: no such field or parameter: " + ", ".join(unused))
        return 1
    stale = [
        page for page in sorted(PAGES.glob("*.md")) if generate(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    if arguments == ["--check"]:
        print("".join(f"{page.relative_to(ROOT)} is stale: run make wire-docs\n" for page in stale), end="")
        return 1 if stale else 0
    for page in stale:
        page.write_text(generate(page.read_text("utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
