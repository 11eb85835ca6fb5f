"""Prepare `sam local`: an emulated AWS for the containers, a template, an environment file and sample data.

Usage: scripts/sam_local.py start | seed | stop | serve

`start` runs `serve` in the background and prints commands to type. `serve` runs the emulated AWS in this process.
Everything is in `build/sam-local/`; `samconfig.toml` names its files.
"""

import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = Path("build", "sam-local")
"""Relative to the root, where every command runs."""
TEMPLATE: Final = FOLDER / "template.json"
VARIABLES: Final = FOLDER / "environment.json"
COMMANDS: Final = FOLDER / "commands.txt"
SERVER: Final = FOLDER / "server.json"
LOG: Final = FOLDER / "server.log"
LOCK: Final = FOLDER / "server.lock"
"""The server locks this file while it runs, and writes its process id to it."""

IMAGE: Final = "public.ecr.aws/lambda/python:3.13-x86_64"
SEED_PATH: Final = "/tapedeck/seed"
API_PORT: Final = 3100
SECONDS_TO_START: Final = 60
SECONDS_TO_STOP: Final = 10
SECONDS_TO_SEED: Final = 30

_FUNCTION: Final = "AWS::Serverless::Function"
_LAYER: Final = "AWS::Serverless::LayerVersion"
_API: Final = "AWS::Serverless::HttpApi"
_KEPT: Final = {
    _FUNCTION: ("CodeUri", "Layers", "Events", "Handler", "Runtime", "MemorySize", "Timeout"),
    _LAYER: ("ContentUri", "CompatibleRuntimes"),
    _API: ("StageName",),
}
"""The properties that `sam local` uses, by type of resource."""

EXAMPLE: Final = "update_call_recording.twilio.paused"
"""The event that the printed commands show."""


def main(arguments: list[str]) -> int:
    """Run one of the commands; return the exit code."""
    os.chdir(ROOT)
    commands = {"start": start, "seed": seed, "stop": stop, "serve": serve}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: scripts/sam_local.py {' | '.join(commands)}", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except SamLocalError as error:
        print(f"sam-local: {error}", file=sys.stderr)
        return 1
    return 0


class SamLocalError(Exception):
    """A command failed; the message says what to do."""


# --- Commands ---------------------------------------------------------------------------------------------------------


def start() -> None:
    """Start the server in the background, replacing a running one; wait until it responds; print the commands."""
    if (pid := _running()) is not None:
        _end(pid)
    FOLDER.mkdir(parents=True, exist_ok=True)
    SERVER.unlink(missing_ok=True)
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, "serve"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + SECONDS_TO_START
    while not SERVER.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise SamLocalError(f"the emulated AWS did not start: see the end of {LOG}\n{_tail(LOG)}")
        time.sleep(0.1)
    print(_instructions())


def seed() -> None:
    """Reset the tables and buckets of the running server to the sample data.

    Raises:
        SamLocalError: the server does not run, or did not seed.
    """
    if _running() is None or not SERVER.exists():
        raise SamLocalError("the emulated AWS is not running: start it with make sam-local")
    url = json.loads(SERVER.read_text(encoding="utf-8"))["url"]
    try:
        with urlopen(Request(url + SEED_PATH, method="POST"), timeout=SECONDS_TO_SEED) as response:  # noqa: S310 - the server's own URL
            response.read()
    except URLError as error:
        raise SamLocalError(f"the emulated AWS did not seed its tables ({error}): see {LOG}") from error
    print("sam-local: the tables and buckets hold the sample data again")


def stop() -> None:
    """Stop the server. Does nothing if it does not run."""
    pid = _running()
    if pid is None:
        print("sam-local: the emulated AWS is not running")
        return
    _end(pid)
    SERVER.unlink(missing_ok=True)
    print("sam-local: stopped the emulated AWS")


def serve() -> None:
    """Run the emulated AWS until SIGTERM: write the files for `sam local`, seed the tables, answer requests."""
    # Imported here, so that the other commands start quickly.
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    from tapedeck_standin.aws.backend import DATABASE, emulated_aws, isolate_aws_environment, make_full_client
    from tapedeck_standin.aws.template import Template
    from tapedeck_standin.samples.replay import make_seeding

    lock = _lock()
    listen, host = _addresses()
    os.environ.pop(DATABASE, None)
    isolate_aws_environment()
    template = Template.load(ROOT / "template.yaml")
    with emulated_aws(template):
        queues = template.create_queues(make_full_client("sqs"))
        buses = template.create_buses(make_full_client("events"))
        seeding = make_seeding()
        seeding()
        dispatcher = DomainDispatcherApplication(create_backend_app)
        one_at_a_time = threading.Lock()

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            # REL-1: concurrent requests could lose writes.
            with one_at_a_time:
                if environ["PATH_INFO"] == SEED_PATH:
                    seeding()
                    start_response("204 No Content", [])
                    return []
                answer: Iterable[bytes] = dispatcher(environ, start_response)
                return answer

        server = make_server(listen, 0, application, threaded=True)
        variables = {
            **{name: os.environ[name] for name in declared_variables(template.content)},
            "COMMANDS_QUEUE": queues["MediaCommandsQueue"],
            "CALLBACKS_QUEUE": queues["CallbacksQueue"],
            "EVENT_BUS": buses["EventBus"],
            "TAPEDECK_STANDIN": "1",
            **_aws_variables(f"http://{host}:{server.port}"),
        }
        _write_json(TEMPLATE, make_template(template.content, template.operations, variables))
        _write_json(VARIABLES, {"Parameters": variables})
        COMMANDS.write_text("".join(f"{command}\n" for command in make_commands(template.operations)), encoding="utf-8")
        _write_json(SERVER, {"url": f"http://{listen}:{server.port}"})
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever()
    lock.close()


# --- The files --------------------------------------------------------------------------------------------------------


def declared_variables(content: Mapping[str, Any]) -> set[str]:
    """Return the names of the environment variables that the project's template declares for any function."""
    functions = [content["Globals"]["Function"]]
    functions += [each["Properties"] for each in content["Resources"].values() if each["Type"] == _FUNCTION]
    return {name for function in functions for name in function.get("Environment", {}).get("Variables", {})}


def make_template(
    content: Mapping[str, Any], operations: Mapping[str, str], variables: Iterable[str]
) -> dict[str, Any]:
    """Return a template with the functions, the built layers and the API, in which every function has all variables.

    SAM passes only variables that the template declares; their values are in the environment file.

    Args:
        content: the project's template.
        operations: the folder of each function by its logical id.
        variables: the names of the variables.
    """
    resources: dict[str, Any] = {}
    for name, resource in content["Resources"].items():
        kind = resource["Type"]
        if kind not in _KEPT:
            continue
        properties = {key: value for key, value in resource.get("Properties", {}).items() if key in _KEPT[kind]}
        if kind == _FUNCTION:
            properties["CodeUri"] = os.path.relpath(ROOT / "functions" / operations[name], ROOT / FOLDER)
            properties["Events"] = {
                event: details
                for event, details in properties.get("Events", {}).items()
                if details["Type"] == "HttpApi"
            }
        if kind == _LAYER:
            properties["ContentUri"] = os.path.relpath(ROOT / ".aws-sam" / "build" / name, ROOT / FOLDER)
        resources[name] = {"Type": kind, "Properties": properties}
    shared = content["Globals"]["Function"]
    return {
        "AWSTemplateFormatVersion": content["AWSTemplateFormatVersion"],
        "Transform": content["Transform"],
        "Globals": {
            "Function": {
                **{name: shared[name] for name in ("Runtime", "Architectures", "Handler", "MemorySize", "Timeout", "Layers")},
                "Environment": {"Variables": dict.fromkeys(sorted(variables), "")},
            }
        },
        "Resources": resources,
    }


def make_commands(operations: Mapping[str, str]) -> list[str]:
    """Return the command of each event file.

    Args:
        operations: the folder of each function by its logical id.
    """
    functions = {operation: function for function, operation in operations.items()}
    return [
        f".venv/bin/sam local invoke {functions[event.name.partition('.')[0]]} --event events/{event.name}"
        for event in sorted((ROOT / "events").glob("*.json"))
    ]


def _aws_variables(url: str) -> dict[str, str]:
    """Return the variables that direct an AWS SDK to the server, in place of the user's own credentials."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "standin",
        "AWS_SECRET_ACCESS_KEY": "standin",
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _instructions() -> str:
    commands = COMMANDS.read_text(encoding="utf-8").splitlines()
    (example,) = (command for command in commands if command.endswith(f"/{EXAMPLE}.json"))
    event = json.loads((ROOT / "events" / f"{EXAMPLE}.json").read_text(encoding="utf-8"))
    account = event["pathParameters"]["AccountSid"]
    path = event["requestContext"]["http"]["path"]
    curl = f"curl -u {account}:standin-token -d Status=paused http://127.0.0.1:{API_PORT}{shlex.quote(path)}"
    return f"""
The functions can run in containers. Their tables and buckets hold the data that events/README.md lists.

Invoke a function with an event file ({COMMANDS} lists the commands of all {len(commands)}):
    {example}

Serve the API, and send a request from a second terminal:
    .venv/bin/sam local start-api --port {API_PORT}
    {curl}

Reset the data (an event gets the answer in events/expected/ only on data that no event has changed):
    make sam-local-seed

Stop the emulated AWS:
    make sam-local-stop
"""


# --- The server -------------------------------------------------------------------------------------------------------


def _addresses() -> tuple[str, str]:
    """Return the address to listen on, and the address by which containers reach it.

    They are the same if Docker runs on this machine. If Docker runs in a virtual machine, its `host-gateway` leads to
    the loopback of this machine. Addresses, not names: botocore prefixes a name with the bucket.
    """
    name = "tapedeck-host"
    command = ["docker", "run", "--rm", f"--add-host={name}:host-gateway", "--entrypoint", "cat", IMAGE, "/etc/hosts"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line.split()[0] for line in done.stdout.splitlines() if name in line.split()[1:] and ":" not in line]
    if not found:
        raise SamLocalError(f"no container could be started: run scripts/prepare-sam-local\n{done.stderr}")
    return (found[0] if _is_local(found[0]) else "127.0.0.1"), found[0]


def _is_local(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _lock() -> Any:
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = LOCK.open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SamLocalError("another emulated AWS is running: stop it with make sam-local-stop") from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _running() -> int | None:
    """Return the process id of the running server."""
    try:
        with LOCK.open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except FileNotFoundError:
        pass
    return None


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_STOP
    while _running() == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file at once: a reader never sees a part of it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
