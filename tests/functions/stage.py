"""Test support for the functions: a manual clock, resources in any state, and recorded DynamoDB requests."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tapedeck.adapters.dynamodb import items
from tapedeck.adapters.dynamodb.applications import application_item
from tapedeck.adapters.dynamodb.client import Item, from_attributes
from tapedeck.adapters.dynamodb.phone_numbers import phone_number_items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.http.services import ApiServices
from tests.client import Answer, FunctionClient
from tests.functions import expected
from tests.reporter import EngineReporter

START = 1_537_916_400
"""Tuesday, 25 September 2018, 23:00:00 UTC."""

Key = Mapping[str, str]


class Clock:
    """A manual clock in milliseconds; it starts 250 ms into a second and only `step` advances it."""

    def __init__(self) -> None:
        self.milliseconds = START * 1000 + 250

    def __call__(self) -> int:
        """Return the current time in milliseconds."""
        return self.milliseconds

    @property
    def seconds(self) -> int:
        """The current time in whole seconds, as API responses show it."""
        return self.milliseconds // 1000

    def step(self, seconds: float) -> int:
        """Advance the clock and return the new time in whole seconds."""
        self.milliseconds += round(seconds * 1000)
        return self.seconds


@dataclass(frozen=True)
class WireRequest:
    """One request to DynamoDB as it was sent."""

    operation: str
    body: dict[str, Any]

    @property
    def writes(self) -> list[dict[str, Any]]:
        """The writes of the request, each in DynamoDB's own form."""
        if self.operation == "TransactWriteItems":
            return [write for item in self.body["TransactItems"] for write in item.values()]
        return [self.body] if self.operation in {"PutItem", "UpdateItem", "DeleteItem"} else []

    @property
    def keys(self) -> list[Item]:
        """The keys of the items that the request writes."""
        sources = [write.get("Key") or write["Item"] for write in self.writes]
        return [from_attributes({name: source[name] for name in ("PK", "SK") if name in source}) for source in sources]


@dataclass
class Wire:
    """Records every request to DynamoDB that the functions send, in order and by table."""

    recordings_table: str
    all: list[tuple[str, WireRequest]] = field(default_factory=list)
    watchers: list[Callable[[str, WireRequest], None]] = field(default_factory=list)

    def see(self, request: Any, **_context: Any) -> None:
        """Record a request; registered as a handler of botocore's `before-send`."""
        body = json.loads(request.body)
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        seen = WireRequest(operation, body)
        for watch in self.watchers:
            watch("sent", seen)
        self.all.append((_table_of(body), seen))

    def answered(self, **_context: Any) -> None:
        """Notify the watchers of a response to the last request; registered for botocore's `after-call`."""
        for watch in self.watchers:
            watch("answered", self.all[-1][1])

    @property
    def recordings(self) -> list[str]:
        """The operations on the recordings table."""
        return [request.operation for table, request in self.all if table == self.recordings_table]

    @property
    def credentials(self) -> list[str]:
        """The operations on the credentials table."""
        return [request.operation for table, request in self.all if table != self.recordings_table]

    @contextmanager
    def watched_by(self, watch: Callable[[str, WireRequest], None]) -> Iterator[None]:
        """Call `watch` before each request is sent ("sent") and after its response ("answered")."""
        self.watchers.append(watch)
        try:
            yield
        finally:
            self.watchers.remove(watch)


def _table_of(body: Mapping[str, Any]) -> str:
    if "RequestItems" in body:
        return str(next(iter(body["RequestItems"])))
    if "TransactItems" in body:
        (write,) = body["TransactItems"][0].values()
        return str(write["TableName"])
    return str(body["TableName"])


class Shelf(Protocol):
    """Direct access to a table; it bypasses the functions' client, so `Wire` does not record it."""

    def put(self, item: Item) -> None:
        """Store an item; replace an existing one."""

    def remove(self, key: Key) -> None:
        """Delete an item; do nothing if there is none."""

    def partition(self, name: str) -> list[Item]:
        """Return all items of a partition in the order of their sort keys."""


@dataclass
class Stage:
    """Writes resources of one account to the table, in any state, without API requests."""

    account: str
    services: ApiServices
    clock: Clock
    shelf: Shelf

    def call(self, status: str = "in-progress", **fields: Any) -> Call:
        """Store a call in this state, created now."""
        now = self.clock.seconds
        call = Call(
            account=self.account, id=new_id(self.clock()), status=CallStatus(status), updated=now,
            to="+13105678901", from_="+13103384645", direction="outbound-api",
            started=now if status in {"in-progress", "completed"} else None,
        )  # fmt: skip
        call = replace(call, **fields)
        key = items.call_key(call.account, call.id)
        self._put(key, {**items.call_item(call), **items.initial_write_tokens()})
        self._put(items.list_entry_key(call.account, "CALLS", call.id), {"parent": key["PK"]})
        return call

    def conference(self, status: str = "in-progress", name: str = "Room", **fields: Any) -> Conference:
        """Store a conference with this state and friendly name; its first call is a new random id."""
        now = self.clock.seconds
        conference = Conference(
            self.account, new_id(self.clock()), name, ConferenceStatus(status), now, first_call=new_id(self.clock()),
            participants=2, has_starter=True,
        )  # fmt: skip
        conference = replace(conference, **fields)
        key = items.conference_key(conference.account, conference.id)
        self._put(key, {**items.conference_item(conference), **items.initial_write_tokens()})
        self._put(items.list_entry_key(conference.account, "CONFS", conference.id), {"parent": key["PK"]})
        named = items.name_partition(conference.account, name)
        self._put({"PK": named, "SK": conference.id}, {"parent": key["PK"]})
        self._put({"PK": named, "SK": "LIVE"}, {"conference": conference.id})
        return conference

    def participant(
        self, conference: Conference, call: Call | None = None, status: str = "connected", **fields: Any
    ) -> Participant:
        """Store a participant of this conference; without `call`, also store a call in a matching status."""
        now = self.clock.seconds
        legs = {"queued": "queued", "connecting": "queued", "ringing": "ringing", "failed": "busy"}
        call = call or self.call(legs.get(status, "in-progress"), conference=conference.id)
        made = Participant(call.id, conference.id, now, status=ParticipantStatus(status))
        if status in {"complete", "failed"}:
            made = replace(made, left=now)
        made = replace(made, **fields)
        key = items.participant_key(conference.account, conference.id, made.call)
        self._put(key, {**items.participant_item(made), **items.initial_write_tokens()})
        if made.label is not None:
            self._put(items.label_key(conference.account, conference.id, made.label), {"call": made.call})
        return made

    def recording(
        self, parent: Call | Conference, status: str = "in-progress", source: Source | None = None, **fields: Any
    ) -> Recording:
        """Store a recording of this call or conference in this state.

        The default source of a call is the API (`StartCallRecordingAPI`), of a conference the markup.
        """
        now = self.clock.seconds
        of_call = isinstance(parent, Call)
        kind = ParentKind.CALL if of_call else ParentKind.CONFERENCE
        recording = Recording(
            new_id(self.clock()), Parent(parent.account, kind, parent.id), RecordingStatus.IN_PROGRESS,
            source or (Source.START_CALL_RECORDING if of_call else Source.CONFERENCE), now, started=now,
            call=parent.id if isinstance(parent, Call) else parent.first_call,
        )  # fmt: skip
        recording = replace(recording, **fields)
        self._put(items.recording_key(recording.parent, recording.id), items.recording_item(recording))
        row = {"parent": items.partition(recording.parent)}
        self._put(items.list_entry_key(recording.parent.account, "RECS", recording.id), row)
        if not isinstance(parent, Call) and recording.call is not None:
            link = items.shown_recording_key(recording.parent.account, recording.call, recording.id)
            self._put(link, {"conference": recording.parent.id})
        by_api = of_call and source is None
        key = items.parent_key(recording.parent)
        stored = self.item(key)
        active = stored.get("active", frozenset()) | {recording.id}
        api = {"api": recording.id} if by_api else {}
        self._put(key, {**stored, "version": stored["version"] + 1, "active": active, **api})
        return self.bring(recording, status) if status != "in-progress" else recording

    def bring(self, recording: Recording, status: str, **fields: Any) -> Recording:
        """Overwrite the stored recording with another state and return it."""
        now = self.clock.seconds
        ended = {"ended": now} if status not in {"in-progress", "paused"} else {}
        finished = {"completed": {"duration": 7}, "absent": {"duration": 0, "error": 16101}, "deleted": {"duration": 7}}
        changes: dict[str, Any] = {"status": status, "updated": now, **ended, **finished.get(status, {}), **fields}
        changes["version"] = recording.version + 1
        self.write(recording, **changes)
        changes.pop("expires_at", None)
        return replace(recording, **{**changes, "status": RecordingStatus(status)})

    def delete(self, recording: Recording, days: int = 40) -> Recording:
        """Soft-delete the stored recording: move it to the list of deleted ones, where it expires after `days`."""
        until = self.clock.seconds + days * 86_400
        deleted = self.bring(recording, "deleted", expires_at=until)
        account = recording.parent.account
        row = {"parent": items.partition(recording.parent), "expires_at": until}
        self._put(items.list_entry_key(account, "RECS-DELETED", recording.id), row)
        self.shelf.remove(items.list_entry_key(account, "RECS", recording.id))
        return replace(deleted, deleted_until=until)

    def transcription(self, recording: Recording | str, **fields: Any) -> Transcription:
        """Store a transcription of this recording, given as an object or as an id."""
        identifier = recording if isinstance(recording, str) else recording.id
        now = self.clock()
        made = Transcription(
            self.account, new_id(now), identifier, TranscriptionStatus.COMPLETED, now // 1000, 4, "Hello."
        )
        made = replace(made, **fields)
        self._put(items.transcription_key(made.account, made.id), items.transcription_item(made))
        row = {"PK": items.transcriptions_partition(made.account, made.recording), "SK": made.id}
        self._put(row, {"account": made.account})
        return made

    def phone_number(self, **fields: Any) -> PhoneNumber:
        """Store a phone number of the account; its last four digits follow from the id of the account."""
        now, last = self.clock(), f"{int(self.account, 16) % 10_000:04}"
        made = PhoneNumber(self.account, new_id(now), f"+1202555{last}", f"(202) 555-{last}", 1, now // 1000)
        made = replace(made, **fields)
        for item in phone_number_items(made):
            self.shelf.put(item)
        return made

    def application(self, **fields: Any) -> Application:
        """Store an application of the account, `Reception`."""
        now = self.clock()
        made = replace(Application(self.account, new_id(now), "Reception", 1, now // 1000), **fields)
        self.shelf.put(application_item(made))
        return made

    def write(self, recording: Recording, **attributes: Any) -> None:
        """Overwrite attributes of a recording's item."""
        key = items.recording_key(recording.parent, recording.id)
        self._put(key, {**self.item(key), **attributes})

    def item(self, key: Key) -> Item:
        """Return the item with this key; empty if there is none."""
        return next((item for item in self.shelf.partition(key["PK"]) if item["SK"] == key["SK"]), {})

    def partition(self, parent: Call | Conference | Parent) -> list[Item]:
        """Return all items of a call's or conference's partition in the order of their sort keys."""
        if not isinstance(parent, Parent):
            kind = ParentKind.CALL if isinstance(parent, Call) else ParentKind.CONFERENCE
            parent = Parent(parent.account, kind, parent.id)
        return self.shelf.partition(items.partition(parent))

    @property
    def engine(self) -> EngineReporter:
        """Reports what the engine does in the account."""
        return EngineReporter(self.services, self.account, self.clock)

    def _put(self, key: Key, item: Item) -> None:
        self.shelf.put({**key, **item})


def call_path(client: FunctionClient, call: Call | str, recording: Recording | str | None = None) -> tuple[str, ...]:
    """Return the path of a call, of its recordings (`""`), or of one recording; a text replaces an id."""
    of = call if isinstance(call, str) else client.sid(ResourceType.CALL, call.id)
    return ("Calls", of, *_recording_path(client, recording))


def conference_path(
    client: FunctionClient, conference: Conference | str, recording: Recording | str | None = None
) -> tuple[str, ...]:
    """Return the path of a conference, of its recordings (`""`), or of one recording."""
    of = conference if isinstance(conference, str) else client.sid(ResourceType.CONFERENCE, conference.id)
    return ("Conferences", of, *_recording_path(client, recording))


def participant_path(
    client: FunctionClient, conference: Conference | str, participant: Participant | str = ""
) -> tuple[str, ...]:
    """Return the path of a conference's participants, or of one of them; a text is used as the call sid."""
    collection = (*conference_path(client, conference), "Participants")
    if not participant:
        return collection
    of = participant if isinstance(participant, str) else client.sid(ResourceType.CALL, participant.call)
    return (*collection, of)


def _recording_path(client: FunctionClient, recording: Recording | str | None) -> tuple[str, ...]:
    if recording is None:
        return ()
    if not recording:
        return ("Recordings",)
    return ("Recordings", recording if isinstance(recording, str) else client.sid(ResourceType.RECORDING, recording.id))


def shown(
    client: FunctionClient,
    thing: Call | Conference | Participant | Recording | Transcription,
    *,
    read: bool = False,
    **fields: Any,
) -> Any:
    """Return the complete response body that represents a resource in this client's dialect.

    Args:
        client: the client whose dialect is used.
        thing: the resource as the stage stored it.
        read: whether it answers a GET, where Twilio hides the status of an unfinished recording.
        fields: fields that changed since then, by the parameter names of `expected`.
    """
    name = client.dialect.name
    if isinstance(thing, Call):
        return expected.call(name, thing, **fields)
    if isinstance(thing, Conference):
        return expected.conference(name, thing, **fields)
    if isinstance(thing, Participant):
        return expected.participant(name, client.account, replace(thing, **fields))
    if isinstance(thing, Transcription):
        return expected.transcription(name, thing)
    return expected.recording(name, thing, read=read, **fields)


def assert_answer(answer: Answer, status: int, body: Any) -> None:
    """Check the complete response: status, headers, and the body including the order of its fields."""
    assert (answer.status, answer.body) == (status, body)
    assert _orders(answer.body) == _orders(body)
    headers = dict(answer.headers)
    assert len(headers.pop("x-request-id")) == 32
    if status in {408, 503}:
        assert headers.pop("retry-after") == "1"
    if status == 401:
        assert headers.pop("www-authenticate").startswith("Basic realm=")
    assert headers == ({"content-type": "application/json; charset=utf-8"} if answer.content else {})


def assert_error(client: FunctionClient, answer: Answer, code: int) -> None:
    """Require that a parameter was refused with this code: 400 in Twilio's dialect, 422 in SignalWire's."""
    expected_status = 400 if client.dialect.name == "twilio" else 422
    found = (answer.status, answer.body["status"], answer.body["code"])
    assert found == (expected_status, expected_status, code)


def assert_refused(
    client: FunctionClient, answer: Answer, condition: str, *, as_strings: bool = False, **words: str
) -> None:
    """Check that the complete response is this row of the error table, in the client's dialect.

    `as_strings`: SignalWire answers parameter errors with an array of strings.
    """
    status, body = expected.refusal(client.dialect.name, condition, as_strings=as_strings, **words)
    assert_answer(answer, status, body)


def _orders(body: Any) -> Any:
    """Return the names of all fields in order, nested objects included."""
    if isinstance(body, dict):
        return [(name, _orders(value)) for name, value in body.items()]
    return None
