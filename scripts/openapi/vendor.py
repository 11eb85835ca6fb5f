"""Build the OpenAPI document of one dialect."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.openapi import callbacks, errors, responses
from scripts.openapi.forms import Parameter, Schema, parameters_of, sid_pattern, sid_schema
from scripts.openapi.functions import ROOT, Function, Route, routes_of
from scripts.openapi.samples import SAMPLE_IDS
from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.media import GetAudio
from tapedeck.domain.conference import MAX_NAME
from tapedeck.domain.participant import MAX_LABEL
from tapedeck.http.audio_response import CONTENT_TYPES
from tapedeck.http.routes import SUFFIX

OPENAPI: Final = "3.1.1"
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_TITLES: Final = {"twilio": "Tapedeck, Twilio's dialect", "signalwire": "Tapedeck, SignalWire's dialect"}
_PATH_SIDS: Final = {
    "AccountSid": ResourceType.ACCOUNT,
    "CallSid": ResourceType.CALL,
    "ConferenceSid": ResourceType.CONFERENCE,
    "RecordingSid": ResourceType.RECORDING,
    "TranscriptionSid": ResourceType.TRANSCRIPTION,
    "KeySid": ResourceType.API_KEY,
    "PhoneNumberSid": ResourceType.PHONE_NUMBER,
    "ApplicationSid": ResourceType.APPLICATION,
}
_FORMATS: Final = {"audio/x-wav": "WAV", "audio/mpeg": "MP3"}
_MEDIA_NAMES: Final = {"": "audio", ".wav": "wav", ".mp3": "mp3"}
"""The path in examples of errors: they are the same for all operations."""

_SUCCESS: Final = {200: "The resource.", 201: "The new resource.", 204: "The resource is deleted or removed."}
_HAD_BEFORE: Final = "The recording that an earlier request started and that is still active."
_MEDIA_TAG: Final = "Recordings"


@cache
def texts() -> Any:  # noqa: ANN401 - the content of a YAML file
    """Return the descriptions in `texts.yaml`."""
    return yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8"))


def information(title: str, description: str) -> Schema:
    """Return the parts that every document begins with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licence = {"name": project["license"], "identifier": project["license"]}
    return {
        "openapi": OPENAPI,
        "info": {"title": title, "version": project["version"], "description": description, "license": licence},
        "servers": [{"url": "http://localhost:3000", "description": "The stand-in, as `make serve` starts it."}],
    }


def document(dialect: Dialect) -> Schema:
    """Return the document of a dialect.

    Raises:
        ValueError: a parameter has no text.
    """
    paths: dict[str, Schema] = {}
    for path, method, operation in _operations(dialect):
        paths.setdefault(path, {})[method] = operation
    security_scheme = {
        "type": "http",
        "scheme": "basic",
        "description": "The sid of the account and its auth token, or the sid of an API key and its secret.",
    }
    return {
        **information(_TITLES[dialect.name], _description(dialect)),
        "security": [{"basic": []}],
        "tags": [{"name": name, "description": text} for name, text in texts()["tags"].items()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(
                sorted(
                    {
                        **responses.components(dialect),
                        **errors.error_components(dialect),
                        **callbacks.callback_components(dialect),
                    }.items()
                )
            ),
            "headers": {
                "RequestId": {
                    "description": "The id of the request, as in the service's log.",
                    "required": True,
                    "schema": {"type": "string"},
                }
            },
            "securitySchemes": {"basic": security_scheme},
        },
    }


def _description(dialect: Dialect) -> str:
    bodies = "a form or a JSON object" if dialect.accepts_json_bodies else "a form"
    return "\n\n".join(
        [
            "Call recordings and conferences. `docs/reference/openapi.md` explains this document and its limits.",
            "Every path works with and without `.json`. Only `/Recordings/{RecordingSid}` without `.json` is audio.",
            f"The body of a POST is {bodies}. An empty value counts as absent. Unknown fields are ignored.",
            "A list is a repeated field, or one field with values that are separated by spaces.",
            "The checks run in this order: presence of credentials, method, credentials, ids, parameters, states.",
        ]
    )


def _operations(dialect: Dialect) -> Iterator[tuple[str, str, Schema]]:
    """Yield path, method and operation."""
    named: set[str] = set()
    # The shorter path of a function has the function's name as operationId.
    for route in sorted(routes_of(dialect), key=lambda each: (each.path.count("/"), each.path, each.method)):
        function, path, method = route.function, route.path, route.method.lower()
        if method != "head":
            name = function.operation
            if name in named:
                name = f"{name}_of_{path.split('/')[-4].lower().removesuffix('s')}"
            named.add(name)
            yield f"{path}{SUFFIX}", method, _operation(route, dialect, name)
        for suffix in function.audio_suffixes:
            yield f"{path}{suffix}", method, _media_operation(route, dialect, suffix)


def _operation(route: Route, dialect: Dialect, name: str) -> Schema:
    function, has_body = route.function, route.method == "POST"
    parameters = parameters_of(function.form, dialect)
    found: Schema = {
        "operationId": name,
        "tags": [_tag(route.path)],
        "summary": function.summary.removesuffix("."),
        "description": function.returns,
        "parameters": _path_parameters(route, dialect),
    }
    if has_body:
        found["requestBody"] = _body(function, parameters, dialect)
    else:
        found["parameters"] += [_query_parameter(function, parameter) for parameter in parameters]
    found["responses"] = {
        **_successes(function, dialect),
        **errors.error_responses(function.operation, dialect, parameters, method=route.method, is_media=False),
    }
    if subscriptions := callbacks.callbacks_for(function.operation, dialect):
        found["callbacks"] = subscriptions
    return found


def _tag(path: str) -> str:
    """Return the tag: the last collection in the path."""
    return [part for part in path.split("/") if not part.startswith("{")][-1]


def _successes(function: Function, dialect: Dialect) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    offered = responses.successes(function.operation, dialect)
    for status, component in sorted(offered.items()):
        had_before = status == 200 and 201 in offered  # noqa: PLR2004 - HTTP's statuses
        found[str(status)] = {
            "description": _HAD_BEFORE if had_before else _SUCCESS[status],
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        }
        if component is not None:
            reference = {"$ref": f"#/components/schemas/{component}"}
            example = {component: {"value": responses.example_of(function.operation, status, dialect)}}
            found[str(status)]["content"] = {JSON: {"schema": reference, "examples": example}}
    return found


def _path_parameters(route: Route, dialect: Dialect) -> list[Schema]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            **_path_schema(name, route, dialect, is_last=name == names[-1]),
            "example": dialect.format_sid(_PATH_SIDS[name], SAMPLE_IDS[_PATH_SIDS[name]]),
        }
        for name in names
    ]


def _path_schema(name: str, route: Route, dialect: Dialect, *, is_last: bool) -> Schema:
    alias, described = route.function.path_alias, texts()["aliases"]
    pattern = sid_pattern(dialect, _PATH_SIDS[name])
    match (alias, name):
        case ("current", "RecordingSid") if dialect.supports_current_alias and is_last:
            return {
                "description": described[alias],
                "schema": {"type": "string", "pattern": rf"^({pattern}|Twilio\.CURRENT)$"},
            }
        case ("name" | "name_or_new", "ConferenceSid") if dialect.supports_friendly_name_lookup:
            limits = {"minLength": 1, "maxLength": MAX_NAME}
            return {"description": described[alias], "schema": {"type": "string", **limits, "pattern": "^[^/]+$"}}
        case ("label", "CallSid") if dialect.supports_participant_labels:
            limits = {"minLength": 1, "maxLength": MAX_LABEL}
            return {"description": described[alias], "schema": {"type": "string", **limits, "pattern": "^[^/]+$"}}
        case ("deleted", "RecordingSid"):
            return {"description": described[alias], "schema": sid_schema(dialect, _PATH_SIDS[name])}
        case _:
            return {"description": texts()["parameters"][name], "schema": sid_schema(dialect, _PATH_SIDS[name])}


def _query_parameter(function: Function, parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": _describe(function, parameter.name),
        "schema": parameter.schema,
    }


def _describe(function: Function, name: str) -> str:
    """Return the text of a parameter.

    Raises:
        ValueError: it has none.
    """
    plain = name.rstrip("<>")
    described: Mapping[str, str] = {**texts()["parameters"], **texts()["operations"].get(function.operation, {})}
    if plain not in described:
        raise ValueError(f"{function.operation}: scripts/openapi/texts.yaml has no text for the parameter {plain}")
    text = described[plain]
    if name.endswith("<"):
        includes = getattr(function.form, "BEFORE_INCLUDES", True)
        return f"{text} {texts()['before' if includes else 'before_exclusive']}"
    return f"{text} {texts()['after']}" if name.endswith(">") else text


def _body(function: Function, parameters: Sequence[Parameter], dialect: Dialect) -> Schema:
    required = [parameter.name for parameter in parameters if parameter.is_required]
    schema: Schema = {
        "type": "object",
        "properties": {
            parameter.name: {"description": _describe(function, parameter.name), **parameter.schema}
            for parameter in parameters
        },
    }
    if required:
        schema["required"] = required
    lists = [parameter.name for parameter in parameters if parameter.schema["type"] == "array"]
    form: Schema = {"schema": schema}
    if lists:
        form["encoding"] = {name: {"style": "form", "explode": True} for name in lists}
    content: Mapping[str, Schema] = {FORM: form}
    if dialect.accepts_json_bodies:
        content = {FORM: form, JSON: {"schema": schema}}
    return {"required": bool(required), "content": content}


_VALIDATORS: Final = {
    "ETag": {"description": "The version of the audio.", "required": True, "schema": {"type": "string"}},
    "Accept-Ranges": {"required": True, "schema": {"type": "string", "const": "bytes"}},
    "Cache-Control": {"required": True, "schema": {"type": "string", "const": "no-store"}},
    "X-Request-Id": {"$ref": "#/components/headers/RequestId"},
}


def _media_operation(route: Route, dialect: Dialect, suffix: str) -> Schema:
    """Describe the audio of a recording; HEAD has the headers of GET and no body."""
    function, is_get = route.function, route.method == "GET"
    parameters = parameters_of(GetAudio, dialect)
    kind = CONTENT_TYPES[suffix]
    content_range = {"Content-Range": {"required": True, "schema": {"type": "string"}}}
    location = {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}}
    audio: Schema = {"content": {kind: {}}} if is_get else {}
    found: dict[str, Schema] = {
        "200": {"description": "The audio.", "headers": _VALIDATORS, **audio},
        "304": {"description": "The client has this version.", "headers": _VALIDATORS},
    }
    if is_get:
        found |= {
            "206": {"description": "The requested range.", "headers": {**_VALIDATORS, **content_range}, **audio},
            "307": {
                "description": "Large audio. Fetch it from `Location` within a minute, without credentials.",
                "headers": {**_VALIDATORS, **location},
            },
            "416": {"description": "The range is outside the audio.", "headers": {**_VALIDATORS, **content_range}},
        }
    refused = errors.error_responses(function.operation, dialect, parameters, method=route.method, is_media=True)
    if not is_get:
        refused = {status: {**response, "content": {}} for status, response in refused.items()}
    word = _MEDIA_NAMES[suffix]
    operation: Schema = {
        "operationId": f"{'get' if is_get else 'head'}_{function.operation.removeprefix('get_')}_{word}",
        "tags": [_MEDIA_TAG],
        "summary": f"{'Fetch' if is_get else 'Check'} the audio of a recording as {_FORMATS[kind]}",
        "description": "Deleted recordings have no audio.",
        "parameters": [
            *_path_parameters(route, dialect),
            *(_query_parameter(function, parameter) for parameter in parameters),
            *(_MEDIA_HEADERS if is_get else _MEDIA_HEADERS[:1]),
        ],
        "responses": dict(sorted({**found, **refused}.items())),
    }
    if dialect.media_urls_are_public:
        # Whether audio is public is a setting of the deployment and of each account.
        operation["security"] = [{}, {"basic": []}]
    return operation


_MEDIA_HEADERS: Final = [
    {
        "name": "If-None-Match",
        "in": "header",
        "description": "Tags of versions that the client has.",
        "schema": {"type": "string"},
    },
    {
        "name": "Range",
        "in": "header",
        "description": "One range of bytes. Several ranges and malformed ones return the whole audio.",
        "schema": {"type": "string"},
        "example": "bytes=0-99",
    },
    {
        "name": "If-Range",
        "in": "header",
        "description": "The version for which `Range` applies.",
        "schema": {"type": "string"},
    },
]
