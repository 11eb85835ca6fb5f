"""What is unsettled as an operator sees it: ids, what it waits for and since when; no number, token, body or URL."""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator, StrictInt, TypeAdapter
from pydantic_core import PydanticCustomError

from tapedeck.admin.callbacks import resource_type_of
from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.unsettled import IndexPosition, UnsettledItem, UnsettledPage

MAX_TOKEN: Final = 1_000

_Key = Annotated[str, Field(pattern=r"\A[A-Za-z0-9#.-]{1,200}\z")]
_POSITION: Final = TypeAdapter(
    tuple[Annotated[StrictInt, Field(ge=0, lt=32)], Annotated[StrictInt, Field(ge=0, lt=1 << 53)], _Key, _Key]
)


def format_page_token(position: IndexPosition) -> str:
    """Format a position in the index as a page token."""
    fields = [position.part, position.place, position.partition_key, position.sort_key]
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def _parse_page_token(token: object) -> IndexPosition:
    """Parse a page token; only the text that `format_page_token` returns is one."""
    text = token if isinstance(token, str) and len(token) <= MAX_TOKEN else ""
    try:
        position = IndexPosition(*_POSITION.validate_json(base64.b64decode(text, altchars=b"-_", validate=True)))
    except ValueError:  # pydantic's and base64's errors are of this class
        position = None
    if position is None or format_page_token(position) != text:
        raise PydanticCustomError("page_token", "Not a page token of this list")
    return position


PageToken = Annotated[IndexPosition, PlainValidator(_parse_page_token)]
"""A page token, parsed into a position."""


def describe_page(page: UnsettledPage) -> dict[str, Any]:
    """Describe a page as JSON; times are in seconds."""
    return {
        "at": page.now,
        "unsettled": [_describe(item, page.now) for item in page.items],
        "next_page_token": format_page_token(page.next) if page.next is not None else None,
    }


def _describe(item: UnsettledItem, now: int) -> dict[str, Any]:
    """Describe one entry; what does not apply is null."""
    ids = {
        ResourceType.CALL: item.call,
        ResourceType.CONFERENCE: item.conference,
        ResourceType.RECORDING: item.recording,
    }
    if item.delivery is not None:
        ids[resource_type_of(item.delivery)] = item.delivery.resource_id
    return {
        "what": str(item.kind),
        "overdue": item.due <= now,
        "since": item.since,
        "due": item.due,
        "account_sid": format_sid_in_both_dialects(ResourceType.ACCOUNT, item.account),
        **{
            f"{kind.name.lower()}_sid": format_sid_in_both_dialects(kind, identifier) if identifier else None
            for kind, identifier in ids.items()
        },
        "version": item.version,
        "command": str(item.command) if item.command is not None else None,
        "engine": item.engine,
        "presence": str(item.presence) if item.presence is not None else None,
        **_describe_callback(item.delivery),
    }


def _describe_callback(delivery: CallbackDelivery | None) -> Mapping[str, Any]:
    """Describe a callback by its id, and the host without user info, path and query."""
    if delivery is None:
        return {"callback": None, "host": None, "tried": None, "failure": None}
    return {
        "callback": delivery.id,
        "host": delivery.host,
        "tried": delivery.attempt_count,
        "failure": delivery.last_failure,
    }
