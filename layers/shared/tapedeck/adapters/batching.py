"""AWS's batches: at most ten entries a request, each of which may be refused by itself."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.domain.errors import StoreBusy, StoreUnavailable

MAX_ENTRIES: Final = 10
MAX_BYTES: Final = 256 * 1024
"""Of a request's entries together, both of SQS and of EventBridge."""

MAX_ATTEMPTS: Final = 5
FIRST_DELAY_SECONDS: Final = 0.02
"""Seconds; the pauses double, with full jitter: the five tries of an entry take at most 300 ms, its requests aside."""

_BUSY: Final = frozenset(
    {
        "KMS.ThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "RequestThrottled",
        "RequestThrottledException",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@dataclass(eq=False, slots=True)
class BatchEntry:
    """AWS's own form of an entry, and what AWS counts as its bytes; entries of one `group` keep their order."""

    content: Mapping[str, Any]
    size: int
    group: str | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class EntryError:
    """Why an entry was not taken; `is_senders_fault` where AWS says so, as it does of throttling too."""

    code: str
    is_senders_fault: bool = False


Request = Callable[[list[Mapping[str, Any]]], Sequence[EntryError | None]]
"""One request with these entries; of each in turn, None where it was taken."""


def write_json(content: Mapping[str, Any]) -> str:
    """Compact JSON, the same to the byte for equal content (rule R6).

    In ASCII, since SQS refuses a few characters of Unicode; with sorted names, since DynamoDB gives them in any order.
    """
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"))


def send_all(entries: Sequence[BatchEntry], request: Request, sleep: Callable[[float], None]) -> None:
    """Send these until all are taken: 1 request per ten, unless they are large, refused, or of one group.

    A request holds one entry of a group at most: AWS may take an entry and refuse one that stands before it.

    Raises:
        StoreBusy, StoreUnavailable: not all were taken, some may have been.
    """
    waiting = list(entries)
    while waiting:
        batch = _batch(waiting)
        refusals = _call(request, batch)
        refused = {entry: refusal for entry, refusal in zip(batch, refusals, strict=True) if refusal is not None}
        taken = set(batch) - refused.keys()
        waiting = [entry for entry in waiting if entry not in taken]
        for entry, refusal in refused.items():
            entry.tries += 1
            if refusal.code in _BUSY and entry.tries == MAX_ATTEMPTS:
                raise StoreBusy(refusal.code)
            if refusal.code not in _BUSY and (refusal.is_senders_fault or entry.tries == MAX_ATTEMPTS):
                raise StoreUnavailable(refusal.code)
        if refused:
            most = FIRST_DELAY_SECONDS * 2 ** (max(entry.tries for entry in refused) - 1)
            sleep(random.uniform(0, most))  # noqa: S311 - jitter is no secret


def _batch(waiting: Sequence[BatchEntry]) -> list[BatchEntry]:
    """The next that may go together; one that is too large goes alone, for AWS to judge."""
    batch: list[BatchEntry] = []
    groups: set[str] = set()
    size = 0
    for entry in waiting:
        if entry.group in groups:
            continue
        size += entry.size
        if batch and (len(batch) == MAX_ENTRIES or size > MAX_BYTES):
            break
        batch.append(entry)
        if entry.group is not None:
            groups.add(entry.group)
    return batch


def _call(request: Request, batch: Sequence[BatchEntry]) -> Sequence[EntryError | None]:
    try:
        return request([entry.content for entry in batch])
    except ClientError as error:
        # botocore has tried again already, as long as that could help.
        code = error.response["Error"]["Code"]
        raise (StoreBusy if code in _BUSY else StoreUnavailable) from error
    except BotoCoreError as error:
        raise StoreUnavailable from error
