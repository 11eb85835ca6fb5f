"""Garbage in, dialect error out (G16): 5,000 requests from a seed, none of which may end in a 500 or take long.

Time is measured with a database in memory in moto's place, which would take most of it: what is measured is the
functions' own work, the whole of it, with and without a look into a table.
"""

import base64
import gc
import json
import random
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
from tests.client import DIALECTS, ROOT, Answer, FunctionClient, find_route, make_event
from tests.functions import expected
from tests.thoroughness import scaled
from tests.wire import VendorContract

REQUESTS = scaled(5_000, 1_000)
SEED = 16
MAX_MILLISECONDS = 50

ACCOUNT, TOKEN = "720796a08ee9435083bd2d07a3121f1e", "a" * 32
CALL, CONFERENCE = "43bb71ee553f4074bb208e2747647cce", "2071320dee82457884e0379fb227eb77"
OF_CALL, OF_CONFERENCE = "19e436af56884307b03bbdb2b42b8142", "5b1d7a520c3e4f6a9d7b8f2c6e4a1b03"
CREDENTIALS, RECORDINGS = "credentials", "recordings"


def _held() -> dict[tuple[str, str], Item]:
    """A call in a conference, both in progress with a recording each, and the account."""
    call = Call(ACCOUNT, CALL, CallStatus.IN_PROGRESS, 0, "+1", "+2", api_recording=OF_CALL)
    room = Conference(ACCOUNT, CONFERENCE, "Room", ConferenceStatus.IN_PROGRESS, 0)
    on_call = Recording(
        OF_CALL, Parent(ACCOUNT, ParentKind.CALL, CALL), RecordingStatus.IN_PROGRESS, Source.OUTBOUND_API, 0, call=CALL
    )
    in_room = Recording(
        OF_CONFERENCE, Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE), RecordingStatus.IN_PROGRESS,
        Source.CONFERENCE, 0, call=CALL,
    )  # fmt: skip
    member = Participant(CALL, CONFERENCE, 0, label="customer")
    held = [
        {**items.call_key(ACCOUNT, CALL), **items.call_item(call), **items.initial_write_tokens()},
        {
            **items.participant_key(ACCOUNT, CONFERENCE, CALL),
            **items.participant_item(member),
            **items.initial_write_tokens(),
        },
        {**items.label_key(ACCOUNT, CONFERENCE, "customer"), "call": CALL},
        {**items.conference_key(ACCOUNT, CONFERENCE), **items.conference_item(room), **items.initial_write_tokens()},
        {**items.recording_key(on_call.parent, OF_CALL), **items.recording_item(on_call)},
        {**items.recording_key(in_room.parent, OF_CONFERENCE), **items.recording_item(in_room)},
        {**items.list_entry_key(ACCOUNT, "RECS", OF_CALL), "parent": items.partition(on_call.parent)},
        {"PK": items.name_partition(ACCOUNT, "Room"), "SK": "LIVE", "conference": CONFERENCE},
        {"PK": f"ACCOUNT#{ACCOUNT}", "tokens": [hash_secret(TOKEN)], "keys": {}, "created": 0},
    ]
    return {(str(item["PK"]), str(item.get("SK", ""))): item for item in held}


class Memory:
    """botocore's client of a database that holds a little and never changes; counts what it is asked."""

    def __init__(self) -> None:
        self._items = {key: to_attributes(item) for key, item in _held().items()}
        self.requests: list[str] = []

    def get_item(self, **request: Any) -> dict[str, Any]:
        """One item, or none."""
        self.requests.append(request["TableName"])
        found = self._find(request["Key"])
        return {"Item": found} if found else {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """As if it had been written so before."""
        _serialize(request)
        self.requests.append(request["TableName"])
        found = self._find(request["Key"])
        if found:
            return {"Attributes": found}
        raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")

    def query(self, **request: Any) -> dict[str, Any]:
        """The recordings of a partition, or, where a range begins with the conference, that and its participants."""
        self.requests.append(request["TableName"])
        values = request["ExpressionAttributeValues"]
        begins = ("CONF", "PART#") if ":first" in values else ("REC#",)
        wanted = values[":pk"]["S"]
        found = [item for (pk, sk), item in self._items.items() if pk == wanted and sk.startswith(begins)]
        return {"Items": found}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Those that are there."""
        self.requests += request["RequestItems"]
        ((table, asked),) = request["RequestItems"].items()
        return {"Responses": {table: [item for item in map(self._find, asked["Keys"]) if item]}}

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Refused, because of the item that the first write names; what is done to participants is done."""
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
    """DynamoDB keeps texts that can be spelled in UTF-8, and refuses others."""
    try:
        json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ClientError({"Error": {"Code": "SerializationException"}}, "") from error


@dataclass(frozen=True)
class Garbage:
    """One request, or an event that no gateway should make."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    gateway: Any
    # Turns the event into an odd one.
    spoil: Callable[[dict[str, Any]], None] | None = None


class Fuzzer:
    """Makes garbage from a seed: sensible requests in which one or several parts are not."""

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
        self._random = random.Random(seed)  # noqa: S311 - the same garbage every time
        self._client = FunctionClient(DIALECTS[dialect], ACCOUNT, TOKEN)

    def make(self) -> Garbage:
        """One more."""
        random_source = self._random.random
        method = (
            self._random.choice(("GET", "POST", "POST", "POST")) if random_source() < 0.9 else self._pick(self._METHODS)
        )
        headers = {"Host": "localhost", **self._authorization(), **self._headers()}
        content_type, body = self._body() if method != "GET" or random_source() < 0.1 else ("", b"")
        if content_type or random_source() < 0.1:
            headers["Content-Type"] = content_type
        gateway = self._random.choice(("api-gateway", "sam"))
        spoil = self._spoil() if random_source() < 0.1 else None
        return Garbage(method, self._path(), headers, body, gateway, spoil)

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

    def _spoil(self) -> Callable[[dict[str, Any]], None]:
        name = self._pick(("headers", "body", "rawPath", "rawQueryString", "requestContext", "isBase64Encoded",
                           "pathParameters", "version", "routeKey"))  # fmt: skip
        variable = self._pick(("AccountSid", "CallSid", "ConferenceSid", "RecordingSid"))
        spoils: tuple[Callable[[dict[str, Any]], Any], ...] = (
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
        return self._pick(spoils)  # type: ignore[no-any-return]


def _encoded(fields: Mapping[str, str]) -> bytes:
    return urlencode({name: value.encode("utf-8", "replace") for name, value in fields.items()}).encode()


@pytest.fixture
def memory(settings: Settings, install_environment: Callable[[Environment], object]) -> Iterator[Memory]:
    """The functions' database, in memory; what is in this process besides is not searched for garbage, as deployed."""
    memory = Memory()
    named = replace(settings, recordings_table=RECORDINGS, credentials_table=CREDENTIALS)
    install_environment(
        Environment(lambda: named, make_client=lambda name: memory if name == "dynamodb" else make_client(name))
    )
    api_bootstrap.get_api_services().media()  # creating the S3 client takes long
    gc.collect()
    gc.freeze()
    yield memory
    gc.unfreeze()


def _answer(garbage: Garbage) -> tuple[Answer, float, bool]:
    """The answer, the milliseconds of processor time that it took, and whether `$default` gave it."""
    event = make_event(
        garbage.method, garbage.path, headers=garbage.headers, body=garbage.body, gateway=garbage.gateway
    )
    route, _ = find_route(garbage.method, unquote(garbage.path))
    if garbage.spoil is not None:
        garbage.spoil(event)
    handler = load_handler(ROOT, route.operation)
    event = json.loads(json.dumps(event))
    before = time.process_time()
    reply = handler(event, None)
    milliseconds = (time.process_time() - before) * 1000
    json.dumps(reply, ensure_ascii=False).encode()
    headers = {name.lower(): value for name, value in reply["headers"].items()}
    return Answer(reply["statusCode"], headers, reply["body"].encode()), milliseconds, route.path is None


def _check(contract: VendorContract | None, garbage: Garbage, answer: Answer, *, is_default: bool) -> None:
    """A whole, valid answer in one of the dialects; never a 500."""
    assert answer.status in {200, 201, 204, 400, 401, 404, 405, 413, 422}
    path = unquote(garbage.path)
    if garbage.spoil is not None:
        assert answer.status == 200 or answer.body.keys() & {"code", "errors"}
    elif is_default:
        condition = "method" if is_known(path) else "not found"
        assert (answer.status, answer.body) in [
            expected.refusal(dialect, condition, uri=path) for dialect in ("twilio", "signalwire")
        ]
    elif contract is not None:
        contract.check(garbage.method, path.replace("?", "%3F"), answer.status, answer.headers, answer.text)


def _made(dialect: str, number: int) -> Iterator[Garbage]:
    fuzzer = Fuzzer(SEED, dialect)
    return (fuzzer.make() for _ in range(number))


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("name", list(DIALECTS))
def test_answers_garbage_in_the_dialect(name: str) -> None:
    """Each is answered whole and validly, none with 500, in at most 50 ms of processor time, half in far less."""
    contract = VendorContract() if VendorContract.available() else None
    took, statuses = [], set()
    for number, garbage in enumerate(_made(name, REQUESTS // len(DIALECTS))):
        answer, milliseconds, is_default = _answer(garbage)
        try:
            _check(contract, garbage, answer, is_default=is_default)
        except AssertionError as error:
            raise AssertionError(f"number {number} of seed {SEED}: {garbage}\n{answer}") from error
        took.append(milliseconds)
        statuses.add(answer.status)
    assert statuses >= {200, 400, 401, 404, 405, 413}
    # The first request also reads what Python reads but once.
    assert max(took[1:]) < MAX_MILLISECONDS
    assert statistics.median(took) < MAX_MILLISECONDS / 10


def test_reads_no_table_for_garbage_credentials(memory: Memory) -> None:
    """Whoever cannot be right is refused without a look into any table: a storm of them costs nothing."""
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
            # Only a user of the right form is looked for, and only once.
            user = base64.b64decode(text.removeprefix("Basic "), validate=True).decode().partition(":")[0]
            assert any(dialect.parse_sid(kind, user) for dialect in DIALECTS.values() for kind in ResourceType)
            assert memory.requests == [CREDENTIALS]
        else:
            refused += 1
    assert refused > 50


@pytest.mark.usefixtures("memory")
def test_takes_ten_megabytes_at_once() -> None:
    """A body of 10 MB, which API Gateway lets through, is refused in time, unparsed."""
    client = FunctionClient(DIALECTS["signalwire"], ACCOUNT, TOKEN)
    path = client.path("Conferences", client.sid(ResourceType.CONFERENCE, CONFERENCE))
    headers = {"Authorization": client._basic(), "Content-Type": "application/x-www-form-urlencoded"}
    body = b"x=" + b"y" * 10_000_000
    event = make_event("POST", path, headers=headers, body=body, gateway="api-gateway")
    handler = load_handler(ROOT, "update_conference")
    took = []
    for _ in range(3):
        before = time.process_time()
        reply = handler(event, None)
        took.append((time.process_time() - before) * 1000)
        assert reply["statusCode"] == 413
    assert min(took) < MAX_MILLISECONDS
