"""Randomness of a clock that stands still: ids that sort by creation; with a seed, the same ones in every run."""

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Final

from tapedeck.domain import identity
from tapedeck.operations import api_keys
from tapedeck_standin.aws.patching import patched
from tapedeck_standin.telephony import simulator

START: Final = 1_748_779_200_000
"""Start time of every seeded run: 1 June 2025, 12:00:00 UTC, in milliseconds since the epoch."""

_ID_BITS: Final = 74
"""Number of random bits in an id. The first of them, after the timestamp, sort ids of one millisecond."""

_COUNTER_BITS: Final = 12
_MANY_COUNTER_BITS: Final = 32


class OrderedIds:
    """Randomness of ids under a clock that stands still: 2^32 ids of one millisecond sort by creation (C-325).

    The other 42 bits of each id are random. Thread-safe.
    """

    def __init__(self) -> None:
        self._numbers = count()

    def randbits(self, bits: int) -> int:
        """Return random bits as `secrets.randbits` does; those of an id begin with a counter."""
        if bits != _ID_BITS:
            return secrets.randbits(bits)
        return _count_first(next(self._numbers), _MANY_COUNTER_BITS, secrets.randbits)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Use this source for ids while the context is open."""
        with patched(identity, "secrets", self):
            yield


class SeededRandom:
    """Reproducible replacement of the `secrets` module. Thread-safe.

    Background work draws from a separate sequence, because its timing is not deterministic.

    Args:
        seed: the same seed gives the same sequences.
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._foreground = random.Random(f"{seed}/front")  # noqa: S311 - nothing here is secret
        self._background = random.Random(f"{seed}/back")  # noqa: S311 - nothing here is secret
        self._counters = {is_background: count() for is_background in (False, True)}
        self._thread_local = threading.local()

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Draw from the background sequence in this thread while the context is open."""
        was = getattr(self._thread_local, "is_background", False)
        self._thread_local.is_background = True
        try:
            yield
        finally:
            self._thread_local.is_background = was

    def randbits(self, bits: int) -> int:
        """Return random bits as `secrets.randbits` does; those of an id begin with a counter.

        The counter keeps up to 4,096 ids of one millisecond in order of creation, since the clock may not move.
        """
        is_background = getattr(self._thread_local, "is_background", False)
        with self._lock:
            draw = (self._background if is_background else self._foreground).getrandbits
            if bits != _ID_BITS:
                return draw(bits)
            return _count_first(next(self._counters[is_background]), _COUNTER_BITS, draw)

    def token_hex(self, size: int) -> str:
        """Return a random hex string, as `secrets.token_hex` does."""
        return f"{self.randbits(size * 8):0{size * 2}x}"

    def random(self) -> float:
        """Return a float in [0, 1) from the background sequence."""
        with self._lock:
            return self._background.random()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Use this source for ids, secrets and names while the context is open."""
        with ExitStack() as stack:
            for module in (identity, api_keys, simulator):
                stack.enter_context(patched(module, "secrets", self))
            yield


def _count_first(number: int, counter_bits: int, draw: Callable[[int], int]) -> int:
    """Return the bits of an id: the last bits of a number, followed by random ones."""
    random_bits = _ID_BITS - counter_bits
    return (number & ((1 << counter_bits) - 1)) << random_bits | draw(random_bits)
