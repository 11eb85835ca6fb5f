"""Replace attributes of modules and classes that offer no other way to configure them."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def patched(holder: ModuleType | type, name: str, value: object) -> Iterator[None]:
    """Replace an attribute of a module or a class while the context is open."""
    was = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, was)
