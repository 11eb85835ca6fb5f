"""The functions, imported into this process: each `functions/<operation>/app.py` as a module of its own."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


@cache
def load_handler(root: Path, operation: str) -> Handler:
    """The handler of an operation, under the project's root; its environment must be set before.

    Raises:
        FileNotFoundError: there is no such operation.
    """
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
