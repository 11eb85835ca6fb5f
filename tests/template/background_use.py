"""Runs every branch of the background functions in one account."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

from dynamodb_memory.client import MemoryChanges
from tapedeck.adapters.clock import system_clock
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, OutboundClients
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tapedeck.ports.messaging import FailureReason, WebhookRequest, WebhookResult
from tapedeck.settings import STANDIN_ENGINE_TOKEN, Settings
from tapedeck_standin.aws.template import STACK
from tapedeck_standin.recordings.audio import Part, make_wav
from tapedeck_standin.samples.moto_aws import make_full_client
from tests.client import ROOT, FunctionClient, find_route, make_event
from tests.engine_reports import capture_fields
from tests.template.recorder import Recorder

_CONFIRMATIONS: Final = {
    "recording.start": "recording.started",
    "recording.pause": "recording.paused",
    "recording.resume": "recording.resumed",
    "recording.stop": "recording.stopped",
    "call.hang_up": "call.ended",
    "call.redirect": "call.redirected",
    "conference.end": "conference.ended",
    "conference.announce": "conference.announced",
    "participant.add": "call.ringing",
    "participant.update": "participant.changed",
    "participant.remove": "participant.left",
}
"""The event with which a media engine confirms each command (`docs/reference/engine-protocol.md`)."""

ENGINE: Final = "standin"
"""The engine of every resource."""

_HOOK: Final = "https://hooks.example/"
_RECORDING_EVENTS: Final = "in-progress completed absent"
_HOUR: Final = 3600


@dataclass
class Clock:
    """The system clock plus an offset in seconds."""

    ahead: int = 0

    def __call__(self) -> int:
        """Return milliseconds since the epoch."""
        return system_clock() + self.ahead * 1000


@dataclass
class Receiver:
    """A webhook client that returns the given outcomes in order, and 200 after that."""

    outcomes: list[WebhookResult] = field(default_factory=list)

    def send(self, _request: WebhookRequest) -> WebhookResult:
        """Return the result of one attempt."""
        return self.outcomes.pop(0) if self.outcomes else WebhookResult(200, None, 1)

    def outbound_clients(self, environment: Environment, settings: Settings) -> OutboundClients:
        """Return the production clients with this webhook client."""
        return replace(
            background_bootstrap.aws_outbound_clients(environment, settings),
            webhook_client=self,
            sleep=lambda _seconds: None,
        )


@dataclass
class Scenario:
    """An account with stream, queues and a media engine; `records` collects the types of reported events."""

    recorder: Recorder
    mine: FunctionClient
    clock: Clock
    receiver: Receiver
    records: set[str]

    def __post_init__(self) -> None:
        self._changes = MemoryChanges(self.recorder.dynamodb, os.environ["RECORDINGS_TABLE"])
        self._numbers = count(1)
        self._sqs: Any = make_full_client("sqs")
        self._s3: Any = make_full_client("s3")
        self._sqs.create_queue(QueueName=f"{STACK}_engine_{ENGINE}")

    def make_id(self) -> str:
        """Return an id of the current time."""
        return new_id(self.clock())

    def report(self, kind: str, **fields: Any) -> bool:
        """Report an engine event; return whether it need not be reported again."""
        self.records.add(kind)
        event = {
            "type": kind, "id": self.make_id(), "account": self.mine.account, "seq": next(self._numbers),
            "at": self.clock(), **fields,
        }  # fmt: skip
        envelope = {
            "protocol": 2, "boot": "b" * 32, "sent_at": self.clock(), "events": [event],
        }  # fmt: skip
        (result,) = self.post("events", envelope)["results"]
        return bool(result["outcome"] != "later")

    def post(self, route: str, body: object, token: str = STANDIN_ENGINE_TOKEN) -> dict[str, Any]:
        """Send a request of the engine protocol; return the answer's body."""
        path = f"/engine/v2/{route}"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        event = make_event("POST", path, headers=headers, body=json.dumps(body).encode(), gateway="api-gateway")
        answer = self.recorder.load_handler(ROOT, find_route("POST", path)[0].operation)(event, None)
        found: dict[str, Any] = json.loads(answer["body"])
        return found

    def publish(self) -> bool:
        """Publish all changes since the last call; return whether no record failed."""
        records = self._changes.drain()
        answer = self.recorder.run("publish_changes", Records=records)
        return not answer["batchItemFailures"]

    def lose_changes(self) -> None:
        """Drop all pending stream records."""
        self._changes.drain()

    def deliver(self) -> list[str]:
        """Deliver all queued callbacks; return the ids of failed messages."""
        waiting = [*self._drain("CALLBACKS_QUEUE"), *self._drain("CALLBACK_RETRIES_QUEUE")]
        return [failed for body in waiting for failed in self.invoke_with_messages("deliver_callback", [body])]

    def confirm_commands(self) -> None:
        """Confirm every command as a media engine does, until the queue is empty."""
        while self.publish() and (
            commands := [json.loads(body) for body in self._drain("ENGINE_QUEUE_PREFIX", ENGINE)]
        ):
            for command in commands:
                if command["type"] in _CONFIRMATIONS:
                    names = ("parent", "recording", "conference", "call", "version")
                    subject = {name: command[name] for name in names if name in command}
                    self.report(_CONFIRMATIONS[command["type"]], **subject, command=command["id"])

    def discard_commands(self) -> None:
        """Publish all changes and discard the commands."""
        self.publish()
        list(self._drain("ENGINE_QUEUE_PREFIX", ENGINE))

    def capture(self, recording: str, *parts: Part) -> dict[str, Any]:
        """Store the capture of a recording as its upload does; return the fields that report it."""
        key, content = f"{self.mine.account}/{recording}/capture.wav", make_wav(list(parts), [True])
        self._s3.put_object(Bucket=os.environ["MEDIA_BUCKET"], Key=key, Body=content, ChecksumAlgorithm="SHA256")
        return capture_fields(recording, content)

    def upload(self, recording: Recording, *parts: Part) -> None:
        """Store the capture of a stopped recording, and note it."""
        key = f"{self.mine.account}/{recording.id}/capture.wav"
        self._s3.put_object(
            Bucket=os.environ["MEDIA_BUCKET"], Key=key, Body=make_wav(list(parts), [True]), ChecksumAlgorithm="SHA256"
        )
        assert api_bootstrap.get_api_services().media.adopt_capture(recording)

    def remove_capture(self, recording: Recording) -> None:
        """Delete the capture of a recording."""
        key = f"{self.mine.account}/{recording.id}/capture.wav"
        self._s3.delete_object(Bucket=os.environ["MEDIA_BUCKET"], Key=key)

    def convert(self, *bodies: str) -> list[str]:
        """Convert what is queued, or these messages; return the bodies of the messages, one at a time."""
        found = list(bodies) or list(self._drain("FINISHING_QUEUE"))
        for body in found:
            self.invoke_with_messages("finish_recording", [body])
        return found

    def store_failed_batch(self) -> None:
        """Store the changes since the last call as a failed batch, in Lambda's format."""
        content = json.dumps({"payload": json.dumps({"Records": self._changes.drain()})})
        key = f"aws/lambda/mapping/shard/{self.make_id()}"
        self._s3.put_object(Bucket=os.environ["FAILED_BATCHES_BUCKET"], Key=key, Body=content.encode())

    def invoke_with_messages(self, operation: str, bodies: list[str]) -> list[str]:
        """Invoke a queue function with these message bodies; return the ids of failed messages."""
        records = [
            {
                "messageId": str(number),
                "body": body,
                "eventSource": "aws:sqs",
                "attributes": {"MessageGroupId": "group"},
            }
            for number, body in enumerate(bodies)
        ]
        answer = self.recorder.run(operation, Records=records)
        return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]

    def _drain(self, variable: str, name: str = "") -> Iterator[str]:
        url = f"{os.environ[variable]}{name}"
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]


_AUDIBLE: Final = Part(2000, is_sound=True)
_SILENCE: Final = Part(2000, is_sound=False)
_SILENT: Final = {"reason": "only_silence"}


def use_background(scenario: Scenario) -> None:
    """Run every background scenario; later ones depend on the state of earlier ones."""
    _use_calls(scenario)
    _use_conferences(scenario)
    _use_recordings(scenario)
    _use_conversions(scenario)
    _use_uploads(scenario)
    _use_documents(scenario)
    _use_callbacks(scenario)
    _use_reconciler(scenario)
    _use_engine_sessions(scenario)
    _report_what_is_unknown(scenario)


def _report_what_is_unknown(scenario: Scenario) -> None:
    """Report events about resources that do not exist, and that the engine is alive."""
    call = {"call": scenario.make_id()}
    participant = {"conference": scenario.make_id(), **call}
    for kind, fields in (
        ("call.digits_sent", {**call, "version": 1}),
        ("call.flow", {**call, "verb": "Say"}),
        ("command.refused", {**call, "version": 1, "command": "a", "code": "busy", "final": False}),
        ("conference.announcement_failed", {"conference": participant["conference"], "version": 1, "command": "a"}),
        ("engine.alive", {}),
        ("participant.announced", {**participant, "version": 1, "command": "a"}),
        ("participant.announcement_failed", {**participant, "version": 1, "command": "a"}),
        ("participant.speaking", {**participant, "speaking": True}),
    ):
        scenario.report(kind, **fields)


def _sid(scenario: Scenario, kind: ResourceType, identifier: str) -> str:
    return scenario.mine.sid(kind, identifier)


def _call(scenario: Scenario, kind: str = "call.answered") -> str:
    call = scenario.make_id()
    assert scenario.report(kind, call=call, to="+15550100", **{"from": "+15550101"})
    return call


def _conference(scenario: Scenario, *calls: str, record: bool = False) -> str:
    """Start a conference with a subscription to all events and these calls as participants."""
    conference = scenario.make_id()
    words = ("start", "end", "join", "leave", "mute", "hold", "modify", "announcement", "speaker")
    callback = {"url": f"{_HOOK}conference", "events": words, "dialect": scenario.mine.dialect.name}
    assert scenario.report(
        "conference.started", conference=conference, name=conference, record=record, callback=callback
    )
    for call in calls:
        assert scenario.report("participant.joined", conference=conference, call=call)
    return conference


def _recording(scenario: Scenario, call: str, **form: str) -> Recording:
    """Start a recording through the API with a subscription to all events."""
    parameters = {
        "RecordingStatusCallback": f"{_HOOK}recording",
        "RecordingStatusCallbackEvent": _RECORDING_EVENTS,
        **form,
    }
    made = scenario.mine.post("Calls", _sid(scenario, ResourceType.CALL, call), "Recordings", form=parameters).body[
        "sid"
    ]
    return api_bootstrap.get_api_services().recordings.find(
        scenario.mine.account, scenario.mine.dialect.parse_sid(ResourceType.RECORDING, made) or ""
    )


def _ref(recording: Recording) -> dict[str, Any]:
    kind = "call" if recording.parent.kind == "CALL" else "conference"
    return {"parent": {"type": kind, "id": recording.parent.id}, "recording": recording.id}


def _move(scenario: Scenario, recording: Recording, status: str) -> None:
    path = (
        "Calls",
        _sid(scenario, ResourceType.CALL, recording.parent.id),
        "Recordings",
        _sid(scenario, ResourceType.RECORDING, recording.id),
    )
    assert scenario.mine.post(*path, form={"Status": status}).status == 200


def _use_calls(scenario: Scenario) -> None:
    """Report calls that ring, are answered, redirected and ended, also out of order."""
    call = _call(scenario, "call.ringing")
    for _ in range(2):
        scenario.report("call.answered", call=call)
    scenario.report("call.ringing", call=call)  # too late
    scenario.mine.post("Calls", _sid(scenario, ResourceType.CALL, call), form={"Url": "https://example.com/"})
    scenario.confirm_commands()
    scenario.mine.post("Calls", _sid(scenario, ResourceType.CALL, call), form={"Status": "completed"})
    scenario.confirm_commands()
    busy = _call(scenario, "call.ringing")
    scenario.report("call.ended", call=busy, status="busy")
    for kind in ("call.ringing", "call.ended", "call.redirected"):
        assert not scenario.report(kind, call=scenario.make_id(), version=1)  # unknown call
    scenario.report("call.ringing", call=new_id(0), to="a", **{"from": "b"})  # implausible start time
    scenario.publish()


def _use_conferences(scenario: Scenario) -> None:
    """Report conferences that start, play announcements, change participants and end in every way."""
    first, second = _call(scenario), _call(scenario)
    conference = _conference(scenario, first, second)
    path = ("Conferences", _sid(scenario, ResourceType.CONFERENCE, conference))
    scenario.report("conference.started", conference=conference, name=conference)
    scenario.report(
        "conference.started", conference=scenario.make_id(), name=conference
    )  # the name is taken: the event is dropped
    scenario.mine.post(*path, form={"AnnounceUrl": "https://example.com/"})
    participant_path = (*path, "Participants", _sid(scenario, ResourceType.CALL, first))
    scenario.mine.post(*participant_path, form={"Muted": "true", "Hold": "true"})
    scenario.confirm_commands()
    scenario.report(
        "participant.changed", conference=conference, call=second, muted=True, coaching=True, call_to_coach=first
    )
    scenario.report("participant.changed", conference=conference, call=second, muted=False)
    dialed = [_dial(scenario, path, f"client:{number}") for number in range(2)]
    scenario.confirm_commands()
    if dialed[0] is not None and dialed[1] is not None:
        scenario.report("call.answered", call=dialed[0])
        scenario.report("call.ended", call=dialed[1], status="no-answer")
    scenario.mine.delete(*participant_path)
    scenario.confirm_commands()
    scenario.report("participant.left", conference=conference, call=second)
    scenario.publish()
    assert not scenario.report("participant.left", conference=scenario.make_id(), call=second)
    assert not scenario.report("participant.joined", conference=scenario.make_id(), call=second)
    assert not scenario.report("conference.announced", conference=scenario.make_id(), version=1, command="a")

    _end_with_completed_recording(scenario)
    scenario.publish()

    # Recorded conferences end by an engine event, by the last leave, by the end of calls, and through the API.
    for ending in ("conference.ended", "participant.left", "call.ended", ""):
        calls = [_call(scenario), _call(scenario)]
        recorded = _conference(scenario, *calls, record=True)
        assert scenario.report(
            "recording.started", parent={"type": "conference", "id": recorded}, recording=scenario.make_id(),
            source="Conference",
        )  # fmt: skip
        scenario.publish()
        if ending == "conference.ended":
            scenario.report(ending, conference=recorded, reason="last-participant-left", ending_call=calls[0])
        elif ending == "participant.left":
            for call in calls:
                scenario.report(ending, conference=recorded, call=call)
        elif ending == "call.ended":
            for call in calls:
                scenario.report(ending, call=call)
        else:
            scenario.mine.post(
                "Conferences", _sid(scenario, ResourceType.CONFERENCE, recorded), form={"Status": "completed"}
            )
        scenario.confirm_commands()
        scenario.report("conference.ended", conference=recorded)


def _end_with_completed_recording(scenario: Scenario) -> None:
    """End a conference that has a completed recording."""
    conference = _conference(scenario, _call(scenario), _call(scenario))
    recording = scenario.make_id()
    captured = {"parent": {"type": "conference", "id": conference}, "recording": recording}
    for kind, more in (
        ("recording.started", {"source": "Conference"}),
        ("recording.stopped", {}),
        ("recording.completed", scenario.capture(recording, _AUDIBLE)),
    ):
        assert scenario.report(kind, **captured, **more)
    scenario.convert(json.dumps({"account": scenario.mine.account, **captured}))
    assert scenario.report("conference.ended", conference=conference)


def _dial(scenario: Scenario, path: tuple[str, str], to: str) -> str | None:
    """Dial a participant; return the call id, or None where the dialect does not support it."""
    made = scenario.mine.post(*path, "Participants", form={"From": "client:a", "To": to, "Label": to})
    return scenario.mine.dialect.parse_sid(ResourceType.CALL, made.body["call_sid"]) if made.status == 201 else None


def _use_recordings(scenario: Scenario) -> None:
    """Pause, resume and stop recordings by requests and by engine events; end them in each way."""
    call = _call(scenario)
    recording = _recording(scenario, call, Trim="trim-silence")
    assert scenario.report("recording.paused", **_ref(recording), version=9)
    assert not scenario.report("recording.paused", **{**_ref(recording), "recording": scenario.make_id()}, version=1)
    scenario.confirm_commands()
    for status in ("paused", "in-progress"):
        _move(scenario, recording, status)
        scenario.confirm_commands()
    for kind in ("recording.paused", "recording.resumed", "recording.stopped", "recording.paused"):
        scenario.report(kind, **_ref(recording))
    missing = capture_fields(recording.id, b"")
    assert scenario.report("recording.completed", **_ref(recording), **{**missing, "ticket": "another"})
    assert not scenario.report("recording.completed", **_ref(recording), **missing)
    captured = scenario.capture(recording.id, _SILENCE, _AUDIBLE, _SILENCE)
    for _ in range(2):
        assert scenario.report("recording.completed", **_ref(recording), **captured)
    scenario.publish()
    scenario.convert()
    scenario.publish()
    transcription = {"recording": recording.id, "transcription": scenario.make_id()}
    for text in ("Hello.", None):
        scenario.report("transcription.completed", **transcription, text=text, duration=2)
    assert not scenario.report(
        "transcription.completed", recording=scenario.make_id(), transcription=scenario.make_id()
    )
    scenario.mine.delete("Recordings", _sid(scenario, ResourceType.RECORDING, recording.id))
    assert scenario.report("recording.completed", **_ref(recording), **captured)
    scenario.publish()

    for kind, parts in (("recording.completed", (_SILENCE,)), ("recording.absent", ())):
        running = _recording(scenario, call)
        scenario.confirm_commands()
        _move(scenario, running, "stopped")
        captured = scenario.capture(running.id, *parts) if parts else _SILENT
        scenario.report(kind, **_ref(running), **captured)
        scenario.publish()
        scenario.report(kind, **_ref(running), **captured)
        scenario.convert()

    # Recordings that the engine starts, also for an ended call.
    own = {"parent": {"type": "call", "id": call}, "recording": scenario.make_id()}
    assert not scenario.report("recording.started", **own)
    for _ in range(2):
        assert scenario.report("recording.started", **own, source="RecordVerb")
    # Enough active recordings that a start prunes the finished ones first.
    for _ in range(3):
        assert scenario.report(
            "recording.started", parent=own["parent"], recording=scenario.make_id(), source="DialVerb"
        )
    scenario.report("call.ended", call=call)
    scenario.publish()
    scenario.report("recording.started", parent=own["parent"], recording=scenario.make_id(), source="RecordVerb")
    scenario.report("nothing", call=call)


def _stopped(scenario: Scenario, call: str) -> Recording:
    """Start and stop a recording."""
    recording = _recording(scenario, call)
    scenario.confirm_commands()
    _move(scenario, recording, "stopped")
    scenario.confirm_commands()
    return recording


def _use_conversions(scenario: Scenario) -> None:
    """Convert captures: usable, silent, deleted and missing ones."""
    call = _call(scenario)
    for parts in ((_AUDIBLE,), (_SILENCE,)):
        recording = _stopped(scenario, call)
        scenario.upload(recording, *parts)
        scenario.publish()
        messages = scenario.convert()
        scenario.publish()
    scenario.mine.delete("Recordings", _sid(scenario, ResourceType.RECORDING, recording.id))
    scenario.convert(*messages)
    missing = _stopped(scenario, call)
    scenario.upload(missing, _AUDIBLE)
    scenario.remove_capture(missing)
    scenario.publish()
    scenario.convert()
    scenario.convert("x")


def _use_uploads(scenario: Scenario) -> None:
    """Open uploads for a stopped, a running, a deleted, an unknown and a foreign recording."""
    foreign = api_bootstrap.get_api_services().calls.register(
        scenario.mine.account, to="+12025550100", from_="+12025550101", direction="inbound"
    )
    without_engine = _recording(scenario, foreign.id)
    _open(scenario, without_engine, without_engine.id)
    call = scenario.make_id()
    scenario.report("call.answered", call=call, to="+15550100", **{"from": "+15550101"})
    recording = _recording(scenario, call)
    for identifier in (recording.id, scenario.make_id()):
        _open(scenario, recording, identifier)
    _move(scenario, recording, "stopped")
    _open(scenario, recording, recording.id)
    scenario.report("recording.absent", **_ref(recording), **_SILENT)
    scenario.mine.delete("Recordings", _sid(scenario, ResourceType.RECORDING, recording.id))
    _open(scenario, recording, recording.id)
    scenario.post("uploads", {})


def _open(scenario: Scenario, recording: Recording, identifier: str) -> None:
    parent = {"type": "call", "id": recording.parent.id}
    body = {"account": scenario.mine.account, "parent": parent, "recording": identifier, "bytes": 7}
    scenario.post("uploads", {**body, "sha256": "0" * 64})


def _use_documents(scenario: Scenario) -> None:
    """Request documents for a call, without a signing key, for a foreign and an unknown call, and a malformed one."""
    foreign = api_bootstrap.get_api_services().calls.register(
        scenario.mine.account, to="+12025550100", from_="+12025550101", direction="inbound"
    )
    body = {"account": scenario.mine.account, "dialect": "twilio", "url": "ftp://app.example.com/"}
    call = _call(scenario)
    for identifier in (call, foreign.id, scenario.make_id()):
        scenario.post("documents", {**body, "call": identifier})
    _without_signing_key(scenario, lambda: scenario.post("documents", {**body, "call": call}))
    scenario.post("documents", {})


def _without_signing_key(scenario: Scenario, use: Callable[[], object]) -> None:
    """Run something while the account has no signing key."""
    dynamodb = scenario.recorder.dynamodb
    table = os.environ["CREDENTIALS_TABLE"]
    key = {"PK": {"S": f"SIGNING#{scenario.mine.account}"}}
    stored = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.delete_item(TableName=table, Key=key)
    use()
    dynamodb.put_item(TableName=table, Item=stored)


def _use_callbacks(scenario: Scenario) -> None:
    """Deliver, retry, exhaust, list and replay callbacks."""
    scenario.deliver()
    call = _call(scenario)
    failures = (
        [WebhookResult(503, None, 1)],
        [WebhookResult(410, None, 1)],
        [
            WebhookResult(None, FailureReason.CONNECT, 1),
            WebhookResult(None, FailureReason.CONNECT, 1),
            WebhookResult(None, FailureReason.CONNECT, 1),
        ],
    )
    for failure in failures:
        running = _recording(scenario, call)
        scenario.confirm_commands()
        scenario.receiver.outcomes = list(failure)
        scenario.deliver()
        _move(scenario, running, "stopped")
        scenario.report("recording.absent", **_ref(running), **_SILENT)
        scenario.publish()
    scenario.receiver.outcomes = []
    account, sid = (
        scenario.mine.sid(ResourceType.ACCOUNT, scenario.mine.account),
        _sid(scenario, ResourceType.RECORDING, running.id),
    )
    shown = scenario.recorder.run("list_callbacks", account_sid=account, sid=sid)["callbacks"]
    scenario.recorder.run("list_callbacks", account_sid=account, sid="x")
    scenario.recorder.run("list_unsettled")
    scenario.recorder.run("list_unsettled", limit=0)
    for callback in (shown[0]["id"], "00000009.completed"):
        scenario.recorder.run("replay_callback", account_sid=account, sid=sid, callback=callback)
    scenario.deliver()
    message = {"account": scenario.mine.account, "resource": running.id, "delivery": shown[0]["id"]}
    for body in (json.dumps(message), json.dumps({**message, "delivery": "none"}), "x"):
        scenario.invoke_with_messages("deliver_callback", [body])

    # A leased delivery fails until the lease expires.
    scenario.recorder.run("replay_callback", account_sid=account, sid=sid, callback=shown[0]["id"])
    deliveries = background_bootstrap.get_background_services().callbacks._store
    delivery = deliveries.get(message["account"], message["resource"], message["delivery"])
    assert delivery is not None
    assert deliveries.lease(delivery, scenario.clock(), scenario.clock() + 60_000) is not None
    assert scenario.deliver() == ["0"]
    scenario.clock.ahead += 61
    assert scenario.invoke_with_messages("deliver_callback", [json.dumps(message)]) == []

    # Redrive failed changes.
    uploaded = _stopped(scenario, _call(scenario))
    calls = [_call(scenario), _call(scenario)]
    conference = _conference(scenario, *calls)
    _recording(scenario, calls[0])
    scenario.report("conference.ended", conference=conference, ending_call=calls[1])
    other = _conference(scenario, calls[0])
    scenario.report("participant.left", conference=other, call=calls[0])
    _end_with_completed_recording(scenario)
    scenario.upload(uploaded, _AUDIBLE)
    scenario.store_failed_batch()
    scenario.recorder.run("redrive_failed_changes")
    scenario.recorder.run("redrive_failed_changes", max_batches=0)


def _use_engine_sessions(scenario: Scenario) -> None:
    """Let an engine open sessions that list everything and nothing, and let the reconciler end what a lost one had."""
    calls = [_call(scenario) for _ in range(3)]
    conference = _conference(scenario, *calls[:2])
    path = ("Conferences", _sid(scenario, ResourceType.CONFERENCE, conference))
    scenario.mine.post(*path, "Participants", _sid(scenario, ResourceType.CALL, calls[0]), form={"Muted": "true"})
    recording = _recording(scenario, calls[2])
    account = scenario.mine.account
    live = [
        *({"kind": "call", "id": call, "account": account} for call in calls),
        {"kind": "conference", "id": conference, "account": account},
        {"kind": "recording", "id": recording.id, "account": account, **_ref(recording)},
    ]
    boots = []
    for listed in (live, [], live):
        scenario.clock.ahead += 1
        boots.append(scenario.make_id())
        opening = {"protocol": 2, "boot": boots[-1], "capabilities": {}, "sent_at": scenario.clock()}
        scenario.post("sessions", {**opening, "live": listed})
    call = _call(scenario)
    listed = [{"kind": "call", "id": call, "account": account}]
    scenario.post("sessions", {**opening, "live": listed})
    assert scenario.post("sessions", {**opening, "boot": boots[0]})["refused"] == "superseded"
    scenario.clock.ahead += _HOUR
    scenario.recorder.run("reconcile")
    scenario.publish()


def _use_reconciler(scenario: Scenario) -> None:
    """Let the reconciler resend commands, publish late, end recordings and expire pending work."""
    calls = [_call(scenario) for _ in range(3)]
    conference = _conference(scenario, *calls[:2])
    path = ("Conferences", _sid(scenario, ResourceType.CONFERENCE, conference))
    scenario.mine.post(*path, form={"AnnounceUrl": "https://example.com/"})
    scenario.mine.post(*path, "Participants", _sid(scenario, ResourceType.CALL, calls[0]), form={"Muted": "true"})
    scenario.mine.post("Calls", _sid(scenario, ResourceType.CALL, calls[0]), form={"Url": "https://example.com/"})
    never = [_recording(scenario, call) for call in calls[1:]]
    left = [_recording(scenario, _call(scenario)) for _ in range(2)]
    scenario.discard_commands()
    for recording in left:
        scenario.report("recording.started", **_ref(recording), version=1)
        _move(scenario, recording, "stopped")
    scenario.capture(never[0].id, _AUDIBLE)
    scenario.capture(left[0].id, _AUDIBLE)
    _end_with_completed_recording(scenario)
    scenario.lose_changes()
    for ahead in (60, 600, _HOUR, 24 * _HOUR):
        scenario.clock.ahead += ahead
        scenario.recorder.run("reconcile")
        scenario.deliver()
        scenario.lose_changes()
    scenario.recorder.run("publish_changes", Records=[{"eventSource": "aws:dynamodb", "dynamodb": _UNREADABLE}])


_UNREADABLE: Final = {
    "SequenceNumber": "1",
    "NewImage": {"PK": {"S": "A#CALL#c"}, "SK": {"S": "CALL"}, "version": {"N": "1"}},
}
