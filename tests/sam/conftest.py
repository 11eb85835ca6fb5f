"""The functions as Lambda runs them: `sam local` in Docker's containers, over the tables of this process.

Needs `make sam-build` and what `scripts/prepare-sam-local` prepares; all that is started here ends with the tests.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from tapedeck_standin.aws.backend import make_full_client
from tapedeck_standin.aws.template import Template
from tests.client import TEMPLATE

ROOT: Final = Path(__file__).resolve().parents[2]
BUILT: Final = ROOT / ".aws-sam" / "build" / "template.yaml"
SECONDS_TO_START: Final = 600
SECONDS_TO_STOP: Final = 60
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Containers are used only where `TAPEDECK_CONTAINERS=1` asks for them."""
    if os.environ.get("TAPEDECK_CONTAINERS") == "1":
        return
    deselected = [item for item in items if item.get_closest_marker("containers")]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def run(*command: str) -> str:
    """What a command prints; AssertionError with its complaint where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class ReachableAws:
    """This process's AWS: what leads containers to it, and its URL on this machine.

    `has_buckets` tells whether a bucket can be reached, too: botocore puts its name before a host's, but not before
    an address.
    """

    for_containers: Mapping[str, str]
    url: str
    has_buckets: bool


@dataclass(frozen=True)
class Sam:
    """`sam local` over the built template, its containers in a Docker network of their own.

    `environment` is SAM's own, `variables` the file of the functions'.
    """

    template: Path
    variables: Path
    network: str
    environment: Mapping[str, str]

    def telling(self, values: Mapping[str, str]) -> "Sam":
        """The same, whose functions are told these variables, and what they were told before of others."""
        known = json.loads(self.variables.read_text("utf-8"))["Parameters"] if self.variables.exists() else {}
        variables = self.variables.with_name(f"variables-{secrets.token_hex(4)}.json")
        variables.write_text(json.dumps({"Parameters": {**known, **values}}), encoding="utf-8")
        return replace(self, variables=variables)

    def command(self, *arguments: str) -> Sequence[str]:
        """A command line of `sam local`."""
        options = {"template": self.template, "env-vars": self.variables, "docker-network": self.network}
        return [
            str(Path(sys.executable).with_name("sam")),
            "local",
            *arguments,
            "--skip-pull-image",
            *(part for name, value in options.items() for part in (f"--{name}", str(value))),
        ]

    def invoke(self, function: str, event: Path) -> dict[str, object]:
        """What a function, by its logical id, answers to an event file."""
        command = self.command("invoke", function, "--event", str(event))
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        lines = done.stdout.strip().splitlines()
        assert done.returncode == 0, done.stderr
        assert lines, done.stderr
        answer: dict[str, object] = json.loads(lines[-1])
        return answer


@pytest.fixture(scope="session")
def network() -> Iterator[str]:
    """A Docker network; whatever container is left in it at the end is removed with it."""
    name = f"tapedeck-{secrets.token_hex(4)}"
    run("docker", "network", "create", name)
    try:
        yield name
    finally:
        left = run("docker", "ps", "--all", "--quiet", "--filter", f"network={name}").split()
        if left:
            run("docker", "rm", "--force", *left)
        run("docker", "network", "rm", name)


@pytest.fixture(scope="session")
def reachable_aws(aws: None, network: str) -> Iterator[ReachableAws]:
    """This process's AWS behind a port, or the database that it uses instead."""
    del aws  # only has to be there
    from moto.server import ThreadedMotoServer

    gateway = run("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network)
    # Where the engine runs on this machine, the gateway is an address of ours that only containers reach. Where it
    # runs in a virtual machine, that maps a name of its own to our loopback.
    listen, host = (gateway, gateway) if _is_ours(gateway) else ("127.0.0.1", "host.docker.internal")
    server = ThreadedMotoServer(ip_address=listen, port=0, verbose=False)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        moto = f"http://{host}:{port}"
        database = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", moto)
        yield ReachableAws(
            {
                "AWS_ENDPOINT_URL_DYNAMODB": _seen_from_containers(database, host),
                **{f"AWS_ENDPOINT_URL_{service}": moto for service in ("EVENTBRIDGE", "KMS", "S3", "SQS")},
            },
            f"http://{listen}:{port}",
            has_buckets=host == gateway,
        )
    finally:
        server.stop()


@pytest.fixture(scope="session")
def sam(reachable_aws: ReachableAws, network: str, tmp_path_factory: pytest.TempPathFactory) -> Sam:
    """`sam local`; its functions have the tables, the key and the mode of the functions in this process."""
    if not BUILT.is_file():
        pytest.fail("there is nothing to run: make sam-build")
    template = Template.load(BUILT).content
    declared = template["Globals"]["Function"]["Environment"]["Variables"]
    queues = TEMPLATE.create_queues(make_full_client("sqs"))
    buses = TEMPLATE.create_buses(make_full_client("events"))
    names = [
        "RECORDINGS_TABLE", "CREDENTIALS_TABLE", "SIGNING_KMS_KEY_ID", "MEDIA_BUCKET", "FAILED_BATCHES_BUCKET",
        "PUBLIC_URL", "TAPEDECK_STANDIN",
    ]  # fmt: skip
    values = {
        **{name: os.environ[name] for name in names},
        "COMMANDS_QUEUE": queues["MediaCommandsQueue"],
        "CALLBACKS_QUEUE": queues["CallbacksQueue"],
        "EVENT_BUS": buses["EventBus"],
        **reachable_aws.for_containers,
    }
    # SAM sets no variable that the template does not declare.
    declared.update(dict.fromkeys(["TAPEDECK_STANDIN", *reachable_aws.for_containers], ""))
    # Beside the other, because its paths are relative.
    with_endpoints = BUILT.with_name("template.containers.json")
    with_endpoints.write_text(json.dumps(template), encoding="utf-8")
    folder = tmp_path_factory.mktemp("sam")
    # SAM asks whose account it is, and tries again for a minute where nobody answers.
    environment = {**os.environ, "AWS_ENDPOINT_URL_STS": reachable_aws.url}
    return Sam(with_endpoints, folder / "variables.json", network, environment).telling(values)


@pytest.fixture(scope="session")
def api(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of `sam local start-api`, a container behind each function, from its first request on."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("sam-api") / "log"
    command = sam.command("start-api", "--warm-containers", "LAZY", "--port", str(port))
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=sam.environment, stdout=output, stderr=output) as process,
    ):
        try:
            _wait_for(url, process, log)
            yield url
        finally:
            # SAM removes its containers before it ends.
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(url, timeout=30)
        except requests.ConnectionError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"sam local start-api does not answer:\n{log.read_text()[-4000:]}")


def _is_ours(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _seen_from_containers(url: str, host: str) -> str:
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        return url
    return urlunsplit(parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}"))
