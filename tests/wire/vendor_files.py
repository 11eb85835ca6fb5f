"""Validates the API's responses against the vendors' OpenAPI files.

The files are not part of this repository: they are read from the folder that `TAPEDECK_CONTRACT` names, by default
`../shared/contract/openapi` beside the checkout. The tables below specify what the files leave open: the order of
fields, Twilio's nulls and errors, and URIs.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn
from urllib.parse import unquote

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import extend

Vendor = Literal["twilio", "signalwire"]

# --- The tables ------------------------------------------------------------------------------------------------------


class Shape(NamedTuple):
    """One kind of body: its fields in the vendor's order (`?`: nullable), its own URI, and its links."""

    fields: str
    uri: str = ""
    links: Mapping[str, str | None] = {}


class Dialect(NamedTuple):
    """Facts about all responses of a vendor that its file does not specify."""

    home: str
    account: re.Pattern[str]
    realm: str
    more_info: str
    # A page's fields before its items, the suffix of its URI, and the end of its query, which follows the filters.
    envelope: str
    suffix: str
    query: str
    # The statuses that any operation may return, even if the vendor's file does not list them.
    anywhere: frozenset[int]
    # The error codes allowed with each status.
    codes: Mapping[int, frozenset[int]]


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CODES = {401: "20003", 404: "20404", 405: "20004", 429: "20429"}


def _codes(codes: Mapping[int, str]) -> Mapping[int, frozenset[int]]:
    return {status: frozenset(map(int, text.split())) for status, text in codes.items()}


DIALECTS: Mapping[Vendor, Dialect] = {
    "twilio": Dialect(
        home="/2010-04-01",
        account=re.compile(r"AC[0-9a-fA-F]{32}"),
        realm="Twilio API",
        more_info="https://www.twilio.com/docs/errors/{code}",
        envelope="end first_page_uri next_page_uri? page page_size previous_page_uri? start uri",
        query=r"PageSize=\d+&Page=\d+(&PageToken=P[AB](CA|CF|RE|TR)[0-9a-f]{32})?",
        suffix=".json",
        anywhere=frozenset({400, 401, 404, 413, 429, 500}),
        codes=_codes(
            {
                **_CODES,
                400: "13621 16002 16023 16025 16108 16109 16113 20001 20007 20009 21220 21402 21481",
                408: "16114",
                413: "20001",
                500: "20500",
            }
        ),
    ),
    "signalwire": Dialect(
        home="/api/laml/2010-04-01",
        account=re.compile(_UUID, re.IGNORECASE),
        realm="SignalWire",
        more_info="https://signalwire.com/docs/compatibility-api/reference/errors",
        envelope="uri first_page_uri next_page_uri? previous_page_uri? page page_size",
        query=rf"Page=\d+&PageSize=\d+(&PageToken=P[AB]{_UUID})?",
        suffix="",
        # The file lists no 404 for the lists of an account, but an unknown account gets 404.
        anywhere=frozenset({401, 404, 413, 429, 500}),
        codes=_codes(
            {
                **_CODES,
                400: "10000 20009 21220",
                413: "10000",
                422: "10000 13221 13621 13699 16002 21402 21456 21475 21481",
                500: "20504",
                503: "20504",
            }
        ),
    ),
}

_SIGNALWIRE_RECORDING = (
    "sid account_sid api_version call_sid? conference_sid? channel channels date_created date_updated start_time? "
    "end_time? duration price? price_unit source status error_code? uri subresource_uris encryption_details? trim"
)
_A = "{home}/Accounts/{account_sid}"
_CALL_LINKS = {
    "notifications": "Notifications",
    "recordings": "Recordings",
    "payments": "Payments",
    "events": "Events",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}
_CONFERENCE_LINKS: Mapping[str, str | None] = {
    "participants": f"{_A}/Conferences/{{sid}}/Participants.json",
    "recordings": f"{_A}/Conferences/{{sid}}/Recordings.json",
}
_TRANSCRIPTIONS: Mapping[str, str | None] = {"transcriptions": f"{_A}/Recordings/{{sid}}/Transcriptions.json"}

# The key is the last part of the schema's name in the vendor's file.
SHAPES: Mapping[Vendor, Mapping[str, Shape]] = {
    "twilio": {
        "call": Shape(
            "sid date_created date_updated parent_call_sid? account_sid to to_formatted from from_formatted "
            "phone_number_sid? status start_time? end_time? duration? price? price_unit? direction answered_by? "
            "api_version forwarded_from? group_sid? caller_name? queue_time? trunk_sid? uri subresource_uris",
            f"{_A}/Calls/{{sid}}.json",
            {name: f"{_A}/Calls/{{sid}}/{noun}.json" for name, noun in _CALL_LINKS.items()},
        ),
        "call_recording": Shape(
            "account_sid api_version call_sid conference_sid? date_created date_updated start_time? duration? sid "
            "price? uri encryption_details? price_unit? status channels source error_code? track?",
            f"{_A}/Calls/{{call_sid}}/Recordings/{{sid}}.json",
        ),
        "conference_recording": Shape(
            "account_sid api_version call_sid conference_sid date_created date_updated start_time? duration? sid "
            "price? price_unit? status channels source error_code? encryption_details? uri",
            f"{_A}/Conferences/{{conference_sid}}/Recordings/{{sid}}.json",
        ),
        "recording": Shape(
            "account_sid api_version call_sid? conference_sid? date_created date_updated start_time? duration? sid "
            "price? price_unit? status channels? source error_code? uri encryption_details? subresource_uris media_url",
            f"{_A}/Recordings/{{sid}}.json",
            {"add_on_results": f"{_A}/Recordings/{{sid}}/AddOnResults.json", **_TRANSCRIPTIONS},
        ),
        "conference": Shape(
            "account_sid date_created date_updated api_version friendly_name? region? sid status uri subresource_uris "
            "reason_conference_ended? call_sid_ending_conference?",
            f"{_A}/Conferences/{{sid}}.json",
            _CONFERENCE_LINKS,
        ),
        "participant": Shape(
            "account_sid call_sid label? call_sid_to_coach? coaching? conference_sid date_created date_updated "
            "end_conference_on_exit muted hold start_conference_on_enter status queue_time? uri",
            f"{_A}/Conferences/{{conference_sid}}/Participants/{{call_sid}}.json",
        ),
        "recording_transcription": Shape(
            "account_sid api_version date_created date_updated duration? price? price_unit recording_sid sid status "
            "transcription_text? type? uri",
            f"{_A}/Transcriptions/{{sid}}.json",
        ),
    },
    "signalwire": {
        "Call": Shape(
            "sid account_sid date_created date_updated parent_call_sid? to formatted_to to_formatted from "
            "formatted_from from_formatted phone_number_sid? status start_time? end_time? duration price? price_unit "
            "direction answered_by? api_version forwarded_from? caller_name? uri subresource_uris annotation? "
            "group_sid? audio_in_mos? sip_result_code? audio_rtt_avg? audio_rtt_min? audio_rtt_max? "
            "audio_out_jitter_min? audio_out_jitter_max? audio_out_jitter_avg? audio_out_lost?",
            f"{_A}/Calls/{{sid}}.json",
            {"notifications": None, "recordings": f"{_A}/Calls/{{sid}}/Recordings.json"},
        ),
        "CallRecording": Shape(_SIGNALWIRE_RECORDING, f"{_A}/Recordings/{{sid}}.json", _TRANSCRIPTIONS),
        "Recording": Shape(_SIGNALWIRE_RECORDING, f"{_A}/Recordings/{{sid}}.json", _TRANSCRIPTIONS),
        "ConferenceRecording": Shape(
            _SIGNALWIRE_RECORDING, f"{_A}/Conferences/{{conference_sid}}/Recordings/{{sid}}.json", _TRANSCRIPTIONS
        ),
        "Conference": Shape(
            "sid account_sid date_created date_updated friendly_name status api_version region uri subresource_uris",
            f"{_A}/Conferences/{{sid}}.json",
            _CONFERENCE_LINKS,
        ),
        "ConferenceParticipant": Shape(
            "account_sid call_sid call_sid_to_coach? coaching conference_sid date_created status date_updated "
            "end_conference_on_exit muted hold start_conference_on_enter uri",
            f"{_A}/Conferences/{{conference_sid}}/Participants/{{call_sid}}.json",
        ),
        "Transcription": Shape(
            "sid account_sid api_version recording_sid date_created date_updated duration price? price_unit status "
            "transcription_text? type uri",
            f"{_A}/Transcriptions/{{sid}}.json",
        ),
    },
}

_WHOLE = {"pattern": r"^\d+$"}
_AMOUNT = {"pattern": r"^-?\d+\.\d+$"}
_DATE = {"format": "date-time-rfc-2822"}
_NOTHING = {"type": "null"}
_BOTH_VENDORS = {"api_version": {"const": "2010-04-01"}, "encryption_details": _NOTHING}

# Stricter rules for fields than the vendor's schema has; `kind.field` takes precedence over `field`.
PROMISES: Mapping[Vendor, Mapping[str, Mapping[str, Any]]] = {
    "twilio": {
        **_BOTH_VENDORS,
        "duration": _WHOLE,
        "price": _AMOUNT,
        "queue_time": _WHOLE,
        "channels": {"enum": [1, 2, None]},
        "direction": {"enum": ["inbound", "outbound-api", "outbound-dial"]},
        "track": {"enum": ["inbound", "outbound", "both", None]},
        "call_recording.conference_sid": _NOTHING,
        "media_url": {
            "pattern": r"^https?://[^/\s]+(/\S+)?/2010-04-01/Accounts/AC[0-9a-f]{32}/Recordings/RE[0-9a-f]{32}$"
        },
    },
    "signalwire": {
        **_BOTH_VENDORS,
        **dict.fromkeys(["date_created", "date_updated", "start_time", "end_time"], _DATE),
        **dict.fromkeys(["forwarded_from", "caller_name", "group_sid", "annotation"], _NOTHING),
        "duration": {"minimum": 0},
        "price_unit": {"const": "USD"},
        "CallRecording.price": _AMOUNT,
        "Recording.price": _AMOUNT,
        "ConferenceRecording.price": _AMOUNT,
        "ConferenceRecording.call_sid": _NOTHING,
        "Transcription.price": _AMOUNT,
        "Transcription.status": {"const": "completed"},
        "Transcription.type": {"const": ""},
        "region": {"const": "us1"},
        "trim": {"enum": ["do-not-trim", "trim-silence"]},
    },
}

# The four intended differences from a vendor's file. The first two correct Twilio's schemas:
CORRECTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    # 1. The price is a number in the schema, but a string in all of Twilio's examples and other recording schemas.
    "call_recording": {"price": {"type": "string", "nullable": True}},
    "recording_transcription": {"price": {"type": "string", "nullable": True}},
    # 2. The reason is null until the conference ends: the schema lacks `nullable`, but Twilio's examples show null.
    "conference": {
        "reason_conference_ended": {
            "allOf": [{"$ref": "#/components/schemas/conference_enum_reason_conference_ended"}],
            "nullable": True,
        }
    },
}
# 3. A SignalWire error for a new call may be the plain error object, not only an array: `_Operation.error_faults`.
# 4. The values of SignalWire's callbacks are strings, because forms carry nothing else; a callback is a request, not a
#    response, so it is not validated here.

# Operations that this API adds to SignalWire's: name, body of a success, error statuses.
_CALL_RECORDINGS = "/Accounts/{AccountSid}/Calls/{CallSid}/Recordings"
EXTENSIONS: Mapping[tuple[str, str], tuple[str, str | None, tuple[int, ...]]] = {
    ("get", _CALL_RECORDINGS): ("list_call_recordings", "RecordingListResponse", (400, 401, 404, 422)),
    ("get", _CALL_RECORDINGS + "/{Sid}"): ("get_call_recording", "CallRecordingResponse", (401, 404)),
    ("delete", _CALL_RECORDINGS + "/{Sid}"): ("delete_call_recording", None, (400, 401, 404)),
    ("get", "/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions"): (
        "list_recording_transcriptions",
        "TranscriptionListResponse",
        (400, 401, 404, 422),
    ),
}

# Further paths of operations: Twilio's bodies link transcriptions below the account, which its file does not specify;
# SignalWire's bodies link them below the recording.
_OF_RECORDING, _OF_ACCOUNT = "/Accounts/{AccountSid}/Recordings/{RecordingSid}", "/Accounts/{AccountSid}"
ALIASES: Mapping[Vendor, Mapping[tuple[str, str], str]] = {
    "twilio": {
        ("get", f"{_OF_RECORDING}/Transcriptions"): f"{_OF_ACCOUNT}/Transcriptions",
        ("get", f"{_OF_RECORDING}/Transcriptions/{{Sid}}"): f"{_OF_ACCOUNT}/Transcriptions/{{Sid}}",
        ("delete", f"{_OF_RECORDING}/Transcriptions/{{Sid}}"): f"{_OF_ACCOUNT}/Transcriptions/{{Sid}}",
    },
    "signalwire": {
        ("get", f"{_OF_ACCOUNT}/Transcriptions/{{Sid}}"): f"{_OF_RECORDING}/Transcriptions/{{Sid}}",
        ("delete", f"{_OF_ACCOUNT}/Transcriptions/{{Sid}}"): f"{_OF_RECORDING}/Transcriptions/{{Sid}}",
    },
}

# An API that creates calls by other means may answer these with 405.
_OPTIONAL = {"CreateCall", "DeleteCall", "create_a_call", "delete_a_call"}
# The media engine may not confirm in time; Twilio's file lists 408 for the first operation only.
_SLOW = {"UpdateCallRecording": {408}, "UpdateConferenceRecording": {408}}

_NO_CREDENTIALS = "Authentication Error - No credentials provided"
_NO_CREDENTIALS_DETAIL = "Your AccountSid or AuthToken was incorrect."
_ERROR = ["code", "message", "more_info", "status"]
_ERROR_OF_NO_CREDENTIALS = ["code", "detail", "message", "more_info", "status"]
_ERROR_IN_ARRAY = ["code", "message", "more_info"]
_ARRAY_MORE_INFO = "https://signalwire.com/docs/rest/compatibility-api/error-codes"

_LIVE = {"in-progress", "paused", "stopped", "processing"}
_RECORDINGS = {
    "call_recording",
    "conference_recording",
    "recording",
    "CallRecording",
    "ConferenceRecording",
    "Recording",
}
# Twilio shows `in-progress`, `paused` and `stopped` only in the response to an update.
_TWILIO_STATUSES = {
    "GET": {"processing", "completed", "absent"},
    # Stopping a recording that has already ended succeeds and changes nothing.
    "POST": {"in-progress", "paused", "stopped", "completed", "absent"},
}
_SIGNALWIRE_STATUSES = {"in-progress", "paused", "stopped", "completed", "absent"}
_JSON = "application/json; charset=utf-8"
_MEDIA_STATUSES = {200, 206, 304, 307, 416}
_MEDIA_TYPES = {"": "audio/x-wav", ".wav": "audio/x-wav", ".mp3": "audio/mpeg"}

# The maximum number of faults in a message.
_SHOWN = 12

# --- Faults ----------------------------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """One fault of a response."""

    place: str
    expected: str
    found: object

    def __str__(self) -> str:
        return f"  at {self.place or 'the answer'}: expected {self.expected}, found {_shortened(self.found)}"


def _shortened(value: object) -> str:
    if value is ...:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else text[:197] + "..."


def _one_of(values: Iterable[object]) -> str:
    return "one of " + ", ".join(sorted(map(str, values)))


# --- Formats and schemas ---------------------------------------------------------------------------------------------

_FORMATS = FormatChecker(formats=())
_OUR_UUID = re.compile(_UUID)
_CURRENCY = re.compile(r"[A-Z]{3}")
# Both vendors link from the root of the host; only media_url is absolute.
_URI = re.compile(r"(https?://[^/\s]+)?/\S*")


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or _OUR_UUID.fullmatch(value) is not None


@_FORMATS.checks("date-time-rfc-2822")
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or _is_rfc2822(value)


@lru_cache(maxsize=4096)
def _is_rfc2822(text: str) -> bool:
    # Only a date with the right weekday, English names and all digits is equal after parsing and formatting.
    try:
        return text.endswith(" +0000") and format_datetime(parsedate_to_datetime(text)) == text
    except ValueError:
        return False


@_FORMATS.checks("currency")
def _is_currency(value: object) -> bool:
    return not isinstance(value, str) or _CURRENCY.fullmatch(value) is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


@_FORMATS.checks("uri-map")
def _is_uri_map(value: object) -> bool:
    return not isinstance(value, dict) or all(isinstance(uri, str) and _is_uri(uri) for uri in value.values())


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


def _is_integer(_checker: object, value: object) -> bool:
    # JSON Schema accepts 4.0 as an integer; typed clients do not.
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: type[Draft202012Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)

# Documentation only, except for the last two, which SHAPES specifies more strictly.
_UNREAD = {"title", "description", "example", "examples", "default", "required", "unevaluatedProperties"}


class _Schemas:
    """Converts a vendor's schemas to self-contained JSON Schema 2020-12; Twilio's are OpenAPI 3.0 (`nullable`)."""

    def __init__(self, vendor: Vendor, components: Mapping[str, Any]) -> None:
        self.vendor = vendor
        self.components = components
        self.objects: dict[str, _Object] = {}

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.resolved(self.components[_name(schema)]) if "$ref" in schema else schema

    def converted(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve references and drop keywords that do not affect validation."""
        schema = {key: value for key, value in self.resolved(schema).items() if key not in _UNREAD}
        nullable = schema.pop("nullable", False)
        options = [self.converted(option) for option in schema.pop("anyOf", [])]
        parts = [self.converted(part) for part in schema.pop("allOf", [])]
        if _NOTHING in options:
            options.remove(_NOTHING)
            nullable = True
        parts += options if len(options) == 1 else [{"anyOf": options}] if options else []
        for part in parts:
            schema = _narrowed(schema, part)
        if "items" in schema:
            schema["items"] = self.converted(schema["items"])
        if "properties" in schema:
            schema["properties"] = {name: self.converted(value) for name, value in schema["properties"].items()}
        if "pattern" in schema:  # requests may use both cases; responses use lower case
            schema["pattern"] = schema["pattern"].replace("[0-9a-fA-F]", "[0-9a-f]")
        return _nullable(schema) if nullable else schema

    def body(self, schema: Mapping[str, Any]) -> _Object | _Page:
        """Return the body that this schema describes: one object or a page of a list."""
        return self.page(self.resolved(schema)) or self.object(_name(schema))

    def object(self, name: str) -> _Object:
        """Return the kind of object that a named schema describes."""
        if name not in self.objects:
            kind = name.rpartition(".")[2].removesuffix("Response")
            shape = SHAPES[self.vendor][kind]
            vendors = {**self.components[name]["properties"]}
            vendors |= {field: schema for field, schema in CORRECTIONS.get(kind, {}).items() if self.vendor == "twilio"}
            self.objects[name] = _Object(self.vendor, kind, shape, *self._fields(kind, shape.fields, vendors))
        return self.objects[name]

    def page(self, schema: Mapping[str, Any]) -> _Page | None:
        """Return the page of a list that a schema describes; None if it describes no list."""
        for noun, value in schema["properties"].items():
            if "items" in value:
                item = self.object(_name(value["items"]))
                envelope = {**schema["properties"], noun: {"type": "array"}}
                fields = f"{DIALECTS[self.vendor].envelope} {noun}"
                return _Page(self.vendor, noun, item, *self._fields("page", fields, envelope))
        return None

    def _fields(self, kind: str, marked: str, vendors: Mapping[str, Any]) -> tuple[list[str], Draft202012Validator]:
        properties = {}
        for mark in marked.split():
            name = mark.removesuffix("?")
            schema = self.converted(vendors[name])
            promises = PROMISES[self.vendor]
            promise = promises.get(f"{kind}.{name}", promises.get(name, {}))
            properties[name] = _narrowed(schema if mark.endswith("?") else _not_null(schema), promise)
        return list(properties), _validator({"type": "object", "properties": properties})


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    return _Validator(schema, format_checker=_FORMATS)


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    with_null = {**schema, "enum": [*schema["enum"], None]} if "enum" in schema else dict(schema)
    return {**with_null, "type": [schema["type"], "null"]} if "type" in schema else with_null


def _not_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    without = {**schema, "enum": [value for value in schema["enum"] if value]} if "enum" in schema else dict(schema)
    return {**without, "type": schema["type"][0]} if isinstance(schema.get("type"), list) else without


def _narrowed(schema: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, **more} if schema.keys().isdisjoint(more) else {"allOf": [dict(schema), dict(more)]}


def _schema_faults(validator: Draft202012Validator, value: object, place: str) -> Iterator[Fault]:
    for error in validator.iter_errors(value):
        where = place + "".join(f"/{part}" for part in error.absolute_path)
        yield Fault(where, f"{error.validator} {_shortened(error.validator_value)}", error.instance)


# --- Bodies ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Object:
    """One kind of JSON object: its fields, their order and their types."""

    vendor: Vendor
    kind: str
    shape: Shape
    fields: list[str]
    validator: Draft202012Validator

    def faults(self, method: str, body: object, place: str) -> Iterator[Fault]:
        yield from _field_faults(self.fields, body, place)
        if not isinstance(body, dict):
            return
        wrong = list(_schema_faults(self.validator, body, place))
        yield from wrong
        if not wrong and body.keys() >= set(self.fields):
            yield from self._address_faults(body, place)
            yield from (Fault(f"{place}/{fault.place}", *fault[1:]) for fault in self._contradictions(method, body))

    def _address_faults(self, body: Mapping[str, Any], place: str) -> Iterator[Fault]:
        ids = {"home": DIALECTS[self.vendor].home, **body}
        uri = self.shape.uri.format_map(ids)
        if body["uri"] != uri:
            yield Fault(f"{place}/uri", uri, body["uri"])
        if not self.shape.links:
            return
        links = body["subresource_uris"]
        yield from _field_faults(list(self.shape.links), links, f"{place}/subresource_uris")
        for name, template in self.shape.links.items():
            link = template and template.format_map(ids)
            if name in links and links[name] != link:
                yield Fault(f"{place}/subresource_uris/{name}", str(link), links[name])

    def _contradictions(self, method: str, body: Mapping[str, Any]) -> Iterator[Fault]:
        if self.kind in _RECORDINGS:
            yield from (_twilio_recording if self.vendor == "twilio" else _signalwire_recording)(
                self.kind, method, body
            )
        elif self.kind == "conference":
            yield from _twilio_conference(body)
        elif self.kind == "call" and (body["status"] == "completed") != (body["duration"] is not None):
            yield Fault("duration", "null unless completed", body["duration"])
        elif self.kind == "Call" and body["status"] != "completed" and body["duration"] != 0:
            yield Fault("duration", "0 unless completed", body["duration"])


def _twilio_recording(kind: str, method: str, body: Mapping[str, Any]) -> Iterator[Fault]:
    status = body["status"]
    statuses = _TWILIO_STATUSES[method] | ({"deleted"} if kind == "recording" else set())
    if status not in statuses:
        yield Fault("status", f"after {method} {_one_of(statuses)}", status)
    if (status in _LIVE) != (body["duration"] is None):
        yield Fault("duration", f"null exactly while the recording goes on, at status {status}", body["duration"])
    if (body["price"] is None) != (body["price_unit"] is None):
        yield Fault("price_unit", f"null exactly when price is, at price {body['price']}", body["price_unit"])


def _signalwire_recording(_kind: str, _method: str, body: Mapping[str, Any]) -> Iterator[Fault]:
    status = body["status"]
    if status not in _SIGNALWIRE_STATUSES:
        yield Fault("status", _one_of(_SIGNALWIRE_STATUSES), status)
    if status in _LIVE and body["duration"] != 0:
        yield Fault("duration", "0 while the recording goes on", body["duration"])
    if body["channel"] != body["channels"]:
        yield Fault("channel", f"the same as channels, {body['channels']}", body["channel"])
    if (body["call_sid"] is None) == (body["conference_sid"] is None):
        found = f"{body['call_sid']} and {body['conference_sid']}"
        yield Fault("call_sid", "exactly one of call_sid and conference_sid", found)


def _twilio_conference(body: Mapping[str, Any]) -> Iterator[Fault]:
    ended = body["status"] == "completed"
    if ended == (body["reason_conference_ended"] is None):
        yield Fault("reason_conference_ended", "null exactly until completed", body["reason_conference_ended"])
    if not ended and body["call_sid_ending_conference"] is not None:
        yield Fault("call_sid_ending_conference", "null until completed", body["call_sid_ending_conference"])


@dataclass(frozen=True)
class _Page:
    """A page of a list: the envelope and its items."""

    vendor: Vendor
    noun: str
    item: _Object
    fields: list[str]
    validator: Draft202012Validator

    def faults(self, method: str, body: object, path: str) -> Iterator[Fault]:
        yield from _field_faults(self.fields, body, "")
        if not isinstance(body, dict):
            return
        wrong = list(_schema_faults(self.validator, body, ""))
        yield from wrong
        for number, item in enumerate(body.get(self.noun) or [] if not wrong else []):
            yield from self.item.faults(method, item, f"/{self.noun}/{number}")
        if not wrong and body.keys() >= set(self.fields):
            yield from self._link_faults(body, path)
            yield from self._count_faults(body)

    def _link_faults(self, body: Mapping[str, Any], path: str) -> Iterator[Fault]:
        address = re.escape(path) + r"\?(\S+&)?" + DIALECTS[self.vendor].query
        for name in ("first_page_uri", "next_page_uri", "previous_page_uri", "uri"):
            link = body[name]
            if link is not None and not re.fullmatch(address, link):
                yield Fault(f"/{name}", f"{path}?...{DIALECTS[self.vendor].query}", link)
        if not re.search(r"[?&]Page=0(&PageSize=\d+)?$", body["first_page_uri"]):
            yield Fault("/first_page_uri", "page 0 without a token", body["first_page_uri"])

    def _count_faults(self, body: Mapping[str, Any]) -> Iterator[Fault]:
        page, size, number = body["page"], body["page_size"], len(body[self.noun])
        if page < 0 or not 1 <= size <= 1000 or number > size:
            yield Fault("/page_size", f"a page of 1 to 1000 that holds its {number} items", size)
        if self.vendor == "twilio":
            start = page * size
            end = start + number - 1 if number else 0
            if (body["start"], body["end"]) != (start, end):
                yield Fault("/start", f"start {start}, end {end}", f"start {body['start']}, end {body['end']}")


def _field_faults(fields: list[str], body: object, place: str) -> Iterator[Fault]:
    if not isinstance(body, dict):
        yield Fault(place or "/", "an object", body)
        return
    names = list(body)
    if names == fields:
        return
    for name in fields:
        if name not in body:
            yield Fault(f"{place}/{name}", "this field", ...)
    for name in names:
        if name not in fields:
            yield Fault(f"{place}/{name}", "no such field", body[name])
    if set(names) == set(fields):
        yield Fault(place or "/", f"this order of fields: {' '.join(fields)}", " ".join(names))


# --- Operations ------------------------------------------------------------------------------------------------------


class _Route(NamedTuple):
    """A path without its ids: its nouns, and whether it ends in an id."""

    nouns: tuple[str, ...]
    item: bool


_RECORDING = _Route(("Accounts", "Recordings"), item=True)


def _route(path: str) -> tuple[_Route, list[str]]:
    """Split a path below a dialect's root into its route and its ids; nouns and ids alternate."""
    segments = path.removeprefix("/").removesuffix(".json").split("/")
    return _Route(tuple(segments[::2]), item=len(segments) % 2 == 0), segments[1::2]


@dataclass(frozen=True)
class _Operation:
    """One operation of a vendor: the patterns of its ids and its possible responses."""

    name: str
    vendor: Vendor
    ids: tuple[re.Pattern[str], ...]
    successes: Mapping[int, _Object | _Page | None]
    errors: frozenset[int]
    # The vendor's schemas for errors, by status: a name and a validator.
    schemas: Mapping[int, tuple[str, Draft202012Validator]]

    def error_faults(self, status: int, body: object, path: str) -> Iterator[Fault]:
        name, validator = self.schemas.get(status, ("", None))
        if name == "CompatibilityErrorStringArrayResponse":
            yield from _string_array_faults(body)
        elif name == "CompatibilityErrorArrayResponse" and isinstance(body, dict) and "errors" in body:
            yield from _object_array_faults(body)
        else:
            # Also for SignalWire's rejection of a new call, whose schema is the array: difference 3 above.
            yield from _error_faults(self.vendor, status, body, path)
            validator = None if name == "CompatibilityErrorArrayResponse" else validator
        if validator:
            yield from _schema_faults(validator, body, "")


def _error_faults(vendor: Vendor, status: int, body: object, path: str) -> Iterator[Fault]:
    """Yield the faults of an error object, which Twilio's file does not specify and SignalWire's only partly."""
    message = body.get("message") if isinstance(body, dict) else None
    no_credentials = vendor == "twilio" and status == 401 and message == _NO_CREDENTIALS
    wrong = list(_field_faults(_ERROR_OF_NO_CREDENTIALS if no_credentials else _ERROR, body, ""))
    yield from wrong
    if wrong or not isinstance(body, dict):
        return
    dialect = DIALECTS[vendor]
    expected = {"status": status, "more_info": dialect.more_info.format(code=body["code"])}
    if no_credentials:
        expected["detail"] = _NO_CREDENTIALS_DETAIL
    if status == 404:
        expected["message"] = f"The requested resource {unquote(path)} was not found"
        message = unquote(str(message))
    for name, value in expected.items():
        found = message if name == "message" else body[name]
        if found != value or type(found) is not type(value):
            yield Fault(f"/{name}", _shortened(value), body[name])
    codes = dialect.codes.get(status, frozenset())
    if type(body["code"]) is not int or body["code"] not in codes:
        yield Fault("/code", f"with status {status} {_one_of(codes)}", body["code"])
    if not isinstance(body["message"], str) or not body["message"]:
        yield Fault("/message", "a text", body["message"])


def _string_array_faults(body: object) -> Iterator[Fault]:
    yield from _field_faults(["errors"], body, "")
    if isinstance(body, dict) and not body.get("errors"):
        yield Fault("/errors", "at least one text", body.get("errors", ...))


def _object_array_faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _field_faults(["errors"], body, "")
    if not body["errors"] or not isinstance(body["errors"], list):
        yield Fault("/errors", "at least one error", body["errors"])
        return
    for number, error in enumerate(body["errors"]):
        place = f"/errors/{number}"
        wrong = list(_field_faults(_ERROR_IN_ARRAY, error, place))
        yield from wrong
        if not wrong and error["more_info"] != _ARRAY_MORE_INFO:
            yield Fault(f"{place}/more_info", _ARRAY_MORE_INFO, error["more_info"])


# --- The contract ----------------------------------------------------------------------------------------------------

Operations = Mapping[tuple[str, _Route], _Operation]


def contract_folder() -> Path:
    """Return the folder of the vendors' files, which may not exist."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "contract" / "openapi"
    return Path(os.environ.get("TAPEDECK_CONTRACT") or beside)


@cache
def _operations(folder: Path, vendor: Vendor) -> Operations:
    document = json.loads((folder / f"{vendor}.json").read_text(encoding="utf-8"))
    schemas = _Schemas(vendor, document["components"]["schemas"])
    specified = [
        (method, path.removeprefix(DIALECTS[vendor].home), description)
        for path, methods in document["paths"].items()
        for method, description in methods.items()
        if method in {"get", "post", "delete"}
    ]
    if vendor == "signalwire":
        specified += [(method, path, _extension(*row)) for (method, path), row in EXTENSIONS.items()]
    specified += [
        (method, ALIASES[vendor][method, original], description)
        for method, path, description in specified
        if (method, original := path.removesuffix(".json")) in ALIASES[vendor]
    ]
    return {
        (method.upper(), _route(path)[0]): _operation(schemas, path, description)
        for method, path, description in specified
    }


def _extension(name: str, body: str | None, errors: tuple[int, ...]) -> dict[str, Any]:
    """Describe an added operation in OpenAPI."""
    responses: dict[str, Any] = {"200": _json_of(body)} if body else {"204": {}}
    responses |= {str(status): _json_of("CompatibilityErrorResponse") for status in errors}
    return {"operationId": name, "responses": responses}


def _json_of(name: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _operation(schemas: _Schemas, path: str, description: Mapping[str, Any]) -> _Operation:
    name, vendor = description["operationId"], schemas.vendor
    successes: dict[int, _Object | _Page | None] = {}
    errors: dict[int, tuple[str, Draft202012Validator]] = {}
    for code, response in description["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if int(code) >= 400:
            errors[int(code)] = (_name(schema) if "$ref" in schema else "", _validator(schemas.converted(schema)))
        else:
            successes[int(code)] = schemas.body(schema) if schema else None
    return _Operation(
        name,
        vendor,
        _id_patterns(vendor, path, description),
        successes,
        DIALECTS[vendor].anywhere | errors.keys() | ({405} if name in _OPTIONAL else set()) | _SLOW.get(name, set()),
        errors,
    )


def _id_patterns(vendor: Vendor, path: str, description: Mapping[str, Any]) -> tuple[re.Pattern[str], ...]:
    if vendor == "signalwire":
        return tuple(DIALECTS[vendor].account for _ in _route(path)[1])
    patterns = {each["name"]: each["schema"].get("pattern", ".+") for each in description["parameters"]}
    return tuple(re.compile(patterns[variable.strip("{}")]) for variable in _route(path)[1])


@dataclass(frozen=True)
class _Request:
    """A request with its vendor and, if there is one, its operation."""

    vendor: Vendor
    method: str
    path: str
    route: _Route
    ids: list[str]
    operation: _Operation | None
    # The file extension of a media URL (may be empty); None if it is not one.
    media: str | None

    @property
    def operation_name(self) -> str:
        return "media" if self.media is not None else self.operation.name if self.operation else "no operation"

    @property
    def well_formed(self) -> bool:
        ids = [self.ids[0], self.ids[1].removesuffix(self.media)] if self.media else self.ids
        return self.operation is not None and all(map(re.Pattern.fullmatch, self.operation.ids, ids))

    @property
    def page_path(self) -> str:
        """The URI of the list as its pages show it."""
        ids = [given[:2] + given[2:].lower() if self.vendor == "twilio" else given.lower() for given in self.ids]
        dialect = DIALECTS[self.vendor]
        pairs = zip(self.route.nouns, [*ids, ""], strict=False)
        return "/".join([dialect.home, *(part for pair in pairs for part in pair if part)]) + dialect.suffix


class VendorContract:
    """Validates responses against the vendors' files."""

    def __init__(self) -> None:
        folder = contract_folder()
        self._operations: dict[Vendor, Operations] = {vendor: _operations(folder, vendor) for vendor in DIALECTS}

    @staticmethod
    def available() -> bool:
        """Return whether the vendors' files exist."""
        return all((contract_folder() / f"{vendor}.json").is_file() for vendor in DIALECTS)

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], body: str | bytes) -> None:
        """Validate a response to `method path`.

        Raises:
            AssertionError: the response has faults; the message lists them.
        """
        request = self._request(method.upper(), path.partition("?")[0])
        allowed = self._statuses(request)
        faults = list(_header_faults(request.vendor, status, {name.lower(): headers[name] for name in headers}))
        if status in allowed:
            content_type = next((headers[name] for name in headers if name.lower() == "content-type"), "")
            faults += _body_faults(request, status, content_type, body.encode() if isinstance(body, str) else body)
        else:
            faults.append(Fault("", f"status {_one_of(allowed)}", status))
        if faults:
            lines = [
                f"{request.vendor} {request.operation_name}: {method} {path} answered {status}",
                *map(str, faults[:_SHOWN]),
            ]
            lines += [f"  and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
            raise AssertionError("\n".join(lines))

    def _request(self, method: str, path: str) -> _Request:
        vendor: Vendor = "signalwire" if path.startswith("/api/laml") else "twilio"
        place = path.removeprefix("/api/laml")
        route, ids = _route(place.removeprefix("/2010-04-01"))
        if not place.startswith("/2010-04-01/"):
            route, ids = _Route((), item=False), []
        elif route.nouns[0] == "Accounts" and ids:
            vendor = next((name for name in DIALECTS if DIALECTS[name].account.fullmatch(ids[0])), vendor)
        media = None
        if route == _RECORDING and method in {"GET", "HEAD"} and not place.endswith(".json"):
            media = next((ending for ending in (".wav", ".mp3") if place.endswith(ending)), "")
        operation = self._operations[vendor].get(("GET" if media is not None else method, route))
        return _Request(vendor, method, path, route, ids, operation, media)

    def _statuses(self, request: _Request) -> set[int]:
        operation = request.operation
        if operation:
            successes = _MEDIA_STATUSES if request.media is not None else operation.successes.keys()
            if request.well_formed:
                return {*operation.errors, *successes}
            # Ids are checked before parameters and states; a malformed body may be rejected earlier.
            return set(operation.errors) - {408, 422, 503} - ({400} if request.method != "POST" else set())
        # An unknown operation is rejected before any other check.
        known = any(route == request.route for _, route in self._operations[request.vendor])
        refusals = {405, 429, 500} if known else {404, 405, 429, 500}
        # An operation of the other vendor has a route, so credentials are checked first.
        elsewhere = any((request.method, request.route) in operations for operations in self._operations.values())
        return refusals | ({401, 404, 413} if elsewhere else set())


def _header_faults(vendor: Vendor, status: int, headers: Mapping[str, str]) -> Iterator[Fault]:
    if not headers.get("x-request-id"):
        yield Fault("header X-Request-Id", "an id", headers.get("x-request-id", ...))
    challenge = f'Basic realm="{DIALECTS[vendor].realm}"'
    if status == 401 and headers.get("www-authenticate") != challenge:
        yield Fault("header WWW-Authenticate", challenge, headers.get("www-authenticate", ...))


def _body_faults(request: _Request, status: int, content_type: str, body: bytes) -> Iterator[Fault]:
    if status in {204, 304}:
        if body:
            yield Fault("body", "nothing", body.decode(errors="replace"))
    elif request.method == "HEAD" and not body:
        pass
    elif request.media is not None and status in {307, 416}:
        pass  # a redirect or an unsatisfiable range: the body is not specified
    elif request.media is not None and status in _MEDIA_STATUSES:
        if content_type != _MEDIA_TYPES[request.media]:
            yield Fault("header Content-Type", _MEDIA_TYPES[request.media], content_type)
        if not body:
            yield Fault("body", "audio", ...)
    else:
        if content_type != _JSON:
            yield Fault("header Content-Type", _JSON, content_type)
        yield from _json_faults(request, status, body)


def _json_faults(request: _Request, status: int, text: bytes) -> Iterator[Fault]:
    try:
        body = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        yield Fault("body", f"JSON ({error})", text.decode(errors="replace"))
        return
    operation = request.operation
    success = operation.successes.get(status) if operation else None
    if isinstance(success, _Page):
        yield from success.faults(request.method, body, request.page_path)
    elif success:
        yield from success.faults(request.method, body, "")
    elif operation:
        yield from operation.error_faults(status, body, request.path)
    else:
        yield from _error_faults(request.vendor, status, body, request.path)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
