"""Chance that is the same at every run, for whoever wants the same ids and times."""

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from types import ModuleType
from typing import Final

from tapedeck.domain import identity
from tapedeck.operations import accounts
from tapedeck_standin.telephony import simulator

START: Final = 1_748_779_200_000
"""From when on it is, at every run: 1 June 2025, 12:00:00 UTC, in milliseconds."""

_RISING: Final = 12
"""Bits of an id that follow the time."""


class SeededRandom:
    """In place of `secrets`, where somebody wants to know beforehand.

    What is done in the background draws from a sequence of its own: when it is done is nobody's choice. Several threads
    may use it.

    Args:
        seed: the same one gives the same sequences.
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._front = random.Random(f"{seed}/front")  # noqa: S311 - nothing here is secret
        self._back = random.Random(f"{seed}/back")  # noqa: S311 - likewise
        self._made = {is_behind: count() for is_behind in (False, True)}
        self._where = threading.local()

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """While this lasts, this thread works in the background."""
        was = getattr(self._where, "is_behind", False)
        self._where.is_behind = True
        try:
            yield
        finally:
            self._where.is_behind = was

    def randbits(self, bits: int) -> int:
        """As `secrets.randbits`, but for what comes first in an id behind the time: it rises, for time may stand still.

        Things of the same millisecond sort as they were made, as long as they are no more than 4,096.
        """
        is_behind = getattr(self._where, "is_behind", False)
        with self._lock:
            if bits == _RISING:
                return next(self._made[is_behind]) % (1 << _RISING)
            return (self._back if is_behind else self._front).getrandbits(bits)

    def token_hex(self, size: int) -> str:
        """As `secrets.token_hex`."""
        return f"{self.randbits(size * 8):0{size * 2}x}"

    def random(self) -> float:
        """From 0 to 1, in the background."""
        with self._lock:
            return self._back.random()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """While this lasts, ids, secrets and names come from here."""
        with ExitStack() as stack:
            for module in (identity, accounts, simulator):
                stack.enter_context(patched(module, "secrets", self))
            yield


@contextmanager
def patched(holder: ModuleType | type, name: str, value: object) -> Iterator[None]:
    """While this lasts, what a module or a class knows by this name is something else."""
    was = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, was)
