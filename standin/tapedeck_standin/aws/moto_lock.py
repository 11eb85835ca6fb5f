"""Moto, entered by one request at a time (rule R1).

Measured: moto lost a tenth of acknowledged transactional adds from eight threads, and conditional creates had no single
winner. What is used of its insides is held by a test, and moto is pinned.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber


@contextmanager
def one_request_at_a_time() -> Iterator[None]:
    """While this lasts, a request waits until the one before it has been answered."""
    stubber: Any = BotocoreStubber
    original = stubber.process_request
    # One that leads to another, as a transaction's do, does not wait for itself.
    lock = threading.RLock()

    def process_request(self: Any, request: Any) -> Any:  # noqa: ANN401 - moto's
        with lock:
            return original(self, request)

    stubber.process_request = process_request
    try:
        yield
    finally:
        stubber.process_request = original
