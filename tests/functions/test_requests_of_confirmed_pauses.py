"""Every request to AWS of a pause that waits for the media engine, counted where it leaves the process.

All parts are those of a deployment: botocore's client of DynamoDB, the presence of engines in the table, and the sender
of urgent commands over HTTP. Only time passes at once. The process has clients of DynamoDB and S3 alone.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.programs import aws_requests
from tapedeck.adapters.dynamodb import items
from tapedeck.adapters.dynamodb.presence import presence_key
from tapedeck.bootstrap import confirmations as confirmations_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.domain.engine_report import CaptureTransitionReport
from tapedeck.domain.recording import ParentKind, Recording, RecordingStatus
from tapedeck.http.services import ApiServices
from tapedeck.settings import Settings
from tests.client import Answer, FunctionClient
from tests.conftest import TestAccount
from tests.functions.conftest import remember
from tests.functions.expected import refusal
from tests.functions.stage import Stage, Wire, WireRequest
from tests.reporter import ENGINE
from tests.sqs_endpoint import running_sqs

if TYPE_CHECKING:
    from tapedeck.domain.call import Call
    from tapedeck.domain.conference import Conference

CREDENTIALS, PRESENCES, PARENT = "GetItem credentials", "Query presences", "GetItem parent"
PAUSE, LOOK, SEND = "UpdateItem recording", "GetItem recording", "SendMessage stack_engine_standin"


@dataclass
class Deployment:
    """A deployment whose pauses wait, with an engine that confirms each command after some milliseconds, or never.

    `requests`: what the process has sent to AWS, in order. `time`: milliseconds that have passed while requests waited.
    """

    stage: Stage
    recording: Recording
    confirms_after: float = float("inf")
    time: int = 0
    requests: list[str] = field(default_factory=list)
    commands: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def see(self, when: str, request: WireRequest) -> None:
        """Note a request to DynamoDB."""
        if when == "sent":
            self.requests.append(f"{request.operation} {_subject(request.body)}")

    def see_message(self, action: str, body: dict[str, Any]) -> None:
        """Note a request to SQS; the engine gets the command."""
        self.requests.append(f"{action} {body['QueueUrl'].rpartition('/')[2]}")
        self.commands.append((self.time, json.loads(body["MessageBody"])))

    def pause(self, milliseconds: int) -> None:
        """Let time pass, in which the engine confirms what it was sent long enough ago; its requests do not count."""
        self.time += milliseconds
        before = list(self.requests)
        while self.commands and self.time - self.commands[0][0] >= self.confirms_after:
            _, command = self.commands.pop(0)
            report = CaptureTransitionReport(
                self.recording.parent, self.recording.id, RecordingStatus(command["wanted"]["status"])
            )
            self.stage.engine.report(report, command["version"])
        self.requests[:] = before

    def sent_by(self, update: Callable[[], Answer]) -> tuple[int, list[str]]:
        """The status of an answer, and what was sent until then."""
        self.requests.clear()
        return update().status, self.requests


def _subject(body: dict[str, Any]) -> str:
    key = body.get("Key", {})
    if key.get("PK", {}).get("S", "").startswith("ACCOUNT#"):
        return "credentials"
    if body.get("ExpressionAttributeValues", {}).get(":pk") == {"S": "ENGINES"}:
        return "presences"
    return {"REC": "recording", "CALL": "parent", "CONF": "parent"}.get(
        key.get("SK", {}).get("S", "")[:4].rstrip("#"), ""
    )


@pytest.fixture(params=["Calls", "Conferences"])
def recording(request: pytest.FixtureRequest, stage: Stage) -> Recording:
    """A recording in progress of a call or a conference, which the engine has begun: version 1."""
    parent: Call | Conference = (
        stage.call(engine=ENGINE) if request.param == "Calls" else stage.conference(engine=ENGINE)
    )
    return stage.recording(parent, engine=ENGINE, confirmed_version=1)


@pytest.fixture
def deployment(
    stage: Stage,
    recording: Recording,
    wire: Wire,
    account: TestAccount,
    settings: Settings,
    known: dict[str, Any],
    make_service: Callable[[Settings], ApiServices],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    """A deployment with one live engine, which ignores all commands."""
    made = Deployment(stage, recording)
    monkeypatch.setattr(confirmations_bootstrap, "SleepingPatience", lambda: made)
    monkeypatch.setattr(confirmations_bootstrap, "monotonic_clock", lambda: made.time)
    stage.shelf.put({**presence_key(ENGINE), "boot": "b" * 32, "seen": stage.clock.seconds, "capabilities": {}})
    with running_sqs(made.see_message) as sqs, wire.watched_by(made.see):
        service = make_service(replace(settings, confirm_updates=ConfirmUpdates.PAUSE, engine_queue_prefix=sqs.prefix))
        remember(service.authenticator, known, account.id)
        yield made


def _update(client: FunctionClient, recording: Recording, status: str, **form: str) -> Callable[[], Answer]:
    is_of_call = recording.parent.kind is ParentKind.CALL
    collection, kind = ("Calls", ResourceType.CALL) if is_of_call else ("Conferences", ResourceType.CONFERENCE)
    path = (
        collection,
        client.sid(kind, recording.parent.id),
        "Recordings",
        client.sid(ResourceType.RECORDING, recording.id),
    )
    return lambda: client.post(*path, form={"Status": status, **form})


def test_a_confirmed_pause_is_one_write_three_reads_and_one_message(
    client: FunctionClient, deployment: Deployment, recording: Recording
) -> None:
    """If the engine confirms after 40 ms, the second look at the recording sees it; nothing else is sent to AWS.

    The presence of engines is remembered, so the next pause costs one read less, and a resume is one write.
    """
    deployment.confirms_after = 40
    pause, resume = (_update(client, recording, status) for status in ("paused", "in-progress"))
    assert deployment.sent_by(pause) == (200, [PRESENCES, PAUSE, SEND, LOOK, LOOK])
    assert deployment.time == 55
    assert deployment.sent_by(resume) == (200, [PAUSE])
    assert deployment.sent_by(pause) == (200, [PAUSE, SEND, LOOK, LOOK])


def test_a_repetition_of_an_effective_pause_sends_one_request(
    client: FunctionClient, deployment: Deployment, recording: Recording
) -> None:
    """The condition of the write fails, and the item that comes with the failure shows that the pause took effect."""
    deployment.confirms_after = 0
    pause = _update(client, recording, "paused")
    assert deployment.sent_by(pause)[0] == 200
    before = deployment.stage.item(items.recording_key(recording.parent, recording.id))
    assert deployment.sent_by(pause) == (200, [PAUSE])
    assert deployment.stage.item(items.recording_key(recording.parent, recording.id)) == before


def test_a_process_that_has_just_started_reads_the_credentials(
    client: FunctionClient, deployment: Deployment, recording: Recording
) -> None:
    """The first request reads the credentials, and with them the account's rule about confirmations."""
    deployment.confirms_after = 40
    authenticator = api_bootstrap.get_api_services().authenticator
    authenticator._remembered.clear()
    authenticator._remembered_rules.clear()
    pause = _update(client, recording, "paused")
    assert deployment.sent_by(pause) == (200, [CREDENTIALS, PRESENCES, PAUSE, SEND, LOOK, LOOK])


def test_before_the_start_of_the_capture_there_are_four_reads(
    client: FunctionClient, deployment: Deployment, recording: Recording
) -> None:
    """Of a recording that the engine has not begun yet, the engine of its call or conference is read."""
    deployment.confirms_after = 40
    deployment.stage.write(recording, engine=None, confirmed=0)
    pause = _update(client, recording, "paused")
    assert deployment.sent_by(pause) == (200, [PRESENCES, PAUSE, PARENT, SEND, LOOK, LOOK])


def test_a_silent_engine_is_looked_for_at_most_44_times(
    client: FunctionClient, deployment: Deployment, recording: Recording
) -> None:
    """Until the deadline of 2.5 seconds there are one write, one message and 44 looks at the recording."""
    status, requests = deployment.sent_by(_update(client, recording, "paused"))
    assert status == refusal(client.dialect.name, "not confirmed")[0]
    assert (requests[:3], set(requests[3:]), deployment.time) == ([PRESENCES, PAUSE, SEND], {LOOK}, 2500)
    assert len(requests[3:]) == 44


def test_a_lost_engine_costs_no_message_and_no_look(
    client: FunctionClient, deployment: Deployment, recording: Recording
) -> None:
    """If the engine was last seen 45 seconds ago, the pause is stored and answered without a wait."""
    seen = deployment.stage.clock.seconds - 45
    deployment.stage.shelf.put({**presence_key(ENGINE), "boot": "b" * 32, "seen": seen, "capabilities": {}})
    status, requests = deployment.sent_by(_update(client, recording, "paused"))
    assert status == refusal(client.dialect.name, "not confirmed")[0]
    assert (requests, deployment.time) == ([PRESENCES, PAUSE], 0)


@pytest.mark.parametrize("recording", ["Calls"], indirect=True)
def test_the_benchmark_compares_with_the_same_requests(
    client: FunctionClient, deployment: Deployment, recording: Recording, wire: Wire
) -> None:
    """What botocore alone sends in the benchmark differs from a confirmed pause only in ids, times and names."""
    deployment.sent_by(_update(client, recording, "paused", PauseBehavior="skip"))
    sent = {request.operation: request.body for _, request in wire.all}
    expected = {"Query": aws_requests.PRESENCES, "UpdateItem": aws_requests.UPDATE, "GetItem": aws_requests.LOOK}
    assert {name: _shape(body) for name, body in sent.items()} == {
        name: _shape(body) for name, body in expected.items()
    }
    assert [_shape(command) for _, command in deployment.commands] == [_shape(aws_requests.COMMAND)]
    assert json.loads(aws_requests.message("")["MessageBody"]) == aws_requests.COMMAND


def _shape(body: dict[str, Any]) -> str:
    """A request as JSON, without the name of its table; ids and times are replaced by as many letters."""
    ids_and_times = r"\b([0-9a-f]{32}|[0-9a-f]{16}|[0-9]{13}|[0-9]{10})\b"
    text = json.dumps({**body, "TableName": ""}, sort_keys=True)
    return re.sub(ids_and_times, lambda found: "x" * len(found[0]), text)
