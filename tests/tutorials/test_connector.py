"""The example connector, as a process of its own, records through `tapedeck serve --engine external` over HTTP."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final

import pytest
import requests

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE
from tests.media import samples_of
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.test_options import running_standin
from tests.tutorials.page import ROOT

TOKEN: Final = "tdk_standin_TapedeckStandInEngineTokenPublicOnPurpose01"
MAX_WAIT_SECONDS: Final = 60


@contextmanager
def running_connector(standin: StandIn) -> Iterator[Callable[[str], str]]:
    """Run the example with its two settings; yield a function that waits for a line that begins with a text."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "connector" / "connector.py")],
        env={
            "PATH": os.environ["PATH"], "TAPEDECK_URL": f"http://127.0.0.1:{standin.port}",
            "TAPEDECK_ENGINE_TOKEN": TOKEN,
        },
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = iter(process.stdout)

    def wait_for(start: str) -> str:
        seen = []
        for line in lines:
            seen.append(line)
            if line.startswith(start):
                return line.rstrip("\n ")
        raise AssertionError("".join(seen))

    try:
        yield wait_for
    finally:
        process.kill()
        process.communicate()


def wait_until(fetch: Callable[[], Any], expected: Any) -> None:
    """Repeat a request until it returns what is expected."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while (seen := fetch()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert seen == expected


@pytest.mark.timeout(120)
def test_example_records_pauses_resumes_and_stops() -> None:
    """The API shows each state, every event is taken, and the recording has the sound around the pause."""
    with running_standin("--engine", "external") as (standin, _), running_connector(standin) as wait_for:
        assert wait_for("connected") == "connected"
        api, control = (
            HttpFunctionClient(SIGNALWIRE, standin.account, standin.token, standin=standin),
            ControlClient(standin),
        )
        call = control.post("/calls").body["sid"]["signalwire"]
        recording = api.post("Calls", call, "Recordings").body["sid"]
        path = ("Calls", call, "Recordings", recording)
        assert wait_for("recording.started") == "recording.started taken"
        shown = [api.get(*path).body["status"]]
        for status, event in (("paused", "paused"), ("in-progress", "resumed"), ("stopped", "stopped")):
            time.sleep(0.6)
            api.post(*path, form={"Status": status, "PauseBehavior": "silence"})
            assert wait_for(f"recording.{event}") == f"recording.{event} taken"
            shown.append(api.get(*path).body["status"])
        assert shown == ["in-progress", "paused", "in-progress", "stopped"]
        assert wait_for("recording.completed") == "recording.completed taken"
        wait_until(lambda: api.get(*path).body["status"], "completed")
        user = SIGNALWIRE.format_sid(ResourceType.ACCOUNT, standin.account)
        url = f"http://127.0.0.1:{standin.port}{api.base}/Recordings/{recording}.wav"
        audio = requests.get(url, auth=(user, standin.token), timeout=60).content
        (engine,) = control.get("/engines").body["engines"]
    (samples,) = samples_of(audio)
    has_sound = [any(samples[at : at + 400]) for at in range(0, len(samples) - 400, 400)]
    assert [key for key, _ in groupby(has_sound)] == [True, False, True]
    assert (engine["name"], engine["presence"], engine["commands_waiting"]) == ("standin", "alive", 0)
