"""A deployment on doubles of AWS's services, which keeps everything that the functions send, store, log and answer.

The adapters are the real ones: what is kept are their requests, with all attributes, and the messages and objects as
SQS and Lambda keep them.
"""

import base64
import io
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError

from tapedeck.adapters.urgent_queue import UrgentEngineQueues
from tapedeck.background.urgent_commands import UrgentCommands
from tapedeck.bootstrap.background import aws_outbound_clients
from tapedeck.bootstrap.environment import Environment, OutboundClients, current_environment
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.observability import CanonicalLog
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.engines import PresenceStore
from tapedeck.ports.messaging import QueueMessage, WebhookResult
from tapedeck.ports.stores import Store
from tapedeck.settings import Settings
from tapedeck_standin.aws.event_sources import StreamSource
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import ROOT
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.functions.stage import Clock

QUEUES: Final = "https://sqs.us-east-1.amazonaws.com/123456789012/"
ENGINE_QUEUES: Final = f"{QUEUES}tapedeck_engine_"
LENT_KEY: Final = "canary-lent-secret-key"
LENT_TOKEN: Final = "canary-lent-session-token"
MAX_ATTEMPTS: Final = 5


@dataclass
class Places:
    """Texts by the place where they were seen."""

    texts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, place: str, content: object) -> None:
        """Note what was seen in a place; bytes in objects and items appear in base64."""
        self.texts[place].append(content if isinstance(content, str) else json.dumps(content, default=_readable))

    def __getitem__(self, place: str) -> str:
        """Everything that was seen in a place."""
        return "\n".join(self.texts[place])


def _readable(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def _masked(content: bytes) -> bytes:
    """Encrypt and decrypt: the double of KMS."""
    return bytes(each ^ 0x5A for each in content)


@dataclass
class Services:
    """Doubles of botocore's clients of SQS, EventBridge, KMS and STS, which keep each request."""

    places: Places
    queued: defaultdict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """The entries of each queue."""
    failing: set[str] = field(default_factory=set)
    """The operations that fail, with a message that quotes their request."""

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Queue messages."""
        queue = request["QueueUrl"].removeprefix(QUEUES)
        self._take("send_message_batch", f"queue {queue}", request)
        self.queued[queue] += request["Entries"]
        return {"Successful": [{"Id": each["Id"]} for each in request["Entries"]]}

    def put_events(self, **request: Any) -> dict[str, Any]:
        """Publish events."""
        self._take("put_events", "bus", request)
        return {"Entries": [{"EventId": "1"} for _ in request["Entries"]]}

    def encrypt(self, **request: Any) -> dict[str, Any]:
        """Encrypt a secret, which only this request has."""
        plaintext = request.pop("Plaintext")
        self._take("encrypt", "requests to KMS", request)
        return {"CiphertextBlob": _masked(plaintext)}

    def decrypt(self, **request: Any) -> dict[str, Any]:
        """Decrypt a secret."""
        self._take("decrypt", "requests to KMS", request)
        return {"Plaintext": _masked(request["CiphertextBlob"])}

    def assume_role(self, **request: Any) -> dict[str, Any]:
        """Lend credentials."""
        self._take("assume_role", "requests to STS", request)
        lent = {"AccessKeyId": "AKIA", "SecretAccessKey": LENT_KEY, "SessionToken": LENT_TOKEN}
        return {"Credentials": {**lent, "Expiration": datetime(2030, 1, 1, tzinfo=UTC)}}

    def send(self, request: Any) -> SimpleNamespace:
        """Send a command at once, over HTTP; its signature is made with AWS's own credentials."""
        headers = {name: str(value) for name, value in request.headers.items()}
        self._take("send", "urgent command", [request.url, headers, request.body.decode()])
        return SimpleNamespace(status_code=200)

    def note_object(self, request: Any, **_context: object) -> None:
        """Keep a request to S3, apart from its content and its signature; a handler of botocore's `before-send`."""
        headers = {name: str(value) for name, value in request.headers.items() if name != "Authorization"}
        self.places.note("requests to S3", [request.url, headers])

    def take(self, queue: str) -> Iterator[tuple[Mapping[str, Any], QueueMessage]]:
        """Receive all messages of a queue, each with its entry."""
        entries, self.queued[queue] = self.queued[queue], []
        for each in entries:
            yield each, QueueMessage(json.loads(each["MessageBody"]), each.get("MessageGroupId", ""), each["Id"])

    def _take(self, operation: str, place: str, request: object) -> None:
        self.places.note(place, request)
        if operation in self.failing:
            message = json.dumps(request, default=_readable)
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)


class SteppingPatience:
    """`ports.confirmations.Patience` by the clock of a test."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def pause(self, milliseconds: int) -> None:
        """Advance the clock."""
        self._clock.step(milliseconds / 1000)


@dataclass
class Deployment:
    """A world whose functions use the real adapters, on doubles that keep everything in `places`."""

    world: World
    services: Services
    stream: StreamSource
    failed: list[dict[str, Any]] = field(default_factory=list)
    """The stream batches that Lambda has written to the failure destination."""

    @property
    def places(self) -> Places:
        """Everything that was seen so far."""
        return self.services.places

    def run(self, operation: str, event: Mapping[str, Any]) -> Any:
        """Call a function; keep its answer, or what Lambda logs of its exception."""
        try:
            answer = self.world.call(operation, dict(event))
        except Exception as error:  # noqa: BLE001 - kept
            self.places.note("errors", repr(error))
            return None
        self.places.note("answers of tasks", answer)
        return answer

    def publish(self) -> None:
        """Publish the changes; those that fail five times go to the failure destination."""
        while self.stream.run_once():
            pass

    def deliver(self, queue: str, *answers: WebhookResult) -> None:
        """Deliver the callbacks in a queue; messages that failed go to the dead-letter queue."""
        self.world.receiver.answers[:] = answers
        for entry, message in self.services.take(queue):
            if self.world.deliver([message]):
                self.places.note("dead letters", entry)

    def finish(self) -> None:
        """Finish the captures in their queue; messages that failed go to the dead-letter queue."""
        for entry, message in self.services.take("finishing"):
            if self.world.convert([message]):
                self.places.note("dead letters", entry)

    def look(self) -> None:
        """Also note what is stored now, and what the receivers of callbacks got."""
        settings, memory = self.world.settings, self.world.memory
        for name, table in (("recordings", settings.recordings_table), ("credentials", settings.credentials_table)):
            for page in memory.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    self.places.note(_place_of(item, f"table of {name}"), item)
        for batch in self.failed:
            self.places.note("failed batches", batch)
        for request in self.world.receiver.requests:
            self.places.note("requests to receivers", [request.method, dict(request.headers), request.body.decode()])


def _place_of(item: Mapping[str, Any], table: str) -> str:
    """Return the place of an item: those that only the background functions use are places of their own."""
    key = item["PK"]["S"].split("#")
    if key[0] == "CHECKS":
        return "checks"
    return {"CB": "ledger of callbacks", "HOST": "health of hosts"}.get(key[1] if key[1:] else "", table)


def deploy(
    world: World,
    objects: Objects,
    services: Services,
    install: Callable[[Environment], object],
    log: io.StringIO,
    service: str,
) -> Deployment:
    """Make the functions of a world use the real adapters of a deployment, with a log that is kept in `log`."""
    settings = replace(
        world.settings, service=service, engine_queue_prefix=ENGINE_QUEUES, callbacks_queue=f"{QUEUES}callbacks.fifo",
        callback_retries_queue=f"{QUEUES}retries.fifo", finishing_queue=f"{QUEUES}finishing", event_bus="bus",
        engine_role="arn:aws:iam::123456789012:role/engine", confirm_updates=ConfirmUpdates.PAUSE,
    )  # fmt: skip
    clients = {"dynamodb": world.memory, "s3": objects.client}

    def outbound(environment: Environment, settings: Settings) -> OutboundClients:
        made = aws_outbound_clients(environment, settings)
        return replace(made, webhook_client=world.receiver, sleep=world.sleep, random_float=lambda: 0.0)

    def confirmations(store: Store, presences: PresenceStore) -> Confirmations:
        sender = UrgentCommands(UrgentEngineQueues(ENGINE_QUEUES, lambda: services), world.clock)
        patience = SteppingPatience(world.clock)
        return Confirmations(store, sender, presences, patience, 500, world.clock, world.clock)

    def note_request(when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before":
            is_of_recordings = settings.recordings_table in json.dumps(request, default=_readable)
            name = "recordings" if is_of_recordings else "credentials"
            services.places.note(f"requests to the table of {name}", [operation, request])

    canonical_log = CanonicalLog(service)
    for handler in logging.getLogger(service).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(log)
    world.faults.append(note_request)
    install(
        replace(
            current_environment(),
            read_settings=lambda: settings,
            make_client=lambda name: clients.get(name, services),
            make_log=lambda _settings: canonical_log,
            make_outbound_clients=outbound,
            make_confirmations=confirmations,
            prebuilt={},
        )
    )
    objects.client.meta.events.register_first("before-send.s3", services.note_object)
    failed: list[dict[str, Any]] = []
    stream = StreamSource(
        world.changes, load_handler(ROOT, "publish_changes"), max_attempts=MAX_ATTEMPTS,
        on_failure=lambda record: failed.append({"payload": {"Records": [record]}}),
        report=lambda error: services.places.note("errors", repr(error)),
    )  # fmt: skip
    return Deployment(world, services, stream, failed)
