"""Import Lambda functions into this process, each at its first use: `functions/<operation>/app.py` as a module."""

import importlib.util
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]

_LOADING: Final = threading.Lock()


def load_handler(root: Path, operation: str) -> Handler:
    """Return the handler of an operation; loaded once. Its environment variables must be set before.

    Args:
        root: the root of the project.
        operation: the folder's name under `functions/`.

    Raises:
        FileNotFoundError: the operation does not exist.
    """
    with _LOADING:
        return _load(root, operation)


def make_invoke(root: Path) -> Callable[..., Any]:
    """Return a function that invokes an operation with an event; it loads the operation at its first event."""

    def invoke(operation: str, event: Mapping[str, Any], context: object = None) -> Any:  # noqa: ANN401 - any JSON
        return load_handler(root, operation)(event, context)

    return invoke


@cache
def _load(root: Path, operation: str) -> Handler:
    # --8<-- [start:load]
    path = root / "functions" / operation / "app.py"
    if not path.is_file():
        raise FileNotFoundError(path)
    name = f"functions.{operation}.app"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler
    # --8<-- [end:load]
