"""Fuzz test: up to 20,000 malformed requests from a fixed seed, each with a valid dialect error within a time limit.

The database is in memory, so the measured time is that of the functions themselves.
"""

import base64
import gc
import json
import random
import re
import statistics
import string
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb import items
from tapedeck.adapters.dynamodb.client import Item, to_attributes
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.http.routes import is_known
from tapedeck.operations.authentication import hash_secret
from tapedeck.settings import Settings
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, Answer, FunctionClient, find_route, forward_in_process, make_event
from tests.functions import expected
from tests.thoroughness import scaled
from tests.wire.validator import check_response

REQUESTS = scaled(deep=20_000, ci=1_500, fast=150)
SEED = 16
MAX_MILLISECONDS = 1_000
"""Of CPU time: far above the usual time, far below that of input that a parser reads again and again."""

ACCOUNT, TOKEN = "720796a08ee9435083bd2d07a3121f1e", "a" * 32
CALL, CONFERENCE = "43bb71ee553f4074bb208e2747647cce", "2071320dee82457884e0379fb227eb77"
OF_CALL, OF_CONFERENCE = "19e436af56884307b03bbdb2b42b8142", "5b1d7a520c3e4f6a9d7b8f2c6e4a1b03"
CREDENTIALS, RECORDINGS = "credentials", "recordings"


def _stored_items() -> dict[tuple[str, str], Item]:
    """Return the items of an account with a call in a conference, each with a recording in progress."""
    call = Call(ACCOUNT, CALL, CallStatus.IN_PROGRESS, 0, "+1", "+2", api_recording=OF_CALL)
    conference = Conference(ACCOUNT, CONFERENCE, "Room", ConferenceStatus.IN_PROGRESS, 0)
    of_call = Recording(
        OF_CALL, Parent(ACCOUNT, ParentKind.CALL, CALL), RecordingStatus.IN_PROGRESS, Source.OUTBOUND_API, 0, call=CALL
    )
    of_conference = Recording(
        OF_CONFERENCE, Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE), RecordingStatus.IN_PROGRESS,
        Source.CONFERENCE, 0, call=CALL,
    )  # fmt: skip
    participant = Participant(CALL, CONFERENCE, 0, label="customer")
    stored = [
        {**items.call_key(ACCOUNT, CALL), **items.call_item(call), **items.initial_write_tokens()},
        {
            **items.participant_key(ACCOUNT, CONFERENCE, CALL),
            **items.participant_item(participant),
            **items.initial_write_tokens(),
        },
        {**items.label_key(ACCOUNT, CONFERENCE, "customer"), "call": CALL},
        {
            **items.conference_key(ACCOUNT, CONFERENCE),
            **items.conference_item(conference),
            **items.initial_write_tokens(),
        },
        {**items.recording_key(of_call.parent, OF_CALL), **items.recording_item(of_call)},
        {**items.recording_key(of_conference.parent, OF_CONFERENCE), **items.recording_item(of_conference)},
        {**items.list_entry_key(ACCOUNT, "RECS", OF_CALL), "parent": items.partition(of_call.parent)},
        {"PK": items.name_partition(ACCOUNT, "Room"), "SK": "LIVE", "conference": CONFERENCE},
        {"PK": f"ACCOUNT#{ACCOUNT}", "tokens": [hash_secret(TOKEN)], "keys": {}, "created": 0},
    ]
    return {(str(item["PK"]), str(item.get("SK", ""))): item for item in stored}


class Memory:
    """Imitates botocore's DynamoDB client over a few fixed items and records the table of each request."""

    def __init__(self) -> None:
        self._items = {key: to_attributes(item) for key, item in _stored_items().items()}
        self.requests: list[str] = []

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Return the item, if there is one."""
        self.requests.append(request["TableName"])
        found = self._find(request["Key"])
        return {"Item": found} if found else {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Return the unchanged item, as if the update had no effect; fail the condition if there is none."""
        _serialize(request)
        self.requests.append(request["TableName"])
        found = self._find(request["Key"])
        if found:
            return {"Attributes": found}
        raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")

    def query(self, **request: Any) -> dict[str, Any]:
        """Return a partition's recordings, or, for a range query, the conference and its participants."""
        self.requests.append(request["TableName"])
        values = request["ExpressionAttributeValues"]
        begins = ("CONF", "PART#") if ":first" in values else ("REC#",)
        partition = values[":pk"]["S"]
        found = [item for (pk, sk), item in self._items.items() if pk == partition and sk.startswith(begins)]
        return {"Items": found}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return the items that exist."""
        self.requests += request["RequestItems"]
        ((table, read),) = request["RequestItems"].items()
        return {"Responses": {table: [item for item in map(self._find, read["Keys"]) if item]}}

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Accept a transaction that writes participants; else fail the condition of its first write."""
        _serialize(request)
        (write,) = request["TransactItems"][0].values()
        self.requests.append(write["TableName"])
        keys = [each.get("Key") or each["Item"] for item in request["TransactItems"] for each in item.values()]
        if any(key["SK"]["S"].startswith("PART#") for key in keys):
            return {}
        found = self._find(write.get("Key") or write["Item"])
        reasons = [{"Code": "ConditionalCheckFailed", "Item": found}, *({"Code": "None"},) * 2]
        failed = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(failed, "TransactWriteItems")  # type: ignore[arg-type]

    def _find(self, key: Mapping[str, Any]) -> dict[str, Any]:
        return self._items.get((key["PK"]["S"], key.get("SK", {"S": ""})["S"]), {})


def _serialize(request: Mapping[str, Any]) -> None:
    """Raise DynamoDB's error for text that cannot be encoded in UTF-8."""
    try:
        json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ClientError({"Error": {"Code": "SerializationException"}}, "") from error


@dataclass(frozen=True)
class Garbage:
    """One fuzzed request, or an event that no gateway would make."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    gateway: Any
    # Makes the event malformed.
    corrupt: Callable[[dict[str, Any]], None] | None = None


class Fuzzer:
    """Makes requests from a seed: valid ones with one or several malformed parts."""

    _METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "", "BREW")
    _NASTY = (
        "",
        "\0",
        "%",
        "%zz",
        "%00",
        "%ff",
        "..",
        "é",
        "\u202e",
        "😀",
        "a" * 2_000,
        "{uri}",
        "'\"<>",
        "\\",
        "$(x)",
    )
    _WORDS = (
        "paused", "in-progress", "stopped", "completed", "absent", "skip", "silence", "mono", "dual", "both", "POST",
        "client:a", "+13105678901", "customer", "onEnter", "start leave", "60",
        "GET", "trim-silence", "https://a.example/", "http://[::1", "https://a:99999/", "//a", "true", "0", " ",
    )  # fmt: skip
    _FIELDS = (
        "Status", "PauseBehavior", "RecordingChannels", "RecordingTrack", "Trim", "RecordingStatusCallback",
        "RecordingStatusCallbackMethod", "RecordingStatusCallbackEvent", "AnnounceUrl", "AnnounceMethod", "Other",
        "Muted", "Hold", "HoldUrl", "Coaching", "CallSidToCoach", "From", "To", "Label", "Beep", "Timeout", "TimeLimit",
        "ConferenceRecord", "ConferenceStatusCallbackEvent", "Url", "Twiml", "StatusCallback",
    )  # fmt: skip
    _SHAPES = (
        "Calls/{call}", "Calls/{call}/Recordings", "Calls/{call}/Recordings/{of_call}", "Conferences/{conference}",
        "Conferences/{conference}/Recordings/{of_conference}", "Calls/{call}/Recordings/Twilio.CURRENT",
        "Conferences/Room", "Conferences/{conference}/Recordings/Twilio.CURRENT",
        "Conferences/{conference}/Participants", "Conferences/{conference}/Participants/{call}",
        "Conferences/{conference}/Participants/customer", "Conferences/Room/Participants",
        "Recordings/{of_call}", "Recordings/{of_call}.wav", "Recordings/{of_call}.mp3",
    )  # fmt: skip

    def __init__(self, seed: int, dialect: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not a secret
        self._client = FunctionClient(DIALECTS[dialect], ACCOUNT, TOKEN)

    def make(self) -> Garbage:
        """Make the next request."""
        random_source = self._random.random
        method = (
            self._random.choice(("GET", "POST", "POST", "POST")) if random_source() < 0.9 else self._pick(self._METHODS)
        )
        headers = {"Host": "localhost", **self._authorization(), **self._headers()}
        content_type, body = self._body() if method != "GET" or random_source() < 0.1 else ("", b"")
        if content_type or random_source() < 0.1:
            headers["Content-Type"] = content_type
        gateway = self._random.choice(("api-gateway", "sam"))
        corrupt = self._corruption() if random_source() < 0.1 else None
        return Garbage(method, self._path(), headers, body, gateway, corrupt)

    def _pick(self, choices: Any) -> Any:
        return self._random.choice(choices)

    def _path(self) -> str:
        client, random_source = self._client, self._random.random
        ids = {
            "call": client.sid(ResourceType.CALL, CALL),
            "conference": client.sid(ResourceType.CONFERENCE, CONFERENCE),
            "of_call": client.sid(ResourceType.RECORDING, OF_CALL),
            "of_conference": client.sid(ResourceType.RECORDING, OF_CONFERENCE),
        }
        if random_source() < 0.3:
            ids[self._pick(list(ids))] = quote(self._text(), safe="")
        root = self._pick(("/2010-04-01", "/api/laml/2010-04-01"))
        account = client.sid(ResourceType.ACCOUNT, ACCOUNT) if random_source() < 0.9 else quote(self._text(), safe="")
        path = f"{root}/Accounts/{account}/{self._pick(self._SHAPES).format(**ids)}{self._pick(('', '.json'))}"
        if random_source() < 0.05:
            position = self._random.randrange(len(path))
            path = path[:position] + quote(self._text(), safe="") + path[position + 1 :]
        return path

    def _text(self) -> str:
        length = self._random.choice((1, 3, 32, 34, 36))
        random_text = "".join(self._random.choices(string.printable + "é☎", k=length))
        hexadecimal = f"{self._random.getrandbits(128):032x}"
        spelled = self._client.sid(self._pick(list(ResourceType)), hexadecimal)
        return str(self._pick((random_text, hexadecimal, spelled, spelled, spelled.upper(), self._pick(self._NASTY))))

    def _authorization(self) -> dict[str, str]:
        if self._random.random() < 0.8:
            return {"Authorization": self._client._basic()}
        user = self._pick((self._client.sid(ResourceType.ACCOUNT, ACCOUNT), self._text()))
        encoded = base64.b64encode(f"{user}:{self._text()}".encode("utf-8", "replace")).decode()
        odd = ("", "Basic", "Basic ", f"Bearer {TOKEN}", f"Basic {encoded}", f"Basic {encoded[:-1]}", "Basic é",
               f"Basic {encoded}\0", "Basic " + "A" * 20_000, self._text())  # fmt: skip
        return {self._pick(("Authorization", "authorization", "AUTHORIZATION")): str(self._pick(odd))}

    def _headers(self) -> dict[str, str]:
        if self._random.random() < 0.8:
            return {}
        name = self._pick(("X-Long", "Cookie", "Accept", "Content-Length", "Range", "X-Forwarded-For", "X-é"))
        return {name: self._pick(("x" * 20_480, "\0", "-1", "é", "bytes=0-1", self._text()))}

    def _body(self) -> tuple[str, bytes]:
        form, as_json = "application/x-www-form-urlencoded", "application/json"
        fields = {
            self._pick((*self._FIELDS, self._text())): self._pick((*self._WORDS, self._text()))
            for _ in range(self._random.choice((0, 1, 2, 3)))
        }
        kinds: tuple[Callable[[], tuple[str, bytes]], ...] = (
            lambda: (form, _encoded(fields)),
            lambda: (form, _encoded(fields)),
            lambda: (as_json, json.dumps(fields).encode()),
            lambda: (as_json, json.dumps({name: [value, None, 1.5, {}] for name, value in fields.items()}).encode()),
            lambda: (as_json, json.dumps({**fields, "AnnounceUrl": "https://a/\ud800", "Status": "\udfff"}).encode()),
            lambda: (as_json, json.dumps({**fields, "RecordingStatusCallback": "https://a/\ud800"}).encode()),
            lambda: (as_json, self._pick((b"", b"{", b"[]", b"nul", b'"x"', b"NaN", b'{"Status": NaN}', b"\xff{}"))),
            lambda: (as_json, b"[" * self._random.choice((100, 60_000))),
            lambda: (as_json, b'{"Status":' * 6_000),
            lambda: (as_json, b'{"Status": 1' + b"0" * 5_000 + b"}"),
            lambda: (form, self._random.randbytes(self._random.choice((1, 10, 1_000)))),
            lambda: (form, b"Status=" + self._pick((b"%zz", b"%", b"%0", b"%ff", b"\xff", b"\0", b"+", b"%00"))),
            lambda: (form, b"&".join(b"f%d=1" % number for number in range(self._pick((199, 200, 201, 5_000))))),
            lambda: (form, self._pick((b"=" * 300, b"&" * 300, b";" * 300, b"Status", b"=paused", b"Status==paused"))),
            lambda: (self._pick(("text/plain", "multipart/form-data", "a/b+json", "\0", "é")), _encoded(fields)),
            lambda: (self._pick((form, as_json)), b"x=" + b"y" * self._random.choice((65_000, 65_536, 200_000))),
        )  # fmt: skip
        return self._pick(kinds)()  # type: ignore[no-any-return]

    def _corruption(self) -> Callable[[dict[str, Any]], None]:
        name = self._pick(("headers", "body", "rawPath", "rawQueryString", "requestContext", "isBase64Encoded",
                           "pathParameters", "version", "routeKey"))  # fmt: skip
        variable = self._pick(("AccountSid", "CallSid", "ConferenceSid", "RecordingSid"))
        corruptions: tuple[Callable[[dict[str, Any]], Any], ...] = (
            lambda event: event.pop(name, None),
            lambda event: event.update({name: None}),
            lambda event: event.get("pathParameters", {}).pop(variable, None),
            lambda event: event.update(body="!!!", isBase64Encoded=True),
            lambda event: event.update(body="é", isBase64Encoded=True),
            lambda event: event.update(headers={}),
            lambda event: event["requestContext"].pop("http"),
            lambda event: event["requestContext"]["http"].clear(),
            lambda event: event.clear(),
        )
        return self._pick(corruptions)  # type: ignore[no-any-return]


def _encoded(fields: Mapping[str, str]) -> bytes:
    return urlencode({name: value.encode("utf-8", "replace") for name, value in fields.items()}).encode()


@pytest.fixture
def memory(settings: Settings, install_environment: Callable[[Environment], object]) -> Iterator[Memory]:
    """The functions' in-memory database; other objects are frozen, so that garbage collection costs no time."""
    memory = Memory()
    named = replace(settings, recordings_table=RECORDINGS, credentials_table=CREDENTIALS)
    install_environment(
        Environment(
            lambda: named,
            make_client=lambda name: memory if name == "dynamodb" else make_client(name),
            forwarder=forward_in_process,
        )
    )
    api_bootstrap.get_api_services().make_media()  # creates its slow S3 client before the measurement
    gc.collect()
    gc.freeze()
    yield memory
    gc.unfreeze()


def _answer(garbage: Garbage) -> tuple[Answer, float, bool]:
    """Return the response, its CPU time in milliseconds, and whether `$default` answered."""
    event = make_event(
        garbage.method, garbage.path, headers=garbage.headers, body=garbage.body, gateway=garbage.gateway
    )
    route, _ = find_route(garbage.method, unquote(garbage.path))
    if garbage.corrupt is not None:
        garbage.corrupt(event)
    handler = load_handler(ROOT, route.operation)
    event = json.loads(json.dumps(event))
    before = time.process_time()
    reply = handler(event, None)
    milliseconds = (time.process_time() - before) * 1000
    json.dumps(reply, ensure_ascii=False).encode()
    headers = {name.lower(): value for name, value in reply["headers"].items()}
    content = base64.b64decode(reply["body"]) if reply["isBase64Encoded"] else reply["body"].encode()
    is_default = find_route(garbage.method, _path_of(garbage))[0].path is None
    return Answer(reply["statusCode"], headers, content), milliseconds, is_default


def _path_of(garbage: Garbage) -> str:
    """Return the decoded path; doubled slashes count as one."""
    return re.sub("/{2,}", "/", unquote(garbage.path))


def _check(garbage: Garbage, answer: Answer, *, is_default: bool) -> None:
    """Check that the response is valid in one of the dialects and never a 500."""
    assert answer.status in {200, 201, 204, 400, 401, 404, 405, 413, 422}
    path = _path_of(garbage)
    if garbage.corrupt is not None:
        assert answer.status in {200, 204} or answer.body.keys() & {"code", "errors"}
    elif is_default:
        condition = "method" if is_known(path) else "not found"
        assert (answer.status, answer.body) in [
            expected.refusal(dialect, each, uri=path)
            for dialect in ("twilio", "signalwire")
            for each in (condition, "no credentials", "bad credentials")
        ]
    if garbage.corrupt is None:
        check_response(garbage.method, path.replace("?", "%3F"), answer.status, answer.headers, answer.text)


def _made(dialect: str, number: int) -> Iterator[Garbage]:
    fuzzer = Fuzzer(SEED, dialect)
    return (fuzzer.make() for _ in range(number))


@pytest.mark.sized
@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("name", list(DIALECTS))
def test_rejects_malformed_requests_in_the_dialect(name: str) -> None:
    """Each request gets a valid response, never 500, within a second of CPU time, the median within 50 ms."""
    times, statuses = [], set()
    for number, garbage in enumerate(_made(name, REQUESTS // len(DIALECTS))):
        answer, milliseconds, is_default = _answer(garbage)
        try:
            _check(garbage, answer, is_default=is_default)
        except AssertionError as error:
            raise AssertionError(f"number {number} of seed {SEED}: {garbage}\n{answer}") from error
        times.append(milliseconds)
        statuses.add(answer.status)
    assert statuses >= {200, 400, 401, 404, 405, 413}
    # The first request includes one-time imports.
    assert max(times[1:]) < MAX_MILLISECONDS
    assert statistics.median(times) < MAX_MILLISECONDS / 20


def test_malformed_credentials_read_no_table(memory: Memory) -> None:
    """Malformed credentials are rejected without reading a table, so a flood of them costs no reads."""
    fuzzer = Fuzzer(SEED, "twilio")
    refused = 0
    for _ in range(500):
        header = fuzzer._authorization()
        if header == {"Authorization": fuzzer._client._basic()}:
            continue
        memory.requests.clear()
        garbage = Garbage("GET", fuzzer._client.path("Calls", f"CA{CALL}"), header, b"", "api-gateway")
        answer, _, _ = _answer(garbage)
        assert answer.status == 401
        ((_, text),) = header.items()
        if memory.requests:
            # Only a well-formed user is looked up, and only once.
            user = base64.b64decode(text.removeprefix("Basic "), validate=True).decode().partition(":")[0]
            assert any(dialect.parse_sid(kind, user) for dialect in DIALECTS.values() for kind in ResourceType)
            assert memory.requests == [CREDENTIALS]
        else:
            refused += 1
    assert refused > 50


@pytest.mark.usefixtures("memory")
def test_rejects_ten_megabytes_in_time() -> None:
    """A body of 10 MB, which API Gateway accepts, is rejected within the time limit, unparsed."""
    client = FunctionClient(DIALECTS["signalwire"], ACCOUNT, TOKEN)
    path = client.path("Conferences", client.sid(ResourceType.CONFERENCE, CONFERENCE))
    headers = {"Authorization": client._basic(), "Content-Type": "application/x-www-form-urlencoded"}
    body = b"x=" + b"y" * 10_000_000
    event = make_event("POST", path, headers=headers, body=body, gateway="api-gateway")
    handler = load_handler(ROOT, "update_conference")
    times = []
    for _ in range(3):
        before = time.process_time()
        reply = handler(event, None)
        times.append((time.process_time() - before) * 1000)
        check_response("POST", path, reply["statusCode"], reply["headers"], reply["body"])
        assert reply["statusCode"] == 413
    assert min(times) < MAX_MILLISECONDS
