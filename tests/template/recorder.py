"""What functions ask of AWS while they run, as the rights that it takes."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.bootstrap.environment import current_environment, installed
from tapedeck_standin.aws.function_loader import Handler, load_handler
from tests.client import ROOT

Right = tuple[str, str]
"""An action, and the logical id of the resource that it is done to."""

_PARTS: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""What a transaction needs of each of its parts; `TransactWriteItems` is no right."""

_OF_OBJECTS: Final = {
    "PutObject": ("PutObject",),
    "DeleteObjects": ("DeleteObject",),
    # Who may not list is told 403 of what is not there.
    "GetObject": ("GetObject", "ListBucket"),
    "HeadObject": ("GetObject", "ListBucket"),
    "ListObjectsV2": ("ListBucket",),
}
"""What S3's operations need; to read takes the right to see what is not there."""


_SINGLE: Final = {"SendMessageBatch": "SendMessage"}
"""Batches for which there is no right of their own."""


@dataclass
class Recorder:
    """What each function asked of AWS, as the rights that it takes; what no function asks for is not noted.

    `names` are the logical ids of tables, buckets, queues, buses and keys by their names here; `environments` what each
    function without a route is told when it is deployed, by operation: it runs with these variables and no others.
    """

    names: dict[str, str] = field(default_factory=dict)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    running: str | None = None
    outcomes: defaultdict[str, set[int | str]] = field(default_factory=lambda: defaultdict(set))
    rights: defaultdict[str, set[Right]] = field(default_factory=lambda: defaultdict(set))
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dynamodb = MemoryDynamoDB(fault=self._note_item)

    def make_client(self, service: str) -> Any:
        """A client that tells what it is asked, one for all who ask: the adapters' own, or a database in memory."""
        if service == "dynamodb":
            return self.dynamodb
        if service not in self._clients:
            self._clients[service] = make_client(service)
            self._clients[service].meta.events.register(f"before-parameter-build.{service}", self._note_request)
        return self._clients[service]

    def load_handler(self, _root: object, operation: str) -> Handler:
        """The handler of an operation, which is the one running while it runs."""
        handler = load_handler(ROOT, operation)

        def handle(event: Mapping[str, Any], context: object) -> dict[str, Any]:
            own = self.environments.get(operation)
            with self._deployed(own) if own is not None else nullcontext():
                self.running = operation
                try:
                    answer = handler(event, context)
                finally:
                    self.running = None
            if "batchItemFailures" not in answer:
                self.outcomes[operation].add(answer.get("statusCode") or ("refused" if "error" in answer else "done"))
            elif answer["batchItemFailures"]:
                self.outcomes[operation].add("failed")
            return answer

        return handle

    def run(self, operation: str, **event: Any) -> dict[str, Any]:
        """What a function without a route answers."""
        return self.load_handler(ROOT, operation)(event, None)

    def hear(self, outcome: str) -> None:
        """The function that runs has logged what came of one record: it answers no more than which have failed."""
        if self.running is not None:
            self.outcomes[self.running].add(outcome)

    @contextmanager
    def _deployed(self, own: Mapping[str, str]) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as environment:
            for name in {name for each in self.environments.values() for name in each} & os.environ.keys():
                environment.delenv(name)
            for name, value in own.items():
                environment.setenv(name, value)
            with installed(replace(current_environment())):
                yield

    def _note_request(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        self._note(model.service_model.endpoint_prefix, model.name, params)

    def _note_item(self, when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before":
            self._note("dynamodb", operation, request)

    def _note(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        if self.running is not None:
            needed = self._needed(operation, request)
            self.rights[self.running] |= {(f"{service}:{action}", resource) for action, resource in needed}

    def _needed(self, action: str, params: Mapping[str, Any]) -> Iterator[Right]:
        if action in {"TransactWriteItems", "TransactGetItems"}:
            for part in params["TransactItems"]:
                ((kind, request),) = part.items()
                yield "GetItem" if kind == "Get" else _PARTS[kind], self.names[request["TableName"]]
        elif "RequestItems" in params:
            yield from ((action, self.names[name]) for name in params["RequestItems"])
        elif action == "PutEvents":
            yield from ((action, self.names[entry["EventBusName"]]) for entry in params["Entries"])
        elif "Bucket" in params:
            bucket = self.names[params["Bucket"]]
            yield from ((each, f"{bucket}/*" if each.endswith("Object") else bucket) for each in _OF_OBJECTS[action])
        elif "IndexName" in params:
            yield action, f"{self.names[params['TableName']]}/index/{params['IndexName']}"
        else:
            (named,) = (params[name] for name in ("TableName", "KeyId", "QueueUrl") if name in params)
            yield _SINGLE.get(action, action), self.names[named]
