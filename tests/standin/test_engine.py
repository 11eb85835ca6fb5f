"""The simulated media engine: recorded audio can be downloaded and measured, and dialed calls are answered."""

import base64
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tests.media import samples_of
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import LONG_PAUSE, Receiver

RATE = 8_000
NEAR = 0.9
"""Tolerance in seconds: real time adds to the virtual clock."""


@dataclass
class EngineDriver:
    """Creates calls, advances time and downloads audio."""

    api: HttpFunctionClient
    control: ControlClient
    standin: StandIn

    def advance(self, seconds: float) -> None:
        """Advance the account's clock."""
        assert self.control.post("/clock", {"advance": seconds}).status == 200

    def settle(self) -> None:
        """Advance the clock past the processing time, and wait until no work is pending."""
        self.advance(2)
        assert ControlClient(self.standin).post("/wait-until-idle", {"timeout": 60}).body == {"left": []}

    def call(self) -> str:
        """Create a call in progress; return its sid in the test's dialect."""
        sid: str = self.control.post("/calls").body["sid"][self.api.dialect.name]
        return sid

    def hang_up(self, call: str) -> None:
        """End a call."""
        assert self.control.post(f"/calls/{call}/hangup").status == 200

    def media(self, recording: str, suffix: str = ".wav", **query: str) -> requests.Response:
        """Download audio with the account's credentials."""
        user = self.api.sid(ResourceType.ACCOUNT, self.api.account)
        url = f"http://127.0.0.1:{self.standin.port}{self.api.base}/Recordings/{recording}{suffix}"
        return requests.get(url, params=query, auth=(user, self.api.secret), timeout=120)


@pytest.fixture
def driver(api: HttpFunctionClient, control: ControlClient, standin: StandIn) -> EngineDriver:
    """A driver in the test's dialect."""
    return EngineDriver(api, control, standin)


def seconds_of(samples: list[int]) -> float:
    """Duration of samples."""
    return len(samples) / RATE


def silence_at(samples: list[int]) -> list[tuple[float, float]]:
    """Start and end of each silence longer than 0.1 s, in seconds."""
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
def test_pause_behavior(driver: EngineDriver, behavior: str, length: int) -> None:
    """With `silence` a pause is recorded as silence; with `skip` it is omitted."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    path = ("Calls", call, "Recordings", recording)
    driver.advance(4)
    driver.api.post(*path, form={"Status": "paused", "PauseBehavior": behavior})
    driver.advance(6)
    driver.api.post(*path, form={"Status": "in-progress"})
    driver.advance(5)
    driver.hang_up(call)
    driver.settle()
    body = driver.api.get(*path).body
    assert (body["status"], int(body["duration"])) == ("completed", length)
    answer = driver.media(recording)
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
    ("track", "has_audio"), [("both", [True, True]), ("inbound", [True, False]), ("outbound", [False, True])]
)
def test_dual_channels(driver: EngineDriver, track: str, has_audio: list[bool]) -> None:
    """A dual recording has two channels; with a single track the other channel is silent."""
    call = driver.call()
    form = {"RecordingChannels": "dual", "RecordingTrack": track}
    recording = driver.api.post("Calls", call, "Recordings", form=form).body["sid"]
    driver.advance(3)
    driver.api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"})
    driver.settle()
    channels = samples_of(driver.media(recording, "").content)
    assert [any(channel) for channel in channels] == has_audio
    assert abs(seconds_of(channels[0]) - 3) < NEAR


def test_recording_under_a_second_is_absent(driver: EngineDriver) -> None:
    """A recording with less than a second of audio is absent with 16101 and has no media."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    path = ("Calls", call, "Recordings", recording)
    driver.api.post(*path, form={"Status": "paused", "PauseBehavior": "skip"})
    driver.advance(60)
    driver.hang_up(call)
    driver.settle()
    body = driver.api.get(*path).body
    assert (body["status"], int(body["error_code"]), int(body["duration"])) == ("absent", 16101, 0)
    assert driver.media(recording).status_code == 404


def test_recording_is_processed_before_it_is_completed(driver: EngineDriver) -> None:
    """Between its end and its completion a recording is `processing` (SignalWire: `stopped`) and not deletable."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(5)
    driver.api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"})
    seen = driver.api.get("Calls", call, "Recordings", recording).body["status"]
    assert seen == ("processing" if driver.api.dialect.name == "twilio" else "stopped")
    assert driver.api.delete("Recordings", recording).body["code"] == 20009
    driver.settle()
    assert driver.api.delete("Recordings", recording).status == 204
    assert driver.media(recording).status_code == 404


def test_mp3_head_and_ranges(driver: EngineDriver) -> None:
    """Audio is available as MP3 at 32 kbit/s, by HEAD with its length, and by byte ranges."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(10)
    driver.hang_up(call)
    driver.settle()
    mp3 = driver.media(recording, ".mp3")
    assert (mp3.status_code, mp3.headers["Content-Type"]) == (200, "audio/mpeg")
    assert abs(len(mp3.content) * 8 / 32_000 - 10) < 1
    user = driver.api.sid(ResourceType.ACCOUNT, driver.api.account)
    url = f"http://127.0.0.1:{driver.standin.port}{driver.api.base}/Recordings/{recording}.wav"
    auth = (user, driver.api.secret)
    head = requests.head(url, auth=auth, timeout=120)
    whole = requests.get(url, auth=auth, timeout=120)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(whole.content) == int(whole.headers["Content-Length"])
    part = requests.get(url, auth=auth, headers={"Range": "bytes=100-199"}, timeout=120)
    assert (part.status_code, part.content) == (206, whole.content[100:200])


def test_media_access_by_vendor(driver: EngineDriver) -> None:
    """Audio URLs need no credentials in SignalWire's dialect, and do in Twilio's."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(2)
    driver.hang_up(call)
    driver.settle()
    url = f"http://127.0.0.1:{driver.standin.port}{driver.api.base}/Recordings/{recording}"
    expected = 401 if driver.api.dialect.name == "twilio" else 200
    for suffix in ("", ".wav", ".mp3"):
        assert requests.get(url + suffix, timeout=120).status_code == expected
    assert requests.get(f"{url}.json", timeout=120).status_code == 401


def test_conference_recording_ends_with_its_conference(driver: EngineDriver) -> None:
    """Ending a conference completes its recording, although the calls continue."""
    created = driver.control.post("/conferences", {"record": True}).body
    conference, recording = (each["sid"][driver.api.dialect.name] for each in (created, created["recordings"][0]))
    driver.advance(7)
    driver.api.post("Conferences", conference, form={"Status": "completed"})
    driver.settle()
    body = driver.api.get("Conferences", conference, "Recordings", recording).body
    assert (body["status"], int(body["duration"])) == ("completed", 7)


def test_dialed_participant_answers(standin: StandIn, control: ControlClient, api: HttpFunctionClient) -> None:
    """A dialed participant is queued in the response and connected afterwards; requested recordings start."""
    if api.dialect.name == "signalwire":
        assert api.post("Conferences", "Lobby", "Participants", form={"From": "+1", "To": "+2"}).status == 405
        return
    form = {
        "From": "+12025550100", "To": "+12025550101", "Record": "true", "RecordingChannels": "dual",
        "ConferenceRecord": "true", "Label": "guest",
    }  # fmt: skip
    first = api.post("Conferences", "Lobby", "Participants", form=form)
    assert (first.status, first.body["status"]) == (201, "queued")
    conference = first.body["conference_sid"]
    shown = api.get("Conferences", conference, "Participants", "guest").body
    assert (shown["status"], shown["call_sid"]) == ("connected", first.body["call_sid"])
    assert api.get("Conferences", conference).body["status"] == "init"
    second = api.post("Conferences", "Lobby", "Participants", form={"From": "+12025550100", "To": "client:joe"})
    assert second.body["conference_sid"] == conference
    assert api.get("Conferences", conference).body["status"] == "in-progress"
    (of_leg,) = api.get("Calls", first.body["call_sid"], "Recordings").body["recordings"]
    (of_conference,) = api.get("Conferences", conference, "Recordings").body["recordings"]
    assert (of_leg["source"], of_leg["channels"], of_conference["source"]) == ("OutboundAPI", 2, "Conference")
    assert control.post(f"/calls/{first.body['call_sid']}/hangup").status == 200
    assert [each["call_sid"] for each in api.get("Conferences", conference, "Participants").body["participants"]] == [
        second.body["call_sid"]
    ]
    assert standin.lines


@pytest.mark.parametrize("how", ["ended", "removed", "last leave", "end on exit"])
def test_dialed_call_ends_with_its_stay(driver: EngineDriver, receiver: Receiver, how: str) -> None:
    """Its call ends, its recording completes and the callback follows, while `wait-until-idle` waits for them."""
    api = driver.api
    if api.dialect.name == "signalwire":
        return  # it has no such request
    form = {
        "From": "+12025550143", "To": "+12025550178", "Record": "true", "RecordingStatusCallback": receiver.url(),
    }  # fmt: skip
    added = api.post("Conferences", "Support", "Participants", form=form).body
    guest = {"From": "+12025550143", "To": "+12025550179", "EndConferenceOnExit": str(how == "end on exit").lower()}
    other = api.post("Conferences", "Support", "Participants", form=guest).body["call_sid"]
    call, conference = added["call_sid"], added["conference_sid"]
    assert api.get("Calls", call).body["status"] == "in-progress"
    driver.advance(7)
    if how == "ended":
        api.post("Conferences", conference, form={"Status": "completed"})
    elif how == "end on exit":
        driver.hang_up(other)
    else:
        gone = (call, other) if how == "last leave" else (call,)
        for each in gone:
            assert api.delete("Conferences", conference, "Participants", each).status == 204
    driver.settle()
    assert api.get("Calls", call).body["status"] == "completed"
    assert api.get("Calls", other).body["status"] == ("in-progress" if how == "removed" else "completed")
    (recording,) = api.get("Calls", call, "Recordings").body["recordings"]
    assert recording["status"] == "completed"
    assert int(recording["duration"]) in {7, 8}
    assert receiver.field_values("RecordingStatus", 1) == ["completed"]


def test_redirected_participant_leaves(driver: EngineDriver, receiver: Receiver) -> None:
    """A caller with new instructions is not in the conference any more; its call goes on after the end."""
    receiver.documents["/next"] = LONG_PAUSE
    api, created = driver.api, driver.control.post("/conferences").body
    conference, *calls = (each["sid"][api.dialect.name] for each in (created, *created["calls"]))
    assert api.post("Calls", calls[0], form={"Url": receiver.url("/next")}).status == 200
    driver.settle()
    listed = api.get("Conferences", conference, "Participants").body["participants"]
    assert [each["call_sid"] for each in listed] == calls[1:]
    api.post("Conferences", conference, form={"Status": "completed"})
    driver.settle()
    assert [api.get("Calls", call).body["status"] for call in calls] == ["in-progress"] * len(calls)


def test_creates_a_transcription(driver: EngineDriver) -> None:
    """A transcription can be created, listed, read and deleted; it outlives its recording."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(3)
    driver.hang_up(call)
    driver.settle()
    created = driver.control.post(f"/recordings/{recording}/transcriptions", {"text": "Four, eight, fifteen."})
    assert created.status == 201
    sid = created.body["sid"][driver.api.dialect.name]
    (listed,) = driver.api.get("Recordings", recording, "Transcriptions").body["transcriptions"]
    assert (listed["sid"], listed["transcription_text"], int(listed["duration"])) == (sid, "Four, eight, fifteen.", 3)
    assert driver.api.delete("Recordings", recording).status == 204
    assert driver.api.get("Transcriptions", sid).body == listed
    assert driver.api.delete("Transcriptions", sid).status == 204
    assert driver.api.get("Transcriptions").body["transcriptions"] == []
    assert driver.control.post("/recordings/RE" + "0" * 32 + "/transcriptions").status == 404


def test_reset_deletes_everything(driver: EngineDriver) -> None:
    """A reset also deletes media, transcriptions, deleted recordings and running captures."""
    call = driver.call()
    kept = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(2)
    driver.api.post("Calls", call, "Recordings", kept, form={"Status": "stopped"})
    driver.settle()
    driver.control.post(f"/recordings/{kept}/transcriptions")
    running = driver.api.post("Calls", call, "Recordings").body["sid"]
    assert running != kept
    assert driver.control.post("/reset").status == 204
    driver.settle()
    for path in ("Calls", "Recordings", "Transcriptions", "Conferences"):
        assert driver.api.get(path).body[path.lower()] == []
    assert driver.media(kept).status_code == 404


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("/clock", {"advance": -1}, "advance"),
        ("/clock", {"advance": "1"}, "advance"),
        ("/clock", {"back": 1}, "back"),
        ("/wait-until-idle", {"timeout": 61}, "timeout"),
        ("/settle", {"timeout": 61}, "timeout"),
        ("/settle", {"advance": 1}, "advance"),
        ("/recordings/RE" + "0" * 32 + "/transcriptions", {"text": 5}, "text"),
        ("/recordings/RE" + "0" * 32 + "/transcriptions", {"status": "done"}, "status"),
    ],
)
def test_rejects_invalid_requests(anonymous: ControlClient, path: str, content: dict[str, Any], field: str) -> None:
    """Invalid input is 400 and names the field."""
    answer = anonymous.post(path, content)
    assert (answer.status, answer.body["error"]["field"]) == (400, field)


def test_clock(anonymous: ControlClient) -> None:
    """Without `advance` the clock only returns the time; it never goes back."""
    first = anonymous.post("/clock").body["now"]
    second = anonymous.post("/clock", {"advance": 60}).body["now"]
    assert first[:19] < second[:19] <= anonymous.post("/clock").body["now"][:19]


def test_waiting_finishes_the_recordings_of_an_account(driver: EngineDriver) -> None:
    """After `wait-until-idle` the recordings of the account are completed."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(3)
    driver.hang_up(call)
    driver.advance(2)
    assert driver.control.post("/wait-until-idle", {"timeout": 60}).body == {"left": []}
    assert driver.api.get("Calls", call, "Recordings", recording).body["status"] == "completed"


def test_accounts_do_not_share_media(driver: EngineDriver, standin: StandIn) -> None:
    """Another account's credentials and path do not find the audio."""
    call = driver.call()
    recording = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(2)
    driver.hang_up(call)
    driver.settle()
    own = base64.b64encode(
        f"{TWILIO.format_sid(ResourceType.ACCOUNT, standin.account)}:{standin.token}".encode()
    ).decode()
    foreign = driver.api.base.replace(
        driver.api.sid(ResourceType.ACCOUNT, driver.api.account), driver.api.sid(ResourceType.ACCOUNT, standin.account)
    )
    url = f"http://127.0.0.1:{standin.port}{foreign}/Recordings/{recording}.wav"
    assert requests.get(url, headers={"Authorization": f"Basic {own}"}, timeout=120).status_code == 404


@pytest.mark.ci
def test_clock_can_be_advanced_by_weeks(driver: EngineDriver) -> None:
    """A recording is limited to one hour, a call to one day; a deleted recording disappears after 40 days."""
    call = driver.call()
    short = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(2)
    driver.api.post("Calls", call, "Recordings", short, form={"Status": "stopped"})
    driver.settle()
    assert driver.api.delete("Recordings", short).status == 204
    long = driver.api.post("Calls", call, "Recordings").body["sid"]
    driver.advance(40 * 86_400)
    driver.settle()
    assert driver.api.get("Calls", call).body["status"] == "completed"
    driver.advance(2)
    driver.settle()
    assert int(driver.api.get("Calls", call, "Recordings", long).body["duration"]) == 3600
    listed = driver.api.get("Recordings", IncludeSoftDeleted="true").body["recordings"]
    assert [each["sid"] for each in listed] == [long]
