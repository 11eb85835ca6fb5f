"""Checks responses against the vendors' own OpenAPI files, which are not part of this repository.

`TAPEDECK_CONTRACT` names a folder with `openapi/twilio.json` and `openapi/signalwire.json`, and perhaps others whose
names end in `-telephony.json`. By default it is `shared/contract` beside the checkout. Without these files there is
nothing to check.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import extend

from tests.wire.bodies import is_rfc2822
from tests.wire.facts import DIALECTS, DialectName, load
from tests.wire.faults import Fault, shortened
from tests.wire.requests import Request

CORRECTIONS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    # The price is a number in these two schemas, but a string in the examples and in all other schemas of recordings.
    "api.v2010.account.call.call_recording": {"price": {"type": "string", "nullable": True}},
    "api.v2010.account.recording.recording_transcription": {"price": {"type": "string", "nullable": True}},
    # The reason is null until the conference ends. The schema lacks `nullable`, but the examples show null.
    "api.v2010.account.conference": {
        "reason_conference_ended": {
            "allOf": [{"$ref": "#/components/schemas/conference_enum_reason_conference_ended"}],
            "nullable": True,
        }
    },
}
"""The fields for which Tapedeck deliberately differs from a vendor's schema."""

_METHODS: Final = frozenset({"get", "post", "delete"})
_NULL: Final = {"type": "null"}

# Keywords that do not affect the check. `facts.py` states which fields a body has, more strictly than `required`.
_UNREAD: Final = frozenset(
    {"title", "description", "example", "examples", "default", "required", "unevaluatedProperties", "x-twilio"}
)
_FORMATS: Final = FormatChecker(formats=())
_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CURRENCY: Final = re.compile("[A-Z]{3}")
_URI: Final = re.compile(r"(https?://[^/\s]+)?/\S*")


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or _UUID.fullmatch(value) is not None


@_FORMATS.checks("date-time-rfc-2822")
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or is_rfc2822(value)


@_FORMATS.checks("currency")
def _is_currency(value: object) -> bool:
    return not isinstance(value, str) or _CURRENCY.fullmatch(value) is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


def _is_integer(_checker: object, value: object) -> bool:
    # JSON Schema accepts 4.0 as an integer; typed clients do not.
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: Final[type[Draft202012Validator]] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


def contract_folder() -> Path:
    """Return the folder of the vendors' files, which may not exist."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "contract"
    return Path(os.environ.get("TAPEDECK_CONTRACT") or beside)


def are_available() -> bool:
    """Return whether the vendors' files exist."""
    return all((contract_folder() / "openapi" / f"{dialect}.json").is_file() for dialect in DIALECTS)


UNDOCUMENTED_SOURCES: Final = frozenset({"StartCallRecordingTwiML"})
"""Values of a recording's `source` that live traffic shows, and the vendors' files lack."""


def vendor_faults(request: Request, status: int, body: object) -> Iterator[Fault]:
    """Yield the faults of a JSON body, if the vendor's file describes this response."""
    operation = request.operation
    if operation is None or operation.answers.vendor is None or request.media is not None:
        return
    document = read(contract_folder(), request.dialect)
    validator = document.validators.get((operation.answers.vendor, status))
    if validator is not None:
        for error in validator.iter_errors(body):
            if error.validator == "enum" and isinstance(error.instance, str) and error.instance in UNDOCUMENTED_SOURCES:
                continue
            place = "".join(f"/{part}" for part in error.absolute_path)
            expected = f"{error.validator} {shortened(error.validator_value)} of the vendor's file"
            yield Fault(place, expected, error.instance)


class VendorDocument:
    """A vendor's OpenAPI file: the schemas of its responses, as JSON Schema 2020-12."""

    def __init__(self, dialect: DialectName, document: Mapping[str, Any]) -> None:
        self.dialect = dialect
        self.schemas: Mapping[str, Any] = document["components"]["schemas"]
        self.responses: dict[str, dict[int, dict[str, Any] | None]] = {}
        self.methods: dict[str, str] = {}
        for methods in document["paths"].values():
            for method, operation in methods.items():
                if method in _METHODS:
                    name = operation["operationId"]
                    self.methods[name] = method.upper()
                    self.responses[name] = {
                        int(status): self._schema_of(response) for status, response in operation["responses"].items()
                    }
        self.validators = {
            (name, status): _Validator(schema, format_checker=_FORMATS)
            for name, responses in self.responses.items()
            for status, schema in responses.items()
            if schema is not None
        }

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema that a reference names."""
        return self.resolved(self.schemas[name_of(schema)]) if "$ref" in schema else schema

    def converted(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve references, apply the corrections, and drop keywords that do not affect the check."""
        corrections = CORRECTIONS.get(name_of(schema), {}) if "$ref" in schema else {}
        schema = {key: value for key, value in self.resolved(schema).items() if key not in _UNREAD}
        nullable = schema.pop("nullable", False)
        if schema.get("format") == "uri-map":
            # Twilio's maps of links may contain any link; a link of SignalWire's may be null.
            schema.pop("format")
        options = [self.converted(option) for option in schema.pop("anyOf", [])]
        parts = [self.converted(part) for part in schema.pop("allOf", [])]
        if _NULL in options:
            options.remove(_NULL)
            nullable = True
        parts += options if len(options) == 1 else [{"anyOf": options}] if options else []
        for part in parts:
            schema = {**schema, **part} if schema.keys().isdisjoint(part) else {"allOf": [schema, part]}
        if "items" in schema:
            schema["items"] = self.converted(schema["items"])
        if "properties" in schema:
            fields = {**schema["properties"], **corrections}
            schema["properties"] = {name: self.converted(field) for name, field in fields.items()}
        if "pattern" in schema:  # requests may use both cases; responses use lower case
            schema["pattern"] = schema["pattern"].replace("[0-9a-fA-F]", "[0-9a-f]")
        return _nullable(schema) if nullable else schema

    def _schema_of(self, response: Mapping[str, Any]) -> dict[str, Any] | None:
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        return None if schema is None else self.converted(schema)


@cache
def read(folder: Path, dialect: DialectName) -> VendorDocument:
    """Read a vendor's file, once per process, with the file of its other operations if that is there."""
    document = json.loads((folder / "openapi" / f"{dialect}.json").read_text(encoding="utf-8"))
    others = folder / "openapi" / f"{dialect}-telephony.json"
    if others.is_file():
        more = json.loads(others.read_text(encoding="utf-8"))
        document["components"]["schemas"] = more["components"]["schemas"] | document["components"]["schemas"]
        document["paths"] = more["paths"] | document["paths"]
    return VendorDocument(dialect, document)


def name_of(schema: Mapping[str, Any]) -> str:
    """Return the name of the schema that a reference names."""
    return str(schema["$ref"]).rpartition("/")[2]


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    with_null = {**schema, "enum": [*schema["enum"], None]} if "enum" in schema else dict(schema)
    return {**with_null, "type": [schema["type"], "null"]} if "type" in schema else {"anyOf": [with_null, _NULL]}


def known_operations(dialect: DialectName) -> dict[str, str]:
    """Return the vendor's name of each operation that its file describes, by our name."""
    return {
        name: answers.vendor
        for name, operation in load().operations.operations.items()
        if (answers := operation.of(dialect)) is not None and answers.vendor is not None
    }
