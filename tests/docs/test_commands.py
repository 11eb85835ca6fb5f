"""The shell commands of the README and of the reference pages, typed into a shell against a running stand-in."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.openapi.control_responses import response_schemas
from tapedeck.domain.delivery import HOST_SUSPENDED, UNSIGNED
from tapedeck.ports.messaging import FailureReason
from tapedeck_standin.callbacks.fault_injection import DROPPED
from tapedeck_standin.control.fixtures import Fixtures
from tests.client import ROOT
from tests.wire.gateway import checked_standin

READY = "TAPEDECK_READY "
SECONDS_TO_RUN = 60

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the commands of the README need curl")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The HTTP port of a stand-in that runs in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_"))}
    folder = tmp_path_factory.mktemp("serve")
    with (
        checked_standin(folder / "faults") as standin,
        subprocess.Popen(
            [*standin, "serve", "--port", "0", "--https-port", "0"],
            cwd=folder, env=kept, text=True, stdout=subprocess.PIPE,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        ready = next((line.removeprefix(READY) for line in process.stdout if line.startswith(READY)), None)
        assert ready is not None
        yield json.loads(ready)["url"].rpartition(":")[2]
        process.terminate()


def blocks(page: str) -> list[str]:
    """Return the shell blocks of a page that send requests to the stand-in."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [block for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if "localhost:3000" in block]


def run(block: str, port: str) -> list[Any]:
    """Run a block in bash, with the stand-in's port; return the JSON bodies that were printed."""
    return [json.loads(line) for line in printed_by(block, port)]


def printed_by(block: str, port: str) -> list[str]:
    """Run a block in bash, with the stand-in's port; return the lines that were printed."""
    script = "\n".join(f"{line}\necho" for line in block.replace("localhost:3000", f"localhost:{port}").splitlines())
    done = subprocess.run(
        ["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=SECONDS_TO_RUN, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.splitlines() if line]


def test_the_readmes_demo_works(port: str) -> None:
    """The demo records a call, pauses it for five minutes, and prints a duration of about 20 seconds."""
    (demo,) = blocks("README.md")
    *printed, duration = printed_by(demo, port)
    bodies = [json.loads(line) for line in printed]
    assert [body.get("status") for body in bodies[:5]] == ["in-progress", None, "paused", None, "completed"]
    assert bodies[-1] == {"left": []}
    found = re.fullmatch(r'"duration":"([0-9]+)"', duration)
    assert found is not None
    assert 20 <= int(found[1]) < 60


def test_the_control_apis_example_works(port: str) -> None:
    """The example creates a call and a conference, advances the clock and hangs up."""
    example, *_ = blocks("docs/reference/control-api.md")
    conference, clock, call = run(example, port)
    assert (conference["status"], len(conference["calls"]), len(conference["recordings"])) == ("in-progress", 3, 1)
    assert list(clock) == ["now"]
    assert (call["status"], call["recordings"]) == ("completed", [])


def test_the_examples_of_lists_work(port: str) -> None:
    """The examples list calls, conferences, recordings and accounts."""
    _, example, *_ = blocks("docs/reference/control-api.md")
    listed = run(example, port)
    assert [list(body) for body in listed] == [
        ["calls", "next"], ["calls", "next"], ["conferences", "next"], ["recordings", "next"], ["accounts", "next"],
    ]  # fmt: skip


def test_the_example_of_a_single_call_works(port: str) -> None:
    """The example makes a call and reads it, with the fields that it has in the list, and without a course."""
    _, _, example, *_ = blocks("docs/reference/control-api.md")
    (call,) = run(example, port)
    assert list(call)[:7] == ["sid", "status", "direction", "from", "to", "parent", "conference"]
    assert (call["position"], call["played"]) == (None, [])
    assert (call["status"], call["direction"]) == ("in-progress", "inbound")


def test_the_example_of_an_api_key_works(port: str) -> None:
    """The example makes a key with its own sid and secret, and lists calls with it."""
    _, _, _, example, *_ = blocks("docs/reference/control-api.md")
    made, listed = run(example, port)
    assert (made["sid"]["twilio"], made["secret"]) == ("SK00000000000000000000000000000001", "local-secret")
    assert isinstance(listed["calls"], list)


def test_the_example_of_waiting_works(port: str) -> None:
    """After a hang-up and `settle` with `advance`, the recording is finished."""
    _, _, _, _, example, *_ = blocks("docs/reference/control-api.md")
    started, _, call, settled, listed = run(example, port)
    assert (started["status"], call["recordings"][0]["status"], settled) == ("in-progress", "stopped", {"left": []})
    assert [(each["sid"], each["status"]) for each in listed["recordings"]] == [(started["sid"], "completed")]


def test_the_example_of_a_call_that_comes_in_works(port: str) -> None:
    """The example goes on to a `<Gather>` after what is said, presses a key, and shows the course of the call."""
    example = blocks("docs/reference/control-api.md")[5]
    there, pressed, call, ended = run(example, port)
    assert (there["position"]["verb"], pressed, ended["status"]) == ("Gather", {"used": True}, "completed")
    assert list(call) == [
        "sid", "status", "direction", "from", "to", "parent", "conference", "position", "document", "played", "keys",
        "spoken", "streams", "children",
    ]  # fmt: skip
    assert ([each["text"] for each in call["played"]], [each["key"] for each in call["keys"]]) == (["Hello"], ["1"])


def test_the_example_of_parties_works(port: str) -> None:
    """The example makes a rule for one call, lists it, and removes it."""
    example = blocks("docs/reference/control-api.md")[6]
    made, listed = run(example, port)
    assert (made["number"], made["outcome"], made["times"], made["used"]) == ("+12025550150", "busy", 1, 0)
    assert listed == {"parties": [made]}


def test_the_examples_of_engine_events_work(port: str) -> None:
    """The examples report that the line is busy, with which the call ends, and that a recording has begun."""
    *_, busy, begun, _ = blocks("docs/reference/control-api.md")
    reported, call = run(busy, port)
    assert (list(reported), reported["outcome"], call["status"]) == (["id", "outcome"], "taken", "busy")
    (reported,) = run(begun, port)
    assert (list(reported), reported["outcome"]) == (["id", "outcome"], "taken")


def test_the_example_of_a_warning_works(port: str) -> None:
    """A recording starts in spite of an unusable callback URL; the warning has its code and the parameter."""
    *_, example = blocks("docs/reference/control-api.md")
    started, listed = run(example, port)
    assert started["status"] == "in-progress"
    (warning,) = listed["warnings"]
    assert (warning["code"], warning["attribute"]) == (13256, "RecordingStatusCallback")


def test_the_faults_example_works(port: str) -> None:
    """The example injects a fault, lists it and removes it."""
    (example,) = blocks("docs/reference/faults.md")
    fault, listed = run(example, port)
    assert fault == {
        "id": fault["id"], "on": "create_call_recording", "times": 3, "then": {"status": 400, "code": 21220}, "hits": 0,
    }  # fmt: skip
    assert listed == {"faults": [fault]}


def test_the_fields_of_log_entries_are_complete() -> None:
    """The control API's page describes each field of a logged request, of a callback and of an attempt, in order."""
    text = (ROOT / "docs" / "reference" / "control-api.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (request|callback|attempt) \| `(\w+)` \|", text, re.MULTILINE)
    schemas = response_schemas()
    assert documented == [
        (entry, field) for entry in ("request", "callback", "attempt") for field in schemas[entry.title()]["required"]
    ]


def test_the_errors_of_attempts_are_complete() -> None:
    """The control API's page describes each reason for which an attempt got no response."""
    text = (ROOT / "docs" / "reference" / "control-api.md").read_text(encoding="utf-8")
    table = text.partition("| Error | Cause |")[2].partition("\n\n")[0]
    expected = [*FailureReason, UNSIGNED, HOST_SUSPENDED, "url-gone", DROPPED]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == expected


def test_the_example_of_fixtures_is_valid() -> None:
    """The fixtures file that the documentation shows defines a call, a conference and two recordings."""
    fixtures = Fixtures.load(Path(ROOT / "examples" / "fixtures.yaml"))
    assert (len(fixtures.calls), len(fixtures.conferences), len(fixtures.recordings)) == (1, 1, 2)
