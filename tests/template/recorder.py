"""Records the AWS requests of functions as the permissions that they need."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

import pytest
from botocore.awsrequest import AWSPreparedRequest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.bootstrap.environment import rebuilt_services
from tapedeck_standin.aws.function_loader import Handler, load_handler
from tapedeck_standin.aws.template import STACK
from tests.client import ROOT

Right = tuple[str, str]
"""An IAM action and the logical id of its resource."""

_TRANSACTION_RIGHTS: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""The permission for each part of a transaction; `TransactWriteItems` itself is not a permission."""

_S3_RIGHTS: Final = {
    "PutObject": ("PutObject",),
    "DeleteObjects": ("DeleteObject",),
    # Without permission to list, S3 answers 403 for a missing object.
    "GetObject": ("GetObject", "ListBucket"),
    "HeadObject": ("GetObject", "ListBucket"),
    "ListObjectsV2": ("ListBucket",),
}
"""The permissions for S3 operations; reading needs `ListBucket` for missing objects."""


ENGINE_QUEUES: Final = str(
    {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}_engine_*"}
)
"""The queues that functions create, as `translation.target` returns their ARN."""

_BATCH_RIGHTS: Final = {"SendMessageBatch": "SendMessage"}
"""Batch operations without a separate permission."""


@dataclass
class Recorder:
    """The permissions that each function used; requests outside of functions are not recorded.

    `written_prefixes` has the prefixes of the partition keys that each function writes to the credentials table, by
    action.
    `names` maps the names of tables, buckets, queues, buses and keys to logical ids. `environments` holds the variables
    of each function without a route, by operation: it runs with these variables only.
    """

    names: dict[str, str] = field(default_factory=dict)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    running: str | None = None
    outcomes: defaultdict[str, set[int | str]] = field(default_factory=lambda: defaultdict(set))
    rights: defaultdict[str, set[Right]] = field(default_factory=lambda: defaultdict(set))
    written_prefixes: defaultdict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dynamodb = MemoryDynamoDB(fault=self._record_dynamodb_request)

    def make_client(self, service: str) -> Any:
        """Return a shared client that records its requests; DynamoDB is the in-memory database."""
        if service == "dynamodb":
            return self.dynamodb
        if service not in self._clients:
            self._clients[service] = make_client(service)
            self._clients[service].meta.events.register(f"before-parameter-build.{service}", self._record_request)
        return self._clients[service]

    def load_handler(self, _root: object, operation: str) -> Handler:
        """Load the handler of an operation; `running` names the operation during each invocation."""
        handler = load_handler(ROOT, operation)

        def handle(event: Mapping[str, Any], context: object) -> dict[str, Any]:
            variables = self.environments.get(operation)
            with self._deployed(variables) if variables is not None else nullcontext():
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
        """Invoke a function without a route; return its result."""
        return self.load_handler(ROOT, operation)(event, None)

    def send(self, request: AWSPreparedRequest) -> SimpleNamespace:
        """Record a request that was signed without a client, of the JSON protocol of SQS; it succeeds."""
        header = request.headers["X-Amz-Target"]
        target = header.decode() if isinstance(header, bytes) else str(header)
        service, _, operation = target.removeprefix("Amazon").partition(".")
        assert isinstance(request.body, bytes), "the whole body is in memory"
        self._record(service.lower(), operation, json.loads(request.body))
        return SimpleNamespace(status_code=200)

    def record_outcome(self, outcome: str) -> None:
        """Record the logged outcome of one record for the running function."""
        if self.running is not None:
            self.outcomes[self.running].add(outcome)

    @contextmanager
    def _deployed(self, variables: Mapping[str, str]) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as environment:
            for name in {name for each in self.environments.values() for name in each} & os.environ.keys():
                environment.delenv(name)
            for name, value in variables.items():
                environment.setenv(name, value)
            with rebuilt_services():
                yield

    def _record_request(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        self._record(model.service_model.endpoint_prefix, model.name, params)

    def _record_dynamodb_request(self, when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before":
            self._record("dynamodb", operation, request)

    def _record(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        if self.running is not None:
            needed = self._required_rights(operation, request)
            self.rights[self.running] |= {(f"{service}:{action}", resource) for action, resource in needed}
            if service == "dynamodb":
                for action, prefix in self._credential_writes(operation, request):
                    self.written_prefixes[self.running].setdefault(f"dynamodb:{action}", set()).add(prefix)

    def _credential_writes(self, action: str, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the action of each write to the credentials table, and the prefix of its partition key."""
        parts = params.get("TransactItems", [{action.removesuffix("Item"): params}])
        for part in parts:
            ((kind, request),) = part.items()
            if kind in {"Put", "Update", "Delete"} and self.names[request["TableName"]] == "CredentialsTable":
                key = request["Item" if kind == "Put" else "Key"]["PK"]["S"]
                yield f"{kind}Item", f"{key.partition('#')[0]}#"

    def _required_rights(self, action: str, params: Mapping[str, Any]) -> Iterator[Right]:
        if action in {"TransactWriteItems", "TransactGetItems"}:
            for part in params["TransactItems"]:
                ((kind, request),) = part.items()
                yield "GetItem" if kind == "Get" else _TRANSACTION_RIGHTS[kind], self.names[request["TableName"]]
        elif action == "AssumeRole":
            yield action, params["RoleArn"].rpartition("-")[2]
        elif "RequestItems" in params:
            yield from ((action, self.names[name]) for name in params["RequestItems"])
        elif action == "PutEvents":
            yield from ((action, self.names[entry["EventBusName"]]) for entry in params["Entries"])
        elif "Bucket" in params:
            yield from self._rights_on_bucket(action, params)
        elif "IndexName" in params:
            yield action, f"{self.names[params['TableName']]}/index/{params['IndexName']}"
        else:
            (named,) = (params[name] for name in ("TableName", "KeyId", "QueueUrl", "QueueName") if name in params)
            resource = ENGINE_QUEUES if f"{STACK}_engine_" in named else self.names[named]
            yield _BATCH_RIGHTS.get(action, action), resource
            if "tags" in params:
                yield "TagQueue", resource

    def _rights_on_bucket(self, action: str, params: Mapping[str, Any]) -> Iterator[Right]:
        bucket = self.names[params["Bucket"]]
        for right in _S3_RIGHTS[action]:
            if right.endswith("Object"):
                for each in params.get("Delete", {}).get("Objects", [params]):
                    yield right, f"{bucket}/{_objects_like(bucket, each['Key'])}"
            else:
                yield right, bucket


def _objects_like(bucket: str, key: str) -> str:
    """Return the pattern for an object in all recordings: captures have one format, renditions several."""
    if bucket != "MediaBucket":
        return "*"
    name = key.rpartition("/")[2]
    return f"*/{name}" if name == "capture.wav" else f"*/{name.partition('.')[0]}.*"
