"""Convert the wire tables (`tests/wire/data`) to schemas of successful responses."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml

from scripts.openapi import samples
from scripts.openapi.forms import Schema
from scripts.openapi.functions import ROOT
from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.formatting import Body

DATA: Final = ROOT / "tests" / "wire" / "data"

_CALLBACKS: Final = "callbacks"
_LIST_OF: Final = "list of "
_EMPTY_LIST: Final = "empty list "
_DATE: Final = r"^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} \+0000$"
_AFTER_POST: Final = "enum_after_post"


@cache
def read(name: str) -> Any:  # noqa: ANN401 - the content of a YAML file
    """Return the content of one of the tables."""
    return yaml.load((DATA / f"{name}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)


@cache
def _bodies() -> Mapping[str, Mapping[str, Any]]:
    """Return every body by name, each with `list`: the field of a page that holds such items."""
    names = sorted(path.stem for path in DATA.glob("*.yaml"))
    tables = [read(name) for name in names if "bodies" in read(name) and name != _CALLBACKS]
    return {name: {**body, "list": table.get("list")} for table in tables for name, body in table["bodies"].items()}


def successes(operation: str, dialect: Dialect) -> dict[int, str | None]:
    """Return the component of the body by status; None for an empty body."""
    offered = read("operations")["operations"][operation]
    after_post = offered["method"] == "POST"
    return {
        status: None if body == "nothing" else component(body, dialect, after_post=after_post)
        for status, body in offered[dialect.name]["success"].items()
    }


def example_of(operation: str, status: int, dialect: Dialect) -> Body:
    """Return an example of the body that an operation returns with a status."""
    offered = read("operations")["operations"][operation]
    return samples.example(offered[dialect.name]["success"][status], dialect, after_post=offered["method"] == "POST")


def component(body: str, dialect: Dialect, *, after_post: bool = False) -> str:
    """Return the name of the component for a body of the tables, such as `list of call` or `empty list events`."""
    name = body.removeprefix(_LIST_OF).removeprefix(_EMPTY_LIST)
    title = "".join(word.capitalize() for word in name.split("_"))
    if body.startswith((_LIST_OF, _EMPTY_LIST)):
        return f"{title}List"
    fields = _bodies()[name][dialect.name]["fields"]
    has_two_forms = any(_AFTER_POST in rules for rules in fields.values())
    return f"Changed{title}" if after_post and has_two_forms else title


def components(dialect: Dialect) -> dict[str, Schema]:
    """Return the schemas of all bodies that the dialect's operations return, by component."""
    found: dict[str, Schema] = {}
    for operation in read("operations")["operations"].values():
        if isinstance(operation[dialect.name], str):
            continue  # not offered
        for body in operation[dialect.name]["success"].values():
            if body != "nothing":
                after_post = operation["method"] == "POST"
                found[component(body, dialect, after_post=after_post)] = _schema(body, dialect, after_post=after_post)
                if body.startswith(_LIST_OF):
                    item = body.removeprefix(_LIST_OF)
                    found[component(item, dialect)] = _schema(item, dialect)
    return found


def callback_schema(name: str, dialect: Dialect) -> Schema:
    """Return the schema of the fields of a callback, `recording` or `conference`; every value is text."""
    table = read(_CALLBACKS)["bodies"][name]
    fields: dict[str, Mapping[str, Any]] = table[dialect.name]["fields"]
    properties = {}
    for field, rules in fields.items():
        schema = _field(
            {"type": "string", **{word: rules[word] for word in ("format", "enum") if word in rules}}, dialect
        )
        events = [f"with {' or '.join(f'`{event}`' for event in rules['events'])}"] if "events" in rules else []
        when = [f"if {rules['when']}"] if "when" in rules else []
        notes = [f"{rules['note'][0].upper()}{rules['note'][1:]}."] if "note" in rules else []
        limits = [f"Sent {', '.join([*events, *when])}."] if events or when else []
        texts = [text for text in (schema.get("description"), *notes, *limits) if text]
        properties[field] = {**schema, "description": " ".join(texts)} if texts else schema
    required = [field for field, rules in fields.items() if not {"events", "when"} & rules.keys()]
    return {**_object(properties), "description": table["description"], "required": required}


def _schema(body: str, dialect: Dialect, *, after_post: bool = False) -> Schema:
    if body.startswith((_LIST_OF, _EMPTY_LIST)):
        fields = {name: _field(rules, dialect) for name, rules in _bodies()["page"][dialect.name]["fields"].items()}
        if body.startswith(_EMPTY_LIST):
            items = {body.removeprefix(_EMPTY_LIST): {"type": "array", "maxItems": 0}}
        else:
            item = body.removeprefix(_LIST_OF)
            reference = {"$ref": f"#/components/schemas/{component(item, dialect)}"}
            items = {_bodies()[item]["list"]: {"type": "array", "items": reference}}
        return {"description": _bodies()["page"]["description"], **_object({**fields, **items})}
    table = _bodies()[body]
    fields = {
        name: _field(rules, dialect, after_post=after_post) for name, rules in table[dialect.name]["fields"].items()
    }
    schema = {"description": table["description"], **_object(fields)}
    conditions = [rule for rule in table[dialect.name].get("rules", ()) if "if" in rule]
    if conditions:
        schema["allOf"] = [_condition(rule) for rule in conditions]
    return schema


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _condition(rule: Mapping[str, Any]) -> Schema:
    return {word: {"properties": dict(rule[word])} for word in ("if", "then", "else") if rule.get(word)}


def _field(rules: Mapping[str, Any], dialect: Dialect, *, after_post: bool = False) -> Schema:
    """Convert one field of the tables.

    Raises:
        KeyError: the field has a format that `formats.yaml` does not describe.
    """
    schema: Schema = {"type": rules["type"]}
    if "fields" in rules:
        schema = _object({name: _field(inner, dialect) for name, inner in rules["fields"].items()})
    schema |= {word: rules[word] for word in ("enum", "const", "minimum", "maximum") if word in rules}
    if after_post and _AFTER_POST in rules:
        schema["enum"] = rules[_AFTER_POST]
    if "format" in rules:
        schema |= _format(rules["format"], dialect)
    if "value" in rules:
        account = read("formats")["dialects"][dialect.name]["account"]
        schema["description"] = f"`{rules['value'].replace('{account}', account)}`"
    if rules.get("nullable"):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _format(name: str, dialect: Dialect) -> Schema:
    tables = read("formats")
    if name.endswith(" sid"):
        kind = name.removesuffix(" sid")
        pattern = tables["dialects"][dialect.name]["sid"].replace("{prefix}", tables["sids"][kind])
        article = "an" if kind == "account" else "a"
        return {"description": f"The sid of {article} {kind}.", "pattern": f"^{pattern}$"}
    known = tables["formats"][name]
    found = {"description": known["description"]}
    pattern = known.get("pattern", _DATE.strip("^$") if name == "rfc2822 date" else None)
    return {**found, "pattern": f"^{pattern}$"} if pattern is not None else found
