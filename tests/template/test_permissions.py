"""Each function's role in the translated template grants exactly the permissions that the function uses."""

import base64
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.adapters import urgent_queue
from tapedeck.adapters.dynamodb import recordings as recording_table
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.items import parent_key
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.engine import EngineCapabilities, MediaEngine
from tapedeck.domain.recording import Parent, ParentKind, Source
from tapedeck.observability import CanonicalLog
from tapedeck.operations import recordings
from tapedeck.ports.engines import RegisteredEngine
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tapedeck_protocol.events import EVENTS
from tapedeck_standin.aws.template import STACK
from tapedeck_standin.samples.moto_aws import make_full_client
from tests import client as tests_client
from tests.client import TEMPLATE, FunctionClient
from tests.functions.engines import register_engine
from tests.media import finish
from tests.reporter import join_conference, open_conference, start_recording
from tests.template.background_use import ENGINE, Clock, Receiver, Scenario, use_background
from tests.template.recorder import Recorder, Right
from tests.template.rules import PREFIXED_WRITES
from tests.template.translation import BASIC_EXECUTION, Stack, listed, target

PRUNE_AT: Final = 2
"""Active recordings of a parent from which on a start prunes the finished ones."""

OUTCOMES: Final[Mapping[str, set[int | str]]] = {
    "create_call_recording": {200, 201, 400, 401, 404, 422},
    "get_call_recording": {200, 206, 304, 307, 400, 401, 404, 405, 416},
    "update_call_recording": {200, 400, 401, 404, 408, 422, 503},
    "get_conference_recording": {200, 206, 304, 307, 400, 401, 404, 405, 416},
    "update_conference_recording": {200, 400, 401, 404, 408, 422, 503},
    "get_call": {200, 401, 404},
    "get_conference": {200, 401, 404, 405},
    "update_conference": {200, 400, 401, 404, 422},
    "update_call": {200, 400, 401, 404, 422},
    "list_participants": {200, 400, 401, 404, 405, 422},
    "create_participant": {201, 400, 401, 404, 405, 503},
    "get_participant": {200, 401, 404},
    "update_participant": {200, 400, 401, 404, 422},
    "remove_participant": {204, 401, 404},
    "get_recording": {200, 206, 304, 307, 400, 401, 404, 405, 416},
    "delete_recording": {204, 400, 401, 404},
    "delete_call_recording": {204, 400, 401, 404},
    "delete_conference_recording": {204, 400, 401, 404},
    "create_call": {200, 201, 400, 401, 404, 422, 503},
    "delete_call": {204, 400, 401, 404},
    "list_calls": {200, 400, 401, 404, 422},
    "list_call_recordings": {200, 400, 401, 404, 422},
    "list_call_events": {200, 400, 401, 404},
    "list_call_notifications": {200, 400, 401, 404},
    "list_recording_add_on_results": {200, 400, 401, 404},
    "list_conferences": {200, 400, 401, 404, 422},
    "list_conference_recordings": {200, 400, 401, 404, 422},
    "list_recordings": {200, 400, 401, 404, 422},
    "list_transcriptions": {200, 400, 401, 404, 422},
    "list_recording_transcriptions": {200, 400, 401, 404, 422},
    "get_transcription": {200, 401, 404},
    "delete_transcription": {204, 401, 404},
    "list_accounts": {200, 400, 401, 422},
    "get_account": {200, 401, 404},
    "create_key": {201, 400, 401, 404, 405},
    "list_keys": {200, 400, 401, 404, 405},
    "get_key": {200, 401, 404, 405},
    "update_key": {200, 400, 401, 404, 405},
    "delete_key": {204, 401, 404, 405},
    "list_incoming_phone_numbers": {200, 400, 401, 404, 422},
    "create_incoming_phone_number": {201, 400, 401, 404, 422},
    "get_incoming_phone_number": {200, 401, 404},
    "update_incoming_phone_number": {200, 400, 401, 404, 422},
    "delete_incoming_phone_number": {204, 401, 404},
    "list_applications": {200, 400, 401, 404, 422},
    "create_application": {201, 400, 401, 404, 422},
    "get_application": {200, 401, 404},
    "update_application": {200, 400, 401, 404, 422},
    "delete_application": {204, 401, 404},
    "default": {404, 405},
    "fetch_document": {200, 401, 403, 404, 422, 503},
    "open_engine_session": {200, 401, 409, 422, "ended"},
    "open_upload": {200, 401, 403, 404, 409, 422},
    "take_engine_events": {200, 401, 422, "taken", "repeated", "stale", "later", "refused"},
    **{
        operation: {"done", "refused"}
        for operation in (
            "create_account",
            "issue_api_key",
            "revoke_api_key",
            "rotate_auth_token",
            "revoke_auth_token",
            "set_media_access",
            "set_confirm",
            "list_callbacks",
            "list_unsettled",
            "replay_callback",
            "redrive_failed_changes",
            "create_engine",
            "rotate_engine_token",
            "revoke_engine_token",
            "delete_engine",
        )
    },
    "list_engines": {"done"},
    "publish_changes": {"done", "failed", "unreadable"},
    "finish_recording": {"done", "skipped", "failed", "unreadable"},
    "deliver_callback": {"delivered", "skipped", "failed", "retry-scheduled", "exhausted"},
    "reconcile": {"done", "ended", "overdue"},
}
"""The outcomes that each function must have had before its rights are compared, so that every branch has run."""


@pytest.fixture
def recorder(
    aws: None, monkeypatch: pytest.MonkeyPatch, install_environment: Callable[[Environment], object]
) -> Iterator[Recorder]:
    """Yield a recorder of the functions in this process, with separate tables, buckets, queues and bus."""
    del aws  # only has to be there
    listening, prefix = Recorder(), f"rights{os.getpid()}-"
    names = {
        **TEMPLATE.create_tables(listening.dynamodb),
        **TEMPLATE.create_buckets(make_full_client("s3"), prefix),
        **TEMPLATE.create_queues(make_full_client("sqs"), prefix),
        **TEMPLATE.create_buses(make_full_client("events"), prefix),
        "SigningKey": os.environ["SIGNING_KMS_KEY_ID"],
        "PublishDomainEvents": "true",
    }
    # Functions have the ARN of this queue, not its URL.
    dead_letters = names["EngineCommandsDeadLetterQueue"].rpartition("/")[2]
    names["EngineCommandsDeadLetterQueue"] = f"arn:aws:sqs:us-east-1:123456789012:{dead_letters}"
    listening.names.update({here: logical_id for logical_id, here in names.items()})
    routed = {route.operation for route in TEMPLATE.routes}
    for function, operation in TEMPLATE.operations.items():
        if operation not in routed:
            listening.environments[operation] = TEMPLATE.environment(names, function)
    for name, value in TEMPLATE.environment(names).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CREDENTIAL_CACHE_SECONDS", "0")  # each function looks credentials up itself
    monkeypatch.setenv("MEDIA_INLINE_BYTES", "40000")  # less than two seconds of audio
    monkeypatch.setenv(
        "CONFIRM_UPDATES", "none"
    )  # no media engine runs; `_use_confirmed_updates` is about those that wait
    for module in (recordings, recording_table):
        monkeypatch.setattr(module, "PRUNE_ACTIVE_AT", PRUNE_AT)
    monkeypatch.setattr(tests_client, "load_handler", listening.load_handler)
    log = CanonicalLog.background

    def record(self: CanonicalLog, **values: Any) -> None:
        listening.record_outcome(values["outcome"])
        log(self, **values)

    monkeypatch.setattr(CanonicalLog, "background", record)
    engine_log = CanonicalLog.engine_event

    def record_engine_event(self: CanonicalLog, **values: Any) -> None:
        listening.record_outcome(values["outcome"])
        engine_log(self, **values)

    monkeypatch.setattr(CanonicalLog, "engine_event", record_engine_event)
    install_environment(replace(current_environment(), make_client=listening.make_client))
    yield listening
    monkeypatch.undo()


@pytest.mark.ci
def test_roles_grant_exactly_what_the_functions_use(
    recorder: Recorder, install_environment: Callable[[Environment], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each role has every permission that its function uses in any branch, and no other."""
    clock, receiver = Clock(), Receiver()
    environment = replace(
        current_environment(), clock=clock, make_outbound_clients=receiver.outbound_clients, default_engine=ENGINE
    )
    install_environment(environment)
    reported: set[str] = set()
    register_engine(environment, "standin", STANDIN_ENGINE_TOKEN)
    for dialect in (TWILIO, SIGNALWIRE):
        scenario = Scenario(recorder, _client(dialect), clock, receiver, reported)
        use_background(scenario)
    scenario.post("sessions", {})
    scenario.post("sessions", {}, token=STANDIN_ENGINE_TOKEN[:-1])
    scenario.post("events", {})
    for route in ("documents", "events", "uploads"):
        scenario.post(route, {}, token=STANDIN_ENGINE_TOKEN[:-1])
    assert reported == set(EVENTS.json_schema()["discriminator"]["mapping"]) | {"nothing"}
    # From here on, the engine of a new conference is chosen among those that are alive.
    install_environment(replace(environment, default_engine=None))
    for dialect in (TWILIO, SIGNALWIRE):
        _client(dialect).post("Conferences", "Room", "Participants", form={"From": "client:a", "To": "client:b"})
        _client(dialect).post("Calls", form=_NEW_CALL)
    _open_session(recorder)
    for dialect in (TWILIO, SIGNALWIRE):
        mine, other = _client(dialect), _client(dialect)
        _use_calls(mine, other)
        _create_calls(mine, other)
        _use_conferences(mine, other)
        _use_lists(mine, other)
        _use_media(mine, recorder, clock)
        _use_participants(mine, other)
        _use_keys(mine, other)
        _use_phone_numbers(mine, other)
        _use_applications(mine, other)
        _use_call_updates(mine)
        mine.get("Nothing")
    _use_accounts(recorder)
    _use_engines(recorder)
    monkeypatch.setattr(urgent_queue, "URLLib3Session", lambda **_: recorder)
    for name, value in (("CONFIRM_UPDATES", "pause"), ("CONFIRM_WITHIN_MS", "500")):
        monkeypatch.setenv(name, value)
    install_environment(replace(environment, default_engine=None))
    for dialect in (TWILIO, SIGNALWIRE):
        _use_confirmed_updates(_client(dialect), recorder)

    stack = Stack()
    assert recorder.outcomes == OUTCOMES
    assert set(recorder.outcomes) == {stack.operation(function) for function in stack.functions}
    assert list(differences(stack, recorder.rights)) == []
    for function, writes in PREFIXED_WRITES.items():
        used = recorder.written_prefixes[stack.operation(function)]
        assert used == {action: set(prefixes) for action, prefixes in writes.items()}

    # The comparison detects missing rights, excess rights and wrong resources.
    for broken, complaint in _broken_copies():
        assert complaint in list(differences(broken, recorder.rights))


def differences(stack: Stack, used: Mapping[str, set[Right]]) -> Iterator[str]:
    """Yield a line for each difference between granted and used rights."""
    for function in stack.functions:
        operation, granted = stack.operation(function), set(_granted(stack, function))
        needed = used.get(operation, set()) | set(_event_source_rights(stack, function))
        for action, resource in sorted(needed - granted):
            yield f"{operation} may not {action} on {resource}"
        for action, resource in sorted(granted - needed):
            yield f"{operation} never uses {action} on {resource}"
        managed = {str(arn).rpartition("/")[2] for arn in stack.role(function).get("ManagedPolicyArns", [])}
        for policy in sorted(managed - {BASIC_EXECUTION}):
            yield f"{operation} has the managed policy {policy}"


def _granted(stack: Stack, function: str) -> Iterator[Right]:
    for statement in stack.statements(function):
        assert statement["Effect"] == "Allow", "a role only grants"
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, target(resource)


def _event_source_rights(stack: Stack, function: str) -> Iterator[Right]:
    """Yield the rights that Lambda itself needs to read the event source and to store failed batches."""
    for mapping in stack.of_type("Lambda::EventSourceMapping").values():
        if target(mapping["FunctionName"]) != function:
            continue
        source = target(mapping["EventSourceArn"])
        if source in stack.of_type("SQS::Queue"):
            yield from (
                (f"sqs:{action}", source) for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
            )
            continue
        for action in ("DescribeStream", "GetRecords", "GetShardIterator"):
            yield f"dynamodb:{action}", source
        yield "dynamodb:ListStreams", f"{source}/*"
        bucket = target(mapping["DestinationConfig"]["OnFailure"]["Destination"])
        yield "s3:PutObject", f"{bucket}/*"
        yield "s3:ListBucket", bucket


def _broken_copies() -> Iterator[tuple[Stack, str]]:
    def statement_of(function: str, resource: str) -> tuple[Stack, dict[str, Any]]:
        stack = Stack()
        statements = stack.statements(function)
        return stack, next(each for each in statements if target(each["Resource"]) == resource)

    stack, statement = statement_of("DeleteRecordingFunction", "MediaBucket/*/capture.wav")
    statement["Action"] = []
    yield stack, "delete_recording may not s3:PutObject on MediaBucket/*/capture.wav"
    stack, statement = statement_of("UpdateConferenceFunction", "RecordingsTable")
    statement["Action"].remove("dynamodb:UpdateItem")
    yield stack, "update_conference may not dynamodb:UpdateItem on RecordingsTable"

    stack, statement = statement_of("GetCallFunction", "RecordingsTable")
    statement["Action"].append("dynamodb:DeleteItem")
    yield stack, "get_call never uses dynamodb:DeleteItem on RecordingsTable"

    stack, statement = statement_of("GetRecordingFunction", "MediaBucket/*/mono.*")
    statement["Resource"] = {"Fn::Sub": "${MediaBucket.Arn}/*"}
    yield stack, "get_recording never uses s3:PutObject on MediaBucket/*"

    stack, statement = statement_of("RevokeApiKeyFunction", "CredentialsTable")
    statement["Resource"] = {"Fn::GetAtt": ["RecordingsTable", "Arn"]}
    yield stack, "revoke_api_key may not dynamodb:DeleteItem on CredentialsTable"

    stack, statement = statement_of("DeliverCallbackFunction", "SigningKey")
    statement["Action"] = "kms:Encrypt"
    yield stack, "deliver_callback may not kms:Decrypt on SigningKey"

    stack, statement = statement_of("FinishRecordingFunction", "FinishingQueue")
    statement["Action"].remove("sqs:DeleteMessage")
    yield stack, "finish_recording may not sqs:DeleteMessage on FinishingQueue"

    stack, statement = statement_of("PublishChangesFunction", "RecordingsTable/stream")
    statement["Action"].append("dynamodb:PutItem")
    yield stack, "publish_changes never uses dynamodb:PutItem on RecordingsTable/stream"

    stack, statement = statement_of("CreateAccountFunction", "SigningKey")
    statement["Action"] = "kms:*"
    yield stack, "create_account never uses kms:* on SigningKey"

    stack = Stack()
    stack.role("DefaultFunction")["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess")
    yield stack, "default has the managed policy AmazonDynamoDBFullAccess"


def _client(dialect: Dialect) -> FunctionClient:
    made = api_bootstrap.get_admin_services().accounts.create()
    return FunctionClient(dialect, made.account, made.auth_token)


def _use_calls(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the functions for calls and their recordings."""
    service = api_bootstrap.get_api_services()
    call = _call(mine)
    path = ("Calls", mine.sid(ResourceType.CALL, call))
    unknown_path = ("Calls", mine.sid(ResourceType.CALL, mine.account))
    for address in (path, unknown_path):
        mine.get(*address)
        mine.request("GET", mine.path(*address), authorization=_MALFORMED_CREDENTIALS)
        mine.request("DELETE", mine.path(*address))
        mine.post(*address, "Recordings", form={"Trim": "x"})
        mine.post(*address, "Recordings", form={"RecordingChannels": "dual"})
        mine.post(*address, "Recordings")
        mine.request("POST", mine.path(*address, "Recordings"), authorization=_MALFORMED_CREDENTIALS)
    other.get("Calls", other.sid(ResourceType.CALL, call))
    recording = mine.post(*path, "Recordings").body["sid"]
    _use_recording(mine, path, recording)
    mine.post(*path, "Recordings")  # after a stop
    service.calls.end(mine.account, call)
    mine.post(*path, "Recordings")

    # Enough active recordings that a start prunes the finished ones first.
    busy_call = _call(mine)
    for _ in range(PRUNE_AT):
        start_recording(
            service, Parent(mine.account, ParentKind.CALL, busy_call), source=Source.RECORD_VERB, call=busy_call
        )
    mine.post("Calls", mine.sid(ResourceType.CALL, busy_call), "Recordings")


def _use_conferences(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the functions for conferences and their recordings."""
    announcement, end = {"AnnounceUrl": "https://example.com/announcement"}, {"Status": "completed"}
    idle, name, path = _conference(mine)
    mine.post(*path, form=announcement)  # before it has started
    _begin(mine, idle)
    for address in (path, ("Conferences", name), ("Conferences", mine.sid(ResourceType.CONFERENCE, mine.account))):
        mine.get(*address)
        mine.request("GET", mine.path(*address), authorization=_MALFORMED_CREDENTIALS)
        for form in (None, announcement, {"Status": "x"}):
            mine.post(*address, form=form)
        mine.request("POST", mine.path(*address), authorization=_MALFORMED_CREDENTIALS)
    other.post("Conferences", other.sid(ResourceType.CONFERENCE, idle), form=announcement)
    for form in (end, end, announcement):
        mine.post(*path, form=form)

    # Ending a recorded conference is a transaction; two active recordings make `Twilio.CURRENT` ambiguous.
    recorded, _, path = _conference(mine)
    first_call = _begin(mine, recorded)
    parent = Parent(mine.account, ParentKind.CONFERENCE, recorded)
    started = start_recording(api_bootstrap.get_api_services(), parent, source=Source.CONFERENCE, call=first_call)
    _use_recording(mine, path, mine.sid(ResourceType.RECORDING, started.id))
    for _ in range(2):
        start_recording(api_bootstrap.get_api_services(), parent, source=Source.CONFERENCE, call=first_call)
    mine.post(*path, "Recordings", "Twilio.CURRENT", form={"Status": "paused"})
    mine.post(*path, form=end)


def _create_calls(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the creation and deletion of calls."""
    for form in (_NEW_CALL, {**_NEW_CALL, "To": "x"}, {**_NEW_CALL, "Record": "true", "StatusCallbackEvent": "x"}):
        mine.post("Calls", form=form)
    mine.request("POST", mine.path("Calls"), authorization=_MALFORMED_CREDENTIALS)
    call = _call(mine)
    path = ("Calls", mine.sid(ResourceType.CALL, call))
    mine.delete(*path)
    mine.request("DELETE", mine.path(*path), authorization=_MALFORMED_CREDENTIALS)
    api_bootstrap.get_api_services().calls.end(mine.account, call)
    for _ in range(2):
        mine.delete(*path)
    mine.request("POST", mine.path("Calls").replace(mine.base, other.base), form=_NEW_CALL)


def _use_participants(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the functions for participants."""
    conference, name, path = _conference(mine)
    first, second = (mine.sid(ResourceType.CALL, each) for each in (_begin(mine, conference), _call(mine)))
    unknown_path = ("Conferences", mine.sid(ResourceType.CONFERENCE, mine.account))
    dial = {"From": "client:a", "To": "client:b", "Label": "customer"}
    coached = {**dial, "Label": "agent", "CallSidToCoach": first}
    for conference_path in (path, unknown_path, ("Conferences", name)):
        for form in (dial, dial, coached, {**dial, "Beep": "x"}):
            mine.post(*conference_path, "Participants", form=form)
        for query in ({}, {"PageSize": "0"}):
            mine.get(*conference_path, "Participants", **query)
        for method in ("GET", "POST"):
            mine.request(method, mine.path(*conference_path, "Participants"), authorization=_MALFORMED_CREDENTIALS)
            mine.request(method, mine.path(*conference_path, "Participants").replace(mine.base, other.base), form=dial)
    for participant in (first, "customer", second):
        address = (*path, "Participants", participant)
        changes: list[dict[str, str]] = [
            {},
            {"Muted": "true"},
            {"Coaching": "true", "CallSidToCoach": second},
            {"Hold": "x"},
        ]
        mine.get(*address)
        for change in changes:
            mine.post(*address, form=change)
        for method in ("GET", "POST", "DELETE"):
            mine.request(method, mine.path(*address), authorization=_MALFORMED_CREDENTIALS)
        for _ in range(2):
            mine.delete(*address)


def _use_keys(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the functions for accounts and API keys."""
    accounts = f"{mine.dialect.root}/Accounts"
    for query in ("", "?PageSize=0", "?Status=closed"):
        mine.request("GET", f"{accounts}{query}")
    account = mine.sid(ResourceType.ACCOUNT, mine.account)
    user = base64.b64encode(f"{account}:wrong".encode()).decode()
    mine.request("GET", accounts, authorization=f"Basic {user}")
    paths = [mine.base, mine.path("Keys"), mine.path("Keys", f"SK{mine.account}")]
    for path in paths:
        for method in ("GET", "POST", "DELETE"):
            mine.request(method, path, authorization=_MALFORMED_CREDENTIALS)
            mine.request(method, path.replace(mine.base, other.base), form={"FriendlyName": "x"})
    made = mine.post("Keys", form={"FriendlyName": "x"})
    key = made.body.get("sid", f"SK{mine.account}")
    mine.get()
    mine.post("Keys", form={"FriendlyName": "x" * 65})
    mine.get("Keys")
    mine.get("Keys", PageSize="0")
    for each in (key, f"SK{mine.account}"):
        mine.get("Keys", each)
        for form in ({"FriendlyName": "y"}, {"FriendlyName": "y" * 65}, None):
            mine.post("Keys", each, form=form)
        for _ in range(2):
            mine.delete("Keys", each)


def _use_phone_numbers(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the functions for phone numbers."""
    numbers, unknown = ("IncomingPhoneNumbers",), mine.sid(ResourceType.PHONE_NUMBER, mine.account)
    for path in (mine.path(*numbers), mine.path(*numbers, unknown)):
        for method in ("GET", "POST", "DELETE"):
            mine.request(method, path, authorization=_MALFORMED_CREDENTIALS)
            mine.request(method, path.replace(mine.base, other.base), form={"PhoneNumber": "+12025550177"})
    made = mine.post(*numbers, form={"PhoneNumber": "+12025550177"}).body["sid"]
    application = {"VoiceApplicationSid": mine.sid(ResourceType.APPLICATION, mine.account)}
    forms: list[dict[str, str]] = [
        {"PhoneNumber": "+12025550177"},
        {},
        {"AreaCode": "415"},
        {"PhoneNumber": "+12025550178", **application},
    ]
    for form in forms:
        mine.post(*numbers, form=form)
    for query in ({}, {"PageSize": "0"}, {"PhoneNumber": "+12025550177"}, {"PhoneNumber": "*77"}):
        mine.get(*numbers, **query)
    for each in (made, unknown):
        mine.get(*numbers, each)
        for change in ({"VoiceUrl": "https://example.com/"}, {"VoiceMethod": "x"}, None):
            mine.post(*numbers, each, form=change)
        for _ in range(2):
            mine.delete(*numbers, each)


def _use_applications(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every branch of the functions for applications."""
    applications, unknown = ("Applications",), mine.sid(ResourceType.APPLICATION, mine.account)
    for path in (mine.path(*applications), mine.path(*applications, unknown)):
        for method in ("GET", "POST", "DELETE"):
            mine.request(method, path, authorization=_MALFORMED_CREDENTIALS)
            mine.request(method, path.replace(mine.base, other.base), form={"FriendlyName": "Reception"})
    made = mine.post(*applications, form={"FriendlyName": "Reception"}).body["sid"]
    for form in ({}, {"FriendlyName": "x" * 65}):
        mine.post(*applications, form=form)
    for query in ({}, {"PageSize": "0"}, {"FriendlyName": "Reception"}):
        mine.get(*applications, **query)
    for each in (made, unknown):
        mine.get(*applications, each)
        for change in ({"FriendlyName": "Reception", "VoiceUrl": "https://example.com/"}, {"VoiceMethod": "x"}, None):
            mine.post(*applications, each, form=change)
        for _ in range(2):
            mine.delete(*applications, each)


def _use_call_updates(mine: FunctionClient) -> None:
    """Run every branch of the update of a call."""
    idle = mine.sid(ResourceType.CALL, _call(mine))
    for status in ("canceled", "completed", "completed", "x"):
        mine.post("Calls", idle, form={"Status": status})
    # Ending a recorded call in a conference is a transaction.
    recorded = _begin(mine, _conference(mine)[0])
    parent = Parent(mine.account, ParentKind.CALL, recorded)
    start_recording(api_bootstrap.get_api_services(), parent, source=Source.RECORD_VERB, call=recorded)
    redirect = {"Url": "https://example.com/"}
    for call in (recorded, mine.account):
        address = ("Calls", mine.sid(ResourceType.CALL, call))
        for form in ({}, redirect, {"Status": "completed"}, redirect):
            mine.post(*address, form=form)
        mine.request("POST", mine.path(*address), authorization=_MALFORMED_CREDENTIALS)


def _use_lists(mine: FunctionClient, other: FunctionClient) -> None:
    """Run every list with and without filters, and the transcriptions of a recording."""
    call, unknown = _call(mine), mine.sid(ResourceType.CALL, mine.account)
    leg = ("Calls", mine.sid(ResourceType.CALL, call))
    recording = mine.post(*leg, "Recordings").body["sid"]
    conference, name, conference_path = _conference(mine)
    first_call = _begin(mine, conference)
    parent = Parent(mine.account, ParentKind.CONFERENCE, conference)
    start_recording(api_bootstrap.get_api_services(), parent, source=Source.CONFERENCE, call=first_call)
    bare = (("Calls", mine.sid(ResourceType.CALL, _call(mine))), ("Calls", unknown), _conference(mine)[2])
    transcriptions = ("Recordings", recording, "Transcriptions")
    made = api_bootstrap.get_api_services().transcriptions.record(
        mine.account, mine.dialect.parse_sid(ResourceType.RECORDING, recording) or "", text="Hello.", duration=4
    )
    lists: dict[tuple[str, ...], list[dict[str, str]]] = {
        ("Calls",): [{"Status": "in-progress"}, {"To": "+15550100"}],
        ("Conferences",): [{"Status": "in-progress"}, {"FriendlyName": name}, {"DateUpdated>": "2020-01-01"}],
        ("Recordings",): [
            {"CallSid": mine.sid(ResourceType.CALL, first_call)},
            {"ConferenceSid": conference_path[1]},
            {"IncludeSoftDeleted": "true"},
        ],
        ("Transcriptions",): [{}],
        transcriptions: [{}],
        ("Recordings", mine.sid(ResourceType.RECORDING, mine.account), "Transcriptions"): [{}],
        **{
            (*above, *rest): [{}]
            for above, rest in itertools.product(
                (("Calls", leg[1]), ("Calls", unknown)), (("Events",), ("Notifications",))
            )
        },
        ("Recordings", recording, "AddOnResults"): [{}],
        ("Recordings", mine.sid(ResourceType.RECORDING, mine.account), "AddOnResults"): [{}],
        **{(*path, "Recordings"): [{"DateCreated>": "2020-01-01"}] for path in (leg, conference_path, *bare)},
    }
    for path, filters in lists.items():
        mine.request("GET", mine.path(*path), authorization=_MALFORMED_CREDENTIALS)
        mine.request("GET", mine.path(*path).replace(mine.base, other.base))
        for query in (*filters, {}, {"PageSize": "0"}):
            mine.get(*path, **query)
    own = mine.sid(ResourceType.TRANSCRIPTION, made.id)
    for path in (("Transcriptions", own), (*transcriptions, own)):
        for method in ("GET", "DELETE"):
            mine.request(method, mine.path(*path), authorization=_MALFORMED_CREDENTIALS)
    mine.get(*transcriptions, own)
    for _ in range(2):
        mine.delete(*transcriptions, own)
    mine.get("Transcriptions", own)


def _use_media(mine: FunctionClient, recorder: Recorder, clock: Clock) -> None:
    """Run every branch of the functions for finished recordings, at each path: fetch, then delete."""
    service = api_bootstrap.get_api_services()
    unknown = mine.sid(ResourceType.RECORDING, mine.account)
    call = _call(mine)
    conference, _, conference_path = _conference(mine)
    first_call = _begin(mine, conference)
    leg = Parent(mine.account, ParentKind.CALL, call)
    of_conference = Parent(mine.account, ParentKind.CONFERENCE, conference)
    addresses = {
        (): leg,
        ("Calls", mine.sid(ResourceType.CALL, call)): leg,
        conference_path: of_conference,
    }
    for above, parent in addresses.items():
        shown = call if parent is leg else first_call
        running = start_recording(service, parent, source=Source.CONFERENCE, channels=2, call=shown)
        path = (*above, "Recordings", mine.sid(ResourceType.RECORDING, running.id))
        mine.delete(*path)
        finish(service, running, channels=2)
        _fetch(mine, path, (*above, "Recordings", unknown))
        _fetch_while_deleted(mine, recorder, above, parent, shown)
        mine.request("DELETE", mine.path(*path), authorization=_MALFORMED_CREDENTIALS)
        for _ in range(2):
            mine.delete(*path)
        # After a day, no upload of the capture can be running.
        old = start_recording(service, parent, source=Source.CONFERENCE, channels=2, call=shown)
        finish(service, old, channels=2)
        clock.ahead += _DAY
        mine.delete(*above, "Recordings", mine.sid(ResourceType.RECORDING, old.id))
        clock.ahead -= _DAY


_DAY: Final = 24 * 3_600


def _fetch(mine: FunctionClient, path: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    uri, unknown_uri = (f"{mine.base}/{'/'.join(each)}" for each in (path, unknown))
    mine.get(*path)
    mine.get(*path, IncludeSoftDeleted="true")
    mine.request("GET", f"{uri}.wav?RequestedChannels=3")
    mine.request("HEAD", f"{uri}.json")
    etag = ""
    for each in (f"{uri}.wav", f"{uri}.mp3?RequestedChannels=1", uri, f"{unknown_uri}.wav"):
        etag = mine.request("HEAD", each).headers.get("etag", etag)
        for headers in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=99999999-"}, {"If-None-Match": etag}):
            mine.request("GET", each, headers=headers)
    mine.request("GET", uri, authorization=_MALFORMED_CREDENTIALS)


def _fetch_while_deleted(
    mine: FunctionClient, recorder: Recorder, above: tuple[str, ...], parent: Parent, shown: str
) -> None:
    """Fetch a rendition of a recording that is deleted while the rendition is created."""
    service = api_bootstrap.get_api_services()
    running = start_recording(service, parent, source=Source.RECORD_VERB, channels=2, call=shown)
    finish(service, running, channels=2)
    deletions = [running.id]

    def delete(**_: object) -> None:
        if deletions:
            fetching, recorder.running = recorder.running, None
            service.media.delete(parent, deletions.pop())
            recorder.running = fetching

    events = service.media._objects._client.meta.events  # type: ignore[attr-defined]
    events.register("after-call.s3.PutObject", delete)
    sid = mine.sid(ResourceType.RECORDING, running.id)
    mine.request("GET", f"{'/'.join((mine.base, *above))}/Recordings/{sid}.wav?RequestedChannels=1")
    events.unregister("after-call.s3.PutObject", delete)


def _conference(mine: FunctionClient) -> tuple[str, str, tuple[str, str]]:
    """Register a conference without participants; return its id, its name and its path."""
    name = secrets.token_hex(8)
    conference = open_conference(api_bootstrap.get_api_services(), mine.account, name).id
    return conference, name, ("Conferences", mine.sid(ResourceType.CONFERENCE, conference))


def _begin(mine: FunctionClient, conference: str) -> str:
    """Let two calls join; return the id of the first."""
    calls = [_call(mine), _call(mine)]
    for call in calls:
        join_conference(api_bootstrap.get_api_services(), mine.account, conference, call)
    return calls[0]


def _use_recording(mine: FunctionClient, parent: tuple[str, str], recording: str) -> None:
    """Run every branch of the functions for an active recording; stop it last."""
    for sid in (recording, mine.sid(ResourceType.RECORDING, mine.account), "Twilio.CURRENT"):
        path = (*parent, "Recordings", sid)
        mine.get(*path)
        for method in ("GET", "POST"):
            mine.request(method, mine.path(*path), authorization=_MALFORMED_CREDENTIALS)
        for form in ({"Status": "paused", "PauseBehavior": "skip"}, {"Status": "in-progress"}, {"Status": "x"}, None):
            mine.post(*path, form=form)
    for sid in (recording, "Twilio.CURRENT"):
        for status in ("stopped", "paused"):
            mine.post(*parent, "Recordings", sid, form={"Status": status})


def _use_accounts(recorder: Recorder) -> None:
    """Run every branch of the admin functions."""
    made = recorder.run("create_account")["account_sid"]["twilio"]
    unknown = TWILIO.format_sid(ResourceType.ACCOUNT, secrets.token_hex(16))
    recorder.run("create_account", account_sid=made)
    key = recorder.run("issue_api_key", account_sid=made)["api_key_sid"]
    recorder.run("issue_api_key", account_sid=unknown)
    for account in (made, unknown):
        for operation in ("rotate_auth_token", "rotate_auth_token", "revoke_auth_token", "revoke_auth_token"):
            recorder.run(operation, account_sid=account)
        for access in ("vendor", "default"):
            recorder.run("set_media_access", account_sid=account, media_access=access)
        for confirm in ("pause", "default"):
            recorder.run("set_confirm", account_sid=account, confirm=confirm)
        recorder.run("revoke_api_key", account_sid=account, api_key_sid=key)


def _use_engines(recorder: Recorder) -> None:
    """Run every branch of the admin functions for media engines."""
    calls, sqs, table = api_bootstrap.get_api_services().calls, make_full_client("sqs"), os.environ["CREDENTIALS_TABLE"]
    recorder.run("create_engine", name="ast1")
    recorder.run("create_engine", name="ast1")
    sqs.create_queue(QueueName=f"{STACK}_engine_ast2")  # with other attributes
    recorder.run("create_engine", name="ast2")
    recorder.run("list_engines")
    for name in ("ast1", "ast9"):
        for operation in ("rotate_engine_token", "rotate_engine_token", "revoke_engine_token", "revoke_engine_token"):
            recorder.run(operation, name=name)
        recorder.run("delete_engine", name=name)
    call = calls.register(secrets.token_hex(16), to="+15550100", from_="+15550101", direction="inbound")
    for name in ("ast2", "ast4"):
        calls._store.put_call(replace(call, id=secrets.token_hex(16), engine=name))  # it is live
    recorder.run("delete_engine", name="ast2")
    recorder.run("delete_engine", name="ast2", force=True)
    recorder.run("create_engine", name="ast4")
    names = {"SS": [f"e{number}" for number in range(100)]}
    recorder.dynamodb.put_item(TableName=table, Item={"PK": {"S": "LIST#ENGINES"}, "names": names})
    recorder.run("create_engine", name="ast3")


def _open_session(recorder: Recorder) -> None:
    """Register an engine, which is alive and can dial."""
    engine = RegisteredEngine(MediaEngine("dialer"), ("0" * 64,), 0)
    EngineRegistryTable(DynamoDBTable(recorder.dynamodb, os.environ["CREDENTIALS_TABLE"], time.sleep)).put_engine(
        engine
    )
    presences = PresenceTable(DynamoDBTable(recorder.dynamodb, os.environ["RECORDINGS_TABLE"], time.sleep))
    presences.open_session("dialer", "0" * 32, None, 1 << 40, EngineCapabilities(place=True, markup=True), None)


def _use_confirmed_updates(mine: FunctionClient, recorder: Recorder) -> None:
    """Pause a recording of a call and one of a conference, of an engine that does not confirm it."""
    services = api_bootstrap.get_api_services()
    conference, _, _ = _conference(mine)
    first = _begin(mine, conference)
    for kind, parent in ((ParentKind.CALL, first), (ParentKind.CONFERENCE, conference)):
        key = parent_key(Parent(mine.account, kind, parent))
        recorder.dynamodb.update_item(
            TableName=os.environ["RECORDINGS_TABLE"], Key={name: {"S": value} for name, value in key.items()},
            UpdateExpression="SET engine = :engine", ExpressionAttributeValues={":engine": {"S": "dialer"}},
        )  # fmt: skip
        recording = start_recording(
            services, Parent(mine.account, kind, parent), source=Source.START_CALL_RECORDING, call=first,
            engine="dialer",
        )  # fmt: skip
        collection, resource = (
            ("Calls", ResourceType.CALL) if kind is ParentKind.CALL else ("Conferences", ResourceType.CONFERENCE)
        )
        sids = mine.sid(resource, parent), mine.sid(ResourceType.RECORDING, recording.id)
        mine.post(collection, sids[0], "Recordings", sids[1], form={"Status": "paused"})


def _call(mine: FunctionClient) -> str:
    return (
        api_bootstrap.get_api_services()
        .calls.register(mine.account, to="+15550100", from_="+15550101", direction="inbound")
        .id
    )


_NEW_CALL: Final = {"From": "+12025550100", "To": "+12025550144", "Url": "https://example.com/voice"}

_MALFORMED_CREDENTIALS: Final = "Basic bm9ib2R5Om5vYm9keQ=="
"""Credentials whose user name is not a SID, so that they are rejected without a lookup."""
