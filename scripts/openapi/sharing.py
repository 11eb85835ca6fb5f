"""Move repeated examples and responses of a document to its components, so that it stays readable."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from scripts.openapi.forms import Schema

_NAMES: Final = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "404": "NotFound",
    "408": "RequestTimeout",
    "413": "TooLarge",
    "416": "RangeOutsideAudio",
    "422": "InvalidParameter",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
}
"""The components of errors by status."""


def share(document: Schema) -> Schema:
    """Return the document with each example once, and each response that all operations share once."""
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    examples = _share_examples(operations)
    responses = _share_responses(operations)
    document["components"] |= {"examples": dict(sorted(examples.items())), "responses": dict(sorted(responses.items()))}
    return document


def _share_examples(operations: list[Schema]) -> dict[str, Any]:
    """Replace the examples of errors by references; an example that differs has the operation in its name."""
    shared: dict[str, Any] = {}
    for operation, examples in _examples(operations):
        for name, example in list(examples.items()):
            key = name if shared.setdefault(name, example) == example else f"{name}_{operation['operationId']}"
            shared[key] = example
            examples[name] = {"$ref": f"#/components/examples/{key}"}
    return shared


def _examples(operations: list[Schema]) -> Iterator[tuple[Schema, dict[str, Any]]]:
    for operation in operations:
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                if "examples" in content:
                    yield operation, content["examples"]


def _share_responses(operations: list[Schema]) -> dict[str, Schema]:
    """Replace the responses of a status by a reference, if they are equal in most operations."""
    found: dict[str, list[Schema]] = defaultdict(list)
    for operation in operations:
        for status, response in operation["responses"].items():
            if status in _NAMES:
                found[status].append(response)
    shared: dict[str, Schema] = {}
    names: dict[str, str] = {}
    for status, responses in found.items():
        most = max(responses, key=responses.count)
        if responses.count(most) > 1:
            names[status] = _NAMES[status]
            shared[names[status]] = most
    for operation in operations:
        for status, response in list(operation["responses"].items()):
            if status in names and response == shared[names[status]]:
                operation["responses"][status] = {"$ref": f"#/components/responses/{names[status]}"}
    return shared
