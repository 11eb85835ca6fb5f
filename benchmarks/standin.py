"""Compare the stand-in's throughput with its gateway alone, and count the requests to AWS of each operation."""

import base64
import contextlib
import http.client
import io
import itertools
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, installed
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.domain.engine import EngineCapabilities
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck.http.services import ApiServices
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN, Settings
from tapedeck_standin.app.paths import find_root
from tapedeck_standin.aws.backend import emulated_aws, isolate_aws_environment
from tapedeck_standin.aws.function_loader import load_handler, make_invoke
from tapedeck_standin.aws.template import STACK, Template
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.http.messages import ServerResponse
from tapedeck_standin.http.server import Server
from tapedeck_standin.samples.moto_aws import moto_aws
from tests.reporter import ENGINE, EngineReporter, join_conference, open_conference, start_recording
from tests.sqs_endpoint import running_sqs

SETTINGS: Final = {"CONFIRM_UPDATES": "none"}
"""Half of the functions run without a media engine."""

CLIENTS: Final = 4
REQUESTS: Final = 60
"""Updates of each client and round."""

ROUNDS: Final = 21
MIN_THROUGHPUT_RATIO: Final = 0.6
"""Minimum ratio of updates per second, stand-in to gateway alone."""

MAX_LOG_BYTES: Final = 700

_BASE: Final = f"/2010-04-01/Accounts/AC{STANDIN_ACCOUNT}"
_HEADERS: Final = {
    "Authorization": "Basic " + base64.b64encode(f"AC{STANDIN_ACCOUNT}:{STANDIN_TOKEN}".encode()).decode(),
    "Content-Type": "application/x-www-form-urlencoded",
}

BUDGETS: Final = {
    "create, first": 1,
    "create, already recording": 2,
    "create, after a stop": 3,
    "get call recording": 1,
    "update by sid": 1,
    "update by sid, rejected": 1,
    "update, Twilio.CURRENT": 2,
    "update, invalid parameter": 1,
    "get conference": 1,
    "end conference, not recorded": 1,
    "end conference, recorded": 2,
    "get call": 1,
}
"""DynamoDB requests per operation, with cached credentials and without conflicting writes."""

CONFIRMED_AT_LOOK: Final = 2
PAUSE_BUDGETS: Final = {"writes": 1, "reads": 4, "messages": 1}
"""The most requests of a pause that waits for the media engine, whose confirmation is there at the second look."""


def invoke_nothing(_operation: str, _event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a minimal reply without running a function, so that only the gateway is measured."""
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}


def send(method: str, path: str, form: str = "") -> dict[str, Any]:
    """Invoke the function for this method and path in this process, and return its JSON body."""
    parts = path.removeprefix(f"{_BASE}/").removesuffix(".json").split("/")
    resource = "call" if parts[0] == "Calls" else "conference"
    depth = len(parts)
    operation = {2: f"{'get' if method == 'GET' else 'update'}_{resource}", 3: f"create_{resource}_recording"}.get(
        depth, f"{'get' if method == 'GET' else 'update'}_{resource}_recording"
    )
    names = ("CallSid" if resource == "call" else "ConferenceSid", "RecordingSid")
    event = {
        "rawPath": path,
        "pathParameters": {"AccountSid": f"AC{STANDIN_ACCOUNT}", **dict(zip(names, parts[1::2], strict=False))},
        "headers": _HEADERS,
        "requestContext": {"http": {"method": method}},
        "body": form,
    }
    response = load_handler(find_root(), operation)(event, None)
    body: dict[str, Any] = json.loads(response["body"])
    return body


def open_session() -> None:
    """Let the engine be alive."""
    presences = PresenceTable(DynamoDBTable(make_client("dynamodb"), Settings.read().recordings_table, time.sleep))
    presences.open_session(ENGINE, "b" * 32, None, system_clock() // 1000, EngineCapabilities(), None)


def count_requests(service: ApiServices) -> dict[str, int]:
    """Return the number of DynamoDB requests of each operation in `BUDGETS`."""
    store: Any = service.calls
    client = store._store._database._client  # noqa: SLF001 - its requests are counted
    urls: list[str] = []
    client.meta.events.register_first("before-send.dynamodb", lambda request, **_: urls.append(request.url))
    counts: dict[str, int] = {}

    def request(name: str, method: str, path: str, form: str = "") -> dict[str, Any]:
        urls.clear()
        body = send(method, f"{_BASE}/{path}", form)
        counts[name] = len(urls)
        return body

    register = partial(service.calls.register, STANDIN_ACCOUNT, direction="inbound", engine=ENGINE)
    call = register(to="+13105678901", from_="+13103384645")
    path = f"Calls/CA{call.id}"
    # Caches the credentials, and which engines are alive.
    other = register(to="", from_="")
    send("POST", f"{_BASE}/Calls/CA{other.id}/Recordings")
    sid = request("create, first", "POST", f"{path}/Recordings")["sid"]
    request("create, already recording", "POST", f"{path}/Recordings")
    request("get call recording", "GET", f"{path}/Recordings/{sid}")
    request("update by sid", "POST", f"{path}/Recordings/{sid}", "Status=paused")
    request("update, Twilio.CURRENT", "POST", f"{path}/Recordings/Twilio.CURRENT", "Status=stopped")
    request("update by sid, rejected", "POST", f"{path}/Recordings/{sid}", "Status=paused")
    request("update, invalid parameter", "POST", f"{path}/Recordings/{sid}", "Status=wrong")
    request("create, after a stop", "POST", f"{path}/Recordings")
    request("get call", "GET", path)
    for name, recorded in (("end conference, not recorded", False), ("end conference, recorded", True)):
        conference = open_conference(service, STANDIN_ACCOUNT, name)
        calls = [register(to="", from_="") for _ in range(2)]
        for participant_call in calls:
            join_conference(service, STANDIN_ACCOUNT, conference.id, participant_call.id)
        if recorded:
            parent = Parent(STANDIN_ACCOUNT, ParentKind.CONFERENCE, conference.id)
            start_recording(service, parent, source=Source.CONFERENCE, call=calls[0].id)
        request("get conference", "GET", f"Conferences/CF{conference.id}")
        request(name, "POST", f"Conferences/CF{conference.id}", "Status=completed")
    return counts


def count_requests_of_pause(service: ApiServices) -> dict[str, int]:
    """Return the requests to AWS of a confirmed pause: to DynamoDB, and to SQS by the sender of urgent commands.

    The engine reports through `service`, whose requests are not counted.
    """
    client, counts = make_client("dynamodb"), {"writes": 0, "reads": 0, "messages": 0}
    versions: list[int] = []
    looks = itertools.count(1)
    call = service.calls.register(STANDIN_ACCOUNT, to="", from_="", direction="inbound")
    parent = Parent(STANDIN_ACCOUNT, ParentKind.CALL, call.id)
    recording = start_recording(service, parent, source=Source.OUTBOUND_API, call=call.id)
    engine = EngineReporter(service, STANDIN_ACCOUNT, system_clock)
    engine.started(recording)

    def count(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        counts["reads" if operation in {"GetItem", "Query", "BatchGetItem"} else "writes"] += 1
        if operation == "GetItem" and versions and next(looks) == CONFIRMED_AT_LOOK:
            engine.paused(recording, versions[0])

    def receive(_action: str, body: dict[str, Any]) -> None:
        counts["messages"] += 1
        versions.append(json.loads(body["MessageBody"])["version"])

    client.meta.events.register_first("before-send.dynamodb", count)
    with running_sqs(receive) as sqs:
        settings = replace(
            Settings.read(),
            confirm_updates=ConfirmUpdates.PAUSE,
            engine_queue_prefix=sqs.prefix,
            confirm_within_ms=10_000,
        )
        with installed(Environment(lambda: settings, make_client=lambda _service: client)):
            path = f"{_BASE}/Calls/CA{call.id}/Recordings/RE{recording.id}.json"
            send("POST", path, "Status=in-progress")  # caches the credentials
            counts.update(dict.fromkeys(counts, 0))
            assert send("POST", path, "Status=paused")["status"] == "paused"
    return counts


@contextlib.contextmanager
def running_server(handle: Callable[..., ServerResponse]) -> Iterator[int]:
    """Run a server on a free loopback port, and provide the port."""
    server = Server("127.0.0.1", 0)
    server.start(handle)
    try:
        yield server.port
    finally:
        server.stop()


def send_updates(port: int, paths: Sequence[str], requests: int) -> float:
    """Send updates by one client for each path, with connections that are kept; return the updates per second."""

    def run(path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(requests):
            status = "paused" if number % 2 else "in-progress"
            connection.request("POST", path, f"Status={status}", _HEADERS)
            response = connection.getresponse()
            response.read()
            assert response.status == 200
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(len(paths)) as clients:
        list(clients.map(run, paths))
    return requests * len(paths) / (time.perf_counter() - started)


def compare_throughput(
    root: Path, template: Template, service: ApiServices, requests: int
) -> tuple[float, float, float]:
    """Return the ratio of throughput, stand-in to gateway alone, and the updates per second of both, as medians."""
    paths = []
    for _ in range(CLIENTS):
        call = service.calls.register(STANDIN_ACCOUNT, to="", from_="", direction="inbound")
        parent = Parent(STANDIN_ACCOUNT, ParentKind.CALL, call.id)
        recording = start_recording(service, parent, source=Source.OUTBOUND_API, call=call.id)
        service.recordings.update(parent, recording.id, RecordingStatus.PAUSED, "skip")
        paths.append(f"{_BASE}/Calls/CA{call.id}/Recordings/RE{recording.id}.json")
    standin = Gateway(template.routes, make_invoke(root), system_clock)
    gateway = Gateway(template.routes, invoke_nothing, system_clock)
    with (
        running_server(gateway.answer) as gateway_port,
        running_server(standin.answer) as standin_port,
        # The clients have a process of their own, as in use.
        ProcessPoolExecutor(1, get_context("spawn")) as process,
    ):
        rounds = [
            tuple(process.submit(send_updates, port, paths, requests).result() for port in (standin_port, gateway_port))
            for _ in range(ROUNDS)
        ]
    standin_rate, gateway_rate = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    return statistics.median(one / other for one, other in rounds), standin_rate, gateway_rate


@contextlib.contextmanager
def running_services(emulated: contextlib.AbstractContextManager[object]) -> Iterator[ApiServices]:
    """Provide the services of the functions, with this emulated AWS and the stand-in's account."""
    with emulated:
        api_bootstrap.get_admin_services().accounts.create(account=STANDIN_ACCOUNT, auth_token=STANDIN_TOKEN)
        yield api_bootstrap.get_api_services()


def main() -> int:
    """Print the figures with their budgets. Return 1 if a request count differs or a log line is too long, else 0."""
    isolate_aws_environment()
    root = find_root()
    template = Template.load(root / "template.yaml")
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        with running_services(moto_aws(template, SETTINGS)) as service:
            open_session()
            counts = count_requests(service)
            pause = count_requests_of_pause(service)
            lines = [line for line in log.getvalue().splitlines() if '"request"' in line]
        with running_services(emulated_aws(template, SETTINGS)) as service:
            logging.getLogger(STACK).setLevel(logging.ERROR)  # as `tapedeck serve` does
            ratio, standin_rate, gateway_rate = compare_throughput(root, template, service, REQUESTS)
    has_wrong_count = any(counts[name] != budget for name, budget in BUDGETS.items())
    for name, budget in BUDGETS.items():
        print(f"{'DynamoDB requests: ' + name:<58} {counts[name]:>9}   budget {budget:<9} "
              f"{'OVER' if counts[name] != budget else ''}")  # fmt: skip
    for name, budget in PAUSE_BUDGETS.items():
        verdict = "OVER" if pause[name] > budget else ""
        print(f"{'requests of a confirmed pause: ' + name:<58} {pause[name]:>9}   budget <= {budget:<6} {verdict}")
    has_wrong_count |= any(pause[name] > budget for name, budget in PAUSE_BUDGETS.items())
    max_bytes = max(len(line.encode()) for line in lines)
    print(f"{'log: bytes of the longest line (one per request)':<58} {max_bytes:>9}   budget <= {MAX_LOG_BYTES}")
    verdict = "" if ratio >= MIN_THROUGHPUT_RATIO else "UNDER"
    rates = f"({standin_rate:.0f} and {gateway_rate:.0f} per second)"
    label = "updates per second: stand-in / gateway alone"
    print(f"{label:<58} {ratio:>9.2f}   budget >= {MIN_THROUGHPUT_RATIO:<6} {verdict} {rates}")
    return 1 if has_wrong_count or max_bytes > MAX_LOG_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
