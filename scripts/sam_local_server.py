"""The emulated AWS for the containers of `sam local`: it also writes the files that `sam local` needs.

Usage: python -m scripts.sam_local_server

It runs until SIGTERM. scripts/sam_local.py starts it in the background.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from scripts.sam_local import COMMANDS, FOLDER, LOCK, ROOT, SEED_PATH, SERVER, TEMPLATE, VARIABLES, SamLocalError
from tapedeck_standin.aws.backend import DATABASE, isolate_aws_environment
from tapedeck_standin.aws.template import Template
from tapedeck_standin.samples.moto_aws import make_full_client, moto_aws
from tapedeck_standin.samples.replay import SAMPLE_SETTINGS, make_seeding

IMAGE: Final = "public.ecr.aws/lambda/python:3.13-x86_64"

_FUNCTION: Final = "AWS::Serverless::Function"
_LAYER: Final = "AWS::Serverless::LayerVersion"
_API: Final = "AWS::Serverless::HttpApi"
_KEPT: Final = {
    _FUNCTION: ("CodeUri", "Layers", "Events", "Handler", "Runtime", "MemorySize", "Timeout"),
    _LAYER: ("ContentUri", "CompatibleRuntimes"),
    _API: ("StageName",),
}
"""The properties that `sam local` uses, by type of resource."""


def main() -> int:
    """Serve until SIGTERM; return the exit code."""
    os.chdir(ROOT)
    try:
        with lock():
            serve(*find_addresses())
    except SamLocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def serve(listen: str, host: str) -> None:
    """Create and seed the tables and buckets, write the files for `sam local`, and answer requests.

    Args:
        listen: the address to listen on.
        host: the address by which containers reach it.
    """
    os.environ.pop(DATABASE, None)
    isolate_aws_environment()
    template = Template.load(ROOT / "template.yaml")
    with moto_aws(template, SAMPLE_SETTINGS):
        queues = template.create_queues(make_full_client("sqs"))
        buses = template.create_buses(make_full_client("events"))
        seeding = make_seeding()
        seeding()
        server = make_server(listen, 0, _application(seeding), threaded=True)
        variables = {
            **{name: os.environ[name] for name in declared_variables(template.content)},
            "ENGINE_QUEUE_PREFIX": queues["CallbacksQueue"].rpartition("/")[0] + "/engine-",
            "CALLBACKS_QUEUE": queues["CallbacksQueue"],
            "CALLBACK_RETRIES_QUEUE": queues["CallbackRetriesQueue"],
            "EVENT_BUS": buses["EventBus"],
            "TAPEDECK_STANDIN": "1",
            **_aws_variables(f"http://{host}:{server.port}"),
        }
        _write_json(TEMPLATE, make_template(template.content, template.operations, variables))
        _write_json(VARIABLES, {"Parameters": dict(sorted(variables.items()))})
        COMMANDS.write_text("".join(f"{command}\n" for command in make_commands(template.operations)), encoding="utf-8")
        # The server accepts connections already; `start` waits for this file.
        _write_json(SERVER, {"url": f"http://{listen}:{server.port}"})
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever()


def _application(seeding: Callable[[], None]) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application: moto, and a path that resets the data."""
    dispatcher = DomainDispatcherApplication(create_backend_app)
    # REL-1: concurrent requests to moto could lose writes.
    one_at_a_time = threading.Lock()

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        with one_at_a_time:
            if environ["PATH_INFO"] == SEED_PATH:
                seeding()
                start_response("204 No Content", [])
                return ()
            answer: Iterable[bytes] = dispatcher(environ, start_response)
            return answer

    return application


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
                **{
                    name: shared[name]
                    for name in ("Runtime", "Architectures", "Handler", "MemorySize", "Timeout", "Layers")
                },
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


def find_addresses() -> tuple[str, str]:
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


@contextmanager
def lock() -> Iterator[None]:
    """Hold the lock file, which contains this process's id.

    Raises:
        SamLocalError: another server holds it.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SamLocalError("another emulated AWS is running: stop it with make sam-local-stop") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file at once: a reader never sees a part of it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
