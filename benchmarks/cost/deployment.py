"""A deployment in this process: the real functions with counting clients, an engine, a connector and a receiver."""

import base64
import hashlib
import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import count
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest

from benchmarks.cost.wire import CountingBuckets, CountingBus, CountingDynamoDB, CountingKms, CountingQueues, Meter
from dynamodb_memory.client import MemoryChanges, MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.urgent_queue import UrgentEngineQueues
from tapedeck.background.urgent_commands import UrgentCommands
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, OutboundClients, installed
from tapedeck.domain import identity
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.identity import new_id
from tapedeck.observability import CanonicalLog
from tapedeck.operations.authentication import hash_secret
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.engines import PresenceStore, RegisteredEngine
from tapedeck.ports.messaging import WebhookRequest, WebhookResult
from tapedeck.ports.stores import Store
from tapedeck.settings import Settings
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.template import Template
from tapedeck_standin.recordings.audio import Part, make_wav
from tests.client import ROOT, find_route, make_event

TEMPLATE: Final = Template.load(ROOT / "template.yaml")
ENGINE: Final = "ast1"
_TOKEN: Final = f"tdk_{ENGINE}_{'t' * 43}"
_SERVICE: Final = "tape-sum"
"""As long as `tapedeck`, but of no other log: the logger, and where it writes, are cached by this name."""

_WRITTEN: Final = StringIO()
"""The log lines of all deployments."""

_START_MS: Final = 1_750_000_000_000
_DURATION: Final = re.compile(r'("[Mm]illiseconds": ?)[\d.]+')
_CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "A" * 20, "AWS_SECRET_ACCESS_KEY": "s" * 40, "AWS_SESSION_TOKEN": "t" * 400}
CONFIRMED_BY: Final = {
    "recording.start": "recording.started",
    "recording.pause": "recording.paused",
    "recording.resume": "recording.resumed",
    "recording.stop": "recording.stopped",
}
"""The engine event that confirms each command."""


class Deployment:
    """The functions of the template, called in this process.

    Args:
        parameters: the template parameters that are not at their default.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.meter = Meter()
        self.now = _START_MS
        self._numbers = count(1)
        memory = MemoryDynamoDB(lambda: self.now)
        tables = TEMPLATE.create_tables(memory)
        self._changes = MemoryChanges(memory, tables["RecordingsTable"])
        self.queue_urls = {
            name: f"https://sqs.us-east-1.amazonaws.com/1/{name}{'.fifo' if each.get('FifoQueue') else ''}"
            for name, each in TEMPLATE.resources("AWS::SQS::Queue").items()
        }
        buckets = {"MediaBucket": "media", "FailedBatchesBucket": "failed"}
        values = {**tables, **self.queue_urls, **buckets, "SigningKey": "key", "EventBus": "bus"}
        variables = {**TEMPLATE.environment({**values, **parameters}), "SERVICE": _SERVICE}
        self._settings = Settings.read(variables)
        self.commands_url = f"{self._settings.engine_queue_prefix}{ENGINE}"
        self._dynamodb = CountingDynamoDB(memory, self.meter)
        self.queues, self.buckets = CountingQueues(self.meter), CountingBuckets(self.meter)
        self._clients = {
            "dynamodb": self._dynamodb, "sqs": self.queues, "s3": self.buckets, "kms": CountingKms(self.meter),
            "events": CountingBus(self.meter), "sts": SimpleNamespace(assume_role=self._assume_role),
        }  # fmt: skip

    @contextmanager
    def running(self) -> Iterator["Deployment"]:
        """Install the deployment: an account, an engine with a session, and an answered call."""
        environment = Environment(
            read_settings=lambda: self._settings,
            clock=lambda: self.now,
            make_client=self._clients.__getitem__,
            make_log=lambda settings: CanonicalLog(settings.service),
            make_outbound_clients=self._outbound_clients,
            make_confirmations=self._confirmations,
        )
        # The FIFO groups of callbacks depend on ids, so that random ones would be counted differently each time.
        seeded = SimpleNamespace(randbits=random.Random(1).getrandbits)  # noqa: S311 - ids of a calculation
        with (
            patch.dict("os.environ", _CREDENTIALS),
            patch.object(identity, "secrets", seeded),
            redirect_stdout(_WRITTEN),
            installed(environment),
        ):
            made = api_bootstrap.get_admin_services().accounts.create()
            self.account, self._secret = made.account, made.auth_token
            credentials = DynamoDBTable(self._dynamodb, self._settings.credentials_table, lambda _: None)
            registry = EngineRegistryTable(credentials)
            registry.put_engine(RegisteredEngine(MediaEngine(ENGINE, None), (hash_secret(_TOKEN),), self.now // 1000))
            opening = {"protocol": 2, "boot": "b" * 32, "capabilities": {}, "sent_at": self.now, "live": []}
            assert "engine" in self._post_engine("sessions", opening)
            yield self

    def measured(self) -> Meter:
        """Return what was counted since the last call; the log lines count as they were written."""
        lines = _DURATION.sub(r"\g<1>12.34", _WRITTEN.getvalue())
        _WRITTEN.seek(0)
        _WRITTEN.truncate()
        self.meter.add("log bytes", len(lines.encode()))
        found = Meter()
        found.units, self.meter.units = self.meter.units, found.units
        found.by_function, self.meter.by_function = self.meter.by_function, found.by_function
        return found

    def make_id(self) -> str:
        """Return an id of the current time."""
        return new_id(self.now)

    def request(self, method: str, *parts: str, form: str = "") -> dict[str, Any]:
        """Send a request of the API in Twilio's dialect; it must succeed."""
        sid = f"AC{self.account}"
        headers = {
            "Host": "api.example.com", "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": "Basic " + base64.b64encode(f"{sid}:{self._secret}".encode()).decode(),
        }  # fmt: skip
        path = "/".join(("/2010-04-01/Accounts", sid, *parts)) + ".json"
        event = make_event(method, path, headers=headers, body=form.encode(), gateway="api-gateway")
        answer = self._invoke(find_route(method, path)[0].operation, event)
        assert answer["statusCode"] < 300, answer
        found: dict[str, Any] = json.loads(answer["body"])
        return found

    def report(self, *events: Mapping[str, Any]) -> None:
        """Report engine events, up to 50 in one request; all are taken."""
        for first in range(0, len(events), 50):
            self.now += 100
            complete = [
                {"id": self.make_id(), "account": self.account, "seq": next(self._numbers), "at": self.now, **event}
                for event in events[first : first + 50]
            ]
            body = {"protocol": 2, "boot": "b" * 32, "sent_at": self.now, "events": complete}
            outcomes = {each["outcome"] for each in self._post_engine("events", body)["results"]}
            assert outcomes <= {"taken", "repeated"}, outcomes

    def carry_out_commands(self) -> None:
        """Receive commands as a connector does, and report what they led to, up to ten at once."""
        for taken in self.queues.receive(self.commands_url, 10):
            self.report(*(confirmation_of(json.loads(body)) for body, _ in taken))

    def publish(self) -> None:
        """Call publish_changes with all changes, up to 100 at once."""
        while records := [each for each in self._changes.drain() if _is_published(each)]:
            for first in range(0, len(records), 100):
                self._invoke("publish_changes", {"Records": records[first : first + 100]})

    def deliver(self) -> None:
        """Deliver the queued callbacks."""
        self._consume("CallbacksQueue", "deliver_callback")

    def convert(self) -> None:
        """Convert the noted captures."""
        self._consume("FinishingQueue", "finish_recording")

    def upload(self, call: str, recording: str) -> dict[str, Any]:
        """Upload a capture as a connector does; return the event that reports it."""
        content = make_wav([Part(2_000, is_sound=True)], [True])
        digest = hashlib.sha256(content)
        parent = {"type": "call", "id": call}
        opening = {"account": self.account, "parent": parent, "recording": recording, "bytes": len(content)}
        opened = self._post_engine("uploads", {**opening, "sha256": digest.hexdigest()})
        key = f"{self.account}/{recording}/capture.wav"
        self.buckets.upload(key, content, base64.b64encode(digest.digest()).decode())
        return {
            "type": "recording.completed", "parent": parent, "recording": recording, "ticket": opened["ticket"],
            "bytes": len(content), "sha256": digest.hexdigest(),
        }  # fmt: skip

    def reconcile(self) -> None:
        """Run the reconciler once."""
        self.now += 60_000
        self.meter.add("schedules")
        self._invoke("reconcile", {})

    def _consume(self, queue: str, operation: str) -> None:
        for batch in self.queues.receive(self.queue_urls[queue], 1):
            records = [
                {"messageId": "m", "body": body, "eventSource": "aws:sqs", "attributes": {"MessageGroupId": group}}
                for body, group in batch
            ]
            self._invoke(operation, {"Records": records})

    def _post_engine(self, route: str, body: object) -> dict[str, Any]:
        path = f"/engine/v2/{route}"
        headers = {"Host": "api.example.com", "Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}
        event = make_event("POST", path, headers=headers, body=json.dumps(body).encode(), gateway="api-gateway")
        found: dict[str, Any] = json.loads(self._invoke(find_route("POST", path)[0].operation, event)["body"])
        return found

    def _invoke(self, operation: str, event: Mapping[str, Any]) -> dict[str, Any]:
        with self.meter.invocation(operation, _memory(operation), is_routed="requestContext" in event):
            answer = load_handler(ROOT, operation)(event, None)
        assert not answer.get("batchItemFailures"), (operation, answer)
        return answer

    def _outbound_clients(self, environment: Environment, settings: Settings) -> OutboundClients:
        clients = background_bootstrap.aws_outbound_clients(environment, settings)
        return replace(clients, webhook_client=self, sleep=lambda _seconds: None, monotonic_clock=lambda: self.now)

    def send(self, request: Any) -> Any:  # noqa: ANN401 - a webhook or a request to SQS
        """Answer a webhook, as the customer's server; or take the command of a request that waits."""
        if isinstance(request, WebhookRequest):
            self.meter.spend("webhook")
            return WebhookResult(200, None, 100)
        assert isinstance(request, AWSPreparedRequest)
        assert isinstance(request.body, bytes)
        self.meter.spend("sqs")
        self.queues.count(self.commands_url)
        self.queues.put(self.commands_url, json.loads(request.body)["MessageBody"])
        return SimpleNamespace(status_code=200)

    def pause(self, milliseconds: int) -> None:
        """Let a request wait, while the connector carries out what it was sent."""
        self.meter.wait(milliseconds)
        self.now += milliseconds
        self.carry_out_commands()

    def _confirmations(self, store: Store, presences: PresenceStore) -> Confirmations:
        queues = UrgentEngineQueues(self._settings.engine_queue_prefix, lambda: self)
        return Confirmations(
            store, UrgentCommands(queues, lambda: self.now), presences, self, 2_500, lambda: self.now, lambda: self.now
        )

    def _assume_role(self, **_: object) -> dict[str, Any]:
        expiry = SimpleNamespace(timestamp=lambda: self.now / 1000 + 3_600)
        return {
            "Credentials": {
                "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expiry,
            }
        }  # fmt: skip


def confirmation_of(command: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine event that confirms a command of a recording."""
    named = {name: command[name] for name in ("parent", "recording", "version")}
    return {"type": CONFIRMED_BY[command["type"]], **named, "command": command["id"]}


def _memory(operation: str) -> int:
    names = {folder: name for name, folder in TEMPLATE.operations.items()}
    own = TEMPLATE.resources("AWS::Serverless::Function")[names[operation]].get("MemorySize")
    return int(own or TEMPLATE.content["Globals"]["Function"]["MemorySize"])


def _is_published(record: Mapping[str, Any]) -> bool:
    """Whether the filter of the stream passes a record."""
    sort_key = record["dynamodb"]["Keys"]["SK"]["S"]
    return sort_key in {"CALL", "CONF"} or sort_key.startswith(("PART#", "REC#"))
