"""The template as CloudFormation receives it: translated by SAM's translator, without an account."""

import pickle
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from unittest.mock import patch

from tapedeck_standin.aws.template_yaml import parse_template
from tests.client import ROOT

BASIC_EXECUTION: Final = "AWSLambdaBasicExecutionRole"
"""The managed policy with which the runtime writes a function's logs."""

REGION: Final = "us-east-1"

Resource = dict[str, Any]


class _ManagedPolicies:
    """Replaces the list of managed policies that SAM reads from IAM."""

    def load(self) -> dict[str, str]:
        return {BASIC_EXECUTION: f"arn:aws:iam::aws:policy/service-role/{BASIC_EXECUTION}"}


@cache
def _translated() -> bytes:
    """Return the translated template, pickled: each test reads its own copy of it, which is faster than copying it."""
    from samtranslator.translator.transform import transform  # slow to import, and not every worker needs it

    template = parse_template((ROOT / "template.yaml").read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            # Like `sam deploy` after the upload; the folder name stays in the URL.
            resource["Properties"][name] = f"s3://bucket/{resource['Properties'][name]}"
    with patch.dict("os.environ", AWS_DEFAULT_REGION=REGION):
        translated: dict[str, Any] = transform(template, {"AWS::Region": REGION}, _ManagedPolicies())
    return pickle.dumps(translated)


class Stack:
    """A copy of the translated template, to be read or modified."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = pickle.loads(_translated())  # noqa: S301 - made above

    @property
    def resources(self) -> dict[str, Resource]:
        """Return all resources by logical id."""
        resources: dict[str, Resource] = self.content["Resources"]
        return resources

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the properties of each resource of a type, by logical id."""
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == f"AWS::{kind}"
        }

    def properties(self, name: str) -> Resource:
        """Return the properties of one resource."""
        properties: Resource = self.resources[name]["Properties"]
        return properties

    @property
    def functions(self) -> dict[str, Resource]:
        """Return the properties of each function, by logical id."""
        return self.of_type("Lambda::Function")

    def operation(self, function: str) -> str:
        """Return the name of a function's folder."""
        return str(self.properties(function)["Code"]["S3Key"]).rpartition("/")[2]

    def role(self, function: str) -> Resource:
        """Return the properties of a function's role."""
        return self.properties(self.properties(function)["Role"]["Fn::GetAtt"][0])

    def statements(self, function: str) -> list[dict[str, Any]]:
        """Return the statements of the inline policies of a function's role, and one for each role that trusts it."""
        policies = self.role(function).get("Policies", [])
        inline = [
            if_true(statement) for policy in policies for statement in listed(policy["PolicyDocument"]["Statement"])
        ]
        return [*inline, *self._trusting(self.properties(function)["Role"])]

    def _trusting(self, principal: Any) -> Iterator[dict[str, Any]]:
        for name, role in self.of_type("IAM::Role").items():
            for statement in role["AssumeRolePolicyDocument"]["Statement"]:
                if statement["Principal"].get("AWS") == principal:
                    yield {**statement, "Resource": {"Fn::GetAtt": [name, "Arn"]}}

    def routes(self) -> dict[tuple[str, str], str]:
        """Return the function of each method and path; both are `$default` for the default route."""
        found = {}
        for path, methods in self.properties("Api")["Body"]["paths"].items():
            for method, conditional in if_true(methods).items():
                operation = if_true(conditional)
                target = if_true(operation["x-amazon-apigateway-integration"]["uri"])["Fn::Sub"]
                function = target.partition("functions/${")[2].partition(".Arn}")[0]
                is_default = operation.get("isDefaultRoute", False)
                found["$default" if is_default else method.upper(), "$default" if is_default else path] = function
        return found

    def routed(self) -> set[str]:
        """Return all functions with a route."""
        return set(self.routes().values())


def listed(value: Any) -> list[Any]:
    """Return a list of a value that CloudFormation accepts as one item or a list."""
    return value if isinstance(value, list) else [value]


def if_true(value: Any) -> Any:
    """Return what a value is while its condition, if it has one, is true."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def target(value: Any) -> str:
    """Return the resource of a policy as `<logical id>` with its suffix; return other values as text."""
    match value:
        case {"Fn::GetAtt": [name, "Arn"]} | {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, "StreamArn"]}:
            return f"{name}/stream"
        case {"Fn::Sub": str(text)} if text.startswith("${"):
            return text.removeprefix("${").replace(".Arn}", "", 1).replace("}", "", 1)
        case _:
            return str(value)


def mentions(value: Any, name: str) -> bool:
    """Return whether the value refers to a logical id anywhere."""
    match value:
        case dict():
            return any(mentions(part, name) for part in value.values())
        case list():
            return any(mentions(part, name) for part in value)
        case _:
            text = str(value)
            return text == name or f"${{{name}." in text or f"${{{name}}}" in text
