"""Scales the amount of testing: the full number of rounds if `CI` is set, a fraction of it otherwise."""

import os
from typing import Final

IN_FULL: Final = bool(os.environ.get("CI"))


def scaled(in_full: int, otherwise: int) -> int:
    """Return a number of rounds, examples or requests: `in_full` in CI, `otherwise` locally."""
    return in_full if IN_FULL else otherwise
