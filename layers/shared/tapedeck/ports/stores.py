"""Port for the recordings table as a whole.

Every write is atomic and idempotent: a repeated request is applied once. A store recognises its own earlier write and
returns that write's result (REL-3).
"""

from typing import Protocol

from tapedeck.ports.calls import CallStore
from tapedeck.ports.captures import CaptureStore
from tapedeck.ports.conferences import ConferenceStore
from tapedeck.ports.parents import ParentStore
from tapedeck.ports.recordings import RecordingStore


class Store(CallStore, ConferenceStore, RecordingStore, CaptureStore, ParentStore, Protocol):
    """The recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy: contention or throttling outlasted the retries; nothing was written.
        StoreUnavailable: no response, or an error that is not retried; the write may have happened.
    """
