"""Choose a part of the checks that take turns: each commit runs another part, so that CI's time stays limited."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def read_turn(choice: str, parts: int) -> int | None:
    """Return the number of the chosen part, from zero; None for all parts.

    Args:
        choice: empty for all parts, the number of a part, or `auto`: the part follows from the commit.
        parts: the number of parts.

    Raises:
        ValueError: there is no such part.
    """
    if not choice:
        return None
    turn = int(_commit(), 16) % parts if choice == "auto" else int(choice)
    if turn not in range(parts):
        raise ValueError(f"the part must be from 0 to {parts - 1}, not {choice}")
    return turn


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"
