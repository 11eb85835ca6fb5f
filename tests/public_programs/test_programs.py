"""Public programs that use the vendor's API work with the stand-in, unmodified (`make public-programs`).

A program that cannot be fetched or installed is skipped with the reason. `tests/standin/test_public_programs.py` sends
the same requests without the programs, and always runs.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.public_programs.place import ACCOUNT, TOKEN, Place
from tests.public_programs.programs import HERE, checkout, node_environment, python_environment
from tests.sdk.program import SECONDS_TO_RUN, own_standin, run

pytestmark = pytest.mark.timeout(600)

Function = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A stand-in of this test."""
    with own_standin(tmp_path / "standin") as url:
        yield Place(url)


def test_pipecat_hangs_up_twice(place: Place) -> None:
    """Pipecat's serializer ends the call, and finds it already terminated the second time."""
    python = python_environment("pipecat", "--no-deps", "-r", HERE / "pipecat.txt")
    call = place.create("calls")
    output = run([python, HERE / "hang_up.py", place.url, ACCOUNT, TOKEN, call], seconds=SECONDS_TO_RUN)
    assert [line for line in output.splitlines() if "Twilio call" in line] == [
        f"INFO Successfully terminated Twilio call {call}",
        f"DEBUG Twilio call {call} was already terminated",
    ]
    assert place.journal() == [("update_call", 200, None), ("update_call", 404, 20404)]
    assert place.get(f"Calls/{call}.json").json()["status"] == "completed"


@pytest.mark.parametrize("program", ["app.py", "async_app.py"])
def test_bulk_download(place: Place, tmp_path: Path, program: str) -> None:
    """The program downloads every finished recording, and reports the one that is not finished."""
    source = checkout(
        "danohn", "bulk-download-twilio-recordings", "30b221569043835a716044ddd735628723076c2d"
    )  # fmt: skip
    python = python_environment("bulk-download", "-r", source / "requirements.txt")
    call, conference = place.create("calls"), place.create("conferences")
    mono = place.post(f"Calls/{call}/Recordings.json")["sid"]
    place.advance(2)
    place.post(f"Calls/{call}/Recordings/{mono}.json", Status="stopped")
    dual = place.post(f"Calls/{call}/Recordings.json", RecordingChannels="dual")["sid"]
    mixed = place.create(f"conferences/{conference}/recordings")
    place.advance(3)
    place.control(f"calls/{call}/hangup")
    place.control(f"conferences/{conference}/end")
    place.advance(1)
    running = place.post(f"Calls/{place.create('calls')}/Recordings.json")["sid"]
    settings = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "PYTHONPATH": str(HERE / "vendor_host")}
    # The program writes to its working directory.
    run([python, source / program], {**place.environment, **settings}, seconds=SECONDS_TO_RUN, folder=tmp_path)
    downloads = sorted(entry[1:] for entry in place.journal() if entry[0] == "get_recording")
    assert downloads == [(200, None), (200, None), (200, None), (404, 20404)]
    files = {path.name: path.read_bytes() for path in (tmp_path / "recordings").iterdir()}
    assert files == {f"{sid}.wav": place.get(f"Recordings/{sid}.wav").content for sid in (mono, dual, mixed)}
    assert {content[:4] for content in files.values()} == {b"RIFF"}
    assert place.get(f"Recordings/{running}.json").json()["status"] == "processing"
    assert place.get(f"Recordings/{running}").status_code == 404


@contextmanager
def _functions(place: Place) -> Iterator[Function]:
    """Yield a function that invokes a serverless function of the project."""
    source = checkout(
        "twilio-professional-services", "flex-project-template", "fbd559440ea6c21b72a2e3aafa8ecb3a1f760ea8",
        "serverless-functions",
    )  # fmt: skip
    folder = node_environment("flex-project-template", source)
    command: list[str | Path] = ["node", HERE / "serverless_functions.cjs", folder]
    environment = {**os.environ, **place.environment}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def invoke(path: str, **event: str) -> tuple[int, dict[str, Any]]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"path": path, "event": event}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            return answer["status"], answer["body"]

        try:
            yield invoke
        finally:
            process.stdin.close()


RECORD: Final = "features/dual-channel-recording/flex/create-recording"
PAUSE_CALL: Final = "features/pause-recording/flex/pause-call-recording"
RESUME_CALL: Final = "features/pause-recording/flex/resume-call-recording"
PAUSE_CONFERENCE: Final = "features/pause-recording/flex/pause-conference-recording"
RESUME_CONFERENCE: Final = "features/pause-recording/flex/resume-conference-recording"


def _recording(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str]:
    status, body = answer
    assert body["success"] is True
    return status, body["recording"]["sid"], body["recording"]["status"]


def _error(answer: tuple[int, dict[str, Any]]) -> tuple[int, int, str]:
    status, body = answer
    assert body["success"] is False
    assert body["twilioDocPage"] == f"https://www.twilio.com/docs/errors/{body['twilioErrorCode']}"
    return status, body["twilioErrorCode"], body["message"]


NOT_ELIGIBLE: Final = (400, 21220, "Requested resource is not eligible for recording")


def test_functions_for_recordings_of_calls(place: Place) -> None:
    """Flex's functions record a call in two channels, pause and resume, and report 21220 after its end."""
    call = place.create("calls")
    unknown = call.replace("CA", "CA0")[:34]
    with _functions(place) as invoke:
        status, body = invoke(RECORD, callSid=call)
        sid = body["recording"]["sid"]
        assert (status, body["recording"]["status"], body["recording"]["channels"]) == (200, "in-progress", 2)
        assert body["recording"]["callSid"] == call
        assert _recording(invoke(PAUSE_CALL, callSid=call)) == (200, sid, "paused")
        assert _recording(invoke(RESUME_CALL, callSid=call, recordingSid=sid)) == (200, sid, "in-progress")
        assert _recording(invoke(PAUSE_CALL, callSid=call, recordingSid=sid, pauseBehavior="skip")) == (
            200, sid, "paused",
        )  # fmt: skip
        assert _recording(invoke(RECORD, callSid=call)) == (200, sid, "paused")
        assert _recording(invoke(RESUME_CALL, callSid=call, recordingSid=sid)) == (200, sid, "in-progress")
        uri = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{unknown}/Recordings/Twilio.CURRENT.json"
        not_found = (404, 20404, f"The requested resource {uri} was not found")
        assert _error(invoke(PAUSE_CALL, callSid=unknown)) == not_found
        place.control(f"calls/{call}/hangup")
        status, body = invoke(RECORD, callSid=call)
        assert (status, body["twilioErrorCode"]) == (400, 21220)
        assert body["developerComment"].startswith("It is typical to see this error")
        assert _error(invoke(PAUSE_CALL, callSid=call)) == NOT_ELIGIBLE
        assert _error(invoke(RESUME_CALL, callSid=call, recordingSid=sid)) == NOT_ELIGIBLE
        # The program itself refuses this event.
        assert invoke(RESUME_CALL, callSid=call)[0] == 400


def test_functions_for_recordings_of_conferences(place: Place) -> None:
    """Flex's functions pause and resume the recording of a conference, and report 21220 after its end."""
    conference = place.create("conferences")
    sid = place.create(f"conferences/{conference}/recordings")
    with _functions(place) as invoke:
        assert _recording(invoke(PAUSE_CONFERENCE, conferenceSid=conference)) == (200, sid, "paused")
        resume = {"conferenceSid": conference, "recordingSid": sid}
        assert _recording(invoke(RESUME_CONFERENCE, **resume)) == (200, sid, "in-progress")
        assert _recording(invoke(PAUSE_CONFERENCE, **resume, pauseBehavior="skip")) == (200, sid, "paused")
        assert _recording(invoke(RESUME_CONFERENCE, **resume)) == (200, sid, "in-progress")
        place.control(f"conferences/{conference}/end")
        assert _error(invoke(PAUSE_CONFERENCE, conferenceSid=conference)) == NOT_ELIGIBLE
        assert _error(invoke(RESUME_CONFERENCE, **resume)) == NOT_ELIGIBLE


def test_functions_for_participants(place: Place) -> None:
    """Flex's functions hold, mute, change, add and remove participants, and read a call."""
    voice = "common/flex/programmable-voice"
    control = place.control("conferences", participants=2, friendly_name="WT1")
    conference, first = control["sid"]["twilio"], control["calls"][0]["sid"]["twilio"]
    who = {"conference": conference, "participant": first}
    with _functions(place) as invoke:
        for function, event, field, value in (
            ("hold-participant", {"hold": "true"}, "hold", True),
            ("hold-participant", {"hold": "false"}, "hold", False),
            ("mute-participant", {"muted": "true"}, "muted", True),
            ("update-participant", {"endConferenceOnExit": "true"}, "endConferenceOnExit", True),
        ):
            status, body = invoke(f"{voice}/{function}", **who, **event)
            assert (status, body["success"], body["participantsResponse"][field]) == (200, True, value)
        status, body = invoke(f"{voice}/add-participant", taskSid="WT1", to="+12025550123", **{"from": "+12025550199"})
        assert (status, body["participantsResponse"]["conferenceSid"]) == (200, conference)
        status, body = invoke(f"{voice}/get-call-properties", callSid=first)
        assert (status, body["callProperties"]["status"]) == (200, "in-progress")
        assert invoke(f"{voice}/remove-participant", **who)[0] == 200
        # Its end ended the conference.
        assert place.get(f"Conferences/{conference}.json").json()["status"] == "completed"
        assert invoke(f"{voice}/remove-participant", **who)[0] == 404
