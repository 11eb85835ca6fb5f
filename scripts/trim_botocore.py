"""Trim botocore's service models to the operations that the layer uses, for a faster cold start.

Usage: scripts/trim_botocore.py [--check]

To create one client, botocore lists the folders of all AWS services and parses large JSON files, which takes most of
the time. The output is botocore's data (Apache-2.0) for these operations only, in the folder structure that its loader
reads. `--check` writes nothing; it fails if a file differs from the data of the pinned botocore version.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from botocore.loaders import Loader

TARGET: Final = Path(__file__).resolve().parents[1] / "layers/shared/tapedeck/adapters/aws_models"

OPERATIONS: Final = {
    "dynamodb": ("BatchGetItem", "GetItem", "Query", "TransactWriteItems", "UpdateItem"),
    "events": ("PutEvents",),
    "kms": ("Decrypt", "Encrypt"),
    "s3": ("DeleteObjects", "GetObject", "HeadObject", "ListObjectsV2", "PutObject"),
    "sts": ("AssumeRole",),
    "sqs": ("CreateQueue", "DeleteQueue", "GetQueueUrl", "SendMessageBatch", "SetQueueAttributes"),
}

_DOCUMENTATION_KEYS: Final = ("documentation", "documentationUrl", "examples", "smithy")


def make_files() -> dict[str, str]:
    """Return the content of each file by its path below `TARGET`."""
    loader = Loader(include_default_search_paths=False, extra_search_paths=[Loader.BUILTIN_DATA_PATH])
    files = {
        "endpoints": _trim_endpoints(loader.load_data("endpoints")),
        "partitions": loader.load_data("partitions"),
        "sdk-default-configuration": _without_documentation(loader.load_data("sdk-default-configuration")),
        "_retry": _trim_retry(loader.load_data("_retry")),
    }
    for service, operations in OPERATIONS.items():
        version = loader.determine_latest_version(service, "service-2")
        model = loader.load_service_model(service, "service-2", version)
        files[f"{service}/{version}/service-2"] = _trim_model(model, operations)
        files[f"{service}/{version}/endpoint-rule-set-1"] = loader.load_service_model(
            service, "endpoint-rule-set-1", version
        )
    return {f"{name}.json": json.dumps(data, separators=(",", ":")) + "\n" for name, data in files.items()}


def _trim_model(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    for operation in kept.values():
        for part in (operation.get("input"), operation.get("output"), *operation.get("errors", ())):
            if part is not None:
                _collect(part["shape"], model["shapes"], shapes)
    trimmed: dict[str, Any] = _without_documentation(
        {**model, "operations": kept, "shapes": {name: shapes[name] for name in sorted(shapes)}}
    )
    for parameter in trimmed.get("clientContextParams", {}).values():
        parameter["documentation"] = ""  # botocore reads this key
    return trimmed


def _collect(name: str, shapes: dict[str, Any], found: dict[str, Any]) -> None:
    if name in found:
        return
    found[name] = shapes[name]
    for reference in _references(shapes[name]):
        _collect(reference, shapes, found)


def _references(shape: dict[str, Any]) -> Iterator[str]:
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]["shape"]
    for member in shape.get("members", {}).values():
        yield member["shape"]


def _trim_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    partitions = [
        {
            **partition,
            "services": {name: partition["services"][name] for name in OPERATIONS if name in partition["services"]},
        }
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def _trim_retry(retry: dict[str, Any]) -> dict[str, Any]:
    return {
        **retry,
        "retry": {name: rule for name, rule in retry["retry"].items() if name in {"__default__", *OPERATIONS}},
    }


def _without_documentation(data: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(data, dict):
        return {name: _without_documentation(value) for name, value in data.items() if name not in _DOCUMENTATION_KEYS}
    if isinstance(data, list):
        return [_without_documentation(element) for element in data]
    return data


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` print which differ. Return the exit code."""
    files = make_files()
    if arguments == ["--check"]:
        stale = [name for name, text in files.items() if not _is_same(TARGET / name, text)]
        print("\n".join(f"{name} differs from the pinned botocore: run make aws-models" for name in stale), end="")
        return 1 if stale else 0
    for name, text in files.items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _is_same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
