"""Tests of the OpenAPI documents and of their generator."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from pydantic import AfterValidator, Field

from scripts import make_openapi
from scripts.openapi import callbacks, control, forms, responses, vendor
from scripts.openapi.functions import routes_of
from tapedeck.dialects.forms.base import Form, UpdateRecording, choice_validator
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tests.client import DIALECTS, ROOT, TEMPLATE
from tests.wire.bodies import Context
from tests.wire.errors import error_faults

FILES: Final = ("control-api.json", "signalwire.json", "twilio.json")
FOLDER: Final = ROOT / "docs" / "reference" / "openapi"


@cache
def read(name: str) -> Any:
    """Return the content of a document."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield path, method and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_documents_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """The files are what the generator makes of the code."""
    assert make_openapi.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", [FILES[0], *(pytest.param(name, marks=pytest.mark.ci) for name in FILES[1:])])
def test_a_document_is_valid(name: str) -> None:
    """A document is valid OpenAPI 3.1."""
    document = read(name)
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_a_route_that_is_not_generated_fails_the_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The check prints each file that differs from the code, or is missing, and fails."""
    monkeypatch.setattr(make_openapi, "TARGET", tmp_path)
    (tmp_path / "control-api.json").write_bytes((FOLDER / "control-api.json").read_bytes())
    (tmp_path / "twilio.json").write_bytes((FOLDER / "twilio.json").read_bytes().replace(b'"post"', b'"put"', 1))
    assert make_openapi.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "docs/reference/openapi/twilio.json differs from the code: run make openapi",
        "docs/reference/openapi/signalwire.json differs from the code: run make openapi",
    ]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_route_has_an_operation(dialect: Any) -> None:
    """Each route of the template is an operation of its dialect's document, except what the vendor does not offer."""
    routes = {
        (route.path.removesuffix(".json"), route.method)
        for route in TEMPLATE.routes
        if route.path is not None
        and route.path.startswith(f"{dialect.root}/")
        and route.operation not in dialect.unsupported_operations
    }
    documented = {
        (path.removesuffix(".json"), method.upper())
        for path, method, _ in operations(read(f"{dialect.name}.json"))
        if not path.endswith((".wav", ".mp3"))
    }
    # Below a call or a conference, only audio has HEAD.
    documented |= {
        (path.removesuffix(".wav"), method.upper())
        for path, method, _ in operations(read(f"{dialect.name}.json"))
        if path.endswith(".wav") and method == "head"
    }
    assert documented == routes


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_the_statuses_are_those_of_the_wire_tables(dialect: Any) -> None:
    """An operation documents no error that the wire tables do not allow."""
    tables = responses.read("operations")
    always = set(tables["statuses_of_every_operation"][dialect.name])
    document = read(f"{dialect.name}.json")
    for route in routes_of(dialect):
        table = tables["operations"][route.function.operation][dialect.name]
        documented = document["paths"][f"{route.path}.json"].get(route.method.lower())
        if documented is None:
            continue  # HEAD: audio only
        found = {int(status) for status in documented["responses"]}
        assert found - always - set(table.get("errors", ())) == set(table["success"]), route


ERROR_PATH: Final = "{}/Accounts/…"
"""The path in the examples of errors."""


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_the_errors_are_those_of_the_error_table(dialect: Any) -> None:
    """Each documented error has examples, and each of them is a row for this dialect, operation and status."""
    document = read(f"{dialect.name}.json")
    shared = document["components"]
    functions = {
        (f"{route.path}{suffix}", route.method.lower()): route.function.operation
        for route in routes_of(dialect)
        for suffix in (".json", "", ".wav", ".mp3")
    }
    wrong, checked = [], set()
    for path, method, operation in operations(document):
        for status, given in operation["responses"].items():
            if int(status) < 400 or status == "416" or method == "head":
                continue  # a success, or without a body
            response = shared["responses"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given
            examples = response["content"]["application/json"]["examples"].values()
            assert examples, (path, status)
            for reference in examples:
                body = shared["examples"][reference["$ref"].rpartition("/")[2]]["value"]
                context = Context(method.upper(), functions[path, method])
                faults = error_faults(dialect.name, context, int(status), body, ERROR_PATH.format(dialect.root))
                wrong += [f"{operation['operationId']}: {status}{fault}" for fault in faults]
            checked.add(operation["operationId"])
    assert wrong == []
    assert checked == {each["operationId"] for _, method, each in operations(document) if method != "head"}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_the_headers_of_audio_have_the_errors_of_the_audio(dialect: Any) -> None:
    """A HEAD request documents the statuses of the GET request beside it, except those of ranges and redirects."""
    for methods in read(f"{dialect.name}.json")["paths"].values():
        if "head" in methods:
            assert methods["get"]["responses"].keys() - methods["head"]["responses"].keys() == {"206", "307", "416"}
            assert methods["head"]["responses"].keys() <= methods["get"]["responses"].keys()


@pytest.mark.parametrize(
    ("dialect", "operation", "causes"),
    [
        ("twilio", "update_call_recording", {"408": "changes", "429": "throttles", "500": "respond"}),
        ("twilio", "update_participant", {"429": "changes throttles", "500": "respond"}),
        ("signalwire", "update_conference", {"429": "throttles", "503": "changes respond"}),
        ("signalwire", "update_participant", {"429": "changes throttles", "500": "respond"}),
        ("signalwire", "get_call", {"429": "throttles", "500": "respond"}),
    ],
)
def test_contention_is_described_where_it_is_answered(dialect: str, operation: str, causes: dict[str, str]) -> None:
    """The text of a status has the causes that lead to it: lost races, a throttled or a silent database (C-19)."""
    document = read(f"{dialect}.json")
    (found,) = [each for _, _, each in operations(document) if each["operationId"] == operation]
    texts = {
        status: document["components"]["responses"][response["$ref"].rpartition("/")[2]]["description"]
        if "$ref" in response
        else response["description"]
        for status, response in found["responses"].items()
    }
    words = ("changes", "throttles", "respond")
    described = {status: " ".join(word for word in words if word in text) for status, text in texts.items()}
    assert {status: text for status, text in described.items() if text} == causes


@pytest.mark.parametrize("name", ["signalwire.json", "twilio.json"])
def test_the_examples_match_their_schemas(name: str) -> None:
    """Every example of an error is valid by the schema beside it."""
    document = read(name)
    shared = document["components"]
    contents = [
        content
        for _, _, operation in operations(document)
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    contents += [
        content for response in shared["responses"].values() for content in response.get("content", {}).values()
    ]
    checked = set()
    for content in contents:
        for reference in content.get("examples", {}).values():
            example = reference["$ref"].rpartition("/")[2]
            schema = {**content["schema"], "components": {"schemas": shared["schemas"]}}
            Draft202012Validator(schema).validate(shared["examples"][example]["value"])
            checked.add(example)
    assert checked == shared["examples"].keys()


@pytest.mark.parametrize(
    ("dialect", "component", "number"),
    [
        ("twilio", callbacks.RECORDING, 14),
        ("twilio", callbacks.CONFERENCE, 20),
        ("twilio", callbacks.CALL_STATUS, 8),
        ("signalwire", callbacks.RECORDING, 6),
        ("signalwire", callbacks.CONFERENCE, 16),
        ("signalwire", callbacks.CALL_STATUS, 8),
    ],
)
def test_the_callbacks_match_their_schema(dialect: str, component: str, number: int) -> None:
    """What a dialect sends for every event is valid by the schema of the callback."""
    schema = read(f"{dialect}.json")["components"]["schemas"][component]
    samples = callbacks.samples_of(component, DIALECTS[dialect])
    assert len(samples) == number
    for sample in samples:
        Draft202012Validator(schema).validate(sample)


@pytest.mark.parametrize("name", FILES)
def test_operation_ids_are_unique(name: str) -> None:
    """No two operations of a document have one operationId."""
    ids = [operation["operationId"] for _, _, operation in operations(read(name))]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("name", FILES)
def test_the_page_states_the_number_of_operations(name: str) -> None:
    """The table of the documentation has the number of operations of each document."""
    page = (FOLDER.parent / "openapi.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| [`{name}`]")]
    assert row.split("|")[-2].strip() == str(len(list(operations(read(name)))))


def test_every_text_is_used() -> None:
    """The texts describe no parameter that no operation has."""
    documents = [read("signalwire.json"), read("twilio.json")]
    names = {
        parameter["name"].rstrip("<>")
        for document in documents
        for _, _, operation in operations(document)
        for parameter in operation["parameters"]
    }
    names |= {
        name
        for document in documents
        for _, _, operation in operations(document)
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for name in content["schema"]["properties"]
    }
    assert vendor.texts()["parameters"].keys() - names == set()
    functions = {route.function.operation for dialect in (TWILIO, SIGNALWIRE) for route in routes_of(dialect)}
    assert vendor.texts()["operations"].keys() - functions == set()


def test_a_form_becomes_a_schema() -> None:
    """The parameters of a form have their types, choices, defaults and faults."""
    assert forms.parameters_of(UpdateRecording, TWILIO) == [
        forms.Parameter(
            "Status",
            {"type": "string", "enum": ["paused", "in-progress", "stopped"]},
            is_required=True,
            faults=frozenset({"choice"}),
        ),
        forms.Parameter(
            "PauseBehavior",
            {"type": "string", "enum": ["skip", "silence"], "default": "silence"},
            faults=frozenset({"choice"}),
        ),
    ]


def test_a_new_field_of_a_form_appears() -> None:
    """A field that is added to a form is a parameter, so the check of the documents fails until they are generated."""

    class Extended(UpdateRecording):
        """A form with one more field."""

        mood: Annotated[str, choice_validator("choice", "calm")] = Field("calm", alias="Mood")

    assert forms.parameters_of(Extended, TWILIO)[-1] == forms.Parameter(
        "Mood", {"type": "string", "enum": ["calm"], "default": "calm"}, faults=frozenset({"choice"})
    )


def test_a_changed_form_fails_the_check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A new parameter without a text fails the check, and so does a new choice of a known parameter."""

    class WithParameter(UpdateRecording):
        """A form with one more field."""

        mood: str = Field("calm", alias="Mood")

    class WithChoice(UpdateRecording):
        """A form with other choices."""

        status: Annotated[str, choice_validator("choice", "paused", "calm")] = Field(alias="Status")

    def check(form: type[Form]) -> str:
        routes = {
            dialect.name: [
                replace(route, function=replace(route.function, form=form))
                if route.function.operation == "update_call_recording"
                else route
                for route in routes_of(dialect)
            ]
            for dialect in (TWILIO, SIGNALWIRE)
        }
        monkeypatch.setattr(vendor, "routes_of", lambda dialect: routes[dialect.name])
        assert make_openapi.main(["--check"]) == 1
        return capsys.readouterr().out

    lacks = "update_call_recording: scripts/openapi/texts.yaml has no text for the parameter Mood\n"
    differs = "docs/reference/openapi/{}.json differs from the code: run make openapi\n"
    assert (check(WithParameter), check(WithChoice)) == (lacks, differs.format("twilio") + differs.format("signalwire"))


def test_an_unknown_validator_is_an_error() -> None:
    """The generator fails if it has no schema for a validator of a form."""

    def _shout(text: str) -> str:
        return text.upper()

    class Loud(Form):
        """A form with a validator that the generator does not know."""

        text: Annotated[str, AfterValidator(_shout)] = Field(alias="Text")

    with pytest.raises(TypeError, match="this validator has no schema"):
        forms.parameters_of(Loud, TWILIO)


def test_a_dialect_has_only_its_own_parameters() -> None:
    """A parameter that only Twilio has is not in SignalWire's document."""
    path = "/Accounts/{AccountSid}/Calls/{CallSid}.json"
    bodies = {
        dialect.name: read(f"{dialect.name}.json")["paths"][f"{dialect.root}{path}"]["post"]["requestBody"]["content"]
        for dialect in (TWILIO, SIGNALWIRE)
    }
    form = "application/x-www-form-urlencoded"
    assert list(bodies["twilio"]) == [form]
    assert list(bodies["signalwire"]) == [form, "application/json"]
    only = (
        bodies["twilio"][form]["schema"]["properties"].keys()
        - bodies["signalwire"][form]["schema"]["properties"].keys()
    )
    assert only == {"TimeLimit", "Twiml"}


def test_a_control_route_without_a_description_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator fails if the control API serves a route that it does not describe."""
    known = {key: value for key, value in control.OPERATIONS.items() if key != ("POST", "/reset")}
    monkeypatch.setattr(control, "OPERATIONS", known)
    with pytest.raises(ValueError, match=r"differs from the routes: \[\('POST', '/reset'\)\]"):
        control.document()
