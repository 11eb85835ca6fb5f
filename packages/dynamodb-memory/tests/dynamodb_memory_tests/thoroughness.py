"""How many random examples a test tries, by the variable `TAPEDECK_TEST_SIZE`: `fast` (default), `ci` or `deep`."""

import os


def scaled(*, deep: int, ci: int, fast: int) -> int:
    """Return the number for the current size."""
    return {"deep": deep, "ci": ci, "fast": fast}[os.environ.get("TAPEDECK_TEST_SIZE") or "fast"]
