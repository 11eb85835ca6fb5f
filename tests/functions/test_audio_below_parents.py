"""Reading the audio of a recording below its call or conference, in both dialects."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import md5

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Recording
from tapedeck.http.services import ApiServices
from tapedeck.settings import Settings
from tests.client import ROOT, Answer, FunctionClient
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire, assert_answer, assert_refused, call_path, conference_path, shown
from tests.media import encoded, samples_of, sound

TYPES = {".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
DUAL = sound(1, 2)
FILES = {".wav": DUAL, ".mp3": encoded(DUAL)}


@dataclass(frozen=True)
class Place:
    """A completed recording with two channels, and the path of its parent."""

    parent: Call | Conference
    recording: Recording
    above: str

    def path(self, client: FunctionClient, suffix: str) -> str:
        """Return the path of the recording below its parent."""
        return f"{self.above}/Recordings/{client.sid(ResourceType.RECORDING, self.recording.id)}{suffix}"


@pytest.fixture(params=["Calls", "Conferences"])
def place(request: pytest.FixtureRequest, client: FunctionClient, stage: Stage, objects: Objects) -> Place:
    """A recording of a call, and one of a conference."""
    parent = stage.call() if request.param == "Calls" else stage.conference()
    recording = stage.recording(parent, "completed", channels=2)
    for suffix, content in FILES.items():
        objects.put(recording, f"original{suffix}", content)
    return Place(parent, recording, "/".join((client.base, *_path_of(client, parent))))


def _path_of(client: FunctionClient, parent: Call | Conference) -> tuple[str, ...]:
    return call_path(client, parent) if isinstance(parent, Call) else conference_path(client, parent)


def _is_mono(client: FunctionClient, place: Place) -> bool:
    """Twilio's dialect sends conferences in one channel."""
    return client.dialect.name == "twilio" and isinstance(place.parent, Conference)


@pytest.mark.parametrize("suffix", TYPES)
def test_the_audio_is_that_of_the_account_address(client: FunctionClient, place: Place, suffix: str) -> None:
    """The audio has the content, type and tag of the address below the account; HEAD sends no content."""
    sid = client.sid(ResourceType.RECORDING, place.recording.id)
    reference = client.request("GET", f"{client.base}/Recordings/{sid}{suffix}")
    answer = client.request("GET", place.path(client, suffix))
    head = client.request("HEAD", place.path(client, suffix))

    names = ("content-type", "etag", "accept-ranges", "cache-control")
    expected = {name: reference.headers[name] for name in names}
    assert expected["content-type"] == TYPES[suffix]
    assert (answer.status, answer.content) == (200, reference.content)
    assert {name: answer.headers[name] for name in names} == expected
    assert (head.status, head.content) == (200, b"")
    assert {name: head.headers[name] for name in names} == expected
    assert head.headers["content-length"] == str(len(reference.content))
    if not _is_mono(client, place):
        assert answer.content == FILES[suffix]
        assert expected["etag"] == f'"{md5(FILES[suffix], usedforsecurity=False).hexdigest()}"'


def test_other_suffixes_are_metadata(client: FunctionClient, place: Place) -> None:
    """Without a suffix and with `.json` the answer is the recording; HEAD is not allowed there."""
    for suffix in ("", ".json"):
        path = place.path(client, suffix)
        assert_answer(client.request("GET", path), 200, shown(client, place.recording, read=True))
        assert_refused(client, client.request("HEAD", path), "method")
    for suffix in (".flac", ".MP3", ".wav.mp3"):
        path = place.path(client, suffix)
        assert_refused(client, client.request("GET", path), "not found", uri=path)


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_parent_is_not_found(
    client: FunctionClient, place: Place, stage: Stage, objects: Objects, method: str, suffix: str
) -> None:
    """Below another call or conference the audio answers 404, without a request to the bucket."""
    for other in (stage.call(), stage.conference(name="Other")):
        above = "/".join((client.base, *_path_of(client, other)))
        path = replace(place, above=above).path(client, suffix)
        assert_refused(client, client.request(method, path), "not found", uri=path)
    assert objects.requests == []


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped", "absent", "deleted"])
def test_only_a_completed_recording_has_audio(
    client: FunctionClient, place: Place, stage: Stage, objects: Objects, status: str
) -> None:
    """In every other state the audio answers 404 without a request to the bucket."""
    stage.bring(place.recording, status)
    for suffix in TYPES:
        path = place.path(client, suffix)
        assert_refused(client, client.request("GET", path), "not found", uri=path)
    assert objects.requests == []


def test_ranges_and_tags_are_honored(client: FunctionClient, place: Place) -> None:
    """A range answers 206, one beyond the end 416, and a known tag 304."""
    path = place.path(client, ".wav")
    whole = client.request("GET", path)

    def send(**headers: str) -> Answer:
        return client.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})

    size = len(whole.content)
    part = send(Range="bytes=100-199")
    assert (part.status, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert (send(Range="bytes=99999999-").status, send(If_None_Match=whole.headers["etag"]).status) == (416, 304)


@pytest.mark.parametrize("requested", ["1", "2", "3"])
def test_requested_channels(client: FunctionClient, place: Place, stage: Stage, requested: str) -> None:
    """`RequestedChannels` is a parameter of Twilio's dialect, and SignalWire's ignores it."""
    path = f"{place.path(client, '.wav')}?RequestedChannels={requested}"
    answer = client.request("GET", path)
    if client.dialect.name == "twilio" and requested == "3":
        assert_refused(client, answer, "value outside the enum", name="RequestedChannels")
        unknown = stage.call() if isinstance(place.parent, Call) else stage.conference(name="Other")
        elsewhere = replace(place, above="/".join((client.base, *_path_of(client, unknown)))).path(client, ".wav")
        refused = client.request("GET", f"{elsewhere}?RequestedChannels=3")
        assert_refused(client, refused, "not found", uri=elsewhere)
        return
    channels = int(requested) if client.dialect.name == "twilio" else 2
    assert (answer.status, len(samples_of(answer.content))) == (200, channels)


def test_two_channels_of_a_mono_recording(client: FunctionClient, stage: Stage, objects: Objects) -> None:
    """Twilio's dialect rejects them; SignalWire's sends the recording."""
    call = stage.call()
    recording = stage.recording(call, "completed")
    objects.put(recording, "original.wav", sound(1))
    path = f"{client.base}/{'/'.join(call_path(client, call, recording))}.wav?RequestedChannels=2"
    if client.dialect.name == "twilio":
        assert_refused(client, client.request("GET", path), "one channel")
    else:
        assert client.request("GET", path).content == sound(1)


def test_large_audio_is_redirected(
    client: FunctionClient,
    place: Place,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    service: ApiServices,
) -> None:
    """Audio over the limit of a response is redirected to the bucket; a part that fits is sent."""
    made = make_service(replace(settings, media_inline_bytes=1_000))
    made.authenticator._remembered.update(service.authenticator._remembered)
    path = place.path(client, ".wav")
    answer = client.request("GET", path)
    assert (answer.status, answer.content) == (307, b"")
    assert f"/{place.recording.id}/" in answer.headers["location"]
    assert client.request("GET", path, headers={"Range": "bytes=0-999"}).status == 206
    assert client.request("HEAD", path).status == 200


@pytest.mark.parametrize("access", [MediaAccess.AUTHENTICATED, MediaAccess.VENDOR])
def test_access_is_that_of_the_account_address(
    client: FunctionClient,
    place: Place,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    access: MediaAccess,
) -> None:
    """With the access `vendor`, SignalWire's audio needs no credentials; Twilio's, and the metadata, always do."""
    make_service(replace(settings, media_access=access))
    for suffix in TYPES:
        for authorization, condition in ((None, "no credentials"), ("Basic eDp5", "bad credentials")):
            answer = client.request("GET", place.path(client, suffix), authorization=authorization)
            if client.dialect.name == "signalwire" and access is MediaAccess.VENDOR:
                assert answer.status == 200
            else:
                assert_refused(client, answer, condition)
    for suffix in ("", ".json"):
        answer = client.request("GET", place.path(client, suffix), authorization=None)
        assert_refused(client, answer, "no credentials")


def test_requests_to_table_and_bucket_are_few(
    client: FunctionClient, place: Place, wire: Wire, objects: Objects
) -> None:
    """Metadata take one read of the table. Audio takes it too, and two requests to the bucket once it exists."""
    client.request("GET", place.path(client, ".wav"))
    for suffix, sent in (("", []), (".json", []), (".wav", ["HeadObject", "GetObject"])):
        wire.all.clear()
        objects.requests.clear()
        assert client.request("GET", place.path(client, suffix)).status == 200
        assert (wire.recordings, wire.credentials, objects.requests) == (["GetItem"], [], sent)


@pytest.mark.parametrize("operation", ["get_call_recording", "get_conference_recording"])
def test_the_code_for_audio_is_loaded_at_its_first_request(operation: str) -> None:
    """Importing the function imports neither the handler of audio, its parameters, nor the codec."""
    script = (
        "import sys; from pathlib import Path; from tapedeck_standin.aws.function_loader import load_handler;"
        f"load_handler(Path({str(ROOT)!r}), {operation!r}); print(*sys.modules)"
    )
    paths = {"PYTHONPATH": f"{ROOT / 'layers' / 'shared'}{os.pathsep}{ROOT / 'standin'}"}
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ, **paths}
    )
    modules = set(loaded.stdout.split())
    assert "tapedeck.http.endpoint" in modules
    for name in ("http.audio_response", "dialects.forms.media", "operations.media", "adapters.audio", "adapters.s3"):
        assert f"tapedeck.{name}" not in modules
