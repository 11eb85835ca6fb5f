"""A stand-in in a process of its own, and the resources that requests to it need."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests

from tapedeck.settings import STANDIN_TOKEN

ROOT: Final = Path(__file__).resolve().parents[2]
LOG: Final = ROOT / "build" / "openapi-standin.log"
"""Where the stand-in logs its requests."""

ACCOUNTS: Final = {
    "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
    "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
}
ROOTS: Final = {"twilio": "/2010-04-01", "signalwire": "/api/laml/2010-04-01"}

REFUSING_URL: Final = "http://127.0.0.1:9/"
"""A URL of this machine that refuses connections."""

_READY: Final = "TAPEDECK_READY "
_SECONDS: Final = 30


def new_number() -> str:
    """Return a phone number that no account has."""
    return f"+1404{secrets.randbelow(10**7):07}"


@dataclass
class StandIn:
    """A running stand-in; `dialect` is that of the sids and of the API's paths."""

    url: str
    dialect: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def account(self) -> str:
        """The account's sid."""
        return ACCOUNTS[self.dialect]

    @property
    def auth(self) -> tuple[str, str]:
        """The credentials of the account."""
        return self.account, STANDIN_TOKEN

    def control(self, path: str, **body: Any) -> Any:
        """POST to the control API; return the body of the response."""
        response = self.session.post(f"{self.url}/_standin/{path}", json=body, timeout=_SECONDS)
        response.raise_for_status()
        return response.json()

    def api(self, path: str, **form: str) -> Any:
        """POST a form below the account; return the body of the response."""
        base = f"{self.url}{ROOTS[self.dialect]}/Accounts/{self.account}"
        response = self.session.post(f"{base}/{path}.json", data=form, auth=self.auth, timeout=_SECONDS)
        response.raise_for_status()
        return response.json()

    # Each method below creates new resources and returns the variables of a path that reach them.

    def call(self) -> dict[str, str]:
        """Create a call in progress."""
        return {"CallSid": self.control("calls")["sid"][self.dialect]}

    def call_recording(self) -> dict[str, str]:
        """Create a call in progress and a recording in progress, with two channels."""
        call = self.call()
        made = self.api(f"Calls/{call['CallSid']}/Recordings", RecordingChannels="dual")
        return {**call, "RecordingSid": made["sid"]}

    def finished_call_recording(self) -> dict[str, str]:
        """Create a call that has ended, its completed recording, and a transcription."""
        made = self.call_recording()
        self.control("clock", advance=2)
        self.control(f"calls/{made['CallSid']}/hangup")
        self._finish()
        transcription = self.control(f"recordings/{made['RecordingSid']}/transcriptions")
        return {**made, "TranscriptionSid": transcription["sid"][self.dialect]}

    def key(self) -> dict[str, str]:
        """Create an API key."""
        return {"KeySid": self.control("keys")["sid"][self.dialect]}

    def phone_number(self) -> dict[str, str]:
        """Create a phone number."""
        return {"PhoneNumberSid": self.control("numbers", phone_number=new_number())["sid"][self.dialect]}

    def application(self) -> dict[str, str]:
        """Create an application."""
        return {"ApplicationSid": self.control("applications")["sid"][self.dialect]}

    def conference(self) -> dict[str, str]:
        """Create a conference with two participants and a recording in progress; `Other` is the second call."""
        made = self.control("conferences", record=True)
        first, second = (call["sid"][self.dialect] for call in made["calls"])
        return {
            "ConferenceSid": made["sid"][self.dialect],
            "CallSid": first,
            "Other": second,
            "RecordingSid": made["recordings"][0]["sid"][self.dialect],
        }

    def finished_conference_recording(self) -> dict[str, str]:
        """Create a conference that has ended, and its completed recording."""
        made = self.conference()
        self.control("clock", advance=2)
        self.control(f"conferences/{made['ConferenceSid']}/end")
        self._finish()
        return made

    def callback(self) -> str:
        """Create a callback that was attempted; return its id in the control API."""
        call = self.call()["CallSid"]
        form = {"RecordingStatusCallback": REFUSING_URL, "RecordingStatusCallbackEvent": "in-progress"}
        recording = self.api(f"Calls/{call}/Recordings", **form)["sid"]
        query = {"sid": recording, "wait": "10"}
        found = self.session.get(f"{self.url}/_standin/callbacks", params=query, timeout=_SECONDS).json()
        identifier: str = found["callbacks"][0]["id"]
        return identifier

    def _finish(self) -> None:
        # The callbacks of earlier cases are refused, and each is repeated.
        self.control("wait-until-idle", timeout=60)
        self.control("clock", advance=5)
        self.control("wait-until-idle", timeout=60)


@contextmanager
def running_standin(*options: str) -> Iterator[str]:
    """Start a stand-in on free ports with a fixed seed; yield its URL."""
    command = [sys.executable, "-m", "tapedeck_standin", "serve", "--port=0", "--https-port=0", "--seed=1", *options]
    LOG.parent.mkdir(exist_ok=True)
    with (
        LOG.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield _url_of(process)
        finally:
            process.terminate()
            process.communicate(timeout=_SECONDS)


def _environment() -> Mapping[str, str]:
    """Return the environment without settings of a stand-in, which would change the run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TAPEDECK_")}


def _url_of(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if line.startswith(_READY):
            url: str = json.loads(line.removeprefix(_READY))["url"]
            return url
    raise RuntimeError(f"the stand-in ended with exit code {process.wait()}")
