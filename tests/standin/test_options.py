"""Options of a stand-in: fixtures, seed, external URL, callback host map and retries."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN
from tapedeck_standin import cli
from tapedeck_standin.app.banner import print_banner
from tapedeck_standin.app.runtime import Options
from tapedeck_standin.clock import MAX_ADVANCE_SECONDS
from tapedeck_standin.control.fixtures import Fixtures, InvalidFixtures
from tapedeck_standin.http.addresses import Addresses
from tests.client import ROOT
from tests.sdk.program import SOURCE_FOLDERS
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver, receiving

RETRY_DELAYS_SECONDS: Final = (30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400)

SOURCES = [str(ROOT / folder) for folder in SOURCE_FOLDERS]

FIXTURES = """
calls:
  - {to: "+12025550111", status: completed}
  - direction: outbound-api
conferences:
  - {friendly_name: Sales, participants: 3}
recordings:
  - {call: 1, seconds: 12, recording_channels: dual}
  - {call: 2, status: in-progress}
  - {conference: Sales, status: paused, seconds: 3}
"""


@contextmanager
def running_standin(*flags: str, **environment: str) -> Iterator[tuple[StandIn, list[str]]]:
    """Run a stand-in from this checkout in its own process; also yield the lines that it printed for fixtures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_"))}
    paths = os.pathsep.join(SOURCES)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tapedeck_standin", "serve", "--port", "0", "--https-port", "0", *flags],
        env={**kept, "PYTHONPATH": paths, **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line.rstrip("\n"))
            if line.startswith("TAPEDECK_READY "):
                ready = json.loads(line.removeprefix("TAPEDECK_READY "))
                break
        else:
            raise AssertionError("\n".join(output))
        kinds = ("api_key ", "application ", "phone_number ", "call ", "conference ", "recording ")
        created = [line for line in output if line.startswith(kinds)]
        port = int(ready["url"].rpartition(":")[2])
        yield StandIn(port, 0, Path(ready["ca_file"]), STANDIN_ACCOUNT, STANDIN_TOKEN, output), created
    finally:
        process.kill()
        process.communicate()


def run_scenario(standin: StandIn, receiver: Receiver) -> list[Any]:
    """Run one scenario; return the initial lists, the responses, the callback log and the request log."""
    api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
    control = ControlClient(standin)
    there = [api.get(name).body for name in ("Calls", "Conferences", "Recordings")]
    call = control.post("/calls").body["sid"]["twilio"]
    form = {"RecordingStatusCallback": receiver.url()}
    recording = api.post("Calls", call, "Recordings", form=form).body
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    control.post("/clock", {"advance": 1})
    assert control.post("/wait-until-idle", {"timeout": 60}).status == 200
    callbacks = [{**each, "attempts": len(each["attempts"])} for each in control.get("/callbacks").body["callbacks"]]
    requests = [{**each, "milliseconds": 0} for each in control.get("/requests").body["requests"]]
    conference = control.post("/conferences", {"record": True}).body
    return [there, call, recording, api.get("Recordings", recording["sid"]).body, callbacks, requests, conference]


@pytest.mark.ci
def test_seeded_runs_are_identical(tmp_path: Path, receiver: Receiver) -> None:
    """With a seed, runs give the same ids, times and printed fixtures, in every run."""
    file = tmp_path / "fixtures.yaml"
    file.write_text(FIXTURES)
    origin = "https://api.example.com"
    runs, printed = [], []
    for _ in range(2):
        flags = ("--seed", "7", "--fixtures", str(file), "--external-url", f"{origin}/")
        with running_standin(*flags) as (standin, created):
            runs.append(run_scenario(standin, receiver))
            printed.append(created)
    assert runs[0] == runs[1]
    assert printed[0] == printed[1]
    there, call, recording, shown, callbacks, requests, _conference = runs[0]
    calls, conferences, recordings = there[0]["calls"], there[1]["conferences"], there[2]["recordings"]
    own = [line.split()[1] for line in printed[0]]
    # Lists are newest first, although all calls have the same creation time.
    assert [(each["to"], each["status"]) for each in calls][::-1][:2] == [
        ("+12025550111", "completed"),
        ("+12025550123", "in-progress"),
    ]
    assert [each["sid"] for each in (*calls[:-3:-1], *conferences, *recordings[::-1])] == own
    assert [(each["friendly_name"], each["status"]) for each in conferences] == [("Sales", "in-progress")]
    assert [(each["status"], each["duration"], each["channels"]) for each in recordings] == [
        ("processing", None, 1),
        ("processing", None, 1),
        ("completed", "12", 2),
    ]
    assert (recording["sid"], shown["duration"], shown["status"]) == (shown["sid"], "5", "completed")
    assert recording["date_created"] == "Sun, 01 Jun 2025 12:00:00 +0000"
    media = f"{origin}{TWILIO.account_uri(STANDIN_ACCOUNT)}/Recordings/{recording['sid']}"
    assert shown["media_url"] == media
    (callback,) = callbacks
    assert (callback["fields"]["RecordingUrl"], callback["fields"]["CallSid"]) == (media, call)
    assert requests[0]["at"] == "2025-06-01T12:00:00.000+00:00"


@pytest.mark.ci
def test_callback_host_map_and_durable_deliveries(receiver: Receiver) -> None:
    """A mapped host is called at another address with its own Host header; durable deliveries are retried."""
    url = f"http://hook.example:{receiver.port}/hook"
    receiver.answers.append(500)
    environment: Mapping[str, str] = {
        "TAPEDECK_CALLBACK_HOST_MAP": "hook.example=127.0.0.1",
        "TAPEDECK_DELIVERIES": "durable",
    }
    with running_standin(**environment) as (standin, created):
        assert created == []
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        control = ControlClient(standin)
        call = control.post("/calls").body["sid"]["twilio"]
        form = {"RecordingStatusCallback": url, "RecordingStatusCallbackEvent": "in-progress"}
        api.post("Calls", call, "Recordings", form=form)
        (first,) = receiver.wait_for(1)
        control.post("/wait-until-idle", {"timeout": 60})
        control.post("/clock", {"advance": 61})
        (_, second) = receiver.wait_for(2)
        assert first == second
        assert first.headers["host"] == f"hook.example:{receiver.port}"
        (shown,) = control.get("/callbacks").body["callbacks"]
        assert (shown["url"], [each["status"] for each in shown["attempts"]]) == (url, [500, 200])
        assert shown["signed"].startswith(f"{url}AccountSid{TWILIO.format_sid(ResourceType.ACCOUNT, standin.account)}")


RESOLVER = """
import socket

resolve = socket.getaddrinfo
addresses = {"application": "127.0.0.2"}
socket.getaddrinfo = lambda host, *others, **more: resolve(addresses.get(host, host), *others, **more)
"""
"""Makes a process resolve `application` to an address that is neither public nor always allowed."""


@pytest.mark.ci
def test_callbacks_are_delivered_to_an_allowed_host(tmp_path: Path) -> None:
    """Of two hosts with a private address, the one that the option names gets its callbacks, with its own Host header.

    The other one is `forbidden`, and gets no request.
    """
    (tmp_path / "sitecustomize.py").write_text(RESOLVER)
    environment: Mapping[str, str] = {
        "TAPEDECK_CALLBACK_ALLOWED_HOSTS": "10.1.2.3, application",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *SOURCES]),
    }
    with (
        receiving(host="127.0.0.2") as receiver,
        running_standin(**environment) as (standin, _),
    ):
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        control = ControlClient(standin)
        shown = {}
        for host in ("127.0.0.2", "127.0.0.1", "application"):
            call = control.post("/calls").body["sid"]["twilio"]
            form = {
                "RecordingStatusCallback": f"http://{host}:{receiver.port}/{host}",
                "RecordingStatusCallbackEvent": "in-progress",
            }
            recording = api.post("Calls", call, "Recordings", form=form).body["sid"]
            (callback,) = control.get("/callbacks", sid=recording, wait="60").body["callbacks"]
            shown[host] = [(attempt["status"], attempt["error"]) for attempt in callback["attempts"]]
    # Nothing listens at 127.0.0.1, but it is always allowed.
    assert shown == {"127.0.0.2": [(None, "forbidden")], "127.0.0.1": [(None, "connect")], "application": [(200, None)]}
    assert [(each.url, each.headers["host"]) for each in receiver.received] == [
        (receiver.url("/application"), f"application:{receiver.port}")
    ]


def test_a_frozen_clock_moves_only_when_it_is_advanced() -> None:
    """With `--clock frozen` the clock starts now, durations are exact, and lists have the newest first (C-325)."""
    began = datetime.now(UTC)
    with running_standin("--clock", "frozen") as (standin, _):
        control = ControlClient(standin)
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        start = datetime.fromisoformat(control.post("/clock").body["now"])
        assert timedelta(seconds=-1) < start - began < timedelta(minutes=5)
        calls = [control.post("/calls").body["sid"]["twilio"] for _ in range(30)]
        assert [each["sid"] for each in api.get("Calls").body["calls"]] == calls[::-1]
        recording = api.post("Calls", calls[0], "Recordings").body["sid"]
        control.post("/clock", {"advance": 30})
        assert api.post("Calls", calls[0], "Recordings", recording, form={"Status": "paused"}).status == 200
        control.post(f"/calls/{calls[0]}/hangup")
        assert control.post("/settle", {"advance": True, "timeout": 60}).body == {"left": []}
        assert api.get("Recordings", recording).body["duration"] == "30"
        assert datetime.fromisoformat(control.post("/clock").body["now"]) == start + timedelta(seconds=31)


@pytest.mark.ci
def test_one_advance_runs_all_due_retries(receiver: Receiver) -> None:
    """One advance by days runs every due callback retry, with the delays of a deployment, until one succeeds."""
    receiver.answers.extend([500] * 4)
    with running_standin("--deliveries", "durable") as (standin, _):
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        control = ControlClient(standin)
        call = control.post("/calls").body["sid"]["twilio"]
        form = {"RecordingStatusCallback": receiver.url(), "RecordingStatusCallbackEvent": "in-progress"}
        api.post("Calls", call, "Recordings", form=form)
        control.post("/wait-until-idle", {"timeout": 60})
        before = datetime.fromisoformat(control.post("/clock").body["now"])
        after = datetime.fromisoformat(control.post("/clock", {"advance": 4 * 86_400}).body["now"])
        assert 0 <= (after - before).total_seconds() - 4 * 86_400 < 60
        (shown,) = control.get("/callbacks").body["callbacks"]
    assert [each["status"] for each in shown["attempts"]] == [500] * 4 + [200]
    at = [datetime.fromisoformat(each["at"]).timestamp() for each in shown["attempts"]]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert all(
        pause - 1 <= found <= 1.2 * pause + 10 for found, pause in zip(pauses, RETRY_DELAYS_SECONDS, strict=False)
    ), pauses


@pytest.mark.ci
def test_clock_cannot_pass_the_year_9999() -> None:
    """An advance past the year 9999 is 400, and the stand-in still works."""
    with running_standin("--seed", "1", "--clock", "frozen") as (standin, _):
        control = ControlClient(standin)
        answers = [control.post("/clock", {"advance": MAX_ADVANCE_SECONDS}) for _ in range(800)]
        first = next(answer for answer in answers if answer.status != 200)
        assert (first.status, first.body["error"]["field"]) == (400, "advance")
        assert datetime.fromisoformat(control.post("/clock").body["now"]).year > 9980
        call = control.post("/calls")
        assert (call.status, control.post("/reset").status) == (201, 204)
    assert {answer.status for answer in answers[-2:]} == {400}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("calls: {", "not valid YAML: "),
        ("- calls", "the file: "),
        ("rooms: []", "rooms: Extra inputs are not permitted"),
        ("calls: [{status: over}]", "calls.0.status: "),
        ("calls: [{}, {colour: blue}]", "calls.1.colour: Extra inputs are not permitted"),
        ("calls: [{to: 2025-06-01}, 1]", "calls.1: "),
        ("conferences: [{participants: 251}]", "conferences.0.participants: "),
        ("recordings: [{}]", "recordings.0: exactly one of call and conference is required"),
        ("recordings: [{call: 1, conference: Sales}]", "recordings.0: exactly one of call and conference is required"),
        ("recordings: [{call: 0}]", "recordings.0.call: "),
        ("recordings: [{call: 1, seconds: 3601}]", "recordings.0.seconds: "),
        ("accounts: [{sid: AC123, token: x}]", "accounts.0.sid: "),
        (f"accounts: [{{sid: AC{'ab' * 16}}}]", "accounts.0.token: Field required"),
        ("keys: [{sid: SK123, secret: x}]", "keys.0.sid: "),
        ("keys: [{}]", "keys.0.secret: Field required"),
        ("keys: [{secret: x, friendly_name: 1}]", "keys.0.friendly_name: "),
        (
            "recordings: [{conference: S, recording_channels: dual}]",
            "recordings.0: a recording of a conference is mono",
        ),
    ],
)
def test_invalid_fixtures_are_reported(tmp_path: Path, content: str, message: str) -> None:
    """The error names the file, the position in it and the problem."""
    file = tmp_path / "fixtures.yaml"
    file.write_text(content)
    with pytest.raises(InvalidFixtures) as raised:
        Fixtures.load(file)
    assert str(raised.value).startswith(f"{file}: {message}")


@pytest.mark.ci
def test_fixtures_have_api_keys(tmp_path: Path) -> None:
    """A key of a fixtures file authenticates with the secret of the file; its sid is printed, its secret is not."""
    file = tmp_path / "fixtures.yaml"
    sid = f"SK{'ab' * 16}"
    file.write_text(f"keys: [{{sid: {sid}, secret: from-the-file, friendly_name: tests}}]")
    with running_standin("--fixtures", str(file)) as (standin, created):
        key = HttpFunctionClient(TWILIO, standin.account, "from-the-file", user=sid, standin=standin)
        assert (key.get("Calls").status, key.get("Keys").status) == (200, 401)
        owner = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        assert [each["friendly_name"] for each in owner.get("Keys").body["keys"]] == ["tests"]
    assert [line.split()[:2] for line in created] == [["api_key", sid]]
    assert "from-the-file" not in "".join(created)


@pytest.mark.ci
def test_fixtures_have_accounts(tmp_path: Path) -> None:
    """Resources may name an account of the file, which has the token and the signing key of the file."""
    file = tmp_path / "fixtures.yaml"
    sid = f"AC{'cd' * 16}"
    file.write_text(
        f"""
        accounts: [{{sid: {sid}, token: a-token, signing_key: a-key}}]
        calls: [{{account: {sid}}}, {{}}]
        conferences: [{{account: {sid}, friendly_name: Sales}}]
        recordings: [{{call: 1, seconds: 2}}, {{account: {sid}, conference: Sales, seconds: 3}}]
        keys: [{{account: {sid}, sid: SK{"ef" * 16}, secret: of-the-key}}]
        numbers: [{{account: {sid}, phone_number: "+12025550147"}}]
        """
    )
    with running_standin("--fixtures", str(file), "--clock", "frozen") as (standin, created):
        other = HttpFunctionClient(TWILIO, sid[2:], "a-token", standin=standin)
        listed = other.get("Recordings").body["recordings"]
        assert sorted((each["account_sid"], each["duration"]) for each in listed) == [(sid, "2"), (sid, "3")]
        numbers = other.get("IncomingPhoneNumbers").body["incoming_phone_numbers"]
        assert [each["phone_number"] for each in numbers] == ["+12025550147"]
        key = HttpFunctionClient(TWILIO, sid[2:], "of-the-key", user=f"SK{'ef' * 16}", standin=standin)
        assert key.get("Calls").status == 200
        own = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        assert [len(api.get("Calls").body["calls"]) for api in (own, other)] == [1, 3]
        assert own.get("Recordings").body["recordings"] == []
    assert "a-token" not in "".join(created)


DUPLICATE_FIXTURES = """
calls:
  - {}
conferences:
  - {}
  - {}
  - {friendly_name: Sales, status: completed}
  - {friendly_name: Sales, record: true}
recordings:
  - {call: 1, seconds: 2}
  - {call: 1, seconds: 3}
  - {conference: Sales, seconds: 4}
"""


@pytest.mark.ci
def test_prints_every_fixture(tmp_path: Path) -> None:
    """Every resource has its own line, also unnamed ones, duplicate names and a conference's own recording.

    The line of readiness and `GET /_standin/fixtures` have the sids by kind, in the order of the file; the recording
    that a conference's `record` started comes last.
    """
    file = tmp_path / "fixtures.yaml"
    file.write_text(DUPLICATE_FIXTURES)
    with running_standin("--fixtures", str(file)) as (standin, created):
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        # The list order within one millisecond is undefined.
        conferences = api.get("Conferences").body["conferences"]
        recordings = api.get("Recordings").body["recordings"]
        listed = ControlClient(standin).get("/fixtures").body["fixtures"]
    kinds = [line.split()[0] for line in created]
    assert kinds == ["call", *["conference"] * 4, *["recording"] * 4]
    own = [line.split()[1] for line in created]
    assert {kind: [each["sid"]["twilio"] for each in entries] for kind, entries in listed.items()} == {
        "calls": own[:1], "conferences": own[1:5], "recordings": [*own[6:], own[5]], "keys": [], "applications": [],
        "numbers": [],
    }  # fmt: skip
    ready = json.loads(standin.lines[-1].removeprefix("TAPEDECK_READY "))
    assert (list(ready), ready["fixtures"]) == (["url", "https_url", "ca_file", "fixtures"], listed)
    assert sorted(own[1:5]) == sorted(conference["sid"] for conference in conferences)
    assert sorted(own[5:]) == sorted(recording["sid"] for recording in recordings)
    of_conferences = [each["conference_sid"] for each in recordings if each["conference_sid"] is not None]
    assert of_conferences == [own[4]] * 2
    assert sorted(each["duration"] for each in recordings if each["conference_sid"] is None) == ["2", "3"]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "{calls: [{status: completed}], recordings: [{call: 1}, {call: 1, status: in-progress}]}",
            "recordings.1.status: must be completed, because its call is",
        ),
        (
            "{calls: [{}], recordings: [{call: 1, status: paused}, {call: 1}]}",
            "recordings.1.call: the call already has a recording that is not completed",
        ),
        (
            "{conferences: [{friendly_name: Sales}, {friendly_name: Sales}]}",
            "conferences.1: another live conference has this name",
        ),
        (
            f"{{keys: [{{sid: SK{'0' * 32}, secret: a}}, {{sid: SK{'0' * 32}, secret: b}}]}}",
            "keys.1.sid: an API key already has this sid",
        ),
        (
            f"{{calls: [{{account: AC{'ab' * 16}}}]}}",
            "calls.0.account: the account does not exist: add it to accounts",
        ),
        (
            f"{{accounts: [{{sid: AC{'ab' * 16}, token: a}}, {{sid: AC{'ab' * 16}, token: b}}]}}",
            "accounts.1.token: this account has another token",
        ),
    ],
)
def test_inconsistent_fixtures_are_reported(tmp_path: Path, content: str, message: str) -> None:
    """The stand-in does not start; the error names the position in the file and the problem."""
    file = tmp_path / "fixtures.yaml"
    file.write_text(content)
    with pytest.raises(AssertionError) as ended, running_standin("--fixtures", str(file)):
        pass
    assert str(ended.value).endswith(f"tapedeck: {message}")


def test_fixtures_file_can_be_empty(tmp_path: Path) -> None:
    """A file without fixtures is valid."""
    file = tmp_path / "fixtures.yaml"
    file.write_text("# later\n")
    assert Fixtures.load(file) == Fixtures()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "x"), "'x' is not a valid integer"),
        (("--external-url", "api.example.com"), "must have the form https://host"),
        (("--external-url", "https://api.example.com/path"), "must have the form https://host"),
        (("--callback-host-map", "localhost"), "must have the form host=other"),
        (("--callback-host-map", "localhost=127.0.0.1:9"), "each a name or an address without a port"),
        (("--callback-host-map", "a=::1,localhost:80=b"), "each a name or an address without a port"),
        (("--callback-allowed-hosts", "http://a"), "'http://a' is not a host: use names or addresses without a scheme"),
        (("--callback-allowed-hosts", "a,10.1.2.3:80"), "'10.1.2.3:80' is not a host"),
        (("--callback-allowed-hosts", "a,b c"), "'b c' is not a host"),
        (("--callback-allowed-hosts", "127.1"), "'127.1' is not a host"),
        (("--deliveries", "never"), "'never' is not one of"),
        (("--engine", "asterisk"), "'asterisk' is not one of"),
        (("--allow-host", "http://tapedeck"), "is not a host: use a name or an address"),
        (("--proxy-host", "*"), "'*' is not a host: use a name or an address without a scheme or port"),
        (("--engine", "external", "--seed", "1"), "--seed needs --engine simulated or none"),
        (("--clock", "running", "--seed", "1"), "--seed needs a frozen clock"),
        (("--fixtures", "/nowhere.yaml"), "does not exist"),
    ],
)
def test_invalid_options_are_reported(arguments: tuple[str, ...], message: str) -> None:
    """An invalid option is reported with exit code 2."""
    result = CliRunner(mix_stderr=False).invoke(cli.main, ("serve", *arguments))
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_seed_refuses_a_running_clock_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A running clock that the environment chooses is refused with a seed, too (C-340)."""
    monkeypatch.setenv("TAPEDECK_CLOCK", "running")
    result = CliRunner(mix_stderr=False).invoke(cli.main, ("serve", "--seed", "1"))
    assert result.exit_code == 2
    assert "--seed needs a frozen clock" in result.stderr


def test_settings_of_a_connector_are_printed() -> None:
    """With an external engine, the banner names the two settings of a connector; otherwise it does not."""
    addresses = Addresses("http://127.0.0.1:3000", "https://127.0.0.1:3443", Path("ca.pem"))
    settings = (
        "  TAPEDECK_URL=http://127.0.0.1:3000\n"
        "  TAPEDECK_ENGINE_TOKEN=tdk_standin_TapedeckStandInEngineTokenPublicOnPurpose01\n"
    )
    assert settings in print_banner(Options(engine="external"), addresses)
    assert "TAPEDECK_URL" not in print_banner(Options(), addresses)


@pytest.mark.ci
@pytest.mark.parametrize("engine", ["none", "external"])
def test_fixtures_need_no_engine(tmp_path: Path, engine: str) -> None:
    """A recording of the file is there although no engine is alive yet that could begin it."""
    file = tmp_path / "fixtures.yaml"
    file.write_text("{calls: [{}], recordings: [{call: 1, status: in-progress}]}")
    with running_standin("--engine", engine, "--fixtures", str(file)) as (standin, created):
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        shown = [each["sid"] for each in api.get("Recordings").body["recordings"]]
    assert [line.split()[1] for line in created[1:]] == shown


@pytest.mark.ci
def test_without_an_engine_only_reported_events_happen() -> None:
    """With `--engine none` commands wait; events by hand move the states as those of an engine."""
    with running_standin("--engine", "none") as (standin, _):
        control = ControlClient(standin)
        api = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
        call = control.post("/calls").body["sid"]["twilio"]
        recording = api.sid(ResourceType.RECORDING, new_id(1))
        path = ("Calls", call, "Recordings", recording)
        subject = {"parent": {"type": "call", "id": call}, "recording": recording}
        started = {"type": "recording.started", **subject, "source": "RecordVerb"}
        assert control.post("/events", started).body["outcome"] == "taken"
        assert api.post(*path, form={"Status": "stopped"}).status == 200
        (engine,) = control.get("/engines").body["engines"]
        assert (engine["presence"], engine["commands_waiting"]) == ("never seen", 1)
        for event in (
            {"type": "recording.stopped", **subject, "version": 2},
            {"type": "recording.absent", **subject, "reason": "only_silence"},
        ):
            assert control.post("/events", event).body["outcome"] == "taken"
        shown = api.get(*path).body
        assert (shown["status"], shown["error_code"]) == ("absent", 16102)
        assert control.post("/wait-until-idle").body == {"left": []}
