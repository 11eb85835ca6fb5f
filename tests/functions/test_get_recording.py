"""R2, R4, R5: read a recording: its metadata, its audio in part or whole (behaviour.md, sections 10 and 11)."""

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
from tapedeck.http.endpoint import ApiServices
from tapedeck.settings import Settings
from tests.client import DIALECTS, Answer, FunctionClient, Gateway
from tests.conftest import TestAccount
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.objects import Objects
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_refused, call_path, conference_path
from tests.media import encoded, mp3_frames, samples_of, sound

STATUSES = ("in-progress", "paused", "stopped", "completed", "absent")
TYPES = {"": "audio/x-wav", ".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
KEPT = 40 * 86_400

Make = Callable[..., Recording]


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
    """A recording that does not exist answers 404 with its path."""
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
    """The address of a recording at its account, with this suffix."""
    own = recording if isinstance(recording, str) else client.sid(ResourceType.RECORDING, recording.id)
    return f"{client.base}/Recordings/{own}{suffix}"


def assert_media(answer: Answer, status: int, content: bytes, *, of: bytes, **headers: str | None) -> None:
    """The whole answer, of a file with this content; further headers by name, `_` for a hyphen."""
    told = {"etag": f'"{md5(of, usedforsecurity=False).hexdigest()}"', "accept-ranges": "bytes"}
    told |= {"cache-control": "no-store", **{name.replace("_", "-"): text for name, text in headers.items() if text}}
    found = dict(answer.headers)
    assert len(found.pop("x-request-id")) == 32
    assert (answer.status, found, answer.content) == (status, told, content)


@pytest.fixture
def make(stage: Stage, objects: Objects) -> Make:
    """Makes completed recordings with audio: of a call, in one channel, unless told otherwise."""

    def made(*, seconds: float = 1, channels: int = 1, conference: bool = False) -> Recording:
        parent = stage.conference() if conference else stage.call()
        recording = stage.recording(parent, "completed", channels=channels)
        content = sound(seconds, channels)
        objects.put(recording, "original.wav", content)
        objects.put(recording, "original.mp3", encoded(content))
        return recording

    return made


# Metadata: `.json`.


@pytest.mark.parametrize("of_call", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_shows_each_status(
    client: FunctionClient, stage: Stage, gateway: Gateway, status: str, *, of_call: bool
) -> None:
    """A recording of a call or a conference in each state, at its account's address, through either gateway."""
    client.gateway = gateway
    recording = stage.recording(stage.call() if of_call else stage.conference())
    stage.clock.step(4)
    recording = stage.bring(recording, status)
    scheme = "http" if gateway == "sam" else "https"
    body = expected.account_recording(client.dialect.name, recording, scheme)
    assert_answer(client.get("Recordings", client.sid(ResourceType.RECORDING, recording.id)), 200, body)


@pytest.mark.parametrize("asked", ["true", "TRUE", "false", "", None])
def test_shows_deleted_ones_to_whoever_asks(client: FunctionClient, stage: Stage, asked: str | None) -> None:
    """`IncludeSoftDeleted` opens deleted recordings in T; S knows no such parameter, and no deleted recording."""
    recording = stage.delete(stage.recording(stage.call(), "completed"))
    sid = client.sid(ResourceType.RECORDING, recording.id)
    answer = client.get("Recordings", sid, **({} if asked is None else {"IncludeSoftDeleted": asked}))
    if client.dialect.name == "twilio" and str(asked).lower() == "true":
        assert_answer(answer, 200, expected.account_recording("twilio", recording))
        assert answer.body["status"] == "deleted"
    else:
        assert_refused(client, answer, "not found", uri=client.path("Recordings", sid))


def test_shows_deleted_ones_for_forty_days(make_twilio: Callable[[], FunctionClient], stage: Stage) -> None:
    """To the second, whether or not the table has removed them since."""
    client = make_twilio()
    recording = stage.delete(stage.recording(stage.call(), "completed"))
    stage.clock.milliseconds = (stage.clock.seconds + KEPT) * 1000 - 1
    for status in (200, 404):
        answer = client.get("Recordings", client.sid(ResourceType.RECORDING, recording.id), IncludeSoftDeleted="true")
        assert answer.status == status
        stage.clock.step(0.001)


def test_refuses_a_wrong_parameter(client: FunctionClient, stage: Stage) -> None:
    """T refuses a value that is none, after it has looked whether there is such a recording; S knows no such name."""
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


@pytest.mark.parametrize("asked", ["maybe", "1"])
def test_tells_whoever_asks_for_deleted_ones_wrongly(client: FunctionClient, stage: Stage, asked: str) -> None:
    """Where T would show a deleted recording, it tells of the parameter; in S there is none."""
    recording = stage.delete(stage.recording(stage.call(), "completed"))
    sid = client.sid(ResourceType.RECORDING, recording.id)
    answer = client.get("Recordings", sid, IncludeSoftDeleted=asked)
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name="IncludeSoftDeleted")
    else:
        assert_refused(client, answer, "not found", uri=client.path("Recordings", sid))


@pytest.mark.parametrize("asked", ["2", "3", "two"])
def test_metadata_have_no_channels(client: FunctionClient, stage: Stage, asked: str) -> None:
    """A parameter of the audio is unknown here, and so ignored, whatever it says."""
    recording = stage.recording(stage.call(), "completed")
    answer = client.get("Recordings", client.sid(ResourceType.RECORDING, recording.id), RequestedChannels=asked)
    assert_answer(answer, 200, expected.account_recording(client.dialect.name, recording))


def test_does_not_know_current(client: FunctionClient, stage: Stage) -> None:
    """`Twilio.CURRENT` is no recording here."""
    stage.recording(stage.call())
    for suffix in ("", ".json", ".wav"):
        path = path_of(client, "Twilio.CURRENT", suffix)
        assert_refused(client, client.request("GET", path), "not found", uri=path)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "POST"])
def test_knows_no_other_method_for_metadata(client: FunctionClient, stage: Stage, method: str) -> None:
    """`HEAD` is for audio only; whatever else is asked is answered by nobody."""
    path = path_of(client, stage.recording(stage.call(), "completed"), ".json")
    assert_refused(client, client.request(method, path), "method")


# Audio: no suffix, `.wav`, `.mp3`.


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("root", ["/2010-04-01", "/api/laml/2010-04-01"])
def test_answers_with_audio(
    client: FunctionClient, make: Make, gateway: Gateway, suffix: str, method: str, root: str
) -> None:
    """WAV without a suffix or under `.wav`, MP3 under `.mp3`, each whole; HEAD tells how long it is."""
    client.gateway, client.root = gateway, root
    recording = make()
    content = encoded(sound(1)) if suffix == ".mp3" else sound(1)
    answer = client.request(method, path_of(client, recording, suffix))
    length = str(len(content)) if method == "HEAD" else None
    sent = b"" if method == "HEAD" else content
    assert_media(answer, 200, sent, of=content, content_type=TYPES[suffix], content_length=length)


def test_ignores_what_a_client_accepts(client: FunctionClient, make: Make) -> None:
    """Without a suffix it is WAV, even for a client that wants JSON (section 11)."""
    answer = client.request("GET", path_of(client, make()), headers={"Accept": "application/json"})
    assert_media(answer, 200, sound(1), of=sound(1), content_type="audio/x-wav")


@pytest.mark.parametrize("suffix", [".flac", ".WAV", ".Mp3", ".wav.mp3", ".mp3.json", ".wav.wav", ".", "wav", ".xml"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_knows_no_other_suffix(client: FunctionClient, make: Make, suffix: str, method: str) -> None:
    """Anything else behind the sid makes it none."""
    path = path_of(client, make(), suffix)
    condition = "method" if method == "HEAD" and suffix.endswith(".json") else "not found"
    assert_refused(client, client.request(method, path), condition, uri=path)


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_has_no_audio_under_parents(client: FunctionClient, make: Make, suffix: str) -> None:
    """The nested addresses serve metadata only."""
    of_call, of_conference = make(), make(conference=True)
    client.suffix = suffix
    for path in (
        call_path(client, client.sid(ResourceType.CALL, of_call.parent.id), of_call),
        conference_path(client, client.sid(ResourceType.CONFERENCE, of_conference.parent.id), of_conference),
    ):
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped", "absent", "deleted"])
@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_has_audio_of_completed_ones_only(
    client: FunctionClient, stage: Stage, objects: Objects, status: str, suffix: str, method: str
) -> None:
    """In every other state it is not found, though a capture lies there, and nobody looks for it."""
    recording = stage.recording(stage.call())
    objects.put(recording, "original.wav", sound(1))
    objects.put(recording, "original.mp3", encoded(sound(1)))
    recording = stage.delete(recording) if status == "deleted" else stage.bring(recording, status)
    for query in ("", "?IncludeSoftDeleted=true"):
        path = path_of(client, recording, suffix)
        assert_refused(client, client.request(method, path + query), "not found", uri=path)
    assert objects.requests == []


@pytest.mark.parametrize("suffix", TYPES)
def test_finds_no_audio_that_has_expired(client: FunctionClient, make: Make, objects: Objects, suffix: str) -> None:
    """What a rule of the bucket has taken away is not found; the metadata stay."""
    recording = make()
    objects.remove(recording, "original.wav", "original.mp3")
    path = path_of(client, recording, suffix)
    assert_refused(client, client.request("GET", path), "not found", uri=path)
    assert client.request("GET", path_of(client, recording, ".json")).body["status"] == "completed"


def test_finds_no_audio_that_expires_meanwhile(client: FunctionClient, make: Make, objects: Objects) -> None:
    """What goes between the look and the reading is not found either."""
    recording = make()
    objects.meanwhile["GetObject"] = lambda: objects.remove(recording, "original.wav")
    path = path_of(client, recording)
    assert_refused(client, client.request("GET", path), "not found", uri=path)


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("asked", ["true", "maybe"])
def test_audio_is_there_or_not(client: FunctionClient, make: Make, suffix: str, asked: str) -> None:
    """A parameter of the metadata is unknown here, and so ignored, whatever it says."""
    path = path_of(client, make(), suffix)
    plain = client.request("GET", path)
    answer = client.request("GET", f"{path}?IncludeSoftDeleted={asked}")
    assert (answer.status, answer.content) == (200, plain.content)


# Channels.


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize(
    ("recorded", "conference", "asked", "heard"),
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
def test_t_mixes_channels(
    make_twilio: Callable[[], FunctionClient],
    make: Make,
    suffix: str,
    recorded: int,
    asked: str,
    heard: int | None,
    *,
    conference: bool,
) -> None:
    """`RequestedChannels` asks for one or two; without it, calls are as recorded and conferences in one."""
    client, recording = make_twilio(), make(channels=recorded, conference=conference)
    answer = client.request("GET", f"{path_of(client, recording, suffix)}?RequestedChannels={asked}")
    if heard is None:
        assert_refused(client, answer, "one channel")
        return
    assert (answer.status, answer.headers["content-type"]) == (200, TYPES[suffix])
    assert _channels(answer.content, suffix) == heard


@pytest.mark.parametrize("asked", ["0", "3", "two", "1.0", "-1", "01", " 1"])
def test_t_refuses_odd_channels(make_twilio: Callable[[], FunctionClient], make: Make, asked: str) -> None:
    """Neither 1 nor 2 is no number of channels; before that, existence counts."""
    client, recording = make_twilio(), make()
    for suffix in TYPES:
        query = f"?RequestedChannels={asked.replace(' ', '%20')}"
        answer = client.request("GET", path_of(client, recording, suffix) + query)
        assert_refused(client, answer, "value outside the enum", name="RequestedChannels")
        unknown = path_of(client, client.sid(ResourceType.RECORDING, "0" * 32), suffix)
        assert_refused(client, client.request("GET", unknown + query), "not found", uri=unknown)


@pytest.mark.parametrize("conference", [True, False])
@pytest.mark.parametrize("asked", ["", "1", "2", "3"])
def test_s_knows_no_channels(
    make_twilio: Callable[[], FunctionClient], make: Make, asked: str, *, conference: bool
) -> None:
    """In S audio has the channels in which it was recorded, whatever is asked."""
    client = replace(make_twilio(), dialect=DIALECTS["signalwire"])
    recording = make(channels=2, conference=conference)
    answer = client.request("GET", f"{path_of(client, recording)}?RequestedChannels={asked}")
    assert_media(answer, 200, sound(1, 2), of=sound(1, 2), content_type="audio/x-wav")


def test_one_channel_is_the_mean_of_two(
    make_twilio: Callable[[], FunctionClient], make: Make, objects: Objects
) -> None:
    """A rendition in one channel is made once, as WAV and as MP3 of the same length, and kept."""
    client, recording = make_twilio(), make(channels=2, seconds=1.5)
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
def test_does_not_keep_what_is_deleted_meanwhile(
    make_twilio: Callable[[], FunctionClient],
    make: Make,
    stage: Stage,
    objects: Objects,
    suffix: str,
    operation: str,
) -> None:
    """A recording that is deleted while a rendition of it is made is not found, and none of it is left."""
    client, recording = make_twilio(), make(channels=2)
    delete = lambda: stage.services.media().delete(recording.parent, recording.id)  # noqa: E731 - happens meanwhile
    objects.meanwhile[operation] = delete
    path = path_of(client, recording, suffix)
    answer = client.request("GET", f"{path}?RequestedChannels=1")
    assert_refused(client, answer, "not found", uri=path)
    assert objects.names(recording) == set()


def test_does_not_keep_what_it_cannot_be_sure_of(
    make_twilio: Callable[[], FunctionClient],
    make: Make,
    stage: Stage,
    objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it cannot be seen whether the recording is still there, its rendition is taken away again."""
    client, recording = make_twilio(), make(channels=2)

    def refuse(*_: object) -> None:
        raise StoreBusy

    monkeypatch.setattr(stage.services.recordings._store, "get_recording", refuse)
    answer = client.request("GET", f"{path_of(client, recording, '')}?RequestedChannels=1")
    assert_refused(client, answer, "too many requests")
    assert objects.names(recording) == {"original.wav", "original.mp3"}


# Parts.

WAV = sound(1)
SIZE = len(WAV)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-43", 0, 43),
        ("bytes=100-199", 100, 199),
        (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=16000-", 16_000, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        (f"bytes=-{SIZE}", 0, SIZE - 1),
        ("bytes=-99999999", 0, SIZE - 1),
        ("bytes=10-99999999", 10, SIZE - 1),
        (f"bytes=10-{'9' * 5_000}", 10, SIZE - 1),
        (f"bytes=-{'9' * 19}", 0, SIZE - 1),
        ("bytes= 5-6 ", 5, 6),
        ("Bytes=5-6", 5, 6),
        ("bytes=0005-06", 5, 6),
    ],
)
def test_answers_with_a_part(
    client: FunctionClient, make: Make, gateway: Gateway, asked: str, first: int, last: int
) -> None:
    """One range of bytes is answered with 206 and where it lies in the whole."""
    client.gateway = gateway
    answer = client.request("GET", path_of(client, make()), headers={"Range": asked})
    told = {"content_type": "audio/x-wav", "content_range": f"bytes {first}-{last}/{SIZE}"}
    assert_media(answer, 206, WAV[first : last + 1], of=WAV, **told)


@pytest.mark.parametrize(
    "asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE}", "bytes=99999999-", f"bytes={'9' * 19}-", "bytes=-0"]
)
def test_refuses_a_part_beyond_the_end(client: FunctionClient, make: Make, objects: Objects, asked: str) -> None:
    """416 tells how long it is, and nothing is read."""
    answer = client.request("GET", path_of(client, make()), headers={"Range": asked})
    assert_media(answer, 416, b"", of=WAV, content_range=f"bytes */{SIZE}")
    assert objects.requests == ["HeadObject"]


@pytest.mark.parametrize(
    "asked",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5", "bytes=6-5", "bytes=0-1,5-6", "bytes=0-1,", "0-1",
        "samples=0-1", "bytes:0-1", "bytes=--1", "bytes=+1-2", "bytes=0x1-2", "bytes=1.0-2", "bytes=\u0661-\u0662",
        f"bytes={'9' * 20}-{'9' * 19}",
    ],
)  # fmt: skip
def test_answers_whole_where_no_single_part_is_asked(client: FunctionClient, make: Make, asked: str) -> None:
    """Several ranges, or what is none, count as none (RFC 9110, section 14.2)."""
    answer = client.request("GET", path_of(client, make()), headers={"Range": asked})
    assert_media(answer, 200, WAV, of=WAV, content_type="audio/x-wav")


def test_a_look_knows_no_parts(client: FunctionClient, make: Make) -> None:
    """`Range` is defined for GET only: HEAD tells of the whole."""
    answer = client.request("HEAD", path_of(client, make()), headers={"Range": "bytes=0-1"})
    assert_media(answer, 200, b"", of=WAV, content_type="audio/x-wav", content_length=str(SIZE))


ETAG = f'"{md5(WAV, usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (ETAG, 206),
        ('"0123456789abcdef0123456789abcdef"', 200),
        (f"W/{ETAG}", 200),
        ("Tue, 25 Sep 2018 23:00:00 GMT", 200),
        ("*", 200),
        ("", 200),
    ],
)
def test_answers_a_part_of_what_is_known(client: FunctionClient, make: Make, condition: str, status: int) -> None:
    """`If-Range`: the part if the file is the same still, to the byte; else the whole."""
    headers = {"Range": "bytes=0-1", "If-Range": condition}
    answer = client.request("GET", path_of(client, make()), headers=headers)
    assert (answer.status, answer.content) == (status, WAV[:2] if status == 206 else WAV)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("tags", "is_known"),
    [
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"x", {ETAG} ,"y"', True),
        ("*", True),
        ('"x"', False),
        (ETAG.strip('"'), False),
        ("", False),
    ],
)
def test_does_not_send_what_is_known(
    client: FunctionClient, make: Make, objects: Objects, method: str, tags: str, *, is_known: bool
) -> None:
    """`If-None-Match`: 304 if the client has the file already, whatever part it asks for; nothing is read."""
    headers = {"If-None-Match": tags, **({"Range": "bytes=0-1"} if is_known else {})}
    answer = client.request(method, path_of(client, make()), headers=headers)
    if is_known:
        assert_media(answer, 304, b"", of=WAV)
        assert objects.requests == ["HeadObject"]
    else:
        assert (answer.status, answer.content) == (200, WAV if method == "GET" else b"")


# Much.


@pytest.fixture
def small(make_service: Callable[[Settings], ApiServices], settings: Settings, service: ApiServices) -> ApiServices:
    """Functions that answer with 1,000 bytes at most."""
    made = make_service(replace(settings, media_inline_bytes=1_000))
    made.authenticator._remembered.update(service.authenticator._remembered)
    return made


@pytest.mark.parametrize("suffix", TYPES)
def test_sends_elsewhere_for_much(client: FunctionClient, small: ApiServices, make: Make, suffix: str) -> None:
    """More than a function may answer with is fetched from an address that is good for a minute, for this file."""
    del small  # what answers
    content = encoded(WAV) if suffix == ".mp3" else WAV
    answer = client.request("GET", path_of(client, make(), suffix))
    location = answer.headers["location"]
    assert_media(answer, 307, b"", of=content, location=location)
    query = parse_qs(urlsplit(location).query)
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert len(query["X-Amz-Signature"][0]) == 64
    fetched = requests.get(location, timeout=10)
    assert (fetched.status_code, fetched.content) == (200, content)
    told = {name: fetched.headers[name] for name in ("content-type", "cache-control", "etag")}
    assert told == {"content-type": TYPES[suffix], "cache-control": "no-store", "etag": answer.headers["etag"]}


@pytest.mark.parametrize(
    ("asked", "status"),
    [("bytes=0-999", 206), ("bytes=-1000", 206), ("bytes=0-1000", 307), ("bytes=1-", 307), ("bytes=99999999-", 416)],
)
def test_answers_with_a_part_that_fits(
    client: FunctionClient, small: ApiServices, make: Make, asked: str, status: int
) -> None:
    """A part of what is too much is answered as always, if it is not too much itself."""
    del small  # what answers
    answer = client.request("GET", path_of(client, make()), headers={"Range": asked})
    assert answer.status == status
    assert len(answer.content) == (1_000 if status == 206 else 0)


def test_a_look_at_much_stays_here(client: FunctionClient, small: ApiServices, make: Make) -> None:
    """HEAD of what is too much is 200, with its length."""
    del small  # what answers
    answer = client.request("HEAD", path_of(client, make()))
    assert_media(answer, 200, b"", of=WAV, content_type="audio/x-wav", content_length=str(SIZE))


# Faults.


@pytest.mark.parametrize("fault", ["busy", "broken", "denied", "refused"])
@pytest.mark.parametrize("operation", ["HeadObject", "GetObject"])
def test_tells_that_the_bucket_fails(
    client: FunctionClient, make: Make, objects: Objects, operation: str, fault: str
) -> None:
    """A bucket that is throttled answers 429 and one that fails 500, in the dialect; later all is well again."""
    recording = make()
    objects.faults[operation] = fault
    answer = client.request("GET", path_of(client, recording))
    assert_refused(client, answer, "too many requests" if fault == "busy" else "internal error")
    objects.faults.clear()
    assert client.request("GET", path_of(client, recording)).content == WAV


@pytest.mark.parametrize("fault", ["busy", "broken", "denied", "refused", "lost"])
@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_a_rendition_that_cannot_be_made_changes_nothing(
    make_twilio: Callable[[], FunctionClient], make: Make, objects: Objects, operation: str, fault: str
) -> None:
    """Where making it fails it is made at the next request."""
    client, recording = make_twilio(), make(channels=2)
    path = f"{path_of(client, recording)}?RequestedChannels=1"
    objects.faults[operation] = fault
    assert_refused(client, client.request("GET", path), "too many requests" if fault == "busy" else "internal error")
    objects.faults.clear()
    answer = client.request("GET", path)
    assert (answer.status, _channels(answer.content, "")) == (200, 1)


@pytest.mark.parametrize("suffix", ["", ".mp3"])
def test_audio_that_nobody_can_read_is_a_fault(
    make_twilio: Callable[[], FunctionClient], make: Make, objects: Objects, suffix: str
) -> None:
    """Where what was kept is no audio any more, nothing is made of it."""
    client, recording = make_twilio(), make(channels=2)
    objects.put(recording, "original.wav", b"garbage")
    answer = client.request("GET", f"{path_of(client, recording, suffix)}?RequestedChannels=1")
    assert_refused(client, answer, "internal error")
    assert objects.names(recording) == {"original.wav", "original.mp3"}


# Requests.


def test_counts_its_requests(client: FunctionClient, make: Make, wire: Wire, objects: Objects) -> None:
    """The row and the recording are read, the object is looked at and read; HEAD and metadata take less."""
    recording = make()
    whole = ["HeadObject", "GetObject"]
    for method, suffix, asked in (
        ("GET", ".json", []),
        ("HEAD", "", whole[:1]),
        ("GET", "", whole),
        ("GET", ".mp3", whole),
    ):
        wire.all.clear()
        objects.requests.clear()
        assert client.request(method, path_of(client, recording, suffix)).status == 200
        assert (wire.recordings, objects.requests) == (["GetItem", "GetItem"], asked)


# Who may fetch it.

Access = Literal["authenticated", "vendor"]


class Door(NamedTuple):
    """A rule for all accounts, an account's own, and whether S lets anybody in then."""

    all: Access
    own: Access | None
    is_open: bool


DOORS = [
    Door("authenticated", None, is_open=False),
    Door("authenticated", "authenticated", is_open=False),
    Door("authenticated", "vendor", is_open=True),
    Door("vendor", None, is_open=True),
    Door("vendor", "vendor", is_open=True),
    Door("vendor", "authenticated", is_open=False),
]

WRONG: Mapping[str, tuple[str | None, str]] = {
    "none": (None, "no credentials"),
    "garbage": ("Basic !!!", "bad credentials"),
    "nobody's": ("Basic eDp5", "bad credentials"),
}


class House(NamedTuple):
    """An account with a recording, behind a door."""

    account: TestAccount
    stage: Stage
    recording: Recording


@pytest.fixture
def house(
    request: pytest.FixtureRequest,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    make_account: Callable[[], TestAccount],
    objects: Objects,
    clock: Clock,
    stage: Stage,
) -> House:
    """A fresh account with a completed recording, behind the door that the test names."""
    door: Door = request.param
    service = make_service(replace(settings, media_access=MediaAccess(door.all)))
    account = make_account()
    if door.own is not None:
        api_bootstrap.get_admin_services().accounts.set_media_access(account.id, MediaAccess(door.own))
    own = Stage(account.id, service, clock, stage.shelf)
    recording = own.recording(own.call(), "completed")
    objects.put(recording, "original.wav", WAV)
    objects.put(recording, "original.mp3", encoded(WAV))
    return House(account, own, recording)


@pytest.mark.parametrize(("house", "door"), [(door, door) for door in DOORS], indirect=["house"])
@pytest.mark.parametrize("wrong", WRONG)
def test_opens_media_as_the_door_says(dialect: str, house: House, door: Door, wrong: str) -> None:
    """S opens audio to anybody where the rule says so, whatever credentials come along; T and `.json` never."""
    client = FunctionClient(DIALECTS[dialect], house.account.id, house.account.token)
    authorization, condition = WRONG[wrong]
    for method, suffix in product(("GET", "HEAD"), TYPES):
        path = path_of(client, house.recording, suffix)
        answer = client.request(method, path, authorization=authorization)
        if dialect == "signalwire" and door.is_open:
            assert answer.status == 200
        else:
            assert_refused(client, answer, condition)
        assert client.request(method, path).status == 200
    metadata = path_of(client, house.recording, ".json")
    assert_refused(client, client.request("GET", metadata, authorization=authorization), condition)


@pytest.mark.parametrize("house", [Door("vendor", None, is_open=True)], indirect=True)
def test_an_open_door_tells_no_account_from_none(house: House, wire: Wire) -> None:
    """Without credentials an unknown account, an unknown recording and one that is not completed are the same 404."""
    seen = []
    running = house.stage.recording(house.stage.call())
    for account, recording in (
        (house.account.id, "0" * 32),
        (house.account.id, running.id),
        ("0" * 32, house.recording.id),
        ("0" * 32, "0" * 32),
    ):
        client = FunctionClient(DIALECTS["signalwire"], account, "")
        path = path_of(client, client.sid(ResourceType.RECORDING, recording), ".wav")
        wire.all.clear()
        answer = client.request("GET", path, authorization=None)
        assert_refused(client, answer, "not found", uri=path)
        seen.append(wire.recordings[:1])
    assert all(each == ["GetItem"] for each in seen)


@pytest.mark.parametrize("house", [Door("vendor", None, is_open=True)], indirect=True)
@pytest.mark.parametrize("text", ["me", "0" * 32, "AC{id}", "AC" + "0" * 32])
def test_an_open_door_needs_an_account(house: House, text: str) -> None:
    """What is no account in SignalWire's spelling stays closed."""
    client = FunctionClient(DIALECTS["signalwire"], house.account.id, "")
    named = text.format(id=house.account.id)
    path = path_of(client, house.recording).replace(client.sid(ResourceType.ACCOUNT, house.account.id), named)
    speaks = replace(client, dialect=DIALECTS["twilio" if named.startswith("AC") else "signalwire"])
    assert_refused(speaks, client.request("GET", path, authorization=None), "no credentials")


@pytest.mark.parametrize("house", [Door("authenticated", None, is_open=False)], indirect=True)
def test_remembers_the_door_for_a_minute(house: House, clock: Clock, wire: Wire) -> None:
    """A rule is read once and holds for just under a minute, in either direction."""
    client = FunctionClient(DIALECTS["signalwire"], house.account.id, "")
    accounts, statuses, reads = api_bootstrap.get_admin_services().accounts, [], []

    def ask() -> None:
        statuses.append(client.request("GET", path_of(client, house.recording), authorization=None).status)
        reads.append(len(wire.credentials))

    wire.all.clear()
    ask()
    accounts.set_media_access(house.account.id, MediaAccess.VENDOR)
    for seconds in (59.999, 0.001, 59.999, 0.001):
        if len(statuses) == 3:
            accounts.set_media_access(house.account.id, None)
        clock.step(seconds)
        ask()
    assert statuses == [401, 401, 200, 200, 401]
    assert reads == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("house", DOORS, indirect=True)
def test_learns_the_door_with_whoever_is_verified(dialect: str, house: House, wire: Wire) -> None:
    """The record that verified an account tells its rule as well: its audio costs no further read of credentials."""
    client = FunctionClient(DIALECTS[dialect], house.account.id, house.account.token)
    wire.all.clear()
    for suffix in (".json", "", ".mp3"):
        assert client.request("GET", path_of(client, house.recording, suffix)).status == 200
    assert wire.credentials == ["GetItem"]


def test_does_not_lead_astray(
    client: FunctionClient, make: Make, make_account: Callable[[], TestAccount], stage: Stage
) -> None:
    """Another account's recording is not found with one's own credentials, at either account's address."""
    recording, stranger = make(), make_account()
    asks = FunctionClient(client.dialect, stranger.id, stranger.token)
    for path in (path_of(asks, recording), path_of(client, recording)):
        assert_refused(client, asks.request("GET", path), "not found", uri=path)
    assert stage.account == client.account


def _channels(content: bytes, suffix: str) -> int:
    if suffix != ".mp3":
        return len(samples_of(content))
    ((_, _, channels),) = set(mp3_frames(content))
    return channels
