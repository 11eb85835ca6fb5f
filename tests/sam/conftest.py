"""Fixtures that run the functions in Lambda's containers: `sam local` in Docker, over the tables of this process.

Needs `make sam-build` and `scripts/prepare-sam-local`; everything that is started here ends with the tests.
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
    """Deselect the container tests unless `TAPEDECK_CONTAINERS=1` is set."""
    if os.environ.get("TAPEDECK_CONTAINERS") == "1":
        return
    deselected = [item for item in items if item.get_closest_marker("containers")]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def run(*command: str) -> str:
    """Return the output of a command; raise AssertionError with its error output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class ReachableAws:
    """This process's AWS: the endpoint variables for containers, and its URL on this machine.

    `has_buckets` says whether buckets are reachable: botocore prefixes a host name with the bucket, but not an address.
    """

    for_containers: Mapping[str, str]
    url: str
    has_buckets: bool


@dataclass(frozen=True)
class Sam:
    """`sam local` with the built template and a separate Docker network.

    `environment` holds the variables of SAM itself, `variables` is the file with those of the functions.
    """

    template: Path
    variables: Path
    network: str
    environment: Mapping[str, str]

    def with_variables(self, values: Mapping[str, str]) -> "Sam":
        """Return a copy whose functions have these variables in addition to the earlier ones."""
        known = json.loads(self.variables.read_text("utf-8"))["Parameters"] if self.variables.exists() else {}
        variables = self.variables.with_name(f"variables-{secrets.token_hex(4)}.json")
        variables.write_text(json.dumps({"Parameters": {**known, **values}}), encoding="utf-8")
        return replace(self, variables=variables)

    def command(self, *arguments: str) -> Sequence[str]:
        """Return a command line of `sam local`."""
        options = {"template": self.template, "env-vars": self.variables, "docker-network": self.network}
        return [
            str(Path(sys.executable).with_name("sam")),
            "local",
            *arguments,
            "--skip-pull-image",
            *(part for name, value in options.items() for part in (f"--{name}", str(value))),
        ]

    def invoke(self, function: str, event: Path) -> dict[str, object]:
        """Invoke a function by its logical id with an event file; return its result."""
        command = self.command("invoke", function, "--event", str(event))
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        lines = done.stdout.strip().splitlines()
        assert done.returncode == 0, done.stderr
        assert lines, done.stderr
        answer: dict[str, object] = json.loads(lines[-1])
        return answer


@pytest.fixture(scope="session")
def network() -> Iterator[str]:
    """Yield a Docker network; remove it at the end with all remaining containers."""
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
    """Yield this process's AWS behind a port, or its configured database."""
    del aws  # only has to be there
    from moto.server import ThreadedMotoServer

    gateway = run("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network)
    # If Docker runs on this machine, containers reach it by the gateway's address. If Docker runs in a virtual
    # machine, `host.docker.internal` leads to the loopback of this machine.
    listen, host = (gateway, gateway) if _is_local(gateway) else ("127.0.0.1", "host.docker.internal")
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
    """Return `sam local` whose functions use the tables, the key and the mode of this process."""
    if not BUILT.is_file():
        pytest.fail("the built template is missing: run make sam-build")
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
    # In the folder of the built template, because its paths are relative.
    with_endpoints = BUILT.with_name("template.containers.json")
    with_endpoints.write_text(json.dumps(template), encoding="utf-8")
    folder = tmp_path_factory.mktemp("sam")
    # SAM requests the caller identity from STS, and retries for a minute without an answer.
    environment = {**os.environ, "AWS_ENDPOINT_URL_STS": reachable_aws.url}
    return Sam(with_endpoints, folder / "variables.json", network, environment).with_variables(values)


@pytest.fixture(scope="session")
def api(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of `sam local start-api`, which starts a container at a function's first request."""
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
            # On SIGTERM, SAM removes its containers before it exits.
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
    pytest.fail(f"sam local start-api does not respond:\n{log.read_text()[-4000:]}")


def _is_local(address: str) -> bool:
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
