"""The schemas of the control API's responses."""

from enum import StrEnum
from typing import Final

from scripts.openapi.forms import UUID, Schema
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.engine_command import CommandKind
from tapedeck.domain.engine_event import EventOutcome, EventRefusal
from tapedeck.domain.participant import ParticipantStatus
from tapedeck.domain.recording import RecordingStatus, Source
from tapedeck.domain.transcription import TranscriptionStatus
from tapedeck.domain.unsettled import UnsettledKind
from tapedeck.operations.engine_registration import PresenceState
from tapedeck_standin.calls.parties import AnsweredBy, PartyOutcome
from tapedeck_standin.scheduler.work_left import WorkKind

REFERENCE: Final = "#/components/schemas/{model}"


def _object(description: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(component: str) -> Schema:
    return {"type": "array", "items": {"$ref": REFERENCE.format(model=component)}}


def _page(title: str, name: str, component: str) -> Schema:
    following = {"anyOf": [{"$ref": REFERENCE.format(model="Sids")}, {"type": "null"}]}
    return _object(f"{title}, newest first; `next` is null at the end.", **{name: _list(component), "next": following})


def _choice(values: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def response_schemas() -> dict[str, Schema]:
    """Return the schemas by component."""
    text, number = {"type": "string"}, {"type": "integer"}
    text_or_null, number_or_null = {"type": ["string", "null"]}, {"type": ["integer", "null"]}
    null: Schema = {"type": "null"}
    seconds: Schema = {"type": "number"}
    sids = {"$ref": REFERENCE.format(model="Sids")}
    sids_or_null: Schema = {"anyOf": [sids, null]}
    time = {"type": "string", "format": "date-time"}
    fields = {"type": "object", "additionalProperties": {"type": "string"}}
    parameters = {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    }
    accounts = {"anyOf": [{"type": "string", "const": "*"}, _list("Sids")]}
    error = _object("What is wrong.", message=text, field=text_or_null)
    listed_call = {
        "sid": sids, "status": _choice(CallStatus),
        "direction": {"type": "string", "enum": ["inbound", "outbound-api", "outbound-dial"]}, "to": text,
        "parent": sids_or_null, "conference": sids_or_null, "from": text,
        "position": {"anyOf": [{"$ref": REFERENCE.format(model="Position")}, null]},
    }  # fmt: skip
    return {
        "Account": _object("A new account.", sid=sids, token=text, signing_key=text),
        "Accounts": _page("Accounts", "accounts", "ListedAccount"),
        "Application": _object("A new application.", sid=sids, friendly_name=text),
        "PhoneNumber": _object("A new phone number.", sid=sids, phone_number=text, friendly_name=text),
        "ApiKey": _object("A new API key.", sid=sids, secret=text, friendly_name=text),
        "Attempt": _object(
            "One attempt to deliver a callback.", at=time, status=number_or_null, error=text_or_null,
            milliseconds=number, answer=text,
        ),
        "Call": _object("A call.", sid=sids, status=_choice(CallStatus), recordings=_list("Recording")),
        "Callback": _object(
            "A callback.", id=text, sid=sids, event=text, method={"type": "string", "enum": ["GET", "POST"]},
            url={"type": "string", "format": "uri"}, fields=fields, signature=text_or_null, signed=text_or_null,
            attempts=_list("Attempt"),
        ),
        "Callbacks": _object("Callbacks, oldest first.", callbacks=_list("Callback")),
        "Calls": _page("Calls", "calls", "ListedCall"),
        "CallWithCourse": _object(
            "A call, as the list shows it, with what has happened in it.", **listed_call,
            document={"anyOf": [{"$ref": REFERENCE.format(model="Document")}, null]}, played=_list("PlayedItem"),
            keys=_list("PressedKey"), spoken={"type": "array", "items": text}, streams=_list("Stream"),
            children={"type": "array", "items": sids},
        ),
        "Clock": {
            **_object(
                "The time after the advance; with `until`, where the call is then.", now=time,
                position={"anyOf": [{"$ref": REFERENCE.format(model="Position")}, null]},
            ),
            "required": ["now"],
        },
        "Conference": _object(
            "A conference.", sid=sids, friendly_name=text, status=_choice(ConferenceStatus), calls=_list("Call"),
            recordings=_list("Recording"),
        ),
        "Conferences": _page("Conferences", "conferences", "ListedConference"),
        "Document": _object(
            "The instructions that are executed; `url` is null if they were given themselves.", url=text_or_null,
            method=text, verbs={"type": "array", "items": text},
        ),
        "Engine": _object(
            "A media engine.", name=text, accounts=accounts,
            presence={"type": "string", "enum": [str(state) for state in PresenceState]}, seen_at=number_or_null,
            commands_waiting=number,
        ),
        "Engines": _object("The media engines, by name.", engines=_list("Engine")),
        "Error": _object("An error.", error=error),
        "EventOutcome": {
            **_object(
                "What became of an engine event.", id=text,
                outcome={"type": "string", "enum": [str(outcome) for outcome in EventOutcome]},
                code={"type": "string", "enum": [str(code) for code in EventRefusal]}, detail=text, after_ms=number,
            ),
            "required": ["id", "outcome"],
        },
        "Fault": _object(
            "A fault. `hits` counts how often it was applied.", id=text, on=text, times=number,
            then={"$ref": REFERENCE.format(model="FaultAction")}, hits=number,
        ),
        "Faults": _object("Faults, oldest first.", faults=_list("Fault")),
        "Fixture": _object("A resource of a fixtures file.", sid=sids),
        "Fixtures": _object(
            "What the fixtures created.",
            fixtures=_object(
                "The sids by kind, in the order of the file.", calls=_list("Fixture"), conferences=_list("Fixture"),
                recordings=_list("Fixture"), keys=_list("Fixture"),
                applications=_list("Fixture"), numbers=_list("Fixture"),
            ),
        ),
        "Health": _object("The stand-in responds.", status={"type": "string", "const": "ok"}),
        "Id": _object("What was accepted.", id=text),
        "Nothing": {"type": "object", "description": "Nothing.", "additionalProperties": False},
        "Party": _object(
            "How a party behaves.", id=text, number=text, outcome=_choice(PartyOutcome), ring=seconds,
            answered_by=_choice(AnsweredBy), greeting=seconds, speaks=_list("SpeechPart"), presses=_list("KeysPart"),
            hangup_after={"type": ["number", "null"]}, sip_code=number_or_null, times=number_or_null, used=number,
        ),
        "Parties": _object("How parties behave, oldest rule first.", parties=_list("Party")),
        "PlayedItem": {
            **_object(
                "What was spoken or played; `unfetched`: the file of another host, which the stand-in does not fetch.",
                at=time, verb={"type": "string", "enum": ["Say", "Play", "error"]}, text=text, url=text, digits=text,
                unfetched={"type": "boolean", "const": True},
            ),
            "required": ["at", "verb"],
        },
        "Position": _object(
            "The verb at which a call is: since when, until when by itself, and what it waits for.",
            verb=text_or_null, index=number, since=time, until={**time, "type": ["string", "null"]},
            waits_for={"type": "array", "items": text},
        ),
        "Pressed": _object("Whether something listened to the keys.", used={"type": "boolean"}),
        "PressedKey": _object("A key.", at=time, key=text, used={"type": "boolean"}),
        "Stream": _object(
            "A stream that instructions started.", kind=text, name=text, url=text, track=text, parameters=fields,
            open={"type": "boolean"},
        ),
        "Webhook": _object(
            "A request for instructions; `answer` is null while it is open, and if it failed.", id=text, at=time,
            kind=text, call=sids, verb=text_or_null, method={"type": "string", "enum": ["GET", "POST"]}, url=text,
            parameters=fields, headers=fields, signature=text_or_null, signed={"type": "boolean"}, attempts=number,
            answer={"anyOf": [{"$ref": REFERENCE.format(model="WebhookAnswer")}, null]},
            error={"anyOf": [{"$ref": REFERENCE.format(model="WebhookError")}, null]},
            document={"anyOf": [{"$ref": REFERENCE.format(model="WebhookDocument")}, null]},
        ),
        "WebhookAnswer": _object(
            "The answer of an application.", status=number, content_type=text, body=text, ms=number
        ),
        "WebhookDocument": _object("The verbs of the answer.", verbs={"type": "array", "items": text}),
        "WebhookError": _object("What is wrong with an answer.", code=number, text=text),
        "Webhooks": _object("Requests for instructions, oldest first.", webhooks=_list("Webhook")),
        "Left": _object("The work that is left.", left=_list("WorkLeft")),
        "ListedAccount": _object(
            "An account; `keys` is how many API keys it has.", sid=sids, created=time, keys=number,
            is_default={"type": "boolean"},
        ),
        "ListedCall": _object(
            "A call, as the list shows it.", **listed_call,
        ),
        "ListedConference": _object(
            "A conference, as the list shows it, with the participants that are in it.", sid=sids, friendly_name=text,
            status=_choice(ConferenceStatus), participants=_list("ListedParticipant"),
        ),
        "ListedParticipant": _object(
            "A participant that is in a conference.", call=sids, status=_choice(ParticipantStatus), label=text_or_null,
            muted={"type": "boolean"}, hold={"type": "boolean"}, coaching={"type": "boolean"},
        ),
        "ListedRecording": _object(
            "A recording in the list.", sid=sids, status=_choice(RecordingStatus), call=sids_or_null,
            conference=sids_or_null, source=_choice(Source), channels=number, duration=number_or_null,
        ),
        "NewEngine": _object("A new media engine.", name=text, accounts=accounts, token=text),
        "Recording": _object("A recording.", sid=sids, status=_choice(RecordingStatus)),
        "Recordings": _page("Recordings", "recordings", "ListedRecording"),
        "Request": _object(
            "A request to the API and its outcome.", id=text, at=time, method=text, path=text, operation=text_or_null,
            fields=parameters, status=number_or_null, code=number_or_null, parameter=text_or_null,
            reason=text_or_null, milliseconds=number, nearest=text_or_null,
        ),
        "Requests": _object("Requests, oldest first.", requests=_list("Request")),
        "Sids": _object(
            "A sid in both dialects.", twilio={"type": "string", "pattern": "^[A-Z]{2}[0-9a-f]{32}$"},
            signalwire={"type": "string", "pattern": f"^{UUID}$"},
        ),
        "Transcription": _object("A transcription.", sid=sids, status=_choice(TranscriptionStatus)),
        "Unsettled": _object(
            "What is unconfirmed, overdue or parked; what does not apply is null. `since` and `due` are seconds since "
            "the epoch.",
            what=_choice(UnsettledKind), overdue={"type": "boolean"}, since=number, due=number, account_sid=sids,
            call_sid=sids_or_null, conference_sid=sids_or_null, recording_sid=sids_or_null, version=number_or_null,
            command={"type": ["string", "null"], "enum": [*map(str, CommandKind), None]}, engine=text_or_null,
            presence={"type": ["string", "null"], "enum": [*map(str, PresenceState), None]}, callback=text_or_null,
            host=text_or_null, tried=number_or_null, failure=text_or_null,
        ),
        "UnsettledList": _object(
            "What is unsettled at `at`, in seconds since the epoch.", at=number, unsettled=_list("Unsettled")
        ),
        "Warning": _object(
            "A warning: a request was done, or instructions were executed, but not as may be expected.", at=time,
            level={"type": "string", "enum": ["warning", "error"]}, code=number, text=text,
            call=sids_or_null, webhook=text_or_null, line=number_or_null, column=number_or_null, verb=text_or_null,
            attribute=text_or_null, value=text_or_null,
        ),
        "Warnings": _object("Warnings, oldest first.", warnings=_list("Warning")),
        "WorkLeft": _object(
            "Work that is left; `due` is null if it waits for an external engine.", sid=sids, what=_choice(WorkKind),
            due={**time, "type": ["string", "null"]},
        ),
    }  # fmt: skip
