"""Serve the stand-in with an update of call recordings that does nothing: what its server and its gateway cost."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tapedeck_standin.app import container
from tapedeck_standin.aws.function_loader import make_invoke
from tapedeck_standin.cli import main

_REPLY: Final = {
    "statusCode": 200,
    "headers": {"Content-Type": "application/json; charset=utf-8"},
    "body": json.dumps({"status": "paused"}),
}


def make_invoke_of_nothing(root: Path) -> Callable[..., Any]:
    """Return a function that invokes operations, except that `update_call_recording` is answered without a function."""
    invoke = make_invoke(root)

    def invoke_most(operation: str, event: Mapping[str, Any], context: object = None) -> Any:  # noqa: ANN401 - any JSON
        return _REPLY if operation == "update_call_recording" else invoke(operation, event, context)

    return invoke_most


if __name__ == "__main__":
    container.make_invoke = make_invoke_of_nothing
    main()
