"""Stored attribute names that differ from the names of the fields that they hold.

The stored names are short, because bytes cost write units, and fixed, because existing items have them. Other fields
are stored under their own names, `from_` as `from`. `items` and `deliveries` have the complete tables.
"""

from typing import Final

REQUESTED_VERSION: Final = "asked"
REQUESTED_AT: Final = "asked_at"
CONFIRMED_VERSION: Final = "confirmed"
LAST_EVENT_SEQ: Final = "seq"
EFFECTIVE_VERSION: Final = "effective"
OWN_VERSION: Final = "own"
REFUSED_VERSION: Final = "refused_v"
REFUSED_CODE: Final = "refused"
EVIDENCE_ENTRIES: Final = "ev_n"
EVIDENCE_HEAD: Final = "ev_head"

PARENT_CALL: Final = "parent"
PLACEMENT: Final = "place"
SIP_STATUS: Final = "sip"
PHONE_NUMBER: Final = "number"
API_RECORDING: Final = "api"
ACTIVE_RECORDINGS: Final = "active"
END_WRITE_ID: Final = "ended_by"
DELETE_WRITE_ID: Final = "deleted_by"

CAPTURED_AT: Final = "captured"
CAPTURE_SIZE: Final = "cap_size"
CAPTURE_SHA256: Final = "cap_hash"
GIVEN_UP_AT: Final = "given_up"

LIVE_SHARD: Final = "live"
"""The partition of the `live` index."""

HAS_STARTER: Final = "may_begin"
START_SEQUENCE: Final = "began"
STARTED_AT: Final = "began_at"
HAS_DIALED: Final = "dialed"
END_PUBLISHED: Final = "told"

CALL_TO_COACH: Final = "coached"
START_CONFERENCE_ON_ENTER: Final = "start_on_enter"
END_CONFERENCE_ON_EXIT: Final = "end_on_exit"

EXPIRES_AT: Final = "expires_at"
"""The table's TTL attribute: seconds since the epoch; of a recording or a call, its `deleted_until`."""

DELIVERY_SEQUENCE: Final = "number"
IDEMPOTENCY_TOKEN: Final = "token"  # noqa: S105 - an attribute name
FIRST_ATTEMPT_AT: Final = "first_at"
NEXT_ATTEMPT_AT: Final = "due"
LEASE_EXPIRES_AT: Final = "lease"
ATTEMPT_COUNT: Final = "tried"
RESPONSE_EXCERPT: Final = "answer"
