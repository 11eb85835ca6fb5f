"""Every branch of the functions that no client calls, played out in one account."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dynamodb_memory.client import MemoryChanges
from tapedeck.adapters.clock import system_clock
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, OutboundClients
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tapedeck.operations.media import object_key
from tapedeck.ports.messaging import FailureReason, WebhookRequest, WebhookResult
from tapedeck.settings import Settings
from tapedeck_standin.aws.backend import make_full_client
from tapedeck_standin.telephony.audio import Part, make_wav
from tests.client import FunctionClient
from tests.template.recorder import Recorder

_ANSWERS: Final = {
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
"""How a media engine confirms what it was asked (`engine_protocol.schema`)."""

_HOOK: Final = "https://hooks.example/"
_RECORDING_EVENTS: Final = "in-progress completed absent"
_HOUR: Final = 3600


@dataclass
class Clock:
    """Tells the time of this machine, and so much more, in seconds."""

    ahead: int = 0

    def __call__(self) -> int:
        """Milliseconds since the epoch."""
        return system_clock() + self.ahead * 1000


@dataclass
class Receiver:
    """Takes callbacks, unless it is told to answer otherwise: each outcome once, the first first."""

    outcomes: list[WebhookResult] = field(default_factory=list)

    def send(self, _request: WebhookRequest) -> WebhookResult:
        """Make one attempt."""
        return self.outcomes.pop(0) if self.outcomes else WebhookResult(200, None, 1)

    def outbound_clients(self, environment: Environment, settings: Settings) -> OutboundClients:
        """Those of a deployment, but for callbacks, which come here."""
        return replace(
            background_bootstrap.aws_outbound_clients(environment, settings),
            webhook_client=self,
            sleep=lambda _seconds: None,
        )


@dataclass
class Scene:
    """An account, the stream of all, the queues, and a media engine: `records` are the kinds of its events."""

    recorder: Recorder
    mine: FunctionClient
    clock: Clock
    receiver: Receiver
    records: set[str]

    def __post_init__(self) -> None:
        self._changes = MemoryChanges(self.recorder.dynamodb, os.environ["RECORDINGS_TABLE"])
        self._sqs: Any = make_full_client("sqs")
        self._s3: Any = make_full_client("s3")

    def fresh(self) -> str:
        """An id of this moment."""
        return new_id(self.clock())

    def tell(self, kind: str, **fields: Any) -> bool:
        """Tell what a media engine does; whether it was taken note of, or will never be."""
        self.records.add(kind)
        event = {"type": kind, "id": self.fresh(), "account": self.mine.account, "at": self.clock(), **fields}
        return not self._hand_over("ingest_media_event", [json.dumps(event)])

    def publish(self) -> bool:
        """Tell of all changes since the last time; whether that went well."""
        records = self._changes.drain()
        answer = self.recorder.run("publish_changes", Records=records)
        return not answer["batchItemFailures"]

    def lose_changes(self) -> None:
        """The stream forgets."""
        self._changes.drain()

    def deliver(self) -> list[str]:
        """Send all callbacks that wait; the messages that failed."""
        waiting = list(self._drain("CALLBACKS_QUEUE"))
        return [failed for body in waiting for failed in self._hand_over("deliver_callback", [body])]

    def obey(self) -> None:
        """Do whatever the media engine is asked, and confirm it, until nothing is asked."""
        while self.publish() and (commands := [json.loads(body) for body in self._drain("COMMANDS_QUEUE")]):
            for command in commands:
                if command["type"] in _ANSWERS:
                    names = ("parent", "recording", "conference", "call", "version")
                    self.tell(_ANSWERS[command["type"]], **{name: command[name] for name in names if name in command})

    def ignore(self) -> None:
        """Take all commands, and do nothing."""
        self.publish()
        list(self._drain("COMMANDS_QUEUE"))

    def capture(self, recording: str, *parts: Part) -> str:
        """Put what was captured in its place; its key."""
        key = object_key(self.mine.account, recording)
        self._s3.put_object(Bucket=os.environ["MEDIA_BUCKET"], Key=key, Body=make_wav(list(parts), [True]))
        return key

    def keep_failure(self) -> None:
        """The changes since the last time fail, and lie in the bucket, as Lambda leaves them."""
        content = json.dumps({"payload": json.dumps({"Records": self._changes.drain()})})
        key = f"aws/lambda/mapping/shard/{self.fresh()}"
        self._s3.put_object(Bucket=os.environ["FAILED_BATCHES_BUCKET"], Key=key, Body=content.encode())

    def _hand_over(self, operation: str, bodies: list[str]) -> list[str]:
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

    def _drain(self, queue: str) -> Iterator[str]:
        url = os.environ[queue]
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]


_SOUND: Final = Part(2000, is_sound=True)
_SILENCE: Final = Part(2000, is_sound=False)


def use_background(scene: Scene) -> None:
    """All of it, in an order in which each may lean on what was before."""
    _use_calls(scene)
    _use_conferences(scene)
    _use_recordings(scene)
    _use_callbacks(scene)
    _use_what_hangs(scene)


def _sid(scene: Scene, kind: ResourceType, identifier: str) -> str:
    return scene.mine.sid(kind, identifier)


def _call(scene: Scene, kind: str = "call.answered") -> str:
    call = scene.fresh()
    assert scene.tell(kind, call=call, to="+15550100", **{"from": "+15550101"})
    return call


def _conference(scene: Scene, *calls: str, record: bool = False) -> str:
    """A conference that everything is told of, with these calls."""
    conference = scene.fresh()
    words = ("start", "end", "join", "leave", "mute", "hold", "modify", "announcement", "speaker")
    callback = {"url": f"{_HOOK}conference", "events": words, "dialect": scene.mine.dialect.name}
    assert scene.tell("conference.started", conference=conference, name=conference, record=record, callback=callback)
    for call in calls:
        assert scene.tell("participant.joined", conference=conference, call=call)
    return conference


def _recording(scene: Scene, call: str, **form: str) -> Recording:
    """One that was started over the API, everything of which is to be told."""
    wishes = {"RecordingStatusCallback": f"{_HOOK}recording", "RecordingStatusCallbackEvent": _RECORDING_EVENTS, **form}
    made = scene.mine.post("Calls", _sid(scene, ResourceType.CALL, call), "Recordings", form=wishes).body["sid"]
    return api_bootstrap.get_api_services().recordings.find(
        scene.mine.account, scene.mine.dialect.parse_sid(ResourceType.RECORDING, made) or ""
    )


def _ref(recording: Recording) -> dict[str, Any]:
    kind = "call" if recording.parent.kind == "CALL" else "conference"
    return {"parent": {"type": kind, "id": recording.parent.id}, "recording": recording.id}


def _move(scene: Scene, recording: Recording, status: str) -> None:
    path = (
        "Calls",
        _sid(scene, ResourceType.CALL, recording.parent.id),
        "Recordings",
        _sid(scene, ResourceType.RECORDING, recording.id),
    )
    assert scene.mine.post(*path, form={"Status": status}).status == 200


def _use_calls(scene: Scene) -> None:
    """Calls that ring, are answered, go elsewhere and end, in and out of time."""
    call = _call(scene, "call.ringing")
    for _ in range(2):
        scene.tell("call.answered", call=call)
    scene.tell("call.ringing", call=call)  # too late
    scene.mine.post("Calls", _sid(scene, ResourceType.CALL, call), form={"Url": "https://example.com/"})
    scene.obey()
    scene.mine.post("Calls", _sid(scene, ResourceType.CALL, call), form={"Status": "completed"})
    scene.obey()
    busy = _call(scene, "call.ringing")
    scene.tell("call.ended", call=busy, status="busy")
    for kind in ("call.ringing", "call.ended", "call.redirected"):
        assert not scene.tell(kind, call=scene.fresh(), version=1)  # nobody knows it
    assert not scene.tell("call.ringing", call=new_id(0), to="a", **{"from": "b"})  # nor when it began
    scene.publish()


def _use_conferences(scene: Scene) -> None:
    """Conferences that begin, are announced into, fill, change, empty and end, each in every way."""
    first, second = _call(scene), _call(scene)
    room = _conference(scene, first, second)
    path = ("Conferences", _sid(scene, ResourceType.CONFERENCE, room))
    scene.tell("conference.started", conference=room, name=room)
    scene.tell("conference.started", conference=scene.fresh(), name=room)  # the name is taken: it is dropped
    scene.mine.post(*path, form={"AnnounceUrl": "https://example.com/"})
    who = (*path, "Participants", _sid(scene, ResourceType.CALL, first))
    scene.mine.post(*who, form={"Muted": "true", "Hold": "true"})
    scene.obey()
    scene.tell("participant.changed", conference=room, call=second, muted=True, coaching=True, call_to_coach=first)
    scene.tell("participant.changed", conference=room, call=second, muted=False)
    dialed = [_dial(scene, path, f"client:{number}") for number in range(2)]
    scene.obey()
    if dialed[0] is not None and dialed[1] is not None:
        scene.tell("call.answered", call=dialed[0])
        scene.tell("call.ended", call=dialed[1], status="no-answer")
    scene.mine.delete(*who)
    scene.obey()
    scene.tell("participant.left", conference=room, call=second)
    scene.publish()
    assert not scene.tell("participant.left", conference=scene.fresh(), call=second)
    assert not scene.tell("participant.joined", conference=scene.fresh(), call=second)
    assert not scene.tell("conference.announced", conference=scene.fresh(), version=1)

    _end_what_was_recorded(scene)
    scene.publish()

    # Recorded ones end with their recordings: by themselves, with somebody's leaving, and over the API.
    for ending in ("conference.ended", "participant.left", "call.ended", ""):
        calls = [_call(scene), _call(scene)]
        recorded = _conference(scene, *calls, record=True)
        assert scene.tell(
            "recording.started", parent={"type": "conference", "id": recorded}, recording=scene.fresh(),
            source="Conference",
        )  # fmt: skip
        scene.publish()
        if ending == "conference.ended":
            scene.tell(ending, conference=recorded, reason="last-participant-left", ending_call=calls[0])
        elif ending == "participant.left":
            for call in calls:
                scene.tell(ending, conference=recorded, call=call)
        elif ending == "call.ended":
            for call in calls:
                scene.tell(ending, call=call)
        else:
            scene.mine.post("Conferences", _sid(scene, ResourceType.CONFERENCE, recorded), form={"Status": "completed"})
        scene.obey()
        scene.tell("conference.ended", conference=recorded)


def _end_what_was_recorded(scene: Scene) -> None:
    """A conference ends of which there is a completed recording."""
    room = _conference(scene, _call(scene), _call(scene))
    recording = scene.fresh()
    captured = {"parent": {"type": "conference", "id": room}, "recording": recording}
    for kind, more in (
        ("recording.started", {"source": "Conference"}),
        ("recording.stopped", {}),
        ("recording.completed", {"key": scene.capture(recording, _SOUND)}),
    ):
        assert scene.tell(kind, **captured, **more)
    assert scene.tell("conference.ended", conference=room)


def _dial(scene: Scene, path: tuple[str, str], to: str) -> str | None:
    """Somebody is dialed into a conference, where the dialect knows that; the call."""
    made = scene.mine.post(*path, "Participants", form={"From": "client:a", "To": to, "Label": to})
    return scene.mine.dialect.parse_sid(ResourceType.CALL, made.body["call_sid"]) if made.status == 201 else None


def _use_recordings(scene: Scene) -> None:
    """Recordings that are paused, resumed and stopped by either side, and end in each way."""
    call = _call(scene)
    recording = _recording(scene, call, Trim="trim-silence")
    assert not scene.tell("recording.paused", **_ref(recording), version=9)
    scene.obey()
    for status in ("paused", "in-progress"):
        _move(scene, recording, status)
        scene.obey()
    for kind in ("recording.paused", "recording.resumed", "recording.stopped", "recording.paused"):
        scene.tell(kind, **_ref(recording))
    assert scene.tell("recording.completed", **_ref(recording), key="another/account/original.wav")
    assert not scene.tell(
        "recording.completed", **_ref(recording), key=object_key(scene.mine.account, recording.id), size=0
    )
    key = scene.capture(recording.id, _SILENCE, _SOUND, _SILENCE)
    for _ in range(2):
        assert scene.tell("recording.completed", **_ref(recording), key=key)
    scene.publish()
    transcription = {"recording": recording.id, "transcription": scene.fresh()}
    for text in ("Hello.", None):
        scene.tell("transcription.completed", **transcription, text=text, duration=2)
    assert not scene.tell("transcription.completed", recording=scene.fresh(), transcription=scene.fresh())
    scene.mine.delete("Recordings", _sid(scene, ResourceType.RECORDING, recording.id))
    scene.publish()

    for kind, parts in (
        ("recording.completed", (_SILENCE,)),
        ("recording.absent", ()),
        ("recording.failed", (_SOUND,)),
    ):
        running = _recording(scene, call)
        scene.obey()
        _move(scene, running, "stopped")
        key = scene.capture(running.id, *parts) if parts else ""
        scene.tell(kind, **_ref(running), **({"key": key} if kind == "recording.completed" else {}))
        scene.publish()
        scene.tell(kind, **_ref(running), **({"key": key} if kind == "recording.completed" else {}))

    # By itself, and of a call that is over.
    own = {"parent": {"type": "call", "id": call}, "recording": scene.fresh()}
    assert not scene.tell("recording.started", **own)
    for _ in range(2):
        assert scene.tell("recording.started", **own, source="RecordVerb")
    # So many that it is first looked which of them still run.
    for _ in range(3):
        assert scene.tell("recording.started", parent=own["parent"], recording=scene.fresh(), source="DialVerb")
    scene.tell("call.ended", call=call)
    scene.publish()
    scene.tell("recording.started", parent=own["parent"], recording=scene.fresh(), source="RecordVerb")
    assert not scene.tell("nothing", call=call)


def _use_callbacks(scene: Scene) -> None:
    """Callbacks that are taken, put off, given up, shown and told again, by whoever may."""
    scene.deliver()
    call = _call(scene)
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
        running = _recording(scene, call)
        scene.obey()
        scene.receiver.outcomes = list(failure)
        scene.deliver()
        _move(scene, running, "stopped")
        scene.tell("recording.absent", **_ref(running))
        scene.publish()
    scene.receiver.outcomes = []
    account, sid = (
        scene.mine.sid(ResourceType.ACCOUNT, scene.mine.account),
        _sid(scene, ResourceType.RECORDING, running.id),
    )
    shown = scene.recorder.run("list_callbacks", account_sid=account, sid=sid)["callbacks"]
    scene.recorder.run("list_callbacks", account_sid=account, sid="x")
    for callback in (shown[0]["id"], "00000009.completed"):
        scene.recorder.run("replay_callback", account_sid=account, sid=sid, callback=callback)
    scene.deliver()
    owed = {"account": scene.mine.account, "subject": running.id, "claim": shown[0]["id"]}
    for body in (json.dumps(owed), json.dumps({**owed, "claim": "none"}), "x"):
        scene._hand_over("deliver_callback", [body])

    # Whoever sends it just now has it to itself; and nobody sends what cannot be signed.
    scene.recorder.run("replay_callback", account_sid=account, sid=sid, callback=shown[0]["id"])
    deliveries = background_bootstrap.get_background_services().callbacks._store
    delivery = deliveries.get(owed["account"], owed["subject"], owed["claim"])
    assert delivery is not None
    assert deliveries.lease(delivery, scene.clock(), scene.clock() + 60_000) is not None
    assert scene.deliver() == ["0"]
    scene.clock.ahead += 61
    assert scene._hand_over("deliver_callback", [json.dumps(owed)]) == []

    # What failed is told of again.
    scene.publish()
    calls = [_call(scene), _call(scene)]
    room = _conference(scene, *calls)
    _recording(scene, calls[0])
    scene.tell("conference.ended", conference=room, ending_call=calls[1])
    other = _conference(scene, calls[0])
    scene.tell("participant.left", conference=other, call=calls[0])
    _end_what_was_recorded(scene)
    scene.keep_failure()
    scene.recorder.run("redrive_failed_changes")
    scene.recorder.run("redrive_failed_changes", most=0)


def _use_what_hangs(scene: Scene) -> None:
    """Whatever nobody confirms, tells or finishes: asked again, announced late, brought to an end, forgotten."""
    calls = [_call(scene) for _ in range(3)]
    room = _conference(scene, *calls[:2])
    path = ("Conferences", _sid(scene, ResourceType.CONFERENCE, room))
    scene.mine.post(*path, form={"AnnounceUrl": "https://example.com/"})
    scene.mine.post(*path, "Participants", _sid(scene, ResourceType.CALL, calls[0]), form={"Muted": "true"})
    scene.mine.post("Calls", _sid(scene, ResourceType.CALL, calls[0]), form={"Url": "https://example.com/"})
    never = [_recording(scene, call) for call in calls[1:]]
    left = [_recording(scene, _call(scene)) for _ in range(2)]
    scene.ignore()
    for recording in left:
        scene.tell("recording.started", **_ref(recording), version=1)
        _move(scene, recording, "stopped")
    scene.capture(never[0].id, _SOUND)
    scene.capture(left[0].id, _SOUND)
    scene.lose_changes()
    for ahead in (60, 600, _HOUR, 24 * _HOUR):
        scene.clock.ahead += ahead
        scene.recorder.run("reconcile")
        scene.deliver()
        scene.lose_changes()
    scene.recorder.run("publish_changes", Records=[{"eventSource": "aws:dynamodb", "dynamodb": _UNREADABLE}])


_UNREADABLE: Final = {
    "SequenceNumber": "1",
    "NewImage": {"PK": {"S": "A#CALL#c"}, "SK": {"S": "CALL"}, "version": {"N": "1"}},
}
