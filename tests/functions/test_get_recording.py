"""Reading a recording's metadata and its audio, whole or in part: `get_recording` in both dialects."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import md5
from itertools import product
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.recording import Recording
from tapedeck.http.services import ApiServices
from tapedeck.settings import Settings
from tests.client import DIALECTS, Answer, FunctionClient, Gateway
from tests.conftest import TestAccount
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.objects import Objects
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_refused
from tests.media import encoded, mp3_frames, samples_of, sound

STATUSES = ("in-progress", "paused", "stopped", "completed", "absent")
TYPES = {"": "audio/x-wav", ".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
RETENTION_SECONDS = 40 * 86_400

MakeRecording = Callable[..., Recording]


def test_reading_a_completed_recording_answers_the_recording_with_its_media_url(
    api: Api, example: Stage, clock: Clock
) -> None:
    """A completed recording answers 200 with the URL of its audio, on the host of the request."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, id="016612f5f27a74eca7e3b05d9c1f8264")
    clock.step(7)
    example.bring(recording, "completed", duration=7)

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        headers={"Host": "recordings.example.com"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "api_version": "2010-04-01",
        "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
        "conference_sid": None,
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:07 +0000",
        "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
        "duration": "7",
        "sid": "RE016612f5f27a74eca7e3b05d9c1f8264",
        "price": None,
        "price_unit": None,
        "status": "completed",
        "channels": 1,
        "source": "StartCallRecordingAPI",
        "error_code": None,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264.json"
        ),
        "encryption_details": None,
        "subresource_uris": {
            "add_on_results": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/AddOnResults.json"
            ),
            "transcriptions": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264/Transcriptions.json"
            ),
        },
        "media_url": (
            "https://recordings.example.com/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Recordings/RE016612f5f27a74eca7e3b05d9c1f8264"
        ),
    }


def test_reading_an_unknown_recording_is_not_found(api: Api) -> None:
    """A recording that does not exist answers 404 with its path, in SignalWire's dialect."""
    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264.json"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Recordings/016612f5-f27a-74ec-a7e3-b05d9c1f8264.json was not found"
        ),
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


def path_of(client: FunctionClient, recording: Recording | str, suffix: str = "") -> str:
    """Return the path of a recording below its account, with this suffix."""
    own = recording if isinstance(recording, str) else client.sid(ResourceType.RECORDING, recording.id)
    return f"{client.base}/Recordings/{own}{suffix}"


def assert_media(answer: Answer, status: int, content: bytes, *, of: bytes, **headers: str | None) -> None:
    """Assert the whole response for a file with the content `of`; header names have `_` for a hyphen."""
    expected_headers = {"etag": f'"{md5(of, usedforsecurity=False).hexdigest()}"', "accept-ranges": "bytes"}
    expected_headers |= {
        "cache-control": "no-store",
        **{name.replace("_", "-"): text for name, text in headers.items() if text},
    }
    found = dict(answer.headers)
    assert len(found.pop("x-request-id")) == 32
    assert (answer.status, found, answer.content) == (status, expected_headers, content)


@pytest.fixture
def make_recording(stage: Stage, objects: Objects) -> MakeRecording:
    """Create a completed recording with audio, by default of a call and with one channel."""

    def create(*, seconds: float = 1, channels: int = 1, conference: bool = False) -> Recording:
        parent = stage.conference() if conference else stage.call()
        recording = stage.recording(parent, "completed", channels=channels)
        content = sound(seconds, channels)
        objects.put(recording, "original.wav", content)
        objects.put(recording, "original.mp3", encoded(content))
        return recording

    return create


# --- Metadata: `.json` ---


@pytest.mark.parametrize("of_call", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_shown(
    client: FunctionClient, stage: Stage, gateway: Gateway, status: str, *, of_call: bool
) -> None:
    """A recording of a call or a conference is shown in each state, through either gateway."""
    client.gateway = gateway
    recording = stage.recording(stage.call() if of_call else stage.conference())
    stage.clock.step(4)
    recording = stage.bring(recording, status)
    scheme = "http" if gateway == "sam" else "https"
    body = expected.account_recording(client.dialect.name, recording, scheme)
    assert_answer(client.get("Recordings", client.sid(ResourceType.RECORDING, recording.id)), 200, body)


@pytest.mark.parametrize("requested", ["true", "TRUE", "false", "", None])
def test_a_deleted_recording_is_shown_on_request(client: FunctionClient, stage: Stage, requested: str | None) -> None:
    """Twilio shows a deleted recording with `IncludeSoftDeleted=true`; SignalWire never does."""
    recording = stage.delete(stage.recording(stage.call(), "completed"))
    sid = client.sid(ResourceType.RECORDING, recording.id)
    answer = client.get("Recordings", sid, **({} if requested is None else {"IncludeSoftDeleted": requested}))
    if client.dialect.name == "twilio" and str(requested).lower() == "true":
        assert_answer(answer, 200, expected.account_recording("twilio", recording))
        assert answer.body["status"] == "deleted"
    else:
        assert_refused(client, answer, "not found", uri=client.path("Recordings", sid))


def test_a_deleted_recording_is_shown_for_forty_days(make_twilio: Callable[[], FunctionClient], stage: Stage) -> None:
    """To the second, whether or not the table has removed the item."""
    client = make_twilio()
    recording = stage.delete(stage.recording(stage.call(), "completed"))
    stage.clock.milliseconds = (stage.clock.seconds + RETENTION_SECONDS) * 1000 - 1
    for status in (200, 404):
        answer = client.get("Recordings", client.sid(ResourceType.RECORDING, recording.id), IncludeSoftDeleted="true")
        assert answer.status == status
        stage.clock.step(0.001)


def test_existence_is_checked_before_parameters(client: FunctionClient, stage: Stage) -> None:
    """Twilio rejects an invalid `IncludeSoftDeleted` only of a recording that exists; SignalWire ignores it."""
    name = "IncludeSoftDeleted"
    recording = stage.recording(stage.call(), "completed")
    for sid in (client.sid(ResourceType.RECORDING, recording.id), client.sid(ResourceType.RECORDING, "0" * 32)):
        answer = client.get("Recordings", sid, **{name: "3"})
        if sid.endswith("0" * 12):
            assert_refused(client, answer, "not found", uri=client.path("Recordings", sid))
        elif client.dialect.name == "twilio":
            assert_refused(client, answer, "value outside the enum", name=name)
        else:
            assert_answer(answer, 200, expected.account_recording("signalwire", recording))


@pytest.mark.parametrize("requested", ["maybe", "1"])
def test_an_invalid_request_for_a_deleted_recording_is_rejected(
    client: FunctionClient, stage: Stage, requested: str
) -> None:
    """Twilio names the invalid `IncludeSoftDeleted` of a deleted recording; SignalWire answers 404."""
    recording = stage.delete(stage.recording(stage.call(), "completed"))
    sid = client.sid(ResourceType.RECORDING, recording.id)
    answer = client.get("Recordings", sid, IncludeSoftDeleted=requested)
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name="IncludeSoftDeleted")
    else:
        assert_refused(client, answer, "not found", uri=client.path("Recordings", sid))


@pytest.mark.parametrize("requested", ["2", "3", "two"])
def test_metadata_ignores_requested_channels(client: FunctionClient, stage: Stage, requested: str) -> None:
    """`RequestedChannels` is a parameter of the audio and ignored for metadata."""
    recording = stage.recording(stage.call(), "completed")
    answer = client.get("Recordings", client.sid(ResourceType.RECORDING, recording.id), RequestedChannels=requested)
    assert_answer(answer, 200, expected.account_recording(client.dialect.name, recording))


def test_current_is_not_found(client: FunctionClient, stage: Stage) -> None:
    """`Twilio.CURRENT` is not accepted in place of a sid."""
    stage.recording(stage.call())
    for suffix in ("", ".json", ".wav"):
        path = path_of(client, "Twilio.CURRENT", suffix)
        assert_refused(client, client.request("GET", path), "not found", uri=path)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "POST"])
def test_metadata_allows_only_get_and_delete(client: FunctionClient, stage: Stage, method: str) -> None:
    """Every other method answers 405; `HEAD` is for audio only."""
    path = path_of(client, stage.recording(stage.call(), "completed"), ".json")
    assert_refused(client, client.request(method, path), "method")


# --- Audio: no suffix, `.wav`, `.mp3` ---


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("root", ["/2010-04-01", "/api/laml/2010-04-01"])
def test_audio_is_sent_whole(
    client: FunctionClient, make_recording: MakeRecording, gateway: Gateway, suffix: str, method: str, root: str
) -> None:
    """WAV without a suffix or with `.wav`, MP3 with `.mp3`; HEAD sends only the length."""
    client.gateway, client.root = gateway, root
    recording = make_recording()
    content = encoded(sound(1)) if suffix == ".mp3" else sound(1)
    answer = client.request(method, path_of(client, recording, suffix))
    length = str(len(content)) if method == "HEAD" else None
    sent = b"" if method == "HEAD" else content
    assert_media(answer, 200, sent, of=content, content_type=TYPES[suffix], content_length=length)


def test_the_accept_header_is_ignored(client: FunctionClient, make_recording: MakeRecording) -> None:
    """Without a suffix the response is WAV, even if the client accepts only JSON."""
    answer = client.request("GET", path_of(client, make_recording()), headers={"Accept": "application/json"})
    assert_media(answer, 200, sound(1), of=sound(1), content_type="audio/x-wav")


@pytest.mark.parametrize("suffix", [".flac", ".WAV", ".Mp3", ".wav.mp3", ".mp3.json", ".wav.wav", ".", "wav", ".xml"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_unknown_suffix_is_not_found(
    client: FunctionClient, make_recording: MakeRecording, suffix: str, method: str
) -> None:
    """Any other suffix makes the sid invalid."""
    path = path_of(client, make_recording(), suffix)
    condition = "method" if method == "HEAD" and suffix.endswith(".json") else "not found"
    assert_refused(client, client.request(method, path), condition, uri=path)


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped", "absent", "deleted"])
@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_a_completed_recording_has_audio(
    client: FunctionClient, stage: Stage, objects: Objects, status: str, suffix: str, method: str
) -> None:
    """In every other state the audio answers 404 without a request to the bucket."""
    recording = stage.recording(stage.call())
    objects.put(recording, "original.wav", sound(1))
    objects.put(recording, "original.mp3", encoded(sound(1)))
    recording = stage.delete(recording) if status == "deleted" else stage.bring(recording, status)
    for query in ("", "?IncludeSoftDeleted=true"):
        path = path_of(client, recording, suffix)
        assert_refused(client, client.request(method, path + query), "not found", uri=path)
    assert objects.requests == []


@pytest.mark.parametrize("suffix", TYPES)
def test_expired_audio_is_not_found(
    client: FunctionClient, make_recording: MakeRecording, objects: Objects, suffix: str
) -> None:
    """Audio that a lifecycle rule of the bucket removed answers 404; the metadata remain."""
    recording = make_recording()
    objects.remove(recording, "original.wav", "original.mp3")
    path = path_of(client, recording, suffix)
    assert_refused(client, client.request("GET", path), "not found", uri=path)
    assert client.request("GET", path_of(client, recording, ".json")).body["status"] == "completed"


def test_audio_that_expires_during_the_request_is_not_found(
    client: FunctionClient, make_recording: MakeRecording, objects: Objects
) -> None:
    """Audio that disappears between HeadObject and GetObject answers 404."""
    recording = make_recording()
    objects.meanwhile["GetObject"] = lambda: objects.remove(recording, "original.wav")
    path = path_of(client, recording)
    assert_refused(client, client.request("GET", path), "not found", uri=path)


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("requested", ["true", "maybe"])
def test_audio_ignores_include_soft_deleted(
    client: FunctionClient, make_recording: MakeRecording, suffix: str, requested: str
) -> None:
    """`IncludeSoftDeleted` is a parameter of the metadata and ignored for audio."""
    path = path_of(client, make_recording(), suffix)
    plain = client.request("GET", path)
    answer = client.request("GET", f"{path}?IncludeSoftDeleted={requested}")
    assert (answer.status, answer.content) == (200, plain.content)


# --- Channels ---


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize(
    ("recorded", "conference", "requested", "returned"),
    [
        (1, False, "", 1),
        (1, False, "1", 1),
        (1, False, "2", None),
        (2, False, "", 2),
        (2, False, "2", 2),
        (2, False, "1", 1),
        (1, True, "", 1),
        (1, True, "2", None),
        (2, True, "", 1),
        (2, True, "1", 1),
        (2, True, "2", 2),
    ],
)
def test_twilio_sends_the_requested_channels(
    make_twilio: Callable[[], FunctionClient],
    make_recording: MakeRecording,
    suffix: str,
    recorded: int,
    requested: str,
    returned: int | None,
    *,
    conference: bool,
) -> None:
    """`RequestedChannels` is 1 or 2; by default calls are sent as recorded and conferences in one channel."""
    client, recording = make_twilio(), make_recording(channels=recorded, conference=conference)
    answer = client.request("GET", f"{path_of(client, recording, suffix)}?RequestedChannels={requested}")
    if returned is None:
        assert_refused(client, answer, "one channel")
        return
    assert (answer.status, answer.headers["content-type"]) == (200, TYPES[suffix])
    assert _channels(answer.content, suffix) == returned


@pytest.mark.parametrize("requested", ["0", "3", "two", "1.0", "-1", "01", " 1"])
def test_twilio_rejects_other_numbers_of_channels(
    make_twilio: Callable[[], FunctionClient], make_recording: MakeRecording, requested: str
) -> None:
    """`RequestedChannels` other than 1 and 2 is rejected, after existence is checked."""
    client, recording = make_twilio(), make_recording()
    for suffix in TYPES:
        query = f"?RequestedChannels={requested.replace(' ', '%20')}"
        answer = client.request("GET", path_of(client, recording, suffix) + query)
        assert_refused(client, answer, "value outside the enum", name="RequestedChannels")
        unknown = path_of(client, client.sid(ResourceType.RECORDING, "0" * 32), suffix)
        assert_refused(client, client.request("GET", unknown + query), "not found", uri=unknown)


@pytest.mark.parametrize("conference", [True, False])
@pytest.mark.parametrize("requested", ["", "1", "2", "3"])
def test_signalwire_ignores_requested_channels(
    make_twilio: Callable[[], FunctionClient], make_recording: MakeRecording, requested: str, *, conference: bool
) -> None:
    """SignalWire sends audio with the channels in which it was recorded."""
    client = replace(make_twilio(), dialect=DIALECTS["signalwire"])
    recording = make_recording(channels=2, conference=conference)
    answer = client.request("GET", f"{path_of(client, recording)}?RequestedChannels={requested}")
    assert_media(answer, 200, sound(1, 2), of=sound(1, 2), content_type="audio/x-wav")


def test_the_mono_rendition_is_the_mean_of_both_channels(
    make_twilio: Callable[[], FunctionClient], make_recording: MakeRecording, objects: Objects
) -> None:
    """It is made once as WAV and once as MP3 of the same length, and stored."""
    client, recording = make_twilio(), make_recording(channels=2, seconds=1.5)
    left, right = samples_of(sound(1.5, 2))
    for suffix in (".wav", ".mp3"):
        path = f"{path_of(client, recording, suffix)}?RequestedChannels=1"
        objects.requests.clear()
        first = client.request("GET", path)
        assert objects.requests == ["HeadObject", "GetObject", "PutObject", "HeadObject", "GetObject"]
        objects.requests.clear()
        second = client.request("GET", path)
        assert objects.requests == ["HeadObject", "GetObject"]
        assert (first.status, first.content, first.headers["etag"]) == (200, second.content, second.headers["etag"])
        assert objects.get(recording, f"mono{suffix}") == first.content
        if suffix == ".wav":
            (mixed,) = samples_of(first.content)
            assert mixed == [(one + other) // 2 for one, other in zip(left, right, strict=True)]
        else:
            frames = mp3_frames(first.content)
            assert set(frames) == {(32_000, 8_000, 1)}
            assert 1.5 <= len(frames) * 576 / 8_000 < 1.8
    assert objects.names(recording) == {"original.wav", "original.mp3", "mono.wav", "mono.mp3"}


@pytest.mark.parametrize("suffix", ["", ".mp3"])
@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_no_rendition_of_a_recording_deleted_meanwhile_remains(
    make_twilio: Callable[[], FunctionClient],
    make_recording: MakeRecording,
    stage: Stage,
    objects: Objects,
    suffix: str,
    operation: str,
) -> None:
    """A recording deleted during the request answers 404, and its rendition is removed."""
    client, recording = make_twilio(), make_recording(channels=2)
    delete = lambda: stage.services.media.delete(recording.parent, recording.id)  # noqa: E731 - runs meanwhile
    objects.meanwhile[operation] = delete
    path = path_of(client, recording, suffix)
    answer = client.request("GET", f"{path}?RequestedChannels=1")
    assert_refused(client, answer, "not found", uri=path)
    assert objects.names(recording) == set()


def test_a_rendition_is_removed_if_existence_is_unknown(
    make_twilio: Callable[[], FunctionClient],
    make_recording: MakeRecording,
    stage: Stage,
    objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the recording cannot be read after its rendition was stored, the rendition is removed."""
    client, recording = make_twilio(), make_recording(channels=2)

    def refuse(*_: object) -> None:
        raise StoreBusy

    monkeypatch.setattr(stage.services.recordings._store, "get_recording", refuse)
    answer = client.request("GET", f"{path_of(client, recording, '')}?RequestedChannels=1")
    assert_refused(client, answer, "too many requests")
    assert objects.names(recording) == {"original.wav", "original.mp3"}


# --- Byte ranges and conditional requests ---

WAV = sound(1)
SIZE = len(WAV)


@pytest.mark.parametrize(
    ("requested", "first", "last"),
    [
        ("bytes=100-199", 100, 199),
        ("bytes=16000-", 16_000, SIZE - 1),
        (f"bytes=-{'9' * 5_000}", 0, SIZE - 1),
    ],
)
def test_a_byte_range_is_sent(
    client: FunctionClient, make_recording: MakeRecording, gateway: Gateway, requested: str, first: int, last: int
) -> None:
    """A single byte range answers 206 with its position in the file; `tests/unit/test_byte_ranges.py` has all forms."""
    client.gateway = gateway
    answer = client.request("GET", path_of(client, make_recording()), headers={"Range": requested})
    headers = {"content_type": "audio/x-wav", "content_range": f"bytes {first}-{last}/{SIZE}"}
    assert_media(answer, 206, WAV[first : last + 1], of=WAV, **headers)


@pytest.mark.parametrize("requested", [f"bytes={SIZE}-", "bytes=-0"])
def test_a_range_beyond_the_end_is_rejected(
    client: FunctionClient, make_recording: MakeRecording, objects: Objects, requested: str
) -> None:
    """416 reports the size of the file, and the object is not read."""
    answer = client.request("GET", path_of(client, make_recording()), headers={"Range": requested})
    assert_media(answer, 416, b"", of=WAV, content_range=f"bytes */{SIZE}")
    assert objects.requests == ["HeadObject"]


@pytest.mark.parametrize("requested", ["", "bytes=6-5", "bytes=0-1,5-6"])
def test_an_invalid_range_is_ignored(client: FunctionClient, make_recording: MakeRecording, requested: str) -> None:
    """Several ranges or an invalid one count as none (RFC 9110, 14.2)."""
    answer = client.request("GET", path_of(client, make_recording()), headers={"Range": requested})
    assert_media(answer, 200, WAV, of=WAV, content_type="audio/x-wav")


def test_head_ignores_a_range(client: FunctionClient, make_recording: MakeRecording) -> None:
    """`Range` is defined only for GET: HEAD reports the whole file."""
    answer = client.request("HEAD", path_of(client, make_recording()), headers={"Range": "bytes=0-1"})
    assert_media(answer, 200, b"", of=WAV, content_type="audio/x-wav", content_length=str(SIZE))


ETAG = f'"{md5(WAV, usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (ETAG, 206),
        ('"0123456789abcdef0123456789abcdef"', 200),
    ],
)
def test_if_range_sends_the_whole_file_if_it_changed(
    client: FunctionClient, make_recording: MakeRecording, condition: str, status: int
) -> None:
    """`If-Range` with the current ETag answers the part, otherwise the whole file."""
    headers = {"Range": "bytes=0-1", "If-Range": condition}
    answer = client.request("GET", path_of(client, make_recording()), headers=headers)
    assert (answer.status, answer.content) == (status, WAV[:2] if status == 206 else WAV)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("tags", "is_known"),
    [
        (f'"x", {ETAG} ,"y"', True),
        ("*", True),
        ('"x"', False),
    ],
)
def test_if_none_match_answers_not_modified(
    client: FunctionClient, make_recording: MakeRecording, objects: Objects, method: str, tags: str, *, is_known: bool
) -> None:
    """`If-None-Match` with the current ETag answers 304 even with a range, and the object is not read."""
    headers = {"If-None-Match": tags, **({"Range": "bytes=0-1"} if is_known else {})}
    answer = client.request(method, path_of(client, make_recording()), headers=headers)
    if is_known:
        assert_media(answer, 304, b"", of=WAV)
        assert objects.requests == ["HeadObject"]
    else:
        assert (answer.status, answer.content) == (200, WAV if method == "GET" else b"")


# --- Audio over the limit of a response ---


@pytest.fixture
def small_responses(
    make_service: Callable[[Settings], ApiServices], settings: Settings, service: ApiServices
) -> ApiServices:
    """Functions that send at most 1,000 bytes of audio."""
    made = make_service(replace(settings, media_inline_bytes=1_000))
    made.authenticator._remembered.update(service.authenticator._remembered)
    return made


@pytest.mark.parametrize("suffix", TYPES)
def test_large_audio_is_redirected_to_a_presigned_url(
    client: FunctionClient, small_responses: ApiServices, make_recording: MakeRecording, suffix: str
) -> None:
    """Audio over the limit of a response is redirected to a presigned URL that is valid for a minute."""
    del small_responses  # the functions use it
    content = encoded(WAV) if suffix == ".mp3" else WAV
    answer = client.request("GET", path_of(client, make_recording(), suffix))
    location = answer.headers["location"]
    assert_media(answer, 307, b"", of=content, location=location)
    query = parse_qs(urlsplit(location).query)
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert len(query["X-Amz-Signature"][0]) == 64
    fetched = requests.get(location, timeout=120)
    assert (fetched.status_code, fetched.content) == (200, content)
    headers = {name: fetched.headers[name] for name in ("content-type", "cache-control", "etag")}
    assert headers == {"content-type": TYPES[suffix], "cache-control": "no-store", "etag": answer.headers["etag"]}


@pytest.mark.parametrize(
    ("requested", "status"),
    [("bytes=0-999", 206), ("bytes=-1000", 206), ("bytes=0-1000", 307), ("bytes=1-", 307), ("bytes=99999999-", 416)],
)
def test_a_part_that_fits_is_sent_inline(
    client: FunctionClient, small_responses: ApiServices, make_recording: MakeRecording, requested: str, status: int
) -> None:
    """A part within the limit is sent inline, although the whole file is over it."""
    del small_responses  # the functions use it
    answer = client.request("GET", path_of(client, make_recording()), headers={"Range": requested})
    assert answer.status == status
    assert len(answer.content) == (1_000 if status == 206 else 0)


def test_head_of_large_audio_is_not_redirected(
    client: FunctionClient, small_responses: ApiServices, make_recording: MakeRecording
) -> None:
    """HEAD of audio over the limit answers 200 with its length."""
    del small_responses  # the functions use it
    answer = client.request("HEAD", path_of(client, make_recording()))
    assert_media(answer, 200, b"", of=WAV, content_type="audio/x-wav", content_length=str(SIZE))


# --- Failures of the bucket ---


@pytest.mark.parametrize("fault", ["busy", "broken", "denied", "refused"])
@pytest.mark.parametrize("operation", ["HeadObject", "GetObject"])
def test_failures_of_the_bucket_are_reported(
    client: FunctionClient, make_recording: MakeRecording, objects: Objects, operation: str, fault: str
) -> None:
    """A throttled bucket answers 429, a failing one 500; a later request succeeds."""
    recording = make_recording()
    objects.faults[operation] = fault
    answer = client.request("GET", path_of(client, recording))
    assert_refused(client, answer, "too many requests" if fault == "busy" else "internal error")
    objects.faults.clear()
    assert client.request("GET", path_of(client, recording)).content == WAV


@pytest.mark.parametrize("fault", ["busy", "broken", "denied", "refused", "lost"])
@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_a_failed_rendition_is_made_by_the_next_request(
    make_twilio: Callable[[], FunctionClient],
    make_recording: MakeRecording,
    objects: Objects,
    operation: str,
    fault: str,
) -> None:
    """If making a rendition fails, the next request makes it."""
    client, recording = make_twilio(), make_recording(channels=2)
    path = f"{path_of(client, recording)}?RequestedChannels=1"
    objects.faults[operation] = fault
    assert_refused(client, client.request("GET", path), "too many requests" if fault == "busy" else "internal error")
    objects.faults.clear()
    answer = client.request("GET", path)
    assert (answer.status, _channels(answer.content, "")) == (200, 1)


@pytest.mark.parametrize("suffix", ["", ".mp3"])
def test_malformed_audio_is_an_internal_error(
    make_twilio: Callable[[], FunctionClient], make_recording: MakeRecording, objects: Objects, suffix: str
) -> None:
    """No rendition is made of a stored file that is not audio."""
    client, recording = make_twilio(), make_recording(channels=2)
    objects.put(recording, "original.wav", b"garbage")
    answer = client.request("GET", f"{path_of(client, recording, suffix)}?RequestedChannels=1")
    assert_refused(client, answer, "internal error")
    assert objects.names(recording) == {"original.wav", "original.mp3"}


# --- Requests ---


def test_requests_to_table_and_bucket_are_few(
    client: FunctionClient, make_recording: MakeRecording, wire: Wire, objects: Objects
) -> None:
    """The list entry and the recording are read, then the object; HEAD and metadata take fewer requests."""
    recording = make_recording()
    whole = ["HeadObject", "GetObject"]
    for method, suffix, sent in (
        ("GET", ".json", []),
        ("HEAD", "", whole[:1]),
        ("GET", "", whole),
        ("GET", ".mp3", whole),
    ):
        wire.all.clear()
        objects.requests.clear()
        assert client.request(method, path_of(client, recording, suffix)).status == 200
        assert (wire.recordings, objects.requests) == (["GetItem", "GetItem"], sent)


# --- Media access ---

Access = Literal["authenticated", "vendor"]


class MediaAccessCase(NamedTuple):
    """The media access of the deployment, that of the account, and whether SignalWire serves audio publicly."""

    deployment: Access
    account: Access | None
    is_public: bool


ACCESS_CASES = [
    MediaAccessCase("authenticated", None, is_public=False),
    MediaAccessCase("authenticated", "authenticated", is_public=False),
    MediaAccessCase("authenticated", "vendor", is_public=True),
    MediaAccessCase("vendor", None, is_public=True),
    MediaAccessCase("vendor", "vendor", is_public=True),
    MediaAccessCase("vendor", "authenticated", is_public=False),
]

WRONG_CREDENTIALS: Mapping[str, tuple[str | None, str]] = {
    "none": (None, "no credentials"),
    "garbage": ("Basic !!!", "bad credentials"),
    "unknown user": ("Basic eDp5", "bad credentials"),
}


class AccountWithAudio(NamedTuple):
    """An account with a recording that has audio."""

    account: TestAccount
    stage: Stage
    recording: Recording


@pytest.fixture
def owner(
    request: pytest.FixtureRequest,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    make_account: Callable[[], TestAccount],
    objects: Objects,
    clock: Clock,
    stage: Stage,
) -> AccountWithAudio:
    """A new account with a completed recording, with the media access of the case."""
    case: MediaAccessCase = request.param
    service = make_service(replace(settings, media_access=MediaAccess(case.deployment)))
    account = make_account()
    if case.account is not None:
        api_bootstrap.get_admin_services().accounts.set_media_access(account.id, MediaAccess(case.account))
    own = Stage(account.id, service, clock, stage.shelf)
    recording = own.recording(own.call(), "completed")
    objects.put(recording, "original.wav", WAV)
    objects.put(recording, "original.mp3", encoded(WAV))
    return AccountWithAudio(account, own, recording)


@pytest.mark.parametrize(("owner", "case"), [(case, case) for case in ACCESS_CASES], indirect=["owner"])
@pytest.mark.parametrize("credentials", WRONG_CREDENTIALS)
def test_signalwire_serves_audio_publicly_if_configured(
    dialect: str, owner: AccountWithAudio, case: MediaAccessCase, credentials: str
) -> None:
    """SignalWire then serves audio with any credentials or none; Twilio and the metadata never do."""
    client = FunctionClient(DIALECTS[dialect], owner.account.id, owner.account.token)
    authorization, condition = WRONG_CREDENTIALS[credentials]
    for method, suffix in product(("GET", "HEAD"), TYPES):
        path = path_of(client, owner.recording, suffix)
        answer = client.request(method, path, authorization=authorization)
        if dialect == "signalwire" and case.is_public:
            assert answer.status == 200
        else:
            assert_refused(client, answer, condition)
        assert client.request(method, path).status == 200
    metadata = path_of(client, owner.recording, ".json")
    assert_refused(client, client.request("GET", metadata, authorization=authorization), condition)


@pytest.mark.parametrize("owner", [MediaAccessCase("vendor", None, is_public=True)], indirect=True)
def test_public_audio_does_not_reveal_accounts(owner: AccountWithAudio, wire: Wire) -> None:
    """Unknown accounts and recordings, and recordings that are not completed, answer the same 404."""
    seen = []
    running = owner.stage.recording(owner.stage.call())
    for account, recording in (
        (owner.account.id, "0" * 32),
        (owner.account.id, running.id),
        ("0" * 32, owner.recording.id),
        ("0" * 32, "0" * 32),
    ):
        client = FunctionClient(DIALECTS["signalwire"], account, "")
        path = path_of(client, client.sid(ResourceType.RECORDING, recording), ".wav")
        wire.all.clear()
        answer = client.request("GET", path, authorization=None)
        assert_refused(client, answer, "not found", uri=path)
        seen.append(wire.recordings[:1])
    assert all(each == ["GetItem"] for each in seen)


@pytest.mark.parametrize("owner", [MediaAccessCase("vendor", None, is_public=True)], indirect=True)
@pytest.mark.parametrize("text", ["me", "0" * 32, "AC{id}", "AC" + "0" * 32])
def test_public_audio_needs_a_valid_account_id(owner: AccountWithAudio, text: str) -> None:
    """A text that is not an account id in SignalWire's format still needs credentials."""
    client = FunctionClient(DIALECTS["signalwire"], owner.account.id, "")
    named = text.format(id=owner.account.id)
    path = path_of(client, owner.recording).replace(client.sid(ResourceType.ACCOUNT, owner.account.id), named)
    speaker = replace(client, dialect=DIALECTS["twilio" if named.startswith("AC") else "signalwire"])
    assert_refused(speaker, client.request("GET", path, authorization=None), "no credentials")


@pytest.mark.parametrize("owner", [MediaAccessCase("authenticated", None, is_public=False)], indirect=True)
def test_media_access_is_cached_for_a_minute(owner: AccountWithAudio, clock: Clock, wire: Wire) -> None:
    """The setting is read once and cached for just under a minute, in either direction."""
    client = FunctionClient(DIALECTS["signalwire"], owner.account.id, "")
    accounts, statuses, reads = api_bootstrap.get_admin_services().accounts, [], []

    def request_audio() -> None:
        statuses.append(client.request("GET", path_of(client, owner.recording), authorization=None).status)
        reads.append(len(wire.credentials))

    wire.all.clear()
    request_audio()
    accounts.set_media_access(owner.account.id, MediaAccess.VENDOR)
    for seconds in (59.999, 0.001, 59.999, 0.001):
        if len(statuses) == 3:
            accounts.set_media_access(owner.account.id, None)
        clock.step(seconds)
        request_audio()
    assert statuses == [401, 401, 200, 200, 401]
    assert reads == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("owner", ACCESS_CASES, indirect=True)
def test_media_access_is_read_with_the_credentials(dialect: str, owner: AccountWithAudio, wire: Wire) -> None:
    """The item that verified an account contains its media access: audio takes no further read."""
    client = FunctionClient(DIALECTS[dialect], owner.account.id, owner.account.token)
    wire.all.clear()
    for suffix in (".json", "", ".mp3"):
        assert client.request("GET", path_of(client, owner.recording, suffix)).status == 200
    assert wire.credentials == ["GetItem"]


def test_a_recording_of_another_account_is_not_found(
    client: FunctionClient, make_recording: MakeRecording, make_account: Callable[[], TestAccount], stage: Stage
) -> None:
    """Another account's recording answers 404 at either account's path."""
    recording, stranger = make_recording(), make_account()
    stranger_client = FunctionClient(client.dialect, stranger.id, stranger.token)
    for path in (path_of(stranger_client, recording), path_of(client, recording)):
        assert_refused(client, stranger_client.request("GET", path), "not found", uri=path)
    assert stage.account == client.account


def _channels(content: bytes, suffix: str) -> int:
    if suffix != ".mp3":
        return len(samples_of(content))
    ((_, _, channels),) = set(mp3_frames(content))
    return channels
