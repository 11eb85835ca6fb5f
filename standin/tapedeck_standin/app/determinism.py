"""Randomness of a clock that stands still: ids that sort by creation; with a seed, the same ones in every run."""

import random
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Final

from tapedeck.domain import identity
from tapedeck.operations import api_keys
from tapedeck_standin.aws.patching import patched
from tapedeck_standin.telephony import simulator

START: Final = 1_748_779_200_000
"""Start time of every seeded run: 1 June 2025, 12:00:00 UTC, in milliseconds since the epoch."""

_COUNTER_BITS: Final = 12
"""Number of bits after the timestamp in an id, which sort ids of one millisecond."""


_RANDOM_BITS: Final = 62
"""Number of the last bits of an id, after its version and variant."""

_MORE_COUNTER_BITS: Final = 20


class OrderedIds:
    """Randomness of ids under a clock that stands still: 2^32 ids of one millisecond sort by creation (C-325).

    The other 42 bits of each id are random. Thread-safe.
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._thread_local = threading.local()

    def randbits(self, bits: int) -> int:
        """Return random bits as `secrets.randbits` does; for the two parts of an id, in this order, with a counter."""
        if bits == _COUNTER_BITS:
            first = self._thread_local.number = next(self._numbers)
            return first >> _MORE_COUNTER_BITS & ((1 << _COUNTER_BITS) - 1)
        if bits == _RANDOM_BITS:
            random_bits = _RANDOM_BITS - _MORE_COUNTER_BITS
            last: int = self._thread_local.number & ((1 << _MORE_COUNTER_BITS) - 1)
            return last << random_bits | secrets.randbits(random_bits)
        return secrets.randbits(bits)

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
        """Return random bits as `secrets.randbits` does; for the bits after an id's timestamp, a counter.

        The counter keeps up to 4,096 ids of one millisecond in order of creation, since the clock may not move.
        """
        is_background = getattr(self._thread_local, "is_background", False)
        with self._lock:
            if bits == _COUNTER_BITS:
                return next(self._counters[is_background]) % (1 << _COUNTER_BITS)
            return (self._background if is_background else self._foreground).getrandbits(bits)

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
