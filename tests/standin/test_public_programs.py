"""The requests of public programs that use Twilio's API, and the responses that they expect.

`make public-programs` runs the programs themselves.
"""

from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, StandIn


@dataclass
class Program:
    """A program's HTTP client: Basic credentials, forms, no options."""

    url: str
    account: str
    token: str

    @property
    def path(self) -> str:
        """The path of the account."""
        return f"/2010-04-01/Accounts/{self.account}"

    def get(self, path: str) -> requests.Response:
        """Read a resource or its media."""
        return requests.get(self.url + self.path + path, auth=(self.account, self.token), timeout=60)

    def post(self, path: str, **form: str) -> tuple[int, Any]:
        """Send a form; return the status and the body."""
        answer = requests.post(self.url + self.path + path, data=form, auth=(self.account, self.token), timeout=60)
        return answer.status_code, answer.json()

    def status_after(self, path: str, **form: str) -> tuple[int, str, str]:
        """Send a form; return the status, and the sid and status of the resource."""
        status, body = self.post(path, **form)
        return status, body["sid"], body["status"]


@pytest.fixture
def program(standin: StandIn, account: TestAccount) -> Program:
    """A program that uses the test's own account."""
    account_sid = TWILIO.format_sid(ResourceType.ACCOUNT, account.id)
    return Program(f"http://127.0.0.1:{standin.port}", account_sid, account.token)


def _error(status: int, code: int, message: str) -> tuple[int, dict[str, Any]]:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": message, "more_info": more_info, "status": status}


def _sid(control: ControlClient, path: str) -> str:
    sid: str = control.post(path).body["sid"]["twilio"]
    return sid


def test_pipecat_finds_an_ended_call_already_terminated(program: Program, control: ControlClient) -> None:
    """Pipecat's Twilio serializer hangs up with a form; the second request gets the 404 that it recognises."""
    call = _sid(control, "/calls")
    path = f"/Calls/{call}.json"
    assert program.status_after(path, Status="completed") == (200, call, "completed")
    gone = _error(404, 20404, f"The requested resource {program.path}{path} was not found")
    assert program.post(path, Status="completed") == gone
    # A redirect of the ended call has another error.
    assert program.post(path, Twiml="<Response/>") == _error(
        400, 21220, "Call is not in-progress. Cannot redirect."
    )  # fmt: skip
    assert program.get(path).json()["status"] == "completed"


@pytest.mark.parametrize("parent", ["Calls", "Conferences"])
def test_flex_pauses_the_current_recording(program: Program, control: ControlClient, parent: str) -> None:
    """Flex pauses by `Twilio.CURRENT`, resumes by sid, and recognises code 21220 when nothing is being recorded."""
    parent_sid = _sid(control, f"/{parent.lower()}")
    recordings = f"/{parent}/{parent_sid}/Recordings"
    if parent == "Calls":
        status, body = program.post(f"{recordings}.json", RecordingChannels="dual")
        assert (status, body["status"], body["channels"]) == (201, "in-progress", 2)
        sid = body["sid"]
    else:
        sid = _sid(control, f"/conferences/{parent_sid}/recordings")
    current, by_sid = f"{recordings}/Twilio.CURRENT.json", f"{recordings}/{sid}.json"
    pause = {"Status": "paused", "PauseBehavior": "silence"}
    assert program.status_after(current, **pause) == (200, sid, "paused")
    assert program.status_after(by_sid, Status="in-progress") == (200, sid, "in-progress")
    assert program.status_after(by_sid, Status="paused", PauseBehavior="skip") == (200, sid, "paused")
    assert program.status_after(by_sid, Status="in-progress") == (200, sid, "in-progress")
    end = "hangup" if parent == "Calls" else "end"
    control.post(f"/{parent.lower()}/{parent_sid}/{end}")
    not_eligible = _error(400, 21220, "Requested resource is not eligible for recording")
    assert program.post(current, **pause) == not_eligible
    assert program.post(by_sid, Status="in-progress") == not_eligible
    unknown = current.replace(parent_sid, parent_sid[:2] + "0" * 32)
    missing = _error(404, 20404, f"The requested resource {program.path}{unknown} was not found")
    assert program.post(unknown, **pause) == missing


def test_a_bulk_download_gets_every_finished_recording(program: Program, control: ControlClient) -> None:
    """A program lists the recordings, and downloads each without an extension: WAV if it is finished, else 404."""
    call, other = _sid(control, "/calls"), _sid(control, "/calls")
    _, finished = program.post(f"/Calls/{call}/Recordings.json")
    control.post("/clock", {"advance": 3})
    control.post(f"/calls/{call}/hangup")
    control.post("/clock", {"advance": 1})
    control.post("/wait-until-idle")
    _, running = program.post(f"/Calls/{other}/Recordings.json")
    listed = program.get("/Recordings.json").json()["recordings"]
    assert [it["sid"] for it in listed] == [running["sid"], finished["sid"]]
    downloads = [program.get(f"/Recordings/{it['sid']}") for it in listed]
    assert [(it.status_code, it.headers["content-type"]) for it in downloads] == [
        (404, "application/json; charset=utf-8"),
        (200, "audio/x-wav"),
    ]
    assert downloads[0].json()["code"] == 20404
    assert downloads[1].content[:4] == b"RIFF"
    assert downloads[1].content == program.get(f"/Recordings/{finished['sid']}.wav").content
