"""Batch requests of SQS and EventBridge: up to ten entries, each of which may be rejected on its own."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tapedeck.adapters.failures import failure
from tapedeck.domain.errors import StoreBusy, StoreUnavailable

MAX_ENTRIES: Final = 10
MAX_BYTES: Final = 256 * 1024
"""Limit of the total size of a request's entries, for SQS and for EventBridge."""

MAX_ATTEMPTS: Final = 5
FIRST_DELAY_SECONDS: Final = 0.02
"""Delays double, with full jitter: five attempts of an entry wait at most 300 ms in total."""

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
    """An entry in AWS's form with its size in bytes as AWS counts it; entries of one `group` keep their order."""

    content: Mapping[str, Any]
    size: int
    group: str | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class EntryError:
    """Why AWS rejected an entry; `is_senders_fault` is AWS's flag, which it also sets on throttling."""

    code: str
    is_senders_fault: bool = False


Request = Callable[[list[Mapping[str, Any]]], Sequence[EntryError | None]]
"""Send one request with these entries and return an error per entry, None if it was accepted."""


def write_json(content: Mapping[str, Any]) -> str:
    """Render compact JSON that is byte-identical for equal content (REL-6).

    ASCII, because SQS rejects some Unicode characters. Sorted names, because DynamoDB returns them in any order.
    """
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"))


def send_all(entries: Sequence[BatchEntry], operation: str, request: Request, sleep: Callable[[float], None]) -> None:
    """Send entries until all are accepted: 1 request per ten; more if they are large, rejected or share a group.

    A request contains at most one entry per group, because AWS may accept an entry and reject an earlier one.
    An error names `operation`, such as `sqs:SendMessageBatch`.

    Raises:
        StoreBusy, StoreUnavailable: some entries were not accepted; others may have been.
    """
    pending = list(entries)
    while pending:
        batch = _batch(pending)
        errors = _call(operation, request, batch)
        rejected = {entry: error for entry, error in zip(batch, errors, strict=True) if error is not None}
        accepted = set(batch) - rejected.keys()
        pending = [entry for entry in pending if entry not in accepted]
        for entry, error in rejected.items():
            entry.tries += 1
            if error.code in _BUSY and entry.tries == MAX_ATTEMPTS:
                raise StoreBusy(operation, error.code)
            if error.code not in _BUSY and (error.is_senders_fault or entry.tries == MAX_ATTEMPTS):
                raise StoreUnavailable(operation, error.code)
        if rejected:
            max_delay = FIRST_DELAY_SECONDS * 2 ** (max(entry.tries for entry in rejected) - 1)
            sleep(random.uniform(0, max_delay))  # noqa: S311 - jitter is no secret


def _batch(pending: Sequence[BatchEntry]) -> list[BatchEntry]:
    """Choose the entries of the next request; an oversized entry is sent alone, for AWS to reject."""
    batch: list[BatchEntry] = []
    groups: set[str] = set()
    size = 0
    for entry in pending:
        if entry.group in groups:
            continue
        size += entry.size
        if batch and (len(batch) == MAX_ENTRIES or size > MAX_BYTES):
            break
        batch.append(entry)
        if entry.group is not None:
            groups.add(entry.group)
    return batch


def _call(operation: str, request: Request, batch: Sequence[BatchEntry]) -> Sequence[EntryError | None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the stand-in uses only `write_json`

    try:
        return request([entry.content for entry in batch])
    except ClientError as error:
        # botocore has already retried this request.
        code = error.response["Error"]["Code"]
        raise failure(operation, error, StoreBusy if code in _BUSY else StoreUnavailable) from error
    except BotoCoreError as error:
        raise failure(operation, error) from error
