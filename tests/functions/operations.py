"""A table of all operations with a route, for tests that apply to each of them."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tapedeck.bootstrap.http import get_admin_services
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import ApiKeyInfo
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import Recording, Source
from tapedeck.domain.transcription import Transcription
from tapedeck.http.routes import is_engine_path
from tests.client import TEMPLATE, Answer, FunctionClient
from tests.functions import expected
from tests.functions.stage import Stage, shown

KINDS = {
    "AccountSid": ResourceType.ACCOUNT,
    "CallSid": ResourceType.CALL,
    "ConferenceSid": ResourceType.CONFERENCE,
    "RecordingSid": ResourceType.RECORDING,
    "TranscriptionSid": ResourceType.TRANSCRIPTION,
    "KeySid": ResourceType.API_KEY,
    "PhoneNumberSid": ResourceType.PHONE_NUMBER,
    "ApplicationSid": ResourceType.APPLICATION,
}


def variables_of(path: str) -> list[str]:
    """Return the names of the ids in a path template."""
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]


@dataclass(frozen=True)
class Operation:
    """One operation: its method, its path below an account, and a form that does not change the shown resource.

    `only`: the one dialect that has the operation; tests skip the other. `suffixes`: equivalent suffixes of its path.
    """

    name: str
    method: str
    path: str
    form: Mapping[str, str] | None = None
    only: str | None = None
    suffixes: tuple[str, ...] = ("", ".json")

    @property
    def variables(self) -> list[str]:
        """The names of the ids in its path below the account."""
        return variables_of(self.path)

    @property
    def is_list(self) -> bool:
        """Whether it answers with a page of a list."""
        return self.method == "GET" and self.path != "" and not self.path.endswith("}")

    @property
    def is_deletion(self) -> bool:
        """Whether it deletes the resource and answers with an empty body."""
        return self.method == "DELETE"

    @property
    def status(self) -> int:
        """The status of a success; create_call_recording answers 200, because the call is already being recorded."""
        created = {"create_participant", "create_key", "create_incoming_phone_number", "create_application"}
        return 201 if self.name in created else 204 if self.is_deletion else 200

    def status_in(self, dialect: str) -> int:
        """The status of a success; only Twilio's dialect answers the creation of a call with 201."""
        return 201 if self.name == "create_call" and dialect == "twilio" else self.status

    def takes_names(self, variable: str) -> bool:
        """Whether its path accepts a friendly name or a label in place of this id."""
        named = {"update_conference": "ConferenceSid", "create_participant": "ConferenceSid"}
        labelled = self.path.endswith("Participants/{CallSid}") and variable == "CallSid"
        return labelled or named.get(self.name) == variable

    @property
    def is_of_recording(self) -> bool:
        """Whether its path ends in a recording's sid."""
        return self.path.endswith("{RecordingSid}")

    @property
    def deletes_recording(self) -> bool:
        """Whether it deletes a recording, which must be finished."""
        return self.is_deletion and self.is_of_recording


class _NewNumber(Mapping[str, str]):
    """A form with a number that no account has yet: another one at each reading."""

    def __getitem__(self, name: str) -> str:
        if name != "PhoneNumber":
            raise KeyError(name)
        return f"+1303{secrets.randbelow(10**7):07}"

    def __iter__(self) -> Iterator[str]:
        return iter(("PhoneNumber",))

    def __len__(self) -> int:
        return 1


_CALL_RECORDING = "Calls/{CallSid}/Recordings/{RecordingSid}"
_PARTICIPANTS = "Conferences/{ConferenceSid}/Participants"
_PARTICIPANT = f"{_PARTICIPANTS}/{{CallSid}}"
_KEY = "Keys/{KeySid}"
_NUMBERS = "IncomingPhoneNumbers"
_NUMBER = f"{_NUMBERS}/{{PhoneNumberSid}}"
_APPLICATIONS = "Applications"
_APPLICATION = f"{_APPLICATIONS}/{{ApplicationSid}}"
_CONFERENCE_RECORDING = "Conferences/{ConferenceSid}/Recordings/{RecordingSid}"

OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("create_call_recording", "POST", "Calls/{CallSid}/Recordings", {}),
        Operation("get_call_recording", "GET", _CALL_RECORDING),
        Operation("update_call_recording", "POST", _CALL_RECORDING, {"Status": "in-progress"}),
        Operation("get_conference_recording", "GET", _CONFERENCE_RECORDING),
        Operation("update_conference_recording", "POST", _CONFERENCE_RECORDING, {"Status": "in-progress"}),
        Operation("get_recording", "GET", "Recordings/{RecordingSid}", suffixes=(".json",)),
        Operation("delete_recording", "DELETE", "Recordings/{RecordingSid}"),
        Operation("delete_call_recording", "DELETE", _CALL_RECORDING),
        Operation("delete_conference_recording", "DELETE", _CONFERENCE_RECORDING),
        Operation("get_call", "GET", "Calls/{CallSid}"),
        Operation("get_conference", "GET", "Conferences/{ConferenceSid}"),
        Operation("update_conference", "POST", "Conferences/{ConferenceSid}", {}),
        Operation("update_call", "POST", "Calls/{CallSid}", {}),
        Operation("delete_call", "DELETE", "Calls/{CallSid}"),
        Operation("list_participants", "GET", _PARTICIPANTS),
        Operation("create_participant", "POST", _PARTICIPANTS, {"From": "client:a", "To": "client:b"}, "twilio"),
        Operation("get_participant", "GET", _PARTICIPANT),
        Operation("update_participant", "POST", _PARTICIPANT, {}),
        Operation("remove_participant", "DELETE", _PARTICIPANT),
        Operation("list_calls", "GET", "Calls"),
        Operation(
            "create_call",
            "POST",
            "Calls",
            {"From": "client:a", "To": "client:b", "Url": "https://app.example.com/voice"},
        ),
        Operation("list_call_recordings", "GET", "Calls/{CallSid}/Recordings"),
        Operation("list_call_events", "GET", "Calls/{CallSid}/Events", only="twilio"),
        Operation("list_call_notifications", "GET", "Calls/{CallSid}/Notifications", only="twilio"),
        Operation("list_conferences", "GET", "Conferences"),
        Operation("list_conference_recordings", "GET", "Conferences/{ConferenceSid}/Recordings"),
        Operation("list_recordings", "GET", "Recordings"),
        Operation("list_transcriptions", "GET", "Transcriptions"),
        Operation("list_recording_add_on_results", "GET", "Recordings/{RecordingSid}/AddOnResults", only="twilio"),
        Operation("list_recording_transcriptions", "GET", "Recordings/{RecordingSid}/Transcriptions"),
        Operation("get_transcription", "GET", "Recordings/{RecordingSid}/Transcriptions/{TranscriptionSid}"),
        Operation("delete_transcription", "DELETE", "Transcriptions/{TranscriptionSid}"),
        Operation("get_account", "GET", ""),
        Operation("create_key", "POST", "Keys", {}, "twilio"),
        Operation("list_keys", "GET", "Keys", only="twilio"),
        Operation("get_key", "GET", _KEY, only="twilio"),
        Operation("update_key", "POST", _KEY, {}, "twilio"),
        Operation("delete_key", "DELETE", _KEY, only="twilio"),
        Operation("list_incoming_phone_numbers", "GET", _NUMBERS),
        Operation("create_incoming_phone_number", "POST", _NUMBERS, _NewNumber()),
        Operation("get_incoming_phone_number", "GET", _NUMBER),
        Operation("update_incoming_phone_number", "POST", _NUMBER, {}),
        Operation("delete_incoming_phone_number", "DELETE", _NUMBER),
        Operation("list_applications", "GET", _APPLICATIONS),
        Operation("create_application", "POST", _APPLICATIONS, {"FriendlyName": "Reception"}),
        Operation("get_application", "GET", _APPLICATION),
        Operation("update_application", "POST", _APPLICATION, {"FriendlyName": "Reception"}),
        Operation("delete_application", "DELETE", _APPLICATION),
    )
}

# The list of accounts has no account in its path; test_list_accounts.py tests it.
assert {*OPERATIONS, "list_accounts"} == {
    route.operation for route in TEMPLATE.routes if route.path is not None and not is_engine_path(route.path)
}


@dataclass(frozen=True)
class Scene:
    """A call in a conference, both in progress, each with one recording in progress and one that is finished.

    The transcription belongs to the call's recording in progress. An API key, a phone number or an
    application is made when a path needs it.
    """

    stage: Stage
    call: Call
    conference: Conference
    of_call: Recording
    of_conference: Recording
    transcription: Transcription
    participant: Participant
    finished_of_call: Recording
    finished_of_conference: Recording
    keys: list[ApiKeyInfo] = field(default_factory=list, init=False)
    numbers: list[PhoneNumber] = field(default_factory=list, init=False)
    applications: list[Application] = field(default_factory=list, init=False)

    @classmethod
    def set_up(cls, stage: Stage, name: str = "Room") -> "Scene":
        """Store all of its resources."""
        call, conference = stage.call(), stage.conference(name=name)
        of_call = stage.recording(call)
        stage.clock.step(0.001)
        of_conference = stage.recording(conference)
        participant = stage.participant(conference, call)
        finished = []
        for parent, source in ((call, Source.OUTBOUND_API), (conference, Source.CONFERENCE)):
            stage.clock.step(0.001)
            finished.append(stage.recording(parent, "completed", source))
        return cls(
            stage, call, conference, of_call, of_conference, stage.transcription(of_call), participant, *finished
        )

    def ids(self, operation: Operation) -> dict[str, str]:
        """Return the ids (32 hex digits) for an operation's path; a call to delete has ended."""
        if operation.name == "delete_call":
            return {"CallSid": self.stage.call("completed", ended=self.stage.clock.seconds).id}
        return self.ids_of(operation.variables, finished=operation.deletes_recording)

    def ids_of(self, variables: list[str], *, finished: bool = False) -> dict[str, str]:
        """Return the ids (32 hex digits) for these path variables; the recording is in progress unless `finished`.

        A recording in a path without its parent is the call's.
        """
        of_call, of_conference = self.of_call, self.of_conference
        if finished:
            of_call, of_conference = self.finished_of_call, self.finished_of_conference
        of = of_conference if "ConferenceSid" in variables else of_call
        everything = {
            "CallSid": self.call.id,
            "ConferenceSid": self.conference.id,
            "RecordingSid": of.id,
            "TranscriptionSid": self.transcription.id,
        }
        if "KeySid" in variables:
            if not self.keys:
                self.keys.append(self.stage.services.api_keys.create(self.stage.account, friendly_name="Reports").info)
            everything["KeySid"] = self.keys[0].id
        if "PhoneNumberSid" in variables:
            if not self.numbers:
                self.numbers.append(self.stage.phone_number())
            everything["PhoneNumberSid"] = self.numbers[0].id
        if "ApplicationSid" in variables:
            if not self.applications:
                self.applications.append(self.stage.application())
            everything["ApplicationSid"] = self.applications[0].id
        return {name: everything[name] for name in variables}

    def shown(self, client: FunctionClient, operation: Operation) -> Any:
        """Return the complete body of this operation's successful response."""
        if operation.is_deletion or operation.is_list:
            return self._page(client, operation) if operation.is_list else None
        of_account = {"", "Keys", _KEY, _NUMBERS, _NUMBER, _APPLICATIONS, _APPLICATION}
        if operation.path in of_account or operation.name == "create_call":
            return self._of_account(client, operation)
        if operation.name == "create_participant":
            made = client.answers[-1].body["call_sid"][2:]
            queued = replace(self.participant, call=made, status=ParticipantStatus.QUEUED)
            return expected.participant("twilio", client.account, queued, added=True)
        if operation.name == "get_recording":
            return expected.account_recording(client.dialect.name, self.of_call, _scheme(client))
        if not operation.path.endswith("}") or operation.is_of_recording:
            recording = self.of_call if "CallSid" in operation.variables else self.of_conference
            return shown(client, recording, read=operation.method == "GET")
        things: dict[str, Call | Conference | Participant | Transcription] = {
            "Calls/{CallSid}": self.call,
            "Conferences/{ConferenceSid}": self.conference,
            _PARTICIPANT: self.participant,
        }
        return shown(client, things.get(operation.path, self.transcription))

    def _new_call(self, client: FunctionClient) -> Any:
        """Return the call that the client has just created."""
        made = client.dialect.parse_sid(ResourceType.CALL, client.answers[-1].body["sid"])
        assert made is not None
        now = self.stage.clock.seconds
        call = Call(client.account, made, CallStatus.QUEUED, now, "client:b", "client:a", "outbound-api")
        return expected.call(client.dialect.name, call)

    def _of_account(self, client: FunctionClient, operation: Operation) -> Any:
        """Return the account, its API key, phone number or application, or the one that was just created."""
        if operation.path in {_APPLICATIONS, _APPLICATION}:
            return self._application(client, operation)
        if operation.path in {_NUMBERS, _NUMBER}:
            return self._number(client, operation)
        if operation.name == "create_call":
            return self._new_call(client)
        if operation.name == "get_account":
            return account_shown(client)
        if operation.name == "create_key":
            made, now = client.answers[-1].body, self.stage.clock.seconds
            return {**expected.key(ApiKeyInfo(made["sid"][2:], "", now, now)), "secret": made["secret"]}
        return expected.key(self.keys[0])

    def _number(self, client: FunctionClient, operation: Operation) -> Any:
        """Return the phone number, or the one that the client has just created."""
        name = client.dialect.name
        if operation.name == "create_incoming_phone_number":
            made = client.dialect.parse_sid(ResourceType.PHONE_NUMBER, client.answers[-1].body["sid"])
            assert made is not None
            now = self.stage.clock.seconds
            number = str(client.answers[-1].body["phone_number"])
            shown_name = f"(303) {number[5:8]}-{number[8:]}"
            return expected.phone_number(name, PhoneNumber(client.account, made, number, shown_name, 1, now))
        return expected.phone_number(name, self.numbers[0])

    def _application(self, client: FunctionClient, operation: Operation) -> Any:
        """Return the application, or the one that the client has just created."""
        name = client.dialect.name
        if operation.name == "create_application":
            made = client.dialect.parse_sid(ResourceType.APPLICATION, client.answers[-1].body["sid"])
            assert made is not None
            return expected.application(
                name, Application(client.account, made, "Reception", 1, self.stage.clock.seconds)
            )
        return expected.application(name, self.applications[0])

    def _page(self, client: FunctionClient, operation: Operation) -> Any:
        """Return the only page of a list."""
        name, scheme = client.dialect.name, _scheme(client)
        of_call = [self.finished_of_call, self.of_call]
        of_conference = [self.finished_of_conference, self.of_conference]
        newest_first = [recording for pair in zip(of_conference, of_call, strict=True) for recording in pair]
        items: dict[str, list[Any]] = {
            "list_call_events": [],
            "list_call_notifications": [],
            "list_recording_add_on_results": [],
            "list_participants": [shown(client, self.participant)],
            "list_calls": [shown(client, self.call)],
            "list_conferences": [shown(client, self.conference)],
            "list_call_recordings": [shown(client, recording, read=True) for recording in of_call],
            "list_conference_recordings": [shown(client, recording, read=True) for recording in of_conference],
            "list_recordings": [expected.account_recording(name, recording, scheme) for recording in newest_first],
            "list_transcriptions": [shown(client, self.transcription)],
            "list_recording_transcriptions": [shown(client, self.transcription)],
            "list_incoming_phone_numbers": [expected.phone_number(name, each) for each in self.numbers],
            "list_applications": [expected.application(name, each) for each in self.applications],
            "list_keys": [expected.key(key) for key in self.keys],
        }
        sids = {
            variable: client.sid(KINDS[variable], identifier) for variable, identifier in self.ids(operation).items()
        }
        return expected.page(name, client.account, operation.path.format(**sids), items[operation.name])


def account_shown(client: FunctionClient) -> expected.Body:
    """Return the account of a client with an auth token, as the client sees it."""
    record = get_admin_services().accounts._credentials.get_account(client.account)
    assert record is not None
    return expected.account(client.dialect.name, client.account, record.created, client.secret)


def _scheme(client: FunctionClient) -> str:
    """Return the URL scheme by which clients reach this client's gateway."""
    return "http" if client.gateway == "sam" else "https"


def path_of(client: FunctionClient, operation: Operation, ids: Mapping[str, str], **texts: str) -> str:
    """Return the path of an operation with formatted ids; `texts` replace path variables literally."""
    spelled = {name: client.sid(KINDS[name], identifier) for name, identifier in ids.items()} | texts
    return client.path(*filter(None, operation.path.format(**spelled).split("/")))


def perform(client: FunctionClient, operation: Operation, path: str, **request: Any) -> Answer:
    """Send an operation's request to a path; `request` overrides arguments of `client.request`."""
    return client.request(operation.method, path, **{"form": operation.form, **request})


def at(client: FunctionClient, **changes: Any) -> FunctionClient:
    """Return a copy of the client with these fields changed and no recorded answers."""
    return replace(client, answers=[], **changes)
