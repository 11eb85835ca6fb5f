"""The pytest plugin, used by an application's tests in a separate process with a separate stand-in."""

import inspect
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.client import ROOT
from tests.wire.gateway import checked_standin

SOURCES = ROOT / "plugins" / "pytest-tapedeck" / "src"
SERVER_SOURCES = ("layers/shared", "engine/protocol", "engine/callflow", "standin", "packages/dynamodb-memory/src")
PYTEST = [sys.executable, "-m", "pytest", "-p", "pytest_tapedeck.plugin", "-p", "no:cacheprovider", "-q", "-rf"]
DOUBLE = '''
"""A double of the stand-in: creates accounts, whose token are the options with which it was started."""
import itertools, json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

numbers = itertools.count(1)

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        sid = {"twilio": f"AC{next(numbers):032x}", "signalwire": "any"}
        body = json.dumps({"sid": sid, "token": " ".join(sys.argv[1:]), "signing_key": "any"}).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

def end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)

threading.Thread(target=end_with_stdin, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
ready = {"url": f"http://127.0.0.1:{server.server_port}", "https_url": "", "ca_file": ""}
print("TAPEDECK_READY", json.dumps(ready), flush=True)
server.serve_forever()
'''
EXAMPLE = ROOT / "examples" / "pytest" / "test_recording.py"


def run_tests(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of the example outside this project, as a user does, with a stand-in that checks its responses."""
    (folder / EXAMPLE.name).write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [*PYTEST, EXAMPLE.name, *arguments]
    with checked_standin(folder / "faults") as standin:
        return _run(command, folder, {"TAPEDECK_COMMAND": shlex.join(standin), **environment})


def run_content(
    folder: Path, content: str, *arguments: str, real: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a file of tests with an installed stand-in: a double, or the real one."""
    _write(folder, content)
    return _run([*PYTEST, *arguments], folder, {**({} if real else _double(folder)), **environment})


def _write(folder: Path, content: str) -> None:
    (folder / "test_content.py").write_text(inspect.cleandoc(content), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", encoding="utf-8")


def _double(folder: Path) -> dict[str, str]:
    """Put a package with the stand-in's name into a folder that Python searches."""
    package = folder / "double" / "tapedeck_standin"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(DOUBLE, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(package.parent), str(SOURCES)])}


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=_environment(environment),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    paths = [SOURCES, *(ROOT / name for name in SERVER_SOURCES)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths)), **environment}


@pytest.mark.parametrize("workers", [(), ("-n", "4")])
def test_all_workers_have_one_server(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """The tests pass alone and in four workers, with one server, which has ended with the session."""
    content = """
        import os, pytest

        @pytest.mark.parametrize("number", range(8))
        def test_number(number, tapedeck, tapedeck_server):
            assert tapedeck.url == tapedeck_server.url
            with open("urls", "a") as urls:
                urls.write(f"{tapedeck.url} {tapedeck.account_sid} {os.getpid()}\\n")
    """
    ran = run_content(tmp_path, content, *workers)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "8 passed" in ran.stdout
    lines = (tmp_path / "urls").read_text(encoding="utf-8").splitlines()
    urls, accounts, processes = (set(column) for column in zip(*map(str.split, lines), strict=True))
    assert (len(urls), len(accounts), len(processes) > 1) == (1, 8, workers != ())
    assert not answers(urls.pop())


def answers(url: str) -> bool:
    """Whether a stand-in responds at a URL."""
    address = url.rpartition("/")[2].rpartition(":")
    try:
        socket.create_connection((address[0], int(address[2])), timeout=10).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGKILL, ()), (signal.SIGINT, ("-n", "2")),
     (signal.SIGKILL, ("-n", "2"))],
)  # fmt: skip
def test_the_server_ends_with_pytest(tmp_path: Path, number: signal.Signals, workers: tuple[str, ...]) -> None:
    """The server ends when pytest is interrupted, or ends in any other way."""
    content = """
        import time

        def test_waits(tapedeck):
            with open("url", "w") as file:
                file.write(tapedeck.url + "\\n")
            time.sleep(100)
    """
    _write(tmp_path, content)
    process = subprocess.Popen(
        [*PYTEST, *workers], cwd=tmp_path, env=_environment(_double(tmp_path)), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = wait_for_line(tmp_path / "url")
    assert answers(url)
    if number is signal.SIGINT:
        os.killpg(process.pid, number)  # as Ctrl-C in a terminal
    else:
        process.send_signal(number)
    process.wait(120)
    deadline = time.monotonic() + 120
    while answers(url):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_line(file: Path) -> str:
    """Wait until a file has a line; return it."""
    deadline = time.monotonic() + 120
    while True:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if text.endswith("\n"):
            return text.strip()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_without_its_fixtures_nothing_is_started(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A session that uses no fixture of the plugin starts no server and loads none of the plugin's modules."""
    content = """
        import sys

        def test_nothing():
            assert not {"pytest_tapedeck.server", "pytest_tapedeck.client", "pytest_tapedeck.pool"} & set(sys.modules)
    """
    ran = run_content(tmp_path, content, *workers, TAPEDECK_COMMAND="/nowhere/tapedeck")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_without_the_sdk_its_client_is_skipped(tmp_path: Path) -> None:
    """The fixture `tapedeck_client` skips the test and says what to install."""
    content = """
        import sys
        sys.modules["twilio"] = None

        def test_lists(tapedeck_client):
            pass
    """
    ran = run_content(tmp_path, content, "-rs")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tapedeck_client needs Twilio's SDK: pip install twilio" in ran.stdout
    assert "1 skipped" in ran.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_marker_chooses_the_server(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """There is one server for each clock, which is frozen by default; a test with a seed has its own (C-335)."""
    content = """
        import pytest

        def write(kind, tapedeck):
            with open("seen", "a") as seen:
                seen.write(f"{kind} {tapedeck.url} {tapedeck.auth_token}\\n")

        @pytest.mark.tapedeck(seed=7)
        @pytest.mark.parametrize("number", range(3))
        def test_seed(number, tapedeck):
            write("seed", tapedeck)

        @pytest.mark.parametrize("number", range(3))
        def test_plain(number, tapedeck):
            write("plain", tapedeck)

        @pytest.mark.tapedeck(clock="running")
        @pytest.mark.parametrize("number", range(3))
        def test_running(number, tapedeck):
            write("running", tapedeck)
    """
    ran = run_content(tmp_path, content, *workers)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    seen = [line.split(maxsplit=2) for line in (tmp_path / "seen").read_text(encoding="utf-8").splitlines()]
    options = "serve --end-with-stdin --port 0 --https-port 0"
    assert {(kind, given) for kind, _, given in seen} == {
        ("plain", f"{options} --clock frozen"),
        ("running", f"{options} --clock running"),
        ("seed", f"{options} --seed 7 --clock frozen"),
    }
    urls = {kind: {url for other, url, _ in seen if other == kind} for kind, _, _ in seen}
    assert {kind: len(found) for kind, found in urls.items()} == {"plain": 1, "running": 1, "seed": 3}


def test_a_running_server_has_its_own_clock(tmp_path: Path) -> None:
    """With `TAPEDECK_URL`, a test with the marker is skipped: its server cannot be chosen."""
    content = """
        import pytest

        @pytest.mark.tapedeck(seed=7)
        def test_seed(tapedeck):
            pass
    """
    ran = run_content(tmp_path, content, "-rs", TAPEDECK_URL="http://127.0.0.1:9")
    assert "the marker tapedeck needs a server that the plugin starts: TAPEDECK_URL is set" in ran.stdout
    assert "1 skipped" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("clock='stopped'", "the marker must be tapedeck("),
        ("'frozen'", "the marker must be tapedeck("),
        ("seed='7'", "the marker must be tapedeck("),
        ("color='red'", "the marker must be tapedeck("),
        ("clock='running', seed=7", "the marker tapedeck: with a seed, the clock is frozen"),
    ],
)
def test_a_wrong_marker_is_an_error(tmp_path: Path, arguments: str, message: str) -> None:
    """A marker with other arguments is an error that says what is possible."""
    content = f"""
        import pytest

        @pytest.mark.tapedeck({arguments})
        def test_wrong(tapedeck):
            pass
    """
    ran = run_content(tmp_path, content)
    assert ran.returncode == 1
    assert message in ran.stdout


@pytest.mark.ci
def test_the_helpers_work_with_the_real_server(tmp_path: Path) -> None:
    """Twilio's client, calls that come in, and callbacks that are expected; errors name the caller's parameters."""
    content = """
        import json
        import pytest
        from pytest_tapedeck import CallbackMissing, Refused

        def test_incoming(tapedeck, tapedeck_client):
            call = tapedeck.incoming_call(to="+12025550101", from_="+12025550102", status="ringing")
            (found,) = tapedeck_client.calls.list()
            expected = (call.sid, "ringing", "inbound", "+12025550102", "+12025550101")
            assert (found.sid, found.status, found.direction, found._from, found.to) == expected

        def test_callbacks(tapedeck, tapedeck_client):
            call = tapedeck.call()
            url = "http://127.0.0.1:9/nowhere"
            events = ["in-progress", "completed"]
            recording = tapedeck_client.calls(call.sid).recordings.create(
                recording_status_callback=url, recording_status_callback_event=events
            )
            began = tapedeck.expect_callback(event="in-progress", sid=recording.sid)
            assert (began["event"], began["sid"]["twilio"]) == ("in-progress", recording.sid)
            with pytest.raises(CallbackMissing) as missing:
                tapedeck.expect_callback(event="completed", sid=call.sid, timeout=0.1)
            assert [each["event"] for each in missing.value.callbacks] == ["in-progress"]
            assert str(missing.value) == (
                f"no callback with event completed of {call.sid} within 0.1 s of real time. These came:\\n"
                f"  in-progress of {recording.sid} to {url}\\n"
                "A callback that is due later comes once the clock goes on: settle() goes on until all are sent."
            )
            tapedeck.advance(3)
            tapedeck.hang_up(call.sid)
            tapedeck.settle()
            ended = tapedeck.expect_callback("completed")
            assert (ended["sid"]["twilio"], ended["fields"]["RecordingDuration"]) == (recording.sid, "3")

        def test_defaults(tapedeck, tapedeck_client):
            for fields in ({"to": "+12025550101"}, {"from_": "+12025550102"}, {}):
                call = tapedeck_client.calls(tapedeck.incoming_call(**fields).sid).fetch()
                expected = {"to": "+12025550123", "from_": "+12025550199"} | fields
                assert (call.direction, call.to, call._from) == ("inbound", expected["to"], expected["from_"])

        def test_wrong_direction(tapedeck):
            with pytest.raises(TypeError) as wrong:
                tapedeck.incoming_call(direction="outbound-api")
            assert str(wrong.value) == (
                "incoming_call() takes no direction, which is always inbound: use call(direction=...)"
            )

        def test_parameters_of_errors(tapedeck):
            for parameter, request in (
                ("timeout", lambda: tapedeck.expect_callback(timeout=61)),
                ("seconds", lambda: tapedeck.advance(-1)),
                ("from_", lambda: tapedeck.incoming_call(from_="")),
                ("to", lambda: tapedeck.incoming_call(to="")),
                ("wait", lambda: tapedeck.callbacks(wait=61)),
            ):
                with pytest.raises(Refused) as refused:
                    request()
                error = json.loads(str(refused.value))["error"]
                assert (refused.value.status, error["field"]) == (400, parameter)
                assert error["message"].startswith(f"{parameter}: ")

        def test_none(tapedeck):
            with pytest.raises(CallbackMissing, match="no callback at all within 0 s of real time"):
                tapedeck.expect_callback(timeout=0)

        @pytest.mark.tapedeck(seed=7)
        @pytest.mark.parametrize("number", range(2))
        def test_seed(number, tapedeck):
            with open("seen", "a") as seen:
                seen.write(f"{tapedeck.account_sid} {tapedeck.call().sid}\\n")
    """
    ran = run_content(tmp_path, content, real=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    seen = (tmp_path / "seen").read_text(encoding="utf-8").splitlines()
    assert (len(seen), len(set(seen))) == (2, 1)


def test_the_example_passes_in_workers(tmp_path: Path) -> None:
    """The example's tests pass in four parallel workers, and each response has the wire format."""
    ran = run_tests(tmp_path, "-n", "4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "11 passed" in ran.stdout


def test_a_failed_start_shows_the_server_output(tmp_path: Path) -> None:
    """A server that fails to start has its output in the test report."""
    ran = run_tests(tmp_path, "-k", "handles", TAPEDECK_COMMAND=f"{sys.executable} -m no_such_module")
    assert ran.returncode == 1
    assert "No module named no_such_module" in ran.stdout


def test_a_missing_command_names_the_alternatives(tmp_path: Path) -> None:
    """Without the command, the error says what to install, and names the variables to set instead."""
    ran = run_tests(tmp_path, "-k", "handles", TAPEDECK_COMMAND="/nowhere/tapedeck")
    assert ran.returncode == 1
    message = "NotStarted: /nowhere/tapedeck cannot be run: install tapedeck-api, which provides the command `tapedeck`"
    assert message in ran.stdout


def test_an_unreachable_url_names_the_variable(tmp_path: Path) -> None:
    """If no stand-in responds at `TAPEDECK_URL`, the error names the variable."""
    url = "http://127.0.0.1:9"
    ran = run_tests(tmp_path, "-k", "handles", TAPEDECK_URL=url)
    assert ran.returncode == 1
    message = f"NotReached: No stand-in responds at {url}: start one there, set TAPEDECK_URL to the URL of a running "
    assert message in ran.stdout


@pytest.mark.parametrize("url", ["localhost:9", "127.0.0.1", "ftp://localhost:9", "http://", "http://[::1"])
def test_what_is_no_url_names_the_variable_and_the_form(url: str) -> None:
    """If `TAPEDECK_URL` is no URL with http or https, the error says so, with an example."""
    from pytest_tapedeck.server import NotReached, connect

    with pytest.raises(NotReached) as raised:
        connect(url)
    assert str(raised.value) == (
        f"TAPEDECK_URL must be the URL of a running stand-in, such as http://localhost:3000, not '{url}'."
    )


def test_the_plugin_imports_no_server_modules() -> None:
    """Loading the plugin imports neither the server nor a client, so tests start as fast as before."""
    script = "import json, sys, pytest_tapedeck.plugin; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(json.loads(ran.stdout))
    assert not loaded & {"boto3", "botocore", "moto", "samcli", "flask", "pydantic", "tapedeck", "tapedeck_standin"}
    assert "pytest_tapedeck.server" not in loaded


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "src/pytest_tapedeck/py.typed"])
def test_the_distribution_has_its_files(name: str) -> None:
    """The plugin has the files of a separate distribution."""
    assert (ROOT / "plugins" / "pytest-tapedeck" / name).is_file()


def test_only_workers_get_servers(tmp_path: Path) -> None:
    """A request without the session's key, or for other options than the clock's, gets no answer and starts nothing."""
    content = """
        import json, socket
        from pytest_tapedeck.pool import PoolListener, ServerPool

        def test_refuses(monkeypatch):
            requested = []
            monkeypatch.setattr(ServerPool, "get", lambda pool, options: requested.append(options))
            listener = PoolListener(ServerPool())
            for key, options in (
                ("", ["--clock", "frozen"]), ("0" * 32, ["--clock", "frozen"]), (listener.key, ["--host", "::"])
            ):
                with socket.create_connection(("127.0.0.1", listener.port)) as connection:
                    connection.sendall(f"{key}\\n{json.dumps(options)}\\n".encode())
                    assert connection.recv(1) == b""
            listener.close()
            assert requested == []
    """
    ran = run_content(tmp_path, content)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_client_ignores_a_proxy_of_the_environment(tmp_path: Path) -> None:
    """`tapedeck_client` works although the environment names a proxy, which cannot reach this machine."""
    content = """
        def test_reads(tapedeck_client):
            assert tapedeck_client.calls.list() == []
    """
    ran = run_content(tmp_path, content, real=True, HTTP_PROXY="http://127.0.0.1:1", HTTPS_PROXY="http://127.0.0.1:1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
