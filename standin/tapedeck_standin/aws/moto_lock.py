"""Serialise requests to moto (REL-1): with eight threads it lost acknowledged transactional writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber


@contextmanager
def one_request_at_a_time() -> Iterator[None]:
    """Process requests to moto one after another until the block is left."""
    stubber: Any = BotocoreStubber
    original = stubber.process_request
    # Reentrant: a transaction makes further requests.
    lock = threading.RLock()

    def process_request(self: Any, request: Any) -> Any:  # noqa: ANN401 - moto's
        with lock:
            return original(self, request)

    stubber.process_request = process_request
    try:
        yield
    finally:
        stubber.process_request = original
