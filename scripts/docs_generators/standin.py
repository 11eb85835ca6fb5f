"""Tables of the stand-in: control API, faults, fixtures and the command line."""

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import click
from pydantic import BaseModel

from scripts.docs_generators.markdown import code, described, one_line, table, type_of
from scripts.docs_generators.texts import CONTROL_FIELDS, CONTROL_ROUTES, FIXTURE_FIELDS
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.settings import STANDIN_ACCOUNT
from tapedeck_standin.cli import main
from tapedeck_standin.conformance.suite import CHECKS
from tapedeck_standin.control import (
    api_keys,
    applications,
    call_schemas,
    calls,
    engines,
    events,
    inspection,
    listing,
    number_schemas,
    phone_numbers,
    schemas,
    telephony,
)
from tapedeck_standin.control.fixtures import AccountFixture, ApiKeyFixture, Fixtures, RecordingFixture
from tapedeck_standin.control.requests import ControlRoute
from tapedeck_standin.control.router import ControlRouter, path_of
from tapedeck_standin.faults import ANY, CALLBACK, CONFIRMED_UPDATES, MEDIA, FaultAction, supported_effects

_WIDTH: Final = 100
"""Columns of the help texts."""

_READS: Final = re.compile(r"read_(?:body|query)\((\w+)")
_FIELD_TEXT: Final = re.compile(r"`(\w+)`: ([^;.`]+(?:`[^`]*`[^;.`]*)*)[;.]")
_WITH_ACCOUNT: Final = ("account",)


def control_routes() -> list[tuple[str, str, ControlRoute]]:
    """Return method, path and handler of each route of the control API."""
    nothing: Any = None
    parts = [
        calls.CallRoutes(nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing).routes,
        telephony.TelephonyRoutes(nothing, nothing, nothing, nothing, nothing, nothing).routes,
        listing.ListRoutes(nothing, nothing, nothing, nothing, nothing, nothing).routes,
        inspection.InspectionRoutes(nothing, nothing, nothing, nothing, nothing, nothing, (), nothing).routes,
        events.EventRoutes(nothing, nothing, nothing, nothing).routes,
        engines.EngineRoutes(nothing, nothing, nothing).routes,
        api_keys.ApiKeyRoutes(nothing, nothing).routes,
        applications.ApplicationRoutes(nothing, nothing).routes,
        phone_numbers.PhoneNumberRoutes(nothing, nothing, nothing).routes,
    ]
    router = ControlRouter(parts)
    return [
        (method, path_of(segments), route)
        for segments, methods in router._routes.items()  # noqa: SLF001 - the router includes routes of its own
        for method, route in methods.items()
    ]


def control_api() -> str:
    """Return the table of the control API's routes."""
    found = {f"{method} {path}": route for method, path, route in control_routes()}
    names = described(found, {name: text for name, (text, _) in CONTROL_ROUTES.items()}, "routes", "CONTROL_ROUTES")
    rows = [(f"`{name}`", text, _fields_of(found[name]), CONTROL_ROUTES[name][1]) for name, text in names.items()]
    return table(("Request", "What it does", "Fields", "Response"), rows)


@cache
def _source_of(function: Callable[..., object]) -> str:
    return inspect.getsource(function)


def _models_of(route: ControlRoute) -> list[type[BaseModel]]:
    """Return the models that a handler parses its body or query with."""
    source = _source_of(getattr(route.handle, "__func__", route.handle))
    names = ["ControlQuery"] if "self._account(" in source else _READS.findall(source)
    return [
        getattr(listing, name, None)
        or getattr(inspection, name, None)
        or getattr(number_schemas, name, None)
        or getattr(call_schemas, name, None)
        or getattr(schemas, name)
        for name in names
    ]


def _fields_of(route: ControlRoute) -> str:
    names = [name for model in _models_of(route) for name in _own_fields(model)]
    return ", ".join(f"`{name}`" for name in names) or ""


def _own_fields(model: type[BaseModel]) -> list[str]:
    return [name for name in model.model_json_schema()["properties"] if name not in _WITH_ACCOUNT]


def control_fields() -> str:
    """Return the tables of the fields of all requests of the control API."""
    models = list(dict.fromkeys(model for _, _, route in control_routes() for model in _models_of(route)))
    return _fields("Request", models, CONTROL_FIELDS, "CONTROL_FIELDS")


def fixtures() -> str:
    """Return the tables of the fields of a fixtures file."""
    return _fields(
        "Part",
        [Fixtures, AccountFixture, RecordingFixture, ApiKeyFixture],
        FIXTURE_FIELDS,
        "FIXTURE_FIELDS",
        inherited=True,
    )


def _fields(
    title: str, models: Iterable[type[BaseModel]], texts: dict[str, str], where: str, *, inherited: bool = False
) -> str:
    rows = []
    names = []
    for model in models:
        schema = model.model_json_schema()
        is_base = model.__name__ in {"ControlRequest", "ControlQuery"}
        for field, type_ in schema["properties"].items():
            if field in _WITH_ACCOUNT and not (is_base or inherited):
                continue
            name = f"{model.__name__}.{field}"
            names.append(name)
            is_required = field in schema.get("required", [])
            default = "required" if is_required else code(type_["default"]) if type_.get("default") is not None else ""
            kind = type_of(type_, schema.get("$defs", {}), _LINKS).removesuffix(" or null")
            rows.append((_title(model), f"`{field}`", kind, default, texts.get(name, "")))
    described(names, texts, "fields", where)
    return table((title, "Field", "Type", "Default", "Meaning"), rows)


_LINKS: Final = {
    "FaultAction": "object",
    "CreateCallRequest": "objects",
    "PartyFields": "object",
    "SpeechPart": "objects",
    "KeysPart": "objects",
    "CreateConferenceRequest": "objects",
    "RecordingFixture": "objects",
    "AccountFixture": "objects",
    "ApiKeyFixture": "objects",
    "CreatePhoneNumberRequest": "objects",
    "CreateApplicationRequest": "objects",
}


def _title(model: type[BaseModel]) -> str:
    routes = [f"`{method} {path}`" for method, path, route in control_routes() if model in _models_of(route)]
    if model.__name__ == "ControlRequest":
        return "every `POST`"
    if model.__name__ == "ControlQuery":
        return "the query of every `GET` and `DELETE`"
    if model is listing.PageQuery:
        return ", ".join(routes)
    parts = {
        "Fixtures": "the file",
        "AccountFixture": "an account",
        "RecordingFixture": "a recording",
        "ApiKeyFixture": "a key",
    }
    return parts.get(model.__name__, routes[0] if routes else "")


def fault_effects() -> str:
    """Return the table of the effects of faults."""
    texts = dict(_FIELD_TEXT.findall(one_line(FaultAction.__doc__ or "")))
    schema = FaultAction.model_json_schema()
    texts = described(schema["properties"], texts, "effects", "FaultAction's docstring")
    rows = [
        (
            f"`{field}`",
            type_of(schema["properties"][field], {}).removesuffix(" or null"),
            ", ".join(_targets(field)) or f"{_targets_of_status()}, together with `status`",
            text,
        )
        for field, text in texts.items()
    ]
    return table(("Field of `then`", "Type", "Supported for", "Effect"), rows)


def _targets(effect: str) -> list[str]:
    names = {"operations": ANY, f"`{CALLBACK}`": CALLBACK, f"`{MEDIA}`": MEDIA}
    return [name for name, on in names.items() if effect in supported_effects(on)] or [
        f"`{operation}`" for operation in CONFIRMED_UPDATES.values() if effect in supported_effects(operation)
    ]


def _targets_of_status() -> str:
    return "operations"


def command_help() -> str:
    """Return the help texts of the command line."""
    parts = []
    context = click.Context(main, info_name="tapedeck", terminal_width=_WIDTH)
    parts.append(("tapedeck", main.get_help(context)))
    for name, command in main.commands.items():
        nested = click.Context(command, info_name=name, parent=context, terminal_width=_WIDTH)
        parts.append((f"tapedeck {name}", command.get_help(nested)))
    return "\n\n".join(f"## {title}\n\n```console\n$ {title} --help\n{text}\n```" for title, text in parts)


def checks() -> str:
    """Return the table of the checks of `check-engine`."""
    return table(("Check", "Rule", "What it checks"), [(code(each.name), each.rule, each.sentence) for each in CHECKS])


def options() -> str:
    """Return the table of the options of `serve` with their environment variables."""
    rows = []
    for option in main.commands["serve"].params:
        if isinstance(option, click.Option):
            default = "" if option.default in {None, "", False} or option.is_flag else code(_sid(option.default))
            variable = f"`{option.envvar}`" if option.envvar else ""
            rows.append((f"`{option.opts[0]}`", variable, _values(option), default, option.help or ""))
    return table(("Option", "Variable", "Value", "Default", "Meaning"), rows)


def _sid(default: object) -> object:
    """Return the default account in Twilio's format, and any other default unchanged."""
    return TWILIO.format_sid(ResourceType.ACCOUNT, STANDIN_ACCOUNT) if default == STANDIN_ACCOUNT else default


def _values(option: click.Option) -> str:
    match option.type:
        case click.Choice(choices=choices):
            return ", ".join(code(choice) for choice in choices)
        case click.IntRange(min=first, max=last):
            return f"{first} to {last}"
        case click.types.BoolParamType():
            return "flag" + ("; the variable is `1`" if option.envvar else "")
        case click.Path():
            return "a file"
        case kind:
            return {"integer": "a whole number", "text": "text"}.get(kind.name, code(kind.name))
