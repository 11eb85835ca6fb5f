"""How much is tried: everything where `CI` is set, a share of it where somebody waits."""

import os
from typing import Final

IN_FULL: Final = bool(os.environ.get("CI"))


def scaled(in_full: int, otherwise: int) -> int:
    """A number of rounds, examples or requests."""
    return in_full if IN_FULL else otherwise
