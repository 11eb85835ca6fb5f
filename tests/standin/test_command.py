"""The command `tapedeck`, run from its wheel outside a checkout."""

import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck_standin import cli
from tapedeck_standin.app.option_types import AccountSid
from tapedeck_standin.aws import backend
from tapedeck_standin.http import certificates
from tapedeck_standin.http.server import Server
from tests.client import ROOT, FunctionClient
from tests.dynamodb_server import running_dynamodb
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn, non_loopback_address
from tests.standin.receiver import receiving
from tests.wire.validator import check_response

SECONDS_TO_END = 120
FOREIGN_AWS_SETTINGS = {
    "AWS_PROFILE": "none",
    "AWS_SESSION_TOKEN": "foreign",
    "AWS_CA_BUNDLE": "/nowhere.pem",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
}
"""A user's own AWS settings, each of which would break the stand-in's clients if they saw it."""


@dataclass
class Running:
    """A stand-in in its own process."""

    process: subprocess.Popen[str]
    output: list[str]
    ready: dict[str, str]

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and the standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=SECONDS_TO_END)
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build and unpack the wheel, with an empty README; return its folder."""
    from hatchling.builders.wheel import WheelBuilder

    project = tmp_path_factory.mktemp("project")
    for name in ("engine", "functions", "layers", "packages", "standin"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "template.yaml", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, project)
    (project / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "wheel_template.py", project / "scripts")
    (project / "README.md").write_text("")
    (built,) = WheelBuilder(str(project)).build(directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"])
    unpacked = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(unpacked)
    return unpacked


@pytest.fixture
def start(wheel: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Return a function that starts a stand-in from the wheel in an empty folder; kill them at the end."""
    processes = []

    def start(*arguments: str, **environment: str) -> Running:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_"))}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tapedeck_standin", "serve", *arguments],
            cwd=tmp_path, env={**kept, "PYTHONPATH": str(wheel), **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        output: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line.rstrip("\n"))
            if line.startswith("TAPEDECK_READY "):
                return Running(process, output, json.loads(line.removeprefix("TAPEDECK_READY ")))
        raise AssertionError(process.communicate()[1])

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="needs tgkill")
def test_a_signal_to_another_thread_ends_it(start: Callable[..., Running]) -> None:
    """The kernel may deliver SIGTERM to any thread of the process, and only the main thread runs Python's handler."""
    running = start(PORT="0", HTTPS_PORT="0")
    main = running.process.pid
    tasks = {int(task.name) for task in Path(f"/proc/{main}/task").iterdir()}
    other = max(tasks - {main})
    assert ctypes.CDLL(None).tgkill(main, other, int(signal.SIGTERM)) == 0
    running.process.communicate(timeout=SECONDS_TO_END)
    assert running.process.returncode == 0


def test_the_end_of_standard_input_ends_it(start: Callable[..., Running]) -> None:
    """With `--end-with-stdin`, the server ends with 0 at the end of its standard input."""
    process = start("--end-with-stdin", PORT="0", HTTPS_PORT="0").process
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == 0


def test_the_wheel_has_every_package(wheel: Path) -> None:
    """The wheel has the layer's packages, protocol and call flows, the stand-in and the in-memory DynamoDB."""
    assert {path.parent.name for path in wheel.glob("*/__init__.py")} == {
        "tapedeck", "tapedeck_protocol", "tapedeck_callflow", "tapedeck_standin", "dynamodb_memory",
    }  # fmt: skip
    assert (wheel / "tapedeck_protocol" / "py.typed").is_file()


def shell(*lines: str) -> list[str]:
    """Run lines in one shell; return the output of each."""
    script = "\n".join(f"{line}\necho ---" for line in lines)
    done = subprocess.run(["bash", "-eu", "-c", script], check=True, capture_output=True, text=True, timeout=120)
    return [part.strip() for part in done.stdout.split("---\n")[:-1]]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the printed lines need curl")
def test_serve(start: Callable[..., Running], tmp_path: Path) -> None:
    """`serve` prints its URLs, account and working curl commands; SIGTERM ends it with 0 and frees the ports."""
    account, token = new_id(0), "it's a $token"
    running = start(
        "--account", TWILIO.format_sid(ResourceType.ACCOUNT, account), TAPEDECK_TOKEN=token, PORT="0", HTTPS_PORT="0",
        HOME=str(tmp_path), XDG_CACHE_HOME="", HTTP_PROXY="http://127.0.0.1:1", **FOREIGN_AWS_SETTINGS,
    )  # fmt: skip
    assert list(running.ready) == ["url", "https_url", "ca_file"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", running.ready["url"])
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", running.ready["https_url"])
    text = "\n".join(running.output)
    account_sid = FunctionClient(TWILIO, account, "").base.rpartition("/")[2]
    uuid = re.sub(r"(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", account)
    for expected_text in (*running.ready.values(), account_sid, uuid, token):
        assert expected_text in text
    assert "BEGIN CERTIFICATE" in Path(running.ready["ca_file"]).read_text()
    assert Path(running.ready["ca_file"]).parent.stat().st_mode & 0o777 == 0o700

    lines = [line for line in running.output if line.startswith(("curl", "CALL="))]
    started, paused, read = shell(*lines)
    call, recording = started.split()
    path = f"/2010-04-01/Accounts/{account_sid}/Calls/{call}/Recordings"
    headers = {"X-Request-Id": "not printed", "Content-Type": "application/json; charset=utf-8"}
    check_response("POST", f"{path}/Twilio.CURRENT.json", 200, headers, paused)
    check_response("GET", f"{path}/{recording}.json", 200, headers, read)
    for body, status in ((paused, "paused"), (read, "processing")):
        shown = json.loads(body)
        assert (shown["call_sid"], shown["sid"], shown["status"]) == (call, recording, status)
    secure = ["curl", "-s", "--cacert", running.ready["ca_file"], f"{running.ready['https_url']}/_standin/health"]
    assert json.loads(subprocess.run(secure, check=True, capture_output=True).stdout) == {"status": "ok"}

    code, errors = running.end(signal.SIGTERM)
    assert code == 0
    expected = [
        "POST /_standin/calls 201",
        f"POST {path}.json 201",
        f"POST {path}/Twilio.CURRENT.json 200",
        f"GET {path}/{recording}.json 200",
    ]
    assert [re.sub(r" \d+ ms$", "", line) for line in errors.splitlines()] == expected
    assert not Path(running.ready["ca_file"]).exists()
    for url in (running.ready["url"], running.ready["https_url"]):
        Server("127.0.0.1", int(url.rpartition(":")[2])).stop()
    # Only the certificate is kept for the next start (C-305).
    (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert kept.parent == tmp_path / ".cache" / "tapedeck"


@pytest.fixture
def kept() -> Iterator[tuple[str, MemoryDynamoDB]]:
    """Serve a DynamoDB of this process over HTTP; yield its URL and the database."""
    with running_dynamodb() as served:
        yield served


def client_of(running: Running, account: str) -> StandIn:
    """Return what clients need of a stand-in with this account and the default token."""
    port = int(running.ready["url"].rpartition(":")[2])
    return StandIn(port, 0, Path(running.ready["ca_file"]), account, "00112233445566778899aabbccddeeff", [])


@pytest.mark.ci
def test_uses_an_external_database(
    kept: tuple[str, MemoryDynamoDB], start: Callable[..., Running], tmp_path: Path
) -> None:
    """With AWS_ENDPOINT_URL_DYNAMODB the items are in that database; Ctrl-C ends the command with 0."""
    ca_file = tmp_path / "ca.pem"
    url, database = kept
    sid = "AC" + new_id(0)
    flags = ("--port", "0", "--https-port", "0", "--account", sid, "--ca-file", "ca.pem", "--verbose")
    running = start(*flags, AWS_ENDPOINT_URL_DYNAMODB=url)
    assert running.ready["ca_file"] == str(ca_file)
    standin = client_of(running, sid[2:])
    call = ControlClient(standin).post("/calls").body["sid"]
    assert call["twilio"][2:] in json.dumps(database.scan(TableName="RecordingsTable")["Items"])
    api = HttpFunctionClient(TWILIO, sid[2:], standin.token, standin=standin)
    assert api.get("Calls", call["twilio"]).status == 200
    code, errors = running.end(signal.SIGINT)
    assert code == 0
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    canonical = next(line for line in lines if line["message"] == "request")
    logged = (canonical["operation"], canonical["dialect"], canonical["account"], canonical["status"])
    assert logged == ("get_call", "twilio", sid[2:], 200)
    assert ca_file.is_file()


@pytest.mark.ci
def test_starts_again_on_a_kept_database(kept: tuple[str, MemoryDynamoDB], start: Callable[..., Running]) -> None:
    """A second run ends the live call of the first; its recording can be stopped, and is `absent` an hour later.

    What the second run records completes. Callbacks of both recordings are delivered.
    """
    account = new_id(0)
    flags = ("--port", "0", "--https-port", "0", "--account", "AC" + account)
    with receiving() as receiver:

        def run() -> tuple[Running, ControlClient, HttpFunctionClient]:
            running = start(*flags, AWS_ENDPOINT_URL_DYNAMODB=kept[0])
            standin = client_of(running, account)
            return running, ControlClient(standin), HttpFunctionClient(TWILIO, account, standin.token, standin=standin)

        def record(control: ControlClient, api: HttpFunctionClient, name: str) -> tuple[str, ...]:
            call = control.post("/calls").body["sid"]["twilio"]
            form = {
                "RecordingStatusCallback": receiver.url(f"/{name}"),
                "RecordingStatusCallbackEvent": "completed absent",
            }
            return "Calls", call, "Recordings", api.post("Calls", call, "Recordings", form=form).body["sid"]

        running, control, api = run()
        first = record(control, api, "first")
        assert control.post("/wait-until-idle").status == 200
        assert api.get(*first).body["status"] == "processing"
        assert running.end(signal.SIGTERM)[0] == 0

        running, control, api = run()
        assert control.post("/wait-until-idle").status == 200
        assert api.get(*first[:2]).body["status"] == "completed"
        assert api.get(*first).body["status"] == "processing"
        assert api.post(*first, form={"Status": "stopped"}).body["status"] == "stopped"
        second = record(control, api, "second")
        control.post("/clock", {"advance": 5})
        assert api.post(*second, form={"Status": "stopped"}).body["status"] == "stopped"
        control.post("/clock", {"advance": 5})
        assert control.post("/wait-until-idle").status == 200
        found = api.get(*second).body
        assert (found["status"], int(found["duration"]) >= 5) == ("completed", True)
        # The second run knows from the database what the first one has left.
        assert control.post("/settle", {"advance": True, "timeout": 60}).body == {"left": []}
        found = api.get(*first).body
        assert (found["status"], found["error_code"]) == ("absent", 16101)
        delivered = [(each.url, each.fields["RecordingStatus"]) for each in receiver.wait_for(2)]
        assert delivered == [(receiver.url("/second"), "completed"), (receiver.url("/first"), "absent")]
        assert running.end(signal.SIGTERM)[0] == 0


@pytest.mark.ci
def test_control_api_can_be_opened_to_other_machines(start: Callable[..., Running]) -> None:
    """With a public listen address and the flag, as in a container, clients on other machines are accepted."""
    own = non_loopback_address()
    ports = {"PORT": "0", "HTTPS_PORT": "0"}
    running = start(TAPEDECK_HOST="0.0.0.0", TAPEDECK_CONTROL_FROM_ANYWHERE="1", **ports)  # noqa: S104 - under test
    port = int(running.ready["url"].rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120, source_address=(own, 0))
    try:
        connection.request("POST", "/_standin/calls")
        assert connection.getresponse().status == 201
    finally:
        connection.close()
    assert running.end(signal.SIGTERM)[0] == 0


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Return a function that runs the command in this process; restore environment and signal handlers."""
    handlers: Mapping[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before = dict(os.environ)

    def run(*arguments: str, **environment: str) -> Result:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return CliRunner(mix_stderr=False).invoke(cli.main, arguments)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(before)


def test_isolates_the_aws_environment(command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a user's AWS settings only the DynamoDB endpoint is kept."""
    del command  # restores the environment
    own = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000"}
    for name, value in {**FOREIGN_AWS_SETTINGS, **own, "AWS_NOT_INVENTED_YET": "x"}.items():
        monkeypatch.setenv(name, value)
    backend.isolate_aws_environment()
    assert {name: value for name, value in os.environ.items() if name.startswith("AWS_")} == {
        **own,
        "AWS_ACCESS_KEY_ID": "standin",
        "AWS_SECRET_ACCESS_KEY": "standin",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.mark.ci
def test_tests_isolate_the_aws_environment() -> None:
    """Tests run without a user's AWS settings."""
    script = "import json, os, tests.conftest; print(json.dumps(dict(os.environ)))"
    environment = {**os.environ, **FOREIGN_AWS_SETTINGS, "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert {name: value for name, value in json.loads(done.stdout).items() if name.startswith("AWS_")} == {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }


def test_the_path_of_the_ca_file_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative `--ca-file` is written below the current folder, and reported as an absolute path."""
    monkeypatch.chdir(tmp_path)
    with certificates.issue(ca_file=Path("ca.pem")) as identity:
        assert identity.ca_file == tmp_path / "ca.pem"
    assert "BEGIN CERTIFICATE" in (tmp_path / "ca.pem").read_text()


@pytest.mark.parametrize("option", ["--port", "--https-port"])
def test_busy_port_is_reported(command: Callable[..., Result], standin: StandIn, option: str) -> None:
    """A port in use is reported in one line with exit code 1."""
    ports = {"--port": "0", "--https-port": "0", option: str(standin.port)}
    result = command("serve", *(word for pair in ports.items() for word in pair))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"tapedeck: 127.0.0.1:{standin.port} is in use. "
        "Choose other ports with --port and --https-port, or with the variables PORT and HTTPS_PORT.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--account", "AC1"), "must be AC and 32 hex digits, or a UUID"),
        (("--port", "65536"), "65536 is not in the range"),
        (("--https-port", "x"), "'x' is not a valid integer"),
        (("--token", ""), "'--token': must not be empty"),
        (("--signing-key", ""), "'--signing-key': must not be empty"),
        (("--colour", "blue"), "No such option"),
    ],
)
def test_invalid_options_are_reported(command: Callable[..., Result], arguments: tuple[str, ...], message: str) -> None:
    """An invalid option is reported with exit code 2."""
    result = command("serve", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_invalid_setting_is_reported(command: Callable[..., Result]) -> None:
    """An invalid setting is reported in one line with exit code 2, as an invalid option is (C-341)."""
    result = command("serve", "--port", "0", "--https-port", "0", TAPEDECK_MEDIA_ACCESS="public")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "tapedeck: TAPEDECK_MEDIA_ACCESS must be authenticated or vendor\n"


@pytest.mark.parametrize(
    "url", ["notaurl", "localhost:8000", "http://", "http://localhost:99999", "http://[::1", "http://local host:1"]
)
def test_a_database_needs_a_url(command: Callable[..., Result], url: str) -> None:
    """An address of a database that is no URL is reported in one line with exit code 2 (C-341)."""
    result = command("serve", "--port", "0", "--https-port", "0", AWS_ENDPOINT_URL_DYNAMODB=url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "tapedeck: AWS_ENDPOINT_URL_DYNAMODB must be the URL of a database, such as http://localhost:8000\n"
    )


@pytest.mark.parametrize("spelling", ["AC720796a08ee9435083bd2d07a3121f1e", "720796A0-8ee9-4350-83bd-2d07a3121f1e"])
def test_account_sid_in_either_form(spelling: str) -> None:
    """`--account` accepts the sid form of either vendor."""
    assert AccountSid().convert(spelling, None, None) == "720796a08ee9435083bd2d07a3121f1e"


def test_wait(command: Callable[..., Result], standin: StandIn) -> None:
    """`tapedeck wait` returns once a stand-in responds at PORT or at a URL."""
    assert command("wait", "--timeout", "60", PORT=str(standin.port)).exit_code == 0
    assert command("wait", "--timeout", "60", "--url", f"http://localhost:{standin.port}/").exit_code == 0


def test_wait_over_https(command: Callable[..., Result], standin: StandIn, tmp_path: Path) -> None:
    """Waiting over HTTPS needs the stand-in's CA file."""
    url, files = f"https://localhost:{standin.https_port}", ("--ca-file", str(standin.ca_file))
    assert command("wait", "--timeout", "60", "--url", url, *files).exit_code == 0
    assert command("wait", "--timeout", "0.2", "--url", url).exit_code == 1
    assert command("wait", "--timeout", "0.2", "--url", url, "--ca-file", str(tmp_path / "later.pem")).exit_code == 1


@pytest.mark.parametrize("url", ["localhost:3000", "127.0.0.1", "ftp://localhost", "http://", "http://localhost:x"])
def test_wait_rejects_other_urls(command: Callable[..., Result], url: str) -> None:
    """A URL that is not of the form http://host:port is rejected at once."""
    result = command("wait", "--timeout", "60", "--url", url)
    assert (result.exit_code, "must have the form http://host:port" in result.stderr) == (2, True)


def test_wait_times_out(command: Callable[..., Result]) -> None:
    """Without a response in time the command reports it with exit code 1."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        result = command("wait", "--timeout", "0.3", "--url", url)
    assert (result.exit_code, result.stderr) == (1, f"tapedeck: no response from {url} after 0.3 s\n")


def test_version(command: Callable[..., Result]) -> None:
    """`tapedeck --version` prints one line."""
    result = command("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"tapedeck, version \S.*\n", result.stdout)


def test_second_signal_is_ignored() -> None:
    """A second signal does not interrupt the shutdown."""
    handlers: Mapping[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with pytest.raises(SystemExit) as ended:
            cli._exit_on_signal(signal.SIGTERM, None)
        assert ended.value.code == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
