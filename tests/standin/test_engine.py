"""The simulated media engine: what is captured can be downloaded and measured, whoever is dialed answers."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.telephony.engine import CaptureSession, Engine
from tests.media import samples_of
from tests.standin.http_client import ControlClient, HttpFunctionClient, Place

RATE = 8_000
NEAR = 0.9
"""Seconds by which real time may lengthen what the virtual clock makes."""


@dataclass
class EngineDriver:
    """A call of the test's own, what is done with it, and what it then sounds like."""

    api: HttpFunctionClient
    control: ControlClient
    place: Place

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        assert self._any("POST", "/clock", {"advance": seconds}).status == 200

    def settle(self) -> None:
        """Let the engine finish what is due after its processing."""
        self.advance(2)
        assert self._any("POST", "/settle", {"timeout": 30}).body == {"left": []}

    def call(self) -> str:
        """A call in progress: its sid in the test's dialect."""
        sid: str = self.control.post("/calls").body["sid"][self.api.dialect.name]
        return sid

    def hang_up(self, call: str) -> None:
        """The call ends."""
        assert self.control.post(f"/calls/{call}/hangup").status == 200

    def media(self, recording: str, suffix: str = ".wav", **query: str) -> requests.Response:
        """What a plain HTTP client gets, with the account's credentials."""
        user = self.api.sid(ResourceType.ACCOUNT, self.api.account)
        url = f"http://127.0.0.1:{self.place.port}{self.api.base}/Recordings/{recording}{suffix}"
        return requests.get(url, params=query, auth=(user, self.api.secret), timeout=30)

    def _any(self, method: str, path: str, content: dict[str, Any]) -> Any:
        # Time passes for all accounts: these calls name none.
        return ControlClient(self.place).request(method, f"/_standin{path}", json.dumps(content).encode())


@pytest.fixture
def studio(api: HttpFunctionClient, control: ControlClient, place: Place) -> EngineDriver:
    """A place to record in, in either dialect."""
    return EngineDriver(api, control, place)


def seconds_of(samples: list[int]) -> float:
    """How long that takes to play."""
    return len(samples) / RATE


def silence_at(samples: list[int]) -> list[tuple[float, float]]:
    """From when to when nothing at all is heard, in seconds, where that is longer than a tenth of one."""
    found, start = [], None
    for at in range(0, len(samples), 80):
        silent = not any(samples[at : at + 80])
        if silent and start is None:
            start = at
        if not silent and start is not None:
            found.append((start / RATE, at / RATE))
            start = None
    if start is not None:
        found.append((start / RATE, len(samples) / RATE))
    return [(begin, end) for begin, end in found if end - begin > 1 / 10]


@pytest.mark.parametrize(("behavior", "length"), [("silence", 15), ("skip", 9)])
def test_a_pause_is_what_it_was_asked_to_be(studio: EngineDriver, behavior: str, length: int) -> None:
    """With `silence` it is silent and counts, with `skip` it is not there (behaviour.md, section 5.5)."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    path = ("Calls", call, "Recordings", recording)
    studio.advance(4)
    studio.api.post(*path, form={"Status": "paused", "PauseBehavior": behavior})
    studio.advance(6)
    studio.api.post(*path, form={"Status": "in-progress"})
    studio.advance(5)
    studio.hang_up(call)
    studio.settle()
    body = studio.api.get(*path).body
    assert (body["status"], int(body["duration"])) == ("completed", length)
    answer = studio.media(recording)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/x-wav")
    (samples,) = samples_of(answer.content)
    assert abs(seconds_of(samples) - length) < NEAR
    silences = silence_at(samples)
    if behavior == "skip":
        assert silences == []
    else:
        ((begin, end),) = silences
        assert abs(begin - 4) < NEAR
        assert abs(end - 10) < NEAR


@pytest.mark.parametrize(
    ("track", "heard"), [("both", [True, True]), ("inbound", [True, False]), ("outbound", [False, True])]
)
def test_two_channels_when_asked(studio: EngineDriver, track: str, heard: list[bool]) -> None:
    """Both exist; with one track only, the other is silent (behaviour.md, section 5.2)."""
    call = studio.call()
    form = {"RecordingChannels": "dual", "RecordingTrack": track}
    recording = studio.api.post("Calls", call, "Recordings", form=form).body["sid"]
    studio.advance(3)
    studio.api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"})
    studio.settle()
    channels = samples_of(studio.media(recording, "").content)
    assert [any(channel) for channel in channels] == heard
    assert abs(seconds_of(channels[0]) - 3) < NEAR


def test_what_is_too_short_is_absent(studio: EngineDriver) -> None:
    """Less than a second of audio is not worth keeping: 16101, and no media."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    path = ("Calls", call, "Recordings", recording)
    studio.api.post(*path, form={"Status": "paused", "PauseBehavior": "skip"})
    studio.advance(60)
    studio.hang_up(call)
    studio.settle()
    body = studio.api.get(*path).body
    assert (body["status"], int(body["error_code"]), int(body["duration"])) == ("absent", 16101, 0)
    assert studio.media(recording).status_code == 404


def test_processing_takes_a_moment(studio: EngineDriver) -> None:
    """Between its end and its media a recording can be seen as it is then, and cannot be deleted."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(5)
    studio.api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"})
    seen = studio.api.get("Calls", call, "Recordings", recording).body["status"]
    assert seen == ("processing" if studio.api.dialect.name == "twilio" else "stopped")
    assert studio.api.delete("Recordings", recording).body["code"] == 20009
    studio.settle()
    assert studio.api.delete("Recordings", recording).status == 204
    assert studio.media(recording).status_code == 404


def test_mp3_and_ranges_for_plain_clients(studio: EngineDriver) -> None:
    """MP3 at 32 kbit/s, HEAD with the length that GET has, a range of bytes: as any HTTP client asks for them."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(10)
    studio.hang_up(call)
    studio.settle()
    mp3 = studio.media(recording, ".mp3")
    assert (mp3.status_code, mp3.headers["Content-Type"]) == (200, "audio/mpeg")
    assert abs(len(mp3.content) * 8 / 32_000 - 10) < 1
    user = studio.api.sid(ResourceType.ACCOUNT, studio.api.account)
    url = f"http://127.0.0.1:{studio.place.port}{studio.api.base}/Recordings/{recording}.wav"
    auth = (user, studio.api.secret)
    head = requests.head(url, auth=auth, timeout=30)
    whole = requests.get(url, auth=auth, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(whole.content) == int(whole.headers["Content-Length"])
    part = requests.get(url, auth=auth, headers={"Range": "bytes=100-199"}, timeout=30)
    assert (part.status_code, part.content) == (206, whole.content[100:200])


def test_media_are_open_as_the_vendor_has_it(studio: EngineDriver) -> None:
    """Here S's audio is anybody's who knows the address, and T's is not (behaviour.md, section 11)."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(2)
    studio.hang_up(call)
    studio.settle()
    url = f"http://127.0.0.1:{studio.place.port}{studio.api.base}/Recordings/{recording}"
    expected = 401 if studio.api.dialect.name == "twilio" else 200
    for suffix in ("", ".wav", ".mp3"):
        assert requests.get(url + suffix, timeout=30).status_code == expected
    assert requests.get(f"{url}.json", timeout=30).status_code == 401


def test_a_conference_recording_ends_with_its_conference(studio: EngineDriver) -> None:
    """It is finished like a call's, though the participants went on."""
    made = studio.control.post("/conferences", {"record": True}).body
    room, recording = (each["sid"][studio.api.dialect.name] for each in (made, made["recordings"][0]))
    studio.advance(7)
    studio.api.post("Conferences", room, form={"Status": "completed"})
    studio.settle()
    body = studio.api.get("Conferences", room, "Recordings", recording).body
    assert (body["status"], int(body["duration"])) == ("completed", 7)


def test_whoever_is_dialed_answers(place: Place, control: ControlClient, api: HttpFunctionClient) -> None:
    """P2's participant is queued in the answer and connected at the next look; what is to be recorded is."""
    if api.dialect.name == "signalwire":
        assert api.post("Conferences", "Lobby", "Participants", form={"From": "+1", "To": "+2"}).status == 405
        return
    form = {
        "From": "+12025550100", "To": "+12025550101", "Record": "true", "RecordingChannels": "dual",
        "ConferenceRecord": "true", "Label": "guest",
    }  # fmt: skip
    first = api.post("Conferences", "Lobby", "Participants", form=form)
    assert (first.status, first.body["status"]) == (201, "queued")
    room = first.body["conference_sid"]
    shown = api.get("Conferences", room, "Participants", "guest").body
    assert (shown["status"], shown["call_sid"]) == ("connected", first.body["call_sid"])
    assert api.get("Conferences", room).body["status"] == "init"
    second = api.post("Conferences", "Lobby", "Participants", form={"From": "+12025550100", "To": "client:joe"})
    assert second.body["conference_sid"] == room
    assert api.get("Conferences", room).body["status"] == "in-progress"
    (of_leg,) = api.get("Calls", first.body["call_sid"], "Recordings").body["recordings"]
    (of_room,) = api.get("Conferences", room, "Recordings").body["recordings"]
    assert (of_leg["source"], of_leg["channels"], of_room["source"]) == ("OutboundAPI", 2, "Conference")
    assert control.post(f"/calls/{first.body['call_sid']}/hangup").status == 200
    assert [each["call_sid"] for each in api.get("Conferences", room, "Participants").body["participants"]] == [
        second.body["call_sid"]
    ]
    assert place.lines


def test_a_transcription_is_put_in_place(studio: EngineDriver) -> None:
    """As an engine's event would; it is listed, read and deleted, and stays when its recording goes."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(3)
    studio.hang_up(call)
    studio.settle()
    made = studio.control.post(f"/recordings/{recording}/transcriptions", {"text": "Four, eight, fifteen."})
    assert made.status == 201
    sid = made.body["sid"][studio.api.dialect.name]
    (listed,) = studio.api.get("Recordings", recording, "Transcriptions").body["transcriptions"]
    assert (listed["sid"], listed["transcription_text"], int(listed["duration"])) == (sid, "Four, eight, fifteen.", 3)
    assert studio.api.delete("Recordings", recording).status == 204
    assert studio.api.get("Transcriptions", sid).body == listed
    assert studio.api.delete("Transcriptions", sid).status == 204
    assert studio.api.get("Transcriptions").body["transcriptions"] == []
    assert studio.control.post("/recordings/RE" + "0" * 32 + "/transcriptions").status == 404


def test_a_reset_takes_everything_away(studio: EngineDriver) -> None:
    """Media, transcriptions, deleted recordings and what is being captured as well."""
    call = studio.call()
    kept = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(2)
    studio.api.post("Calls", call, "Recordings", kept, form={"Status": "stopped"})
    studio.settle()
    studio.control.post(f"/recordings/{kept}/transcriptions")
    running = studio.api.post("Calls", call, "Recordings").body["sid"]
    assert running != kept
    assert studio.control.post("/reset").status == 204
    studio.settle()
    for path in ("Calls", "Recordings", "Transcriptions", "Conferences"):
        assert studio.api.get(path).body[path.lower()] == []
    assert studio.media(kept).status_code == 404


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("/clock", {"advance": -1}, "advance"),
        ("/clock", {"advance": "1"}, "advance"),
        ("/clock", {"back": 1}, "back"),
        ("/settle", {"timeout": 61}, "timeout"),
        ("/recordings/RE" + "0" * 32 + "/transcriptions", {"text": 5}, "text"),
        ("/recordings/RE" + "0" * 32 + "/transcriptions", {"status": "done"}, "status"),
    ],
)
def test_refuses_bad_orders(anonymous: ControlClient, path: str, content: dict[str, Any], field: str) -> None:
    """400 with the field's name."""
    answer = anonymous.post(path, content)
    assert (answer.status, answer.body["error"]["field"]) == (400, field)


def test_the_clock_tells_the_time(anonymous: ControlClient) -> None:
    """Without anything to add it only tells; it never goes back."""
    first = anonymous.post("/clock").body["now"]
    second = anonymous.post("/clock", {"advance": 3600}).body["now"]
    assert first[:19] < second[:19] <= anonymous.post("/clock").body["now"][:19]


def test_time_passes_for_all_whoever_is_named(control: ControlClient, anonymous: ControlClient) -> None:
    """A clock that is put forward for one account tells the same time to the others."""
    told = control.post("/clock", {"advance": 86_400})
    assert (told.status, list(told.body)) == (200, ["now"])
    assert anonymous.post("/clock").body["now"] >= told.body["now"]


def test_waits_for_the_account_that_is_named() -> None:
    """What is due to others is waited for only where nobody is named."""
    queue = MemoryQueue(lambda: 1000, visibility_seconds=1, max_receives=1, dead_letters=None, name="q")
    engine = Engine(queue, queue, lambda: 1000, lambda _key, _path: None, lambda _account, _room: None, lambda _a: None)
    account, name = new_id(0), new_id(0)
    engine._takes[name] = CaptureSession(account, {}, name, 1, "both", "", 0, due_at=1000)
    assert engine.due() == [name]
    assert engine.due(account) == [name]
    assert engine.due(new_id(0)) == []


def test_settles_one_account(studio: EngineDriver) -> None:
    """Its recordings are finished when the call returns, whatever there is of others."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(3)
    studio.hang_up(call)
    studio.advance(2)
    assert studio.control.post("/settle", {"timeout": 30}).body == {"left": []}
    assert studio.api.get("Calls", call, "Recordings", recording).body["status"] == "completed"


def test_accounts_do_not_share_media(studio: EngineDriver, place: Place) -> None:
    """Another account's credentials open nothing, and its address has nothing."""
    call = studio.call()
    recording = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(2)
    studio.hang_up(call)
    studio.settle()
    own = base64.b64encode(f"{TWILIO.format_sid(ResourceType.ACCOUNT, place.account)}:{place.token}".encode()).decode()
    foreign = studio.api.base.replace(
        studio.api.sid(ResourceType.ACCOUNT, studio.api.account), studio.api.sid(ResourceType.ACCOUNT, place.account)
    )
    url = f"http://127.0.0.1:{place.port}{foreign}/Recordings/{recording}.wav"
    assert requests.get(url, headers={"Authorization": f"Basic {own}"}, timeout=30).status_code == 404


def test_a_clock_that_runs_far_ahead_does_no_harm(studio: EngineDriver) -> None:
    """Nothing is captured beyond an hour; what is deleted is gone for good after forty days."""
    call = studio.call()
    short = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(2)
    studio.api.post("Calls", call, "Recordings", short, form={"Status": "stopped"})
    studio.settle()
    assert studio.api.delete("Recordings", short).status == 204
    long = studio.api.post("Calls", call, "Recordings").body["sid"]
    studio.advance(40 * 86_400)
    studio.hang_up(call)
    studio.settle()
    assert int(studio.api.get("Calls", call, "Recordings", long).body["duration"]) == 3600
    listed = studio.api.get("Recordings", IncludeSoftDeleted="true").body["recordings"]
    assert [each["sid"] for each in listed] == [long]
