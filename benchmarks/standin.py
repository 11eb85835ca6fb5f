"""The stand-in beside SAM's bare gateway, and the DynamoDB requests of each operation, counted at the wire."""

import base64
import contextlib
import http.client
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck.http.endpoint import ApiServices
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN
from tapedeck_standin.app.paths import find_root
from tapedeck_standin.aws.backend import emulated_aws, isolate_aws_environment, using_memory_dynamodb
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.template import Template
from tapedeck_standin.gateway.sam import FunctionRunner, Gateway
from tapedeck_standin.http.messages import ServerResponse
from tapedeck_standin.http.server import Server

REQUESTS: Final = 300
ROUNDS: Final = 5
LEAST_SHARES: Final = {"moto": 0.15, "memory": 0.8}
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
    "update by sid, refused": 1,
    "update, Twilio.CURRENT": 2,
    "update, wrong parameter": 1,
    "get conference": 1,
    "end conference, not recorded": 1,
    "end conference, recorded": 2,
    "get call": 1,
}
"""Requests per operation, credentials remembered, nothing contended (README, "The table")."""


class EmptyRunner(FunctionRunner):
    """Answers every function with nothing: what is left is the gateway."""

    def __init__(self) -> None:
        """Nothing is loaded."""

    def invoke(self, function: str, event: str, stdout: Any, **_: object) -> None:  # noqa: ANN401 - SAM's own words
        """The least that is an answer."""
        del function, event
        stdout.write_str('{"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}')


def send(method: str, path: str, form: str = "") -> dict[str, Any]:
    """Call a function in this process; its route is found by the shape of the path."""
    parts = path.removeprefix(f"{_BASE}/").removesuffix(".json").split("/")
    noun = "call" if parts[0] == "Calls" else "conference"
    depth = len(parts)
    operation = {2: f"{'get' if method == 'GET' else 'update'}_{noun}", 3: f"create_{noun}_recording"}.get(
        depth, f"{'get' if method == 'GET' else 'update'}_{noun}_recording"
    )
    names = ("CallSid" if noun == "call" else "ConferenceSid", "RecordingSid")
    event = {
        "rawPath": path,
        "pathParameters": {"AccountSid": f"AC{STANDIN_ACCOUNT}", **dict(zip(names, parts[1::2], strict=False))},
        "headers": _HEADERS,
        "requestContext": {"http": {"method": method}},
        "body": form,
    }
    reply = load_handler(find_root(), operation)(event, None)
    body: dict[str, Any] = json.loads(reply["body"])
    return body


def count_requests(service: ApiServices) -> dict[str, int]:
    """The requests of each operation."""
    store: Any = service.calls
    client = store._store._database._client  # noqa: SLF001 - counting at the wire
    seen: list[str] = []
    client.meta.events.register_first("before-send.dynamodb", lambda request, **_: seen.append(request.url))
    counted: dict[str, int] = {}

    def ask(what: str, method: str, path: str, form: str = "") -> dict[str, Any]:
        seen.clear()
        body = send(method, f"{_BASE}/{path}", form)
        counted[what] = len(seen)
        return body

    call = service.calls.register(STANDIN_ACCOUNT, to="+13105678901", from_="+13103384645", direction="inbound")
    path = f"Calls/CA{call.id}"
    send("GET", f"{_BASE}/{path}")  # the credentials are remembered from here on
    sid = ask("create, first", "POST", f"{path}/Recordings")["sid"]
    ask("create, already recording", "POST", f"{path}/Recordings")
    ask("get call recording", "GET", f"{path}/Recordings/{sid}")
    ask("update by sid", "POST", f"{path}/Recordings/{sid}", "Status=paused")
    ask("update, Twilio.CURRENT", "POST", f"{path}/Recordings/Twilio.CURRENT", "Status=stopped")
    ask("update by sid, refused", "POST", f"{path}/Recordings/{sid}", "Status=paused")
    ask("update, wrong parameter", "POST", f"{path}/Recordings/{sid}", "Status=wrong")
    ask("create, after a stop", "POST", f"{path}/Recordings")
    ask("get call", "GET", path)
    for what, recorded in (("end conference, not recorded", False), ("end conference, recorded", True)):
        room = service.conferences.register(STANDIN_ACCOUNT, what)
        legs = [service.calls.register(STANDIN_ACCOUNT, to="", from_="", direction="inbound") for _ in range(2)]
        for leg in legs:
            service.conferences.join(STANDIN_ACCOUNT, room.id, leg.id)
        if recorded:
            parent = Parent(STANDIN_ACCOUNT, ParentKind.CONFERENCE, room.id)
            service.recordings.register_started(parent, source=Source.CONFERENCE, call=legs[0].id)
        ask("get conference", "GET", f"Conferences/CF{room.id}")
        ask(what, "POST", f"Conferences/CF{room.id}", "Status=completed")
    return counted


@contextlib.contextmanager
def serving(answer: Callable[..., ServerResponse]) -> Iterator[int]:
    """The port of a server on loopback."""
    server = Server("127.0.0.1", 0)
    server.start(answer)
    try:
        yield server.port
    finally:
        server.stop()


def rate(port: int, path: str) -> float:
    """Updates per second of one client that keeps its connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    for number in range(REQUESTS):
        status = "paused" if number % 2 else "in-progress"
        connection.request("POST", path, f"Status={status}", _HEADERS)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
    return REQUESTS / (time.perf_counter() - began)


def race(root: Path, template: Template, service: ApiServices) -> tuple[float, float, float]:
    """The stand-in beside the bare gateway: the ratio, and the updates per second of each; medians of some rounds."""
    call = service.calls.register(STANDIN_ACCOUNT, to="", from_="", direction="inbound")
    parent = Parent(STANDIN_ACCOUNT, ParentKind.CALL, call.id)
    recording = service.recordings.register_started(parent, source=Source.OUTBOUND_API, call=call.id)
    service.recordings.update(parent, recording.id, RecordingStatus.PAUSED, "skip")
    path = f"{_BASE}/Calls/CA{call.id}/Recordings/RE{recording.id}.json"
    ours = Gateway(root / "template.yaml", FunctionRunner(root, template.operations), 0)
    bare = Gateway(root / "template.yaml", EmptyRunner(), 0)
    with serving(bare.answer) as bare_port, serving(ours.answer) as port:
        rounds = [(rate(port, path), rate(bare_port, path)) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
    return statistics.median(one / other for one, other in rounds), mine, theirs


@contextlib.contextmanager
def started(template: Template, store: str) -> Iterator[ApiServices]:
    """The functions' service over this store, with the stand-in's account."""
    memory = using_memory_dynamodb(MemoryDynamoDB()) if store == "memory" else contextlib.nullcontext()
    with memory, emulated_aws(template):
        api_bootstrap.get_admin_services().accounts.create(account=STANDIN_ACCOUNT, auth_token=STANDIN_TOKEN)
        yield api_bootstrap.get_api_services()


def main() -> int:
    """Print the figures, each beside its budget; 1 where a count is not exact."""
    isolate_aws_environment()
    root = find_root()
    template = Template.load(root / "template.yaml")
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        with started(template, "moto") as service:
            counted = count_requests(service)
            lines = [line for line in log.getvalue().splitlines() if '"request"' in line]
            shares = {"moto": race(root, template, service)}
        with started(template, "memory") as service:
            shares["memory"] = race(root, template, service)
    inexact = [what for what, budget in BUDGETS.items() if counted[what] != budget]
    for what, budget in BUDGETS.items():
        print(f"{'DynamoDB requests: ' + what:<58} {counted[what]:>9}   budget {budget:<9} "
              f"{'OVER' if counted[what] != budget else ''}")  # fmt: skip
    max_bytes = max(len(line.encode()) for line in lines)
    print(f"{'log: bytes of the longest line, one per request':<58} {max_bytes:>9}   budget <= {MAX_LOG_BYTES}")
    for store, (share, mine, theirs) in shares.items():
        what = f"stand-in on {store}: updates per second / bare gateway"
        print(f"{what:<58} {share:>9.2f}   budget >= {LEAST_SHARES[store]:<6} "
              f"{'' if share >= LEAST_SHARES[store] else 'UNDER'} ({mine:.0f} and {theirs:.0f} a second)")  # fmt: skip
    return 1 if inexact or max_bytes > MAX_LOG_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
