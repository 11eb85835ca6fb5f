"""open_upload gives an engine a place for the capture of one recording, which it can fill once."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import NotFound
from tapedeck.domain.recording import Parent, Recording, RecordingStatus
from tapedeck.http.services import ApiServices
from tapedeck.operations.media import Media
from tapedeck.operations.uploads import UploadRefused, Uploads, UploadTicket
from tests.client import make_event
from tests.functions.background_world import World
from tests.functions.engines import EngineClient, engine_of, register_engine
from tests.functions.objects import Objects
from tests.functions.stage import Stage
from tests.media import sound

CONTENT = sound(2)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ENGINE = MediaEngine("ast1")
DAY = 86_400
End = Callable[[Media, Recording], None]


@pytest.fixture
def uploads(service: ApiServices) -> Uploads:
    """The operation, which accepts late audio for 14 days."""
    return Uploads(service.media._store, service.media._objects, service.clock, 14)


def make(stage: Stage, status: str = "stopped", **fields: Any) -> Recording:
    """Store a recording of the engine `ast1`."""
    return replace(stage.recording(stage.call(engine="ast1"), status, **fields))


def open_(uploads: Uploads, recording: Recording, engine: MediaEngine = ENGINE) -> UploadTicket:
    """Open an upload of `CONTENT`."""
    return uploads.open(engine, recording.parent, recording.id, len(CONTENT), DIGEST)


def refusal(uploads: Uploads, recording: Recording, engine: MediaEngine = ENGINE) -> str:
    """Open an upload that is refused; return the code."""
    with pytest.raises(UploadRefused) as raised:
        open_(uploads, recording, engine)
    return str(raised.value.code)


def put(ticket: UploadTicket, content: bytes) -> int:
    """Upload as a connector does; return the status.

    The emulator keeps a checksum only if the algorithm has a header of its own, which S3 does not need.
    """
    headers = {**ticket.headers, "x-amz-sdk-checksum-algorithm": "SHA256"}
    return requests.put(ticket.url, data=content, headers=headers, timeout=60).status_code


def test_signs_length_hash_and_condition(uploads: Uploads, stage: Stage) -> None:
    """The URL is valid for 15 minutes and only with the length, the hash and `If-None-Match` (C-212)."""
    recording = make(stage, engine="ast1")
    ticket = open_(uploads, recording)
    parts = urlsplit(ticket.url)
    query = parse_qs(parts.query)
    assert parts.path.endswith(f"/{recording.parent.account}/{recording.id}/capture.wav")
    assert query["X-Amz-SignedHeaders"] == ["content-length;host;if-none-match;x-amz-checksum-sha256"]
    assert query["X-Amz-Expires"] == ["900"]
    checksum = b64encode(bytes.fromhex(DIGEST)).decode()
    assert ticket == UploadTicket(
        ticket.url,
        {"If-None-Match": "*", "x-amz-checksum-sha256": checksum},
        stage.clock.seconds + 900,
        f"{recording.id}.{len(CONTENT)}.{DIGEST}",
    )


def test_a_capture_cannot_be_overwritten(
    uploads: Uploads, stage: Stage, objects: Objects, service: ApiServices
) -> None:
    """The second upload is answered 412, and the stored hash is that of the first."""
    recording = make(stage, engine="ast1")
    ticket = open_(uploads, recording)
    assert (put(ticket, CONTENT), put(ticket, CONTENT), put(open_(uploads, recording), CONTENT)) == (200, 412, 412)
    assert objects.get(recording, "capture.wav") == CONTENT
    noted = service.media.note_capture(recording.parent, recording.id, len(CONTENT), DIGEST)
    assert (noted.capture_size, noted.capture_sha256) == (len(CONTENT), DIGEST)


def finish_by_conversion(media: Media, recording: Recording) -> None:
    """Complete the recording, twice."""
    media.note_capture(recording.parent, recording.id, len(CONTENT), DIGEST)
    for _ in range(2):
        media.complete(recording.parent, recording.id)


def finish_by_report(media: Media, recording: Recording) -> None:
    """Report that there is no audio."""
    media.finish_without_media(recording.parent, recording.id, 16101)


def delete_completed(media: Media, recording: Recording) -> None:
    """Complete and delete the recording."""
    finish_by_conversion(media, recording)
    media.delete(recording.parent, recording.id)


def delete_given_up(media: Media, recording: Recording) -> None:
    """Give the recording up and delete it."""
    media.give_up(recording.parent, recording.id)
    media.delete(recording.parent, recording.id)


def report_deleted(media: Media, recording: Recording) -> None:
    """Report the capture of a recording that has been deleted."""
    delete_given_up(media, recording)
    with pytest.raises(NotFound):
        media.note_capture(recording.parent, recording.id, len(CONTENT), DIGEST)


def delete_during_the_conversion(media: Media, recording: Recording) -> None:
    """Complete a recording that is deleted meanwhile."""
    found = media.note_capture(recording.parent, recording.id, len(CONTENT), DIGEST)
    delete_given_up(media, recording)
    with pytest.raises(NotFound):
        media._finish(replace(found, status=RecordingStatus.COMPLETED, duration=2), by_engine=True)


@pytest.mark.parametrize(
    "end",
    [
        finish_by_conversion, finish_by_report, delete_completed, delete_given_up, report_deleted,
        delete_during_the_conversion,
    ],
    ids=lambda end: end.__name__,
)  # fmt: skip
@pytest.mark.parametrize("is_late", [False, True])
def test_no_upload_follows_the_end_of_a_recording(
    uploads: Uploads, stage: Stage, objects: Objects, service: ApiServices, end: End, *, is_late: bool
) -> None:
    """A URL that is still valid stores nothing once a recording has its audio, is absent for good, or is deleted."""
    recording = make(stage, engine="ast1")
    if is_late:  # ten days after the recording was given up
        service.media.give_up(recording.parent, recording.id)
        stage.clock.step(10 * DAY)
    ticket = open_(uploads, recording)
    assert put(ticket, CONTENT) == 200
    end(service.media, recording)
    renditions = objects.names(recording)
    assert put(ticket, CONTENT) == 412
    assert (objects.names(recording), objects.empty_names(recording)) == (renditions, {"capture.wav"})
    assert renditions == ({"original.wav", "original.mp3"} if end is finish_by_conversion else set())


def test_the_parents_engine_counts_until_the_start_is_confirmed(uploads: Uploads, stage: Stage) -> None:
    """A recording whose start was never confirmed belongs to the engine of its call or conference."""
    assert open_(uploads, make(stage)).ticket
    of_conference = stage.recording(stage.conference(engine="ast1"), "stopped")
    assert open_(uploads, of_conference).ticket
    assert refusal(uploads, make(stage, engine="ast2")) == "not_yours"
    assert refusal(uploads, stage.recording(stage.call(), "stopped")) == "not_yours"


def test_an_engine_uploads_only_for_its_accounts(uploads: Uploads, stage: Stage) -> None:
    """An engine of other accounts is refused, also for a recording that bears its name."""
    recording = make(stage, engine="ast1")
    assert refusal(uploads, recording, MediaEngine("ast1", frozenset({"0" * 32}))) == "not_yours"
    assert open_(uploads, recording, MediaEngine("ast1", frozenset({stage.account}))).ticket


@pytest.mark.parametrize("status", ["in-progress", "paused", "completed", "absent"])
def test_only_a_stopped_recording_takes_a_capture(uploads: Uploads, stage: Stage, status: str) -> None:
    """A running recording, a completed one, and one that the engine reported as absent are refused."""
    assert refusal(uploads, make(stage, status, engine="ast1")) == "wrong_state"


@pytest.mark.parametrize(("seconds", "is_open"), [(0, True), (14 * DAY - 1, True), (14 * DAY, False)])
def test_late_audio_is_accepted_for_some_days(
    uploads: Uploads, stage: Stage, service: ApiServices, seconds: int, *, is_open: bool
) -> None:
    """An upload for a recording that was given up can be opened for 14 days (C-211)."""
    recording = make(stage, engine="ast1")
    stage.clock.step(3_600)
    service.media.give_up(recording.parent, recording.id)
    stage.clock.step(seconds)
    if is_open:
        assert open_(uploads, recording).ticket
    else:
        assert refusal(uploads, recording) == "wrong_state"


def test_late_audio_can_be_switched_off(stage: Stage, service: ApiServices) -> None:
    """With 0 days no upload is opened for a recording that was given up."""
    recording = make(stage, engine="ast1")
    uploads = Uploads(service.media._store, service.media._objects, service.clock, 0)
    assert open_(uploads, recording).ticket
    service.media.give_up(recording.parent, recording.id)
    assert refusal(uploads, recording) == "wrong_state"


def test_unknown_and_deleted_recordings_are_refused(uploads: Uploads, stage: Stage) -> None:
    """A deleted recording has another code than an unknown one or one of another parent."""
    deleted = stage.delete(make(stage, "completed", engine="ast1"))
    assert refusal(uploads, deleted) == "deleted"
    other = Parent(deleted.parent.account, deleted.parent.kind, "0" * 32)
    assert refusal(uploads, replace(deleted, parent=other)) == "unknown"
    assert refusal(uploads, replace(deleted, id="0" * 32)) == "unknown"


# Over HTTP.

TOO_LATE = "the recording is finished, or it is too late for its audio"
TOKEN = f"tdk_ast1_{'1' * 43}"


def body_of(recording: Recording) -> dict[str, Any]:
    """The body of a request for `CONTENT`."""
    return {
        "account": recording.parent.account, "parent": {"type": "call", "id": recording.parent.id},
        "recording": recording.id, "bytes": len(CONTENT), "sha256": DIGEST, "content_type": "audio/wav",
    }  # fmt: skip


@pytest.fixture
def post(world: World) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Sends a request of the engine `ast1`, which works for the world's account; returns the status and the answer."""
    register_engine(current_environment(), "ast1", TOKEN, frozenset({world.account.account}))

    def send(body: object, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        event = make_event(
            "POST", "/engine/v2/uploads", headers=headers, body=json.dumps(body).encode(), gateway="api-gateway"
        )
        answer = world.call("open_upload", event)
        return answer["statusCode"], json.loads(answer["body"])

    return send


Post = Callable[..., tuple[int, dict[str, Any]]]


def test_an_engine_uploads_and_the_recording_completes(world: World, bucket: Objects, post: Post) -> None:
    """Open, upload, report: the capture is converted, and the recording is completed."""
    recording = make(world.stage, engine="ast1")
    world.discard()
    status, answer = post(body_of(recording))
    checksum = b64encode(bytes.fromhex(DIGEST)).decode()
    ticket = f"{recording.id}.{len(CONTENT)}.{DIGEST}"
    assert status == 200
    assert answer == {
        "url": answer["url"], "headers": {"If-None-Match": "*", "x-amz-checksum-sha256": checksum},
        "expires_at": world.clock.seconds * 1000 + 900_000, "ticket": ticket,
    }  # fmt: skip
    upload = UploadTicket(answer["url"], answer["headers"], 0, ticket)
    assert (put(upload, CONTENT), put(upload, CONTENT)) == (200, 412)
    world.services.media.note_capture(recording.parent, recording.id, len(CONTENT), DIGEST)
    world.publish()
    assert world.convert() == []
    assert world.services.recordings.get(recording.parent, recording.id).status == "completed"
    assert bucket.get(recording, "original.wav") == CONTENT


def test_refusals_have_the_form_of_the_protocol(world: World, post: Post) -> None:
    """Each refusal has its status and its code; nothing else is answered."""
    stopped = make(world.stage, engine="ast1")
    running = make(world.stage, "in-progress", engine="ast1")
    deleted = world.stage.delete(make(world.stage, "completed", engine="ast1"))
    foreign = make(world.stage, engine="ast2")
    assert [
        post(body_of(stopped), TOKEN[:-1]),
        post(body_of(foreign)),
        post({**body_of(stopped), "account": "0" * 32}),
        post({**body_of(stopped), "recording": "0" * 32}),
        post(body_of(deleted)),
        post(body_of(running)),
    ] == [
        (401, {"refused": "unauthorized"}),
        (403, {"refused": "not_yours"}),
        (403, {"refused": "not_yours"}),
        (404, {"refused": "unknown"}),
        (409, {"refused": "deleted"}),
        (409, {"refused": "wrong_state"}),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bytes", 0), ("bytes", 4 * 1024**3 + 1), ("bytes", 1.5), ("bytes", "7"), ("sha256", "0" * 63),
        ("sha256", "G" * 64), ("content_type", "audio/mpeg"), ("recording", "x"), ("account", "x"),
    ],
)  # fmt: skip
def test_unreadable_requests_name_the_field(world: World, post: Post, field: str, value: object) -> None:
    """A size beyond 1 byte to 4 GiB, a hash that is not one, or another content type is 422 with the field."""
    status, answer = post({**body_of(make(world.stage, engine="ast1")), field: value})
    assert (status, answer["refused"], answer["field"]) == (422, "unreadable", field)


def completed(engine: EngineClient, recording: Recording, content: bytes) -> dict[str, Any]:
    """Return the event with which an engine reports this capture."""
    digest = hashlib.sha256(content).hexdigest()
    return engine.event(
        "recording.completed", parent={"type": "call", "id": recording.parent.id}, recording=recording.id,
        ticket=f"{recording.id}.{len(content)}.{digest}", bytes=len(content), sha256=digest,
    )  # fmt: skip


def test_a_report_is_compared_with_the_stored_object(world: World, bucket: Objects) -> None:
    """A report comes too early, is taken, is repeated, or conflicts with the stored capture, which is counted."""
    engine, recording = engine_of(world), make(world.stage, engine="ast1")
    assert engine.outcomes(completed(engine, recording, CONTENT)) == ["later"]
    bucket.put(recording, "capture.wav", CONTENT)
    conflict = {"outcome": "refused", "code": "wrong_state", "detail": "another capture is stored"}
    world.log.drain()
    assert engine.report(completed(engine, recording, sound(3))) == [conflict]
    assert engine.outcomes(*(completed(engine, recording, CONTENT) for _ in range(2))) == ["taken", "repeated"]
    assert engine.report(completed(engine, recording, sound(3))) == [conflict]
    counts = [line.get("counted", {}).get("CaptureConflict") for line in world.log.drain() if "event" in line]
    assert counts == [1, None, None, 1]
    world.publish()
    assert world.convert() == []
    assert engine.outcomes(completed(engine, recording, CONTENT)) == ["repeated"]
    assert world.services.recordings.get(recording.parent, recording.id).status == "completed"


def test_a_report_that_comes_too_late_is_refused(world: World, bucket: Objects) -> None:
    """An hour late is taken and revokes `absent`; more than 14 days late is refused for good."""
    engine = engine_of(world)
    recordings = [make(world.stage, engine="ast1") for _ in range(2)]
    for recording in recordings:
        world.services.media.give_up(recording.parent, recording.id)
        bucket.put(recording, "capture.wav", CONTENT)
    world.discard()
    world.clock.step(3_600)
    assert engine.outcomes(completed(engine, recordings[0], CONTENT)) == ["taken"]
    world.clock.step(14 * DAY)
    refused = {"outcome": "refused", "code": "wrong_state", "detail": TOO_LATE}
    assert engine.report(completed(engine, recordings[1], CONTENT)) == [refused]
    world.publish()
    world.convert()
    found = [world.services.recordings.get(each.parent, each.id).status for each in recordings]
    assert found == ["completed", "absent"]
