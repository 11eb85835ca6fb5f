"""`GET /_standin/unsettled` and `tapedeck unsettled`: what is unconfirmed, overdue or parked in the stand-in."""

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid
from tapedeck_standin import cli
from tapedeck_standin.app.unsettled import format_entries
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.control.inspection import InspectionRoutes
from tapedeck_standin.control.router import ControlRouter
from tapedeck_standin.http.messages import ServerRequest
from tests.standin.conftest import serving
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn

CLOCK = VirtualClock(lambda: 1_748_779_200_000, is_frozen=True)
"""The clock of the module's stand-in: it moves only when it is advanced."""


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in whose clock stands still."""
    with serving(clock=CLOCK) as running:
        yield running


@pytest.fixture
def command(standin: StandIn) -> Callable[..., Result]:
    """Run `tapedeck unsettled` for the stand-in."""
    url = f"http://127.0.0.1:{standin.port}"
    return lambda *arguments: CliRunner(mix_stderr=False).invoke(cli.main, ["unsettled", "--url", url, *arguments])


def in_both(kind: ResourceType, sid: str) -> dict[str, str]:
    """Return a sid in both dialects."""
    identifier = parse_any_sid(kind, sid)
    assert identifier is not None
    return {"twilio": TWILIO.format_sid(kind, identifier), "signalwire": SIGNALWIRE.format_sid(kind, identifier)}


def in_seconds(seconds: int) -> str:
    """Return the time so many seconds after the second of now, by the stand-in's clock."""
    return datetime.fromtimestamp(CLOCK() // 1000 + seconds, UTC).isoformat(timespec="milliseconds")


def stop(control: ControlClient, api: HttpFunctionClient) -> tuple[str, str]:
    """Start a recording and stop it; its media are not there yet. Return the call and the recording."""
    call = control.post("/calls").body["sid"][api.dialect.name]
    recording = api.post("Calls", call, "Recordings").body["sid"]
    assert api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"}).status == 200
    return call, recording


def expected(control: ControlClient, call: str, recording: str, second: int) -> dict[str, Any]:
    """Return the entry of the recording."""
    assert control.account is not None
    return {
        "what": "no_media",
        "overdue": False,
        "since": second,
        "due": second + 3_600,
        "account_sid": in_both(ResourceType.ACCOUNT, control.account),
        "call_sid": in_both(ResourceType.CALL, call),
        "conference_sid": None,
        "recording_sid": in_both(ResourceType.RECORDING, recording),
        "version": 2,
        "command": None,
        "engine": "standin",
        "presence": "alive",
        "callback": None,
        "host": None,
        "tried": None,
        "failure": None,
    }


def test_lists_a_recording_without_media(control: ControlClient, api: HttpFunctionClient) -> None:
    """The route answers what the function does, for one account; with `overdue` only once it is overdue."""
    call, recording = stop(control, api)
    second = CLOCK() // 1000
    answer = control.get("/unsettled")
    entry = expected(control, call, recording, second)
    assert (answer.status, answer.body) == (200, {"at": second, "unsettled": [entry]})
    assert control.get("/unsettled", what="not_converted").body["unsettled"] == []
    assert control.get("/unsettled", overdue="true").body["unsettled"] == []
    assert control.get("/unsettled", overdue="false").body["unsettled"] == [entry]


def test_lists_all_accounts(control: ControlClient, api: HttpFunctionClient, anonymous: ControlClient) -> None:
    """Without an account, what is unsettled in every account is listed; what is settled is in no list."""
    call, recording = stop(control, api)
    ours = expected(control, call, recording, CLOCK() // 1000)
    assert ours in anonymous.get("/unsettled").body["unsettled"]
    control.post(f"/calls/{call}/hangup")
    control.post("/settle", {"advance": True})
    assert control.get("/unsettled").body["unsettled"] == []
    assert ours not in anonymous.get("/unsettled").body["unsettled"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"account": "AC" + "01" * 16}, 404, "account"),
        ({"account": "x"}, 400, "account"),
        ({"what": "pause"}, 400, "what"),
        ({"overdue": "yes"}, 400, "overdue"),
        ({"limit": "1"}, 400, "limit"),
    ],
)
def test_refuses_a_wrong_query(anonymous: ControlClient, query: dict[str, str], status: int, field: str) -> None:
    """The wrong field is named."""
    answer = anonymous.get("/unsettled", **query)
    assert (answer.status, answer.body["error"]["field"]) == (status, field)


def test_puts_the_pages_together() -> None:
    """One answer has the entries of all pages of the function."""
    events: list[Mapping[str, Any]] = []
    pages = {None: (["a", "b"], "second"), "second": ([], "third"), "third": (["c"], None)}

    def list_unsettled(event: Mapping[str, Any]) -> Mapping[str, Any]:
        events.append(event)
        found, following = pages[event.get("page_token")]
        return {"at": 7, "unsettled": found, "next_page_token": following}

    nothing: Any = None
    routes = InspectionRoutes(nothing, nothing, nothing, nothing, nothing, nothing, (), list_unsettled).routes
    request = ServerRequest("GET", "/_standin/unsettled?overdue=true", (("Host", "localhost"),))
    assert json.loads(ControlRouter([routes]).answer(request).body) == {"at": 7, "unsettled": ["a", "b", "c"]}
    first = {"overdue": True}
    assert events == [first, {**first, "page_token": "second"}, {**first, "page_token": "third"}]


def test_the_command_prints_a_table(
    control: ControlClient, api: HttpFunctionClient, command: Callable[..., Result]
) -> None:
    """Each entry is a line with its ids; with `--json` it is the object of the function."""
    call, recording = stop(control, api)
    account = in_both(ResourceType.ACCOUNT, str(control.account))
    shown = in_both(ResourceType.RECORDING, recording)["twilio"]
    for sid in account.values():
        result = command("--account", sid)
        lines = [line.split() for line in result.stdout.splitlines()]
        assert (result.exit_code, lines[0]) == (0, ["WHAT", "ACCOUNT", "RESOURCE", "DETAIL", "SINCE", "DUE"])
        times = [in_seconds(seconds) for seconds in (0, 3_600)]
        assert lines[1:] == [["no_media", account["twilio"], shown, "standin,", "alive", *times]]
    result = command("--account", account["twilio"], "--json", "--what", "no_media")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        expected(control, call, recording, CLOCK() // 1000)
    ]
    assert command("--account", account["twilio"], "--overdue").stdout == ""


def test_formats_entries() -> None:
    """A participant is shown with its conference, a recording alone, a callback with its host and last failure."""
    account = {"twilio": "AC1", "signalwire": "1"}
    nothing = dict.fromkeys(
        ("call_sid", "conference_sid", "recording_sid", "version", "command", "engine", "presence", "callback", "host",
         "tried", "failure")
    )  # fmt: skip
    participant = {
        **nothing, "what": "command_not_sent", "overdue": True, "since": 1748779200, "due": 1748779230,
        "account_sid": account, "call_sid": {"twilio": "CA1"}, "conference_sid": {"twilio": "CF1"}, "version": 2,
        "command": "participant.update",
    }  # fmt: skip
    callback = {
        **nothing, "what": "callback_parked", "overdue": False, "since": 1748779200, "due": 1748782800,
        "account_sid": account, "recording_sid": {"twilio": "RE1"}, "callback": "00000003.completed",
        "host": "localhost:80", "tried": 2, "failure": "HTTP 503",
    }  # fmt: skip
    assert list(format_entries([])) == []
    lines = list(format_entries([participant, callback]))
    noon = "2025-06-01T12:00:00.000+00:00"
    assert [re.split(" {2,}", line) for line in lines] == [
        ["WHAT", "ACCOUNT", "RESOURCE", "DETAIL", "SINCE", "DUE"],
        ["command_not_sent", "AC1", "CF1/CA1", "participant.update", noon, "2025-06-01T12:00:30.000+00:00 overdue"],
        [
            "callback_parked", "AC1", "RE1", "00000003.completed, localhost:80, tried 2, HTTP 503", noon,
            "2025-06-01T13:00:00.000+00:00",
        ],
    ]  # fmt: skip
    assert [line.index(cell) for line, cell in zip(lines, ("SINCE", noon, noon), strict=True)] == [90, 90, 90]


def test_the_command_over_https(standin: StandIn, tmp_path: Path) -> None:
    """It needs the stand-in's CA file."""
    arguments = ["unsettled", "--url", f"https://localhost:{standin.https_port}", "--ca-file"]
    assert CliRunner().invoke(cli.main, [*arguments, str(standin.ca_file)]).exit_code == 0
    assert CliRunner().invoke(cli.main, [*arguments, str(tmp_path / "none.pem")]).exit_code == 1


def test_the_command_reports_a_refusal(command: Callable[..., Result]) -> None:
    """The message of an unknown account is printed, and the exit code is 1; a wrong option is 2."""
    result = command("--account", "AC" + "01" * 16)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "tapedeck: the account does not exist\n")
    assert command("--account", "x").exit_code == 2
    assert command("--what", "x").exit_code == 2


def test_the_command_without_a_standin() -> None:
    """If nothing answers, it says so with exit code 1."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        result = CliRunner(mix_stderr=False).invoke(cli.main, ["unsettled", "--url", url])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"tapedeck: no response from {url}: ")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"error": "x"}'])
def test_the_command_for_another_server(body: bytes) -> None:
    """A server that is no stand-in is named, with exit code 1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_port}"
        result = CliRunner(mix_stderr=False).invoke(cli.main, ["unsettled", "--url", url])
    assert (result.exit_code, result.stderr) == (1, f"tapedeck: {url} is no stand-in, or an older one\n")
