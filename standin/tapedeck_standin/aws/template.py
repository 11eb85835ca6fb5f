"""The content of `template.yaml`: the only source of tables, routes, queues and environment variables."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FUNCTION: Final = "AWS::Serverless::Function"
_TABLE: Final = "AWS::DynamoDB::Table"
_BUCKET: Final = "AWS::S3::Bucket"
_QUEUE: Final = "AWS::SQS::Queue"
_ROLE: Final = "AWS::IAM::Role"
_BUS: Final = "AWS::Events::EventBus"
_MAPPING: Final = "AWS::Lambda::EventSourceMapping"
_DEFAULT_VISIBILITY_SECONDS: Final = 30
"""SQS's default visibility timeout."""
_TABLE_PROPERTIES: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
"""The properties of a table that an emulator needs; the others protect a deployed table."""

STACK: Final = "tapedeck-standin"

ORIGIN: Final = "http://localhost"
"""The default base URL of the API."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `path` is None for `$default`; `function` is a logical id, `operation` the folder's name."""

    method: str
    path: str | None
    function: str
    operation: str

    @property
    def key(self) -> str:
        """The route key of API Gateway's events."""
        return "$default" if self.path is None else f"{self.method} {self.path}"


class Template:
    """`template.yaml` as a dictionary, with the short forms of intrinsic functions expanded.

    Args:
        content: the parsed file.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    @classmethod
    def load(cls, path: Path) -> "Template":
        """Read a template file in YAML, or the file in JSON beside it, which a wheel has instead."""
        made = path.with_suffix(".json")
        if made.is_file():
            return cls(json.loads(made.read_text(encoding="utf-8")))
        from tapedeck_standin.aws.template_yaml import parse_template  # noqa: PLC0415 - a wheel needs no YAML here

        return cls(parse_template(path.read_text(encoding="utf-8")))

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.content["Resources"].items()
            if resource["Type"] == kind
        }

    @property
    def operations(self) -> dict[str, str]:
        """Each function's folder name by its logical id."""
        return {name: function["CodeUri"].rpartition("/")[2] for name, function in self.resources(_FUNCTION).items()}

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of the API."""
        return tuple(self._routes())

    def visibility(self, queue: str) -> int:
        """Return the visibility timeout of a queue in seconds."""
        return int(self.resources(_QUEUE)[queue].get("VisibilityTimeout", _DEFAULT_VISIBILITY_SECONDS))

    @property
    def stream_filter(self) -> Mapping[str, Any]:
        """Which records of the table's stream `publish_changes` gets: Lambda's `FilterCriteria`."""
        criteria: Mapping[str, Any] = self.resources(_MAPPING)["RecordingsStreamMapping"]["FilterCriteria"]
        return criteria

    def environment(self, values: Mapping[str, str], function: str | None = None) -> dict[str, str]:
        """Return the environment variables of one function, or of all functions merged.

        Args:
            values: values of references by logical id. Defaults: a parameter's default (`true` for `Telephony`), the
                logical id of a queue or bus, and ORIGIN for the API.
            function: the logical id of the function; None: all functions.

        Raises:
            KeyError: a reference has no value, or the function does not exist.
        """
        known = {
            "AWS::StackName": STACK,
            "AWS::Region": "us-east-1",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::AccountId": "123456789012",
            "Api": ORIGIN,
            **{name: name for kind in (_QUEUE, _BUS) for name in self.resources(kind)},
            **{name: f"arn:aws:iam::123456789012:role/{STACK}-{name}" for name in self.resources(_ROLE)},
            **{
                name: str(parameter["Default"])
                for name, parameter in self.content.get("Parameters", {}).items()
                if "Default" in parameter
            },
            "Telephony": "true",  # as `routes`, which has the functions of every condition
            **values,
        }
        functions = self.resources(_FUNCTION)
        declared: dict[str, Any] = dict(self.content["Globals"]["Function"]["Environment"]["Variables"])
        for each in functions.values() if function is None else (functions[function],):
            declared |= each.get("Environment", {}).get("Variables", {})
        conditions = self.content.get("Conditions", {})
        return {name: str(_resolve(value, known, conditions)) for name, value in declared.items()}

    def create_tables(self, dynamodb: Any, prefix: str = "") -> dict[str, str]:  # noqa: ANN401 - botocore's client
        """Create the tables of the template that do not exist yet; return their names by logical id.

        Args:
            dynamodb: a botocore client of DynamoDB.
            prefix: prepended to the tables' names, so that several sets can coexist.
        """
        names = {}
        existing = set(dynamodb.list_tables()["TableNames"])
        for logical_id, properties in self.resources(_TABLE).items():
            names[logical_id] = f"{prefix}{logical_id}"
            if names[logical_id] in existing:
                continue
            request: dict[str, Any] = {name: properties[name] for name in _TABLE_PROPERTIES if name in properties}
            if "StreamSpecification" in properties:
                request["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
            dynamodb.create_table(TableName=names[logical_id], **request)
            dynamodb.get_waiter("table_exists").wait(
                TableName=names[logical_id], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
            )
        return names

    def bucket_names(self, prefix: str = "") -> dict[str, str]:
        """Return a name for each bucket by its logical id."""
        return {logical_id: f"{prefix}{logical_id.lower()}" for logical_id in self.resources(_BUCKET)}

    def create_buckets(self, s3: Any, prefix: str = "") -> dict[str, str]:  # noqa: ANN401 - botocore's client
        """Create the buckets of the template; return their names by logical id.

        Args:
            s3: a botocore client of S3.
            prefix: prepended to the buckets' names, so that several sets can coexist.
        """
        names = self.bucket_names(prefix)
        for name in names.values():
            s3.create_bucket(Bucket=name)
        return names

    def create_queues(self, sqs: Any, prefix: str = "") -> dict[str, str]:  # noqa: ANN401 - botocore's client
        """Create the queues of the template without redrive policies; return their URLs by logical id.

        Args:
            sqs: a botocore client of SQS.
            prefix: prepended to the queues' names, so that several sets can coexist.
        """
        urls = {}
        for logical_id, properties in self.resources(_QUEUE).items():
            is_fifo = bool(properties.get("FifoQueue"))
            attributes = {"FifoQueue": "true"} if is_fifo else {}
            name = f"{prefix}{logical_id}{'.fifo' if is_fifo else ''}"
            urls[logical_id] = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return urls

    def create_buses(self, events: Any, prefix: str = "") -> dict[str, str]:  # noqa: ANN401 - botocore's client
        """Create the event buses of the template; return their names by logical id.

        Args:
            events: a botocore client of EventBridge.
            prefix: prepended to the buses' names, so that several sets can coexist.
        """
        names = {logical_id: f"{prefix}{logical_id}" for logical_id in self.resources(_BUS)}
        for name in names.values():
            events.create_event_bus(Name=name)
        return names

    def _routes(self) -> Iterator[Route]:
        operations = self.operations
        for name, function in self.resources(_FUNCTION).items():
            for event in function.get("Events", {}).values():
                if event["Type"] == "HttpApi":
                    properties = event.get("Properties", {})
                    yield Route(properties.get("Method", "ANY"), properties.get("Path"), name, operations[name])


_SUBSTITUTED: Final = re.compile(r"\$\{([\w:]+)\}")


def _resolve(value: Any, known: Mapping[str, str], conditions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a scalar or an intrinsic
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return known[name]
        case {"Fn::Sub": str(text)}:
            return _SUBSTITUTED.sub(lambda found: known[found[1]], text)
        case {"Fn::If": [condition, then, otherwise]}:
            return _resolve(
                then if _resolve(conditions[condition], known, conditions) else otherwise, known, conditions
            )
        case {"Fn::Not": [condition]}:
            return not _resolve(condition, known, conditions)
        case {"Fn::Equals": [one, other]}:
            return str(_resolve(one, known, conditions)) == str(_resolve(other, known, conditions))
        case Mapping():
            raise KeyError(*value)
        case _:
            return value
