"""Build the OpenAPI document of the control API from its routes and its models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import BaseModel

from scripts.openapi.control_responses import REFERENCE, response_schemas
from scripts.openapi.forms import HEX, UUID, Schema
from scripts.openapi.functions import template
from scripts.openapi.vendor import JSON, information
from tapedeck.dialects.dialect import ResourceType
from tapedeck_protocol.events import EVENTS
from tapedeck_standin.control import call_schemas, events, schemas
from tapedeck_standin.control.api_keys import ApiKeyRoutes
from tapedeck_standin.control.applications import ApplicationRoutes
from tapedeck_standin.control.calls import CallRoutes
from tapedeck_standin.control.engines import EngineRoutes
from tapedeck_standin.control.events import EventRoutes
from tapedeck_standin.control.inspection import (
    CallbacksQuery,
    ControlQuery,
    InspectionRoutes,
    UnsettledFilter,
    WarningsQuery,
)
from tapedeck_standin.control.listing import AccountsQuery, CallsQuery, ListRoutes, PageQuery
from tapedeck_standin.control.number_schemas import CreateApplicationRequest, CreatePhoneNumberRequest
from tapedeck_standin.control.phone_numbers import PhoneNumberRoutes
from tapedeck_standin.control.requests import PATH_PARAM, ControlRoutes
from tapedeck_standin.control.router import HEALTH, ROOT
from tapedeck_standin.control.telephony import TelephonyRoutes
from tapedeck_standin.faults import ANY, CALLBACK, MEDIA

EVENT: Final = "EngineEvent"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the routes do not say: texts, the models of the request, and the responses.

    `success` maps a status to a component; None for an empty body. `conflict` says when the status is 409.
    `param` describes the parameter of the path.
    """

    name: str
    tag: str
    summary: str
    success: Mapping[int, str | None]
    body: type[BaseModel] | str | None = None
    query: type[BaseModel] | None = None
    param: Schema | None = None
    conflict: str | None = None
    deprecated: bool = False


def _sid(kind: ResourceType) -> Schema:
    return {
        "name": "sid",
        "description": f"The sid of the {kind.name.lower()}, in either dialect.",
        "schema": {"type": "string", "pattern": _either(kind)},
    }


def _either(kind: ResourceType) -> str:
    return f"^({kind}{HEX}{{32}}|{UUID})$"


def _id(what: str) -> Schema:
    return {"name": "id", "description": f"The id of the {what}.", "schema": {"type": "string", "minLength": 1}}


_NO_SIMULATION: Final = "There is no simulated engine, which executes instructions."
_CALL_STATE: Final = "The call is not in a state that allows this, or the simulated engine does not execute it."
_STATE: Final = "The resource has already ended, or is in another state that does not allow this."

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("POST", "/calls"): Operation(
        "create_call", "Telephony", "Create a call; with instructions, it comes in and rings", {201: "Call"},
        call_schemas.MakeCallRequest, conflict=_NO_SIMULATION,
    ),
    ("POST", "/calls/{sid}/hangup"): Operation(
        "hang_up_call", "Telephony", "End a call; its recordings stop", {200: "Call"}, schemas.ControlRequest,
        param=_sid(ResourceType.CALL), conflict=_STATE,
    ),
    ("POST", "/calls/{sid}/press"): Operation(
        "press_keys", "Telephony", "Press keys in a call", {200: "Pressed"}, call_schemas.PressRequest,
        param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/speak"): Operation(
        "speak", "Telephony", "Speak in a call", {200: "Nothing"}, call_schemas.SpeakRequest,
        param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/answer"): Operation(
        "answer_call", "Telephony", "Answer a call that was dialed and rings", {200: "Call"},
        call_schemas.AnswerRequest, param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/busy"): Operation(
        "be_busy", "Telephony", "End a call that rings, because the line is busy", {200: "Call"},
        schemas.ControlRequest, param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/decline"): Operation(
        "decline_call", "Telephony", "Decline a call that rings", {200: "Call"}, schemas.ControlRequest,
        param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/no_answer"): Operation(
        "leave_unanswered", "Telephony", "End a call that rings, because there is no answer", {200: "Call"},
        schemas.ControlRequest, param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/fail"): Operation(
        "fail_call", "Telephony", "Let a call that rings fail", {200: "Call"}, schemas.ControlRequest,
        param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/calls/{sid}/stream/close"): Operation(
        "close_stream", "Telephony", "Close the stream that a call is connected to", {200: "Nothing"},
        call_schemas.CloseStreamRequest, param=_sid(ResourceType.CALL), conflict=_CALL_STATE,
    ),
    ("POST", "/parties"): Operation(
        "create_party", "Telephony", "Say how the party of a number behaves", {201: "Party"},
        call_schemas.CreatePartyRequest, conflict=_NO_SIMULATION,
    ),
    ("GET", "/parties"): Operation(
        "list_parties", "Telephony", "List how parties behave, oldest rule first", {200: "Parties"},
        query=ControlQuery, conflict=_NO_SIMULATION,
    ),
    ("DELETE", "/parties"): Operation(
        "delete_parties", "Telephony", "Remove all rules of an account", {204: None}, query=ControlQuery,
        conflict=_NO_SIMULATION,
    ),
    ("DELETE", "/parties/{id}"): Operation(
        "delete_party", "Telephony", "Remove a rule", {204: None}, query=ControlQuery, param=_id("rule"),
        conflict=_NO_SIMULATION,
    ),
    ("POST", "/conferences"): Operation(
        "create_conference", "Telephony", "Create a conference with its calls", {201: "Conference"},
        schemas.CreateConferenceRequest, conflict="A live conference already has this name.",
    ),
    ("POST", "/conferences/{sid}/recordings"): Operation(
        "record_conference", "Telephony", "Start a conference recording, as a media engine does",
        {201: "Recording"}, schemas.ControlRequest, param=_sid(ResourceType.CONFERENCE), conflict=_STATE,
    ),
    ("POST", "/conferences/{sid}/end"): Operation(
        "end_conference", "Telephony", "End a conference", {200: "Conference"}, schemas.ControlRequest,
        param=_sid(ResourceType.CONFERENCE), conflict=_STATE,
    ),
    ("POST", "/recordings/{sid}/transcriptions"): Operation(
        "create_transcription", "Telephony", "Add a transcription to a recording", {201: "Transcription"},
        schemas.CreateTranscriptionRequest, param=_sid(ResourceType.RECORDING), conflict=_STATE,
    ),
    ("POST", "/events"): Operation(
        "report_event", "Telephony", "Report an engine event, as a connector does", {200: "EventOutcome"}, EVENT
    ),
    ("POST", "/engines"): Operation(
        "create_engine", "Telephony", "Register a further media engine", {201: "NewEngine"},
        schemas.CreateEngineRequest, conflict="The name is taken, or there are 100 engines.",
    ),
    ("GET", "/engines"): Operation("list_engines", "Telephony", "List the media engines", {200: "Engines"}),
    ("POST", "/accounts"): Operation(
        "create_account", "State", "Create a further account", {201: "Account"}, schemas.CreateAccountRequest,
        conflict="The account already exists.",
    ),
    ("POST", "/keys"): Operation(
        "create_api_key", "State", "Create an API key, with its sid and secret if they are given",
        {200: "ApiKey", 201: "ApiKey"}, schemas.CreateApiKeyRequest,
        conflict="A key has this sid with another secret or account, or the account has the maximum number of keys.",
    ),
    ("POST", "/applications"): Operation(
        "create_application", "State", "Create an application", {201: "Application"}, CreateApplicationRequest
    ),
    ("POST", "/numbers"): Operation(
        "create_phone_number", "State", "Give a phone number to an account", {201: "PhoneNumber"},
        CreatePhoneNumberRequest, conflict="An account holds the number already.",
    ),
    ("POST", "/clock"): Operation(
        "advance_clock", "State", "Advance the clock of an account or all", {200: "Clock", 408: "Clock"},
        schemas.AdvanceClockRequest,
    ),
    ("POST", "/wait-until-idle"): Operation(
        "wait_until_idle", "State", "Wait until all work that is due by the clock is done", {200: "Left", 408: "Left"},
        schemas.WaitUntilIdleRequest,
    ),
    ("POST", "/settle"): Operation(
        "settle", "State", "Wait until nothing is under way, or say what is left", {200: "Left", 408: "Left"},
        schemas.SettleRequest,
    ),
    ("POST", "/reset"): Operation(
        "reset_account", "State", "Delete everything of an account but the account, its keys and its time", {204: None},
        schemas.ControlRequest,
    ),
    ("GET", "/calls"): Operation(
        "list_calls", "State", "List the calls, newest first", {200: "Calls"}, query=CallsQuery
    ),
    ("GET", "/calls/{sid}"): Operation(
        "get_call", "State", "Get a call with its course", {200: "CallWithCourse"}, query=ControlQuery,
        param=_sid(ResourceType.CALL),
    ),
    ("GET", "/conferences"): Operation(
        "list_conferences", "State", "List the conferences, newest first", {200: "Conferences"}, query=PageQuery
    ),
    ("GET", "/conferences/{sid}"): Operation(
        "get_conference", "State", "Get a conference, as the list shows it", {200: "ListedConference"},
        query=ControlQuery, param=_sid(ResourceType.CONFERENCE),
    ),
    ("GET", "/recordings"): Operation(
        "list_recordings", "State", "List the recordings that are not deleted, newest first", {200: "Recordings"},
        query=PageQuery,
    ),
    ("GET", "/accounts"): Operation(
        "list_accounts", "State", "List the accounts, newest first, without their secrets", {200: "Accounts"},
        query=AccountsQuery,
    ),
    ("GET", "/fixtures"): Operation(
        "list_fixtures", "State", "List the sids of what the fixtures created", {200: "Fixtures"}, query=ControlQuery
    ),
    ("GET", "/health"): Operation("get_health", "State", "Check that the stand-in responds", {200: "Health"}),
    ("GET", "/requests"): Operation(
        "list_requests", "Inspection", "List the requests to the API, oldest first", {200: "Requests"},
        query=ControlQuery,
    ),
    ("GET", "/callbacks"): Operation(
        "list_callbacks", "Inspection", "List the callbacks that were sent, oldest first", {200: "Callbacks"},
        query=CallbacksQuery,
    ),
    ("GET", "/warnings"): Operation(
        "list_warnings", "Inspection", "List the warnings, oldest first", {200: "Warnings"}, query=WarningsQuery
    ),
    ("GET", "/webhooks"): Operation(
        "list_webhooks", "Inspection", "List the requests for instructions, oldest first", {200: "Webhooks"},
        query=call_schemas.WebhooksQuery,
    ),
    ("GET", "/unsettled"): Operation(
        "list_unsettled", "Inspection", "List what is unconfirmed, overdue or parked, without an account of all",
        {200: "UnsettledList"}, query=UnsettledFilter,
    ),
    ("POST", "/callbacks/{id}/replay"): Operation(
        "replay_callback", "Inspection", "Deliver a callback again", {202: "Id"}, schemas.ControlRequest,
        param=_id("callback"),
    ),
    ("GET", "/faults"): Operation(
        "list_faults", "Faults", "List the faults, exhausted ones included", {200: "Faults"}, query=ControlQuery
    ),
    ("POST", "/faults"): Operation(
        "create_fault", "Faults", "Inject a fault", {201: "Fault"}, schemas.CreateFaultRequest,
        conflict="The account has too many faults.",
    ),
    ("DELETE", "/faults"): Operation(
        "delete_faults", "Faults", "Remove all faults of an account", {204: None}, query=ControlQuery
    ),
    ("DELETE", "/faults/{id}"): Operation(
        "delete_fault", "Faults", "Remove a fault", {204: None}, query=ControlQuery, param=_id("fault")
    ),
}  # fmt: skip
"""The operations by method and path below `/_standin`."""

_TAGS: Final = {
    "Telephony": "Simulate what the telephony and the media engine do.",
    "State": "Accounts, the clock and pending work.",
    "Inspection": "See requests, callbacks, warnings and what is unsettled.",
    "Faults": "Inject failures.",
}


def served_routes() -> set[tuple[str, str]]:
    """Return method and path of every route that the control API serves."""
    absent = cast("Any", None)  # the routes need no services, only their handlers do
    parts: list[ControlRoutes] = [
        ListRoutes(absent, absent, absent, absent, absent, absent).routes,
        TelephonyRoutes(absent, absent, absent, absent, absent, absent).routes,
        CallRoutes(absent, absent, absent, absent, absent, absent, absent, absent, tuple).routes,
        ApiKeyRoutes(absent, absent).routes,
        ApplicationRoutes(absent, absent).routes,
        PhoneNumberRoutes(absent, absent, absent).routes,
        InspectionRoutes(absent, absent, absent, absent, absent, absent, (), absent).routes,
        EventRoutes(absent, absent, absent, absent).routes,
        EngineRoutes(absent, absent, absent).routes,
    ]
    found = {("GET", HEALTH.removeprefix(ROOT))}
    for part in parts:
        for segments, methods in part.items():
            names = {"callbacks": "{id}", "faults": "{id}", "parties": "{id}"}
            path = "".join(f"/{names.get(segments[0], '{sid}') if word == PATH_PARAM else word}" for word in segments)
            found |= {(method, path) for method in methods}
    return found


def document() -> Schema:
    """Return the document.

    Raises:
        ValueError: a route is missing in `OPERATIONS`, or no longer served.
    """
    if different := served_routes() ^ OPERATIONS.keys():
        raise ValueError(f"OPERATIONS in scripts/openapi/control.py differs from the routes: {sorted(different)}")
    models = _Components()
    paths: dict[str, Schema] = {}
    for (method, path), operation in sorted(OPERATIONS.items(), key=lambda each: (each[0][1], each[0][0])):
        paths.setdefault(f"{ROOT}{path}", {})[method.lower()] = _operation(operation, models)
    return {
        **information("Tapedeck, the control API of the stand-in", _DESCRIPTION),
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "security": [],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**models.schemas, **response_schemas()}.items())),
            "responses": _errors(),
        },
    }


_DESCRIPTION: Final = """\
Simulates telephony, and inspects and steers the stand-in. A deployed stack does not have it.

It has no authentication: it accepts requests from this machine only.

An empty body counts as `{}`. Unknown fields are errors. Without `account`, the stand-in's account is used."""


class _Components:
    """Collects the schemas of the models that requests use."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def add(self, model: type[BaseModel] | str) -> str:
        """Add a model with everything that it refers to; return its name."""
        if isinstance(model, str):
            schema = EVENTS.json_schema(by_alias=True, mode="validation", ref_template=REFERENCE)
            name = model
            # Presence belongs to the session of an engine, not to events that are reported by hand.
            variant = schema["discriminator"]["mapping"].pop("engine.alive")
            schema["oneOf"].remove({"$ref": variant})
            del schema["$defs"][variant.rpartition("/")[2]]
        else:
            schema, name = model.model_json_schema(by_alias=True, ref_template=REFERENCE), model.__name__
        for inner, definition in schema.pop("$defs", {}).items():
            self.schemas[inner] = _refined(inner, definition)
            if model == EVENT and definition.get("type") == "object":
                # Functions ignore unknown fields of an event; the control API rejects them.
                definition["additionalProperties"] = False
        self.schemas[name] = _refined(name, schema)
        return name


def _refined(name: str, schema: Schema) -> Schema:
    """Add the rules that validators check without a schema, and remove titles that repeat the names."""
    schema.pop("title", None)
    properties: dict[str, Schema] = schema.get("properties", {})
    for field, definition in properties.items():
        definition.pop("title", None)
        _add_rules(name, field, definition)
    if name == "FaultAction":
        _require_one_effect(schema)
    if name == "ParentRef":
        properties["id"].pop("pattern")
        schema["oneOf"] = [
            {
                "properties": {"type": {"const": kind}, "id": {"pattern": f"^([0-9a-f]{{32}}|{_either(sid)[1:-1]})$"}},
                "required": ["type"],
            }
            for kind, sid in events._PARENTS.items()  # noqa: SLF001 - the parents that accept either dialect's sids
        ]
    if "type" in properties and "at" in properties:
        # An engine event: the control API has defaults for these.
        schema["required"] = [each for each in schema["required"] if each not in {"id", "at", "seq", "account"}]
    return schema


_URL_FIELDS: Final = frozenset(
    {
        "url", "fallback_url", "status_callback", "voice_url", "voice_fallback_url", "sms_url", "sms_fallback_url",
        "sms_status_callback", "message_status_callback",
    }
)  # fmt: skip


def _add_rules(name: str, field: str, definition: Schema) -> None:
    text = _text_of(definition)
    if (name, field) in {("CreateEngineRequest", "name"), ("MakeCallRequest", "engine")}:
        text["pattern"] = "^[a-z][a-z0-9-]{0,31}$"
    elif (name, field) == ("CreateEngineRequest", "accounts"):
        definition["anyOf"][0]["items"]["pattern"] = _either(ResourceType.ACCOUNT)
    elif field == "account" or (name, field) == ("CreateAccountRequest", "sid"):
        text["pattern"] = _either(ResourceType.ACCOUNT)
    elif (name, field) == ("CreateApiKeyRequest", "sid"):
        text["pattern"] = _either(ResourceType.API_KEY)
    elif field in events._SID_FIELDS:  # noqa: SLF001 - the fields that accept either dialect's sids
        text["pattern"] = f"^([0-9a-f]{{32}}|{_either(events._SID_FIELDS[field])[1:-1]})$"  # noqa: SLF001
    elif (name, field) == ("AdvanceClockRequest", "call"):
        text["pattern"] = _either(ResourceType.CALL)
    elif field in _URL_FIELDS:
        text["format"] = "uri"
    elif field == "status_callback_event":
        events_schema = {"type": "string", "enum": list(schemas._EVENTS["twilio"])}  # noqa: SLF001 - SignalWire's are a subset
        definition["anyOf"] = [{"type": "array", "items": events_schema}, {"type": "string"}, {"type": "null"}]
    elif (name, field) == ("CreateFaultRequest", "on"):
        operations = {route.operation for route in template().routes}
        definition["enum"] = [*sorted(operations), ANY, CALLBACK, MEDIA]


def _text_of(definition: Schema) -> Schema:
    """Return the part of a field's schema that describes text; of a nullable field, the alternative to null."""
    return next((each for each in definition.get("anyOf", ()) if each.get("type") == "string"), definition)


def _require_one_effect(schema: Schema) -> None:
    """State that exactly one effect is given: null and false are no effects, and `code` needs `status`."""
    for field, definition in schema["properties"].items():
        (plain,) = (each for each in definition["anyOf"] if each["type"] != "null")
        schema["properties"][field] = {"type": "boolean", "const": True} if plain["type"] == "boolean" else plain
    effects = [field for field in schema["properties"] if field != "code"]
    schema["oneOf"] = [{"required": [effect]} for effect in effects]
    schema["dependentRequired"] = {"code": ["status"]}


def _operation(operation: Operation, models: _Components) -> Schema:
    found: Schema = {"operationId": operation.name, "tags": [operation.tag], "summary": operation.summary}
    if operation.deprecated:
        found["deprecated"] = True
    parameters = [{**operation.param, "in": "path", "required": True}] if operation.param is not None else []
    if operation.query is not None:
        parameters += list(_query(operation.name, operation.query))
    if parameters:
        found["parameters"] = parameters
    if operation.body is not None:
        name = models.add(operation.body)
        is_required = operation.body == EVENT or bool(models.schemas[name].get("required"))
        schema = {"$ref": REFERENCE.format(model=name)}
        found["requestBody"] = {"required": is_required, "content": {JSON: {"schema": schema}}}
    found["responses"] = dict(sorted({**_successes(operation), **_failures(operation)}.items()))
    return found


_LISTED: Final = {
    "list_accounts": ResourceType.ACCOUNT,
    "list_calls": ResourceType.CALL,
    "list_conferences": ResourceType.CONFERENCE,
    "list_recordings": ResourceType.RECORDING,
}
"""What the lists with pages contain."""


def _query(operation: str, model: type[BaseModel]) -> Iterator[Schema]:
    """Yield the parameters of an operation's query; a missing one is omitted, not null."""
    document = model.model_json_schema()
    for name, definition in document["properties"].items():
        plain = next((each for each in definition.get("anyOf", ()) if each.get("type") != "null"), definition)
        if "$ref" in plain:
            plain = document["$defs"][plain["$ref"].rpartition("/")[2]]
        schema = {key: value for key, value in plain.items() if key not in {"title", "default", "description"}}
        if definition.get("default") is not None:
            schema["default"] = definition["default"]
        if name == "after":
            schema["pattern"] = _either(_LISTED[operation])
        if name == "account":
            schema["pattern"] = _either(ResourceType.ACCOUNT)
        if name == "sid":
            kinds = (ResourceType.CALL, ResourceType.CONFERENCE, ResourceType.RECORDING)
            schema["pattern"] = f"^(({'|'.join(kinds)}){HEX}{{32}}|{UUID})$"
        if name == "call":
            schema["pattern"] = _either(ResourceType.CALL)
        yield {"name": name, "in": "query", "description": _QUERY_TEXTS[name], "schema": schema}


_QUERY_TEXTS: Final = {
    "limit": "How many entries an answer has at most.",
    "after": "The sid of the entry after which the list goes on, as in `next`, in either dialect.",
    "status": "Only calls with this status.",
    "number": "Only calls from or to this number or address.",
    "what": "Only this kind.",
    "overdue": "Only what is overdue.",
    "account": "The sid of the account, in either dialect.",
    "call": "The sid of the call that the entries are about, in either dialect.",
    "kind": "Only requests of this kind.",
    "code": "The vendor's code of the warnings.",
    "sid": "The sid of a recording, a conference or a call that the callbacks report.",
    "event": "The event that the callbacks report.",
    "wait": "Seconds to wait for the first entry that matches.",
}


def _successes(operation: Operation) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for status, component in operation.success.items():
        found[str(status)] = {"description": _STATUS_TEXTS[status]}
        if component is not None:
            found[str(status)]["content"] = {JSON: {"schema": {"$ref": REFERENCE.format(model=component)}}}
    return found


_STATUS_TEXTS: Final = {
    200: "Done.",
    201: "Created.",
    202: "Accepted; the work follows.",
    204: "Done; nothing to return.",
    408: "Work is left after the timeout.",
}


def _failures(operation: Operation) -> dict[str, Schema]:
    names = {"403": "Forbidden"}
    if operation.name != "get_health":
        names |= {"400": "BadRequest", "404": "NotFound", "503": "Unavailable"}
    if operation.body is not None or operation.query is ControlQuery:
        names["413"] = "TooLarge"
    found: dict[str, Schema] = {status: {"$ref": f"#/components/responses/{name}"} for status, name in names.items()}
    if operation.conflict is not None:
        found["409"] = _error(operation.conflict)
    return found


def _errors() -> dict[str, Schema]:
    return {
        "BadRequest": _error("The body, the query or the sid in the path is invalid."),
        "Forbidden": _error("The request came from another machine, from a web page, or for an unknown host name."),
        "NotFound": _error("The account, or the resource in the account, does not exist."),
        "TooLarge": _error("The body has more than 64 KB."),
        "Unavailable": _error("The database does not respond."),
    }


def _error(description: str) -> Schema:
    schema = {"$ref": REFERENCE.format(model="Error")}
    return {"description": description, "content": {JSON: {"schema": schema}}}
