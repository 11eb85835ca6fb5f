"""Measure one page of a list of 100,000 recordings on DynamoDB Local: requests, read units and time.

`make bench` runs this with TAPEDECK_DYNAMODB_URL set; moto is too slow for so many rows. Times are compared as ratios.
"""

import base64
import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from tapedeck.adapters.dynamodb.client import to_attributes
from tapedeck.adapters.dynamodb.items import list_entry_key, partition, recording_item, recording_key
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.settings import STANDIN_TOKEN, Settings
from tapedeck_standin.app.paths import find_root
from tapedeck_standin.aws.backend import emulated_aws, isolate_aws_environment
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.template import Template
from tests.units import read_units, size

FEW, MANY = 1_000, 100_000
PAGES: Final = (50, 1000)
ROUNDS: Final = 7
BATCH: Final = 25
THREADS: Final = 4
MAX_SLOWDOWN: Final = 1.5
"""Maximum ratio of the times of a page: long list to short list. Pages are read by key, without scanning the list."""

FEW_ACCOUNT, MANY_ACCOUNT = "a" * 32, "b" * 32
START: Final = 1_700_000_000

# DynamoDB Local checks no signature, and botocore would take most of the time of this program.
_WRITE_HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "Authorization": "AWS4-HMAC-SHA256 Credential=standin/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}


def main() -> int:
    """Print the figures with their budgets. Return 1 if one is exceeded, except that of a time, else 0."""
    url = os.environ["TAPEDECK_DYNAMODB_URL"]
    root = find_root()
    isolate_aws_environment()
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    with emulated_aws(Template.load(root / "template.yaml")), redirect_stdout(sys.stderr):
        for account, count in ((FEW_ACCOUNT, FEW), (MANY_ACCOUNT, MANY)):
            api_bootstrap.get_admin_services().accounts.create(account=account, auth_token=STANDIN_TOKEN)
            insert_recordings(account, count)
        figures = {(account, page): measure(root, account, page) for account in _COUNTS for page in PAGES}
    print(f"one page of recordings, DynamoDB Local, medians of {ROUNDS} rounds")
    failed = False
    for page in PAGES:
        few, many = (figures[account, page] for account in _COUNTS)
        budget = 1 + -(-page // 100)
        holds = many.requests == budget
        failed |= not holds
        _print_row(f"requests: page of {page} out of {MANY:,}", f"{many.requests}", f"= {budget}", holds=holds)
        units, max_units = many.units, page + page / 25 + 1
        failed |= units > max_units
        label = f"read units: page of {page}, items of {many.bytes} bytes"
        _print_row(label, f"{units:.0f}", f"<= {max_units:.0f}", holds=units <= max_units)
        ratio = statistics.median(many.milliseconds) / statistics.median(few.milliseconds)
        label = f"time: page of {page} out of {MANY:,} ({statistics.median(many.milliseconds):.0f} ms) / out of {FEW:,}"
        _print_row(label, f"{ratio:.2f}", f"<= {MAX_SLOWDOWN}", holds=ratio <= MAX_SLOWDOWN)
    return int(failed)


_COUNTS: Final = (FEW_ACCOUNT, MANY_ACCOUNT)


def insert_recordings(account: str, count: int) -> None:
    """Write the list entries of completed recordings of 200 calls, one of which starts each second.

    The recordings themselves are written only where pages are read: nothing else reads them.
    """
    table, url = Settings.read().recordings_table, os.environ["TAPEDECK_DYNAMODB_URL"]
    calls = [new_id(START * 1000) for _ in range(200)]
    ids = [new_id((START + number) * 1000) for number in range(count)]
    is_read = range(count // 2 - max(PAGES), count // 2 + max(PAGES) + 1)
    callback = CallbackSubscription(
        "https://app.example.com/hooks/recording?tenant=42", "POST", ("completed",), "twilio"
    )

    def rows(number: int) -> Iterator[dict[str, Any]]:
        started, call = START + number, calls[number % len(calls)]
        parent = Parent(account, ParentKind.CALL, call)
        yield {**list_entry_key(account, "RECS", ids[number]), "parent": partition(parent)}
        if number in is_read:
            recording = Recording(
                ids[number], parent, RecordingStatus.COMPLETED, Source.START_CALL_RECORDING, started, version=4,
                call=call, started=started, ended=started + 60, duration=60, callback=callback,
            )  # fmt: skip
            item = {**recording_item(recording), "ended": started + 60, "duration": 60, "work": None, "work_at": None}
            yield {**recording_key(parent, recording.id), **item}

    def write(batches: Sequence[Sequence[dict[str, Any]]]) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        for batch in batches:
            puts = [{"PutRequest": {"Item": to_attributes(item)}} for item in batch]
            connection.request("POST", "/", json.dumps({"RequestItems": {table: puts}}), _WRITE_HEADERS)
            response = connection.getresponse()
            body = json.loads(response.read())
            if response.status != 200 or body.get("UnprocessedItems"):
                sys.exit(f"{response.status}: {body}")

    batches = list(batched((row for number in range(count) for row in rows(number)), BATCH))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, [batches[first::THREADS] for first in range(THREADS)]))


def batched(rows: Iterable[dict[str, Any]], size: int) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield the rows in groups; `itertools` has this only from Python 3.12."""
    iterator = iter(rows)
    while group := tuple(islice(iterator, size)):
        yield group


@dataclass
class PageFigures:
    """The cost of one page of a list.

    Args:
        requests: number of DynamoDB requests.
        units: read request units.
        bytes: mean size of an item.
        milliseconds: duration in each round.
    """

    requests: int = 0
    units: float = 0
    bytes: int = 0
    milliseconds: list[float] = field(default_factory=list)


def measure(root: Any, account: str, page: int) -> PageFigures:  # noqa: ANN401 - a path
    """Request a page from the middle of the list repeatedly; the first request is not measured."""
    handler = load_handler(root, "list_recordings")
    figures = PageFigures()
    middle = new_id((START + _COUNT_OF[account] // 2 + page) * 1000)
    for number in range(ROUNDS + 1):
        started = time.perf_counter()
        response = handler(_event(account, f"PageSize={page}&PageToken=PARE{middle}"), None)
        elapsed = (time.perf_counter() - started) * 1000
        if response["statusCode"] != 200 or len(json.loads(response["body"])["recordings"]) != page:
            sys.exit(f"{response['statusCode']}: {response['body'][:200]}")
        if number:
            figures.milliseconds.append(elapsed)
    _count_requests(handler, account, f"PageSize={page}&PageToken=PARE{middle}", figures)
    return figures


_COUNT_OF: Final = {FEW_ACCOUNT: FEW, MANY_ACCOUNT: MANY}


def _count_requests(handler: Any, account: str, query: str, figures: PageFigures) -> None:  # noqa: ANN401 - a handler
    """Request one more page; add up the DynamoDB requests and the read units of the items that they return."""
    client = api_bootstrap.get_api_services().lists._store._database._client  # noqa: SLF001 - its requests are counted
    sizes: list[int] = []

    def record_response(parsed: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's signature
        items = parsed.get("Items") or [item for batch in parsed.get("Responses", {}).values() for item in batch]
        item_sizes = [
            sum(len(name) + size(next(iter(value.values()))) for name, value in item.items()) for item in items
        ]
        figures.requests += 1
        figures.units += read_units(model.name, item_sizes)
        if model.name == "BatchGetItem":
            sizes.extend(item_sizes)

    client.meta.events.register("after-call.dynamodb", record_response)
    try:
        handler(_event(account, query), None)
    finally:
        client.meta.events.unregister("after-call.dynamodb", record_response)
    figures.bytes = round(statistics.mean(sizes))


def _event(account: str, query: str) -> dict[str, Any]:
    path = f"/2010-04-01/Accounts/AC{account}/Recordings.json"
    credentials = base64.b64encode(f"AC{account}:{STANDIN_TOKEN}".encode()).decode()
    return {
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"authorization": f"Basic {credentials}", "host": "localhost"},
        "requestContext": {"http": {"method": "GET", "path": path}},
        "pathParameters": {"AccountSid": f"AC{account}"},
    }


def _print_row(label: str, figure: str, budget: str, *, holds: bool) -> None:
    print(f"{label:<58} {figure:>9}   budget {budget:<9} {'' if holds else 'OVER'}")


if __name__ == "__main__":
    sys.exit(main())
