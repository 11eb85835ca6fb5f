"""Convert the typed forms to JSON Schemas: types, limits, defaults, and the faults that each parameter can have."""

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from unittest.mock import patch

from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms import base, lists
from tapedeck.dialects.forms.applications import ApplicationForm
from tapedeck.dialects.forms.base import Form
from tapedeck.dialects.forms.create_call import CreateCall
from tapedeck.dialects.forms.dates import read_day
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.dialects.forms.phone_numbers import CreatePhoneNumberForm, PhoneNumberForm, max_name, number_pattern
from tapedeck.domain.participant import MAX_LABEL

Schema = dict[str, Any]

HEX: Final = "[0-9a-fA-F]"
UUID: Final = f"{HEX}{{8}}(-{HEX}{{4}}){{3}}-{HEX}{{12}}"

_NUMBER: Final = r"\+?[*#(). -]*[0-9][0-9*#(). -]*"
_E164: Final = r"\+[1-9][0-9]{1,14}"
_TIME: Final = "([01][0-9]|2[0-3])(:[0-5][0-9]){2}"
_MAIL_DATE: Final = (
    "(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (0[1-9]|1[0-9]|2[0-8]) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    f"[12][0-9]{{3}} {_TIME} [+-]0[0-9]00"
)
_INSTANT: Final = (
    f"[12][0-9]{{3}}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]{_TIME}([.][0-9]+)?"
    "((Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])(\\[[A-Za-z/_]+\\])?)?"
)
"""What `date-time` does not include: no zone, or the name of a zone at the end. Days above 28 are left out."""
_INSTANTS: Final[list[Schema]] = [{"format": "date"}, {"format": "date-time"}, {"pattern": f"^{_INSTANT}$"}]
_TYPES: Final[Mapping[object, str]] = {bool: "boolean", int: "integer", str: "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name on the wire, its schema, and the keys of `PARAMETER_FAULTS` that apply to it."""

    name: str
    schema: Schema
    is_required: bool = False
    faults: frozenset[str] = field(default_factory=frozenset)


def sid_pattern(dialect: Dialect, kind: ResourceType) -> str:
    """Return the regular expression of a sid, without anchors; the example decides between the two forms."""
    is_uuid = "-" in dialect.format_sid(kind, "0" * 32)
    return UUID if is_uuid else f"{kind}{HEX}{{32}}"


def sid_schema(dialect: Dialect, kind: ResourceType) -> Schema:
    """Return the schema of a sid."""
    return {"type": "string", "pattern": f"^{sid_pattern(dialect, kind)}$"}


def parameters_of(form: type[Form], dialect: Dialect) -> list[Parameter]:
    """Return the parameters that a form reads in a dialect, in the form's order; date filters follow at the end."""
    form = form.in_dialect(dialect)
    known = _known_names(form, dialect)
    found = [_parameter(form, info, dialect) for info in form.model_fields.values() if info.alias in known]
    if issubclass(form, ListForm):
        found += [_date(form, name, sign, dialect) for name in form.DATES for sign in ("", "<", ">")]
    return found


class _Captured(Exception):
    """Carries the names of the fields that reached the validation."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names


def _known_names(form: type[Form], dialect: Dialect) -> frozenset[str]:
    """Return the fields that `form.read` validates in this dialect: it drops those that the vendor does not have."""

    def capture(*, event: Mapping[str, object], model: type[Form]) -> None:
        del model
        raise _Captured(frozenset(event))

    # Each by itself: one field may replace others.
    found: set[str] = set()
    with patch.object(base, "parse", capture):
        for info in form.model_fields.values():
            try:
                form.read({str(info.alias): ["true"]}, dialect)
            except _Captured as captured:
                found |= captured.names
            else:
                raise AssertionError(f"{form.__name__}.read does not validate")
    return frozenset(found)


def _parameter(form: type[Form], info: FieldInfo, dialect: Dialect) -> Parameter:
    name = str(info.alias)
    kind, metadata = _unwrap(info.annotation, list(info.metadata))
    schema: Schema = {}
    faults: set[str] = set()
    for validator in metadata:
        if isinstance(validator, AfterValidator | BeforeValidator):
            rules, fault = _rules(validator)
            schema |= rules
            faults |= {fault} if fault else set()
    if name in form.LISTS:
        schema = {"type": "array", "items": {"type": "string", **schema}}
    else:
        schema = {"type": _TYPES[kind], **schema}
    schema |= _unannotated(name, form, dialect)
    if info.default not in {None, PydanticUndefined, ""}:
        schema["default"] = list(info.default) if isinstance(info.default, tuple) else info.default
    if (name == "Muted" and dialect.invalid_muted_means_false) or form.warning(name, dialect) is not None:
        faults.clear()
    return Parameter(
        name, schema, _is_required(name, info, form, dialect), frozenset(faults | _other_faults(name, form))
    )


def _is_required(name: str, info: FieldInfo, form: type[Form], dialect: Dialect) -> bool:
    # Twilio also takes an area code in place of a number, and names an application itself.
    optional_at_twilio = (issubclass(form, CreatePhoneNumberForm) and name == "PhoneNumber") or (
        issubclass(form, ApplicationForm) and name == "FriendlyName"
    )
    is_always_needed = issubclass(form, CreateCall) and name in {"To", "From"}
    return info.is_required() or is_always_needed or (optional_at_twilio and not dialect.supports_friendly_name_lookup)


def _other_faults(name: str, form: type[Form]) -> frozenset[str]:
    if issubclass(form, PhoneNumberForm) and name in _FAULTS_OF_NUMBERS:
        return _FAULTS_OF_NUMBERS[name]
    if issubclass(form, CreateCall):
        return _FAULTS_OF_NEW_CALLS.get(name, frozenset())
    return _OTHER_FAULTS.get(name, frozenset())


def _unwrap(annotation: Any, metadata: list[Any]) -> tuple[object, list[Any]]:  # noqa: ANN401 - any annotation
    """Return the plain type of an annotation, and the metadata at every level of it."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        inner, *more = typing.get_args(annotation)
        return _unwrap(inner, [*more, *metadata])
    if origin in {types.UnionType, typing.Union}:
        (inner,) = (each for each in typing.get_args(annotation) if each is not type(None))
        return _unwrap(inner, metadata)
    return annotation, metadata


def _rules(validator: AfterValidator | BeforeValidator) -> tuple[Schema, str]:  # noqa: PLR0911 - one case each
    """Return the schema and the fault of a validator of the forms.

    Raises:
        TypeError: the validator is not known here: add it.
    """
    function = validator.func
    known = inspect.getclosurevars(function).nonlocals
    match function.__qualname__.partition(".")[0]:
        case "choice_validator" | "choices_validator" | "word_validator":
            return {"enum": list(known["allowed"])}, known["fault"]
        case "range_validator":
            limits = {"minimum": known["least"], "maximum": known["most"]}
            return {name: limit for name, limit in limits.items() if limit is not None}, known["fault"]
        case "length_validator":
            return {"maxLength": known["max_length"]}, known["fault"]
        case "_url_validator":
            return {"format": "uri"}, known["fault"]
        case "_endpoint":
            schemes = "|".join(known["schemes"])
            return {"pattern": rf"^({_NUMBER}|({schemes}):[^\s\x00-\x1f\x7f-\x9f\ufeff]{{1,1000}})$"}, "choice"
        case lists._page_size.__name__:  # noqa: SLF001 - the validator of PageSize
            return {"minimum": 1}, "page_size"
        case lists._page_number.__name__:  # noqa: SLF001 - the validator of Page
            return {"minimum": 0}, "choice"
        case unknown:
            return _simple_rules(unknown, known)


def _simple_rules(name: str, known: Mapping[str, Any]) -> tuple[Schema, str]:
    """Return the same for validators that limit the form of a text, or that depend on other parameters."""
    address = rf"^({_E164}|client:[^\s\x00-\x1f\x7f-\x9f\ufeff]{{1,256}})$"
    rules: Mapping[str, tuple[Schema, str]] = {
        "_pattern_validator": ({"pattern": f"^{known.get('pattern')}$"}, known.get("fault", "")),
        "_to_validator": ({"pattern": address}, known.get("fault", "")),
        "_from_validator": ({"pattern": address}, known.get("fault", "")),
        "_check_instructions": ({}, "instructions_missing"),
        "_check_async_callback": ({}, "async_detection"),
        "_is_true": ({}, ""),
        "parse_whole_number": ({}, "choice"),
        "_whole_validator": ({}, known.get("fault", "")),
        "_parse_boolean": ({}, "choice"),
    }
    if name not in rules:
        raise TypeError(f"{name}: this validator has no schema in scripts/openapi/forms.py")
    return rules[name]


_OTHER_FAULTS: Final[Mapping[str, frozenset[str]]] = {
    "PageToken": frozenset({"page_token", "page_token_missing"}),
    "Label": frozenset({"label"}),
    "Coaching": frozenset({"coaching"}),
    "CallSidToCoach": frozenset({"coaching"}),
    "Twiml": frozenset({"choice"}),
}
"""The faults that a form's `read` finds without a validator, by parameter."""


_FAULTS_OF_NUMBERS: Final[Mapping[str, frozenset[str]]] = {
    "PhoneNumber": frozenset({"number", "number_taken"}),
    "AreaCode": frozenset({"area_code", "area_code_empty"}),
    "VoiceFallbackUrl": frozenset({"fallback_url"}),
    "VoiceApplicationSid": frozenset({"application"}),
    "SmsApplicationSid": frozenset({"application"}),
    "AccountSid": frozenset({"choice"}),
}
"""The same for the forms of phone numbers."""

_FAULTS_OF_NEW_CALLS: Final[Mapping[str, frozenset[str]]] = {
    "To": frozenset({"to_missing", "to_refused", "to_unreachable", "to_international", "to_blocked"}),
    "From": frozenset({"from_missing"}),
    "ApplicationSid": frozenset({"application"}),
}
"""The same for the form of a new call."""


def _unannotated(name: str, form: type[Form], dialect: Dialect) -> Schema:
    """Return the rules that a form's `read` checks without a validator."""
    match name:
        case "PageToken" if issubclass(form, ListForm):
            return {"pattern": f"^P[AB]{sid_pattern(dialect, form.KIND)}$"}
        case "Label":
            return {"minLength": 1, "maxLength": MAX_LABEL, "pattern": "^[^/]*$"}
        case "CallSidToCoach":
            return sid_schema(dialect, ResourceType.CALL)
        case "FriendlyName" if issubclass(form, ApplicationForm) and not dialect.supports_friendly_name_lookup:
            return {"minLength": 1}
        case "ApplicationSid" if issubclass(form, CreateCall):
            return sid_schema(dialect, ResourceType.APPLICATION)
        case _:
            return _unannotated_of_number(name, dialect) if issubclass(form, PhoneNumberForm) else {}


def _unannotated_of_number(name: str, dialect: Dialect) -> Schema:
    """Return the rules that the forms of phone numbers check without a validator."""
    rules: Mapping[str, Schema] = {
        "PhoneNumber": {"pattern": f"^{number_pattern(dialect)}$"},
        "AreaCode": {"pattern": "^[2-9][0-9]{2}$"},
        "FriendlyName": {"maxLength": max_name(dialect)},
        "VoiceApplicationSid": {"pattern": f"^({sid_pattern(dialect, ResourceType.APPLICATION)})?$"},
        "SmsApplicationSid": {"pattern": f"^({sid_pattern(dialect, ResourceType.APPLICATION)})?$"},
        "AccountSid": sid_schema(dialect, ResourceType.ACCOUNT),
    }
    return rules.get(name, {})


def _date(form: type[ListForm], name: str, sign: str, dialect: Dialect) -> Parameter:
    schema: Schema = {"type": "string"}
    if dialect.accepts_any_date_format:
        schema |= {"anyOf": [*_INSTANTS, {"pattern": f"^{_MAIL_DATE}$"}]}
    elif form.DATES[name] is read_day:
        schema |= {"format": "date"}
    else:
        schema |= {"anyOf": _INSTANTS}
    return Parameter(f"{name}{sign}", schema, faults=frozenset({"choice"}))


def all_faults(parameters: Iterator[Parameter] | list[Parameter]) -> frozenset[str]:
    """Return every fault that one of the parameters can have."""
    faults = {fault for parameter in parameters for fault in parameter.faults}
    is_missing = any(_is_missing(parameter) for parameter in parameters)
    return frozenset(faults | ({"missing"} if is_missing else set()))


def _is_missing(parameter: Parameter) -> bool:
    """Return whether a parameter that is missing has the fault `missing`."""
    return parameter.is_required and not any(fault.endswith("_missing") for fault in parameter.faults)
