"""Import Lambda functions into this process: each `functions/<operation>/app.py` as a separate module."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


@cache
def load_handler(root: Path, operation: str) -> Handler:
    """Return the handler of an operation; cached. Its environment variables must be set before.

    Args:
        root: the root of the project.
        operation: the folder's name under `functions/`.

    Raises:
        FileNotFoundError: the operation does not exist.
    """
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
